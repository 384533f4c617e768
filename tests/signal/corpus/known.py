"""Fields that newer clients know: they have an area, and what is empty of them is absent."""

from __future__ import annotations

from tests.signal.edits import put
from tests.signal.pairs import on, pair

_FOLDS = "kFoldsValidationConfig"
_KEYS = "dependencies.classesPerKey"
_AGAIN = put(selectedModelType="requiresRetrain")

PAIRS = (
    *on(
        "keras",
        pair("null heads appear", put(isMultiHead=None)),
    ),
    *on(
        "known keys",
    ),
)
