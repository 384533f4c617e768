"""What a report says of the runs before it: missed, crashed, or told to nobody. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from auditor.model import Notice, NoticeKind, TargetId
from auditor.records import UnreportedFinding
from auditor.schedule import MOST_COUNTED, Gap

_MOST_HEADLINES = 3


@dataclass(frozen=True, slots=True)
class Missed:
    """Slots without a run, by the schedule that reports call `line`."""

    gap: Gap
    line: str


def note_of_missed(missed: Missed, *, takes_place: bool) -> str:
    """Return what is told of missed slots; with `takes_place` the last is the run's own."""
    gap, line = missed.gap, missed.line
    first, last = (local.replace("T", " ") for local in (gap.first, gap.last))
    if gap.count == 1:
        place = "takes its place" if takes_place else "is the next"
        return f"The run due at {first}, by {line}, was missed; this one {place}."
    many = f"{gap.count:,} or more" if gap.count >= MOST_COUNTED else str(gap.count)
    place = "takes their place" if takes_place else "is the next"
    return f"{many} runs were missed between {first} and {last}, by {line}; this one {place}."


def note_of_crash(run_id: int, *, is_whole: bool) -> str:
    """Return what is told of a run before this one that did not end."""
    what = "what it found" if is_whole else "what it found of the blocks of this run"
    return f"Run {run_id} did not end; {what} is told here."


def notices_of_leavers(untold: Iterable[UnreportedFinding]) -> tuple[Notice, ...]:
    """Return a notice for each block that left the configuration before it was told of."""
    owned = sorted(
        ((one.target, one) for one in untold if one.target is not None), key=lambda pair: pair[0]
    )
    return tuple(
        _notice(target, [one for _, one in group])
        for target, group in groupby(owned, key=lambda pair: pair[0])
    )


def _notice(target: TargetId, untold: list[UnreportedFinding]) -> Notice:
    told = [
        f"{one.finding.headline} (`auditor explain {one.finding.id}`)"
        for one in untold[:_MOST_HEADLINES]
    ]
    more = len(untold) - len(told)
    rest = f"; and {more} more" if more else ""
    return Notice(
        kind=NoticeKind.LEFT_UNTOLD,
        text=f"Is no longer audited, and of it nobody was told yet: {'; '.join(told)}{rest}",
        severity=max((one.finding.severity for one in untold), key=lambda one: one.rank),
        target=target,
    )
