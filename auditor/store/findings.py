"""Findings as rows: which run found them, which report holds them, and when they were told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.sql.functions import func

from auditor.drift.policy import SuppressedVendorFinding
from auditor.drift.recurrence import PastChange
from auditor.drift.secrets import Secrets
from auditor.model import (
    Area,
    Finding,
    Json,
    Kind,
    Owner,
    Recurrence,
    Report,
    Severity,
    Since,
    TargetId,
    VendorFinding,
)
from auditor.outbox import MessageState
from auditor.records import (
    FindingOccurrence,
    NewVersion,
    SuppressedBy,
    UnreportedFinding,
    Unsupported,
)
from auditor.store.packing import pack_json, unpack_json
from auditor.store.settings import secrets_of
from auditor.store.tables import finding, holding, message, run

_MOST_NAMED = 500  # in one statement; PostgreSQL takes 65,535 parameters


def add(
    connection: Connection,
    run_id: int,
    outcomes: Sequence[NewVersion | Unsupported],
    *,
    at: datetime,
) -> None:
    """Store the targets' own findings, and what of them is not told."""
    rows = [_row(run_id, one.target, found) for one in outcomes for found in one.findings]
    rows += [
        _row(run_id, one.target, silent.finding, told_at=at, silenced_by=silent.rule)
        for one in outcomes
        if isinstance(one, NewVersion)
        for silent in one.suppressed
    ]
    if rows:
        connection.execute(insert(finding), rows)


def add_standing(connection: Connection, report: Report, *, at: datetime) -> None:
    """Store the report's differences from baselines that are not stored yet.

    They are told each night while they stand, so none of them is ever untold.
    """
    standing = {
        found.id: (target.target, found)
        for target in report.targets
        for found in target.findings
        if found.since is Since.BASELINE
    }
    known = _known_standing(connection, list(standing))
    rows = [
        _row(report.run.id or 0, whose, found, told_at=at)
        for fingerprint, (whose, found) in standing.items()
        if fingerprint not in known
    ]
    if rows:
        connection.execute(insert(finding), rows)


def _known_standing(connection: Connection, fingerprints: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(fingerprints), _MOST_NAMED):
        named = finding.c.fingerprint.in_(fingerprints[start : start + _MOST_NAMED])
        query = select(finding.c.fingerprint).where(named, finding.c.since == Since.BASELINE)
        known.update(connection.execute(query).scalars())
    return known


def vendor_paths(connection: Connection) -> frozenset[str]:
    """Return the paths of fields unknown to the schema that were told as the vendor's."""
    query = select(finding.c.path).where(
        finding.c.project_id.is_(None), finding.c.area == Area.UNKNOWN
    )
    return frozenset(connection.execute(query.distinct()).scalars())


def past(connection: Connection, whose: TargetId) -> tuple[PastChange, ...]:
    """Return every finding of the target's own, told or not, oldest first."""
    query = (
        select(finding.c.fingerprint, finding.c.path, finding.c.since, run.c.started_at)
        .join(run, run.c.id == finding.c.run_id)
        .where(finding.c.project_id == whose.project_id, finding.c.learn_id == whose.learn_id)
    )
    return tuple(
        PastChange(id=row[0], path=row[1], since=Since(row[2]), at=row[3])
        for row in connection.execute(query.order_by(finding.c.id))
    )


def finding_occurrences(connection: Connection, fingerprint: str) -> tuple[FindingOccurrence, ...]:
    """Return every run's finding whose fingerprint begins so, oldest first."""
    begins = finding.c.fingerprint.startswith(fingerprint, autoescape=True)
    query = _occurrences().where(begins).order_by(finding.c.id)
    secrets = secrets_of(connection)
    return tuple(_occurrence(row, secrets) for row in connection.execute(query).mappings())


def suppressed(connection: Connection, most: int) -> tuple[SuppressedBy, ...]:
    """Return what was stored and not told, by rule; of each rule the newest `most`."""
    rules = select(finding.c.silenced_by, func.count()).group_by(finding.c.silenced_by)
    numbers = connection.execute(rules.where(finding.c.silenced_by.is_not(None))).all()
    found = []
    secrets = secrets_of(connection)
    for name, number in sorted(tuple(row) for row in numbers):
        query = _occurrences().where(finding.c.silenced_by == name).order_by(finding.c.id.desc())
        rows = connection.execute(query.limit(most)).mappings()
        newest = tuple(_occurrence(row, secrets) for row in rows)
        found.append(SuppressedBy(rule=name, number=number, newest=newest))
    return tuple(found)


def _occurrences() -> Select[Any]:
    return select(finding, run.c.started_at).join(run, run.c.id == finding.c.run_id)


def _occurrence(row: RowMapping, secrets: Secrets) -> FindingOccurrence:
    found = _read(row)
    return FindingOccurrence(
        target=found.target,
        finding=secrets.hide_finding(found.finding),
        run_id=row["run_id"],
        at=row["started_at"],
        suppressed_by=row["silenced_by"] or "",
        told_at=row["told_at"],
    )


def add_vendor(connection: Connection, run_id: int, found: Sequence[VendorFinding]) -> None:
    """Store the vendor's findings of a run."""
    rows = [_vendor_row(run_id, one) for one in found]
    if rows:
        connection.execute(insert(finding), rows)


def add_suppressed_vendor(
    connection: Connection, run_id: int, found: Sequence[SuppressedVendorFinding], *, at: datetime
) -> None:
    """Store the vendor's findings of a run that a rule keeps from being told."""
    rows = [
        {**_vendor_row(run_id, one.finding), "told_at": at, "silenced_by": one.rule}
        for one in found
    ]
    if rows:
        connection.execute(insert(finding), rows)


def replace_vendor(connection: Connection, run_id: int, found: Sequence[VendorFinding]) -> None:
    """Put the vendor's findings of a whole run in the place of what its batches stored."""
    of_batches = delete(finding).where(finding.c.run_id == run_id, finding.c.project_id.is_(None))
    connection.execute(of_batches)
    add_vendor(connection, run_id, found)


def unreported_findings(connection: Connection, run_id: int) -> tuple[UnreportedFinding, ...]:
    """Return what runs before `run_id` found and nobody was told, each once, oldest first."""
    rows = connection.execute(select(finding).where(_untold(run_id)).order_by(finding.c.id))
    secrets = secrets_of(connection)
    found: dict[tuple[TargetId | None, str], UnreportedFinding] = {}
    for row in rows.mappings():
        one = _read(row)
        one = replace(one, finding=secrets.hide_finding(one.finding))
        key = (one.target, one.finding.id)
        found[key] = _together(found.get(key), one)
    return tuple(found.values())


def carry(connection: Connection, run_id: int, carried: Sequence[UnreportedFinding]) -> None:
    """Make findings of earlier runs belong to the report of this one."""
    fingerprints = [one.finding.id for one in carried]
    for start in range(0, len(fingerprints), _MOST_NAMED):
        named = finding.c.fingerprint.in_(fingerprints[start : start + _MOST_NAMED])
        these = update(finding).where(_untold(run_id), named)
        connection.execute(these.values(reported_run_id=run_id))


def mark_reported(connection: Connection, run_id: int, *, at: datetime) -> None:
    """Count the findings of the run's report as told."""
    these = finding.c.reported_run_id == run_id, finding.c.told_at.is_(None)
    connection.execute(update(finding).where(*these).values(told_at=at))


def mark_part_reported(
    connection: Connection, message_id: int, run_id: int, *, at: datetime
) -> None:
    """Count what a message holds that carries a part of the run's report as told."""
    held = select(holding.c.fingerprint).where(holding.c.message_id == message_id)
    these = (
        finding.c.reported_run_id == run_id,
        finding.c.told_at.is_(None),
        finding.c.fingerprint.in_(held),
    )
    connection.execute(update(finding).where(*these).values(told_at=at))


def _together(before: UnreportedFinding | None, one: UnreportedFinding) -> UnreportedFinding:
    """Count the targets of the vendor's findings together: each batch stored its own."""
    if before is None or not isinstance(before.finding, VendorFinding):
        return one
    if not isinstance(one.finding, VendorFinding):
        return one
    targets = before.finding.targets + one.finding.targets
    return replace(one, finding=replace(one.finding, targets=targets))


def _untold(run_id: int) -> ColumnElement[bool]:
    """Return what an earlier run found, nobody was told and no queued message holds."""
    of_report = select(message.c.id).where(
        message.c.run_id == finding.c.reported_run_id, message.c.state == MessageState.QUEUED
    )
    held = (
        select(holding.c.message_id)
        .where(holding.c.message_id == message.c.id)
        .where(holding.c.fingerprint == finding.c.fingerprint)
        .exists()
    )
    queued = of_report.where(message.c.is_whole | held).exists()
    return finding.c.told_at.is_(None) & (finding.c.reported_run_id < run_id) & ~queued


def _row(
    run_id: int,
    whose: TargetId,
    found: Finding,
    *,
    told_at: datetime | None = None,
    silenced_by: str | None = None,
) -> dict[str, object]:
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
        "told_at": told_at,
        "silenced_by": silenced_by,
        "detail": pack_json(
            [
                found.before,
                found.after,
                list(found.folded),
                found.expected,
                found.recurrence,
                found.reversals,
            ]
        ),
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


def _read(row: RowMapping) -> UnreportedFinding:
    before, after, folded, *context = cast(list[Any], unpack_json(row["detail"]))
    # Rows of the first schema have no context.
    expected, recurrence, reversals = context or ("", Recurrence.FIRST, 0)
    if row["project_id"] is None:
        return UnreportedFinding(target=None, finding=_vendor(row, before, after))
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
        expected=expected,
        recurrence=Recurrence(recurrence),
        reversals=reversals,
    )
    return UnreportedFinding(target=whose, finding=own)


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
