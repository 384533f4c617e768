"""What an earlier run found and nobody received: a section of its own, once, and what holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor import app
from auditor.decide import Decision
from auditor.rendering.json import encode_report
from auditor.rendering.verdict import Level, judge_run
from tests.audit.stage import Stage, block, stage, target
from tests.decisions import approve

BOTH = ("ops@example.org", "ml@example.org")


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    blocks = {3: block(name="Motion", trained=True), 4: block(name="Screws", trained=True)}
    with stage(database_url, tmp_path, blocks) as set_up:
        set_up.audit()
        yield set_up


def _unheard_night(pump: Stage) -> None:
    """Have a night on which the mail server refuses everybody for good."""
    pump.postbox.refuses = dict.fromkeys(BOTH, "550 no such user")
    pump.night()
    pump.postbox.refuses = {}
    pump.postbox.taken.clear()


def _late(report: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON
    return [found for line in report["targets"] for found in line["findings"] if found.get("late")]


def _mail(pump: Stage) -> tuple[str, str, str]:
    """Return subject, text and HTML of the only mail to the first recipient."""
    ((_, mail),) = [taken for taken in pump.postbox.taken if taken[0] == BOTH[0]]
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert page is not None
    return str(mail["Subject"]), text.get_content(), page.get_content()


@pytest.mark.both_databases
def test_what_no_longer_holds_is_named_with_its_run_and_heads_nothing(pump: Stage) -> None:
    pump.studio.edit(target(3), lambda a: a.update(trained=False))
    _unheard_night(pump)
    pump.studio.edit(target(3), lambda a: a.update(trained=True))
    _unheard_night(pump)
    report = pump.json_of_night()
    subject, text, page = _mail(pump)

    assert [(found["after"], found["run"], found["holds"]) for found in _late(report)] == [
        (False, 2, False),
        (True, 3, True),
    ]
    assert "critical" not in subject.lower()
    assert "REPORTED LATE" in text
    assert "found by run 2," in text
    assert "no longer so" in text
    assert "found by run 2," in page
    resolved_id = next(f["id"] for f in _late(report) if not f["holds"])
    assert f"auditor acknowledge {resolved_id}" not in text
    assert "restore:" not in text


def test_it_counts_neither_in_the_totals_nor_in_the_state(pump: Stage) -> None:
    pump.studio.edit(target(3), lambda a: a.update(batchSize=64))
    _unheard_night(pump)
    report, after = pump.json_of_night(), pump.json_of_night()

    assert [(found["path"], found["run"], found["holds"]) for found in _late(report)] == [
        ("batchSize", 2, True)
    ]
    assert (report["totals"]["findings"], report["totals"]["drifted"]) == (0, 0)
    assert [line["state"] for line in report["targets"]] == ["in_sync", "in_sync"]
    assert _late(after) == []


def test_what_still_holds_is_what_verdict_and_subject_speak_of(pump: Stage) -> None:
    pump.studio.edit(target(3), lambda a: a.update(trained=False))
    pump.audit(is_received=False)
    verdict = judge_run(pump.audit())

    assert verdict.level is Level.CRITICAL
    assert verdict.severity == "critical"
    assert "late: 1 critical" in verdict.subject
    assert verdict.lead.startswith("Reported late: Motion: ")


def test_a_calm_night_stays_calm_where_nothing_late_holds(pump: Stage) -> None:
    pump.studio.edit(target(3), lambda a: a.update(batchSize=64))
    pump.audit(is_received=False)
    pump.studio.edit(target(3), lambda a: a.update(batchSize=32))
    verdict = judge_run(pump.audit())

    assert "late" not in verdict.subject
    assert "1 medium" in verdict.subject  # tonight's own: it was undone


def test_a_change_is_listed_once_beside_a_baseline(pump: Stage) -> None:
    with pump.open_store() as store:
        approve([target(3)], store, Decision(at=app.now(), author="me", reason="as it should be"))
    pump.studio.edit(target(3), lambda a: a.update(batchSize=64))
    pump.audit(is_received=False)
    report, after = pump.json(), pump.json()

    assert [(f.get("late"), f["since"]) for f in report["targets"][0]["findings"]] == [
        (True, "last")
    ]
    assert report["targets"][0]["state"] == "drifted"
    assert [(f.get("late"), f["since"]) for f in after["targets"][0]["findings"]] == [
        (None, "baseline")
    ]


@pytest.mark.both_databases
def test_a_stored_report_says_again_what_was_late(pump: Stage) -> None:
    pump.studio.edit(target(3), lambda a: a.update(batchSize=64))
    pump.studio.edit(target(3), lambda a: a.update(defaultBatchSize=99))
    pump.studio.edit(target(4), lambda a: a.update(defaultBatchSize=99))
    pump.audit(is_received=False)
    report = pump.audit()
    with pump.open_store() as store:
        stored = store.report(report.run.id)
        (brief,) = store.brief_reports([report.run.id or 0])

    assert stored is not None
    assert [line.late for line in stored.targets] == [line.late for line in report.targets]
    assert stored.late_catalogue == report.late_catalogue != ()
    assert [line.late for line in brief.targets] == [report.targets[0].late]


def _insert(pump: Stage, place: int) -> None:
    layer = {"type": "dropout", "dropoutRate": 0.25}
    pump.studio.edit(target(3), lambda answer: answer["visualLayers"].insert(place, dict(layer)))


def _neurons(pump: Stage, place: int, neurons: int) -> None:
    pump.studio.edit(
        target(3), lambda answer: answer["visualLayers"][place].update(neurons=neurons)
    )


def test_an_edited_layer_holds_in_another_place(pump: Stage) -> None:
    _neurons(pump, 1, 99)
    pump.audit(is_received=False)
    _insert(pump, 0)
    report = pump.json()

    assert [(found["path"], found["holds"]) for found in _late(report)] == [
        ("visualLayers[1].neurons", True)
    ]


def test_an_edited_layer_no_longer_holds_though_another_has_its_place_and_value(
    pump: Stage,
) -> None:
    _neurons(pump, 1, 99)
    pump.audit(is_received=False)
    _insert(pump, 0)
    _neurons(pump, 2, 98)
    _neurons(pump, 1, 99)
    report = pump.json()

    assert [(found["path"], found["holds"]) for found in _late(report)] == [
        ("visualLayers[1].neurons", False)
    ]


def test_an_edited_layer_is_listed_once_beside_a_baseline_in_another_place(pump: Stage) -> None:
    with pump.open_store() as store:
        approve([target(3)], store, Decision(at=app.now(), author="me", reason="as it should be"))
    _neurons(pump, 1, 99)
    pump.audit(is_received=False)
    _insert(pump, 0)
    report = pump.json()

    assert [(f.get("late"), f["path"]) for f in report["targets"][0]["findings"]] == [
        (None, "visualLayers[0]"),
        (True, "visualLayers[1].neurons"),
    ]


def _release(pump: Stage, *learn_ids: int, size: int = 99) -> None:
    for learn_id in learn_ids:
        pump.studio.edit(target(learn_id), lambda answer: answer.update(defaultBatchSize=size))


def _vendor(report: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - any JSON
    keys = ("after", "targets", "late", "run")
    return [tuple(found.get(key) for key in keys) for found in report["catalogue"]]


@pytest.mark.both_databases
def test_a_change_of_the_vendors_whose_mails_died_twice_counts_every_block(pump: Stage) -> None:
    pump.studio.put(target(5), block(name="Hum"))
    pump.night()
    _release(pump, 3, 4)
    _unheard_night(pump)
    _release(pump, 5)
    _unheard_night(pump)
    report, after = pump.json_of_night(), pump.json_of_night()

    assert _vendor(report) == [(99, 3, True, 4)]
    assert _vendor(after) == []


def test_a_change_of_the_vendors_is_late_beside_the_same_change_on_other_blocks(
    pump: Stage,
) -> None:
    pump.studio.put(target(5), block(name="Hum"))
    pump.audit()
    _release(pump, 3, 4)
    pump.audit(is_received=False)
    _release(pump, 5)
    report, after = pump.json(), pump.json()

    assert _vendor(report) == [(99, 1, None, None), (99, 2, True, 3)]
    assert _vendor(after) == []


def test_a_change_of_the_vendors_that_was_undone_on_some_blocks_counts_the_others(
    pump: Stage,
) -> None:
    pump.studio.put(target(5), block(name="Hum"))
    pump.audit()
    _release(pump, 3, 4, 5)
    pump.audit(is_received=False)
    _release(pump, 5, size=32)
    pump.audit(is_received=False)
    _release(pump, 5)
    pump.audit(is_received=False)

    assert sorted(_vendor(pump.json())) == [(32, 1, True, 4), (99, 3, True, 5)]


def _unsent_night(pump: Stage) -> Any:  # noqa: ANN401 - any JSON
    with pump.open_store() as store:
        order = app.build_request(pump.settings)
        done = app.run_async(app.run_and_deliver(pump.settings, order, store, sends=False))
    return encode_report(done.report)


def test_what_a_run_kept_to_itself_is_late_with_its_run_however_often(pump: Stage) -> None:
    pump.studio.edit(target(3), lambda a: a.update(batchSize=64))
    first = _unsent_night(pump)
    pump.studio.edit(target(4), lambda a: a.update(batchSize=64))
    second = _unsent_night(pump)
    pump.studio.edit(target(3), lambda a: a.update(batchSize=32))
    report, after = pump.json_of_night(), pump.json_of_night()

    assert first["totals"]["findings"] == second["totals"]["findings"] == 1
    assert [(found["run"], found["holds"]) for found in _late(second)] == [(2, True)]
    assert [(found["run"], found["holds"]) for found in _late(report)] == [(2, False), (3, True)]
    assert report["totals"]["findings"] == 1
    assert _late(after) == []
