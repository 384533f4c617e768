"""What one act changes in the data set is one finding; where a label moved, it is said."""

from __future__ import annotations

from tests.signal.edits import put, reverse, script
from tests.signal.pairs import on, pair

_CLASSES, _OUTPUT = "dependencies.classes", "dependencies.outputClasses"
_OTHER = script("Adam(", "SGD(")
_AGAIN = put(selectedModelType="requiresRetrain")


def _labels(classes: str, output: str) -> dict[str, list[str]]:
    return {"classes": classes.split(), "outputClasses": output.split()}


_LABELS = on(
    "keras",
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
