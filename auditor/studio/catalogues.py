"""Reads answers whose catalogue is known without parsing it again.

Nine tenths of an answer are the vendor's catalogue, and a few catalogues serve all blocks. What
stands in an answer byte for byte as in an earlier one is parsed and checked once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from functools import cache
from secrets import token_hex

from auditor.drift.block_kinds import BlockKind
from auditor.errors import StudioError
from auditor.model import Json, JsonObject
from auditor.redaction import Secret
from auditor.studio.answers import parse_body, read_answer

_MOST_KEPT = 16  # there is one for each type of block and release of the vendor
_WORTHWHILE = 1024  # bytes
_SCANNER = json.JSONDecoder(parse_int=str, parse_float=str)  # finds the end of a value


class AnswerReader:
    """Reads the answers of one run, exactly as `read_answer` does."""

    def __init__(self) -> None:
        self._known: dict[bytes, Json] = {}
        # In the place of a catalogue a list that no answer can have.
        self._stand_in: Json = [{token_hex(16): None}]
        self._stand_in_bytes = json.dumps(self._stand_in).encode()

    def read(
        self, body: bytes, kind: BlockKind, *, secrets: Collection[Secret] = ()
    ) -> JsonObject:
        """Return a valid answer for a block; several may have one catalogue: do not change it.

        Raises:
            StudioError: as `read_answer`.
        """
        start = _find_catalogue(body, kind)
        if start is None:
            return read_answer(body, kind, secrets=secrets)
        known = next((content for content in self._known if body.startswith(content, start)), None)
        if known is None:
            document = read_answer(body, kind, secrets=secrets)
            self._learn(body[start:])
            return document
        short = body[:start] + self._stand_in_bytes + body[start + len(known) :]
        try:
            document = read_answer(short, kind, secrets=secrets)
        except StudioError:  # read it whole, as the message may name a line of it
            return read_answer(body, kind, secrets=secrets)
        if document.get(kind.catalogue) != self._stand_in:  # another object had such a key
            return read_answer(body, kind, secrets=secrets)
        return {**document, kind.catalogue: self._known[known]}

    def _learn(self, rest: bytes) -> None:
        """Remember the catalogue with which the rest of a valid answer begins."""
        if len(self._known) == _MOST_KEPT:
            return
        text = rest.decode()
        _, length = _SCANNER.raw_decode(text)
        content = text[:length].encode()
        if len(content) >= _WORTHWHILE:
            self._known[content] = parse_body(content)


def _find_catalogue(body: bytes, kind: BlockKind) -> int | None:
    """Return where the value of what seems to be an answer's catalogue begins."""
    found = _key_pattern(kind.catalogue).search(body) if kind.catalogue else None
    return None if found is None else found.end()


@cache
def _key_pattern(key: str) -> re.Pattern[bytes]:
    return re.compile(rb'"%s"\s*:\s*' % re.escape(key.encode()))
