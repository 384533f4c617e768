"""What one act changes in the data set is one finding; where a label moved, it is said."""

from __future__ import annotations

from tests.signal.edits import every, put, reverse, script
from tests.signal.pairs import DATA, SAMPLES, TRAINING, on, pair

_CLASSES, _OUTPUT = "dependencies.classes", "dependencies.outputClasses"
_OTHER = script("Adam(", "SGD(")
_AGAIN = put(selectedModelType="requiresRetrain")


def _labels(classes: str, output: str) -> dict[str, list[str]]:
    return {"classes": classes.split(), "outputClasses": output.split()}


_LABELS = on(
    "keras",
    pair(
        "a label after all others",
        put("dependencies", **_labels("idle updown wave zoom", "idle updown wave zoom")),
        DATA.changed(_CLASSES, _OUTPUT),
        state="stale",
    ),
    pair(
        "a label after all others, with its samples",
        put(
            "dependencies",
            **_labels("idle updown wave zoom", "idle updown wave zoom"),
            sampleCount=3300,
        ),
        DATA.changed(_CLASSES, _OUTPUT),
        SAMPLES.changed("dependencies.sampleCount"),
        state="stale",
    ),
    pair(
        "two labels after all others, in two orders",
        put("dependencies", **_labels("idle updown wave a b", "idle updown wave b a")),
        DATA.changed(_CLASSES, _OUTPUT),
    ),
    pair(
        "the last label gone",
        put("dependencies", **_labels("idle updown", "idle updown")),
        DATA.changed(_CLASSES, _OUTPUT),
        state="stale",
    ),
    pair(
        "the first label gone, so that two moved",
        put("dependencies", **_labels("updown wave", "updown wave")),
        DATA.changed(_CLASSES),
        DATA.changed(_OUTPUT),
    ),
    pair(
        "a label before all others, so that all moved",
        put("dependencies", **_labels("a idle updown wave", "a idle updown wave")),
        DATA.changed(_CLASSES),
        DATA.changed(_OUTPUT),
    ),
    pair(
        "a label amid the set, after all others in the output",
        put("dependencies", **_labels("idle snake updown wave", "idle updown wave snake")),
        DATA.changed(_CLASSES, _OUTPUT),
    ),
    pair(
        "a label renamed in its place, the set in another order",
        put("dependencies", **_labels("wave up idle", "idle up wave")),
        DATA.changed(_CLASSES, _OUTPUT),
    ),
    pair(
        "a label renamed, and another place for it",
        put("dependencies", **_labels("idle wave zoom", "idle wave zoom")),
        DATA.changed(_CLASSES),
        DATA.changed(_OUTPUT),
    ),
    pair(
        "another label in either list",
        put("dependencies", **_labels("idle updown wave zoom", "idle updown wave zap")),
        DATA.changed(_CLASSES),
        DATA.changed(_OUTPUT),
    ),
    pair(
        "a label after all others, two of the others swapped",
        put("dependencies", **_labels("idle updown wave zoom", "updown idle wave zoom")),
        DATA.changed(_CLASSES),
        DATA.changed(_OUTPUT),
    ),
    pair(
        "a label more in the set, two in the output",
        put("dependencies", **_labels("idle updown wave a", "idle updown wave a b")),
        DATA.changed(_CLASSES),
        DATA.changed(_OUTPUT),
    ),
    pair(
        "no label is left",
        put("dependencies", classes=[], outputClasses=[]),
        DATA.changed(_CLASSES, _OUTPUT),
    ),
    pair(
        "a label with a blank at its end",
        put(
            "dependencies",
            classes=["idle ", "updown", "wave"],
            outputClasses=["idle ", "updown", "wave"],
        ),
        DATA.changed(_CLASSES, _OUTPUT),
    ),
    pair(
        "a control character in a label",
        put("dependencies", classes=["idle", "up\x1b[31mdown", "wave"]),
        DATA.changed(_CLASSES),
    ),
    pair(
        "a label after all others, and Studio asks to train again",
        every(put("dependencies", **_labels("idle updown wave a", "idle updown wave a")), _AGAIN),
        DATA.changed(_CLASSES, _OUTPUT, "selectedModelType"),
        state="stale",
    ),
    pair(
        "samples and a moved label, and Studio asks to train again",
        every(put("dependencies", sampleCount=4000), reverse(_OUTPUT), _AGAIN),
        SAMPLES.changed("dependencies.sampleCount"),
        DATA.changed(_OUTPUT, "selectedModelType"),
    ),
)

_SHAPES = (
    *on(
        "keras",
        pair(
            "features and shape",
            every(put("dependencies", featureCount=26), put(shape="(26,)")),
            DATA.changed("shape", "dependencies.featureCount"),
            state="stale",
        ),
        pair(
            "features, shape and samples",
            every(put("dependencies", featureCount=26, sampleCount=4000), put(shape="(26,)")),
            DATA.changed("shape", "dependencies.featureCount"),
            SAMPLES.changed("dependencies.sampleCount"),
        ),
        pair(
            "inputs and shape",
            every(put("dependencies", blockNames=["Flatten"]), put(shape="(3,)")),
            DATA.changed("shape", "dependencies.blockNames"),
        ),
        pair(
            "other processing of other labels, with the generated script",
            every(
                put(
                    "dependencies",
                    **_labels("idle updown wave a", "idle updown wave a"),
                    blockNames=["Flatten"],
                    featureCount=3,
                    sampleCount=4000,
                ),
                put(shape="(3,)"),
                _OTHER,
            ),
            DATA.changed(_CLASSES, _OUTPUT),
            DATA.changed("shape", "dependencies.blockNames", "dependencies.featureCount"),
            SAMPLES.changed("dependencies.sampleCount"),
            floating={"script"},
        ),
        pair(
            "shape, features and cycles",
            every(
                put("dependencies", featureCount=26), put(shape="(26,)", trainingCycles=40), _OTHER
            ),
            DATA.changed("shape", "dependencies.featureCount"),
            TRAINING.changed("trainingCycles"),
            floating={"script"},
        ),
    ),
    *on(
        "keras-expert",
        pair(
            "features and shape in expert mode",
            every(put("dependencies", featureCount=26), put(shape="(26,)")),
            DATA.changed("shape", "dependencies.featureCount"),
        ),
    ),
    *on(
        "keras-untrained",
        pair(
            "features and shape of an untrained block",
            every(put("dependencies", featureCount=26), put(shape="(26,)")),
            DATA.changed("shape", "dependencies.featureCount"),
            state="untrained",
        ),
    ),
    *on(
        "retrain",
        pair(
            "features and shape, still to be trained again",
            every(put("dependencies", featureCount=26), put(shape="(26,)")),
            DATA.changed("shape", "dependencies.featureCount"),
            state="stale",
        ),
    ),
    *on("two inputs", pair("inputs in another order", reverse("dependencies.blockNames"))),
    *on(
        "accented",
        pair(
            "an accent composed otherwise",
            put(
                "dependencies",
                classes=["idle", "nai\u0308ve", "wave"],
                outputClasses=["idle", "nai\u0308ve", "wave"],
            ),
            DATA.changed(_CLASSES, _OUTPUT),
        ),
    ),
)

PAIRS = (*_LABELS, *_SHAPES)
