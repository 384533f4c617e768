"""Targets as rows: what is known of each, and what a run writes of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import (
    Connection,
    RowMapping,
    Select,
    and_,
    bindparam,
    case,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.functions import func

from auditor.drift.block_kinds import unread_model
from auditor.drift.canonical import FORMS
from auditor.impulses import NO_PLACE, ImpulsePlace, place_form, place_from
from auditor.listings import TargetOverview, TargetStatus
from auditor.model import BlockKindName, Failure, Interval, ModelState, TargetId, TargetState
from auditor.records import NOT_COME_TO, KnownTarget, Retirement
from auditor.report import Notice
from auditor.results import (
    NO_NEWS,
    BatchNews,
    Missing,
    NewVersion,
    TargetResult,
    Unchanged,
    Unreadable,
)
from auditor.store import conditions, findings, runs, settings, trainings, versions
from auditor.store.batches import in_batches
from auditor.store.tables import insert_into, target, version

_Row: TypeAlias = dict[str, object]

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
_WRITTEN_NEW_VERSION = (
    *_WRITTEN,
    "kind",
    "name",
    "type",
    "forgotten_at",
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
_IS_KNOWN = target.c.forgotten_at.is_(None)
_KEPT_WHERE_NULL = frozenset({"trained_version_id", "last_changed_at"})


def known_targets(
    connection: Connection, targets: Sequence[TargetId]
) -> dict[TargetId, KnownTarget]:
    """Return what is known of `targets`; new ones are absent."""
    found: dict[TargetId, KnownTarget] = {}
    for batch in in_batches(targets):
        rows = connection.execute(_known_query().where(_KEY.in_(batch))).mappings().all()
        of_batch = trainings.known_trainings(connection, batch)
        for known in map(_known_target, rows):
            found[known.target] = replace(known, training=of_batch.get(known.target))
    return found


def last_checks_of_starved(connection: Connection) -> dict[TargetId, datetime | None]:
    """Return when the targets were last checked that the last run did not come to."""
    columns = target.c.project_id, target.c.learn_id, target.c.last_checked_at
    query = select(*columns).where(target.c.error_kind.in_(NOT_COME_TO))
    return {
        TargetId(project_id, learn_id): checked_at
        for project_id, learn_id, checked_at in connection.execute(query)
    }


def known_project_targets(connection: Connection, project_id: int) -> tuple[KnownTarget, ...]:
    """Return the project's targets that are still audited, by learn id."""
    query = _known_query().where(target.c.project_id == project_id, ~target.c.retired)
    rows = connection.execute(query.order_by(target.c.learn_id)).mappings()
    return tuple(map(_known_target, rows))


def targets_to_approve(
    connection: Connection, *, project_id: int | None = None, only_new: bool = False
) -> tuple[KnownTarget, ...]:
    """Return every audited target that has a version, only of a project where one is named.

    With `only_new`, those that have no baseline.
    """
    query = _known_query().where(~target.c.retired, target.c.version_id.is_not(None))
    if project_id is not None:
        query = query.where(target.c.project_id == project_id)
    if only_new:
        query = query.where(target.c.baseline_version_id.is_(None))
    rows = connection.execute(query.order_by(target.c.project_id, target.c.learn_id)).mappings()
    return tuple(map(_known_target, rows))


def audited_projects(connection: Connection) -> frozenset[int]:
    """Return the projects of every target that is still audited."""
    query = select(target.c.project_id).where(~target.c.retired, _IS_KNOWN).distinct()
    return frozenset(connection.execute(query).scalars())


def statuses(
    connection: Connection, projects: Sequence[int] | None = None
) -> tuple[TargetStatus, ...]:
    """Return every audited target's status, by project and learn id; with `projects`, of those."""
    query = select(target).where(~target.c.retired, _IS_KNOWN)
    if projects is not None:
        query = query.where(target.c.project_id.in_(projects))
    in_order = query.order_by(target.c.project_id, target.c.learn_id)
    return tuple(map(_status, connection.execute(in_order).mappings()))


def count_states(connection: Connection) -> dict[tuple[int, TargetState], int]:
    """Return how many audited targets of each project are in which state."""
    columns = target.c.project_id, target.c.state
    query = select(*columns, func.count()).where(~target.c.retired, _IS_KNOWN).group_by(*columns)
    return {
        (project_id, TargetState(state)): number
        for project_id, state, number in connection.execute(query)
    }


def known_projects(connection: Connection) -> tuple[int, ...]:
    """Return the projects of every target that was ever audited and is not forgotten, by id."""
    query = select(target.c.project_id).where(_IS_KNOWN).distinct()
    return tuple(connection.execute(query.order_by(target.c.project_id)).scalars())


def target_overviews(
    connection: Connection, projects: Sequence[int]
) -> tuple[TargetOverview, ...]:
    """Return every target of projects that is not forgotten, by project and learn id."""
    of_projects = select(target).where(_IS_KNOWN, target.c.project_id.in_(projects))
    in_order = of_projects.order_by(target.c.project_id, target.c.learn_id)
    return tuple(
        TargetOverview(
            status=_status(row),
            version_id=row["version_id"],
            baseline_version_id=row["baseline_version_id"],
            retired=row["retired"],
            place=_place(row["impulse"]),
        )
        for row in connection.execute(in_order).mappings()
    )


def save(
    connection: Connection,
    run_id: int,
    results: Sequence[TargetResult],
    *,
    at: datetime,
    news: BatchNews = NO_NEWS,
) -> None:
    """Store a batch of the run's results and its news; open and end conditions.

    Raises:
        LockLostError: another process closed the run.
    """
    runs.require_running(connection, run_id)
    unchanged = [result for result in results if isinstance(result, Unchanged)]
    new = [result for result in results if isinstance(result, NewVersion)]
    if unchanged:
        _mark_unchanged(connection, run_id, unchanged, at=at)
    if new:
        version_ids = versions.add_versions(connection, run_id, new, at=at)
        rows = [_new_version_row(result, version_ids, run_id, at) for result in new]
        _put(connection, rows, _WRITTEN_NEW_VERSION)
    findings.add_findings(connection, run_id, [*unchanged, *new], at=at)
    if unread := [result for result in results if isinstance(result, Unreadable | Missing)]:
        for is_asked in (True, False):
            some = [each for each in unread if _was_asked_for(each) is is_asked]
            rows = [_unread_row(result, run_id, at) for result in some]
            _put(connection, rows, _WRITTEN, keep_missing=not is_asked)
    known = {each.target: each.training.known for each in (*unchanged, *new) if each.training}
    trainings.keep_trainings(connection, run_id, known)
    findings.add_vendor_findings(connection, run_id, news.vendor)
    findings.add_notices(connection, run_id, news.notices)
    conditions.update_conditions(connection, run_id, news.conditions, at=at)


def remember_inventory(
    connection: Connection, run_id: int, found: Iterable[int] | None, notices: Sequence[Notice]
) -> None:
    """Remember which projects are audited because Studio listed them, and what is news of that.

    `found` is None where Studio was not asked for its projects.

    Raises:
        LockLostError: another process closed the run.
    """
    runs.require_running(connection, run_id)
    if found is not None:
        settings.remember_found_projects(connection, found)
    findings.add_notices(connection, run_id, notices)


def retire_others(connection: Connection, run_id: int, retirement: Retirement) -> None:
    """Mark every target that the run did not try as no longer audited."""
    is_other = (target.c.last_run_id != run_id, ~target.c.retired)
    projects = connection.execute(select(target.c.project_id).where(*is_other).distinct())
    others = [project_id for project_id in projects.scalars() if retirement.covers(project_id)]
    for batch in in_batches(others):
        retired = update(target).where(*is_other, target.c.project_id.in_(batch))
        connection.execute(retired.values(retired=True))


def remember_places(
    connection: Connection, places: Iterable[tuple[TargetId, ImpulsePlace]]
) -> None:
    """Store where each of the targets is, as far as it is elsewhere than before."""
    for batch in in_batches(places):
        forms = {listed: json.dumps(place_form(place)) for listed, place in batch}
        stored = select(target.c.project_id, target.c.learn_id, target.c.impulse)
        moved = [
            {"of_project": project_id, "of_learn": block_id, "new_impulse": form}
            for project_id, block_id, before in connection.execute(stored.where(_KEY.in_(forms)))
            if (form := forms[TargetId(project_id, block_id)]) != before
        ]
        if moved:
            to_new = update(target).where(_SAME_KEY).values(impulse=bindparam("new_impulse"))
            connection.execute(to_new, moved)


def _place(text: str | None) -> ImpulsePlace:
    return place_from(json.loads(text)) if text else NO_PLACE


def _known_query() -> Select[Any]:
    columns = select(
        target,
        version.c.digest,
        version.c.catalogue_digest,
        version.c.run_id.label("version_run_id"),
        version.c.name.label("version_name"),
        version.c.type.label("version_type"),
        version.c.layers,
    )
    joined = columns.outerjoin(version, version.c.id == target.c.version_id)
    return joined.where(_IS_KNOWN)


def _known_target(row: RowMapping) -> KnownTarget:
    return KnownTarget(
        target=TargetId(row["project_id"], row["learn_id"]),
        kind=BlockKindName(row["kind"]),
        project=row["project"],
        name=row["name"],
        type=row["type"],
        state=TargetState(row["state"]),
        model_state=ModelState(row["model_state"]),
        body_digest=row["body_digest"],
        validator=row["validator"] or "",
        form=row["form"] or "",
        version_id=row["version_id"],
        version_run_id=row["version_run_id"] or 0,
        version_name=row["version_name"] or "",
        version_type=row["version_type"] or "",
        layers=versions.layers_from(row["layers"]),
        place=_place(row["impulse"]),
        digest=row["digest"] or "",
        catalogue_digest=row["catalogue_digest"] or "",
        trained_version_id=row["trained_version_id"],
        baseline_version_id=row["baseline_version_id"],
        models=tuple(json.loads(row["model"])),
        last_checked_at=row["last_checked_at"],
        model_since=(
            None
            if row["model_until"] is None
            else Interval(row["model_after"], row["model_until"])
        ),
    )


def _status(row: RowMapping) -> TargetStatus:
    error = None
    if row["error_kind"] is not None:
        error = Failure(kind=row["error_kind"], message=row["error_message"])
    return TargetStatus(
        target=TargetId(row["project_id"], row["learn_id"]),
        kind=BlockKindName(row["kind"]),
        project=row["project"],
        name=row["name"],
        type=row["type"],
        state=TargetState(row["state"]),
        model_state=ModelState(row["model_state"]),
        last_changed_at=row["last_changed_at"],
        last_checked_at=row["last_checked_at"],
        last_attempted_at=row["last_attempted_at"],
        error=error,
    )


def _mark_unchanged(
    connection: Connection, run_id: int, results: Sequence[Unchanged], *, at: datetime
) -> None:
    """Mark targets as checked, in one statement for each state and kind.

    What else the answer says is written only where it differs: its digest, its validator, and
    the names. Name and type are those of the last version: as a block of a type that cannot be
    read, it was called otherwise.
    """
    differing = _differing_answers(connection, results)
    marks = {"last_run_id": run_id, "last_checked_at": at, "last_attempted_at": at}
    cleared = {"error_kind": None, "error_message": None, "retired": False}
    for state, kind in {(result.state, result.kind) for result in results}:
        keys = [each.target for each in results if (each.state, each.kind) == (state, kind)]
        alike = update(target).where(_KEY.in_(keys))
        connection.execute(alike.values(**marks, **cleared, state=state, form=FORMS[kind]))
    if changed := [each.target for each in results if each.findings]:
        connection.execute(update(target).where(_KEY.in_(changed)).values(last_changed_at=at))
    for result in results:
        if result.is_retrained:
            retrained: _Row = {
                "model_state": ModelState.TRAINED,
                "trained_version_id": target.c.version_id,
                "model_after": result.model_since.after if result.model_since else None,
                "model_until": result.model_since.until if result.model_since else None,
            }
            connection.execute(update(target).where(_KEY.in_([result.target])).values(**retrained))
    if differing:
        answer: _Row = {
            "body_digest": bindparam("new_digest"),
            "validator": bindparam("new_validator"),
            "project": bindparam("new_project"),
            "name": bindparam("new_name"),
            "type": bindparam("new_type"),
        }
        connection.execute(update(target).where(_SAME_KEY).values(**answer), differing)


def _differing_answers(connection: Connection, results: Sequence[Unchanged]) -> list[_Row]:
    """Return the parameters of the update for each target whose answer is another one."""
    answer = (target.c.body_digest, target.c.validator, target.c.project)
    names = (target.c.name, target.c.type, version.c.name, version.c.type)
    query = (
        select(target.c.project_id, target.c.learn_id, *answer, *names)
        .join(version, version.c.id == target.c.version_id)
        .where(_KEY.in_([result.target for result in results]))
    )
    stored = {(row[0], row[1]): tuple(row[2:]) for row in connection.execute(query)}
    differing = []
    for result in results:
        *before, name, type_ = stored[result.target]
        now = (result.body_digest, result.validator or None, result.project, name, type_)
        if tuple(before) != now:
            key = {"of_project": result.target.project_id, "of_learn": result.target.learn_id}
            columns = ("digest", "validator", "project", "name", "type")
            values = dict(zip((f"new_{column}" for column in columns), now, strict=True))
            differing.append({**key, **values})
    return differing


def _row(result: TargetResult, run_id: int, at: datetime) -> _Row:
    """Return the row of a target of which nothing was known before."""
    return {
        "project_id": result.target.project_id,
        "learn_id": result.target.learn_id,
        "kind": result.kind,
        "project": result.project,
        "name": "",
        "type": "",
        "model_state": unread_model(result.kind),
        "model": "[]",
        "last_run_id": run_id,
        "last_attempted_at": at,
        "error_kind": None,
        "error_message": None,
        "retired": False,
        "forgotten_at": None,
    }


def _new_version_row(
    result: NewVersion, version_ids: Mapping[TargetId, int], run_id: int, at: datetime
) -> _Row:
    version_id = version_ids[result.target]
    return {
        **_row(result, run_id, at),
        "name": result.snapshot.name,
        "type": result.snapshot.shown_type,
        "state": result.state,
        "model_state": result.model_state,
        "body_digest": result.body_digest,
        "validator": result.validator or None,
        "form": FORMS[result.kind],
        "version_id": version_id,
        "trained_version_id": version_id if result.trained_now else None,
        "model": json.dumps(result.models),
        "model_after": result.model_since.after if result.model_since else None,
        "model_until": result.model_since.until if result.model_since else None,
        "last_changed_at": at if result.first or result.findings else None,
        "last_checked_at": at,
    }


def _unread_row(result: Unreadable | Missing, run_id: int, at: datetime) -> _Row:
    row = _row(result, run_id, at)
    match result:
        case Unreadable(failure=failure):
            error = {"error_kind": failure.kind, "error_message": failure.message}
            return {**row, **error, "state": TargetState.UNKNOWN}
        case Missing():
            return {**row, "state": TargetState.MISSING}


def _was_asked_for(result: Unreadable | Missing) -> bool:
    return isinstance(result, Missing) or result.was_asked_for


def _put(
    connection: Connection,
    rows: Sequence[_Row],
    written: Sequence[str],
    *,
    keep_missing: bool = False,
) -> None:
    """Insert targets; of those already stored write only the columns `written`.

    With `keep_missing`, a missing target is still missing, which is no news later.
    """
    if not rows:
        return
    statement = insert_into(connection, target)
    new: _Row = {name: statement.excluded[name] for name in written}
    if keep_missing:
        is_missing = target.c.state == TargetState.MISSING
        new["state"] = case(
            (is_missing, TargetState.MISSING.value), else_=statement.excluded["state"]
        )
    for name in _KEPT_WHERE_NULL.intersection(written):
        new[name] = func.coalesce(statement.excluded[name], target.c[name])
    keys = ["project_id", "learn_id"]
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), rows)
