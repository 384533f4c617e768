from __future__ import annotations

import asyncio

import pytest

from auditor.audit.listings import UNSTEADY, believed, lacks_most
from auditor.drift.model import Failure

_DOWN = Failure(kind="timeout", message="too late")


def asked(*answers: frozenset[int] | Failure) -> tuple[frozenset[int] | Failure, int]:
    """Return what is believed of a listing that held 1, 2 and 3, and how often it was asked."""
    left = list(answers)

    async def ask() -> frozenset[int] | Failure:
        return left.pop(0)

    def is_surprising(listing: frozenset[int] | Failure) -> bool:
        assert isinstance(listing, frozenset)
        return lacks_most({1, 2, 3}, listing)

    found = asyncio.run(believed(ask, is_surprising))
    return found, len(answers) - len(left)


@pytest.mark.parametrize(
    ("answers", "found", "times"),
    [
        ([{1, 2}, {9}], {1, 2}, 1),
        ([set(), {1, 2, 3}], {1, 2, 3}, 2),
        ([set(), set()], set(), 2),
        ([{1}, {2}], UNSTEADY, 2),
        ([set(), _DOWN], _DOWN, 2),
        ([_DOWN, {1}], _DOWN, 1),
    ],
)
def test_a_listing_that_lacks_most_is_believed_when_it_says_so_twice(
    answers: list[set[int] | Failure], found: set[int] | Failure, times: int
) -> None:
    frozen = [one if isinstance(one, Failure) else frozenset(one) for one in answers]

    assert asked(*frozen) == (found, times)


@pytest.mark.parametrize(
    ("before", "now", "is_most"),
    [(set(), set(), False), ({1}, set(), True), ({1, 2}, {1}, False), ({1, 2, 3}, {1, 9}, True)],
)
def test_most_is_more_than_half(before: set[int], now: set[int], *, is_most: bool) -> None:
    assert lacks_most(before, now) is is_most
