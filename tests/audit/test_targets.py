from __future__ import annotations

import asyncio

import pytest

from auditor.audit.targets import UNSTEADY, confirm_listing, lacks_most
from auditor.model import Failure

_DOWN = Failure(kind="timeout", message="too late")


def asked(*answers: frozenset[int] | Failure) -> tuple[frozenset[int] | Failure, list[str]]:
    """Return the targets of a listing that first had 1, 2 and 3, and what was done for it."""
    left, done = list(answers), []

    async def ask() -> frozenset[int] | Failure:
        done.append("ask")
        return left.pop(0)

    async def settle() -> None:
        done.append("settle")

    def is_surprising(listing: frozenset[int] | Failure) -> bool:
        assert isinstance(listing, frozenset)
        return lacks_most({1, 2, 3}, listing)

    return asyncio.run(confirm_listing(ask, is_surprising, settle=settle)), done


@pytest.mark.parametrize(
    ("answers", "found", "is_twice"),
    [
        ([{1, 2}, {9}], {1, 2}, False),
        ([set(), {1, 2, 3}], {1, 2, 3}, True),
        ([set(), set()], set(), True),
        ([{1}, {2}], UNSTEADY, True),
        ([set(), _DOWN], _DOWN, True),
        ([_DOWN, {1}], _DOWN, False),
    ],
)
def test_a_listing_that_lacks_most_is_confirmed_listing_when_it_says_so_twice_with_time_between(
    answers: list[set[int] | Failure], found: set[int] | Failure, *, is_twice: bool
) -> None:
    frozen = [answer if isinstance(answer, Failure) else frozenset(answer) for answer in answers]

    assert asked(*frozen) == (found, ["ask", "settle", "ask"] if is_twice else ["ask"])


@pytest.mark.parametrize(
    ("before", "now", "is_most"),
    [(set(), set(), False), ({1}, set(), True), ({1, 2}, {1}, False), ({1, 2, 3}, {1, 9}, True)],
)
def test_most_is_more_than_half(before: set[int], now: set[int], *, is_most: bool) -> None:
    assert lacks_most(before, now) is is_most
