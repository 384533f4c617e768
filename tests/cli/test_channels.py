from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.stage import Stage, block, target
from tests.chat_services import Services, is_signed, webhook
from tests.cli.command import Command

CHANNELS = """
[[channels]]
name = "robot"
url = { file = "robot-url" }
format = "json"
secret = { file = "robot-secret" }
[[channels]]
name = "team chat"
url = { file = "chat-url" }
"""


@pytest.fixture
def robot() -> Iterator[Services]:
    with webhook() as services:
        yield services


@pytest.fixture
def chat() -> Iterator[Services]:
    with webhook() as services:
        yield services


@pytest.fixture
def channels(pump: Stage, robot: Services, chat: Services) -> Stage:
    """The installation with two channels and no mail."""
    write_secret(pump.folder / "robot-url", robot.url)
    write_secret(pump.folder / "robot-secret", "s3cret-s3cret")
    write_secret(pump.folder / "chat-url", chat.url.replace("http:", "json:"))
    text = (pump.folder / "config.toml").read_text()
    head, _, rest = text.partition("[email]")
    pump.configure(f"{head}[[projects]]{rest.partition('[[projects]]')[2]}{CHANNELS}")
    return pump


def write_secret(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def test_a_run_reaches_each_channel_without_mail(
    channels: Stage, robot: Services, chat: Services, auditor: Command
) -> None:
    done = auditor("run", "--format", "json")

    assert (done.code, channels.postbox.taken) == (0, [])
    assert robot.taken[0].json == done.json
    assert is_signed(robot.taken[0], "s3cret-s3cret")
    assert "2 blocks recorded" in chat.taken[0].json["message"]
    assert "c0ffee" not in done.err


def test_a_channel_that_takes_nothing_holds_back_no_other_and_is_tried_again(
    channels: Stage, robot: Services, chat: Services, auditor: Command
) -> None:
    del channels
    robot.answers = [503]
    first = auditor("run")
    waiting = auditor("status").out
    second = auditor("run")

    assert (first.code, len(chat.taken) - 1, second.code) == (2, 1, 0)
    assert "channel robot" in waiting
    assert "503" in waiting
    assert "c0ffee" not in first.err + waiting
    ids = [post.headers["x-auditor-delivery"] for post in robot.posts]
    assert ids[0] == ids[1] != ids[2]


def test_a_message_that_a_channel_refuses_is_dead_and_visible_until_it_is_settled(
    channels: Stage, robot: Services, auditor: Command
) -> None:
    del channels
    robot.answers = [410]
    first = auditor("run")
    status = auditor("status", "--exit-code")
    auditor("messages", "--retry", "dead")
    second = auditor("run")

    assert (first.code, status.code, second.code) == (2, 2, 0)
    assert "channel robot: the service answered 410 (Gone)" in status.out
    ids = [post.headers["x-auditor-delivery"] for post in robot.posts]
    assert ids[0] == ids[1] != ids[2]
    assert auditor("status", "--exit-code").code == 0


def test_messages_to_a_channel_that_is_gone_are_dropped_and_listed(
    channels: Stage, robot: Services, auditor: Command
) -> None:
    robot.answers = [503]
    auditor("run")
    text = (channels.folder / "config.toml").read_text()
    start, end = text.index("[[channels]]"), text.rindex("[[channels]]")
    channels.configure(text[:start] + text[end:])
    done = auditor("run")

    listed = auditor("messages").out
    assert done.code == 0
    assert "channel robot" in listed
    assert "no longer a recipient" in listed


def test_a_subscribed_channel_sees_nothing_of_the_rest(
    channels: Stage, robot: Services, chat: Services, auditor: Command
) -> None:
    text = (channels.folder / "config.toml").read_text()
    part = '[[subscriptions]]\nchannel = "robot"\nblocks = ["7/3"]\n'
    channels.configure(f"{text}\n{part}")
    auditor("run")
    for learn_id in (3, 4):
        channels.studio.edit(target(learn_id), lambda answer: answer.update(batchSize=64))
    robot.posts.clear()
    auditor("run")

    report = robot.taken[0].json
    assert [block["learn_id"] for block in report["targets"]] == [3]
    assert report["totals"]["targets"] == 1
    assert "Screws" not in robot.taken[0].body.decode()
    assert "Screws" in chat.taken[-1].json["message"]


def test_a_chat_that_gets_a_part_sees_nothing_of_the_rest(
    channels: Stage, chat: Services, auditor: Command
) -> None:
    text = (channels.folder / "config.toml").read_text()
    channels.configure(f'{text}\n[[subscriptions]]\nchannel = "team chat"\nblocks = ["7/3"]\n')
    auditor("run")
    for learn_id in (3, 4):
        channels.studio.edit(target(learn_id), lambda answer: answer.update(batchSize=64))
    channels.studio.put(target(5), block(name="Valves"))
    auditor("run")
    channels.studio.remove(target(4))
    nothing = len(chat.taken)
    auditor("run")

    said = chat.taken[-1].json
    assert "Motion" in said["message"]
    assert said["message"].startswith("DRIFT. 1 medium change.\n0 critical | 1 less severe | ")
    assert not any(name in f"{post.json}" for post in chat.taken for name in ("Screws", "Valves"))
    assert len(chat.taken) == nothing  # no drift of its own: nothing to say


def test_check_names_each_channel_and_sends_only_where_asked(
    channels: Stage, robot: Services, chat: Services, auditor: Command
) -> None:
    del channels
    checked = auditor("check")
    before = len(robot.posts) + len(chat.posts)
    tested = auditor("check", "--send-test")

    assert "channel robot: 127.0.0.1 can be reached" in checked.out
    assert "channel team chat: 127.0.0.1 can be reached" in checked.out
    assert (before, checked.code, tested.code) == (0, 0, 0)
    assert robot.taken[0].json["test"] is True
    assert chat.taken[0].json["title"].startswith("[test] ")


def test_a_chat_reads_the_worst_finding_of_all_blocks_first(
    channels: Stage, chat: Services, auditor: Command
) -> None:
    auditor("run")
    channels.studio.edit(target(3), lambda answer: answer.update(batchSize=64, trainingCycles=9))
    channels.studio.edit(target(4), lambda answer: answer.update(trained=False))
    auditor("run")

    lines = chat.taken[-1].json["message"].splitlines()
    found = [line for line in lines if line.startswith("[")]
    assert found[0].startswith("[CRITICAL] ")
    assert "(7/4)" in found[0]
    assert len(found) == 3


def test_a_test_message_that_is_refused_names_the_channel_once_and_a_remedy(
    channels: Stage, robot: Services, auditor: Command
) -> None:
    write_secret(channels.folder / "chat-url", "https://hooks.slack.com/services/T0/B0")
    robot.answers = [404]
    done = auditor("check", "--send-test")
    lines = [line for line in done.out.splitlines() if line.startswith("FAILED")]

    assert done.code == 2
    assert lines[0].startswith("FAILED  channel team chat: its url is no address that Apprise")
    assert lines[1].startswith("FAILED  test message to channel robot: the service answered 404 (")
    assert lines[1].endswith("its url is wrong or no longer valid: create it anew at the service")
    assert lines[2].startswith("FAILED  test message to channel team chat: its url is no address")
