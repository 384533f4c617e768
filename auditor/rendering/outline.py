"""A report as people read it: sections in order, every text ready to be shown.

Plain text and HTML are made from the same outline, so they say the same. What could not be
checked comes first, since it limits what the rest means; then changes, worst first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo

from auditor.drift.policy import worst_first
from auditor.drift.restore import Restoration
from auditor.model import Finding, ModelState, Severity, TargetId, VendorFinding
from auditor.rendering.changes import ChangeLine
from auditor.rendering.pictures import LayerStack, RunStrip, Scale
from auditor.rendering.summary import RunVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """What the end of a report says that the report itself does not hold.

    Attributes:
        why: why its reader receives it; empty where it is not mailed.
        full: where the full report is; empty where it is stored nowhere.
        studio_url: Studio's pages, e.g. `https://studio.edgeimpulse.com`; empty for no links.
        api_url: where Studio's API is, for requests that a person sends.
        zone: of the times that people read.
        site: where readers find the folder of reports, with a slash at its end; empty where
            nothing serves it.
    """

    version: str
    full: str = ""
    studio_url: str = ""
    api_url: str = ""
    why: str = ""
    zone: tzinfo = UTC
    site: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """A finding in words.

    Attributes:
        folded: the paths of the changes that this finding includes.
        targets: the number of blocks that show a vendor's change.
        accept: the command that accepts exactly this value; empty where nobody has to decide.
        restore: how a person restores the old value, None where nobody has to decide.
        is_restored_above: the request of an earlier finding restores this one, too.
        scale: the picture of a threshold.
    """

    id: str
    severity: Severity
    headline: str
    path: str
    lines: tuple[ChangeLine, ...]
    folded: str = ""
    rule: str = ""
    targets: int = 1
    accept: str = ""
    restore: Restoration | None = None
    is_restored_above: bool = False
    scale: Scale | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """A block and what changed in it, worst first.

    Attributes:
        changed: the two polls between which it changed.
        page: the address of its page, empty without one.
        stack: its layers before and now, where they changed.
        run_strip: its state in the last runs.
    """

    project: str
    block: str
    target: TargetId
    type: str
    model: ModelState
    effect: str
    changed: str
    link: str
    findings: tuple[FindingView, ...]
    page: str = ""
    stack: LayerStack | None = None
    run_strip: RunStrip | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A block in one line, or a project: then `block` names it, the project is empty."""

    project: str
    block: str
    target: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UncheckedBlocks:
    """Blocks that could not be read for one reason; none where a whole project failed."""

    project: str
    reason: str
    blocks: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """One of the numbers below the verdict."""

    value: int
    label: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One-line entries under a title; `hidden` of them were left out."""

    title: str
    entries: tuple[Entry, ...]
    hidden: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The whole report.

    Attributes:
        page: the address of the run's page, empty without one.
        shown: `Showing 24 of 61 findings, worst first.`; empty where nothing was cut.
        api: where Studio's API is, for requests that a person sends.
        full: where the full report is; empty where it is stored nowhere.
        unchecked_hidden: blocks not checked that the section leaves out.
        extras: the sections next to the changes: rules, expected and flapping changes, the state
            of models; only those that are not empty.
        coverage: what was checked, and what was suppressed.
    """

    run: str
    when: str
    verdict: RunVerdict
    counts: tuple[Count, ...]
    notes: tuple[str, ...]
    unchecked: tuple[UncheckedBlocks, ...]
    unchecked_hidden: int
    changes: tuple[TargetView, ...]
    extras: tuple[Section, ...]
    inventory: tuple[Section, ...]
    dataset: tuple[TargetView, ...]
    vendor: tuple[FindingView, ...]
    vendor_hidden: int
    baseline: Section
    coverage: tuple[str, ...]
    shown: str
    api: str
    full: str
    page: str
    foot: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionDiff:
    """The findings between two answers, as `diff` shows them; `old` and `new` name the answers."""

    old: str
    new: str
    model_state: ModelState
    findings: Sequence[Finding | VendorFinding]
    suppressed: int

    def worst_first(self) -> tuple[Finding | VendorFinding, ...]:
        """Return the findings, worst first."""
        return worst_first(self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is shown, worst first; None is everything.

    Attributes:
        entries: the entries of each section.
        pictures: the blocks that have pictures.
    """

    findings: int | None = None
    entries: int | None = None
    pictures: int | None = None
