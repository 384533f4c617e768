"""What `check` learns of projects and blocks by listing them, and what it advises for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from auditor import app, config
from auditor.audit.scope import Plan
from auditor.config import Settings
from auditor.drift.filters import BlockFilter, Listed, admitted
from auditor.drift.rules import Scope
from auditor.errors import StudioError
from auditor.model import Failure
from auditor.protocols import ListedBlock, Studio
from auditor.rendering.words import count, listed


@dataclass(slots=True)
class Survey:
    """Collects listings while they are tried.

    Attributes:
        blocks: of each project that was listed, all its learn blocks.
        seen: the projects that the shared credential sees, None where that is not known.
    """

    settings: Settings
    blocks: dict[int, tuple[ListedBlock, ...]] = field(default_factory=dict)
    seen: Mapping[int, str] | None = None

    @property
    def _plan(self) -> Plan:
        return app.plan(self.settings)

    def heard(self, project_id: int, blocks: tuple[ListedBlock, ...]) -> str:
        """Keep a project's listing and return it in words."""
        self.blocks[project_id] = blocks
        return _counted([(blocks, self._filters(project_id))])

    async def every_project(self, studio: Studio) -> str:
        """Ask what a night would ask first of the projects that are not named."""
        named = {one.id for one in self.settings.projects}
        seen = await studio.list_projects()
        if isinstance(seen, Failure):
            raise StudioError(seen.kind, seen.message)
        chosen = self._chosen(seen)
        found = await asyncio.gather(*map(studio.list_blocks, chosen))
        self.seen = seen
        heard = dict(zip(chosen, found, strict=True))
        self.blocks |= {k: one for k, one in heard.items() if not isinstance(one, Failure)}
        _require_all(heard)
        parts = [f"{count(len(seen), 'project')} seen"]
        parts += [f"{number} under [[projects]]" for number in [len(named & set(seen))] if number]
        left_out = len(set(seen) - named) - len(chosen)
        parts += [f"{left_out} left out"] if left_out else []
        told = [(self.blocks[one], self._filters(one)) for one in chosen]
        return f"{', '.join(parts)}; {_counted(told)}"

    def advice(self) -> Iterator[str]:
        """Yield a sentence for each pattern, filter, rule or reader that is for nothing."""
        yield from self._idle_projects()
        yield from self._idle_blocks()
        yield from self._unaudited()

    def _chosen(self, seen: Mapping[int, str]) -> list[int]:
        named = {one.id for one in self.settings.projects}
        admits = self.settings.project_filter.admits
        return sorted(one for one, name in seen.items() if one not in named and admits(one, name))

    def _filters(self, project_id: int) -> tuple[BlockFilter, ...]:
        plan = self._plan
        own = next((one.filters for one in plan.projects if one.id == project_id), None)
        return own or (self.settings.block_filter,)

    def _idle_projects(self) -> Iterator[str]:
        if self.seen is None:
            return
        named = {one.id for one in self.settings.projects}
        others = [(one, name) for one, name in self.seen.items() if one not in named]
        for key, member in self.settings.project_filter.idle(others):
            yield f"studio.{key}: {member!r} matches no project that Studio lists"
        if others and not self._chosen(self.seen):
            yield (
                "studio.projects: include_projects and exclude_projects leave none of "
                f"{count(len(others), 'project')}"
            )

    def _idle_blocks(self) -> Iterator[str]:
        for place, one in enumerate(self.settings.projects):
            if one.id in self.blocks:
                key = f"projects[{place}]"
                yield from _idle(key, one.block_filter, _listed(self.blocks[one.id]))
                yield from self._emptied(key, [one.id])
        if not self._is_whole():
            return
        every = [block for blocks in self.blocks.values() for block in _listed(blocks)]
        yield from _idle("studio", self.settings.block_filter, every)
        if self.seen is not None:
            yield from self._emptied("studio", self._chosen(self.seen))

    def _emptied(self, key: str, projects: Iterable[int]) -> Iterator[str]:
        """Yield where filters leave none of the blocks that the projects have."""
        pairs = [(self.blocks[one], self._filters(one)) for one in projects]
        every = sum(len(blocks) for blocks, _ in pairs)
        if every and not any(_kept(blocks, filters) for blocks, filters in pairs):
            yield f"{key}: include and exclude leave none of {count(every, 'learn block')}"

    def _is_whole(self) -> bool:
        """Return whether all listings that a night asks for are there."""
        wanted = {one.id for one in self.settings.projects if one.learn_blocks is None}
        if self.settings.every_project is not None:
            if self.seen is None:
                return False
            wanted |= set(self._chosen(self.seen))
        return wanted <= set(self.blocks)

    def _unaudited(self) -> Iterator[str]:
        """Yield the rules and readers that are for what is not audited, as the listings tell."""
        for key, scope in config.scopes(self.settings):
            yield from self._unaudited_projects(key, scope)
            for target in sorted(scope.blocks):
                if target.project_id in self.blocks and target not in self._audited(target[0]):
                    yield f"{key}.blocks: learn block {target} is not listed, or left out"

    def _unaudited_projects(self, key: str, scope: Scope) -> Iterator[str]:
        if self.seen is None:
            return
        audited = {one.id for one in self.settings.projects} | set(self._chosen(self.seen))
        for project_id in sorted(scope.projects - audited):
            yield f"{key}.projects: project {project_id} is not listed, or left out"
        for target in sorted(scope.blocks):
            if target.project_id not in audited:
                yield f"{key}.blocks: the project of learn block {target} is not audited"

    def _audited(self, project_id: int) -> set[tuple[int, int]]:
        kept = _kept(self.blocks[project_id], self._filters(project_id))
        return {block.target for block in kept}


def _idle(key: str, blocks: BlockFilter, listed: Sequence[Listed]) -> Iterator[str]:
    for part, pattern in blocks.idle(listed):
        yield f"{key}.{part}: {pattern!r} matches no learn block that Studio lists"


def _require_all(heard: Mapping[int, tuple[ListedBlock, ...] | Failure]) -> None:
    failed = {k: one for k, one in heard.items() if isinstance(one, Failure)}
    for project_id, failure in failed.items():
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise StudioError(failure.kind, f"project {project_id}: {failure.message}{more}")


def _listed(blocks: Iterable[ListedBlock]) -> list[Listed]:
    return [Listed(block.type, block.name) for block in blocks]


def _kept(
    blocks: Iterable[ListedBlock], filters: tuple[BlockFilter, ...]
) -> tuple[ListedBlock, ...]:
    return tuple(one for one in blocks if admitted(filters, Listed(one.type, one.name)))


def _counted(
    heard: Sequence[tuple[tuple[ListedBlock, ...], tuple[BlockFilter, ...]]],
) -> str:
    """Return how many blocks there are, how many of them are left out or not supported."""
    every = sum(len(blocks) for blocks, _ in heard)
    kept = [block for blocks, filters in heard for block in _kept(blocks, filters)]
    unserved = Counter(block.type for block in kept if not block.served)
    parts = [f"{count(every, 'learn block')} found"]
    if len(kept) < every:
        parts.append(f"{every - len(kept)} left out")
    if unserved:
        parts.append(
            f"{unserved.total()} of a type not supported ({listed(tuple(sorted(unserved)))})"
        )
    return ", ".join(parts)
