"""Where a block is in the impulses of its project, as Studio's listing says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class Impulse(NamedTuple):
    """An impulse of a project."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class ImpulsePlace:
    """Where a block is.

    Attributes:
        impulses: those that have the block, in the order of the listing.
        sources: the ids of the blocks whose data it takes.
        made_by: how the block was made: `createImpulse`, `clone` or `tuner`; empty if unknown.
    """

    impulses: tuple[Impulse, ...] = ()
    sources: tuple[int, ...] = ()
    made_by: str = ""


NO_PLACE = ImpulsePlace()
"""Where no listing named the block, or an older auditor read it."""


def place_form(place: ImpulsePlace) -> list[Any]:
    """Return a place as JSON."""
    return [[list(impulse) for impulse in place.impulses], list(place.sources), place.made_by]


def place_from(form: list[Any] | None) -> ImpulsePlace:
    """Return the place of a form."""
    if not form:
        return NO_PLACE
    impulses, sources, made_by = form
    return ImpulsePlace(tuple(Impulse(*each) for each in impulses), tuple(sources), made_by)
