"""The field tables of the blocks around a learn block: input, processing, post-processing.

The document of a processing block is `{block: its entry in the listing, dsp, config}`, that of a
post-processing block `{block, enabled, type, parameters}`, that of an input block its entry. The
API document names the fields; what a person sets of a parameter is its `value`, all else is the
block author's.

Patterns of a table that has a name other tables have too begin with the table's name and a colon.
"""

from __future__ import annotations

from auditor.drift.fields import Field, FieldGroup, JsonType, Shape
from auditor.model import Area, Owner, Severity

INPUT_TABLE, POST_TABLE = "input:", "post:"
PARAMETERS = ("config[]", "post:parameters[]")
"""The patterns of parameters."""

_INPUT = FieldGroup(Area.INPUT, Owner.INTENT, Severity.HIGH)
_PROCESSING = FieldGroup(Area.PROCESSING, Owner.INTENT, Severity.HIGH)
_ANALYSIS = FieldGroup(Area.PROCESSING, Owner.INTENT, Severity.INFO)
_DATA = FieldGroup(Area.DATA, Owner.DATASET, Severity.HIGH)
_GENERATED = FieldGroup(Area.DATA, Owner.DATASET, Severity.MEDIUM)
_WINDOWS = FieldGroup(Area.DATA, Owner.DATASET, Severity.LOW)
_TYPE = FieldGroup(Area.IDENTITY, Owner.INTENT, Severity.HIGH)
_NAME = FieldGroup(Area.IDENTITY, Owner.INTENT, Severity.LOW)
_VENDOR = FieldGroup(Area.CATALOGUE, Owner.VENDOR, Severity.INFO)
_INTERFACE = FieldGroup(Area.INTERFACE, Owner.INTERFACE, Severity.INFO)


def _entry(at: str) -> tuple[Field, ...]:
    """Return what every entry of the listing has, at a place."""
    return (
        _INTERFACE.field(f"{at}id", "Block id", required=True),
        _TYPE.field(f"{at}type", "Block type", required=True),
        _NAME.field(f"{at}name", "Name"),
        _INTERFACE.field(f"{at}title", "Title"),
        _INTERFACE.field(f"{at}createdBy", "Made by"),
        _INTERFACE.field(f"{at}createdAt", "Made at"),
    )


def _parameter(at: str) -> tuple[Field, ...]:
    """Return the rows of a parameter, at the pattern of one."""
    return (
        _PROCESSING.field(at, "Parameter", shape=Shape.OBJECT),
        _PROCESSING.field(f"{at}.value", "Value", required=True, shape=Shape.PARAMETER),
        _VENDOR.field(f"{at}.shouldShow", "Shown", shape=Shape.FOLLOWER),
        _VENDOR.field(f"{at}.valid", "Valid", shape=Shape.FOLLOWER),
        _VENDOR.field(f"{at}.selectOptions", "Options", shape=Shape.MEMBERS, identity=("value",)),
        _VENDOR.field(f"{at}.selectOptions[]", "Option", shape=Shape.OBJECT),
        _VENDOR.field(f"{at}.selectOptions[].selected", "Selected", shape=Shape.FOLLOWER),
        _VENDOR.field(f"{at}{{}}", "Detail"),
    )


def _table(*rows: Field) -> dict[str, Field]:
    return {row.pattern: row for row in rows}


_LABELING = f"{INPUT_TABLE}labelingMethodMultiLabel"
_SUBSET = f"{INPUT_TABLE}datasetSubset"
INPUT_FIELDS = _table(
    *_entry(INPUT_TABLE),
    _INPUT.field(f"{INPUT_TABLE}windowSizeMs", "Window size", unit="ms"),
    _INPUT.field(f"{INPUT_TABLE}windowIncreaseMs", "Window increase (stride)", unit="ms"),
    _INPUT.field(
        f"{INPUT_TABLE}classificationWindowIncreaseMs",
        "Window increase when classifying",
        unit="ms",
    ),
    _INPUT.field(f"{INPUT_TABLE}frequencyHz", "Frequency", unit="Hz"),
    _INPUT.field(f"{INPUT_TABLE}padZeros", "Zero-pad data"),
    _INPUT.field(f"{INPUT_TABLE}axes", "Input axes", shape=Shape.LIST),
    _INPUT.field(f"{INPUT_TABLE}imageWidth", "Image width", unit="px"),
    _INPUT.field(f"{INPUT_TABLE}imageHeight", "Image height", unit="px"),
    _INPUT.field(f"{INPUT_TABLE}resizeMode", "Resize mode"),
    _INPUT.field(f"{INPUT_TABLE}resizeMethod", "Resize method"),
    _INPUT.field(f"{INPUT_TABLE}cropAnchor", "Crop anchor"),
    _INPUT.field(_LABELING, "Labeling method", shape=Shape.OBJECT),
    _INPUT.field(f"{_LABELING}.type", "Labeling method", required=True),
    _INPUT.field(f"{_LABELING}.labels", "Labels of the labeling method", shape=Shape.SET),
    _INPUT.field(f"{_LABELING}.minPercentage", "Least share of a window", unit="%"),
    _INPUT.field(_SUBSET, "Subset of the data set", shape=Shape.OBJECT),
    _INPUT.field(f"{_SUBSET}.subsetModulo", "Subset of the data set, one of", required=True),
    _INPUT.field(f"{_SUBSET}.subsetSeed", "Subset of the data set, seed", required=True),
)

_AXES = "block.namedAxes"
PROCESSING_FIELDS = _table(
    _PROCESSING.field("block", "Listing", JsonType.OBJECT, shape=Shape.OBJECT),
    *_entry("block."),
    _PROCESSING.field("block.axes", "Axes", shape=Shape.LIST),
    _PROCESSING.field("block.implementationVersion", "Implementation version", required=True),
    _PROCESSING.field("block.input", "Input block"),
    _DATA.field("block.valuesPerAxis", "Features per axis"),
    _PROCESSING.field("block.organization", "Custom block"),
    _PROCESSING.field("block.customUrl", "Address of the custom block"),
    _PROCESSING.field(_AXES, "Named axes", shape=Shape.MEMBERS, identity=("name",)),
    _PROCESSING.field(f"{_AXES}[]", "Named axis", shape=Shape.OBJECT),
    _PROCESSING.field(f"{_AXES}[].name", "Name", required=True),
    _PROCESSING.field(f"{_AXES}[].selectedAxis", "Selected axis"),
    _VENDOR.field(f"{_AXES}[]{{}}", "Detail"),
    _PROCESSING.field("dsp", "Block", JsonType.OBJECT, shape=Shape.OBJECT),
    _INTERFACE.field("dsp.id", "Block id", JsonType.INTEGER),
    _NAME.field("dsp.name", "Name", JsonType.TEXT),
    _TYPE.field("dsp.type", "Block type", JsonType.TEXT),
    _DATA.field("dsp.windowLength", "Window length", unit="samples"),
    _DATA.field("dsp.classes", "Labels", shape=Shape.SET),
    _DATA.field("dsp.features", "Features", JsonType.OBJECT, shape=Shape.OBJECT),
    _GENERATED.field("dsp.features.generated", "Features generated"),
    _DATA.field("dsp.features.count", "Number of features"),
    _DATA.field("dsp.features.labels", "Names of features", shape=Shape.LIST),
    _DATA.field("dsp.features.classes", "Labels of features", shape=Shape.SET),
    _WINDOWS.field("dsp.expectedWindowCount", "Windows"),
    _DATA.field("dsp.inputAxes", "Axes of the input", shape=Shape.LIST),
    _DATA.field("dsp.classesPerKey", "Labels by key"),
    _PROCESSING.field("dsp.normalizeData", "Normalization"),
    _ANALYSIS.field("dsp.calculateFeatureImportance", "Calculate feature importance"),
    _INTERFACE.field("dsp.performance", "On-device performance"),
    _VENDOR.field("dsp.canCalculateFeatureImportance", "Can calculate feature importance"),
    _VENDOR.field("dsp.canNormalizeData", "Can normalize data"),
    _VENDOR.field("dsp.hasAutoTune", "Has autotune"),
    _VENDOR.field("dsp.minimumVersionForAutotune", "Least version for autotune"),
    _VENDOR.field("dsp.hasAutotunerResults", "Has results of autotune"),
    _VENDOR.field("dsp.usesState", "Uses state"),
    _PROCESSING.field("config", "Parameters", shape=Shape.GROUPS, identity=("param",)),
    *_parameter("config[]"),
    _PROCESSING.field("configError", "Error of the parameters"),
)
PROCESSING_REQUIRED = {
    "": {"dsp": JsonType.OBJECT},
    "dsp": {
        "id": JsonType.INTEGER,
        "name": JsonType.TEXT,
        "type": JsonType.TEXT,
        "features": JsonType.OBJECT,
    },
}

POST_PROCESSING_FIELDS = _table(
    _PROCESSING.field("block", "Listing", JsonType.OBJECT, shape=Shape.OBJECT),
    *_entry("block."),
    _PROCESSING.field("block.implementationVersion", "Implementation version", required=True),
    _PROCESSING.field(f"{POST_TABLE}enabled", "Enabled"),
    _TYPE.field(f"{POST_TABLE}type", "Block type"),
    _PROCESSING.field(
        f"{POST_TABLE}parameters", "Parameters", shape=Shape.MEMBERS, identity=("param",)
    ),
    *_parameter(f"{POST_TABLE}parameters[]"),
)
POST_PROCESSING_REQUIRED = {"": {"parameters": JsonType.LIST}, "parameters[]": {}}
