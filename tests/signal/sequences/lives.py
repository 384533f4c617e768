"""The model's life over nights, baselines, and layers that keep their identity."""

from __future__ import annotations

from tests.signal.bases import FLATTEN, SAMPLES
from tests.signal.edits import cut, every, insert, move, put, script
from tests.signal.fleet import approve_all, approve_block, edit
from tests.signal.pairs import (
    BLOCK,
    BLOCK_LOST,
    DATA,
    IDLE,
    LAYERS,
    LOST,
    MODEL_TYPE,
    NAME,
    SAME_PROGRAM,
    SCRIPT,
    SUGGESTED,
    THRESHOLDS,
    TRAINED,
    TRAINING,
)
from tests.signal.pairs import (
    SAMPLES as SAMPLE_COUNT,
)
from tests.signal.sequence import Night, Sequence

_KERAS = {3: SAMPLES["keras"]}
_EXPERT = {3: SAMPLES["keras-expert"]}
_ANOMALY = {3: SAMPLES["keras-visual-anomaly"]}
_STALE = {3: "stale"}
_TYPE = "selectedModelType"
_AGAIN = put(selectedModelType="requiresRetrain")
_MORE = ["idle", "updown", "wave", "zoom"]
_SUGGESTED = SUGGESTED.changed(
    "thresholds[min_anomaly_score].suggestedValue",
    "thresholds[min_anomaly_score].suggestedValueText",
)
_SUGGESTS = put("thresholds.0", suggestedValue=9.5, suggestedValueText="9.50")
_OPEN_STALE = frozenset({("stale", 3)})

_LIFE = (
    Sequence(
        "stale by an edit until it is undone",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=put(batchSize=64)),),
                findings={3: (TRAINING.changed("batchSize"),)},
                models=_STALE,
                opens=_OPEN_STALE,
            ),
            Night(models=_STALE, opens=_OPEN_STALE),
            Night(
                steps=(edit(3, to=put(batchSize=32)),),
                findings={3: (TRAINING.changed("batchSize"),)},
                opens=frozenset(),
                recurrences={"batchSize": "reverted"},
            ),
            Night(opens=frozenset()),
        ),
    ),
    Sequence(
        "stale by two edits until both are undone",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=put(batchSize=64)),),
                findings={3: (TRAINING.changed("batchSize"),)},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=put("visualLayers.0", neurons=24)),),
                findings={3: (LAYERS.changed("visualLayers[0].neurons"),)},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=put(batchSize=32)),),
                findings={3: (TRAINING.changed("batchSize"),)},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=put("visualLayers.0", neurons=20)),),
                findings={3: (LAYERS.changed("visualLayers[0].neurons"),)},
            ),
        ),
    ),
    Sequence(
        "stale by a label until it is undone, whatever the samples",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=put("dependencies", classes=_MORE, outputClasses=_MORE)),),
                findings={
                    3: (DATA.changed("dependencies.classes", "dependencies.outputClasses"),)
                },
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=put("dependencies", sampleCount=4000)),),
                findings={3: (SAMPLE_COUNT.changed("dependencies.sampleCount"),)},
                models=_STALE,
            ),
            Night(
                steps=(
                    edit(
                        3,
                        to=put("dependencies", classes=_MORE[:3], outputClasses=_MORE[:3]),
                    ),
                ),
                findings={
                    3: (DATA.changed("dependencies.classes", "dependencies.outputClasses"),)
                },
            ),
        ),
    ),
    Sequence(
        "samples alone never make it stale",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=put("dependencies", sampleCount=4000)),),
                findings={3: (SAMPLE_COUNT.changed("dependencies.sampleCount"),)},
                opens=frozenset(),
            ),
            Night(opens=frozenset()),
        ),
    ),
    Sequence(
        "stale until another suggestion proves a training",
        _ANOMALY,
        (
            Night(
                steps=(edit(3, to=put(anomalyCapacity="high")),),
                findings={3: (TRAINING.changed("anomalyCapacity"),)},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=_SUGGESTS),),
                findings={3: (_SUGGESTED,)},
                opens=frozenset(),
            ),
            Night(opens=frozenset()),
        ),
    ),
    Sequence(
        "Studio asks to train again and is answered",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=every(put(batchSize=64), _AGAIN)),),
                findings={3: (TRAINING.changed("batchSize", _TYPE),)},
                models=_STALE,
                opens=_OPEN_STALE,
            ),
            Night(models=_STALE, opens=_OPEN_STALE),
            Night(
                steps=(edit(3, to=put(selectedModelType="int8")),),
                findings={3: (MODEL_TYPE.changed(_TYPE),)},
                opens=frozenset(),
            ),
        ),
    ),
    Sequence(
        "Studio asks to train again, and an undone edit does not answer it",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=every(put(batchSize=64), _AGAIN)),),
                findings={3: (TRAINING.changed("batchSize", _TYPE),)},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=put(batchSize=32)),),
                findings={3: (TRAINING.changed("batchSize"),)},
                models=_STALE,
            ),
        ),
    ),
    Sequence(
        "a training lost and made again",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=put(trained=False)),),
                findings={3: (LOST.changed("trained"),)},
                models={3: "untrained"},
                opens=frozenset({("training_lost", 3)}),
            ),
            Night(models={3: "untrained"}, opens=frozenset({("training_lost", 3)})),
            Night(
                steps=(edit(3, to=put(trained=True)),),
                findings={3: (TRAINED.changed("trained"),)},
                opens=frozenset(),
            ),
        ),
    ),
    Sequence(
        "stale, then lost, then trained with the edit in it",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=put(batchSize=64)),),
                findings={3: (TRAINING.changed("batchSize"),)},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=put(trained=False)),),
                findings={3: (LOST.changed("trained"),)},
                models={3: "untrained"},
            ),
            Night(
                steps=(edit(3, to=put(trained=True)),),
                findings={3: (TRAINED.changed("trained"),)},
            ),
            Night(
                steps=(edit(3, to=put(batchSize=32)),),
                findings={3: (TRAINING.changed("batchSize"),)},
                models=_STALE,
            ),
        ),
    ),
    Sequence(
        "stale until a person approves the version",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=put(batchSize=64)),),
                findings={3: (TRAINING.changed("batchSize"),)},
                models=_STALE,
            ),
            Night(steps=(approve_block(3),), opens=frozenset()),
            Night(
                steps=(edit(3, to=put(trainingCycles=60)),),
                findings={3: (TRAINING.changed("trainingCycles"),)},
                models=_STALE,
            ),
        ),
    ),
    Sequence(
        "a comment never makes it stale, another program does until it is undone",
        _EXPERT,
        (
            Night(
                steps=(edit(3, to=script("EPOCHS =", "# thirty\nEPOCHS =")),),
                findings={3: (SAME_PROGRAM.changed("script"),)},
            ),
            Night(
                steps=(edit(3, to=script("Adam(", "SGD(")),),
                findings={3: (SCRIPT.changed("script"),)},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=script("SGD(", "Adam(")),),
                findings={3: (SCRIPT.changed("script"),)},
            ),
        ),
    ),
    Sequence(
        "a template never makes it stale, nor ends that",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=script("beta_2=0.999", "beta_2=0.99")),),
                catalogue=frozenset({"1 changed script"}),
                opens=frozenset(),
            ),
            Night(
                steps=(edit(3, to=put(batchSize=64)),),
                findings={3: (TRAINING.changed("batchSize"),)},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=script("beta_1=0.9,", "beta_1=0.8,")),),
                catalogue=frozenset({"1 changed script"}),
                models=_STALE,
            ),
        ),
    ),
    Sequence(
        "a setting that acts only later",
        {3: {**SAMPLES["keras"], "useLearnedOptimizer": True}},
        (
            Night(
                steps=(edit(3, to=put(learningRate=0.1)),),
                findings={3: (IDLE.changed("learningRate"),)},
            ),
            Night(
                steps=(edit(3, to=put(useLearnedOptimizer=False)),),
                findings={3: (TRAINING.changed("useLearnedOptimizer"),)},
                models=_STALE,
            ),
        ),
    ),
    Sequence(
        "a block replaced with its training, then trained",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=put(type="keras-akida", trained=False)),),
                findings={3: (BLOCK_LOST.replaced("type", "trained"),)},
                models={3: "untrained"},
            ),
            Night(
                steps=(edit(3, to=put(trained=True)),),
                findings={3: (TRAINED.changed("trained"),)},
            ),
        ),
    ),
    Sequence(
        "a stale block replaced by a trained one",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=put(batchSize=64)),),
                findings={3: (TRAINING.changed("batchSize"),)},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=put(type="keras-akida")),),
                findings={3: (BLOCK.replaced("type"),)},
                opens=frozenset(),
            ),
        ),
    ),
)

_BASELINES = (
    Sequence(
        "a lost training is no difference from the baseline",
        _KERAS,
        (
            Night(
                steps=(approve_all(), edit(3, to=put(trained=False))),
                findings={3: (LOST.changed("trained"),)},
                models={3: "untrained"},
            ),
            Night(models={3: "untrained"}, opens=frozenset({("training_lost", 3)})),
        ),
    ),
    Sequence(
        "samples and a suggestion are no difference from the baseline",
        _ANOMALY,
        (
            Night(
                steps=(
                    approve_all(),
                    edit(3, to=every(_SUGGESTS, put("dependencies", sampleCount=4000))),
                ),
                findings={
                    3: (_SUGGESTED, SAMPLE_COUNT.changed("dependencies.sampleCount")),
                },
            ),
            Night(opens=frozenset()),
        ),
    ),
    Sequence(
        "a label and a name are differences from the baseline",
        _KERAS,
        (
            Night(
                steps=(
                    approve_all(),
                    edit(3, to=every(put(name="Other"), put("dependencies", classes=_MORE))),
                ),
                findings={3: (NAME.changed("name"), DATA.changed("dependencies.classes"))},
                models=_STALE,
            ),
            Night(
                baseline={3: (NAME.changed("name"), DATA.changed("dependencies.classes"))},
                models=_STALE,
                opens=frozenset({("stale", 3), ("off_baseline", 3)}),
            ),
            Night(steps=(approve_block(3),), opens=frozenset()),
        ),
    ),
    Sequence(
        "a layer that differs keeps its finding when another comes before it",
        _KERAS,
        (
            Night(
                steps=(approve_all(), edit(3, to=put("visualLayers.1", neurons=12))),
                findings={3: (LAYERS.changed("visualLayers[1].neurons"),)},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=insert("visualLayers.0", FLATTEN)),),
                findings={3: (LAYERS.added("visualLayers[0]"),)},
                baseline={3: (LAYERS.changed("visualLayers[2].neurons"),)},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=cut("visualLayers.0")),),
                findings={3: (LAYERS.removed("visualLayers[0]"),)},
                baseline={3: (LAYERS.changed("visualLayers[1].neurons"),)},
                models=_STALE,
            ),
        ),
    ),
    Sequence(
        "back at the baseline by another way",
        _KERAS,
        (
            Night(
                steps=(approve_all(), edit(3, to=put("thresholds.0", value=0.5))),
                findings={3: (THRESHOLDS.changed("thresholds[min_score].value"),)},
            ),
            Night(baseline={3: (THRESHOLDS.changed("thresholds[min_score].value"),)}),
            Night(
                steps=(edit(3, to=put("thresholds.0", value="0.60")),),
                findings={3: (THRESHOLDS.changed("thresholds[min_score].value"),)},
                opens=frozenset(),
            ),
            Night(opens=frozenset()),
        ),
    ),
)

_LAYERS = (
    Sequence(
        "an edited layer is reverted after another came before it",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=put("visualLayers.1", neurons=12)),),
                findings={3: (LAYERS.changed("visualLayers[1].neurons"),)},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=insert("visualLayers.0", FLATTEN)),),
                findings={3: (LAYERS.added("visualLayers[0]"),)},
                models=_STALE,
                recurrences={},
            ),
            Night(
                steps=(edit(3, to=put("visualLayers.2", neurons=10)),),
                findings={3: (LAYERS.changed("visualLayers[2].neurons"),)},
                models=_STALE,
                recurrences={"visualLayers[2].neurons": "reverted"},
            ),
        ),
    ),
    Sequence(
        "another layer in its place is no reversal",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=put("visualLayers.0", neurons=24)),),
                findings={3: (LAYERS.changed("visualLayers[0].neurons"),)},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=cut("visualLayers.0")),),
                findings={3: (LAYERS.removed("visualLayers[0]"),)},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=put("visualLayers.0", neurons=20)),),
                findings={3: (LAYERS.changed("visualLayers[0].neurons"),)},
                models=_STALE,
                recurrences={},
            ),
        ),
    ),
    Sequence(
        "a layer more and gone again",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=insert("visualLayers.1", FLATTEN)),),
                findings={3: (LAYERS.added("visualLayers[1]"),)},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=cut("visualLayers.1")),),
                findings={3: (LAYERS.removed("visualLayers[1]"),)},
                recurrences={"visualLayers[1]": "reverted"},
            ),
        ),
    ),
    Sequence(
        "neighbours swapped and swapped back",
        {3: {**SAMPLES["keras"], "visualLayers": [FLATTEN, {"type": "dense", "neurons": 20}]}},
        (
            Night(
                steps=(edit(3, to=move("visualLayers", 0, 1)),),
                findings={3: (LAYERS.moved("visualLayers[1]"),)},
                models=_STALE,
            ),
            Night(
                steps=(edit(3, to=move("visualLayers", 0, 1)),),
                findings={3: (LAYERS.moved("visualLayers[1]"),)},
            ),
        ),
    ),
)

SEQUENCES = (*_LIFE, *_BASELINES, *_LAYERS)
