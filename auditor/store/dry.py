"""A store for dry runs, which reads and never writes."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

from auditor.context import Endpoint, EndpointState, KnownTraining
from auditor.drift.conditions import apply_changes, compare_conditions, worst_conditions_first
from auditor.drift.recurrence import PastChange, PastFolding
from auditor.drift.secrets import Secrets
from auditor.listings import RunSummary
from auditor.model import Kind, OpenCondition, RunInfo, Snapshot, TargetId, Trigger
from auditor.outbox import Message
from auditor.protocols import RunStore
from auditor.records import (
    Acknowledgement,
    FindingOccurrence,
    KnownTarget,
    RuleBreach,
    RuleMatch,
    RunConclusions,
    UnreportedFinding,
    UnreportedNotice,
    VersionLine,
)
from auditor.report import Notice, Report
from auditor.results import NO_NEWS, BatchNews, NewVersion, TargetResult

_AFTER_ALL = 2**31 - 1  # the greatest id of a run


class DryStore:
    """A `RunStore` over a stored history, or over none where no database exists yet.

    Of the targets in `compared`, the versions that the run found are those that it compares with
    each other at its end, as if they were stored.
    """

    def __init__(self, stored: RunStore | None, compared: Collection[TargetId] = ()) -> None:
        self._stored = stored
        self._compared = frozenset(compared)
        self._found: dict[TargetId, tuple[int, NewVersion]] = {}  # with an id that none stored has
        self._key = secrets.token_bytes(32)
        self._open: tuple[OpenCondition, ...] | None = None

    def run_lock(self) -> AbstractContextManager[None]:
        """Lock nothing: a dry run does not disturb another run."""
        return nullcontext()

    def open_run(
        self, trigger: Trigger, *, started_at: datetime, schedule: str = "", slot: str = ""
    ) -> int:
        """Store no run."""
        del trigger, started_at, schedule, slot
        return 0

    def abandon_open_runs(self, now: datetime) -> tuple[int, ...]:
        """Leave open runs alone."""
        del now
        return ()

    def fingerprint_key(self) -> bytes:
        """Return the database's key, or one for this run only."""
        return self._stored.fingerprint_key() if self._stored else self._key

    def secrets(self) -> Secrets:
        """Return what hides the database's secrets, or that of a key for this run only."""
        return self._stored.secrets() if self._stored else Secrets(self._key)

    def add_secret_parameters(self, names: Iterable[str]) -> None:
        """Remember nothing."""
        del names

    def known_targets(self, targets: Sequence[TargetId]) -> dict[TargetId, KnownTarget]:
        """Return what is stored of the targets, with the versions that this run found."""
        known = self._stored.known_targets(targets) if self._stored else {}
        found = {target: self._found[target] for target in targets if target in self._found}
        return known | {
            target: _as_known(version_id, version, known.get(target))
            for target, (version_id, version) in found.items()
        }

    def last_checks_of_starved(self) -> dict[TargetId, datetime | None]:
        """Return what is stored of targets."""
        return self._stored.last_checks_of_starved() if self._stored else {}

    def known_project_targets(self, project_id: int) -> tuple[KnownTarget, ...]:
        """Return what is stored of the project."""
        return self._stored.known_project_targets(project_id) if self._stored else ()

    def audited_projects(self) -> frozenset[int]:
        """Return the projects of the targets that are audited."""
        return self._stored.audited_projects() if self._stored else frozenset()

    def found_projects(self) -> frozenset[int]:
        """Return the projects that were last audited because Studio listed them."""
        return self._stored.found_projects() if self._stored else frozenset()

    def remember_inventory(
        self, run_id: int, found: Iterable[int] | None, notices: Sequence[Notice]
    ) -> None:
        """Remember nothing."""
        del run_id, found, notices

    def snapshot(self, version_id: int) -> Snapshot:
        """Return a stored snapshot, or one that this run found."""
        of_run = (found.snapshot for id_, found in self._found.values() if id_ == version_id)
        return next(of_run, None) or self._history().snapshot(version_id)

    def lines_of_versions(self, ids: Sequence[int]) -> dict[int, VersionLine]:
        """Return what is stored of versions."""
        return self._history().lines_of_versions(ids)

    def version_before(self, target: TargetId, run_id: int) -> int | None:
        """Return nothing, as for unreported findings."""
        del target, run_id
        return None

    def save(
        self,
        run_id: int,
        outcomes: Sequence[TargetResult],
        *,
        at: datetime,
        news: BatchNews = NO_NEWS,
    ) -> None:
        """Store nothing; remember what only this run says of open conditions, and siblings."""
        for each in outcomes:
            if isinstance(each, NewVersion) and each.target in self._compared:
                self._found[each.target] = (-1 - len(self._found), each)
        before = self.open_conditions()
        changes = compare_conditions(before, news.conditions, run_id=run_id, at=at)
        self._open = apply_changes(before, changes)

    def open_conditions(
        self, targets: Sequence[TargetId] | None = None
    ) -> tuple[OpenCondition, ...]:
        """Return the stored open conditions as this run leaves them."""
        if self._open is None:
            self._open = self._stored.open_conditions() if self._stored else ()
        wanted = (each for each in self._open if targets is None or each.target in targets)
        return worst_conditions_first(wanted)

    def known_trainings(self, targets: Sequence[TargetId]) -> dict[TargetId, KnownTraining]:
        """Return what is stored of trainings."""
        return self._stored.known_trainings(targets) if self._stored else {}

    def endpoint_states(
        self, projects: Sequence[int]
    ) -> dict[tuple[int, Endpoint], EndpointState]:
        """Return what is stored of endpoints."""
        return self._stored.endpoint_states(projects) if self._stored else {}

    def headlines_since(
        self, targets: Sequence[TargetId], at: datetime, *, most: int
    ) -> tuple[tuple[TargetId, str], ...]:
        """Return what stored runs found."""
        return self._stored.headlines_since(targets, at, most=most) if self._stored else ()

    def unreported_findings(self, run_id: int) -> tuple[UnreportedFinding, ...]:
        """Return nothing: unreported findings wait for a run that delivers its report."""
        del run_id
        return ()

    def head(self, run_id: int) -> str:
        """Return no link: a dry run is not in the chain."""
        del run_id
        return ""

    def run_info(self, run_id: int) -> RunInfo | None:
        """Return a stored run."""
        return self._stored.run_info(run_id) if self._stored else None

    def newest_starts(self, most: int) -> tuple[datetime, ...]:
        """Return no time: a dry run is not among the runs."""
        del most
        return ()

    def previous_run_id(self, run_id: int) -> int | None:
        """Return the newest stored run: a dry run comes after all of them."""
        del run_id
        return self._stored.previous_run_id(_AFTER_ALL) if self._stored else None

    def run_summaries(self, most: int) -> tuple[RunSummary, ...]:
        """Return summaries of the last stored runs."""
        return self._stored.run_summaries(most) if self._stored else ()

    def past_changes(self, target: TargetId) -> tuple[PastChange, ...]:
        """Return what is stored of the target's changes."""
        return self._stored.past_changes(target) if self._stored else ()

    def finding_occurrences(self, finding_id: str) -> tuple[FindingOccurrence, ...]:
        """Return what is stored of a finding."""
        return self._stored.finding_occurrences(finding_id) if self._stored else ()

    def past_foldings(self, target: TargetId) -> tuple[PastFolding, ...]:
        """Return what is stored of the target's findings."""
        return self._stored.past_foldings(target) if self._stored else ()

    def acknowledgements(self) -> tuple[Acknowledgement, ...]:
        """Return the acknowledgements in force."""
        return self._stored.acknowledgements() if self._stored else ()

    def vendor_paths(self) -> frozenset[str]:
        """Return the paths that were reported as the vendor's."""
        return self._stored.vendor_paths() if self._stored else frozenset()

    def vendor_keys(self) -> Mapping[tuple[Kind, str], datetime]:
        """Return the keys that stored runs found to be the vendor's."""
        return self._stored.vendor_keys() if self._stored else {}

    def rule_breaches(self) -> tuple[RuleBreach, ...]:
        """Return the breaches of rules that have not ended."""
        return self._stored.rule_breaches() if self._stored else ()

    def ignore_rules(self) -> dict[str, bool]:
        """Return which ignore rules were ever in force."""
        return self._stored.ignore_rules() if self._stored else {}

    def remember_ignore_rules(self, keys: Iterable[str], *, at: datetime) -> None:
        """Remember nothing."""
        del keys, at

    def rule_matches(self) -> dict[str, RuleMatch] | None:
        """Return None: the versions of a dry run are not stored, so rules are not compared."""
        return None

    def unreported_notices(self, run_id: int) -> tuple[UnreportedNotice, ...]:
        """Return nothing, as for findings."""
        del run_id
        return ()

    def close_run(
        self,
        report: Report,
        messages: Sequence[Message],
        *,
        carried: Sequence[UnreportedFinding],
        conclusions: RunConclusions,
    ) -> None:
        """Close nothing."""
        del report, messages, carried, conclusions

    def mark_reported(self, run_id: int, *, at: datetime) -> None:
        """Mark nothing."""
        del run_id, at

    def _history(self) -> RunStore:
        if self._stored is None:
            raise AssertionError("without a database no version is known")
        return self._stored


def _as_known(version_id: int, found: NewVersion, before: KnownTarget | None) -> KnownTarget:
    """Return a target as if a version that a dry run found were stored."""
    return KnownTarget(
        target=found.target,
        kind=found.kind,
        project=found.project,
        name=found.snapshot.name,
        type=found.snapshot.type,
        state=found.state,
        model_state=found.model_state,
        body_digest=found.body_digest,
        form="",
        version_id=version_id,
        digest=found.snapshot.digest,
        catalogue_digest=found.snapshot.catalogue.digest,
        trained_version_id=before.trained_version_id if before else None,
        baseline_version_id=before.baseline_version_id if before else None,
        models=found.models,
        last_checked_at=before.last_checked_at if before else None,
    )
