"""The credentials that a configuration can name for Studio, as values.

The schemes are those of the API document (`securitySchemes`). `auditor.studio.auth` puts them on
requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
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


@dataclass(frozen=True, slots=True)
class BearerToken:
    """An OAuth2 access token obtained elsewhere, sent as `Authorization: Bearer …`."""

    secret: Secret


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """The client credentials grant (RFC 6749 section 4.4)."""

    client_id: str
    client_secret: Secret


@dataclass(frozen=True, slots=True)
class PasswordGrant:
    """The resource owner password grant (RFC 6749 section 4.3)."""

    client_id: str
    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """The authorization code grant (RFC 6749 section 4.1), after `auditor login`.

    Attributes:
        token_file: written by the login and replaced by every refresh.
    """

    client_id: str
    token_file: Path


FixedCredential: TypeAlias = ApiKey | JwtHeader | JwtCookie | BearerToken
Grant: TypeAlias = ClientCredentials | PasswordGrant | StoredLogin
Credential: TypeAlias = FixedCredential | Grant
