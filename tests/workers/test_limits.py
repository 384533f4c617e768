"""The limits on the load on Studio hold over all machines of a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from auditor.errors import StudioError
from auditor.studio.manners import OPEN_AFTER
from auditor.workers.exchange import Exchange
from auditor.workers.manners import SharedCircuit, SharedPace
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


def _fail(circuit: SharedCircuit, project_id: int, times: int) -> None:
    for _ in range(times):
        circuit.record_failure(project_id, StudioError("timeout", "no answer", transient=True))


def test_failures_of_several_machines_open_one_circuit(postgres_server: Postgres) -> None:
    async def fail() -> tuple[SharedCircuit, SharedCircuit]:
        async with two(postgres_server.ready()) as (exchange, other):
            circuits = SharedCircuit(), SharedCircuit()
            _fail(circuits[0], 7, OPEN_AFTER - 10)
            _fail(circuits[1], 7, 10)
            for circuit, its in zip(circuits, (exchange, other), strict=True):
                assert await circuit.share(its, RUN)
            assert await circuits[0].share(exchange, RUN)
            return circuits

    for circuit in asyncio.run(fail()):
        with pytest.raises(StudioError, match="25 requests in a row failed, the last with: no"):
            circuit.require_closed(7)
        circuit.require_closed(8)


def test_an_answer_to_one_machine_closes_the_circuit_of_the_others(
    postgres_server: Postgres,
) -> None:
    async def answer() -> SharedCircuit:
        async with two(postgres_server.ready()) as (exchange, other):
            failing, answered = SharedCircuit(), SharedCircuit()
            _fail(failing, 7, OPEN_AFTER - 1)
            assert failing.is_in_doubt(7)
            assert await failing.share(exchange, RUN)
            assert await answered.share(other, RUN)
            answered.record_answer(7)
            assert await answered.share(other, RUN)
            assert await failing.share(exchange, RUN)
            return failing

    assert not asyncio.run(answer()).is_in_doubt(7)


def test_what_a_machine_meets_while_it_shares_is_not_lost(postgres_server: Postgres) -> None:
    async def share() -> SharedCircuit:
        async with two(postgres_server.ready()) as (exchange, _):
            circuit = SharedCircuit()
            _fail(circuit, 7, OPEN_AFTER - 1)
            sharing = asyncio.create_task(circuit.share(exchange, RUN))
            await asyncio.sleep(0)  # it has taken what it tells
            _fail(circuit, 7, 1)
            assert await sharing
            return circuit

    with pytest.raises(StudioError, match="25 requests in a row"):
        asyncio.run(share()).require_closed(7)


def test_an_ended_run_says_so_to_whoever_shares(postgres_server: Postgres) -> None:
    async def end() -> bool:
        async with two(postgres_server.ready()) as (exchange, other):
            await exchange.end(RUN)
            return await SharedCircuit().share(other, RUN)

    assert not asyncio.run(end())


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
