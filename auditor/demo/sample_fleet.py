"""The blocks that the demo audits: impulses of two projects, and what a day changes in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from auditor.demo.faults import Fault
from auditor.demo.studio_server import BuiltInStudio, sample_answer, sample_blocks
from auditor.model import BlockKindName, JsonObject, TargetId

PUMP, CAMERA = 101, 202
KEYS = {PUMP: "ei_" + "d3" * 24, CAMERA: "ei_" + "e4" * 24}  # of the demo's own Studio only
PROJECTS = ((PUMP, "pump-monitor"), (CAMERA, "line-camera"))

_MADE = {"createdBy": "createImpulse", "createdAt": "2026-03-02T08:11:09.000Z"}
_RAW = {"param": "scale-axes", "name": "Scale axes", "type": "float", "defaultValue": "1"}


@dataclass(frozen=True, slots=True)
class SampleImpulse:
    """An impulse of the fleet: the ids of its blocks, in the order of the data."""

    project_id: int
    id: int
    name: str
    input: int
    processing: int
    learn: tuple[int, ...]
    post_processing: int | None = None
    type: str = "default"


IMPULSES = (
    SampleImpulse(PUMP, 1, "Motion", 1, 2, (3, 6, 7, 8)),
    SampleImpulse(PUMP, 2, "Sound", 9, 10, (5,)),
    SampleImpulse(PUMP, 3, "Wear", 11, 12, (4,)),
    SampleImpulse(CAMERA, 1, "Parts", 1, 6, (2, 5)),
    SampleImpulse(CAMERA, 2, "Screws", 7, 8, (3, 4), post_processing=9),
    SampleImpulse(CAMERA, 3, "Scenes", 10, 11, (12,), type="VLM"),
)

KERAS_BLOCKS = (
    (TargetId(PUMP, 3), "keras", "Motion classifier"),
    (TargetId(PUMP, 4), "keras-regression", "Remaining life"),
    (TargetId(PUMP, 5), "keras-transfer-kws", "Valve sounds"),
    (TargetId(PUMP, 6), "keras-expert", "Bearing classifier"),
    (TargetId(PUMP, 7), "keras-untrained", "Prototype"),
    (TargetId(CAMERA, 2), "keras-transfer-image", "Part sorter"),
    (TargetId(CAMERA, 3), "keras-object-detection", "Screw finder"),
    (TargetId(CAMERA, 4), "keras-object-detection-yolo-pro", "Label finder"),
    (TargetId(CAMERA, 5), "keras-visual-anomaly", "Scratch detector"),
)
ANOMALY, SCENES = TargetId(PUMP, 8), TargetId(CAMERA, 12)
OTHER_LEARN_BLOCKS = (
    (ANOMALY, BlockKindName.ANOMALY, "anomaly", "Unusual motion"),
    (SCENES, BlockKindName.VLM, "vlm", "Scene reader"),
)
NUMBER_OF_BLOCKS = sum(
    2 + len(each.learn) + (each.post_processing is not None) for each in IMPULSES
)
"""How many blocks the projects have, of all kinds."""

_INPUTS: dict[TargetId, JsonObject] = {
    TargetId(PUMP, 1): {
        "type": "time-series",
        "name": "Accelerometer",
        "title": "Time series data",
        "windowSizeMs": 2000,
        "windowIncreaseMs": 80,
        "frequencyHz": 62.5,
        "padZeros": True,
        "axes": ["accX", "accY", "accZ"],
    },
    TargetId(PUMP, 9): {
        "type": "time-series",
        "name": "Microphone",
        "title": "Time series data",
        "windowSizeMs": 1000,
        "windowIncreaseMs": 500,
        "frequencyHz": 16000,
        "padZeros": True,
        "axes": ["audio"],
    },
    TargetId(PUMP, 11): {
        "type": "time-series",
        "name": "Pressure",
        "title": "Time series data",
        "windowSizeMs": 2500,
        "windowIncreaseMs": 500,
        "frequencyHz": 100,
        "padZeros": False,
        "axes": ["pressure"],
    },
    TargetId(CAMERA, 1): {
        "type": "image",
        "name": "Belt camera",
        "title": "Image data",
        "imageWidth": 160,
        "imageHeight": 160,
        "resizeMode": "fit-short",
        "resizeMethod": "lanczos3",
    },
    TargetId(CAMERA, 7): {
        "type": "image",
        "name": "Screw camera",
        "title": "Image data",
        "imageWidth": 96,
        "imageHeight": 96,
        "resizeMode": "squash",
        "resizeMethod": "nearest",
    },
    TargetId(CAMERA, 10): {
        "type": "image",
        "name": "Hall camera",
        "title": "Image data",
        "imageWidth": 320,
        "imageHeight": 320,
        "resizeMode": "fit-long",
        "resizeMethod": "lanczos3",
    },
}


@dataclass(frozen=True, slots=True)
class SampleProcessing:
    """A processing block of the fleet: the sample it is made of, and what its input decides."""

    sample: str
    type: str
    name: str
    window: int
    features: int
    windows: int


_PROCESSING = {
    TargetId(PUMP, 2): SampleProcessing(
        "dsp-spectral-analysis", "spectral-analysis", "Spectral features", 125, 39, 3214
    ),
    TargetId(PUMP, 10): SampleProcessing("dsp-mfe", "mfe", "MFE", 16000, 3960, 1240),
    TargetId(PUMP, 12): SampleProcessing("dsp-image", "raw", "Raw data", 250, 250, 1180),
    TargetId(CAMERA, 6): SampleProcessing("dsp-image", "image", "Image", 1, 76800, 640),
    TargetId(CAMERA, 8): SampleProcessing("dsp-image", "image", "Image", 1, 27648, 910),
    TargetId(CAMERA, 11): SampleProcessing("dsp-image", "image", "Image", 1, 307200, 85),
}

_Answer = dict[str, Any]


def fill_studio(studio: BuiltInStudio, built_at: datetime) -> None:
    """Fill a Studio with the fleet; what runs in the field was built at a time."""
    for project_id, name in PROJECTS:
        studio.add_project(project_id, name=name, api_key=KEYS[project_id])
    answers = dict(_learn_answers())
    for impulse in IMPULSES:
        studio.name_impulse(impulse.project_id, impulse.id, impulse.name, type_=impulse.type)
        _put_input(studio, impulse)
        _put_processing(studio, impulse, answers)
        for learn_id in impulse.learn:
            _put_learn(studio, impulse, TargetId(impulse.project_id, learn_id), answers)
        _put_post_processing(studio, impulse)
    studio.train(ANOMALY, at=built_at, person="Ada Example")
    studio.deploy(CAMERA, at=built_at, person="Ada Example", impulse_id=2)


def edit_blocks(studio: BuiltInStudio, at: datetime) -> tuple[str, ...]:
    """Edit the fleet as people and the vendor do on a day; return a description of each change."""
    studio.train(ANOMALY, at=at + timedelta(hours=9), person="Ben Example")
    at_noon = at + timedelta(hours=10, minutes=40)
    studio.train(TargetId(PUMP, 6), at=at_noon, person="Cleo Example", accuracy=0.91, loss=0.24)
    studio.leave_behind(CAMERA, impulse_id=2)
    studio.edit(TargetId(PUMP, 3), _insert_dropout)
    studio.edit(TargetId(CAMERA, 3), _lower_threshold)
    studio.edit(TargetId(CAMERA, 2), _add_samples)
    _halve_window(studio)
    unread = TargetId(CAMERA, 5)
    for target, _, _ in KERAS_BLOCKS:
        if target != unread:
            studio.edit(target, _vendor_release)
    studio.fail(Fault.HTTP_500, target=unread)
    return (
        "Motion classifier: a dropout layer is inserted in the middle of six",
        "Screw finder: the score threshold is lowered from 0.5 to 0.35",
        "Microphone: the window is halved; the features of MFE are generated anew",
        "Valve sounds: the training is lost with the old features",
        "Unusual motion: Ben Example trains it again and edits nothing",
        "Bearing classifier: so does Cleo Example; its accuracy falls from 0.94 to 0.91",
        "Screws: what was built of the impulse is left behind by its new threshold",
        "Part sorter: 120 samples are added",
        "the vendor rewords a model's description and adds a field to every answer",
        "Scratch detector: Studio answers with an error",
    )


def _learn_answers() -> Iterator[tuple[TargetId, _Answer]]:
    samples = sample_blocks()
    for target, sample, name in KERAS_BLOCKS:
        answer: _Answer = {**samples[sample], "name": name}
        if target == TargetId(PUMP, 3):
            answer["visualLayers"] = _six_layers()
        yield target, answer
    anomaly: _Answer = sample_answer("anomaly")
    yield ANOMALY, {**anomaly, "name": "Unusual motion"}
    yield SCENES, sample_answer("vlm")


def _put_input(studio: BuiltInStudio, impulse: SampleImpulse) -> None:
    target, impulses = TargetId(impulse.project_id, impulse.input), (impulse.id,)
    entry = {**_INPUTS[target], **_MADE}
    studio.put_block(target, BlockKindName.INPUT, {}, entry=entry, impulses=impulses)


def _put_processing(
    studio: BuiltInStudio, impulse: SampleImpulse, answers: dict[TargetId, _Answer]
) -> None:
    target = TargetId(impulse.project_id, impulse.processing)
    block, entry_of_input = (
        _PROCESSING[target],
        _INPUTS[TargetId(target.project_id, impulse.input)],
    )
    axes: Any = entry_of_input.get("axes", ["image"])
    labels = answers[TargetId(target.project_id, impulse.learn[0])].get("dependencies", {})
    classes = labels.get("classes", [])
    answer: _Answer = sample_answer(block.sample)
    answer["dsp"].update(
        id=target.learn_id,
        name=block.name,
        type=block.type,
        inputAxes=axes,
        windowLength=block.window,
        expectedWindowCount=block.windows,
        classes=classes,
    )
    answer["dsp"]["features"].update(count=block.features, classes=classes)
    if block.type == "raw":
        item = {**answer["config"][0]["items"][0], **_RAW, "value": "1"}
        del item["selectOptions"]
        answer["config"] = [{"group": "Scaling", "items": [item]}]
    entry: JsonObject = {
        "type": block.type,
        "name": block.name,
        "title": block.name,
        "axes": axes,
        "valuesPerAxis": block.features // len(axes),
        "input": impulse.input,
        "implementationVersion": 4,
        **_MADE,
    }
    impulses = (impulse.id,)
    studio.put_block(target, BlockKindName.PROCESSING, answer, entry=entry, impulses=impulses)


def _put_learn(
    studio: BuiltInStudio,
    impulse: SampleImpulse,
    target: TargetId,
    answers: dict[TargetId, _Answer],
) -> None:
    answer = answers[target]
    block = _PROCESSING[TargetId(target.project_id, impulse.processing)]
    if "dependencies" in answer:
        answer["dependencies"] = {
            **answer["dependencies"],
            "blockNames": [block.name],
            "featureCount": block.features,
            "sampleCount": block.windows,
        }
    for other, kind, type_, name in OTHER_LEARN_BLOCKS:
        if other == target:
            entry: JsonObject = {
                "type": type_,
                "name": name,
                "title": name,
                "dsp": [impulse.processing],
                **_MADE,
            }
            studio.put_block(target, kind, answer, entry=entry, impulses=(impulse.id,))
            return
    studio.put(target, answer, impulses=(impulse.id,))


def _put_post_processing(studio: BuiltInStudio, impulse: SampleImpulse) -> None:
    if impulse.post_processing is None:
        return
    target = TargetId(impulse.project_id, impulse.post_processing)
    entry: JsonObject = {
        "type": "object-tracking",
        "name": "Object tracking",
        "title": "Object tracking",
        "implementationVersion": 1,
        **_MADE,
    }
    answer, kind = sample_answer("post-processing"), BlockKindName.POST_PROCESSING
    studio.put_block(target, kind, answer, entry=entry, impulses=(impulse.id,))


def _six_layers() -> list[JsonObject]:
    return [
        {"type": "reshape", "columns": 13},
        {"type": "conv1d", "neurons": 8, "kernelSize": 3},
        {"type": "conv1d", "neurons": 16, "kernelSize": 3},
        {"type": "flatten"},
        {"type": "dense", "neurons": 20},
        {"type": "dense", "neurons": 10},
    ]


def _insert_dropout(answer: _Answer) -> None:
    answer["visualLayers"].insert(3, {"type": "dropout", "dropoutRate": 0.25})
    marker = "model.add(Dense(20"
    answer["script"] = answer["script"].replace(marker, f"model.add(Dropout(0.25))\n{marker}")


def _lower_threshold(answer: _Answer) -> None:
    answer["thresholds"][0]["value"] = 0.35
    answer["minimumConfidenceRating"] = 0.35


def _add_samples(answer: _Answer) -> None:
    answer["dependencies"]["sampleCount"] += 120


def _halve_window(studio: BuiltInStudio) -> None:
    """Halve the window of the microphone and generate its features, which costs a training."""
    microphone, mfe, valve = (TargetId(PUMP, number) for number in (9, 10, 5))
    studio.edit_entry(microphone, lambda entry: entry.update(windowSizeMs=500))
    studio.edit_entry(mfe, lambda entry: entry.update(valuesPerAxis=1960))
    studio.edit(mfe, _generate_half)
    studio.edit(valve, _lose_training)


def _generate_half(answer: _Answer) -> None:
    answer["dsp"].update(windowLength=8000, expectedWindowCount=2480)
    answer["dsp"]["features"].update(count=1960)


def _lose_training(answer: _Answer) -> None:
    answer["trained"] = False
    answer["shape"] = "(49, 40, 1)"
    answer["dependencies"].update(featureCount=1960, sampleCount=2480)


def _vendor_release(answer: _Answer) -> None:
    first = answer["transferLearningModels"][0]
    first["description"] = f"{first['description']} Now with better defaults."
    answer["kFoldsValidationConfig"] = {"enabled": False, "folds": 5}
