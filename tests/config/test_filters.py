from __future__ import annotations

from pathlib import Path

import pytest

from auditor.config import Settings, load, warnings
from auditor.credentials import JwtHeader
from auditor.drift.filters import BlockFilter, Patterns, ProjectFilter
from auditor.errors import ConfigError
from auditor.redaction import Secret

ACCOUNT = '[studio]\nauth = { type = "jwt", token = { env = "TOKEN" } }\n'
EVERY = f'{ACCOUNT}projects = "all"\n'
PROJECT = '[[projects]]\nid = 1\napi_key = { env = "KEY" }\n'
ENVIRON = {"KEY": "ei_key", "TOKEN": "a.b.c"}


def loaded(folder: Path, text: str) -> Settings:
    path = folder / "config.toml"
    path.write_text(text)
    return load(path, environ=ENVIRON)


def problems(folder: Path, text: str) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    return [(problem.key, problem.message) for problem in caught.value.problems]


def test_every_project_of_an_account_needs_no_project_to_be_named(tmp_path: Path) -> None:
    settings = loaded(tmp_path, EVERY)

    assert settings.projects == ()
    assert settings.every_project == JwtHeader(Secret("a.b.c"))
    assert settings.project_filter == ProjectFilter()
    assert warnings(settings) == ()


def test_filters_are_those_of_all_and_each_projects_own(tmp_path: Path) -> None:
    filters = 'include_projects = [7, "pump *"]\nexclude_projects = ["* (copy)"]\n'
    shared = 'exclude = { types = ["vlm"], names = [" scratch "] }\n'
    settings = loaded(tmp_path, f'{EVERY}{filters}{shared}{PROJECT}include = {{ names = ["m*"] }}')

    assert settings.project_filter == ProjectFilter(include=(7, "pump *"), exclude=("* (copy)",))
    assert settings.studio.block_filter == BlockFilter(
        exclude=Patterns(types=("vlm",), names=("scratch",))
    )
    assert settings.projects[0].block_filter == BlockFilter(include=Patterns(names=("m*",)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{EVERY}include = {{}}", ("studio.include", "is empty, so it applies to nothing")),
        (
            f"{EVERY}include = {{ names = [] }}",
            ("studio.include.names", "is empty, so it applies to nothing"),
        ),
        (f'{EVERY}exclude = {{ names = [" "] }}', ("studio.exclude.names[0]", "is blank")),
        (
            f'{EVERY}exclude = {{ types = ["a\\u0000"] }}',
            ("studio.exclude.types[0]", "contains a control character"),
        ),
        (
            f"{EVERY}exclude_projects = [true]",
            ("studio.exclude_projects[0]", "is neither the id nor the name of a project"),
        ),
        (
            f'{EVERY}exclude_projects = "pump"',
            ("studio.exclude_projects", "is text, not a list"),
        ),
        (
            f"{ACCOUNT}include_projects = [1]\n{PROJECT}",
            ("studio.include_projects", "has no effect without projects"),
        ),
        (
            f'{PROJECT}learn_blocks = [3]\nexclude = {{ names = ["a"] }}',
            ("projects[0].exclude", "cannot be combined with a list of learn_blocks"),
        ),
        (
            f'{PROJECT}exclude = {{ name = ["a"] }}',
            ("projects[0].exclude.name", "is not a known key"),
        ),
        (f'{PROJECT}exclude = ["a"]', ("projects[0].exclude", "is a list, not a table")),
    ],
)
def test_a_filter_that_cannot_be_used_is_named(
    tmp_path: Path, text: str, found: tuple[str, str]
) -> None:
    assert problems(tmp_path, text) == [found]


def test_a_misspelt_key_of_a_filter_is_named_with_the_right_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"did you mean names\?"):
        loaded(tmp_path, f'{PROJECT}exclude = {{ name = ["a"] }}')


@pytest.mark.parametrize(
    ("include", "exclude", "is_delivered"),
    [
        ("pump *", "pump*", True),
        ("pump", "*", True),
        ("Pump", "pUMP", True),
        ("pump *", "pump ?", False),
        ("*", "?", False),
        ("[ab]", "*[ab]*", False),
        ("pump *", "pump 1*", False),
    ],
)
def test_a_filter_that_leaves_nothing_gets_a_warning(
    tmp_path: Path, include: str, exclude: str, *, is_delivered: bool
) -> None:
    text = f'include = {{ names = ["{include}"] }}\nexclude = {{ names = ["{exclude}"] }}'
    found = warnings(loaded(tmp_path, f"{EVERY}{text}"))

    assert ["nothing is audited" in problem for problem in found] == [True] * is_delivered


def test_all_projects_of_one_projects_key_get_a_warning(tmp_path: Path) -> None:
    text = '[studio]\nprojects = "all"\napi_key = { env = "KEY" }'

    assert [
        "only the project of that key" in warning for warning in warnings(loaded(tmp_path, text))
    ] == [True]


def test_a_rule_for_a_found_project_is_not_said_to_be_for_nothing(tmp_path: Path) -> None:
    rule = '[[severity]]\narea = "data"\nseverity = "low"\nblocks = ["1/9", "2/3"]\n'
    settings = loaded(tmp_path, f"{EVERY}{PROJECT}learn_blocks = [3]\n{rule}")

    assert ["block 1/9" in warning for warning in warnings(settings)] == [True]
