"""What a service's refusal means, for channels of every kind.

2xx is taken. 4xx is for good, but for 408, 425 and 429, which ask to come again. Whatever else,
a redirect too, may pass or be corrected, and is tried again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus

from auditor.errors import DeliveryError
from auditor.redaction import HIDDEN, Secret, shown, veiled
from auditor.web import WebAnswer

_FORM = frozenset({400, 413, 422})  # a shorter message may be taken
_OF_ADDRESS = frozenset({401, 403, 404, 410})
_TEMPORARY = frozenset({408, 425, 429})
_BUSY = frozenset({429, 503})
_SHORTEST_PART = 6  # of a URL; a shorter one would hide ordinary words
_MOST_WORDS = 160


class RefusedError(DeliveryError):
    """A service did not take a message.

    Attributes:
        is_of_form: it may take a shorter one.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        is_unavailable: bool = False,
        is_of_form: bool = False,
    ) -> None:
        self.is_of_form = is_of_form
        super().__init__(message, permanent=permanent, is_unavailable=is_unavailable)


def refused(name: str, answer: WebAnswer, secrets: Iterable[Secret]) -> RefusedError:
    """Return the error for an answer that is not 2xx, without what is secret."""
    words = describe(answer.body, secrets)
    status = answer.status
    said = f"channel {name}: the service answered {status}{_phrase(status)}"
    if 300 <= status < 400:
        said += "; redirects are not followed: name the address that it leads to"
    elif words:
        said += f": {words}"
    if status in _OF_ADDRESS:
        said += "; its url is wrong or no longer valid: create it anew at the service"
    is_for_good = 400 <= status < 500 and status not in _TEMPORARY
    return RefusedError(
        said,
        permanent=is_for_good,
        is_unavailable=status in _BUSY,
        is_of_form=status in _FORM,
    )


def unanswered(name: str, why: str) -> RefusedError:
    """Return the error for a service that did not answer."""
    return RefusedError(f"channel {name}: {why}", is_unavailable=True)


def describe(body: bytes, secrets: Iterable[Secret]) -> str:
    """Return the beginning of an answer on one line, each part of a secret in it hidden."""
    text = body.decode(errors="replace")
    text = "".join(character if character.isprintable() else " " for character in text)
    for secret in secrets:
        for part in _parts(secret):
            text = text.replace(part, HIDDEN)
    text = shown(veiled(" ".join(text.split())))
    return text if len(text) <= _MOST_WORDS else f"{text[:_MOST_WORDS]}…"


def _parts(secret: Secret) -> list[str]:
    """Return a secret and the parts of a URL, the longest first."""
    whole = secret.reveal()
    parts = {part for part in re.split(r"[/:@?&=#+,%]+", whole) if len(part) >= _SHORTEST_PART}
    return sorted({whole, *parts}, key=len, reverse=True)


def _phrase(status: int) -> str:
    try:
        return f" ({HTTPStatus(status).phrase})"
    except ValueError:
        return ""
