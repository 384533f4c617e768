"""Sample reports, one of every kind, for previews and for the tests of rendering."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from auditor.drift.canonical import dump
from auditor.drift.conditions import key_of_rule
from auditor.model import (
    AgainstBaseline,
    Area,
    BlockKindName,
    ConditionKind,
    Failure,
    Finding,
    Interval,
    Json,
    JsonObject,
    Kind,
    ModelEvent,
    ModelState,
    NoticeKind,
    OpenCondition,
    Owner,
    ProjectError,
    Recurrence,
    RunInfo,
    RunStatus,
    Severity,
    Since,
    TargetId,
    TargetState,
    Trigger,
    VendorFinding,
)
from auditor.report import AnswerExcerpt, Digest, Notice, Report, TargetReport, Totals

STARTED = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)
LAST_NIGHT = STARTED - timedelta(days=1)
HOSTILE = "<img src=x onerror=alert(1)>\r\nBcc: a@b\u202egnp.exe\x1b[31m\x00\ud800\u2066"
OLD_SCRIPT = """import tensorflow as tf

EPOCHS = 30
LEARNING_RATE = 0.0005

model = Sequential()
model.add(Dense(20, activation='relu'))
model.add(Dense(classes, activation='softmax'))
"""
NEW_SCRIPT = OLD_SCRIPT.replace("EPOCHS = 30", "EPOCHS = 60").replace("Dense(20", "Dense(24")
READ = (TargetState.NEW, TargetState.IN_SYNC, TargetState.DRIFTED)
_DROPOUT: Json = {"type": "dropout", "dropoutRate": 0.5}
OLD_LAYERS: list[Json] = [
    {"type": "reshape", "columns": 13},
    {"type": "conv1d", "neurons": 8, "kernelSize": 3, "stack": 1},
    {"type": "dropout", "dropoutRate": 0.25},
    {"type": "conv1d", "neurons": 16, "kernelSize": 3, "stack": 1},
    {"type": "flatten"},
    {"type": "dense", "neurons": 20},
    _DROPOUT,
]
NEW_LAYERS: list[Json] = [
    OLD_LAYERS[0],
    {"type": "conv1d", "neurons": 12, "kernelSize": 3, "stack": 1},
    OLD_LAYERS[2],
    {"type": "dense", "neurons": 12},
    OLD_LAYERS[3],
    _DROPOUT,
    *OLD_LAYERS[4:6],
]
_AROUND_PATHS = ("visualLayers[1].neurons", "visualLayers[3]", "visualLayers[5]")


def _id_of(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def excerpt_layers(old: Json, new: Json, *, suggested: float | None = None) -> AnswerExcerpt:
    """Return an excerpt with the layers of the sample blocks."""
    after: JsonObject = {"visualLayers": new, "mode": "visual"}
    if suggested is not None:
        after["thresholds"] = [{"key": "min_score", "suggestedValue": suggested}]
    before: JsonObject = {"visualLayers": old, "mode": "visual"}
    return AnswerExcerpt(
        before=dump(before),
        after=dump(after),
        findings=tuple(map(_id_of, _AROUND_PATHS)),
        impulse_id=1,
    )


def finding(area: Area, path: str, before: Json, after: Json, **more: object) -> Finding:
    """Return a finding at a path; by default an edit of high severity."""
    values: dict[str, object] = {
        "id": _id_of(path),
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


def report(*targets: TargetReport, **more: object) -> Report:
    """Return a report with the totals of its blocks."""
    states = [target.state for target in targets]
    totals = Totals(
        targets=len(targets),
        checked=sum(state in READ for state in states),
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


def run(status: RunStatus, *, number: int | None = 7) -> RunInfo:
    """Return a run that started at `STARTED`."""
    return RunInfo(
        id=number,
        status=status,
        trigger=Trigger.SCHEDULE,
        started_at=STARTED,
        finished_at=STARTED + timedelta(seconds=41),
    )


def drifted_block() -> TargetReport:
    """Return a block with every kind of change that an edit in Studio can make."""
    layer = NEW_LAYERS[3]
    return block(
        1,
        3,
        name="pump-b",
        state=TargetState.DRIFTED,
        model_state=ModelState.STALE,
        model_event=ModelEvent.STALE,
        model_since=Interval(LAST_NIGHT, STARTED),
        suppressed=1,
        signs="+·········▲··············??··▲",
        excerpt=excerpt_layers(OLD_LAYERS, NEW_LAYERS, suggested=0.55),
        findings=(
            finding(
                Area.LAYERS,
                "visualLayers[1].neurons",
                8,
                12,
                headline="Layer 2 (conv1d): neurons: 8 → 12",
                folded=("script",),
            ),
            finding(
                Area.LAYERS,
                "visualLayers[3]",
                None,
                layer,
                kind=Kind.ADDED,
                headline="Layer 4 (dense) added",
            ),
            finding(
                Area.LAYERS,
                "visualLayers[5]",
                6,
                5,
                kind=Kind.MOVED,
                headline="Layer 6 (dropout) moved from place 7 to 6",
            ),
            finding(
                Area.THRESHOLDS,
                "thresholds[min_score].value",
                0.6,
                "0.7",
                headline="Minimum confidence: 0.6 → 0.7",
                folded=("minimumConfidenceRating",),
                against_baseline=AgainstBaseline.DIFFERS,
            ),
            finding(
                Area.TRAINING,
                "learningRate",
                0.0005,
                0.001,
                severity=Severity.MEDIUM,
                headline="Learning rate: 0.0005 → 0.001",
                against_baseline=AgainstBaseline.DIFFERS,
            ),
            finding(
                Area.DATA,
                "dependencies.classes",
                ["idle", "snake", "wave"],
                ["idle", "updown", "wave"],
                owner=Owner.DATASET,
                headline="Classes: snake removed, updown added",
            ),
            finding(
                Area.DATA,
                "dependencies.sampleCount",
                4120,
                5880,
                owner=Owner.DATASET,
                severity=Severity.LOW,
                headline="Samples: 4,120 → 5,880 (+43 %)",
            ),
        ),
    )


def untrained_block() -> TargetReport:
    """Return a block whose training is lost, with a changed script and secret."""
    return block(
        2,
        4,
        name="Keyword spotter",
        type="keras-transfer-kws",
        state=TargetState.DRIFTED,
        model_state=ModelState.UNTRAINED,
        signs="····○○+····▲",
        findings=(
            finding(
                Area.TRAINED,
                "trained",
                True,
                False,
                owner=Owner.TRAINING,
                severity=Severity.CRITICAL,
                headline="The trained model is gone: trained yes → no",
                folded=("selectedModelType",),
            ),
            finding(
                Area.SCRIPT,
                "script",
                OLD_SCRIPT,
                NEW_SCRIPT,
                headline="Training script: 2 lines changed",
            ),
            finding(
                Area.TRAINING,
                "customParameters.token",
                f"(hidden:{'a' * 32})",
                f"(hidden:{'b' * 32})",
                severity=Severity.MEDIUM,
                headline="Custom parameter token changed (hidden)",
            ),
        ),
    )


def vendor() -> VendorFinding:
    """Return a change of the vendor's."""
    return VendorFinding(
        id="00000000000000cc",
        area=Area.CATALOGUE,
        kind=Kind.ADDED,
        path="transferLearningModels[fomo_mobilenet_v2_a35]",
        before=None,
        after={"name": "FOMO MobileNetV2 0.35", "implementationVersion": 2},
        targets=3,
        severity=Severity.INFO,
        headline="Model added to the catalogue: FOMO MobileNetV2 0.35",
    )


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


def first_night() -> Report:
    """Return a report in which every block is new."""
    blocks = [block(1, learn, state=TargetState.NEW, last_good_at=None) for learn in (3, 7, 9)]
    other = block(2, 4, state=TargetState.NEW, last_good_at=None, name="Keyword spotter")
    return report(*blocks, other, previous_run_id=None)


def quiet() -> Report:
    """Return a report without changes."""
    return report(block(1, 3, suppressed=2), block(1, 7), block(2, 4, name="Keyword spotter"))


def quiet_with_open_conditions() -> Report:
    """Return a report without changes, while a training is lost and a rule is broken."""
    return report(
        block(1, 3),
        block(
            1,
            5,
            name="Bearing wear",
            model_state=ModelState.UNTRAINED,
            signs="·····▲···",
        ),
        block(1, 7),
        block(2, 4, name="Keyword spotter"),
        open=(
            condition(
                ConditionKind.TRAINING_LOST,
                TargetId(1, 5),
                Severity.CRITICAL,
                "Training lost, and the block was not trained again",
                days=3,
            ),
            condition(
                ConditionKind.RULE_BROKEN,
                TargetId(2, 4),
                Severity.HIGH,
                "Rule “a sane score” is broken: thresholds[min_score].value is 0.7, should be "
                "between 0.4 and 0.65",
                days=1,
                key=key_of_rule("a sane score", "thresholds[min_score].value"),
            ),
        ),
        broken_rules=((TargetId(2, 4), "a sane score", "thresholds[min_score].value"),),
    )


def weekly_digest() -> Report:
    """Return the digest of a week in which one edit is left and others were undone."""
    cycles = finding(
        Area.TRAINING,
        "trainingCycles",
        30,
        90,
        severity=Severity.MEDIUM,
        headline="Training cycles: 30 → 90",
    )
    last_week = STARTED - timedelta(days=7)
    return report(
        block(
            1,
            3,
            state=TargetState.DRIFTED,
            findings=(cycles,),
            model_state=ModelState.STALE,
            model_since=Interval(last_week + timedelta(days=1), last_week + timedelta(days=2)),
            last_good_at=last_week,
            signs="··▲·▲··",
        ),
        block(1, 7),
        block(2, 4, name="Keyword spotter"),
        block(2, 5, name="Wake word", state=TargetState.NEW, model_state=ModelState.UNTRAINED),
        open=(
            condition(
                ConditionKind.STALE,
                TargetId(1, 3),
                Severity.HIGH,
                "Model stale: trained before the last edit of its settings or data",
                days=5,
            ),
        ),
        digest=Digest(
            after=1,
            since=last_week,
            runs={RunStatus.COMPLETE: 6, RunStatus.INCOMPLETE: 1},
            changes=6,
            approved=1,
            acknowledged=2,
            came_to=((TargetId(1, 7), 4, 0), (TargetId(1, 3), 2, 1)),
        ),
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


def drift() -> Report:
    """Return a report with every section except failures."""
    off_baseline = block(
        2,
        5,
        name="Whisper",
        state=TargetState.DRIFTED,
        findings=(
            finding(
                Area.TRAINING,
                "trainingCycles",
                30,
                60,
                since=Since.BASELINE,
                severity=Severity.MEDIUM,
                headline="Training cycles: 30 → 60",
            ),
        ),
    )
    missing = block(3, 8, name="Valve", state=TargetState.MISSING, is_news=True)
    fresh = block(3, 9, name="Valve two", state=TargetState.NEW, last_good_at=None)
    unserved = block(
        3, 10, name="K-means", type="anomaly", state=TargetState.UNSUPPORTED, is_news=True
    )
    return report(
        drifted_block(),
        block(1, 7),
        untrained_block(),
        off_baseline,
        missing,
        fresh,
        unserved,
        open=_open_of_drift(),
        catalogue=(vendor(),),
        notes=("Run 5 was missed: the service was down from 2026-11-21 02:00 to 09:00 UTC.",),
    )


def _open_of_drift() -> tuple[OpenCondition, ...]:
    return (
        condition(
            ConditionKind.TRAINING_LOST,
            TargetId(2, 4),
            Severity.CRITICAL,
            "Training lost, and the block was not trained again",
        ),
        condition(
            ConditionKind.STALE,
            TargetId(1, 3),
            Severity.HIGH,
            "Model is stale: the configuration changed after the training (inferred)",
        ),
        condition(
            ConditionKind.MISSING,
            TargetId(3, 8),
            Severity.HIGH,
            "Block is missing: Studio no longer lists it",
        ),
        condition(
            ConditionKind.OFF_BASELINE,
            TargetId(2, 5),
            Severity.MEDIUM,
            "Differs from the baseline: Training cycles: 30 → 60",
            days=2,
        ),
    )


def incomplete() -> Report:
    """Return a report in which some blocks could not be read."""
    timeout = "no complete answer within 30 s, after 4 tries"
    return report(
        drifted_block(),
        block(1, 7),
        unread(2, 4, "timeout", timeout, last_good_at=LAST_NIGHT - timedelta(days=2)),
        unread(2, 5, "timeout", timeout, last_good_at=None),
        unread(3, 8, "unauthorized", "Invalid API key"),
        errors=(ProjectError(project_id=3, kind="unauthorized", message="Invalid API key"),),
    )


def decided() -> Report:
    """Return a report with the effects of decisions and rules."""
    expected = finding(
        Area.TRAINING,
        "trainingCycles",
        30,
        60,
        severity=Severity.MEDIUM,
        headline="Training cycles: 30 → 60",
        expected="rollout of release 4 (anna@example.org)",
    )
    flapping = finding(
        Area.THRESHOLDS,
        "thresholds[min_score].value",
        0.6,
        0.7,
        headline="Threshold min_score: 0.6 → 0.7 (changed back and forth: 6 reversals in 7 days)",
        recurrence=Recurrence.STILL_FLAPPING,
        reversals=6,
    )
    standing = finding(
        Area.LAYERS,
        "visualLayers[1].neurons",
        8,
        12,
        headline="Layer 2 (dense): neurons: 8 → 12",
        since=Since.BASELINE,
        open_since=STARTED - timedelta(days=3, hours=2),
    )
    return report(
        block(1, 3, state=TargetState.DRIFTED, findings=(expected,)),
        block(1, 7, state=TargetState.DRIFTED, findings=(flapping, standing), acknowledged=1),
        block(
            2,
            4,
            name="Keyword spotter",
            model_state=ModelState.STALE,
            model_since=Interval(LAST_NIGHT - timedelta(days=2), LAST_NIGHT - timedelta(days=1)),
        ),
        block(
            2,
            5,
            name="Whisper",
            model_event=ModelEvent.RETRAINED,
            model_since=Interval(LAST_NIGHT, STARTED),
            suppressed=3,
        ),
        notices=(
            Notice(
                kind=NoticeKind.RULE_BROKEN,
                text="Rule “a sane score” is broken: thresholds[min_score].value is 0.7, should "
                "be between 0.4 and 0.65",
                severity=Severity.HIGH,
                target=TargetId(1, 7),
            ),
            Notice(
                kind=NoticeKind.IGNORE_EXPIRED,
                text="Ignore rule “samples” of anna@example.org ended on 2026-11-22; "
                "changes that it suppressed (dependencies.sampleCount) are reported again. Its "
                "reason was: grows",
            ),
        ),
        suppressed_by=(("interface", 2), ("samples", 1)),
        broken_rules=((TargetId(1, 7), "a sane score", "thresholds[min_score].value"),),
    )


def failed() -> Report:
    """Return a report in which no block could be read."""
    return report(
        unread(1, 3, "unauthorized", "Invalid API key"),
        unread(1, 7, "unauthorized", "Invalid API key"),
        run=run(RunStatus.FAILED),
        errors=(ProjectError(project_id=1, kind="unauthorized", message="Invalid API key"),),
    )


def hostile() -> Report:
    """Return a report in which every name, path, value and error text is malicious."""
    changed = finding(
        Area.UNKNOWN,
        f"customParameters[{HOSTILE}]",
        {HOSTILE: HOSTILE},
        [HOSTILE],
        headline=f"{HOSTILE} changed",
        folded=(HOSTILE,),
        rule=HOSTILE,
    )
    text = finding(Area.SCRIPT, "script", f"a\n{HOSTILE}\n", f"b\n{HOSTILE}{'x' * 5000}\n")
    return report(
        block(
            1,
            3,
            project=HOSTILE,
            name=HOSTILE,
            type=HOSTILE,
            state=TargetState.DRIFTED,
            findings=(changed, text, replace(changed, id="f0", expected=HOSTILE)),
        ),
        unread(1, 4, HOSTILE, HOSTILE, project=HOSTILE, name=HOSTILE),
        block(1, 5, project=HOSTILE, name=HOSTILE, state=TargetState.NEW),
        block(1, 6, project=HOSTILE, name=HOSTILE, state=TargetState.MISSING, is_news=True),
        catalogue=(replace(vendor(), headline=HOSTILE, path=HOSTILE, after=HOSTILE),),
        errors=(ProjectError(project_id=9, kind=HOSTILE, message=HOSTILE),),
        notes=(HOSTILE,),
        notices=(Notice(kind=NoticeKind.RULE_BROKEN, text=HOSTILE, target=TargetId(1, 5)),),
        suppressed_by=((HOSTILE, 1),),
        schedule=HOSTILE,
    )


def flood() -> Report:
    """Return a report with 500 blocks that drifted each in another way, one of them critical."""
    return report(*(_flooded_block(number) for number in range(500)))


def _flooded_block(number: int) -> TargetReport:
    severity = Severity.CRITICAL if number == 499 else Severity.HIGH
    return block(
        number % 20 + 1,
        number,
        state=TargetState.DRIFTED,
        model_state=ModelState.STALE,
        signs="·" * 29 + "▲",
        excerpt=replace(
            excerpt_layers(OLD_LAYERS, [OLD_LAYERS[0], NEW_LAYERS[1], *OLD_LAYERS[2:]]),
            findings=(_id_of(f"neurons {number}"),),
        ),
        findings=(
            finding(
                Area.LAYERS,
                "visualLayers[1].neurons",
                8,
                12 + number,
                id=_id_of(f"neurons {number}"),
                severity=severity,
                headline=f"Layer 2 (conv1d): neurons: 8 → {12 + number}",
            ),
        ),
    )


def flood_alike() -> Report:
    """Return a report in which somebody moved a threshold of 500 blocks."""
    return report(*(_moved_block(number) for number in range(500)))


def _moved_block(number: int) -> TargetReport:
    return block(
        number % 20 + 1,
        number,
        state=TargetState.DRIFTED,
        signs="·" * 29 + "▲",
        findings=(
            finding(
                Area.THRESHOLDS,
                "thresholds[min_score].value",
                0.6,
                0.7,
                id=_id_of(f"min_score {number}"),
                headline="Minimum confidence: 0.6 → 0.7",
            ),
        ),
    )


STATES = {
    "first-night": first_night,
    "quiet": quiet,
    "drift": drift,
    "decided": decided,
    "incomplete": incomplete,
    "failed": failed,
    "open-conditions": quiet_with_open_conditions,
    "weekly-digest": weekly_digest,
    "hostile": hostile,
    "flood": flood,
    "flood-alike": flood_alike,
}
