"""Reports: how a run is closed, and its report read again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select, update

from auditor.errors import UsageError
from auditor.model import Json, Report, RunStatus, Totals
from auditor.outbox import Message
from auditor.records import RunConclusions, RunSummary, UnreportedFinding
from auditor.store import decisions, episodes, findings, messages, notices, report_form, runs
from auditor.store.chain import content_hash
from auditor.store.packing import pack, pack_json, unpack_json
from auditor.store.settings import secrets_of
from auditor.store.tables import insert_into, roster, run

_UNENDED = (RunStatus.RUNNING, RunStatus.ABANDONED)
_AT_ONCE = 400  # reports: a list that no database finds too long
_UNCLOSED = "This run has no report: it did not end. What it found is told by the next run."


def close(
    connection: Connection,
    report: Report,
    outgoing: Sequence[Message],
    *,
    carried: Sequence[UnreportedFinding],
    aftermath: RunConclusions,
) -> None:
    """Close the run with its report and its aftermath; queue its messages."""
    run_id = report.run.id
    if run_id is None:
        raise UsageError("a dry run has no report to store")
    row = {
        "status": report.run.status,
        "finished_at": report.run.finished_at,
        "report": pack_json(report_form.body(report)),
        "roster_digest": _keep_roster(connection, report),
        "head_hash": runs.head(connection, run_id),
    }
    connection.execute(update(run).where(run.c.id == run_id).values(**row))
    told_again = {one.finding.id for one in carried}
    vendors = [one for one in report.catalogue if one.id not in told_again]
    findings.replace_vendor(connection, run_id, vendors)
    findings.carry(connection, run_id, carried)
    notices.carry(connection, run_id)
    ended_at = report.run.finished_at or report.run.started_at
    findings.add_standing(connection, report, at=ended_at)
    _keep_aftermath(connection, run_id, aftermath, at=ended_at)
    messages.queue(connection, outgoing)


def _keep_aftermath(
    connection: Connection, run_id: int, aftermath: RunConclusions, *, at: datetime
) -> None:
    findings.add_suppressed_vendor(connection, run_id, aftermath.suppressed_vendor, at=at)
    notices.add(connection, run_id, aftermath.notices)
    episodes.begin(connection, aftermath.began, at=at)
    episodes.end(connection, aftermath.ended, at=at)
    episodes.announce(connection, aftermath.announced, at=at)
    decisions.end(connection, aftermath.ended_acknowledgements, at=at)


def read(connection: Connection, run_id: int | None) -> Report | None:
    """Return a run's report, the newest where `run_id` is None; None where there is none."""
    row = connection.execute(_query(run_id)).mappings().first()
    if row is None:
        return None if run_id is None else _unclosed(connection, run_id)
    report = report_form.report_of(
        runs.info(row),
        row["head_hash"],
        roster=unpack_json(row["document"]),
        body=unpack_json(row["report"]),
    )
    return secrets_of(connection).hide_report(report)


def run_summaries(connection: Connection, most: int) -> tuple[RunSummary, ...]:
    """Return the last `most` closed runs in short, newest first; equal rosters are read once."""
    query = select(run).where(run.c.report.is_not(None)).order_by(run.c.id.desc()).limit(most)
    rosters: dict[str, report_form.Roster] = {}
    found = []
    for row in connection.execute(query).mappings().all():
        digest = row["roster_digest"]
        if digest not in rosters:
            stored = select(roster.c.document).where(roster.c.digest == digest)
            document = connection.execute(stored).scalar_one()
            rosters[digest] = report_form.roster_of(unpack_json(document))
        found.append(
            report_form.summary_of(
                runs.info(row), roster=rosters[digest], body=unpack_json(row["report"])
            )
        )
    return tuple(found)


def pruned(connection: Connection) -> frozenset[int]:
    """Return the closed runs whose reports were pruned."""
    query = select(run.c.id).where(run.c.report.is_(None), run.c.status.not_in(_UNENDED))
    return frozenset(connection.execute(query).scalars())


def brief_reports(connection: Connection, run_ids: Sequence[int]) -> tuple[Report, ...]:
    """Return reports of closed runs without the quiet targets; equal rosters are read once."""
    rosters: dict[str, Json] = {}
    found: list[Report] = []
    for place in range(0, len(run_ids), _AT_ONCE):
        these = run.c.id.in_(run_ids[place : place + _AT_ONCE])
        query = select(run).where(run.c.report.is_not(None), these)
        for row in connection.execute(query).mappings().all():
            digest = row["roster_digest"]
            if digest not in rosters:
                stored = select(roster.c.document).where(roster.c.digest == digest)
                rosters[digest] = unpack_json(connection.execute(stored).scalar_one())
            body = unpack_json(row["report"])
            found.append(
                report_form.brief_of(
                    runs.info(row), row["head_hash"], roster=rosters[digest], body=body
                )
            )
    hidden = map(secrets_of(connection).hide_report, found)
    return tuple(sorted(hidden, key=lambda report: -(report.run.id or 0)))


def _unclosed(connection: Connection, run_id: int) -> Report | None:
    """Return what is known of a run that has no report: that it did not end."""
    found = runs.read(connection, run_id)
    if found is None:
        return None
    if found.status not in _UNENDED:
        raise UsageError(f"the report of run {run_id} was pruned: it is older than is kept")
    return Report(run=found, totals=Totals(), targets=(), notes=(_UNCLOSED,))


def _query(run_id: int | None) -> Select[Any]:
    query = select(run, roster.c.document).join(roster, roster.c.digest == run.c.roster_digest)
    if run_id is not None:
        return query.where(run.c.id == run_id)
    return query.order_by(run.c.id.desc()).limit(1)


def _keep_roster(connection: Connection, report: Report) -> str:
    content = json.dumps(report_form.roster(report), separators=(",", ":")).encode("ascii")
    digest = content_hash(content)
    row = {"digest": digest, "document": pack(content)}
    connection.execute(insert_into(connection, roster).on_conflict_do_nothing(), row)
    return digest
