"""Statements that SQLAlchemy compiled, kept for every engine of a test session.

An engine compiles each statement once, and each test has engines of its own: a fifth of the time
of a run went into compiling the same statements again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

_Key = tuple[Any, ...]


class CompiledStatements(dict[_Key, Any]):
    """A cache of compiled statements for all engines of one dialect; their settings are alike."""

    def get(self, key: _Key, default: Any = None) -> Any:  # noqa: ANN401 - SQLAlchemy's own
        """Return what was compiled for the same dialect, whichever engine's it was."""
        return super().get(_without_engine(key), default)

    def __setitem__(self, key: _Key, compiled: Any) -> None:  # noqa: ANN401 - see above
        super().__setitem__(_without_engine(key), compiled)


def _without_engine(key: _Key) -> _Key:
    """Put the name of the dialect in the place of the engine's own dialect."""
    dialect, *rest = key
    return (f"{dialect.name}+{dialect.driver}", *rest)


@pytest.fixture(scope="session", autouse=True)
def compiled_statements() -> Iterator[None]:
    """Let each connection compile only what none before it did."""
    compiled = CompiledStatements()

    def share(connection: Connection) -> None:
        connection.execution_options(compiled_cache=compiled)

    event.listen(Engine, "engine_connect", share)
    yield
    event.remove(Engine, "engine_connect", share)
