"""Commands that keep the database: verify, db upgrade, prune, backup, export and import."""

from __future__ import annotations

import argparse
import re
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

from auditor import app
from auditor.cli.console import print_error, print_text
from auditor.errors import UsageError
from auditor.protocols import Store
from auditor.records import Pruned
from auditor.rendering.words import count
from auditor.upkeep import human_size, new_file

_COVERAGE = (
    "Verified: versions, how each run ended and its report, approvals, acknowledgements and their "
    "ends.\n"
    "Not covered: findings and notices outside reports, messages, and the state of blocks."
)


def verify(args: argparse.Namespace) -> int:
    """Verify the hash chain; exit 2 at the first broken link, or if `--head` is missing."""
    head = _head(args.head)
    with app.open_existing_store(app.load_settings(args.config, reads_secrets=False)) as store:
        broken_link = store.verify()
        if broken_link is not None:
            print_error(f"the history is broken at {broken_link.where}: {broken_link.what}")
            return 2
        run_id = store.run_of_head(head) if head else None
        pruned, pruned_reports = store.pruned_versions(), len(store.pruned_runs())
    if head and run_id is None:
        print_error(f"no run has the hash {head}: the run of that mail was removed or replaced")
        return 2
    print_text("The history is sound.")
    print_text(_COVERAGE)
    if pruned:
        print_text(
            f"{count(pruned, 'version')} pruned: the documents are deleted, the links kept."
        )
    if pruned_reports:
        print_text(
            f"{count(pruned_reports, 'report')} pruned: only that each existed is verified."
        )
    if head:
        print_text(f"Run {run_id} has this hash.")
    return 0


def _head(text: str | None) -> str:
    if text is None:
        return ""
    if not re.fullmatch("[0-9a-fA-F]{64}", text.strip()):
        raise UsageError("--head takes the run hash at the end of a mail: 64 hex digits")
    return text.strip().lower()


def upgrade(args: argparse.Namespace) -> int:
    """Upgrade the database schema to this version."""
    with app.open_store(app.load_settings(args.config, reads_secrets=False), upgrade=True):
        print_text("The database has the schema of this version.")
    return 0


def prune(args: argparse.Namespace) -> int:
    """Delete what `[retention]` no longer keeps, or print what would be deleted."""
    settings = app.load_settings(args.config, reads_secrets=False)
    with app.open_existing_store(settings) as store, _lock(store, is_dry=args.dry_run):
        pruned = app.prune_history(settings, store, is_dry=args.dry_run)
    print_text(_summary(pruned, is_dry=args.dry_run))
    return 0


def _lock(store: Store, *, is_dry: bool) -> AbstractContextManager[None]:
    return nullcontext() if is_dry else store.run_lock()


def _summary(pruned: Pruned, *, is_dry: bool) -> str:
    would = "would be " if is_dry else ""
    if pruned.is_nothing:
        return f"Nothing {'would be' if is_dry else 'was'} pruned: everything has to be kept."
    blocks = count(len(pruned.targets), "block")
    lines = [
        f"{count(pruned.versions, 'version')} of {blocks} {would}pruned",
        f"{count(pruned.catalogues, 'catalogue')} {would}pruned",
        f"{count(len(pruned.runs), 'report')} of runs {would}pruned{_stretch(pruned.runs)}",
        f"{count(pruned.messages, 'mail')} {would}deleted",
        f"{count(pruned.conditions, 'ended condition')} {would}deleted",
    ]
    return "\n".join(lines)


def _stretch(runs: tuple[int, ...]) -> str:
    return f" (runs {runs[0]} to {runs[-1]})" if runs else ""


def backup(args: argparse.Namespace) -> int:
    """Copy the whole database into a file."""
    settings = app.load_settings(args.config, reads_secrets=False)
    path = Path(args.file)
    with (
        app.open_existing_store(settings) as store,
        new_file(path, overwrite=args.overwrite) as file,
    ):
        store.backup(file)
    print_text(f"Backed up: {path} ({human_size(path.stat().st_size)})")
    return 0


def export(args: argparse.Namespace) -> int:
    """Write the whole history to a file or to standard output."""
    settings = app.load_settings(args.config, reads_secrets=False)
    with app.open_existing_store(settings) as store:
        if args.file == "-":
            store.write_export(_output())
            return 0
        path = Path(args.file)
        with new_file(path, overwrite=args.overwrite) as file, file.open("wb") as stream:
            rows = store.write_export(stream)
    print_text(f"Exported: {path} ({count(rows, 'row')})")
    return 0


def _output() -> BinaryIO:
    if sys.stdout is None or sys.stdout.isatty():
        raise UsageError(
            "an export is binary, not text for a terminal: name a FILE, or use a pipe"
        )
    return sys.stdout.buffer


def load(args: argparse.Namespace) -> int:
    """Read an export into an empty database; exit 2 if its hash chain is broken."""
    settings = app.load_settings(args.config, reads_secrets=False)
    with _input(args.file) as stream, app.open_store(settings) as store, store.run_lock():
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
    broken_link = store.verify()
    print_text(f"Imported: {count(rows, 'row')}")
    if broken_link is None:
        print_text("The history is sound.")
        return 0
    print_error(
        "the history was broken before it was exported, "
        f"at {broken_link.where}: {broken_link.what}"
    )
    return 2
