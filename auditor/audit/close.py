"""The end of a run: its report completed, stored and its messages queued in one transaction."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo

from auditor.audit.conditions import conditions_at_end, end_rules
from auditor.audit.deployments import judge_deployments
from auditor.audit.digest import find_due, write_digest
from auditor.audit.late import LateFindings, judge_late, known_targets
from auditor.audit.news import late_notices, without_carried
from auditor.audit.notices import (
    conclude,
    find_open_breaches,
    note_of_crash,
    note_of_jump,
    note_of_missed,
    note_of_tries,
    notices_of_leavers,
)
from auditor.audit.plan import RunContext, RunRequest, Scope
from auditor.audit.results import CompletedRun, Results
from auditor.audit.siblings import judge_siblings
from auditor.audit.unmatched import Coverage, notices_of_unmatched
from auditor.drift.policy import apply_rules_to_vendor, is_ignored
from auditor.drift.report import STATE_SIGNS
from auditor.drift.rules import Rules
from auditor.drift.subscriptions import Subscription, covers_notice, select_part
from auditor.errors import DamagedDatabaseError
from auditor.listings import MOST_RUNS_DRAWN, RunSummary
from auditor.model import (
    EVERY_PROJECT,
    NoticeKind,
    OpenCondition,
    RunInfo,
    RunStatus,
    TargetId,
    TargetState,
    Trigger,
    VendorFinding,
)
from auditor.outbox import Message, MessageState
from auditor.protocols import DigestStore, RunStore
from auditor.publishing import Archive, Composer, MailContent, Renderer
from auditor.records import Retirement, RunConclusions, UnreportedFinding
from auditor.report import Notice, Report
from auditor.retention import RUNS_COMPARED, jumped_ahead

logger = logging.getLogger(__name__)
_NOT_AUDITED = " "
_NO_REASON = frozenset({NoticeKind.BLOCK_UNSUPPORTED, NoticeKind.CONTEXT_UNREAD})  # for a mail


def complete_run(
    run: RunInfo,
    request: RunRequest,
    results: Results,
    *,
    store: RunStore,
    context: RunContext,
) -> CompletedRun:
    """Return the run with its whole report; every result is stored."""
    run_id = run.id or 0
    # Where everybody who gets the whole gets digests, nothing is late before one is.
    carried = () if request.is_for_digests else _carried(run_id, store, context)
    vendor, hidden = apply_rules_to_vendor(
        results.vendor_findings(), context.rules, today=context.today
    )
    results.suppressed.update(suppressed.rule for suppressed in hidden)
    late = judge_late(carried, results.audited, store)
    _list_again(results, late, store)
    ended_at = context.now()
    report = results.to_report(run, finished_at=ended_at, vendor=vendor, late=late)
    open_before = store.open_conditions()
    conclusions = _conclude(results, request, store, context, open_before)
    of_leavers = [
        unreported
        for unreported in carried
        if unreported.target is not None
        and unreported.target not in results.audited
        and request.scope.settles(unreported.target)
    ]
    unreported_notices = () if request.is_for_digests else store.unreported_notices(run_id)
    notices = (*conclusions.notices, *notices_of_leavers(of_leavers))
    conclusions = replace(
        conclusions,
        notices=without_carried(notices, unreported_notices),
        carried_notices=unreported_notices,
        suppressed_vendor=hidden,
    )
    previous = store.previous_run_id(run_id)
    report = replace(
        report,
        head_hash=store.head(run_id),
        previous_run_id=previous,
        schedule=request.schedule_line,
        next_run_at=request.next_run_at,
        starter=request.starter,
        notes=(*_notes(request, previous, store), *results.notes_of_new_values()),
        broken_rules=find_open_breaches(conclusions, store),
        is_whole=not request.is_narrowed,
        open=conditions_at_end(
            open_before, conclusions.conditions, results.audited, run_id=run_id, at=ended_at
        ),
    )
    late_ones = late_notices(unreported_notices, report, notices)
    report = replace(report, notices=tuple(sorted((*notices, *late_ones), key=_notice_order)))
    if report.totals.drifted:
        report = add_run_signs(report, store.run_summaries(MOST_RUNS_DRAWN - 1))
    reported = [unreported for unreported in carried if results.lists(unreported.target)]
    return CompletedRun(report=report, carried=(*reported, *of_leavers), conclusions=conclusions)


def _list_again(results: Results, late: LateFindings, store: RunStore) -> None:
    """List targets that the results only count, where the report has to say more of them."""
    if results.lists_all:
        return
    results.list_again(known_targets(list(late.own), store))
    for project_id in results.projects_to_list():
        results.list_again(store.known_project_targets(project_id))


def _conclude(
    results: Results,
    request: RunRequest,
    store: RunStore,
    context: RunContext,
    open_before: Sequence[OpenCondition],
) -> RunConclusions:
    """Return what the whole run shows beside the results of its targets."""
    conclusions = conclude(results, context, store, scope=request.scope)
    contexts = results.contexts
    audited = results.audited if request.scope.is_whole else None
    stored_trainings = store.known_trainings(list(contexts.waiting)) if contexts.waiting else {}
    coverage = _compare_configuration(request, results, store)
    unmatched = notices_of_unmatched(coverage) if coverage else ()
    return replace(
        conclusions,
        notices=(*conclusions.notices, *unmatched, *contexts.notices()),
        news=results.block_news.notices(),
        retirement=_retirement(request.scope),
        conditions=(
            *end_rules(conclusions.ended, open_before),
            *judge_siblings(request.siblings, store, open_before),
            *judge_deployments(results, store, open_before),
        ),
        rule_matches=coverage.found if coverage else None,
        places=results.inventory.places,
        endpoints=contexts.states,
        trainings=contexts.trainings_to_come(stored_trainings, audited),
    )


def _compare_configuration(
    request: RunRequest, results: Results, store: RunStore
) -> Coverage | None:
    """Return what of the configuration matches nothing; None where the run cannot say.

    A run of a part says nothing, unless everything else was audited before.
    """
    memory = store.rule_matches()
    if memory is None or not request.scope.is_whole:
        return None
    audited = store.audited_projects()
    failed = {error.project_id for error in results.errors}
    named = {project.id for project in request.plan.projects}
    if EVERY_PROJECT in failed or not (request.scope.is_all or named <= audited):
        return None
    coverage = Coverage(store, request.plan, unlisted=failed, memory=memory)
    coverage.compare(request.rules, request.scopes)
    return coverage


def _retirement(scope: Scope) -> Retirement | None:
    if not scope.is_whole:
        return None
    return Retirement(only=scope.only, elsewhere=scope.elsewhere)


def _carried(run_id: int, store: RunStore, context: RunContext) -> tuple[UnreportedFinding, ...]:
    """Return what earlier runs did not report and today's rules do not ignore.

    Only the vendor's findings are judged by the rules again: a target's own already were.
    """
    return tuple(
        unreported
        for unreported in store.unreported_findings(run_id)
        if not isinstance(found := unreported.finding, VendorFinding)
        or not is_ignored(found.path, found.area, context.rules, target=None, today=context.today)
    )


def _notes(request: RunRequest, previous: int | None, store: RunStore) -> tuple[str, ...]:
    before = store.run_info(previous) if previous is not None else None
    notes = []
    if before is not None and before.status is RunStatus.ABANDONED:
        notes.append(note_of_crash(before.id or 0, is_whole=request.scope.is_all))
    if request.missed is not None:
        takes_place = request.trigger is Trigger.CATCH_UP
        notes.append(note_of_missed(request.missed, takes_place=takes_place))
    newest = store.newest_starts(RUNS_COMPARED)
    if jumped_ahead(newest) and not jumped_ahead(newest[1:]):
        notes.append(note_of_jump(*newest[:2], zone=request.reader_zone))
    if request.earlier_tries:
        notes.append(note_of_tries(request.earlier_tries))
    return tuple(notes)


def _notice_order(notice: Notice) -> tuple[int, TargetId, str]:
    return -notice.severity.rank, notice.target or TargetId(0, 0), notice.text


def add_run_signs(report: Report, before: Sequence[RunSummary]) -> Report:
    """Return the report with the last runs' signs at each drifted target.

    `before` are the runs before this one, newest first.
    """
    targets = tuple(
        replace(line, signs=draw_signs(line.target, before, line.state))
        if line.state is TargetState.DRIFTED
        else line
        for line in report.targets
    )
    return replace(report, targets=targets)


def draw_signs(target: TargetId, before: Sequence[RunSummary], now: TargetState) -> str:
    """Return a sign for each run, this one last; runs before the target's first are left out."""
    states = [run.state(target) for run in reversed(before[: MOST_RUNS_DRAWN - 1])]
    signs = [_NOT_AUDITED if state is None else STATE_SIGNS[state] for state in states]
    return ("".join(signs) + STATE_SIGNS[now]).lstrip(_NOT_AUDITED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Somebody who gets reports: an address of mail, or a channel.

    Attributes:
        recipient: how the outbox names the reader.
        composer: turns what the renderer wrote into a message.
        only_drift: reports without news are not sent; it has no meaning with a subscription.
        is_weekly: a digest each week takes the place of the reports.
        subscription: the part of each report that the reader gets; None for the whole.
    """

    recipient: str
    renderer: Renderer
    composer: Composer
    only_drift: bool = False
    is_weekly: bool = False
    subscription: Subscription | None = None

    def wants(self, report: Report) -> bool:
        """Return whether the whole report is sent to the reader."""
        if self.is_weekly or self.subscription is not None:
            return False
        return is_worth_sending(report, only_drift=self.only_drift)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPlan:
    """To whom reports are sent.

    Attributes:
        host: right side of the Message-ID (RFC 5322 section 3.6.4).
        rules: the operator's; a digest judges its changes by them.
        zone: the readers'; weeks begin in it.
    """

    readers: tuple[Reader, ...]
    host: str
    rules: Rules = field(default_factory=Rules)
    zone: tzinfo = UTC

    @property
    def weekly(self) -> tuple[Reader, ...]:
        """Return who gets digests."""
        return tuple(reader for reader in self.readers if reader.is_weekly)

    @property
    def is_for_digests(self) -> bool:
        """Return whether everybody who gets whole reports gets weekly digests instead."""
        whole = [reader for reader in self.readers if reader.subscription is None]
        return bool(whole) and all(reader.is_weekly for reader in whole)

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """Return the parts of reports that some readers get."""
        return tuple(reader.subscription for reader in self.readers if reader.subscription)


def close_run(
    completed: CompletedRun,
    store: DigestStore,
    *,
    archive: Archive,
    plan: DeliveryPlan | None,
    now: Callable[[], datetime],
    is_withheld: bool = False,
) -> str | None:
    """Write the run's page, close the run and queue its messages; return the page's path.

    A run that is withheld is stored and reported to nobody: the next report has what it found.

    A page that cannot be written is logged, and the messages are sent without it. Where reports
    are sent to nobody, the findings count as reported once the page is written.
    """
    report = completed.report
    page = _write_page(report, archive)
    messages: tuple[Message, ...] = ()
    if plan is not None and not is_withheld:
        news = completed.conclusions.news
        messages = _messages(report, plan, store, page=page or "", at=now(), news=news)
        digests = _digests(completed, plan, store, at=now())
        if digests and not any(message.holds is None for message in messages):
            completed = _with_all_unreported(completed, store)
        messages = (*messages, *digests)
    store.close_run(report, messages, carried=completed.carried, conclusions=completed.conclusions)
    logger.info(
        "run ended",
        extra={
            "run": report.run.id,
            "status": str(report.run.status),
            "checked": report.totals.checked,
            "findings": report.totals.findings,
            "messages": len(messages),
        },
    )
    is_published = plan is None and page is not None and not is_withheld
    if is_published and report.run.id is not None:
        store.mark_reported(report.run.id, at=now())
    return page


def leave_to_next_message(completed: CompletedRun, plan: DeliveryPlan | None) -> CompletedRun:
    """Return a run that nobody gets whole without what waits for the next one that somebody gets.

    That is what is no reason for a message: each report would repeat it until one is sent. What a
    part of the report holds stays.
    """
    if plan is None or any(reader.wants(completed.report) for reader in plan.readers):
        return completed
    report, conclusions = completed.report, completed.conclusions
    parts = (select_part(report, subscription) for subscription in plan.subscriptions)
    held_ids = frozenset[str]().union(*(_held_ids(part) for part in parts if part is not None))
    waiting = {late.finding.id for late in report.late_catalogue} - held_ids
    unsaid = {
        id_
        for notice in report.notices
        if notice.is_late and held_ids.isdisjoint(notice.ids())
        for id_ in notice.ids()
    }
    report = replace(
        report,
        late_catalogue=tuple(e for e in report.late_catalogue if e.finding.id not in waiting),
        notices=tuple(e for e in report.notices if not e.is_late or unsaid.isdisjoint(e.ids())),
    )
    conclusions = replace(
        conclusions,
        carried_notices=tuple(
            e for e in conclusions.carried_notices if e.fingerprint not in unsaid
        ),
    )
    carried = tuple(
        e for e in completed.carried if e.target is not None or e.finding.id not in waiting
    )
    return CompletedRun(report=report, carried=carried, conclusions=conclusions)


def is_worth_sending(report: Report, *, only_drift: bool) -> bool:
    """Return whether a report is sent: always, or only one with news.

    Changes of the vendor's and blocks of a type that cannot be read are none, and can wait. What
    is merely open is no news: a block that is still missing, or still differs from its baseline.
    """
    totals = report.totals
    went_missing = any(
        line.is_news and line.state is TargetState.MISSING for line in report.targets
    )
    is_drift = totals.findings or went_missing or totals.new
    is_late = any(line.late for line in report.targets)
    is_said = any(notice.kind not in _NO_REASON for notice in report.notices)
    is_news = totals.unknown or report.errors or is_said or is_late
    return bool(is_drift or is_news) or not only_drift


def _write_page(report: Report, archive: Archive) -> str | None:
    try:
        return archive.write(report)
    except OSError as error:
        logger.error("report page not written: %s", error, extra={"run": report.run.id})  # noqa: TRY400 - the text says all
        return None
    except Exception:  # the run is stored and mailed, whatever its page meets
        logger.exception("report page not written", extra={"run": report.run.id})
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """What the messages of one dispatch share.

    Attributes:
        host, installation: the right side of Message-IDs, and what tells databases apart in them.
        page: where the report's page is, empty without one.
        stream: tells this dispatch from others of the same run in Message-IDs.
    """

    host: str
    installation: str
    page: str
    at: datetime
    stream: str = "run"


def _digests(
    completed: CompletedRun, plan: DeliveryPlan, store: DigestStore, *, at: datetime
) -> tuple[Message, ...]:
    """Return the digests that are due.

    One that cannot be written is logged and due again: the run is closed all the same.
    """
    if not plan.weekly:
        return ()
    try:
        return tuple(_due_digests(completed, plan, store, at=at))
    except DamagedDatabaseError:
        raise
    except Exception:
        logger.exception("digest not written", extra={"run": completed.report.run.id})
        return ()


def _due_digests(
    completed: CompletedRun, plan: DeliveryPlan, store: DigestStore, *, at: datetime
) -> Iterator[Message]:
    report = completed.report
    recipients = [reader.recipient for reader in plan.weekly]
    due = find_due(recipients, report, store, at=at, zone=plan.zone)
    if not due:
        return
    context = RunContext(now=lambda: at, today=at.astimezone(plan.zone).date(), rules=plan.rules)
    dispatch = Dispatch(
        host=plan.host,
        installation=name_installation(store.fingerprint_key()),
        page="",
        at=at,
        stream="digest",
    )
    summaries = store.run_summaries(MOST_RUNS_DRAWN - 1)
    retirement = completed.conclusions.retirement
    for after in sorted(set(due.values())):
        digest = write_digest(report, after, store, context, retirement=retirement)
        readers = [reader for reader in plan.weekly if due.get(reader.recipient) == after]
        signed = _with_signs_of_run(digest, report, summaries)
        yield from compose_messages(signed, readers, dispatch)


def _with_signs_of_run(digest: Report, report: Report, before: Sequence[RunSummary]) -> Report:
    """Return a digest with the signs of runs, of which the last is the run that is closed."""
    states = {line.target: line.state for line in report.targets}
    targets = tuple(
        replace(line, signs=draw_signs(line.target, before, states[line.target]))
        if line.state is TargetState.DRIFTED and line.target in states
        else line
        for line in digest.targets
    )
    return replace(digest, targets=targets)


def _with_all_unreported(completed: CompletedRun, store: DigestStore) -> CompletedRun:
    """Return the run with everything unreported as its own: the digests hold all of it."""
    run_id = completed.report.run.id or 0
    notices = store.unreported_notices(run_id)
    return replace(
        completed,
        carried=store.unreported_findings(run_id),
        conclusions=replace(completed.conclusions, carried_notices=notices),
    )


def _messages(
    report: Report,
    plan: DeliveryPlan,
    store: RunStore,
    *,
    page: str,
    at: datetime,
    news: Sequence[Notice],
) -> tuple[Message, ...]:
    installation = name_installation(store.fingerprint_key())
    dispatch = Dispatch(host=plan.host, installation=installation, page=page, at=at)
    whole = [reader for reader in plan.readers if reader.wants(report)]
    if not whole and not plan.weekly:
        logger.info("report not sent: nothing changed", extra={"run": report.run.id})
    parts = [reader for reader in plan.readers if reader.subscription is not None]
    return (
        *compose_messages(report, whole, dispatch),
        *_compose_parts(report, parts, dispatch, news),
    )


def compose_messages(
    report: Report, readers: Iterable[Reader], dispatch: Dispatch
) -> Iterator[Message]:
    """Yield the whole report as one queued message for each reader, with a Message-ID of its own.

    What one renderer writes is the same for all its readers, and is written once.
    """
    written: dict[int, MailContent] = {}
    for reader in readers:
        key = id(reader.renderer)
        if key not in written:
            written[key] = reader.renderer.mail_content(report, page=dispatch.page)
        yield _compose(report, written[key], reader, dispatch)


def _compose_parts(
    report: Report, readers: Iterable[Reader], dispatch: Dispatch, news: Sequence[Notice]
) -> Iterator[Message]:
    """Yield a message for each subscription that the report has something for."""
    for place, reader in enumerate(readers):
        subscription = reader.subscription
        part = None if subscription is None else select_part(report, subscription)
        if subscription is None or part is None:
            continue
        content = reader.renderer.mail_content(part, page=dispatch.page)
        of_part = replace(dispatch, stream=f"{dispatch.stream}-part-{place}")
        message = _compose(part, content, reader, of_part)
        covered = [notice for notice in news if covers_notice(subscription, notice)]
        yield replace(message, holds=_held_ids(part).union(*(notice.ids() for notice in covered)))


def _held_ids(part: Report) -> frozenset[str]:
    """Return the ids of the findings and notices in a part of a report."""
    own = {finding.id for line in part.targets for finding in line.findings}
    vendor = {finding.id for finding in part.catalogue}
    late = {late.finding.id for line in part.targets for late in line.late}
    late_vendor = {late.finding.id for late in part.late_catalogue}
    said = {id_ for notice in part.notices for id_ in notice.ids()}
    return frozenset(own | vendor | late | late_vendor | said)


def _compose(
    report: Report, mail_content: MailContent, reader: Reader, dispatch: Dispatch
) -> Message:
    # The start tells this run from another with its number, made after an old backup was restored.
    whose = _short_hash(f"{reader.recipient} {report.run.started_at.isoformat()}".encode())
    local = f"{dispatch.stream}-{report.run.id}.{whose}.{dispatch.installation}"
    message_id = f"<{local}@{dispatch.host}>"
    composer = reader.composer
    content, summary = (
        compose(mail_content, recipient=reader.recipient, message_id=message_id, at=dispatch.at)
        for compose in (composer.compose, composer.compose_summary)
    )
    return Message(
        id=0,
        run_id=report.run.id or 0,
        recipient=reader.recipient,
        message_id=message_id,
        subject=mail_content.subject,
        content=content,
        summary=summary,
        state=MessageState.QUEUED,
        attempts=0,
        due_at=dispatch.at,
    )


def name_installation(key: bytes) -> str:
    """Return a name for this database that says nothing of its key."""
    return _short_hash(b"installation" + key)


def _short_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
