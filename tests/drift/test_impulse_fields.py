"""The field tables of other kinds against the official client's models."""

from __future__ import annotations

from typing import Any

import pytest
from edgeimpulse_api.models.anomaly_config import AnomalyConfig
from edgeimpulse_api.models.dsp_config import DSPConfig
from edgeimpulse_api.models.dsp_group_item import DSPGroupItem
from edgeimpulse_api.models.dsp_info import DSPInfo
from edgeimpulse_api.models.dsp_info_features import DSPInfoFeatures
from edgeimpulse_api.models.impulse_dsp_block import ImpulseDspBlock
from edgeimpulse_api.models.impulse_input_block import ImpulseInputBlock
from edgeimpulse_api.models.impulse_post_processing_block import ImpulsePostProcessingBlock
from edgeimpulse_api.models.post_processing_config import PostProcessingConfig

from auditor.drift.block_kinds import kind_of
from auditor.drift.fields import UNKNOWN
from auditor.model import BlockKindName

ANOMALY, INPUT = BlockKindName.ANOMALY, BlockKindName.INPUT
PROCESSING, POST = BlockKindName.PROCESSING, BlockKindName.POST_PROCESSING


@pytest.mark.parametrize(
    ("name", "container", "model"),
    [
        (INPUT, "", ImpulseInputBlock),
        (PROCESSING, "block", ImpulseDspBlock),
        (PROCESSING, "dsp", DSPInfo),
        (PROCESSING, "dsp.features", DSPInfoFeatures),
        (PROCESSING, "config[]", DSPGroupItem),
        (POST, "block", ImpulsePostProcessingBlock),
        (POST, "", PostProcessingConfig),
        (POST, "post:parameters[]", DSPGroupItem),
        (ANOMALY, "", AnomalyConfig),
    ],
    ids=str,
)
def test_every_property_of_the_official_client_has_its_row(
    name: BlockKindName,
    container: str,
    model: Any,  # noqa: ANN401 - a class of the client
) -> None:
    kind = kind_of(name)
    row = kind.fields[container] if container else None
    keys = [field.alias for field in model.__fields__.values()]

    unknown = [key for key in keys if (kind.child(row, key) if row else kind.top(key)) is UNKNOWN]

    assert unknown == []


def test_the_configuration_of_a_processing_block_is_what_the_client_has() -> None:
    assert {field.alias for field in DSPConfig.__fields__.values()} == {
        "dsp",
        "config",
        "configError",
    }
