"""Commands for decisions: to approve, to acknowledge, to take either back, to forget."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Sequence
from datetime import date

from auditor import app, decide, review
from auditor.audit.fetch import find_source
from auditor.cli.console import print_error, print_text
from auditor.config import Settings
from auditor.decide import Decision, NewBaseline
from auditor.drift.block_kinds import kind_of
from auditor.errors import ConfigError, UsageError
from auditor.fetching import Answer
from auditor.listings import TargetStatus
from auditor.model import Failure, TargetId
from auditor.protocols import Store
from auditor.records import Acknowledgement, KnownTarget, VersionLine
from auditor.rendering import explain as rendered
from auditor.rendering import json as as_json
from auditor.rendering.words import count, harmless, name, sentence, times_in
from auditor.review import Reference

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
    """Make versions of blocks their baselines."""
    if bool(args.targets) is (args.all_new or args.project is not None):
        raise UsageError(
            "name the blocks to approve as PROJECT/BLOCK[@WHEN], or use --all-new or --project P"
        )
    references = [_reference(text) for text in args.targets]
    settings = app.load_settings(args.config, reads_secrets=False)
    with app.open_existing_store(settings) as store:
        decision = _decision(args)
        if references:
            versions = [_version(reference, settings, store) for reference in references]
            baselines = decide.judge_versions(
                versions, store, rules=settings.rules, now=decision.at
            )
        else:
            baselines = decide.find_last_versions(
                store,
                project_id=args.project,
                only_new=args.all_new,
                rules=settings.rules,
                now=decision.at,
            )
        if not (baselines or args.all_new):
            raise UsageError(
                f"no block of project {args.project} has a version, so nothing was approved: "
                "`auditor status` lists all targets"
            )
        _consent_to_faults([each for each in baselines if each.faults], is_given=args.yes)
        decide.approve(baselines, store, decision)
    with times_in(settings.reader_zone):
        for baseline in baselines:
            print_text(rendered.render_approval(baseline.known, baseline.version))
    if not baselines:
        print_text("Every block has a baseline: there is nothing to approve.")
    return 0


def _reference(text: str) -> Reference:
    reference = review.parse_reference(text)
    if reference is None:
        raise UsageError(f"{text!r} is not a block: write PROJECT/BLOCK[@WHEN], as in 12345/3")
    return reference


def _version(reference: Reference, settings: Settings, store: Store) -> VersionLine:
    review.require_run(reference, store)
    return review.find_version(
        reference,
        store,
        baseline_id=review.find_baseline(reference.target, store),
        zone=settings.schedule.timezone,
    )


def _consent_to_faults(faulty: Sequence[NewBaseline], *, is_given: bool) -> None:
    """Name what is bad about versions to be approved, and ask, unless consent is given."""
    for baseline in faulty:
        block = f"{baseline.known.target} {name(baseline.known.name) or 'block'}"
        print_error(f"{block}: {sentence('; '.join(baseline.faults))}")
    if faulty and not is_given:
        _ask(
            "Approve them as they are?",
            "nothing was approved",
            remedy="to approve these as they are, add --yes",
        )


def _consent_to_present(present: Sequence[TargetStatus], *, is_given: bool) -> None:
    """Name the blocks to be forgotten that Studio still has, and ask, unless consent is given."""
    for status in present:
        block = f"{status.target} {name(status.name) or 'block'}"
        print_error(
            f"{block}: the last run still read it; the next one calls it new, and what is open "
            "of it is lost"
        )
    if present and not is_given:
        _ask(
            "Forget them all the same?",
            "nothing was forgotten",
            remedy="to forget these all the same, add --yes",
        )


def _ask(question: str, refusal: str, *, remedy: str) -> None:
    """Ask a person to agree.

    Raises:
        UsageError: consent is refused, or there is no terminal to ask on.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{refusal}: {remedy}")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError(refusal)


def unapprove(args: argparse.Namespace) -> int:
    """Drop the baselines of blocks."""
    targets = [review.parse_target(text) for text in args.targets]
    settings = app.load_settings(args.config, reads_secrets=False)
    with app.open_existing_store(settings) as store:
        for dropped in decide.unapprove(targets, store, _decision(args)):
            known = dropped.known
            print_text(f"{known.target} {name(known.name) or 'block'}: it has no baseline now")
            for condition in dropped.reopened:
                print_text(f"  open again: [{condition.severity}] {sentence(condition.headline)}")
    return 0


def forget(args: argparse.Namespace) -> int:
    """Forget blocks that are gone for good."""
    targets = [review.parse_target(text) for text in args.targets]
    settings = app.load_settings(args.config, reads_secrets=False)
    with app.open_existing_store(settings) as store:
        _consent_to_present(decide.find_present(targets, store), is_given=args.yes)
        forgotten = decide.forget(targets, store, _decision(args))
    named = {
        (project.id, number)
        for project in settings.projects
        for number in project.named_blocks or ()
    }
    for known in forgotten:
        target = known.target
        print_text(
            f"{target} {name(known.name) or 'block'}: forgotten; its history stays, see "
            f"`auditor history {target}`"
        )
        if (target.project_id, target.learn_id) in named:
            print_error(
                f"the configuration still names {target}, so each run asks for it: take "
                f"{target.learn_id} out of learn_blocks of project {target.project_id}"
            )
    return 0


def acknowledge(args: argparse.Namespace) -> int:
    """Accept exactly the value that a finding reports."""
    settings, can_ask = _settings(args.config)
    until = _last_day(args.until, settings)
    with app.open_existing_store(settings) as store:
        newest = decide.find_occurrences(args.finding, store)[-1]
        live, basis = None, "the last stored version, since Studio was not asked or did not answer"
        if can_ask and newest.target is not None:
            known = store.known_targets([newest.target]).get(newest.target)
            live = app.run_async(_live(settings, newest.target, known))
        if live is not None:
            basis = "Studio's present answer"
        accepted = decide.acknowledge(args.finding, store, _decision(args), until=until, live=live)
    headline = harmless(newest.finding.headline)
    print_text(f"Acknowledged: {headline} ({accepted.target}, id {accepted.finding})")
    print_text(
        f"Exactly this value{_below(accepted)} is acknowledged"
        f"{f' until {until}' if until else ''}; "
        f"it was compared with {basis}."
    )
    return 0


def unacknowledge(args: argparse.Namespace) -> int:
    """Take an acknowledgement back."""
    settings = app.load_settings(args.config, reads_secrets=False)
    with app.open_existing_store(settings) as store:
        ended = decide.unacknowledge(args.finding, store, _decision(args))
    for acknowledgement in ended:
        print_text(
            f"No longer acknowledged: {sentence(acknowledgement.path)} of "
            f"{acknowledgement.target} (id {acknowledgement.finding})"
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


async def _live(settings: Settings, target: TargetId, known: KnownTarget | None) -> Answer | None:
    """Return Studio's present answer, None if there is no valid one."""
    is_named = target.project_id in {project.id for project in settings.projects}
    if not is_named and settings.every_project is None:
        return None
    async with app.build_client(settings) as studio:
        listed = None
        if known is not None and _needs_listing(settings, known):
            listing = await studio.list_blocks(target.project_id)
            blocks = () if isinstance(listing, Failure) else listing
            listed = next((block for block in blocks if block.target == target), None)
            if listed is None and kind_of(known.kind).is_listed:
                return None
        fetched = await studio.fetch(target, find_source(listed, known), stored_body=None)
    return fetched if isinstance(fetched, Answer) else None


def _needs_listing(settings: Settings, known: KnownTarget) -> bool:
    """Return whether the document of a block has something of its entry in the listing."""
    kind, project_id = kind_of(known.kind), known.target.project_id
    named = {each.id for each in settings.projects if each.learn_blocks != "all"}
    return kind.is_listed or (bool(kind.listed_keys) and project_id not in named)


def _last_day(text: str | None, settings: Settings) -> date | None:
    if text is None:
        return None
    try:
        until = date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--until {text!r} is not a date: write it as 2027-03-01") from error
    if until < _today(settings):
        raise UsageError(f"--until {until} is in the past, so nothing would be acknowledged")
    return until


def _today(settings: Settings) -> date:
    return app.now().astimezone(settings.schedule.timezone).date()


def _below(accepted: Acknowledgement) -> str:
    folded = len(accepted.folded or ())
    return f", with {count(folded, 'change')} folded under it as now," if folded else ""
