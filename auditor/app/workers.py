"""Runs whose requests several machines share, and the work of such a machine."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from auditor import __version__
from auditor.app.build import build_client
from auditor.app.claim import digest_inventory
from auditor.config import Settings
from auditor.errors import StoreUnreachableError, UnfitDatabaseError, UsageError
from auditor.fetching import Studio
from auditor.model import Failure
from auditor.rendering.words import count

if TYPE_CHECKING:  # Procrastinate is there only with the extra `workers`
    from auditor.workers.exchange import Exchange
    from auditor.workers.worker import Member

_REOPEN_AFTER = timedelta(seconds=10)  # for a database that cannot be reached
_LOOK_EVERY = timedelta(seconds=5)  # for the tables, which the first run makes

logger = logging.getLogger(__name__)


def build_shared_studio(
    settings: Settings, *, halt: Callable[[], Failure | None]
) -> AbstractAsyncContextManager[Studio]:
    """Return Studio for one run whose requests other machines share.

    Raises:
        UsageError: the extra `workers` is not installed.
        UnfitDatabaseError: the database is SQLite.
    """
    exchange = build_exchange(settings)
    from auditor.workers.studio import SharedStudio  # noqa: PLC0415

    member = join_run(settings, exchange, lambda: halt() is not None, uuid.uuid4().hex)
    return SharedStudio(exchange, member, batch=settings.workers.batch, halt=halt)


def count_at_once(settings: Settings) -> int:
    """Return how many blocks a run with workers asks for at the same time."""
    from auditor.workers.studio import AHEAD  # noqa: PLC0415

    return AHEAD * settings.workers.batch


def build_exchange(settings: Settings) -> Exchange:
    """Return what the machines of a run share, still closed.

    Raises:
        UsageError: the extra `workers` is not installed.
        UnfitDatabaseError: the database is SQLite.
    """
    try:
        from auditor.workers.exchange import Exchange  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(
            f"workers need the package {error.name}: run "
            "`pip install 'drift-auditor[workers]'` in the auditor's environment"
        ) from error
    return Exchange(
        settings.database.url,
        queue=f"auditor-{__version__}-{digest_inventory(settings)[:16]}",
        lost_after=settings.workers.lost_after,
    )


async def describe_workers(settings: Settings) -> str:
    """Return in words who would share a run now.

    Raises:
        UsageError: the extra `workers` is not installed.
        StoreError: the database cannot be reached, or is SQLite.
    """
    async with build_exchange(settings) as exchange:
        is_ready = await exchange.is_ready()
        workers = await exchange.count_workers() if is_ready else 0
    if not is_ready:
        return "the first run makes the tables that it shares"
    if not workers:
        return "none gives a sign of life, so runs do without; start `auditor worker`"
    return f"{count(workers, 'worker')} of any version and configuration"


def join_run(
    settings: Settings, exchange: Exchange, stopping: Callable[[], bool], run: str
) -> Member:
    """Return this machine's part in a run, still closed."""
    from auditor.workers.worker import Member  # noqa: PLC0415

    return Member(
        run,
        exchange,
        partial(build_client, settings),
        per_second=settings.studio.requests_per_s,
        concurrency=settings.studio.concurrency,
        stopping=stopping,
    )


async def do_batches(settings: Settings, stop: asyncio.Event) -> None:
    """Do batches of other machines' runs until `stop` is set; a lost database is waited for.

    Raises:
        UsageError: the extra `workers` is not installed, or workers are not enabled.
        UnfitDatabaseError: the database is SQLite.
    """
    if not settings.workers.enabled:
        raise UsageError(
            "runs are not shared with workers: set enabled = true in [workers], on this machine "
            "and where the runs start"
        )
    while not stop.is_set():
        try:
            await _do_batches(settings, build_exchange(settings), stop)
            await _wait(stop, _REOPEN_AFTER)  # the work ended by itself
        except UnfitDatabaseError:
            raise
        except StoreUnreachableError as error:
            logger.error("%s; tried again in %d s", error, _REOPEN_AFTER.total_seconds())  # noqa: TRY400 - the message says it all
            await _wait(stop, _REOPEN_AFTER)


async def _do_batches(settings: Settings, exchange: Exchange, stop: asyncio.Event) -> None:
    from auditor.workers.worker import Worker  # noqa: PLC0415

    async with exchange:
        logger.info("worker ready", extra={"queue": exchange.queue})
        while not (await exchange.is_ready() or stop.is_set()):
            await _wait(stop, _LOOK_EVERY)
        join = partial(join_run, settings, exchange, stop.is_set)
        async with Worker(join) as worker:
            working = asyncio.create_task(exchange.work(worker.do, batches=worker.batches))
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
            for task in (working, stopped):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await working


async def _wait(stop: asyncio.Event, at_most: timedelta) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), at_most.total_seconds())
