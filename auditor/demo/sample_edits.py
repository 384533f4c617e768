"""Edits that somebody makes while the demo serves: settings of one project's blocks, in turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from auditor.demo.sample_fleet import PUMP
from auditor.demo.studio_server import BuiltInStudio
from auditor.model import TargetId

_Answer: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleEdit:
    """A setting of a block of the pump monitor that is edited more than once.

    Attributes:
        values: what it is set to in turn; the first is the sample fleet's.
        write: writes into the block's answer, in place of the value before, the one after.
    """

    block_id: int
    name: str
    setting: str
    values: tuple[float, ...]
    write: Callable[[_Answer, float, float], None]


def edit_next(studio: BuiltInStudio, number: int) -> str:
    """Make the edit with this number, counted from 0; return a description.

    Each of as many edits in a row as there are blocks in `EDITS` concerns another block.
    """
    turn, place = divmod(number, len(EDITS))
    edit = EDITS[place]
    before, after = (edit.values[step % len(edit.values)] for step in (turn, turn + 1))
    target = TargetId(PUMP, edit.block_id)
    studio.edit(target, lambda answer: edit.write(answer, before, after))
    return (
        f"{edit.name} (block {target}): the {edit.setting} is changed from {before:g} to {after:g}"
    )


def _write_threshold(answer: _Answer, before: float, after: float) -> None:
    del before
    answer["thresholds"][0]["value"] = answer["minimumConfidenceRating"] = after


def _write_neurons(answer: _Answer, before: float, after: float) -> None:
    answer["script"] = answer["script"].replace(f"Dense({before:g},", f"Dense({after:g},")


def _write_learning_rate(answer: _Answer, before: float, after: float) -> None:
    place = "args.learning_rate or"
    answer["learningRate"] = after
    answer["script"] = answer["script"].replace(f"{place} {before:g}\n", f"{place} {after:g}\n")


def _write_fft_length(answer: _Answer, before: float, after: float) -> None:
    del before
    items = (item for group in answer["config"] for item in group["items"])
    next(item for item in items if item["param"] == "fft-length")["value"] = f"{after:g}"


def _write_clusters(answer: _Answer, before: float, after: float) -> None:
    del before
    answer["clusterCount"] = after


EDITS = (
    SampleEdit(
        block_id=3,
        name="Motion classifier",
        setting="confidence threshold",
        values=(0.6, 0.45, 0.7),
        write=_write_threshold,
    ),
    SampleEdit(
        block_id=4,
        name="Remaining life",
        setting="learning rate",
        values=(0.0005, 0.001, 0.002),
        write=_write_learning_rate,
    ),
    SampleEdit(
        block_id=6,
        name="Bearing classifier",
        setting="number of neurons in its script",
        values=(24, 32, 48),
        write=_write_neurons,
    ),
    SampleEdit(
        block_id=8,
        name="Unusual motion",
        setting="number of clusters",
        values=(32, 24, 16),
        write=_write_clusters,
    ),
    SampleEdit(
        block_id=2,
        name="Spectral features",
        setting="FFT length",
        values=(16, 32, 64),
        write=_write_fft_length,
    ),
)
