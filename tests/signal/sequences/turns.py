"""Values that come back, go on or are decided on while something else happens to the block."""

from __future__ import annotations

from tests.signal.bases import BASES, FLATTEN, SAMPLES
from tests.signal.edits import Edit, cut, every, insert, place, put, script
from tests.signal.fleet import Step, acknowledge, approve_all, approve_block, edit, withhold
from tests.signal.pairs import (
    DATA,
    LAYERS,
    LOST,
    MODEL_TYPE,
    RETRAIN,
    SCRIPT,
    SUGGESTED,
    THRESHOLDS,
    TRAINED,
    TRAINING,
    UNKNOWN,
)
from tests.signal.sequence import Night, Sequence

_KERAS = {3: SAMPLES["keras"]}
_EXPERT = {3: SAMPLES["keras-expert"]}
_ANOMALY = {3: SAMPLES["keras-visual-anomaly"]}
_STACK = {3: BASES["stack"]}
_FIVE = dict.fromkeys(range(1, 6), SAMPLES["keras"])
_STALE, _LOST = {3: "stale"}, {3: "untrained"}
_OPEN_STALE = frozenset({("stale", 3)})
_OPEN_LOST = frozenset({("training_lost", 3)})
_TYPE, _SCORE = "selectedModelType", "thresholds[min_score].value"
_SUGGESTED = "thresholds[min_anomaly_score].suggestedValue"
_CONV2D = {"type": "conv2d", "neurons": 8, "kernelSize": 3, "stack": 1}
_BATCH = {3: (TRAINING.changed("batchSize"),)}
_THRESHOLD = {3: (THRESHOLDS.changed(_SCORE),)}
_PROGRAM = {3: (SCRIPT.changed("script"),)}
_LABELS = {3: (DATA.changed("dependencies.classes", "dependencies.outputClasses"),)}
_AGAIN, _INT8 = put(selectedModelType="requiresRetrain"), put(selectedModelType="int8")


def _three(to: Edit) -> Step:
    return edit(3, to=to)


def _labels(*labels: str) -> Step:
    return _three(put("dependencies", classes=[*labels], outputClasses=[*labels]))


_VALUES = (
    Sequence(
        "a batch size back and forth",
        _KERAS,
        (
            Night(
                steps=(_three(put(batchSize=64)),),
                findings=_BATCH,
                models=_STALE,
                opens=_OPEN_STALE,
            ),
            Night(
                steps=(_three(put(batchSize=32)),),
                findings=_BATCH,
                opens=frozenset(),
                recurrences={"batchSize": "reverted"},
            ),
            Night(
                steps=(_three(put(batchSize=64)),),
                findings=_BATCH,
                models=_STALE,
                opens=_OPEN_STALE,
            ),
            Night(steps=(_three(put(batchSize=32)),), findings=_BATCH, opens=frozenset()),
            Night(opens=frozenset()),
        ),
    ),
    Sequence(
        "approved, edited, approved, edited on",
        _KERAS,
        (
            Night(steps=(approve_all(),)),
            Night(
                steps=(_three(put(batchSize=64)),),
                findings=_BATCH,
                baseline=None,
                models=_STALE,
            ),
            Night(baseline=_BATCH, models=_STALE, open_since={"batchSize": 3}),
            Night(steps=(approve_block(3),), opens=frozenset()),
            Night(
                steps=(_three(put(batchSize=128)),),
                findings=_BATCH,
                baseline=None,
                models=_STALE,
            ),
            Night(baseline=_BATCH, models=_STALE),
        ),
    ),
    Sequence(
        "a threshold acknowledged, and moved on",
        _KERAS,
        (
            Night(steps=(approve_all(),)),
            Night(
                steps=(_three(put("thresholds.0", value=0.7)),),
                findings=_THRESHOLD,
                baseline=None,
            ),
            Night(steps=(acknowledge(3, _SCORE),)),
            Night(
                steps=(_three(put("thresholds.0", value=0.8)),),
                findings=_THRESHOLD,
                baseline=None,
            ),
            Night(baseline=_THRESHOLD),
        ),
    ),
    Sequence(
        "a threshold reported to nobody, and put back",
        _KERAS,
        (
            Night(steps=(withhold(), _three(put("thresholds.0", value=0.9))), findings=_THRESHOLD),
            Night(
                steps=(_three(put("thresholds.0", value=0.6)),),
                findings=_THRESHOLD,
                late=frozenset({(3, _SCORE, False)}),
            ),
            Night(),
        ),
    ),
    Sequence(
        "an unknown key that the vendor brought, set by a person and put back",
        _FIVE,
        (
            Night(steps=(approve_all(),)),
            Night(
                steps=(edit(*_FIVE, to=put(shardCount=1)),),
                catalogue=frozenset({"5 added shardCount"}),
            ),
            Night(
                steps=(edit(4, to=put(shardCount=8)),),
                findings={4: (UNKNOWN.changed("shardCount"),)},
                baseline=None,
            ),
            Night(baseline={4: (UNKNOWN.added("shardCount"),)}),
            Night(
                steps=(edit(4, to=put(shardCount=1)),),
                findings={4: (UNKNOWN.changed("shardCount"),)},
            ),
            Night(),
        ),
    ),
    Sequence(
        "the vendor's words on five, one of them edited",
        _FIVE,
        (
            Night(
                steps=(
                    edit(*_FIVE, to=put("thresholds.0", description="Score")),
                    edit(*_FIVE, to=put("transferLearningModels.0", description="Trees.")),
                    edit(2, to=put(trainingCycles=60)),
                ),
                findings={2: (TRAINING.changed("trainingCycles"),)},
                models={2: "stale"},
                catalogue=frozenset(
                    {
                        "5 changed thresholds[min_score].description",
                        "5 changed transferLearningModels[transfer_organization:900].description",
                    }
                ),
            ),
            Night(models={2: "stale"}),
        ),
    ),
    Sequence(
        "another template and a wish to train again on five, one of them edited",
        _FIVE,
        (
            Night(
                steps=(
                    edit(*_FIVE, to=every(script("beta_2=0.999", "beta_2=0.99"), _AGAIN)),
                    edit(5, to=put("visualLayers.1", neurons=12)),
                ),
                findings={
                    **dict.fromkeys(range(1, 5), (RETRAIN.changed(_TYPE),)),
                    5: (LAYERS.changed("visualLayers[1].neurons", _TYPE, "script"),),
                },
                models=dict.fromkeys(_FIVE, "stale"),
                catalogue=frozenset({"4 changed script"}),
            ),
            Night(models=dict.fromkeys(_FIVE, "stale")),
            Night(
                steps=(edit(*_FIVE, to=_INT8),),
                findings=dict.fromkeys(_FIVE, (MODEL_TYPE.changed(_TYPE),)),
            ),
        ),
    ),
)

_MODELS = (
    Sequence(
        "a training lost, a layer edited meanwhile, and trained again",
        _KERAS,
        (
            Night(
                steps=(_three(put(trained=False)),),
                findings={3: (LOST.changed("trained"),)},
                models=_LOST,
                opens=_OPEN_LOST,
            ),
            Night(
                steps=(_three(put("visualLayers.0", neurons=24)),),
                findings={3: (LAYERS.changed("visualLayers[0].neurons"),)},
                models=_LOST,
                opens=_OPEN_LOST,
            ),
            Night(models=_LOST, opens=_OPEN_LOST),
            Night(
                steps=(_three(put(trained=True)),),
                findings={3: (TRAINED.changed("trained"),)},
                opens=frozenset(),
            ),
            Night(opens=frozenset()),
        ),
    ),
    Sequence(
        "a script edited, Studio asks a night later, trained, and the script put back",
        _EXPERT,
        (
            Night(
                steps=(_three(script("Dense(24", "Dense(48")),),
                findings=_PROGRAM,
                models=_STALE,
                opens=_OPEN_STALE,
            ),
            Night(
                steps=(_three(_AGAIN),),
                findings={3: (RETRAIN.changed(_TYPE),)},
                models=_STALE,
                opens=_OPEN_STALE,
            ),
            Night(
                steps=(_three(_INT8),),
                findings={3: (MODEL_TYPE.changed(_TYPE),)},
                opens=frozenset(),
            ),
            Night(
                steps=(_three(script("Dense(48", "Dense(24")),),
                findings=_PROGRAM,
                models=_STALE,
                opens=_OPEN_STALE,
            ),
        ),
    ),
    Sequence(
        "a label comes, a suggestion tells of the training, the label goes",
        _ANOMALY,
        (
            Night(
                steps=(_labels("idle", "updown", "wave", "zoom"),),
                findings=_LABELS,
                models=_STALE,
            ),
            Night(
                steps=(
                    _three(put("thresholds.0", suggestedValue=9.5, suggestedValueText="9.50")),
                ),
                findings={3: (SUGGESTED.changed(_SUGGESTED, f"{_SUGGESTED}Text"),)},
            ),
            Night(
                steps=(_labels("idle", "updown", "wave"),),
                findings=_LABELS,
                models=_STALE,
            ),
        ),
    ),
    Sequence(
        "a switch to expert mode acknowledged, then the script and a setting edited",
        _KERAS,
        (
            Night(steps=(approve_all(),)),
            Night(
                steps=(
                    _three(put(mode="expert", visualLayers=[], trainingCycles=0, learningRate=0)),
                ),
                findings={
                    3: (LAYERS.changed("mode", "visualLayers", "trainingCycles", "learningRate"),)
                },
                baseline=None,
                models=_STALE,
            ),
            Night(steps=(acknowledge(3, "mode"),), models=_STALE),
            Night(
                steps=(_three(script("Dense(20,", "Dense(40,")),),
                findings=_PROGRAM,
                baseline=None,
                models=_STALE,
            ),
            Night(baseline=_PROGRAM, models=_STALE),
            Night(
                steps=(_three(put(trainTestSplit=0.4)),),
                findings={3: (TRAINING.changed("trainTestSplit"),)},
                baseline=None,
                models=_STALE,
            ),
        ),
    ),
)

_LAYERS = (
    Sequence(
        "an edited layer moves on by one, is put back, and the one before it goes",
        _STACK,
        (
            Night(steps=(approve_all(),)),
            Night(
                steps=(_three(put("visualLayers.4", neurons=32)),),
                findings={3: (LAYERS.changed("visualLayers[4].neurons"),)},
                baseline=None,
                models=_STALE,
            ),
            Night(
                steps=(_three(insert("visualLayers.0", {"type": "batchNormalization"})),),
                findings={3: (LAYERS.added("visualLayers[0]"),)},
                baseline={3: (LAYERS.changed("visualLayers[5].neurons"),)},
                models=_STALE,
            ),
            Night(
                baseline={
                    3: (
                        LAYERS.added("visualLayers[0]"),
                        LAYERS.changed("visualLayers[5].neurons"),
                    )
                },
                models=_STALE,
                open_since={"visualLayers[0]": 4, "visualLayers[5].neurons": 3},
            ),
            Night(
                steps=(_three(put("visualLayers.5", neurons=20)),),
                findings={3: (LAYERS.changed("visualLayers[5].neurons"),)},
                baseline={3: (LAYERS.added("visualLayers[0]"),)},
                models=_STALE,
                recurrences={"visualLayers[5].neurons": "reverted"},
            ),
            Night(
                steps=(_three(cut("visualLayers.0")),),
                findings={3: (LAYERS.removed("visualLayers[0]"),)},
                opens=frozenset(),
            ),
        ),
    ),
    Sequence(
        "a layer of another type acknowledged, edited, acknowledged, and one put before it",
        _STACK,
        (
            Night(steps=(approve_all(),)),
            Night(
                steps=(_three(place("visualLayers.1", _CONV2D)),),
                findings={3: (LAYERS.replaced("visualLayers[1]"),)},
                baseline=None,
                models=_STALE,
            ),
            Night(steps=(acknowledge(3, "visualLayers[1]"),), models=_STALE),
            Night(
                steps=(_three(put("visualLayers.1", neurons=16)),),
                findings={3: (LAYERS.changed("visualLayers[1].neurons"),)},
                baseline=None,
                models=_STALE,
            ),
            Night(baseline={3: (LAYERS.replaced("visualLayers[1]"),)}, models=_STALE),
            Night(steps=(acknowledge(3, "visualLayers[1]"),), models=_STALE),
            Night(
                steps=(_three(insert("visualLayers.1", FLATTEN)),),
                findings={3: (LAYERS.added("visualLayers[1]"),)},
                baseline=None,
                models=_STALE,
            ),
            Night(baseline={3: (LAYERS.added("visualLayers[1]"),)}, models=_STALE),
        ),
    ),
)

SEQUENCES = (*_VALUES, *_MODELS, *_LAYERS)
