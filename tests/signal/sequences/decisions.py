"""What rules ignore or weigh and people accept, over nights: what is under it is free."""

from __future__ import annotations

from datetime import date

from auditor.drift.rules import IgnoreRule, Rules, SeverityRule, Subject
from auditor.model import Area, Severity
from tests.signal.bases import FLATTEN, SAMPLES
from tests.signal.edits import every, insert, put, script
from tests.signal.fleet import acknowledge, approve_all, edit, unacknowledge, withhold
from tests.signal.pairs import (
    BLOCK,
    DATA,
    LAYERS,
    LOST,
    NAME,
    RATING,
    RETRAIN,
    THRESHOLDS,
    TRAINING,
)
from tests.signal.sequence import Night, Sequence

_KERAS = {3: SAMPLES["keras"]}
_TYPE = "selectedModelType"
_RATING = "minimumConfidenceRating"
_SCORE = "thresholds[min_score].value"
_CLASSES, _OUTPUT = "dependencies.classes", "dependencies.outputClasses"
_AGAIN = put(selectedModelType="requiresRetrain")
_SCORE_AND_RATING = every(put("thresholds.0", value=0.5), put(minimumConfidenceRating=0.5))
_MORE = ["idle", "updown", "wave", "zoom"]


def _ignoring(path: str = "", area: Area | None = None) -> Rules:
    rule = IgnoreRule(
        name="ours",
        subject=Subject(path=path, area=area),
        reason="ours",
        author="anna",
        until=date(2027, 1, 1),
    )
    return Rules(ignores=(rule,))


def _weighing(path: str, severity: Severity) -> Rules:
    return Rules(
        severities=(SeverityRule(name="ours", subject=Subject(path=path), severity=severity),)
    )


_IGNORED = (
    Sequence(
        "a batch that is ignored, and Studio asks to train again",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=every(put(batchSize=64), _AGAIN)),),
                findings={3: (RETRAIN.changed(_TYPE),)},
                models={3: "stale"},
                suppressed={3: 1},
            ),
            Night(models={3: "stale"}),
        ),
        _ignoring("batchSize"),
    ),
    Sequence(
        "a batch that is ignored, cycles that are not, and Studio asks to train again",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=every(put(batchSize=64, trainingCycles=60), _AGAIN)),),
                findings={3: (TRAINING.changed("trainingCycles", _TYPE),)},
                models={3: "stale"},
                suppressed={3: 1},
            ),
        ),
        _ignoring("batchSize"),
    ),
    Sequence(
        "a threshold that is ignored, its mirror is not",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=_SCORE_AND_RATING),),
                findings={3: (RATING.changed(_RATING),)},
                suppressed={3: 1},
            ),
        ),
        _ignoring("thresholds[min_score]"),
    ),
    Sequence(
        "both a threshold and its mirror are ignored",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=_SCORE_AND_RATING),),
                suppressed={3: 1},
            ),
        ),
        _ignoring(area=Area.THRESHOLDS),
    ),
    Sequence(
        "labels that are ignored, the output is not",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=put("dependencies", classes=_MORE, outputClasses=_MORE)),),
                findings={3: (DATA.changed(_OUTPUT),)},
                models={3: "stale"},
                suppressed={3: 1},
            ),
        ),
        _ignoring(_CLASSES),
    ),
    Sequence(
        "the shape is ignored, features are not",
        _KERAS,
        (
            Night(
                steps=(
                    edit(3, to=every(put("dependencies", featureCount=26), put(shape="(26,)"))),
                ),
                findings={3: (DATA.changed("dependencies.featureCount"),)},
                models={3: "stale"},
                suppressed={3: 1},
            ),
        ),
        _ignoring("shape"),
    ),
    Sequence(
        "a training lost while its type is ignored",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=put(type="keras-akida", trained=False)),),
                findings={3: (LOST.changed("trained"),)},
                models={3: "untrained"},
                suppressed={3: 1},
            ),
        ),
        _ignoring("type"),
    ),
    Sequence(
        "samples are ignored every night",
        _KERAS,
        (
            Night(steps=(edit(3, to=put("dependencies", sampleCount=1)),), suppressed={3: 1}),
            Night(steps=(edit(3, to=put("dependencies", sampleCount=2)),), suppressed={3: 1}),
        ),
        _ignoring("dependencies.sampleCount"),
    ),
)

_WEIGHED = (
    Sequence(
        "a threshold weighed as low sets its mirror free",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=_SCORE_AND_RATING),),
                findings={
                    3: (
                        THRESHOLDS.changed(_SCORE)._replace(severity="low"),
                        RATING.changed(_RATING),
                    )
                },
            ),
        ),
        _weighing("thresholds[min_score]", Severity.LOW),
    ),
    Sequence(
        "a batch weighed as info sets free that Studio asks to train again",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=every(put(batchSize=64), _AGAIN)),),
                findings={
                    3: (
                        TRAINING.changed("batchSize")._replace(severity="info"),
                        RETRAIN.changed(_TYPE),
                    )
                },
                models={3: "stale"},
            ),
        ),
        _weighing("batchSize", Severity.INFO),
    ),
    Sequence(
        "a mirror weighed as critical is not folded into its threshold",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=_SCORE_AND_RATING),),
                findings={
                    3: (
                        THRESHOLDS.changed(_SCORE),
                        RATING.changed(_RATING)._replace(severity="critical"),
                    )
                },
            ),
        ),
        _weighing(_RATING, Severity.CRITICAL),
    ),
    Sequence(
        "samples weighed as high",
        _KERAS,
        (
            Night(
                steps=(edit(3, to=put("dependencies", sampleCount=1)),),
                findings={3: (DATA.changed("dependencies.sampleCount"),)},
            ),
        ),
        _weighing("dependencies.sampleCount", Severity.HIGH),
    ),
)

_ACCEPTED = (
    Sequence(
        "what is folded under an accepted threshold is free once it moves alone",
        _KERAS,
        (
            Night(
                steps=(
                    approve_all(),
                    edit(3, to=_SCORE_AND_RATING),
                ),
                findings={3: (THRESHOLDS.changed(_SCORE, _RATING),)},
            ),
            Night(steps=(acknowledge(3, _SCORE),)),
            Night(
                steps=(edit(3, to=put(minimumConfidenceRating=0.8)),),
                findings={3: (RATING.changed(_RATING),)},
            ),
            Night(baseline={3: (RATING.changed(_RATING),)}),
        ),
    ),
    Sequence(
        "an accepted label and an output that moves later",
        _KERAS,
        (
            Night(
                steps=(
                    approve_all(),
                    edit(3, to=put("dependencies", classes=_MORE, outputClasses=_MORE)),
                ),
                findings={3: (DATA.changed(_CLASSES, _OUTPUT),)},
                models={3: "stale"},
            ),
            Night(steps=(acknowledge(3, _CLASSES),), models={3: "stale"}),
            Night(
                steps=(edit(3, to=put("dependencies", outputClasses=[*reversed(_MORE)])),),
                findings={3: (DATA.changed(_OUTPUT),)},
                models={3: "stale"},
            ),
            Night(baseline={3: (DATA.changed(_OUTPUT),)}, models={3: "stale"}),
        ),
    ),
    Sequence(
        "an accepted block of another type and an edit of it later",
        _KERAS,
        (
            Night(
                steps=(approve_all(), edit(3, to=put(type="keras-akida", name="Other"))),
                findings={3: (BLOCK.replaced("type", "name"),)},
            ),
            Night(steps=(acknowledge(3, "type"),)),
            Night(
                steps=(edit(3, to=put(trainingCycles=77)),),
                findings={3: (TRAINING.changed("trainingCycles"),)},
                models={3: "stale"},
            ),
            Night(baseline={3: (TRAINING.changed("trainingCycles"),)}, models={3: "stale"}),
        ),
    ),
    Sequence(
        "an accepted block of another type that loses its name later",
        _KERAS,
        (
            Night(
                steps=(approve_all(), edit(3, to=put(type="keras-akida"))),
                findings={3: (BLOCK.replaced("type"),)},
            ),
            Night(steps=(acknowledge(3, "type"),)),
            Night(steps=(edit(3, to=put(name="Other")),), findings={3: (NAME.changed("name"),)}),
            Night(baseline={3: (NAME.changed("name"),)}),
        ),
    ),
    Sequence(
        "an accepted layer stays accepted when another comes before it",
        _KERAS,
        (
            Night(
                steps=(approve_all(), edit(3, to=put("visualLayers.1", neurons=12))),
                findings={3: (LAYERS.changed("visualLayers[1].neurons"),)},
                models={3: "stale"},
            ),
            Night(steps=(acknowledge(3, "visualLayers[1].neurons"),), models={3: "stale"}),
            Night(
                steps=(edit(3, to=insert("visualLayers.0", FLATTEN)),),
                findings={3: (LAYERS.added("visualLayers[0]"),)},
                models={3: "stale"},
            ),
            Night(baseline={3: (LAYERS.added("visualLayers[0]"),)}, models={3: "stale"}),
        ),
    ),
    Sequence(
        "an accepted layer that is edited once more",
        _KERAS,
        (
            Night(
                steps=(approve_all(), edit(3, to=put("visualLayers.1", neurons=12))),
                findings={3: (LAYERS.changed("visualLayers[1].neurons"),)},
                models={3: "stale"},
            ),
            Night(steps=(acknowledge(3, "visualLayers[1].neurons"),), models={3: "stale"}),
            Night(
                steps=(edit(3, to=put("visualLayers.1", neurons=14)),),
                findings={3: (LAYERS.changed("visualLayers[1].neurons"),)},
                models={3: "stale"},
            ),
            Night(baseline={3: (LAYERS.changed("visualLayers[1].neurons"),)}, models={3: "stale"}),
        ),
    ),
    Sequence(
        "what was accepted and is taken back",
        _KERAS,
        (
            Night(
                steps=(approve_all(), edit(3, to=put(trainingCycles=77))),
                findings={3: (TRAINING.changed("trainingCycles"),)},
                models={3: "stale"},
            ),
            Night(steps=(acknowledge(3, "trainingCycles"),), models={3: "stale"}),
            Night(
                steps=(unacknowledge(3, "trainingCycles"),),
                baseline={3: (TRAINING.changed("trainingCycles"),)},
                models={3: "stale"},
            ),
        ),
    ),
    Sequence(
        "an accepted layer with the generated script, whose template changes",
        _KERAS,
        (
            Night(
                steps=(
                    approve_all(),
                    edit(
                        3,
                        to=every(
                            put("visualLayers.1", neurons=12), script("Dense(10", "Dense(12")
                        ),
                    ),
                ),
                findings={3: (LAYERS.changed("visualLayers[1].neurons", "script"),)},
                models={3: "stale"},
            ),
            Night(steps=(acknowledge(3, "visualLayers[1].neurons"),), models={3: "stale"}),
            Night(
                steps=(edit(3, to=script("beta_2=0.999", "beta_2=0.99")),),
                catalogue=frozenset({"1 changed script"}),
                models={3: "stale"},
            ),
        ),
    ),
)

_LATE = (
    Sequence(
        "what a night kept to itself still holds",
        _KERAS,
        (
            Night(
                steps=(withhold(), edit(3, to=put(trainingCycles=77))),
                findings={3: (TRAINING.changed("trainingCycles"),)},
                models={3: "stale"},
            ),
            Night(late=frozenset({(3, "trainingCycles", True)}), models={3: "stale"}),
            Night(models={3: "stale"}),
        ),
    ),
    Sequence(
        "what a night kept to itself no longer holds",
        _KERAS,
        (
            Night(
                steps=(withhold(), edit(3, to=put(trainingCycles=77))),
                findings={3: (TRAINING.changed("trainingCycles"),)},
                models={3: "stale"},
            ),
            Night(
                steps=(edit(3, to=put(trainingCycles=30)),),
                findings={3: (TRAINING.changed("trainingCycles"),)},
                late=frozenset({(3, "trainingCycles", False)}),
            ),
            Night(),
        ),
    ),
    Sequence(
        "an edited layer that a night kept to itself, before which another came",
        _KERAS,
        (
            Night(
                steps=(withhold(), edit(3, to=put("visualLayers.1", neurons=12))),
                findings={3: (LAYERS.changed("visualLayers[1].neurons"),)},
                models={3: "stale"},
            ),
            Night(
                steps=(edit(3, to=insert("visualLayers.0", FLATTEN)),),
                findings={3: (LAYERS.added("visualLayers[0]"),)},
                late=frozenset({(3, "visualLayers[1].neurons", True)}),
                models={3: "stale"},
            ),
        ),
    ),
)

SEQUENCES = (*_IGNORED, *_WEIGHED, *_ACCEPTED, *_LATE)
