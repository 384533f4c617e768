"""What Studio says of a project's key: whose it is and what it may do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from auditor.redaction import Secret
from auditor.studio.answers import as_integer, quote, read_success

ADMIN = "admin"
_WHERE = "in Studio (Dashboard, Keys)"


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """The answer of `/api/projects/api-key-info`; `role` is empty where it is not told."""

    project_id: int
    role: str


def read_key_info(body: bytes, *, secrets: Collection[Secret] = ()) -> KeyInfo:
    """Return what the answer tells of the key that asked; raises `StudioError`."""
    document = read_success(body, secrets=secrets)
    project_id = as_integer(document.get("projectId"), "projectId")
    return KeyInfo(project_id, quote(document.get("role"), secrets=secrets))


def why_refused(info: KeyInfo, project_id: int) -> str:
    """Return why a key may not read the project, and what to do."""
    if info.project_id != project_id:
        return (
            f"this key is project {info.project_id}'s, not {project_id}'s: "
            f"make one of project {project_id} {_WHERE}"
        )
    if info.role not in {"", ADMIN}:
        return (
            f"the role of this key is {info.role}, which may not read a block's configuration: "
            f"make a key of project {project_id} with role {ADMIN} {_WHERE}"
        )
    return f"Studio knows this key as project {project_id}'s: try again, then ask Studio's support"
