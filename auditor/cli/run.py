"""Commands that audit: run, daemon, demo; and sending a report again."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auditor import app, review
from auditor.audit.close import Sending, compose_messages, installation_of
from auditor.audit.plan import RunControl, Scope
from auditor.audit.targets import require_in_scope
from auditor.cli.console import complain, say
from auditor.cli.logs import set_up_logging
from auditor.config import Settings
from auditor.errors import DeliveryError, UsageError
from auditor.model import Report, RunStatus, TargetState
from auditor.protocols import Store
from auditor.rendering import json as as_json


def run(args: argparse.Namespace) -> int:
    """Audit once; exit 2 where something could not be checked or a message was not taken."""
    # On a terminal the bar and the report tell the night; the log is for who is not there.
    level = logging.WARNING if sys.stderr.isatty() else logging.INFO
    settings = _loaded(args, level)
    order = app.order(settings, _scope(args))
    require_in_scope(order.plan, order.scope)
    if args.dry_run:
        with app.stored(settings) as stored, progress() as watch:
            report = app.quickly(app.run_dry(settings, order, stored, watch=watch))
        is_told = True
    else:
        with app.store(settings) as store, progress() as watch:
            told = app.quickly(app.run_and_tell(settings, order, store, watch=watch))
        report, is_told = told.report, told.is_told
    _print(report, settings, args.format)
    return _exit_code(report, is_told=is_told, tells_drift=args.exit_code)


def _scope(args: argparse.Namespace) -> Scope:
    target = review.parse_target(args.block) if args.block else None
    if target and args.project not in (None, target.project_id):
        raise UsageError(f"block {target} is not of project {args.project}")
    return Scope(project_id=args.project, target=target)


def _print(report: Report, settings: Settings, form: str) -> None:
    if form == "json":
        say(as_json.to_text(as_json.report_json(report)))
    else:
        say(app.renderer(settings).text(report, page=app.page_of(settings, report)))


def _exit_code(report: Report, *, is_told: bool, tells_drift: bool) -> int:
    if report.run.status is not RunStatus.COMPLETE or not is_told:
        return 2
    went_missing = any(one.went and one.state is TargetState.MISSING for one in report.targets)
    return 1 if tells_drift and (report.totals.findings or went_missing) else 0


@contextmanager
def progress() -> Iterator[RunControl]:
    """Show a progress bar while a run is under way; on a terminal only."""
    if not sys.stderr.isatty():
        yield RunControl()
        return
    from rich.console import Console  # noqa: PLC0415 - only terminals need it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn("checking"), BarColumn(), MofNCompleteColumn(), TextColumn("blocks"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("blocks", total=None)
        yield RunControl(
            planned=lambda total: bar.update(task, total=total),
            checked=lambda count: bar.advance(task, count),
        )


def send_again(settings: Settings, store: Store, report: Report) -> int:
    """Mail a stored report to every recipient now; exit 2 where the server takes one not."""
    plan, mailer = app.mail_plan(settings), app.mailer(settings)
    if plan is None or mailer is None:
        raise UsageError("no mail is configured: add [email] to the configuration")
    at, code = app.now(), 0
    sending = Sending(
        installation=installation_of(store.fingerprint_key()),
        page=app.page_of(settings, report),
        at=at,
        stream=f"again-{at:%Y%m%d%H%M%S}",
    )
    messages = compose_messages(report, plan, sending)
    for message in messages:
        try:
            mailer.send(message)
        except DeliveryError as error:
            complain(f"{message.recipient}: {error}")
            code = 2
        else:
            store.mark_reported(message.run_id, at=app.now())
    return code


def daemon(args: argparse.Namespace) -> int:
    """Run by the schedule until told to stop."""
    from auditor.daemon import serve  # noqa: PLC0415 - APScheduler

    return app.quickly(serve(lambda: _loaded(args, logging.INFO)))


def _loaded(args: argparse.Namespace, level: int) -> Settings:
    """Return the configuration, the log set up as it wants it and the command line will."""
    if args.log_format is not None:
        set_up_logging(level, args.log_format)
    settings = app.settings(args.config)
    set_up_logging(level, args.log_format or settings.log_format)
    return settings


def demo(args: argparse.Namespace) -> int:
    """Show three nights of a made-up fleet on this machine, with faults where any is named."""
    from auditor.demo.nights import show  # noqa: PLC0415
    from auditor.demo.rehearsal import fault_list, rehearse, strikes  # noqa: PLC0415

    if args.list_faults:
        say(fault_list())
        return 0
    planned = strikes(args.fault)
    set_up_logging(level=logging.WARNING)
    folder = Path(args.folder)
    return rehearse(folder, planned, say) if planned else show(folder, say)
