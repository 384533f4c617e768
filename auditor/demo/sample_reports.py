"""Sample reports, one of every kind, for previews and for the tests of rendering."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from auditor.demo.sample_blocks import (
    LAST_NIGHT,
    STARTED,
    block,
    condition,
    finding,
    report,
    run,
    unread,
)
from auditor.demo.sample_changes import drifted_block, retrained_block, untrained_block, vendor
from auditor.demo.sample_floods import flood, flood_alike, hostile
from auditor.demo.sample_impulse import impulse
from auditor.drift.conditions import key_of_rule
from auditor.model import (
    Area,
    ConditionKind,
    Interval,
    ModelEvent,
    ModelState,
    NoticeKind,
    Owner,
    ProjectError,
    Recurrence,
    RunStatus,
    Severity,
    Since,
    TargetId,
    TargetState,
)
from auditor.report import Digest, Notice, Report

_LOST = "Training lost, and the block was not trained again"
_STALE = "Model is stale: settings or data changed after its training (inferred)"
_BROKEN = (
    "Rule “a sane score” is broken: thresholds[min_score].value is 0.7, should be between 0.4 "
    "and 0.65"
)
_KEYWORDS, _PUMP_B = TargetId(2, 4), TargetId(1, 3)
_LAST_WEEK = STARTED - timedelta(days=7)
_CYCLES = finding(
    Area.TRAINING,
    "trainingCycles",
    30,
    60,
    severity=Severity.MEDIUM,
    headline="Training cycles: 30 → 60",
)
_GROWN = finding(
    Area.DATA,
    "dependencies.sampleCount",
    4120,
    4240,
    owner=Owner.DATASET,
    severity=Severity.LOW,
    headline="Samples: 4120 → 4240 (+3%)",
)
_FLAPPING = finding(
    Area.THRESHOLDS,
    "thresholds[min_score].value",
    0.6,
    0.7,
    headline="Threshold min_score: 0.6 → 0.7 (changed back and forth: 6 reversals in 7 days)",
    recurrence=Recurrence.STILL_FLAPPING,
    reversals=6,
)
_OFF_BASELINE = finding(
    Area.LAYERS,
    "visualLayers[1].neurons",
    8,
    12,
    headline="Layer 2 (dense): neurons: 8 → 12",
    since=Since.BASELINE,
    open_since=STARTED - timedelta(days=3, hours=2),
)
_NOTICES = (
    Notice(
        kind=NoticeKind.RULE_BROKEN,
        text=_BROKEN,
        severity=Severity.HIGH,
        target=TargetId(1, 7),
    ),
    Notice(
        kind=NoticeKind.IGNORE_EXPIRED,
        text="Ignore rule “samples” of anna@example.org ended on 2026-11-22; "
        "changes that it suppressed (dependencies.sampleCount) are reported again. Its "
        "reason was: grows",
    ),
)
_BROKEN_RULE = "a sane score", "thresholds[min_score].value"

_REFUSED = (
    "Studio refused the credential (Invalid API key): check the configured key; create a key for "
    "project {} with role admin in Studio (Dashboard, Keys)"
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
    untrained = {"model_state": ModelState.UNTRAINED, "signs": "·····▲···"}
    return report(
        block(1, 3),
        block(1, 5, name="Bearing wear", **untrained),
        block(1, 7),
        block(2, 4, name="Keyword spotter"),
        open=(
            condition(
                ConditionKind.TRAINING_LOST, TargetId(1, 5), Severity.CRITICAL, _LOST, days=3
            ),
            condition(
                ConditionKind.RULE_BROKEN,
                _KEYWORDS,
                Severity.HIGH,
                _BROKEN,
                days=1,
                key=key_of_rule(*_BROKEN_RULE),
            ),
        ),
        broken_rules=((_KEYWORDS, *_BROKEN_RULE),),
    )


def weekly_digest() -> Report:
    """Return the digest of a week in which one edit is left and others were undone."""
    became_stale = Interval(_LAST_WEEK + timedelta(days=1), _LAST_WEEK + timedelta(days=2))
    return report(
        block(
            1,
            3,
            state=TargetState.DRIFTED,
            findings=(_CYCLES,),
            model_state=ModelState.STALE,
            model_since=became_stale,
            last_good_at=_LAST_WEEK,
            signs="··▲·▲··",
        ),
        block(1, 7),
        block(2, 4, name="Keyword spotter"),
        block(2, 5, name="Wake word", state=TargetState.NEW, model_state=ModelState.UNTRAINED),
        open=(condition(ConditionKind.STALE, _PUMP_B, Severity.HIGH, _STALE, days=5),),
        digest=Digest(
            after=1,
            since=_LAST_WEEK,
            runs={RunStatus.COMPLETE: 6, RunStatus.INCOMPLETE: 1},
            changes=6,
            approved=1,
            acknowledged=2,
            came_to=((TargetId(1, 7), 4, 0), (_PUMP_B, 2, 1)),
        ),
    )


def drift() -> Report:
    """Return a report with every section except failures."""
    off_baseline = replace(_CYCLES, since=Since.BASELINE)
    return report(
        drifted_block(),
        retrained_block(),
        block(1, 7),
        untrained_block(),
        block(2, 5, name="Whisper", state=TargetState.DRIFTED, findings=(off_baseline,)),
        block(2, 6, name="Door bell", state=TargetState.DRIFTED, findings=(_GROWN,)),
        block(3, 8, name="Valve", state=TargetState.MISSING, is_news=True),
        block(3, 9, name="Valve two", state=TargetState.NEW, last_good_at=None),
        open=(
            condition(ConditionKind.TRAINING_LOST, _KEYWORDS, Severity.CRITICAL, _LOST),
            condition(ConditionKind.STALE, _PUMP_B, Severity.HIGH, _STALE),
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
        ),
        catalogue=(vendor(),),
        notes=("Run 5 was missed: the service was down from 2026-11-21 02:00 to 09:00 UTC.",),
    )


def incomplete() -> Report:
    """Return a report in which some blocks could not be read."""
    timeout = "no complete answer within 30 s, after 4 tries"
    return report(
        drifted_block(),
        block(1, 7),
        unread(2, 4, "timeout", timeout, last_good_at=LAST_NIGHT - timedelta(days=2)),
        unread(2, 5, "timeout", timeout, last_good_at=None),
        unread(3, 8, "unauthorized", _REFUSED.format(3)),
        open=(condition(ConditionKind.STALE, _PUMP_B, Severity.HIGH, _STALE),),
        errors=(ProjectError(project_id=3, kind="unauthorized", message=_REFUSED.format(3)),),
    )


def decided() -> Report:
    """Return a report with the effects of decisions and rules."""
    expected = replace(_CYCLES, expected="rollout of release 4 (anna@example.org)")
    became_stale = Interval(LAST_NIGHT - timedelta(days=2), LAST_NIGHT - timedelta(days=1))
    return report(
        block(1, 3, state=TargetState.DRIFTED, findings=(expected,)),
        block(
            1,
            7,
            state=TargetState.DRIFTED,
            findings=(_FLAPPING, _OFF_BASELINE),
            acknowledged=1,
        ),
        block(
            2,
            4,
            name="Keyword spotter",
            model_state=ModelState.STALE,
            model_since=became_stale,
        ),
        block(
            2,
            5,
            name="Whisper",
            model_event=ModelEvent.RETRAINED,
            model_since=Interval(LAST_NIGHT, STARTED),
            suppressed=3,
        ),
        notices=_NOTICES,
        open=(
            condition(
                ConditionKind.RULE_BROKEN,
                TargetId(1, 7),
                Severity.HIGH,
                _BROKEN,
                key=key_of_rule(*_BROKEN_RULE),
            ),
            condition(
                ConditionKind.OFF_BASELINE,
                TargetId(1, 7),
                Severity.HIGH,
                "Differs from the baseline: Layer 2 (dense): neurons: 8 → 12",
                days=3,
            ),
            condition(ConditionKind.STALE, _KEYWORDS, Severity.HIGH, _STALE, days=1),
        ),
        suppressed_by=(("interface", 2), ("samples", 1)),
        broken_rules=((TargetId(1, 7), *_BROKEN_RULE),),
    )


def failed() -> Report:
    """Return a report in which no block could be read."""
    return report(
        unread(1, 3, "unauthorized", _REFUSED.format(1)),
        unread(1, 7, "unauthorized", _REFUSED.format(1)),
        run=run(RunStatus.FAILED),
        errors=(ProjectError(project_id=1, kind="unauthorized", message=_REFUSED.format(1)),),
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
    "impulse": impulse,
    "flood": flood,
    "flood-alike": flood_alike,
}
"""A report of every kind, by name."""
