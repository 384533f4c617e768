"""The page of an impulse: its blocks as a chain, in the order of the data, and what changed where.

The picture says nothing that the list beside it does not say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from auditor.drift.impulses import order_of_data
from auditor.listings import ImpulseBlocks, TargetOverview
from auditor.model import TargetId, TargetKind, TargetState
from auditor.records import VersionLine
from auditor.rendering.archive import project_place, run_place, target_place
from auditor.rendering.block_list import (
    BlockRow,
    block_row,
    block_title,
    count_states,
    project_title,
)
from auditor.rendering.pictures import STATES
from auditor.rendering.trainings import list_trainings
from auditor.rendering.views import title_impulse
from auditor.rendering.words import count, cut, join_first, moment, sentence

MOST_CHANGES, MOST_DRAWN = 60, 40
KIND_WORDS = {
    TargetKind.INPUT: "input",
    TargetKind.PROCESSING: "processing",
    TargetKind.LEARN: "learning",
    TargetKind.POST_PROCESSING: "post-processing",
}
_STEP, _HEIGHT, _INDENT, _BOX, _MARGIN = 54, 42, 20, 268, 4
_TRUNK = 10  # from the left edge of a box to the line that leaves it
_LONGEST_TITLE, _LONGEST_KIND = 30, 40


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainBox:
    """A block in the picture.

    `lines` are the paths of lines from the blocks before it; one that is gone has none.
    """

    x: int
    y: int
    title: str
    kind: str
    place: str
    letter: str
    tone: str
    css: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The picture of an impulse, in pixels."""

    width: int
    height: int
    box_width: int
    box_height: int
    boxes: tuple[ChainBox, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainRow:
    """A block of the impulse in words; `sources` names the blocks whose data it takes."""

    kind: str
    sources: str
    block: BlockRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """A change of a block; `run_place` is empty where the run has no page.

    `run` is empty of a training, which belongs to none.
    """

    when: str
    run: str
    run_place: str
    block: str
    place: str
    headline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpulsePage:
    """An impulse's page."""

    title: str
    project: str
    project_place: str
    tone: str
    words: str
    chain: Chain
    undrawn: int
    rows: tuple[ChainRow, ...]
    changes: tuple[ChangeRow, ...]


def make_impulse_page(impulse: ImpulseBlocks, *, runs: Collection[int]) -> ImpulsePage:
    """Return an impulse's page; `runs` have pages to link to."""
    blocks = sorted(impulse.overviews, key=_in_order)
    words, tone = count_states(blocks)
    by_id = {overview.status.target.learn_id: overview for overview in blocks}
    return ImpulsePage(
        title=title_impulse(impulse.impulse),
        project=project_title(blocks),
        project_place=project_place(impulse.project_id),
        tone=tone,
        words=f"{count(len(blocks), 'block')}: {words}",
        chain=draw_chain(blocks[:MOST_DRAWN]),
        undrawn=max(len(blocks) - MOST_DRAWN, 0),
        rows=tuple(_row(overview, by_id) for overview in blocks),
        changes=_changes(impulse, by_id, runs),
    )


def draw_chain(blocks: list[TargetOverview]) -> Chain:
    """Return the picture: a box for each block, further right the later its data comes."""
    corners = {
        overview.status.target.learn_id: (
            _MARGIN + _INDENT * order_of_data(overview.status.kind),
            _MARGIN + _STEP * place,
        )
        for place, overview in enumerate(blocks)
    }
    return Chain(
        width=2 * _MARGIN + 3 * _INDENT + _BOX,
        height=2 * _MARGIN + _STEP * (len(blocks) - 1) + _HEIGHT,
        box_width=_BOX,
        box_height=_HEIGHT,
        boxes=tuple(_box(overview, corners) for overview in blocks),
    )


def _box(overview: TargetOverview, corners: Mapping[int, tuple[int, int]]) -> ChainBox:
    status, look = overview.status, STATES[overview.state]
    x, y = corners[status.target.learn_id]
    kind = KIND_WORDS[status.kind.target_kind]
    return ChainBox(
        x=x,
        y=y,
        title=cut(block_title(overview), _LONGEST_TITLE),
        kind=cut(f"{kind} · {status.type}" if status.type else kind, _LONGEST_KIND),
        place=target_place(status.target),
        letter=look.letter,
        tone=look.tone,
        css="box gone" if _is_gone(overview) else "box",
        lines=tuple(
            f"M{from_x + _TRUNK} {from_y + _HEIGHT}V{y + _HEIGHT // 2}H{x}"
            for source in overview.place.sources
            if source in corners
            for from_x, from_y in [corners[source]]
            if from_y < y and not _is_gone(overview)
        ),
    )


def _in_order(overview: TargetOverview) -> tuple[bool, int, int]:
    """Return what puts blocks in the order of the data; what is no longer there is at the end."""
    status = overview.status
    return _is_gone(overview), order_of_data(status.kind), status.target.learn_id


def _is_gone(overview: TargetOverview) -> bool:
    return overview.retired or overview.state is TargetState.MISSING


def _row(overview: TargetOverview, by_id: Mapping[int, TargetOverview]) -> ChainRow:
    sources = [by_id[each] for each in overview.place.sources if each in by_id]
    return ChainRow(
        kind=KIND_WORDS[overview.status.kind.target_kind],
        sources=join_first(tuple(map(block_title, sources))),
        block=block_row(overview),
    )


def _changes(
    impulse: ImpulseBlocks, by_id: Mapping[int, TargetOverview], runs: Collection[int]
) -> tuple[ChangeRow, ...]:
    """Return the versions of the blocks and the trainings between them, the newest first."""
    first: dict[TargetId, datetime] = {}
    for line in impulse.lines:
        first[line.target] = min(line.seen_at, first.get(line.target, line.seen_at))
    dated = [((line.seen_at, line.id), _change(line, by_id, runs)) for line in impulse.lines]
    dated += [
        ((at, 0), _training(target, at, headline, by_id))
        for target, trainings in impulse.trainings.items()
        if target in first
        for at, headline in list_trainings(trainings, since=first[target])
    ]
    dated.sort(key=lambda pair: pair[0], reverse=True)
    return tuple(row for _, row in dated[:MOST_CHANGES])


def _training(
    target: TargetId, at: datetime, headline: str, by_id: Mapping[int, TargetOverview]
) -> ChangeRow:
    return ChangeRow(
        when=moment(at),
        run="",
        run_place="",
        block=block_title(by_id[target.learn_id]),
        place=target_place(target),
        headline=headline,
    )


def _change(
    line: VersionLine, by_id: Mapping[int, TargetOverview], runs: Collection[int]
) -> ChangeRow:
    return ChangeRow(
        when=moment(line.seen_at),
        run=f"run {line.run_id}",
        run_place=run_place(line.run_id) if line.run_id in runs else "",
        block=block_title(by_id[line.target.learn_id]),
        place=target_place(line.target),
        headline=sentence(line.headline),
    )
