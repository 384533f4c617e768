"""Open conditions: bad states that last stay named, from the database to the report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor import app
from auditor.audit.run import Audit
from auditor.decide import Decision
from auditor.demo.faults import Fault
from auditor.model import ConditionKind, Trigger
from auditor.rendering.json import encode_report, format_utc
from auditor.report import Report
from tests.audit.stage import Stage, block, stage, target
from tests.decisions import approve_all_new

_RULE = """
[[rules]]
name = "a sane score"
path = "thresholds[min_score].value"
between = [0.4, 0.8]
severity = "critical"
"""


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    blocks = {
        3: block(name="Motion", trained=True),
        4: block(name="Wave", trained=True),
        5: block(name="Hum", trained=True),
    }
    with stage(database_url, tmp_path, blocks) as set_up:
        yield set_up


def _edit(set_up: Stage, learn_id: int = 3, **values: Any) -> None:  # noqa: ANN401 - any JSON
    set_up.studio.edit(target(learn_id), lambda answer: answer.update(values))


def _open(report: Report) -> list[tuple[str, str, str]]:
    return [(str(each.kind), str(each.target), str(each.severity)) for each in report.open]


def _stored(set_up: Stage) -> Any:  # noqa: ANN401 - any JSON
    with set_up.open_store() as store:
        report = store.report(None)
    assert report is not None
    return encode_report(report)


@pytest.mark.both_databases
def test_a_lost_training_stays_open_until_the_model_is_trained_again(pump: Stage) -> None:
    quiet = pump.audit()
    _edit(pump, trained=False)
    first, later = pump.audit(), pump.audit()
    _edit(pump, trained=True)
    again = pump.audit()

    assert (_open(quiet), _open(again)) == ([], [])
    assert _open(first) == _open(later) == [("training_lost", "7/3", "critical")]
    assert first.open[0].since == later.open[0].since == first.run.finished_at


def test_a_block_that_was_never_trained_has_lost_nothing(pump: Stage) -> None:
    pump.studio.put(target(6), block(trained=False))
    pump.audit()
    _edit(pump, 6, trainingCycles=77)

    assert pump.audit().open == ()


def test_a_stale_model_is_open_until_it_is_trained(pump: Stage) -> None:
    pump.audit()
    _edit(pump, trainingCycles=77)
    pump.audit()
    stale = pump.audit()
    _edit(pump, trained=False)
    pump.audit()
    _edit(pump, trained=True)

    assert _open(stale) == [("stale", "7/3", "high")]
    assert pump.audit().open == ()


def test_a_missing_block_is_open_until_it_is_listed_again(pump: Stage) -> None:
    pump.audit()
    answer = block(name="Hum", trained=True)
    pump.studio.remove(target(5))
    pump.audit()
    missing = pump.night().report
    pump.studio.put(target(5), answer)

    assert _open(missing) == [("missing", "7/5", "high")]
    assert pump.audit().open == ()


@pytest.mark.both_databases
def test_a_broken_rule_is_open_with_its_severity_until_the_rule_is_gone(pump: Stage) -> None:
    text = (pump.folder / "config.toml").read_text()
    pump.configure(f"{text}\n{_RULE}")
    pump.studio.edit(target(3), lambda answer: answer["thresholds"][0].update(value=0.1))
    first, later = pump.audit(), pump.audit()
    pump.studio.edit(target(3), lambda answer: answer["thresholds"][0].update(value=0.2))
    moved = pump.audit()
    pump.studio.fail(Fault.HTTP_500, target=target(3))
    pump.configure(text)
    after = pump.audit()

    assert _open(first) == _open(later) == [("rule_broken", "7/3", "critical")]
    assert [condition.since for condition in moved.open] == [first.run.finished_at]
    assert "is 0.2" in moved.open[0].headline
    assert after.open == ()


def test_a_difference_from_the_baseline_is_as_bad_as_the_worst_of_it(pump: Stage) -> None:
    pump.audit()
    with pump.open_store() as store:
        approve_all_new(store, Decision(author="anna", reason="ok", at=app.now()))
    _edit(pump, name="Motion two")
    renamed = pump.audit()
    _edit(pump, name="Motion")
    pump.studio.edit(target(3), lambda answer: answer["thresholds"][0].update(value=0.1))
    pump.audit()
    moved = pump.audit()

    assert _open(renamed) == [("off_baseline", "7/3", "medium")]
    assert _open(moved) == [("off_baseline", "7/3", "high")]
    assert moved.open[0].since == renamed.open[0].since


def test_a_block_that_cannot_be_read_keeps_its_conditions(pump: Stage) -> None:
    pump.audit()
    _edit(pump, trained=False)
    before = pump.audit()
    pump.studio.fail(Fault.HTTP_500, target=target(3))

    assert pump.audit().open == before.open


def test_what_a_crashed_run_saw_is_open_in_the_next_report(pump: Stage) -> None:
    pump.audit()
    _edit(pump, trained=False)
    with pump.open_store() as store, store.run_lock():
        run_id = store.open_run(Trigger.MANUAL, started_at=app.now())
        store.abandon_open_runs(app.now())
        assert store.open_conditions() == ()
    report = pump.audit()

    assert report.open[0].run_id == report.run.id != run_id


@pytest.mark.both_databases
def test_what_a_run_saw_that_crashed_after_its_last_batch_is_open_once(pump: Stage) -> None:
    pump.night()
    _edit(pump, trained=False)
    with pump.open_store() as store:
        audit = Audit(store, app.build_client(pump.settings), now=app.now)
        app.run_async(audit.run(app.build_request(pump.settings)))
        (saved,) = store.open_conditions()
    report, later = pump.night().report, pump.night().report
    _, text = _text(pump)

    assert report.open == later.open == (saved,)
    assert saved.run_id == (report.run.id or 0) - 1
    assert text.count("Training lost, and the block was not trained again") == 2  # lead, section


def test_a_dry_run_shows_what_would_be_open_and_stores_nothing(pump: Stage) -> None:
    pump.audit()
    _edit(pump, trained=False)
    with pump.open_store() as store:
        dry = app.run_async(app.run_dry(pump.settings, app.build_request(pump.settings), store))
        stored = store.open_conditions()

    assert (_open(dry), stored) == ([("training_lost", "7/3", "critical")], ())


def test_a_stored_report_says_what_was_open_then(pump: Stage) -> None:
    pump.audit()
    _edit(pump, trained=False)
    reported = encode_report(pump.audit())

    assert _stored(pump) == reported
    assert reported["open"] == [
        {
            "kind": "training_lost",
            "project_id": 7,
            "block_id": 3,
            "severity": "critical",
            "since": reported["run"]["finished_at"],  # type: ignore[call-overload, index]
            "headline": "Training lost, and the block was not trained again",
        }
    ]


def test_a_block_that_is_no_longer_audited_is_named_no_more_until_it_is_again(
    pump: Stage,
) -> None:
    pump.audit()
    _edit(pump, trained=False)
    lost = pump.audit()
    pump.reconfigure('learn_blocks = "all"', "learn_blocks = [4, 5]")
    without = pump.audit()
    with pump.open_store() as store:
        open_without = store.open_conditions()
    pump.reconfigure("learn_blocks = [4, 5]", 'learn_blocks = "all"')
    back = pump.audit()

    assert (without.open, open_without) == ((), ())
    assert back.open == lost.open


def test_the_worst_and_the_oldest_comes_first(pump: Stage) -> None:
    pump.audit()
    _edit(pump, 4, trainingCycles=77)
    pump.audit()
    _edit(pump, 5, trained=False)
    report = pump.audit()

    assert [condition.kind for condition in report.open] == [
        ConditionKind.TRAINING_LOST,
        ConditionKind.STALE,
    ]
    assert format_utc(report.open[0].since) == format_utc(report.run.finished_at)


def _text(set_up: Stage) -> tuple[str, str]:
    message = set_up.postbox.taken[-1][1]
    body = message.get_body(("plain",))
    assert body is not None
    return message["Subject"], " ".join(body.get_content().split())


def test_a_quiet_night_names_what_is_open_in_subject_verdict_and_section(pump: Stage) -> None:
    pump.night()
    _edit(pump, 3, trained=False)
    _edit(pump, 4, trainingCycles=77)
    since = pump.night().report.run.finished_at
    assert since is not None
    later = pump.night().report
    subject, text = _text(pump)

    day = f"{since.day} {since:%b}"
    assert later.totals.findings == 0
    assert subject.startswith(f"[EI drift] no new change - 1 training lost since {day} and 1 more")
    assert "STILL OPEN. No new change; 2 open conditions. Worst: Motion: Training lost" in text
    assert "OPEN CONDITIONS" in text
    assert text.index("critical: Training lost") < text.index("high: Model is stale")


def test_what_merely_lasts_is_mailed_to_nobody_who_asked_for_drift(pump: Stage) -> None:
    pump.change("email", send="drift")
    pump.night()
    with pump.open_store() as store:
        approve_all_new(store, Decision(author="anna", reason="ok", at=app.now()))
    _edit(pump, 3, trained=False)
    pump.studio.remove(target(5))
    pump.night()
    mailed = len(pump.postbox.taken)
    lasting = pump.night().report

    assert {str(each.kind) for each in lasting.open} >= {"training_lost", "missing"}
    assert len(pump.postbox.taken) == mailed > 0


def test_a_broken_critical_rule_counts_as_critical(pump: Stage) -> None:
    text = (pump.folder / "config.toml").read_text()
    pump.night()
    pump.configure(f"{text}\n{_RULE}")
    pump.studio.edit(target(3), lambda answer: answer["thresholds"][0].update(value=0.1))
    pump.night()
    subject, text = _text(pump)

    assert subject.startswith("[EI drift] 1 critical rule broken | 1 high")
    assert "1 critical | 1 less severe" in text


def test_a_part_names_its_own_blocks_conditions_and_rules_alone(pump: Stage) -> None:
    text = (pump.folder / "config.toml").read_text()
    part = '[[subscriptions]]\nrecipient = "wave@example.org"\nblocks = ["7/4"]\n'
    pump.configure(f"{text}\n{_RULE}\n{part}")
    pump.studio.edit(target(3), lambda answer: answer["thresholds"][0].update(value=0.1))
    _edit(pump, 4, lastShownModelVariant="int8")
    pump.night()
    _edit(pump, 3, trained=False)
    _edit(pump, 4, trainingCycles=77)
    pump.postbox.taken.clear()
    pump.night()
    (mail,) = (mail for to, mail in pump.postbox.taken if to == "wave@example.org")
    body = mail.get_body(("plain",))
    assert body is not None

    assert "Model is stale" in body.get_content()
    assert "Training lost" not in body.get_content()
    assert "sane score" not in body.get_content()


def _siblings(set_up: Stage, *learn_ids: int) -> None:
    text = (set_up.folder / "config.toml").read_text()
    named = ", ".join(f'"{target(learn_id)}"' for learn_id in learn_ids)
    set_up.configure(f"{text}\n[[siblings]]\ntargets = [{named}]\n")


def test_a_sibling_that_deviates_from_the_majority_is_open_until_it_is_alike(pump: Stage) -> None:
    _siblings(pump, 5, 3, 4)
    alike = pump.audit()
    pump.studio.edit(target(5), lambda answer: answer["thresholds"][0].update(value=0.1))
    deviating, later = pump.night().report, pump.audit()
    for learn_id in (3, 4):
        pump.studio.edit(
            target(learn_id), lambda answer: answer["thresholds"][0].update(value=0.1)
        )
    again = pump.audit()

    assert (_open(alike), _open(again)) == ([], [])
    assert _open(deviating) == [("sibling_differs", "7/5", "medium")]
    assert deviating.open == later.open
    assert deviating.open[0].headline.startswith("Deviates from its siblings 7/3, 7/4: ")
    assert "0.1" in deviating.open[0].headline


def test_where_most_siblings_do_not_agree_the_first_is_right(pump: Stage) -> None:
    _siblings(pump, 4, 5)
    _edit(pump, 4, trainingCycles=77)
    first = pump.audit()
    text = (pump.folder / "config.toml").read_text()
    pump.configure(text[: text.index("[[siblings]]")])
    without = pump.audit()

    assert _open(first) == [("sibling_differs", "7/5", "medium")]
    assert without.open == ()


@pytest.mark.parametrize("has_history", [True, False])
def test_a_dry_run_compares_siblings_by_what_it_reads(pump: Stage, has_history: bool) -> None:
    _siblings(pump, 5, 3, 4)
    if has_history:
        pump.audit()
    pump.studio.edit(target(5), lambda answer: answer["thresholds"][0].update(value=0.1))
    with app.open_store_if_present(pump.settings) as store:
        work = app.run_dry(pump.settings, app.build_request(pump.settings), store)
        dry = app.run_async(work)
    stored = pump.audit()

    assert _open(dry) == _open(stored) == [("sibling_differs", "7/5", "medium")]
    assert dry.open[0].headline == stored.open[0].headline


def test_siblings_may_differ_in_what_data_and_training_decide(pump: Stage) -> None:
    _siblings(pump, 3, 4, 5)
    pump.studio.edit(
        target(3), lambda answer: answer["dependencies"].update(sampleCount=9, classes=["a", "b"])
    )
    _edit(pump, 3, trained=False)

    assert pump.audit().open == ()
