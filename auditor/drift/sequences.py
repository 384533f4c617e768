"""What two sequences have in common, in order: the basis of every diff of lines and statements.

The result is a longest common subsequence, exact up to `_MAX_CELLS`. Beyond it, members that
occur once on both sides split the problem (patience diff), and only a part that is still larger
counts as changed as a whole. difflib is not used: it is quadratic on repeated members, and takes
longer runs for better than more members in common.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

_MAX_CELLS = 500_000_000  # bits that one table of lengths may take: 60 MB

Pair: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Hunk:
    """A place where two sequences differ: `old[old_start:old_end]` became `new[…]`."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


def common_members(old: Sequence[Hashable], new: Sequence[Hashable]) -> tuple[Pair, ...]:
    """Return the places of equal members in both sequences, ascending, as many as possible.

    Of several ways the one with the fewest hunks is preferred; of a run of equal members the last
    is the one added or removed.
    """
    pairs: list[Pair] = []
    i = j = 0
    for hunk in find_hunks(old, new):
        pairs += zip(range(i, hunk.old_start), range(j, hunk.new_start), strict=True)
        i, j = hunk.old_end, hunk.new_end
    pairs += zip(range(i, len(old)), range(j, len(new)), strict=True)
    return tuple(pairs)


def find_hunks(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[Hunk]:
    """Return where two sequences differ, in order."""
    numbers: dict[Hashable, int] = {}
    before = [numbers.setdefault(member, len(numbers)) for member in old]
    after = [numbers.setdefault(member, len(numbers)) for member in new]
    hunks: list[Hunk] = []
    i = j = 0
    for a, b in (*sorted(_common(before, after)), (len(old), len(new))):
        if (i, j) != (a, b):
            _append(hunks, Hunk(i, a, j, b), before, after)
        i, j = a + 1, b + 1
    return hunks


def equal_ends(old: Sequence[Hashable], new: Sequence[Hashable]) -> tuple[int, int]:
    """Return how many members at the beginning and at the end are equal."""
    shorter = min(len(old), len(new))
    start = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    left = shorter - start
    ends = next((i for i in range(left) if old[-1 - i] != new[-1 - i]), left)
    return start, ends


def _append(hunks: list[Hunk], hunk: Hunk, old: Sequence[int], new: Sequence[int]) -> None:
    """Add a hunk; one that may slide to the other over equal members becomes one with it."""
    last = hunks[-1] if hunks else None
    if last is None:
        hunks.append(hunk)
        return
    run = hunk.old_start - last.old_end
    if _slides(hunk, old, new, -1, run):
        hunks[-1] = Hunk(last.old_start, hunk.old_end - run, last.new_start, hunk.new_end - run)
    elif _slides(last, old, new, 1, run):
        hunks[-1] = Hunk(last.old_start + run, hunk.old_end, last.new_start + run, hunk.new_end)
    else:
        hunks.append(hunk)


def _slides(hunk: Hunk, old: Sequence[int], new: Sequence[int], way: int, steps: int) -> bool:
    """Return whether what was only added or only removed may as well be so many places further."""
    if hunk.old_start == hunk.old_end:
        members, start, end = new, hunk.new_start, hunk.new_end
    elif hunk.new_start == hunk.new_end:
        members, start, end = old, hunk.old_start, hunk.old_end
    else:
        return False
    if way < 0:
        return all(members[start - k] == members[end - k] for k in range(1, steps + 1))
    return all(members[start + k] == members[end + k] for k in range(steps))


def _common(old: Sequence[int], new: Sequence[int]) -> Iterator[Pair]:
    """Yield the pairs of a longest common subsequence, in any order."""
    pending: list[tuple[int, int, int, int]] = [(0, len(old), 0, len(new))]
    while pending:
        top, bottom, left, right = pending.pop()
        start, ends = equal_ends(old[top:bottom], new[left:right])
        yield from ((top + i, left + i) for i in range(start))
        yield from ((bottom - i, right - i) for i in range(1, ends + 1))
        rows, columns = range(top + start, bottom - ends), range(left + start, right - ends)
        rows_left, columns_left = _shared_places(old, rows, new, columns)
        if len(rows_left) * len(columns_left) <= _MAX_CELLS:
            yield from _exact(old, rows_left, new, columns_left)
        else:
            pending.extend(_between_anchors(old, rows, new, columns))


def _shared_places(
    old: Sequence[int], rows: range, new: Sequence[int], columns: range
) -> tuple[list[int], list[int]]:
    """Return the places of members that occur on both sides; the others pair with nothing."""
    shared = {old[i] for i in rows} & {new[j] for j in columns}
    return [i for i in rows if old[i] in shared], [j for j in columns if new[j] in shared]


def _exact(
    old: Sequence[int], rows: Sequence[int], new: Sequence[int], columns: Sequence[int]
) -> Iterator[Pair]:
    """Yield a longest common subsequence (Hyyrö 2004: a row of the table is one number).

    A bit of a row is 0 where the length grows with that member of `old`.
    """
    places: dict[int, int] = {}
    for bit, i in enumerate(rows):
        places[old[i]] = places.get(old[i], 0) | 1 << bit
    everything = (1 << len(rows)) - 1
    lengths = [everything]
    for j in columns:
        row = lengths[-1]
        matches = row & places[new[j]]
        lengths.append(((row + matches) | (row - matches)) & everything)
    bit, number = len(rows), len(columns)
    while bit and number:
        if lengths[number] >> (bit - 1) & 1:
            bit -= 1
        elif not lengths[number - 1] >> (bit - 1) & 1:
            number -= 1
        else:
            bit, number = bit - 1, number - 1
            yield rows[bit], columns[number]


def _between_anchors(
    old: Sequence[int], rows: range, new: Sequence[int], columns: range
) -> Iterator[tuple[int, int, int, int]]:
    """Yield the parts before, between and after the members that occur once on both sides.

    Each anchor ends the part before it. Without an anchor there is nothing to yield.
    """
    anchors = _unique_pairs(old, rows, new, columns)
    if not anchors:
        return
    top, left = rows.start, columns.start
    for i, j in anchors:
        yield top, i + 1, left, j + 1
        top, left = i + 1, j + 1
    yield top, rows.stop, left, columns.stop


def _unique_pairs(
    old: Sequence[int], rows: range, new: Sequence[int], columns: range
) -> list[Pair]:
    """Return the longest ascending run of pairs of members that occur once on both sides."""
    old_counts, new_counts = Counter(old[i] for i in rows), Counter(new[j] for j in columns)
    row_of = {old[i]: i for i in rows if old_counts[old[i]] == 1}
    pairs = [(row_of[new[j]], j) for j in columns if new[j] in row_of and new_counts[new[j]] == 1]
    piles: list[int] = []
    ends: list[int] = []
    previous: list[int] = []
    for number, (i, _) in enumerate(pairs):
        pile = bisect_left(piles, i)
        previous.append(ends[pile - 1] if pile else -1)
        piles[pile : pile + 1] = [i]
        ends[pile : pile + 1] = [number]
    run = []
    number = ends[-1] if ends else -1
    while number >= 0:
        run.append(pairs[number])
        number = previous[number]
    return run[::-1]
