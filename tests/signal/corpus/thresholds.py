"""Thresholds, what Studio suggests for them, and their deprecated mirror."""

from __future__ import annotations

from tests.signal.edits import cut, every, insert, place, put
from tests.signal.pairs import CATALOGUE, RATING, SUGGESTED, THRESHOLDS, UNKNOWN, on, pair

_MIRROR = "minimumConfidenceRating"
_SCORE = "thresholds[min_score]"
_ERROR = "thresholds[max_abs_error]"
_ANOMALY = "thresholds[min_anomaly_score]"
_METHOD = "thresholds[anomaly_scoring_aggregation_method]"
_NEW = {"key": "iou", "description": "Overlap", "helpText": "", "value": 0.4}

_CLASSIFIER = on(
    "keras",
    pair("value", put("thresholds.0", value=0.5), THRESHOLDS.changed(f"{_SCORE}.value")),
    pair("value set to 0", put("thresholds.0", value=0), THRESHOLDS.changed(f"{_SCORE}.value")),
    pair(
        "value changed by little, yet more than noise",
        put("thresholds.0", value=0.6000001),
        THRESHOLDS.changed(f"{_SCORE}.value"),
    ),
    pair(
        "value and mirror",
        every(put("thresholds.0", value=0.5), put(minimumConfidenceRating=0.5)),
        THRESHOLDS.changed(f"{_SCORE}.value", _MIRROR),
    ),
    pair(
        "value as text, and mirror",
        every(put("thresholds.0", value="0.5"), put(minimumConfidenceRating=0.5)),
        THRESHOLDS.changed(f"{_SCORE}.value", _MIRROR),
    ),
    pair(
        "value, and the mirror to another",
        every(put("thresholds.0", value=0.5), put(minimumConfidenceRating=0.7)),
        THRESHOLDS.changed(f"{_SCORE}.value"),
        RATING.changed(_MIRROR),
    ),
    pair(
        "value, and the mirror equal but for noise",
        every(put("thresholds.0", value=0.5), put(minimumConfidenceRating=0.5 * (1 + 1e-10))),
        THRESHOLDS.changed(f"{_SCORE}.value", _MIRROR),
    ),
    pair("mirror alone", put(minimumConfidenceRating=0.5), RATING.changed(_MIRROR)),
    pair("added", insert("thresholds.1", _NEW), THRESHOLDS.added("thresholds[iou]")),
    pair(
        "added in front, the other one changed",
        every(put("thresholds.0", value=0.5), insert("thresholds.0", _NEW)),
        THRESHOLDS.added("thresholds[iou]"),
        THRESHOLDS.changed(f"{_SCORE}.value"),
    ),
    pair("removed", cut("thresholds.0"), THRESHOLDS.removed(_SCORE)),
    pair(
        "another key",
        put("thresholds.0", key="min_confidence"),
        THRESHOLDS.removed(_SCORE),
        THRESHOLDS.added("thresholds[min_confidence]"),
    ),
    pair(
        "a second one of the same key",
        insert("thresholds.1", {**_NEW, "key": "min_score"}),
        THRESHOLDS.added("thresholds[min_score#2]"),
    ),
    pair(
        "a suggestion for the first time",
        put("thresholds.0", suggestedValue=0.7, suggestedValueText="0.70"),
        SUGGESTED.added(f"{_SCORE}.suggestedValue", f"{_SCORE}.suggestedValueText"),
    ),
    pair(
        "options for the first time",
        put("thresholds.0", dropdownOptions=[{"description": "Half", "value": "0.5"}]),
        CATALOGUE.added(f"{_SCORE}.dropdownOptions"),
    ),
    pair(
        "description",
        put("thresholds.0", description="Minimum score"),
        CATALOGUE.changed(f"{_SCORE}.description"),
    ),
    pair(
        "help text",
        put("thresholds.0", helpText="Other words."),
        CATALOGUE.changed(f"{_SCORE}.helpText"),
    ),
    pair(
        "help text gone, though the schema requires it",
        cut("thresholds.0.helpText"),
        CATALOGUE.removed(f"{_SCORE}.helpText"),
    ),
    pair(
        "value, mirror and wording",
        every(
            put("thresholds.0", value=0.5, description="Minimum score"),
            put(minimumConfidenceRating=0.5),
        ),
        THRESHOLDS.changed(f"{_SCORE}.value", _MIRROR),
        CATALOGUE.changed(f"{_SCORE}.description"),
    ),
    pair(
        "a key that the schema lacks",
        put("thresholds.0", unit="%"),
        UNKNOWN.added(f"{_SCORE}.unit"),
    ),
)

_DETECTOR = on(
    "keras-object-detection-yolo-pro",
    pair(
        "value to where the mirror stood all along",
        put("thresholds.0", value=0.6),
        THRESHOLDS.changed(f"{_SCORE}.value"),
    ),
    pair(
        "mirror to where the value stood all along",
        put(minimumConfidenceRating=0.5),
        RATING.changed(_MIRROR),
    ),
    pair(
        "value and mirror from different values to one",
        every(put("thresholds.0", value=0.4), put(minimumConfidenceRating=0.4)),
        THRESHOLDS.changed(f"{_SCORE}.value", _MIRROR),
    ),
)

_TEXT = on(
    "text score",
    pair(
        "value from a text", put("thresholds.0", value=0.7), THRESHOLDS.changed(f"{_SCORE}.value")
    ),
    pair(
        "value from text to text, and mirror",
        every(put("thresholds.0", value="0.7"), put(minimumConfidenceRating=0.7)),
        THRESHOLDS.changed(f"{_SCORE}.value", _MIRROR),
    ),
)

_SECOND = on(
    "two scores",
    pair(
        "value of the second of the same key",
        put("thresholds.1", value=3),
        THRESHOLDS.changed("thresholds[min_score#2].value"),
    ),
    pair(
        "the second of the same key removed",
        cut("thresholds.1"),
        THRESHOLDS.removed("thresholds[min_score#2]"),
    ),
)

_REGRESSION = on(
    "keras-regression",
    pair(
        "suggestion and its text",
        put("thresholds.0", suggestedValue=1.5, suggestedValueText="1.50"),
        SUGGESTED.changed(f"{_ERROR}.suggestedValue", f"{_ERROR}.suggestedValueText"),
    ),
    pair(
        "suggestion without its text",
        put("thresholds.0", suggestedValue=1.5),
        SUGGESTED.changed(f"{_ERROR}.suggestedValue"),
    ),
    pair(
        "the suggestion's text alone",
        put("thresholds.0", suggestedValueText="1.4"),
        SUGGESTED.changed(f"{_ERROR}.suggestedValueText"),
    ),
    pair(
        "suggestion and its text gone",
        cut("thresholds.0.suggestedValue", "thresholds.0.suggestedValueText"),
        SUGGESTED.removed(f"{_ERROR}.suggestedValue", f"{_ERROR}.suggestedValueText"),
    ),
    pair(
        "suggestion taken over",
        every(
            put("thresholds.0", suggestedValue=2.5, suggestedValueText="2.50", value=2.5),
            put(minimumConfidenceRating=2.5),
        ),
        SUGGESTED.changed(f"{_ERROR}.suggestedValue", f"{_ERROR}.suggestedValueText"),
        THRESHOLDS.changed(f"{_ERROR}.value", _MIRROR),
    ),
)

_VISUAL_ANOMALY = on(
    "keras-visual-anomaly",
    pair(
        "another method", put("thresholds.1", value="mean"), THRESHOLDS.changed(f"{_METHOD}.value")
    ),
    pair(
        "two thresholds and the mirror of one",
        every(
            put("thresholds.0", value=8.5),
            put("thresholds.1", value="mean"),
            put(minimumConfidenceRating=8.5),
        ),
        THRESHOLDS.changed(f"{_ANOMALY}.value", _MIRROR),
        THRESHOLDS.changed(f"{_METHOD}.value"),
    ),
    pair(
        "two thresholds to one value, and mirror",
        every(
            put("thresholds.0", value=8.5),
            put("thresholds.1", value="8.5"),
            put(minimumConfidenceRating=8.5),
        ),
        THRESHOLDS.changed(f"{_ANOMALY}.value"),
        THRESHOLDS.changed(f"{_METHOD}.value"),
        floating={_MIRROR},
    ),
    pair(
        "suggestion and value of the same threshold apart",
        put("thresholds.0", suggestedValue=9.5, suggestedValueText="9.50", value=8),
        SUGGESTED.changed(f"{_ANOMALY}.suggestedValue", f"{_ANOMALY}.suggestedValueText"),
        THRESHOLDS.changed(f"{_ANOMALY}.value"),
    ),
    pair(
        "an option more",
        insert("thresholds.1.dropdownOptions.1", {"description": "Median", "value": "median"}),
        CATALOGUE.added(f"{_METHOD}.dropdownOptions[median]"),
    ),
    pair(
        "an option less",
        cut("thresholds.1.dropdownOptions.0"),
        CATALOGUE.removed(f"{_METHOD}.dropdownOptions[max]"),
    ),
    pair(
        "an option in other words",
        put("thresholds.1.dropdownOptions.0", description="Largest"),
        CATALOGUE.changed(f"{_METHOD}.dropdownOptions[max].description"),
    ),
    pair(
        "an option of another value",
        put("thresholds.1.dropdownOptions.0", value="maximum"),
        CATALOGUE.removed(f"{_METHOD}.dropdownOptions[max]"),
        CATALOGUE.added(f"{_METHOD}.dropdownOptions[maximum]"),
    ),
    pair(
        "all options gone",
        cut("thresholds.1.dropdownOptions"),
        CATALOGUE.removed(f"{_METHOD}.dropdownOptions"),
    ),
    pair(
        "another threshold in its place",
        place("thresholds.0", _NEW),
        THRESHOLDS.removed(_ANOMALY),
        THRESHOLDS.added("thresholds[iou]"),
    ),
)

_TRANSFER = on(
    "keras-transfer-image",
    pair(
        "value and mirror of a transfer block",
        every(put("thresholds.0", value=0.8), put(minimumConfidenceRating=0.8)),
        THRESHOLDS.changed(f"{_SCORE}.value", _MIRROR),
    ),
)

PAIRS = (
    *_CLASSIFIER,
    *_DETECTOR,
    *_TEXT,
    *_SECOND,
    *_REGRESSION,
    *_VISUAL_ANOMALY,
    *_TRANSFER,
)
