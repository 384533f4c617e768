"""Finds the stored versions that people name, and takes snapshots of answers to compare."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from auditor.drift.block_kinds import KERAS
from auditor.drift.canonical import split
from auditor.drift.secrets import Secrets, find_secrets
from auditor.errors import UsageError
from auditor.model import JsonObject, Snapshot, TargetId
from auditor.protocols import HistoryStore, RunStore
from auditor.records import Version, VersionLine

_REFERENCE = re.compile(r"([0-9]{1,18})/([0-9]{1,18})(?:@(.+))?", re.DOTALL)
_RUN = re.compile(r"run:([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Reference:
    """A stored version as people name it: `PROJECT/BLOCK[@WHEN]`."""

    target: TargetId
    when: str

    def __str__(self) -> str:
        return f"{self.target}@{self.when}"


def parse_reference(text: str) -> Reference | None:
    """Return the stored version that a text names, or None if it is not of that form."""
    found = _REFERENCE.fullmatch(text)
    if found is None:
        return None
    target = TargetId(int(found.group(1)), int(found.group(2)))
    return Reference(target, found.group(3) or "latest")


def parse_target(text: str) -> TargetId:
    """Return the target that `PROJECT/BLOCK` names.

    Raises:
        UsageError: the text is not of that form.
    """
    reference = parse_reference(text)
    if reference is None or "@" in text:
        raise UsageError(f"{text!r} is not a block: write PROJECT/BLOCK, as in 12345/3")
    return reference.target


def find_version(
    reference: Reference, history: HistoryStore, *, baseline_id: int | None, zone: ZoneInfo
) -> Version:
    """Return the stored version that a reference names.

    Args:
        reference: `WHEN` is a date (the end of that day in `zone`), `run:ID`, `latest`,
            `previous` or `baseline`.
        history: holds the versions.
        baseline_id: the id of the target's baseline version, None without one.
        zone: the schedule's time zone.

    Raises:
        UsageError: there is no such version.
    """
    versions = history.version_lines(reference.target)
    if not versions:
        raise UsageError(f"no version of {reference.target} is stored: `auditor status` lists all")
    found = _find(reference, versions, baseline_id, zone)
    if found is None and reference.when == "baseline":
        raise UsageError(f"no baseline of {reference.target} is approved")
    if found is None:
        first = versions[-1]
        raise UsageError(
            f"there is no version {reference}: the first is of run {first.run_id}, "
            f"{first.seen_at:%Y-%m-%d %H:%M} UTC; `auditor history {reference.target}` lists all"
        )
    return history.versions_by_id([found.id])[found.id]


def require_run(reference: Reference, store: RunStore) -> None:
    """Refuse a reference to a run that does not exist: it would mean the version before it.

    Raises:
        UsageError: there is no such run.
    """
    run = _RUN.fullmatch(reference.when)
    if run is not None and store.run_info(int(run.group(1))) is None:
        raise UsageError(f"there is no run {run.group(1)}: `auditor runs` lists them")


def _find(
    reference: Reference, versions: Sequence[VersionLine], baseline_id: int | None, zone: ZoneInfo
) -> VersionLine | None:
    run = _RUN.fullmatch(reference.when)
    match reference.when:
        case "latest":
            return versions[0]
        case "previous":
            return versions[1] if len(versions) > 1 else None
        case "baseline":
            return next((version for version in versions if version.id == baseline_id), None)
        case _ if run is not None:
            number = int(run.group(1))
            return next((version for version in versions if version.run_id <= number), None)
        case _:
            end = _end_of_day(reference, zone)
            return next((version for version in versions if version.seen_at < end), None)


def _end_of_day(reference: Reference, zone: ZoneInfo) -> datetime:
    try:
        day = date.fromisoformat(reference.when) + timedelta(days=1)
        return datetime.combine(day, time(), zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{reference.when!r} is not a point in time: write a date as 2026-11-23, run:ID, "
            "latest, previous or baseline"
        ) from error


def take_snapshots(
    answers: Sequence[JsonObject], secrets: Secrets
) -> tuple[tuple[Snapshot, ...], Secrets]:
    """Return getKeras answers as snapshots, and `secrets` with what their catalogues name."""
    parts = [split(answer, KERAS) for answer in answers]
    for part in parts:
        secrets = secrets.including(find_secrets(part))
    return tuple(map(secrets.take_snapshot, parts)), secrets


def find_baseline(target: TargetId, store: RunStore) -> int | None:
    """Return the id of a target's baseline version, None without one."""
    known = store.known_targets([target]).get(target)
    return known.baseline_version_id if known else None
