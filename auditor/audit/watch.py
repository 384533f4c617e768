"""Who looks on while a run is under way, and what ends it early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from auditor.audit.scope import OUT_OF_TIME, STOPPED
from auditor.model import Failure


def _ignore(_: int) -> None:
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class RunControl:
    """Who looks on while a run is under way.

    Attributes:
        planned: called once with the number of targets to fetch.
        checked: called with 1 for each that was asked.
        stopping: asked between targets; once True no further target is asked.
        is_late: the same, of a run that has taken as long as it may.
    """

    planned: Callable[[int], None] = _ignore
    checked: Callable[[int], None] = _ignore
    stopping: Callable[[], bool] = field(default=lambda: False)
    is_late: Callable[[], bool] = field(default=lambda: False)

    def halt(self) -> Failure | None:
        """Return why no further target is asked, None where the run goes on."""
        if self.stopping():
            return STOPPED
        return OUT_OF_TIME if self.is_late() else None
