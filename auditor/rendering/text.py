"""Reports, comparisons, status and history as plain text, to be read, quoted and searched.

The text part of a mail says everything that the HTML says.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

from auditor.drift.restore import Restoration
from auditor.model import ModelState, OpenCondition, RunInfo, Starter, TargetId, TargetState
from auditor.outbox import MessageInfo, MessageState, OutboxOverview
from auditor.records import (
    NO_PRESENCE,
    Acknowledgement,
    Approval,
    Presence,
    Retraction,
    RetractionKind,
    TargetStatus,
    VersionLine,
)
from auditor.rendering.alike import MOST_NAMED
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
from auditor.rendering.summary import RunLine
from auditor.rendering.views import view_finding
from auditor.rendering.words import (
    brief_moment,
    columns,
    count,
    cut,
    describe_decision,
    describe_next_run,
    moment,
    name,
    sentence,
)

WIDTH = 72
AUTHOR = "Studio's API does not say who made a change."
VENDOR = "Edge Impulse made these changes for all customers. Nobody edited a block."
SHORT_FORM = "This is the short form of the report: the mail server refused the longer ones."
COMMANDS = (
    ("auditor history P/L", "lists the versions of block P/L"),
    ("auditor diff P/L@previous P/L", "shows its last change in full"),
    ("auditor explain ID", "shows all details of a finding"),
    ("auditor approve P/L --reason …", "makes its current version the baseline"),
)
ALIKE_ACCEPT = 'accept one: auditor acknowledge ID --reason "…", with the id of its finding'
ALIKE_RESTORE = "restore one: auditor explain ID shows its request"
LONGEST_BODY = 300  # of a request, in a mail
_LABEL = 13
_COLUMN = (WIDTH - len("    -  ") - len(" | ")) // 2
_COMMAND = max(len(command) for command, _ in COMMANDS) + 2
_MARKS = {"-": "-", "+": "+", " ": " ", "@": "~"}
_LONGEST_CELL = 40
TableRow: TypeAlias = Sequence[str]
TableLayout: TypeAlias = Callable[[Sequence[TableRow]], list[str]]
_STATUS_HEAD = ("TARGET", "BLOCK", "STATE", "MODEL", "CHANGED", "CHECKED", "ATTEMPTED")
_WORST_STATES = (
    TargetState.UNKNOWN,
    TargetState.MISSING,
    TargetState.DRIFTED,
    TargetState.NEW,
    TargetState.IN_SYNC,
    TargetState.UNSUPPORTED,
)
_WORST_MODELS = (ModelState.UNTRAINED, ModelState.STALE, ModelState.UNKNOWN, ModelState.TRAINED)


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
    return (
        "`restore` is a request that puts the old value back. The auditor never sends it: send it "
        f"yourself{base}, with your own credentials. It changes only the fields in it. Replace "
        "IMPULSE with the id of the impulse."
    )


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


def render_status(
    statuses: Sequence[TargetStatus],
    *,
    last_run: RunInfo | None,
    next_run_at: datetime | None,
    outbox: OutboxOverview,
    presence: Presence = NO_PRESENCE,
    layout: TableLayout | None = None,
) -> str:
    """Return the service's lines, then a table of the targets with the errors below it.

    The worst targets come first. With a `layout`, for a terminal, the table has fewer columns and
    shorter times.
    """
    head = [
        f"Service:      {_service(presence)}",
        f"Last run:     {_run(last_run)}",
        f"Next run:     {describe_next_run(next_run_at, presence.starter) or 'never due'}",
        f"Undelivered:  {_undelivered(outbox)}",
        *_newest_messages(outbox, presence),
    ]
    ordered = sorted(statuses, key=_badness)
    if layout is None:
        table = _table([_STATUS_HEAD, *map(_status, ordered)])
    else:
        table = layout([_STATUS_HEAD[:-1], *map(_brief_status, ordered)])
    errors = [
        f"{status.target}: {sentence(status.error.message)}" for status in ordered if status.error
    ]
    return _joined(head, table if statuses else ["No target is known."], errors)


def render_messages(outbox: OutboxOverview, presence: Presence = NO_PRESENCE) -> str:
    """Return how many messages were not delivered, then a line for each of the newest."""
    return "\n".join([f"{_undelivered(outbox)}.", *_newest_messages(outbox, presence)]) + "\n"


def render_runs(lines: Sequence[RunLine], *, layout: TableLayout | None = None) -> str:
    """Return one line per run, in the order given."""
    if not lines:
        return "No run is stored.\n"
    rows = [("RUN", "STARTED", "STATUS", "VERDICT", "CHECKED", "FINDINGS", "NOT CHECKED", "BY")]
    for line in lines:
        totals = line.totals
        counts = ("-", "-", "-")
        if totals is not None:
            counts = (
                f"{totals.checked} of {totals.targets}",
                str(totals.findings),
                str(totals.unknown),
            )
        started = moment(line.run.started_at)
        verdict = line.verdict or "-"
        rows.append(
            (str(line.run.id), started, str(line.run.status), verdict, *counts, line.run.trigger)
        )
    return _joined((layout or _table)(rows), [])


def render_history(
    versions: Sequence[VersionLine],
    approvals: Sequence[Approval] = (),
    *,
    acknowledgements: Sequence[Acknowledgement] = (),
    retractions: Sequence[Retraction] = (),
    layout: TableLayout | None = None,
) -> str:
    """Return one line per version, in the order given, then one per decision, newest first.

    A baseline says who approved it and why.
    """
    if not versions:
        return "No version is stored.\n"
    rows = [("SEEN", "RUN", "MODEL", "WHAT")]
    rows += [
        (
            moment(v.seen_at),
            str(v.run_id),
            str(v.model_state),
            _headline(v, approvals, retractions),
        )
        for v in versions
    ]
    return _joined((layout or _table)(rows), _decisions(acknowledgements, retractions))


def _decisions(
    acknowledgements: Sequence[Acknowledgement], retractions: Sequence[Retraction]
) -> list[str]:
    """Return a line per decision that is no approval, newest first."""
    made: list[tuple[str, Acknowledgement | Retraction]] = [
        ("acknowledged", each) for each in acknowledgements
    ]
    made += [(str(each.kind), each) for each in retractions]
    made.sort(key=lambda entry: entry[1].at, reverse=True)
    return [
        f"{word} {_finding_of(each)}{describe_decision(each.at, each.author, each.reason)}"
        for word, each in made
    ]


def _finding_of(decision: Acknowledgement | Retraction) -> str:
    return f"{sentence(decision.path)} (id {decision.finding}) " if decision.path else ""


def _report(report: Outline) -> Iterator[str]:
    yield from _head(report)
    yield from _unchecked(report)
    yield from _changes(report)
    for section in (*report.extras, *report.inventory):
        yield from _section(section)
    yield from _target_views("Dataset", report.dataset)
    yield from _vendor(report)
    yield from _section(report.baseline)
    yield from _heading("Coverage")
    for line in report.coverage:
        yield from _wrapped(line)
    yield from _ids(report)
    yield from _foot(report)


def _summary(report: Outline) -> Iterator[str]:
    yield from _wrapped(SHORT_FORM)
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
    yield from _section(report.baseline)


def _finding_entries(report: Outline) -> Iterator[str]:
    for view in (*report.changes, *report.dataset):
        if isinstance(view, AlikeView):
            found = view.finding
            yield from _wrapped(f"[{found.severity.upper()}] {view.where}: {found.headline}", "* ")
            yield from _named_blocks(view.blocks, "  ")
            continue
        place = f"{view.project} / {view.block} ({view.target})"
        for finding in view.findings:
            words = f"[{finding.severity.upper()}] {place}: {finding.headline}, id {finding.id}"
            yield from _wrapped(words, "* ")


def _head(report: Outline) -> Iterator[str]:
    yield from _wrapped(f"EI drift · {report.run} · {report.when}")
    yield ""
    yield from _wrapped(f"{report.verdict.word.upper()}. {report.verdict.sentence}")
    if report.verdict.lead:
        yield from _wrapped(report.verdict.lead)
    yield ""
    yield from _wrapped(" | ".join(f"{cell.value:,} {cell.label}" for cell in report.counts))
    for note in report.notes:
        yield from ("", *_wrapped(f"Note: {note}"))


def _diff(comparison: VersionDiff) -> Iterator[str]:
    yield from _wrapped(f"{name(comparison.old)} → {name(comparison.new)}")
    yield from _wrapped(
        f"{count(len(comparison.findings), 'finding')}, "
        f"{comparison.suppressed:,} suppressed, model {comparison.model_state}"
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
    yield from _wrapped(f"{group.project}: {group.reason}")
    for entry in group.blocks:
        yield from _wrapped(f"{entry.block} ({entry.target}), {entry.note}", "  * ")


def _changes(report: Outline) -> Iterator[str]:
    yield from _target_views("Changes", report.changes)
    if report.shown:
        where = f" It is here: {report.full}" if report.full else ""
        yield from ("", *_wrapped(f"{report.shown}{where}"))
    yield from _section(report.further)
    if report.changes or report.dataset:
        yield from ("", *_wrapped(AUTHOR))
        for command, effect in COMMANDS:
            yield f"  {command:<{_COMMAND}}{effect}"
        yield from _wrapped(explain_restore(report))


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
    yield from _wrapped(view.where)
    models = f"models: {view.model}; " if view.model else ""
    yield from _wrapped(f"{models}changed {view.changed}", "  ")
    yield from ("", *_finding(view.finding, with_id=False))
    yield from _named_blocks(view.blocks, "    ")
    for hint in (ALIKE_ACCEPT, ALIKE_RESTORE):
        yield from _wrapped(hint, "    ")


def _named_blocks(blocks: Sequence[NamedBlock], indent: str) -> Iterator[str]:
    """Yield the blocks, a line each; of many only their numbers."""
    if len(blocks) > MOST_NAMED:
        yield from _wrapped(", ".join(block.target for block in blocks), indent)
        return
    for block in blocks:
        yield from _wrapped(_named_block(block), f"{indent}* ")


def _named_block(block: NamedBlock) -> str:
    id_ = f", id {block.id}" if block.id else ""
    return f"{block.project} / {block.block} ({block.target}){id_}"


def _ids(report: Outline) -> Iterator[str]:
    if report.ids:
        yield from _heading("Ids of the findings of many blocks")
    for block in report.ids:
        yield from _wrapped(_named_block(block), "* ")


def _target_view(view: TargetView) -> Iterator[str]:
    kind = f", {view.type}" if view.type else ""
    yield from _wrapped(f"{view.project} / {view.block} ({view.target}{kind})")
    yield from _wrapped(f"model {view.model}; changed {view.changed}", "  ")
    if view.effect:
        yield from _wrapped(view.effect, "  ")
    for address in filter(None, (view.page, view.link)):
        yield f"  {address}"
    if view.run_strip:
        yield from _wrapped(view.run_strip.words, "  ")
        yield f"  [{view.run_strip.signs}]"
    if view.stack:
        yield from ("", *_stack(view.stack))
    for finding in view.findings:
        yield ""
        yield from _finding(finding)
        yield from _answers(finding)


def _stack(stack: LayerStack) -> Iterator[str]:
    yield from _wrapped(f"layers before and now: {stack.words}", "  ")
    for row in stack.rows:
        if row.sign == FOLDED:
            yield f"    {FOLDED}  {row.old}"
        else:
            sign = row.sign if row.sign.strip() else " "
            yield f"    {sign:<3}{_cell(row.old)} | {cut(row.new, _COLUMN)}".rstrip()


def _cell(text: str) -> str:
    short = cut(text, _COLUMN)
    return short + " " * (_COLUMN - columns(short))


def _scale(scale: Scale) -> Iterator[str]:
    yield f"    0 [{scale.slots.replace(' ', '.')}] {scale.top}"
    marks = "- was, + now" + (", s suggested" if "s" in scale.slots else "")
    yield from _wrapped(f"{scale.words} ({marks})", "    ")


def _answers(finding: FindingView) -> Iterator[str]:
    """Yield the command that accepts a value, and the request that restores the old one."""
    if finding.accept:
        yield f"    accept: {finding.accept}"
    found = finding.restore
    if found is None:
        return
    short = (
        f"cannot be restored: {found.why}" if found.why else locate_long_request(found, finding.id)
    )
    if finding.is_restored_above:
        yield "    restore: included in the request above"
    elif short:
        yield from _wrapped(short, "    ")
    else:
        yield from _wrapped(f"restore: {found.request}", "    ")
        yield from _chopped(found.body, "      ")


def _finding(finding: FindingView, *, with_id: bool = True) -> Iterator[str]:
    yield from _wrapped(f"[{finding.severity.upper()}] {finding.headline}", "  ")
    yield from _wrapped(finding.path, "    ")
    if finding.scale:
        yield from _scale(finding.scale)
    for line in finding.lines:
        yield from _signed(line)
    if finding.folded:
        yield from _wrapped(f"also changed: {finding.folded}", "    ")
    if not with_id:
        return
    where = f", {count(finding.targets, 'block')}" if finding.targets > 1 else ""
    rule = f", rule {finding.rule}" if finding.rule else ""
    yield from _wrapped(f"id {finding.id}{rule}{where}", "    ")


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
        yield from _wrapped(_entry(entry), "* ")
        yield from _named_blocks(entry.blocks, "  ")
    yield from _more(section.hidden)


def _entry(entry: Entry) -> str:
    project = f"{entry.project} / " if entry.project else ""
    target = f" ({entry.target})" if entry.target else ""
    id_ = f" (id {entry.id})" if entry.id else ""
    return f"{project}{entry.block}{target}: {entry.note}{id_}"


def _vendor(report: Outline) -> Iterator[str]:
    if not report.vendor:
        return
    yield from _heading("Vendor catalogue")
    yield from _wrapped(VENDOR)
    for finding in report.vendor:
        targets = count(finding.targets, "block")
        yield from _wrapped(f"[{finding.severity}] {finding.headline} ({targets})", "* ")
    yield from _more(report.vendor_hidden)


def _foot(report: Outline) -> Iterator[str]:
    yield from ("", "-" * WIDTH)
    for label, value in report.foot:
        # A hash too long for the label's line goes below it, unbroken.
        indent = 2 if " " not in value and len(value) > WIDTH - _LABEL else _LABEL
        yield from _wrapped(f"{label + ':':<{_LABEL}}{value}", "", " " * indent)


def _more(hidden: int) -> Iterator[str]:
    if hidden:
        yield f"  and {hidden:,} more"


def _heading(heading: str) -> tuple[str, ...]:
    return ("", heading.upper(), "-" * WIDTH)


def _wrapped(text: str, first: str = "", then: str | None = None) -> list[str]:
    indent = " " * len(first) if then is None else then
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=indent,
        # A path or an id that is copied must not gain a line break at its hyphens.
        break_on_hyphens=False,
    )


def render_conditions(
    conditions: Sequence[OpenCondition], statuses: Sequence[TargetStatus]
) -> str:
    """Return the open conditions, worst first; an empty text where there are none."""
    if not conditions:
        return ""
    names = {status.target: status.name for status in statuses}
    lines = [f"Open conditions: {len(conditions):,}"]
    for each in conditions:
        block = name(names.get(each.target, "")) or "block"
        since = f"since {moment(each.since)}"
        text = f"[{each.severity}] {block} ({each.target}): {sentence(each.headline)}; {since}"
        lines += _wrapped(text, "  ", "    ")
    return "\n".join(lines) + "\n\n"


def _headline(
    version: VersionLine, approvals: Sequence[Approval], retractions: Sequence[Retraction]
) -> str:
    what = sentence(version.headline) + (" (pruned)" if version.is_pruned else "")
    for place, approval in enumerate(approvals):
        if approval.version_id == version.id:
            is_over = any(
                each.at > approval.at and each.kind is not RetractionKind.UNACKNOWLEDGED
                for each in retractions
            )
            word = "an earlier baseline" if place or is_over else "baseline"
            why = describe_decision(approval.at, approval.author, approval.reason)
            return f"{what} [{word}, approved {why}]"
    return what


def _badness(status: TargetStatus) -> tuple[int, int, TargetId]:
    model = _WORST_MODELS.index(status.model_state)
    return _WORST_STATES.index(status.state), model, status.target


def _brief_status(status: TargetStatus) -> TableRow:
    return (
        str(status.target),
        _block(status),
        str(status.state),
        str(status.model_state),
        *(
            "never" if at is None else brief_moment(at)
            for at in (status.last_changed_at, status.last_checked_at)
        ),
    )


def _block(status: TargetStatus) -> str:
    own = name(status.name)
    return cut(f"{name(status.project)} / {own}" if status.project else own, _LONGEST_CELL)


def _status(status: TargetStatus) -> TableRow:
    return (
        str(status.target),
        _block(status),
        str(status.state),
        str(status.model_state),
        _when(status.last_changed_at),
        _when(status.last_checked_at),
        _when(status.last_attempted_at),
    )


def _run(run: RunInfo | None) -> str:
    if run is None:
        return "none so far"
    return f"{run.id}, {run.status}, {moment(run.started_at)} ({run.trigger})"


def _undelivered(outbox: OutboxOverview) -> str:
    counts = outbox.counts
    dropped = counts[MessageState.DROPPED]
    return (
        f"{count(counts[MessageState.QUEUED], 'message')} queued, "
        f"{counts[MessageState.DEAD]:,} dead" + (f", {dropped:,} dropped" if dropped else "")
    )


def _newest_messages(outbox: OutboxOverview, presence: Presence) -> Iterator[str]:
    for message in outbox.newest:
        yield f"  {_message(message, presence)}"
    more = sum(outbox.counts.values()) - len(outbox.newest)
    if more > 0:
        yield f"  and {more:,} older"
    if outbox.newest:
        yield "  to settle them by hand: auditor messages --drop ID or --retry ID"


def _service(presence: Presence) -> str:
    """Return whether a service runs, or what starts runs in its place."""
    seen = _when(presence.service_seen_at)
    if presence.starter is Starter.SERVICE:
        return f"runs, seen {seen}"
    if presence.starter is Starter.TIMER:
        return f"none, a timer started a run {_when(presence.timer_seen_at)}"
    if presence.service_seen_at is None:
        return "never seen"
    return f"stopped {seen}" if presence.was_stopped else f"ended unexpectedly, last seen {seen}"


def _message(message: MessageInfo, presence: Presence) -> str:
    due = ""
    if message.state is MessageState.QUEUED:
        at = moment(message.due_at) if presence.is_delivering else "with the next run"
        due = f", next try {at}"
    reason = f": {sentence(message.last_error)}" if message.last_error else ""
    tried = count(message.attempts, "attempt")
    which = f"{message.id}: run {message.run_id} to {name(message.recipient)}"
    return f"{which}, {message.state}, {tried}{due}{reason}"


def _when(at: datetime | None, otherwise: str = "never") -> str:
    return otherwise if at is None else moment(at)


def _table(rows: Sequence[TableRow]) -> list[str]:
    widths = [max(map(columns, cells)) for cells in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _joined(*parts: Sequence[str]) -> str:
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"
