"""The blocks of an impulse, in the order of the data."""

from __future__ import annotations

from auditor.model import BlockKindName, TargetKind

_ORDER = (
    TargetKind.INPUT,
    TargetKind.PROCESSING,
    TargetKind.LEARN,
    TargetKind.POST_PROCESSING,
)


def order_of_data(kind: BlockKindName) -> int:
    """Return the place of a kind of block in its impulse, from 0: data goes that way."""
    return _ORDER.index(kind.target_kind)
