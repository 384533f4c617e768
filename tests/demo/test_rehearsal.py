"""Faults rehearsed with the demo: what an operator would read, and how it heals."""

from __future__ import annotations

import pytest

from auditor.cli import main
from auditor.demo.faults import FAULT_DESCRIPTIONS, Fault
from auditor.demo.walkthrough import plan_faults, show_faults
from auditor.errors import UsageError


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the demo says of a page in place of an answer, and of a listing that is refused."""
    lines: list[str] = []
    planned = plan_faults(["html", "listing_refused", "html"])
    assert show_faults(tmp_path_factory.mktemp("rehearsal"), planned, lines.append) == 0
    return "\n".join(lines)


def test_what_fails_is_told_with_what_comes_over_the_wire(said: str) -> None:
    before, _, _ = said.partition("Night 2")

    assert "  - the listing of Pump monitor: `/impulses` says `success` false" in before
    assert before.count("  - Scratch detector: 200 and a sign-in page (html)") == 1


def test_the_second_night_is_incomplete_and_says_why(said: str) -> None:
    _, _, report = said.partition("Night 2")

    assert "INCOMPLETE. 6 of 9 blocks could not be checked." in report
    assert "Studio refused: Something went wrong" in report
    assert "the answer is not JSON: it looks like a web page" in report


def test_the_third_night_is_clean(said: str) -> None:
    _, _, after = said.partition("Night 3")

    assert "9 of 9 blocks checked: 0 new, 9 unchanged, 0 drifted." in after


def test_a_fault_of_no_name_is_refused_with_the_names_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(["demo", "--fault", "gremlins"])

    told = capsys.readouterr().err
    assert code == 2
    assert "gremlins" in told
    assert all(fault in told for fault in Fault)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["listing_html", "listing_empty"], id="two of a listing"),
        pytest.param(["listing_html", *list(Fault)[:5]], id="five beside one of a listing"),
        pytest.param(list(Fault)[:10], id="more than blocks"),
    ],
)
def test_more_faults_than_the_demo_has_room_for_are_refused(names: list[str]) -> None:
    with pytest.raises(UsageError, match="too many faults"):
        plan_faults(names)


def test_every_fault_is_listed_with_what_comes_over_the_wire(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["demo", "--list-faults"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [
        [fault, words] for fault, words in FAULT_DESCRIPTIONS.items()
    ]
