"""Blocks in lists: how each is called, its state in words and tone, its open conditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from auditor.drift.conditions import worst_conditions_first
from auditor.listings import TargetOverview
from auditor.model import ConditionKind, ModelState, OpenCondition, Severity, TargetId, TargetState
from auditor.rendering.archive import impulse_place, project_place, target_place
from auditor.rendering.conditions import count_kinds, name_kinds
from auditor.rendering.pictures import STATES
from auditor.rendering.views import title_impulse
from auditor.rendering.words import moment, name, sentence

_OF_MODEL = (ConditionKind.STALE, ConditionKind.TRAINING_LOST)
_OPEN, _RETIRED = "open", "retired"
_KIND_WORDS = {
    _OPEN: "open condition",
    **{str(state): look.words for state, look in STATES.items()},
    _RETIRED: "no longer audited",
}
MOST_BLOCKS = 500  # in the list of all blocks
TONES = ("critical", "high", "medium", "low", "info", "ok")


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRow:
    """A block in a list.

    Attributes:
        kinds: what a filter knows of it: its state, and whether a condition is open.
        names_model: its state does not say the model's.
    """

    title: str
    project: str
    project_place: str
    kinds: tuple[str, ...]
    target: str
    place: str
    type: str
    state: str
    tone: str
    model: ModelState
    names_model: bool
    changed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionRow:
    """An open condition; `block` and `place` are of its block."""

    severity: Severity
    headline: str
    since: str
    block: str
    place: str


def block_row(overview: TargetOverview) -> BlockRow:
    """Return a block as lists of blocks have it."""
    status = overview.status
    changed = status.last_changed_at
    return BlockRow(
        title=block_title(overview),
        project=project_title([overview]),
        project_place=project_place(status.target.project_id),
        kinds=_kinds(overview),
        target=str(status.target),
        place=target_place(status.target),
        type=name(status.type),
        state=state_words(overview),
        tone=tone_of(overview),
        model=status.model_state,
        names_model=status.model_state is not ModelState.NONE
        and not any(each.kind in _OF_MODEL for each in overview.open),
        changed="never" if changed is None else moment(changed),
    )


def list_blocks(overviews: Iterable[TargetOverview]) -> tuple[BlockRow, ...]:
    """Return a row per block, in their order."""
    return tuple(map(block_row, overviews))


def worst_blocks(overviews: Iterable[TargetOverview]) -> list[TargetOverview]:
    """Return the `MOST_BLOCKS` worst of the blocks, worst first."""
    return nsmallest(MOST_BLOCKS, overviews, key=_badness)


def filter_blocks(rows: Iterable[BlockRow]) -> tuple[tuple[str, str], ...]:
    """Return the kinds that a filter offers for these blocks, each in words."""
    found = {kind for row in rows for kind in row.kinds}
    return tuple((kind, words) for kind, words in _KIND_WORDS.items() if kind in found)


def block_title(overview: TargetOverview) -> str:
    """Return how a block is called where there is room for one name."""
    return name(overview.status.name) or f"block {overview.status.target}"


def project_title(overviews: Sequence[TargetOverview]) -> str:
    """Return how the project of these targets is called; audited targets know it best."""
    audited_first = sorted(overviews, key=lambda overview: overview.retired)
    named = (overview.status.project for overview in audited_first if overview.status.project)
    return name(next(named, "")) or f"Project {overviews[0].status.target.project_id}"


def count_states(overviews: Iterable[TargetOverview]) -> tuple[str, str]:
    """Return how many targets are in which state, what is open, and the tone of the worst."""
    every = tuple(overviews)
    if not every:
        return "no longer audited", "info"
    counts = Counter(overview.state for overview in every)
    looks = [(look, counts[state]) for state, look in STATES.items() if counts[state]]
    words = ", ".join(f"{number:,} {look.words}" for look, number in looks)
    still_open = open_conditions(every)
    more = f"; open: {count_kinds(still_open)}" if still_open else ""
    return f"{words}{more}", min(map(tone_of, every), key=TONES.index)


def _badness(overview: TargetOverview) -> tuple[bool, int, int, TargetId]:
    """Return what puts blocks in order, the worst first; what is not audited is at the end."""
    weight = STATES[overview.state].weight
    return overview.retired, TONES.index(tone_of(overview)), -weight, overview.status.target


def _kinds(overview: TargetOverview) -> tuple[str, ...]:
    if overview.retired:
        return (_RETIRED,)
    return (*([_OPEN] if overview.open else []), str(overview.state))


def state_words(overview: TargetOverview) -> str:
    """Return `in sync, training lost`: the state, and what is open of it."""
    if overview.retired:
        return "no longer audited"
    is_missing = overview.state is TargetState.MISSING
    others = [c for c in overview.open if not (is_missing and c.kind is ConditionKind.MISSING)]
    return ", ".join(filter(None, (STATES[overview.state].words, name_kinds(others))))


def tone_of(overview: TargetOverview) -> str:
    """Return the colour of a block: that of its state, or of its worst open condition."""
    if overview.retired:
        return "info"
    tones = [STATES[overview.state].tone, *(str(each.severity) for each in overview.open)]
    return min(tones, key=TONES.index)


def open_conditions(overviews: Iterable[TargetOverview]) -> tuple[OpenCondition, ...]:
    """Return what is open of the blocks, worst first."""
    return worst_conditions_first(each for overview in overviews for each in overview.open)


def list_conditions(overviews: Sequence[TargetOverview]) -> tuple[ConditionRow, ...]:
    """Return a row per open condition of the blocks, worst first."""
    by_target = {overview.status.target: overview for overview in overviews}
    return tuple(
        condition_row(by_target[each.target], each) for each in open_conditions(overviews)
    )


def condition_row(overview: TargetOverview, condition: OpenCondition) -> ConditionRow:
    """Return an open condition of a block as lists have it."""
    return ConditionRow(
        severity=condition.severity,
        headline=sentence(condition.headline),
        since=moment(condition.since),
        block=block_title(overview),
        place=target_place(condition.target),
    )


def link_impulses(overviews: Iterable[TargetOverview]) -> tuple[tuple[str, str], ...]:
    """Return the impulses that have any of the blocks, each with the place of its page."""
    found = {
        (each.id, overview.status.target.project_id): title_impulse(each)
        for overview in overviews
        for each in overview.place.impulses
    }
    return tuple(
        (title, impulse_place(project_id, impulse_id))
        for (impulse_id, project_id), title in sorted(found.items())
    )
