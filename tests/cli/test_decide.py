from __future__ import annotations

from typing import Any

import pytest

from auditor.model import BlockKindName, Json, JsonObject
from tests.audit.stage import Stage, block, target
from tests.cli.command import Command
from tests.kinds import sample_answer, sample_entry

_IGNORE = """
[[ignore]]
path = "dependencies.sampleCount"
reason = "grows every day"
author = "anna@example.org"
until = 2999-12-31
"""


def _edit(set_up: Stage, **values: Any) -> None:  # noqa: ANN401 - any JSON
    set_up.studio.edit(target(3), lambda answer: answer.update(values))


def _drifted(set_up: Stage, auditor: Command) -> str:
    """Audit, edit a batch size, audit again; return the finding's id."""
    auditor("run")
    _edit(set_up, batchSize=64)
    report = auditor("run", "--format", "json").json
    return str(report["targets"][0]["findings"][0]["id"])


def _configured(set_up: Stage, more: str) -> None:
    path = set_up.folder / "config.toml"
    path.write_text(path.read_text() + more)


def test_approve_makes_what_is_there_the_baseline(pump: Stage, auditor: Command) -> None:
    auditor("run")
    done = auditor("approve", "7/3", "--reason", "release 4", "--by", "anna")
    _edit(pump, batchSize=64)
    auditor("run")
    report = auditor("run", "--format", "json").json
    history = auditor("history", "7/3")

    assert done.code == 0
    assert done.out.startswith("7/3 Motion: the version of run 1 (")
    assert [finding["since"] for finding in report["targets"][0]["findings"]] == ["baseline"]
    assert "by anna: release 4]" in history.out.splitlines()[-1]
    assert auditor("diff", "7/3@baseline", "7/3", "--format", "json").code == 1


def test_approve_all_new_takes_those_without_a_baseline(pump: Stage, auditor: Command) -> None:
    del pump
    auditor("run")
    first = auditor("approve", "--all-new", "--reason", "start")
    second = auditor("approve", "--all-new", "--reason", "start")

    assert [line.split(" ")[0] for line in first.out.splitlines()] == ["7/3", "7/4"]
    assert second.out == "Every block has a baseline: there is nothing to approve.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["approve", "--reason", "x"], "name the blocks"),
        (["approve", "7/3", "--all-new", "--reason", "x"], "name the blocks"),
        (["approve", "7/3", "7/9", "--reason", "x"], "no version of 7/9 is stored"),
        (["approve", "7/3", "--reason", " "], "--reason is empty"),
        (["approve", "pump", "--reason", "x"], "is not a block"),
        (["acknowledge", "0000000000000000", "--reason", "x"], "no finding 0000000000000000"),
        (["acknowledge", "x!", "--reason", "x"], "is not the id of a finding"),
        (["acknowledge", "0000", "--reason", "x", "--until", "soon"], "is not a date"),
        (["acknowledge", "0000", "--reason", "x", "--until", "2020-01-01"], "is in the past"),
        (["explain", "0000000000000000"], "no finding 0000000000000000"),
    ],
)
@pytest.mark.usefixtures("history")
def test_what_cannot_be_decided_says_why(
    auditor: Command, arguments: list[str], words: str
) -> None:
    done = auditor(*arguments)

    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_a_reason_is_asked_for(auditor: Command) -> None:
    assert auditor("approve", "7/3").code == 2
    assert auditor("acknowledge", "abcd").code == 2


def test_acknowledge_asks_studio_what_the_value_is_now(pump: Stage, auditor: Command) -> None:
    finding = _drifted(pump, auditor)
    done = auditor("acknowledge", finding, "--reason", "agreed", "--by", "anna")
    _edit(pump, batchSize=128)
    moved = auditor("acknowledge", finding, "--reason", "agreed")

    assert done.code == 0
    assert done.out.startswith("Acknowledged: Batch size")
    assert "compared with Studio's present answer" in done.out
    assert (moved.code, moved.out) == (2, "")
    assert "is no longer 64: it is 128 now" in moved.err


def test_acknowledge_goes_by_the_last_version_where_studio_is_silent(
    pump: Stage, auditor: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = _drifted(pump, auditor)
    monkeypatch.delenv("EI_KEY")
    done = auditor("acknowledge", finding[:8], "--reason", "agreed", "--until", "2999-01-01")

    assert done.code == 0
    assert "until 2999-01-01; it was compared with the last stored version" in done.out


def test_explain_tells_all_about_a_finding(pump: Stage, auditor: Command) -> None:
    finding = _drifted(pump, auditor)
    auditor("acknowledge", finding, "--reason", "agreed", "--by", "anna")
    text, document = auditor("explain", finding), auditor("explain", finding, "--format", "json")

    assert text.code == 0
    for words in (
        "7/3",
        "training, set by a person",
        "medium, by default:training",
        "Now:          the value is still the same",
        "by anna: agreed",
        "+ 64",
        "POST /api/7/training/keras/3",
        '{"batchSize": 32}',
    ):
        assert words in text.out
    assert document.json["schema"] == "auditor.finding/1"
    assert (document.json["after"], document.json["holds"]) == (64, True)
    assert document.json["restore"]["body"] == {"batchSize": 32}
    assert document.json["acknowledgements"][0]["author"] == "anna"


def _lower_threshold(answer: JsonObject) -> None:
    thresholds = answer["thresholds"]
    assert isinstance(thresholds, list)
    assert isinstance(thresholds[0], dict)
    thresholds[0]["value"] = 0.35


def test_a_request_for_a_threshold_has_the_impulse_that_lists_its_block(
    pump: Stage, auditor: Command
) -> None:
    auditor("run")
    pump.studio.edit(target(3), _lower_threshold)
    report = auditor("run", "--format", "json").json
    finding = report["targets"][0]["findings"][0]["id"]
    shown, explained = auditor("report").out, auditor("explain", finding).out

    assert "restore: POST /api/7/impulse/1/set-thresholds" in shown
    assert "POST /api/7/impulse/1/set-thresholds" in explained
    assert "IMPULSE" not in shown + explained


def test_without_a_listing_explain_says_where_the_impulse_is_found(
    pump: Stage, auditor: Command
) -> None:
    pump.reconfigure('learn_blocks = "all"', "learn_blocks = [3]")
    auditor("run")
    pump.studio.edit(target(3), _lower_threshold)
    report = auditor("run", "--format", "json").json
    finding = report["targets"][0]["findings"][0]["id"]
    shown, explained = auditor("report").out, auditor("explain", finding).out

    assert "POST /api/7/impulse/IMPULSE/set-thresholds" in explained
    for text in (shown, explained):
        assert "GET /api/PROJECT/impulses lists" in " ".join(text.split())


@pytest.mark.parametrize("wrong", ["nope", "n!"])
@pytest.mark.usefixtures("history")
def test_a_wrong_id_offers_the_newest_findings(auditor: Command, wrong: str) -> None:
    [finding] = auditor("report", "--format", "json").json["targets"][0]["findings"]
    done = auditor("explain", wrong)

    assert done.code == 2
    assert f"; the newest are\n  {finding['id']}  7/3 Batch size" in done.err


def test_suppressed_lists_by_rule_what_is_not_reported(pump: Stage, auditor: Command) -> None:
    _configured(pump, _IGNORE)
    auditor("run")
    pump.studio.edit(target(3), lambda a: a["dependencies"].update(sampleCount=9999))
    _edit(pump, showAdvancedTrainingSettings=True)
    auditor("run")
    text, document = auditor("suppressed"), auditor("suppressed", "--format", "json").json

    assert "dependencies.sampleCount: 1 finding" in text.out
    assert "anna@example.org: grows every day" in text.out
    assert "interface: 1 finding" in text.out
    assert [(rule["rule"], rule["number"]) for rule in document["rules"]] == [
        ("dependencies.sampleCount", 1),
        ("interface", 1),
    ]


def test_nothing_suppressed_says_so(pump: Stage, auditor: Command) -> None:
    del pump

    assert auditor("suppressed").out == "Nothing is suppressed.\n"


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_rule_that_could_never_hold_is_refused(
    pump: Stage, auditor: Command, command: str
) -> None:
    _configured(pump, _IGNORE.replace("2999-12-31", "2020-01-01"))
    done = auditor(command)

    assert done.code == 2
    assert "ignore[0].until" in done.err + done.out


def test_a_dry_run_holds_the_rules_and_stores_nothing(pump: Stage, auditor: Command) -> None:
    _configured(pump, '[[rules]]\nname = "small"\npath = "batchSize"\nbetween = [1, 8]\n')
    _edit(pump, batchSize=64)
    dry = auditor("run", "--dry-run", "--format", "json").json
    real = auditor("run", "--format", "json").json

    assert [notice["kind"] for notice in dry["notices"]] == ["rule_broken", "rule_broken"]
    assert len(real["notices"]) == 2


def test_an_older_version_can_be_approved_and_the_baseline_dropped(
    pump: Stage, auditor: Command
) -> None:
    finding = _drifted(pump, auditor)
    older = auditor("approve", "7/3@run:1", "--reason", "as released", "--by", "anna")
    off = auditor("run", "--format", "json").json
    dropped = auditor("unapprove", "7/3", "--reason", "a mistake", "--by", "bert")
    without = auditor("run", "--format", "json").json
    again = auditor("unapprove", "7/3", "--reason", "a mistake")
    history = auditor("history", "7/3")

    assert older.out.startswith("7/3 Motion: the version of run 1 (")
    assert [found["id"] for found in off["targets"][0]["findings"]] == [finding]
    assert (dropped.code, dropped.out) == (0, "7/3 Motion: it has no baseline now\n")
    assert without["targets"][0]["findings"] == []
    assert [found["kind"] for found in off["open"]] == ["stale", "off_baseline"]
    assert [found["kind"] for found in without["open"]] == ["stale"]
    assert (again.code, again.out) == (2, "")
    assert "[an earlier baseline, approved" in history.out
    assert "unapproved" in history.out.splitlines()[-1]
    assert history.out.splitlines()[-1].endswith("by bert: a mistake")
    assert auditor("verify").code == 0


def test_a_project_is_approved_at_once(pump: Stage, auditor: Command) -> None:
    del pump
    auditor("run")
    done = auditor("approve", "--project", "7", "--reason", "start")
    none = auditor("approve", "--project", "8", "--reason", "start")

    assert [line.split(" ")[0] for line in done.out.splitlines()] == ["7/3", "7/4"]
    assert none.code == 2
    assert "no block of project 8 has a version" in none.err


def test_what_changes_below_an_accepted_difference_from_the_baseline_is_a_finding(
    pump: Stage, auditor: Command
) -> None:
    auditor("run")
    auditor("approve", "7/3", "--reason", "start")
    pump.studio.put(target(3), block("keras-regression", name="Motion"))
    replaced = auditor("run", "--format", "json").json["targets"][0]["findings"][0]
    auditor("acknowledge", replaced["id"], "--reason", "a new block")
    accepted = auditor("run", "--format", "json").json["targets"][0]["findings"]
    _edit(pump, batchSize=77)
    auditor("run")
    later = auditor("run", "--format", "json").json["targets"][0]["findings"]

    assert (replaced["path"], accepted) == ("type", [])
    assert [(each["path"], each["since"], each["after"]) for each in later] == [
        ("batchSize", "baseline", 77)
    ]


def test_what_is_bad_is_not_approved_unseen(pump: Stage, auditor: Command) -> None:
    _edit(pump, trained=True)
    auditor("run")
    _edit(pump, trained=False)
    auditor("run")
    refused = auditor("approve", "--all-new", "--reason", "start")
    history = auditor("history", "7/3", "--format", "json").json
    done = auditor("approve", "--all-new", "--reason", "start", "--yes")

    assert (refused.code, refused.out) == (2, "")
    assert "7/3 Motion: its training is lost" in refused.err
    assert "add --yes" in refused.err
    assert history["baselines"] == []
    assert (done.code, len(done.out.splitlines())) == (0, 2)


def test_a_broken_rule_is_not_approved_unseen(pump: Stage, auditor: Command) -> None:
    _configured(pump, '[[rules]]\nname = "small"\npath = "batchSize"\nbetween = [1, 8]\n')
    auditor("run")

    refused = auditor("approve", "7/3", "--reason", "start")

    assert refused.code == 2
    assert "it breaks the rule “small”" in refused.err


def test_to_approve_a_stale_model_ends_that_it_is_stale(pump: Stage, auditor: Command) -> None:
    _edit(pump, trained=True)
    auditor("run")
    _edit(pump, trainingCycles=99)
    auditor("run")
    refused = auditor("approve", "7/3", "--reason", "tested")
    auditor("approve", "7/3", "--reason", "tested", "--yes")
    report = auditor("run", "--format", "json").json

    assert "its model is stale" in refused.err
    assert report["open"] == []
    assert report["targets"][0]["model_state"] == "trained"


def test_an_acknowledgement_is_taken_back(pump: Stage, auditor: Command) -> None:
    auditor("run")
    auditor("approve", "7/3", "--reason", "start")
    _edit(pump, batchSize=64)
    finding = auditor("run", "--format", "json").json["targets"][0]["findings"][0]["id"]
    auditor("acknowledge", finding, "--reason", "agreed", "--by", "anna")
    accepted = auditor("run", "--format", "json").json
    done = auditor("unacknowledge", finding, "--reason", "not agreed", "--by", "bert")
    after = auditor("run", "--format", "json").json
    again = auditor("unacknowledge", finding, "--reason", "not agreed")
    explained = auditor("explain", finding)
    document = auditor("explain", finding, "--format", "json").json

    assert accepted["targets"][0]["findings"] == []
    assert done.out == f"No longer acknowledged: batchSize of 7/3 (id {finding})\n"
    assert [found["id"] for found in after["targets"][0]["findings"]] == [finding]
    assert again.code == 2
    assert "is not acknowledged" in again.err
    assert "by bert: not agreed" in explained.out
    assert document["acknowledgements"][0]["ended_why"] == "unacknowledged"
    assert document["retractions"][0]["author"] == "bert"
    assert auditor("verify").code == 0


def test_a_forgotten_block_is_named_no_more_and_new_if_it_returns(
    pump: Stage, auditor: Command
) -> None:
    finding = _drifted(pump, auditor)
    content = pump.studio.answer(target(3))
    pump.studio.remove(target(3))
    auditor("run")
    missing = auditor("status", "--format", "json").json
    done = auditor("forget", "7/3", "--reason", "deleted", "--by", "anna")
    status = auditor("status", "--format", "json").json
    report = auditor("run", "--format", "json").json
    again = auditor("forget", "7/3", "--reason", "deleted")
    pump.studio.put(target(3), content)
    back = auditor("run", "--format", "json").json
    history = auditor("history", "7/3")

    assert missing["targets"][0]["state"] == "missing"
    assert done.out.startswith("7/3 Motion: forgotten; its history stays")
    assert [line["learn_id"] for line in status["targets"]] == [4]
    assert [line["learn_id"] for line in report["targets"]] == [4]
    assert report["open"] == []
    assert again.code == 2
    assert "7/3 is forgotten already" in again.err
    assert (back["targets"][0]["state"], back["targets"][0]["findings"]) == ("new", [])
    assert "by anna: deleted" in history.out
    assert auditor("explain", finding).code == 0
    assert auditor("verify").code == 0


def test_acknowledge_asks_studio_for_a_block_with_its_entry_in_the_listing(
    pump: Stage, auditor: Command
) -> None:
    block_id, kind = target(2), BlockKindName.PROCESSING
    answer, entry = sample_answer("dsp-spectral-analysis"), sample_entry("dspBlocks")
    pump.studio.put_block(block_id, kind, answer, entry=entry)
    auditor("run")
    pump.studio.edit_entry(block_id, lambda listed: listed.update(axes=["accX"]))
    report = auditor("run", "--format", "json").json
    (finding,) = report["targets"][0]["findings"]
    done = auditor("acknowledge", finding["id"], "--reason", "agreed")

    assert (finding["path"], done.code) == ("block.axes", 0)
    assert "it was compared with Studio's present answer" in done.out


def test_acknowledge_asks_studio_what_features_a_learn_block_takes(
    pump: Stage, auditor: Command
) -> None:
    kmeans = target(6)
    entry: dict[str, Json] = {"type": "anomaly", "name": "K-means", "dsp": [2]}
    pump.studio.put_block(kmeans, BlockKindName.ANOMALY, sample_answer("anomaly"), entry=entry)
    auditor("run")
    pump.studio.edit_entry(kmeans, lambda listed: listed.update(dsp=[2, 5]))
    report = auditor("run", "--format", "json").json
    (finding,) = (f for t in report["targets"] for f in t["findings"] if f["path"] == "dsp")
    done = auditor("acknowledge", finding["id"], "--reason", "agreed")
    pump.studio.edit_entry(kmeans, lambda listed: listed.update(dsp=[5]))
    again = auditor("acknowledge", finding["id"], "--reason", "agreed")

    assert (done.code, again.code) == (0, 2)
    assert "it was compared with Studio's present answer" in done.out


def test_an_approval_that_is_taken_back_ends_no_condition(pump: Stage, auditor: Command) -> None:
    _drifted(pump, auditor)
    pump.studio.edit(target(4), lambda answer: answer.update(trained=False))
    before = auditor("run", "--format", "json").json
    auditor("approve", "--all-new", "--reason", "all of them", "--yes")
    approved = auditor("run", "--format", "json").json
    dropped = auditor("unapprove", "7/3", "7/4", "--reason", "the wrong project")
    status = auditor("status", "--format", "json").json
    after = auditor("run", "--format", "json").json

    assert [found["kind"] for found in before["open"]] == ["training_lost", "stale"]
    assert "open" not in approved or not approved["open"]
    assert "\n  open again: [critical] Training lost" in dropped.out
    assert "\n  open again: [high] Model is stale" in dropped.out
    assert status["open"] == before["open"]
    assert after["open"] == before["open"]
    assert after["targets"][0]["model_state"] == "stale"
    assert auditor("verify").code == 0


def test_an_edit_that_is_undone_ends_a_condition_that_is_open_again(
    pump: Stage, auditor: Command
) -> None:
    _drifted(pump, auditor)
    auditor("approve", "7/3", "--reason", "ok", "--yes")
    auditor("unapprove", "7/3", "--reason", "a mistake")
    _edit(pump, batchSize=32)
    undone = auditor("run", "--format", "json").json

    assert undone["open"] == []
    assert undone["targets"][0]["model_step"] == "reverted"


def test_a_model_that_was_trained_after_its_approval_is_not_stale_without_it(
    pump: Stage, auditor: Command
) -> None:
    _drifted(pump, auditor)
    auditor("approve", "7/3", "--reason", "ok", "--yes")
    _edit(pump, trained=False)
    auditor("run")
    _edit(pump, trained=True)
    auditor("run")
    dropped = auditor("unapprove", "7/3", "--reason", "a mistake")
    after = auditor("run", "--format", "json").json

    assert "open again" not in dropped.out
    assert after["open"] == []


def test_a_block_that_is_still_there_is_not_forgotten_unasked(
    pump: Stage, auditor: Command
) -> None:
    _drifted(pump, auditor)
    refused = auditor("forget", "7/3", "--reason", "a slip")
    report = auditor("run", "--format", "json").json
    done = auditor("forget", "7/3", "--reason", "begin anew", "--yes")

    assert refused.code == 2
    assert "7/3 Motion: the last run still read it" in refused.err
    assert "nothing was forgotten: to forget these all the same, add --yes" in refused.err
    assert [found["kind"] for found in report["open"]] == ["stale"]
    assert done.out.startswith("7/3 Motion: forgotten")


def test_explain_names_the_block_and_its_decisions_in_their_order(
    pump: Stage, auditor: Command
) -> None:
    finding = _drifted(pump, auditor)
    auditor("approve", "7/3", "--reason", "release 4", "--yes")
    auditor("unapprove", "7/3", "--reason", "a mistake")
    explained = auditor("explain", finding).out

    assert "\nBlock:        7/3 Motion\n" in explained
    assert explained.index("Baseline:") < explained.index("Unapproved:")
