"""Who asks: credentials, and the header each of them puts on a request.

The schemes are those of the API document (`securitySchemes`). A scheme whose header changes while
a run lasts, as OAuth2 does, has an `Access` of its own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from auditor.credentials import (
    ApiKey,
    BearerToken,
    ClientCredentials,
    Credential,
    FixedCredential,
    JwtCookie,
    JwtHeader,
    PasswordGrant,
    StoredLogin,
)
from auditor.errors import StudioError
from auditor.redaction import Secret


class Access(Protocol):
    """How one credential shows itself on the requests of one run; safe to share by coroutines."""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return what must not show in a message, even where Studio repeats it."""
        ...

    @property
    def expires_at(self) -> datetime | None:
        """Return when what is sent now ends, None where that is not known."""
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

    def __init__(self, credential: FixedCredential) -> None:
        self._credential = credential

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return the credential's secret."""
        return (self._credential.secret,)

    @property
    def expires_at(self) -> None:
        """Return None: nobody says when it ends."""

    async def header(self) -> tuple[str, str]:
        """Return the credential's header; raises `StudioError` where none can carry it."""
        if not is_sendable(self._credential.secret.reveal()):
            raise StudioError("unauthorized", _UNSENDABLE, whole_project=True)
        return header(self._credential)

    async def renew(self, refused: str) -> bool:  # noqa: ARG002 - the protocol's
        """Return False: there is nothing to renew."""
        return False


_UNSENDABLE = (
    "the credential is empty or holds characters that no HTTP header can carry: "
    "check the file or variable it is read from"
)


def is_sendable(secret: str) -> bool:
    """Return whether an HTTP header can carry the text."""
    return bool(secret) and secret.isascii() and secret.isprintable()


def header(credential: FixedCredential) -> tuple[str, str]:
    """Return name and value, in clear, of the header of a credential."""
    match credential:
        case ApiKey(secret):
            return "x-api-key", secret.reveal()
        case JwtHeader(secret):
            return "x-jwt-token", secret.reveal()
        case JwtCookie(secret):
            # A header of our own: a client's cookie jar would carry it to the next credential.
            return "cookie", f"jwt={secret.reveal()}"
        case BearerToken(secret):
            return bearer(secret)


def bearer(token: Secret) -> tuple[str, str]:
    """Return name and value, in clear, of the header of an OAuth2 token (RFC 6750 section 2.1)."""
    return "authorization", f"Bearer {token.reveal()}"


def named(credential: Credential) -> str:
    """Return what kind of credential it is, in words."""
    return _NAMES[type(credential)]


_NAMES: dict[type[Credential], str] = {
    ApiKey: "project key",
    JwtHeader: "user's token as header",
    JwtCookie: "user's token as cookie",
    BearerToken: "OAuth2 token from elsewhere",
    ClientCredentials: "OAuth2 client credentials",
    PasswordGrant: "OAuth2 password",
    StoredLogin: "OAuth2 login",
}


def remedy(credential: Credential, project_id: int | None = None) -> str:
    """Return what to do where Studio refuses the credential, of a project where it is known."""
    match credential:
        case ApiKey():
            whose = "" if project_id is None else f" of project {project_id}"
            return f"make a key{whose} in Studio (Dashboard, Keys), with role admin"
        case JwtHeader() | JwtCookie() | BearerToken():
            return "the token may have ended: put a new one in its place"
        case ClientCredentials():
            return "check client_id and client_secret, and what the client may see in Studio"
        case PasswordGrant():
            return "check client_id, username and password, and what the user may see in Studio"
        case StoredLogin():
            return "run `auditor login` again, as a user who sees the project"
