"""What an operator asks of the installation: does everything answer, is the history sound."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor.errors import AuditorError

LEAST_ROOM_BYTES = 100 * 1024 * 1024
"""What must be free on a disk beside a copy of the database: nights, reports, a journal."""


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


def require_room(folder: Path, *, free_bytes: int, beside_bytes: int = 0) -> None:
    """Refuse a disk without room for the nights to come and one more `beside_bytes`.

    An upgrade of the schema and a backup write the database once more.

    Raises:
        AuditorError: names what is lacking.
    """
    lacking = LEAST_ROOM_BYTES + beside_bytes - free_bytes
    if lacking > 0:
        raise AuditorError(
            f"the disk of {folder} is nearly full, {lacking:,} bytes short of what an upgrade or "
            "a backup takes: make room, or `auditor prune`"
        )
