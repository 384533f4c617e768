"""None"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from auditor.credentials import ApiKey
from auditor.demo.faults import Fault
from auditor.demo.studio_server import sample_blocks
from auditor.errors import NoTokenError, StudioError
from auditor.fetching import Answer, FetchFailure, FetchResult
from auditor.model import TargetId
from auditor.redaction import Secret
from auditor.studio.manners import (
    DOUBTFUL_AFTER,
    LONGEST_RETRY_AFTER,
    LONGEST_WAIT,
    OPEN_AFTER,
    SPARE_RETRIES,
    Circuit,
    Pace,
    RetryBudget,
    parse_retry_after,
    wait_before_retry,
)
from tests.simulated_studio import SimulatedStudio
from tests.studio.asking import NAMED

from .asking import KEY_OF_PROJECT, TARGET, client


class Clock:
    """Stands still but for those who sleep."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def sent_at(per_second: float | None, requests: int) -> list[float]:
    clock = Clock()
    pace = Pace(per_second, clock=clock, sleep=clock.sleep)

    async def send() -> list[float]:
        times = []
        for _ in range(requests):
            await pace.wait_for_turn()
            times.append(clock.now)
        return times

    return asyncio.run(send())


def test_requests_keep_their_distance() -> None:
    assert sent_at(4, 5) == [100.0, 100.25, 100.5, 100.75, 101.0]


def test_without_a_rate_each_goes_at_once() -> None:
    assert sent_at(None, 3) == [100.0, 100.0, 100.0]


def test_a_pause_does_not_save_up_requests() -> None:
    clock = Clock()
    pace = Pace(1, clock=clock, sleep=clock.sleep)

    async def send() -> float:
        await pace.wait_for_turn()
        clock.now += 60
        await pace.wait_for_turn()
        await pace.wait_for_turn()
        return clock.now

    assert asyncio.run(send()) == 161.0


def test_the_tries_of_a_run_are_bounded_by_its_requests() -> None:
    budget = RetryBudget()
    for _ in range(100):
        budget.count_request()

    granted = sum(budget.spend_retry() for _ in range(1000))

    assert granted == SPARE_RETRIES + 50


def lose(circuit: Circuit, *projects: int) -> None:
    for project_id in projects:
        circuit.record_failure(
            project_id, StudioError("unreachable", "no complete answer", transient=True)
        )


def test_a_circuit_doubts_before_it_opens() -> None:
    circuit = Circuit()

    lose(circuit, *[1] * DOUBTFUL_AFTER)
    circuit.require_closed(1)

    assert circuit.is_in_doubt(1)


def test_an_answer_closes_a_circuit_in_doubt() -> None:
    circuit = Circuit()
    lose(circuit, *[1] * (OPEN_AFTER - 1))

    circuit.record_answer(1)
    lose(circuit, 1)

    assert not circuit.is_in_doubt(1)
    circuit.require_closed(1)


def test_an_open_circuit_stays_open_and_names_the_cause() -> None:
    circuit = Circuit()
    lose(circuit, *[1] * OPEN_AFTER)
    circuit.record_answer(1)

    with pytest.raises(StudioError, match="not requested any more in this run") as caught:
        circuit.require_closed(1)

    assert caught.value.kind == "unreachable"
    assert "no complete answer" in caught.value.message


def test_a_broken_project_opens_no_circuit_but_its_own() -> None:
    circuit = Circuit()
    lose(circuit, *[1, 2] * OPEN_AFTER)

    circuit.require_closed(3)


def test_a_studio_that_is_down_opens_the_circuit_of_all_projects() -> None:
    circuit = Circuit()
    lose(circuit, *range(OPEN_AFTER))

    with pytest.raises(StudioError, match="not requested any more"):
        circuit.require_closed(999)


def test_a_token_that_is_not_to_be_had_is_no_matter_of_other_projects() -> None:
    circuit = Circuit()
    for project_id in range(2 * OPEN_AFTER):
        circuit.record_failure(project_id, NoTokenError("timeout", "locked", transient=True))

    circuit.require_closed(0)


def ask_all(studio: SimulatedStudio, targets: list[TargetId]) -> list[FetchResult]:
    async def ask() -> list[FetchResult]:
        async with client(studio.base_url, concurrency=8) as asking:
            return await asyncio.gather(
                *(asking.fetch(t, NAMED, stored_body=None) for t in targets)
            )

    return asyncio.run(ask())


@pytest.mark.parametrize("fault", [Fault.HTTP_500, Fault.HTTP_429, Fault.CLOSE])
def test_a_studio_that_is_down_is_asked_a_bounded_number_of_times(
    studio: SimulatedStudio, fault: Fault
) -> None:
    studio.fail(fault, retry_after="0")

    answers = ask_all(studio, [TargetId(101, n) for n in range(1, 1001)])

    assert all(isinstance(answer, FetchFailure) for answer in answers)
    assert len(studio.requests) < 100
    messages = {answer.failure.message for answer in answers if isinstance(answer, FetchFailure)}
    assert len(messages) <= 4
    assert not any(answer.whole_project for answer in answers if isinstance(answer, FetchFailure))


def test_many_blocks_that_fail_keep_none_of_the_others_from_being_read(
    studio: SimulatedStudio,
) -> None:
    broken = [TargetId(101, n) for n in range(10, 10 + OPEN_AFTER - 8)]
    for target in broken:
        studio.put(target, sample_blocks()["keras"])
        studio.fail(Fault.HTTP_500, target=target)

    *failed, good = ask_all(studio, [*broken, TARGET])

    assert isinstance(good, Answer)
    assert all(isinstance(answer, FetchFailure) for answer in failed)


def test_a_client_keeps_the_pace_it_is_given(studio: SimulatedStudio) -> None:
    clock = Clock()
    sleep: Callable[[float], Awaitable[None]] = clock.sleep

    async def ask() -> None:
        async with client(studio.base_url, per_second=2.0, clock=clock, sleep=sleep) as asking:
            for _ in range(4):
                await asking.fetch(TARGET, NAMED, stored_body=None)

    asyncio.run(ask())

    assert clock.now == 101.5


def test_a_project_that_is_broken_keeps_no_other_from_being_read(studio: SimulatedStudio) -> None:
    broken = [TargetId(101, n) for n in range(10, 70)]
    healthy = [TargetId(102, n) for n in range(1, 31)]
    studio.add_project(102, name="Fan", api_key="another key")
    for target in (*broken, *healthy):
        studio.put(target, sample_blocks()["keras"])
    for target in broken:
        studio.fail(Fault.HTTP_500, target=target)
    credentials = {101: KEY_OF_PROJECT, 102: ApiKey(Secret("another key"))}

    async def ask() -> list[FetchResult]:
        async with client(studio.base_url, credentials=credentials) as asking:
            targets = [*broken, *healthy]
            return await asyncio.gather(
                *(asking.fetch(t, NAMED, stored_body=None) for t in targets)
            )

    answers = asyncio.run(ask())

    assert all(isinstance(answer, Answer) for answer in answers[len(broken) :])
    assert len(studio.requests) < len(broken) + len(healthy)


NOW = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        pytest.param("7", timedelta(seconds=7), id="seconds"),
        pytest.param(" 0 ", timedelta(), id="none at all"),
        pytest.param("Mon, 23 Nov 2026 03:15:09 GMT", timedelta(seconds=9), id="a date"),
        pytest.param("Mon, 23 Nov 2026 03:15:09 -0000", timedelta(seconds=9), id="no zone"),
        pytest.param("Mon, 23 Nov 2026 04:15:09 +0100", timedelta(seconds=9), id="a zone"),
        pytest.param("Mon, 23 Nov 2026 03:14:00 GMT", None, id="a date in the past"),
        pytest.param("Tue, 24 Nov 2026 03:15:00 GMT", LONGEST_RETRY_AFTER, id="a day"),
        pytest.param("86400", LONGEST_RETRY_AFTER, id="a day in seconds"),
        pytest.param("9" * 5000, LONGEST_RETRY_AFTER, id="for ever"),
        pytest.param("-3", None, id="negative"),
        pytest.param("1.5", None, id="a fraction"),
        pytest.param("\u00b2", None, id="a digit that is no number"),
        pytest.param("soon", None, id="a word"),
        pytest.param("", None, id="absent"),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_capped(header: str, wait: timedelta | None) -> None:
    assert parse_retry_after(header, now=NOW) == wait


def test_waits_double_up_to_the_longest() -> None:
    waits = [
        wait_before_retry(n, retry_after=None, jitter=1.0).total_seconds() for n in range(1, 5)
    ]

    assert waits == [0.5, 1.0, 2.0, 4.0]
    assert wait_before_retry(1000, retry_after=None, jitter=1.0) == LONGEST_WAIT


def test_jitter_spreads_a_wait_down_to_nothing() -> None:
    assert wait_before_retry(3, retry_after=None, jitter=0.25) == timedelta(seconds=0.5)
    assert wait_before_retry(3, retry_after=None, jitter=0.0) == timedelta()


def test_what_the_server_asks_for_is_the_least_wait() -> None:
    asked = timedelta(seconds=1)

    assert wait_before_retry(1, retry_after=asked, jitter=1.0) == asked
    assert wait_before_retry(4, retry_after=asked, jitter=1.0) == timedelta(seconds=4)
