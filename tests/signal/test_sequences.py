"""Every labelled sequence of nights against its label."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.signal.sequence import Sequence, differences
from tests.signal.sequences import SEQUENCES


@pytest.mark.parametrize("sequences", SEQUENCES.values(), ids=SEQUENCES)
def test_each_night_is_reported_as_its_label_says(
    sequences: tuple[Sequence, ...], sqlite_template: Path, tmp_path: Path
) -> None:
    inexact = []
    for number, sequence in enumerate(sequences):
        path = shutil.copy(sqlite_template, tmp_path / f"{number}.db")
        if found := differences(sequence, f"sqlite:///{path}"):
            inexact.append("\n".join([sequence.name, *found]))

    assert not inexact, "\n\n".join(inexact)


def test_no_two_sequences_share_a_name() -> None:
    names = [sequence.name for sequences in SEQUENCES.values() for sequence in sequences]

    assert len(names) == len(set(names))
