"""`auditor run --deliver-for`: delivering for a while after a run, without a service."""

from __future__ import annotations

import signal
import subprocess
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from auditor import app
from auditor.cli.waiting import Waiting
from auditor.redaction import Secret
from tests.audit.stage import KEY, Stage
from tests.cli.command import ROOT, Command, environment
from tests.cli.gate import DEADLINE_S
from tests.pings import pings
from tests.processes import start


class NextAttempt(threading.Event):
    """Lets the time until the next attempt pass at once, and the server change its mind.

    The run's lock must be free meanwhile.
    """

    def __init__(self, pump: Stage, *replies: str) -> None:
        super().__init__()
        self._pump, self._replies, self.waits = pump, list(replies), 0

    def wait(self, timeout: float | None = None) -> bool:
        if not timeout:
            return False  # asked during an attempt whether to stop
        self.waits += 1
        reply = self._replies.pop(0) if self._replies else ""
        self._pump.postbox.refuses = {"ops@example.org": reply} if reply else {}
        with app.open_store(self._pump.settings) as store, store.run_lock():
            for message in store.queued_messages(due_by=None):
                store.record(replace(message, due_at=app.now() - timedelta(seconds=1)))
        return False


def refused(pump: Stage) -> app.DeliveredRun:
    pump.postbox.refuses = {"ops@example.org": "450 greylisted"}
    return pump.night()


def test_a_greylisted_message_is_delivered_after_the_run(pump: Stage) -> None:
    with pings() as heard:
        pump.change("heartbeat", url=Secret(heard.url))
        report = refused(pump).report
        time = NextAttempt(pump, "450 greylisted")
        is_delivered = Waiting(pump.settings, timedelta(hours=6), stop=time).deliver(report)

    assert is_delivered
    assert [to for to, _ in pump.postbox.taken] == ["ml@example.org", "ops@example.org"]
    assert time.waits == 2
    assert heard.signals == ["/start", "/fail", ""]


def test_a_message_that_is_given_up_meanwhile_leaves_the_run_undelivered(pump: Stage) -> None:
    report = refused(pump).report
    time = NextAttempt(pump, "550 never")

    assert not Waiting(pump.settings, timedelta(hours=6), stop=time).deliver(report)
    assert time.waits == 1


def test_after_the_time_the_message_stays_queued(pump: Stage, auditor: Command) -> None:
    pump.postbox.refuses = {"ops@example.org": "450 greylisted"}
    done = auditor("run", "--deliver-for", "1s")

    assert (done.code, done.out.startswith("EI drift · Run 1 · ")) == (2, True)
    assert auditor("messages", "--format", "json").json["outbox"]["queued"] == 1


def test_a_delivered_run_waits_for_nothing(pump: Stage, auditor: Command) -> None:
    done = auditor("run", "--deliver-for", "6h")

    assert done.code == 0
    assert len(pump.postbox.taken) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_and_the_message_stays_queued(
    pump: Stage, auditor: Command, number: signal.Signals
) -> None:
    pump.postbox.refuses = {"ops@example.org": "450 greylisted"}
    arguments = ["run", "--deliver-for", "6h", "--config", str(pump.folder / "config.toml")]
    with start(
        *arguments, folder=ROOT, stderr=subprocess.PIPE, environment=environment(EI_KEY=KEY)
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "messages wait for another attempt" in line:
                break
        running.send_signal(number)
        assert running.wait(DEADLINE_S) == 128 + number

    assert auditor("messages", "--format", "json").json["outbox"]["queued"] == 1


@pytest.mark.parametrize("text", ["6", "h", "-1h", "200h", "1.5h", "6h30m"])
def test_a_time_is_a_number_with_a_unit(pump: Stage, auditor: Command, text: str) -> None:
    done = auditor("run", "--deliver-for", text)

    assert (done.code, pump.postbox.taken) == (2, [])
    assert "is not a time such as 6h" in done.err or "expected one argument" in done.err
