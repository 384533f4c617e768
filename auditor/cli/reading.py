"""Commands that read: diff, status, history, show, report."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor import app, review
from auditor.cli.console import say
from auditor.config import Settings
from auditor.drift.report import hide_told
from auditor.errors import StudioError, UsageError
from auditor.model import JsonObject, Snapshot, TargetId
from auditor.records import Version
from auditor.redaction import Fingerprinter
from auditor.rendering import json as as_json
from auditor.rendering.outline import Comparison
from auditor.review import Difference, Reference
from auditor.studio.answers import read_answer

if TYPE_CHECKING:  # SQLAlchemy takes its time, and two files need no database
    from auditor.store.store import SqlStore

MAX_BYTES = 16 * 1024 * 1024  # `studio.max_bytes` where no configuration is read


def diff(chosen: argparse.Namespace) -> int:
    """Compare two answers; exit 1 where there is a finding."""
    names = (chosen.old, chosen.new)
    if names == ("-", "-"):
        raise UsageError("only one of OLD and NEW can be standard input (-)")
    with _sides(names, chosen.config) as sides:
        old, new = sides.snapshots
        difference = review.difference(
            old,
            new,
            target=sides.target,
            fingerprinter=sides.fingerprinter,
            secrets=sides.secrets,
        )
    say(_rendered(difference, names, chosen.format))
    return 1 if difference.findings else 0


def _rendered(difference: Difference, names: tuple[str, str], form: str) -> str:
    if form == "json":
        document = as_json.diff_json(
            difference.model_state, difference.findings, difference.suppressed
        )
        return as_json.to_text(document)
    comparison = Comparison(
        old=names[0],
        new=names[1],
        model_state=difference.model_state,
        findings=difference.findings,
        suppressed=difference.suppressed,
    )
    if form == "html":
        return app.pages().diff(comparison)
    from auditor.rendering.text import diff_text  # noqa: PLC0415

    return diff_text(comparison)


@dataclass(frozen=True, slots=True)
class _Sides:
    snapshots: tuple[Snapshot, Snapshot]
    fingerprinter: Fingerprinter
    secrets: frozenset[str]
    target: TargetId | None


@contextmanager
def _sides(names: tuple[str, str], path: str | None) -> Iterator[_Sides]:
    """Read both sides; a configuration and its database only where one of them is stored."""
    references = [review.parse_reference(name) for name in names]
    if not any(references):
        max_bytes = (
            app.settings(path, reads_secrets=False).studio.max_bytes
            if path is not None
            else MAX_BYTES
        )
        key = Fingerprinter(secrets.token_bytes(32))
        answers = [_answer(name, max_bytes) for name in names]
        known = review.secrets_in(answers)
        old, new = review.snapshots_of(answers, key, secrets=known)
        yield _Sides((old, new), key, known, None)
        return
    chosen = app.settings(path, reads_secrets=False)
    with app.existing(chosen) as store:
        key = Fingerprinter(store.fingerprint_key())
        answers = [
            _answer(name, chosen.studio.max_bytes)
            for name, one in zip(names, references, strict=True)
            if one is None
        ]
        known = store.secret_parameters() | review.secrets_in(answers)
        snapshots = iter(review.snapshots_of(answers, key, secrets=known))
        old, new = (
            next(snapshots) if one is None else _version(one, chosen, store).snapshot
            for one in references
        )
        target = next(one.target for one in references if one is not None)
        yield _Sides((old, new), key, known, target)


def _answer(name: str, max_bytes: int) -> JsonObject:
    try:
        body = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror or error}") from error
    where = "standard input" if name == "-" else name
    if len(body) > max_bytes:
        raise UsageError(f"{where} is no getKeras answer: it has more than {max_bytes:,} bytes")
    try:
        return read_answer(body)
    except StudioError as error:
        raise UsageError(f"{where} is no getKeras answer: {error}") from error


def _version(reference: Reference, chosen: Settings, store: SqlStore) -> Version:
    review.require_run(reference, store)
    return review.find_version(
        reference,
        store,
        baseline_id=review.baseline_of(reference.target, store),
        zone=chosen.schedule.timezone,
    )


def history(chosen: argparse.Namespace) -> int:
    """List the versions of a block, newest first."""
    from auditor.drift.secrets import hide_headline  # noqa: PLC0415
    from auditor.rendering.text import history_text  # noqa: PLC0415

    target = review.parse_target(chosen.target)
    with app.existing(app.settings(chosen.config, reads_secrets=False)) as store:
        secrets = store.secret_parameters()
        versions = [
            replace(one, headline=hide_headline(one.headline, secrets))
            for one in store.target_versions(target)
        ]
        approvals = store.approvals(target)
    if not versions:
        raise UsageError(f"no version of {target} is stored: `auditor status` lists all targets")
    if chosen.format == "json":
        say(as_json.to_text(as_json.history_json(target, versions, approvals)))
    else:
        say(history_text(versions, approvals))
    return 0


def show(chosen: argparse.Namespace) -> int:
    """Print a stored version as JSON, as Studio sent it, secrets hidden."""
    from auditor.drift.secrets import as_sent, hidden_anew  # noqa: PLC0415

    reference = review.parse_reference(chosen.version)
    if reference is None:
        raise UsageError(f"{chosen.version!r} names no version: write PROJECT/LEARN[@WHEN]")
    settings = app.settings(chosen.config, reads_secrets=False)
    with app.existing(settings) as store:
        snapshot = hidden_anew(
            _version(reference, settings, store).snapshot,
            fingerprinter=Fingerprinter(store.fingerprint_key()),
            secrets=store.secret_parameters(),
        )
    say(as_json.to_text(as_sent(snapshot.document, snapshot.catalogue.document)))
    return 0


def report(chosen: argparse.Namespace) -> int:
    """Render a stored run again, mail it again, write the whole archive, or preview every mail."""
    if chosen.preview is not None:
        return _preview(chosen)
    from auditor.cli.running import send_again  # noqa: PLC0415

    if chosen.rebuild:
        return _rebuild(chosen)
    settings = app.settings(chosen.config, reads_secrets=chosen.send)
    if chosen.send and settings.email is None:
        raise UsageError("no mail is configured: add [email] to the configuration")
    with app.existing(settings) as store:
        stored = store.report(chosen.run)
        if stored is None:
            missing = "no run is stored yet" if chosen.run is None else f"no run {chosen.run}"
            raise UsageError(f"{missing}: `auditor run` makes one")
        stored = hide_told(stored, store.secret_parameters())
        match chosen.format:
            case "json":
                say(as_json.to_text(as_json.report_json(stored)))
            case "html":
                say(app.renderer(settings).page(stored))
            case _:
                say(app.renderer(settings).text(stored, page=app.page_of(settings, stored)))
        if not chosen.send:
            return 0
        return send_again(settings, store, stored)


def _rebuild(chosen: argparse.Namespace) -> int:
    if chosen.run is not None or chosen.send or chosen.format != "text":
        raise UsageError("--rebuild writes every page: it goes with no run and no other option")
    settings = app.settings(chosen.config, reads_secrets=False)
    with app.existing(settings) as store, store.run_lock():
        say(f"Every page is written: {app.rebuild(settings, store)}")
    return 0


def _preview(chosen: argparse.Namespace) -> int:
    from auditor.demo import preview  # noqa: PLC0415
    from auditor.demo.post import post, settings_if_any  # noqa: PLC0415

    if chosen.send or chosen.run is not None:
        raise UsageError("--preview shows made-up nights: leave RUN and --send out")
    folder = Path(chosen.preview)
    try:
        index, *_ = preview.write(folder, post(settings_if_any(chosen.config)))
    except OSError as error:
        why = error.strerror or error
        raise UsageError(f"{folder} cannot be written: {why}") from error
    say(f"Mails of every state: {index}")
    return 0
