"""Batches: no statement names, and no list holds, a whole fleet or history.

A database refuses a statement that is too long: SQLite from 32,766 parameters on (999 in older
builds), PostgreSQL from 65,535, and some thousand rows of keys are too deep for its parser.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

BATCH = 200

_T = TypeVar("_T")


def in_batches(items: Iterable[_T], most: int = BATCH) -> Iterator[list[_T]]:
    """Yield the items in lists of at most so many."""
    remaining = iter(items)
    while batch := list(islice(remaining, most)):
        yield batch
