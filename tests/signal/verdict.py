"""What the program tells of a pair, beside what its label asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from auditor.drift.difference import Difference, find_difference
from auditor.drift.secrets import Secrets
from auditor.model import Finding
from auditor.review import take_snapshots
from tests.signal.bases import BASES
from tests.signal.edits import Answer, edited
from tests.signal.pairs import Pair, Told

_SECRETS = Secrets(b"k" * 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was missed, what was told in vain, and what else differs, in words."""

    missed: tuple[Told, ...]
    false: tuple[Told, ...]
    remarks: tuple[str, ...]

    @property
    def is_exact(self) -> bool:
        return not (self.missed or self.false or self.remarks)

    def __str__(self) -> str:
        lines = [f"missed  {_line(one)}" for one in self.missed]
        lines += [f"false   {_line(one)}" for one in self.false]
        return "\n".join([*lines, *self.remarks])


def answers(pair: Pair) -> tuple[Answer, Answer]:
    """Return both answers of a pair."""
    base = BASES[pair.base]
    return base, edited(base, pair.edit)


def compared(old: Answer, new: Answer) -> Difference:
    """Return what `diff` tells of two answers."""
    (before, after), secrets = take_snapshots([old, new], _SECRETS)
    return find_difference(before, after, secrets=secrets)


@cache
def told_of(pair: Pair) -> Difference:
    """Return what `diff` tells of a pair, worked out once for all that ask."""
    return compared(*answers(pair))


def judged(pair: Pair) -> Verdict:
    """Return how what is told of a pair differs from its label."""
    actual = told_of(pair)
    told = Counter(_told(finding, pair) for finding in actual.findings)
    wanted = Counter(pair.told)
    return Verdict(
        missed=tuple((wanted - told).elements()),
        false=tuple((told - wanted).elements()),
        remarks=(*_strays(pair, actual), *_silence(pair, actual)),
    )


def _told(finding: Finding, pair: Pair) -> Told:
    told = Told(
        area=str(finding.area),
        owner=str(finding.owner),
        kind=str(finding.kind),
        path=finding.path,
        severity=str(finding.severity),
        folded=frozenset(finding.folded) - pair.floating,
    )
    is_open = told._replace(folded=None)
    return is_open if is_open in pair.told else told


def _strays(pair: Pair, actual: Difference) -> Iterator[str]:
    folded = Counter(path for one in actual.findings for path in one.folded)
    for path in pair.floating:
        if folded[path] != 1:
            yield f"folded  {path} into {folded[path]} findings, not into one"


def _silence(pair: Pair, actual: Difference) -> Iterator[str]:
    if actual.suppressed != pair.suppressed:
        yield f"suppressed  {actual.suppressed}, not {pair.suppressed}"


def _line(told: Told) -> str:
    folds = "" if not told.folded else f", folded: {', '.join(sorted(told.folded))}"
    return f"{told.severity} {told.area}/{told.owner} {told.kind} {told.path}{folds}"
