"""Archives in a folder, for tests that look at their pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from auditor.context import Training
from auditor.drift.block_kinds import KERAS
from auditor.drift.canonical import split
from auditor.drift.compare import compare
from auditor.drift.difference import find_difference
from auditor.drift.layer_keys import LayerKeys, following_keys
from auditor.drift.secrets import Secrets
from auditor.listings import RunListing, TargetHistory, TargetOverview, TargetStatus, VersionEntry
from auditor.model import BlockKindName, JsonObject, ModelState, TargetId, TargetState
from auditor.records import Version
from auditor.rendering.outline import Footer
from auditor.rendering.site import FolderSite, make_linked_pages
from tests.rendering.samples import NIGHTS, TEMPLATES

STARTED = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)


def year_of_runs(runs: int = 40, *, last: datetime | None = None) -> RunListing:
    """Return a run per day, of every sort in turn, newest first."""
    end = last or datetime(2025, 11, 23, 3, 15, tzinfo=UTC)
    sorts = [night() for name, night in NIGHTS.items() if name != "hostile"]
    briefs = tuple(
        replace(
            report,
            run=replace(report.run, id=runs - place, started_at=end - timedelta(days=place)),
        )
        for place in range(runs)
        for report in (sorts[place % len(sorts)],)
    )
    return RunListing(runs=tuple(brief.run for brief in briefs), briefs=briefs)


def site(folder: Path) -> FolderSite:
    return FolderSite(
        directory=folder, pages=make_linked_pages(TEMPLATES), footer=Footer(version="0.1.0")
    )


def overview_of(
    learn_id: int, state: TargetState = TargetState.IN_SYNC, **more: str
) -> TargetOverview:
    status = TargetStatus(
        kind=BlockKindName.KERAS,
        target=TargetId(1, learn_id),
        project=more.get("project", "Pump"),
        name=more.get("name", f"Block {learn_id}"),
        type="keras",
        state=state,
        model_state=ModelState.TRAINED,
        last_changed_at=STARTED,
        last_checked_at=STARTED,
        last_attempted_at=STARTED,
        error=None,
    )
    return TargetOverview(status=status, version_id=7, baseline_version_id=None, retired=False)


def history_of(*documents: JsonObject, trainings: tuple[Training, ...] = ()) -> TargetHistory:
    """Return a block with these versions, a day apart, the oldest first."""
    target, secrets = TargetId(1, 3), Secrets(b"k" * 32)
    taken = [secrets.take_snapshot(split(document, KERAS)) for document in documents]
    entries = []
    layers: LayerKeys | None = None
    for place, snapshot in enumerate(taken):
        before = taken[place - 1] if place else None
        found = find_difference(before, snapshot, secrets=secrets) if before else None
        if before:
            old, new = secrets.read_document(before), secrets.read_document(snapshot)
            layers = following_keys(layers, old, new, compare(old, new, KERAS))
        version = Version(
            id=place + 1,
            target=target,
            kind=snapshot.kind,
            run_id=place + 1,
            seen_at=STARTED + timedelta(days=place),
            model_state=ModelState.TRAINED,
            headline=found.findings[0].headline if found and found.findings else "First seen",
            hash="",
            previous_hash="",
            layers=layers,
            kept=snapshot,
        )
        entries.append(VersionEntry(version=version, findings=found.findings if found else None))
    return TargetHistory(
        overview=overview_of(3),
        entries=tuple(reversed(entries)),
        older=0,
        baseline_run_id=None,
        trainings=trainings,
    )
