"""Blocks in memory, audited night by night into a database, as sequences of nights need them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from auditor import decide
from auditor.audit.close import close_run
from auditor.audit.plan import Plan, Project, RunRequest
from auditor.audit.run import Audit
from auditor.decide import Decision
from auditor.drift.rules import Rules
from auditor.fetching import Answer as Fetched
from auditor.fetching import (
    BlockSource,
    FetchFailure,
    FetchResult,
    ListedBlock,
    StoredBody,
    UnchangedAnswer,
)
from auditor.model import BlockKindName, Failure, TargetId
from auditor.rendering.json import encode_report
from auditor.report import Report
from auditor.store.store import SqlStore, open_database
from tests.contextless import WithoutContext
from tests.decisions import approve, approve_all_new
from tests.signal.edits import Answer, Edit, edited

_PROJECT = 7
_FIRST = datetime(2026, 3, 1, 3, 15, tzinfo=UTC)
_BUSY = Failure(kind="timeout", message="no answer in time")

Step: TypeAlias = "Callable[[Fleet], None]"
"""What happens before a night: an edit in Studio, a decision, a rule."""


class Fleet:
    """One project's learn blocks, by number, and what the auditor knows of them."""

    def __init__(self, url: str, blocks: dict[int, Answer], rules: Rules) -> None:
        self.blocks = dict(blocks)
        self.rules = rules
        self.silent: set[int] = set()
        self.is_withheld = False
        self.store: SqlStore = open_database(url, upgrade=False)
        self._nights = 0
        self._findings: dict[tuple[int, str], str] = {}

    def night(self) -> Any:  # noqa: ANN401 - any JSON
        """Audit all blocks and return the report as programs read it."""
        self._nights += 1
        with self.store.run_lock():
            audit = Audit(self.store, _Studio(self), now=self.now)
            completed = asyncio.run(audit.run(_request(self.rules)))
            close_run(
                completed,
                self.store,
                archive=_Archive(),
                plan=None,
                now=self.now,
                is_withheld=self.is_withheld,
            )
        self.is_withheld = False
        report = encode_report(completed.report)
        self._remember(report)
        return report

    def now(self) -> datetime:
        """Return the time of this fleet: each night is a day after the one before."""
        return _FIRST + timedelta(days=self._nights)

    def finding(self, block: int, path: str) -> str:
        """Return the id of the newest finding of a block at a path."""
        return self._findings[block, path]

    def _remember(self, report: Any) -> None:  # noqa: ANN401 - any JSON
        for target in report["targets"]:
            for finding in target["findings"]:
                self._findings[target["learn_id"], finding["path"]] = finding["id"]


def time_of_night(number: int) -> str:
    """Return when a night's run starts, as reports write it."""
    return f"{_FIRST + timedelta(days=number):%Y-%m-%dT%H:%M:%SZ}"


def edit(*blocks: int, to: Edit) -> Step:
    """Edit blocks in Studio."""

    def step(fleet: Fleet) -> None:
        for block in blocks:
            fleet.blocks[block] = edited(fleet.blocks[block], to)

    return step


def approve_all() -> Step:
    """Approve the last version of every block that has no baseline."""
    return lambda fleet: _ignore(approve_all_new(fleet.store, _decision(fleet)))


def approve_block(block: int) -> Step:
    """Approve the last version of a block."""
    return lambda fleet: _ignore(approve([_target(block)], fleet.store, _decision(fleet)))


def acknowledge(block: int, path: str) -> Step:
    """Accept the value of the newest finding of a block at a path."""
    return lambda fleet: acknowledge_finding(fleet.finding(block, path))(fleet)


def acknowledge_finding(finding_id: str) -> Step:
    """Accept the value of a finding."""
    return lambda fleet: _ignore(decide.acknowledge(finding_id, fleet.store, _decision(fleet)))


def unacknowledge(block: int, path: str) -> Step:
    """Take back what was accepted."""
    return lambda fleet: _ignore(
        decide.unacknowledge(fleet.finding(block, path), fleet.store, _decision(fleet))
    )


def fall_silent(block: int) -> Step:
    """Let a block be unreadable from now on."""
    return lambda fleet: fleet.silent.add(block)


def withhold() -> Step:
    """Send the next night's report to nobody."""

    def step(fleet: Fleet) -> None:
        fleet.is_withheld = True

    return step


def _ignore(_: object) -> None:
    return


def _decision(fleet: Fleet) -> Decision:
    return Decision(author="anna", reason="as planned", at=fleet.now())


def _target(block: int) -> TargetId:
    return TargetId(_PROJECT, block)


def _request(rules: Rules) -> RunRequest:
    project = Project(id=_PROJECT, name="Pump", learn_blocks=None)
    return RunRequest(plan=Plan(projects=(project,)), rules=rules)


class _Studio(WithoutContext):
    """Answers from memory; what does not answer is busy."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def __aenter__(self) -> _Studio:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def fetch(
        self, target: TargetId, source: BlockSource, *, stored_body: StoredBody | None
    ) -> FetchResult:
        del source
        if target.learn_id in self._fleet.silent:
            return FetchFailure(failure=_BUSY)
        body = json.dumps(self._fleet.blocks[target.learn_id])
        digest = hashlib.sha256(body.encode()).hexdigest()
        if stored_body is not None and stored_body.digest == digest:
            return UnchangedAnswer()
        return Fetched(kind=BlockKindName.KERAS, document=json.loads(body), body_digest=digest)

    async def fetch_again(self, target: TargetId, source: BlockSource) -> FetchResult:
        return await self.fetch(target, source, stored_body=None)

    async def wait_to_settle(self) -> None:
        return

    async def list_blocks(self, project_id: int) -> tuple[ListedBlock, ...] | Failure:
        del project_id
        return tuple(
            ListedBlock(
                target=_target(block),
                name=answer["name"],
                type=answer["type"],
                kind=BlockKindName.KERAS,
                entry={},
            )
            for block, answer in sorted(self._fleet.blocks.items())
        )

    async def list_projects(self) -> dict[int, str] | Failure:
        return {_PROJECT: "Pump"}

    async def fetch_project_name(self, project_id: int) -> str:
        del project_id
        return "Pump"


class _Archive:
    def write(self, report: Report) -> str:
        del report
        return "page.html"
