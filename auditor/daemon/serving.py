"""From the start of the process to its end: the database, the signals, the service."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from auditor import app
from auditor.config import Settings
from auditor.daemon.notify import notify
from auditor.daemon.service import Service
from auditor.errors import StoreUnreachableError

if TYPE_CHECKING:  # the store is the application's to import
    from auditor.store.store import SqlStore

REOPEN_AFTER = timedelta(seconds=10)  # a database that could not be reached at start

logger = logging.getLogger(__name__)


async def serve(load: Callable[[], Settings]) -> int:
    """Serve until SIGTERM or SIGINT and return the exit code.

    Raises:
        ConfigError: the configuration cannot be used at start.
        StoreError: the database cannot be used at start.
    """
    settings, stop = load(), asyncio.Event()
    with _signals({signal.SIGTERM: stop.set, signal.SIGINT: stop.set, signal.SIGHUP: _ignore}):
        store = await _opened(settings, stop)
        if store is None:
            return 0
        with store:
            service = Service(settings, store, load=load, stop=stop)
            with _signals({signal.SIGHUP: service.reload_soon}):
                await service.run()
    return 0


async def _opened(settings: Settings, stop: asyncio.Event) -> SqlStore | None:
    """Open the database, waiting for one that cannot be reached; None where told to stop.

    To exit would be the end: the units do not start it again after exit code 2.
    """
    while not stop.is_set():
        try:
            return await asyncio.to_thread(app.open_store, settings)
        except StoreUnreachableError as error:
            logger.error("database not reached, tried again: %s", error)  # noqa: TRY400
            notify("STATUS=Waiting for the database")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), REOPEN_AFTER.total_seconds())
    return None


def _ignore() -> None:
    return


@contextmanager
def _signals(acts: Mapping[signal.Signals, Callable[[], None]]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number, act in acts.items():
        loop.add_signal_handler(number, act)
    try:
        yield
    finally:
        for number in acts:
            loop.remove_signal_handler(number)
