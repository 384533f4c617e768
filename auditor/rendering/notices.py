"""Notices as entries: what is reported once and is no change of a block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from auditor.model import NoticeKind, TargetId
from auditor.rendering.outline import Entry
from auditor.rendering.summary import Summary
from auditor.rendering.views import enter_target
from auditor.rendering.words import sentence
from auditor.report import Notice, Report, TargetReport

RULES, AUDITED = "Rules and notices", "Changes in what is audited"


def enter_notices(summary: Summary, section: str) -> list[Entry]:
    """Return an entry for each notice of a section, worst first.

    A rule that an open condition names as broken is there.
    """
    report = summary.report
    is_open = {(condition.target, condition.headline) for condition in report.open}
    notices = [
        notice
        for notice in report.notices
        if not notice.is_late
        and _section_of(notice.kind) == section
        and (notice.target, notice.text) not in is_open
    ]
    notices.sort(key=lambda notice: -notice.severity.rank)
    blocks = name_blocks(notices, report)
    return [enter_notice(notice, blocks) for notice in notices]


def enter_notice(notice: Notice, blocks: dict[TargetId, TargetReport]) -> Entry:
    """Return a notice in one line; what is audited changes without a severity."""
    is_of_rules = _section_of(notice.kind) == RULES
    note, severity = sentence(notice.text), notice.severity if is_of_rules else None
    target = blocks.get(notice.target) if notice.target else None
    if target is not None:
        return replace(enter_target(target, note), severity=severity)
    whose = "All blocks" if is_of_rules else "Projects"
    block = whose if notice.target is None else str(notice.target)
    return Entry(project="", block=block, target="", note=note, severity=severity)


def name_blocks(notices: Iterable[Notice], report: Report) -> dict[TargetId, TargetReport]:
    """Return the blocks of the report that the notices are about, by their ids."""
    named = {notice.target for notice in notices}
    return {target.target: target for target in report.targets if target.target in named}


def _section_of(kind: NoticeKind) -> str:
    match kind:
        case (
            NoticeKind.BLOCK_BACK
            | NoticeKind.LEFT_OUT
            | NoticeKind.PROJECT_RENAMED
            | NoticeKind.BLOCK_NEW
            | NoticeKind.BLOCK_MISSING
            | NoticeKind.BLOCK_UNSUPPORTED
            | NoticeKind.CONTEXT_UNREAD
        ):
            return AUDITED
        case (
            NoticeKind.RULE_BROKEN
            | NoticeKind.RULE_RESTORED
            | NoticeKind.RULE_ENDED
            | NoticeKind.IGNORE_EXPIRED
            | NoticeKind.ACKNOWLEDGEMENT_ENDED
            | NoticeKind.LEFT_UNREPORTED
            | NoticeKind.READ_AGAIN
            | NoticeKind.MATCHES_NOTHING
        ):
            return RULES
