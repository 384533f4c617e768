"""Who may work on a database: its locks, signs of life, and whose it is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Protocol

from auditor.records import Configuration, SignOfLife


class Lock(Protocol):
    """A lock that is held."""

    def keep(self) -> None:
        """Make sure of the lock; raises `LockLostError` if another process has taken it."""
        ...


class Locks(Protocol):
    """The locks other than that of a run, each of one process at a time."""

    def outbox_lock(self) -> AbstractContextManager[Lock]:
        """Hold the outbox; raises `DeliveryUnderWayError` where another process delivers."""
        ...

    def service_lock(self) -> AbstractContextManager[Lock]:
        """Hold the database for one daemon; raises `ServedError` where another has it."""
        ...

    def busy_for(self) -> timedelta:
        """Return for how long the oldest question under way has waited for its answer."""
        ...


class ConfigurationStore(Protocol):
    """Whose database it is."""

    def configuration(self) -> Configuration | None:
        """Return the configuration that last ran, None before the first."""
        ...

    def remember_configuration(self, configuration: Configuration) -> None:
        """Store the configuration, in place of any other."""
        ...


class SignStore(Protocol):
    """Which processes were at work on the database, and when."""

    def record_sign(self, sign: SignOfLife) -> None:
        """Store a sign of life, in place of the last of its kind."""
        ...

    def signs_of_life(self) -> tuple[SignOfLife, ...]:
        """Return the last sign of life of each kind that ever left one."""
        ...

    def is_served(self) -> bool | None:
        """Return whether a service holds its lock; None where that cannot be found out."""
        ...
