"""The picture of the last runs: blocks by runs, and the same in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from auditor.listings import RunSummary, TargetOverview
from auditor.model import TargetId
from auditor.rendering.archive import target_place
from auditor.rendering.block_list import block_title, project_title
from auditor.rendering.pictures import STATES, StateLook
from auditor.rendering.words import columns, count, cut, day, join_first, moment

MOST_ROWS = 60
_LONGEST_BLOCK, _LONGEST_PROJECT = 24, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLine:
    """A target in the last runs: its cells, oldest first, and the same in words."""

    label: str
    place: str
    title: str
    cells: tuple[StateLook | None, ...]
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Targets by runs, worst first. `days` names the runs, `rest` what is not shown."""

    lines: tuple[TargetLine, ...]
    days: tuple[str, ...]
    first: str
    last: str
    rest: str
    label_columns: int


def find_noticed(runs: Iterable[RunSummary]) -> frozenset[TargetId]:
    """Return the targets that were not in sync in all of the runs."""
    return frozenset(target for run in runs for target in run.states)


def draw_fleet(
    runs: Sequence[RunSummary], overviews: Iterable[TargetOverview], *, audited: int
) -> Fleet:
    """Return the targets that were not in sync in all of `runs` (newest first), worst first.

    One that has no overview is forgotten, and named no more. `audited` is how many targets that
    have one the runs audited.
    """
    known = {overview.status.target: overview for overview in overviews}
    noticed = sorted(find_noticed(runs) & known.keys())
    ordered = sorted(noticed, key=lambda target: _badness(target, runs), reverse=True)
    oldest_first = tuple(reversed(runs))
    drawn = ordered[:MOST_ROWS]
    labels = _labels(drawn, known)
    lines = tuple(_target_line(each, labels[each], oldest_first, known) for each in drawn)
    return Fleet(
        lines=lines,
        days=tuple(_day_labels(oldest_first)),
        first=moment(oldest_first[0].run.started_at) if oldest_first else "",
        last=moment(oldest_first[-1].run.started_at) if oldest_first else "",
        rest=_rest(len(ordered) - MOST_ROWS, audited - len(ordered)),
        label_columns=max((columns(line.label) for line in lines), default=0),
    )


def _badness(target: TargetId, runs: Sequence[RunSummary]) -> tuple[int, int, int, int]:
    weight = sum(STATES[run.states[target]].weight for run in runs if target in run.states)
    findings = sum(run.findings.get(target, 0) for run in runs)
    return weight, findings, -target.project_id, -target.learn_id


def _labels(
    targets: Sequence[TargetId], known: Mapping[TargetId, TargetOverview]
) -> dict[TargetId, str]:
    """Return how blocks are called beside the picture: those of one name with their ids."""
    named = {target: _label(known[target]) for target in targets}
    counts = Counter(named.values())
    return {
        target: label if counts[label] == 1 else _label(known[target], f" ({target})")
        for target, label in named.items()
    }


def _label(overview: TargetOverview, suffix: str = "") -> str:
    block, project = block_title(overview), project_title([overview])
    return f"{cut(block, _LONGEST_BLOCK)}{suffix} · {cut(project, _LONGEST_PROJECT)}"


def _target_line(
    target: TargetId,
    label: str,
    runs: Sequence[RunSummary],
    known: Mapping[TargetId, TargetOverview],
) -> TargetLine:
    overview = known.get(target)
    block = block_title(overview) if overview else f"block {target}"
    project = project_title([overview]) if overview else f"Project {target.project_id}"
    states = [run.state(target) for run in runs]
    return TargetLine(
        label=label,
        title=f"{project} / {block}",
        place=target_place(target) if overview else "",
        cells=tuple(None if state is None else STATES[state] for state in states),
        words=_line_words(target, runs),
    )


def _line_words(target: TargetId, runs: Sequence[RunSummary]) -> str:
    parts = []
    for state, look in STATES.items():
        ids = [run.run.id or 0 for run in runs if run.states.get(target) is state]
        if ids:
            noun = "run" if len(ids) == 1 else "runs"
            parts.append(f"{look.words} in {noun} {join_first(_stretches(ids), most=8)}")
    return "; ".join(parts)


def _stretches(ids: Sequence[int]) -> tuple[str, ...]:
    """Return `3 to 7, 9` of 3, 4, 5, 6, 7, 9."""
    stretches = []
    for _, group in groupby(enumerate(sorted(ids)), key=lambda pair: pair[1] - pair[0]):
        stretch = [number for _, number in group]
        last = f" to {stretch[-1]}" if len(stretch) > 1 else ""
        stretches.append(f"{stretch[0]}{last}")
    return tuple(stretches)


def _day_labels(runs: Sequence[RunSummary]) -> Iterable[str]:
    last = None
    for run in runs:
        started_on = day(run.run.started_at)
        yield "" if started_on == last else str(started_on.day)
        last = started_on


def _rest(undrawn: int, in_sync: int) -> str:
    parts = [f"{count(undrawn, 'more block')} that changed or failed"] if undrawn > 0 else []
    if in_sync > 0:
        parts.append(f"{count(in_sync, 'more block')} always in sync")
    return f"and {' and '.join(parts)}" if parts else ""
