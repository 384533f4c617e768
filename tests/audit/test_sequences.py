"""Every labelled sequence of nights against its label."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor import app, decide
from auditor.decide import Decision
from auditor.model import JsonObject
from auditor.protocols import Store
from auditor.rendering.json import encode_report, format_utc
from tests.audit.sequences import SEQUENCES, Night
from tests.audit.stage import Stage, stage, target
from tests.decisions import approve

pytestmark = pytest.mark.both_databases

_FIRST_ID = 11
_IDS = {name: _FIRST_ID + place for place, name in enumerate(SEQUENCES)}
_SIGNS = {"reverted": " undone", "flapping": " flapping", "still_flapping": " still flapping"}


@pytest.fixture
def lived(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    blocks = {_IDS[name]: sequence.start for name, sequence in SEQUENCES.items()}
    with stage(database_url, tmp_path, blocks) as set_up:
        yield set_up


def _run(set_up: Stage, moment: datetime) -> Any:  # noqa: ANN401 - any JSON
    report = set_up.audit(now=lambda: moment)
    app.build_archive(set_up.settings).write(report)  # there is a page and a mail for all of it
    assert app.build_renderer(set_up.settings).text(report, page="")
    return encode_report(report)


def _labels(line: Any, moments: list[str | None]) -> frozenset[str]:  # noqa: ANN401 - any JSON
    return frozenset(_label(finding, moments) for finding in line["findings"])


def _label(finding: Any, moments: list[str | None]) -> str:  # noqa: ANN401 - any JSON
    label = f"{finding['since']} {finding['path']}"
    if finding["since"] == "baseline":
        return f"{label} @{moments.index(finding['stands_since'])}"
    return label + _SIGNS.get(finding.get("recurrence", ""), "")


def _decide(
    store: Store,
    learn_id: int,
    night: Night,
    line: Any,  # noqa: ANN401 - any JSON
    moment: datetime,
    first: datetime,
) -> None:
    decision = Decision(author="anna", reason="planned", at=moment + timedelta(hours=1))
    until = None if night.until is None else (first + timedelta(days=night.until)).date()
    for path in night.accepts:
        (finding,) = (found for found in line["findings"] if found["path"] == path)
        decide.acknowledge(finding["id"], store, decision, until=until)
    if night.approves:
        approve([target(learn_id)], store, decision)


def test_each_night_of_a_sequence_says_what_its_label_does(lived: Stage) -> None:
    first = app.now()
    _run(lived, first)
    moments = [format_utc(first)]
    with lived.open_store() as store:
        decision = Decision(author="anna", reason="as it is", at=first + timedelta(hours=1))
        approved = [target(_IDS[n]) for n, sequence in SEQUENCES.items() if sequence.has_baseline]
        approve(approved, store, decision)
    wrong: list[str] = []
    unlisted: dict[int, JsonObject] = {}
    for number in range(1, 1 + max(len(sequence.nights) for sequence in SEQUENCES.values())):
        moment = first + timedelta(days=number)
        moments.append(format_utc(moment))
        tonight = {
            name: sequence.nights[number - 1]
            for name, sequence in SEQUENCES.items()
            if number <= len(sequence.nights)
        }
        for name, night in tonight.items():
            _act(lived, _IDS[name], night, unlisted)
        lines = {line["learn_id"]: line for line in _run(lived, moment)["targets"]}
        with lived.open_store() as store:
            for name, night in tonight.items():
                line = lines[_IDS[name]]
                if (says := _labels(line, moments)) != night.says:
                    wrong.append(f"{name}, night {number}: {sorted(says)}")
                else:
                    _decide(store, _IDS[name], night, line, moment, first)

    assert "\n".join(wrong) == ""


def _act(set_up: Stage, learn_id: int, night: Night, unlisted: dict[int, JsonObject]) -> None:
    """Edit the block of a sequence; `unlisted` are answers that Studio does not list."""
    if night.is_gone:
        unlisted[learn_id] = set_up.studio.answer(target(learn_id))
        set_up.studio.remove(target(learn_id))
        return
    if learn_id in unlisted:
        set_up.studio.put(target(learn_id), unlisted.pop(learn_id))
    for edit in night.edits:
        set_up.studio.edit(target(learn_id), edit)
