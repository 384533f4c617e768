"""`auditor messages`, and what becomes of messages that nobody wants any more."""

from __future__ import annotations

import pytest

from tests.audit.stage import Stage, target
from tests.cli.command import Command, call, reconfigure


@pytest.fixture
def stuck(pump: Stage, auditor: Command) -> Stage:
    """An installation with message 1 dead and message 2 queued, both of run 1."""
    pump.postbox.refuses = {"ops@example.org": "550 no such user", "ml@example.org": "450 later"}
    auditor("run")
    return pump


def list_states(auditor: Command) -> list[tuple[int, str]]:
    listed = auditor("messages", "--format", "json").json["messages"]
    return [(message["id"], message["state"]) for message in listed]


@pytest.mark.usefixtures("stuck")
def test_what_was_not_delivered_is_listed_with_its_ids(auditor: Command) -> None:
    text, answer = auditor("messages"), auditor("messages", "--format", "json").json

    assert text.out.startswith("1 message queued, 1 dead.\n  2: run 1 to ml@example.org, queued")
    assert "  1: run 1 to ops@example.org, dead, 1 attempt: " in text.out
    assert answer["schema"] == "auditor.messages/1"
    assert answer["outbox"] == {"queued": 1, "dead": 1, "dropped": 0}
    assert [message["id"] for message in answer["messages"]] == [2, 1]


def test_before_the_first_run_the_list_is_empty(pump: Stage, auditor: Command) -> None:
    (pump.folder / "auditor.db").unlink()

    assert auditor("messages").out == "0 messages queued, 0 dead.\n"


@pytest.mark.usefixtures("stuck")
def test_a_message_dropped_by_hand_is_no_longer_a_problem(auditor: Command) -> None:
    before = auditor("status", "--exit-code").code
    done = auditor("messages", "--drop", "1", "2")

    assert (before, done.code) == (2, 0)
    assert done.out.startswith("2 messages dropped.")
    assert list_states(auditor) == [(2, "dropped"), (1, "dropped")]
    assert auditor("status", "--exit-code").code == 0
    assert "0 messages queued, 0 dead, 2 dropped" in auditor("status").out


def test_a_dead_message_is_delivered_once_it_is_queued_again(
    stuck: Stage, auditor: Command
) -> None:
    stuck.postbox.refuses.clear()
    done = auditor("messages", "--retry", "dead", "--format", "json")
    states = [message["state"] for message in done.json["messages"]]
    auditor("run")

    assert (done.code, states) == (0, ["queued"])
    assert [to for to, _ in stuck.postbox.taken].count("ops@example.org") == 2
    assert list_states(auditor) == []


@pytest.mark.usefixtures("stuck")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--drop", "7"], "there is no message 7"),
        (["--retry", "x"], "'x' is not the id"),
        (["--drop", "1", "--retry", "2"], "not allowed with"),
    ],
    ids=call,
)
def test_what_cannot_be_settled_is_exit_2(
    auditor: Command, arguments: list[str], words: str
) -> None:
    done = auditor("messages", *arguments)

    assert (done.code, words in done.err) == (2, True)
    assert list_states(auditor) == [(2, "queued"), (1, "dead")]


@pytest.mark.usefixtures("stuck")
def test_a_dropped_message_cannot_be_queued_again_and_the_remedy_is_named(
    auditor: Command,
) -> None:
    auditor("messages", "--drop", "dead")
    done = auditor("messages", "--retry", "1")

    assert done.code == 2
    assert "message 1 is dropped, with its content: `auditor report 1 --send`" in done.err


def test_a_former_recipient_gets_nothing_and_the_run_recovers(
    stuck: Stage, auditor: Command
) -> None:
    reconfigure(stuck, '"ops@example.org", "ml@example.org"', '"new@example.org"')
    done = auditor("run", "--format", "json")

    assert done.code == 0
    assert [to for to, _ in stuck.postbox.taken] == ["new@example.org"]
    assert list_states(auditor) == [(1, "dead"), (2, "dropped")]
    assert auditor("status", "--exit-code").code == 0
    refused = auditor("messages", "--retry", "1")
    assert "no longer a recipient in the configuration: ops@example.org" in refused.err


def test_without_email_what_was_queued_is_dropped_and_all_is_well(
    stuck: Stage, auditor: Command
) -> None:
    stuck.studio.edit(target(3), lambda a: a["dependencies"].update(sampleCount=4000))
    auditor("run")
    text = (stuck.folder / "config.toml").read_text()
    begin, end = text.index("[email]"), text.index("[[projects]]")
    (stuck.folder / "config.toml").write_text(text[:begin] + text[end:])
    warned = auditor("status").err
    done = auditor("run", "--format", "json")

    assert "the next run drops them" in warned
    assert done.code == 0
    assert {state for _, state in list_states(auditor)} == {"dead", "dropped"}
    assert auditor("status", "--exit-code").code == 0


def test_what_a_dropped_message_held_is_in_the_next_report(stuck: Stage, auditor: Command) -> None:
    stuck.studio.edit(target(3), lambda a: a.update(batchSize=64))
    auditor("run")
    auditor("messages", "--drop", "queued")
    stuck.postbox.refuses.clear()
    auditor("run")

    assert [to for to, _ in stuck.postbox.taken] == ["ops@example.org", "ml@example.org"]
    assert all(
        "Batch size" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr] # it has one
        for _, mail in stuck.postbox.taken
    )
