"""The service's signs of life, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from auditor import app
from auditor.daemon.service import Service
from auditor.redaction import Secret
from auditor.store import SqlStore
from tests.audit.stage import Stage
from tests.daemon.conftest import scheduled_since
from tests.daemon.test_service import DAYS, serve, tick
from tests.pings import Pings, pings

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def store(pump: Stage) -> Iterator[SqlStore]:
    scheduled_since(pump, app.now() - 3 * DAYS)
    with app.store(pump.settings) as held:
        yield held


@pytest.fixture
def heard(pump: Stage) -> Iterator[Pings]:
    with pings() as told:
        pump.settings = replace(pump.settings, heartbeat=Secret(told.url))
        yield told


def test_a_night_pings_start_and_success(pump: Stage, store: SqlStore, heard: Pings) -> None:
    serve(pump, store, tick)

    assert heard.signals == ["/start", ""]


@pytest.mark.parametrize("reply", ["450 later", "550 unknown"])
def test_a_night_that_is_told_late_pings_success_then(
    pump: Stage, store: SqlStore, heard: Pings, reply: str
) -> None:
    pump.postbox.refuses["ml@example.org"] = reply

    async def tick_until_it_is_told(service: Service) -> None:
        await service._tick()
        assert heard.signals == ["/start", "/fail"]
        pump.postbox.refuses.clear()
        for message in store.undelivered(due_by=None):
            store.record(replace(message, due_at=app.now() - DAYS))
        await service._tick()
        await service._tick()

    serve(pump, store, tick_until_it_is_told)

    assert heard.signals[2:] == ([""] if reply.startswith("4") else [])
