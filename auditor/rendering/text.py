"""Reports and comparisons as plain text, to be read, quoted and searched.

The text part of a mail says everything that the HTML says.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from auditor.drift.restore import WHERE_IMPULSE, Restoration
from auditor.rendering.alike import MOST_NAMED, group_by_project
from auditor.rendering.changes import ChangeLine
from auditor.rendering.outline import (
    AlikeView,
    Entry,
    FindingView,
    NamedBlock,
    Outline,
    Section,
    TargetView,
    UncheckedBlocks,
    VersionDiff,
)
from auditor.rendering.pictures import FOLDED, LayerStack, Scale
from auditor.rendering.trainings import TrainingView
from auditor.rendering.views import view_finding
from auditor.rendering.words import (
    columns,
    count,
    cut_words,
    describe_model,
    join_first,
    name,
)

WIDTH = 72
AUTHOR = "Studio's API says who trained a model, but not who edited a setting."
VENDOR = "Edge Impulse made these changes for all customers. Nobody edited a block."
JUDGED_ALONE = "judged from these two answers alone"
SHORT_FORM = "This is the short form of the report: the mail server refused the longer ones."
COMMANDS = (
    ("auditor history P/L", "lists the versions of block P/L"),
    ("auditor diff P/L@previous P/L", "shows its last change in full"),
    ("auditor explain ID", "shows all details of a finding"),
    ("auditor approve P/L --reason …", "makes its current version the baseline"),
)
ALIKE_ACKNOWLEDGE = 'acknowledge a block: auditor acknowledge ID --reason "…"'
ALIKE_RESTORE = "restore a block: auditor explain ID shows the request"
LONGEST_BODY = 300  # of a request, in a mail
_LABEL = 13
_JOINED = "\u00a0"  # a blank at which no line ends
_COLUMN = (WIDTH - len("    -  ") - len(" | ")) // 2
_COMMAND = max(len(command) for command, _ in COMMANDS) + 2
_MARKS = {"-": "-", "+": "+", " ": " ", "@": "~"}


def render_report(report: Outline) -> str:
    """Return the whole report."""
    return "\n".join(_report(report)).rstrip("\n") + "\n"


def render_summary(report: Outline) -> str:
    """Return the verdict, the counts and one entry for everything that the outline has."""
    return "\n".join(_summary(report)).rstrip("\n") + "\n"


def render_diff(comparison: VersionDiff) -> str:
    """Return the findings between two answers, worst first, and the model's state."""
    return "\n".join(_diff(comparison)).rstrip("\n") + "\n"


def explain_restore(report: Outline) -> str:
    """Return what the restore requests under findings are for."""
    base = f" to {report.api}" if report.api else ""
    words = (
        "A restore request puts the old value back. The auditor never sends it: send it "
        f"yourself{base}, with your own credentials. It changes only the fields in it."
    )
    if any(_lacks_impulse(view) for view in (*report.changes, *report.dataset)):
        words += f" Replace IMPULSE with the id of the impulse. {WHERE_IMPULSE}"
    return words


def _lacks_impulse(view: TargetView | AlikeView) -> bool:
    """Return whether a request that the report shows needs the id of the impulse."""
    if isinstance(view, AlikeView):
        return False
    return any(found.restore and found.restore.lacks_impulse for found in view.findings)


def locate_long_request(restore: Restoration, finding_id: str) -> str:
    """Return where to find a request that is too long for a mail; empty where it is not.

    A body with line ends in it counts as too long: wrapped in a mail it could not be copied.
    """
    if len(restore.body) <= LONGEST_BODY and "\\n" not in restore.body:
        return ""
    return (
        f"restore: the request ({len(restore.body):,} characters) is in the full report; or run "
        f"auditor explain {finding_id}"
    )


def describe_undone(restore: Restoration) -> str:
    """Return what else a request undoes, empty if nothing."""
    if not restore.undoes:
        return ""
    return f"this request also undoes: {join_first(tuple(map(name, restore.undoes)))}"


def _report(report: Outline) -> Iterator[str]:
    yield from _head(report)
    yield from _unchecked(report)
    yield from _changes(report)
    for section in (*report.extras, *report.inventory):
        yield from _section(section)
    yield from _target_views("Dataset", report.dataset)
    yield from _vendor(report)
    yield from _answers_in_general(report)
    yield from _heading("Coverage")
    for line in report.coverage:
        yield from wrap_text(line)
    yield from _ids(report)
    yield from _foot(report)


def _summary(report: Outline) -> Iterator[str]:
    yield from wrap_text(SHORT_FORM)
    yield ""
    yield from _head(report)
    yield from _entries(report)
    yield from _ids(report)
    yield from _foot(report)


def _entries(report: Outline) -> Iterator[str]:
    yield from _unchecked(report)
    if report.changes or report.dataset:
        yield from _heading("Findings")
        yield from _finding_entries(report)
    yield from _section(report.further)
    for section in (*report.extras, *report.inventory):
        yield from _section(section)
    yield from _vendor(report)


def _finding_entries(report: Outline) -> Iterator[str]:
    for view in (*report.changes, *report.dataset):
        if isinstance(view, AlikeView):
            found = view.finding
            yield from wrap_text(
                f"[{found.severity.upper()}] {view.where}: {found.headline}", "* "
            )
            yield from _named_blocks(view.blocks, "  ")
            continue
        place = f"{view.project} / {view.block} ({view.target})"
        for finding in view.findings:
            words = f"[{finding.severity.upper()}] {place}: {finding.headline}, id {finding.id}"
            yield from wrap_text(words, "* ")


def _head(report: Outline) -> Iterator[str]:
    yield from wrap_text(f"EI drift · {report.run} · {report.when}")
    yield ""
    yield from wrap_text(f"{report.verdict.word.upper()}. {report.verdict.sentence}")
    if report.verdict.lead:
        yield from wrap_text(report.verdict.lead)
    yield ""
    counts = " | ".join(
        f"{cell.value:,} {cell.label}".replace(" ", _JOINED) for cell in report.counts
    )
    yield from (line.replace(_JOINED, " ") for line in wrap_text(counts))
    for note in report.notes:
        yield from ("", *wrap_text(f"Note: {note}"))


def _diff(comparison: VersionDiff) -> Iterator[str]:
    yield from wrap_text(f"{name(comparison.old)} → {name(comparison.new)}")
    yield from wrap_text(
        f"{count(len(comparison.findings), 'finding')}, "
        f"{comparison.suppressed:,} suppressed, {describe_model(comparison.model_state)} "
        f"({JUDGED_ALONE})"
    )
    for finding in comparison.worst_first():
        yield ""
        yield from _finding(view_finding(finding))


def _unchecked(report: Outline) -> Iterator[str]:
    if report.unchecked or report.unchecked_hidden:
        yield from _heading("Not checked")
    for group in report.unchecked:
        yield from _unchecked_blocks(group)
    yield from _more(report.unchecked_hidden)


def _unchecked_blocks(group: UncheckedBlocks) -> Iterator[str]:
    yield from wrap_text(f"{group.project}: {group.reason}")
    for entry in group.blocks:
        target = f" ({entry.target})" if entry.target else ""
        yield from wrap_text(f"{entry.block}{target}, {entry.note}", "  * ")
        yield from _named_blocks(entry.blocks, "    ")


def _changes(report: Outline) -> Iterator[str]:
    yield from _target_views("Changes", report.changes)
    if report.shown:
        where = f" It is {report.full}." if report.full else ""
        yield from ("", *wrap_text(f"{report.shown}{where}"))
    yield from _section(report.further)


def _answers_in_general(report: Outline) -> Iterator[str]:
    if report.changes or report.dataset:
        yield from _heading("What to do")
        yield from wrap_text(AUTHOR)
        for command, effect in COMMANDS:
            yield f"  {command:<{_COMMAND}}{effect}"
        yield from wrap_text(explain_restore(report))


def _target_views(heading: str, views: tuple[TargetView | AlikeView, ...]) -> Iterator[str]:
    if views:
        yield from _heading(heading)
    for number, view in enumerate(views):
        if number:
            yield ""
        if isinstance(view, AlikeView):
            yield from _alike(view)
        else:
            yield from _target_view(view)


def _alike(view: AlikeView) -> Iterator[str]:
    yield from wrap_text(view.where)
    models = f"models: {view.model}; " if view.model else ""
    yield from wrap_text(f"{models}changed {view.changed}", "  ")
    yield from ("", *_finding(view.finding, with_id=False))
    yield from _named_blocks(view.blocks, "    ")
    if view.can_acknowledge:
        yield from wrap_text(ALIKE_ACKNOWLEDGE, "    ")
    if view.finding.restore and view.finding.restore.body:
        yield from wrap_text(ALIKE_RESTORE, "    ")


def _named_blocks(blocks: Sequence[NamedBlock], indent: str) -> Iterator[str]:
    """Yield the blocks, a line each; of many only their numbers."""
    if len(blocks) > MOST_NAMED:
        groups = group_by_project(blocks)
        for own in groups:
            whose = f"{own[0].project}: " if len(groups) > 1 else ""
            yield from wrap_text(whose + ", ".join(block.target for block in own), indent)
        return
    for block in blocks:
        yield from wrap_text(_named_block(block), f"{indent}* ")


def _named_block(block: NamedBlock) -> str:
    id_ = f", id {block.id}" if block.id else ""
    also = f", also {block.folded}" if block.folded else ""
    return f"{block.project} / {block.block} ({block.target}){id_}{also}"


def _ids(report: Outline) -> Iterator[str]:
    if report.ids:
        yield from _heading("Ids of the findings of many blocks")
    for block in report.ids:
        yield from wrap_text(_named_block(block), "* ")


def _target_view(view: TargetView) -> Iterator[str]:
    kind = f", {view.type}" if view.type else ""
    yield from wrap_text(f"{view.project} / {view.block} ({view.target}{kind})")
    yield from wrap_text(f"{describe_model(view.model)}; changed {view.changed}", "  ")
    if view.impulse:
        yield from wrap_text(view.impulse, "  ")
    if view.effect:
        yield from wrap_text(view.effect, "  ")
    for address in filter(None, (view.page, view.link)):
        yield f"  {address}"
    if view.run_strip:
        yield from wrap_text(view.run_strip.words, "  ")
        yield f"  [{view.run_strip.signs}]"
    if view.stack:
        yield from ("", *_stack(view.stack))
    for finding in view.findings:
        yield ""
        yield from _finding(finding)
        yield from _answers(finding)


def _stack(stack: LayerStack) -> Iterator[str]:
    yield from wrap_text(f"layers before and now: {stack.words}", "  ")
    for row in stack.rows:
        if row.sign == FOLDED:
            yield f"    {FOLDED}  {row.old}"
        else:
            sign = row.sign if row.sign.strip() else " "
            yield f"    {sign:<3}{_cell(row.old)} | {cut_words(row.new, _COLUMN)}".rstrip()


def _cell(text: str) -> str:
    short = cut_words(text, _COLUMN)
    return short + " " * (_COLUMN - columns(short))


def _scale(scale: Scale) -> Iterator[str]:
    yield f"    0 [{scale.slots.replace(' ', '.')}] {scale.top}"
    marks = "- was, + now" + (", s suggested" if "s" in scale.slots else "")
    yield from wrap_text(f"{scale.words} ({marks})", "    ")


def _answers(finding: FindingView) -> Iterator[str]:
    """Yield the command that acknowledges a value, and the request that restores the old one."""
    if finding.acknowledge:
        yield f"    acknowledge: {finding.acknowledge}"
    found = finding.restore
    if found is None:
        return
    short = (
        f"cannot be restored: {found.why}" if found.why else locate_long_request(found, finding.id)
    )
    if finding.is_restored_above:
        yield "    restore: included in the request above"
    elif short:
        yield from wrap_text(short, "    ")
    else:
        yield from wrap_text(f"restore: {found.request}", "    ")
        yield from _chopped(found.body, "      ")
    if not finding.is_restored_above:
        yield from wrap_text(describe_undone(found), "    ")


def _finding(finding: FindingView, *, with_id: bool = True) -> Iterator[str]:
    yield from wrap_text(f"[{finding.severity.upper()}] {finding.headline}", "  ")
    yield from wrap_text(finding.path, "    ")
    if finding.scale:
        yield from _scale(finding.scale)
    for line in finding.lines:
        yield from _signed(line)
    if finding.folded:
        yield from wrap_text(f"also changed: {finding.folded}", "    ")
    if finding.training:
        yield from _training(finding.training)
    if not with_id:
        return
    where = f", {count(finding.targets, 'block')}" if finding.targets > 1 else ""
    rule = f", rule {finding.rule}" if finding.rule else ""
    yield from wrap_text(f"id {finding.id}{rule}{where}", "    ")


def _training(training: TrainingView) -> Iterator[str]:
    model = f" ({training.model})" if training.rows and training.model else ""
    yield from wrap_text(f"{training.words}{model}", "    ")
    width = max((len(row.before) for row in training.rows), default=0)
    labels = max((len(row.label) for row in training.rows), default=0)
    for row in training.rows:
        yield f"      {row.label:<{labels}}  {row.before:>{width}} → {row.after}"


def _chopped(text: str, indent: str) -> Iterator[str]:
    """Yield a text broken where it has spaces, and within a word only where it must."""
    yield from textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _signed(line: ChangeLine) -> Iterator[str]:
    width = WIDTH - len("    - ")
    pieces = [line.text[at : at + width] for at in range(0, len(line.text), width)] or [""]
    for number, piece in enumerate(pieces):
        mark = _MARKS[line.sign] if number == 0 else " "
        yield f"    {mark} {piece}".rstrip()


def _section(section: Section) -> Iterator[str]:
    if not section.entries:
        return
    yield from _heading(section.title)
    for entry in section.entries:
        yield from wrap_text(_entry(entry), "* ")
        yield from _named_blocks(entry.blocks, "  ")
    yield from _more(section.hidden)


def _entry(entry: Entry) -> str:
    project = f"{entry.project} / " if entry.project else ""
    target = f" ({entry.target})" if entry.target else ""
    id_ = f" (id {entry.id})" if entry.id else ""
    severity = f"{entry.severity}: " if entry.severity else ""
    return f"{project}{entry.block}{target}: {severity}{entry.note}{id_}"


def _vendor(report: Outline) -> Iterator[str]:
    if not report.vendor:
        return
    yield from _heading("Vendor catalogue")
    yield from wrap_text(VENDOR)
    for finding in report.vendor:
        targets = count(finding.targets, "block")
        yield from wrap_text(f"[{finding.severity}] {finding.headline} ({targets})", "* ")
    yield from _more(report.vendor_hidden)


def _foot(report: Outline) -> Iterator[str]:
    yield from ("", "-" * WIDTH)
    for label, value in report.foot:
        # A hash too long for the label's line goes below it, unbroken.
        indent = 2 if " " not in value and len(value) > WIDTH - _LABEL else _LABEL
        yield from wrap_text(f"{label + ':':<{_LABEL}}{value}", "", " " * indent)


def _more(hidden: int) -> Iterator[str]:
    if hidden:
        yield f"  and {hidden:,} more"


def _heading(heading: str) -> tuple[str, ...]:
    return ("", heading.upper(), "-" * WIDTH)


def wrap_text(text: str, first: str = "", then: str | None = None) -> list[str]:
    """Return the lines of a text; `first` is before the first one, `then` before the others."""
    indent = " " * len(first) if then is None else then
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=indent,
        # A path or an id that is copied must not gain a line break at its hyphens.
        break_on_hyphens=False,
    )
