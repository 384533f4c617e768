"""Commands with which people decide: explain, approve, acknowledge, suppressed."""

from __future__ import annotations

import argparse
import getpass
import os
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from auditor import app, decide, review
from auditor.cli.console import say
from auditor.config import Settings
from auditor.decide import Decision
from auditor.errors import ConfigError, UsageError
from auditor.model import JsonObject, TargetId
from auditor.protocols import Answer
from auditor.records import SuppressedBy
from auditor.rendering import explain as rendered
from auditor.rendering import json as as_json
from auditor.rendering.words import harmless

if TYPE_CHECKING:  # SQLAlchemy takes its time
    from auditor.store.store import SqlStore

_MOST_LISTED = 20  # of each rule


def explain(args: argparse.Namespace) -> int:
    """Tell all about a finding."""
    settings = app.settings(args.config, reads_secrets=False)
    with app.existing(settings) as store:
        known = decide.explain(args.finding, store)
    if args.format == "json":
        say(as_json.to_text(rendered.explanation_json(known)))
    else:
        say(rendered.explanation_text(known))
    return 0


def approve(args: argparse.Namespace) -> int:
    """Make the last version of blocks their baseline."""
    if bool(args.targets) is args.all_new:
        raise UsageError("name the blocks to approve as PROJECT/LEARN, or say --all-new")
    targets = [review.parse_target(one) for one in args.targets]
    settings = app.settings(args.config, reads_secrets=False)
    with app.existing(settings) as store:
        decision = _decision(args)
        if args.all_new:
            approved = decide.approve_all_new(store, decision)
        else:
            approved = decide.approve(targets, store, decision)
    for one in approved:
        say(rendered.approval_line(one.known, one.version))
    if not approved:
        say("Every block has a baseline: nothing to approve.")
    return 0


def acknowledge(args: argparse.Namespace) -> int:
    """Accept exactly the value that a finding came to."""
    settings, can_ask = _settings(args.config)
    until = _last_day(args.until, settings)
    with app.existing(settings) as store:
        newest = decide.find(args.finding, store)[-1]
        live, basis = None, "the last version stored, as Studio was not asked or gave no answer"
        if can_ask and newest.target is not None:
            live = app.quickly(_live(settings, newest.target))
        if live is not None:
            basis = "what Studio answers now"
        one = decide.acknowledge(args.finding, store, _decision(args), until=until, live=live)
    say(f"Acknowledged: {harmless(newest.finding.headline)} ({one.target}, id {one.finding})")
    say(
        f"It holds for exactly this value{f' until {until}' if until else ''}; checked by {basis}."
    )
    return 0


def suppressed(args: argparse.Namespace) -> int:
    """List what is stored and not told, by the rule that keeps it silent."""
    settings = app.settings(args.config, reads_secrets=False)
    with app.stored(settings, upgrade=None) as store:
        suppressed = _suppressed(store) if store else ()
        acknowledgements = store.all_acknowledgements() if store else ()
    listing = rendered.Suppressed(
        rules=settings.rules,
        today=_today(settings),
        suppressed=suppressed,
        acknowledgements=acknowledgements,
    )
    if args.format == "json":
        say(as_json.to_text(rendered.suppressed_json(listing)))
    else:
        say(rendered.suppressed_text(listing))
    return 0


def _suppressed(store: SqlStore) -> tuple[SuppressedBy, ...]:
    return tuple(
        replace(one, newest=decide.hidden_occurrences(one.newest, store))
        for one in store.suppressed(_MOST_LISTED)
    )


def _decision(args: argparse.Namespace) -> Decision:
    if not args.reason.strip():
        raise UsageError("--reason is empty: say why, it is kept and listed")
    if args.by is not None and not args.by.strip():
        raise UsageError("--by is empty: leave it out, or say who decides")
    return Decision(author=args.by or _user(), reason=args.reason.strip(), at=app.now())


def _user() -> str:
    """Return who sits at the shell, behind sudo as well."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return f"user {os.getuid()}"


def _settings(path: str | None) -> tuple[Settings, bool]:
    """Return the configuration, and whether its secrets could be read to ask Studio."""
    try:
        return app.settings(path), True
    except ConfigError:
        return app.settings(path, reads_secrets=False), False


async def _live(settings: Settings, target: TargetId) -> JsonObject | None:
    """Return Studio's answer of now, None where it gives none that can be believed."""
    is_named = target.project_id in {project.id for project in settings.projects}
    if not is_named and settings.every_project is None:
        return None
    async with app.studio(settings) as studio:
        fetched = await studio.fetch(target, stored_body=None)
    return fetched.document if isinstance(fetched, Answer) else None


def _last_day(text: str | None, settings: Settings) -> date | None:
    if text is None:
        return None
    try:
        until = date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--until {text!r} is no date: write it as 2027-03-01") from error
    if until < _today(settings):
        raise UsageError(f"--until {until} lies in the past, so it would never hold")
    return until


def _today(settings: Settings) -> date:
    return app.now().astimezone(settings.schedule.timezone).date()
