"""Reports of made-up nights, one of every kind: for previews, and for the tests of rendering."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from auditor.demo.made_up import (
    HOSTILE,
    LAST_NIGHT,
    NEW_LAYERS,
    OLD_LAYERS,
    STARTED,
    block,
    excerpt_layers,
    finding,
    pump,
    report,
    run,
    spotter,
    unread,
    vendor,
)
from auditor.model import (
    Area,
    Interval,
    ModelEvent,
    ModelState,
    Notice,
    NoticeKind,
    ProjectError,
    Recurrence,
    Report,
    RunStatus,
    Severity,
    Since,
    TargetId,
    TargetReport,
    TargetState,
)


def first_night() -> Report:
    """Return a night that sees everything for the first time."""
    blocks = [block(1, learn, state=TargetState.NEW, last_good_at=None) for learn in (3, 7, 9)]
    other = block(2, 4, state=TargetState.NEW, last_good_at=None, name="Keyword spotter")
    return report(*blocks, other, previous_run_id=None)


def quiet() -> Report:
    """Return a night on which nothing happened."""
    return report(block(1, 3, suppressed=2), block(1, 7), block(2, 4, name="Keyword spotter"))


def drift() -> Report:
    """Return a night with every section but failures."""
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
    gone = block(3, 8, name="Valve", state=TargetState.MISSING, went=True)
    fresh = block(3, 9, name="Valve two", state=TargetState.NEW, last_good_at=None)
    unserved = block(
        3, 10, name="K-means", type="anomaly", state=TargetState.UNSUPPORTED, went=True
    )
    return report(
        pump(),
        block(1, 7),
        spotter(),
        off_baseline,
        gone,
        fresh,
        unserved,
        catalogue=(vendor(),),
        notes=("Run 5 was missed: the service was down from 2026-11-21 02:00 to 09:00 UTC.",),
    )


def incomplete() -> Report:
    """Return a night on which a part could not be read."""
    timeout = "no complete answer within 30 s, after 4 tries"
    return report(
        pump(),
        block(1, 7),
        unread(2, 4, "timeout", timeout, last_good_at=LAST_NIGHT - timedelta(days=2)),
        unread(2, 5, "timeout", timeout, last_good_at=None),
        unread(3, 8, "unauthorized", "Invalid API key"),
        errors=(ProjectError(project_id=3, kind="unauthorized", message="Invalid API key"),),
    )


def decided() -> Report:
    """Return a night in which people and rules had their say."""
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
        headline="Threshold min_score: 0.6 → 0.7 (flapping: 6 reversals in 7 days)",
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
        stands_since=STARTED - timedelta(days=3, hours=2),
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
            step=ModelEvent.RETRAINED,
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
                text="Ignore rule “samples” of anna@example.org ended on 2026-11-22; what it "
                "kept silent (dependencies.sampleCount) is told again. Its reason was: grows",
            ),
        ),
        suppressed_by=(("interface", 2), ("samples", 1)),
        broken_rules=((TargetId(1, 7), "a sane score", "thresholds[min_score].value"),),
    )


def failed() -> Report:
    """Return a night on which nothing could be read."""
    return report(
        unread(1, 3, "unauthorized", "Invalid API key"),
        unread(1, 7, "unauthorized", "Invalid API key"),
        run=run(RunStatus.FAILED),
        errors=(ProjectError(project_id=1, kind="unauthorized", message="Invalid API key"),),
    )


def hostile() -> Report:
    """Return a night in which every name, path, value and error text means harm."""
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
        block(1, 6, project=HOSTILE, name=HOSTILE, state=TargetState.MISSING, went=True),
        catalogue=(replace(vendor(), headline=HOSTILE, path=HOSTILE, after=HOSTILE),),
        errors=(ProjectError(project_id=9, kind=HOSTILE, message=HOSTILE),),
        notes=(HOSTILE,),
        notices=(Notice(kind=NoticeKind.RULE_BROKEN, text=HOSTILE, target=TargetId(1, 5)),),
        suppressed_by=((HOSTILE, 1),),
        schedule=HOSTILE,
    )


def flood() -> Report:
    """Return a night on which 500 blocks drifted, one of them badly."""
    return report(*(_washed(number) for number in range(500)))


def _washed(number: int) -> TargetReport:
    severity = Severity.CRITICAL if number == 499 else Severity.HIGH
    return block(
        number % 20 + 1,
        number,
        state=TargetState.DRIFTED,
        model_state=ModelState.STALE,
        nights="·" * 29 + "▲",
        excerpt=excerpt_layers(OLD_LAYERS, [OLD_LAYERS[0], NEW_LAYERS[1], *OLD_LAYERS[2:]]),
        findings=(
            finding(
                Area.LAYERS,
                "visualLayers[1].neurons",
                8,
                12,
                severity=severity,
                headline=f"Layer 2 (conv1d) of block {number}: neurons: 8 → 12",
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
    "hostile": hostile,
    "flood": flood,
}
