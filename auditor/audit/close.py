"""The end of a run: its report closed and its messages queued in one transaction, then told."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from auditor.audit.results import CompletedRun
from auditor.drift.report import SIGNS
from auditor.drift.subscriptions import Subscription, part_for
from auditor.model import Report, TargetId, TargetReport, TargetState
from auditor.outbox import Message, MessageState
from auditor.protocols import Archive, Composer, MailContent, Renderer, RunStore
from auditor.records import RunSummary

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailPlan:
    """To whom reports go and when.

    Attributes:
        only_drift: quiet runs are not mailed to `recipients`.
        subscriptions: who gets a part of each report, by `part_renderer`.
        host: right side of the Message-ID (RFC 5322 section 3.6.4).
    """

    renderer: Renderer
    composer: Composer
    recipients: tuple[str, ...]
    only_drift: bool
    host: str
    part_renderer: Renderer
    subscriptions: tuple[Subscription, ...] = ()


def close(
    ended: CompletedRun,
    store: RunStore,
    *,
    archive: Archive,
    mail: MailPlan | None,
    now: Callable[[], datetime],
) -> str | None:
    """Write the run's page, close it and queue its messages; return the page's path.

    A page that cannot be written is logged and keeps no mail from going. Without mail
    the report's findings count as told once the page is written.
    """
    report = ended.report
    page = _write(report, archive)
    messages = _messages(report, mail, store, page=page or "", at=now()) if mail else ()
    store.close_run(report, messages, carried=ended.carried, aftermath=ended.aftermath)
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
    if mail is None and page is not None and report.run.id is not None:
        store.mark_reported(report.run.id, at=now())
    return page


def is_worth_mailing(report: Report, *, only_drift: bool) -> bool:
    """Return whether a report is mailed: always, or where anything but quiet is in it."""
    totals = report.totals
    is_drift = totals.findings or totals.drifted or totals.missing or totals.new
    is_news = totals.unknown or report.errors or report.notices
    return bool(is_drift or is_news) or not only_drift


def _messages(
    report: Report, mail: MailPlan, store: RunStore, *, page: str, at: datetime
) -> tuple[Message, ...]:
    sending = Sending(installation=installation_of(store.fingerprint_key()), page=page, at=at)
    parts = _parts(report, mail, sending)
    if not is_worth_mailing(report, only_drift=mail.only_drift):
        logger.info("report not mailed: nothing but quiet", extra={"run": report.run.id})
        return parts
    return (*compose_messages(report, mail, sending), *parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What the messages of one sending share.

    Attributes:
        installation: tells databases apart in Message-IDs.
        page: where the report's page lies, empty where nowhere.
        stream: what in Message-IDs tells this sending from others of the same run.
    """

    installation: str
    page: str
    at: datetime
    stream: str = "run"


def compose_messages(report: Report, mail: MailPlan, sending: Sending) -> tuple[Message, ...]:
    """Return one queued message a recipient, each with a Message-ID of its own."""
    mailing = mail.renderer.mail_content(report, page=sending.page)
    return tuple(
        _composed(report, mailing, recipient, mail, sending) for recipient in mail.recipients
    )


def _parts(report: Report, mail: MailPlan, sending: Sending) -> tuple[Message, ...]:
    """Return a message for each subscription that the report holds something for."""
    messages = []
    for place, one in enumerate(mail.subscriptions):
        part = part_for(report, one)
        if part is None:
            continue
        mailing = mail.part_renderer.mail_content(part, page=sending.page)
        apart = replace(sending, stream=f"{sending.stream}-part-{place}")
        whole = _composed(part, mailing, one.recipient, mail, apart)
        messages.append(replace(whole, holds=_held(part)))
    return tuple(messages)


def _held(part: Report) -> frozenset[str]:
    own = (finding.id for target in part.targets for finding in target.findings)
    return frozenset(own) | {finding.id for finding in part.catalogue}


def _composed(
    report: Report, mailing: MailContent, recipient: str, mail: MailPlan, sending: Sending
) -> Message:
    # Its start tells a run from the one that had its number before an old backup was restored.
    whose = _short(f"{recipient} {report.run.started_at.isoformat()}")
    local = f"{sending.stream}-{report.run.id}.{whose}.{sending.installation}"
    message_id = f"<{local}@{mail.host}>"
    content = mail.composer.compose(
        mailing, recipient=recipient, message_id=message_id, at=sending.at
    )
    return Message(
        id=0,
        run_id=report.run.id or 0,
        recipient=recipient,
        message_id=message_id,
        subject=mailing.subject,
        content=content,
        state=MessageState.QUEUED,
        attempts=0,
        due_at=sending.at,
    )


def installation_of(key: bytes) -> str:
    """Return a name for this database that tells nothing of its key."""
    return hashlib.sha256(b"installation" + key).hexdigest()[:12]


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _write(report: Report, archive: Archive) -> str | None:
    try:
        return archive.write(report)
    except OSError as error:
        logger.error("report page not written: %s", error, extra={"run": report.run.id})  # noqa: TRY400 - the error says all
        return None


SHOWN = 30
_NOT_AUDITED = " "


def with_nights(report: Report, before: Sequence[RunSummary]) -> Report:
    """Return the report, each drifted target with its last nights.

    `before` are the runs before this one, newest first; tonight is the report's own.
    """
    targets = tuple(_with_nights(one, before) for one in report.targets)
    return replace(report, targets=targets)


def signs_of(target: TargetId, before: Sequence[RunSummary], tonight: TargetState) -> str:
    """Return a sign a night, oldest first, tonight last; nothing before the first sight."""
    past = [_sign(night.state(target)) for night in reversed(before[: SHOWN - 1])]
    return ("".join(past) + SIGNS[tonight]).lstrip(_NOT_AUDITED)


def _with_nights(one: TargetReport, before: Sequence[RunSummary]) -> TargetReport:
    if one.state is not TargetState.DRIFTED:
        return one
    return replace(one, nights=signs_of(one.target, before, one.state))


def _sign(state: TargetState | None) -> str:
    return _NOT_AUDITED if state is None else SIGNS[state]
