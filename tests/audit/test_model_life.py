"""The state of a model and its open conditions over nights: what begins and ends them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine

from auditor import app
from auditor.decide import Decision
from auditor.report import Report
from auditor.resources import folder
from auditor.store.tables import condition
from tests.audit.stage import Stage, block, stage, target
from tests.decisions import approve

Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    blocks = {3: block(name="Motion", trained=True), 4: block(name="Wave", trained=True)}
    with stage(database_url, tmp_path, blocks) as set_up:
        yield set_up


def _night(set_up: Stage, *edits: Edit) -> Report:
    for edit in edits:
        set_up.studio.edit(target(3), edit)
    return set_up.audit()


def _model(report: Report) -> tuple[str, list[str]]:
    """Return the state of the edited block's model, and the kinds of its open conditions."""
    return str(report.targets[0].model_state), [str(each.kind) for each in report.open]


def _labels(*labels: str) -> Edit:
    return lambda answer: answer["dependencies"].update(classes=[*labels])


def _cycles(number: int) -> Edit:
    return lambda answer: answer.update(trainingCycles=number)


def _suggested(value: float) -> Edit:
    return lambda answer: answer["thresholds"][0].update(suggestedValue=value)


def _model_type(value: str) -> Edit:
    return lambda answer: answer.update(selectedModelType=value)


def _trained(value: bool) -> Edit:
    return lambda answer: answer.update(trained=value)


def _approve(set_up: Stage) -> None:
    with set_up.open_store() as store:
        approve([target(3)], store, Decision(author="anna", reason="tested", at=app.now()))


_Model = tuple[str, list[str]]
STALE: _Model = ("stale", ["stale"])
TRAINED: _Model = ("trained", [])
LOST: _Model = ("untrained", ["training_lost"])
UNTRAINED: _Model = ("untrained", [])


@pytest.mark.parametrize(
    ("nights", "expected"),
    [
        pytest.param([_labels("idle", "wave")], [STALE], id="labels"),
        pytest.param(
            [lambda answer: answer["dependencies"].update(sampleCount=9)], [TRAINED], id="samples"
        ),
        pytest.param(
            [lambda answer: answer.update(script="import keras\n")], [TRAINED], id="template"
        ),
        pytest.param([_cycles(77), _suggested(0.31)], [STALE, TRAINED], id="suggestion"),
        pytest.param(
            [_model_type("requiresRetrain"), _model_type("int8")], [STALE, TRAINED], id="asked"
        ),
        pytest.param(
            [_labels("idle", "wave"), _labels("idle", "updown", "wave")],
            [STALE, TRAINED],
            id="data-reverted",
        ),
        pytest.param(
            [_cycles(77), lambda answer: answer.update(name="Other"), _cycles(30)],
            [STALE, STALE, TRAINED],
            id="edit-reverted",
        ),
        pytest.param([_trained(False), _trained(True)], [LOST, TRAINED], id="lost"),
    ],
)
def test_a_models_state_and_its_open_conditions_say_the_same(
    pump: Stage, nights: list[Edit], expected: list[tuple[str, list[str]]]
) -> None:
    pump.audit()

    found = []
    for edit in nights:
        found.append(_model(_night(pump, edit)))
        assert _model(_night(pump)) == found[-1]  # a quiet night changes nothing

    assert found == expected


@pytest.mark.parametrize(
    ("edit", "before", "after"),
    [
        (_cycles(77), STALE, TRAINED),
        (_model_type("requiresRetrain"), STALE, TRAINED),
        (_trained(False), LOST, UNTRAINED),
    ],
    ids=["edited", "asked", "lost"],
)
def test_what_a_person_approves_is_neither_stale_nor_lost_until_more_happens(
    pump: Stage, edit: Edit, before: tuple[str, list[str]], after: tuple[str, list[str]]
) -> None:
    pump.audit()
    found = _model(_night(pump, edit))
    _approve(pump)
    quiet = _model(_night(pump))
    renamed = _night(pump, lambda answer: answer.update(name="Other"))

    assert found == before
    assert quiet == after
    assert _model(renamed) == (after[0], ["off_baseline"])  # the new name, and no more than that


def test_an_edit_after_the_approval_makes_the_model_stale_again(pump: Stage) -> None:
    pump.audit()
    _night(pump, _model_type("requiresRetrain"))
    _approve(pump)

    again = _night(pump, _cycles(77))

    assert _model(again) == ("stale", ["stale", "off_baseline"])


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("edit", "back", "kind"),
    [(_cycles(77), _suggested(0.31), "stale"), (_trained(False), _trained(True), "training_lost")],
    ids=["stale", "lost"],
)
def test_a_condition_that_an_upgrade_found_lasts_since_then_and_ends_like_others(
    pump: Stage, database_url: str, edit: Edit, back: Edit, kind: str
) -> None:
    pump.audit()
    first = _night(pump, edit).open[0]
    pump.audit()
    _seed_by_upgrade(database_url)
    seeded, ended = _night(pump).open, _night(pump, back).open

    assert [(str(each.kind), each.since, each.run_id) for each in seeded] == [
        (kind, first.since, first.run_id)
    ]
    assert ended == ()


def test_an_approval_ends_a_condition_that_an_upgrade_found(
    pump: Stage, database_url: str
) -> None:
    pump.audit()
    _night(pump, _cycles(77))
    _seed_by_upgrade(database_url)
    _approve(pump)

    assert _model(_night(pump)) == TRAINED


def test_a_condition_of_a_model_that_is_as_trained_ends_without_a_new_version(
    pump: Stage, database_url: str
) -> None:
    pump.audit()
    _night(pump, _cycles(77))
    with _connection(database_url) as connection:
        rows = [row._asdict() for row in connection.execute(condition.select())]
    _approve(pump)
    with _connection(database_url) as connection:  # as an older auditor left it
        connection.execute(condition.delete())
        connection.execute(condition.insert(), rows)

    assert _model(_night(pump)) == TRAINED


def _seed_by_upgrade(url: str) -> None:
    """Have the conditions that the upgrade to 0006 finds in the history, and no others."""
    with _connection(url) as connection:
        found = list(_upgrade().of_models(connection))
        connection.execute(condition.delete())
        connection.execute(condition.insert(), found)


def _connection(url: str) -> Any:  # noqa: ANN401 - SQLAlchemy's own context
    return create_engine(url, poolclass=NullPool).begin()


def _upgrade() -> ModuleType:
    path = folder("migrations") / "versions" / "0006_open_conditions.py"
    spec = importlib.util.spec_from_file_location("open_conditions", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
