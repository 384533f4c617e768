"""Rules on state: what has to be true in every run, whether it changed or not.

A value that the block does not have is not checked, except that an absent field counts as false
where true or false is asked for: to Studio they are the same. A secret is never checked: what is
stored of it is a fingerprint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from auditor.drift.block_kinds import BlockKind
from auditor.drift.canonical import Node, as_number, is_number, is_same, read
from auditor.drift.rules import Between, OneOf, Rules, StaleAtMost, StateRule, matches
from auditor.drift.wording import value_words
from auditor.model import Interval, Json, JsonObject, ModelState, NoticeKind, Severity, TargetId
from auditor.redaction import shown
from auditor.report import Notice

_PLACE = re.compile(r"visualLayers\[\d+\]")


@dataclass(frozen=True, slots=True)
class BlockState:
    """What rules on state check: the answer, the model's state and since when."""

    kind: BlockKind
    document: JsonObject
    model_state: ModelState
    model_since: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleViolation:
    """A rule that does not hold at a path of a target; `path` is empty for the model's age."""

    target: TargetId
    rule: str
    path: str
    words: str
    severity: Severity


def find_violations(
    rules: Rules, target: TargetId, standing: BlockState, *, at: datetime
) -> tuple[RuleViolation, ...]:
    """Return every rule on state that does not hold for a target."""
    in_scope = [rule for rule in rules.states if rule.scope.includes(target)]
    if not in_scope:
        return ()
    values = dict(_values(read(standing.document, standing.kind)))
    return tuple(
        RuleViolation(
            target=target, rule=rule.name, path=path, words=words, severity=rule.severity
        )
        for rule in in_scope
        for path, words in _offences(rule, values, standing, at)
    )


def notice_of_break(violation: RuleViolation) -> Notice:
    """Return the notice of a rule that was broken."""
    return Notice(
        kind=NoticeKind.RULE_BROKEN,
        text=f"Rule “{violation.rule}” is broken: {violation.words}",
        severity=violation.severity,
        target=violation.target,
    )


def notice_of_end(target: TargetId, rule: str, path: str, *, why_unchecked: str = "") -> Notice:
    """Return the notice of a rule that holds again or is no longer checked."""
    where = f" at {path}" if path else ""
    if not why_unchecked:
        text = f"Rule “{rule}” holds again{where}"
        return Notice(kind=NoticeKind.RULE_RESTORED, text=text, target=target)
    text = f"Rule “{rule}” {why_unchecked}; it was broken{where}"
    return Notice(kind=NoticeKind.RULE_ENDED, text=text, target=target)


def without_layer_places(path: str) -> str:
    """Return a path without the places of layers: they move when another layer comes or goes."""
    return _PLACE.sub("visualLayers[]", path)


def _offences(
    rule: StateRule, values: Mapping[str, Json], standing: BlockState, at: datetime
) -> Iterator[tuple[str, str]]:
    """Yield path and words of everything that breaks the rule."""
    if isinstance(rule.condition, StaleAtMost):
        yield from _too_long_stale(rule.condition, standing, at)
        return
    for path, value in _looked_at(rule, values):
        if not _is_hidden(value) and not _holds(rule.condition, value):
            yield path, f"{path} is {value_words(value)}, should be {rule.condition}"


def _looked_at(rule: StateRule, values: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    found = [(path, value) for path, value in values.items() if _is_meant(rule.path, path)]
    if not found and _asks_yes_or_no(rule) and not set(rule.path) & set("*["):
        yield rule.path, None
    yield from found


def _asks_yes_or_no(rule: StateRule) -> bool:
    return isinstance(rule.condition, OneOf) and all(
        isinstance(value, bool) for value in rule.condition.values
    )


def _is_hidden(value: Json) -> bool:
    return isinstance(value, str) and shown(value) != value


def _is_meant(pattern: str, path: str) -> bool:
    return pattern == path or ("*" in pattern and matches(pattern, path))


def _holds(condition: Between | OneOf, value: Json) -> bool:
    match condition:
        case Between(low=low, high=high):
            number = as_number(value)
            return is_number(number) and low <= number <= high
        case OneOf(values=values):
            return any(_is(wanted, value) for wanted in values)


def _is(wanted: Json, value: Json) -> bool:
    if value is None:
        return wanted is None or wanted is False
    # A parameter of a block is a text, whatever it means.
    is_spelled = isinstance(wanted, bool) and value == ("true" if wanted else "false")
    return is_spelled or is_same(wanted, value) or is_same(wanted, as_number(value))


def _too_long_stale(
    condition: StaleAtMost, standing: BlockState, at: datetime
) -> Iterator[tuple[str, str]]:
    since = standing.model_since
    if standing.model_state is not ModelState.STALE or since is None:
        return
    if at - since.until > timedelta(days=condition.days):
        yield "", f"the model is stale since {since.until:%Y-%m-%d}, should be {condition}"


def _values(nodes: Mapping[str, Node]) -> Iterator[tuple[str, Json]]:
    """Yield path and value of everything that is compared as one value."""
    for node in nodes.values():
        if node.children is None:
            yield node.path, node.literal
        else:
            yield from _values(node.children)
