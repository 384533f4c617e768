"""One law over all mechanisms: nobody loses a change of `medium` or above.

Whatever is hidden, ignored, acknowledged, folded or given to the vendor, such a change is in a
finding that is reported and weighs as much, unless a rule that covers its very path ignores it.
`AUDITOR_EXAMPLES` says how many histories are tried.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeAlias

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from auditor.drift.acceptance import digest_value
from auditor.drift.block_kinds import KERAS
from auditor.drift.compare import compare, compare_catalogues, models_of
from auditor.drift.fields import CATALOGUE
from auditor.drift.policy import judge
from auditor.drift.rules import IgnoreRule, Rules, SeverityRule, Subject, TargetScope, Window
from auditor.model import Area, Change, Kind, Owner, Severity, TargetId
from tests.signal.audited import accept_finding, edit, fleet_of, line_of
from tests.signal.bases import BASES
from tests.signal.edits import Answer, Edit, copied, every, insert, put
from tests.signal.fleet import Fleet, approve_all

_MANY = settings(
    max_examples=int(os.environ.get("AUDITOR_EXAMPLES", "25")),
    deadline=None,
    derandomize="AUDITOR_EXAMPLES" not in os.environ,  # `make signal` tries other histories
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_PROJECT = 7
_BLOCKS = 4
_FLEETS = (
    ["keras"] * _BLOCKS,
    ["keras", "keras", "keras-expert", "keras-regression"],
    ["keras-object-detection-yolo-pro"] * 3 + ["keras"],
    ["spectrogram on", "spectrogram on", "keras-untrained", "keras"],
)
_POLICY = "augmentationPolicySpectrogram"
_IOU = {"key": "iou", "description": "Overlap", "helpText": "", "value": 0.4}
_FOMO = {"type": "fomo_mobilenet_v2_a35"}

_Change: TypeAlias = tuple[Edit, frozenset[int]]


def _without(key: str) -> Edit:
    return lambda answer: answer.pop(key, None) and None


def _program(text: str) -> Edit:
    return lambda answer: answer.update(script=f"{answer['script']}{text}\n")


def _threshold(value: float) -> Edit:
    def change(answer: Answer) -> None:
        if answer["thresholds"]:
            answer["thresholds"][0]["value"] = value

    return change


def _no_second_threshold(answer: Answer) -> None:
    answer["thresholds"] = answer["thresholds"][:1]


def _swap(answer: Answer) -> None:
    if answer["visualLayers"]:
        answer["visualLayers"][0] = copied(_FOMO)


_EDITS: dict[str, Edit] = {
    "key": put(isSharded=True),
    "no key": _without("isSharded"),
    "batch": put(batchSize=64),
    "no batch": _without("batchSize"),
    "split": put(trainTestSplit=0.3),
    "no split": _without("trainTestSplit"),
    "threshold comes": insert("thresholds.1", _IOU),
    "threshold goes": _no_second_threshold,
    "threshold": _threshold(0.4),
    "threshold again": _threshold(0.7),
    "rating": put(minimumConfidenceRating=0.4),
    "template": _program("x = 1"),
    "template again": _program("y = 2"),
    "retrain": put(selectedModelType="requiresRetrain"),
    "retrained": put(selectedModelType="int8"),
    "trained": put(trained=True),
    "lost": put(trained=False),
    "cycles": put(trainingCycles=40),
    "cycles again": put(trainingCycles=50),
    "rate": put(learningRate=0.01),
    "swap": _swap,
    "parameters": put(customParameters={"fresh": "1"}),
    "no parameters": _without("customParameters"),
    "layers": put(visualLayers=[{"type": "dense", "neurons": 7}]),
    "expert": put(mode="expert", visualLayers=[], trainingCycles=0, learningRate=0),
    "visual": put(mode="visual", visualLayers=[{"type": "flatten"}], trainingCycles=30),
    "replaced": put(type="keras-transfer-image"),
    "back": put(type="keras"),
    "labels": put("dependencies", classes=["a", "b"], outputClasses=["a", "b"]),
    "labels move": put("dependencies", classes=["0", "a"], outputClasses=["0", "a"]),
    "features": every(put("dependencies", featureCount=9), put(shape="(9,)")),
    "policy": put(**{_POLICY: {"enabled": True, "warping": True, "freqMasking": "high"}}),
    "policy's detail": put(**{_POLICY: {"enabled": True, "warping": True, "timeMasking": "low"}}),
    "policy off": put(**{_POLICY: {"enabled": False, "warping": False}}),
    "withdrawn": put("transferLearningModels.0", implementationVersion=3),
    "name": put(name="Other"),
}
_PATHS = (
    "type",
    "mode",
    "visualLayers",
    "trainingCycles",
    "batchSize",
    "thresholds",
    "thresholds[iou]",
    "script",
    "selectedModelType",
    "minimumConfidenceRating",
    "isSharded",
    "dependencies.classes",
    "shape",
    _POLICY,
    f"{_POLICY}.warping",
    "trained",
    "customParameters",
)

_blocks = st.one_of(
    st.just(frozenset(range(1, _BLOCKS + 1))),
    st.frozensets(st.integers(1, _BLOCKS), min_size=1),
    st.integers(1, _BLOCKS).map(lambda block: frozenset({block})),
)
_scopes = st.one_of(
    st.just(TargetScope()),
    st.frozensets(st.integers(1, _BLOCKS), min_size=1).map(
        lambda some: TargetScope(blocks=frozenset(TargetId(_PROJECT, block) for block in some))
    ),
)
_subjects = st.one_of(
    st.sampled_from(_PATHS).map(lambda path: Subject(path=path)),
    st.sampled_from(list(Area)).map(lambda area: Subject(area=area)),
)
_ignores = st.builds(
    lambda subject, scope: IgnoreRule(
        name="quiet",
        subject=subject,
        reason="known",
        author="ada",
        until=date(2030, 1, 1),
        scope=scope,
    ),
    _subjects,
    _scopes,
)
_severities = st.builds(
    lambda subject, severity, scope: SeverityRule(
        name="weighed", subject=subject, severity=severity, scope=scope
    ),
    _subjects,
    st.sampled_from(list(Severity)),
    _scopes,
)
_WINDOW = Window(
    reason="a release",
    author="ada",
    starts_at=datetime(2026, 1, 1, tzinfo=UTC),
    ends_at=datetime(2027, 1, 1, tzinfo=UTC),
)
_rules = st.builds(
    lambda ignores, severities, windows: Rules(
        ignores=tuple(ignores), severities=tuple(severities), windows=tuple(windows)
    ),
    st.lists(_ignores, max_size=2),
    st.lists(_severities, max_size=2),
    st.lists(st.just(_WINDOW), max_size=1),
)


@dataclass(frozen=True, kw_only=True)
class _Night:
    """What happens before a run: edits, each with its blocks, and decisions."""

    edits: tuple[tuple[str, frozenset[int]], ...]
    silent: frozenset[int]
    accepts: int
    approves: bool


_nights = st.builds(
    lambda edits, silent, accepts, approves: _Night(
        edits=tuple(edits), silent=silent, accepts=accepts, approves=approves
    ),
    st.lists(st.tuples(st.sampled_from(sorted(_EDITS)), _blocks), max_size=6),
    st.one_of(st.just(frozenset[int]()), st.frozensets(st.integers(1, _BLOCKS), max_size=2)),
    st.integers(0, 2),
    st.sampled_from([False, False, True]),
)


@dataclass
class _Audited:
    """What the law needs to know of a fleet beside its reports.

    Attributes:
        last: each block's last version: an answer that says the same makes no new one.
        baselines: and as it was approved.
        accepted: (block, path) and digest of each value that was accepted, or folded under one.
        given: (block, path) and digest of each value that the vendor was said to have left there.
    """

    fleet: Fleet
    last: dict[int, Answer] = field(default_factory=dict)
    baselines: dict[int, Answer] = field(default_factory=dict)
    accepted: dict[tuple[int, str], set[str]] = field(default_factory=dict)
    given: dict[tuple[int, str], set[str]] = field(default_factory=dict)


@_MANY
@given(
    st.sampled_from(_FLEETS),
    _rules,
    st.lists(_nights, min_size=1, max_size=3),
)
def test_no_change_that_matters_is_in_no_finding(
    sqlite_template: Path, bases: list[str], rules: Rules, nights: list[_Night]
) -> None:
    answers = {block: BASES[base] for block, base in enumerate(bases, start=1)}
    with fleet_of(sqlite_template, answers) as fleet:
        audited = _Audited(fleet)
        fleet.rules = rules
        fleet.night()
        audited.last = copied_all(fleet.blocks)
        for number, night in enumerate(nights, start=2):
            note(f"night {number}: {night}\n{rules}")
            _live(audited, night)


def copied_all(blocks: Mapping[int, Answer]) -> dict[int, Answer]:
    return {block: copied(answer) for block, answer in blocks.items()}


def _live(audited: _Audited, night: _Night) -> None:
    fleet = audited.fleet
    if night.approves:
        _approve(audited)
    for name, blocks in night.edits:
        edit(fleet, _EDITS[name], *blocks)
    fleet.silent = set(night.silent)
    report = fleet.night()
    vendor = {_unplaced(each["path"]) for each in report["catalogue"]}
    for block in fleet.blocks:
        if block in night.silent:
            continue
        line = line_of(report, block)
        _give(audited, block, vendor)
        lost = list(_lost(audited, block, line))
        assert not lost, (block, lost, line["findings"], report["catalogue"])
        _keep(audited, block)
    for block in fleet.blocks:
        open_ones = [
            each for each in line_of(report, block)["findings"] if each["since"] == "baseline"
        ]
        for finding in open_ones[: night.accepts]:
            _accept(audited, block, finding)


def _approve(audited: _Audited) -> None:
    approve_all()(audited.fleet)
    for block, answer in audited.last.items():
        audited.baselines.setdefault(block, copied(answer))


def _keep(audited: _Audited, block: int) -> None:
    """Keep a block's answer as its last version, where it differs from that."""
    last, answer = audited.last[block], audited.fleet.blocks[block]
    catalogues = last[CATALOGUE], answer[CATALOGUE]
    if compare(last, answer, KERAS) or compare_catalogues(*catalogues, KERAS):
        audited.last[block] = copied(answer)


def _give(audited: _Audited, block: int, vendor: set[str]) -> None:
    """Note what of a block's changes the run gave to the vendor."""
    old, new = audited.last[block], audited.fleet.blocks[block]
    if old["type"] != new["type"]:
        return  # a block of another type has other keys, whoever made it
    for change in compare(old, new, KERAS):
        path = _unplaced(change.path)
        if path in vendor and _can_be_vendors(change):
            audited.given.setdefault((block, path), set()).add(digest_value(change.after))


def _accept(audited: _Audited, block: int, finding: Any) -> None:  # noqa: ANN401 - any JSON
    if not accept_finding(audited.fleet, finding["id"]):
        return
    own = finding["path"], finding["kind"]  # a layer may be removed at the place of another
    for change in compare(audited.baselines[block], audited.fleet.blocks[block], KERAS):
        if (change.path, _as_judged(change).kind) == own or change.path in finding["folded"]:
            digest = digest_value(change.after)
            audited.accepted.setdefault((block, change.path), set()).add(digest)


def _lost(
    audited: _Audited,
    block: int,
    line: Any,  # noqa: ANN401 - any JSON
) -> Iterator[str]:
    """Yield what happened to a block and is in no finding."""
    old, new = audited.last[block], audited.fleet.blocks[block]
    tonight = [each for each in line["findings"] if each["since"] == "last"]
    yield from (change.path for change in _lost_of(audited, block, tonight, (old, new)))
    yield from _twice(tonight)
    if block in audited.baselines:
        pair = (audited.baselines[block], new)
        yield from (
            f"baseline: {change.path}"
            for change in _lost_of(audited, block, line["findings"], pair)
            if not _is_accepted(audited, block, change)
        )


def _twice(findings: list[Any]) -> Iterator[str]:
    paths = Counter(path for each in findings for path in (each["path"], *each["folded"]))
    for path, number in paths.items():
        # A removed layer has its place in the old stack, where another may be in the new one.
        if number > 1 and not path.startswith("visualLayers["):
            yield f"twice: {path}"


def _is_accepted(audited: _Audited, block: int, change: Change) -> bool:
    return digest_value(change.after) in audited.accepted.get((block, change.path), ())


def _lost_of(
    audited: _Audited,
    block: int,
    findings: list[Any],
    pair: tuple[Answer, Answer],
) -> Iterator[Change]:
    old, new = pair
    target, rules = TargetId(_PROJECT, block), audited.fleet.rules
    is_generated = old["mode"] == new["mode"] == "visual"
    for change in map(_as_judged, compare(old, new, KERAS)):
        verdict = judge(change, in_use=models_of(new), new=new)
        if old is not audited.last[block] and not _is_of_baseline(change, verdict.owner, new):
            continue
        severity = _weight(rules, change.path, verdict.area, target) or verdict.severity
        if change.path == "script" and is_generated:
            severity = Severity.INFO
        if severity.rank < Severity.MEDIUM.rank or verdict.area is Area.CATALOGUE:
            continue
        if verdict.area is Area.INTERFACE or _is_ignored(rules, change.path, verdict.area, target):
            continue
        if _is_reported(change, severity, findings):
            continue
        if digest_value(change.after) in audited.given.get((block, _unplaced(change.path)), ()):
            continue
        yield change


def _is_of_baseline(change: Change, owner: Owner, new: Answer) -> bool:
    """Tell what people set and devices depend on; a script that Studio makes nobody sets."""
    is_generated = change.path == "script" and new["mode"] == "visual"
    return owner in (Owner.INTENT, Owner.DATASET) and not is_generated


def _as_judged(change: Change) -> Change:
    is_replaced = change.path == "type" and change.before and change.after
    return replace(change, kind=Kind.REPLACED) if is_replaced else change


def _can_be_vendors(change: Change) -> bool:
    return change.kind in (Kind.ADDED, Kind.REMOVED) and not re.fullmatch(
        r"visualLayers\[\d+\](\.enabled)?", change.path
    )


def _is_reported(change: Change, severity: Severity, findings: list[Any]) -> bool:
    for finding in findings:
        is_same_kind = finding["kind"] == str(change.kind)
        is_same_value = change.after is not None and finding["after"] == change.after
        if finding["path"] == change.path and (is_same_kind or is_same_value):
            return True  # what came back tonight may differ from the baseline
        is_asked = change.path == "selectedModelType" and change.after == "requiresRetrain"
        weight = Severity(finding["severity"]).rank
        least = Severity.MEDIUM.rank if is_asked else severity.rank
        if change.path in finding["folded"] and weight >= least:
            return True
    return False


def _unplaced(path: str) -> str:
    return re.sub(r"visualLayers\[\d+]", "visualLayers[]", path)


def _weight(rules: Rules, path: str, area: Area, target: TargetId) -> Severity | None:
    covering = (
        rule.severity
        for rule in rules.severities
        if rule.scope.includes(target) and rule.subject.covers(path, area)
    )
    return next(covering, None)


def _is_ignored(rules: Rules, path: str, area: Area, target: TargetId) -> bool:
    return any(
        rule.scope.includes(target) and rule.subject.covers(path, area) for rule in rules.ignores
    )
