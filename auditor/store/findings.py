"""Findings as rows: which run found them, which report holds them, and when they were told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, insert, select, update

from auditor.drift.model import (
    Area,
    Finding,
    Json,
    Kind,
    Owner,
    Severity,
    Since,
    TargetId,
    VendorFinding,
)
from auditor.outbox import MessageState
from auditor.ports import Seen, Unserved, Untold
from auditor.store.packing import pack_json, unpack_json
from auditor.store.tables import finding, message

_MOST_NAMED = 500  # in one statement; PostgreSQL takes 65,535 parameters


def add(connection: Connection, run_id: int, outcomes: Sequence[Seen | Unserved]) -> None:
    """Store the targets' own findings."""
    rows = [_row(run_id, one.target, found) for one in outcomes for found in one.findings]
    if rows:
        connection.execute(insert(finding), rows)


def add_vendor(connection: Connection, run_id: int, found: Sequence[VendorFinding]) -> None:
    """Store the vendor's findings of a run."""
    rows = [_vendor_row(run_id, one) for one in found]
    if rows:
        connection.execute(insert(finding), rows)


def replace_vendor(connection: Connection, run_id: int, found: Sequence[VendorFinding]) -> None:
    """Put the vendor's findings of a whole run in the place of what its batches stored."""
    of_batches = delete(finding).where(finding.c.run_id == run_id, finding.c.project_id.is_(None))
    connection.execute(of_batches)
    add_vendor(connection, run_id, found)


def untold(connection: Connection, run_id: int) -> tuple[Untold, ...]:
    """Return what runs before `run_id` found and nobody was told, each once, oldest first."""
    rows = connection.execute(select(finding).where(_untold(run_id)).order_by(finding.c.id))
    found: dict[tuple[TargetId | None, str], Untold] = {}
    for row in rows.mappings():
        one = _read(row)
        key = (one.target, one.finding.id)
        found[key] = _together(found.get(key), one)
    return tuple(found.values())


def carry(connection: Connection, run_id: int, carried: Sequence[Untold]) -> None:
    """Make findings of earlier runs belong to the report of this one."""
    fingerprints = [one.finding.id for one in carried]
    for start in range(0, len(fingerprints), _MOST_NAMED):
        named = finding.c.fingerprint.in_(fingerprints[start : start + _MOST_NAMED])
        these = update(finding).where(_untold(run_id), named)
        connection.execute(these.values(reported_run_id=run_id))


def mark_told(connection: Connection, run_id: int, *, at: datetime) -> None:
    """Count the findings of the run's report as told."""
    these = finding.c.reported_run_id == run_id, finding.c.told_at.is_(None)
    connection.execute(update(finding).where(*these).values(told_at=at))


def _together(before: Untold | None, one: Untold) -> Untold:
    """Count the targets of the vendor's findings together: each batch stored its own."""
    if before is None or not isinstance(before.finding, VendorFinding):
        return one
    if not isinstance(one.finding, VendorFinding):
        return one
    targets = before.finding.targets + one.finding.targets
    return replace(one, finding=replace(one.finding, targets=targets))


def _untold(run_id: int) -> ColumnElement[bool]:
    queued = (
        select(message.c.id)
        .where(message.c.run_id == finding.c.reported_run_id)
        .where(message.c.state == MessageState.QUEUED)
        .exists()
    )
    return finding.c.told_at.is_(None) & (finding.c.reported_run_id < run_id) & ~queued


def _row(run_id: int, whose: TargetId, found: Finding) -> dict[str, object]:
    return {
        "fingerprint": found.id,
        "run_id": run_id,
        "reported_run_id": run_id,
        "project_id": whose.project_id,
        "learn_id": whose.learn_id,
        "area": found.area,
        "owner": found.owner,
        "kind": found.kind,
        "path": found.path,
        "severity": found.severity,
        "headline": found.headline,
        "rule": found.rule,
        "since": found.since,
        "detail": pack_json([found.before, found.after, list(found.folded)]),
    }


def _vendor_row(run_id: int, found: VendorFinding) -> dict[str, object]:
    return {
        "fingerprint": found.id,
        "run_id": run_id,
        "reported_run_id": run_id,
        "area": found.area,
        "owner": Owner.VENDOR,
        "kind": found.kind,
        "path": found.path,
        "severity": found.severity,
        "headline": found.headline,
        "rule": "",
        "since": Since.LAST,
        "targets": found.targets,
        "detail": pack_json([found.before, found.after, []]),
    }


def _read(row: RowMapping) -> Untold:
    before, after, folded = cast(list[Any], unpack_json(row["detail"]))
    if row["project_id"] is None:
        return Untold(target=None, finding=_vendor(row, before, after))
    whose = TargetId(row["project_id"], row["learn_id"])
    own = Finding(
        id=row["fingerprint"],
        area=Area(row["area"]),
        owner=Owner(row["owner"]),
        kind=Kind(row["kind"]),
        path=row["path"],
        before=before,
        after=after,
        severity=Severity(row["severity"]),
        headline=row["headline"],
        rule=row["rule"],
        since=Since(row["since"]),
        folded=tuple(folded),
    )
    return Untold(target=whose, finding=own)


def _vendor(row: RowMapping, before: Json, after: Json) -> VendorFinding:
    return VendorFinding(
        id=row["fingerprint"],
        area=Area(row["area"]),
        kind=Kind(row["kind"]),
        path=row["path"],
        before=before,
        after=after,
        targets=row["targets"],
        severity=Severity(row["severity"]),
        headline=row["headline"],
    )
