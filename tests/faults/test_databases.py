"""What can befall the database under a run, and that nothing of a night is lost by it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, event, make_url

from auditor import app
from auditor.daemon.service import RETRY_AFTER, Service
from auditor.errors import StoreUnreachableError
from auditor.model import JsonObject, RunStatus, Trigger
from auditor.store.schema import upgrade
from tests.audit.stage import TEAM, block, stage, target
from tests.cli.command import Command
from tests.daemon.clock import SetClock
from tests.daemon.conftest import scheduled_since
from tests.faults.disk import is_mounted
from tests.faults.stage import Installation, installation
from tests.postgres import GIVEN, programs, server

_MOMENT_S = 0.1
_FULL = 2  # sqlite.org/pragma.html#pragma_synchronous


@pytest.fixture
def other(pump: Installation) -> Iterator[sqlite3.Connection]:
    """Another program at the database, from whichever thread."""
    with closing(
        sqlite3.connect(pump.database, isolation_level=None, check_same_thread=False)
    ) as connected:
        yield connected


_ODD_NAMES = {3: "a\x00b", 5: "x\ud83d", 6: "\udcff y"}


def test_a_name_that_is_no_unicode_text_costs_nothing(database_url: str, tmp_path: Path) -> None:
    names = {4: "Motion", **_ODD_NAMES}
    blocks = {learn_id: block(name=name) for learn_id, name in names.items()}
    with stage(database_url, tmp_path, blocks, recipients=TEAM) as set_up:
        assert set_up.night().report.run.status is RunStatus.COMPLETE
        for learn_id, name in _ODD_NAMES.items():
            edited: JsonObject = {"name": f"{name}2", "script": name}
            set_up.studio.edit(target(learn_id), partial(_update, edited))
        again = set_up.night().report

        assert again.run.status is RunStatus.COMPLETE
        assert (again.totals.checked, again.totals.drifted) == (4, 3)


def _update(values: JsonObject, answer: JsonObject) -> None:
    answer.update(values)


def test_a_writer_that_locks_the_database_for_a_moment_is_waited_for(
    pump: Installation, other: sqlite3.Connection
) -> None:
    def lock_for_a_moment() -> None:
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(_MOMENT_S, other.rollback).start()

    pump.edit(3)
    pump.studio.gate.meanwhile = lock_for_a_moment

    assert pump.stage.night().is_delivered
    pump.hold_to_the_law()


def test_a_writer_that_locks_the_database_for_too_long_costs_that_run_alone(
    pump: Installation, other: sqlite3.Connection
) -> None:
    pump.edit(3)
    pump.studio.gate.meanwhile = lambda: other.execute("BEGIN IMMEDIATE")
    order = app.build_request(pump.stage.settings)
    with app.open_store(pump.stage.settings) as store:
        with store.database.reading() as connection:  # of the pool, for the run to take again
            connection.exec_driver_sql("PRAGMA busy_timeout = 1")
        with pytest.raises(StoreUnreachableError, match="locked for too long; end that program"):
            app.run_async(app.run_and_deliver(pump.stage.settings, order, store))
    other.rollback()

    pump.hold_to_the_law()


def test_the_end_of_a_run_is_on_the_disk_before_a_message_leaves(pump: Installation) -> None:
    commits: list[tuple[bool, int]] = []
    pump.postbox.taken.clear()
    order = app.build_request(pump.stage.settings)
    with app.open_store(pump.stage.settings) as store:

        def note(connection: Connection) -> None:
            level = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
            commits.append((level == _FULL, len(pump.postbox.taken)))

        event.listen(store.database.engine, "commit", note)
        app.run_async(app.run_and_deliver(pump.stage.settings, order, store))

    assert [taken for is_synced, taken in commits if is_synced] == [0]
    assert commits[-1] == (False, 2)


def test_a_damaged_database_is_refused_until_the_backup_is_put_back_as_the_refusal_says(
    pump: Installation, auditor: Command
) -> None:
    pump.edit(3)
    pump.stage.night()
    pump.stage.close()
    assert auditor("backup", str(pump.stage.folder / "copy")).code == 0
    with pump.database.open("r+b") as file:
        file.seek(20_000)
        file.write(b"\xff" * 4096)
    pump.edit(3)
    refused = auditor("run")

    assert (refused.code, refused.out) == (78, "")
    for words in ("damaged", "move the database away", "auditor backup", "docs/upkeep.md"):
        assert words in refused.err
    for path in pump.stage.folder.glob("auditor.db*"):
        path.unlink()
    shutil.copy(pump.stage.folder / "copy", pump.database)
    pump.hold_to_the_law()


@pytest.fixture
def on_disk(
    disk: Path, tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """An installation whose database is on that disk."""
    shutil.copy(sqlite_template, disk / "auditor.db")
    monkeypatch.setenv("AUDITOR_CONFIG", str(tmp_path / "config.toml"))
    with installation(f"sqlite:///{disk / 'auditor.db'}", tmp_path) as set_up:
        yield set_up


def test_a_disk_that_fills_under_a_run_costs_that_run_alone(
    on_disk: Installation, disk: Path, auditor: Command
) -> None:
    on_disk.edit(3)
    on_disk.studio.gate.meanwhile = lambda: _fill(disk)
    full = auditor("run")
    (disk / "filling").unlink()

    assert (full.code, full.out) == (2, "")
    assert "its disk is full; make room" in full.err
    on_disk.hold_to_the_law()


def test_a_disk_that_turned_read_only_costs_that_run_alone(
    on_disk: Installation, disk: Path, auditor: Command
) -> None:
    on_disk.edit(3)
    on_disk.studio.requests.clear()
    on_disk.stage.close()
    assert is_mounted("-o", "remount,ro", str(disk))
    refused = auditor("run")
    assert is_mounted("-o", "remount,rw", str(disk))

    assert (refused.code, refused.out) == (2, "")
    assert "check that its disk is not read-only" in refused.err
    assert on_disk.studio.requests == []
    on_disk.hold_to_the_law()


def test_a_disk_that_fills_under_a_run_of_the_service_costs_a_quarter_of_an_hour(
    on_disk: Installation, disk: Path
) -> None:
    on_disk.edit(3)
    on_disk.studio.gate.meanwhile = lambda: _fill(disk)
    _serve(on_disk, meanwhile=(disk / "filling").unlink)

    _require_a_second_run(on_disk)
    on_disk.hold_to_the_law()


def _serve(set_up: Installation, *, meanwhile: Callable[[], object]) -> None:
    """Let a service find a missed run, and again a quarter of an hour after `meanwhile`."""
    clock, settings = SetClock(app.now()), set_up.stage.settings
    scheduled_since(set_up.stage, app.now() - timedelta(days=3))

    async def work() -> None:
        with app.open_store(settings) as store:
            service = Service(
                settings, store, load=lambda: settings, stop=asyncio.Event(), clock=clock.clock
            )
            with store.service_lock() as service._lock:
                await service._adopt(settings)
                await service._tick()
                meanwhile()
                clock.pass_(RETRY_AFTER)
                await service._tick()

    asyncio.run(work())


def _require_a_second_run(set_up: Installation) -> None:
    with app.open_store(set_up.stage.settings) as store:
        runs = [(run.status, run.trigger) for run in store.all_runs()]
    assert runs[:2] == [
        (RunStatus.COMPLETE, Trigger.CATCH_UP),
        (RunStatus.ABANDONED, Trigger.CATCH_UP),
    ]


def _fill(disk: Path) -> None:
    with (disk / "filling").open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return


@pytest.fixture(scope="module")
def mortal_server() -> Iterator[_Server]:
    binaries = programs()
    if binaries is None or os.environ.get(GIVEN):
        pytest.skip("no PostgreSQL that may be stopped")
    with server(loses_commits=False) as url:
        postgres = _Server(binaries, url)
        try:
            yield postgres
        finally:
            if postgres.is_running:
                postgres.stop()


@pytest.fixture
def on_server(
    mortal_server: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """An installation on a server that goes while block 5 is read."""
    monkeypatch.setenv("AUDITOR_CONFIG", str(tmp_path / "config.toml"))
    if not mortal_server.is_running:
        mortal_server.start()
    with installation(mortal_server.new_database(), tmp_path) as set_up:
        set_up.edit(3)
        set_up.studio.gate.meanwhile = mortal_server.stop
        yield set_up


def test_a_server_that_goes_under_a_run_and_comes_back_costs_that_run_alone(
    on_server: Installation, mortal_server: _Server, auditor: Command
) -> None:
    failed = auditor("run")
    mortal_server.start()

    on_server.hold_to_the_law()
    assert (failed.code, failed.out) == (2, "")
    assert "check that the server runs" in failed.err


def test_a_server_that_goes_under_a_run_of_the_service_costs_a_quarter_of_an_hour(
    on_server: Installation, mortal_server: _Server, caplog: pytest.LogCaptureFixture
) -> None:
    _serve(on_server, meanwhile=mortal_server.start)

    failed = [record for record in caplog.records if record.msg.startswith("job failed")]
    assert failed
    assert not any(record.exc_info for record in failed)  # one line, for it is met each minute
    _require_a_second_run(on_server)
    on_server.hold_to_the_law()


class _Server:
    """A PostgreSQL that is stopped as by a crash, and started again where it was."""

    _PRISTINE = "pristine"

    def __init__(self, binaries: Path, url: str) -> None:
        self._program = str(binaries / "pg_ctl")
        with psycopg.connect(url) as connected:
            found = connected.execute("SHOW data_directory").fetchone()
        assert found is not None
        self._data = str(found[0])
        self._url = make_url(url)
        self._ask(f"CREATE DATABASE {self._PRISTINE}")
        upgrade(self._url_of(self._PRISTINE))

    @property
    def is_running(self) -> bool:
        return (Path(self._data) / "postmaster.pid").exists()

    def new_database(self) -> str:
        """Return the URL of a database with this program's schema and no rows."""
        name = f"of_test_{uuid.uuid4().hex[:8]}"
        self._ask(f"CREATE DATABASE {name} TEMPLATE {self._PRISTINE}")
        return self._url_of(name)

    def stop(self) -> None:
        self._do("stop", "-m", "immediate")

    def start(self) -> None:
        options = (Path(self._data) / "postmaster.opts").read_text().split(maxsplit=1)[1]
        self._do("start", "-o", options, "-l", str(Path(self._data) / "log"))

    def _url_of(self, name: str) -> str:
        url = self._url.set(drivername="postgresql+psycopg", database=name)
        return url.render_as_string()

    def _ask(self, statement: str) -> None:
        address = self._url.render_as_string()
        with psycopg.connect(address, autocommit=True) as connected:
            connected.execute(statement)

    def _do(self, *arguments: str) -> None:
        subprocess.run(  # noqa: S603 - the system's own server
            [self._program, "-w", "-D", self._data, *arguments],
            user="postgres" if os.geteuid() == 0 else None,
            cwd=self._data,
            stdout=subprocess.DEVNULL,
            check=True,
        )
