"""What keeps processes on one database out of each other's way, as protocols."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Protocol


class Held(Protocol):
    """A lock that is held."""

    def keep(self) -> None:
        """Make sure of it; raises `LockLostError` where another process has it by now."""
        ...


class Locks(Protocol):
    """The locks beside that of a run, each of one process at a time."""

    def outbox_lock(self) -> AbstractContextManager[Held]:
        """Hold the outbox; raises `DeliveryUnderWayError` where another process delivers."""
        ...

    def service_lock(self) -> AbstractContextManager[Held]:
        """Hold the database for one daemon; raises `ServedError` where another has it."""
        ...

    def busy_for(self) -> timedelta:
        """Return for how long the oldest question under way has waited for its answer."""
        ...
