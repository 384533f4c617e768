"""What one act changes in the data set is one finding; where a label moved, it is said."""

from __future__ import annotations

from tests.signal.edits import put, reverse, script
from tests.signal.pairs import DATA, on, pair

_CLASSES, _OUTPUT = "dependencies.classes", "dependencies.outputClasses"
_OTHER = script("Adam(", "SGD(")
_AGAIN = put(selectedModelType="requiresRetrain")


def _labels(classes: str, output: str) -> dict[str, list[str]]:
    return {"classes": classes.split(), "outputClasses": output.split()}


_LABELS = on(
    "keras",
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
        "a control character in a label",
        put("dependencies", classes=["idle", "up\x1b[31mdown", "wave"]),
        DATA.changed(_CLASSES),
    ),
)

_SHAPES = (
    *on(
        "keras",
    ),
    *on(
        "keras-expert",
    ),
    *on(
        "keras-untrained",
    ),
    *on(
        "retrain",
    ),
    *on("two inputs", pair("inputs in another order", reverse("dependencies.blockNames"))),
    *on(
        "accented",
    ),
)

PAIRS = (*_LABELS, *_SHAPES)
