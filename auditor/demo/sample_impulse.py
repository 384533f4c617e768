"""A sample report of whole impulses: one that was edited, one that was made anew."""

from __future__ import annotations

from dataclasses import replace

from auditor.demo.sample_blocks import LAST_NIGHT, STARTED, block, condition, finding, report
from auditor.drift.canonical import dump
from auditor.impulses import Impulse, ImpulsePlace
from auditor.model import (
    Area,
    BlockKindName,
    ConditionKind,
    Finding,
    Interval,
    Kind,
    ModelEvent,
    ModelState,
    Owner,
    Severity,
    TargetId,
    TargetState,
)
from auditor.report import AnswerExcerpt, Report, TargetReport

_MOTION, _KEYWORDS = Impulse(1, "Impulse #1"), Impulse(4, "Keywords")
_TRACKING = dump({"enabled": True})
_WITH = "with the edit of “Time series”"


def impulse() -> Report:
    """Return a report with a window that was edited and what follows, and an impulse anew."""
    return report(
        *_edited_impulse(),
        *_replaced_impulse(),
        open=(
            condition(
                ConditionKind.STALE,
                TargetId(1, 4),
                Severity.HIGH,
                "Model is stale: settings or data changed after its training (inferred)",
            ),
            condition(
                ConditionKind.FEATURES_MISSING,
                TargetId(1, 6),
                Severity.MEDIUM,
                "Features are not generated: the edit has no effect until they are",
                days=1,
            ),
        ),
    )


def _edited_impulse() -> tuple[TargetReport, ...]:
    drifted = TargetState.DRIFTED
    window = finding(
        Area.INPUT, "windowSizeMs", 2000, 1000, headline="Window size: 2000 → 1000 ms"
    )
    tracking = finding(
        Area.PROCESSING,
        "parameters[keep_grace].value",
        "5",
        "9",
        headline="Keep grace (keep_grace): 5 → 9",
        severity=Severity.HIGH,
    )
    return (
        replace(
            _block(1, 2, "Time series", "time-series", BlockKindName.INPUT),
            state=drifted,
            findings=(window,),
        ),
        replace(
            _block(1, 3, "Spectral features", "spectral-analysis", BlockKindName.PROCESSING, 2),
            state=drifted,
            findings=(_followed("dsp.features.count", "Number of features", 39, 21),),
        ),
        replace(
            _block(1, 4, "Motion classifier", "keras", BlockKindName.KERAS, 3),
            state=drifted,
            model_state=ModelState.STALE,
            model_event=ModelEvent.STALE,
            model_since=Interval(LAST_NIGHT, STARTED),
            findings=(_followed("dependencies.featureCount", "Input features", 39, 21),),
        ),
        replace(
            _block(1, 5, "Object tracking", "object-tracking", BlockKindName.POST_PROCESSING, 4),
            state=drifted,
            findings=(tracking,),
            excerpt=AnswerExcerpt(before=_TRACKING, after=_TRACKING, findings=(tracking.id,)),
        ),
        _block(1, 6, "Flatten", "flatten", BlockKindName.PROCESSING, 2),
    )


def _replaced_impulse() -> tuple[TargetReport, ...]:
    kinds: tuple[tuple[int, str, str, BlockKindName, tuple[int, ...]], ...] = (
        (7, "Microphone", "time-series", BlockKindName.INPUT, ()),
        (8, "MFE", "mfe", BlockKindName.PROCESSING, (7,)),
        (9, "Keyword classifier", "keras", BlockKindName.KERAS, (8,)),
    )
    blocks = []
    for number, name, type_, kind, sources in kinds:
        before = _block(2, number, name, type_, kind, *sources, impulse=_KEYWORDS)
        later = tuple(each + 10 for each in sources)
        after = _block(2, number + 10, name, type_, kind, *later, impulse=_KEYWORDS)
        made = replace(after.place, made_by="tuner")
        blocks.append(replace(before, state=TargetState.MISSING, is_news=True))
        blocks.append(replace(after, state=TargetState.NEW, place=made))
    return tuple(sorted(blocks, key=lambda target: target.target))


def _followed(path: str, label: str, before: int, after: int) -> Finding:
    return finding(
        Area.DATA,
        path,
        before,
        after,
        owner=Owner.DATASET,
        kind=Kind.CHANGED,
        follows=2,
        headline=f"{label}: {before} → {after}, {_WITH}",
    )


def _block(
    project_id: int,
    block_id: int,
    name: str,
    type_: str,
    kind: BlockKindName,
    *sources: int,
    impulse: Impulse = _MOTION,
) -> TargetReport:
    has_model = kind is BlockKindName.KERAS
    return block(
        project_id,
        block_id,
        name=name,
        type=type_,
        kind=kind,
        model_state=ModelState.TRAINED if has_model else ModelState.NONE,
        place=ImpulsePlace((impulse,), sources),
    )
