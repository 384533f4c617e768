"""The soak's own record: each block's values, and what was reported of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from auditor.model import TargetId

Place: TypeAlias = tuple[TargetId, str]


@dataclass
class EditLedger:
    """Checks that every edit is reported once as new, from the value reported last to the next.

    Attributes:
        live: the values that the blocks have, by block and path.
        reported: the values that were reported last.
        errors: what was reported wrongly.
    """

    live: dict[Place, Any] = field(default_factory=dict)
    reported: dict[Place, Any] = field(default_factory=dict)
    edits: int = 0
    reported_edits: int = 0
    errors: list[str] = field(default_factory=list)

    def edited(self, target: TargetId, path: str, before: object, after: object) -> None:
        """Take note of an edit."""
        self.edits += 1
        self.reported.setdefault((target, path), before)
        self.live[target, path] = after

    def read(self, report: dict[str, Any]) -> None:
        """Take note of a report (`auditor.report/1`) that a reader got."""
        for block in report["targets"]:
            target = TargetId(block["project_id"], block["learn_id"])
            for finding in block["findings"]:
                if finding["since"] == "last":
                    self._check_report(target, finding, report["run"]["id"])

    def _check_report(self, target: TargetId, finding: dict[str, Any], run: int) -> None:
        self.reported_edits += 1
        place = (target, finding["path"])
        where = f"run {run}, {target} {finding['path']}"
        if place not in self.reported:
            self.errors.append(f"{where}: reported, but nobody edited it")
        elif self.reported[place] != finding["before"]:
            self.errors.append(
                f"{where}: reported from {finding['before']!r}, "
                f"last reported was {self.reported[place]!r}"
            )
        self.reported[place] = finding["after"]

    def unreported(self) -> list[str]:
        """Return what differs between the blocks and what was reported."""
        return [
            f"{target} {path}: is {value!r}, last reported was {self.reported[target, path]!r}"
            for (target, path), value in self.live.items()
            if self.reported[target, path] != value
        ]
