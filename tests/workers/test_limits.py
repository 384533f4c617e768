"""The limits on the load on Studio hold over all machines of a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from auditor.errors import StudioError
from auditor.studio.manners import OPEN_AFTER, Circuit
from auditor.workers.exchange import Causes, Exchange
from auditor.workers.manners import FollowingCircuit, SharedPace, list_causes
from tests.conftest import Postgres

RUN = "run"
HOUR = timedelta(hours=1)


@asynccontextmanager
async def two(url: str) -> AsyncIterator[tuple[Exchange, Exchange]]:
    """Have the exchange as two machines see it, of a run that began."""
    machines = [Exchange(url, queue="batches", lost_after=timedelta(seconds=30)) for _ in range(2)]
    async with machines[0] as first, machines[1] as second:
        await first.begin(RUN)
        yield first, second


def test_the_open_circuits_of_a_run_hold_for_its_workers(postgres_server: Postgres) -> None:
    async def follow() -> FollowingCircuit:
        async with two(postgres_server.ready()) as (exchange, other):
            circuit, following = Circuit(), FollowingCircuit()
            for _ in range(OPEN_AFTER):
                circuit.record_failure(7, StudioError("timeout", "no answer", transient=True))
            await exchange.write_circuit(RUN, list_causes(circuit))
            following.of_run = await other.read_circuit(RUN) or {}
            return following

    following = asyncio.run(follow())

    with pytest.raises(StudioError, match="25 requests in a row failed, the last with: no"):
        following.require_closed(7)
    following.require_closed(8)


def test_a_circuit_of_all_projects_holds_for_each(postgres_server: Postgres) -> None:
    async def follow() -> FollowingCircuit:
        async with two(postgres_server.ready()) as (exchange, other):
            circuit, following = Circuit(), FollowingCircuit()
            for number in range(OPEN_AFTER):
                circuit.record_failure(number, StudioError("timeout", "none", transient=True))
            await exchange.write_circuit(RUN, list_causes(circuit))
            following.of_run = await other.read_circuit(RUN) or {}
            return following

    with pytest.raises(StudioError, match="25 requests in a row"):
        asyncio.run(follow()).require_closed(4711)


def test_an_ended_run_says_so_to_whoever_follows_it(postgres_server: Postgres) -> None:
    async def end() -> Causes | None:
        async with two(postgres_server.ready()) as (exchange, other):
            await exchange.end(RUN)
            return await other.read_circuit(RUN)

    assert asyncio.run(end()) is None


def test_two_machines_never_reserve_the_same_turns(postgres_server: Postgres) -> None:
    async def reserve() -> list[float]:
        async with two(postgres_server.ready()) as machines:
            return [await machine.reserve_turns(RUN, HOUR) or 0.0 for machine in machines * 2]

    begins = asyncio.run(reserve())

    # What lies between two reservations took less than the half of an hour.
    assert [round(begin / 3600) for begin in begins] == [0, 1, 2, 3]


def test_a_shared_pace_spaces_the_requests_of_a_machine(postgres_server: Postgres) -> None:
    now, slept = [100.0], list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    async def ask() -> None:
        async with two(postgres_server.ready()) as (exchange, _):
            # Ten a second: turns of half a second are reserved at a time.
            pace = SharedPace(10, exchange, RUN, clock=lambda: now[0], sleep=sleep)
            for _ in range(5):
                await pace.wait_for_turn()

    asyncio.run(ask())

    assert slept == pytest.approx([0.1] * 4)


def test_turns_that_went_by_unused_are_lost(postgres_server: Postgres) -> None:
    now, slept = [100.0], list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def ask() -> None:
        async with two(postgres_server.ready()) as (exchange, other):
            pace = SharedPace(10, exchange, RUN, clock=lambda: now[0], sleep=sleep)
            await pace.wait_for_turn()
            assert await other.reserve_turns(RUN, HOUR) is not None
            now[0] += 3600
            await pace.wait_for_turn()  # five at once would be more than the pace

    asyncio.run(ask())

    assert slept[-1] == pytest.approx(3600, abs=60)


def test_a_machine_that_is_alone_keeps_the_pace(postgres_server: Postgres) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def ask() -> None:
        closed = Exchange(postgres_server.ready(), queue="batches", lost_after=HOUR)
        pace = SharedPace(10, closed, RUN, clock=lambda: 100.0, sleep=sleep)
        await asyncio.gather(*(pace.wait_for_turn() for _ in range(21)))

    asyncio.run(ask())

    assert waits == pytest.approx([place / 10 for place in range(1, 21)])
