"""Commands of upkeep: check, verify, db upgrade."""

from __future__ import annotations

import argparse
import re
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

from auditor import app
from auditor.cli.console import complain, say
from auditor.errors import UsageError
from auditor.protocols import Store
from auditor.records import Pruned
from auditor.rendering.words import count
from auditor.upkeep import new_file


def verify(args: argparse.Namespace) -> int:
    """Walk the hash chain; exit 2 at the first broken link, or where a head is missing."""
    head = _head(args.head)
    with app.existing(app.settings(args.config, reads_secrets=False)) as store:
        breach = store.verify()
        if breach is not None:
            complain(f"the history is broken at {breach.where}: {breach.what}")
            return 2
        run_id = store.run_of_head(head) if head else None
        pruned = store.pruned_versions()
    if head and run_id is None:
        complain(f"no run has the head {head}: what the mail told of was removed or replaced")
        return 2
    say("The history is sound.")
    if pruned:
        say(f"{count(pruned, 'version')} pruned: the document is gone, its link holds.")
    if head:
        say(f"Run {run_id} has this head.")
    return 0


def _head(text: str | None) -> str:
    if text is None:
        return ""
    if not re.fullmatch("[0-9a-fA-F]{64}", text.strip()):
        raise UsageError("--head takes the chain head at the foot of a mail: 64 hex digits")
    return text.strip().lower()


def upgrade(args: argparse.Namespace) -> int:
    """Bring the database's schema to this version."""
    with app.store(app.settings(args.config, reads_secrets=False), upgrade=True):
        say("The database has this version's schema.")
    return 0


def prune(args: argparse.Namespace) -> int:
    """Drop what `[retention]` lets go, or say what would go."""
    settings = app.settings(args.config, reads_secrets=False)
    with app.existing(settings) as store, _held(store, is_dry=args.dry_run):
        pruned = app.prune_now(settings, store, is_dry=args.dry_run)
    say(_told(pruned, is_dry=args.dry_run))
    return 0


def _held(store: Store, *, is_dry: bool) -> AbstractContextManager[None]:
    return nullcontext() if is_dry else store.run_lock()


def _told(pruned: Pruned, *, is_dry: bool) -> str:
    would = "would be " if is_dry else ""
    if pruned.is_nothing:
        return f"Nothing {'would be' if is_dry else 'was'} pruned: all of it is to be kept."
    blocks = count(len(pruned.targets), "block")
    lines = [
        f"{count(pruned.versions, 'version')} of {blocks} {would}pruned",
        f"{count(pruned.catalogues, 'catalogue')} {would}pruned",
        f"{count(len(pruned.runs), 'report')} of runs {would}pruned{_stretch(pruned.runs)}",
        f"{count(pruned.messages, 'mail')} {would}forgotten",
    ]
    return "\n".join(lines)


def _stretch(runs: tuple[int, ...]) -> str:
    return f" (runs {runs[0]} to {runs[-1]})" if runs else ""


def backup(args: argparse.Namespace) -> int:
    """Copy the whole database into a file."""
    settings = app.settings(args.config, reads_secrets=False)
    path = Path(args.file)
    with app.existing(settings) as store, new_file(path, overwrite=args.overwrite) as file:
        store.backup(file)
    say(f"Backed up: {path} ({path.stat().st_size:,} bytes)")
    return 0


def export(args: argparse.Namespace) -> int:
    """Write the whole history to a file or to standard output."""
    settings = app.settings(args.config, reads_secrets=False)
    with app.existing(settings) as store:
        if args.file == "-":
            store.write_export(_output())
            return 0
        path = Path(args.file)
        with new_file(path, overwrite=args.overwrite) as file, file.open("wb") as stream:
            rows = store.write_export(stream)
    say(f"Exported: {path} ({count(rows, 'row')})")
    return 0


def _output() -> BinaryIO:
    if sys.stdout is None or sys.stdout.isatty():
        raise UsageError("an export is no text for a terminal: name a FILE, or use a pipe")
    return sys.stdout.buffer


def load(args: argparse.Namespace) -> int:
    """Take an export into an empty database; exit 2 where its hash chain is broken."""
    settings = app.settings(args.config, reads_secrets=False)
    with _input(args.file) as stream, app.store(settings) as store, store.run_lock():
        rows = store.load_export(stream)
        return _examined(store, rows)


def _input(name: str) -> AbstractContextManager[BinaryIO]:
    if name == "-":
        if sys.stdin is None:
            raise UsageError("standard input is closed: name a FILE")
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror or error}") from error


def _examined(store: Store, rows: int) -> int:
    breach = store.verify()
    say(f"Imported: {count(rows, 'row')}")
    if breach is None:
        say("The history is sound.")
        return 0
    complain(f"the history was broken before it was exported, at {breach.where}: {breach.what}")
    return 2
