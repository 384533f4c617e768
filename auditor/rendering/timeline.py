"""A block and a project as the archive shows them: how they stand and how they came there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from auditor.model import ModelState, TargetState
from auditor.records import ProjectBlocks, Step, TargetHistory, TargetOverview
from auditor.rendering.outline import Told
from auditor.rendering.overview import STATE_TONES, STATE_WORDS, project_title, tallied
from auditor.rendering.places import project_place, run_place, target_place
from auditor.rendering.sections import told
from auditor.rendering.words import count, moment, name, sentence, studio_page

MOST_FINDINGS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A version in a timeline. `place` is its run's page, empty where that is gone."""

    when: str
    run: str
    place: str
    headline: str
    model: ModelState
    compared: str
    findings: tuple[Told, ...]
    hidden: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """A block's page."""

    title: str
    target: str
    type: str
    project: str
    project_place: str
    studio: str
    state: str
    tone: str
    model: ModelState
    facts: tuple[tuple[str, str], ...]
    stages: tuple[Stage, ...]
    older: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRow:
    """A block in its project's list."""

    title: str
    target: str
    place: str
    type: str
    state: str
    tone: str
    model: ModelState
    changed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectView:
    """A project's page."""

    title: str
    project_id: int
    studio: str
    tone: str
    words: str
    blocks: tuple[BlockRow, ...]


def target_view(history: TargetHistory, *, runs: Collection[int], studio_url: str) -> TargetView:
    """Return a block's page; `runs` have pages to link to."""
    one = history.standing
    status = one.status
    steps = history.steps
    return TargetView(
        title=name(status.name) or f"block {status.target}",
        target=str(status.target),
        type=name(status.type),
        project=project_title([one]),
        project_place=project_place(status.target.project_id),
        studio=studio_page(studio_url, *status.target),
        state=state_words(one),
        tone=_tone(one),
        model=status.model_state,
        facts=tuple(pair for pair in _facts(history) if pair[1]),
        stages=tuple(_stage(step, runs) for step in steps),
        older=_older(history),
    )


def project_view(project: ProjectBlocks, *, studio_url: str) -> ProjectView:
    """Return a project's page."""
    audited = [one for one in project.overviews if not one.retired]
    words, tone = tallied(audited)
    return ProjectView(
        title=project_title(project.overviews),
        project_id=project.project_id,
        studio=studio_page(studio_url, project.project_id),
        tone=tone,
        words=f"{count(len(audited), 'block')}: {words}" if audited else words,
        blocks=tuple(map(_block, project.overviews)),
    )


def state_words(one: TargetOverview) -> str:
    """Return how a block stands."""
    return "no longer audited" if one.retired else STATE_WORDS[one.state]


def _tone(one: TargetOverview) -> str:
    return "info" if one.retired else STATE_TONES[one.state]


def _facts(history: TargetHistory) -> tuple[tuple[str, str], ...]:
    status = history.standing.status
    changed = status.last_changed_at
    versions = len(history.steps) + history.older
    baseline = history.baseline_run_id
    return (
        ("Last changed", "" if changed is None else moment(changed)),
        ("Versions", f"{versions:,}" if versions else "none: it was never read"),
        ("Baseline", "" if baseline is None else f"the version of run {baseline}"),
        ("Not checked", _failure(history.standing)),
    )


def _failure(one: TargetOverview) -> str:
    status = one.status
    if status.state is not TargetState.UNKNOWN or status.error is None:
        return ""
    return sentence(status.error.message)


def _stage(step: Step, runs: Collection[int]) -> Stage:
    version = step.version
    findings = step.findings or ()
    return Stage(
        when=moment(version.seen_at),
        run=f"run {version.run_id}",
        place=run_place(version.run_id) if version.run_id in runs else "",
        headline=sentence(version.headline),
        model=version.model_state,
        compared=_compared(step),
        findings=tuple(map(told, findings[:MOST_FINDINGS])),
        hidden=_hidden(len(findings) - MOST_FINDINGS),
    )


def _compared(step: Step) -> str:
    if step.version.is_pruned:
        return "pruned: its document is no longer stored"
    if step.findings is None:
        return ""
    silent = f", {step.suppressed:,} not told" if step.suppressed else ""
    return f"{count(len(step.findings), 'difference')} from the version before{silent}"


def _hidden(number: int) -> str:
    return f"and {count(number, 'more difference')}: auditor diff" if number > 0 else ""


def _older(history: TargetHistory) -> str:
    if not history.older:
        return ""
    target = history.standing.status.target
    return f"and {count(history.older, 'older version')}: auditor history {target}"


def _block(one: TargetOverview) -> BlockRow:
    status = one.status
    changed = status.last_changed_at
    return BlockRow(
        title=name(status.name) or f"block {status.target}",
        target=str(status.target),
        place=target_place(status.target),
        type=name(status.type),
        state=state_words(one),
        tone=_tone(one),
        model=status.model_state,
        changed="never" if changed is None else moment(changed),
    )
