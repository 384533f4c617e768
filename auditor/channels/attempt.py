"""What the requests of one message to a service came to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from auditor.errors import UsageError, WebError
from auditor.web import Guard, WebAnswer


@dataclass(slots=True)
class Attempt:
    """What the requests of one message came to.

    Attributes:
        limit_s: for each step of a request.
        only_looks: no request is sent; the first one's address is kept.
        answer: the last answer that was a refusal, else the last one.
        failure: why the last request had no answer.
        address: of the first request.
    """

    guard: Guard
    limit_s: float
    only_looks: bool = False
    answer: WebAnswer | None = None
    failure: WebError | UsageError | None = None
    address: str = ""

    def keep(self, answer: WebAnswer) -> None:
        """Keep an answer, unless an earlier one was a refusal."""
        if self.answer is None or self.answer.is_taken:
            self.answer = answer


_attempt: ContextVar[Attempt | None] = ContextVar("attempt", default=None)


@contextmanager
def attempting(attempt: Attempt) -> Iterator[None]:
    """Have the requests of this thread belong to an attempt."""
    token = _attempt.set(attempt)
    try:
        yield
    finally:
        _attempt.reset(token)


def attempt_under_way() -> Attempt | None:
    """Return the attempt to which the requests of this thread belong."""
    return _attempt.get()
