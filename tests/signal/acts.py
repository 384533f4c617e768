"""One edit of a random night: what it does, what it takes, and the findings it alone causes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from hypothesis import strategies as st

from tests.signal.edits import Answer, Edit
from tests.signal.pairs import ExpectedFinding


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """An edit with its own findings, before any of them is folded into another's.

    Attributes:
        suppressed: changes of the interface in it.
        is_mirrored: whether the way back is reported as the same findings the other way round.
    """

    edit: Edit
    expected: tuple[ExpectedFinding, ...] = ()
    suppressed: int = 0
    is_mirrored: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """Acts of which a night makes one, and the parts of the answer that no other act may touch."""

    takes: frozenset[str]
    acts: st.SearchStrategy[Act]


Choices: TypeAlias = Iterable[Choice]


def choice(takes: str, acts: st.SearchStrategy[Act]) -> Choice:
    """Return a choice; `takes` names the parts, separated by blanks."""
    return Choice(frozenset(takes.split()), acts)


def whole(old: Any, low: int = 1, high: int = 5000) -> st.SearchStrategy[int]:  # noqa: ANN401
    """Return whole numbers other than the old value."""
    return st.integers(low, high).filter(lambda new: new != old)


def fraction(old: Any) -> st.SearchStrategy[float]:  # noqa: ANN401 - any JSON
    """Return numbers between 0 and 1 that differ from the old value by more than noise."""
    return st.floats(0.001, 0.999).filter(
        lambda new: not isinstance(old, float) or abs(new - old) > 1e-6
    )


def words(old: Any) -> st.SearchStrategy[str]:  # noqa: ANN401 - any JSON
    """Return texts other than the old one, never empty."""
    return st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(
        lambda new: new != old
    )


def kind(holder: Answer, name: str) -> str:
    """Return `changed` where something is literally at that place, else `added`."""
    return "changed" if name in holder else "added"
