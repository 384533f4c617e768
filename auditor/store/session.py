"""A session on PostgreSQL: what the program relies on, set by it and not by the server.

A server, a database, a role and the environment may each have defaults of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor.errors import UnfitDatabaseError
from auditor.store.address import Address

if TYPE_CHECKING:  # SQLite does without the driver
    import psycopg

LOCK_TIMEOUT_S = 10
STATEMENT_TIMEOUT_S = 600
"""As long as the service's watchdog waits for a question to the database."""

# Unless the URL has its own. A network that drops packets is noticed after a minute or two, not
# after the two hours of Linux.
_LIBPQ: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 60,
    "keepalives_interval": 10,
    "keepalives_count": 6,
    "tcp_user_timeout": 120_000,
}
# Not default_transaction_read_only: by it a server or an operator keeps every client from writing.
_SETTINGS = {
    "bytea_output": "hex",
    "DateStyle": "ISO, YMD",
    "default_transaction_deferrable": "off",
    "default_transaction_isolation": "read committed",
    "extra_float_digits": "1",
    "idle_in_transaction_session_timeout": "0",
    "IntervalStyle": "postgres",
    "lock_timeout": f"{LOCK_TIMEOUT_S}s",
    "standard_conforming_strings": "on",
    "statement_timeout": f"{STATEMENT_TIMEOUT_S}s",
    "TimeZone": "UTC",
    # A machine that is gone keeps its lock until the server notices: after two minutes with
    # these, not after the two hours of Linux. Over a socket file the server ignores them.
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "6",
}
_SETTINGS_SINCE = {14: {"idle_session_timeout": "0"}, 17: {"transaction_timeout": "0"}}
"""Settings that servers have from a version on."""

# SQL_ASCII stores bytes as they come, so that UTF-8 comes back as it was.
_ENCODINGS = frozenset({"UTF8", "SQL_ASCII"})


def connect_arguments(address: Address) -> dict[str, Any]:
    """Return what libpq gets beside the URL."""
    waits = {name: value for name, value in _LIBPQ.items() if name not in address.url.query}
    return {**waits, "client_encoding": "utf8"}


def set_up_session(connection: psycopg.Connection[Any], address: Address) -> None:
    """Give a new session every setting that the program relies on.

    Raises:
        UnfitDatabaseError: the database has an encoding that cannot hold every text.
    """
    _require_encoding(connection, address)
    settings = dict(_SETTINGS)
    for version, added in _SETTINGS_SINCE.items():
        if connection.info.server_version >= version * 10_000:
            settings |= added
    calls = ", ".join(["set_config(%s, %s, false)"] * len(settings))
    values = [part for setting in settings.items() for part in setting]
    connection.execute(f"SELECT {calls}", values)
    connection.commit()


def _require_encoding(connection: psycopg.Connection[Any], address: Address) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding not in _ENCODINGS:
        connection.close()
        raise UnfitDatabaseError(
            f"database {address}: its encoding {encoding} cannot hold every name; make another "
            "one (createdb --encoding UTF8 --template template0), and name it in database.url"
        )
