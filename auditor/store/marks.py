"""The marks that a run leaves on its targets."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    case,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.functions import func

from auditor.drift.canonical import FORM
from auditor.model import ModelState, TargetId, TargetState
from auditor.records import Missing, NewVersion, Unchanged, Unreadable, Unsupported
from auditor.store.tables import insert_into, target

_KEY = tuple_(target.c.project_id, target.c.learn_id)
_SAME_KEY = and_(
    target.c.project_id == bindparam("of_project"), target.c.learn_id == bindparam("of_learn")
)
_WRITTEN = (
    "project",
    "state",
    "last_run_id",
    "last_attempted_at",
    "error_kind",
    "error_message",
    "retired",
)
_WRITTEN_UNSERVED = (*_WRITTEN, "name", "type")
_WRITTEN_SEEN = (
    *_WRITTEN_UNSERVED,
    "model_state",
    "body_digest",
    "validator",
    "form",
    "version_id",
    "trained_version_id",
    "model",
    "model_after",
    "model_until",
    "last_changed_at",
    "last_checked_at",
)
_KEPT_WHERE_NULL = frozenset({"trained_version_id", "last_changed_at"})


def quiet(
    connection: Connection, run_id: int, outcomes: Sequence[Unchanged], *, at: datetime
) -> None:
    """Mark targets as checked and unchanged, in one statement a state.

    The raw answer's digest, its validator and the project's name are written only where they
    differ.
    """
    changed = _renamed(connection, outcomes)
    marks = {"last_run_id": run_id, "last_checked_at": at, "last_attempted_at": at}
    clear = {"error_kind": None, "error_message": None, "retired": False, "form": FORM}
    for state in {one.state for one in outcomes}:
        here = [one.target for one in outcomes if one.state is state]
        these = update(target).where(_KEY.in_(here))
        connection.execute(these.values(**marks, **clear, state=state))
    if changed:
        one = update(target).where(_SAME_KEY)
        renewed = one.values(
            body_digest=bindparam("body"),
            validator=bindparam("etag"),
            project=bindparam("called"),
        )
        connection.execute(renewed, changed)


def seen(
    connection: Connection,
    run_id: int,
    outcomes: Sequence[NewVersion],
    *,
    versions: Mapping[TargetId, int],
    at: datetime,
) -> None:
    """Mark targets as checked, each with its new version."""
    rows = [_seen_row(one, versions[one.target], run_id, at) for one in outcomes]
    _put(connection, rows, _WRITTEN_SEEN)


def unread(
    connection: Connection, run_id: int, outcomes: Sequence[Unreadable | Missing], *, at: datetime
) -> None:
    """Mark targets that were not read; what is known of them stays."""
    _put(connection, [_unread_row(one, run_id, at) for one in outcomes], _WRITTEN)


def unserved(
    connection: Connection, run_id: int, outcomes: Sequence[Unsupported], *, at: datetime
) -> None:
    """Mark targets of a type without an endpoint."""
    rows = [
        {
            **_row(one.target, one.project, run_id, at),
            "name": one.name,
            "type": one.type,
            "state": TargetState.UNSUPPORTED,
        }
        for one in outcomes
    ]
    _put(connection, rows, _WRITTEN_UNSERVED)


def retire_others(
    connection: Connection,
    run_id: int,
    *,
    only: Collection[int] | None,
    elsewhere: Collection[int],
) -> int:
    """Take every target that the run did not try for no longer audited; return how many.

    Those of projects that are not among `only`, or are `elsewhere`, are for other runs to try.
    """
    others = update(target).where(
        target.c.last_run_id != run_id, ~target.c.retired, target.c.project_id.not_in(elsewhere)
    )
    if only is not None:
        others = others.where(target.c.project_id.in_(only))
    return connection.execute(others.values(retired=True)).rowcount


def _renamed(connection: Connection, outcomes: Sequence[Unchanged]) -> list[dict[str, object]]:
    told = (target.c.body_digest, target.c.validator, target.c.project)
    these = select(target.c.project_id, target.c.learn_id, *told).where(
        _KEY.in_([one.target for one in outcomes])
    )
    stored = {(row[0], row[1]): tuple(row[2:]) for row in connection.execute(these)}
    return [
        {
            "of_project": one.target.project_id,
            "of_learn": one.target.learn_id,
            "body": one.body_digest,
            "etag": one.validator or None,
            "called": one.project,
        }
        for one in outcomes
        if stored.get(one.target) != (one.body_digest, one.validator or None, one.project)
    ]


def _row(key: TargetId, project: str, run_id: int, at: datetime) -> dict[str, object]:
    """Return a target's row as it is where nothing was known before."""
    return {
        "project_id": key.project_id,
        "learn_id": key.learn_id,
        "project": project,
        "name": "",
        "type": "",
        "model_state": ModelState.UNKNOWN,
        "model": "[]",
        "last_run_id": run_id,
        "last_attempted_at": at,
        "error_kind": None,
        "error_message": None,
        "retired": False,
    }


def _seen_row(one: NewVersion, version_id: int, run_id: int, at: datetime) -> dict[str, object]:
    return {
        **_row(one.target, one.project, run_id, at),
        "name": one.snapshot.name,
        "type": one.snapshot.type,
        "state": one.state,
        "model_state": one.model_state,
        "body_digest": one.body_digest,
        "validator": one.validator or None,
        "form": FORM,
        "version_id": version_id,
        "trained_version_id": version_id if one.trained_now else None,
        "model": json.dumps(one.model),
        "model_after": one.model_since.after if one.model_since else None,
        "model_until": one.model_since.until if one.model_since else None,
        "last_changed_at": at if one.first or one.findings else None,
        "last_checked_at": at,
    }


def _unread_row(one: Unreadable | Missing, run_id: int, at: datetime) -> dict[str, object]:
    row = _row(one.target, one.project, run_id, at)
    match one:
        case Unreadable(failure=failure):
            error = {"error_kind": failure.kind, "error_message": failure.message}
            return {**row, **error, "state": TargetState.UNKNOWN}
        case Missing():
            return {**row, "state": TargetState.MISSING}


def _put(
    connection: Connection, rows: Sequence[dict[str, object]], written: Sequence[str]
) -> None:
    """Insert targets; of those already there write only the columns `written`."""
    statement = insert_into(connection, target)
    new: dict[str, object] = {name: statement.excluded[name] for name in written}
    # A missing target that was not looked for tonight is still missing, and no news tomorrow.
    is_unlooked = and_(
        target.c.state == TargetState.MISSING, statement.excluded["state"] == TargetState.UNKNOWN
    )
    new["state"] = case(
        (is_unlooked, TargetState.MISSING.value), else_=statement.excluded["state"]
    )
    for name in _KEPT_WHERE_NULL.intersection(written):
        new[name] = func.coalesce(statement.excluded[name], target.c[name])
    keys = ["project_id", "learn_id"]
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), rows)
