"""Reads Studio's listings: the blocks of a project, and the projects."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from auditor.drift.block_kinds import learn_kind
from auditor.errors import StudioError
from auditor.model import BlockKindName, Json, JsonObject, TargetId
from auditor.protocols import ListedBlock
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
        impulse_id = entry.get("id")
        # Only a hint for people needs it, so any answer will do.
        hint = impulse_id if isinstance(impulse_id, int) else None
        for block in _blocks(entry, project_id, at=at):
            blocks.setdefault(block.target, replace(block, impulse_id=hint))
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
