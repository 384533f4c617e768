"""Header fields of a message, as lines (RFC 5322), other text than ASCII as encoded words.

In place of the email package's: its folding writes empty encoded words, words of more than 75
characters and lost blanks (python/cpython#136052, #144156), and encodes what must not be encoded,
such as a long List-Id. An encoded word holds whole characters (RFC 2047 section 5).
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator

from auditor.addresses import MailAddress

LONGEST_LINE = 78  # RFC 5322 section 2.1.1
LONGEST_ENCODED_LINE, LONGEST_WORD = 76, 75  # RFC 2047 section 2
_FORM = "=?utf-8?{}?{}?="
_OVERHEAD = len(_FORM.format("q", ""))
# What quoted-printable words may have in clear: in text, and in the name of an address.
_CLEAR_IN_TEXT = frozenset(map(chr, range(0x21, 0x7F))) - set("=?_")
_CLEAR_IN_NAME = frozenset(c for c in _CLEAR_IN_TEXT if c.isalnum() or c in "!*+-/")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")


def write_text_field(name: str, text: str) -> str:
    """Return a field of free text, such as the subject, that decodes to exactly `text`.

    `text` is printable. It is written as it is where it is ASCII and its lines can be folded.
    """
    if not text:
        return f"{name}:"
    if _is_plain(text):
        folded = _fold(name, text)
        if folded is not None:
            return folded
    first, *others = _words(text, len(name) + 2, _CLEAR_IN_TEXT)
    return "\r\n ".join([f"{name}: {first}", *others])


def write_structured_field(name: str, value: str) -> str:
    """Return a field whose value has a grammar: it is never encoded and never folded.

    Raises:
        ValueError: the value is not printable ASCII of one line.
    """
    line = f"{name}: {value}"
    if not (line.isascii() and line.isprintable()) or len(line) > 998:
        raise ValueError(f"{name} must be one line of ASCII")
    return line


def write_address_field(name: str, address: MailAddress) -> str:
    """Return a field of one address; only its display name is ever encoded."""
    shown = address.display_name
    if not shown:
        return f"{name}: {address.spec}"
    last = f"<{address.spec}>"
    plain = shown if _ATOMS.fullmatch(shown) else _quoted(shown)
    if _is_plain(shown) and len(name) + 2 + len(plain) <= LONGEST_LINE:
        words, longest = [plain], LONGEST_LINE
    else:
        words = list(_words(shown, len(name) + 2, _CLEAR_IN_NAME))
        longest = LONGEST_ENCODED_LINE
    lines = [f"{name}: {words[0]}", *(f" {word}" for word in words[1:])]
    if len(lines[-1]) + 1 + len(last) <= longest:
        lines[-1] += f" {last}"
    else:
        lines.append(f" {last}")
    return "\r\n".join(lines)


def _is_plain(text: str) -> bool:
    """Return whether a reader sees `text` where it is written as it is."""
    return text.isascii() and text == text.strip() and "=?" not in text


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _fold(name: str, text: str) -> str | None:
    """Return a field folded before blanks, None where a line would be too long."""
    lines = [f"{name}:"]
    for part in re.findall(r" *[^ ]+", f" {text}"):
        if len(lines[-1]) + len(part) <= LONGEST_LINE:
            lines[-1] += part
        else:
            lines.append(part)
    is_folded_well = all(len(line) <= LONGEST_LINE for line in lines) and lines[0] != f"{name}:"
    return "\r\n".join(lines) if is_folded_well else None


def _words(text: str, indent: int, clear: frozenset[str]) -> Iterator[str]:
    """Return encoded words, the first of which stands after `indent` characters of its line.

    In base64 where that is shorter, else quoted-printable.
    """
    quoted = [_quote(character, clear) for character in text]
    is_quoted = sum(map(len, quoted)) <= 4 * -(-len(text.encode()) // 3)
    room = min(LONGEST_WORD, LONGEST_ENCODED_LINE - indent) - _OVERHEAD
    word, length, size = "", 0, 0
    for character, code in zip(text, quoted, strict=True):
        more = len(character.encode())
        longer = length + len(code) if is_quoted else 4 * -(-(size + more) // 3)
        if word and longer > room:
            yield _word(word, clear, is_quoted=is_quoted)
            word, length, size = "", 0, 0
            room = LONGEST_WORD - _OVERHEAD
        word, length, size = word + character, length + len(code), size + more
    if word:
        yield _word(word, clear, is_quoted=is_quoted)


def _word(text: str, clear: frozenset[str], *, is_quoted: bool) -> str:
    if is_quoted:
        return _FORM.format("q", "".join(_quote(character, clear) for character in text))
    return _FORM.format("b", b64encode(text.encode()).decode())


def _quote(character: str, clear: frozenset[str]) -> str:
    if character == " ":
        return "_"
    if character in clear:
        return character
    return "".join(f"={octet:02X}" for octet in character.encode())
