from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from auditor.studio.answers import status_error
from auditor.studio.manners import (
    LONGEST_RETRY_AFTER,
    LONGEST_WAIT,
    parse_retry_after,
    wait_before_retry,
)

NOW = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "kind", "transient", "whole_project"),
    [
        (204, "http", False, False),
        (304, "http", False, False),
        (307, "redirect", False, False),
        (400, "http", False, False),
        (401, "unauthorized", False, True),
        (403, "forbidden", False, True),
        (404, "http", False, False),
        (429, "rate_limited", True, False),
        (500, "http", True, False),
        (503, "http", True, False),
        (599, "http", True, False),
    ],
)
def test_a_status_says_what_to_do(
    status: int, kind: str, transient: bool, whole_project: bool
) -> None:
    error = status_error(status)

    assert (error.kind, error.transient, error.whole_project) == (kind, transient, whole_project)
    assert str(status) in error.message


def test_studio_s_word_for_an_unknown_key_counts_whatever_the_status() -> None:
    error = status_error(400, error_text="Invalid API key")

    assert (error.kind, error.whole_project) == ("unauthorized", True)


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
    waits = [wait_before_retry(n, asked=None, jitter=1.0).total_seconds() for n in range(1, 5)]

    assert waits == [0.5, 1.0, 2.0, 4.0]
    assert wait_before_retry(1000, asked=None, jitter=1.0) == LONGEST_WAIT


def test_jitter_spreads_a_wait_down_to_nothing() -> None:
    assert wait_before_retry(3, asked=None, jitter=0.25) == timedelta(seconds=0.5)
    assert wait_before_retry(3, asked=None, jitter=0.0) == timedelta()


def test_what_the_server_asks_for_is_the_least_wait() -> None:
    asked = timedelta(seconds=1)

    assert wait_before_retry(1, asked=asked, jitter=1.0) == asked
    assert wait_before_retry(4, asked=asked, jitter=1.0) == timedelta(seconds=4)
