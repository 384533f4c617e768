"""Header fields, read back by a reader that allows nothing RFC 5322 and RFC 2047 do not."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.addresses import parse_mailbox
from auditor.headers import write_address_field, write_structured_field, write_text_field
from auditor.mail import MimeComposer
from auditor.publishing import MailContent

_WORD = re.compile(r"=\?utf-8\?([qb])\?([\x21-\x3e\x40-\x7e]+)\?=")
_CODED = re.compile(r"(?:[\x21-\x3c\x3e\x40-\x7e]|=[0-9A-F]{2})+")
TEXTS = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), max_size=150).map(
    lambda text: "".join(character if character.isprintable() else " " for character in text)
)


def unfold(field: str, *, longest: int = 78) -> str:
    """Return the value of a field; every line must be one that all readers take."""
    lines = field.split("\r\n")
    has_words = "=?" in field
    for place, line in enumerate(lines):
        assert len(line) <= (76 if has_words else longest), line
        assert place == 0 or (line.startswith(" ") and line.strip()), lines
    name, colon, value = "".join(lines).partition(":")
    assert colon
    assert re.fullmatch(r"[!-9;-~]+", name)
    return value.removeprefix(" ")


def decode(text: str) -> str:
    """Return what a strict reader shows of free text (RFC 2047 sections 2, 4, 5 and 6.2)."""
    shown, after_word = "", False
    for gap, token in re.findall(r"( *)([^ ]+)", text):
        is_word = token.startswith("=?")
        shown += "" if is_word and after_word else gap
        shown += decode_word(token) if is_word else token
        assert is_word or "=?" not in token
        after_word = is_word
    return shown + (text[len(text.rstrip(" ")) :] if not after_word else "")


def decode_word(word: str) -> str:
    assert len(word) <= 75
    match = _WORD.fullmatch(word)
    assert match is not None, word
    encoding, coded = match.groups()
    if encoding == "b":
        return base64.b64decode(coded, validate=True).decode()
    assert _CODED.fullmatch(coded), coded
    octets = re.sub(
        rb"=([0-9A-F]{2})",
        lambda found: bytes([int(found[1], 16)]),
        coded.replace("_", " ").encode(),
    )
    return octets.decode()


@given(TEXTS)
def test_a_subject_decodes_to_exactly_what_was_meant(text: str) -> None:
    field = write_text_field("Subject", text)

    assert field.isascii()
    assert decode(unfold(field)) == text


@pytest.mark.parametrize(
    "text",
    [
        "[EI drift] no change · 41 of 41 blocks checked",
        "[EI drift] 1 high · Überwachung der Pumpe im Werk Süd: Schicht 2 entfernt · 3 andere",
        "異常検知モデルの学習率が変更されました" * 3,
        " blanks at both ends ",
        "two  blanks, and " + "x" * 90,
        "=?utf-8?q?not_an_encoded_word?=",
        "\N{GRINNING FACE}" * 40,
        "",
    ],
)
def test_a_subject_that_tempts_a_folder_reads_back(text: str) -> None:
    assert decode(unfold(write_text_field("Subject", text))) == text


@pytest.mark.parametrize(
    "text", ["[EI drift] 1 critical | Pump / Motion: Training lost", "a b " * 40]
)
def test_a_subject_of_ascii_is_written_as_it_is(text: str) -> None:
    field = write_text_field("Subject", text.strip())

    assert "=?" not in field
    assert unfold(field) == text.strip()


NAMES = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters='<>"\\'))


@given(st.lists(NAMES.filter(bool), min_size=1, max_size=12).map(" ".join))
def test_a_display_name_is_encoded_and_its_address_is_not(name: str) -> None:
    address = parse_mailbox(f"{name} <auditor@bücher.example>")
    field = write_address_field("From", address)

    phrase, _, spec = unfold(field).rpartition("<")
    assert spec == "auditor@xn--bcher-kva.example>"
    if phrase.startswith("=?"):
        assert re.fullmatch(r"(=\?utf-8\?[qb]\?[A-Za-z0-9!*+/=_-]+\?= ?)+", phrase)
        assert decode(phrase.rstrip()) == address.display_name
    else:
        assert phrase.strip().strip('"') == address.display_name


@pytest.mark.parametrize("value", ["<drift.bücher.example>", "a\r\nBcc: b", "\x00"])
def test_a_structured_field_is_never_encoded(value: str) -> None:
    with pytest.raises(ValueError, match="List-Id must be one line of ASCII"):
        write_structured_field("List-Id", value)


def test_a_long_sender_domain_leaves_every_field_valid() -> None:
    domain = ".".join(["department-of-industrial-condition-monitoring"] * 4) + ".example.org"
    content = MailContent(
        subject="s", text="t\n", html="<p>t", headers={"List-Id": f"<drift.{domain}>"}
    )
    composed = MimeComposer(f"Überwachung <auditor@{domain}>").compose(
        content,
        recipient=f"ops@{domain}",
        message_id=f"<run-1@{domain}>",
        at=datetime(2026, 11, 23, 3, 15, tzinfo=UTC),
    )

    head = composed.decode().split("\r\n\r\n")[0].split("\r\n")
    assert f"List-Id: <drift.{domain}>" in head
    assert f"Message-ID: <run-1@{domain}>" in head
    assert f" <auditor@{domain}>" in head
    assert all(len(line) <= 998 for line in head)
