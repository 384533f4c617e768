from __future__ import annotations

import pytest

from auditor.demo.faults import Fault
from auditor.model import TargetId
from tests.audit.stage import TOKEN, Stage, block
from tests.cli.command import Command, Done
from tests.cli.test_upkeep import reconfigure

_ACCOUNT = 'tries = 1\nauth = { type = "jwt", token = { env = "EI_TOKEN" } }\nprojects = "all"\n'


@pytest.fixture
def fleet(pump: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Project 7, named, and 8 and 9, which only the account sees."""
    monkeypatch.setenv("EI_TOKEN", TOKEN)
    pump.studio.add_project(8, name="Fan", api_key="ei_" + "08" * 24)
    pump.studio.add_project(9, name="Mill", api_key="ei_" + "09" * 24)
    pump.studio.put(TargetId(8, 3), block("keras-transfer-kws", name="Valves"))
    pump.studio.put(TargetId(8, 4), {"name": "Odd", "type": "anomaly-gmm"})
    reconfigure(pump, "tries = 1\n", _ACCOUNT)
    return pump


def advice(done: Done) -> list[str]:
    return [line[8:] for line in done.out.splitlines() if line.startswith("advice")]


@pytest.mark.usefixtures("fleet")
def test_check_counts_what_the_account_sees(auditor: Command) -> None:
    done = auditor("check")

    assert done.code == 0
    assert "ok      configuration: 1 project named, and every other that is found" in done.out
    assert (
        "Studio, every project: 3 projects seen, 1 under [[projects]]; 2 learn blocks found, "
        "1 of a type not supported (anomaly-gmm)"
    ) in done.out
    assert advice(done) == []


def test_check_names_what_matches_nothing(fleet: Stage, auditor: Command) -> None:
    filters = 'exclude_projects = [9, 99]\ninclude = { types = ["keras*", "x*"] }\n'
    reconfigure(fleet, 'projects = "all"\n', f'projects = "all"\n{filters}')
    rules = '\nprojects = [8, 9]\nblocks = ["8/3", "8/4", "7/99", "7/3", "50/1"]\n'
    reconfigure(
        fleet,
        'learn_blocks = "all"',
        'exclude = { names = ["old *"] }\n[[severity]]\narea = "data"\nseverity = "low"' + rules,
    )
    done = auditor("check")

    assert done.code == 0
    assert "1 left out; 2 learn blocks found, 1 left out" in done.out
    assert advice(done) == [
        "studio.exclude_projects: 99 matches no project that Studio lists",
        "projects[0].exclude.names: 'old *' matches no learn block that Studio lists",
        "studio.include.types: 'x*' matches no learn block that Studio lists",
        "severity[0].projects: project 9 is not listed, or left out",
        "severity[0].blocks: the project of learn block 50/1 is not audited",
        "severity[0].blocks: learn block 7/99 is not listed, or left out",
        "severity[0].blocks: learn block 8/4 is not listed, or left out",
    ]


def test_check_advises_of_filters_that_leave_nothing(fleet: Stage, auditor: Command) -> None:
    filters = 'exclude_projects = ["*"]\nexclude = { types = ["keras*"] }\n'
    reconfigure(fleet, 'projects = "all"\n', f'projects = "all"\n{filters}')

    assert advice(auditor("check")) == [
        "studio.projects: include_projects and exclude_projects leave none of 2 projects",
        "projects[0]: include and exclude leave none of 2 learn blocks",
    ]


@pytest.mark.parametrize(
    ("path", "words"),
    [("/api/projects", "the answer is not JSON"), ("/8/impulses", "project 8: the answer is not")],
)
def test_a_listing_that_fails_fails_the_check_and_advises_nothing(
    fleet: Stage, auditor: Command, path: str, words: str
) -> None:
    fleet.studio.fail(Fault.HTML, path=path)
    reconfigure(fleet, 'projects = "all"\n', 'projects = "all"\nexclude = { names = ["old *"] }\n')
    done = auditor("check")

    assert done.code == 2
    assert f"FAILED  Studio, every project: {words}" in done.out
    assert advice(done) == []


def test_every_named_block_that_does_not_answer_is_named(pump: Stage, auditor: Command) -> None:
    reconfigure(pump, 'learn_blocks = "all"', "learn_blocks = [3, 98, 99]")
    done = auditor("check")

    assert done.code == 2
    assert "block 7/98: Studio refused" in done.out
    assert "; block 7/99: Studio refused" in done.out


def test_a_found_block_can_be_run_alone_and_what_is_not_audited_is_bad_usage(
    fleet: Stage, auditor: Command
) -> None:
    del fleet
    one = auditor("run", "--block", "8/3", "--format", "json")
    project = auditor("run", "--project", "8", "--dry-run", "--format", "json")
    refused = [
        auditor("run", "--project", "99"),
        auditor("run", "--block", "8/99"),
        auditor("run", "--block", "99/1", "--dry-run"),
    ]

    assert [told["learn_id"] for told in one.json["targets"]] == [3]
    assert [told["learn_id"] for told in project.json["targets"]] == [3, 4]
    assert [(done.code, done.out) for done in refused] == [(2, "")] * 3
    assert "project 99 is not audited" in refused[0].err
