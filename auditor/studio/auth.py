"""Who asks: credentials, and the header each of them puts on a request.

The schemes are those of the API document (`securitySchemes`). A scheme whose header changes while
a run lasts, as OAuth2 does, is a further member of `Credential` with its own way to a header.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from auditor.redaction import Secret


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A project's key, sent as `x-api-key`."""

    secret: Secret


@dataclass(frozen=True, slots=True)
class JwtHeader:
    """A user's token, sent as `x-jwt-token`."""

    secret: Secret


@dataclass(frozen=True, slots=True)
class JwtCookie:
    """A user's token, sent as the cookie `jwt`."""

    secret: Secret


Credential: TypeAlias = ApiKey | JwtHeader | JwtCookie


def header(credential: Credential) -> tuple[str, str]:
    """Return name and value, in clear, of the header that shows who asks."""
    match credential:
        case ApiKey(secret):
            return "x-api-key", secret.reveal()
        case JwtHeader(secret):
            return "x-jwt-token", secret.reveal()
        case JwtCookie(secret):
            # A header of our own: a client's cookie jar would carry it to the next credential.
            return "cookie", f"jwt={secret.reveal()}"
