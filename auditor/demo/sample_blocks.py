"""What sample reports are built of: a block, a finding, a condition, a run, a report."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from auditor.model import (
    Area,
    BlockKindName,
    ConditionKind,
    Failure,
    Finding,
    Json,
    Kind,
    ModelState,
    OpenCondition,
    Owner,
    RunInfo,
    RunStatus,
    Severity,
    Since,
    TargetId,
    TargetState,
    Trigger,
)
from auditor.report import Report, TargetReport, Totals

STARTED = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)
LAST_NIGHT = STARTED - timedelta(days=1)
_READ = (TargetState.NEW, TargetState.IN_SYNC, TargetState.DRIFTED)


def id_of(path: str) -> str:
    """Return the id of a sample finding, made of its path."""
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def finding(area: Area, path: str, before: Json, after: Json, **more: object) -> Finding:
    """Return a finding at a path; by default an edit of high severity."""
    values: dict[str, object] = {
        "id": id_of(path),
        "area": area,
        "owner": Owner.INTENT,
        "kind": Kind.CHANGED,
        "path": path,
        "before": before,
        "after": after,
        "severity": Severity.HIGH,
        "headline": f"{path} changed",
        "rule": f"default:{area}",
    }
    return Finding(**{**values, **more})  # type: ignore[arg-type]  # fields by name, for brevity


def block(project_id: int, learn_id: int, **more: object) -> TargetReport:
    """Return a block, by default without changes."""
    values: dict[str, object] = {
        "target": TargetId(project_id, learn_id),
        "kind": BlockKindName.KERAS,
        "project": {1: "Pump", 2: "Wake word"}.get(project_id, f"Line {project_id}"),
        "name": f"Motion classifier {learn_id}",
        "type": "keras",
        "state": TargetState.IN_SYNC,
        "model_state": ModelState.TRAINED,
        "last_good_at": LAST_NIGHT,
    }
    return TargetReport(**{**values, **more})  # type: ignore[arg-type]  # as above


def unread(
    project_id: int, learn_id: int, kind: str, message: str, **more: object
) -> TargetReport:
    """Return a block that could not be read."""
    return block(
        project_id,
        learn_id,
        state=TargetState.UNKNOWN,
        model_state=ModelState.UNKNOWN,
        error=Failure(kind=kind, message=message),
        **more,
    )


def condition(
    kind: ConditionKind,
    of: TargetId,
    severity: Severity,
    headline: str,
    *,
    days: int = 0,
    key: str = "",
) -> OpenCondition:
    """Return a condition that the run of so many days ago saw first."""
    return OpenCondition(
        kind=kind,
        target=of,
        severity=severity,
        headline=headline,
        since=STARTED - timedelta(days=days) + timedelta(seconds=41),
        run_id=7 - days,
        key=key,
    )


def run(status: RunStatus, *, number: int | None = 7) -> RunInfo:
    """Return a run that started at `STARTED`."""
    return RunInfo(
        id=number,
        status=status,
        trigger=Trigger.SCHEDULE,
        started_at=STARTED,
        finished_at=STARTED + timedelta(seconds=41),
    )


def report(*targets: TargetReport, **more: object) -> Report:
    """Return a report with the totals of its blocks."""
    states = [target.state for target in targets]
    totals = Totals(
        targets=len(targets),
        checked=sum(state in _READ for state in states),
        new=states.count(TargetState.NEW),
        in_sync=states.count(TargetState.IN_SYNC),
        drifted=states.count(TargetState.DRIFTED),
        missing=states.count(TargetState.MISSING),
        unknown=states.count(TargetState.UNKNOWN),
        unsupported=states.count(TargetState.UNSUPPORTED),
        findings=sum(f.since is Since.LAST for t in targets for f in t.findings),
    )
    values: dict[str, object] = {
        "run": run(RunStatus.INCOMPLETE if totals.unknown else RunStatus.COMPLETE),
        "totals": totals,
        "targets": targets,
        "head_hash": "9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab",
        "previous_run_id": 6,
        "next_run_at": STARTED + timedelta(days=1),
        "schedule": "15 3 * * * (UTC)",
    }
    return Report(**{**values, **more})  # type: ignore[arg-type]  # as above
