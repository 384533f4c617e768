"""The blocks of the soak: in each project impulses of blocks of every kind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from auditor.demo.context import make_metadata
from auditor.demo.studio_server import sample_blocks
from auditor.drift import block_kinds
from auditor.model import BlockKindName, TargetId
from tests.audit.stage import KEY
from tests.kinds import sample_answer, sample_entry
from tests.simulated_studio import SimulatedStudio
from tests.soak.edits import BlockNow
from tests.soak.ledger import RELEASED

BLOCKS_A_PROJECT = 20
FIRST_TRAINING = datetime(2025, 12, 31, 8, 20, tzinfo=UTC)  # before the first night
FIRST_RELEASE = 32  # of a sample block's `defaultBatchSize`
_IMPULSE = (
    *(BlockKindName.INPUT, BlockKindName.PROCESSING, BlockKindName.KERAS, BlockKindName.ANOMALY),
    *(BlockKindName.KERAS, BlockKindName.POST_PROCESSING, BlockKindName.KERAS, BlockKindName.VLM),
)
"""The kinds of the blocks of an impulse; the first four are a chain of features."""
_CHAIN = 4


def furnish(studio: SimulatedStudio, number: int) -> list[TargetId]:
    """Put so many blocks into as many projects as they take; return them."""
    targets = []
    for place in range(number):
        target = TargetId(1 + place // BLOCKS_A_PROJECT, 1 + place % BLOCKS_A_PROJECT)
        if target.learn_id == 1:
            studio.add_project(target.project_id, name=f"P{target.project_id}", api_key=KEY)
        furnish_block(studio, target, release=0)
        targets.append(target)
    return targets


def furnish_block(studio: SimulatedStudio, target: TargetId, *, release: int) -> None:
    """Add a block that was never edited, and its model."""
    put(studio, target, new_block(target, release))
    studio.put_model(target, make_metadata(FIRST_TRAINING))


def put(studio: SimulatedStudio, target: TargetId, block: BlockNow) -> None:
    """Add a block to its impulse."""
    impulses = (_impulse_of(target),)
    studio.put_block(target, block.kind, block.answer, entry=block.entry, impulses=impulses)


def has_trained_model(studio: SimulatedStudio, target: TargetId) -> bool:
    """Return whether Studio has a trained model of a block."""
    has_model = block_kinds.kind_of(kind_of(target)).has_model
    return has_model and studio.answer(target).get("trained") is True


def block_of(studio: SimulatedStudio, target: TargetId) -> BlockNow:
    """Return a block as it is now."""
    answer, entry = studio.answer(target), studio.entry(target)
    return _block(target, answer, entry)


def chain_of(target: TargetId) -> tuple[TargetId, ...]:
    """Return the input block of a target's impulse, its processing block and what follows."""
    first = 1 + (_impulse_of(target) - 1) * len(_IMPULSE)
    return tuple(TargetId(target.project_id, first + place) for place in range(_CHAIN))


def new_block(target: TargetId, release: int) -> BlockNow:
    """Return a block that was never edited."""
    kind, name = kind_of(target), f"Block {target}"
    answer: dict[str, Any]
    entry: dict[str, Any]
    listed: dict[str, Any] = {"name": name, "title": name}
    dsp = chain_of(target)[1].learn_id
    match kind:
        case BlockKindName.KERAS:
            released = FIRST_RELEASE + release
            answer = {**sample_blocks()["keras"], "name": name, RELEASED: released}
            return _block(target, answer, {"type": "keras", "dsp": [dsp], **listed})
        case BlockKindName.ANOMALY:
            answer = {**sample_answer("anomaly"), "name": name}
            return _block(target, answer, {"type": "anomaly", "dsp": [dsp], **listed})
        case BlockKindName.VLM:
            answer = sample_answer("vlm")
            answer["metadata"]["name"] = name
            return _block(target, answer, {"type": "vlm", "dsp": [dsp], **listed})
        case BlockKindName.INPUT:
            return _block(target, {}, {**sample_entry("inputBlocks"), **listed})
        case BlockKindName.PROCESSING:
            answer = sample_answer("dsp-spectral-analysis")
            answer["dsp"].update(id=target.learn_id, name=name)
            entry = {**sample_entry("dspBlocks"), **listed, "input": dsp - 1}
            return _block(target, answer, entry)
        case BlockKindName.POST_PROCESSING:
            entry = {**sample_entry("postProcessingBlocks"), **listed}
            return _block(target, sample_answer("post-processing"), entry)


def _block(target: TargetId, answer: dict[str, Any], entry: dict[str, Any] | None) -> BlockNow:
    if entry is not None:
        entry = {**entry, "id": target.learn_id}
    return BlockNow(
        kind_of(target),
        answer,
        entry,
        is_labelled=_place(target) >= _CHAIN,
        has_settings=is_led_by_settings(target),
    )


def kind_of(target: TargetId) -> BlockKindName:
    """Return the kind of a block, which its id decides."""
    return _IMPULSE[_place(target)]


def _place(target: TargetId) -> int:
    return (target.learn_id - 1) % len(_IMPULSE)


def _impulse_of(target: TargetId) -> int:
    return 1 + (target.learn_id - 1) // len(_IMPULSE)


def is_led_by_settings(target: TargetId) -> bool:
    """Return whether the features of a target's impulse follow parameters, not the window."""
    return _impulse_of(target) % 2 == 1
