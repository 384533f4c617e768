"""A labelled sequence of nights, and what of it is reported otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from auditor.drift.rules import Rules
from tests.signal.edits import Answer
from tests.signal.fleet import Fleet, Step, time_of_night
from tests.signal.pairs import ExpectedFinding

_Findings: TypeAlias = Mapping[int, tuple[ExpectedFinding, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What happened since the night before, and what exactly its report must say.

    Attributes:
        findings: of each block what changed tonight; no more and no fewer.
        baseline: of each block what still differs from its baseline, None where the label does
            not say.
        late: what an earlier night kept to itself, as (block, path, whether it holds).
        catalogue: what is the vendor's, as `3 added path`: targets, kind and path.
        models: the states of models, of those that are not `trained`.
        suppressed: how many changes are suppressed, of blocks that have any.
        opens: the open conditions as (kind, block), None where the label does not say.
        recurrences: the recurrence of findings by path, None where the label does not say.
        open_since: of differences from the baseline, by path, the night that first had them (the
            blocks' first is 1), None where the label does not say.
    """

    steps: tuple[Step, ...] = ()
    findings: _Findings = field(default_factory=dict)
    baseline: _Findings | None = field(default_factory=dict)
    late: frozenset[tuple[int, str, bool]] = frozenset()
    catalogue: frozenset[str] = frozenset()
    models: Mapping[int, str] = field(default_factory=dict)
    suppressed: Mapping[int, int] = field(default_factory=dict)
    opens: frozenset[tuple[str, int]] | None = None
    recurrences: Mapping[str, str] | None = None
    open_since: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Sequence:
    """Blocks that are seen for the first time, and the nights after that one."""

    name: str
    blocks: Mapping[int, Answer]
    nights: tuple[Night, ...]
    rules: Rules = field(default_factory=Rules)


def differences(sequence: Sequence, url: str) -> list[str]:
    """Return what the nights of a sequence report otherwise than labelled, in words.

    `url` is that of a database with this program's schema and nothing in it.
    """
    fleet = Fleet(url, dict(sequence.blocks), sequence.rules)
    with fleet.store:
        first = fleet.night()
        lines = [f"first night: {target}" for target in first["targets"] if target["findings"]]
        for number, night in enumerate(sequence.nights, start=2):
            for step in night.steps:
                step(fleet)
            report = fleet.night()
            lines += [f"night {number}: {line}" for line in _differing(night, report)]
    return lines


def _differing(night: Night, report: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    for target in report["targets"]:
        block = target["learn_id"]
        for since, wanted in (("last", night.findings), ("baseline", night.baseline)):
            if wanted is None:
                continue
            own = [
                finding
                for finding in target["findings"]
                if finding["since"] == since and not finding.get("late")
            ]
            yield from _differing_findings(block, since, own, wanted.get(block, ()))
        if target["model_state"] != night.models.get(block, "trained") and not target["error"]:
            yield f"{block} model {target['model_state']}"
        if target["suppressed"] != night.suppressed.get(block, 0):
            yield f"{block} suppressed {target['suppressed']}"
    yield from _differing_rest(night, report)


def _differing_findings(
    block: int, since: str, reported: list[Any], wanted: tuple[ExpectedFinding, ...]
) -> Iterator[str]:
    found = Counter(_as_expected(finding, wanted) for finding in reported)
    for finding in ((Counter(wanted)) - found).elements():
        yield f"{block} {since} missed {_line(finding)}"
    for finding in (found - Counter(wanted)).elements():
        yield f"{block} {since} false {_line(finding)}"


def _differing_rest(night: Night, report: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    catalogue = {
        f"{entry['targets']} {entry['kind']} {entry['path']}" for entry in report["catalogue"]
    }
    if catalogue != night.catalogue:
        yield f"catalogue {sorted(catalogue)}"
    found = [
        (target["learn_id"], each) for target in report["targets"] for each in target["findings"]
    ]
    late = {(block, each["path"], each["holds"]) for block, each in found if each.get("late")}
    if late != night.late:
        yield f"late {sorted(late)}"
    opens = {(each["kind"], each["block_id"]) for each in report["open"]}
    if night.opens is not None and opens != night.opens:
        yield f"open {sorted(opens)}"
    recurrences = {each["path"]: each["recurrence"] for _, each in found if each.get("recurrence")}
    since = {each["path"]: each["stands_since"] for _, each in found if "stands_since" in each}
    if night.open_since is not None and since != {
        path: time_of_night(number) for path, number in night.open_since.items()
    }:
        yield f"stands since {since}"
    if night.recurrences is not None and recurrences != night.recurrences:
        yield f"recurrences {recurrences}"


def _as_expected(finding: Any, wanted: tuple[ExpectedFinding, ...]) -> ExpectedFinding:  # noqa: ANN401
    expected = ExpectedFinding(
        area=finding["area"],
        owner=finding["owner"],
        kind=finding["kind"],
        path=finding["path"],
        severity=finding["severity"],
        folded=frozenset(finding["folded"]),
    )
    is_open = expected.open()
    return is_open if is_open in wanted else expected


def _line(finding: ExpectedFinding) -> str:
    folds = f" folding {', '.join(sorted(finding.folded))}" if finding.folded else ""
    return f"{finding.severity} {finding.area} {finding.kind} {finding.path}{folds}"
