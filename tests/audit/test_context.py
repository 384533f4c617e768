"""Trainings and deployments in whole runs: what is reported, asked for, and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor import app
from auditor.audit.plan import Scope
from auditor.demo.context import make_metadata
from auditor.demo.faults import Fault
from auditor.model import BlockKindName, TargetId
from auditor.rendering.model_events import enter_model_events
from auditor.rendering.summary import summarize
from tests.audit.stage import KEY, PROJECT, Stage, block, stage, target
from tests.kinds import sample_answer

BLOCK, OTHER = target(3), target(4)
NOON = datetime(2026, 11, 12, 14, 2, 51, tzinfo=UTC)
DAY = timedelta(days=1)
PERSON = "Ada <b>Lovelace</b>"


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path, {3: block(), 4: block(name="Other")}) as set_up:
        set_up.reconfigure("training = false", "training = true")
        set_up.reconfigure("deployments = false", "deployments = true")
        set_up.studio.train(BLOCK, at=NOON - DAY, person="Somebody", accuracy=0.94)
        yield set_up


def asked(set_up: Stage) -> list[str]:
    paths = [request.path.removeprefix("/v1/api/7") for request in set_up.studio.requests]
    set_up.studio.requests.clear()
    return sorted(path for path in paths if "history" in path or "metadata" in path)


def of_block(report: Any, block_id: int = 3) -> Any:  # noqa: ANN401 - any JSON
    return next(each for each in report["targets"] if each["block_id"] == block_id)


def findings(report: Any, block_id: int = 3) -> list[Any]:  # noqa: ANN401 - any JSON
    return list(of_block(report, block_id)["findings"])


def test_a_training_that_changed_no_setting_is_a_finding(pump: Stage) -> None:
    first = pump.json()
    quiet = pump.json()
    pump.studio.train(BLOCK, at=NOON, person=PERSON, accuracy=0.93)
    report = pump.json()
    after = pump.json()

    assert [findings(each) for each in (first, quiet, after)] == [[], [], []]
    (found,) = findings(report)
    assert (found["area"], found["owner"], found["severity"]) == ("trained", "training", "medium")
    assert (found["path"], found["kind"]) == ("metadata.created", "changed")
    assert (found["before"], found["after"]) == (
        "2026-11-11T14:02:51.000Z",
        "2026-11-12T14:02:51.000Z",
    )
    assert found["headline"] == (
        f"Trained again by {PERSON}, 12 Nov 14:02 UTC: accuracy 0.94 → 0.93 (int8)"
    )
    assert of_block(report)["state"] == "drifted"
    assert of_block(report)["model_state"] == "trained"
    assert report["totals"]["findings"] == 1
    training = of_block(report)["training"]
    assert (training["at"], training["by"]) == ("2026-11-12T14:02:51Z", PERSON)
    assert training["job"] == of_block(first)["training"]["job"] + 1
    assert list(training) == ["at", "by", "job", "metrics"]
    assert training["metrics"]["int8"] == {
        "accuracy": 0.93,
        "loss": 0.15,
        "latency": 3,
        "ram": 1900,
        "rom": 15300,
    }
    assert of_block(after)["training"] == training
    assert of_block(first)["training"]["by"] == "Somebody"


def test_the_first_job_of_a_project_is_a_new_one(pump: Stage) -> None:
    pump.studio.add_project(8, name="Fan", api_key=KEY)
    pump.reconfigure("id = 7", "id = 8")
    wheel = TargetId(8, 3)
    pump.studio.put(wheel, block())
    pump.audit()
    pump.studio.train(wheel, at=NOON, person="Ada")

    assert [each["path"] for each in findings(pump.json())] == ["metadata.created"]


def test_a_quiet_night_takes_two_requests_a_project(pump: Stage) -> None:
    pump.audit()
    first = asked(pump)
    pump.audit()

    assert first == [
        "/deployment/history?limit=100&offset=0",
        "/jobs/history?limit=100&offset=0",
        "/training/keras/3/metadata?excludeLabels=true",
        "/training/keras/4/metadata?excludeLabels=true",
    ]
    assert asked(pump) == [
        "/deployment/history?limit=100&offset=0",
        "/jobs/history?limit=100&offset=0",
    ]


def test_without_context_nothing_is_asked(pump: Stage) -> None:
    pump.reconfigure("training = true", "training = false")
    pump.reconfigure("deployments = true", "deployments = false")
    report = pump.json()

    assert asked(pump) == []
    assert "training" not in of_block(report)


@pytest.mark.parametrize(
    ("left_out", "endpoints"),
    [
        ("training", ["/deployment"]),
        ("deployments", ["/jobs", "/training/keras/3", "/training/keras/4"]),
    ],
)
def test_each_half_of_the_context_can_be_left_out_alone(
    pump: Stage, left_out: str, endpoints: list[str]
) -> None:
    pump.reconfigure(f"{left_out} = true", f"{left_out} = false")
    pump.audit()

    assert [path.rpartition("/")[0] for path in asked(pump)] == endpoints


def test_both_halves_of_the_context_are_asked_for_by_default(pump: Stage) -> None:
    pump.reconfigure("[context]\ntraining = true\ndeployments = true\n", "")
    pump.audit()

    assert len(asked(pump)) == 4


@pytest.mark.both_databases
def test_it_is_high_where_the_accuracy_fell_by_more_than_is_usual(pump: Stage) -> None:
    accuracies = {3: 0.93, 4: 0.92, 5: 0.9199, 6: 0.99}
    for block_id in accuracies:
        pump.studio.put(target(block_id), block(name=f"Block {block_id}"))
        pump.studio.train(target(block_id), at=NOON - DAY, accuracy=0.94)
    pump.audit()
    for block_id, accuracy in accuracies.items():
        pump.studio.train(target(block_id), at=NOON, accuracy=accuracy)
    report = pump.json()

    severities = {
        block_id: [found["severity"] for found in findings(report, block_id)]
        for block_id in accuracies
    }
    assert severities == {3: ["medium"], 4: ["medium"], 5: ["high"], 6: ["medium"]}


def test_object_detection_has_other_metrics(pump: Stage) -> None:
    pump.studio.put_model(BLOCK, make_metadata(NOON - DAY, accuracy=None, Precision=0.9))
    pump.audit()
    pump.studio.add_job(PROJECT, "keras-3", at=NOON, person="Ada")
    metadata = make_metadata(NOON, accuracy=None, loss=0.2, Precision=0.8, Recall=0.7)
    pump.studio.put_model(BLOCK, metadata)

    assert findings(pump.json_of_night())[0]["headline"] == (
        "Trained again by Ada, 12 Nov 14:02 UTC: "
        "precision 0.9 → 0.8, recall 0.7, loss 0.15 → 0.2 (int8)"
    )


def test_an_edit_and_its_training_are_one_finding(pump: Stage) -> None:
    pump.audit()
    pump.studio.edit(BLOCK, lambda answer: answer.update(trainingCycles=99))
    pump.studio.train(BLOCK, at=NOON, person="Ada", accuracy=0.95)
    edited = pump.audit()
    report = pump.json()

    (found,) = (each for line in edited.targets for each in line.findings)
    assert found.path == "trainingCycles"
    assert found.folded == ("script", "metadata.created") or "metadata.created" in found.folded
    assert found.headline.endswith(
        "; trained by Ada, 12 Nov 14:02 UTC: accuracy 0.94 → 0.95 (int8)"
    )
    assert of_block(report)["model_state"] == "trained"
    assert report["open"] == []


@pytest.mark.parametrize(
    ("sample", "edit", "path"),
    [
        ("keras", lambda a: a["visualLayers"][0].update(neurons=99), "visualLayers[0].neurons"),
        ("keras-expert", lambda a: a.update(script=a["script"] + "print(1)\n"), "script"),
    ],
)
def test_a_training_is_part_of_an_edit_of_layers_or_script(
    pump: Stage, sample: str, edit: Callable[[dict[str, Any]], object], path: str
) -> None:
    pump.studio.put(BLOCK, block(sample))
    pump.audit()
    pump.studio.edit(BLOCK, edit)
    pump.studio.train(BLOCK, at=NOON, person="Ada")
    report = pump.json_of_night()

    (found,) = findings(report)
    assert (found["path"], "metadata.created" in found["folded"]) == (path, True)
    assert "; trained by Ada, 12 Nov 14:02 UTC: accuracy" in found["headline"]
    assert of_block(report)["model_state"] == "trained"


@pytest.mark.parametrize(
    ("edit", "path"),
    [
        (lambda answer: answer["thresholds"][0].update(value=0.9), "thresholds[min_score].value"),
        (lambda a: a["dependencies"]["classes"].append("new"), "dependencies.classes"),
    ],
)
def test_a_training_is_no_part_of_what_it_does_not_answer(
    pump: Stage, edit: Callable[[dict[str, Any]], object], path: str
) -> None:
    pump.audit()
    pump.studio.edit(BLOCK, edit)
    pump.studio.train(BLOCK, at=NOON)

    assert {found["path"] for found in findings(pump.json())} == {path, "metadata.created"}


def test_a_worse_training_is_no_part_of_a_lesser_edit(pump: Stage) -> None:
    pump.audit()
    pump.studio.edit(BLOCK, lambda answer: answer.update(trainingCycles=99))
    pump.studio.train(BLOCK, at=NOON, accuracy=0.5)

    assert [(each["path"], each["severity"]) for each in findings(pump.json())] == [
        ("metadata.created", "high"),
        ("trainingCycles", "medium"),
    ]


@pytest.mark.both_databases
def test_a_training_ends_stale(pump: Stage) -> None:
    pump.audit()
    pump.studio.edit(BLOCK, lambda answer: answer.update(trainingCycles=99))
    stale = pump.json()
    pump.studio.train(BLOCK, at=NOON, person="Ada")
    report, after = pump.json(), pump.json()

    assert of_block(stale)["model_state"] == "stale"
    assert [each["kind"] for each in stale["open"]] == ["stale"]
    assert of_block(report)["model_state"] == "trained"
    assert of_block(report)["model_step"] == "retrained"
    assert report["open"] == []
    assert of_block(after)["model_state"] == "trained"


def test_a_report_names_the_training_or_the_job_that_ends_stale(pump: Stage) -> None:
    pump.audit()
    for learn in (BLOCK, OTHER):
        pump.studio.edit(learn, lambda answer: answer.update(trainingCycles=99))
    pump.audit()
    pump.studio.train(BLOCK, at=NOON, person="Ada")
    job = pump.studio.add_job(PROJECT, "keras-4", at=NOON, person="Ada")
    report = pump.audit()
    entries = [entry.note for entry in enter_model_events(summarize(report))]

    assert entries[0].startswith("trained again by Ada, 12 Nov 14:02 UTC (between ")
    assert entries[1].startswith(f"trained again by job {job} (between ")
    assert not any("inferred" in entry for entry in entries)


def test_a_training_before_the_edit_does_not_end_stale_however_late_it_is_read(
    pump: Stage,
) -> None:
    pump.audit()
    trained_at = datetime.now(UTC)
    pump.studio.add_job(PROJECT, "keras-3", at=trained_at, person="Ada")
    pump.audit()
    pump.studio.edit(BLOCK, lambda answer: answer.update(trainingCycles=99))
    pump.audit()
    pump.studio.put_model(BLOCK, make_metadata(trained_at))
    report = pump.json()

    assert [found["path"] for found in findings(report)] == ["metadata.created"]
    assert of_block(report)["model_state"] == "stale"
    assert [each["kind"] for each in report["open"]] == ["stale"]


def test_a_model_that_studio_wants_trained_stays_stale(pump: Stage) -> None:
    pump.audit()
    retrain = {"selectedModelType": "requiresRetrain", "trainingCycles": 99}
    pump.studio.edit(BLOCK, lambda answer: answer.update(retrain))
    pump.studio.train(BLOCK, at=NOON)

    assert of_block(pump.json())["model_state"] == "stale"


def test_a_first_training_is_part_of_trained(pump: Stage) -> None:
    pump.studio.put(target(5), block("keras-untrained", name="Fresh"))
    first = pump.json()
    pump.studio.edit(target(5), lambda answer: answer.update(trained=True))
    pump.studio.train(target(5), at=NOON, person="Ada")

    (found,) = findings(pump.json(), 5)
    assert "training" not in of_block(first, 5)
    assert (found["path"], found["folded"]) == ("trained", ["metadata.created"])
    assert "trained by Ada, 12 Nov 14:02 UTC: accuracy 0.94 (int8)" in found["headline"]


@pytest.mark.both_databases
def test_a_result_that_cannot_be_read_yet_is_asked_for_in_the_next_three_runs(pump: Stage) -> None:
    pump.audit()
    pump.studio.add_job(PROJECT, "keras-3", at=NOON, person="Ada")
    asked(pump)
    nights = [(findings(pump.json()), len(asked(pump))) for _ in range(2)]
    pump.studio.put_model(BLOCK, make_metadata(NOON, accuracy=0.95))
    (found,) = findings(pump.json())
    asked(pump)
    pump.audit()

    assert nights == [([], 3), ([], 3)]
    assert found["headline"].startswith("Trained again by Ada, 12 Nov 14:02 UTC")
    assert len(asked(pump)) == 2


def test_it_is_not_asked_for_any_longer(pump: Stage) -> None:
    pump.audit()
    pump.studio.add_job(PROJECT, "keras-3", at=NOON)
    asked(pump)
    numbers = []
    for _ in range(6):
        pump.audit()
        numbers.append(len(asked(pump)))

    assert numbers == [3, 3, 3, 3, 2, 2]


def test_jobs_that_failed_or_are_of_something_else_say_nothing(pump: Stage) -> None:
    pump.audit()
    asked(pump)
    pump.studio.add_job(PROJECT, "keras-3", at=NOON, has_worked=False)
    pump.studio.add_job(PROJECT, "dsp-3", at=NOON)
    pump.audit()

    assert len(asked(pump)) == 2


def test_a_job_that_is_running_is_waited_for(pump: Stage) -> None:
    pump.audit()
    asked(pump)
    pump.studio.add_job(PROJECT, "keras-3", at=NOON, person="Ada", has_worked=None)
    pump.audit()
    running = len(asked(pump))
    pump.studio.put_model(BLOCK, make_metadata(NOON))

    assert running == 2
    assert [each["path"] for each in findings(pump.json())] == ["metadata.created"]


def test_many_jobs_are_read_back_to_the_last_one_seen(pump: Stage) -> None:
    pump.audit()
    pump.studio.add_job(PROJECT, "keras-3", at=NOON, person="Ada")
    pump.studio.put_model(BLOCK, make_metadata(NOON))
    for _ in range(250):
        pump.studio.add_job(PROJECT, "dsp-2", at=NOON)
    asked(pump)
    (found,) = findings(pump.json())
    pages = [path for path in asked(pump) if "jobs" in path]

    assert found["path"] == "metadata.created"
    assert "by Ada" in found["headline"]
    assert pages == [f"/jobs/history?limit=100&offset={start}" for start in (0, 100, 200)]


def test_no_more_than_500_jobs_are_read(pump: Stage) -> None:
    pump.audit()
    for _ in range(700):
        pump.studio.add_job(PROJECT, "dsp-2", at=NOON)
    asked(pump)
    pump.audit()

    assert len([path for path in asked(pump) if "jobs" in path]) == 5


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/jobs/history", "who trained what"),
        ("/deployment/history", "what was built last"),
    ],
)
@pytest.mark.parametrize("fault", [Fault.HTTP_403, Fault.HTTP_404, Fault.NOT_JSON, Fault.CLOSE])
def test_an_endpoint_that_fails_is_a_notice_once_and_again_after_it_worked(
    pump: Stage, path: str, words: str, fault: Fault
) -> None:
    pump.studio.fail(fault, path=path)
    failing = [pump.json() for _ in range(2)]
    pump.studio.heal()
    well = pump.json()
    pump.studio.fail(fault, path=path)
    again = pump.json()

    notices = [report.get("notices", []) for report in (*failing, well, again)]
    assert [len(each) for each in notices] == [1, 0, 0, 1]
    assert notices[0][0]["kind"] == "context_unread"
    assert words in notices[0][0]["text"]
    assert {each["run"]["status"] for each in (*failing, well, again)} == {"complete"}
    assert all(each["errors"] == [] for each in failing)


def test_metadata_that_fails_costs_nothing_but_a_notice(pump: Stage) -> None:
    pump.audit()
    pump.studio.train(BLOCK, at=NOON, person="Ada")
    pump.studio.fail(Fault.HTTP_403, path="/metadata")
    report, again = pump.json_of_night(), pump.json()
    pump.studio.heal()
    healed = pump.json()

    assert [each["kind"] for each in report["notices"]] == ["context_unread"]
    assert "notices" not in again
    assert [each["path"] for each in findings(healed)] == ["metadata.created"]


@pytest.mark.parametrize(
    ("path", "endpoints"),
    [("/jobs/history", 1), ("/deployment/history", 1), ("/metadata", 1), ("/history", 2)],
)
def test_an_answer_that_comes_too_late_costs_nothing_but_a_notice(
    pump: Stage, path: str, endpoints: int
) -> None:
    pump.audit()
    pump.studio.edit(BLOCK, lambda answer: answer.update(trainingCycles=99))
    pump.studio.train(BLOCK, at=NOON, person="Ada")
    pump.change("studio", timeout_s=0.3)
    for ending in ("/jobs/history", "/deployment/history", "/metadata"):
        if ending.endswith(path):
            pump.studio.fail(Fault.SLOW, path=ending)
    report = pump.json()

    assert (report["run"]["status"], report["errors"]) == ("complete", [])
    assert report["totals"]["checked"] == 2
    assert "trainingCycles" in [found["path"] for found in findings(report)]
    assert [each["kind"] for each in report["notices"]] == ["context_unread"] * endpoints


def test_a_studio_without_any_of_it_is_audited_as_before(pump: Stage) -> None:
    for path in ("/jobs/history", "/deployment/history", "/metadata"):
        pump.studio.fail(Fault.HTTP_404, path=path)
    first, second = pump.json(), pump.json()
    pump.studio.edit(BLOCK, lambda answer: answer.update(trainingCycles=99))
    edited = pump.json()

    assert [each["kind"] for each in first["notices"]] == ["context_unread"] * 3
    assert not any("notices" in each for each in (second, edited))
    assert {each["run"]["status"] for each in (first, second, edited)} == {"complete"}
    assert [found["path"] for found in findings(edited)] == ["trainingCycles"]
    assert of_block(edited)["model_state"] == "stale"
    assert "training" not in of_block(edited)


def test_a_key_that_may_not_read_trainings_keeps_no_block_from_being_read(pump: Stage) -> None:
    for path in ("/jobs/history", "/deployment/history", "/metadata"):
        pump.studio.fail(Fault.HTTP_401, path=path)
    report = pump.json()

    assert report["totals"]["checked"] == report["totals"]["targets"] == 2
    assert [each["kind"] for each in report["notices"]] == ["context_unread"] * 3
    assert report["errors"] == []


def test_a_dry_run_says_the_same_and_keeps_nothing(pump: Stage) -> None:
    pump.audit()
    pump.studio.train(BLOCK, at=NOON, person="Ada")
    pump.studio.deploy(PROJECT, at=NOON)
    pump.studio.leave_behind(PROJECT)
    with pump.open_store() as store:
        request = app.build_request(pump.settings)
        dry = app.run_async(app.run_dry(pump.settings, request, store))
    report = pump.json()

    assert [found.path for line in dry.targets for found in line.findings] == ["metadata.created"]
    assert [str(each.kind) for each in dry.open] == ["deployment_behind"]
    assert [each["path"] for each in findings(report)] == ["metadata.created"]


def test_a_run_of_one_block_leaves_the_training_of_another_to_the_next(pump: Stage) -> None:
    pump.audit()
    pump.studio.train(BLOCK, at=NOON, person="Ada")
    narrow = pump.json(scope=Scope(target=OTHER))
    report = pump.json()

    assert [each["block_id"] for each in narrow["targets"]] == [4]
    assert [each["headline"] for each in findings(report)] == [
        "Trained again by Ada, 12 Nov 14:02 UTC: accuracy 0.94 → 0.94 (int8)"
    ]


def test_a_training_of_a_block_that_could_not_be_read_is_found_later(pump: Stage) -> None:
    pump.audit()
    pump.studio.train(BLOCK, at=NOON, person="Ada")
    pump.studio.fail(Fault.HTTP_400, target=BLOCK)
    pump.audit()
    pump.studio.heal()

    assert [each["path"] for each in findings(pump.json())] == ["metadata.created"]


def test_an_anomaly_block_is_asked_at_its_own_endpoint(pump: Stage) -> None:
    entry: dict[str, Any] = {"type": "anomaly", "name": "K-means", "title": "K-means", "dsp": [2]}
    kmeans = target(6)
    pump.studio.put_block(kmeans, BlockKindName.ANOMALY, sample_answer("anomaly"), entry=entry)
    pump.audit()
    asked(pump)
    pump.studio.train(kmeans, at=NOON, person="Ada")
    report = pump.json()

    assert "/training/anomaly/6/metadata" in asked(pump)
    assert [each["path"] for each in findings(report, 6)] == ["metadata.created"]


def test_a_stored_report_has_the_same_training(pump: Stage) -> None:
    pump.audit()
    pump.studio.train(BLOCK, at=NOON, person=PERSON, accuracy=0.5)
    report = pump.audit()
    with pump.open_store() as store:
        stored = store.report(report.run.id)

    assert stored is not None
    assert stored.targets == report.targets
    line = stored.targets[0]
    assert line.is_trained_now
    assert line.training_before is not None


def test_pages_of_block_and_impulse_say_that_it_was_trained_and_not_by_whom(pump: Stage) -> None:
    pump.night()
    pump.studio.train(BLOCK, at=datetime.now(UTC), person=PERSON, accuracy=0.93)
    pump.night()
    reports = pump.folder / "reports"
    pages = [
        (reports / name).read_text(encoding="utf-8")
        for name in ("targets/7/3.html", "impulses/7/1.html")
    ]
    other = (reports / "targets/7/4.html").read_text(encoding="utf-8")

    for page in pages:
        assert page.count("Trained again: accuracy 0.94 → 0.93 (int8)") == 1
        assert page.index("Trained again") < page.index("First seen")
        assert "Trained: " not in page  # what was trained before the first sight
        assert "Lovelace" not in page
    assert "Trained again" not in other


def test_a_mail_says_who_trained_and_what_was_measured(pump: Stage) -> None:
    pump.night()
    pump.studio.train(BLOCK, at=NOON, person=PERSON, accuracy=0.5)
    pump.night()
    (_, mail) = pump.postbox.taken[-1]
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))

    assert text is not None
    assert html is not None
    assert f"trained by {PERSON}, 12 Nov 14:02 UTC (int8)" in text.get_content()
    assert "accuracy     0.94 → 0.5\r\n" in text.get_content()
    assert "Ada &lt;b&gt;Lovelace&lt;/b&gt;" in html.get_content()
    assert "<b>Lovelace" not in html.get_content()
