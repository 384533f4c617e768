"""The field table: every property of the getKeras schema, and how the auditor sees it.

One row a property, in the order of the schema. Area,
owner and severity are the contract's defaults. Compare, policy, report and documentation read
this table; a test holds it against the published schema.

A pattern writes a member of a list as `[]` and a free key of an object as `{}`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from auditor.model import Area, Change, Json, Owner, Severity


class Shape(Enum):
    """How the value under a pattern is compared."""

    VALUE = auto()  # as one value; an undeclared object is compared key by key
    NUMBER = auto()  # as VALUE, and a string that spells a number is that number
    PROGRAM = auto()  # text whose line ends and trailing blank lines say nothing
    OBJECT = auto()  # key by key
    LIST = auto()  # one value, order counts
    SET = auto()  # one value, order says nothing
    MEMBERS = auto()  # member by member, found by identity
    LAYERS = auto()  # aligned
    GROUPS = auto()  # the members of all groups as MEMBERS; in which group one is says nothing
    PARAMETER = auto()  # as VALUE, and a number or boolean is the string that spells it
    FOLLOWER = auto()  # not compared: it follows another value


class JsonType(Enum):
    """The JSON type that a value must have for its answer to be accepted."""

    BOOLEAN = auto()
    TEXT = auto()
    NUMBER = auto()
    INTEGER = auto()
    NUMBER_OR_TEXT = auto()
    LIST = auto()
    TEXTS = auto()  # a list of texts
    OBJECT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One property of the schema.

    Attributes:
        label: what Studio's pages call it.
        unit: written behind its values, empty if there is none.
        required: the schema requires it of its container, so absent is not its default.
        blank_is_true: absent means true (a layer's `enabled`), and false is a change.
        identity: the keys that name a member (`Shape.MEMBERS`), joined by `:`.
        json_type: an answer without a value of this type is refused; of a member of a list:
            one in which a member has another type. None where anything is accepted.
    """

    pattern: str
    label: str
    area: Area
    owner: Owner
    severity: Severity
    unit: str = ""
    required: bool = False
    blank_is_true: bool = False
    shape: Shape = Shape.VALUE
    identity: tuple[str, ...] = ()
    json_type: JsonType | None = None


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """What rows of a table have in common."""

    area: Area
    owner: Owner
    severity: Severity

    def field(  # noqa: PLR0913 - a row of the table has as many columns as it has
        self,
        pattern: str,
        label: str,
        json_type: JsonType | None = None,
        *,
        unit: str = "",
        required: bool = False,
        blank_is_true: bool = False,
        shape: Shape = Shape.VALUE,
        identity: tuple[str, ...] = (),
    ) -> Field:
        """Return a row; an answer without a value of `json_type` is refused."""
        return Field(
            pattern=pattern,
            label=label,
            area=self.area,
            owner=self.owner,
            severity=self.severity,
            unit=unit,
            required=required or (json_type is not None and not pattern.endswith("[]")),
            blank_is_true=blank_is_true,
            shape=shape,
            identity=identity,
            json_type=json_type,
        )


_BOOLEAN, _TEXT, _TEXTS = JsonType.BOOLEAN, JsonType.TEXT, JsonType.TEXTS
_NUMBER, _INTEGER = JsonType.NUMBER, JsonType.INTEGER
_LIST, _OBJECT = JsonType.LIST, JsonType.OBJECT

_TRAINED = FieldGroup(Area.TRAINED, Owner.TRAINING, Severity.MEDIUM)
_MODEL_TYPE = FieldGroup(Area.TRAINED, Owner.TRAINING, Severity.LOW)
_LAYERS = FieldGroup(Area.LAYERS, Owner.INTENT, Severity.HIGH)
_THRESHOLDS = FieldGroup(Area.THRESHOLDS, Owner.INTENT, Severity.HIGH)
_SUGGESTION = FieldGroup(Area.THRESHOLDS, Owner.TRAINING, Severity.LOW)
_RATING = FieldGroup(Area.THRESHOLDS, Owner.INTENT, Severity.MEDIUM)
_SCRIPT = FieldGroup(Area.SCRIPT, Owner.INTENT, Severity.HIGH)
_TRAINING = FieldGroup(Area.TRAINING, Owner.INTENT, Severity.MEDIUM)
_PROFILING = FieldGroup(Area.TRAINING, Owner.INTENT, Severity.INFO)
_DATA = FieldGroup(Area.DATA, Owner.DATASET, Severity.HIGH)
_SAMPLES = FieldGroup(Area.DATA, Owner.DATASET, Severity.LOW)
_CONNECTION = FieldGroup(Area.PROCESSING, Owner.INTENT, Severity.HIGH)
_TYPE = FieldGroup(Area.IDENTITY, Owner.INTENT, Severity.HIGH)
_NAME = FieldGroup(Area.IDENTITY, Owner.INTENT, Severity.LOW)
_VENDOR = FieldGroup(Area.CATALOGUE, Owner.VENDOR, Severity.INFO)
_INTERFACE = FieldGroup(Area.INTERFACE, Owner.INTERFACE, Severity.INFO)
_UNKNOWN = FieldGroup(Area.UNKNOWN, Owner.UNKNOWN, Severity.LOW)

CATALOGUE = "transferLearningModels"
ENVELOPE = frozenset({"success", "error"})  # of the answer, not of the block; never compared

UNKNOWN = _UNKNOWN.field("?", "Field unknown to this version")
UNKNOWN_OF_VENDOR = _VENDOR.field("transferLearningModels[].?", "Catalogue field")

LEARN_TABLE = "learn:"
CONNECTION = f"{LEARN_TABLE}dsp"
"""The pattern of the processing blocks whose features a learn block takes: its entry in the
listing says it."""

_BLOCK: tuple[Field, ...] = (
    _CONNECTION.field(CONNECTION, "Processing blocks", shape=Shape.SET),
    _DATA.field("dependencies", "Data", _OBJECT, shape=Shape.OBJECT),
    _DATA.field("dependencies.classes", "Labels", _TEXTS, shape=Shape.SET),
    _DATA.field("dependencies.blockNames", "Input blocks", _TEXTS, shape=Shape.SET),
    _DATA.field("dependencies.classesPerKey", "Labels by key", shape=Shape.OBJECT),
    _DATA.field("dependencies.classesPerKey{}", "Labels of a key", shape=Shape.SET),
    _DATA.field("dependencies.featureCount", "Input features", _INTEGER),
    _SAMPLES.field("dependencies.sampleCount", "Samples", _INTEGER),
    _DATA.field("dependencies.outputClasses", "Output classes", _TEXTS, shape=Shape.LIST),
    _TRAINED.field("trained", "Trained", _BOOLEAN),
    _NAME.field("name", "Name", _TEXT),
    _TYPE.field("type", "Block type"),
    _SCRIPT.field("script", "Training script", _TEXT, shape=Shape.PROGRAM),
    _RATING.field("minimumConfidenceRating", "Minimum confidence rating", _NUMBER),
    _MODEL_TYPE.field("selectedModelType", "Selected model", _TEXT),
    _LAYERS.field("mode", "Mode", _TEXT),
    _LAYERS.field("visualLayers", "Layers", _LIST, shape=Shape.LAYERS),
    _LAYERS.field("visualLayers[]", "Layer", _OBJECT, shape=Shape.OBJECT),
    _LAYERS.field("visualLayers[].type", "Type", _TEXT),
    _LAYERS.field("visualLayers[].neurons", "Neurons"),
    _LAYERS.field("visualLayers[].kernelSize", "Kernel size"),
    _LAYERS.field("visualLayers[].dropoutRate", "Dropout rate"),
    _LAYERS.field("visualLayers[].columns", "Columns"),
    _LAYERS.field("visualLayers[].stack", "Convolutional layers"),
    _LAYERS.field("visualLayers[].enabled", "Enabled", blank_is_true=True),
    _LAYERS.field("visualLayers[].organizationModelId", "Custom model"),
    _TRAINING.field("trainingCycles", "Training cycles", _INTEGER),
    _TRAINING.field("learningRate", "Learning rate", _NUMBER),
    _TRAINING.field("batchSize", "Batch size"),
    _VENDOR.field("defaultBatchSize", "Default batch size", _INTEGER),
    _DATA.field("shape", "Input shape", _TEXT),
    _TRAINING.field("trainTestSplit", "Validation set size"),
    _TRAINING.field("autoClassWeights", "Auto-weight classes"),
    _TRAINING.field("useLearnedOptimizer", "Learned optimizer"),
    _TRAINING.field("augmentationPolicyImage", "Image augmentation", _TEXT),
    _TRAINING.field(
        "augmentationPolicySpectrogram", "Spectrogram augmentation", shape=Shape.OBJECT
    ),
    _TRAINING.field(
        "augmentationPolicySpectrogram.enabled", "Spectrogram augmentation", required=True
    ),
    _TRAINING.field("augmentationPolicySpectrogram.warping", "Time warping"),
    _TRAINING.field("augmentationPolicySpectrogram.freqMasking", "Frequency masking"),
    _TRAINING.field("augmentationPolicySpectrogram.timeMasking", "Time masking"),
    _TRAINING.field("augmentationPolicySpectrogram.gaussianNoise", "Gaussian noise"),
    _VENDOR.field(
        CATALOGUE,
        "Model catalogue",
        _LIST,
        shape=Shape.MEMBERS,
        identity=("type", "organizationModelId"),
    ),
    _PROFILING.field("profileInt8", "Profile int8 model", _BOOLEAN),
    _PROFILING.field("skipEmbeddingsAndMemory", "Skip embeddings and memory", _BOOLEAN),
    _TRAINING.field("akidaEdgeLearningConfig", "Akida edge learning", shape=Shape.OBJECT),
    _TRAINING.field("akidaEdgeLearningConfig.enabled", "Akida edge learning", required=True),
    _TRAINING.field("akidaEdgeLearningConfig.additionalClasses", "Akida additional classes"),
    _TRAINING.field("akidaEdgeLearningConfig.neuronsPerClass", "Akida neurons per class"),
    _TRAINING.field("customValidationMetadataKey", "Validation metadata key"),
    _TRAINING.field("kFoldsValidationConfig", "K-fold validation", shape=Shape.OBJECT),
    _TRAINING.field("kFoldsValidationConfig{}", "K-fold validation"),
    _TRAINING.field("isMultiHead", "Multi-head model"),
    _VENDOR.field("customBlockRef", "Custom block"),
    _INTERFACE.field("showAdvancedTrainingSettings", "Advanced settings shown", _BOOLEAN),
    _INTERFACE.field("showAugmentationTrainingSettings", "Augmentation shown", _BOOLEAN),
    _TRAINING.field("customParameters", "Custom parameters", shape=Shape.OBJECT),
    _TRAINING.field("customParameters{}", "Custom parameter"),
    _TRAINING.field("anomalyCapacity", "Anomaly capacity"),
    _INTERFACE.field("lastShownModelVariant", "Model variant shown"),
    _TRAINING.field("blockParameters", "Block parameters", shape=Shape.OBJECT),
    _TRAINING.field("blockParameters.backbone", "Backbone"),
    _TRAINING.field("blockParameters.numLayers", "Feature extractor layers"),
    _TRAINING.field("blockParameters.poolSize", "Pool size"),
    _TRAINING.field("blockParameters.samplingRatio", "Sampling ratio"),
    _TRAINING.field("blockParameters.numNearestNeighbors", "Nearest neighbours"),
    _THRESHOLDS.field("thresholds", "Thresholds", _LIST, shape=Shape.MEMBERS, identity=("key",)),
    _THRESHOLDS.field("thresholds[]", "Threshold", _OBJECT, shape=Shape.OBJECT),
    _THRESHOLDS.field("thresholds[].key", "Key", _TEXT),
    _VENDOR.field("thresholds[].description", "Description", required=True),
    _VENDOR.field("thresholds[].helpText", "Help text", required=True),
    _SUGGESTION.field("thresholds[].suggestedValue", "Suggested value"),
    _SUGGESTION.field("thresholds[].suggestedValueText", "Suggested value (text)"),
    _THRESHOLDS.field("thresholds[].value", "Value", JsonType.NUMBER_OR_TEXT, shape=Shape.NUMBER),
    _VENDOR.field(
        "thresholds[].dropdownOptions", "Options", shape=Shape.MEMBERS, identity=("value",)
    ),
    _VENDOR.field("thresholds[].dropdownOptions[]", "Option", shape=Shape.OBJECT),
    _VENDOR.field("thresholds[].dropdownOptions[].description", "Description", required=True),
    _VENDOR.field("thresholds[].dropdownOptions[].value", "Value", required=True),
)


def _catalogue(under: str, rows: Iterable[tuple[str, bool]]) -> tuple[Field, ...]:
    return tuple(
        _VENDOR.field(f"{under}.{name}", name, required=required) for name, required in rows
    )


_MODEL = f"{CATALOGUE}[]"
_PARAMETER = f"{_MODEL}.customParameters[]"
_OPTION = f"{_PARAMETER}.selectOptions[]"

_CATALOGUE: tuple[Field, ...] = (
    _VENDOR.field(_MODEL, "Model", _OBJECT, shape=Shape.OBJECT),
    *_catalogue(
        _MODEL,
        (
            ("name", True),
            ("shortName", True),
            ("abbreviatedName", False),
            ("description", True),
            ("hasNeurons", True),
            ("hasDropout", True),
            ("defaultNeurons", False),
            ("defaultDropout", False),
            ("defaultLearningRate", False),
            ("defaultTrainingCycles", False),
            ("hasImageAugmentation", False),
            ("type", True),
            ("learnBlockType", True),
            ("organizationModelId", False),
            ("implementationVersion", False),
            ("repositoryUrl", False),
            ("customBlockRef", False),
            ("author", True),
            ("blockType", True),
            ("displayCategory", False),
            ("hasExpertMode", True),
        ),
    ),
    _VENDOR.field(f"{_MODEL}.blockNoLongerAvailable", "No longer available", shape=Shape.OBJECT),
    *_catalogue(
        f"{_MODEL}.blockNoLongerAvailable", (("reasonMarkdown", True), ("reasonHtml", True))
    ),
    _VENDOR.field(
        f"{_MODEL}.customParameters", "Parameters", shape=Shape.MEMBERS, identity=("param",)
    ),
    _VENDOR.field(_PARAMETER, "Parameter", shape=Shape.OBJECT),
    *_catalogue(
        _PARAMETER,
        (
            ("name", True),
            ("value", False),
            ("defaultValue", True),
            ("type", True),
            ("help", False),
            ("param", True),
            ("readonly", True),
            ("shouldShow", True),
            ("invalidText", False),
            ("section", False),
            ("multiline", False),
            ("required", True),
            ("hint", False),
            ("placeholder", False),
            ("showClickToSet", True),
            ("valid", False),
            ("items", False),
            ("properties", False),
            ("minVal", False),
            ("maxVal", False),
        ),
    ),
    _VENDOR.field(
        f"{_PARAMETER}.selectOptions", "Options", shape=Shape.MEMBERS, identity=("value",)
    ),
    _VENDOR.field(_OPTION, "Option", shape=Shape.OBJECT),
    *_catalogue(
        _OPTION,
        (
            ("value", False),
            ("selected", False),
            ("optionLabel", False),
            ("priority", False),
            ("romEstimate", False),
            ("needsOps", False),
            ("needsFeatures", False),
        ),
    ),
    _VENDOR.field(f"{_PARAMETER}.showIf", "Shown if", shape=Shape.OBJECT),
    *_catalogue(
        f"{_PARAMETER}.showIf", (("parameter", True), ("operator", True), ("value", True))
    ),
)

FIELDS: dict[str, Field] = {row.pattern: row for row in (*_BLOCK, *_CATALOGUE)}

_MODEL_PREFIXES = ("transfer_", "object_", "fomo_")


def names_model(layer_type: object) -> bool:
    """Return whether a layer of this type names a transfer, detection or anomaly model."""
    return isinstance(layer_type, str) and layer_type.startswith(_MODEL_PREFIXES)


TYPE_PATTERNS = ("type", "post:type", "input:type", "block.type", "dsp.type")
"""Where the type of a block stands; another one under the same id is another block."""
NAME_PATHS = frozenset({"name", "metadata.name", "block.name", "dsp.name"})
"""Where the name of a block stands."""


def without_table(pattern: str) -> str:
    """Return a pattern as paths have it: without the table before the colon."""
    return pattern.rpartition(":")[2]


_LEVELS = frozenset({"none", "low", "high"})
_LAYER_TYPES = frozenset(
    """
    dense conv1d conv2d reshape flatten dropout batchNormalization transfer_mobilenetv2_a35
    transfer_mobilenetv2_a1 transfer_mobilenetv2_a05 transfer_mobilenetv2_160_a1
    transfer_mobilenetv2_160_a75 transfer_mobilenetv2_160_a5 transfer_mobilenetv2_160_a35
    transfer_mobilenetv1_a25_d100 transfer_mobilenetv1_a2_d100 transfer_mobilenetv1_a1_d100
    transfer_kws_mobilenetv1_a1_d100 transfer_kws_mobilenetv2_a35_d100
    transfer_kws_syntiant_ndp10x transfer_kws_conv2d_tiny
    object_ssd_mobilenet_v2_fpnlite_320x320 fomo_mobilenet_v2_a01 fomo_mobilenet_v2_a35
    transfer_organization transfer_akidanet_imagenet_160_a100 transfer_akidanet_imagenet_160_a50
    transfer_akidanet_imagenet_160_a25 transfer_akidanet_imagenet_224_a100
    transfer_akidanet_imagenet_224_a50 transfer_akidanet_imagenet_224_a25 fomo_akidanet_a50
    fomo_ad_gmm fomo_ad_patchcore
    """.split()  # noqa: SIM905 - so many names read better as words
)
_BLOCK_TYPES = frozenset(
    """
    anomaly anomaly-gmm keras keras-transfer-image keras-transfer-kws keras-object-detection
    keras-regression keras-akida keras-akida-transfer-image keras-akida-object-detection
    keras-visual-anomaly keras-freeform keras-anomaly vlm
    """.split()  # noqa: SIM905 - so many names read better as words
)

ENUMERATIONS: dict[str, frozenset[str]] = {
    "type": _BLOCK_TYPES,
    "selectedModelType": frozenset({"int8", "float32", "akida", "requiresRetrain"}),
    "mode": frozenset({"visual", "expert"}),
    "visualLayers[].type": _LAYER_TYPES,
    "augmentationPolicyImage": frozenset({"none", "all"}),
    "augmentationPolicySpectrogram.freqMasking": _LEVELS,
    "augmentationPolicySpectrogram.timeMasking": _LEVELS,
    "augmentationPolicySpectrogram.gaussianNoise": _LEVELS,
    "anomalyCapacity": frozenset({"low", "medium", "high"}),
    "lastShownModelVariant": frozenset({"int8", "float32", "akida"}),
}


def new_value(change: Change) -> tuple[str, str] | None:
    """Return field and value where a change brings a value that no enumeration names."""
    if change.pattern == "visualLayers[]":
        return _unnamed("visualLayers[].type", _type(change.after))
    return _unnamed(change.pattern, change.after)


def _unnamed(pattern: str, value: Json) -> tuple[str, str] | None:
    named = ENUMERATIONS.get(pattern)
    if named is None or not isinstance(value, str) or not value or value in named:
        return None
    return pattern, value


def _type(layer: Json) -> Json:
    return layer.get("type") if isinstance(layer, dict) else None
