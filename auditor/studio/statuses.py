"""What an HTTP status means, and how long to wait before asking again; pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from auditor.errors import StudioError
from auditor.studio.answers import names_bad_key

FIRST_WAIT = timedelta(seconds=0.5)
LONGEST_WAIT = timedelta(seconds=30)
LONGEST_ASKED_WAIT = timedelta(minutes=2)
"""What is granted of a `Retry-After`; a longer one must not hold up the night."""


def status_error(
    status: int, *, said: str = "", retry_after: timedelta | None = None
) -> StudioError:
    """Return what a status other than 200 means; `said` is the answer's own `error` text."""
    told = f"Studio answered {_phrase(status)}" + (f" ({said})" if said else "")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} or names_bad_key(said):
        is_certain = status != HTTPStatus.FORBIDDEN or names_bad_key(said)
        return StudioError(
            "unauthorized" if is_certain else "forbidden",
            f"{told}: check the credential that is configured",
            whole_project=True,
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return StudioError("rate_limited", told, transient=True, retry_after=retry_after)
    if status == HTTPStatus.NOT_MODIFIED:
        return StudioError("http", f"{told}, of an answer that it was not asked to compare")
    if 300 <= status < 400:
        return StudioError("redirect", f"{told}; redirects are never followed: check base_url")
    may_pass = status >= 500 or status == HTTPStatus.REQUEST_TIMEOUT
    return StudioError("http", told, transient=may_pass, retry_after=retry_after)


def asked_wait(retry_after: str, *, now: datetime) -> timedelta | None:
    """Return how long a `Retry-After` header asks to wait, at most `LONGEST_ASKED_WAIT`.

    Seconds or an HTTP date (RFC 9110 section 10.2.3); None where it is neither or is in the past.
    """
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        # Compared by length first: the digits may run to thousands.
        seconds = int(text) if len(text) < 6 else 10**6
        return min(timedelta(seconds=seconds), LONGEST_ASKED_WAIT)
    try:
        moment: datetime = parsedate_to_datetime(text)
    except ValueError:
        return None
    wait: timedelta = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return min(wait, LONGEST_ASKED_WAIT) if wait > timedelta() else None


def wait_before_retry(failures: int, *, asked: timedelta | None, jitter: float) -> timedelta:
    """Return the wait after so many failures: exponential with full jitter, `asked` at least.

    Args:
        failures: how often it failed, from 1.
        asked: what the server asked for.
        jitter: from 0 to 1; spreads clients that failed together.
    """
    doublings = min(failures - 1, 10)  # a timedelta overflows where an integer would not
    backoff = min(FIRST_WAIT * 2.0**doublings, LONGEST_WAIT) * jitter
    return max(backoff, asked or timedelta())


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
