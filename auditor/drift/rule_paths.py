"""Whether the path of a rule is a path that a block has, and which one was probably meant.

Rules it holds
- A rule on state has to match a value of a block. Where it asks for true or false, a field of the
  table is enough: an absent one counts as false.
- For a severity or ignore rule, a field of the table is enough: it may be absent now. What is
  written in brackets, other than `*`, has to be of a block.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from auditor.drift.block_kinds import ALL_FIELDS, BlockKind
from auditor.drift.canonical import Node, read, read_catalogue
from auditor.drift.fields import CATALOGUE, Field, Shape, without_table
from auditor.drift.rules import (
    IgnoreRule,
    OneOf,
    Rules,
    SeverityRule,
    StateRule,
    TargetScope,
    matches,
)
from auditor.drift.trainings import TRAINING_PATH
from auditor.model import Area, Json, JsonObject, Owner, Severity

MOST_PATHS = 5000
"""How many paths of blocks are remembered to find the one that was probably meant."""
_BRACKETS = re.compile(r"\[[^\]]*\]")
_PATTERNS: Mapping[str, Field] = {
    **{without_table(pattern): row for pattern, row in ALL_FIELDS.items()},
    # It is in no block's document: Studio says it beside the configuration.
    TRAINING_PATH: Field(
        pattern=TRAINING_PATH,
        label="Date of the training",
        area=Area.TRAINED,
        owner=Owner.TRAINING,
        severity=Severity.MEDIUM,
    ),
}
_WRITTEN = tuple(pattern.replace("[]", "[*]").removesuffix("{}") for pattern in _PATTERNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePath:
    """The path of a rule.

    Attributes:
        key: of the rule in the configuration, e.g. `rules[0]`.
        needs_value: whether the path must be that of a value, as for rules on state.
        admits_absent: whether a field that no block has now is enough.
    """

    key: str
    name: str
    path: str
    scope: TargetScope
    needs_value: bool
    admits_absent: bool

    def is_of_table(self) -> bool:
        """Return whether the field table alone shows that the path makes sense."""
        if self.needs_value:
            return self.admits_absent and self.path in _PATTERNS
        return any(matches(self.path, pattern) for pattern in _PATTERNS)

    def is_among(self, paths: Mapping[str, bool]) -> bool:
        """Return whether it matches a path of a block (whether it is a value, by path)."""
        if self.path in paths:
            return paths[self.path] or not self.needs_value
        if self.needs_value and "*" not in self.path:
            return False
        return any(
            matches(self.path, path)
            for path, is_value in paths.items()
            if is_value or not self.needs_value
        )

    @property
    def may_be_of_catalogue(self) -> bool:
        """Return whether it may match a path of the vendor's catalogue."""
        start = self.path.partition("*")[0]
        is_near = CATALOGUE.startswith(start[: len(CATALOGUE)])
        return not self.needs_value and is_near


def rule_paths(rules: Rules) -> Iterator[RulePath]:
    """Yield every path that the rules name."""
    groups: dict[str, tuple[SeverityRule | IgnoreRule, ...]] = {
        "severity": rules.severities,
        "ignore": rules.ignores,
    }
    for key, group in groups.items():
        for place, rule in enumerate(group):
            if rule.subject.path:
                yield RulePath(
                    key=f"{key}[{place}]",
                    name=rule.name,
                    path=rule.subject.path,
                    scope=rule.scope,
                    needs_value=False,
                    admits_absent=True,
                )
    for place, rule_on_state in enumerate(rules.states):
        if rule_on_state.path:
            yield RulePath(
                key=f"rules[{place}]",
                name=rule_on_state.name,
                path=rule_on_state.path,
                scope=rule_on_state.scope,
                needs_value=True,
                admits_absent=_asks_yes_or_no(rule_on_state),
            )


def paths_of(document: JsonObject, kind: BlockKind, catalogue: Json = None) -> dict[str, bool]:
    """Return every path of a block's document, and whether it is that of a single value."""
    nodes = list(read(document, kind).values())
    if catalogue is not None:
        nodes.append(read_catalogue(catalogue, kind))
    return dict(_paths(nodes))


def is_field(path: str) -> bool:
    """Return whether a path names a field of the table, whatever is written in brackets."""
    general = _BRACKETS.sub("[]", path)
    return any(
        matches(general, pattern)
        or (pattern.endswith("{}") and general.startswith(pattern.removesuffix("{}")))
        or (row.shape is Shape.VALUE and general.startswith(f"{pattern}."))
        for pattern, row in _PATTERNS.items()
    )


def nearest_path(path: str, paths: Collection[str] = ()) -> str | None:
    """Return the path that was probably meant: of a block, else of the field table."""
    by_lower = {known.lower(): known for known in (*_WRITTEN, *paths)}
    close = difflib.get_close_matches(path.lower(), by_lower, n=1, cutoff=0.7)
    return by_lower[close[0]] if close else None


def _paths(nodes: Iterable[Node]) -> Iterator[tuple[str, bool]]:
    for node in nodes:
        yield node.path, node.children is None
        if node.children is not None:
            yield from _paths(node.children.values())


def _asks_yes_or_no(rule: StateRule) -> bool:
    return isinstance(rule.condition, OneOf) and all(
        isinstance(value, bool) for value in rule.condition.values
    )
