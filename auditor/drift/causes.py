"""What keeps more than one block from being checked."""

from __future__ import annotations

from dataclasses import dataclass

EVERY_PROJECT = 0
"""An id that no project has: in its place stands what concerns the list of projects itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectError:
    """A cause that keeps a whole project from being checked, told once.

    Attributes:
        project_id: `EVERY_PROJECT` where the projects themselves could not be listed.
    """

    project_id: int
    kind: str
    message: str
