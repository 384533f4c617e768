"""Findings and notices as rows: which run found them, which report holds them, since when.

A finding has one form as JSON. A stored report holds it whole; its row holds some members as
columns, to be looked up, and the rest as a list. A member that an older auditor did not store
is absent from both, and has the default of its class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from itertools import chain
from typing import Any, TypeAlias, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Table,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.sql.functions import func

from auditor.drift.findings import finding_id
from auditor.drift.policy import SuppressedVendorFinding
from auditor.drift.recurrence import PastChange, PastFolding
from auditor.drift.secrets import Secrets
from auditor.model import (
    AgainstBaseline,
    Area,
    Finding,
    Kind,
    NoticeKind,
    Owner,
    Recurrence,
    RunStatus,
    Severity,
    Since,
    TargetId,
    VendorFinding,
)
from auditor.outbox import MessageState
from auditor.records import FindingOccurrence, SuppressedBy, UnreportedFinding, UnreportedNotice
from auditor.report import LateFinding, LateVendorFinding, Notice, Report
from auditor.results import ReadResult
from auditor.store.batches import BATCH, in_batches
from auditor.store.packing import pack_json, unpack_json
from auditor.store.settings import secrets_of
from auditor.store.tables import finding, holding, message, notice, run

_Row: TypeAlias = dict[str, Any]

_MOST_FOLDINGS = 200  # findings that are looked at
_MOST_CHANGES = 1100  # at a path: more than one each ten minutes in the week that is counted
_COLUMNS = ("area", "owner", "kind", "path", "severity", "headline", "rule", "since")
_VENDOR_COLUMNS = ("area", "kind", "path", "severity", "headline", "targets")
_DETAIL = (
    "before",
    "after",
    "folded",
    "expected",
    "recurrence",
    "reversals",
    "against_baseline",
    "follows",
)
"""The members of a row's list, in order. A new one goes to the end."""


def moment_text(moment: datetime | None) -> str | None:
    """Return a time as stored JSON has it."""
    return None if moment is None else moment.isoformat()


def moment_from(text: str | None) -> datetime | None:
    """Return the time that `moment_text` wrote."""
    return None if text is None else datetime.fromisoformat(text)


_PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "area": Area,
    "owner": Owner,
    "kind": Kind,
    "severity": Severity,
    "since": Since,
    "recurrence": Recurrence,
    "against_baseline": AgainstBaseline,
    "folded": tuple,
    "stands_since": moment_from,
    "lasting_path": lambda path: path or "",
}


def finding_form(found: Finding) -> dict[str, Any]:
    """Return a finding as JSON."""
    form = asdict(found)
    form["stands_since"] = moment_text(form.pop("open_since"))
    return form


def finding_from(form: Mapping[str, Any]) -> Finding:
    """Return the finding of a form."""
    values = dict(_parsed(form))
    return Finding(open_since=values.pop("stands_since", None), **values)


def vendor_finding_form(found: VendorFinding) -> dict[str, Any]:
    """Return a finding of the vendor's as JSON."""
    return asdict(found)


def vendor_finding_from(form: Mapping[str, Any]) -> VendorFinding:
    """Return the finding of a form."""
    return VendorFinding(**dict(_parsed(form)))


def late_form(late: LateFinding) -> dict[str, Any]:
    """Return a late finding as JSON."""
    return {"holds": late.holds, **_late_form(late), "finding": finding_form(late.finding)}


def late_from(form: Mapping[str, Any]) -> LateFinding:
    """Return the late finding of a form."""
    found = finding_from(form["finding"])
    run_id, found_at = form["run_id"], datetime.fromisoformat(form["found_at"])
    return LateFinding(finding=found, run_id=run_id, found_at=found_at, holds=form["holds"])


def late_vendor_form(late: LateVendorFinding) -> dict[str, Any]:
    """Return a late finding of the vendor's as JSON."""
    return {**_late_form(late), "finding": vendor_finding_form(late.finding)}


def late_vendor_from(form: Mapping[str, Any]) -> LateVendorFinding:
    """Return the late finding of a form."""
    found = vendor_finding_from(form["finding"])
    run_id, found_at = form["run_id"], datetime.fromisoformat(form["found_at"])
    return LateVendorFinding(finding=found, run_id=run_id, found_at=found_at)


def _late_form(late: LateFinding | LateVendorFinding) -> dict[str, Any]:
    return {"run_id": late.run_id, "found_at": moment_text(late.found_at)}


def notice_form(found: Notice) -> dict[str, Any]:
    """Return a notice as JSON."""
    form = {**asdict(found), "target": list(found.target) if found.target else None}
    return {**form, "found_at": moment_text(found.found_at)}


def notice_from(form: Mapping[str, Any]) -> Notice:
    """Return the notice of a form."""
    return Notice(
        kind=NoticeKind(form["kind"]),
        text=form["text"],
        severity=Severity(form["severity"]),
        target=TargetId(*form["target"]) if form["target"] else None,
        # Notices of older auditors have none of the following.
        project_id=form.get("project_id"),
        number=form.get("number", 1),
        run_id=form.get("run_id"),
        found_at=moment_from(form.get("found_at")),
        holds=form.get("holds"),
        fingerprints=tuple(form.get("fingerprints", ())),
    )


def add_findings(
    connection: Connection,
    run_id: int,
    results: Sequence[ReadResult],
    *,
    at: datetime,
) -> None:
    """Store the targets' own findings, and those that a rule suppresses."""
    reported = (
        _row(run_id, result.target, found) for result in results for found in result.findings
    )
    suppressed = (
        {**_row(run_id, result.target, found.finding), **_suppressed(found.rule, at)}
        for result in results
        for found in result.suppressed
    )
    _insert(connection, finding, chain(reported, suppressed))


def add_baseline_differences(connection: Connection, report: Report, *, at: datetime) -> None:
    """Store the report's differences from baselines that are not stored yet.

    Every report holds them while they last, so none of them is ever unreported.
    """
    differences = (
        (target.target, found)
        for target in report.targets
        for found in target.findings
        if found.since is Since.BASELINE
    )
    for batch in in_batches(differences):
        named = finding.c.fingerprint.in_([found.id for _, found in batch])
        query = select(finding.c.fingerprint).where(named, finding.c.since == Since.BASELINE)
        stored = set(connection.execute(query).scalars())
        rows = (
            {**_row(report.run.id or 0, target, found), "told_at": at}
            for target, found in batch
            if found.id not in stored
        )
        _insert(connection, finding, rows)


def add_vendor_findings(
    connection: Connection, run_id: int, found: Sequence[VendorFinding]
) -> None:
    """Store the vendor's findings of a run."""
    _insert(connection, finding, (_vendor_row(run_id, each) for each in found))


def replace_vendor_findings(
    connection: Connection, run_id: int, found: Sequence[VendorFinding]
) -> None:
    """Replace what the batches of a run stored of the vendor's by the findings of the whole."""
    of_batches = delete(finding).where(finding.c.run_id == run_id, finding.c.project_id.is_(None))
    connection.execute(of_batches)
    add_vendor_findings(connection, run_id, found)


def add_suppressed_vendor_findings(
    connection: Connection, run_id: int, found: Sequence[SuppressedVendorFinding], *, at: datetime
) -> None:
    """Store the vendor's findings of a run that a rule suppresses."""
    rows = (
        {**_vendor_row(run_id, suppressed.finding), **_suppressed(suppressed.rule, at)}
        for suppressed in found
    )
    _insert(connection, finding, rows)


def add_notices(connection: Connection, run_id: int, notices: Sequence[Notice]) -> None:
    """Store notices of a run."""
    _insert(connection, notice, [_notice_row(run_id, found) for found in notices])


def replace_notices(connection: Connection, run_id: int, notices: Sequence[Notice]) -> None:
    """Replace what the batches of a run stored as notices by those of the whole."""
    connection.execute(delete(notice).where(notice.c.run_id == run_id))
    add_notices(connection, run_id, notices)


def vendor_paths(connection: Connection) -> frozenset[str]:
    """Return the paths of keys that were reported as the vendor's, its own catalogue left out."""
    query = select(finding.c.path).where(
        finding.c.project_id.is_(None),
        finding.c.area.not_in([Area.CATALOGUE, Area.SCRIPT]),
    )
    return frozenset(connection.execute(query.distinct()).scalars())


def vendor_keys(connection: Connection) -> dict[tuple[Kind, str], datetime]:
    """Return the keys that the vendor brought or took, and when a run found that last."""
    query = (
        select(finding.c.kind, finding.c.path, func.max(run.c.started_at))
        .join(run, run.c.id == finding.c.run_id)
        .where(
            finding.c.project_id.is_(None),
            finding.c.area.not_in([Area.CATALOGUE, Area.SCRIPT]),
            finding.c.kind.in_([Kind.ADDED, Kind.REMOVED]),
        )
        .group_by(finding.c.kind, finding.c.path)
    )
    return {(Kind(kind), path): at for kind, path, at in connection.execute(query)}


def past_changes(
    connection: Connection, target: TargetId, *, most: int = _MOST_CHANGES
) -> tuple[PastChange, ...]:
    """Return the findings of the target's own, suppressed ones included, oldest first.

    Of each path they are the newest `most` changes, and as many differences from baselines.
    """
    same_place = (finding.c.path, finding.c.since)
    age = func.row_number().over(partition_by=same_place, order_by=finding.c.id.desc())
    aged = (
        select(finding.c.id, age.label("age"))
        .where(finding.c.project_id == target.project_id, finding.c.learn_id == target.learn_id)
        .subquery()
    )
    query = (
        select(
            finding.c.fingerprint,
            finding.c.path,
            finding.c.since,
            run.c.started_at,
            finding.c.lasting_path,
            finding.c.area,
            finding.c.severity,
        )
        .join(run, run.c.id == finding.c.run_id)
        .join(aged, aged.c.id == finding.c.id)
        .where(aged.c.age <= most)
    )
    return tuple(
        PastChange(
            id=row[0],
            path=row[1],
            since=Since(row[2]),
            at=row[3],
            lasting_path=row[4] or "",
            area=Area(row[5]),
            severity=Severity(row[6]),
        )
        for row in connection.execute(query.order_by(finding.c.id))
    )


def past_foldings(
    connection: Connection, target: TargetId, *, most: int = _MOST_FOLDINGS
) -> tuple[PastFolding, ...]:
    """Return what the target's newest findings folded, oldest first."""
    query = (
        select(finding.c.detail, run.c.started_at)
        .join(run, run.c.id == finding.c.run_id)
        .where(
            finding.c.project_id == target.project_id,
            finding.c.learn_id == target.learn_id,
            finding.c.since == Since.LAST,
        )
        .order_by(finding.c.id.desc())
        .limit(most)
    )
    place = _DETAIL.index("folded")
    found = []
    for detail, at in connection.execute(query, execution_options={"yield_per": BATCH}):
        if folded := cast(list[Any], unpack_json(detail))[place]:
            found.append(PastFolding(paths=tuple(folded), at=at))
    return tuple(reversed(found))


def finding_occurrences(connection: Connection, finding_id: str) -> tuple[FindingOccurrence, ...]:
    """Return every run's finding whose id begins with `finding_id`, oldest first."""
    begins = finding.c.fingerprint.startswith(finding_id, autoescape=True)
    query = _occurrences().where(begins).order_by(finding.c.id)
    secrets = secrets_of(connection)
    return tuple(_occurrence(row, secrets) for row in connection.execute(query).mappings())


def findings_between(
    connection: Connection, after: int, until: int
) -> Iterator[FindingOccurrence]:
    """Yield what the runs after `after` found, up to `until`, oldest first."""
    of_runs = finding.c.run_id.between(after + 1, until), finding.c.since == Since.LAST
    query = _occurrences().where(*of_runs).order_by(finding.c.id)
    secrets = secrets_of(connection)
    rows = connection.execute(query.execution_options(yield_per=BATCH)).mappings()
    return (_occurrence(row, secrets) for row in rows)


def notices_between(connection: Connection, after: int, until: int) -> tuple[Notice, ...]:
    """Return the notices of the runs after `after`, up to `until`, oldest first."""
    of_runs = notice.c.run_id.between(after + 1, until)
    query = select(notice).where(of_runs).order_by(notice.c.id)
    return tuple(map(_notice, connection.execute(query).mappings()))


def suppressed(connection: Connection, most: int) -> tuple[SuppressedBy, ...]:
    """Return what rules suppressed, by rule; of each rule the newest `most` findings."""
    rules = select(finding.c.silenced_by, func.count()).group_by(finding.c.silenced_by)
    numbers = connection.execute(rules.where(finding.c.silenced_by.is_not(None))).all()
    secrets = secrets_of(connection)
    found = []
    for rule, number in sorted(tuple(row) for row in numbers):
        query = _occurrences().where(finding.c.silenced_by == rule).order_by(finding.c.id.desc())
        rows = connection.execute(query.limit(most)).mappings()
        newest = tuple(_occurrence(row, secrets) for row in rows)
        found.append(SuppressedBy(rule=rule, number=number, newest=newest))
    return tuple(found)


def unreported_findings(connection: Connection, run_id: int) -> tuple[UnreportedFinding, ...]:
    """Return each finding of runs before `run_id` that was not delivered, oldest first.

    What a queued message holds is not among them. A finding that several runs found is one, of
    the newest of them. Of the vendor's the targets are added up: those that the batches of a run
    which did not end stored, and those that other runs read, less those where it was undone.
    """
    query = _occurrences().where(_is_unreported(finding, run_id)).order_by(finding.c.id)
    secrets = secrets_of(connection)
    found: dict[tuple[TargetId | None, str], UnreportedFinding] = {}
    streamed = query.execution_options(yield_per=BATCH)
    for row in connection.execute(streamed).mappings():
        target, plain = _target(row), _finding(row)
        read = secrets.hide_finding(plain)
        if isinstance(read, VendorFinding):
            undone_id = finding_id(None, plain.path, plain.after, plain.before)
            before, undone = (found.get((None, each)) for each in (read.id, undone_id))
            read = replace(read, targets=read.targets + _targets_left(before, undone))
        found[target, read.id] = UnreportedFinding(
            target=target,
            finding=read,
            run_id=row["run_id"],
            found_at=row["started_at"],
            run_ended=row["status"] != RunStatus.ABANDONED,
        )
    return tuple(found.values())


def _targets_left(before: UnreportedFinding | None, undone: UnreportedFinding | None) -> int:
    """Return how many targets show what the vendor did `before` and undid on some since."""
    if before is None or not isinstance(before.finding, VendorFinding):
        return 0
    number = before.finding.targets
    if undone and isinstance(undone.finding, VendorFinding) and undone.run_id > before.run_id:
        number -= undone.finding.targets
    return max(0, number)


def unreported_notices(connection: Connection, run_id: int) -> tuple[UnreportedNotice, ...]:
    """Return notices of runs before `run_id` that were not delivered, oldest first."""
    query = (
        select(notice, run.c.started_at)
        .join(run, run.c.id == notice.c.run_id)
        .where(_is_unreported(notice, run_id))
        .order_by(notice.c.id)
    )
    return tuple(
        UnreportedNotice(
            id=row["id"],
            fingerprint=row["fingerprint"] or "",
            notice=_notice(row),
            run_id=row["run_id"],
            found_at=row["started_at"],
        )
        for row in connection.execute(query).mappings()
    )


def carry_findings(
    connection: Connection, run_id: int, carried: Sequence[UnreportedFinding]
) -> None:
    """Make findings of earlier runs belong to the report of this run."""
    for batch in in_batches(unreported.finding.id for unreported in carried):
        named = finding.c.fingerprint.in_(batch)
        earlier = update(finding).where(_is_unreported(finding, run_id), named)
        connection.execute(earlier.values(reported_run_id=run_id))


def carry_notices(connection: Connection, run_id: int, ids: Sequence[int]) -> None:
    """Make notices of earlier runs belong to the report of this run, which holds them."""
    for some in in_batches(ids):
        earlier = update(notice).where(_is_unreported(notice, run_id), notice.c.id.in_(some))
        connection.execute(earlier.values(reported_run_id=run_id))


def mark_reported(connection: Connection, run_id: int, *, at: datetime) -> None:
    """Mark the findings and notices of the run's report as reported."""
    for table in (finding, notice):
        of_report = table.c.reported_run_id == run_id, table.c.told_at.is_(None)
        connection.execute(update(table).where(*of_report).values(told_at=at))


def mark_part_reported(
    connection: Connection, message_id: int, run_id: int, *, at: datetime
) -> None:
    """Mark as reported what a message holds which has a part of the report."""
    fingerprints = select(holding.c.fingerprint).where(holding.c.message_id == message_id)
    for table in (finding, notice):
        of_message = (
            table.c.reported_run_id == run_id,
            table.c.told_at.is_(None),
            table.c.fingerprint.in_(fingerprints),
        )
        connection.execute(update(table).where(*of_message).values(told_at=at))


def _insert(connection: Connection, table: Table, rows: Iterable[_Row]) -> None:
    for batch in in_batches(rows):
        connection.execute(insert(table), batch)


def _parsed(form: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in form.items():
        yield name, _PARSERS[name](value) if name in _PARSERS else value


def _row(run_id: int, target: TargetId, found: Finding) -> _Row:
    form = finding_form(found)
    return {
        "fingerprint": found.id,
        "run_id": run_id,
        "reported_run_id": run_id,
        "project_id": target.project_id,
        "learn_id": target.learn_id,
        **{name: form[name] for name in _COLUMNS},
        # People are named in the report alone.
        "headline": found.nameless_headline or found.headline,
        "lasting_path": found.lasting_path or None,
        "told_at": None,
        "silenced_by": None,
        "detail": pack_json([form[name] for name in _DETAIL]),
    }


def _suppressed(rule: str, at: datetime) -> _Row:
    """Return the columns that keep a finding from being unreported."""
    return {"told_at": at, "silenced_by": rule}


def _vendor_row(run_id: int, found: VendorFinding) -> _Row:
    form = vendor_finding_form(found)
    return {
        "fingerprint": found.id,
        "run_id": run_id,
        "reported_run_id": run_id,
        "owner": Owner.VENDOR,
        "rule": "",
        "since": Since.LAST,
        **{name: form[name] for name in _VENDOR_COLUMNS},
        "detail": pack_json([found.before, found.after, []]),
    }


def _notice_row(run_id: int, found: Notice) -> _Row:
    return {
        "run_id": run_id,
        "reported_run_id": run_id,
        "fingerprint": found.ids()[0],
        "project_id": found.target.project_id if found.target else found.project_id,
        "learn_id": found.target.learn_id if found.target else None,
        "kind": found.kind,
        "severity": found.severity,
        "text": found.text,
        "number": found.number,
    }


def _notice(row: RowMapping) -> Notice:
    return Notice(
        kind=NoticeKind(row["kind"]),
        text=row["text"],
        severity=Severity(row["severity"]),
        target=None if row["learn_id"] is None else _target(row),
        project_id=row["project_id"] if row["learn_id"] is None else None,
        number=row["number"],
    )


def _target(row: RowMapping) -> TargetId | None:
    if row["project_id"] is None:
        return None
    return TargetId(row["project_id"], row["learn_id"])


def _finding(row: RowMapping) -> Finding | VendorFinding:
    # Not strict: the rows of older auditors have shorter lists.
    detail = dict(zip(_DETAIL, cast(list[Any], unpack_json(row["detail"])), strict=False))
    form = {"id": row["fingerprint"], **detail}
    if row["project_id"] is not None:
        columns = {name: row[name] for name in (*_COLUMNS, "lasting_path")}
        return finding_from({**form, **columns})
    del form["folded"]
    return vendor_finding_from({**form, **{name: row[name] for name in _VENDOR_COLUMNS}})


def _occurrences() -> Select[Any]:
    return select(finding, run.c.started_at, run.c.status).join(run, run.c.id == finding.c.run_id)


def _occurrence(row: RowMapping, secrets: Secrets) -> FindingOccurrence:
    return FindingOccurrence(
        target=_target(row),
        finding=secrets.hide_finding(_finding(row)),
        run_id=row["run_id"],
        at=row["started_at"],
        suppressed_by=row["silenced_by"] or "",
        reported_at=row["told_at"],
    )


def _is_unreported(table: Table, run_id: int) -> ColumnElement[bool]:
    """Select what earlier runs found, was not delivered, and no queued message holds.

    `table` is that of findings or that of notices.
    """
    of_report = select(message.c.id).where(
        message.c.run_id == table.c.reported_run_id, message.c.state == MessageState.QUEUED
    )
    is_held = (
        select(holding.c.message_id)
        .where(holding.c.message_id == message.c.id)
        .where(holding.c.fingerprint == table.c.fingerprint)
        .exists()
    )
    is_queued = of_report.where(message.c.is_whole | is_held).exists()
    return table.c.told_at.is_(None) & (table.c.reported_run_id < run_id) & ~is_queued
