"""None"""

from __future__ import annotations

import pytest

from auditor.drift.filters import BlockFilter, BlockLabel, Patterns, ProjectFilter, matches_text

MOTION = BlockLabel("keras", "Motion 1")
SCREWS = BlockLabel("keras-object-detection", "Screws")


@pytest.mark.parametrize(
    ("text", "pattern", "is_meant"),
    [
        ("Pump 1", "pump *", True),
        ("PUMP 1", "Pump ?", True),
        ("Pump", "pump *", False),
        ("Old pump", "pump", False),
        (" Pump ", "pump", True),
        ("a\nb", "a*b", True),
        ("keras", "keras*", True),
    ],
)
def test_a_pattern_is_held_against_the_whole_in_any_case(
    text: str, pattern: str, *, is_meant: bool
) -> None:
    assert matches_text(text, pattern) is is_meant


def test_types_and_names_are_judged_each_on_its_own() -> None:
    either = BlockFilter(
        include=Patterns(types=("keras*",)), exclude=Patterns(types=("*detection",), names=("x*",))
    )

    assert either.admits(MOTION)
    assert not either.admits(SCREWS)
    assert not either.admits(BlockLabel("keras", "X-ray"))
    assert not either.admits(BlockLabel("vlm", "Motion 1"))


def test_an_include_of_both_asks_for_both() -> None:
    both = BlockFilter(include=Patterns(types=("keras",), names=("motion*",)))

    assert both.admits(MOTION)
    assert not both.admits(BlockLabel("keras", "Valves"))
    assert not both.admits(BlockLabel("vlm", "Motion 1"))


def test_a_project_is_meant_by_its_id_or_its_name() -> None:
    some = ProjectFilter(include=(7, "pump *"), exclude=("* (copy)",))

    assert some.admits(7, "Anything")
    assert some.admits(8, "Pump 8")
    assert not some.admits(9, "7")
    assert not some.admits(8, "Pump 8 (copy)")


def test_what_matches_nothing_is_named_by_its_key() -> None:
    blocks = BlockFilter(include=Patterns(names=("m*", "z*")), exclude=Patterns(types=("vlm",)))
    projects = ProjectFilter(include=(7, 9), exclude=("old *",))

    assert list(blocks.find_unmatched([MOTION, SCREWS])) == [
        ("include.names", "z*"),
        ("exclude.types", "vlm"),
    ]
    assert list(projects.find_unmatched([(7, "Pump")])) == [
        ("include_projects", 9),
        ("exclude_projects", "old *"),
    ]
