"""The page of a block: its state, its open conditions and its versions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from auditor.drift.block_kinds import kind_of
from auditor.drift.canonical import read
from auditor.listings import TargetHistory, VersionEntry
from auditor.model import Json, ModelState, TargetState
from auditor.records import Version
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
from auditor.rendering.charts import Chart, draw_accuracy, draw_versions
from auditor.rendering.configuration import Configuration, describe_configuration
from auditor.rendering.outline import FindingView
from auditor.rendering.trainings import list_trainings
from auditor.rendering.version_table import ReadVersion, VersionTable, read_versions, tabulate
from auditor.rendering.views import view_finding
from auditor.rendering.words import (
    block_page,
    brief_moment,
    count,
    cut,
    harmless,
    moment,
    name,
    sentence,
)

MOST_FINDINGS = 40
_LONGEST_CHOICE = 60


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
    is_newest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEntry:
    """A training in a timeline, which made no version by itself."""

    when: str
    headline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a page needs to compare any two of some versions.

    Attributes:
        versions: each with its run and in words, the newest first.
        table: see `VersionTable.encode`.
        left_out: what of the versions cannot be chosen, empty where all can.
    """

    versions: tuple[tuple[int, str], ...]
    table: Json
    left_out: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPage:
    """A block's page; `impulses` are titles and places.

    Attributes:
        configuration: as it is now, None where no version is stored.
        comparison: None where there are no two versions to compare.
        timeline: versions and the trainings between them, the newest first.
    """

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
    timeline: tuple[VersionView | TrainingEntry, ...]
    older: str
    impulses: tuple[tuple[str, str], ...] = ()
    configuration: Configuration | None = None
    charts: tuple[Chart, ...] = ()
    comparison: Comparison | None = None


def make_target_page(
    history: TargetHistory, *, runs: Collection[int], studio_url: str
) -> TargetPage:
    """Return a block's page; `runs` have pages to link to."""
    overview, status = history.overview, history.overview.status
    versions = read_versions([entry.version for entry in history.entries])
    table = tabulate(versions)
    accuracy = draw_accuracy(history.trainings)
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
        timeline=_timeline(history, runs),
        older=_older(history),
        impulses=link_impulses([overview]),
        configuration=_configuration(versions),
        charts=(*draw_versions(table), *([accuracy] if accuracy else [])),
        comparison=_comparison(table, history),
    )


def _configuration(versions: Sequence[ReadVersion]) -> Configuration | None:
    if not versions:
        return None
    kind = kind_of(versions[0].version.kind)
    return describe_configuration(read(versions[0].document, kind), kind)


def _comparison(table: VersionTable, history: TargetHistory) -> Comparison | None:
    if len(table.versions) < 2:
        return None
    hidden = len(history.entries) + history.older - len(table.versions)
    return Comparison(
        versions=tuple((version.run_id, _choice(version)) for version in table.versions),
        table=table.encode(),
        left_out=f"{count(hidden, 'other version')} cannot be chosen here." if hidden else "",
    )


def _choice(version: Version) -> str:
    headline = cut(harmless(version.headline), _LONGEST_CHOICE)
    return f"run {version.run_id}, {brief_moment(version.seen_at)}: {headline}"


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


def _timeline(
    history: TargetHistory, runs: Collection[int]
) -> tuple[VersionView | TrainingEntry, ...]:
    """Return the versions with the trainings since the oldest of them."""
    dated: list[tuple[datetime, VersionView | TrainingEntry]] = [
        (entry.version.seen_at, _version_view(entry, runs, is_newest=place == 0))
        for place, entry in enumerate(history.entries)
    ]
    dated += [
        (at, TrainingEntry(when=moment(at), headline=headline))
        for entry in history.entries[-1:]
        for at, headline in list_trainings(history.trainings, since=entry.version.seen_at)
    ]
    dated.sort(key=lambda pair: pair[0], reverse=True)
    return tuple(entry for _, entry in dated)


def _version_view(entry: VersionEntry, runs: Collection[int], *, is_newest: bool) -> VersionView:
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
        is_newest=is_newest,
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
