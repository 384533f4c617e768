"""The daemon as systemd runs it: a process that says how it is and obeys signals."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from auditor import app
from auditor.model import RunInfo, RunStatus, Starter, Trigger
from auditor.outbox import Message, MessageState
from auditor.store.outbox import queue_messages
from tests.audit.stage import Stage
from tests.cli.gate import DEADLINE_S, GatedStudio, gated_studio
from tests.daemon.conftest import schedule, scheduled_since
from tests.daemon.manager import daemon
from tests.test_mail import free_port

pytestmark = pytest.mark.both_databases

ONLY_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def last_run(pump: Stage) -> RunInfo | None:
    with app.open_store(pump.settings) as store:
        return store.last_run()


def test_a_missed_night_runs_once_at_start_and_not_again(pump: Stage) -> None:
    scheduled_since(pump, app.now() - timedelta(days=3))
    with daemon(pump.folder) as process:
        process.ready()
        assert "STATUS=Run under way" in process.ears.heard
        assert process.stop() == 0
        assert process.ears.hear("STOPPING=1")
    with daemon(pump.folder) as again:
        again.ready()
        assert "STATUS=Run under way" not in again.ears.heard
        assert again.stop(signal.SIGINT) == 0

    run = last_run(pump)
    assert run is not None
    assert (run.id, run.trigger, run.status) == (1, Trigger.CATCH_UP, RunStatus.COMPLETE)
    assert len(pump.postbox.taken) == 2


@ONLY_SQLITE
def test_at_its_very_first_start_no_night_was_missed(pump: Stage) -> None:
    with daemon(pump.folder) as process:
        status = process.ready()
        assert process.stop() == 0

    assert last_run(pump) is None
    assert status.startswith("STATUS=Next run 20")
    assert status.endswith(" UTC; 0 undelivered")
    assert "service started" in process.log
    assert "service stopped" in process.log


def test_the_service_leaves_a_sign_of_life_and_signs_off(pump: Stage) -> None:
    with daemon(pump.folder) as process:
        process.ready()  # after the first tick
        with app.open_store(pump.settings) as store:
            during = app.find_presence(store)
        assert process.stop() == 0
    with app.open_store(pump.settings) as store:
        after = app.find_presence(store)

    assert (during.starter, during.is_delivering) == (Starter.SERVICE, True)
    assert (after.starter, after.is_delivering) == (Starter.NOBODY, False)
    assert after.service_seen_at is not None
    assert app.now() - after.service_seen_at < timedelta(minutes=1)


def test_a_service_that_was_killed_is_known_to_have_ended_at_once(pump: Stage) -> None:
    with daemon(pump.folder) as process:
        process.ready()
        process.process.kill()
        process.process.wait(DEADLINE_S)
        with app.open_store(pump.settings) as store:
            end = time.monotonic() + DEADLINE_S  # the server notices that the connection is gone
            while store.is_served() and time.monotonic() < end:
                time.sleep(0.05)  # a lock is asked for: its end is announced to nobody
            after = app.find_presence(store)

    assert (after.starter, after.is_delivering, after.was_stopped) == (
        Starter.NOBODY,
        False,
        False,
    )
    assert after.service_seen_at is not None


@ONLY_SQLITE
def test_a_configuration_is_taken_at_a_reload_where_it_can_be_used(pump: Stage) -> None:
    with daemon(pump.folder) as process:
        before = process.ready()
        good = (pump.folder / "config.toml").read_text()
        (pump.folder / "config.toml").write_text(good + "\n[studio]\n")
        assert before in process.reload()
        assert "new configuration refused, the old one stays" in process.log
        schedule(pump, "59 23 31 12 *")
        assert "-12-31 23:59 UTC" in process.reload()
        assert "new configuration adopted" in process.log
        assert process.stop() == 0


@ONLY_SQLITE
def test_a_message_that_is_due_is_tried_again(pump: Stage) -> None:
    pump.postbox.refuses = {"ml@example.org": "450 later", "ops@example.org": "450 later"}
    pump.night()
    pump.postbox.refuses.clear()
    with app.open_store(pump.settings) as store:
        due, not_due = store.queued_messages(due_by=None)
        store.record(replace(due, due_at=app.now() - timedelta(hours=1)))
        store.record(replace(not_due, due_at=app.now() + timedelta(hours=1)))
    with daemon(pump.folder) as process:
        status = process.ready()
        assert process.stop() == 0

    assert [to for to, _ in pump.postbox.taken] == [due.recipient]
    assert pump.postbox.taken[0][1]["Message-ID"] == due.message_id
    assert status.endswith("; 1 undelivered")


@ONLY_SQLITE
def test_thousands_of_dead_messages_take_no_memory(pump: Stage) -> None:
    pump.postbox.refuses = {"ml@example.org": "550 no", "ops@example.org": "550 no"}
    run = pump.night().report.run
    content = b"x" * 300_000  # all of them would be 600 MB
    with app.open_store(pump.settings) as store, store.database.writing() as connection:
        dead = [_dead_message(run.id or 0, number, content) for number in range(2_000)]
        queue_messages(connection, dead)
    with daemon(pump.folder) as running:
        status = running.ready()
        memory = Path(f"/proc/{running.process.pid}/status").read_text()
        assert running.stop() == 0

    assert status.endswith("; 0 undelivered")
    peak = re.search(r"VmHWM:\s+([0-9]+) kB", memory)
    assert peak is not None
    assert int(peak[1]) < 100 * 1024


def _dead_message(run_id: int, number: int, content: bytes) -> Message:
    return Message(
        id=0,
        run_id=run_id,
        recipient="nobody@example.org",
        message_id=f"<{number}@example.org>",
        subject="s",
        content=content,
        state=MessageState.DEAD,
        attempts=1,
        due_at=app.now(),
        last_error="550 no such user",
    )


@ONLY_SQLITE
def test_the_watchdog_hears_that_it_lives(pump: Stage) -> None:
    with daemon(pump.folder, WATCHDOG_USEC="2000000") as process:
        process.ready()
        process.ears.hear("WATCHDOG=1")
        assert process.stop() == 0


@ONLY_SQLITE
def test_it_waits_for_a_database_that_cannot_be_reached_until_it_is_stopped(pump: Stage) -> None:
    config, url = pump.folder / "config.toml", pump.settings.database.url
    nowhere = f"postgresql+psycopg://auditor@127.0.0.1:{free_port()}/auditor"
    config.write_text(config.read_text().replace(url, nowhere))
    with daemon(pump.folder) as process:
        process.ears.hear("STATUS=Waiting for the database")
        assert process.stop() == 0

    assert "READY=1" not in "".join(process.ears.heard)
    assert "database not reached" in process.log


@pytest.fixture
def gated(pump: Stage) -> Iterator[GatedStudio]:
    with gated_studio(pump) as studio:
        yield studio


@ONLY_SQLITE
def test_a_run_under_way_ends_the_block_in_hand_and_leaves_the_rest(
    pump: Stage, gated: GatedStudio
) -> None:
    scheduled_since(pump, app.now() - timedelta(days=3))
    with daemon(pump.folder) as process:
        assert gated.asked.wait(DEADLINE_S)
        assert process.reload() == "READY=1\nSTATUS=Run under way"
        process.process.terminate()
        process.ears.hear("STOPPING=1\nEXTEND_TIMEOUT_USEC=60000000")
        gated.gate.set()
        assert process.process.wait(DEADLINE_S) == 0

    with app.open_store(pump.settings) as store:
        report = store.report(None)
    assert report is not None
    assert report.run.status is RunStatus.INCOMPLETE
    assert [result.error and result.error.kind for result in report.targets] == [
        None,
        "stopped",
        "stopped",
    ]


@ONLY_SQLITE
def test_a_second_daemon_waits_until_the_first_is_gone(pump: Stage) -> None:
    with daemon(pump.folder) as first:
        first.ready()
        with daemon(pump.folder) as second:
            second.ears.hear("READY=1\nSTATUS=Standing by: another daemon serves the database")
            second.reload()
            first.process.kill()
            second.ears.hear("STATUS=Next run")
            assert second.stop() == 0

    assert "standing by: " in second.log
    assert "service started" in second.log
