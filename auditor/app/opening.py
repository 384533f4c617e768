"""Opens what a command works on: the configuration and the store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from auditor import config
from auditor.app.clock import now
from auditor.audit.notices import remember_rules, require_admissible
from auditor.config import Settings
from auditor.errors import UsageError
from auditor.protocols import RunStore
from auditor.store.dry import DryStore

if TYPE_CHECKING:  # each command imports what it needs: `--help` and `diff` stay quick
    from auditor.store.store import SqlStore


def settings(path: str | None, *, reads_secrets: bool = True) -> Settings:
    """Return the configuration that a command uses; to look at the history takes no secrets.

    Raises:
        ConfigError: there is none, or it cannot be used.
    """
    found = config.find(path, os.environ)
    return config.load(found, environ=os.environ, reads_secrets=reads_secrets)


def store(chosen: Settings, *, upgrade: bool | None = None) -> SqlStore:
    """Open the store, brought to this version's schema unless the configuration forbids it.

    Raises:
        StoreError: the database cannot be used.
    """
    from auditor.store.store import open_database  # noqa: PLC0415 - SQLAlchemy takes its time

    wanted = chosen.database.auto_upgrade if upgrade is None else upgrade
    return open_database(chosen.database.url, upgrade=wanted)


def existing(chosen: Settings) -> SqlStore:
    """Open a store that must be there already: to read is no reason to make one.

    Raises:
        UsageError: no database exists yet.
        StoreError: the database cannot be used.
    """
    from auditor.store.database import database_exists  # noqa: PLC0415

    if not database_exists(chosen.database.url):
        raise UsageError("there is no database yet: `auditor run` makes it")
    return store(chosen)


@contextmanager
def stored(chosen: Settings, *, upgrade: bool | None = False) -> Iterator[SqlStore | None]:
    """Open the store as it is, None where no database exists yet; nothing is made.

    Nor is it upgraded, unless `upgrade` is None: then as the configuration has it.
    """
    from auditor.store.database import database_exists  # noqa: PLC0415

    if not database_exists(chosen.database.url):
        yield None
        return
    with store(chosen, upgrade=upgrade) as opened:
        yield opened


def admit_rules(chosen: Settings, held: RunStore) -> None:
    """Refuse rules that could never hold, and remember those that do.

    Raises:
        ConfigError: an ignore rule ends in the past and was never in force.
    """
    require_rules(chosen, held)
    at = now()
    today = at.astimezone(chosen.schedule.timezone).date()
    remember_rules(chosen.rules, held, today=today, at=at)


def require_rules(chosen: Settings, held: RunStore | None) -> None:
    """Refuse rules that could never hold; `held` is None where no database exists yet.

    Raises:
        ConfigError: an ignore rule ends in the past and was never in force.
    """
    today = now().astimezone(chosen.schedule.timezone).date()
    require_admissible(chosen.rules, DryStore(held), today=today)
