"""The page of a block: its state, its open conditions and its versions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from auditor.listings import TargetHistory, VersionEntry
from auditor.model import ModelState, TargetState
from auditor.rendering.archive import project_place, run_place
from auditor.rendering.block_list import (
    ConditionRow,
    block_title,
    condition_row,
    link_impulses,
    project_title,
    state_words,
    tone_of,
)
from auditor.rendering.outline import FindingView
from auditor.rendering.views import view_finding
from auditor.rendering.words import block_page, count, moment, name, sentence

MOST_FINDINGS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """A version in a timeline. `place` is its run's page, empty where it has none."""

    when: str
    run: str
    place: str
    headline: str
    model: ModelState
    compared: str
    findings: tuple[FindingView, ...]
    hidden: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPage:
    """A block's page; `impulses` are titles and places."""

    title: str
    target: str
    type: str
    project: str
    project_place: str
    studio: str
    state: str
    tone: str
    model: ModelState
    open: tuple[ConditionRow, ...]
    facts: tuple[tuple[str, str], ...]
    versions: tuple[VersionView, ...]
    older: str
    impulses: tuple[tuple[str, str], ...] = ()


def make_target_page(
    history: TargetHistory, *, runs: Collection[int], studio_url: str
) -> TargetPage:
    """Return a block's page; `runs` have pages to link to."""
    overview, status = history.overview, history.overview.status
    return TargetPage(
        title=block_title(overview),
        target=str(status.target),
        type=name(status.type),
        project=project_title([overview]),
        project_place=project_place(status.target.project_id),
        studio=block_page(studio_url, status.target, status.kind, status.type),
        state=state_words(overview),
        tone=tone_of(overview),
        model=status.model_state,
        open=tuple(condition_row(overview, each) for each in overview.open),
        facts=tuple(pair for pair in _facts(history) if pair[1]),
        versions=tuple(_version_view(entry, runs) for entry in history.entries),
        older=_older(history),
        impulses=link_impulses([overview]),
    )


def _facts(history: TargetHistory) -> tuple[tuple[str, str], ...]:
    status = history.overview.status
    error = status.error if status.state is TargetState.UNKNOWN else None
    versions = len(history.entries) + history.older
    baseline = history.baseline_run_id
    return (
        ("Last changed", "" if status.last_changed_at is None else moment(status.last_changed_at)),
        ("Versions", f"{versions:,}" if versions else "none: the block was never read"),
        ("Baseline", "" if baseline is None else f"the version of run {baseline}"),
        ("Not checked", "" if error is None else sentence(error.message)),
    )


def _version_view(entry: VersionEntry, runs: Collection[int]) -> VersionView:
    version = entry.version
    findings = entry.findings or ()
    hidden = len(findings) - MOST_FINDINGS
    return VersionView(
        when=moment(version.seen_at),
        run=f"run {version.run_id}",
        place=run_place(version.run_id) if version.run_id in runs else "",
        headline=sentence(version.headline),
        model=version.model_state,
        compared=_compared(entry),
        findings=tuple(map(view_finding, findings[:MOST_FINDINGS])),
        hidden=f"and {count(hidden, 'more difference')}: auditor diff" if hidden > 0 else "",
    )


def _compared(entry: VersionEntry) -> str:
    if entry.version.is_pruned:
        return "pruned: its document is no longer stored"
    if entry.findings is None:
        return ""
    suppressed = f", {entry.suppressed:,} more not reported" if entry.suppressed else ""
    return f"{count(len(entry.findings), 'difference')} from the version before{suppressed}"


def _older(history: TargetHistory) -> str:
    if not history.older:
        return ""
    target = history.overview.status.target
    return f"and {count(history.older, 'older version')}: auditor history {target}"
