"""The heartbeat around runs of a whole installation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor import app
from auditor.audit.plan import RunControl, Scope
from auditor.demo.faults import Fault
from auditor.redaction import Secret
from auditor.store.store import SqlStore
from tests.audit.stage import TEAM, Stage, block, stage, target
from tests.pings import Pings, pings

# The store has no part in it beyond what the nights try on both databases.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def heard() -> Iterator[Pings]:
    with pings() as server:
        yield server


@pytest.fixture
def pump(database_url: str, tmp_path: Path, heard: Pings) -> Iterator[Stage]:
    blocks = {3: block(name="Motion"), 4: block(name="Screws")}
    with stage(database_url, tmp_path, blocks, recipients=TEAM) as set_up:
        set_up.change("heartbeat", url=Secret(heard.url))
        yield set_up


def test_a_delivered_run_pings_start_and_success_with_its_totals(
    pump: Stage, heard: Pings
) -> None:
    pump.night()

    assert heard.signals == ["/start", ""]
    assert heard.received[-1][2] == "run 1 complete: 2 of 2 blocks checked, 0 drifted, 0 findings"


def test_a_message_that_is_not_taken_is_no_success(pump: Stage, heard: Pings) -> None:
    pump.postbox.refuses["ml@example.org"] = "450 later"
    pump.night()

    assert heard.signals == ["/start", "/fail"]


def test_without_mail_a_page_that_is_written_is_success(pump: Stage, heard: Pings) -> None:
    pump.without_mail()
    pump.night()
    pump.settings.reports.directory.rename(pump.folder / "moved")
    pump.settings.reports.directory.write_text("in the way")
    pump.night()

    assert heard.signals == ["/start", "", "/start", "/fail"]


def test_a_run_that_could_check_nothing_is_a_fail(pump: Stage, heard: Pings) -> None:
    pump.studio.change_key(7, "ei_" + "00" * 24)
    pump.night()

    assert heard.signals == ["/start", "/fail"]


def test_what_could_not_be_checked_is_for_the_report_to_tell(pump: Stage, heard: Pings) -> None:
    pump.studio.fail(Fault.HTML, target=target(4))
    pump.night()

    assert heard.signals == ["/start", ""]
    assert heard.received[-1][2].startswith("run 1 incomplete: 1 of 2 blocks checked")


def test_a_narrowed_run_and_a_dry_one_ping_nothing(pump: Stage, heard: Pings) -> None:
    pump.night(scope=Scope(target=target(3)))
    pump.night(scope=Scope(project_id=7))
    app.run_async(app.run_dry(pump.settings, app.build_request(pump.settings), None))

    assert heard.received == []


class BrokenStore(SqlStore):
    def previous_run_id(self, run_id: int) -> int:
        raise OSError(f"the disk is on fire in run {run_id}")


def test_a_run_that_breaks_is_a_fail(pump: Stage, heard: Pings) -> None:
    with pump.open_store() as store:
        broken, order = BrokenStore(store.database), app.build_request(pump.settings)
        with pytest.raises(OSError, match="on fire"):
            app.run_async(app.run_and_deliver(pump.settings, order, broken))

    assert heard.signals == ["/start", "/fail"]
    assert heard.received[-1][2] == "run failed: OSError"


def test_a_run_that_was_stopped_is_a_fail(pump: Stage, heard: Pings) -> None:
    with pump.open_store() as store:
        order, watch = app.build_request(pump.settings), RunControl(stopping=lambda: True)
        app.run_async(app.run_and_deliver(pump.settings, order, store, control=watch))

    assert heard.signals == ["/start", "/fail"]


def test_a_heartbeat_that_is_not_taken_changes_nothing_of_the_run(
    pump: Stage, heard: Pings, caplog: pytest.LogCaptureFixture
) -> None:
    heard.answers = [404, 404]
    delivered = pump.night()

    assert (delivered.is_delivered, len(pump.postbox.taken)) == (True, 2)
    assert caplog.text.count("heartbeat failed") == 1
