"""What is audited because Studio lists it: what appears, goes, comes back, is left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor import app
from auditor.audit.plan import RunControl, Scope
from auditor.audit.run import Audit
from auditor.demo.faults import Fault
from auditor.errors import UsageError
from auditor.model import NoticeKind, TargetId
from auditor.rendering.json import encode_report
from auditor.report import Report
from tests.audit.stage import KEY, Stage, block, stage, target
from tests.kinds import sample_answer

_ACCOUNT = 'timeout_s = 5\nauth = { type = "jwt", token = { env = "EI_TOKEN" } }\nprojects = "all"'
_LISTING = "/api/projects"
MOTION, SCREWS, VALVES = target(3), target(4), TargetId(8, 3)


@pytest.fixture
def fleet(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    """Project 7, named, and 8 and 9, which only the account sees."""
    blocks = {3: block(name="Motion"), 4: block("keras-object-detection", name="Screws")}
    with stage(database_url, tmp_path, blocks) as set_up:
        set_up.studio.add_project(8, name="Fan", api_key="ei_" + "08" * 24)
        set_up.studio.add_project(9, name="Mill", api_key="ei_" + "09" * 24)
        set_up.studio.put(VALVES, block("keras-transfer-kws", name="Valves"))
        set_up.studio.put(TargetId(9, 1), block(name="Wheel"))
        set_up.without_mail()
        reconfigure(set_up, "timeout_s = 5", _ACCOUNT)
        yield set_up


def reconfigure(set_up: Stage, *changes: str) -> None:
    """Replace in the configuration, by turns, what stands there by what is to stand there."""
    path = set_up.folder / "config.toml"
    text = path.read_text()
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in text
        text = text.replace(old, new)
    set_up.configure(text)
    set_up.without_mail()


def night(set_up: Stage, scope: Scope | None = None) -> Report:
    """Run once, with no page to write and nobody to mail; what was found counts as reported."""
    settings = set_up.settings
    with set_up.open_store() as store:
        studio = app.build_client(settings)
        studio.sleep = at_once
        audit = Audit(store, studio, now=app.now)
        ended = app.run_async(audit.run(app.build_request(settings, scope)))
        store.close_run(ended.report, (), carried=ended.carried, conclusions=ended.conclusions)
        store.mark_reported(ended.report.run.id or 0, at=app.now())
    return ended.report


async def at_once(_: float) -> None:
    """Wait for nothing."""


def json(set_up: Stage, scope: Scope | None = None) -> Any:  # noqa: ANN401 - any JSON
    return encode_report(night(set_up, scope))


def states(report: Any) -> dict[str, str]:  # noqa: ANN401 - any JSON
    return {
        f"{result['project_id']}/{result['learn_id']}": result["state"]
        for result in report["targets"]
    }


def notices(report: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - any JSON
    return [(notice["kind"], notice["text"]) for notice in report.get("notices", [])]


def audited(set_up: Stage) -> list[str]:
    with set_up.open_store() as store:
        return [str(status.target) for status in store.statuses()]


def test_every_project_of_the_account_is_audited_beside_those_named(fleet: Stage) -> None:
    fleet.studio.requests.clear()
    report = json(fleet)
    asked = [
        (request.path, "x-api-key" in request.header_names) for request in fleet.studio.requests
    ]

    assert states(report) == dict.fromkeys(["7/3", "7/4", "8/3", "9/1"], "new")
    assert [result["project"] for result in report["targets"]] == ["Pump", "Pump", "Fan", "Mill"]
    assert ("/v1/api/7/impulses", True) in asked
    assert ("/v1/api/8/impulses", False) in asked
    assert len(asked) == len(set(asked)) == 8


def test_a_named_project_keeps_its_own_choice_of_blocks(fleet: Stage) -> None:
    reconfigure(fleet, 'learn_blocks = "all"', "learn_blocks = [4]")
    report = json(fleet)

    assert states(report) == dict.fromkeys(["7/4", "8/3", "9/1"], "new")


def test_projects_that_cannot_be_listed_are_unknown_and_the_named_are_audited(
    fleet: Stage,
) -> None:
    night(fleet)
    fleet.studio.fail(Fault.HTML, path=_LISTING)
    report = night(fleet)
    failed: Any = encode_report(report)
    text = app.build_renderer(fleet.settings).text(report, page="")
    kept = audited(fleet)
    fleet.studio.heal()
    after = json(fleet)

    assert states(failed) == {
        "7/3": "in_sync",
        "7/4": "in_sync",
        "8/3": "unknown",
        "9/1": "unknown",
    }
    assert [(error["project_id"], error["kind"]) for error in failed["errors"]] == [
        (0, "not_json")
    ]
    assert text.count("it looks like a web page") == 1
    assert "Fan, Mill: the answer is not JSON" in text
    assert failed["run"]["status"] == "incomplete"
    assert kept == ["7/3", "7/4", "8/3", "9/1"]
    assert states(after) == dict.fromkeys(kept, "in_sync")


def test_a_first_listing_that_fails_is_reported_in_words(fleet: Stage) -> None:
    fleet.studio.fail(Fault.HTML, path=_LISTING)
    report = night(fleet)
    text = app.build_renderer(fleet.settings).text(report, page="")

    assert report.totals.new == 2
    assert "INCOMPLETE. The projects that Studio lists could not be checked" in text
    assert "Project 0" not in text


def test_one_project_that_cannot_be_listed_leaves_the_others_alone(fleet: Stage) -> None:
    night(fleet)
    fleet.studio.fail(Fault.HTML, path="/8/impulses")
    report = json(fleet)

    assert states(report) == {
        "7/3": "in_sync",
        "7/4": "in_sync",
        "8/3": "unknown",
        "9/1": "in_sync",
    }
    assert [error["project_id"] for error in report["errors"]] == [8]


def test_a_project_that_is_no_longer_listed_is_missing_until_it_is_back(fleet: Stage) -> None:
    night(fleet)
    fleet.studio.remove_project(9)
    missing, still = night(fleet), night(fleet)
    fleet.studio.add_project(9, name="Mill", api_key="ei_" + "09" * 24)
    fleet.studio.put(TargetId(9, 1), block(name="Wheel", batchSize=64))
    back = json(fleet)

    assert [(str(result.state), result.is_news) for result in missing.targets[3:]] == [
        ("missing", True)
    ]
    assert [(str(result.state), result.is_news) for result in still.targets[3:]] == [
        ("missing", False)
    ]
    assert states(back)["9/1"] == "drifted"
    assert notices(back) == [
        ("block_back", "listed again after it was missing; compared with its last version")
    ]


def test_a_named_project_that_leaves_the_configuration_is_not_missing(fleet: Stage) -> None:
    reconfigure(fleet, 'projects = "all"', "")
    night(fleet)
    text = (fleet.folder / "config.toml").read_text()
    apart = text.split("[[projects]]")[0].replace(
        'auth = { type = "jwt", token = { env = "EI_TOKEN" } }',
        'api_key = { env = "EI_KEY" }\nprojects = "all"',
    )
    fleet.studio.change_key(8, KEY)
    fleet.studio.change_key(7, "ei_" + "07" * 24)
    fleet.configure(apart)
    fleet.without_mail()
    report = json(fleet)

    assert states(report) == {"8/3": "new"}
    assert audited(fleet) == ["8/3"]


def test_what_comes_back_to_the_configuration_is_compared_with_its_last_version(
    fleet: Stage,
) -> None:
    night(fleet)
    reconfigure(fleet, 'projects = "all"', "")
    without = json(fleet)
    fleet.studio.edit(VALVES, lambda a: a.update(batchSize=64))
    reconfigure(
        fleet, 'token = { env = "EI_TOKEN" } }', 'token = { env = "EI_TOKEN" } }\nprojects = "all"'
    )
    again = json(fleet)

    assert states(without) == {"7/3": "in_sync", "7/4": "in_sync"}
    assert states(again)["8/3"] == "drifted"
    assert states(again)["9/1"] == "in_sync"


def test_a_project_taken_from_the_names_into_all_goes_on_as_it_was(fleet: Stage) -> None:
    night(fleet)
    text = (fleet.folder / "config.toml").read_text()
    fleet.configure(text.split("[[projects]]")[0])
    fleet.without_mail()
    report = json(fleet)

    assert set(states(report).values()) == {"in_sync"}
    assert notices(report) == [
        ("project_renamed", "Project 7 is called “pump” now, and was called “Pump”")
    ]


def test_a_renamed_project_is_reported_once_and_goes_on(fleet: Stage) -> None:
    night(fleet)
    fleet.studio.rename_project(8, "Fan 2")
    renamed, quiet = json(fleet), json(fleet)

    assert notices(renamed) == [
        ("project_renamed", "Project 8 is called “Fan 2” now, and was called “Fan”")
    ]
    assert set(states(renamed).values()) == {"in_sync"}
    assert notices(quiet) == []


def test_a_narrowed_run_tells_a_new_name_and_not_what_is_left_out(fleet: Stage) -> None:
    night(fleet)
    fleet.studio.rename_project(8, "Fan 2")
    reconfigure(fleet, 'projects = "all"', 'projects = "all"\nexclude = { names = ["screws"] }')
    of_fan, of_pump = (json(fleet, Scope(project_id=project_id)) for project_id in (8, 7))

    assert [kind for kind, _ in notices(of_fan)] == ["project_renamed"]
    assert (states(of_pump), notices(of_pump)) == ({"7/3": "in_sync"}, [])
    assert [kind for kind, _ in notices(json(fleet))] == ["left_out"]


def test_projects_and_blocks_that_filters_leave_out_are_not_asked_for(fleet: Stage) -> None:
    reconfigure(
        fleet,
        'projects = "all"',
        'projects = "all"\ninclude_projects = ["fan", 9]\nexclude_projects = ["m*"]\n'
        'exclude = { types = ["*detection"] }',
    )
    fleet.studio.requests.clear()
    report = json(fleet)

    assert states(report) == {"7/3": "new", "8/3": "new"}
    assert not [request.path for request in fleet.studio.requests if "/9/" in request.path]
    assert "/v1/api/7/training/keras/4" not in {request.path for request in fleet.studio.requests}


def test_what_is_newly_excluded_is_retired_and_said_so_once(fleet: Stage) -> None:
    night(fleet)
    reconfigure(
        fleet,
        'projects = "all"',
        'projects = "all"\nexclude_projects = [9]\nexclude = { names = ["screws"] }',
    )
    left_out, quiet = json(fleet), json(fleet)

    assert states(left_out) == {"7/3": "in_sync", "8/3": "in_sync"}
    assert notices(left_out) == [
        (
            "left_out",
            "Mill (9) is no longer audited, as include_projects or exclude_projects leaves it out",
        ),
        (
            "left_out",
            "Pump: no longer audited, as include or exclude leaves them out: Screws (7/4)",
        ),
    ]
    assert notices(quiet) == []
    assert audited(fleet) == ["7/3", "8/3"]


def test_to_exclude_what_is_missing_ends_it(fleet: Stage) -> None:
    night(fleet)
    fleet.studio.remove(SCREWS)
    fleet.studio.remove_project(9)
    night(fleet)
    reconfigure(
        fleet,
        'projects = "all"',
        'projects = "all"\nexclude_projects = ["mill"]\nexclude = { names = ["screws"] }',
    )

    assert states(json(fleet)) == {"7/3": "in_sync", "8/3": "in_sync"}


def test_a_failed_listing_keeps_what_filters_leave_out_out(fleet: Stage) -> None:
    night(fleet)
    reconfigure(
        fleet,
        'projects = "all"',
        'projects = "all"\nexclude_projects = [9]\nexclude = { names = ["screws"] }',
    )
    fleet.studio.fail(Fault.HTML, path="/impulses")
    fleet.studio.fail(Fault.HTML, path=_LISTING)

    report = json(fleet)

    assert states(report) == {"7/3": "unknown", "8/3": "unknown"}
    assert [text.partition(" no longer ")[0] for _, text in notices(report)] == [
        "Mill (9) is",
        "Pump:",
    ]


@pytest.mark.parametrize("listing", ["/7/impulses", _LISTING])
def test_a_listing_that_is_empty_once_is_asked_for_once_more(fleet: Stage, listing: str) -> None:
    night(fleet)
    fleet.studio.fail(Fault.LISTING_EMPTY, path=listing, times=1)
    report = json(fleet)

    assert set(states(report).values()) == {"in_sync"}


def test_a_listing_that_stays_empty_is_believed(fleet: Stage) -> None:
    night(fleet)
    for learn_id in (3, 4):
        fleet.studio.remove(target(learn_id))
    fleet.studio.requests.clear()
    report = json(fleet)
    asked = [request.path for request in fleet.studio.requests]

    assert states(report) == {
        "7/3": "missing",
        "7/4": "missing",
        "8/3": "in_sync",
        "9/1": "in_sync",
    }
    assert asked.count("/v1/api/7/impulses") == 2
    assert asked.count("/v1/api/8/impulses") == 1


def test_a_block_in_two_impulses_counts_once(fleet: Stage) -> None:
    fleet.studio.put(MOTION, block(name="Motion"), impulses=(1, 2))

    assert night(fleet).totals.targets == 4


def test_two_projects_of_one_name_have_different_names(fleet: Stage) -> None:
    fleet.studio.rename_project(9, "Fan")
    report = json(fleet)
    quiet = json(fleet)
    fleet.studio.rename_project(9, "Mill")
    after = json(fleet)

    assert [result["project"] for result in report["targets"]] == [
        "Pump",
        "Pump",
        "Fan (8)",
        "Fan (9)",
    ]
    assert notices(quiet) == []
    assert [result["project"] for result in after["targets"][2:]] == ["Fan", "Mill"]
    assert notices(after) == [
        ("project_renamed", "Project 9 is called “Mill” now, and was called “Fan”")
    ]


@pytest.mark.parametrize(
    "selection", ['include_projects = ["Fan"]', 'exclude_projects = ["* (9)"]']
)
def test_filters_are_held_against_the_name_that_studio_gives(fleet: Stage, selection: str) -> None:
    fleet.studio.rename_project(9, "Fan")
    reconfigure(fleet, 'projects = "all"', f'projects = "all"\n{selection}')
    first = json(fleet)
    fleet.studio.fail(Fault.HTML, path=_LISTING)
    failed = json(fleet)
    fleet.studio.heal()
    fleet.studio.remove_project(9)
    missing = json(fleet)

    assert [result["project"] for result in first["targets"][2:]] == ["Fan (8)", "Fan (9)"]
    assert [result["project"] for result in failed["targets"][2:]] == ["Fan (8)", "Fan (9)"]
    assert [states(failed)[name] for name in ("8/3", "9/1")] == ["unknown"] * 2
    assert [states(missing)[name] for name in ("8/3", "9/1")] == ["in_sync", "missing"]
    assert notices(failed) == notices(missing) == []


def test_a_project_left_out_is_reported_by_the_name_that_studio_gives(fleet: Stage) -> None:
    fleet.studio.rename_project(9, "Fan")
    night(fleet)
    reconfigure(fleet, 'projects = "all"', 'projects = "all"\nexclude_projects = [9]')
    listed = notices(json(fleet))

    assert [text.partition(" is ")[0] for _, text in listed] == ["Fan (9)"]


def test_a_run_can_be_narrowed_to_what_was_found(fleet: Stage) -> None:
    project = json(fleet, Scope(project_id=8))
    single = json(fleet, Scope(target=TargetId(9, 1)))
    named = json(fleet, Scope(target=SCREWS))

    assert states(project) == {"8/3": "new"}
    assert states(single) == {"9/1": "new"}
    assert states(named) == {"7/4": "new"}


def test_a_named_project_is_run_without_listing_all(fleet: Stage) -> None:
    fleet.studio.requests.clear()
    night(fleet, Scope(project_id=7))

    assert _LISTING not in {request.path for request in fleet.studio.requests}


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (Scope(project_id=99), "project 99 is not audited"),
        (Scope(target=TargetId(99, 1)), "project 99 is not audited"),
        (Scope(target=TargetId(8, 99)), "block 8/99 is not audited"),
        (Scope(project_id=9), "project 9 is not audited"),
        (Scope(target=SCREWS), "block 7/4 is not audited"),
    ],
)
def test_a_scope_that_names_what_is_not_audited_is_refused(
    fleet: Stage, scope: Scope, words: str
) -> None:
    reconfigure(
        fleet,
        'projects = "all"',
        'projects = "all"\nexclude_projects = [9]\nexclude = { names = ["screws"] }',
    )
    with pytest.raises(UsageError, match=words):
        night(fleet, scope)


def test_a_narrowed_run_retires_and_forgets_nothing(fleet: Stage) -> None:
    night(fleet)
    night(fleet, Scope(project_id=8))
    fleet.studio.remove_project(9)

    assert states(json(fleet))["9/1"] == "missing"


def test_a_narrowed_run_whose_listing_fails_is_incomplete(fleet: Stage) -> None:
    night(fleet)
    fleet.studio.fail(Fault.HTML, path=_LISTING)
    report = json(fleet, Scope(project_id=8))

    assert states(report) == {"8/3": "unknown"}
    assert report["run"]["status"] == "failed"


def test_a_dry_run_finds_the_same_and_remembers_nothing(fleet: Stage) -> None:
    night(fleet)
    fleet.studio.remove_project(9)
    with fleet.open_store() as store:
        report = app.run_async(
            app.run_dry(fleet.settings, app.build_request(fleet.settings), store)
        )
        assert store.found_projects() == {8, 9}

    assert report.totals.missing == 1


def test_a_named_block_that_studio_refuses_is_unknown(fleet: Stage) -> None:
    reconfigure(fleet, 'learn_blocks = "all"', "learn_blocks = [3, 99]")
    report = json(fleet)

    assert {name: states(report)[name] for name in ("7/3", "7/99")} == {
        "7/3": "new",
        "7/99": "unknown",
    }


def test_each_change_of_type_under_one_id_is_one_finding(fleet: Stage) -> None:
    night(fleet)
    reports = []
    for kind in ("anomaly", "vlm"):
        fleet.studio.put(MOTION, {**sample_answer(kind), "type": kind})
        reports.append(json(fleet))
    fleet.studio.put(MOTION, block(name="Motion"))
    reports.append(json(fleet))
    quiet = json(fleet)

    found = [
        [(f["area"], f["kind"], f["path"]) for f in report["targets"][0]["findings"]]
        for report in reports
    ]
    assert found == [[("identity", "replaced", "type")]] * 3
    assert states(quiet)["7/3"] == "in_sync"
    assert notices(quiet) == []


def test_what_went_missing_in_a_run_that_crashed_is_news_of_the_next(fleet: Stage) -> None:
    night(fleet)
    fleet.studio.remove(SCREWS)
    with fleet.open_store() as store:
        crashing = Audit(
            store,
            app.build_client(fleet.settings),
            now=app.now,
            control=RunControl(checked=_crash),
        )
        with pytest.raises(RuntimeError):
            app.run_async(crashing.run(app.build_request(fleet.settings)))
    news, still = night(fleet), night(fleet)

    assert [report.targets[1].is_news for report in (news, still)] == [True, False]


def _crash(_: int) -> None:
    raise RuntimeError


def test_what_came_back_is_reported_in_the_inventory_of_the_report(fleet: Stage) -> None:
    night(fleet)
    fleet.studio.remove(SCREWS)
    night(fleet)
    fleet.studio.put(SCREWS, block("keras-object-detection", name="Screws"))
    report = night(fleet)
    text = app.build_renderer(fleet.settings).text(report, page="")

    assert [notice.kind for notice in report.notices] == [NoticeKind.BLOCK_BACK]
    assert "BLOCKS ARE BACK. 1 block is back: Screws; nothing else changed." in text
    assert (
        "back: Screws" in app.build_renderer(fleet.settings).mail_content(report, page="").subject
    )
    assert "CHANGES IN WHAT IS AUDITED" in text
    assert "RULES" not in text


def test_a_schedule_over_found_projects_leaves_the_others_to_theirs(fleet: Stage) -> None:
    hourly = '[[schedules]]\nname = "hourly"\ncron = "0 * * * *"\nprojects = [8]\n'
    reconfigure(fleet, "[[projects]]", f"{hourly}[[projects]]")
    usual, often = (schedule.scope for schedule in app.find_schedules(fleet.settings))
    first = [states(json(fleet, scope)) for scope in (usual, often)]
    fleet.studio.remove_project(9)
    later = [states(json(fleet, scope)) for scope in (often, usual)]

    assert first == [dict.fromkeys(["7/3", "7/4", "9/1"], "new"), {"8/3": "new"}]
    assert later == [{"8/3": "in_sync"}, {"7/3": "in_sync", "7/4": "in_sync", "9/1": "missing"}]
    assert audited(fleet) == ["7/3", "7/4", "8/3", "9/1"]
