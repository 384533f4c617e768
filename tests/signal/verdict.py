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
from tests.signal.pairs import ExpectedFinding, Pair

_SECRETS = Secrets(b"k" * 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairVerdict:
    """What was missed, what was reported in error, and what else differs, in words."""

    missed: tuple[ExpectedFinding, ...]
    false: tuple[ExpectedFinding, ...]
    remarks: tuple[str, ...]

    @property
    def is_exact(self) -> bool:
        return not (self.missed or self.false or self.remarks)

    def __str__(self) -> str:
        lines = [f"missed  {_line(finding)}" for finding in self.missed]
        lines += [f"false   {_line(finding)}" for finding in self.false]
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
def difference_of(pair: Pair) -> Difference:
    """Return what `diff` reports of a pair, computed once for all tests."""
    return compared(*answers(pair))


def judged(pair: Pair) -> PairVerdict:
    """Return how the findings of a pair differ from its label."""
    actual = difference_of(pair)
    reported = Counter(_as_expected(finding, pair) for finding in actual.findings)
    wanted = Counter(pair.expected)
    return PairVerdict(
        missed=tuple((wanted - reported).elements()),
        false=tuple((reported - wanted).elements()),
        remarks=(*_strays(pair, actual), *_silence(pair, actual), *_life(pair, actual)),
    )


def _as_expected(finding: Finding, pair: Pair) -> ExpectedFinding:
    expected = ExpectedFinding(
        area=str(finding.area),
        owner=str(finding.owner),
        kind=str(finding.kind),
        path=finding.path,
        severity=str(finding.severity),
        folded=frozenset(finding.folded) - pair.floating,
    )
    is_open = expected._replace(folded=None)
    return is_open if is_open in pair.expected else expected


def _strays(pair: Pair, actual: Difference) -> Iterator[str]:
    folded = Counter(path for finding in actual.findings for path in finding.folded)
    for path in pair.floating:
        if folded[path] != 1:
            yield f"folded  {path} into {folded[path]} findings, not into one"


def _silence(pair: Pair, actual: Difference) -> Iterator[str]:
    if actual.suppressed != pair.suppressed:
        yield f"suppressed  {actual.suppressed}, not {pair.suppressed}"


def _life(pair: Pair, actual: Difference) -> Iterator[str]:
    wanted = pair.state or state_by_label(pair)
    if actual.model_state != wanted:
        yield f"model_state  {actual.model_state}, not {wanted}"


def state_by_label(pair: Pair) -> str:
    """Return the model's state in the new answer, as the label of a pair and the contract say."""
    old, new = answers(pair)
    if new["trained"] is not True:
        return "untrained"
    if new["selectedModelType"] == "requiresRetrain":
        return "stale"
    is_another = any(finding.path == "type" for finding in pair.expected)
    is_trained_since = (
        old["trained"] is not True
        or old["selectedModelType"] == "requiresRetrain"
        or any(finding.path.endswith(".suggestedValue") for finding in pair.expected)
    )
    if is_another or is_trained_since:
        return "trained"
    is_generated = new["mode"] == old["mode"] == "visual"
    invalidating = (
        finding
        for finding in pair.expected
        if finding.area in {"layers", "script", "training", "data"}
        and finding.severity != "info"
        and finding.path != "dependencies.sampleCount"
        and not (finding.path == "script" and is_generated)
    )
    return "stale" if any(invalidating) else "trained"


def _line(finding: ExpectedFinding) -> str:
    folds = "" if not finding.folded else f", folded: {', '.join(sorted(finding.folded))}"
    return (
        f"{finding.severity} {finding.area}/{finding.owner} {finding.kind} {finding.path}{folds}"
    )
