"""What is reported once and is no news for the next run: new and missing blocks, an upgrade.

The next run cannot find it again, so a notice of it is stored with the batch that found it. A
report shows a block that is new, missing or of a type that cannot be read by its state; its
notice is for a later report, where nobody received this one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from auditor.model import NoticeKind, TargetId, TargetState
from auditor.records import UnreportedNotice
from auditor.report import Notice, Report, TargetReport

MOST_NAMED = 5  # blocks in one sentence
_KINDS = {
    TargetState.NEW: NoticeKind.BLOCK_NEW,
    TargetState.MISSING: NoticeKind.BLOCK_MISSING,
    TargetState.UNSUPPORTED: NoticeKind.BLOCK_UNSUPPORTED,
}
_WORDS = {
    NoticeKind.BLOCK_NEW: ("was new", "were new"),
    NoticeKind.BLOCK_MISSING: ("went missing", "went missing"),
    NoticeKind.BLOCK_UNSUPPORTED: (
        "is of a type that cannot be audited",
        "are of a type that cannot be audited",
    ),
}
_STATES = {kind: state for state, kind in _KINDS.items()}


@dataclass(slots=True)
class BlockNews:
    """The blocks that are new, missing or cannot be read, by project and kind of news.

    Of each project and kind it knows the number and the first few, and no more.
    """

    _groups: dict[tuple[int, NoticeKind], tuple[int, tuple[tuple[TargetId, str], ...]]] = field(
        default_factory=dict
    )

    def add(self, line: TargetReport) -> None:
        """Take a target's line, which may have no news."""
        if not is_block_news(line):
            return
        key = line.target.project_id, _KINDS[line.state]
        number, first = self._groups.get(key, (0, ()))
        named = sorted((*first, (line.target, _title(line))))[:MOST_NAMED]
        self._groups[key] = number + 1, tuple(named)

    def notices(self) -> tuple[Notice, ...]:
        """Return a notice a project and kind of news; its text names the first few blocks."""
        return tuple(
            Notice(
                kind=kind,
                text=", ".join(title for _, title in first),
                target=first[0][0] if number == 1 else None,
                project_id=project_id if number > 1 else None,
                number=number,
            )
            for (project_id, kind), (number, first) in self._groups.items()
        )


def is_block_news(line: TargetReport) -> bool:
    """Return whether a target is new, went missing, or turned out to be one not to be read."""
    return line.state is TargetState.NEW or line.is_news


def notices_of_news(lines: Iterable[TargetReport]) -> tuple[Notice, ...]:
    """Return a notice a project and kind of news; its text names the first few blocks."""
    news = BlockNews()
    for line in lines:
        news.add(line)
    return news.notices()


def _title(line: TargetReport) -> str:
    return f"{line.name or 'block'} ({line.target})"


def notices_of_upgrade(from_upgrade: Collection[Collection[str]]) -> tuple[Notice, ...]:
    """Return a notice of the differences (ids of each block) that an upgrade showed, if any."""
    found = {finding for ids in from_upgrade for finding in ids}
    if not found:
        return ()
    blocks = len(from_upgrade)
    differences = "1 difference" if len(found) == 1 else f"{len(found):,} differences"
    return (
        Notice(
            kind=NoticeKind.READ_AGAIN, text=text_of_upgrade(differences, blocks), number=blocks
        ),
    )


def text_of_upgrade(differences: str, blocks: int) -> str:
    """Return a sentence about differences, e.g. `2 differences`, that an upgrade showed."""
    where = "1 block" if blocks == 1 else f"{blocks:,} blocks"
    appear = "appears" if differences.startswith("1 ") else "appear"
    return (
        f"The auditor was upgraded and reads answers in another way: {differences} in {where} "
        f"{appear} because of it and not because of a change tonight"
    )


def late_notices(
    unreported: Sequence[UnreportedNotice], report: Report, said_now: Iterable[Notice]
) -> tuple[Notice, ...]:
    """Return what earlier runs had to say and nobody received, less what is said now as well.

    What the batches of a run that did not end stored of one kind and project is one notice.
    """
    said = {_what(notice) for notice in said_now}
    states = {line.target: line.state for line in report.targets}
    broken = {target for target, _, _ in report.broken_rules}
    late = []
    for _, group in groupby(sorted(unreported, key=_order), key=_order):
        notice = _merged(list(group))
        if _what(notice) not in said:
            late.append(replace(notice, holds=_holds(notice, states, broken)))
            said.add(_what(notice))
    return tuple(late)


def without_carried(
    notices: Sequence[Notice], unreported: Sequence[UnreportedNotice]
) -> tuple[Notice, ...]:
    """Return the notices less those that an earlier run stored and this report carries."""
    stored = {each.fingerprint for each in unreported}
    return tuple(notice for notice in notices if stored.isdisjoint(notice.ids()))


def _what(notice: Notice) -> tuple[object, ...]:
    """Return what a notice says; of findings that were never reported, a block has one."""
    text = "" if notice.kind is NoticeKind.LEFT_UNREPORTED else notice.text
    return notice.kind, notice.target or notice.project_id, text


def _order(unreported: UnreportedNotice) -> tuple[int, str, int, str]:
    """Return what is equal for the notices of several batches that are one."""
    notice = unreported.notice
    is_summed = notice.kind in _WORDS or notice.kind is NoticeKind.READ_AGAIN
    alone = "" if is_summed else f"{unreported.id:012}"
    project_id = notice.target.project_id if notice.target else notice.project_id
    return unreported.run_id, notice.kind, project_id or 0, alone


def _merged(group: Sequence[UnreportedNotice]) -> Notice:
    first = group[0]
    number = sum(each.notice.number for each in group)
    texts = [each.notice.text for each in group]
    return replace(
        first.notice,
        text=_words(first.notice.kind, number, texts),
        target=first.notice.target if len(group) == 1 else None,
        project_id=_order(first)[2] or None if len(group) > 1 else first.notice.project_id,
        number=number,
        run_id=first.run_id,
        found_at=first.found_at,
        fingerprints=tuple(each.fingerprint for each in group if each.fingerprint),
    )


def _words(kind: NoticeKind, number: int, texts: Sequence[str]) -> str:
    if kind is NoticeKind.READ_AGAIN and len(texts) > 1:
        return text_of_upgrade("differences", number)
    if kind not in _WORDS:
        return texts[0]
    if number == 1:
        return f"{texts[0]} {_WORDS[kind][0]}"
    names = ", ".join(texts) if number <= MOST_NAMED else f"{texts[0]} and others"
    return f"{number:,} blocks {_WORDS[kind][1]}: {names}"


def _holds(
    notice: Notice, states: Mapping[TargetId, TargetState], broken: Collection[TargetId]
) -> bool | None:
    """Return whether it still is so, None where that cannot be said."""
    if notice.target is None:
        return None
    if notice.kind is NoticeKind.RULE_BROKEN:
        return notice.target in broken
    state = states.get(notice.target, TargetState.UNKNOWN)
    if notice.kind in (NoticeKind.BLOCK_MISSING, NoticeKind.BLOCK_UNSUPPORTED):
        return None if state is TargetState.UNKNOWN else state is _STATES[notice.kind]
    return None
