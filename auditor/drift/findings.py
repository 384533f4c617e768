"""From changes to findings: which are the block's own, which the vendor's, which suppressed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from auditor.drift.compare import NO_DOCUMENTS, Comparison, Documents, is_visual
from auditor.drift.fields import TYPE_PATTERNS, new_value
from auditor.drift.folding import JudgedChanges, explains_script, fold
from auditor.drift.followers import (
    FOLLOWER_RULES,
    LABEL_FIELDS,
    NAMED_AFTER,
    NAMED_BEFORE,
    Cause,
    describe_origin,
    quiet_followers,
)
from auditor.drift.headlines import headline
from auditor.drift.policy import (
    POLICIES,
    Verdict,
    field_of,
    is_replacement,
    judge,
    judge_all,
    worst_first,
)
from auditor.drift.script import changed_lines
from auditor.model import (
    Area,
    Change,
    Finding,
    Json,
    Kind,
    Owner,
    Severity,
    TargetId,
    VendorFinding,
)

_IsIgnored: TypeAlias = Callable[[str, Area], bool]
_Weigh: TypeAlias = Callable[[str, Area], Severity | None]


def _not_ignored(_path: str, _area: Area) -> bool:
    return False


def _as_by_default(_path: str, _area: Area) -> Severity | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the changes of one block are read, beside the contract's defaults.

    Attributes:
        is_ignored: whether an ignore rule covers a path in its area.
        weigh: the severity that a rule gives what is at a path, None where none does.
        vendor_acts: what is the vendor's (see `name_acts`), as other blocks show it too.
        in_words: whether findings have a headline. To describe a script takes most of the time.
        cause: the edit of another block, or an earlier one of its own, that its data follows.
    """

    is_ignored: _IsIgnored = _not_ignored
    weigh: _Weigh = _as_by_default
    vendor_acts: Collection[str] = ()
    in_words: bool = True
    cause: Cause | None = None


BY_DEFAULT = Reading()


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFinding:
    """A finding that is the vendor's; `act` is equal for equal acts at other targets."""

    act: str
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The findings that the changes of one block result in.

    Attributes:
        findings: the block's own, worst first.
        vendor: the vendor's changes of the catalogue and the wording.
        shared: what else is the vendor's.
        suppressed: changes that are stored and not reported, as findings.
        new_values: values of enumerations (field, value) that the schema does not name.
    """

    findings: tuple[Finding, ...] = ()
    vendor: tuple[Change, ...] = ()
    shared: tuple[SharedFinding, ...] = ()
    suppressed: tuple[Finding, ...] = ()
    new_values: frozenset[tuple[str, str]] = frozenset()


def judge_comparison(comparison: Comparison, reading: Reading = BY_DEFAULT) -> Judgement:
    """Return the findings of one block.

    A change that is ignored may be folded into another one; no change that is reported is folded
    into it, nor into what is the vendor's.
    """
    documents = comparison.documents if reading.in_words else None
    changes = _with_replacement(comparison.changes)
    verdicts = judge_all(changes, in_use=comparison.in_use, new=comparison.new, old=comparison.old)
    cause = reading.cause
    verdicts = quiet_followers(changes, verdicts, comparison.new, has_cause=cause is not None)
    shown = [i for i, verdict in enumerate(verdicts) if verdict.area is not Area.INTERFACE]
    judged = _weighed(
        [changes[i] for i in shown], [verdicts[i] for i in shown], comparison, reading
    )
    folds = fold(judged, FOLLOWER_RULES)
    roots = sorted(set(range(len(judged.changes))) - folds.keys(), key=judged.order)
    template = _template(judged, roots)
    own, vendor, shared = _split(judged, roots, template)
    if not any(map(is_replacement, changes)):
        vendor += comparison.catalogue  # another block type has another catalogue
    finding_of = partial(_finding, comparison.target, judged, folds, documents=documents)
    findings = [_following(_tracked(finding_of(index), comparison), cause) for index in own]
    return Judgement(
        findings=worst_first([*findings, *_of_model_in_use(comparison, vendor)]),
        vendor=vendor,
        shared=tuple(
            SharedFinding(act=act, finding=_as_vendors(finding_of(index)))
            for index, act in shared.items()
        ),
        suppressed=tuple(
            make_finding(comparison.target, changes[i], verdicts[i])
            for i in range(len(changes))
            if verdicts[i].area is Area.INTERFACE
        ),
        new_values=frozenset(found for change in changes if (found := new_value(change))),
    )


def _weighed(
    changes: list[Change], verdicts: list[Verdict], comparison: Comparison, reading: Reading
) -> JudgedChanges:
    """Return the changes with what the operator's rules make of them, and composites added."""

    def weigh(change: Change, verdict: Verdict) -> Severity:
        return reading.weigh(change.path, verdict.area) or verdict.severity

    ignored = {i for i, c in enumerate(changes) if reading.is_ignored(c.path, verdicts[i].area)}
    vendors = {
        i
        for i, c in enumerate(changes)
        if i not in ignored and _name_act(c) in reading.vendor_acts
    }
    weights = list(map(weigh, changes, verdicts))
    composites: dict[int, tuple[int, ...]] = {}
    for policy in POLICIES:
        fields = [i for i, c in enumerate(changes) if c.pattern.startswith(f"{policy}.")]
        if len(fields) > 1:
            whole = _whole(policy, comparison)
            verdict = judge(whole, new=comparison.new)
            if reading.is_ignored(whole.path, verdict.area):
                continue
            weight = weigh(whole, verdict)
            members = tuple(
                i for i in fields if i not in ignored | vendors and weights[i].rank <= weight.rank
            )
            if len(members) > 1:
                composites[len(changes)] = members
                changes.append(whole)
                verdicts.append(verdict)
                weights.append(weight)
    return JudgedChanges(
        changes=changes,
        verdicts=verdicts,
        weights=weights,
        composites=composites,
        is_generated=is_visual(comparison.old) and is_visual(comparison.new),
        ignored=frozenset(ignored),
        vendors=frozenset(vendors),
        has_cause=reading.cause is not None,
    )


def _whole(policy: str, comparison: Comparison) -> Change:
    return Change(
        path=policy,
        pattern=policy,
        kind=Kind.CHANGED,
        before=comparison.old.get(policy),
        after=comparison.new.get(policy),
    )


def _template(judged: JudgedChanges, roots: Sequence[int]) -> int | None:
    """Return the index of a generated script that nothing in its block explains."""
    script = judged.at("script")
    if script is None or script not in roots or script in judged.ignored:
        return None
    return script if judged.is_generated and not explains_script(judged) else None


def make_finding(
    target: TargetId | None,
    change: Change,
    verdict: Verdict,
    *,
    documents: Documents | None = NO_DOCUMENTS,
) -> Finding:
    """Return a single change as a finding; without `documents` it has no headline."""
    return Finding(
        id=finding_id(target, change.path, change.before, change.after),
        area=verdict.area,
        owner=verdict.owner,
        kind=change.kind,
        path=change.path,
        before=change.before,
        after=change.after,
        severity=verdict.severity,
        headline="" if documents is None else headline(change, verdict, documents),
        rule=verdict.rule,
    )


def all_findings(comparison: Comparison, judged: Judgement) -> tuple[Finding, ...]:
    """Return all findings of two answers alone, the vendor's changes among them."""
    known = {finding.path for finding in judged.findings}
    documents = comparison.documents if judged.vendor else None
    vendor = [
        make_finding(comparison.target, change, judge(change), documents=documents)
        for change in judged.vendor
        if change.path not in known
    ]
    shared = [found.finding for found in judged.shared]
    return worst_first([*judged.findings, *shared, *vendor])


def make_vendor_finding(change: Change, *, targets: int) -> VendorFinding:
    """Return a change of the vendor's, reported once for all `targets` that show it."""
    return make_shared_finding(make_finding(None, change, judge(change)), targets=targets)


def make_shared_finding(finding: Finding, *, targets: int = 1) -> VendorFinding:
    """Return a finding that so many targets share as the vendor's."""
    words = _vendor_words(finding)
    return VendorFinding(
        id=finding_id(None, finding.path, finding.before, finding.after),
        area=finding.area,
        kind=finding.kind,
        path=finding.path,
        before=finding.before,
        after=finding.after,
        targets=targets,
        severity=Severity.INFO,
        headline=words or finding.headline,
    )


def _vendor_words(finding: Finding) -> str:
    """Return what it means that many blocks show this change, empty if that says nothing more."""
    if finding.area is Area.SCRIPT:
        return f"The template of generated scripts changed. {finding.headline}"
    if finding.area is Area.CATALOGUE:
        return ""
    match finding.kind:
        case Kind.ADDED:
            return f"The API now has {finding.path}"
        case Kind.REMOVED:
            return f"The API no longer has {finding.path}"
        case Kind.CHANGED | Kind.MOVED | Kind.REPLACED:
            return ""


_LAYER_PLACE = re.compile(r"visualLayers\[\d+\]")
_PLACE_IN_LIST = re.compile(r"\[\d+\]$")
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")
_GIVEN = (Owner.INTENT, Owner.VENDOR)
_MEMBERS = frozenset({"thresholds[]", "customParameters{}"})


def finding_id(target: TargetId | None, path: str, before: Json, after: Json) -> str:
    """Return the hash of target, path, before and after, as 16 hex digits."""
    parts: Json = ["" if target is None else str(target), path, before, after]
    return _hash(parts)


def _with_replacement(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return the changes with another block type under the same id as a replacement."""
    return tuple(
        replace(change, kind=Kind.REPLACED)
        if change.pattern in TYPE_PATTERNS and change.before and change.after
        else change
        for change in changes
    )


def _split(
    judged: JudgedChanges, roots: Sequence[int], template: int | None
) -> tuple[list[int], tuple[Change, ...], dict[int, str]]:
    """Return what is the block's own, the vendor's catalogue, and what else is the vendor's.

    The latter with its act, by index.
    """
    own: list[int] = []
    vendor: list[Change] = []
    shared: dict[int, str] = {}
    for i in roots:
        change = judged.changes[i]
        if judged.verdicts[i].area is Area.CATALOGUE:
            vendor.append(change)
        elif i == template:
            shared[i] = _name_template(change)
        elif i in judged.vendors:
            shared[i] = _name_act(change) or ""
        else:
            own.append(i)
    return own, tuple(vendor), shared


def _finding(
    target: TargetId | None,
    judged: JudgedChanges,
    folds: dict[int, int],
    index: int,
    *,
    documents: Documents | None,
) -> Finding:
    members = [child for child in sorted(folds) if folds[child] == index]
    change, verdict = judged.changes[index], judged.verdicts[index]
    finding = make_finding(target, change, verdict, documents=documents)
    if documents is not None and judged.has_cause and verdict.area is Area.DATA:
        labels = [
            headline(judged.changes[i], judged.verdicts[i], documents)
            for i in members
            if judged.verdicts[i].severity.rank >= verdict.severity.rank
            and judged.changes[i].pattern in LABEL_FIELDS
        ]
        finding = replace(finding, headline="; ".join([finding.headline, *labels]))
    if documents is not None and index in judged.composites:
        label = f"{field_of(change).label}: "
        words = (
            headline(judged.changes[i], judged.verdicts[i], documents).removeprefix(label)
            for i in judged.composites[index]
        )
        finding = replace(finding, headline=f"{label}{'; '.join(words)}")
    if documents is not None and verdict.area in (Area.INPUT, Area.PROCESSING):
        named = _with_folded_words(finding.headline, judged, members, documents)
        finding = replace(finding, headline=named)
    origin = "" if documents is None else describe_origin(documents.old, documents.new)
    folded = tuple(judged.changes[i].path for i in members)
    return replace(finding, folded=folded, headline=finding.headline + origin)


def _with_folded_words(
    words: str, judged: JudgedChanges, members: Sequence[int], documents: Documents
) -> str:
    """Return a headline with those of the folded changes that no other line would name."""
    before, after = (
        [
            headline(judged.changes[i], judged.verdicts[i], documents)
            for i in members
            if judged.changes[i].pattern in patterns
        ]
        for patterns in (NAMED_BEFORE, NAMED_AFTER)
    )
    return "; ".join([*before, words, *after])


def _as_vendors(finding: Finding) -> Finding:
    return replace(finding, owner=Owner.VENDOR, severity=Severity.INFO)


def _following(finding: Finding, cause: Cause | None) -> Finding:
    """Return the finding with the edit that it follows, where it is one of data."""
    if cause is None or finding.area is not Area.DATA:
        return finding
    words = f"{finding.headline}{cause.words}" if finding.headline else ""
    return replace(finding, follows=cause.block_id, headline=words)


def _tracked(finding: Finding, comparison: Comparison) -> Finding:
    """Return the finding with its lasting path, where that is another one."""
    lasting = comparison.lasting_path(finding)
    return finding if lasting == finding.path else replace(finding, lasting_path=lasting)


def _of_model_in_use(comparison: Comparison, vendor: Sequence[Change]) -> list[Finding]:
    """Return the vendor's changes that take the target's own model away."""
    judged = [(change, judge(change, in_use=comparison.in_use)) for change in vendor]
    return [
        make_finding(comparison.target, change, verdict, documents=comparison.documents)
        for change, verdict in judged
        if verdict.severity is not Severity.INFO
    ]


def name_acts(comparison: Comparison) -> frozenset[str]:
    """Return what may be the vendor's in a comparison, if enough other targets show the same.

    A block of another type has other keys, whoever made it.
    """
    changes = _with_replacement(comparison.changes)
    if any(map(is_replacement, changes)):
        return frozenset()
    return frozenset(filter(None, map(_name_act, changes)))


def name_acts_of(comparison: Comparison, keys: Collection[tuple[Kind, str]]) -> frozenset[str]:
    """Return the vendor's acts in a comparison that brought or took some keys."""
    changes = _with_replacement(comparison.changes)
    of_keys = (change for change in changes if (change.kind, change.path) in keys)
    return frozenset(filter(None, map(_name_act, of_keys)))


def _name_act(change: Change) -> str | None:
    """Return what the vendor did if other targets show the same, None for what people do.

    A key comes or goes whatever its value; the value of a key that the schema lacks changes
    alike. A layer's place says nothing.
    """
    path = _LAYER_PLACE.sub("visualLayers[]", change.path)
    row = field_of(change)
    if row.area is Area.CATALOGUE or (row.area is not Area.UNKNOWN and row.owner not in _GIVEN):
        return None
    comes_or_goes = change.kind in (Kind.ADDED, Kind.REMOVED)
    if row.area is Area.UNKNOWN:
        is_key = not _PLACE_IN_LIST.search(change.path)
        values = [] if comes_or_goes and is_key else [change.before, change.after]
        return _hash([change.kind, path, *values])
    is_key = row.pattern in _MEMBERS or not (
        row.required or row.pattern.startswith("visualLayers")
    )
    return _hash([change.kind, path]) if comes_or_goes and is_key else None


def _name_template(change: Change) -> str:
    """Return the same name where scripts were generated anew alike; numbers are the block's."""
    lines = changed_lines(str(change.before), str(change.after))
    return _hash([change.path, *(_NUMBER.sub("0", line) for line in lines)])


def _hash(parts: Json) -> str:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]
