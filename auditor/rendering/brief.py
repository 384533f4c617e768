"""A report for channels: a short text of one line a finding, or the report's JSON.

The text has three paragraphs: verdict and counts, a line for everything that the report names,
worst first, and the link. A line is never broken, since chat programs wrap by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from auditor.publishing import MailContent, Urgency
from auditor.rendering.archive import run_place
from auditor.rendering.json import dump_json, encode_report
from auditor.rendering.outline import (
    AlikeView,
    Entry,
    FindingView,
    Footer,
    Limits,
    NamedBlock,
    Outline,
    Section,
    UncheckedBlocks,
)
from auditor.rendering.sections import outline_report
from auditor.rendering.verdict import Level, RunVerdict
from auditor.rendering.words import count
from auditor.report import Report

_MOST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BriefRenderer:
    """Fulfils `protocols.Renderer` with the short text.

    Attributes:
        is_for_parts: the readers get a part of each report, so they are not led to the run's
            page, which has the whole.
    """

    footer: Footer
    is_for_parts: bool = False

    def mail_content(self, report: Report, *, page: str) -> MailContent:
        """Return subject and text; without a `page` there is nothing to link to."""
        is_linked = page and self.footer.site and not self.is_for_parts
        link = f"{self.footer.site}{run_place(report.run.id or 0)}" if is_linked else ""
        outline = outline_report(report, replace(self.footer, page=link), Limits(pictures=0))
        return MailContent(
            subject=outline.verdict.subject,
            text=render_brief(outline, link),
            html="",
            headers={},
            urgency=_urgency(outline.verdict, is_open=bool(report.open)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonRenderer:
    """Fulfils `protocols.Renderer` with what `--format json` prints."""

    footer: Footer

    def mail_content(self, report: Report, *, page: str) -> MailContent:
        """Return the report as JSON; `page` is not in it."""
        del page
        subject = outline_report(report, self.footer, Limits(pictures=0)).verdict.subject
        text = dump_json(encode_report(report))
        return MailContent(subject=subject, text=text, html="", headers={})


def render_brief(report: Outline, link: str) -> str:
    """Return the paragraphs; `link` is the page of the run, empty without one."""
    paragraphs = ["\n".join(_head(report)), "\n".join(_lines(report))]
    if link:
        paragraphs.append(f"Full report: {link}")
    return "\n\n".join(filter(None, paragraphs))


def _urgency(verdict: RunVerdict, *, is_open: bool) -> Urgency:
    match verdict.level:
        case Level.FAILED | Level.CRITICAL:
            return Urgency.FAILURE
        case Level.INCOMPLETE:
            is_critical = verdict.found is Level.CRITICAL
            return Urgency.FAILURE if is_critical else Urgency.WARNING
        case Level.DRIFT:
            return Urgency.WARNING
        case Level.NEWS:
            return Urgency.WARNING if is_open else Urgency.INFO
        case Level.CALM:
            return Urgency.SUCCESS


def _head(report: Outline) -> Iterator[str]:
    yield f"{report.verdict.word.upper()}. {report.verdict.sentence}"
    yield " | ".join(f"{cell.value:,} {cell.label}" for cell in report.counts)
    yield from (f"Note: {note}" for note in report.notes)


def _lines(report: Outline) -> Iterator[str]:
    for group in report.unchecked:
        yield _unchecked(group)
    # Worst first over all blocks: a chat shows the first lines, and a long text is cut.
    found = sorted(_findings(report), key=lambda found: -found[0].severity.rank)
    yield from (f"[{finding.severity.upper()}] {at}: {finding.headline}" for finding, at in found)
    for section in (report.further, *report.extras, *report.inventory):
        yield from _section(section)
    for finding in report.vendor:
        where = count(finding.targets, "block")
        yield f"[{finding.severity.upper()}] Edge Impulse, {where}: {finding.headline}"


def _findings(report: Outline) -> Iterator[tuple[FindingView, str]]:
    """Yield the findings of a report, each with where it is."""
    for view in (*report.changes, *report.dataset):
        if isinstance(view, AlikeView):
            yield view.finding, view.where
            continue
        place = f"{view.project} / {view.block} ({view.target})"
        yield from ((finding, place) for finding in view.findings)


def _unchecked(group: UncheckedBlocks) -> str:
    names = [_place(entry) for entry in group.blocks]
    named = ", ".join(names[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    blocks = f" ({named}{more})" if named else ""
    return f"NOT CHECKED {group.project}{blocks}: {group.reason}"


def _section(section: Section) -> Iterator[str]:
    for entry in section.entries:
        severity = f"[{entry.severity.upper()}] " if entry.severity else ""
        project = f"{entry.project} / " if entry.project else ""
        yield f"{section.title}: {severity}{project}{_place(entry)}: {entry.note}"


def _place(entry: Entry) -> str:
    blocks: tuple[NamedBlock, ...] = entry.blocks
    target = f" ({entry.target})" if entry.target else ""
    if not blocks:
        return f"{entry.block}{target}"
    named = ", ".join(f"{block.block} ({block.target})" for block in blocks[:_MOST_NAMED])
    more = f" and {len(blocks) - _MOST_NAMED:,} more" if len(blocks) > _MOST_NAMED else ""
    return f"{entry.block}{target} [{named}{more}]"
