"""Values of projects, packed: what a run asked for early and needs late, or for few targets."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterator
from typing import Any, Generic, TypeVar, cast

_FAST = 1  # level of compression
_T = TypeVar("_T")


def pack(value: object) -> bytes:
    """Return a value in few bytes; only this process may unpack it."""
    return zlib.compress(pickle.dumps(value, pickle.HIGHEST_PROTOCOL), _FAST)


def unpack(packed: bytes) -> Any:  # noqa: ANN401 - of whatever type was packed
    """Return a value that `pack` packed."""
    return pickle.loads(zlib.decompress(packed))  # noqa: S301 - packed by this process


class PackedValues(Generic[_T]):
    """A mapping of projects to values, of which the last one that was read is kept unpacked."""

    __slots__ = ("_last", "_packed")

    def __init__(self) -> None:
        self._packed: dict[int, bytes] = {}
        self._last: tuple[int, _T] | None = None

    def __setitem__(self, project_id: int, value: _T) -> None:
        self._packed[project_id] = pack(value)
        self._last = None

    def __getitem__(self, project_id: int) -> _T:
        last = self._last
        if last is not None and last[0] == project_id:
            return last[1]
        value = cast("_T", unpack(self._packed[project_id]))
        self._last = project_id, value
        return value

    def __contains__(self, project_id: object) -> bool:
        return project_id in self._packed

    def items(self) -> Iterator[tuple[int, _T]]:
        """Yield the projects with their values, in the order in which they were set."""
        return ((project_id, self[project_id]) for project_id in self._packed)
