"""The field tables of learn blocks that have endpoints of their own: K-means, GMM, VLM."""

from __future__ import annotations

from dataclasses import replace

from auditor.drift.fields import CONNECTION, FIELDS, Field, FieldGroup, JsonType, Shape
from auditor.model import Area, Owner, Severity

_TRAINING = FieldGroup(Area.TRAINING, Owner.INTENT, Severity.MEDIUM)
_MODEL = FieldGroup(Area.TRAINING, Owner.INTENT, Severity.HIGH)
_IDENTITY = FieldGroup(Area.IDENTITY, Owner.INTENT, Severity.LOW)

_SHARED = (CONNECTION, "dependencies", "trained", "name", "minimumConfidenceRating", "thresholds")
"""What an anomaly block has as a Keras block has it."""


def _below(*keys: str) -> dict[str, Field]:
    return {
        pattern: row
        for pattern, row in FIELDS.items()
        if pattern.partition(".")[0].partition("[")[0] in keys
    }


def _by_pattern(*rows: Field) -> dict[str, Field]:
    return {row.pattern: row for row in rows}


ANOMALY_FIELDS: dict[str, Field] = {
    **_below(*_SHARED),
    **_by_pattern(
        _TRAINING.field("clusterCount", "Cluster count"),
        _TRAINING.field("selectedAxes", "Selected axes", JsonType.LIST, shape=Shape.SET),
        # Mirrors the selected axes; the labels and Studio's suggestion follow the features.
        _TRAINING.field("axes", "Axes", shape=Shape.LIST),
    ),
}

ANOMALY_REQUIRED = {
    "": {
        "dependencies": JsonType.OBJECT,
        "name": JsonType.TEXT,
        "trained": JsonType.BOOLEAN,
        "selectedAxes": JsonType.LIST,
        "thresholds": JsonType.LIST,
    },
    "dependencies": {
        "classes": JsonType.TEXTS,
        "blockNames": JsonType.TEXTS,
        "featureCount": JsonType.INTEGER,
        "sampleCount": JsonType.INTEGER,
        "outputClasses": JsonType.TEXTS,
    },
    "thresholds[]": {"key": JsonType.TEXT, "value": JsonType.NUMBER_OR_TEXT},
}

METADATA = "metadata"
VLM_FIELDS: dict[str, Field] = _by_pattern(
    *_below(CONNECTION).values(),
    _IDENTITY.field(METADATA, "Metadata", JsonType.OBJECT, shape=Shape.OBJECT),
    _IDENTITY.field(f"{METADATA}.name", "Name"),
    *(
        replace(row, pattern=f"{METADATA}.{pattern}", required=row.required and "." in pattern)
        for pattern, row in _below("thresholds").items()
    ),
    _MODEL.field(f"{METADATA}.config", "Configuration", JsonType.OBJECT, shape=Shape.OBJECT),
    # Another after every change, so it says nothing by itself.
    _MODEL.field(f"{METADATA}.config.configId", "Configuration id"),
    _MODEL.field(f"{METADATA}.config.modelId", "Model"),
    _MODEL.field(f"{METADATA}.config.deploymentId", "Deployment"),
    _MODEL.field(f"{METADATA}.config{{}}", "Configuration", shape=Shape.OBJECT),
)

VLM_REQUIRED = {
    "": {METADATA: JsonType.OBJECT},
    METADATA: {"config": JsonType.OBJECT},
    f"{METADATA}.thresholds[]": {"key": JsonType.TEXT, "value": JsonType.NUMBER_OR_TEXT},
}
