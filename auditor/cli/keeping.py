"""Commands that keep the history: prune."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager, nullcontext

from auditor import app
from auditor.cli.console import say
from auditor.ports import Pruned, Store
from auditor.rendering.words import count


def prune(chosen: argparse.Namespace) -> int:
    """Drop what `[retention]` lets go, or say what would go."""
    settings = app.settings(chosen.config, reads_secrets=False)
    with app.existing(settings) as store, _held(store, is_dry=chosen.dry_run):
        pruned = app.prune_now(settings, store, is_dry=chosen.dry_run)
    say(_told(pruned, is_dry=chosen.dry_run))
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
