from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import get_args

import pytest

from auditor.config import Settings, load, rule_tables, warnings
from auditor.drift.rules import (
    Between,
    IgnoreRule,
    OneOf,
    Rules,
    SeverityRule,
    StaleAtMost,
    StateRule,
    Subject,
    TargetScope,
    Window,
)
from auditor.model import Area, Severity, TargetId

STUDIO_KEY = "ei_" + "0123456789abcdef" * 4
PROJECT = '[[projects]]\nid = 1\nlearn_blocks = [3, 7]\napi_key = { env = "KEY" }\n'
PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"

# One whole table of each kind, a key a line.
SEVERITY = {"area": '"training"', "severity": '"low"'}
IGNORE = {
    "path": '"dependencies.sampleCount"',
    "reason": '"grows every day"',
    "author": '"anna@example.org"',
    "until": "2027-03-01",
}
RULE = {"name": '"a sane score"', "path": '"thresholds[min_score].value"', "between": "[0.4, 0.8]"}
WINDOW = {
    "from": "2026-12-01T08:00:00Z",
    "until": "2026-12-01T18:00:00Z",
    "reason": '"rollout of release 4"',
    "author": '"anna@example.org"',
}
BLOCKS = frozenset({TargetId(1, 3), TargetId(4, 5)})
BASES = {"severity": SEVERITY, "ignore": IGNORE, "rules": RULE, "windows": WINDOW}


def table(of: str, /, **keys: str | None) -> str:
    """A table with keys changed or, by None, taken away; `from_` and `is_` stand for TOML's."""
    changed = BASES[of] | {key.rstrip("_"): value for key, value in keys.items()}
    lines = [f"{key} = {value}" for key, value in changed.items() if value is not None]
    return "\n".join([f"[[{of}]]", *lines, ""])


def rule(condition: str, *, path: str | None = '"mode"') -> str:
    """A rule with one condition, written as TOML."""
    return f"{table('rules', path=path, between=None)}{condition}\n"


def loaded(folder: Path, text: str) -> Settings:
    path = folder / "config.toml"
    path.write_text(PROJECT + text)
    return load(path, environ={"KEY": "ei_key"})


# --- What they say ------------------------------------------------------------------------


def test_without_a_rule_there_is_none(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").rules == Rules()


def test_severities_keep_their_order_and_are_named_by_their_place(tmp_path: Path) -> None:
    by_path = table("severity", area=None, path='"thresholds[*].value"', severity='"critical"')

    rules = loaded(tmp_path, by_path + table("severity")).rules

    assert rules.severities == (
        SeverityRule(
            name="config:severity[0]",
            subject=Subject(path="thresholds[*].value"),
            severity=Severity.CRITICAL,
        ),
        SeverityRule(
            name="config:severity[1]", subject=Subject(area=Area.TRAINING), severity=Severity.LOW
        ),
    )


def test_what_is_ignored_says_why_by_whom_and_until_when(tmp_path: Path) -> None:
    (ignored,) = loaded(tmp_path, table("ignore", name='" sample count "')).rules.ignores

    assert ignored == IgnoreRule(
        name="sample count",
        subject=Subject(path="dependencies.sampleCount"),
        reason="grows every day",
        author="anna@example.org",
        until=date(2027, 3, 1),
    )
    assert type(ignored.until) is date


def test_what_is_ignored_is_called_by_its_path_or_area_unless_named(tmp_path: Path) -> None:
    by_area = table("ignore", path=None, area='"data"')

    ignores = loaded(tmp_path, table("ignore") + by_area).rules.ignores

    assert [rule.name for rule in ignores] == ["dependencies.sampleCount", "area data"]


def test_a_last_day_in_the_past_is_left_to_whoever_knows_the_history(tmp_path: Path) -> None:
    (ignored,) = loaded(tmp_path, table("ignore", until="2001-01-01")).rules.ignores

    assert ignored.until == date(2001, 1, 1)


def test_a_rule_on_state_is_high_unless_it_says_otherwise(tmp_path: Path) -> None:
    other = table("rules", name='"b"', severity='"info"')

    states = loaded(tmp_path, table("rules") + other).rules.states

    assert states[0] == StateRule(
        name="a sane score",
        condition=Between(0.4, 0.8),
        path="thresholds[min_score].value",
        severity=Severity.HIGH,
    )
    assert states[1].severity is Severity.INFO


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("between = [0, 1]", Between(0, 1)),
        ("between = [0.5, 0.5]", Between(0.5, 0.5)),
        ("between = [-2, 1e3]", Between(-2, 1000)),
        ('is = "visual"', OneOf(("visual",))),
        ('is = ""', OneOf(("",))),
        ("is = true", OneOf((True,))),
        ("is = false", OneOf((False,))),
        ("is = 0", OneOf((0,))),
        ("is = 0.5", OneOf((0.5,))),
        ('one_of = ["visual"]', OneOf(("visual",))),
        ('one_of = ["a", 1, 1.5, false]', OneOf(("a", 1, 1.5, False))),
        (f"one_of = {list(range(50))}", OneOf(tuple(range(50)))),
    ],
)
def test_a_condition_is_as_written(
    tmp_path: Path, condition: str, expected: Between | OneOf
) -> None:
    (state,) = loaded(tmp_path, rule(condition)).rules.states

    assert state.condition == expected
    assert str(state.condition) == str(expected)  # which tells 1 and true apart


@pytest.mark.parametrize(("days", "expected"), [("7", 7), ("0.5", 0.5)])
def test_a_rule_on_the_models_age_has_no_path(tmp_path: Path, days: str, expected: float) -> None:
    (state,) = loaded(tmp_path, rule(f"stale_at_most_days = {days}", path=None)).rules.states

    assert (state.path, state.condition) == ("", StaleAtMost(expected))


@pytest.mark.parametrize(
    ("zone", "begin", "expected"),
    [
        ("UTC", "2026-12-01T08:00:00Z", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ("UTC", "2026-12-01T08:00:00+02:00", datetime(2026, 12, 1, 6, tzinfo=UTC)),
        ("UTC", "2026-12-01 08:00:00", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ("Europe/Berlin", "2026-12-01T08:00:00", datetime(2026, 12, 1, 7, tzinfo=UTC)),
        ("Europe/Berlin", "2026-12-01T08:00:00Z", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        # What clocks skip is as much later, what they show twice is the first.
        ("Europe/Berlin", "2026-03-29T02:30:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("Europe/Berlin", "2026-10-25T02:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_window_is_in_utc(tmp_path: Path, zone: str, begin: str, expected: datetime) -> None:
    schedule = f'[schedule]\ntimezone = "{zone}"\n'

    (window,) = loaded(tmp_path, schedule + table("windows", from_=begin)).rules.windows

    assert window == Window(
        reason="rollout of release 4",
        author="anna@example.org",
        starts_at=expected,
        ends_at=datetime(2026, 12, 1, 18, tzinfo=UTC),
    )
    assert window.starts_at.tzinfo is UTC
    assert window.ends_at.tzinfo is UTC


@pytest.mark.parametrize("name", BASES)
def test_each_may_be_for_some_targets_alone(tmp_path: Path, name: str) -> None:
    rules = loaded(tmp_path, table(name, projects="[1, 2]", blocks='["1/3", "4/5"]')).rules

    made = [rule.scope for rule in rules.severities + rules.ignores]
    made += [rule.scope for rule in rules.states + rules.windows]
    assert made == [TargetScope(projects=frozenset({1, 2}), blocks=BLOCKS)]


def test_every_area_but_interface_and_every_severity_can_be_written() -> None:
    assert {*get_args(rule_tables.AreaName), "interface"} == set(Area)
    assert set(get_args(rule_tables.SeverityName)) == set(Severity)


def test_the_operators_page_shows_rules_that_can_be_used(tmp_path: Path) -> None:
    section = re.split(r"\n## ", PAGE.read_text().split("## Your own rules")[1])[0]
    shown = re.findall(r"```toml\n(.*?)```", section, re.DOTALL)

    project = '[[projects]]\nid = 12345\napi_key = { env = "KEY" }\n'

    settings = loaded(tmp_path, project + "".join(shown))

    assert len(settings.rules.severities) == 2
    assert len(settings.rules.states) == 3
    assert warnings(settings) == ()
