"""The part of the store that keeps processes out of each other's way; see `ports.Locks`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

from auditor.protocols import Lock
from auditor.store import lock
from auditor.store.database import Database


class Locking:
    """The locks of a database, and how long it has kept somebody waiting."""

    _there: Database
    _run_lock: Lock | None = None

    @contextmanager
    def run_lock(self) -> Iterator[None]:
        """Hold the database for one run; what the run stores makes sure of it."""
        with lock.held(self._there, lock.RUN) as held:
            self._run_lock = held
            try:
                yield
            finally:
                self._run_lock = None

    def outbox_lock(self) -> AbstractContextManager[Lock]:
        """Hold the outbox."""
        return lock.held(self._there, lock.OUTBOX)

    def service_lock(self) -> AbstractContextManager[Lock]:
        """Hold the database for one daemon."""
        return lock.held(self._there, lock.SERVICE)

    def busy_for(self) -> timedelta:
        """Return for how long the oldest question under way has waited for its answer."""
        return self._there.busy_for()

    def _keep_run_lock(self) -> None:
        if self._run_lock is not None:
            self._run_lock.keep()
