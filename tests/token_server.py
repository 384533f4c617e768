"""An OAuth2 server with the grants of the API document; tokens expire and rotate.

It checks credentials as RFC 6749 and 7636 require, and grants access without asking a person.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from auditor.demo.http_server import ServerReply, json_reply
from auditor.model import Json

TOKEN_PATH = "/v1/oauth/token"
AUTHORIZE_PATH = "/v1/oauth/authorize"


@dataclass(frozen=True, slots=True)
class _Code:
    client_id: str
    back: str
    challenge: str


@dataclass(kw_only=True)
class TokenServer:
    """Grants tokens, and records the grants.

    Attributes:
        clients: secrets by client id, empty for a public client.
        users: passwords by name.
        life_s: of an access token; 0 leaves `expires_in` out.
        refreshes: whether a login gets a refresh token.
        rotates: whether a refresh token is good for one use.
        replies: answers to the next token requests, in place of the right ones.
        granted: the grants asked for, in turn, refused ones too.
        clock: tells the time in seconds.
    """

    clients: dict[str, str] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    life_s: int = 3600
    refreshes: bool = True
    rotates: bool = True
    replies: list[ServerReply] = field(default_factory=list)
    granted: list[str] = field(default_factory=list)
    clock: Callable[[], float] = time.time
    _access: dict[str, float] = field(default_factory=dict)
    _refresh: dict[str, str] = field(default_factory=dict)
    _codes: dict[str, _Code] = field(default_factory=dict)

    def accepts(self, authorization: str) -> bool:
        """Return whether an `Authorization` header holds a token that is in force."""
        kind, _, token = authorization.partition(" ")
        return kind == "Bearer" and self._access.get(token, 0) > self.clock()

    def allow(self, access: str) -> None:
        """Let an access token in for as long as they live here."""
        self._access[access] = self.clock() + (self.life_s or 10**9)

    def admit(self, refresh: str, client_id: str) -> None:
        """Let a client in by a refresh token, as if somebody had logged in."""
        self._refresh[refresh] = client_id

    def revoke(self) -> None:
        """End every access token; refresh tokens go on."""
        self._access.clear()

    def issued(self) -> tuple[str, ...]:
        """Return every access and refresh token in force."""
        return (*self._access, *self._refresh)

    def authorize(self, target: str) -> ServerReply:
        """Return the redirect that a person's browser gets for allowing access."""
        asked = _form(urlsplit(target).query)
        if asked.get("client_id") not in self.clients:
            return _refusal("invalid_client", status=400)
        code = secrets.token_urlsafe(16)
        back = asked.get("redirect_uri", "")
        self._codes[code] = _Code(asked["client_id"], back, asked.get("code_challenge", ""))
        answer = urlencode({"code": code, "state": asked.get("state", "")})
        return ServerReply(status=302, headers=(("Location", f"{back}?{answer}"),))

    def token(self, authorization: str, body: str) -> ServerReply:
        """Return the answer to a token request."""
        asked = _form(body)
        grant = asked.get("grant_type", "")
        self.granted.append(grant)
        if self.replies:
            return self.replies.pop(0)
        client_id = self._client(authorization, asked)
        if client_id is None:
            return _refusal("invalid_client", status=401)
        answers: dict[str, Callable[[str, dict[str, str]], ServerReply]] = {
            "client_credentials": self._by_client,
            "password": self._by_password,
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh,
        }
        answer = answers.get(grant)
        return answer(client_id, asked) if answer else _refusal("unsupported_grant_type")

    def _client(self, authorization: str, asked: dict[str, str]) -> str | None:
        client_id, secret = _basic(authorization) or (asked.get("client_id", ""), "")
        return client_id if self.clients.get(client_id) == secret else None

    def _by_client(self, client_id: str, asked: dict[str, str]) -> ServerReply:
        del asked
        if not self.clients[client_id]:
            return _refusal("unauthorized_client")
        return self._tokens()

    def _by_password(self, client_id: str, asked: dict[str, str]) -> ServerReply:
        del client_id
        password = asked.get("password", "")
        if not password or self.users.get(asked.get("username", "")) != password:
            return _refusal("invalid_grant", "wrong name or password")
        return self._tokens()

    def _by_code(self, client_id: str, asked: dict[str, str]) -> ServerReply:
        code = self._codes.pop(asked.get("code", ""), None)
        wanted = _Code(client_id, asked.get("redirect_uri", ""), _challenge(asked))
        if code != wanted:
            return _refusal("invalid_grant")
        return self._tokens(client_id)

    def _by_refresh(self, client_id: str, asked: dict[str, str]) -> ServerReply:
        token = asked.get("refresh_token", "")
        if self._refresh.get(token) != client_id:
            return _refusal("invalid_grant", "the refresh token is not known or was used")
        if self.rotates:
            del self._refresh[token]
            return self._tokens(client_id)
        return self._tokens()

    def _tokens(self, keeper: str = "") -> ServerReply:
        access = secrets.token_urlsafe(24)
        self.allow(access)
        document: dict[str, Json] = {"access_token": access, "token_type": "Bearer"}
        if self.life_s:
            document["expires_in"] = self.life_s
        if keeper and self.refreshes:
            refresh = secrets.token_urlsafe(24)
            self._refresh[refresh] = keeper
            document["refresh_token"] = refresh
        return json_reply(document)


def _refusal(error: str, description: str = "", *, status: int = 400) -> ServerReply:
    """Return a refusal as RFC 6749 section 5.2 has it."""
    document: dict[str, Json] = {"error": error}
    if description:
        document["error_description"] = description
    return json_reply(document, status=status)


def _form(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


def _basic(authorization: str) -> tuple[str, str] | None:
    kind, _, pair = authorization.partition(" ")
    if kind != "Basic":
        return None
    try:
        name, _, secret = base64.b64decode(pair, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(name), unquote_plus(secret)


def _challenge(asked: dict[str, str]) -> str:
    digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
