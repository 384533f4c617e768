"""Sets of targets that take eight bytes each, for fleets of a million blocks."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from threading import Lock

from auditor.model import TargetId

_ID = "q"  # ids are 64-bit integers, as the database has them


class TargetSet:
    """A set that only grows; a target is added once. Threads may share it."""

    __slots__ = ("_by_project", "_lock", "_size", "_unsorted")

    def __init__(self) -> None:
        self._by_project: dict[int, array[int]] = {}
        self._unsorted: set[int] = set()
        self._size = 0
        self._lock = Lock()

    def add(self, target: TargetId) -> None:
        """Add a target that is not in the set."""
        project_id, block_id = target
        with self._lock:
            ids = self._by_project.get(project_id)
            if ids is None:
                ids = self._by_project[project_id] = array(_ID)
            if ids and block_id < ids[-1]:
                self._unsorted.add(project_id)
            ids.append(block_id)
            self._size += 1

    def __contains__(self, target: object) -> bool:
        if not isinstance(target, TargetId):
            return False
        with self._lock:  # another thread may add while this one searches
            ids = self._sorted(target.project_id)
            place = bisect_left(ids, target.learn_id)
            return place < len(ids) and ids[place] == target.learn_id

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[TargetId]:
        """Yield the targets by project and block id."""
        for project_id in sorted(self._by_project):
            yield from self.of_project(project_id)

    def projects(self) -> frozenset[int]:
        """Return the projects of the targets."""
        return frozenset(self._by_project)

    def of_project(self, project_id: int) -> tuple[TargetId, ...]:
        """Return the targets of a project, by block id."""
        with self._lock:
            ids = tuple(self._sorted(project_id))
        return tuple(TargetId(project_id, block_id) for block_id in ids)

    def _sorted(self, project_id: int) -> array[int]:
        """Return the ids of a project in order; the caller holds the lock."""
        ids = self._by_project.get(project_id) or array(_ID)
        if project_id in self._unsorted:
            self._unsorted.discard(project_id)
            ids = self._by_project[project_id] = array(_ID, sorted(ids))
        return ids
