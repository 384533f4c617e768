"""From changes to findings: which are the block's own, which the vendor's, which suppressed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from auditor.drift.compare import NO_DOCUMENTS, Comparison, Documents, is_visual
from auditor.drift.fields import new_value
from auditor.drift.folding import JudgedChanges, fold
from auditor.drift.headlines import headline
from auditor.drift.policy import Verdict, judge, worst_first
from auditor.drift.script import changed_lines
from auditor.model import (
    Area,
    Change,
    Finding,
    Json,
    Kind,
    Severity,
    TargetId,
    VendorFinding,
)

_Silence: TypeAlias = Callable[[str, Area], bool]


def _nothing(_path: str, _area: Area) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The findings that the changes of one block result in.

    Attributes:
        findings: the block's own, worst first.
        vendor: the vendor's changes, reported once a run.
        shareable: for findings that are the vendor's where other targets show the same: the
            finding's id and a key that is equal for equal acts.
        suppressed: changes that are stored and not reported, as findings.
        new_values: values of enumerations (field, value) that the schema does not name.
    """

    findings: tuple[Finding, ...] = ()
    vendor: tuple[Change, ...] = ()
    shareable: dict[str, str] = field(default_factory=dict)
    suppressed: tuple[Finding, ...] = ()
    new_values: frozenset[tuple[str, str]] = frozenset()


def judge_comparison(
    comparison: Comparison, *, is_suppressed: _Silence = _nothing, in_words: bool = True
) -> Judgement:
    """Return the findings of one block.

    `is_suppressed` says whether the operator ignores a path in its area. Such a change may be
    folded into another one; no change that is reported is folded into it. Unless they are wanted
    `in_words`, findings have no headline: to describe a script takes most of the time.
    """
    documents = comparison.documents if in_words else None
    changes = _with_replacement(comparison.changes)
    verdicts = [judge(change, in_use=comparison.in_use, new=comparison.new) for change in changes]
    shown = [i for i, verdict in enumerate(verdicts) if verdict.area is not Area.INTERFACE]
    judged = JudgedChanges(
        [changes[i] for i in shown],
        [verdicts[i] for i in shown],
        is_visual(comparison.new),
        frozenset(
            place
            for place, i in enumerate(shown)
            if is_suppressed(changes[i].path, verdicts[i].area)
        ),
    )
    folds = fold(judged)
    own, vendor = _split(judged, folds)
    if not any(change.kind is Kind.REPLACED and change.pattern == "type" for change in changes):
        vendor += comparison.catalogue  # another block type has another catalogue
    findings = [_finding(comparison.target, judged, folds, index, documents) for index in own]
    suppressed = [
        make_finding(comparison.target, changes[i], verdicts[i])
        for i in range(len(changes))
        if verdicts[i].area is Area.INTERFACE
    ]
    own_findings = [_tracked(found, comparison) for found in findings]
    return Judgement(
        findings=worst_first([*own_findings, *_of_model_in_use(comparison, vendor)]),
        vendor=vendor,
        shareable=_shareable(findings, is_generated=judged.is_visual),
        suppressed=tuple(suppressed),
        new_values=frozenset(found for change in changes if (found := new_value(change))),
    )


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
    vendor = [
        make_finding(comparison.target, change, judge(change), documents=comparison.documents)
        for change in judged.vendor
        if change.path not in known
    ]
    return worst_first([*judged.findings, *vendor])


def make_vendor_finding(change: Change, *, targets: int) -> VendorFinding:
    """Return a change of the vendor's, reported once for all `targets` that show it."""
    return make_shared_finding(make_finding(None, change, judge(change)), targets=targets)


def make_shared_finding(finding: Finding, *, targets: int) -> VendorFinding:
    """Return a finding that several targets share as the vendor's."""
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
    if finding.area is not Area.UNKNOWN:
        return ""
    match finding.kind:
        case Kind.ADDED:
            return f"The API now has {finding.path}"
        case Kind.REMOVED:
            return f"The API no longer has {finding.path}"
        case Kind.CHANGED | Kind.MOVED | Kind.REPLACED:
            return ""


def finding_id(target: TargetId | None, path: str, before: Json, after: Json) -> str:
    """Return the hash of target, path, before and after, as 16 hex digits."""
    parts: Json = ["" if target is None else str(target), path, before, after]
    return _hash(parts)


def _with_replacement(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return the changes with another block type under the same id as a replacement."""
    return tuple(
        replace(change, kind=Kind.REPLACED)
        if change.pattern == "type" and change.before and change.after
        else change
        for change in changes
    )


def _split(judged: JudgedChanges, folds: dict[int, int]) -> tuple[list[int], tuple[Change, ...]]:
    """Return the indices of what is the block's own, and what is the vendor's."""
    roots = [i for i in range(len(judged.changes)) if i not in folds]
    own = [i for i in roots if judged.verdicts[i].area is not Area.CATALOGUE]
    vendor = [judged.changes[i] for i in roots if judged.verdicts[i].area is Area.CATALOGUE]
    return own, tuple(vendor)


def _finding(
    target: TargetId | None,
    judged: JudgedChanges,
    folds: dict[int, int],
    index: int,
    documents: Documents | None,
) -> Finding:
    folded = tuple(judged.changes[child].path for child in sorted(folds) if folds[child] == index)
    finding = make_finding(
        target, judged.changes[index], judged.verdicts[index], documents=documents
    )
    return replace(finding, folded=folded)


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


def _shareable(findings: Sequence[Finding], *, is_generated: bool) -> dict[str, str]:
    keys: dict[str, str] = {}
    for finding in findings:
        if finding.area is Area.UNKNOWN:
            keys[finding.id] = _hash([finding.path, finding.kind, finding.before, finding.after])
        elif finding.area is Area.SCRIPT and is_generated:
            lines = changed_lines(str(finding.before), str(finding.after))
            keys[finding.id] = _hash([finding.path, *lines])
    return keys


def _hash(parts: Json) -> str:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]
