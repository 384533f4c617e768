"""How targets stand: what is known of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, select, tuple_

from auditor.model import Failure, Interval, ModelState, TargetId, TargetState
from auditor.records import KnownTarget, TargetOverview, TargetStatus
from auditor.store.tables import target, version


def known_targets(
    connection: Connection, targets: Sequence[TargetId]
) -> dict[TargetId, KnownTarget]:
    """Return what is known of `targets`."""
    key = tuple_(target.c.project_id, target.c.learn_id)
    rows = connection.execute(_query().where(key.in_(targets))).mappings()
    found = (_known(row) for row in rows)
    return {one.target: one for one in found}


def known_project_targets(connection: Connection, project_id: int) -> tuple[KnownTarget, ...]:
    """Return the project's targets that are still audited, by learn id."""
    query = _query().where(target.c.project_id == project_id, ~target.c.retired)
    rows = connection.execute(query.order_by(target.c.learn_id)).mappings()
    return tuple(_known(row) for row in rows)


def audited_projects(connection: Connection) -> frozenset[int]:
    """Return the projects of every target that is still audited."""
    query = select(target.c.project_id).where(~target.c.retired).distinct()
    return frozenset(connection.execute(query).scalars())


def targets_without_baseline(connection: Connection) -> tuple[KnownTarget, ...]:
    """Return every audited target that has a version and no baseline."""
    query = _query().where(
        ~target.c.retired,
        target.c.version_id.is_not(None),
        target.c.baseline_version_id.is_(None),
    )
    rows = connection.execute(query.order_by(target.c.project_id, target.c.learn_id)).mappings()
    return tuple(_known(row) for row in rows)


def statuses(connection: Connection) -> tuple[TargetStatus, ...]:
    """Return every audited target's status, by project and learn id."""
    query = select(target).where(~target.c.retired)
    in_order = query.order_by(target.c.project_id, target.c.learn_id)
    return tuple(_status(row) for row in connection.execute(in_order).mappings())


def target_overviews(connection: Connection) -> tuple[TargetOverview, ...]:
    """Return every target ever looked at as it stands, by project and learn id."""
    in_order = select(target).order_by(target.c.project_id, target.c.learn_id)
    return tuple(
        TargetOverview(
            status=_status(row),
            version_id=row["version_id"],
            baseline_version_id=row["baseline_version_id"],
            retired=row["retired"],
        )
        for row in connection.execute(in_order).mappings()
    )


def _query() -> Select[Any]:
    return select(
        target,
        version.c.digest,
        version.c.catalogue_digest,
    ).outerjoin(version, version.c.id == target.c.version_id)


def _known(row: RowMapping) -> KnownTarget:
    return KnownTarget(
        target=TargetId(row["project_id"], row["learn_id"]),
        project=row["project"],
        name=row["name"],
        type=row["type"],
        state=TargetState(row["state"]),
        model_state=ModelState(row["model_state"]),
        body_digest=row["body_digest"],
        validator=row["validator"] or "",
        form=row["form"] or "",
        version_id=row["version_id"],
        digest=row["digest"] or "",
        catalogue_digest=row["catalogue_digest"] or "",
        trained_version_id=row["trained_version_id"],
        baseline_version_id=row["baseline_version_id"],
        model=tuple(json.loads(row["model"])),
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
