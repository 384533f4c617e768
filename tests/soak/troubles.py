"""What befalls an installation in the soak: its process, database, mail server and clock."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

import psycopg
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import Connection, event, make_url

from auditor.store.store import SqlStore
from tests.audit.stage import Postbox

RECIPIENT = "ops@example.org"
_MOST_COMMITS = 40  # after which a night has ended, if it has few blocks
_AHEAD, _BACK = timedelta(days=45), timedelta(days=-3)


class Crash(BaseException):  # no Exception: nothing in the program may catch it
    """The process dies here: nothing after it is done."""


class Death(Enum):
    """Where a process dies."""

    AMID = auto()
    AT_COMMIT = auto()
    BEFORE_CLOSE = auto()
    BEFORE_DELIVERY = auto()
    AFTER_TAKEN = auto()  # the server took the message, and nobody noted it


class Refusal(Enum):
    """What the mail server says to every message of a night."""

    LATER = auto()
    FOR_GOOD = auto()
    FORM = auto()


class ReadOnly(Enum):
    """When the database stops taking changes; it is back some hours later."""

    AMID = auto()
    BEFORE_DELIVERY = auto()
    AFTER_TAKEN = auto()


@dataclass(frozen=True, slots=True)
class Troubles:
    """What befalls one night."""

    death: Death | None = None
    commit: int = 0
    refusal: Refusal | None = None
    read_only: ReadOnly | None = None
    jump: timedelta | None = None


def random_troubles(chance: random.Random) -> Troubles:
    """Return the troubles of a night; most nights have none, few have several."""

    def sometimes(probability: float) -> bool:
        return chance.random() < probability

    return Troubles(
        death=chance.choice(list(Death)) if sometimes(0.15) else None,
        commit=chance.randint(1, _MOST_COMMITS),
        refusal=chance.choice(list(Refusal)) if sometimes(0.3) else None,
        read_only=chance.choice(list(ReadOnly)) if sometimes(0.12) else None,
        jump=chance.choice((_AHEAD, _BACK)) if sometimes(0.06) else None,
    )


class TroubledPostbox(Postbox):
    """A mail server that may refuse a form, and tell once that it took a message.

    Attributes:
        sent: how often each Message-ID was taken.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refuses_form = False
        self.meanwhile: Callable[[], None] | None = None
        self.sent: Counter[str] = Counter()

    def refuse(self, refusal: Refusal | None) -> None:
        """Answer so from now on."""
        self.refuses_form = refusal is Refusal.FORM
        self.refuses.clear()
        if refusal is Refusal.LATER:
            self.refuses[RECIPIENT] = "451 try later"
        if refusal is Refusal.FOR_GOOD:
            self.refuses[RECIPIENT] = "550 no such user"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's own name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.refuses_form and b"text/html" in bytes(envelope.original_content or b""):
            return "554 5.6.1 no HTML here"
        reply = await super().handle_DATA(server, session, envelope)
        self.sent[str(self.taken[-1][1]["Message-ID"])] += 1
        act, self.meanwhile = self.meanwhile, None
        if act is not None:
            await asyncio.to_thread(act)
        return reply


class DatabaseSwitch:
    """Turns a database read-only and back, as a disk or a failover does.

    Transactions that begin from then on are refused to write. PostgreSQL closes every connection
    besides.
    """

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self.is_read_only = False

    def turn_off(self) -> None:
        """Let nobody write from now on."""
        self.is_read_only = True
        self._end_sessions()

    def turn_on(self) -> None:
        """Let everybody write again."""
        if self.is_read_only:
            self.is_read_only = False
            self._end_sessions()

    def watch(self, store: SqlStore) -> None:
        """Have the switch hold for the store's connections."""
        event.listen(store.database.engine, "begin", self._restrict)

    def _restrict(self, connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA query_only = {int(self.is_read_only)}")
        elif self.is_read_only:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")

    def _end_sessions(self) -> None:
        if self._url.get_backend_name() == "sqlite":
            return
        server = self._url.set(drivername="postgresql", database="postgres")
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        with psycopg.connect(server.render_as_string(hide_password=False)) as connection:
            connection.execute(end, [self._url.database])


@contextmanager
def dying_at_commit(store: SqlStore, number: int) -> Iterator[None]:
    """Let the process die before that commit; with 0 it lives."""
    left = number

    def count(_connection: Connection) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Crash

    event.listen(store.database.engine, "commit", count)
    try:
        yield
    finally:
        event.remove(store.database.engine, "commit", count)
