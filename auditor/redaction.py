"""Secrets in memory and in text: how they are kept, recognised and hidden.

A hidden value keeps a keyed fingerprint, `(hidden:HMAC)`, wherever it is stored or compared, so
that a change of a secret is seen; wherever people look it reads `(hidden)`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

HIDDEN = "(hidden)"
_STORED = re.compile(r"\(hidden:[0-9a-f]{32}\)")
# Hex digits where Studio chose the key; its owner may choose other characters. What stands before
# it says nothing: in JSON it may be the `n` of an escaped line end.
_STUDIO_KEY = re.compile(r"ei_[A-Za-z0-9_-]{32,}")
_STORED_START, _KEY_START = "(hidden:", "ei_"
_SHORTEST_GUARDED = 8  # a shorter one would hide ordinary words, and can be guessed anyway
_guarded: set[str] = set()


class Secret:
    """A secret in memory: shows itself only when asked to."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret in clear."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(
            self._value.encode(), other._value.encode()
        )

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"


@dataclass(frozen=True, slots=True)
class Fingerprinter:
    """Hides secrets under a key that never leaves the database."""

    key: bytes

    def hide(self, value: str) -> str:
        """Return `(hidden:HMAC)` in place of a secret; an already hidden one as it is."""
        if _STORED.fullmatch(value):
            return value
        mark = hmac.new(self.key, value.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return f"(hidden:{mark.hexdigest()[:32]})"

    def hide_keys(self, text: str) -> str:
        """Return `text` with every Studio key hidden.

        A key is `ei_` and 32 or more letters, digits, `-` or `_`.
        """
        return _STUDIO_KEY.sub(lambda match: self.hide(match.group()), text)


def shown(text: str) -> str:
    """Return `text` as people may see it: no fingerprint, no Studio key."""
    if _STORED_START not in text and _KEY_START not in text:  # as nearly every text
        return text
    return _STUDIO_KEY.sub(HIDDEN, _STORED.sub(HIDDEN, text))


def guard(secret: Secret) -> Secret:
    """Return the secret; `veiled` hides it from now on."""
    if len(secret.reveal()) >= _SHORTEST_GUARDED:
        _guarded.add(secret.reveal())
    return secret


def veiled(text: str) -> str:
    """Return `text` as a log may hold it: no secret that this process has read or been given.

    The last line of defence: messages are made without secrets in the first place.
    """
    # The longest first: a secret may be part of another.
    for secret in sorted(_guarded, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return shown(text)
