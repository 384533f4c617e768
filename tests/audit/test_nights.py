"""Nights end to end: Studio over HTTP, both databases, mail over SMTP."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from auditor import app
from auditor.audit.close import is_worth_sending
from auditor.audit.plan import Scope
from auditor.audit.run import Audit
from auditor.demo.faults import Fault
from auditor.drift.excerpts import layer_stacks
from auditor.errors import UsageError
from auditor.model import RunInfo, RunStatus, Trigger
from auditor.report import Report, Totals
from tests.audit.stage import KEY, PROJECT, TEAM, Stage, block, stage, target
from tests.kinds import sample_answer

_SIX = [
    {"type": "reshape", "columns": 13},
    {"type": "conv1d", "neurons": 8, "kernelSize": 3},
    {"type": "conv1d", "neurons": 16, "kernelSize": 3},
    {"type": "flatten"},
    {"type": "dense", "neurons": 20},
    {"type": "dense", "neurons": 10},
]


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    blocks = {
        3: block(name="Motion", visualLayers=_SIX),
        4: block("keras-object-detection", name="Screws"),
        5: block("keras-transfer-kws", name="Valves"),
    }
    with stage(database_url, tmp_path, blocks, recipients=TEAM) as set_up:
        yield set_up


def _edit_three(set_up: Stage) -> None:
    set_up.studio.edit(
        target(3), lambda a: a["visualLayers"].insert(3, {"type": "dropout", "dropoutRate": 0.2})
    )
    set_up.studio.edit(target(4), lambda a: a["thresholds"][0].update(value=0.35))
    set_up.studio.edit(target(4), lambda a: a.update(minimumConfidenceRating=0.35))
    set_up.studio.edit(target(5), lambda a: a.update(trained=False))


def _changes(report: Any) -> list[tuple[int, str, str, list[str]]]:  # noqa: ANN401 - any JSON
    return [
        (result["learn_id"], finding["kind"], finding["path"], finding["folded"])
        for result in report["targets"]
        for finding in result["findings"]
    ]


@pytest.mark.both_databases
def test_three_nights_tell_three_edits_and_nothing_else(pump: Stage) -> None:
    first, second = pump.json_of_night(), pump.json_of_night()
    _edit_three(pump)
    third = pump.json_of_night()

    assert [result["state"] for result in first["targets"]] == ["new"] * 3
    assert [result["state"] for result in second["targets"]] == ["in_sync"] * 3
    assert _changes(third) == [
        (3, "added", "visualLayers[3]", []),
        (4, "changed", "thresholds[min_score].value", ["minimumConfidenceRating"]),
        (5, "changed", "trained", []),
    ]
    assert third["totals"]["findings"] == 3
    assert [result["model_state"] for result in third["targets"]] == [
        "stale",
        "trained",
        "untrained",
    ]


def test_page_mail_text_and_stored_report_tell_the_same(pump: Stage) -> None:
    pump.night()
    _edit_three(pump)
    delivered = pump.night()

    assert delivered.page is not None
    page = Path(delivered.page).read_text()
    _, mail = pump.postbox.taken[-1]
    parts = {part.get_content_type(): part.get_content() for part in mail.iter_parts()}
    for words in ("Layer 4 added: dropout", "0.5 → 0.35", "Training lost"):
        assert words in page
        assert words in parts["text/plain"]
        assert words in parts["text/html"]
    with pump.open_store() as store:
        assert store.report(None) == delivered.report


def test_a_drifted_block_is_reported_with_its_runs_and_the_lines_near_it(pump: Stage) -> None:
    pump.audit()
    pump.audit()
    _edit_three(pump)
    layers, threshold, trained = pump.audit().targets

    assert [finding.signs for finding in (layers, threshold, trained)] == ["+·▲"] * 3
    assert layer_stacks(layers.excerpt) is not None
    assert threshold.excerpt is not None
    assert trained.excerpt is None


def test_each_recipient_gets_each_night_once(pump: Stage) -> None:
    pump.night()
    pump.night()

    assert sorted(recipient for recipient, _ in pump.postbox.taken) == [
        "ml@example.org",
        "ml@example.org",
        "ops@example.org",
        "ops@example.org",
    ]
    assert len({mail["Message-ID"] for _, mail in pump.postbox.taken}) == 4
    assert pump.postbox.taken[0][1]["Subject"].startswith("[EI drift] audit started")
    assert pump.postbox.taken[-1][1]["Subject"] == "[EI drift] no change | 3 of 3 blocks checked"


def test_an_unreadable_block_is_unknown_and_keeps_what_is_known(pump: Stage) -> None:
    pump.audit()
    pump.studio.fail(Fault.HTML, target=target(4))
    _edit_three(pump)
    report = pump.json_of_night()
    pump.studio.heal()
    after = pump.json()

    screws = report["targets"][1]
    assert (screws["state"], screws["model_state"]) == ("unknown", "unknown")
    assert (screws["name"], screws["error"]["kind"]) == ("Screws", "not_json")
    assert report["run"]["status"] == "incomplete"
    assert [finding[0] for finding in _changes(report)] == [3, 5]
    assert [finding[:3] for finding in _changes(after)] == [
        (4, "changed", "thresholds[min_score].value")
    ]


def test_a_wrong_key_is_one_error_and_every_known_block_is_unknown(pump: Stage) -> None:
    pump.audit()
    pump.studio.change_key(PROJECT, "ei_" + "00" * 24)
    report = pump.json_of_night()

    assert report["run"]["status"] == "failed"
    assert [result["state"] for result in report["targets"]] == ["unknown"] * 3
    assert [(error["project_id"], error["kind"]) for error in report["errors"]] == [
        (PROJECT, "unauthorized")
    ]
    assert KEY not in str(report)


def test_a_block_is_missing_after_a_listing_that_lacks_it(pump: Stage) -> None:
    pump.audit()
    pump.studio.remove(target(4))
    missing, still_missing = pump.audit(), pump.json()
    pump.studio.put(target(4), block("keras-object-detection", name="Screws"))
    back = pump.json()

    assert [result.is_news for result in missing.targets] == [False, True, False]
    assert [result["state"] for result in still_missing["targets"]] == [
        "in_sync",
        "missing",
        "in_sync",
    ]
    assert [result["state"] for result in back["targets"]] == ["in_sync"] * 3


def test_a_vendor_release_is_reported_once_and_drifts_nobody(pump: Stage) -> None:
    pump.audit()
    for learn_id in (3, 4, 5):
        pump.studio.edit(target(learn_id), lambda a: a.update(futureHeads=False))
    pump.studio.edit(
        target(3), lambda a: a["transferLearningModels"][0].update(description="Better")
    )
    report = pump.json_of_night()

    assert [result["state"] for result in report["targets"]] == ["in_sync"] * 3
    assert sorted((finding["path"], finding["targets"]) for finding in report["catalogue"]) == [
        ("futureHeads", 3),
        ("transferLearningModels[transfer_organization:900].description", 1),
    ]
    assert pump.json()["catalogue"] == []


def test_an_unknown_field_on_one_block_is_its_own(pump: Stage) -> None:
    pump.audit()
    pump.studio.edit(target(3), lambda a: a.update(futureHeads=False))
    report = pump.json()

    assert _changes(report) == [(3, "added", "futureHeads", [])]
    assert report["catalogue"] == []


def test_a_template_of_generated_scripts_is_the_vendors_and_makes_nothing_stale(
    database_url: str, tmp_path: Path
) -> None:
    blocks = {3: block(name="A"), 4: block(name="B", visualLayers=_SIX)}
    with stage(database_url, tmp_path, blocks, recipients=TEAM) as set_up:
        set_up.audit()
        for learn_id in blocks:
            set_up.studio.edit(
                target(learn_id),
                lambda a: a.update(script=a["script"].replace("beta_2=0.999", "beta_2=0.99")),
            )
        report = set_up.json_of_night()

    assert [(finding["path"], finding["targets"]) for finding in report["catalogue"]] == [
        ("script", 2)
    ]
    assert [result["state"] for result in report["targets"]] == ["in_sync"] * 2
    assert [result["model_state"] for result in report["targets"]] == ["trained"] * 2


def test_the_model_in_use_withdrawn_is_the_blocks_own_and_reported_once(pump: Stage) -> None:
    pump.audit()
    pump.studio.edit(
        target(4),
        lambda a: a["transferLearningModels"][0].update(
            blockNoLongerAvailable={"reasonMarkdown": "Use v2", "reasonHtml": "Use v2"}
        ),
    )
    report, after = pump.json_of_night(), pump.json()

    [finding] = report["targets"][1]["findings"]
    assert (finding["severity"], finding["area"], finding["owner"]) == (
        "high",
        "catalogue",
        "vendor",
    )
    assert after["totals"]["findings"] == 0


def test_a_stale_model_stays_stale_until_the_edit_is_reverted(pump: Stage) -> None:
    pump.audit()
    pump.studio.edit(target(3), lambda a: a.update(batchSize=64))
    pump.studio.edit(target(4), lambda a: a.update(batchSize=64))
    stale, quiet = pump.json(), pump.json()
    pump.studio.edit(target(3), lambda a: a.update(batchSize=32))
    reverted = pump.json()

    def states(report: Any) -> list[str]:  # noqa: ANN401 - any JSON
        return [result["model_state"] for result in report["targets"]]

    assert states(stale) == states(quiet) == ["stale", "stale", "trained"]
    assert states(reverted) == ["trained", "stale", "trained"]


def test_training_again_ends_stale(pump: Stage) -> None:
    pump.audit()
    pump.studio.edit(target(3), lambda a: a.update(selectedModelType="requiresRetrain"))
    stale = pump.json()
    pump.studio.edit(target(3), lambda a: a.update(selectedModelType="int8"))
    trained = pump.json()

    assert stale["targets"][0]["model_state"] == "stale"
    assert trained["targets"][0]["model_state"] == "trained"


def test_what_the_interface_remembers_is_stored_and_counted(pump: Stage) -> None:
    pump.audit()
    pump.studio.edit(target(3), lambda a: a.update(showAdvancedTrainingSettings=True))
    report, after = pump.json(), pump.json()

    assert next((result["state"], result["suppressed"]) for result in report["targets"]) == (
        "in_sync",
        1,
    )
    assert after["targets"][0]["suppressed"] == 0


def test_a_refused_recipient_keeps_a_message_and_the_others_get_theirs(pump: Stage) -> None:
    pump.postbox.refuses["ml@example.org"] = "450 try later"
    delivered = pump.night()
    pump.postbox.refuses.clear()
    pump.night()

    assert not delivered.is_delivered
    assert [recipient for recipient, _ in pump.postbox.taken].count("ml@example.org") == 2


@pytest.mark.both_databases
def test_a_dead_message_leaves_its_findings_to_the_next_report_once(pump: Stage) -> None:
    pump.night()
    pump.postbox.refuses = dict.fromkeys(["ml@example.org", "ops@example.org"], "550 no")
    pump.studio.edit(target(3), lambda a: a.update(batchSize=64))
    pump.night()
    pump.postbox.refuses.clear()
    again, quiet = pump.json_of_night(), pump.json_of_night()

    assert [finding[2] for finding in _changes(again)] == ["batchSize"]
    assert _changes(quiet) == []


def test_without_mail_findings_are_reported_by_the_page(pump: Stage) -> None:
    pump.without_mail()
    pump.night()
    pump.studio.edit(target(3), lambda a: a.update(batchSize=64))

    assert len(_changes(pump.json_of_night())) == 1
    assert _changes(pump.json_of_night()) == []


def test_a_page_that_cannot_be_written_keeps_no_mail_from_going(pump: Stage) -> None:
    (pump.folder / "reports").write_text("in the way")
    delivered = pump.night()

    assert delivered.page is None
    assert len(pump.postbox.taken) == 2


def test_a_dry_run_stores_and_sends_nothing(pump: Stage) -> None:
    order = app.build_request(pump.settings)
    with app.open_store_if_present(pump.settings) as store:
        report = app.run_async(app.run_dry(pump.settings, order, store))
    with pump.open_store() as store:
        assert store.last_run() is None

    assert report.run.id is None
    assert report.totals.new == 3
    assert pump.postbox.taken == []


def test_a_run_narrowed_to_one_block_leaves_the_others_alone(pump: Stage) -> None:
    pump.audit()
    _edit_three(pump)
    narrowed = pump.json(scope=Scope(target=target(4)))
    rest = pump.json()

    assert [result["learn_id"] for result in narrowed["targets"]] == [4]
    assert [row[0] for row in _changes(rest)] == [3, 5]


def test_a_scope_that_is_not_configured_is_refused(pump: Stage) -> None:
    with pytest.raises(UsageError, match="not in the configuration"):
        pump.audit(scope=Scope(project_id=8))


def test_named_blocks_are_asked_of_getkeras_alone(pump: Stage) -> None:
    text = (pump.folder / "config.toml").read_text().replace('"all"', "[3, 4]")
    pump.configure(text)
    pump.studio.requests.clear()
    pump.audit()

    assert {asked.path for asked in pump.studio.requests} == {
        "/v1/api/7/training/keras/3",
        "/v1/api/7/training/keras/4",
    }


@pytest.mark.both_databases
def test_a_quiet_night_adds_nothing_but_the_runs_own_row(pump: Stage) -> None:
    pump.night()
    with pump.open_store() as store:
        before = [len(store.target_versions(target(learn_id))) for learn_id in (3, 4, 5)]
    pump.night()
    with pump.open_store() as store:
        after = [len(store.target_versions(target(learn_id))) for learn_id in (3, 4, 5)]
        assert store.verify() is None

    assert before == after == [1, 1, 1]


def _crashed(set_up: Stage) -> None:
    """Audit, and come to an end before the run is closed."""
    with set_up.open_store() as store:
        audit = Audit(store, app.build_client(set_up.settings), now=app.now)
        app.run_async(audit.run(app.build_request(set_up.settings)))


@pytest.mark.both_databases
def test_what_a_crashed_run_found_is_in_the_next_report_once(pump: Stage) -> None:
    pump.audit()
    _edit_three(pump)
    for learn_id in (3, 4):
        pump.studio.edit(target(learn_id), lambda a: a.update(defaultBatchSize=99))
    _crashed(pump)
    pump.studio.edit(target(5), lambda a: a.update(defaultBatchSize=99))
    report, quiet = pump.json_of_night(), pump.json()

    assert [row[0] for row in _changes(report)] == [3, 4, 5]
    assert [result["state"] for result in report["targets"]] == ["in_sync"] * 3
    assert [(finding["path"], finding["targets"]) for finding in report["catalogue"]] == [
        ("defaultBatchSize", 3)
    ]
    assert (_changes(quiet), quiet["catalogue"]) == ([], [])


def test_a_crashed_run_is_abandoned_and_named_in_the_next_report(pump: Stage) -> None:
    _crashed(pump)
    report = pump.audit()

    assert report.notes == ("Run 1 did not end; what it found is reported here.",)


def test_a_block_replaced_by_one_of_another_kind_is_one_finding(pump: Stage) -> None:
    pump.audit()
    pump.studio.put(target(4), {**sample_answer("anomaly"), "type": "anomaly"})
    report, after = pump.json_of_night(), pump.json()

    assert _changes(report) == [(4, "replaced", "type", [])]
    assert [result["state"] for result in after["targets"]] == ["in_sync"] * 3
    assert _changes(after) == []


def test_a_block_that_could_not_be_read_for_a_night_has_its_own_name_again(pump: Stage) -> None:
    pump.audit()
    answer = pump.studio.answer(target(4))
    pump.studio.put(target(4), {"name": "Odd", "type": "anomaly"})
    odd = pump.json()["targets"][1]
    pump.studio.put(target(4), answer)
    back = pump.json()["targets"][1]
    with pump.open_store() as store:
        (stored,) = store.known_targets([target(4)]).values()

    assert odd["state"] == "unknown"
    assert (back["name"], back["type"]) == (stored.name, stored.type)
    assert (stored.name, stored.type) == (answer["name"], answer["type"])


def _update(answer: dict[str, Any], own: dict[str, int]) -> None:
    answer.update(own)


def test_a_mail_that_had_to_cut_carries_every_finding_in_its_attachment(
    database_url: str, tmp_path: Path
) -> None:
    blocks = {learn_id: block(name=f"Block {learn_id}") for learn_id in range(1, 61)}
    with stage(database_url, tmp_path, blocks, recipients=TEAM) as set_up:
        set_up.night()
        for learn_id in blocks:
            own = {"batchSize": 64 + learn_id, "trainingCycles": 100 + learn_id}
            set_up.studio.edit(target(learn_id), partial(_update, own=own))
        delivered = set_up.night()

    _, mail = set_up.postbox.taken[-1]
    [attached] = list(mail.iter_attachments())
    shown = mail.get_body(("html",))
    assert shown is not None
    assert delivered.report.totals.findings == 120
    assert shown.get_content().count("default:training") < 120
    assert attached.get_content().count("default:training") == 120
    for learn_id in blocks:
        assert f"→ {64 + learn_id}" in shown.get_content()
        assert f"→ {100 + learn_id}" in shown.get_content()


def test_a_block_that_leaves_the_configuration_is_no_longer_listed(pump: Stage) -> None:
    pump.audit()
    text = (pump.folder / "config.toml").read_text()
    pump.configure(text.replace('"all"', "[3, 4]"))
    pump.audit(scope=Scope(target=target(3)))
    with pump.open_store() as store:
        narrowed = [status.target.learn_id for status in store.statuses()]
    pump.audit()
    with pump.open_store() as store:
        whole = [status.target.learn_id for status in store.statuses()]

    assert (narrowed, whole) == ([3, 4, 5], [3, 4])


@pytest.mark.parametrize(
    ("totals", "is_mailed"),
    [
        (Totals(targets=3, checked=3, in_sync=3), False),
        (Totals(targets=3, checked=3, in_sync=2, drifted=1), False),  # from its baseline
        (Totals(targets=3, checked=2, in_sync=2, unsupported=1, findings=1), True),
        (Totals(targets=3, checked=2, in_sync=2, unsupported=1), False),
        (Totals(targets=3, checked=2, in_sync=2, missing=1), False),  # still
        (Totals(targets=3, checked=3, in_sync=2, new=1), True),
        (Totals(targets=3, checked=2, in_sync=2, unknown=1), True),
    ],
)
def test_drift_missing_new_and_unchecked_are_worth_a_mail(
    totals: Totals, *, is_mailed: bool
) -> None:
    run = RunInfo(id=1, status=RunStatus.COMPLETE, trigger=Trigger.MANUAL, started_at=app.now())
    report = Report(run=run, totals=totals, targets=())

    assert is_worth_sending(report, only_drift=True) is is_mailed
    assert is_worth_sending(report, only_drift=False)


def test_a_missing_block_is_no_news_after_a_night_without_a_listing(pump: Stage) -> None:
    pump.audit()
    pump.studio.remove(target(4))
    pump.audit()
    pump.studio.fail(Fault.HTML)
    unlisted = pump.json()
    pump.studio.heal()
    after = pump.audit()

    assert [result["state"] for result in unlisted["targets"]] == ["unknown"] * 3
    assert [result.state for result in after.targets] == ["in_sync", "missing", "in_sync"]
    assert not any(result.is_news for result in after.targets)


@pytest.mark.both_databases
def test_what_became_known_as_a_secret_later_is_hidden_in_what_is_stored(pump: Stage) -> None:
    secret = "canary-2f9c"
    pump.studio.edit(target(3), lambda a: a.update(customParameters={"token": secret}))
    pump.audit()
    pump.studio.edit(target(3), lambda a: a.update(customParameters={"token": secret + "2"}))
    before = pump.audit()
    typed = {"param": "token", "type": "secret", "value": ""}
    pump.studio.edit(
        target(3), lambda a: a["transferLearningModels"][0]["customParameters"].append(typed)
    )
    pump.audit()
    with pump.open_store() as store:
        first = store.target_versions(target(3))[-1].snapshot
        shown = store.report(before.run.id)

    assert secret in str(before)
    assert secret not in str(shown)
    assert secret.encode() not in first.document
