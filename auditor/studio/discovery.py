"""Reads Studio's listings: the blocks of a project, and the projects."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from auditor.drift.block_kinds import learn_kind
from auditor.errors import StudioError
from auditor.fetching import ListedBlock
from auditor.impulses import Impulse, ImpulsePlace
from auditor.model import BlockKindName, Json, JsonObject, TargetId, TargetKind
from auditor.redaction import Secret, shown
from auditor.studio.answers import as_integer, as_list, as_object, read_success

_LISTS: Mapping[str, BlockKindName | None] = {
    "learnBlocks": None,  # by their types
    "inputBlocks": BlockKindName.INPUT,
    "dspBlocks": BlockKindName.PROCESSING,
    "postProcessingBlocks": BlockKindName.POST_PROCESSING,
}


def read_impulses(
    body: bytes, project_id: int, *, secrets: Collection[Secret] = ()
) -> tuple[ListedBlock, ...]:
    """Return the blocks of an answer of `/api/{projectId}/impulses`, each once, by id.

    A single invalid block makes the whole listing invalid: a block that is left out would be
    reported as missing.

    Raises:
        StudioError: the answer is invalid.
    """
    document = read_success(body, secrets=secrets)
    blocks: dict[TargetId, ListedBlock] = {}
    for place, impulse in enumerate(as_list(document.get("impulses"), "impulses")):
        at = f"impulses[{place}]"
        entry = as_object(impulse, at)
        for block in _placed(tuple(_blocks(entry, project_id, at=at)), _impulse(entry)):
            known = blocks.get(block.target)
            blocks[block.target] = _joined(known, block) if known else block
    return tuple(blocks[target] for target in sorted(blocks))


def read_projects(body: bytes, *, secrets: Collection[Secret] = ()) -> dict[int, str]:
    """Return the names of the projects in an answer of `/api/projects`, by id.

    Raises:
        StudioError: the answer is invalid.
    """
    document = read_success(body, secrets=secrets)
    names: dict[int, str] = {}
    for place, project in enumerate(as_list(document.get("projects"), "projects")):
        entry = as_object(project, f"projects[{place}]")
        names[as_integer(entry.get("id"), f"projects[{place}].id")] = _name(entry.get("name"))
    return names


def _impulse(entry: JsonObject) -> tuple[Impulse, ...]:
    """Return the impulse of an entry; none without an id, which only reports for people need."""
    impulse_id = entry.get("id")
    is_id = isinstance(impulse_id, int) and not isinstance(impulse_id, bool)
    return (Impulse(impulse_id, _name(entry.get("name"))),) if is_id else ()  # type: ignore[arg-type]


def _placed(
    blocks: tuple[ListedBlock, ...], impulse: tuple[Impulse, ...]
) -> Iterator[ListedBlock]:
    """Yield the blocks of an impulse with their places in it."""
    ids: dict[TargetKind, list[int]] = {}
    for block in blocks:
        ids.setdefault(block.kind.target_kind, []).append(block.target.learn_id)
    for block in blocks:
        made_by, sources = block.entry.get("createdBy"), tuple(_sources(block, ids))
        place = ImpulsePlace(impulse, sources, made_by if isinstance(made_by, str) else "")
        yield replace(block, place=place)


def _sources(block: ListedBlock, ids: Mapping[TargetKind, list[int]]) -> list[int]:
    """Return the blocks whose data a block takes: those it names, else all that come before."""
    inputs = ids.get(TargetKind.INPUT, [])
    match block.kind.target_kind:
        case TargetKind.INPUT:
            return []
        case TargetKind.PROCESSING:
            return [each for each in inputs if each == block.entry.get("input")] or inputs
        case TargetKind.LEARN:
            before, dsp = ids.get(TargetKind.PROCESSING) or inputs, block.entry.get("dsp")
            named = dsp if isinstance(dsp, list) else []
            return [each for each in before if each in named] or before
        case TargetKind.POST_PROCESSING:
            return ids.get(TargetKind.LEARN, [])


def _joined(known: ListedBlock, block: ListedBlock) -> ListedBlock:
    """Return a block that two impulses share."""
    sources = dict.fromkeys((*known.place.sources, *block.place.sources))
    impulses = dict.fromkeys((*known.place.impulses, *block.place.impulses))
    place = replace(known.place, impulses=tuple(impulses), sources=tuple(sources))
    return replace(known, place=place)


def _blocks(impulse: JsonObject, project_id: int, *, at: str) -> Iterator[ListedBlock]:
    """Yield the blocks of an impulse; only its learn blocks are never left out of an answer."""
    for key, kind in _LISTS.items():
        if impulse.get(key) is None and kind is not None:
            continue
        for number, member in enumerate(as_list(impulse.get(key), f"{at}.{key}")):
            yield _block(member, project_id, kind, at=f"{at}.{key}[{number}]")


def _block(member: Json, project_id: int, kind: BlockKindName | None, *, at: str) -> ListedBlock:
    entry = as_object(member, at)
    type_ = entry.get("type")
    if not isinstance(type_, str):
        raise StudioError("invalid", f"invalid answer: {at}.type: expected a string")
    return ListedBlock(
        target=TargetId(project_id, as_integer(entry.get("id"), f"{at}.id")),
        kind=kind or learn_kind(type_),
        name=_name(entry.get("name")),
        type=type_,
        entry=entry,
    )


def _name(value: Json) -> str:
    return shown(value) if isinstance(value, str) else ""
