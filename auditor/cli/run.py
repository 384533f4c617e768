"""The commands run, daemon, worker and demo, and sending a report again."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from auditor import app, review
from auditor.audit.close import Dispatch, compose_messages, name_installation
from auditor.audit.plan import RunControl, RunRequest, Scope
from auditor.audit.targets import require_in_scope
from auditor.cli.console import print_error, print_parts, print_text
from auditor.cli.logs import log_to_standard_error, report_error, set_up_logging
from auditor.cli.sending import NOBODY
from auditor.cli.terminal import is_terminal, print_answer
from auditor.cli.waiting import Waiting
from auditor.config import Settings
from auditor.deliver import Delivery
from auditor.errors import (
    AuditorError,
    ConfigError,
    DamagedDatabaseError,
    DeliveryError,
    SchemaVersionError,
    UnfitDatabaseError,
    UsageError,
)
from auditor.locks import SignStore
from auditor.model import RunStatus, Starter, TargetState
from auditor.protocols import Store
from auditor.records import SignKind
from auditor.rendering import json as as_json
from auditor.rendering.words import count
from auditor.report import Report

MAY_PASS = 75  # EX_TEMPFAIL of sysexits.h
_STOPS = (signal.SIGINT, signal.SIGTERM)
_T = TypeVar("_T")

logger = logging.getLogger(__name__)


def run(args: argparse.Namespace) -> int:
    """Audit once; exit 2 if a target could not be checked or a message was not accepted."""
    # On a terminal the progress bar and the report suffice; the log is for unattended runs.
    if args.no_send and args.deliver_for:
        raise UsageError("--no-send sends nothing: use it without --deliver-for")
    level = logging.WARNING if sys.stderr.isatty() else logging.INFO
    settings = _loaded(args, level)
    order = app.build_request(settings, _scope(args))
    require_in_scope(order.plan, order.scope)
    stop = StopRequest()
    try:
        report, is_reported, delivery = _run(args, settings, order, stop)
    except asyncio.CancelledError:
        return stop.exit_code
    except AuditorError as error:
        if stop.number is None:
            raise
        report_error(str(error))
        return stop.exit_code
    _print(report, settings, args.format)
    _say_what_was_sent(delivery, run_id=report.run.id)
    if stop.number is not None:
        return stop.exit_code
    if args.deliver_for and settings.sends_reports and not (args.dry_run or is_reported):
        waiting = Waiting(settings, args.deliver_for)
        is_reported = waiting.deliver(report)
        if waiting.stopped_by is not None:
            return 128 + waiting.stopped_by
    return _exit_code(report, is_reported=is_reported, drift_is_1=args.exit_code)


@dataclass(slots=True)
class StopRequest:
    """Whether SIGINT (Ctrl-C) or SIGTERM asked the command to stop, and which of them."""

    number: signal.Signals | None = None

    @property
    def exit_code(self) -> int:
        """Return the exit code of a command that was stopped, as a shell has it."""
        return 128 + self.number if self.number is not None else 0

    def is_set(self) -> bool:
        """Return whether to stop."""
        return self.number is not None

    async def heed(self, work: Awaitable[_T]) -> _T:
        """Await work that asks `is_set`; a second signal cancels it at once."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        for number in _STOPS:
            loop.add_signal_handler(number, self._stop, number, task)
        try:
            return await work
        finally:
            for number in _STOPS:
                loop.remove_signal_handler(number)

    def _stop(self, number: signal.Signals, task: asyncio.Task[Any] | None) -> None:
        if self.number is not None and task is not None:
            task.cancel()
            return
        self.number = number
        logger.warning("stopping, after the blocks in hand", extra={"signal": number.name})


def _run(
    args: argparse.Namespace, settings: Settings, order: RunRequest, stop: StopRequest
) -> tuple[Report, bool, Delivery | None]:
    """Return the report of a run, whether it was reported, and what was sent with mail."""
    if args.dry_run:
        with app.open_store_if_present(settings) as stored, show_progress() as watch:
            order = _foresee(order, settings, stored)
            control = replace(watch, stopping=stop.is_set, abandons=True)
            work = app.run_dry(settings, order, stored, control=control)
            return app.run_async(stop.heed(work)), True, None
    with app.open_store(settings) as store, show_progress() as watch:
        if args.take_over:
            app.claim_database(settings, store, takes_over=True)
        if args.by_timer:
            app.sign(store, SignKind.TIMER)
        order = _foresee(order, settings, store)
        control = replace(watch, stopping=stop.is_set, abandons=True)
        result = app.run_async(
            stop.heed(
                app.run_and_deliver(
                    settings, order, store, control=control, sends=not args.no_send
                )
            )
        )
    return result.report, result.is_delivered, result.delivery


def _say_what_was_sent(delivery: Delivery | None, *, run_id: int | None) -> None:
    """Say what was sent; nothing without mail."""
    if delivery is None:
        return
    parts = [
        f"{count(delivery.delivered, 'message')} sent to {count(delivery.recipients, 'recipient')}"
        if delivery.delivered
        else "no message sent",
        f"{delivery.waiting:,} waiting for another attempt" if delivery.waiting else "",
        f"{delivery.dead:,} given up" if delivery.dead else "",
    ]
    said = ", ".join(part for part in parts if part)
    if sys.stderr.isatty():
        sys.stderr.write(f"{said}\n")
    else:
        logger.info("%s", said, extra={"run": run_id})


def _foresee(order: RunRequest, settings: Settings, store: SignStore | None) -> RunRequest:
    """Return the request with what starts the next run, and when."""
    starter = app.find_presence(store).starter if store is not None else Starter.NOBODY
    known = app.build_request(settings, order.scope, starter=starter)
    return replace(order, starter=starter, next_run_at=known.next_run_at)


def _scope(args: argparse.Namespace) -> Scope:
    target = review.parse_target(args.block) if args.block else None
    if target and args.project not in (None, target.project_id):
        raise UsageError(f"block {target} does not belong to project {args.project}")
    return Scope(project_id=args.project, target=target)


def _print(report: Report, settings: Settings, form: str) -> None:
    if form == "json":
        print_parts(as_json.dump_report(report))
    else:
        print_answer(
            app.build_renderer(settings).text(report, page=app.find_page(settings, report))
        )


def _exit_code(report: Report, *, is_reported: bool, drift_is_1: bool) -> int:
    if report.run.status is not RunStatus.COMPLETE or not is_reported:
        return 2
    went_missing = any(
        target.is_news and target.state is TargetState.MISSING for target in report.targets
    )
    return 1 if drift_is_1 and (report.totals.findings or went_missing) else 0


@contextmanager
def show_progress() -> Iterator[RunControl]:
    """Show a progress bar during a run, if standard error is a terminal."""
    if not is_terminal(sys.stderr):
        yield RunControl()
        return
    from rich.console import Console  # noqa: PLC0415 - only terminals need it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn("checking"), BarColumn(), MofNCompleteColumn(), TextColumn("blocks"))
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    # While the bar is shown, standard error is its console, which prints above it.
    with bar, log_to_standard_error():
        task = bar.add_task("blocks", total=None)
        yield RunControl(
            planned=lambda total: bar.update(task, total=total),
            checked=lambda count: bar.advance(task, count),
        )


def send_again(settings: Settings, store: Store, report: Report) -> int:
    """Send a stored report to every recipient and channel now; exit 2 if one is not taken."""
    plan, router = app.build_delivery_plan(settings), app.build_router(settings)
    if plan is None or router is None:
        raise UsageError(NOBODY)
    at, code = app.now(), 0
    sending = Dispatch(
        host=plan.host,
        installation=name_installation(store.fingerprint_key()),
        page=app.find_page(settings, report),
        at=at,
        stream=f"again-{at:%Y%m%d%H%M%S}",
    )
    whole = [reader for reader in plan.readers if reader.subscription is None]
    messages, sent = list(compose_messages(report, whole, sending)), 0
    for message in messages:
        try:
            router.send(message)
        except DeliveryError as error:
            print_error(f"{message.recipient}: {error}")
            code = 2
        else:
            store.mark_reported(message.run_id, at=app.now())
            sent += 1
    of_all = count(len(messages), "recipient")
    sys.stderr.write(f"The report of run {report.run.id} was sent to {sent:,} of {of_all}.\n")
    return code


def daemon(args: argparse.Namespace) -> int:
    """Run by the schedule until the process is asked to stop."""

    def serve() -> Coroutine[Any, Any, int]:
        from auditor import daemon  # noqa: PLC0415 - APScheduler

        return daemon.serve(lambda: _loaded(args, logging.INFO))

    return _serve(serve)


def worker(args: argparse.Namespace) -> int:
    """Do batches of other machines' runs until the process is asked to stop."""

    async def work() -> int:
        settings, stop = _loaded(args, logging.INFO), asyncio.Event()
        app.require_usable_environment(settings)
        for number in _STOPS:
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await app.do_batches(settings, stop)
        return 0

    return _serve(work)


def _serve(work: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Do the work of a service and return its exit code.

    The unit starts the service again unless a person has to act first. So whatever may pass (no
    thread, no file descriptor, no memory, a defect) has an exit code of its own.
    """
    try:
        return app.run_async(work())
    except (
        ConfigError,
        UsageError,
        SchemaVersionError,
        UnfitDatabaseError,
        DamagedDatabaseError,
    ):
        raise
    except AuditorError as error:
        report_error(str(error))
    except Exception:
        with suppress(Exception):  # without memory, the log may fail too
            logger.exception("the service ended; systemd starts it again")
    return MAY_PASS


def _loaded(args: argparse.Namespace, level: int) -> Settings:
    """Read the configuration and set up the log; `--log-format` overrides the configuration."""
    if args.log_format is not None:
        set_up_logging(level, args.log_format)
    settings = app.load_settings(args.config)
    set_up_logging(level, args.log_format or settings.log.format)
    return settings


def demo(args: argparse.Namespace) -> int:
    """Run three nights of a sample fleet on this machine, with the named faults if any."""
    from auditor.demo.walkthrough import (  # noqa: PLC0415
        list_faults,
        plan_faults,
        show_drift,
        show_faults,
    )

    if args.list_faults:
        print_text(list_faults())
        return 0
    planned = plan_faults(args.fault)
    set_up_logging(level=logging.WARNING)
    folder, presses = Path(args.folder), sys.stdin if args.serve else None
    try:
        if planned:
            code = show_faults(folder, planned, print_text, presses)
        else:
            code = show_drift(folder, print_text, presses)
    except KeyboardInterrupt:
        if presses is None:
            raise
        code = 0
    if presses is not None:
        print_text("\nStudio is stopped. The next demo starts it with its blocks as they were.")
    return code
