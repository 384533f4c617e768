"""The service's signs of life, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from auditor import app
from auditor.audit.plan import Scope
from auditor.daemon.service import Service
from auditor.redaction import Secret
from auditor.store.store import SqlStore
from tests.audit.stage import Stage, target
from tests.daemon.conftest import scheduled_since
from tests.daemon.test_service import DAYS, serve, tick
from tests.pings import Pings, pings
from tests.rendering.prometheus import read

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def store(pump: Stage) -> Iterator[SqlStore]:
    scheduled_since(pump, app.now() - 3 * DAYS)
    with app.open_store(pump.settings) as store:
        yield store


@pytest.fixture
def heard(pump: Stage) -> Iterator[Pings]:
    with pings() as server:
        pump.change("heartbeat", url=Secret(server.url))
        yield server


def test_a_night_pings_start_and_success(pump: Stage, store: SqlStore, heard: Pings) -> None:
    serve(pump, store, tick)

    assert heard.signals == ["/start", ""]


@pytest.mark.parametrize("reply", ["450 later", "550 unknown"])
def test_a_night_that_is_reported_late_pings_success_then(
    pump: Stage, store: SqlStore, heard: Pings, reply: str
) -> None:
    pump.postbox.refuses["ml@example.org"] = reply

    async def tick_until_it_is_delivered(service: Service) -> None:
        await service._tick()
        assert heard.signals == ["/start", "/fail"]
        pump.postbox.refuses.clear()
        for message in store.queued_messages(due_by=None):
            store.record(replace(message, due_at=app.now() - DAYS))
        await service._tick()
        await service._tick()

    serve(pump, store, tick_until_it_is_delivered)

    assert heard.signals[2:] == ([""] if reply.startswith("4") else [])


@pytest.fixture
def metrics(pump: Stage) -> Path:
    path = pump.folder / "auditor.prom"
    pump.change("metrics", textfile=path)
    return path


def test_metrics_are_there_after_the_first_minute_and_follow_the_mail(
    pump: Stage, store: SqlStore, metrics: Path
) -> None:
    pump.postbox.refuses["ml@example.org"] = "450 later"
    seen: list[dict[tuple[str, str], float]] = []

    async def tick_three_times(service: Service) -> None:
        await service._tick()
        seen.append(read(metrics.read_text()))
        pump.postbox.refuses.clear()
        for message in store.queued_messages(due_by=None):
            store.record(replace(message, due_at=app.now() - DAYS))
        await service._tick()
        seen.append(read(metrics.read_text()))
        metrics.unlink()
        await service._tick()

    serve(pump, store, tick_three_times)

    assert [samples["auditor_outbox_messages", "queued"] for samples in seen] == [1, 0]
    assert [samples["auditor_targets", "new"] for samples in seen] == [3, 3]
    assert [samples["auditor_last_run_fetches", "answer"] for samples in seen] == [3, 3]
    assert not metrics.exists(), "what did not change is not written again"


def test_metrics_are_for_every_reader_and_leave_nothing_beside_them(
    pump: Stage, metrics: Path
) -> None:
    before = set(pump.folder.iterdir())
    pump.night()

    assert metrics.stat().st_mode & 0o777 == 0o644
    made = {path.name for path in set(pump.folder.iterdir()) - before}
    assert {name for name in made if not name.startswith("auditor.db")} == {
        "auditor.prom",
        "reports",
    }


def test_a_narrowed_run_leaves_the_last_whole_one_standing(pump: Stage, metrics: Path) -> None:
    pump.night()
    first = read(metrics.read_text())
    pump.night(scope=Scope(project_id=7))
    after = read(metrics.read_text())

    for name in ("auditor_last_run_timestamp_seconds", "auditor_last_success_timestamp_seconds"):
        assert after[name, ""] == first[name, ""]
    assert after["auditor_targets", "in_sync"] == 3


def test_metrics_name_what_is_open_and_how_much_was_checked(pump: Stage, metrics: Path) -> None:
    pump.studio.edit(target(3), lambda answer: answer.update(trained=True))
    pump.night()
    pump.studio.edit(target(3), lambda answer: answer.update(trained=False))
    pump.night()
    samples = read(metrics.read_text())

    assert samples["auditor_open_conditions", "training_lost,critical"] == 1
    assert samples["auditor_project_open_conditions", "7,critical"] == 1
    assert samples["auditor_project_last_run_findings", "7,critical"] == 1
    assert samples["auditor_last_run_targets", ""] == 3
    assert samples["auditor_last_run_checked_targets", ""] == 3


def test_metrics_that_cannot_be_written_are_logged_and_break_nothing(
    pump: Stage, metrics: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metrics.mkdir()
    delivered = pump.night()

    assert delivered.is_delivered
    assert "metrics not written" in caplog.text
