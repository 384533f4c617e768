from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor import app
from auditor.audit.run import Audit
from auditor.fetching import BlockSource, FetchResult, ListedBlock, StoredBody
from auditor.model import Failure, RunStatus, TargetId, TargetState
from auditor.report import Report
from auditor.studio.client import StudioClient
from tests.audit.stage import Stage, block, stage, target


class Defective(StudioClient):
    """Fails for one block as a program does that has a defect."""

    async def fetch(
        self, target: TargetId, source: BlockSource, *, stored_body: StoredBody | None
    ) -> FetchResult:
        if target.learn_id == 4:
            raise ZeroDivisionError
        return await super().fetch(target, source, stored_body=stored_body)


class DefectiveListing(StudioClient):
    """Fails to list a project as a program does that has a defect."""

    async def list_blocks(self, project_id: int) -> tuple[ListedBlock, ...] | Failure:
        raise KeyError(project_id)


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    blocks = {number: block(name=f"Block {number}") for number in (3, 4, 5)}
    with stage(database_url, tmp_path, blocks) as set_up:
        yield set_up


def audited(pump: Stage, client: type[StudioClient] = Defective) -> Report:
    asking = app.build_client(pump.settings)
    defective = client(
        base_url=asking.base_url,
        credentials=asking.credentials,
        concurrency=2,
        timeout=asking.timeout,
        tries=1,
        max_bytes=asking.max_bytes,
        now=app.now,
    )
    with pump.open_store() as store, store.run_lock():
        audit = Audit(store, defective, now=app.now)
        return asyncio.run(audit.run(app.build_request(pump.settings))).report


def test_a_defect_met_by_one_block_leaves_the_others_their_night(
    pump: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    report = audited(pump)

    assert report.run.status is RunStatus.INCOMPLETE
    states = {result.target: result.state for result in report.targets}
    assert states == {
        target(3): TargetState.NEW,
        target(4): TargetState.UNKNOWN,
        target(5): TargetState.NEW,
    }
    assert "ZeroDivisionError" in caplog.text


def test_a_defect_met_by_a_listing_costs_that_project_alone(
    pump: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    pump.audit()

    report = audited(pump, DefectiveListing)

    assert report.run.status is RunStatus.FAILED
    assert [error.kind for error in report.errors] == ["internal"]
    assert {result.state for result in report.targets} == {TargetState.UNKNOWN}
    assert "project not listed" in caplog.text
    assert pump.audit().run.status is RunStatus.COMPLETE
