"""What is told of a block that is another one now, or is there again."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from auditor.drift.findings import finding_of
from auditor.drift.policy import judge
from auditor.model import Change, Kind, Notice, NoticeKind, TargetState
from auditor.records import KnownTarget, Missing, Unreadable, Unsupported

_Unaudited: TypeAlias = Missing | Unsupported | Unreadable


def with_replacement(outcome: _Unaudited, known: KnownTarget | None) -> _Unaudited:
    """Tell a block that now has another type, and one without an endpoint, as replaced."""
    if not isinstance(outcome, Unsupported) or known is None or known.type in ("", outcome.type):
        return outcome
    change = Change(
        path="type", pattern="type", kind=Kind.REPLACED, before=known.type, after=outcome.type
    )
    finding = finding_of(outcome.target, change, judge(change))
    return replace(outcome, findings=(finding,))


def back_again(known: KnownTarget | None) -> Notice | None:
    """Return what is told of a block that was read tonight and could not be for its absence."""
    if known is None or known.version_id is None:
        return None
    if known.state is TargetState.MISSING:
        text = "listed again after it was missing"
    elif known.state is TargetState.UNSUPPORTED:
        text = f"read again after it was of type {known.type}, which cannot be read here"
    else:
        return None
    return Notice(
        kind=NoticeKind.BLOCK_BACK,
        text=f"{text}; compared with its last version",
        target=known.target,
    )
