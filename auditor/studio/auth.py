"""Who asks: credentials, and the header each of them puts on a request.

The schemes are those of the API document (`securitySchemes`). A scheme whose header changes while
a run lasts, as OAuth2 does, has an `Access` of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from auditor.errors import StudioError
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


class Access(Protocol):
    """How one credential shows itself on the requests of one run; safe to share by coroutines."""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return what must not show in a message, even where Studio repeats it."""
        ...

    async def header(self) -> tuple[str, str]:
        """Return name and value, in clear, of the header that shows who asks.

        Raises:
            StudioError: there is none to be had; what concerns the credential is `whole_project`.
        """
        ...

    async def renew(self, refused: str) -> bool:
        """Return whether a request refused with this header value is worth another try.

        Asked once a request, after status 401.
        """
        ...


class Fixed:
    """The access of a credential that is what it is: it cannot be renewed."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return the credential's secret."""
        return (self._credential.secret,)

    async def header(self) -> tuple[str, str]:
        """Return the credential's header; raises `StudioError` where none can carry it."""
        if not _sendable(self._credential.secret.reveal()):
            raise StudioError("unauthorized", _UNSENDABLE, whole_project=True)
        return header(self._credential)

    async def renew(self, refused: str) -> bool:  # noqa: ARG002 - the protocol's
        """Return False: there is nothing to renew."""
        return False


_UNSENDABLE = (
    "the credential is empty or holds characters that no HTTP header can carry: "
    "check the file or variable it is read from"
)


def _sendable(secret: str) -> bool:
    return bool(secret) and secret.isascii() and secret.isprintable()


def header(credential: Credential) -> tuple[str, str]:
    """Return name and value, in clear, of the header of a credential."""
    match credential:
        case ApiKey(secret):
            return "x-api-key", secret.reveal()
        case JwtHeader(secret):
            return "x-jwt-token", secret.reveal()
        case JwtCookie(secret):
            # A header of our own: a client's cookie jar would carry it to the next credential.
            return "cookie", f"jwt={secret.reveal()}"
