from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from auditor.health import Due, Signs, judge_presence, list_complaints
from auditor.listings import TargetStatus
from auditor.model import (
    BlockKindName,
    ModelState,
    RunInfo,
    RunStatus,
    Starter,
    TargetId,
    TargetState,
    Trigger,
)
from auditor.outbox import MessageInfo, MessageState
from auditor.records import NO_PRESENCE, Presence, SignKind, SignOfLife
from auditor.schedule import Slot

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SLOT = Slot("2026-11-24T03:15", datetime(2026, 11, 24, 3, 15, tzinfo=UTC))
DUE = Due("nightly", "15 3 * * * UTC", SLOT)


def run(status: RunStatus = RunStatus.COMPLETE, *, started_at: datetime = SLOT.at) -> RunInfo:
    return RunInfo(id=7, status=status, trigger=Trigger.SCHEDULE, started_at=started_at)


def block(learn_id: int, state: TargetState, checked_at: datetime | None) -> TargetStatus:
    return TargetStatus(
        kind=BlockKindName.KERAS,
        target=TargetId(1, learn_id),
        project="Pump",
        name="Motion",
        type="keras",
        state=state,
        model_state=ModelState.TRAINED,
        last_changed_at=None,
        last_checked_at=checked_at,
        last_attempted_at=NOW,
        error=None,
    )


def message(run_id: int, state: MessageState) -> MessageInfo:
    return MessageInfo(
        id=1,
        run_id=run_id,
        recipient="ops@example.org",
        subject="",
        state=state,
        attempts=1,
        due_at=NOW,
        last_error="450 later",
    )


WELL = Signs(
    newest=run(),
    newest_closed=run(),
    under_way=None,
    watched_since=NOW - 90 * 24 * HOUR,
    overdue=[],
    statuses=[block(3, TargetState.DRIFTED, NOW)],
    presence=NO_PRESENCE,
    queued=0,
    oldest_queued=None,
    dead=[],
)


def said(**signs: Any) -> tuple[str, ...]:  # noqa: ANN401 - any of its fields
    return list_complaints(replace(WELL, **signs), unknown_for=24 * HOUR, now=NOW)


def test_drift_is_no_illness() -> None:
    assert said() == ()


def test_a_run_that_did_not_come_is_overdue() -> None:
    assert said(overdue=[DUE]) == ("the nightly run due at 2026-11-24 03:15 UTC has not ended",)


def test_a_run_that_hangs_is_named_with_the_one_that_is_overdue() -> None:
    (words,) = said(overdue=[DUE], under_way=run(RunStatus.RUNNING))

    assert words.endswith("; run 7 has not ended since 2026-11-24 03:15 UTC")


def test_where_no_run_was_ever_made_that_is_all_there_is_to_say() -> None:
    assert said(newest=None, newest_closed=None, watched_since=None) == ("no run was ever made",)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (RunStatus.FAILED, "run 7 of 2026-11-24 03:15 UTC failed: nothing could be checked"),
        (RunStatus.ABANDONED, "run 7 of 2026-11-24 03:15 UTC did not end"),
    ],
)
def test_a_last_run_that_failed_is_reported(status: RunStatus, words: str) -> None:
    assert said(newest=run(status)) == (words,)


def test_an_incomplete_run_is_reported_by_its_blocks_once_they_are_old() -> None:
    young = block(3, TargetState.UNKNOWN, NOW - 24 * HOUR)
    old = [block(n, TargetState.UNKNOWN, NOW - 25 * HOUR) for n in range(1, 8)]

    assert said(newest=run(RunStatus.INCOMPLETE), statuses=[young]) == ()
    assert said(newest=run(RunStatus.INCOMPLETE), statuses=[*old, young]) == (
        "not checked for more than 24 h, or never: 1/1, 1/2, 1/3, 1/4, 1/5 and 2 more",
    )


def test_a_block_that_was_never_read_is_reported() -> None:
    assert said(statuses=[block(3, TargetState.UNKNOWN, None)]) == (
        "not checked for more than 24 h, or never: 1/3",
    )


def test_a_message_that_waits_is_reported() -> None:
    oldest = message(5, MessageState.QUEUED)

    assert said(queued=2, oldest_queued=oldest) == (
        "2 messages undelivered, the oldest of run 5: 450 later",
    )


def test_a_message_of_the_last_run_that_was_given_up_is_reported() -> None:
    dead = message(7, MessageState.DEAD)

    assert said(dead=[dead]) == ("1 message of run 7 given up: 450 later",)


def sign(kind: SignKind, ago: timedelta, *, is_over: bool = False) -> SignOfLife:
    return SignOfLife(kind=kind, seen_at=NOW - ago, is_over=is_over)


MINUTE = timedelta(minutes=1)
SERVICE, TIMER, DELIVERY = SignKind.SERVICE, SignKind.TIMER, SignKind.DELIVERY


@pytest.mark.parametrize(
    ("signs", "starter", "is_delivering"),
    [
        pytest.param([], Starter.NOBODY, False, id="nothing was ever seen"),
        pytest.param([sign(SERVICE, MINUTE)], Starter.SERVICE, True, id="a service"),
        pytest.param([sign(SERVICE, 11 * MINUTE)], Starter.NOBODY, False, id="one that crashed"),
        pytest.param(
            [sign(SERVICE, MINUTE, is_over=True)], Starter.NOBODY, False, id="one that stopped"
        ),
        pytest.param([sign(SERVICE, -HOUR)], Starter.NOBODY, False, id="by a wrong clock"),
        pytest.param([sign(TIMER, 20 * HOUR)], Starter.TIMER, False, id="a timer last night"),
        pytest.param([sign(TIMER, 200 * HOUR)], Starter.NOBODY, False, id="a timer long ago"),
        pytest.param(
            [sign(TIMER, 90 * HOUR), sign(SERVICE, 20 * HOUR)],
            Starter.NOBODY,
            False,
            id="a service that followed a timer and stopped",
        ),
        pytest.param(
            [sign(TIMER, HOUR), sign(DELIVERY, MINUTE)],
            Starter.TIMER,
            True,
            id="it still delivers",
        ),
        pytest.param(
            [sign(TIMER, HOUR), sign(DELIVERY, MINUTE, is_over=True)],
            Starter.TIMER,
            False,
            id="it has delivered",
        ),
    ],
)
def test_what_starts_the_next_run_is_judged_by_signs_of_life(
    signs: list[SignOfLife],
    starter: Starter,
    is_delivering: bool,
) -> None:
    presence = judge_presence(signs, now=NOW)

    assert (presence.starter, presence.is_delivering) == (starter, is_delivering)


def test_times_of_complaints_are_in_the_zone_of_the_readers() -> None:
    killed = Presence(service_seen_at=NOW - 3 * HOUR)

    [words] = said(presence=killed, zone=ZoneInfo("Europe/Berlin"))
    assert words.startswith("no service was seen since 2026-11-24 10:00 CET")


def test_a_service_whose_lock_is_free_has_ended_however_new_its_sign_is() -> None:
    presence = judge_presence([sign(SERVICE, MINUTE)], now=NOW, is_served=False)

    assert (presence.starter, presence.is_delivering) == (Starter.NOBODY, False)
    assert (presence.service_seen_at, presence.was_stopped) == (NOW - MINUTE, False)


def test_a_service_that_is_gone_is_a_complaint_and_one_that_never_was_is_none() -> None:
    killed = Presence(service_seen_at=NOW - 3 * HOUR)
    replaced = replace(killed, starter=Starter.TIMER, timer_seen_at=NOW - HOUR)

    [words] = said(presence=killed)
    assert words == (
        "no service was seen since 2026-11-24 09:00 UTC, and it was not stopped: start it"
    )
    assert said(presence=replaced) == ()
    assert said(presence=replace(killed, was_stopped=True)) == ()
