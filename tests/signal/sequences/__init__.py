"""Labelled sequences of nights, by what meets in them.

Every label is read from the contract, never from what the code says.
"""

from __future__ import annotations

from tests.signal.sequence import Sequence
from tests.signal.sequences import decisions, lives, meetings, turns, vendor

SEQUENCES: dict[str, tuple[Sequence, ...]] = {
    "vendor": vendor.SEQUENCES,
    "decisions": decisions.SEQUENCES,
    "lives": lives.SEQUENCES,
    "meetings": meetings.SEQUENCES,
    "turns": turns.SEQUENCES,
}
