"""The forms of `auth`: how the auditor logs in to Studio where it has no API key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Discriminator, Tag

from auditor import credentials
from auditor.config.base import Table
from auditor.config.values import AnyPath, AnySecret, HeaderSecret, LineOfText, refusal


class JwtTable(Table):
    """`auth` with a user's token."""

    type: Literal["jwt", "jwt_cookie"]
    token: HeaderSecret

    @property
    def credential(self) -> credentials.JwtHeader | credentials.JwtCookie:
        """Return the credential, which differs in the header that carries it."""
        carried = credentials.JwtHeader if self.type == "jwt" else credentials.JwtCookie
        return carried(self.token)


class ClientCredentialsTable(Table):
    """`auth` with the client credentials grant."""

    type: Literal["oauth2"]
    grant: Literal["client_credentials"]
    client_id: LineOfText
    client_secret: AnySecret

    @property
    def credential(self) -> credentials.ClientCredentials:
        """Return the credential."""
        return credentials.ClientCredentials(self.client_id, self.client_secret)


class PasswordTable(Table):
    """`auth` with the password grant."""

    type: Literal["oauth2"]
    grant: Literal["password"]
    client_id: LineOfText
    username: LineOfText
    password: AnySecret

    @property
    def credential(self) -> credentials.PasswordGrant:
        """Return the credential."""
        return credentials.PasswordGrant(self.client_id, self.username, self.password)


class AuthorizationCodeTable(Table):
    """`auth` with the authorization code grant."""

    type: Literal["oauth2"]
    grant: Literal["authorization_code"]
    client_id: LineOfText
    token_file: AnyPath = Path("oauth-token.json")

    @property
    def credential(self) -> credentials.StoredLogin:
        """Return the credential."""
        return credentials.StoredLogin(self.client_id, self.token_file)


class TokenTable(Table):
    """`auth` with a token that was obtained elsewhere."""

    type: Literal["oauth2"]
    grant: Literal["token"]
    access_token: HeaderSecret

    @property
    def credential(self) -> credentials.BearerToken:
        """Return the credential."""
        return credentials.BearerToken(self.access_token)


_GRANTS = ("client_credentials", "password", "authorization_code", "token")


def _of_known_kind(value: object) -> object:
    if not isinstance(value, dict):
        raise refusal("is not a table", 'write { type = "jwt", token = { env = "NAME" } }')
    kind, grant = value.get("type"), value.get("grant")
    if kind not in ("jwt", "jwt_cookie", "oauth2"):
        raise refusal("has no known type", 'type is "jwt", "jwt_cookie" or "oauth2"')
    if kind == "oauth2" and grant not in _GRANTS:
        raise refusal("has no known grant", f"grant is {' or '.join(_GRANTS)}")
    return value


def _auth_tag(value: dict[str, object]) -> str:
    return f"<{value['grant']}>" if value["type"] == "oauth2" else "<jwt>"


AuthTable: TypeAlias = (
    Annotated[JwtTable, Tag("<jwt>")]
    | Annotated[ClientCredentialsTable, Tag("<client_credentials>")]
    | Annotated[PasswordTable, Tag("<password>")]
    | Annotated[AuthorizationCodeTable, Tag("<authorization_code>")]
    | Annotated[TokenTable, Tag("<token>")]
)
AnyAuth = Annotated[AuthTable, Discriminator(_auth_tag), BeforeValidator(_of_known_kind)]
