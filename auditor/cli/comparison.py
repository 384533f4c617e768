"""The command that compares two answers, which are files or stored versions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING

from auditor import review
from auditor.cli.console import print_text
from auditor.cli.terminal import print_answer
from auditor.drift.block_kinds import KERAS
from auditor.drift.difference import Difference, find_difference
from auditor.drift.secrets import Secrets
from auditor.errors import StudioError, UsageError
from auditor.model import JsonObject, Snapshot, TargetId
from auditor.records import Version
from auditor.rendering import json as as_json
from auditor.rendering.outline import VersionDiff
from auditor.review import Reference
from auditor.studio.answers import read_answer

if TYPE_CHECKING:  # two files need no configuration and no database, which are slow to import
    from auditor.config import Settings
    from auditor.store.store import SqlStore

MAX_BYTES = 16 * 1024 * 1024  # as `studio.max_bytes`, if no configuration is read


def diff(args: argparse.Namespace) -> int:
    """Compare two answers; exit 1 if there is a finding."""
    names = (args.old, args.new)
    if names == ("-", "-"):
        raise UsageError("only one of OLD and NEW can be standard input (-)")
    with _sides(names, args.config) as sides:
        old, new = sides.snapshots
        difference = find_difference(
            old,
            new,
            target=sides.target,
            secrets=sides.secrets,
        )
    printed = print_answer if args.format == "text" else print_text
    printed(_rendered(difference, names, args.format))
    return 1 if difference.findings else 0


def _rendered(difference: Difference, names: tuple[str, str], form: str) -> str:
    if form == "json":
        document = as_json.encode_diff(
            difference.model_state, difference.findings, difference.suppressed
        )
        return as_json.dump_json(document)
    comparison = VersionDiff(
        old=names[0],
        new=names[1],
        model_state=difference.model_state,
        findings=difference.findings,
        suppressed=difference.suppressed,
    )
    if form == "html":
        from auditor.app import load_templates  # noqa: PLC0415

        return load_templates().diff(comparison)
    from auditor.rendering.text import render_diff  # noqa: PLC0415

    return render_diff(comparison)


@dataclass(frozen=True, slots=True)
class _Sides:
    snapshots: tuple[Snapshot, Snapshot]
    secrets: Secrets
    target: TargetId | None


@contextmanager
def _sides(names: tuple[str, str], path: str | None) -> Iterator[_Sides]:
    """Read both sides; a configuration and its database only if one side is a stored version."""
    references = [review.parse_reference(name) for name in names]
    if not any(references):
        max_bytes = MAX_BYTES if path is None else _load_settings(path).studio.max_bytes
        answers = [_answer(name, max_bytes) for name in names]
        (old, new), secrets = review.take_snapshots(answers, Secrets(token_bytes(32)))
        yield _Sides((old, new), secrets, None)
        return
    settings = _load_settings(path)
    with _open_store(settings) as store:
        answers = [
            _answer(name, settings.studio.max_bytes)
            for name, reference in zip(names, references, strict=True)
            if reference is None
        ]
        taken, secrets = review.take_snapshots(answers, store.secrets())
        snapshots = iter(taken)
        old, new = (
            next(snapshots)
            if reference is None
            else load_version(reference, settings, store).snapshot
            for reference in references
        )
        target = next(reference.target for reference in references if reference is not None)
        yield _Sides((old, new), secrets, target)


def _load_settings(path: str | None) -> Settings:
    from auditor.app import load_settings  # noqa: PLC0415

    return load_settings(path, reads_secrets=False)


def _open_store(settings: Settings) -> SqlStore:
    from auditor.app import open_existing_store  # noqa: PLC0415

    return open_existing_store(settings)


def _answer(name: str, max_bytes: int) -> JsonObject:
    try:
        body = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror or error}") from error
    where = "standard input" if name == "-" else name
    if len(body) > max_bytes:
        raise UsageError(f"{where} is not a getKeras answer: it has more than {max_bytes:,} bytes")
    try:
        return read_answer(body, KERAS)
    except StudioError as error:
        raise UsageError(f"{where} is not a getKeras answer: {error}") from error


def load_version(reference: Reference, settings: Settings, store: SqlStore) -> Version:
    """Return the stored version that a reference means."""
    review.require_run(reference, store)
    return review.find_version(
        reference,
        store,
        baseline_id=review.find_baseline(reference.target, store),
        zone=settings.schedule.timezone,
    )
