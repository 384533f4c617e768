"""Reads Studio's listings: the learn blocks of a project, and the projects."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from auditor.errors import StudioError
from auditor.model import BlockKindName, Json, TargetId
from auditor.protocols import ListedBlock
from auditor.redaction import Secret, shown
from auditor.studio.answers import as_integer, as_list, as_object, read_success

UNSERVED_TYPES = frozenset({"anomaly", "anomaly-gmm", "vlm"})
"""Types that have their own endpoints; getKeras does not answer for them."""


def read_impulses(
    body: bytes, project_id: int, *, secrets: Collection[Secret] = ()
) -> tuple[ListedBlock, ...]:
    """Return the learn blocks of an answer of `/api/{projectId}/impulses`, each once, by id.

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
        members = as_list(entry.get("learnBlocks"), f"{at}.learnBlocks")
        impulse_id = entry.get("id")
        for number, member in enumerate(members):
            block = _block(member, project_id, at=f"{at}.learnBlocks[{number}]")
            if isinstance(impulse_id, int):  # only a hint for people needs it
                block = replace(block, impulse_id=impulse_id)
            blocks.setdefault(block.target, block)
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


def _block(member: Json, project_id: int, *, at: str) -> ListedBlock:
    entry = as_object(member, at)
    kind = entry.get("type")
    if not isinstance(kind, str):
        raise StudioError("invalid", f"invalid answer: {at}.type: expected a string")
    return ListedBlock(
        target=TargetId(project_id, as_integer(entry.get("id"), f"{at}.id")),
        kind=BlockKindName.KERAS,
        name=_name(entry.get("name")),
        type=kind,
        served=kind not in UNSERVED_TYPES,
    )


def _name(value: Json) -> str:
    return shown(value) if isinstance(value, str) else ""
