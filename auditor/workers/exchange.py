"""What the machines of a run tell one another: tables and jobs in the database.

They lie in a schema of their own, beside the auditor's tables, and hold nothing that outlasts a
run. So they are made anew where another version of Procrastinate or of these tables made them.

- `run`: the key of the run under way, whether it is ended, its circuit, its next turn to send.
- `batch`: the requests of a batch, later what came of them. The coordinator takes them out.
- Procrastinate's tables: a job for each batch, in a queue that is named for the program's version
  and for what the configuration audits. A worker with others takes no job.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeAlias, cast

import procrastinate
import psycopg
import psycopg_pool
from procrastinate.exceptions import ProcrastinateException
from psycopg.types.json import Jsonb

from auditor.errors import StoreUnreachableError, UnfitDatabaseError
from auditor.store.address import Address, parse_address
from auditor.store.session import connect_arguments

SCHEMA = "auditor_workers"
_FORM = 2  # of the tables below: another number where they change
_CONNECTIONS = 4
_TRIES = 5  # of a batch by workers; then the coordinator does it
_SIGNS = 3  # of life that a worker gives before it counts as lost
_LONGEST_POLL_S = 5.0  # notifications are faster
_TABLES = """
CREATE TABLE run (
  key text PRIMARY KEY,
  is_ended boolean NOT NULL DEFAULT false,
  circuit jsonb NOT NULL DEFAULT '{}',
  next_turn timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE batch (
  run text NOT NULL REFERENCES run (key) ON DELETE CASCADE,
  number integer NOT NULL,
  requests bytea NOT NULL,
  outcomes bytea,
  PRIMARY KEY (run, number)
);
"""
_FIND_FORM = "SELECT obj_description(to_regnamespace(%s), 'pg_namespace') AS form"
_TURNS = """
UPDATE run SET next_turn = greatest(next_turn, clock_timestamp()) + %(span)s WHERE key = %(run)s
RETURNING extract(epoch FROM next_turn - %(span)s - clock_timestamp())::float8
"""
_ANSWER = "UPDATE batch SET outcomes = %s WHERE run = %s AND number = %s AND outcomes IS NULL"
_TAKE = "DELETE FROM batch WHERE run = %s AND outcomes IS NOT NULL RETURNING number, outcomes"
_WITH_JOB = """
SELECT (args ->> 'number')::integer FROM procrastinate_jobs
WHERE status IN ('todo', 'doing') AND args ->> 'run' = %s
"""
# What a worker does at this moment it ends by itself: it finds no such run.
_FORGET_JOBS = "DELETE FROM procrastinate_jobs WHERE status <> 'doing'"
_COUNT_ALIVE = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - %s"

DoBatch: TypeAlias = Callable[[str, int], Awaitable[None]]
"""Does the batch of a run with a number."""
Causes: TypeAlias = Mapping[int, tuple[str, str]]
"""The open circuits: kind and message of the cause by project, that of all at `EVERY_PROJECT`."""
_Connection: TypeAlias = psycopg.AsyncConnection[tuple[Any, ...]]

logger = logging.getLogger(__name__)


class Exchange:
    """The tables and jobs, as an async context manager.

    Attributes:
        queue: the name of the queue of jobs.
        lost_after: how long a worker gives no sign of life before it counts as dead.
    """

    def __init__(self, url: str, *, queue: str, lost_after: timedelta) -> None:
        self.queue = queue
        self.lost_after = lost_after
        self._address = parse_address(url)
        if self._address.is_sqlite:
            raise UnfitDatabaseError(
                "workers need a PostgreSQL database: name one in database.url, or set "
                "workers.enabled = false"
            )
        self._pool = _make_pool(self._address)
        self._app = procrastinate.App(connector=procrastinate.PsycopgConnector())
        self._do: DoBatch = _do_nothing
        self._task = self._app.task(
            name="auditor.batch",
            queue=queue,
            retry=procrastinate.RetryStrategy(max_attempts=_TRIES),
        )(self._do_batch)

    async def __aenter__(self) -> Self:
        with self._translated():
            await self._pool.open(wait=True)
            await self._app.open_async(self._pool)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._pool.close()

    async def is_ready(self) -> bool:
        """Return whether the tables are those of this version; the first run makes them."""
        async with self._connection() as connection:
            return await _find_form(connection) == _form()

    async def begin(self, run: str) -> None:
        """Make the tables where they are missing or of another version, and begin a run.

        The caller holds the run's lock: what is left of other runs goes.
        """
        async with self._connection() as connection:
            if await _find_form(connection) != _form():
                await self._make_tables(connection)
            await connection.execute("DELETE FROM run")
            await connection.execute(_FORGET_JOBS)
            await connection.execute("INSERT INTO run (key) VALUES (%s)", (run,))

    async def _make_tables(self, connection: _Connection) -> None:
        await connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        await connection.execute(f"CREATE SCHEMA {SCHEMA}")
        await connection.execute(cast("Any", self._app.schema_manager.get_schema()))
        await connection.execute(_TABLES)
        await connection.execute(
            psycopg.sql.SQL("COMMENT ON SCHEMA {} IS {}").format(
                psycopg.sql.Identifier(SCHEMA), psycopg.sql.Literal(_form())
            )
        )

    async def end(self, run: str) -> None:
        """End a run: what no worker has begun goes, and what workers do they end early."""
        async with self._connection() as connection:
            await connection.execute("UPDATE run SET is_ended = true WHERE key = %s", (run,))
            await connection.execute(_FORGET_JOBS)

    async def forget(self, run: str) -> None:
        """Delete a run with everything that is left of it."""
        async with self._connection() as connection:
            await connection.execute("DELETE FROM run WHERE key = %s", (run,))
            await connection.execute(_FORGET_JOBS)

    async def put(self, run: str, number: int, requests: bytes) -> None:
        """Leave a batch for whoever takes it first."""
        async with self._connection() as connection:
            await connection.execute(
                "INSERT INTO batch (run, number, requests) VALUES (%s, %s, %s)",
                (run, number, requests),
            )
            task = self._task.configure(connection=connection)
            await task.defer_async(run=run, number=number)

    async def take(self, run: str) -> list[tuple[int, bytes]]:
        """Take out the batches that are done: the number and the outcomes of each."""
        async with self._connection() as connection:
            cursor = await connection.execute(_TAKE, (run,))
            return [(number, bytes(outcomes)) for number, outcomes in await cursor.fetchall()]

    async def revive(self, run: str) -> set[int]:
        """Give the batches of dead workers to others; return the numbers that have a job."""
        with self._translated():
            for job in await self._app.job_manager.get_stalled_jobs(
                queue=self.queue, seconds_since_heartbeat=self.lost_after.total_seconds()
            ):
                logger.warning("batch of a lost worker given to another", extra={"job": job.id})
                with suppress(ProcrastinateException):  # it ended the batch a moment ago
                    await self._app.job_manager.retry_job(job)
        async with self._connection() as connection:
            cursor = await connection.execute(_WITH_JOB, (run,))
            return {number for (number,) in await cursor.fetchall()}

    async def count_workers(self) -> int:
        """Return how many workers gave a sign of life lately."""
        async with self._connection() as connection:
            cursor = await connection.execute(_COUNT_ALIVE, (self.lost_after,))
            return int((await cursor.fetchone() or (0,))[0])

    async def find_requests(self, run: str, number: int) -> bytes | None:
        """Return the requests of a batch, None where it is done or its run is over."""
        query = (
            "SELECT requests FROM batch JOIN run ON run.key = batch.run "
            "WHERE run = %s AND number = %s AND outcomes IS NULL AND NOT is_ended"
        )
        async with self._connection() as connection:
            row = await (await connection.execute(query, (run, number))).fetchone()
            return bytes(row[0]) if row else None

    async def answer(self, run: str, number: int, outcomes: bytes) -> None:
        """Leave what came of a batch, unless another worker did, or the run is over."""
        async with self._connection() as connection:
            await connection.execute(_ANSWER, (outcomes, run, number))

    async def read_circuit(self, run: str) -> Causes | None:
        """Return the open circuits of a run, None where the run is over."""
        query = "SELECT circuit FROM run WHERE key = %s AND NOT is_ended"
        async with self._connection() as connection:
            row = await (await connection.execute(query, (run,))).fetchone()
        return {int(key): (kind, words) for key, (kind, words) in row[0].items()} if row else None

    async def write_circuit(self, run: str, causes: Causes) -> None:
        """Let every machine know the open circuits of a run."""
        stored = Jsonb({str(project_id): list(cause) for project_id, cause in causes.items()})
        async with self._connection() as connection:
            await connection.execute("UPDATE run SET circuit = %s WHERE key = %s", (stored, run))

    async def reserve_turns(self, run: str, span: timedelta) -> float | None:
        """Reserve a span of time to send in; return the seconds until it begins.

        None where the run is over.
        """
        async with self._connection() as connection:
            cursor = await connection.execute(_TURNS, {"run": run, "span": span})
            row = await cursor.fetchone()
            return row[0] if row else None

    async def work(self, do: DoBatch, *, batches: int) -> None:
        """Do batches, so many at a time, until cancelled: then those in hand are ended first.

        What `do` raises is logged, and the batch is tried again, by this worker or by another.
        """
        self._do = do
        lost_after_s = self.lost_after.total_seconds()
        with self._translated():
            await self._app.run_worker_async(
                queues=[self.queue],
                concurrency=batches,
                install_signal_handlers=False,
                delete_jobs="always",
                fetch_job_polling_interval=min(_LONGEST_POLL_S, lost_after_s),
                update_heartbeat_interval=lost_after_s / _SIGNS,
                stalled_worker_timeout=lost_after_s,
            )

    async def _do_batch(self, *, run: str, number: int) -> None:
        try:
            await self._do(run, number)
        except StoreUnreachableError as error:
            logger.warning("batch not done: %s", error)
            raise
        except Exception:
            logger.exception("batch not done")
            raise

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[_Connection]:
        """Yield a transaction, committed at the end."""
        with self._translated():
            async with self._pool.connection() as connection:
                yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise what the libraries raise as `StoreUnreachableError`."""
        try:
            yield
        except (psycopg.Error, psycopg_pool.PoolTimeout, ProcrastinateException) as error:
            words = self._address.hide_passwords(" ".join(str(error).split()))
            raise StoreUnreachableError(
                f"database {self._address}: the workers' tables cannot be used ({words}); check "
                "that the server runs, and that the user may create schemas in the database"
            ) from error


def _form() -> str:
    """Return what the tables were made by, as the comment of their schema says it."""
    return f"{_FORM}, procrastinate {procrastinate.__version__}"


async def _find_form(connection: _Connection) -> str | None:
    row = await (await connection.execute(_FIND_FORM, (SCHEMA,))).fetchone()
    return row[0] if row else None


def _make_pool(address: Address) -> psycopg_pool.AsyncConnectionPool:
    """Return a pool, still closed, whose sessions see the schema and time in UTC."""
    conninfo = address.url.set(drivername="postgresql").render_as_string(hide_password=False)
    own_options = address.url.query.get("options", "")
    options = f"{own_options} -c search_path={SCHEMA} -c timezone=UTC"
    return psycopg_pool.AsyncConnectionPool(
        conninfo,
        kwargs={**connect_arguments(address), "options": options.strip()},
        min_size=1,
        max_size=_CONNECTIONS,
        check=psycopg_pool.AsyncConnectionPool.check_connection,
        open=False,
    )


async def _do_nothing(_run: str, _number: int) -> None:
    """Stand in for the work of a machine that only coordinates."""
