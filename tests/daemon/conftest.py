from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from auditor import app
from tests.audit.stage import TEAM, Stage, block, stage


@pytest.fixture
def pump(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    """An installation of three blocks, the night six to seven hours ago."""
    blocks = {3: block(name="Motion"), 4: block(name="Screws"), 5: block(name="Valves")}
    with stage(database_url, tmp_path, blocks, recipients=TEAM) as set_up:
        schedule(set_up, f"0 {(app.now() - timedelta(hours=6)).hour} * * *")
        yield set_up


def schedule(pump: Stage, line: str) -> None:
    """Give the installation a schedule, in UTC, and one request at a time."""
    text = (pump.folder / "config.toml").read_text().partition("\n[schedule]")[0]
    text = text.replace("[studio]\nbase_url", "[studio]\nconcurrency = 1\nbase_url")
    pump.configure(f'{text}\n[schedule]\ncron = "{line}"\n')


def scheduled_since(pump: Stage, since: datetime) -> None:
    """Let the schedule be in force since then."""
    with app.open_store(pump.settings) as store:
        for schedule in app.find_schedules(pump.settings):
            assert store.schedule_start(schedule.name, schedule.line, now=since) == since
