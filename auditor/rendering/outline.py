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
from auditor.rendering.trainings import TrainingView
from auditor.rendering.verdict import RunVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """What the end of a report says that the report itself does not hold.

    Attributes:
        why: why its reader receives it; empty where it is not mailed.
        full: where the full report is; empty where it is stored nowhere.
        page: the address of the run's page, empty without one.
        studio_url: Studio's pages, e.g. `https://studio.edgeimpulse.com`; empty for no links.
        api_url: where Studio's API is, for requests that a person sends.
        zone: of the times that people read.
        site: where readers find the folder of reports, with a slash at its end; empty where
            nothing serves it.
    """

    version: str
    full: str = ""
    page: str = ""
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
        acknowledge: the command that acknowledges the value; empty where it would do nothing.
        restore: how a person restores the old value, None where there is nothing to restore.
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
    acknowledge: str = ""
    restore: Restoration | None = None
    is_restored_above: bool = False
    scale: Scale | None = None
    training: TrainingView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """A block and what changed in it, worst first.

    Attributes:
        changed: the two polls between which it changed.
        page: the address of its page, empty without one.
        stack: its layers before and now, where they changed.
        run_strip: its state in the last runs.
        impulse: how the impulses are called that have it, empty where that is not known.
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
    impulse: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedBlock:
    """One of the blocks of an entry.

    Attributes:
        id: of its finding, empty without one.
        folded: the paths of what changed with it, where that differs from block to block.
    """

    project: str
    block: str
    target: str
    id: str = ""
    folded: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlikeView:
    """The same change on several blocks.

    Attributes:
        where: on how many blocks of which projects.
        model: what the models of these blocks are.
        can_acknowledge: the value differs from a baseline, so that it can be acknowledged.
    """

    finding: FindingView
    where: str
    model: str
    changed: str
    blocks: tuple[NamedBlock, ...]
    can_acknowledge: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A block in one line, or a project: then `block` names it, the project is empty.

    Attributes:
        severity: of what the note says, None where it has none.
        id: of its finding, empty without one.
        blocks: where several blocks share the line.
    """

    project: str
    block: str
    target: str
    note: str
    severity: Severity | None = None
    id: str = ""
    blocks: tuple[NamedBlock, ...] = ()


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
        shown: `Details of 37 more in the full report.`; empty where nothing was cut.
        further: the findings without details, in one line each.
        links: whether the blocks of long lists are links.
        ids: the blocks of entries that have too many of them for their names and ids.
        api: where Studio's API is, for requests that a person sends.
        full: where the full report is; empty where it is stored nowhere.
        unchecked_hidden: blocks not checked that the section leaves out.
        changes: of blocks, worst first; a block has all of its findings in one place.
        extras: the sections next to the changes: what is open, rules, expected changes, those
            that go back and forth, the state of models; only those that are not empty.
        dataset: blocks of which nothing changed but data, of severity low or info.
        coverage: what was checked, and what was suppressed.
    """

    run: str
    when: str
    verdict: RunVerdict
    counts: tuple[Count, ...]
    notes: tuple[str, ...]
    unchecked: tuple[UncheckedBlocks, ...]
    unchecked_hidden: int
    changes: tuple[TargetView | AlikeView, ...]
    further: Section
    extras: tuple[Section, ...]
    inventory: tuple[Section, ...]
    dataset: tuple[TargetView | AlikeView, ...]
    vendor: tuple[FindingView, ...]
    vendor_hidden: int
    coverage: tuple[str, ...]
    ids: tuple[NamedBlock, ...]
    shown: str
    api: str
    full: str
    page: str
    links: bool
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
        findings: the findings with details; the same change on several blocks is one.
        further: the findings in one line.
        entries: the entries of each other section.
        pictures: the blocks that have pictures.
        links: whether the blocks of long lists are links.
    """

    findings: int | None = None
    further: int | None = None
    entries: int | None = None
    pictures: int | None = None
    links: bool = True


def count_hidden(every: int, most: int | None) -> int:
    """Return how many of `every` are left out where `most` are shown."""
    return 0 if most is None else max(every - most, 0)
