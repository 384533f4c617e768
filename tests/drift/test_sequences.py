"""The longest common subsequence, exact and quick enough for any script."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.drift.sequences import Hunk, common_members, find_hunks

EXAMPLES = int(os.environ.get("AUDITOR_EXAMPLES", "60"))
_SHORT = st.text("abc", max_size=9)


def _longest(old: str, new: str) -> int:
    """Return the length of the longest common subsequence, by its definition."""
    if not old or not new:
        return 0
    if old[0] == new[0]:
        return 1 + _longest(old[1:], new[1:])
    return max(_longest(old[1:], new), _longest(old, new[1:]))


@settings(max_examples=EXAMPLES, deadline=None)
@given(_SHORT, _SHORT)
def test_as_many_members_as_possible_are_common(old: str, new: str) -> None:
    pairs = common_members(old, new)

    assert len(pairs) == _longest(old, new)
    assert all(old[i] == new[j] for i, j in pairs)
    assert sorted(pairs) == list(pairs)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text("abcdef", max_size=30), st.text("abcdef", max_size=30))
def test_the_hunks_make_the_old_sequence_the_new_one(old: str, new: str) -> None:
    made = old
    for hunk in reversed(find_hunks(old, new)):
        made = made[: hunk.old_start] + new[hunk.new_start : hunk.new_end] + made[hunk.old_end :]

    assert made == new


def test_of_a_run_of_equal_members_the_last_is_the_one_added() -> None:
    assert find_hunks("xaay", "xaaay") == [Hunk(3, 3, 3, 4)]


def test_what_was_added_beside_what_was_removed_is_one_hunk() -> None:
    assert find_hunks("abbc", "axbc") == [Hunk(1, 2, 1, 2)]


def test_two_changed_lines_among_thousands_of_equal_ones_are_two() -> None:
    old = ["x"] * 5_000
    new = [*old[:1_000], "y", *old[:2_500], "z", *old[:1_498]]

    hunks = find_hunks(old, new)

    assert sum(hunk.old_end - hunk.old_start for hunk in hunks) == 2
    assert sum(hunk.new_end - hunk.new_start for hunk in hunks) == 2


def test_a_part_too_large_for_a_table_is_split_at_members_that_occur_once() -> None:
    old = list(range(30_000))
    new = [*old[10_000:20_000], -1, *old[20_000:], *old[:10_000]]

    assert find_hunks(old, new) == [
        Hunk(0, 10_000, 0, 0),
        Hunk(20_000, 20_000, 10_000, 10_001),
        Hunk(30_000, 30_000, 20_001, 30_001),
    ]
