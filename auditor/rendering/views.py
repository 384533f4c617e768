"""Changes as people read them: by block, or the same change on several blocks as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from auditor.drift.block_kinds import kind_of
from auditor.drift.impulses import ReplacedImpulse, is_replacement_of, place_in_data
from auditor.drift.model_state import shows_training
from auditor.drift.restore import find_restoration
from auditor.drift.trainings import names_training
from auditor.impulses import Impulse
from auditor.model import (
    AgainstBaseline,
    Area,
    Finding,
    ModelEvent,
    ModelState,
    Severity,
    Since,
    TargetId,
    VendorFinding,
)
from auditor.rendering.alike import MOST_NAMED, Pair
from auditor.rendering.archive import target_place
from auditor.rendering.changes import draw_change
from auditor.rendering.conditions import is_asked_for
from auditor.rendering.outline import (
    AlikeView,
    Entry,
    FindingView,
    Footer,
    Limits,
    NamedBlock,
    TargetView,
)
from auditor.rendering.pictures import draw_runs, draw_scale, draw_stack
from auditor.rendering.summary import block_title
from auditor.rendering.trainings import view_training
from auditor.rendering.words import block_page, count, join_first, moment, name, period, sentence
from auditor.report import Report, TargetReport

MOST_FOLDED = 8
_TRAINED_NOW = (ModelEvent.TRAINED, ModelEvent.RETRAINED)


def view_finding(finding: Finding | VendorFinding) -> FindingView:
    """Return the finding in words."""
    view = FindingView(
        id=finding.id,
        severity=finding.severity,
        headline=sentence(finding.headline),
        path=sentence(finding.path),
        lines=draw_change(finding),
    )
    match finding:
        case Finding():
            return replace(view, folded=_folded(finding.folded), rule=name(finding.rule))
        case VendorFinding():
            return replace(view, targets=finding.targets)


def view_changes(
    groups: Sequence[tuple[Pair, ...]], report: Report, footer: Footer, limits: Limits
) -> tuple[TargetView | AlikeView, ...]:
    """Return the changes of single blocks, and after all that are worse those of several."""
    single = (group[0] for group in groups if len(group) == 1)
    views: list[TargetView | AlikeView] = [*_target_views(single, report, footer, limits)]
    for group in groups:
        if len(group) > 1:
            rank = group[0][1].severity.rank
            worse = (n for n, view in enumerate(views, 1) if _rank_of(view) > rank)
            same = sum(isinstance(v, AlikeView) and _rank_of(v) == rank for v in views)
            at = _after_impulse(views, max(worse, default=0) + same)
            views.insert(at, _alike_view(group, report))
    return tuple(views)


def _after_impulse(views: Sequence[TargetView | AlikeView], at: int) -> int:
    """Return the first place from `at` on that is not between two blocks of one impulse."""
    while 0 < at < len(views):
        before, after = views[at - 1], views[at]
        if not (isinstance(before, TargetView) and isinstance(after, TargetView)):
            break
        same = before.target.project_id == after.target.project_id
        if not (same and before.impulse and before.impulse == after.impulse):
            break
        at += 1
    return at


def enter_group(group: tuple[Pair, ...]) -> Entry:
    """Return one change, or the same on several blocks, in one line."""
    target, finding = group[0]
    if len(group) == 1:
        return enter_finding(target, finding)
    entry = enter_finding(target, replace(finding, folded=()))
    whose = _whose([of for of, _ in group])
    return replace(entry, project="", block=whose, target="", id="", blocks=_named_blocks(group))


def list_ids(groups: Iterable[tuple[Pair, ...]]) -> tuple[NamedBlock, ...]:
    """Return the blocks of entries that have too many of them to name each."""
    return tuple(
        _named(target, finding)
        for group in groups
        if len(group) > MOST_NAMED
        for target, finding in group
    )


def enter_target(target: TargetReport, note: str, id_: str = "") -> Entry:
    """Return a block in one line."""
    return Entry(
        project=title_project(target),
        block=block_title(target),
        target=str(target.target),
        note=note,
        id=id_,
    )


def enter_finding(target: TargetReport, finding: Finding, more: str = "") -> Entry:
    """Return a finding in one line, with what is folded in it; `more` follows."""
    also = f"; also changed: {_folded(finding.folded)}" if finding.folded else ""
    note = f"{sentence(finding.headline)}{also}{more}"
    return replace(enter_target(target, note, finding.id), severity=finding.severity)


def enter_impulse(found: ReplacedImpulse) -> Entry:
    """Return an impulse that is another one, with each block that is new, gone or replaced."""
    words = (
        (found.missing, "gone"),
        (found.replaced, "of another type"),
        (found.new, "new"),
    )
    parts = [
        f"{count(len(blocks), 'block')} {'is' if len(blocks) == 1 else 'are'} {word}"
        for blocks, word in words
        if blocks
    ]
    before = f", in place of “{name(found.before.name)}”" if found.before else ""
    origin = "; a result of the EON Tuner was taken" if found.is_tuned else ""
    return Entry(
        project="",
        block=f"{title_project(found.project)} / {title_impulse(found.impulse)}",
        target="",
        note=f"{join_first(tuple(parts))}, of {found.number:,} before and now{before}{origin}",
        severity=found.severity,
        blocks=tuple(
            NamedBlock(
                project=title_project(target),
                block=f"{block_title(target)}, {word}",
                target=str(target.target),
                id=next((f.id for f in target.findings if is_replacement_of(f)), ""),
            )
            for blocks, word in words
            for target in blocks
        ),
    )


def title_project(target: TargetReport) -> str:
    """Return how the project of a block is called."""
    return name(target.project) or f"Project {target.target.project_id}"


def _rank_of(view: TargetView | AlikeView) -> int:
    finding = view.finding if isinstance(view, AlikeView) else view.findings[0]
    return finding.severity.rank


def _alike_view(group: tuple[Pair, ...], report: Report) -> AlikeView:
    targets = list({target.target: target for target, _ in group}.values())
    models = Counter(
        target.model_state for target in targets if target.model_state is not ModelState.NONE
    )
    times = tuple(dict.fromkeys(_changed(target, report) for target in targets))
    target, first = group[0]
    finding = view_finding(first)
    headlines = {found.headline for _, found in group}
    paths = {found.path for _, found in group}
    return AlikeView(
        finding=replace(
            finding,
            folded=_folded_in(group),
            restore=find_restoration(first, target.target, kind_of(target.kind), target.excerpt),
            headline=finding.headline + (" (and alike)" if len(headlines) > 1 else ""),
            path=finding.path + (" and alike" if len(paths) > 1 else ""),
        ),
        where=f"The same change on {_whose(targets)}",
        model=", ".join(f"{number:,} {model}" for model, number in models.most_common()),
        changed=times[0] if len(times) == 1 else f"by {moment(report.run.started_at)}",
        blocks=_named_blocks(group),
        can_acknowledge=any(
            found.against_baseline is AgainstBaseline.DIFFERS for _, found in group
        ),
    )


def _named_blocks(group: tuple[Pair, ...]) -> tuple[NamedBlock, ...]:
    """Return the blocks of a group, with what is folded at each where that differs."""
    is_uniform = len({found.folded for _, found in group}) == 1
    return tuple(
        replace(_named(of, found), folded="" if is_uniform else _folded(found.folded))
        for of, found in group
    )


def _folded_in(group: tuple[Pair, ...]) -> str:
    """Return the paths of what is folded at all blocks of a group, or at some of them."""
    folded = tuple(dict.fromkeys(path for _, found in group for path in found.folded))
    is_uniform = len({found.folded for _, found in group}) == 1
    return _folded(folded) + ("" if is_uniform else " (not on each block)")


def _folded(paths: tuple[str, ...]) -> str:
    return join_first(tuple(map(name, paths)), most=MOST_FOLDED)


def _whose(targets: Sequence[TargetReport]) -> str:
    projects = {target.target.project_id for target in targets}
    where = f" in {len(projects):,} projects" if len(projects) > 1 else ""
    return f"{count(len(targets), 'block')}{where}"


def _named(target: TargetReport, finding: Finding) -> NamedBlock:
    return NamedBlock(
        project=title_project(target),
        block=block_title(target),
        target=str(target.target),
        id=finding.id,
    )


def _target_views(
    pairs: Iterable[Pair], report: Report, footer: Footer, limits: Limits
) -> tuple[TargetView, ...]:
    """Return a view for each block: worst impulse first, and its blocks in the order of the data.

    `pairs` are worst first.
    """
    by_target: dict[TargetId, list[Pair]] = {}
    worst: dict[tuple[int, ...], int] = {}
    for target, finding in pairs:
        by_target.setdefault(target.target, []).append((target, finding))
        worst.setdefault(_impulse_of(target), finding.severity.rank)
    ordered = sorted(
        by_target.values(),
        key=lambda own: (
            -worst[_impulse_of(own[0][0])],
            _impulse_of(own[0][0]),
            place_in_data(own[0][0]),
        ),
    )
    drawn = len(ordered) if limits.pictures is None else limits.pictures
    return tuple(
        _target_view(own, report, footer, is_drawn=number < drawn)
        for number, own in enumerate(ordered)
    )


def _impulse_of(target: TargetReport) -> tuple[int, ...]:
    """Return the impulse of a block; one without stands alone."""
    project_id, block_id = target.target
    impulses = target.place.impulses
    return (project_id, 0, impulses[0].id) if impulses else (project_id, 1, block_id)


def title_impulse(impulse: Impulse) -> str:
    """Return how an impulse is called, with its id; Studio's own names say what they name."""
    called = name(impulse.name)
    if not called:
        return f"Impulse {impulse.id}"
    return (
        f"{called} ({impulse.id})"
        if called.casefold().startswith("impulse")
        else (f"Impulse “{called}” ({impulse.id})")
    )


def _target_view(own: list[Pair], report: Report, footer: Footer, *, is_drawn: bool) -> TargetView:
    target = own[0][0]
    has_layers = any(finding.area is Area.LAYERS for _, finding in own)
    views = (_with_answers(finding, target, is_drawn=is_drawn) for _, finding in own)
    return TargetView(
        project=title_project(target),
        block=block_title(target),
        target=target.target,
        type=name(target.type),
        impulse=", ".join(map(title_impulse, target.place.impulses)),
        model=target.model_state,
        effect=_effect(target, report),
        changed=_changed(target, report),
        link=block_page(footer.studio_url, target.target, target.kind, target.type),
        page=footer.site and f"{footer.site}{target_place(target.target)}",
        findings=tuple(_mark_repeated_requests(views)),
        stack=draw_stack(target.excerpt) if has_layers and is_drawn else None,
        run_strip=draw_runs(target.signs) if is_drawn else None,
    )


def _effect(target: TargetReport, report: Report) -> str:
    """Return what the state of the model means, empty where nothing needs saying."""
    match target.model_state:
        case ModelState.STALE if is_asked_for(target, report):
            return "Stale: trained before the last edit. Studio asks to train it again."
        case ModelState.STALE:
            return "Stale: trained before the last edit of its settings or data (inferred)."
        case ModelState.UNTRAINED:
            return "This block has no trained model."
        case ModelState.TRAINED if _is_edited_and_trained(target):
            return "Edited and trained between two polls, so the model counts as trained."
        case ModelState.TRAINED | ModelState.UNKNOWN | ModelState.NONE:
            return ""


def _is_edited_and_trained(target: TargetReport) -> bool:
    now = [finding for finding in target.findings if finding.since is Since.LAST]
    is_trained = target.model_event in _TRAINED_NOW or any(map(_is_of_training, now))
    return is_trained and any(
        finding.area in (Area.LAYERS, Area.SCRIPT, Area.TRAINING)
        and finding.severity is not Severity.INFO
        for finding in now
    )


def _is_of_training(finding: Finding) -> bool:
    return shows_training(finding) or names_training(finding)


def _mark_repeated_requests(findings: Iterable[FindingView]) -> Iterator[FindingView]:
    """Yield the findings, each request at the first one that it restores."""
    requests: set[str] = set()
    for finding in findings:
        body = finding.restore.body if finding.restore else ""
        yield replace(finding, is_restored_above=body in requests)
        requests |= {body} - {""}


def _with_answers(finding: Finding, target: TargetReport, *, is_drawn: bool) -> FindingView:
    """Return a finding with what a person can do about it."""
    return replace(
        view_finding(finding),
        acknowledge=f'auditor acknowledge {finding.id} --reason "…"'
        if finding.against_baseline is AgainstBaseline.DIFFERS
        else "",
        restore=find_restoration(finding, target.target, kind_of(target.kind), target.excerpt),
        scale=draw_scale(finding, target.excerpt) if is_drawn else None,
        training=view_training(finding, target),
    )


def _changed(target: TargetReport, report: Report) -> str:
    now = moment(report.run.started_at)
    if target.last_good_at is None or target.last_good_at > report.run.started_at:
        return f"by {now}"  # the second where the clock was set back
    return period(target.last_good_at, report.run.started_at)
