"""The targets of a run, packed by project.

A listing is read once and needed until the end of the run. Kept as objects, the blocks of a large
fleet would take more memory than all else; packed they take some bytes each. A project is unpacked
when one of its blocks is looked up, and the last few projects are kept unpacked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeAlias

from auditor.audit.packed import pack, unpack
from auditor.drift.block_kinds import kind_of
from auditor.drift.impulses import order_of_data
from auditor.fetching import ListedBlock
from auditor.impulses import NO_PLACE, Impulse, ImpulsePlace
from auditor.model import BlockKindName, ProjectError, TargetId, TargetKind
from auditor.report import Notice
from auditor.results import Missing, Unreadable

_UNPACKED_PROJECTS = 16

SettledResult: TypeAlias = Missing | Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryPart:
    """The targets of one project, or what is known of projects without listing them.

    Attributes:
        targets: what to fetch, by project and block id, with the project's name.
        listed: the entries of the blocks that Studio lists; the configuration names others.
        settled: results that need no fetch: missing, or unreadable because the listing failed.
        notices: about projects and blocks that the configuration leaves out, or new names.
        found: the projects that are audited because Studio lists them, None where Studio was
            not asked for its projects.
    """

    targets: tuple[tuple[TargetId, str], ...] = ()
    listed: Mapping[TargetId, ListedBlock] = field(default_factory=dict)
    settled: tuple[SettledResult, ...] = ()
    errors: tuple[ProjectError, ...] = ()
    notices: tuple[Notice, ...] = ()
    found: frozenset[int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTarget:
    """A target to fetch; `listed` is its entry, None where the configuration names it."""

    target: TargetId
    project: str
    listed: ListedBlock | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _PackedPart:
    """A part without its notices and errors; `orders` are the places in data of its targets."""

    content: bytes
    orders: tuple[int, ...]


_NOTHING = pack(((), (), ()))


class Inventory:
    """The targets of a run.

    Attributes:
        size: how many targets are fetched.
        settled_size: how many need no fetch.
        errors, notices, found: as in `InventoryPart`, of all parts.
    """

    def __init__(self, parts: Iterable[InventoryPart] = ()) -> None:
        self.size = self.settled_size = 0
        self.errors: tuple[ProjectError, ...] = ()
        self.notices: tuple[Notice, ...] = ()
        self.found: frozenset[int] | None = None
        self._parts: list[_PackedPart] = []
        self._place_of_project: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self._of_place: list[tuple[tuple[ProjectError, ...], tuple[Notice, ...]]] = []
        self._with_models: set[int] = set()
        self._unpack = lru_cache(maxsize=_UNPACKED_PROJECTS)(self._unpack_part)
        for place, part in enumerate(parts):
            self.put(place, part)
        self.complete()

    def put(self, place: int, part: InventoryPart) -> None:
        """Add a part at its place in the order of the parts, each once and in any order."""
        while len(self._parts) <= place:
            self._parts.append(_PackedPart(content=_NOTHING, orders=()))
            self._of_place.append(((), ()))
        self._parts[place] = _pack(part)
        self._of_place[place] = part.errors, part.notices
        self.size += len(part.targets)
        self.settled_size += len(part.settled)
        if part.found is not None:
            self.found = part.found
        targets = [target for target, _ in part.targets]
        with_models = (target for target in targets if _may_have_model(target, part.listed))
        self._with_models.update(target.project_id for target in with_models)
        for target in (*targets, *part.listed):
            self._place_of_project[target.project_id] = place
        names = {target.project_id: name for target, name in part.targets if name}
        names |= {each.target.project_id: each.project for each in part.settled if each.project}
        self._names |= names

    def complete(self) -> None:
        """Tell projects of the same name apart, now that every part is there."""
        self.errors = tuple(error for errors, _ in self._of_place for error in errors)
        self.notices = tuple(notice for _, notices in self._of_place for notice in notices)
        self._of_place = []
        by_name = defaultdict(set)
        for project_id, name in self._names.items():
            by_name[name].add(project_id)
        for name, projects in by_name.items():
            if len(projects) > 1:
                for project_id in projects:
                    self._names[project_id] = name_with_id(name, project_id)

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is known of any target."""
        return not (self.size or self.settled_size or self.errors)

    def projects(self) -> dict[int, str]:
        """Return the projects whose targets are fetched, with their names."""
        return {project: self._names.get(project, "") for project in self._projects_to_fetch()}

    def has_models(self, project_id: int) -> bool:
        """Return whether a target of the project may have a model."""
        return project_id in self._with_models

    def in_order(self, first: Sequence[TargetId] = ()) -> Iterator[ListedTarget]:
        """Yield what to fetch: some targets first, then those whose data others take."""
        apart = frozenset(first)
        for target in first:
            yield ListedTarget(
                target=target,
                project=self._names.get(target.project_id, ""),
                listed=self.find(target),
            )
        orders = sorted({order for part in self._parts for order in part.orders})
        for order in orders:
            for place, part in enumerate(self._parts):
                if order in part.orders:
                    yield from self._of_order(place, order, apart)

    def contains(self, target: TargetId) -> bool:
        """Return whether a target is one to fetch."""
        part = self._part_of(target.project_id)
        return part is not None and target in part.ids

    def find(self, target: TargetId) -> ListedBlock | None:
        """Return the entry of a block, None where it is not listed."""
        part = self._part_of(target.project_id)
        return None if part is None else part.listed.get(target)

    def place_of(self, target: TargetId) -> ImpulsePlace:
        """Return where a block is in impulses, `NO_PLACE` where it is not listed."""
        listed = self.find(target)
        return NO_PLACE if listed is None else listed.place

    def places(self) -> Iterator[tuple[TargetId, ImpulsePlace]]:
        """Yield where each listed block is."""
        for place in range(len(self._parts)):
            for target, block in self._unpack(place).listed.items():
                yield target, block.place

    def is_listed(self, project_id: int) -> bool:
        """Return whether Studio listed an impulse of the project."""
        part = self._part_of(project_id)
        return part is not None and any(block.place.impulses for block in part.listed.values())

    def blocks_of_impulse(self, project_id: int, impulse_id: int) -> tuple[TargetId, ...] | None:
        """Return the listed blocks of an impulse, learn blocks first; None where it has none."""
        part = self._part_of(project_id)
        blocks = [] if part is None else sorted(part.listed.items())
        found = [
            (block.kind.target_kind is not TargetKind.LEARN, target)
            for target, block in blocks
            if any(impulse.id == impulse_id for impulse in block.place.impulses)
        ]
        return tuple(target for _, target in sorted(found)) or None

    def settled_batches(self, most: int) -> Iterator[list[SettledResult]]:
        """Yield the results that need no fetch, in batches of at most so many."""
        batch: list[SettledResult] = []
        for place in range(len(self._parts)):
            for result in self._unpack(place).settled:
                batch.append(replace(result, project=self._name_of(result)))
                if len(batch) == most:
                    yield batch
                    batch = []
        if batch:
            yield batch

    def _name_of(self, result: SettledResult) -> str:
        return self._names.get(result.target.project_id, result.project)

    def _projects_to_fetch(self) -> Iterator[int]:
        for place, part in enumerate(self._parts):
            if part.orders:
                yield from dict.fromkeys(target.project_id for target in self._unpack(place).ids)

    def _of_order(
        self, place: int, order: int, apart: Collection[TargetId]
    ) -> Iterator[ListedTarget]:
        unpacked = self._unpack(place)
        for target in unpacked.ids:
            listed = unpacked.listed.get(target)
            if _order_of(listed) == order and target not in apart:
                name = self._names.get(target.project_id, "")
                yield ListedTarget(target=target, project=name, listed=listed)

    def _part_of(self, project_id: int) -> _UnpackedPart | None:
        place = self._place_of_project.get(project_id)
        return None if place is None else self._unpack(place)

    def _unpack_part(self, place: int) -> _UnpackedPart:
        ids, blocks, settled = unpack(self._parts[place].content)
        return _UnpackedPart(
            ids=dict.fromkeys(TargetId(*pair) for pair in ids),
            listed={block.target: block for block in map(_block_from, blocks)},
            settled=settled,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _UnpackedPart:
    ids: Mapping[TargetId, None]
    listed: Mapping[TargetId, ListedBlock]
    settled: tuple[SettledResult, ...]


def name_with_id(name: str, project_id: int) -> str:
    """Return a project's name with its id, which no other project has."""
    return f"{name} ({project_id})"


def _pack(part: InventoryPart) -> _PackedPart:
    ids = [tuple(target) for target, _ in part.targets]
    content = pack((ids, list(map(_block_form, part.listed.values())), part.settled))
    orders = {_order_of(part.listed.get(target)) for target, _ in part.targets}
    return _PackedPart(content=content, orders=tuple(orders))


def _block_form(block: ListedBlock) -> tuple[Any, ...]:
    place = block.place
    impulses = tuple(tuple(impulse) for impulse in place.impulses)
    of_place = impulses, place.sources, place.made_by
    return tuple(block.target), block.kind, block.name, block.type, block.entry, of_place


def _block_from(form: tuple[Any, ...]) -> ListedBlock:
    target, kind, name, type_, entry, (impulses, sources, made_by) = form
    place = ImpulsePlace(tuple(Impulse(*impulse) for impulse in impulses), sources, made_by)
    return ListedBlock(
        target=TargetId(*target), kind=kind, name=name, type=type_, entry=entry, place=place
    )


def _order_of(listed: ListedBlock | None) -> int:
    return order_of_data(listed.kind if listed else BlockKindName.KERAS)


def _may_have_model(target: TargetId, listed: Mapping[TargetId, ListedBlock]) -> bool:
    return target not in listed or kind_of(listed[target].kind).has_model
