"""Commands for decisions: explain, approve, acknowledge and suppressed."""

from __future__ import annotations

import argparse
import getpass
import os
from datetime import date
from typing import TYPE_CHECKING

from auditor import app, decide, review
from auditor.cli.console import print_text
from auditor.config import Settings
from auditor.decide import Decision
from auditor.errors import ConfigError, UsageError
from auditor.model import JsonObject, TargetId
from auditor.protocols import Answer
from auditor.rendering import explain as rendered
from auditor.rendering import json as as_json
from auditor.rendering.words import harmless, times_in

if TYPE_CHECKING:  # SQLAlchemy is slow to import
    pass

_MOST_LISTED = 20
"""How many findings are listed for each rule; the others are counted."""


def explain(args: argparse.Namespace) -> int:
    """Show everything about a finding."""
    settings = app.load_settings(args.config, reads_secrets=False)
    with app.open_existing_store(settings) as store:
        explanation = decide.explain(args.finding, store)
    if args.format == "json":
        print_text(as_json.dump_json(rendered.encode_explanation(explanation)))
    else:
        with times_in(settings.reader_zone):
            print_text(rendered.render_explanation(explanation))
    return 0


def approve(args: argparse.Namespace) -> int:
    """Make the last version of blocks their baseline."""
    if bool(args.targets) is args.all_new:
        raise UsageError("name the blocks to approve as PROJECT/LEARN, or use --all-new")
    targets = [review.parse_target(text) for text in args.targets]
    settings = app.load_settings(args.config, reads_secrets=False)
    with app.open_existing_store(settings) as store:
        decision = _decision(args)
        if args.all_new:
            approved = decide.approve_all_new(store, decision)
        else:
            approved = decide.approve(targets, store, decision)
    with times_in(settings.reader_zone):
        for approval in approved:
            print_text(rendered.render_approval(approval.known, approval.version))
    if not approved:
        print_text("Every block has a baseline: there is nothing to approve.")
    return 0


def acknowledge(args: argparse.Namespace) -> int:
    """Accept exactly the value that a finding reports."""
    settings, can_ask = _settings(args.config)
    until = _last_day(args.until, settings)
    with app.open_existing_store(settings) as store:
        newest = decide.find_occurrences(args.finding, store)[-1]
        live, basis = None, "the last stored version, since Studio was not asked or did not answer"
        if can_ask and newest.target is not None:
            live = app.run_async(_live(settings, newest.target))
        if live is not None:
            basis = "Studio's present answer"
        accepted = decide.acknowledge(args.finding, store, _decision(args), until=until, live=live)
    headline = harmless(newest.finding.headline)
    print_text(f"Acknowledged: {headline} ({accepted.target}, id {accepted.finding})")
    print_text(
        f"Exactly this value is accepted{f' until {until}' if until else ''}; "
        f"it was compared with {basis}."
    )
    return 0


def suppressed(args: argparse.Namespace) -> int:
    """List the changes that are stored and not reported, by rule."""
    settings = app.load_settings(args.config, reads_secrets=False)
    with app.open_store_if_present(settings, upgrade=None) as store:
        suppressed = store.suppressed(_MOST_LISTED) if store else ()
        acknowledgements = store.all_acknowledgements() if store else ()
    listing = rendered.SuppressedListing(
        rules=settings.rules,
        today=_today(settings),
        suppressed=suppressed,
        acknowledgements=acknowledgements,
    )
    if args.format == "json":
        print_text(as_json.dump_json(rendered.encode_suppressed(listing)))
    else:
        with times_in(settings.reader_zone):
            print_text(rendered.render_suppressed(listing))
    return 0


def _decision(args: argparse.Namespace) -> Decision:
    if not args.reason.strip():
        raise UsageError("--reason is empty: give a reason, it is stored and listed")
    if args.by is not None and not args.by.strip():
        raise UsageError("--by is empty: leave it out, or name who decides")
    return Decision(author=args.by or _user(), reason=args.reason.strip(), at=app.now())


def _user() -> str:
    """Return the user of the shell, also if the command runs under sudo."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return f"user {os.getuid()}"


def _settings(path: str | None) -> tuple[Settings, bool]:
    """Return the configuration, and whether its secrets could be read, as Studio needs them."""
    try:
        return app.load_settings(path), True
    except ConfigError:
        return app.load_settings(path, reads_secrets=False), False


async def _live(settings: Settings, target: TargetId) -> JsonObject | None:
    """Return Studio's present answer, None if there is no valid one."""
    is_named = target.project_id in {project.id for project in settings.projects}
    if not is_named and settings.every_project is None:
        return None
    async with app.build_client(settings) as studio:
        fetched = await studio.fetch(target, stored_body=None)
    return fetched.document if isinstance(fetched, Answer) else None


def _last_day(text: str | None, settings: Settings) -> date | None:
    if text is None:
        return None
    try:
        until = date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--until {text!r} is not a date: write it as 2027-03-01") from error
    if until < _today(settings):
        raise UsageError(f"--until {until} is in the past, so nothing would be accepted")
    return until


def _today(settings: Settings) -> date:
    return app.now().astimezone(settings.schedule.timezone).date()
