"""What a channel's service can do to a run, and a run that is killed meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.stage import TEAM, Stage, block, stage, target
from tests.chat_services import Services, is_signed, webhook
from tests.faults.stage import DEADLINE_S, running, wait_until

# Whatever the database, a message has its id: `test_news` has runs killed on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

_CHANNEL = """
[[channels]]
name = "robot"
url = { file = "robot-url" }
format = "json"
secret = { file = "robot-secret" }
"""


@pytest.fixture
def robot() -> Iterator[Services]:
    with webhook() as services:
        yield services


@pytest.fixture
def pump(database_url: str, tmp_path: Path, robot: Services) -> Iterator[Stage]:
    """A block after its first run; reports go to a channel, and by mail to nobody."""
    for name, text in (("robot-url", robot.url), ("robot-secret", "s3cret-s3cret")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    with stage(database_url, tmp_path, {3: block(name="Motion")}, recipients=TEAM) as set_up:
        text = (tmp_path / "config.toml").read_text()
        head, _, rest = text.partition("[email]")
        set_up.configure(f"{head}[context]{rest.partition('[context]')[2]}{_CHANNEL}")
        set_up.night()
        robot.posts.clear()
        robot.on_post.clear()
        yield set_up


def test_a_run_killed_while_a_channel_takes_its_message_sends_it_again_under_the_same_id(
    pump: Stage, robot: Services
) -> None:
    pump.studio.edit(target(3), lambda answer: answer.update(batchSize=64))
    robot.gate.clear()
    with running(pump.folder) as process:
        assert robot.on_post.wait(DEADLINE_S)
        process.kill()
        process.wait()
    robot.gate.set()
    wait_until(lambda: len(robot.taken) == 1)
    assert pump.night().is_delivered

    lost, again, new = robot.taken
    ids = [post.headers["x-auditor-delivery"] for post in robot.taken]
    assert ids[0] == ids[1] != ids[2]
    assert lost.body == again.body
    assert all(is_signed(post, "s3cret-s3cret") for post in robot.taken)
    assert (again.json["totals"]["findings"], new.json["totals"]["findings"]) == (1, 0)
    assert not any(line.get("late") for line in new.json["targets"])
