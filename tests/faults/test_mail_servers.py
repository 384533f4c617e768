"""What a mail server can do to a night."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.command import Command
from tests.faults.stage import Installation
from tests.test_mail import free_port


def _is_down(pump: Installation) -> Callable[[], None]:
    text = (pump.stage.folder / "config.toml").read_text()
    port = text.partition("\nport = ")[2].partition("\n")[0]
    nobody = str(free_port())
    pump.reconfigure(f"port = {port}", f"port = {nobody}")
    return lambda: pump.reconfigure(f"port = {nobody}", f"port = {port}")


def _refuses_one_of_three(pump: Installation) -> Callable[[], None]:
    pump.reconfigure('["ops@example.org",', '["third@example.org", "ops@example.org",')
    pump.postbox.refuses["ops@example.org"] = "450 try later"
    return pump.postbox.refuses.clear


@pytest.mark.parametrize(
    ("fault", "waiting"),
    [(_is_down, 2), (_refuses_one_of_three, 1)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_a_mail_server_does_not_take_is_delivered_later_and_once(
    pump: Installation, fault: Callable[[Installation], Callable[[], None]], waiting: int
) -> None:
    mend = fault(pump)
    pump.edit(3)
    reported = pump.stage.night()
    mend()

    assert (reported.is_delivered, reported.delivery and reported.delivery.waiting) == (
        False,
        waiting,
    )
    pump.hold_to_the_law()


def test_a_server_that_refuses_the_form_gets_every_report_in_a_shorter_one(
    pump: Installation, auditor: Command
) -> None:
    pump.postbox.refuses_html = True
    pump.edit(3)
    done = auditor("run")
    [text] = {mail.get_content() for who, mail in pump.postbox.taken[-2:]}

    assert done.code == 0
    assert "This is the short form of the report" in text
    assert "[MEDIUM] Pump / Block 3 (7/3): " in text
    pump.hold_to_the_law()


def test_a_message_whose_answer_was_lost_comes_again_under_its_message_id(
    pump: Installation,
) -> None:
    pump.postbox.taken.clear()
    pump.postbox.drops = True
    pump.edit(3)
    pump.stage.night()
    pump.postbox.drops = False
    pump.hold_to_the_law()

    ids = [mail["Message-ID"] for who, mail in pump.postbox.taken if who == "ops@example.org"]
    lost, again, new = ids
    assert lost == again != new
