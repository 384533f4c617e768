"""A later auditor knows more fields: quiet nights stay quiet, and true changes are reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from auditor import app
from auditor.model import Area, NoticeKind, Since, TargetState
from auditor.report import Report
from tests.audit.stage import Stage, block, stage, target
from tests.older import Older, older_auditor

_AKIDA = "akidaEdgeLearningConfig"
_AKIDA_ROWS = [
    _AKIDA,
    *(f"{_AKIDA}.{key}" for key in ("enabled", "additionalClasses", "neuronsPerClass")),
]
_KEY = "customValidationMetadataKey"
_LEARNT = (
    *_AKIDA_ROWS,
    _KEY,
    "trainTestSplit",
    "thresholds[].suggestedValue",
    "visualLayers[].columns",
    "transferLearningModels[].abbreviatedName",
)
_ABSENT = "(absent)"
_BLANK = (_ABSENT, None, False, "", {"enabled": False})
_VALUES = (*_BLANK, 0, "unit", {"enabled": True, "folds": 5})
_PAIRS = tuple(product(_VALUES, repeat=2))


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Older]:
    place = tmp_path_factory.mktemp("older")
    with older_auditor(place, without=_LEARNT, knowing=["futureHeads"]) as started:
        yield started


@pytest.fixture
def pump(tmp_path: Path) -> Iterator[Stage]:
    blocks = {3: block(name="Motion"), 4: block(name="Wave"), 5: block("keras-regression")}
    with stage(f"sqlite:///{tmp_path / 'auditor.db'}", tmp_path, blocks) as set_up:
        yield set_up


def night_of(older: Older, set_up: Stage, *words: str) -> str:
    return older.command(set_up.folder / "config.toml", *(words or ("run",)))


def edit(set_up: Stage, learn_id: int, **values: Any) -> None:  # noqa: ANN401 # any JSON
    set_up.studio.edit(target(learn_id), lambda answer: answer.update(values))


def edit_all(set_up: Stage, **values: Any) -> None:  # noqa: ANN401 # any JSON
    for learn_id in (3, 4, 5):
        edit(set_up, learn_id, **values)


def putting(value: object) -> Callable[[dict[str, Any]], None]:
    def put(answer: dict[str, Any]) -> None:
        answer.pop(_KEY, None)
        if value != _ABSENT:
            answer[_KEY] = value

    return put


def reverse(answer: dict[str, Any]) -> None:
    items = list(answer.items())
    answer.clear()
    answer.update(reversed(items))


def telling(report: Report) -> tuple[object, ...]:
    """What a report says of anything that is not as it was."""
    states = {result.state for result in report.targets}
    found = [found for result in report.targets for found in result.findings]
    return states, found, report.catalogue, report.notices, report.totals.new


QUIET: tuple[object, ...] = ({TargetState.IN_SYNC}, [], (), (), 0)


def test_learnt_fields_tell_nothing_until_they_change(older: Older, pump: Stage) -> None:
    pump.without_mail()
    for place, (value, _) in enumerate(_PAIRS, start=10):
        pump.studio.put(target(place), block(transferLearningModels=[]))
        pump.studio.edit(target(place), putting(value))
    night_of(older, pump)

    assert telling(pump.audit()) == QUIET
    for place in range(10, 10 + len(_PAIRS)):
        pump.studio.edit(target(place), reverse)
    assert telling(pump.audit()) == QUIET
    with pump.open_store() as store:
        assert len(store.target_versions(target(10))) == 1
        assert store.verify() is None

    for place, (_, value) in enumerate(_PAIRS, start=10):
        pump.studio.edit(target(place), putting(value))
    reported = {
        result.target.learn_id: [(found.path, found.area) for found in result.findings]
        for result in pump.night().report.targets
        if result.findings
    }

    assert reported == {
        place: [(_KEY, Area.TRAINING)]
        for place, (old, new) in enumerate(_PAIRS, start=10)
        if old is not new and not (says_nothing(old) and says_nothing(new))
    }


def says_nothing(value: object) -> bool:
    return any(value is blank for blank in _BLANK)


def test_what_the_vendor_brought_keeps_nobody_off_the_baseline_once_it_is_known(
    older: Older, pump: Stage
) -> None:
    night_of(older, pump)
    night_of(older, pump, "approve", "--all-new", "--reason", "as released")
    edit_all(pump, **{_AKIDA: {"enabled": True, "neuronsPerClass": 2}, _KEY: "unit"})
    assert "The API now has" in night_of(older, pump, "run", "--format", "json")

    assert telling(pump.audit()) == QUIET

    edit(pump, 4, **{_AKIDA: {"enabled": True, "neuronsPerClass": 3}})
    by_block = {result.target.learn_id: result.findings for result in pump.audit().targets}
    assert [(finding.path, finding.since) for finding in by_block.pop(4)] == [
        (f"{_AKIDA}.neuronsPerClass", Since.LAST)
    ]
    assert set(by_block.values()) == {()}
    after = {result.target.learn_id: result.findings for result in pump.audit().targets}
    assert [(finding.path, finding.since) for finding in after.pop(4)] == [
        (_AKIDA, Since.BASELINE)
    ]
    assert set(after.values()) == {()}


def test_a_vendors_field_that_is_known_since_does_not_keep_a_reverted_model_stale(
    older: Older, pump: Stage
) -> None:
    cycles = pump.studio.answer(target(3))["trainingCycles"]
    night_of(older, pump)
    edit(pump, 3, trainingCycles=999)
    edit_all(pump, **{_KEY: "unit"})
    night_of(older, pump)

    edit(pump, 3, trainingCycles=cycles)
    report = pump.audit()

    [reverted] = report.targets[0].findings
    assert reverted.headline.endswith("(changed and reverted)")
    assert report.targets[0].model_state == "trained"


def test_decisions_of_before_hold(older: Older, pump: Stage) -> None:
    night_of(older, pump)
    night_of(older, pump, "approve", "--all-new", "--reason", "as released")
    edit(pump, 3, learningRate=0.125)
    night_of(older, pump)
    with app.open_store(pump.settings, upgrade=False) as store:
        [finding] = store.report(None).targets[0].findings  # type: ignore[union-attr] # there is one
    night_of(older, pump, "acknowledge", finding.id, "--reason", "agreed")

    report = pump.audit()

    assert telling(report) == QUIET
    assert [result.acknowledged for result in report.targets] == [1, 0, 0]


def test_what_only_the_new_form_shows_is_kept_apart_from_drift(older: Older, pump: Stage) -> None:
    edit_all(pump, futureHeads=False)
    night_of(older, pump)
    for learn_id in (3, 4):
        pump.studio.edit(target(learn_id), lambda answer: answer.pop("futureHeads"))
    night_of(older, pump)

    report = pump.night().report

    assert telling(report)[:3] == QUIET[:3]
    [notice] = report.notices
    assert notice.kind is NoticeKind.READ_AGAIN
    assert "2 differences in 2 blocks appear" in notice.text
    assert report.suppressed_by == (("upgrade", 2),)
    assert telling(pump.audit()) == QUIET
    with pump.open_store() as store:
        assert store.verify() is None


def test_an_older_auditor_put_back_is_quiet_as_well(older: Older, pump: Stage) -> None:
    edit_all(pump, **{_KEY: "unit", _AKIDA: {"enabled": True}})
    pump.audit()

    assert '"in_sync": 3' in night_of(older, pump, "run", "--format", "json")
