"""The part of the store that knows which nights happened; see `ports.Ledger`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from auditor.store import ledger, runs
from auditor.store.database import Database


class Planning:
    """The ledger of the schedules."""

    _there: Database

    def release_slot(self, run_id: int) -> None:
        """Make the slot of a run that was stopped before its end due again."""
        with self._there.writing() as connection:
            runs.release_slot(connection, run_id)

    def has_run(self, schedule: str, slot: str) -> bool:
        """Return whether the slot of the schedule has its run, however it ended."""
        with self._there.reading() as connection:
            return ledger.has_run(connection, schedule, slot)

    def slot_ended(self, schedule: str, slot: str) -> bool:
        """Return whether the slot has its run, and that has come to an end."""
        with self._there.reading() as connection:
            return ledger.has_ended(connection, schedule, slot)

    def schedule_since(self, schedule: str, line: str) -> datetime | None:
        """Return since when the schedule has had this line, None where nothing remembers it."""
        match self.schedule_in_force(schedule):
            case (known, since) if known == line:
                return since
        return None

    def schedule_start(self, schedule: str, line: str, *, now: datetime) -> datetime:
        """Return since when the schedule has had this line; `now` where it is new."""
        since = self.schedule_since(schedule, line)
        if since is not None and since <= now:
            return since
        with self._there.writing() as connection:
            ledger.remember(connection, schedule, line, since=now)
        return now

    def schedule_in_force(self, schedule: str) -> tuple[str, datetime] | None:
        """Return the line that is remembered of the schedule, and since when."""
        with self._there.reading() as connection:
            return ledger.in_force(connection, schedule)

    def forget_other_schedules(self, names: Collection[str]) -> None:
        """Forget the lines of schedules that are no longer configured."""
        with self._there.writing() as connection:
            ledger.forget_others(connection, names)

    def last_slot(self, schedule: str, *, since: datetime) -> str | None:
        """Return the newest slot that had its run since then."""
        with self._there.reading() as connection:
            return ledger.last_slot(connection, schedule, since=since)
