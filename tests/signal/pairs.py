"""A labelled pair of answers, and the rows of the contract's table that its labels are made of."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import NamedTuple

from tests.signal.edits import Edit


class ExpectedFinding(NamedTuple):
    """A finding as a label states it; `folded` is None where the contract leaves it open."""

    area: str
    owner: str
    kind: str
    path: str
    severity: str
    folded: frozenset[str] | None = frozenset()

    def open(self) -> ExpectedFinding:
        """Return the finding with whatever it folds."""
        return self._replace(folded=None)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of "Areas, owners, default severities"."""

    area: str
    owner: str
    severity: str

    def added(self, path: str, *folded: str) -> ExpectedFinding:
        return self.finding("added", path, *folded)

    def removed(self, path: str, *folded: str) -> ExpectedFinding:
        return self.finding("removed", path, *folded)

    def changed(self, path: str, *folded: str) -> ExpectedFinding:
        return self.finding("changed", path, *folded)

    def moved(self, path: str, *folded: str) -> ExpectedFinding:
        return self.finding("moved", path, *folded)

    def replaced(self, path: str, *folded: str) -> ExpectedFinding:
        return self.finding("replaced", path, *folded)

    def finding(self, kind: str, path: str, *folded: str) -> ExpectedFinding:
        return ExpectedFinding(self.area, self.owner, kind, path, self.severity, frozenset(folded))


LOST = Row("trained", "training", "critical")
TRAINED = Row("trained", "training", "medium")
RETRAIN = Row("trained", "training", "high")
MODEL_TYPE = Row("trained", "training", "low")
LAYERS = Row("layers", "intent", "high")
THRESHOLDS = Row("thresholds", "intent", "high")
SUGGESTED = Row("thresholds", "training", "low")
RATING = Row("thresholds", "intent", "medium")
SCRIPT = Row("script", "intent", "high")
SAME_PROGRAM = Row("script", "intent", "info")
TEMPLATE = Row("script", "vendor", "info")
TRAINING = Row("training", "intent", "medium")
PROFILING = Row("training", "intent", "info")
DATA = Row("data", "dataset", "high")
SAMPLES = Row("data", "dataset", "low")
BLOCK = Row("identity", "intent", "high")
BLOCK_LOST = Row("identity", "intent", "critical")
NAME = Row("identity", "intent", "low")
CATALOGUE = Row("catalogue", "vendor", "info")
IN_USE = Row("catalogue", "vendor", "high")
UNKNOWN = Row("unknown", "unknown", "low")

# A setting that cannot act in the new answer is reported as `info`.
IDLE = Row("training", "intent", "info")
IDLE_LAYER = Row("layers", "intent", "info")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A base, an edit, and what exactly must be reported of the two.

    Attributes:
        base: a name in `bases.BASES`.
        expected: the findings, no more and no fewer.
        floating: paths that exactly one of the findings folds, where the contract lets any host.
        suppressed: changes that are counted and not reported.
        state: the model's state in the new answer, empty where it follows from the findings.
    """

    name: str
    edit: Edit
    expected: tuple[ExpectedFinding, ...]
    base: str = ""
    floating: frozenset[str] = frozenset()
    suppressed: int = 0
    state: str = ""


def pair(
    name: str,
    edit: Edit,
    *expected: ExpectedFinding,
    floating: Collection[str] = (),
    suppressed: int = 0,
    state: str = "",
) -> Pair:
    """Return a pair whose base is still to be named."""
    return Pair(
        name=name,
        edit=edit,
        expected=expected,
        floating=frozenset(floating),
        suppressed=suppressed,
        state=state,
    )


def on(base: str, *pairs: Pair) -> tuple[Pair, ...]:
    """Return the pairs with their base."""
    return tuple(replace(pair, base=base) for pair in pairs)
