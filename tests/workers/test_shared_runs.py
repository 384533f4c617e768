"""A run that shares its requests with workers finds what a run of one process finds."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from auditor import app
from auditor.audit.plan import RunControl
from auditor.demo.faults import Fault
from auditor.rendering.json import encode_report
from tests.audit.stage import PROJECT, Stage, target
from tests.faults.stage import wait_until
from tests.workers.machines import HookedStudio, exchange_of, machines

JOINED = "doing batches of a run"
ALONE = "the run goes on without workers"
NIGHT = datetime(2026, 11, 20, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_run_without_any_worker_does_its_batches_itself(
    shared: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = shared.json_of_night(), shared.json_of_night()

    assert first["totals"]["new"] == 12
    assert second["totals"]["in_sync"] == 12
    assert ALONE not in caplog.text


def _break(stage: Stage) -> None:
    for number, fault in enumerate((Fault.HTTP_404, Fault.HTML, Fault.NOT_JSON, Fault.HTTP_500)):
        stage.studio.fail(fault, target=target(4 + number))


def _edit(stage: Stage) -> None:
    stage.studio.heal()
    stage.studio.edit(target(3), lambda answer: answer.update(batchSize=64))
    stage.studio.edit(target(9), lambda answer: answer.update(trained=False))
    stage.studio.edit(target(9), lambda answer: answer.update(learningRate=0.25))


def _release(stage: Stage) -> None:
    for number in range(3, 15):
        stage.studio.edit(target(number), lambda answer: answer.update(newSwitch={"on": [1.5]}))


def _add_and_remove(stage: Stage) -> None:
    stage.studio.put(target(40), stage.studio.answer(target(3)))
    stage.studio.remove(target(5))


def _refuse_the_key(stage: Stage) -> None:
    stage.studio.change_key(PROJECT, "another")


def test_shared_runs_report_what_runs_of_one_process_report(
    shared: Stage, alone: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    for each in (shared, alone):
        _night(each, NIGHT)
    with machines(shared.settings, 2) as workers:
        workers.wait_until_ready()
        for days, happen in enumerate(
            (_break, _edit, _release, _add_and_remove, _refuse_the_key), start=1
        ):
            for each in (shared, alone):
                happen(each)
            at = NIGHT + days * DAY
            report, other = _night(shared, at), _night(alone, at)

            assert report["targets"] == other["targets"]
            assert report == {**other, "run": report["run"]}
    assert ALONE not in caplog.text


def test_workers_do_a_part_of_the_batches(
    shared: Stage, studio: HookedStudio, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    def who_joined() -> set[str]:
        return {each.threadName or "" for each in caplog.records if each.message == JOINED}

    shared.night()
    with machines(shared.settings, 2) as workers:
        workers.wait_until_ready()
        caplog.clear()
        names = {machine.name for machine in workers.members}
        # Until each has a batch, no batch ends: else the fastest could do them all.
        studio.hook(dict.fromkeys(range(1, 13), lambda: wait_until(lambda: who_joined() == names)))
        report = shared.json_of_night()

    assert report["totals"]["in_sync"] == 12


def test_a_worker_of_another_configuration_does_nothing(
    shared: Stage, alone: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    shared.night()
    caplog.set_level("INFO")
    alone.change("workers", enabled=True)
    alone.change("database", url=shared.settings.database.url)
    with machines(alone.settings, 1) as workers:
        workers.wait_until_ready()
        report = shared.json_of_night()

    assert report["totals"]["in_sync"] == 12
    assert JOINED not in caplog.text


def test_what_is_left_of_a_run_that_crashed_is_no_part_of_the_next(shared: Stage) -> None:
    shared.night()

    async def leave() -> None:
        async with exchange_of(shared.settings) as exchange:
            await exchange.begin("crashed")
            await exchange.put("crashed", 0, b"requests of long ago")
            await exchange.answer("crashed", 0, b"outcomes of long ago")
            await exchange.put("crashed", 1, b"requests of long ago")

    asyncio.run(leave())
    with machines(shared.settings, 1):
        report = shared.json_of_night()

    assert report["totals"]["in_sync"] == 12
    left = "SELECT (SELECT count(*) FROM batch) + (SELECT count(*) FROM procrastinate_jobs)"
    assert _sql(shared, left) == 0


def test_tables_of_another_version_are_made_anew(shared: Stage) -> None:
    shared.night()
    _sql(shared, "COMMENT ON SCHEMA auditor_workers IS '0, procrastinate 2.0'; DROP TABLE batch")

    assert shared.json_of_night()["totals"]["in_sync"] == 12


def test_a_run_goes_on_alone_where_its_tables_are_gone(
    shared: Stage, studio: HookedStudio, caplog: pytest.LogCaptureFixture
) -> None:
    shared.night()
    studio.hook({1: lambda: _sql(shared, "ALTER SCHEMA auditor_workers RENAME TO elsewhere")})
    report = shared.json_of_night()

    assert report["totals"]["in_sync"] == 12
    assert ALONE in caplog.text


def test_a_run_that_is_stopped_asks_for_no_more_than_is_in_hand(
    shared: Stage, studio: HookedStudio
) -> None:
    shared.night()
    shared.change("studio", concurrency=1)
    shared.change("workers", batch=12)
    stop = threading.Event()

    def stop_run() -> None:
        stop.set()
        wait_until(lambda: bool(_sql(shared, "SELECT is_ended FROM run")))

    studio.hook({1: stop_run})
    report = _night(shared, NIGHT + DAY, RunControl(stopping=stop.is_set))

    assert report["run"]["status"] == "incomplete"
    kinds = [entry["error"]["kind"] for entry in report["targets"] if entry["error"]]
    assert set(kinds) == {"stopped"}
    assert len(kinds) >= 10


def test_no_answer_passes_through_the_database(shared: Stage, studio: HookedStudio) -> None:
    shared.night()
    studio.edit(target(3), lambda answer: answer.update(script="key = 'ei_" + "5e" * 24 + "'"))
    seen: list[bytes] = []

    def look() -> None:
        rows = "SELECT string_agg(requests || coalesce(outcomes, ''), '') FROM batch"
        content = _sql(shared, rows)
        seen.append(content if isinstance(content, bytes) else b"")

    studio.hook(dict.fromkeys(range(1, 14), look))
    shared.json_of_night()

    assert any(seen)
    for requests in filter(None, seen):
        assert b"ei_5e5e" not in requests
        assert len(requests) < 12 * 200  # an answer takes thousands


def _sql(stage: Stage, statement: str) -> object:
    """Execute SQL on the workers' tables, and return the value that it asks for."""
    url = make_url(stage.settings.database.url).set(drivername="postgresql")
    options = "-c search_path=auditor_workers"
    address = url.render_as_string(hide_password=False)
    with psycopg.connect(address, options=options) as connection:
        result = connection.execute(statement)
        row = result.fetchone() if result.description else None
        return row[0] if row else None


def _night(stage: Stage, at: datetime, control: RunControl | None = None) -> dict[str, Any]:
    """Run once by a clock that stands, and return the report."""
    control = control or RunControl(clock=lambda: at)
    with stage.open_store() as store:
        order = app.build_request(stage.settings)
        work = app.run_and_deliver(stage.settings, order, store, control=control)
        report: dict[str, Any] = encode_report(app.run_async(work).report)
    return report
