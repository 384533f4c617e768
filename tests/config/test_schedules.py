"""`[[schedules]]`, the limit of a run, and what they are refused for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from auditor.config import Settings, load, warnings
from auditor.errors import ConfigError
from auditor.schedule import parse_cron

_TWO = "".join(f'[[projects]]\nid = {n}\napi_key = {{ env = "EI_KEY" }}\n' for n in (1, 2))


def _schedule(**changes: str) -> str:
    keys = {"name": '"hourly"', "cron": '"0 * * * *"', "projects": "[1]"} | changes
    return "[[schedules]]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


def _loaded(folder: Path, text: str) -> Settings:
    path = folder / "config.toml"
    path.write_text(text)
    return load(path, environ={"EI_KEY": "ei_key"})


def test_a_schedule_of_some_projects_is_as_written(tmp_path: Path) -> None:
    text = _schedule(timezone='"Asia/Tokyo"') + _schedule(name='"b"', projects="[2]")
    first, second = _loaded(tmp_path, f"{_TWO}{text}").schedules

    assert (first.name, first.projects) == ("hourly", (1,))
    assert (first.cron, first.cron.line) == (parse_cron("0 * * * *"), "0 * * * *")
    assert first.timezone == ZoneInfo("Asia/Tokyo")
    assert (second.projects, second.timezone) == ((2,), None)


def test_a_run_may_take_four_hours_unless_written(tmp_path: Path) -> None:
    assert _loaded(tmp_path, _TWO).schedule.limit == timedelta(hours=4)
    short = _loaded(tmp_path, f"[schedule]\nlimit_s = 0.5\n{_TWO}")
    assert short.schedule.limit == timedelta(seconds=0.5)


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        (
            _schedule() + _schedule(name='"b"', projects="[2, 1]"),
            "schedules[1].projects[1]",
            "is also a project of schedules[0]",
        ),
        (_schedule(projects="[3]"), "schedules[0].projects[0]", "project 3 is not audited"),
        (_schedule(projects="[]"), "schedules[0].projects", "is empty"),
        (_schedule(projects='["1"]'), "schedules[0].projects[0]", "is text"),
        (
            _schedule() + _schedule(projects="[2]"),
            "schedules[1].name",
            "is also the name of schedules[0]",
        ),
        (
            _schedule(name='"nightly"'),
            "schedules[0].name",
            "is reserved: reports and the database",
        ),
        (_schedule(cron='"61 * * * *"'), "schedules[0].cron", "minute: 61 is not within"),
        (_schedule(limit_s="1"), "schedules[0].limit_s", "is not a known key"),
        ("[schedule]\nlimit_s = 0\n", "schedule.limit_s", "is out of range"),
    ],
    ids=["twice", "unknown", "empty", "text", "same name", "taken name", "cron", "limit", "none"],
)
def test_what_a_schedule_cannot_be_is_named(
    tmp_path: Path, text: str, key: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _loaded(tmp_path, _TWO + text)

    [found] = caught.value.problems
    assert found.key == key
    assert message in found.message


def test_a_schedule_where_clocks_change_gets_a_warning(tmp_path: Path) -> None:
    text = _schedule(cron='"30 2 * * *"', timezone='"Europe/Berlin"')

    [found] = warnings(_loaded(tmp_path, _TWO + text))
    assert found.startswith(
        "schedules[0].cron: '30 2 * * *' is in the hours in which Europe/Berlin changes"
    )
