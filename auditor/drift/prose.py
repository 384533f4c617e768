"""Markdown as plain text: what the vendor writes for a page, in a line of a mail."""

from __future__ import annotations

import re

# Possessive and bounded, else a text of "[a](" without end takes minutes.
_LINK = re.compile(r"!?\[([^\[\]\n]{0,500}+)\]\(<?([^()\s>]{0,500}+)>?[^()\n]{0,200}+\)")
_MARKS = re.compile(r"(\*\*|__|~~|`+)")
_EMPHASIS = re.compile(r"(?<![\w*_])[*_](?=\S)([^*_\n]+?)(?<=\S)[*_](?![\w*_])")
_LINE_START = re.compile(r"^\s*(?:#{1,6}\s+|>\s?|[-*+]\s+|\d{1,3}[.)]\s+)", re.MULTILINE)
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>")
_LONGEST = 4_000  # characters looked at; what is shown is cut far below


def plain_text(markdown: str) -> str:
    """Return Markdown as one line of plain text, links as `text (address)`."""
    text = _LINK.sub(_link, markdown[:_LONGEST])
    text = _LINE_START.sub("", _TAG.sub("", text))
    text = _EMPHASIS.sub(r"\1", _MARKS.sub("", text))
    return " ".join(text.split())


def _link(found: re.Match[str]) -> str:
    words, address = found.group(1).strip(), found.group(2)
    if not words or words == address:
        return address
    return f"{words} ({address})" if address else words
