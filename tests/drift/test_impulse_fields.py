"""The field tables of other kinds against the official client's models."""

from __future__ import annotations

import pytest

from auditor.drift.block_kinds import kind_of
from auditor.drift.fields import UNKNOWN
from auditor.model import BlockKindName
from tests.official_client import keys_of

ANOMALY, INPUT = BlockKindName.ANOMALY, BlockKindName.INPUT
PROCESSING, POST = BlockKindName.PROCESSING, BlockKindName.POST_PROCESSING


@pytest.mark.parametrize(
    ("name", "container", "model"),
    [
        (INPUT, "", "impulse_input_block.ImpulseInputBlock"),
        (PROCESSING, "block", "impulse_dsp_block.ImpulseDspBlock"),
        (PROCESSING, "dsp", "dsp_info.DSPInfo"),
        (PROCESSING, "dsp.features", "dsp_info_features.DSPInfoFeatures"),
        (PROCESSING, "config[]", "dsp_group_item.DSPGroupItem"),
        (POST, "block", "impulse_post_processing_block.ImpulsePostProcessingBlock"),
        (POST, "", "post_processing_config.PostProcessingConfig"),
        (POST, "post:parameters[]", "dsp_group_item.DSPGroupItem"),
        (ANOMALY, "", "anomaly_config.AnomalyConfig"),
    ],
    ids=str,
)
def test_every_property_of_the_official_client_has_its_row(
    name: BlockKindName,
    container: str,
    model: str,
) -> None:
    kind = kind_of(name)
    row = kind.fields[container] if container else None
    keys = keys_of(model)

    unknown = [key for key in keys if (kind.child(row, key) if row else kind.top(key)) is UNKNOWN]

    assert unknown == []


def test_the_configuration_of_a_processing_block_is_what_the_client_has() -> None:
    assert set(keys_of("dsp_config.DSPConfig")) == {
        "dsp",
        "config",
        "configError",
    }
