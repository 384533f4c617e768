"""Reports, comparisons, status and history as JSON documents for programs.

Keys, their order and their types are the contract's. Times are UTC in whole seconds, secrets
read `(hidden)` wherever they are, and the text is ASCII, so that no name can harm a terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from auditor.context import Training
from auditor.drift.impulses import ReplacedImpulse, find_replaced
from auditor.listings import TargetStatus
from auditor.model import (
    Area,
    BlockKindName,
    Failure,
    Finding,
    Json,
    JsonObject,
    ModelState,
    OpenCondition,
    Owner,
    Recurrence,
    RunInfo,
    Since,
    TargetId,
    TargetKind,
    TargetState,
    VendorFinding,
)
from auditor.outbox import MessageInfo, OutboxOverview
from auditor.records import (
    NO_PRESENCE,
    Acknowledgement,
    Approval,
    Presence,
    Retraction,
    VersionLine,
)
from auditor.redaction import shown
from auditor.rendering.verdict import RunLine
from auditor.report import (
    Digest,
    LateFinding,
    LateVendorFinding,
    Notice,
    Report,
    TargetReport,
    Totals,
)

_NO_TARGETS = '\n  "targets": []'
_INDENT = 4 * " "


def dump_json(document: JsonObject) -> str:
    """Return the document as indented ASCII with a line end."""
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def hide_secrets(document: JsonObject) -> JsonObject:
    """Return the document without any fingerprint or key, at any depth."""
    return {shown(key): _shown(value) for key, value in document.items()}


def format_utc(at: datetime | None) -> str | None:
    """Return a time as `2026-11-23T03:15:00Z`."""
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def dump_report(report: Report) -> Iterator[str]:
    """Yield the parts of a report as `dump_json` writes it: a target is encoded when it is due."""
    document = dump_json(encode_report(report, targets=()))
    before, after = document.split(_NO_TARGETS, 1)
    yield before + _NO_TARGETS[:-1]
    for place, target in enumerate(report.targets):
        encoded = json.dumps(hide_secrets(_target(target)), indent=2, allow_nan=False)
        indented = encoded.replace("\n", f"\n{_INDENT}")
        yield f"{',' if place else ''}\n{_INDENT}{indented}"
    yield f"{f'{chr(10)}  ' if report.targets else ''}]{after}"


def encode_report(report: Report, *, targets: Sequence[TargetReport] | None = None) -> JsonObject:
    """Return the report as `auditor.report/1`, with the targets that it lists or `targets`."""
    listed = report.targets if targets is None else targets
    return hide_secrets(
        {
            "schema": "auditor.report/1",
            "run": _run(report.run),
            "totals": _totals(report.totals),
            "targets": [_target(target) for target in listed],
            "catalogue": [
                *(_vendor(finding) for finding in report.catalogue),
                *({**_vendor(each.finding), **_late(each)} for each in report.late_catalogue),
            ],
            "open": [encode_condition(condition) for condition in report.open],
            "errors": [
                {"project_id": error.project_id, "kind": error.kind, "message": error.message}
                for error in report.errors
            ],
            **_optional_keys(report),
        }
    )


def encode_condition(condition: OpenCondition) -> JsonObject:
    """Return an open condition as reports and `status` have it."""
    return {
        "kind": str(condition.kind),
        "project_id": condition.target.project_id,
        "block_id": condition.target.learn_id,
        "severity": str(condition.severity),
        "since": format_utc(condition.since),
        "headline": condition.headline,
    }


def encode_diff(
    model_state: ModelState, findings: Sequence[Finding | VendorFinding], suppressed: int
) -> JsonObject:
    """Return a comparison as `auditor.diff/1`; vendor changes have a finding's keys there."""
    return hide_secrets(
        {
            "schema": "auditor.diff/1",
            "model_state": _model_state(model_state),
            "findings": [_compared(finding) for finding in findings],
            "suppressed": suppressed,
        }
    )


def encode_status(
    statuses: Sequence[TargetStatus],
    *,
    last_run: RunInfo | None,
    next_run_at: datetime | None,
    outbox: OutboxOverview,
    presence: Presence = NO_PRESENCE,
    open_conditions: Sequence[OpenCondition] = (),
) -> JsonObject:
    """Return `auditor.status/1`: what is open, the service, its messages, every target."""
    return hide_secrets(
        {
            "schema": "auditor.status/1",
            "open": [encode_condition(condition) for condition in open_conditions],
            "last_run": None if last_run is None else _run(last_run),
            "next_run_at": format_utc(next_run_at),
            "service": {
                "starter": str(presence.starter),
                "service_seen_at": format_utc(presence.service_seen_at),
                "timer_seen_at": format_utc(presence.timer_seen_at),
            },
            "outbox": _counts(outbox),
            "messages": [_message(message) for message in outbox.newest],
            "targets": [_status(status) for status in statuses],
        }
    )


def add_problems(document: JsonObject, problems: Sequence[str]) -> JsonObject:
    """Return a status with what is not well before all."""
    return hide_secrets({"problems": list(problems)}) | document


def encode_messages(outbox: OutboxOverview) -> JsonObject:
    """Return `auditor.messages/1`: what was not delivered."""
    return hide_secrets(
        {
            "schema": "auditor.messages/1",
            "outbox": _counts(outbox),
            "messages": [_message(message) for message in outbox.newest],
        }
    )


def _counts(outbox: OutboxOverview) -> JsonObject:
    return {str(state): number for state, number in outbox.counts.items()}


def encode_runs(lines: Sequence[RunLine]) -> JsonObject:
    """Return `auditor.runs/1`: the runs as given, newest first."""
    return {
        "schema": "auditor.runs/1",
        "runs": [
            {
                **_run(line.run),
                "verdict": line.verdict,
                "totals": None if line.totals is None else _totals(line.totals),
            }
            for line in lines
        ],
    }


def encode_history(
    target: TargetId,
    versions: Sequence[VersionLine],
    approvals: Sequence[Approval] = (),
    *,
    acknowledgements: Sequence[Acknowledgement] = (),
    retractions: Sequence[Retraction] = (),
) -> JsonObject:
    """Return `auditor.history/1`: a target's versions as given, newest first."""
    runs = {version.id: version.run_id for version in versions}
    return hide_secrets(
        {
            "schema": "auditor.history/1",
            **encode_ids(target, versions[0].kind if versions else None),
            "versions": [_version(version) for version in versions],
            "baselines": [_approval(approval, runs) for approval in approvals],
            "acknowledgements": [encode_acknowledgement(entry) for entry in acknowledgements],
            "retractions": [encode_retraction(retraction) for retraction in retractions],
        }
    )


def encode_acknowledgement(acknowledgement: Acknowledgement) -> JsonObject:
    """Return an acknowledgement, as it was made and as it ended."""
    return {
        "finding": acknowledgement.finding,
        **encode_ids(acknowledgement.target, None),
        "path": acknowledgement.path,
        "author": acknowledgement.author,
        "reason": acknowledgement.reason,
        "at": format_utc(acknowledgement.at),
        "until": acknowledgement.until.isoformat() if acknowledgement.until else None,
        "ended_at": format_utc(acknowledgement.ended_at),
        "ended_why": acknowledgement.ended_why or None,
    }


def encode_retraction(retraction: Retraction) -> JsonObject:
    """Return a decision that took something back."""
    return {
        "kind": str(retraction.kind),
        "finding": retraction.finding or None,
        "path": retraction.path or None,
        "author": retraction.author,
        "reason": retraction.reason,
        "at": format_utc(retraction.at),
    }


def _approval(approval: Approval, runs: Mapping[int, int]) -> JsonObject:
    return {
        "run_id": runs.get(approval.version_id),
        "approved_at": format_utc(approval.at),
        "author": approval.author,
        "reason": approval.reason,
    }


def _run(run: RunInfo) -> JsonObject:
    return {
        "id": run.id,
        "status": str(run.status),
        "trigger": str(run.trigger),
        "started_at": format_utc(run.started_at),
        "finished_at": format_utc(run.finished_at),
    }


def _optional_keys(report: Report) -> JsonObject:
    """Return the keys that only some reports have; others keep exactly the contract's keys."""
    optional: JsonObject = {}
    if report.left_out:
        optional["left_out"] = _left_out(report)
    kinds = {target.target: target.kind for target in report.targets}
    if report.digest is not None:
        optional["digest"] = _digest(report.digest, kinds)
    if report.notices:
        optional["notices"] = [_notice(notice, kinds) for notice in report.notices]
    if report.suppressed_by:
        optional["suppressed_by"] = dict(report.suppressed_by)
    if report.broken_rules:
        optional["broken_rules"] = [
            {**encode_ids(target, kinds.get(target)), "rule": rule, "path": path}
            for target, rule, path in report.broken_rules
        ]
    if replaced := find_replaced(report):
        optional["impulses_replaced"] = list(map(_replaced, replaced))
    return optional


def _left_out(report: Report) -> JsonObject:
    """Return how many targets are counted and not listed, by state."""
    numbers = {str(state): report.count_left_out(state) for state in TargetState}
    return {
        "targets": sum(numbers.values()),
        **{state: number for state, number in numbers.items() if number},
    }


def _digest(digest: Digest, kinds: Mapping[TargetId, BlockKindName]) -> JsonObject:
    return {
        "since_run": digest.after or None,
        "since": format_utc(digest.since),
        "runs": {str(status): number for status, number in digest.runs.items()},
        "changes": digest.changes,
        "approved": digest.approved,
        "acknowledged": digest.acknowledged,
        "taken_back": digest.taken_back,
        "blocks": [
            {**encode_ids(target, kinds.get(target)), "changes": number, "left": left}
            for target, number, left in digest.came_to
        ],
    }


def _replaced(found: ReplacedImpulse) -> JsonObject:
    before: JsonObject = {"before": found.before.id} if found.before else {}
    return {
        "project_id": found.project.target.project_id,
        "impulse_id": found.impulse.id,
        **before,
        "name": found.impulse.name,
        "tuner": found.is_tuned,
        "gone": [target.target.learn_id for target in found.missing],
        "replaced": [target.target.learn_id for target in found.replaced],
        "new": [target.target.learn_id for target in found.new],
    }


def _notice(notice: Notice, kinds: Mapping[TargetId, BlockKindName]) -> JsonObject:
    target = notice.target
    ids = encode_ids(target, None if target is None else kinds.get(target))
    return {
        "kind": str(notice.kind),
        **ids,
        "project_id": notice.project_id if target is None else target.project_id,
        "severity": str(notice.severity),
        "text": notice.text,
        **_late_notice(notice),
    }


def _late_notice(notice: Notice) -> JsonObject:
    if not notice.is_late:
        return {}
    holds: JsonObject = {} if notice.holds is None else {"holds": notice.holds}
    return {"late": True, "run": notice.run_id, **holds}


def _totals(totals: Totals) -> JsonObject:
    return {
        "targets": totals.targets,
        "checked": totals.checked,
        "new": totals.new,
        "in_sync": totals.in_sync,
        "drifted": totals.drifted,
        "missing": totals.missing,
        "unknown": totals.unknown,
        "unsupported": totals.unsupported,
        "findings": totals.findings,
    }


def encode_ids(target: TargetId | None, kind: BlockKindName | None) -> JsonObject:
    """Return project and block of a target; a learn block, or one of unknown kind, as such too."""
    if target is None:
        return {"project_id": None, "block_id": None, "learn_id": None}
    ids: JsonObject = {"project_id": target.project_id, "block_id": target.learn_id}
    if kind is None or kind.target_kind is TargetKind.LEARN:
        ids["learn_id"] = target.learn_id
    return ids


def _target(target: TargetReport) -> JsonObject:
    return {
        **encode_ids(target.target, target.kind),
        "kind": str(target.kind.target_kind),
        "project": target.project,
        "name": target.name,
        "type": target.type,
        "state": str(target.state),
        "model_state": _model_state(target.model_state),
        "findings": [
            *(_finding(finding) for finding in target.findings),
            *(
                {**_finding(each.finding), **_late(each), "holds": each.holds}
                for each in target.late
            ),
        ],
        "suppressed": target.suppressed,
        "error": _failure(target.error),
        **_of_model(target),
    }


def _model_state(state: ModelState) -> str | None:
    """Return a model's state, null for a block of a kind that has no model."""
    return None if state is ModelState.NONE else str(state)


def _of_model(target: TargetReport) -> JsonObject:
    """Return what last happened to the model and when, if the report has it."""
    optional: JsonObject = {}
    if target.model_event is not None:
        optional["model_step"] = str(target.model_event)
    if target.model_since is not None:
        optional["model_since"] = {
            "after": format_utc(target.model_since.after),
            "until": format_utc(target.model_since.until),
        }
    if target.training is not None:
        optional["training"] = _training(target.training)
    if target.place.impulses:
        optional["impulse_ids"] = [impulse.id for impulse in target.place.impulses]
    if target.acknowledged:
        optional["acknowledged"] = target.acknowledged
    return optional


def _training(training: Training) -> JsonObject:
    """Return who trained a block when, by which job, and what was measured, where known."""
    metadata = training.metadata
    return {
        "at": format_utc(metadata.at),
        **({"by": training.person} if training.person else {}),
        **({} if training.job is None else {"job": training.job}),
        "metrics": {
            model_type: dict(measured) for model_type, measured in metadata.metrics.items()
        },
    }


def _finding(finding: Finding) -> JsonObject:
    return {
        "id": finding.id,
        "area": str(finding.area),
        "owner": str(finding.owner),
        "kind": str(finding.kind),
        "path": finding.path,
        "before": finding.before,
        "after": finding.after,
        "severity": str(finding.severity),
        "headline": finding.headline,
        "rule": finding.rule,
        "since": str(finding.since),
        "folded": list(finding.folded),
        **_context(finding),
    }


def _late(late: LateFinding | LateVendorFinding) -> JsonObject:
    return {"late": True, "run": late.run_id}


def _context(finding: Finding) -> JsonObject:
    optional: JsonObject = {}
    if finding.expected:
        optional["expected"] = finding.expected
    if finding.recurrence is not Recurrence.FIRST:
        optional["recurrence"] = str(finding.recurrence)
        optional["reversals"] = finding.reversals
    if finding.follows is not None:
        optional["follows"] = {"block_id": finding.follows}
    if finding.open_since is not None:
        optional["stands_since"] = format_utc(finding.open_since)
    return optional


def _vendor(finding: VendorFinding) -> JsonObject:
    return {
        "id": finding.id,
        "area": str(finding.area),
        "kind": str(finding.kind),
        "path": finding.path,
        "before": finding.before,
        "after": finding.after,
        "targets": finding.targets,
        "severity": str(finding.severity),
        "headline": finding.headline,
    }


def _compared(finding: Finding | VendorFinding) -> JsonObject:
    if isinstance(finding, Finding):
        return _finding(finding)
    owner = Owner.VENDOR if finding.area is Area.CATALOGUE else Owner.UNKNOWN
    return _finding(
        Finding(
            id=finding.id,
            area=finding.area,
            owner=owner,
            kind=finding.kind,
            path=finding.path,
            before=finding.before,
            after=finding.after,
            severity=finding.severity,
            headline=finding.headline,
            rule=f"default:{finding.area}",
            since=Since.LAST,
        )
    )


def _status(status: TargetStatus) -> JsonObject:
    return {
        **encode_ids(status.target, status.kind),
        "kind": str(status.kind.target_kind),
        "project": status.project,
        "name": status.name,
        "type": status.type,
        "state": str(status.state),
        "model_state": _model_state(status.model_state),
        "last_changed_at": format_utc(status.last_changed_at),
        "last_checked_at": format_utc(status.last_checked_at),
        "last_attempted_at": format_utc(status.last_attempted_at),
        "error": _failure(status.error),
    }


def _message(message: MessageInfo) -> JsonObject:
    return {
        "id": message.id,
        "run_id": message.run_id,
        "recipient": message.recipient,
        "subject": message.subject,
        "state": str(message.state),
        "attempts": message.attempts,
        "due_at": format_utc(message.due_at),
        "last_error": message.last_error,
    }


def _version(version: VersionLine) -> JsonObject:
    return {
        "run_id": version.run_id,
        "seen_at": format_utc(version.seen_at),
        "headline": version.headline,
        "model_state": _model_state(version.model_state),
        "hash": version.hash,
        **({"pruned": True} if version.is_pruned else {}),
    }


def _failure(failure: Failure | None) -> JsonObject | None:
    return None if failure is None else {"kind": failure.kind, "message": failure.message}


def _shown(value: Json) -> Json:
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, list):
        return [_shown(member) for member in value]
    return hide_secrets(value) if isinstance(value, dict) else value
