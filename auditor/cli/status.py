"""The command status: what is open, the service, and every target."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from auditor import app
from auditor.cli.console import print_error, print_text
from auditor.cli.terminal import find_layout, print_answer
from auditor.config import Settings
from auditor.errors import UsageError
from auditor.listings import TargetStatus
from auditor.model import JsonObject, OpenCondition, RunInfo, Severity, Starter
from auditor.outbox import NO_MESSAGES, MessageState, OutboxOverview
from auditor.records import NO_PRESENCE, Presence
from auditor.rendering import json as as_json
from auditor.rendering.conditions import count_conditions
from auditor.rendering.listings import render_conditions, render_status
from auditor.rendering.words import sentence, times_in

if TYPE_CHECKING:  # SQLAlchemy takes its time
    from auditor.store.store import SqlStore

_MOST_MESSAGES = 5  # of each state; `auditor messages` has more


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """What the command shows; the defaults are those of a database that does not exist yet."""

    statuses: Sequence[TargetStatus] = ()
    conditions: Sequence[OpenCondition] = ()
    presence: Presence = NO_PRESENCE
    last_run: RunInfo | None = None
    next_run_at: datetime | None = None
    outbox: OutboxOverview = NO_MESSAGES


def status(args: argparse.Namespace) -> int:
    """Show what is open, the service and the targets, those of `--project` and `--state` only.

    With `--exit-code`, exit 2 where the service is not well, and 1 where a shown condition of
    high or critical severity is open.

    Raises:
        UsageError: no block of the project is known.
    """
    settings = app.load_settings(args.config, reads_secrets=False)
    with app.open_store_if_present(settings, upgrade=None) as store:
        shown = _read(store, settings) if store else _Shown()
        problems = _find_problems(args, settings, store) if args.exit_code else None
    if args.project is not None:
        shown = _of_project(shown, args.project, settings)
    if args.state is not None:
        shown = _narrow(shown, lambda each: each.state == args.state)
    if not settings.sends_reports and shown.outbox.counts[MessageState.QUEUED]:
        print_error(
            "messages are queued and reports are sent to nobody: the next run drops them, "
            "unless [email] or [[channels]] is added before"
        )
    if args.format == "json":
        print_text(as_json.dump_json(_encode(shown, problems)))
    else:
        with times_in(settings.reader_zone):
            print_answer(_render(shown, problems))
    if problems:
        return 2
    is_bad = any(each.severity.rank >= Severity.HIGH.rank for each in shown.conditions)
    return 1 if args.exit_code and is_bad else 0


def _read(store: SqlStore, settings: Settings) -> _Shown:
    presence = app.find_presence(store)
    is_served = presence.starter is Starter.SERVICE
    return _Shown(
        statuses=store.statuses(),
        conditions=store.open_conditions(),
        presence=presence,
        last_run=app.find_last_run(store),
        next_run_at=app.find_next_run(settings, app.now()) if is_served else None,
        outbox=store.outbox_overview(most=_MOST_MESSAGES),
    )


def _of_project(shown: _Shown, project: int, settings: Settings) -> _Shown:
    """Return what belongs to a project.

    Raises:
        UsageError: it is neither audited nor configured, so that a slip of the pen is no "well".
    """
    known = {each.id for each in settings.projects}
    known.update(each.target.project_id for each in shown.statuses)
    if project not in known:
        raise UsageError(f"no block of project {project} is known: `auditor status` lists all")
    return _narrow(shown, lambda each: each.target.project_id == project)


def _narrow(shown: _Shown, belongs: Callable[[TargetStatus], bool]) -> _Shown:
    statuses = tuple(filter(belongs, shown.statuses))
    targets = {each.target for each in statuses}
    conditions = tuple(each for each in shown.conditions if each.target in targets)
    return replace(shown, statuses=statuses, conditions=conditions)


def _find_problems(
    args: argparse.Namespace, settings: Settings, store: SqlStore | None
) -> tuple[str, ...]:
    if store is None:
        return ("no run was ever made",)
    found = app.find_complaints(
        settings,
        store,
        unknown_for=timedelta(hours=args.unknown_hours),
        overdue_by=timedelta(hours=args.overdue_hours),
    )
    return tuple(sentence(problem) for problem in found)


def _encode(shown: _Shown, problems: Sequence[str] | None) -> JsonObject:
    document = as_json.encode_status(
        shown.statuses,
        last_run=shown.last_run,
        next_run_at=shown.next_run_at,
        outbox=shown.outbox,
        presence=shown.presence,
        open_conditions=shown.conditions,
    )
    return document if problems is None else as_json.add_problems(document, problems)


def _render(shown: _Shown, problems: Sequence[str] | None) -> str:
    table = render_status(
        shown.statuses,
        last_run=shown.last_run,
        next_run_at=shown.next_run_at,
        outbox=shown.outbox,
        presence=shown.presence,
        layout=find_layout(),
    )
    opened = render_conditions(shown.conditions, shown.statuses)
    return _verdict(problems, shown.conditions) + opened + table


def _verdict(problems: Sequence[str] | None, conditions: Sequence[OpenCondition]) -> str:
    """Return the first lines, which monitoring systems show of a plugin's output."""
    if problems is None:
        return ""
    well = (
        f"The auditor is well; {count_conditions(conditions)}." if conditions else "All is well."
    )
    lines = [f"NOT WELL: {problem}" for problem in problems] or [well]
    return "\n".join(lines) + "\n\n"
