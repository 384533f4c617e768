"""What made the data of a block change: an edit of a block whose data it takes.

Rules:
- An edit is a change of what a person sets of an input or processing block, or from which
  processing blocks a learn block takes its features.
- A block's data follows the nearest edited block before it; else what those before it follow.
- The names of a block's inputs alone follow a renaming of one of them.
- Features are often generated a night after the edit: a change of dimensions follows the newest
  edit before it that no earlier change followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from auditor.drift.fields import CONNECTION
from auditor.drift.followers import LABEL_FIELDS, Cause
from auditor.drift.policy import field_of
from auditor.drift.recurrence import PastChange
from auditor.model import Area, Change, Finding, JsonObject, Kind, Severity, Since

OLDEST_EDIT = timedelta(days=30)
"""How old an edit may be that a change still follows."""
_SETTINGS = (Area.INPUT, Area.PROCESSING)
_NAMES = frozenset({"name", "block.name"})
_LIKE_SAMPLES = frozenset({"dependencies.sampleCount", "dsp.expectedWindowCount"})


def cause_of_edit(block_id: int, name: str, *, is_own: bool, is_past: bool) -> Cause:
    """Return the edit of a block as a cause; it may be an earlier edit of the very block."""
    whose = "its edit" if is_own else f"the edit of “{name or f'block {block_id}'}”"
    words = f", after {whose} in an earlier run" if is_past else f", with {whose}"
    return Cause(block_id=block_id, words=words)


def cause_of_renaming(block_id: int, name: str) -> Cause:
    """Return the new name of a block as a cause."""
    return Cause(block_id=block_id, words=f", with the renaming to “{name or block_id}”")


def is_edit(finding: Finding) -> bool:
    """Return whether a finding is an edit that data may follow."""
    is_setting = finding.area in _SETTINGS and finding.severity is not Severity.INFO
    is_other_block = finding.area is Area.IDENTITY and finding.kind is Kind.REPLACED
    return (is_setting and finding.path != "configError") or is_other_block


def is_renaming(finding: Finding) -> bool:
    """Return whether a finding is a new name of an input or processing block."""
    return finding.area is Area.IDENTITY and finding.path in _NAMES


def newest_edit(past: Iterable[PastChange]) -> datetime | None:
    """Return when a block was last edited, None where it never was."""
    edits = (
        change.at
        for change in past
        if change.since is Since.LAST
        and change.area in _SETTINGS
        and change.severity is not Severity.INFO
        and change.path != "configError"
    )
    return max(edits, default=None)


def newest_data(past: Iterable[PastChange]) -> datetime | None:
    """Return when a block's data last changed other than by new samples."""
    moved = (
        change.at
        for change in past
        if change.since is Since.LAST
        and change.area is Area.DATA
        and change.path not in _LIKE_SAMPLES
    )
    return max(moved, default=None)


def has_data(changes: Sequence[Change]) -> bool:
    """Return whether a block's data changed, so that it may follow an edit elsewhere."""
    return any(field_of(change).area is Area.DATA for change in changes)


def has_only_names(changes: Sequence[Change]) -> bool:
    """Return whether of a block's data the names of its inputs changed, and nothing else."""
    data = [change for change in changes if field_of(change).area is Area.DATA]
    return [change.pattern for change in data] == ["dependencies.blockNames"]


def has_other_dimensions(changes: Sequence[Change]) -> bool:
    """Return whether the data has other dimensions, which only an edit before it can give it."""
    return any(
        field_of(change).area is Area.DATA
        and change.pattern not in _LIKE_SAMPLES | LABEL_FIELDS
        and change.pattern != "dsp.features.generated"
        for change in changes
    )


def has_other_sources(changes: Sequence[Change]) -> bool:
    """Return whether a learn block takes features from other processing blocks than before."""
    return any(change.pattern == CONNECTION and change.kind is Kind.CHANGED for change in changes)


def lacks_features(document: JsonObject) -> bool:
    """Return whether the features of a processing block wait to be generated."""
    dsp = document.get("dsp")
    features = dsp.get("features") if isinstance(dsp, dict) else None
    return isinstance(features, dict) and features.get("generated") is False
