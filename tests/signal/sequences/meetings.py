"""Several mechanisms over nights: accepted hosts, places that move, the vendor amid all."""

from __future__ import annotations

from tests.signal.bases import BASES, SAMPLES
from tests.signal.edits import cut, every, insert, move, put, script
from tests.signal.fleet import acknowledge, approve_all, edit, withhold
from tests.signal.pairs import (
    BLOCK,
    IN_USE,
    LAYERS,
    LOST,
    RETRAIN,
    THRESHOLDS,
    TRAINED,
    TRAINING,
    UNKNOWN,
)
from tests.signal.sequence import Night, Sequence

_KERAS = {3: SAMPLES["keras"]}
_STALE = {3: "stale"}
_ALL_STALE = dict.fromkeys((1, 2, 3), "stale")
_AGAIN = put(selectedModelType="requiresRetrain")
_DETECTOR = "transferLearningModels[fomo_mobilenet_v2_a35]"
_SPECTROGRAM = "augmentationPolicySpectrogram"
_CYCLES = TRAINING.changed("trainingCycles")
_DEPTH = TRAINING.changed("customParameters.max-depth")
_NEURONS = "visualLayers[1].neurons"
_WITHDRAW = put(
    "transferLearningModels.0",
    blockNoLongerAvailable={"reasonMarkdown": "Use v2", "reasonHtml": "Use v2"},
)
_IOU = {"key": "iou", "description": "Overlap", "helpText": "", "value": 0.45}

_ACCEPTED = (
    Sequence(
        "an accepted switch of the mode, and the cycles later",
        _KERAS,
        (
            Night(
                steps=(
                    approve_all(),
                    edit(
                        3, to=put(mode="expert", visualLayers=[], trainingCycles=0, learningRate=0)
                    ),
                ),
                findings={
                    3: (LAYERS.changed("mode", "visualLayers", "trainingCycles", "learningRate"),)
                },
                models=_STALE,
            ),
            Night(steps=(acknowledge(3, "mode"),), models=_STALE),
            Night(
                steps=(edit(3, to=put(trainingCycles=5)),), findings={3: (_CYCLES,)}, models=_STALE
            ),
            Night(baseline={3: (_CYCLES,)}, models=_STALE),
        ),
    ),
    Sequence(
        "an accepted model, and a parameter of it later",
        {3: BASES["classical"]},
        (
            Night(
                steps=(
                    approve_all(),
                    edit(
                        3,
                        to=every(
                            put("visualLayers.0", organizationModelId=901),
                            put("customParameters", **{"max-depth": "8"}),
                        ),
                    ),
                ),
                findings={3: (LAYERS.replaced("visualLayers[0]", "customParameters.max-depth"),)},
                models=_STALE,
            ),
            Night(steps=(acknowledge(3, "visualLayers[0]"),), models=_STALE),
            Night(
                steps=(edit(3, to=put("customParameters", **{"max-depth": "9"})),),
                findings={3: (_DEPTH,)},
                models=_STALE,
            ),
            Night(baseline={3: (_DEPTH,)}, models=_STALE),
        ),
    ),
    Sequence(
        "an accepted layer that is moved later",
        {3: BASES["stack"]},
        (
            Night(
                steps=(approve_all(), edit(3, to=put("visualLayers.1", neurons=16))),
                findings={3: (LAYERS.changed(_NEURONS),)},
                models=_STALE,
            ),
            Night(steps=(acknowledge(3, _NEURONS),), models=_STALE),
            Night(
                steps=(edit(3, to=move("visualLayers", 1, 4)),),
                findings={3: (LAYERS.moved("visualLayers[4]"),)},
                models=_STALE,
            ),
            Night(baseline={3: (LAYERS.moved("visualLayers[4]"),)}, models=_STALE),
        ),
    ),
    Sequence(
        "an accepted layer that goes later",
        _KERAS,
        (
            Night(
                steps=(approve_all(), edit(3, to=put("visualLayers.1", neurons=12))),
                findings={3: (LAYERS.changed(_NEURONS),)},
                models=_STALE,
            ),
            Night(steps=(acknowledge(3, _NEURONS),), models=_STALE),
            Night(
                steps=(edit(3, to=cut("visualLayers.1")),),
                findings={3: (LAYERS.removed("visualLayers[1]"),)},
                baseline=None,
                models=_STALE,
            ),
            Night(baseline={3: (LAYERS.removed("visualLayers[1]"),)}, models=_STALE),
        ),
    ),
    Sequence(
        "an accepted layer, and its twin edited to the same",
        {3: BASES["twins"]},
        (
            Night(
                steps=(approve_all(), edit(3, to=put("visualLayers.0", neurons=16))),
                findings={3: (LAYERS.changed("visualLayers[0].neurons"),)},
                models=_STALE,
            ),
            Night(steps=(acknowledge(3, "visualLayers[0].neurons"),), models=_STALE),
            Night(
                steps=(edit(3, to=put("visualLayers.2", neurons=16)),),
                findings={3: (LAYERS.changed("visualLayers[2].neurons"),)},
                models=_STALE,
            ),
            Night(baseline={3: (LAYERS.changed("visualLayers[2].neurons"),)}, models=_STALE),
        ),
    ),
    Sequence(
        "an accepted policy, one detail of which changes later",
        {3: BASES["spectrogram on"]},
        (
            Night(
                steps=(
                    approve_all(),
                    edit(3, to=put(_SPECTROGRAM, warping=False, timeMasking="high")),
                ),
                findings={3: (TRAINING.changed(_SPECTROGRAM).open(),)},
                models=_STALE,
            ),
            Night(steps=(acknowledge(3, _SPECTROGRAM),), models=_STALE),
            Night(
                steps=(edit(3, to=put(_SPECTROGRAM, gaussianNoise="high")),),
                findings={3: (TRAINING.changed(f"{_SPECTROGRAM}.gaussianNoise"),)},
                baseline=None,
                models=_STALE,
            ),
            Night(baseline={3: (TRAINING.changed(_SPECTROGRAM).open(),)}, models=_STALE),
        ),
    ),
)

_PLACES = (
    Sequence(
        "since when a layer differs, whatever comes before it",
        _KERAS,
        (
            Night(
                steps=(approve_all(), edit(3, to=put("visualLayers.1", neurons=12))),
                findings={3: (LAYERS.changed(_NEURONS),)},
                models=_STALE,
            ),
            Night(
                baseline={3: (LAYERS.changed(_NEURONS),)}, models=_STALE, open_since={_NEURONS: 2}
            ),
            Night(
                steps=(edit(3, to=insert("visualLayers.0", {"type": "flatten"})),),
                findings={3: (LAYERS.added("visualLayers[0]"),)},
                baseline={3: (LAYERS.changed("visualLayers[2].neurons"),)},
                models=_STALE,
                open_since={"visualLayers[2].neurons": 2},
            ),
            Night(
                baseline={
                    3: (
                        LAYERS.added("visualLayers[0]"),
                        LAYERS.changed("visualLayers[2].neurons"),
                    )
                },
                models=_STALE,
                open_since={"visualLayers[0]": 4, "visualLayers[2].neurons": 2},
            ),
        ),
    ),
    Sequence(
        "one of two differences goes",
        _KERAS,
        (
            Night(
                steps=(approve_all(), edit(3, to=put(trainingCycles=60, batchSize=64))),
                findings={3: (_CYCLES, TRAINING.changed("batchSize"))},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=put(batchSize=32)),),
                findings={3: (TRAINING.changed("batchSize"),)},
                baseline={3: (_CYCLES,)},
                models=_STALE,
            ),
            Night(baseline={3: (_CYCLES,)}, models=_STALE, open_since={"trainingCycles": 2}),
        ),
    ),
    Sequence(
        "another type and back",
        _KERAS,
        (
            Night(
                steps=(approve_all(), edit(3, to=put(type="keras-akida"))),
                findings={3: (BLOCK.replaced("type"),)},
            ),
            Night(baseline={3: (BLOCK.replaced("type"),)}),
            Night(steps=(edit(3, to=put(type="keras")),), findings={3: (BLOCK.replaced("type"),)}),
            Night(opens=frozenset()),
        ),
    ),
    Sequence(
        "another model and back",
        {3: SAMPLES["keras-object-detection"]},
        (
            Night(
                steps=(
                    edit(
                        3,
                        to=every(
                            put("visualLayers.0", type="fomo_mobilenet_v2_a01"),
                            put(trainingCycles=90),
                        ),
                    ),
                ),
                findings={3: (LAYERS.replaced("visualLayers[0]", "trainingCycles"),)},
                models=_STALE,
            ),
            Night(
                steps=(
                    edit(
                        3,
                        to=every(
                            put("visualLayers.0", type="fomo_mobilenet_v2_a35"),
                            put(trainingCycles=60),
                        ),
                    ),
                ),
                findings={3: (LAYERS.replaced("visualLayers[0]", "trainingCycles"),)},
            ),
        ),
    ),
)

_VENDOR = (
    Sequence(
        "the model of three is withdrawn",
        dict.fromkeys((1, 2, 3), SAMPLES["keras-object-detection"]),
        (
            Night(
                steps=(edit(1, 2, 3, to=_WITHDRAW),),
                findings=dict.fromkeys(
                    (1, 2, 3), (IN_USE.added(f"{_DETECTOR}.blockNoLongerAvailable"),)
                ),
                catalogue=frozenset({f"3 added {_DETECTOR}.blockNoLongerAvailable"}),
            ),
            Night(),
        ),
    ),
    Sequence(
        "an optional setting goes from all three",
        dict.fromkeys((1, 2, 3), BASES["class weights"]),
        (
            Night(
                steps=(edit(1, 2, 3, to=cut("autoClassWeights")),),
                catalogue=frozenset({"3 removed autoClassWeights"}),
            ),
            Night(),
        ),
    ),
    Sequence(
        "a threshold appears everywhere, another is edited on one",
        dict.fromkeys((1, 2, 3), SAMPLES["keras"]),
        (
            Night(
                steps=(
                    edit(1, 2, 3, to=insert("thresholds.1", _IOU)),
                    edit(2, to=put("thresholds.0", value=0.4)),
                ),
                findings={2: (THRESHOLDS.changed("thresholds[min_score].value"),)},
                catalogue=frozenset({"3 added thresholds[iou]"}),
            ),
        ),
    ),
    Sequence(
        "a key of newer clients appears everywhere, and Studio asks to train again",
        dict.fromkeys((1, 2, 3), SAMPLES["keras"]),
        (
            Night(
                steps=(edit(1, 2, 3, to=every(put(isMultiHead=True), _AGAIN)),),
                findings=dict.fromkeys((1, 2, 3), (RETRAIN.changed("selectedModelType"),)),
                models=_ALL_STALE,
                catalogue=frozenset({"3 added isMultiHead"}),
            ),
        ),
    ),
    Sequence(
        "a template on the night on which a training is lost",
        dict.fromkeys((1, 2), SAMPLES["keras"]),
        (
            Night(
                steps=(
                    edit(1, 2, to=script("beta_2=0.999", "beta_2=0.99")),
                    edit(1, to=put(trained=False)),
                ),
                findings={1: (LOST.changed("trained"),)},
                models={1: "untrained"},
                catalogue=frozenset({"2 changed script"}),
            ),
        ),
    ),
    Sequence(
        "an unknown key on one, and a night later on the two others",
        dict.fromkeys((1, 2, 3), SAMPLES["keras"]),
        (
            Night(steps=(edit(1, to=put(heads=2)),), findings={1: (UNKNOWN.added("heads"),)}),
            Night(
                steps=(edit(2, 3, to=put(heads=2)),),
                findings=dict.fromkeys((2, 3), (UNKNOWN.added("heads"),)),
            ),
        ),
    ),
    Sequence(
        "an unknown key on four of seven",
        dict.fromkeys(range(1, 8), SAMPLES["keras"]),
        (
            Night(
                steps=(edit(1, 2, 3, 4, to=put(heads=2)),),
                catalogue=frozenset({"4 added heads"}),
            ),
        ),
    ),
)

_LATE = (
    Sequence(
        "a lost training that a night kept to itself, and that was made again",
        _KERAS,
        (
            Night(
                steps=(withhold(), edit(3, to=put(trained=False))),
                findings={3: (LOST.changed("trained"),)},
                models={3: "untrained"},
            ),
            Night(
                steps=(edit(3, to=put(trained=True)),),
                findings={3: (TRAINED.changed("trained"),)},
                late=frozenset({(3, "trained", False)}),
                opens=frozenset(),
            ),
            Night(opens=frozenset()),
        ),
    ),
    Sequence(
        "two edits that a night kept to itself, one of which is undone",
        _KERAS,
        (
            Night(
                steps=(withhold(), edit(3, to=put(trainingCycles=60, batchSize=64))),
                findings={3: (_CYCLES, TRAINING.changed("batchSize"))},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=put(batchSize=32)),),
                findings={3: (TRAINING.changed("batchSize"),)},
                late=frozenset({(3, "trainingCycles", True), (3, "batchSize", False)}),
                models=_STALE,
            ),
        ),
    ),
)

_OLDER = (
    Sequence(
        "a policy switched on, and other details of it the night after",
        _KERAS,
        (
            Night(
                steps=(
                    approve_all(),
                    edit(3, to=put(**{_SPECTROGRAM: {"enabled": True, "warping": True}})),
                ),
                findings={
                    3: (
                        TRAINING.changed(
                            _SPECTROGRAM, f"{_SPECTROGRAM}.enabled", f"{_SPECTROGRAM}.warping"
                        ),
                    )
                },
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=put(_SPECTROGRAM, freqMasking="low", timeMasking="low")),),
                findings={
                    3: (
                        TRAINING.changed(
                            _SPECTROGRAM,
                            f"{_SPECTROGRAM}.freqMasking",
                            f"{_SPECTROGRAM}.timeMasking",
                        ),
                    )
                },
                baseline={
                    3: (
                        TRAINING.changed(f"{_SPECTROGRAM}.enabled"),
                        TRAINING.added(f"{_SPECTROGRAM}.warping"),
                    )
                },
                models=_STALE,
            ),
        ),
    ),
    Sequence(
        "a threshold that a person added before the vendor brings it to the others",
        dict.fromkeys((1, 2, 3, 4), SAMPLES["keras"]),
        (
            Night(
                steps=(approve_all(), edit(1, to=insert("thresholds.1", _IOU))),
                findings={1: (THRESHOLDS.added("thresholds[iou]"),)},
            ),
            Night(
                steps=(
                    edit(2, 3, 4, to=insert("thresholds.1", _IOU)),
                    edit(1, 2, 3, 4, to=put(heads=2)),
                ),
                baseline={1: (THRESHOLDS.added("thresholds[iou]"),)},
                catalogue=frozenset({"4 added heads", "3 added thresholds[iou]"}),
            ),
        ),
    ),
    Sequence(
        "a batch edited, and the block replaced the night after",
        _KERAS,
        (
            Night(
                steps=(approve_all(), edit(3, to=put(batchSize=64))),
                findings={3: (TRAINING.changed("batchSize"),)},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=put(type="keras-regression")),),
                findings={3: (BLOCK.replaced("type"),)},
                baseline={3: (TRAINING.changed("batchSize"),)},
            ),
            Night(baseline={3: (BLOCK.replaced("type", "batchSize"),)}),
        ),
    ),
    Sequence(
        "a key that the vendor took away, and blocks that are replaced",
        dict.fromkeys((1, 2, 3), SAMPLES["keras"]),
        (
            Night(
                steps=(approve_all(), edit(1, 2, 3, to=cut("trainTestSplit"))),
                catalogue=frozenset({"3 removed trainTestSplit"}),
            ),
            Night(
                steps=(edit(1, 2, 3, to=put(type="keras-regression")),),
                findings=dict.fromkeys((1, 2, 3), (BLOCK.replaced("type"),)),
            ),
        ),
    ),
)

SEQUENCES = (*_ACCEPTED, *_PLACES, *_VENDOR, *_LATE, *_OLDER)
