"""Parts of reports on their way: to whom, and what counts as reported by them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor import app
from auditor.demo.faults import Fault
from auditor.model import Trigger
from tests.audit.stage import TEAM, Stage, block, stage, target

_SUBSCRIPTIONS = """
[[subscriptions]]
recipient = "wave@example.org"
blocks = ["7/4"]
[[subscriptions]]
recipient = "night@example.org"
gets = ["failures"]
"""
_ALL = {"ops@example.org", "ml@example.org"}


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(
        database_url, tmp_path, {3: block(name="Motion"), 4: block(name="Wave")}, recipients=TEAM
    ) as set_up:
        text = (set_up.folder / "config.toml").read_text()
        set_up.configure(f"{text}\n{_SUBSCRIPTIONS}")
        set_up.night()
        set_up.postbox.taken.clear()
        yield set_up


def _edit(set_up: Stage, learn_id: int, cycles: int) -> None:
    set_up.studio.edit(target(learn_id), lambda answer: answer.update(trainingCycles=cycles))


def _to(set_up: Stage) -> set[str]:
    return {recipient for recipient, _ in set_up.postbox.taken}


def test_each_subscriber_gets_a_mail_for_their_part_alone(pump: Stage) -> None:
    _edit(pump, 3, 77)
    pump.night()
    of_motion = _to(pump)
    pump.postbox.taken.clear()
    _edit(pump, 4, 77)
    pump.night()
    (part,) = (mail for to, mail in pump.postbox.taken if to == "wave@example.org")

    assert of_motion == _ALL
    assert _to(pump) == {*_ALL, "wave@example.org"}
    assert part["Subject"].startswith("[EI drift] 1 medium | Wave")
    body = part.get_body(("plain",))
    assert body is not None
    assert "subscriptions" in body.get_content()


def test_operators_get_failures_where_nothing_drifted(pump: Stage) -> None:
    pump.studio.fail(Fault.HTTP_500, target=target(3))
    pump.night()

    assert _to(pump) == {*_ALL, "night@example.org"}


def test_a_part_that_was_taken_makes_its_own_findings_reported_and_no_more(pump: Stage) -> None:
    _edit(pump, 3, 77)
    _edit(pump, 4, 77)
    pump.postbox.refuses = dict.fromkeys(_ALL, "550 no such user")
    pump.night()
    pump.postbox.refuses = {}
    carried = pump.night().report

    assert [
        (str(result.target), late.finding.path)
        for result in carried.targets
        for late in result.late
    ] == [("7/3", "trainingCycles")]


@pytest.mark.both_databases
def test_a_part_still_queued_keeps_its_findings_from_being_reported_twice(pump: Stage) -> None:
    _edit(pump, 4, 77)
    pump.postbox.refuses = dict.fromkeys(_ALL, "550 no such user")
    pump.postbox.refuses["wave@example.org"] = "450 later"
    pump.night()
    with pump.open_store() as store:
        run_id = store.open_run(Trigger.MANUAL, started_at=app.now())
        unreported_findings = store.unreported_findings(run_id)

    assert unreported_findings == ()
