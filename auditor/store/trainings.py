"""Trainings and endpoints as rows: what is known beside the configuration of blocks.

The name of a person is kept as long as the report that has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, delete, select, tuple_, update

from auditor.context import (
    Endpoint,
    EndpointState,
    KnownTraining,
    ModelMetadata,
    Training,
)
from auditor.model import Area, Json, RunStatus, Severity, Since, TargetId
from auditor.store.batches import in_batches
from auditor.store.packing import pack_json, unpack_json
from auditor.store.tables import endpoint, finding, insert_into, run, training

_KEY = tuple_(training.c.project_id, training.c.learn_id)


def known_trainings(
    connection: Connection, targets: Sequence[TargetId]
) -> dict[TargetId, KnownTraining]:
    """Return what is known of the trainings of targets; those without are absent."""
    found: dict[TargetId, KnownTraining] = {}
    for batch in in_batches(targets):
        rows = connection.execute(select(training).where(_KEY.in_(batch))).mappings()
        found |= {TargetId(row["project_id"], row["learn_id"]): _known(row) for row in rows}
    return found


def training_dates(connection: Connection, projects: Sequence[int]) -> dict[TargetId, str]:
    """Return when targets of projects were trained last, as Studio writes it, where known."""
    columns = training.c.project_id, training.c.learn_id, training.c.created
    are_known = training.c.created.is_not(None), training.c.project_id.in_(projects)
    rows = connection.execute(select(*columns).where(*are_known))
    return {TargetId(project_id, learn_id): created for project_id, learn_id, created in rows}


def keep_trainings(
    connection: Connection, run_id: int, known: Mapping[TargetId, KnownTraining]
) -> None:
    """Store what is known of trainings from now on."""
    if not known:
        return
    statement = insert_into(connection, training)
    written = {
        column.name: statement.excluded[column.name]
        for column in training.columns
        if not column.primary_key
    }
    upsert = statement.on_conflict_do_update(
        index_elements=["project_id", "learn_id"], set_=written
    )
    for batch in in_batches(known.items()):
        connection.execute(upsert, [_row(run_id, target, each) for target, each in batch])


def forget_trainings(connection: Connection, targets: Sequence[TargetId]) -> None:
    """Delete what is known of the trainings of targets."""
    for batch in in_batches(targets):
        connection.execute(delete(training).where(_KEY.in_(batch)))


def drop_names(connection: Connection, *, before: datetime) -> None:
    """Drop the names of people that runs until a time stored and whose reports are gone.

    A run that was abandoned has no report.
    """
    runs = select(run.c.id).where(
        run.c.report.is_(None), run.c.started_at <= before, run.c.status != RunStatus.RUNNING
    )
    has_name = training.c.person.is_not(None) | training.c.next_person.is_not(None)
    of_runs = update(training).where(has_name, training.c.run_id.in_(runs))
    connection.execute(of_runs.values(person=None, next_person=None))


def endpoint_states(
    connection: Connection, projects: Sequence[int]
) -> dict[tuple[int, Endpoint], EndpointState]:
    """Return what is known of the endpoints of projects that were asked before."""
    found: dict[tuple[int, Endpoint], EndpointState] = {}
    for batch in in_batches(projects):
        rows = connection.execute(select(endpoint).where(endpoint.c.project_id.in_(batch)))
        for row in rows.mappings():
            state = EndpointState(has_failed=row["has_failed"], mark=row["mark"])
            found[row["project_id"], Endpoint(row["name"])] = state
    return found


def keep_endpoints(
    connection: Connection, states: Mapping[tuple[int, Endpoint], EndpointState]
) -> None:
    """Store how it went to ask for endpoints."""
    statement = insert_into(connection, endpoint)
    written = {name: statement.excluded[name] for name in ("has_failed", "mark")}
    upsert = statement.on_conflict_do_update(index_elements=["project_id", "name"], set_=written)
    for batch in in_batches(states.items()):
        rows = [
            {
                "project_id": project_id,
                "name": name,
                "has_failed": state.has_failed,
                "mark": state.mark,
            }
            for (project_id, name), state in batch
        ]
        connection.execute(upsert, rows)


def headlines_since(
    connection: Connection, targets: Sequence[TargetId], at: datetime, *, most: int
) -> tuple[tuple[TargetId, str], ...]:
    """Return what runs since a time found of targets, the newest first, at most so many."""
    found: list[tuple[int, TargetId, str]] = []
    columns = finding.c.id, finding.c.project_id, finding.c.learn_id, finding.c.headline
    for batch in in_batches(targets):
        query = (
            select(*columns)
            .join(run, run.c.id == finding.c.run_id)
            .where(
                tuple_(finding.c.project_id, finding.c.learn_id).in_(batch),
                finding.c.since == Since.LAST,
                finding.c.silenced_by.is_(None),
                finding.c.severity != Severity.INFO,
                finding.c.area != Area.IDENTITY,
                run.c.started_at > at,
            )
            .order_by(finding.c.id.desc())
            .limit(most)
        )
        found += [
            (number, TargetId(project_id, learn_id), headline)
            for number, project_id, learn_id, headline in connection.execute(query)
        ]
    found.sort(reverse=True)
    return tuple((target, headline) for _, target, headline in found[:most])


def _row(run_id: int, target: TargetId, known: KnownTraining) -> dict[str, object]:
    last = known.last
    metadata = last.metadata if last else None
    return {
        "project_id": target.project_id,
        "learn_id": target.learn_id,
        "run_id": run_id,
        "created": metadata.created if metadata else None,
        "trained_at": metadata.at if metadata else None,
        "model_type": metadata.model_type if metadata else None,
        "metrics": pack_json(cast(Json, metadata.metrics)) if metadata else None,
        "job": last.job if last else None,
        "person": (last.person or None) if last else None,
        "tries": known.tries,
        "next_job": known.job,
        "next_person": known.person or None,
    }


def _known(row: RowMapping) -> KnownTraining:
    last = None
    if row["created"] is not None:
        metadata = ModelMetadata(
            created=row["created"],
            at=row["trained_at"],
            model_type=row["model_type"] or "",
            metrics=cast(Any, unpack_json(row["metrics"])),
        )
        last = Training(metadata=metadata, job=row["job"], person=row["person"] or "")
    return KnownTraining(
        last=last, tries=row["tries"], job=row["next_job"], person=row["next_person"] or ""
    )
