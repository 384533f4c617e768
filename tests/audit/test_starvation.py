from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor import app
from auditor.audit.plan import RunControl
from auditor.audit.run import Audit
from auditor.model import TargetState
from auditor.store.store import SqlStore
from tests.audit.stage import Stage, block, stage

pytestmark = pytest.mark.both_databases

BLOCKS = range(1, 11)


@pytest.fixture
def fleet(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    blocks = {learn_id: block(name=f"Block {learn_id}") for learn_id in BLOCKS}
    with stage(database_url, tmp_path, blocks) as set_up:
        text = (tmp_path / "config.toml").read_text()
        set_up.configure(text.replace("[studio]\n", "[studio]\nconcurrency = 1\n"))
        yield set_up


def run_until_late(fleet: Stage, store: SqlStore, *, after: int) -> set[int]:
    """Run with a time limit that so many blocks reach; return which they were."""
    checked = 0

    def count(number: int) -> None:
        nonlocal checked
        checked += number

    control = RunControl(checked=count, is_late=lambda: checked >= after)
    request = app.build_request(fleet.settings)
    audit = Audit(store, app.build_client(fleet.settings), now=app.now, control=control)
    with store.run_lock():
        report = app.run_async(audit.run(request)).report
    return {
        line.target.learn_id for line in report.targets if line.state is not TargetState.UNKNOWN
    }


def test_a_limit_that_is_too_short_leaves_no_block_unchecked_for_ever(fleet: Stage) -> None:
    with fleet.open_store() as store:
        read = [run_until_late(fleet, store, after=4) for _ in range(5)]

    # Blocks that were saved together were checked at one time: those come in order.
    assert read == [{1, 2, 3, 4}, {5, 6, 7, 8}, {9, 10, 1, 2}, {3, 4, 5, 6}, {7, 8, 1, 2}]
