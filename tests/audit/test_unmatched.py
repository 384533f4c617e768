"""Rules, windows, subscriptions and filters that match nothing: named once, and again later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.demo.faults import Fault
from tests.audit.stage import Stage, block, stage, target

_LAYERS = [{"type": "dense", "neurons": 20}, {"type": "dropout", "dropoutRate": 0.1}]
_IGNORE = 'reason = "noise"\nauthor = "ops"\nuntil = 2099-01-01\n'


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    blocks = {n: block(name=f"Block {n}", visualLayers=_LAYERS) for n in (3, 4)}
    with stage(database_url, tmp_path, blocks) as set_up:
        yield set_up


def _add(pump: Stage, text: str) -> None:
    pump.configure((pump.folder / "config.toml").read_text() + text)


def _rule(path: str, condition: str = "between = [0, 9]", name: str = "guard") -> str:
    return f'\n[[rules]]\nname = "{name}"\npath = "{path}"\n{condition}\n'


def _said(report: Any) -> list[str]:  # noqa: ANN401 - any JSON
    notices = report.get("notices", ())
    return [found["text"] for found in notices if found["kind"] == "matches_nothing"]


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("thresholds[min_scor].value", "thresholds[min_score].value"),
        ("visualLayers[*].droputRate", "visualLayers[*].dropoutRate"),
        ("dependencies.samplecount", "dependencies.sampleCount"),
    ],
)
def test_a_guard_that_no_block_has_is_named_once_with_the_path_that_was_meant(
    pump: Stage, path: str, meant: str
) -> None:
    pump.studio.edit(
        target(3), lambda a: a.update(thresholds=[{"key": "min_score", "value": 0.5}])
    )
    _add(pump, _rule(path))

    [said] = _said(pump.json())

    assert said.startswith(f"rules[0].path of the configuration: no audited block has {path}, ")
    assert said.endswith(f"so “guard” is never checked; did you mean {meant}?")
    assert _said(pump.json()) == []


def test_it_is_named_again_only_after_it_matched_in_between(pump: Stage) -> None:
    _add(pump, _rule("customParameters.depth"))
    first, again = _said(pump.json()), _said(pump.json())
    pump.studio.edit(target(4), lambda a: a.update(customParameters={"depth": 3}))
    matched = _said(pump.json())
    pump.studio.edit(target(4), lambda a: a.update(customParameters={"width": 3}))

    assert (len(first), again, matched) == (1, [], [])
    assert len(_said(pump.json())) == 1
    assert _said(pump.json()) == []


@pytest.mark.parametrize(
    "text",
    [
        _rule("visualLayers[*].neurons"),
        _rule("visualLayers[1].dropoutRate"),
        _rule("customValidationMetadataKey", "is = false"),
        f'\n[[ignore]]\npath = "visualLayers[*].columns"\n{_IGNORE}',
        f'\n[[ignore]]\npath = "thresholds"\n{_IGNORE}',
        '\n[[severity]]\npath = "transferLearningModels[fomo*]"\nseverity = "low"\n',
        '\n[[severity]]\narea = "data"\nseverity = "low"\n',
    ],
)
def test_what_a_block_has_or_may_get_is_not_named(pump: Stage, text: str) -> None:
    pump.studio.put(target(4), block("keras-object-detection"))
    _add(pump, text)

    assert _said(pump.json()) == []


def test_an_ignore_rule_and_a_severity_rule_are_named(pump: Stage) -> None:
    _add(pump, f'\n[[ignore]]\npath = "visualLayers[9].neurons"\n{_IGNORE}')
    _add(pump, '\n[[severity]]\npath = "scrpt"\nseverity = "low"\n')
    said = _said(pump.json_of_night())

    assert len(said) == 2
    assert "no audited block has visualLayers[9].neurons, so the rule has no effect" in str(said)
    assert "did you mean script?" in said[0] + said[1]


def test_a_block_and_a_project_that_are_not_audited_are_named(pump: Stage) -> None:
    _add(
        pump,
        '\n[[windows]]\nreason = "w"\nauthor = "ops"\nblocks = ["7/99"]\n'
        "from = 2026-01-01T00:00:00Z\nuntil = 2099-01-01T00:00:00Z\n"
        '\n[[subscriptions]]\nrecipient = "pump@example.org"\nprojects = [8]\n',
    )
    said = sorted(_said(pump.json()))

    assert [text.partition(";")[0] for text in said] == [
        "subscriptions[0].projects of the configuration: project 8 has no block that is audited",
        "windows[0].blocks of the configuration: block 7/99 is not audited",
    ]
    assert _said(pump.json()) == []


def test_a_filter_that_includes_nothing_is_named(pump: Stage) -> None:
    pump.reconfigure('learn_blocks = "all"', 'include = { names = ["Block*", "Bolck 4"] }')

    assert _said(pump.json()) == [
        "project 7 include.names of the configuration: 'Bolck 4' matches no block that is audited"
    ]


def test_nothing_is_named_while_nothing_was_read(pump: Stage) -> None:
    _add(pump, _rule("dependencies.samplecount"))
    pump.studio.fail(Fault.HTML)
    unread = _said(pump.json())
    pump.studio.heal()

    assert unread == []
    assert len(_said(pump.json())) == 1
