"""Puts credentials on requests, and says what to do when Studio refuses them.

A credential whose header changes during a run, as with OAuth2, has its own `Access`, see
`auditor.studio.tokens`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
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
from auditor.studio.answers import as_integer, quote, read_success

ADMIN = "admin"
_WHERE = "in Studio (Dashboard, Keys)"
_NOT_SENDABLE = (
    "the credential is empty or contains characters that are not allowed in an HTTP header: "
    "check the file or variable it is read from"
)
_DESCRIPTIONS: dict[type[Credential], str] = {
    ApiKey: "project key",
    JwtHeader: "user's token as header",
    JwtCookie: "user's token as cookie",
    BearerToken: "OAuth2 access token",
    ClientCredentials: "OAuth2 client credentials",
    PasswordGrant: "OAuth2 password",
    StoredLogin: "OAuth2 login",
}


class Access(Protocol):
    """The header of one credential for the requests of one run; coroutines can share it."""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return the values to hide in messages, in case Studio repeats them."""
        ...

    @property
    def expires_at(self) -> datetime | None:
        """Return when the current credential expires, None if that is not known."""
        ...

    async def header(self) -> tuple[str, str]:
        """Return name and value, in clear, of the header that authenticates a request.

        Raises:
            StudioError: there is no usable header; `whole_project` if the credential is the cause.
        """
        ...

    async def renew(self, refused: str) -> bool:
        """Return whether to repeat a request that was refused with this header value.

        Called once per request, after status 401.
        """
        ...


class FixedAccess:
    """The access of a credential that does not change and cannot be renewed."""

    def __init__(self, credential: FixedCredential) -> None:
        self._credential = credential

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return the credential's secret."""
        return (self._credential.secret,)

    @property
    def expires_at(self) -> None:
        """Return None: the expiry is not known."""

    async def header(self) -> tuple[str, str]:
        """Return the credential's header; raises `StudioError` if a header cannot contain it."""
        if not is_sendable(self._credential.secret.reveal()):
            raise StudioError("unauthorized", _NOT_SENDABLE, whole_project=True)
        return credential_header(self._credential)

    async def renew(self, refused: str) -> bool:  # noqa: ARG002 - the protocol's
        """Return False: this credential cannot be renewed."""
        return False


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """The answer of `/api/projects/api-key-info`; `role` is empty if Studio does not name it."""

    project_id: int
    role: str


def is_sendable(secret: str) -> bool:
    """Return whether an HTTP header can contain the text."""
    return bool(secret) and secret.isascii() and secret.isprintable()


def credential_header(credential: FixedCredential) -> tuple[str, str]:
    """Return name and value, in clear, of the header for a credential."""
    match credential:
        case ApiKey(secret):
            return "x-api-key", secret.reveal()
        case JwtHeader(secret):
            return "x-jwt-token", secret.reveal()
        case JwtCookie(secret):
            # Set as a header: a client's cookie jar would also send it with the next credential.
            return "cookie", f"jwt={secret.reveal()}"
        case BearerToken(secret):
            return bearer_header(secret)


def bearer_header(token: Secret) -> tuple[str, str]:
    """Return name and value, in clear, of an OAuth2 token's header (RFC 6750 section 2.1)."""
    return "authorization", f"Bearer {token.reveal()}"


def describe_credential(credential: Credential) -> str:
    """Return the kind of the credential in words."""
    return _DESCRIPTIONS[type(credential)]


def refusal_remedy(credential: Credential, project_id: int | None = None) -> str:
    """Return what to do if Studio refuses the credential, for a project if it is known."""
    match credential:
        case ApiKey():
            whose = "" if project_id is None else f" for project {project_id}"
            return f"create a key{whose} with role {ADMIN} {_WHERE}"
        case JwtHeader() | JwtCookie() | BearerToken():
            return "the token may have expired: replace it"
        case ClientCredentials():
            return "check client_id, client_secret and the client's permissions in Studio"
        case PasswordGrant():
            return "check client_id, username, password and the user's permissions in Studio"
        case StoredLogin():
            return "run `auditor login` again, as a user with access to the project"


def read_key_info(body: bytes, *, secrets: Collection[Secret] = ()) -> KeyInfo:
    """Return what Studio says about the key that sent the request; raises `StudioError`."""
    document = read_success(body, secrets=secrets)
    project_id = as_integer(document.get("projectId"), "projectId")
    return KeyInfo(project_id, quote(document.get("role"), secrets=secrets))


def explain_refused_key(info: KeyInfo, project_id: int) -> str:
    """Return why a key cannot read the project, and what to do."""
    if info.project_id != project_id:
        return (
            f"this key belongs to project {info.project_id}, not to {project_id}: "
            f"create one for project {project_id} {_WHERE}"
        )
    if info.role not in {"", ADMIN}:
        return (
            f"the role of this key is {info.role}, which cannot read a block's configuration: "
            f"create a key for project {project_id} with role {ADMIN} {_WHERE}"
        )
    return (
        f"Studio confirms that this key belongs to project {project_id}: try again, then contact "
        "Studio's support"
    )
