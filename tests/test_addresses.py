"""Mail addresses: what the configuration accepts is what a mail server is handed."""

from __future__ import annotations

import pytest

from auditor.addresses import parse_address, parse_mailbox
from tests.test_mail import Postbox, message, serving


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("ml-team@bücher.example", "ml-team@xn--bcher-kva.example"),
        ("a@straße.example", "a@xn--strae-oqa.example"),
        ("jörg@example.org", "jörg@example.org"),
        ('"the team"@example.org', '"the team"@example.org'),
        ("a@[IPv6:::1]", "a@[IPv6:::1]"),
        ("root", "root"),
    ],
)
def test_an_address_is_written_as_mail_carries_it(text: str, spec: str) -> None:
    assert parse_address(text).spec == spec


@pytest.mark.parametrize(
    "text", ["", "a@", "@b", "a b", "a@b c", "a..b@c", "a@b@c", "<a@b>", "a@-b", "a\n", "a@b\x00"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever its words
        parse_address(text)


def test_a_display_name_may_be_quoted() -> None:
    address = parse_mailbox(r'"Drift, \"nightly\"" <a@b.example>')

    assert (address.display_name, address.spec) == ('Drift, "nightly"', "a@b.example")


@pytest.mark.parametrize(
    ("recipient", "taken"),
    [
        ("root", "root"),
        ("ml-team@bücher.example", "ml-team@xn--bcher-kva.example"),
        ("jörg@example.org", "jörg@example.org"),
    ],
)
def test_a_server_takes_a_message_to_it(recipient: str, taken: str) -> None:
    with serving(postbox := Postbox(), enable_SMTPUTF8=True) as mailer:
        mailer.send(message(recipient))

    (envelope,) = postbox.taken
    assert envelope.rcpt_tos == [taken]
    assert f"\r\nTo: {taken}\r\n" in (envelope.original_content or b"").decode()
