"""The values that the published schema names for its enumerations.

Values beyond them are kept and compared as they stand: the API grows. They are told as new, since
the vendor brought them. A test holds this table against the schema.
"""

from __future__ import annotations

from auditor.model import Change, Json

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
