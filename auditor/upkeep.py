"""What an operator asks of the installation: does everything answer, is the history sound."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from auditor.errors import AuditorError


@dataclass(frozen=True, slots=True)
class Probe:
    """One thing to try; `attempt` raises an `AuditorError` where it does not answer."""

    what: str
    attempt: Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a probe came to, in words; `exit_code` is 0 where it is well."""

    what: str
    exit_code: int
    words: str


async def examine(probes: Sequence[Probe]) -> tuple[Answered, ...]:
    """Try everything, one after the other, whatever fails before."""
    return tuple([await _examined(probe) for probe in probes])


async def _examined(probe: Probe) -> Answered:
    try:
        return Answered(probe.what, exit_code=0, words=await probe.attempt())
    except AuditorError as error:
        return Answered(probe.what, exit_code=error.exit_code, words=str(error))
