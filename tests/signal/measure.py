"""How exact the program is on the corpus, beside plain deepdiff, on sequences and random nights.

python -m tests.signal.measure; exits 1 where anything is not exact.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from deepdiff import DeepDiff

from auditor.store.schema import upgrade
from tests.signal.corpus import CORPUS
from tests.signal.pairs import Pair
from tests.signal.scripts import count_named
from tests.signal.sequence import differences
from tests.signal.sequences import SEQUENCES
from tests.signal.verdict import PairVerdict, answers, judged

_EXAMPLES = "2000"
_HEAD = ("area", "pairs", "exact", "findings", "missed", "false", "deepdiff", "right")
_WIDTHS = (14, 6, 6, 9, 7, 6, 9, 6)


@dataclass(frozen=True, slots=True)
class Measured:
    """A pair, how exact the program is on it, and how many changes plain deepdiff counts."""

    pair: Pair
    verdict: PairVerdict
    deepdiff: int

    @property
    def is_deepdiff_right(self) -> bool:
        return self.deepdiff == len(self.pair.expected)


def main() -> int:
    """Print the table, every pair that is not exact, and what the properties say."""
    measured = {area: [*map(_measured, pairs)] for area, pairs in CORPUS.items()}
    named, edits = count_named()
    _say(*_table(measured), "", *_harmless(measured), *_inexact(measured))
    _say(f"Edits of scripts: {edits}, named by their headline: {named}.")
    is_exact = all(
        measurement.verdict.is_exact for some in measured.values() for measurement in some
    )
    are_sequences_exact = _sequences_hold()
    is_proved = _properties_hold()
    is_named = named == edits
    return 0 if is_exact and is_named and are_sequences_exact and is_proved else 1


def _measured(pair: Pair) -> Measured:
    found = DeepDiff(*answers(pair))
    return Measured(pair, judged(pair), sum(map(len, found.values())))


def _table(measured: dict[str, list[Measured]]) -> Iterator[str]:
    yield _row(*_HEAD)
    for area, some in measured.items():
        yield _row(area, *_counts(some))
    yield _row(
        "all", *_counts([measurement for some in measured.values() for measurement in some])
    )


def _counts(some: list[Measured]) -> tuple[int, ...]:
    return (
        len(some),
        sum(measurement.verdict.is_exact for measurement in some),
        sum(len(measurement.pair.expected) for measurement in some),
        sum(len(measurement.verdict.missed) for measurement in some),
        sum(len(measurement.verdict.false) for measurement in some),
        sum(measurement.deepdiff for measurement in some),
        sum(measurement.is_deepdiff_right for measurement in some),
    )


def _row(first: str, *others: object) -> str:
    cells = [f"{cell:>{width}}" for cell, width in zip(others, _WIDTHS[1:], strict=True)]
    return f"{first:<{_WIDTHS[0]}}{''.join(cells)}"


def _harmless(measured: dict[str, list[Measured]]) -> Iterator[str]:
    some = [measurement for measurement in measured["harmless"] if not measurement.pair.suppressed]
    ours = sum(bool(measurement.verdict.false) for measurement in some)
    theirs = sum(measurement.deepdiff > 0 for measurement in some)
    yield f"False alarms on {len(some)} harmless rewritings: {ours}, plain deepdiff {theirs}."
    yield "deepdiff: its changes with default options; right: as many as there are findings."


def _inexact(measured: dict[str, list[Measured]]) -> Iterator[str]:
    for area, some in measured.items():
        for measurement in some:
            if not measurement.verdict.is_exact:
                yield f"\n{area}: {measurement.pair.name} (on {measurement.pair.base})"
                yield str(measurement.verdict)


def _sequences_hold() -> bool:
    """Print how many sequences of nights are exact, and what is not."""
    sequences = [sequence for some in SEQUENCES.values() for sequence in some]
    with TemporaryDirectory() as folder:
        template = Path(folder, "template.db")
        upgrade(f"sqlite:///{template}")
        inexact: dict[str, list[str]] = {}
        for number, sequence in enumerate(sequences):
            path = shutil.copy(template, Path(folder, f"{number}.db"))
            if found := differences(sequence, f"sqlite:///{path}"):
                inexact[sequence.name] = found
    nights = sum(len(sequence.nights) for sequence in sequences)
    exact = len(sequences) - len(inexact)
    _say(f"Sequences: {exact} of {len(sequences)} exact, {nights} nights.")
    for name, lines in inexact.items():
        _say("", name, *lines)
    return not inexact


def _properties_hold() -> bool:
    environment = {"AUDITOR_EXAMPLES": _EXAMPLES} | os.environ
    _say("", f"Properties, {environment['AUDITOR_EXAMPLES']} examples each:")
    command = [sys.executable, "-m", "pytest", "-q", "tests/signal/test_properties.py"]
    return subprocess.run(command, env=environment, check=False).returncode == 0  # noqa: S603


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
