"""How much a change matters: area, owner, severity, and the rule that set it.

The field table holds the contract's defaults. The contract's exceptions come next, settings
without effect among them: Studio keeps them and training ignores them (source: the schema says of
`enabled` that other properties are ignored if it is false; the learned optimizer sets the rate
itself; a layer that is switched off is left out). The operator's rules come last: they change
severities, suppress findings and mark them as expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeAlias, TypeVar

from auditor.drift.block_kinds import ALL_FIELDS
from auditor.drift.compare import is_visual
from auditor.drift.fields import (
    CATALOGUE,
    TYPE_PATTERNS,
    UNKNOWN,
    UNKNOWN_OF_VENDOR,
    Field,
)
from auditor.drift.rules import IgnoreRule, Rules, SeverityRule
from auditor.drift.script import ScriptChange, judge_script
from auditor.model import (
    Area,
    Change,
    Finding,
    Interval,
    Json,
    JsonObject,
    Kind,
    Owner,
    Severity,
    TargetId,
    VendorFinding,
)

REQUIRES_RETRAIN = "requiresRetrain"
TRAINING_LOST = "trained:lost"
SAME_PROGRAM = "script:same-program"
GENERATED_SCRIPT = "script:generated"
_AnyFinding = TypeVar("_AnyFinding", bound=Finding | VendorFinding)
_FIELDS = {**ALL_FIELDS, UNKNOWN.pattern: UNKNOWN, UNKNOWN_OF_VENDOR.pattern: UNKNOWN_OF_VENDOR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a change counts as."""

    area: Area
    owner: Owner
    severity: Severity
    rule: str


def field_of(change: Change) -> Field:
    """Return the row of the field table that a change falls under."""
    return _FIELDS[change.pattern]


def judge(
    change: Change,
    *,
    in_use: Collection[str] = (),
    new: JsonObject | None = None,
) -> Verdict:
    """Return the verdict on one change.

    `in_use` are the identities of the catalogue's models that the target uses (`models_of`);
    `new` is the answer after the change, None if it is not known.
    """
    row = field_of(change)
    cause = without_effect(change, new or {})
    if cause is not None and row is not UNKNOWN:
        return Verdict(area=row.area, owner=row.owner, severity=Severity.INFO, rule=cause)
    severity, rule = _exception(change, in_use) or (row.severity, f"default:{row.area}")
    return Verdict(area=row.area, owner=row.owner, severity=severity, rule=rule)


_Exception: TypeAlias = tuple[Severity, str] | None


def _exception(change: Change, in_use: Collection[str]) -> _Exception:
    """Return severity and rule where the contract makes an exception, else None."""
    judge_field = _EXCEPTIONS.get(change.pattern)
    if judge_field is not None:
        return judge_field(change)
    if change.path.startswith(CATALOGUE) and _withdraws(change, in_use):
        return Severity.HIGH, "catalogue:model-in-use"
    return None


def _judge_trained(change: Change) -> _Exception:
    is_lost = change.before is True and change.after is False
    return (Severity.CRITICAL, TRAINING_LOST) if is_lost else None


def _judge_model_type(change: Change) -> _Exception:
    if change.after == REQUIRES_RETRAIN:
        return Severity.HIGH, "trained:requires-retrain"
    return None


def _judge_script(change: Change) -> _Exception:
    match judge_script(str(change.before), str(change.after)):
        case ScriptChange.SAME_PROGRAM:
            return Severity.INFO, SAME_PROGRAM
        case ScriptChange.NO_LONGER_PARSES:
            return Severity.HIGH, "script:no-longer-parses"
        case ScriptChange.OTHER_PROGRAM:
            return Severity.HIGH, "default:script"


def judge_all(
    changes: Sequence[Change],
    *,
    in_use: Collection[str],
    new: JsonObject,
    old: JsonObject,
) -> list[Verdict]:
    """Return the verdicts on all changes of a block: some depend on what else changed.

    A block that is replaced and was trained lost its training. A script that Studio generates
    says nothing that its block's settings do not say.
    """
    verdicts = [judge(change, in_use=in_use, new=new) for change in changes]
    lost_training = any(verdict.rule == TRAINING_LOST for verdict in verdicts)
    for i, change in enumerate(changes):
        if is_replacement(change) and lost_training:
            verdicts[i] = replace(verdicts[i], severity=Severity.CRITICAL, rule=TRAINING_LOST)
        elif (
            change.pattern == "script"
            and is_visual(old)
            and is_visual(new)
            and verdicts[i].rule != SAME_PROGRAM
        ):
            verdicts[i] = replace(verdicts[i], severity=Severity.INFO, rule=GENERATED_SCRIPT)
    return verdicts


def is_replacement(change: Change) -> bool:
    """Return whether a change is another block type under the same id."""
    return change.kind is Kind.REPLACED and change.pattern in TYPE_PATTERNS


def _judge_version(change: Change) -> _Exception:
    is_first = change.before is None
    return (Severity.INFO, "processing:first-version") if is_first else None


_EXCEPTIONS: Mapping[str, Callable[[Change], _Exception]] = {
    "block.implementationVersion": _judge_version,
    "trained": _judge_trained,
    "selectedModelType": _judge_model_type,
    "script": _judge_script,
}


def _withdraws(change: Change, in_use: Collection[str]) -> bool:
    """Return whether a model in use was removed, withdrawn or given another implementation."""
    for identity in in_use:
        entry = f"{CATALOGUE}[{identity}]"
        if change.path == entry and change.kind is Kind.REMOVED:
            return True
        if change.path == f"{entry}.blockNoLongerAvailable" and change.after and not change.before:
            return True
        if change.path == f"{entry}.implementationVersion" and change.before is not None:
            return True
    return False


def worst_first(findings: Iterable[_AnyFinding]) -> tuple[_AnyFinding, ...]:
    """Return findings worst first, equally bad ones in their order."""
    return tuple(sorted(findings, key=lambda finding: -finding.severity.rank))


NO_EFFECT = "no-effect:"  # before the cause, in the rule that a finding names
POLICIES = ("augmentationPolicySpectrogram", "akidaEdgeLearningConfig")
_LAYER = re.compile(r"visualLayers\[(\d+)\](\.\w+)?")


def without_effect(change: Change, new: JsonObject) -> str | None:
    """Return the cause, as a rule's name, where a change has no effect in the answer `new`."""
    if change.pattern == "learningRate":
        learned = new.get("useLearnedOptimizer") is True
        return f"{NO_EFFECT}learned-optimizer" if learned else None
    for policy in POLICIES:
        if change.pattern.startswith(policy):
            return _of_policy(change, new, policy)
    return _of_layer(change, new)


def _of_policy(change: Change, new: JsonObject, policy: str) -> str | None:
    if change.pattern == f"{policy}.enabled":
        return None
    sides = (change.before, change.after) if change.pattern == policy else (new.get(policy),)
    return None if any(map(_is_on, sides)) else f"{NO_EFFECT}switched-off"


def _is_on(policy: Json) -> bool:
    if not isinstance(policy, dict):
        return policy is not None
    return policy.get("enabled") is not False


def _of_layer(change: Change, new: JsonObject) -> str | None:
    found = _LAYER.fullmatch(change.path)
    if found is None or found.group(2) == ".enabled":
        return None
    layers: list[Json]
    match change.kind:
        case Kind.ADDED | Kind.REMOVED | Kind.REPLACED if not found.group(2):
            layers = [layer for layer in (change.before, change.after) if layer is not None]
        case _:
            stack, place = new.get("visualLayers"), int(found.group(1))
            layers = stack[place : place + 1] if isinstance(stack, list) else []
    is_off = bool(layers) and all(map(_is_disabled, layers))
    return f"{NO_EFFECT}disabled-layer" if is_off else None


def _is_disabled(layer: Json) -> bool:
    return isinstance(layer, dict) and layer.get("enabled") is False


INTERFACE = "interface"  # the contract's rule: what Studio's pages remember is not reported
UPGRADE = "upgrade"  # suppresses what only an upgrade of the auditor shows


@dataclass(frozen=True, slots=True)
class SuppressedFinding:
    """A finding that is stored and not reported, and the rule that suppresses it."""

    finding: Finding
    rule: str


@dataclass(frozen=True, slots=True)
class SuppressedVendorFinding:
    """A vendor finding that is stored and not reported, and the rule that suppresses it."""

    finding: VendorFinding
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuledFindings:
    """Findings under the operator's rules: `reported` worst first, `suppressed` in their order."""

    reported: tuple[Finding, ...] = ()
    suppressed: tuple[SuppressedFinding, ...] = ()


def is_ignored(
    path: str, area: Area, rules: Rules, *, target: TargetId | None, today: date
) -> bool:
    """Return whether an ignore rule that holds covers a path in its area."""
    return _ignoring(path, area, rules, target, today) is not None


def weigh(path: str, area: Area, rules: Rules, *, target: TargetId | None) -> Severity | None:
    """Return the severity that a rule gives what is at a path, None where no rule covers it."""
    weight = _weight(path, area, rules, target)
    return weight.severity if weight else None


def apply_rules(
    findings: Iterable[Finding],
    rules: Rules,
    *,
    target: TargetId,
    between: Interval,
    today: date,
) -> RuledFindings:
    """Return what the rules make of findings that arose in the time `between` two polls.

    `today` is the day in the schedule's time zone: an ignore rule holds through its last day.
    """
    reported, suppressed = [], []
    for finding in findings:
        ignored = _ignoring(finding.path, finding.area, rules, target, today)
        if ignored is not None:
            suppressed.append(SuppressedFinding(finding, ignored.name))
            continue
        reported.append(_expected(_weighed(finding, rules, target), rules, target, between))
    return RuledFindings(reported=worst_first(reported), suppressed=tuple(suppressed))


def apply_rules_to_vendor(
    findings: Iterable[VendorFinding], rules: Rules, *, today: date
) -> tuple[tuple[VendorFinding, ...], tuple[SuppressedVendorFinding, ...]]:
    """Return the vendor's findings under the rules, and those that a rule suppresses."""
    reported, suppressed = [], []
    for finding in findings:
        ignored = _ignoring(finding.path, finding.area, rules, None, today)
        if ignored is not None:
            suppressed.append(SuppressedVendorFinding(finding, ignored.name))
            continue
        weight = _weight(finding.path, finding.area, rules, None)
        reported.append(replace(finding, severity=weight.severity) if weight else finding)
    return tuple(reported), tuple(suppressed)


def _ignoring(
    path: str, area: Area, rules: Rules, target: TargetId | None, today: date
) -> IgnoreRule | None:
    covering = (
        rule
        for rule in rules.ignores
        if rule.scope.includes(target) and rule.subject.covers(path, area)
    )
    return next((rule for rule in covering if rule.is_in_force(today)), None)


def _weighed(finding: Finding, rules: Rules, target: TargetId) -> Finding:
    weight = _weight(finding.path, finding.area, rules, target)
    return replace(finding, severity=weight.severity, rule=weight.name) if weight else finding


def _weight(path: str, area: Area, rules: Rules, target: TargetId | None) -> SeverityRule | None:
    covering = (
        rule
        for rule in rules.severities
        if rule.scope.includes(target) and rule.subject.covers(path, area)
    )
    return next(covering, None)


def _expected(finding: Finding, rules: Rules, target: TargetId, between: Interval) -> Finding:
    for window in rules.windows:
        if window.scope.includes(target) and window.touches(between.after, between.until):
            return replace(finding, expected=f"{window.reason} ({window.author})")
    return finding
