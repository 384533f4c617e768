"""The soak's own books: what each block's values are, and what readers were told of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from auditor.model import TargetId

Place: TypeAlias = tuple[TargetId, str]


@dataclass
class Books:
    """Holds that every edit is told once, as new, from the value told last to the next.

    Attributes:
        live: the values that the blocks have, by block and path.
        told: the values that readers believe in.
        errors: what was told wrongly.
    """

    live: dict[Place, Any] = field(default_factory=dict)
    told: dict[Place, Any] = field(default_factory=dict)
    edits: int = 0
    tellings: int = 0
    errors: list[str] = field(default_factory=list)

    def edited(self, target: TargetId, path: str, before: object, after: object) -> None:
        """Take note of an edit."""
        self.edits += 1
        self.told.setdefault((target, path), before)
        self.live[target, path] = after

    def read(self, report: dict[str, Any]) -> None:
        """Take note of a report (`auditor.report/1`) that a reader got."""
        for block in report["targets"]:
            target = TargetId(block["project_id"], block["learn_id"])
            for finding in block["findings"]:
                if finding["since"] == "last":
                    self._told(target, finding, report["run"]["id"])

    def _told(self, target: TargetId, finding: dict[str, Any], run: int) -> None:
        self.tellings += 1
        place = (target, finding["path"])
        where = f"run {run}, {target} {finding['path']}"
        if place not in self.told:
            self.errors.append(f"{where}: told and nobody edited it")
        elif self.told[place] != finding["before"]:
            self.errors.append(
                f"{where}: told from {finding['before']!r}, last told was {self.told[place]!r}"
            )
        self.told[place] = finding["after"]

    def untold(self) -> list[str]:
        """Return what differs between the blocks and what readers were told."""
        return [
            f"{target} {path}: is {value!r}, last told was {self.told[target, path]!r}"
            for (target, path), value in self.live.items()
            if self.told[target, path] != value
        ]
