"""The command `status`: every target, the service, and whether it is well."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from auditor import app
from auditor.cli.console import complain, say
from auditor.config import Settings
from auditor.outbox import MessageState
from auditor.rendering import json as as_json
from auditor.rendering.words import sentence

if TYPE_CHECKING:  # SQLAlchemy takes its time
    from auditor.store.store import SqlStore


def status(chosen: argparse.Namespace) -> int:
    """Show every target and the service; with `--exit-code`, exit 2 where it is not well."""
    from auditor.rendering.text import status_text  # noqa: PLC0415

    settings = app.settings(chosen.config, reads_secrets=False)
    next_run_at = app.next_run_at(settings, app.now())
    with app.stored(settings, upgrade=None) as store:
        statuses = store.statuses() if store else ()
        last = store.last_run() if store else None
        messages = store.messages() if store else ()
        problems = _problems(chosen, settings, store) if chosen.exit_code else None
    if settings.email is None and any(one.state is MessageState.QUEUED for one in messages):
        complain("messages wait, and there is no [email] to send them by: add it again")
    if chosen.format == "json":
        document = as_json.status_json(
            statuses,
            last_run=last,
            next_run_at=next_run_at,
            messages=messages,
            problems=problems,
        )
        say(as_json.to_text(document))
    else:
        table = status_text(statuses, last_run=last, next_run_at=next_run_at, messages=messages)
        say(_verdict(problems) + table)
    return 2 if problems else 0


def _problems(
    chosen: argparse.Namespace, settings: Settings, store: SqlStore | None
) -> tuple[str, ...]:
    if store is None:
        return ("no run was ever made",)
    found = app.complaints(
        settings,
        store,
        unknown_for=timedelta(hours=chosen.unknown_hours),
        overdue_by=timedelta(hours=chosen.overdue_hours),
    )
    return tuple(sentence(one) for one in found)


def _verdict(problems: Sequence[str] | None) -> str:
    """Return what monitoring systems show: their plugins' first line."""
    if problems is None:
        return ""
    lines = [f"NOT WELL: {one}" for one in problems] or ["All is well."]
    return "\n".join(lines) + "\n\n"
