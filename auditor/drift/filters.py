"""Which projects and learn blocks are audited where Studio is asked for all of them.

A pattern is compared with the whole of a name or type, ignoring case: `*` stands for any
characters, `?` for a single one, `[ab]` for one of those named. Types and names are checked
separately: a block is audited if both its type and its name pass. Each passes if `include` has a
matching pattern or no pattern at all, and `exclude` has no matching pattern.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple


class BlockLabel(NamedTuple):
    """The type and name by which a learn block is selected."""

    type: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patterns:
    """Patterns of types and names; empty if the configuration has none."""

    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockFilter:
    """Which of the listed learn blocks are audited."""

    include: Patterns = field(default_factory=Patterns)
    exclude: Patterns = field(default_factory=Patterns)

    def admits(self, block: BlockLabel) -> bool:
        """Return whether a block is audited."""
        return _passes(block.type, self.include.types, self.exclude.types) and _passes(
            block.name, self.include.names, self.exclude.names
        )

    def find_unmatched(self, blocks: Collection[BlockLabel]) -> Iterator[tuple[str, str]]:
        """Yield key and pattern (`include.names`, `pump *`) of what matches none of `blocks`."""
        for key, patterns in (("include", self.include), ("exclude", self.exclude)):
            for pattern in patterns.types:
                if not any(matches_text(block.type, pattern) for block in blocks):
                    yield f"{key}.types", pattern
            for pattern in patterns.names:
                if not any(matches_text(block.name, pattern) for block in blocks):
                    yield f"{key}.names", pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFilter:
    """Which of the listed projects are audited, by id or by a pattern of the name."""

    include: tuple[int | str, ...] = ()
    exclude: tuple[int | str, ...] = ()

    def admits(self, project_id: int, name: str) -> bool:
        """Return whether a project is audited."""
        is_included = not self.include or _is_meant(project_id, name, self.include)
        return is_included and not _is_meant(project_id, name, self.exclude)

    def find_unmatched(
        self, projects: Collection[tuple[int, str]]
    ) -> Iterator[tuple[str, int | str]]:
        """Yield key and member of what matches none of `projects`."""
        for key, members in (("include", self.include), ("exclude", self.exclude)):
            for member in members:
                if not any(_is_meant(number, name, [member]) for number, name in projects):
                    yield f"{key}_projects", member


def is_admitted(filters: Iterable[BlockFilter], block: BlockLabel) -> bool:
    """Return whether every filter admits a block."""
    return all(block_filter.admits(block) for block_filter in filters)


def matches_text(text: str, pattern: str) -> bool:
    """Return whether a pattern matches the whole text, in any case."""
    return fnmatchcase(text.strip().casefold(), pattern.casefold())


def _passes(text: str, include: tuple[str, ...], exclude: tuple[str, ...]) -> bool:
    is_included = not include or any(matches_text(text, pattern) for pattern in include)
    return is_included and not any(matches_text(text, pattern) for pattern in exclude)


def _is_meant(project_id: int, name: str, members: Iterable[int | str]) -> bool:
    return any(
        project_id == member if isinstance(member, int) else matches_text(name, member)
        for member in members
    )
