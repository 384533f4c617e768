"""Sample blocks that drifted, with every kind of change that an edit or a training can make."""

from __future__ import annotations

from datetime import datetime, timedelta

from auditor.context import ModelMetadata, Training
from auditor.demo.context import write_date
from auditor.demo.sample_blocks import LAST_NIGHT, STARTED, block, finding, id_of
from auditor.drift.canonical import dump
from auditor.drift.trainings import TRAINING_PATH, short_date
from auditor.model import (
    AgainstBaseline,
    Area,
    Finding,
    Interval,
    Json,
    JsonObject,
    Kind,
    ModelEvent,
    ModelState,
    Owner,
    Severity,
    TargetState,
    VendorFinding,
)
from auditor.report import AnswerExcerpt, TargetReport

OLD_SCRIPT = """import tensorflow as tf

EPOCHS = 30
LEARNING_RATE = 0.0005

model = Sequential()
model.add(Dense(20, activation='relu'))
model.add(Dense(classes, activation='softmax'))
"""
NEW_SCRIPT = OLD_SCRIPT.replace("EPOCHS = 30", "EPOCHS = 60").replace("Dense(20", "Dense(24")
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
_EDITS = (
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
        NEW_LAYERS[3],
        kind=Kind.ADDED,
        headline="Layer 4 added: dense (neurons 12)",
    ),
    finding(
        Area.LAYERS,
        "visualLayers[5]",
        6,
        5,
        kind=Kind.MOVED,
        headline="Layer dropout (dropout rate 0.5) moved from place 7 to 6",
    ),
    finding(
        Area.THRESHOLDS,
        "thresholds[min_score].value",
        0.6,
        0.7,
        headline="Threshold min_score (Minimum confidence): 0.6 → 0.7, "
        "away from the suggested 0.55",
        folded=("minimumConfidenceRating",),
        against_baseline=AgainstBaseline.DIFFERS,
    ),
    finding(
        Area.DATA,
        "dependencies.classes",
        ["idle", "snake", "wave"],
        ["idle", "updown", "wave"],
        owner=Owner.DATASET,
        headline="Labels: updown added, snake removed",
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
        "dependencies.sampleCount",
        3214,
        5,
        owner=Owner.DATASET,
        severity=Severity.LOW,
        headline="Samples: 3214 → 5 (-99.8%)",
    ),
)
_LOSSES = (
    finding(
        Area.TRAINED,
        "trained",
        True,
        False,
        owner=Owner.TRAINING,
        severity=Severity.CRITICAL,
        headline="Training lost: the block is no longer trained",
        folded=("selectedModelType",),
        rule="trained:lost",
    ),
    finding(
        Area.SCRIPT,
        "script",
        OLD_SCRIPT,
        NEW_SCRIPT,
        headline="Training script: EPOCHS 30 → 60; layer 1 Dense: 20 → 24 "
        "(2 lines added, 2 removed)",
    ),
    finding(
        Area.TRAINING,
        "customParameters.token",
        f"(hidden:{'a' * 32})",
        f"(hidden:{'b' * 32})",
        severity=Severity.MEDIUM,
        headline="Custom parameter token changed (hidden)",
    ),
)
_MEASURED_BEFORE = {"accuracy": 0.94, "loss": 0.15, "latency": 3, "ram": 1900, "rom": 15300}
_MEASURED_NOW = {"accuracy": 0.89, "loss": 0.31, "latency": 3, "ram": 1900, "rom": 15400}


def excerpt_layers(old: Json, new: Json, *, suggested: float | None = None) -> AnswerExcerpt:
    """Return an excerpt with the layers of the sample blocks."""
    after: JsonObject = {"visualLayers": new, "mode": "visual"}
    if suggested is not None:
        after["thresholds"] = [{"key": "min_score", "suggestedValue": suggested}]
    before: JsonObject = {"visualLayers": old, "mode": "visual"}
    return AnswerExcerpt(
        before=dump(before),
        after=dump(after),
        findings=tuple(map(id_of, _AROUND_PATHS)),
        impulse_id=1,
    )


def drifted_block() -> TargetReport:
    """Return a block with every kind of change that an edit in Studio can make."""
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
        findings=_EDITS,
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
        findings=_LOSSES,
    )


def retrained_block() -> TargetReport:
    """Return a block that somebody trained again, with less accuracy and no setting changed."""
    before, now = STARTED - timedelta(days=9), STARTED - timedelta(hours=13, minutes=13)
    return block(
        1,
        5,
        name="Bearing wear",
        state=TargetState.DRIFTED,
        training_before=_training(before, "Ada Example", _MEASURED_BEFORE),
        training=_training(now, "Ben Example", _MEASURED_NOW),
        is_trained_now=True,
        findings=(_retraining(before, now),),
    )


def _training(at: datetime, person: str, measured: dict[str, float]) -> Training:
    metadata = ModelMetadata(
        created=write_date(at), at=at, model_type="int8", metrics={"int8": measured}
    )
    return Training(metadata=metadata, person=person)


def _retraining(before: datetime, now: datetime) -> Finding:
    return finding(
        Area.TRAINED,
        TRAINING_PATH,
        write_date(before),
        write_date(now),
        owner=Owner.TRAINING,
        headline=f"Trained again by Ben Example, {short_date(now)} UTC: "
        "accuracy 0.94 → 0.89 (int8)",
        rule="trained:accuracy-fell",
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
        headline="Model “FOMO MobileNetV2 0.35” fomo_mobilenet_v2_a35 added to the catalogue",
    )
