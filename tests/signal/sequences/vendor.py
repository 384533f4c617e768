"""What the vendor does to many blocks in one night, by how many show it and how."""

from __future__ import annotations

from tests.signal.bases import BASES, SAMPLES
from tests.signal.edits import Answer, cut, insert, place, put, script
from tests.signal.fleet import approve_all, edit, fall_silent
from tests.signal.pairs import (
    BLOCK,
    DATA,
    LAYERS,
    RETRAIN,
    SCRIPT,
    THRESHOLDS,
    TRAINING,
    UNKNOWN,
)
from tests.signal.sequence import Night, Sequence

_DETECTOR = SAMPLES["keras-object-detection"]
_EXPERT = SAMPLES["keras-expert"]
_AGAIN = put(selectedModelType="requiresRetrain")
_TEMPLATE = script("beta_2=0.999", "beta_2=0.99")
_OTHER_DETECTOR = "transferLearningModels[fomo_mobilenet_v2_a01]"
_IOU = {"key": "iou", "description": "Overlap", "helpText": "", "value": 0.45}


def _classifiers(number: int) -> dict[int, Answer]:
    return dict.fromkeys(range(1, number + 1), SAMPLES["keras"])


def _of(number: int, base: str) -> dict[int, Answer]:
    return dict.fromkeys(range(1, number + 1), BASES[base])


_EXTENT = (
    Sequence(
        "an unknown key on all three",
        _classifiers(3),
        (
            Night(steps=(edit(1, 2, 3, to=put(heads=2)),), catalogue=frozenset({"3 added heads"})),
            Night(),
        ),
    ),
    Sequence(
        "an unknown key on all three, each with a value of its own",
        _classifiers(3),
        (
            Night(
                steps=(
                    edit(1, to=put(heads=2)),
                    edit(2, to=put(heads=3)),
                    edit(3, to=put(heads=4)),
                ),
                catalogue=frozenset({"3 added heads"}),
            ),
            Night(),
        ),
    ),
    Sequence(
        "an unknown key on two of three",
        _classifiers(3),
        (
            Night(
                steps=(edit(1, 2, to=put(heads=2)),),
                findings={1: (UNKNOWN.added("heads"),), 2: (UNKNOWN.added("heads"),)},
            ),
        ),
    ),
    Sequence(
        "an unknown key on both of two",
        _classifiers(2),
        (
            Night(steps=(edit(1, 2, to=put(heads=2)),), catalogue=frozenset({"2 added heads"})),
            Night(),
        ),
    ),
    Sequence(
        "an unknown key on one of two, another on the other",
        _classifiers(2),
        (
            Night(
                steps=(edit(1, to=put(heads=2)), edit(2, to=put(tails=2))),
                findings={1: (UNKNOWN.added("heads"),), 2: (UNKNOWN.added("tails"),)},
            ),
        ),
    ),
    Sequence(
        "an unknown key on the only one of its type",
        {**_classifiers(3), 9: _DETECTOR},
        (Night(steps=(edit(9, to=put(heads=2)),), findings={9: (UNKNOWN.added("heads"),)}),),
    ),
    Sequence(
        "an unknown key on three of seven",
        _classifiers(7),
        (
            Night(
                steps=(edit(1, 2, 3, to=put(heads=2)),),
                findings={block: (UNKNOWN.added("heads"),) for block in (1, 2, 3)},
            ),
        ),
    ),
    Sequence(
        "an unknown key on three of six",
        _classifiers(6),
        (Night(steps=(edit(1, 2, 3, to=put(heads=2)),), catalogue=frozenset({"3 added heads"})),),
    ),
    Sequence(
        "an unknown key on all of a type, none of the other",
        {**_classifiers(3), 7: _DETECTOR, 8: _DETECTOR, 9: _DETECTOR},
        (Night(steps=(edit(1, 2, 3, to=put(heads=2)),), catalogue=frozenset({"3 added heads"})),),
    ),
    Sequence(
        "an unknown key on three that were read, of four more",
        _classifiers(7),
        (
            Night(
                steps=(*(fall_silent(block) for block in (6, 7)), edit(1, 2, 3, to=put(heads=2))),
                catalogue=frozenset({"3 added heads"}),
            ),
        ),
    ),
    Sequence(
        "an unknown key goes from all three",
        _of(3, "newer Studio"),
        (
            Night(
                steps=(edit(1, 2, 3, to=cut("isSharded")),),
                catalogue=frozenset({"3 removed isSharded"}),
            ),
        ),
    ),
    Sequence(
        "an unknown value changes alike on all three",
        _of(3, "newer Studio"),
        (
            Night(
                steps=(edit(1, 2, 3, to=put(tags=["c"])),),
                catalogue=frozenset({"3 changed tags"}),
            ),
        ),
    ),
    Sequence(
        "an unknown value changes on all three, on each to another",
        _of(3, "newer Studio"),
        (
            Night(
                steps=(
                    edit(1, to=put(tags=["c"])),
                    edit(2, to=put(tags=["d"])),
                    edit(3, to=put(tags=["e"])),
                ),
                findings={block: (UNKNOWN.changed("tags"),) for block in (1, 2, 3)},
            ),
        ),
    ),
    Sequence(
        "an unknown value changes alike on two of three",
        _of(3, "newer Studio"),
        (
            Night(
                steps=(edit(1, 2, to=put(tags=["c"])),),
                findings={block: (UNKNOWN.changed("tags"),) for block in (1, 2)},
            ),
        ),
    ),
    Sequence(
        "a setting changes alike on all three, which a person can do",
        _classifiers(3),
        (
            Night(
                steps=(edit(1, 2, 3, to=put(batchSize=64)),),
                findings={block: (TRAINING.changed("batchSize"),) for block in (1, 2, 3)},
                models=dict.fromkeys((1, 2, 3), "stale"),
            ),
        ),
    ),
    Sequence(
        "a threshold's value changes alike on all three",
        _classifiers(3),
        (
            Night(
                steps=(edit(1, 2, 3, to=put("thresholds.0", value=0.5)),),
                findings={
                    block: (THRESHOLDS.changed("thresholds[min_score].value"),)
                    for block in (1, 2, 3)
                },
            ),
        ),
    ),
    Sequence(
        "an optional setting appears on all three",
        _of(3, "bare"),
        (
            Night(
                steps=(edit(1, 2, 3, to=put(autoClassWeights=True)),),
                catalogue=frozenset({"3 added autoClassWeights"}),
            ),
            Night(),
        ),
    ),
    Sequence(
        "an optional setting appears on one of three",
        _of(3, "bare"),
        (
            Night(
                steps=(edit(2, to=put(autoClassWeights=True)),),
                findings={2: (TRAINING.added("autoClassWeights"),)},
                models={2: "stale"},
            ),
        ),
    ),
    Sequence(
        "a threshold appears on all three",
        _classifiers(3),
        (
            Night(
                steps=(edit(1, 2, 3, to=insert("thresholds.1", _IOU)),),
                catalogue=frozenset({"3 added thresholds[iou]"}),
            ),
            Night(),
        ),
    ),
    Sequence(
        "a threshold goes from all three",
        _of(3, "two overlaps"),
        (
            Night(
                steps=(edit(1, 2, 3, to=cut("thresholds.1")),),
                catalogue=frozenset({"3 removed thresholds[iou]"}),
            ),
        ),
    ),
    Sequence(
        "a parameter appears on all three, with three values",
        _of(3, "classical"),
        (
            Night(
                steps=(
                    edit(1, to=put("customParameters", l2="0")),
                    edit(2, to=put("customParameters", l2="1")),
                    edit(3, to=put("customParameters", l2="2")),
                ),
                catalogue=frozenset({"3 added customParameters.l2"}),
            ),
        ),
    ),
    Sequence(
        "a parameter's value changes alike on all three",
        _of(3, "classical"),
        (
            Night(
                steps=(edit(1, 2, 3, to=put("customParameters", **{"max-depth": "8"})),),
                findings={
                    block: (TRAINING.changed("customParameters.max-depth"),) for block in (1, 2, 3)
                },
                models=dict.fromkeys((1, 2, 3), "stale"),
            ),
        ),
    ),
    Sequence(
        "a known key of newer clients appears on all three",
        _classifiers(3),
        (
            Night(
                steps=(edit(1, 2, 3, to=put(isMultiHead=True)),),
                catalogue=frozenset({"3 added isMultiHead"}),
            ),
            Night(),
        ),
    ),
)

_SCRIPTS = (
    Sequence(
        "a generated script alone, on one of three",
        _classifiers(3),
        (
            Night(steps=(edit(2, to=_TEMPLATE),), catalogue=frozenset({"1 changed script"})),
            Night(),
        ),
    ),
    Sequence(
        "a template of two visual blocks, beside a program of one's own",
        {**_classifiers(2), 3: _EXPERT},
        (
            Night(
                steps=(edit(1, 2, 3, to=_TEMPLATE),),
                findings={3: (SCRIPT.changed("script"),)},
                models={3: "stale"},
                catalogue=frozenset({"2 changed script"}),
            ),
        ),
    ),
    Sequence(
        "one program changed alike in three blocks in expert mode",
        dict.fromkeys((1, 2, 3), _EXPERT),
        (
            Night(
                steps=(edit(1, 2, 3, to=_TEMPLATE),),
                findings={block: (SCRIPT.changed("script"),) for block in (1, 2, 3)},
                models=dict.fromkeys((1, 2, 3), "stale"),
            ),
        ),
    ),
    Sequence(
        "a template and a layer of one block",
        _classifiers(3),
        (
            Night(
                steps=(
                    edit(1, 2, 3, to=_TEMPLATE),
                    edit(2, to=put("visualLayers.0", neurons=24)),
                ),
                findings={2: (LAYERS.changed("visualLayers[0].neurons", "script"),)},
                models={2: "stale"},
                catalogue=frozenset({"2 changed script"}),
            ),
        ),
    ),
    Sequence(
        "a template and a threshold of one block",
        _classifiers(2),
        (
            Night(
                steps=(edit(1, 2, to=_TEMPLATE), edit(2, to=put("thresholds.0", value=0.4))),
                findings={2: (THRESHOLDS.changed("thresholds[min_score].value"),)},
                catalogue=frozenset({"2 changed script"}),
            ),
        ),
    ),
    Sequence(
        "a template that asks to train again",
        _classifiers(3),
        (
            Night(
                steps=(edit(1, 2, 3, to=_TEMPLATE), edit(1, 2, 3, to=_AGAIN)),
                findings={block: (RETRAIN.changed("selectedModelType"),) for block in (1, 2, 3)},
                models=dict.fromkeys((1, 2, 3), "stale"),
                catalogue=frozenset({"3 changed script"}),
            ),
            Night(models=dict.fromkeys((1, 2, 3), "stale")),
        ),
    ),
    Sequence(
        "a template, an unknown key and samples of one block",
        _classifiers(3),
        (
            Night(
                steps=(
                    edit(1, 2, 3, to=_TEMPLATE),
                    edit(1, 2, 3, to=put(heads=2)),
                    edit(1, to=put("dependencies", classes=["idle", "wave"])),
                ),
                findings={1: (DATA.changed("dependencies.classes", "script"),)},
                models={1: "stale"},
                catalogue=frozenset({"2 changed script", "3 added heads"}),
            ),
        ),
    ),
)

_HOSTS = (
    Sequence(
        "a setting that appears everywhere, and Studio asks to train again",
        _of(3, "bare"),
        (
            Night(
                steps=(edit(1, 2, 3, to=put(autoClassWeights=True)), edit(1, 2, 3, to=_AGAIN)),
                findings={block: (RETRAIN.changed("selectedModelType"),) for block in (1, 2, 3)},
                models=dict.fromkeys((1, 2, 3), "stale"),
                catalogue=frozenset({"3 added autoClassWeights"}),
            ),
        ),
    ),
    Sequence(
        "a setting that appears everywhere, a batch of one, and Studio asks it to train again",
        _of(3, "bare"),
        (
            Night(
                steps=(
                    edit(1, 2, 3, to=put(autoClassWeights=True)),
                    edit(2, to=put(batchSize=64, selectedModelType="requiresRetrain")),
                ),
                findings={2: (TRAINING.added("batchSize", "selectedModelType"),)},
                models={2: "stale"},
                catalogue=frozenset({"3 added autoClassWeights"}),
            ),
        ),
    ),
    Sequence(
        "a block is replaced on the night of an unknown key",
        _classifiers(4),
        (
            Night(
                steps=(
                    edit(1, 2, 3, to=put(heads=2)),
                    edit(4, to=put(type="keras-regression")),
                ),
                findings={4: (BLOCK.replaced("type"),)},
                catalogue=frozenset({"3 added heads"}),
            ),
        ),
    ),
    Sequence(
        "the model of two of three is given another version",
        {1: BASES["versioned"], 2: BASES["versioned"], 3: SAMPLES["keras"]},
        (
            Night(
                steps=(edit(1, 2, to=put("transferLearningModels.1", implementationVersion=2)),),
                catalogue=frozenset({f"2 changed {_OTHER_DETECTOR}.implementationVersion"}),
            ),
        ),
    ),
    Sequence(
        "what the vendor brought is no difference from the baseline, what a person changes is",
        _classifiers(3),
        (
            Night(
                steps=(approve_all(), edit(1, 2, 3, to=put(heads=2))),
                catalogue=frozenset({"3 added heads"}),
            ),
            Night(),
            Night(steps=(edit(2, to=put(heads=3)),), findings={2: (UNKNOWN.changed("heads"),)}),
            Night(
                baseline={
                    2: (UNKNOWN.added("heads"),),
                },
            ),
        ),
    ),
    Sequence(
        "a threshold that the vendor brought is no difference from the baseline",
        _classifiers(3),
        (
            Night(
                steps=(approve_all(), edit(1, 2, 3, to=insert("thresholds.1", _IOU))),
                catalogue=frozenset({"3 added thresholds[iou]"}),
            ),
            Night(),
            Night(
                steps=(edit(1, to=place(("thresholds", 1, "value"), 0.3)),),
                findings={1: (THRESHOLDS.changed("thresholds[iou].value"),)},
                baseline=None,
            ),
            Night(baseline={1: (THRESHOLDS.added("thresholds[iou]"),)}),
        ),
    ),
)

SEQUENCES = (*_EXTENT, *_SCRIPTS, *_HOSTS)
