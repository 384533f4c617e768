"""What people and rules decide, over nights: baselines, ignores, rules on state, windows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from auditor import app, decide
from auditor.decide import Decision
from auditor.errors import ConfigError, UsageError
from auditor.fetching import Answer
from auditor.model import BlockKindName, NoticeKind
from auditor.report import Report
from tests.audit.stage import Stage, block, stage, target
from tests.decisions import approve, approve_all_new

_RULES = """
[[severity]]
path = "learningRate"
severity = "low"
[[ignore]]
path = "dependencies.sampleCount"
name = "samples"
reason = "grows every day"
author = "anna@example.org"
until = {until}
[[rules]]
name = "a sane score"
path = "thresholds[min_score].value"
between = [0.4, 0.8]
[[rules]]
name = "trained"
path = "trained"
is = true
severity = "critical"
"""


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path, {3: block(name="Motion"), 4: block(name="Wave")}) as set_up:
        yield set_up


def _with(set_up: Stage, rules: str) -> None:
    text = (set_up.folder / "config.toml").read_text()
    set_up.configure(f"{text}\n{rules}")


def _edit(set_up: Stage, learn_id: int = 3, **values: Any) -> None:  # noqa: ANN401 - any JSON
    set_up.studio.edit(target(learn_id), lambda answer: answer.update(values))


def _score(set_up: Stage, value: float) -> None:
    set_up.studio.edit(target(3), lambda answer: answer["thresholds"][0].update(value=value))


def _findings(report: Any) -> list[tuple[str, str, str]]:  # noqa: ANN401 - any JSON
    return [
        (finding["path"], finding["since"], finding["severity"])
        for result in report["targets"]
        for finding in result["findings"]
    ]


def _notices(report: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - any JSON
    return [(notice["kind"], notice["text"]) for notice in report.get("notices", [])]


def _decision() -> Decision:
    return Decision(author="anna", reason="as planned", at=app.now())


def _at(set_up: Stage, moment: datetime) -> Report:
    """Audit as if it were another day."""
    return set_up.audit(now=lambda: moment)


@pytest.mark.both_databases
def test_what_differs_from_the_baseline_stays_until_it_is_approved(pump: Stage) -> None:
    pump.audit()
    with pump.open_store() as store:
        approve_all_new(store, _decision())
    _edit(pump, trainingCycles=77)
    first, second = pump.json_of_night(), pump.json_of_night()
    with pump.open_store() as store:
        approve([target(3)], store, _decision())
    third = pump.json()

    assert _findings(first) == [("trainingCycles", "last", "medium")]
    assert _findings(second) == [("trainingCycles", "baseline", "medium")]
    assert second["targets"][0]["state"] == "drifted"
    assert second["totals"]["findings"] == 0
    assert second["targets"][0]["findings"][0]["stands_since"] == first["run"]["started_at"]
    assert (third["targets"][0]["state"], _findings(third)) == ("in_sync", [])


def test_a_difference_that_is_reverted_leaves_the_report(pump: Stage) -> None:
    before = block()["trainingCycles"]
    pump.audit()
    with pump.open_store() as store:
        approve_all_new(store, _decision())
    _edit(pump, trainingCycles=77)
    pump.audit()
    _edit(pump, trainingCycles=before)
    reverted, after = pump.json(), pump.json()

    (finding,) = reverted["targets"][0]["findings"]
    assert finding["headline"].endswith("(changed and reverted)")
    assert (finding["recurrence"], finding["reversals"]) == ("reverted", 1)
    assert [result["state"] for result in after["targets"]] == ["in_sync", "in_sync"]


@pytest.mark.both_databases
def test_an_acknowledged_difference_is_silent_until_the_value_moves(pump: Stage) -> None:
    pump.audit()
    with pump.open_store() as store:
        approve_all_new(store, _decision())
    _edit(pump, trainingCycles=77)
    finding = pump.json()["targets"][0]["findings"][0]["id"]
    with pump.open_store() as store:
        decide.acknowledge(finding, store, _decision())
    accepted = pump.json()
    _edit(pump, trainingCycles=78)
    moved, after = pump.json(), pump.json()

    assert (_findings(accepted), accepted["targets"][0]["acknowledged"]) == ([], 1)
    assert accepted["targets"][0]["state"] == "in_sync"
    assert _findings(moved) == [("trainingCycles", "last", "medium")]
    assert _findings(after) == [("trainingCycles", "baseline", "medium")]
    with pump.open_store() as store:
        (entry,) = store.all_acknowledgements()
        assert (entry.author, entry.reason, entry.ended_why) == ("anna", "as planned", "moved")


def test_an_acknowledgement_is_refused_where_the_value_has_moved_on(pump: Stage) -> None:
    pump.audit()
    _edit(pump, trainingCycles=77)
    finding = pump.json()["targets"][0]["findings"][0]["id"]
    _edit(pump, trainingCycles=78)
    document = pump.studio.answer(target(3))
    live = Answer(kind=BlockKindName.KERAS, document=document, body_digest="")

    with pump.open_store() as store:
        with pytest.raises(UsageError, match=r"no longer 77: it is 78 now"):
            decide.acknowledge(finding, store, _decision(), live=live)
        assert decide.acknowledge(finding, store, _decision()).path == "trainingCycles"
    pump.audit()
    with pump.open_store() as store:
        with pytest.raises(UsageError, match="is no longer"):
            decide.acknowledge(finding, store, _decision())
        assert not decide.explain(finding, store).holds


def test_an_acknowledgement_ends_after_its_last_day_and_says_so(pump: Stage) -> None:
    pump.audit()
    with pump.open_store() as store:
        approve_all_new(store, _decision())
    _edit(pump, trainingCycles=77)
    finding = pump.json()["targets"][0]["findings"][0]["id"]
    with pump.open_store() as store:
        today = app.now().date()
        decide.acknowledge(finding, store, _decision(), until=today)
    ended = _at(pump, app.now() + timedelta(days=1))
    after = _at(pump, app.now() + timedelta(days=2))

    assert [notice.kind for notice in ended.notices] == [NoticeKind.ACKNOWLEDGEMENT_ENDED]
    assert [result.path for result in ended.targets[0].findings] == ["trainingCycles"]
    assert after.notices == ()


@pytest.mark.both_databases
def test_what_is_ignored_is_stored_counted_and_not_reported(pump: Stage) -> None:
    _with(pump, _RULES.format(until="2999-12-31"))
    pump.audit()
    _edit(pump, dependencies={**block()["dependencies"], "sampleCount": 9999}, learningRate=0.3)
    report = pump.json_of_night()

    motion = report["targets"][0]
    assert _findings(report) == [("learningRate", "last", "low")]
    assert motion["findings"][0]["rule"] == "config:severity[0]"
    assert (motion["suppressed"], report["suppressed_by"]) == (1, {"samples": 1})
    with pump.open_store() as store:
        (silent,) = store.suppressed(9)
        assert (silent.rule, silent.number) == ("samples", 1)
        assert [entry.finding.path for entry in silent.newest] == ["dependencies.sampleCount"]
        assert len(store.target_versions(target(3))) == 2


def test_a_rule_never_makes_a_stale_model_a_trained_one(pump: Stage) -> None:
    _with(pump, '[[severity]]\narea = "training"\nseverity = "info"\n')
    pump.audit()
    _edit(pump, learningRate=0.3)
    first, second = pump.json(), pump.json()

    assert _findings(first) == [("learningRate", "last", "info")]
    assert first["targets"][0]["model_step"] == "stale"
    assert [result["model_state"] for result in second["targets"]] == ["stale", "trained"]
    assert second["targets"][0]["model_since"] == first["targets"][0]["model_since"]


def test_an_ignore_rule_ends_once(pump: Stage) -> None:
    today = app.now().date()
    _with(pump, _RULES.format(until=today))
    pump.audit()
    _edit(pump, dependencies={**block()["dependencies"], "sampleCount": 9999})
    ended = _at(pump, app.now() + timedelta(days=1))
    _edit(pump, dependencies={**block()["dependencies"], "sampleCount": 99999})
    after = _at(pump, app.now() + timedelta(days=2))

    assert [notice.kind for notice in ended.notices] == [NoticeKind.IGNORE_EXPIRED]
    assert "anna@example.org" in ended.notices[0].text
    assert [result.path for result in ended.targets[0].findings] == ["dependencies.sampleCount"]
    assert after.notices == ()


def test_an_ignore_rule_that_could_never_hold_is_refused(pump: Stage) -> None:
    _with(pump, _RULES.format(until=date(2020, 1, 1)))

    with pytest.raises(ConfigError, match=r"ignore\[0\]\.until: 2020-01-01 lies in the past"):
        pump.audit()
    with pump.open_store() as store:
        assert store.last_run() is None


@pytest.mark.both_databases
def test_a_broken_rule_is_reported_once_a_breach_and_once_when_it_ends(pump: Stage) -> None:
    _with(pump, _RULES.format(until="2999-12-31"))
    _score(pump, 0.9)
    first, second = pump.json(), pump.json()
    _score(pump, 0.5)
    third, fourth = pump.json_of_night(), pump.json()

    assert [kind for kind, _ in _notices(first)] == ["rule_broken"]
    assert "is 0.9, should be between 0.4 and 0.8" in _notices(first)[0][1]
    assert _notices(second) == []
    assert [breach["rule"] for breach in second["broken_rules"]] == ["a sane score"]
    assert _notices(third) == [
        ("rule_held", "Rule “a sane score” holds again at thresholds[min_score].value")
    ]
    assert (_notices(fourth), "broken_rules" in fourth) == ([], False)


def test_a_block_that_cannot_be_read_ends_no_episode(pump: Stage) -> None:
    _with(pump, _RULES.format(until="2999-12-31"))
    _score(pump, 0.9)
    pump.audit()
    pump.studio.remove(target(3))
    report = pump.json()

    assert _notices(report) == []
    assert [breach["learn_id"] for breach in report["broken_rules"]] == [3]


def test_a_rule_taken_out_ends_its_episode(pump: Stage) -> None:
    plain = (pump.folder / "config.toml").read_text()
    _with(pump, _RULES.format(until="2999-12-31"))
    _score(pump, 0.9)
    pump.audit()
    pump.configure(plain)

    ((kind, text),) = _notices(pump.json())
    assert kind == "rule_ended"
    assert text.startswith("Rule “a sane score” is no longer configured; it was broken at")


def test_a_change_in_a_declared_window_is_expected(pump: Stage) -> None:
    soon = app.now() + timedelta(hours=1)
    pump.night()
    window = (
        f"[[windows]]\nfrom = 2026-01-01T00:00:00Z\nuntil = {soon:%Y-%m-%dT%H:%M:%SZ}\n"
        'reason = "rollout"\nauthor = "anna"\n'
    )
    _with(pump, window)
    _edit(pump, trainingCycles=77)
    delivered = pump.night()
    (finding,) = delivered.report.targets[0].findings
    subject = pump.postbox.taken[-1][1]["Subject"]

    assert finding.expected == "rollout (anna)"
    assert delivered.report.totals.findings == 1
    assert subject.startswith("[EI drift] 1 expected change | ")


@pytest.mark.both_databases
def test_values_that_go_back_and_forth_are_reported_once_and_then_counted(pump: Stage) -> None:
    pump.night()
    reports = []
    for value in (0.7, 0.6, 0.7, 0.6, 0.7, 0.6):
        _score(pump, value)
        reports.append(pump.json())
    _score(pump, 0.7)
    reports.append(pump.json_of_night())
    found = [report["targets"][0]["findings"][0] for report in reports]

    assert [finding.get("recurrence") for finding in found] == [
        None,
        "reverted",
        "reverted",
        "reverted",
        "flapping",
        "still_flapping",
        "still_flapping",
    ]
    assert found[-1]["reversals"] == 6
    text = pump.postbox.taken[-1][1].get_body(("plain",))
    assert text is not None
    assert "CHANGED BACK AND FORTH" in text.get_content()


def test_a_notice_of_a_message_that_died_is_in_the_next_report(pump: Stage) -> None:
    _with(pump, _RULES.format(until="2999-12-31"))
    pump.night()
    _score(pump, 0.9)
    pump.postbox.refuses = {
        "ops@example.org": "550 no such user",
        "ml@example.org": "550 no such user",
    }
    first = pump.json_of_night()
    pump.postbox.refuses = {}
    second, third = pump.json_of_night(), pump.json()

    assert _notices(first) == _notices(second) != []
    assert _notices(third) == []


def test_a_new_value_of_the_api_on_many_blocks_is_reported_once(pump: Stage) -> None:
    pump.audit()
    _edit(pump, 3, selectedModelType="int4", kFolds=5)
    _edit(pump, 4, selectedModelType="int4", kFolds=5)
    report = pump.audit()

    assert report.notes == ("The API now has selectedModelType “int4” (2 blocks).",)
    assert [finding.headline for finding in report.catalogue] == ["The API now has kFolds"]


@pytest.mark.both_databases
def test_an_ignored_change_of_the_vendors_is_stored_and_listed(pump: Stage) -> None:
    _with(pump, _RULES.format(until="2999-12-31").replace("dependencies.sampleCount", "kFolds"))
    pump.audit()
    pump.studio.edit(target(3), lambda answer: answer.update(kFolds=5))
    pump.studio.edit(target(4), lambda answer: answer.update(kFolds=5))
    report = pump.json()

    assert (report["catalogue"], report["suppressed_by"]) == ([], {"samples": 2})


def test_the_vendors_catalogue_can_be_ignored(pump: Stage) -> None:
    rule = 'area = "catalogue"\nreason = "read elsewhere"\nauthor = "anna"\nuntil = 2999-12-31\n'
    _with(pump, f"[[ignore]]\n{rule}")
    pump.audit()
    for learn_id in (3, 4):
        pump.studio.edit(
            target(learn_id), lambda a: a["transferLearningModels"][0].update(author="Someone")
        )
    report = pump.json()

    assert report["catalogue"] == []
    assert report["suppressed_by"] == {"area catalogue": 1}
    with pump.open_store() as store:
        (silent,) = store.suppressed(9)
        assert [(entry.target, entry.suppressed_by) for entry in silent.newest] == [
            (None, "area catalogue")
        ]


def test_a_target_that_left_the_configuration_ends_its_episode(pump: Stage) -> None:
    _with(pump, _RULES.format(until="2999-12-31"))
    _score(pump, 0.9)
    pump.audit()
    text = (pump.folder / "config.toml").read_text()
    pump.configure(text.replace('learn_blocks = "all"', "learn_blocks = [4]"))

    assert [kind for kind, _ in _notices(pump.json())] == ["rule_ended"]


def _approved(set_up: Stage) -> None:
    set_up.audit()
    with set_up.open_store() as store:
        approve_all_new(store, _decision())


def test_what_the_vendor_did_is_no_difference_from_a_baseline(pump: Stage) -> None:
    _approved(pump)
    for learn_id in (3, 4):
        pump.studio.edit(
            target(learn_id), lambda a: a.update(kFolds=5, script=a["script"] + "x=1")
        )
    first, second = pump.json_of_night(), pump.json()

    assert len(first["catalogue"]) == 2
    assert [result["state"] for result in second["targets"]] == ["in_sync", "in_sync"]


def test_an_ignored_script_that_is_the_vendors_makes_no_model_stale(pump: Stage) -> None:
    rule = 'area = "script"\nreason = "r"\nauthor = "a"\nuntil = 2999-12-31\n'
    _with(pump, f"[[ignore]]\n{rule}")
    pump.audit()
    for learn_id in (3, 4):
        pump.studio.edit(target(learn_id), lambda a: a.update(script=a["script"] + "\nx = 1"))

    assert [result["model_state"] for result in pump.json()["targets"]] == ["trained", "trained"]


def test_what_is_ignored_hides_nothing_else(pump: Stage) -> None:
    _with(pump, _RULES.format(until="2999-12-31"))
    pump.audit()
    data = {**block()["dependencies"], "sampleCount": 9999}
    _edit(pump, dependencies=data, selectedModelType="requiresRetrain")

    assert _findings(pump.json()) == [("selectedModelType", "last", "high")]


def test_layers_removed_on_two_nights_are_reported_once_each(pump: Stage) -> None:
    stack = [{"type": "dense", "neurons": number} for number in (10, 20, 30, 40)]
    _edit(pump, visualLayers=stack)
    _approved(pump)
    _edit(pump, visualLayers=stack[1:])
    pump.audit()
    _edit(pump, visualLayers=[stack[1], stack[3]])

    assert _findings(pump.json()) == [
        ("visualLayers[1]", "last", "high"),
        ("visualLayers[0]", "baseline", "high"),
    ]


def test_a_finding_reported_late_is_not_counted_twice(pump: Stage) -> None:
    _approved(pump)
    _edit(pump, trainingCycles=77)
    pump.postbox.refuses = dict.fromkeys(("ops@example.org", "ml@example.org"), "550 no")
    pump.night()
    pump.postbox.refuses = {}

    assert _findings(pump.json_of_night()) == [("trainingCycles", "last", "medium")]
    assert _findings(pump.json_of_night()) == [("trainingCycles", "baseline", "medium")]


def test_tonights_value_is_acknowledged_whatever_the_baseline_was(pump: Stage) -> None:
    _approved(pump)
    _edit(pump, trainingCycles=77)
    pump.audit()
    _edit(pump, trainingCycles=78)
    finding = pump.json()["targets"][0]["findings"][0]["id"]
    with pump.open_store() as store:
        decide.acknowledge(finding, store, _decision())

    assert _findings(pump.json()) == []


def test_an_acknowledgement_ends_where_the_value_goes_back_unseen(pump: Stage) -> None:
    _approved(pump)
    _edit(pump, trainingCycles=77)
    finding = pump.json()["targets"][0]["findings"][0]["id"]
    with pump.open_store() as store:
        decide.acknowledge(finding, store, _decision())
    _edit(pump, mode="expert", visualLayers=[], trainingCycles=0, learningRate=0)
    pump.audit()

    with pump.open_store() as store:
        assert [entry.ended_why for entry in store.all_acknowledgements()] == ["moved"]


def test_a_withdrawn_model_can_be_explained_and_acknowledged(pump: Stage) -> None:
    pump.studio.put(target(5), block("keras-object-detection"))
    used = block("keras-object-detection")["visualLayers"][0]["type"]

    def reissue(answer: dict[str, Any], version: int) -> None:
        (model,) = (m for m in answer["transferLearningModels"] if m["type"] == used)
        model["implementationVersion"] = version

    pump.studio.edit(target(5), partial(reissue, version=98))
    _approved(pump)
    pump.studio.edit(target(5), partial(reissue, version=99))
    finding = pump.json()["targets"][2]["findings"][0]["id"]
    with pump.open_store() as store:
        assert decide.explain(finding, store).holds
        decide.acknowledge(finding, store, _decision())

    assert _findings(pump.json()) == []


def test_a_parameter_that_became_a_secret_is_hidden_in_what_was_reported(pump: Stage) -> None:
    pump.studio.put(target(5), block("keras-object-detection-yolo-pro"))
    _edit(pump, 5, customParameters={"token": "clear-one"})
    pump.night()
    _edit(pump, 5, customParameters={"token": "clear-two"})
    pump.postbox.refuses = dict.fromkeys(("ops@example.org", "ml@example.org"), "550 no")
    finding = pump.json_of_night()["targets"][2]["findings"][0]["id"]
    pump.postbox.refuses = {}

    def tell(answer: dict[str, Any]) -> None:
        parameter = {"param": "token", "type": "secret", "name": "Token"}
        answer["transferLearningModels"][0]["customParameters"] = [parameter]

    pump.studio.edit(target(5), tell)
    later = pump.night()
    with pump.open_store() as store:
        explained = decide.explain(finding, store)

    assert "clear" not in str(explained.occurrences)
    assert "clear" not in str([result.findings for result in later.report.targets])
    assert "clear" not in str(pump.postbox.taken[-1][1])


def test_a_rule_on_a_secret_is_never_checked(pump: Stage) -> None:
    pump.studio.put(target(5), block("keras-object-detection-yolo-pro"))
    _edit(pump, 5, customParameters={"token": "clear-one"})

    def tell(answer: dict[str, Any]) -> None:
        parameter = {"param": "token", "type": "secret", "name": "Token"}
        answer["transferLearningModels"][0]["customParameters"] = [parameter]

    pump.studio.edit(target(5), tell)
    _with(pump, '[[rules]]\nname = "t"\npath = "customParameters.token"\nis = "wanted"\n')

    assert "notices" not in pump.json()


def test_what_is_ignored_of_a_baseline_is_counted_each_night(pump: Stage) -> None:
    _approved(pump)
    rules = _RULES.format(until="2999-12-31")
    _with(pump, rules.replace("sampleCount", "featureCount"))
    _edit(pump, dependencies={**block()["dependencies"], "featureCount": 40})
    first, second = pump.json(), pump.json()

    assert first["suppressed_by"] == second["suppressed_by"] == {"samples": 1}
    assert [result["suppressed"] for result in second["targets"]] == [1, 0]


def test_approving_ends_what_was_acknowledged(pump: Stage) -> None:
    _approved(pump)
    _edit(pump, trainingCycles=77)
    finding = pump.json()["targets"][0]["findings"][0]["id"]
    with pump.open_store() as store:
        decide.acknowledge(finding, store, _decision())
        approve([target(3)], store, _decision())

        assert [entry.ended_why for entry in store.all_acknowledgements()] == ["approved"]


def test_a_model_that_is_trained_again_reverts_nothing(pump: Stage) -> None:
    pump.audit()
    _edit(pump, trained=False)
    pump.audit()
    _edit(pump, trained=True)
    (finding,) = pump.json()["targets"][0]["findings"]

    assert finding["headline"] == "The block is now trained"
