"""A report as its readers go through it: sections in order, every text ready to be shown.

Plain text and HTML are made from the same outline, so they say the same. What limits the
meaning of the rest (what could not be checked) comes first; then changes, worst first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.drift.restore import Restoration
from auditor.model import Finding, ModelState, Severity, TargetId, VendorFinding
from auditor.rendering.changes import ChangeLine
from auditor.rendering.pictures import LayerStack, RunStrip, Scale
from auditor.rendering.summary import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """What the foot of a report says beyond the report itself.

    Attributes:
        why: why its reader gets it; empty where nobody is mailed.
        full: where the whole report lies; empty where nowhere.
        studio_url: Studio's pages, e.g. `https://studio.edgeimpulse.com`; empty for no links.
        api_url: where Studio's API is, for requests that a person sends.
    """

    version: str
    full: str = ""
    studio_url: str = ""
    api_url: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """A finding in words.

    Attributes:
        targets: the number of blocks that show a vendor's change.
        accept: the command that accepts exactly this value; empty where nobody is asked.
        restore: how a person puts back what was, None where nobody is asked.
        is_restored_above: by the request of a finding above it.
        scale: of a threshold.
    """

    id: str
    severity: Severity
    headline: str
    path: str
    lines: tuple[ChangeLine, ...]
    folded: str
    rule: str
    targets: int = 1
    accept: str = ""
    restore: Restoration | None = None
    is_restored_above: bool = False
    scale: Scale | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """A block and what changed in it, worst first.

    Attributes:
        between: the two polls between which it changed.
        stack: its layers before and now, where they changed.
        nights: its last nights.
    """

    project: str
    block: str
    target: TargetId
    type: str
    model: ModelState
    effect: str
    between: str
    link: str
    findings: tuple[FindingView, ...]
    stack: LayerStack | None = None
    nights: RunStrip | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A block in one line, or a project: then `block` names it, the project is empty."""

    project: str
    block: str
    target: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchecked:
    """Blocks that could not be read for one reason; a project's own failure may name none."""

    project: str
    reason: str
    blocks: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """One cell of the counts."""

    value: int
    label: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A titled run of one-line entries; `hidden` of them were left out."""

    title: str
    entries: tuple[Entry, ...]
    hidden: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The whole report.

    Attributes:
        shown: `Showing 24 of 61 findings, worst first.`; empty where nothing was cut.
        api: where Studio's API is, for requests that a person sends.
        full: where the whole report lies; empty where nowhere.
        unchecked_hidden: blocks not checked that the section leaves out.
        beside: what stands beside the changes: rules, expected and flapping changes, the life of
            models; only sections that hold something.
    """

    run: str
    when: str
    verdict: Verdict
    counts: tuple[Count, ...]
    notes: tuple[str, ...]
    unchecked: tuple[Unchecked, ...]
    unchecked_hidden: int
    changes: tuple[TargetView, ...]
    beside: tuple[Section, ...]
    inventory: tuple[Section, ...]
    dataset: tuple[TargetView, ...]
    vendor: tuple[FindingView, ...]
    vendor_hidden: int
    baseline: Section
    quiet: tuple[str, ...]
    shown: str
    api: str
    full: str
    foot: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two answers set side by side, as `diff` shows them; `old` and `new` name them."""

    old: str
    new: str
    model_state: ModelState
    findings: Sequence[Finding | VendorFinding]
    suppressed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may be shown, worst first; None is all.

    Attributes:
        entries: of each section.
        pictures: how many blocks may have pictures.
    """

    findings: int | None = None
    entries: int | None = None
    pictures: int | None = None
