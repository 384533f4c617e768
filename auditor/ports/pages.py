"""The archive's pages beside those of the runs: what each shows, and who writes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from auditor.drift.model import Finding, Report, RunInfo, TargetId
from auditor.ports.history import Night, Standing, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A version in a target's timeline.

    Attributes:
        findings: what differs from the version before, worst first; None for the first one, and
            where either of the two was pruned.
        suppressed: differences that are not told.
    """

    version: Version
    findings: tuple[Finding, ...] | None
    suppressed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetHistory:
    """A target as it stands and how it came there, newest first; `older` steps are left out."""

    standing: Standing
    steps: tuple[Step, ...]
    older: int
    baseline_run_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectBlocks:
    """A project and every block of it that was ever looked at, by learn id."""

    project_id: int
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Runs of a stretch of time, newest first; the closed ones with their reports in brief."""

    runs: tuple[RunInfo, ...]
    briefs: tuple[Report, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What the index shows.

    Attributes:
        newest: the last closed run's whole report, None before the first.
        years: years whose older runs have a page of their own, newest first.
        nights: the last closed runs in short, newest first.
    """

    newest: Report | None
    listing: Listing
    years: tuple[int, ...]
    nights: tuple[Night, ...]
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Which pages there are, each with a mark of what it showed as it was written.

    A page that is there and has no mark is as good as none. Runs need no mark: they are over.
    """

    runs: frozenset[int] = frozenset()
    targets: Mapping[TargetId, str] = field(default_factory=dict)
    projects: Mapping[int, str] = field(default_factory=dict)
    years: Mapping[int, str] = field(default_factory=dict)


class Site(Protocol):
    """The archive as pages that link to each other. Each method raises `OSError`."""

    def marks(self) -> Marks:
        """Return which pages there are."""
        ...

    def keep(self, marks: Marks) -> None:
        """Remember the marks; unchanged ones are not written."""
        ...

    def write_run(self, report: Report, *, previous: int | None, following: int | None) -> None:
        """Write a run's page; its neighbours are None where they have no page."""
        ...

    def lead_on(self, run_id: int, *, following: int) -> None:
        """Give the page of the newest run so far its link to the one that followed."""
        ...

    def write_target(self, history: TargetHistory, *, runs: Collection[int]) -> None:
        """Write a target's page; `runs` have pages to link to."""
        ...

    def write_project(self, project: ProjectBlocks) -> None:
        """Write a project's page."""
        ...

    def write_year(self, year: int, listing: Listing, *, runs: Collection[int]) -> None:
        """Write the page of a year's older runs."""
        ...

    def write_overview(self, overview: Overview, *, runs: Collection[int]) -> None:
        """Write the index."""
        ...

    def prune(
        self, keep_runs: Collection[int], keep_targets: Collection[TargetId]
    ) -> tuple[str, ...]:
        """Remove the pages of all other runs and targets, and the links to them; return which.

        What lies in the folder under another name than the archive gives is left alone.
        """
        ...
