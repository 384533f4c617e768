"""What is alike is said once: the same change on several blocks, the same words about them.

The same change has the same area, kind, values and severity, and the same path apart from the
places of layers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TypeAlias

from auditor.drift.policy import worst_first
from auditor.model import Finding, Kind, Severity, VendorFinding
from auditor.rendering.outline import Entry, NamedBlock, Section, count_hidden
from auditor.rendering.summary import LEAST_ALIKE
from auditor.rendering.words import count, join_first
from auditor.report import TargetReport

MOST_NAMED = 30
"""How many blocks of an entry are listed by name; more of them by their ids alone."""
Pair: TypeAlias = tuple[TargetReport, Finding]
_PLACE = re.compile(r"\[\d+\]")
_WORDING = re.compile(r"\.(description|helpText|help|hint|placeholder|invalidText)$")


def group_alike(pairs: Iterable[Pair]) -> tuple[tuple[Pair, ...], ...]:
    """Return findings in groups: the same change on several blocks, and each other one alone.

    The groups are worst first; of equal ones the larger is first.
    """
    by_change: dict[tuple[str, ...], list[Pair]] = {}
    for pair in pairs:
        by_change.setdefault(_change_of(pair[1]), []).append(pair)
    groups: list[tuple[Pair, ...]] = []
    for found in by_change.values():
        is_alike = len({target.target for target, _ in found}) >= LEAST_ALIKE
        groups += [tuple(found)] if is_alike else [(pair,) for pair in found]
    return tuple(sorted(groups, key=lambda group: (-group[0][1].severity.rank, -len(group))))


def group_by_project(blocks: Iterable[NamedBlock]) -> tuple[tuple[NamedBlock, ...], ...]:
    """Return the blocks of each project, by their ids; of very many projects as one group."""
    ordered = sorted(blocks, key=lambda block: tuple(map(int, block.target.split("/"))))
    groups = [tuple(own) for _, own in groupby(ordered, key=_project_of)]
    return tuple(groups) if len(groups) <= MOST_NAMED else (tuple(ordered),)


def merge_entries(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries, those of several blocks that say the same as one."""
    by_note: dict[tuple[str, Severity | None], list[Entry]] = {}
    for place, entry in enumerate(entries):
        note = entry.note if entry.target else f"\n{place}"
        by_note.setdefault((note, entry.severity), []).append(entry)
    merged: list[Entry] = []
    for alike in by_note.values():
        if len(alike) < LEAST_ALIKE or any(entry.blocks for entry in alike):
            merged += alike
            continue
        named = tuple(
            NamedBlock(project=entry.project, block=entry.block, target=entry.target, id=entry.id)
            for entry in alike
        )
        projects = join_first(tuple(dict.fromkeys(entry.project for entry in alike)), most=3)
        merged.append(
            Entry(
                project="",
                block=f"{count(len(named), 'block')} of {projects}",
                target="",
                note=alike[0].note,
                severity=alike[0].severity,
                blocks=named,
            )
        )
    return merged


def cut_section(title: str, entries: Sequence[Entry], most: int | None) -> Section:
    """Return a section of at most `most` entries, those alike merged."""
    merged = merge_entries(entries)
    hidden = count_hidden(len(merged), most)
    return Section(title=title, entries=tuple(merged[:most]), hidden=hidden)


def merge_rewordings(catalogue: Iterable[VendorFinding]) -> tuple[VendorFinding, ...]:
    """Return the vendor's changes, worst first, with those of mere descriptions as one."""
    found = worst_first(catalogue)
    reworded = [finding for finding in found if _is_rewording(finding)]
    if len(reworded) < LEAST_ALIKE:
        return found
    headline = f"{count(len(reworded), 'description')} reworded"
    most = max(finding.targets for finding in reworded)
    merged = replace(reworded[0], headline=headline, targets=most)
    return (*(finding for finding in found if not _is_rewording(finding)), merged)


def _change_of(finding: Finding) -> tuple[str, ...]:
    values = (json.dumps(value, sort_keys=True) for value in (finding.before, finding.after))
    path = _PLACE.sub("[]", finding.path)
    return (finding.area, finding.owner, finding.kind, finding.severity, path, *values)


def _project_of(block: NamedBlock) -> str:
    return block.target.partition("/")[0]


def _is_rewording(finding: VendorFinding) -> bool:
    return (
        finding.kind is Kind.CHANGED
        and finding.severity is Severity.INFO
        and _WORDING.search(finding.path) is not None
    )
