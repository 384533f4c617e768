"""OAuth2 tokens of one run: requested once, renewed in time and shared by all coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from auditor.credentials import ClientCredentials, Grant, PasswordGrant, StoredLogin
from auditor.errors import NoTokenError, StudioError
from auditor.redaction import Secret, guard
from auditor.studio.auth import bearer_header, refusal_remedy
from auditor.studio.grants import (
    TokenRequest,
    Tokens,
    grant_request,
    read_tokens,
    refresh_request,
)
from auditor.studio.tokenfile import TokenFile
from auditor.studio.wire import Wire

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
_Clock = Callable[[], datetime]


class TokenSource(Protocol):
    """Where the tokens of one credential come from."""

    async def fetch(self, previous: Tokens | None) -> Tokens:
        """Return fresh tokens other than `previous`.

        Raises:
            NoTokenError: there are none.
        """
        ...


def token_access(grant: Grant, wire: Wire, *, now: _Clock) -> TokenAccess:
    """Return the access of a grant that uses the connection pool of its run."""
    match grant:
        case StoredLogin():
            return TokenAccess(_LoginSource(grant, wire, now), now=now)
        case ClientCredentials(_, secret) | PasswordGrant(_, _, secret):
            return TokenAccess(_GrantSource(grant, wire, now), now=now, secrets=(secret,))


class TokenAccess:
    """The access of a credential whose tokens expire; fulfils `auth.Access`.

    If several coroutines need a token, one requests it and all get its result. A permanent
    failure is not repeated. If Studio refuses a token (401), it is renewed once; if the new one is
    refused too, it is not renewed again, as that would not end.
    """

    def __init__(
        self, source: TokenSource, *, now: _Clock, secrets: tuple[Secret, ...] = ()
    ) -> None:
        self._source = source
        self._now = now
        self._lock = asyncio.Lock()
        self._tokens: Tokens | None = None
        self._secrets = list(secrets)
        self._was_refused = False
        self._attempts = 0
        self._failure: NoTokenError | None = None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return the grant's secrets and all tokens of this run: Studio may quote old ones."""
        return tuple(self._secrets)

    @property
    def expires_at(self) -> datetime | None:
        """Return when the current token expires, None if that is not known."""
        return self._tokens.expires_at if self._tokens else None

    async def header(self) -> tuple[str, str]:
        """Return the header of a fresh token; raises `NoTokenError`."""
        tokens = self._tokens
        if tokens is None or not tokens.is_fresh(self._now()):
            tokens = await self._replace(tokens)
        return bearer_header(tokens.access)

    async def renew(self, refused: str) -> bool:
        """Return whether there is a token other than the refused one; raises `NoTokenError`."""
        tokens = self._tokens
        if tokens is None or bearer_header(tokens.access)[1] != refused:
            return True  # another coroutine has renewed it
        if self._was_refused:
            return False
        await self._replace(tokens)
        self._was_refused = True
        return True

    async def _replace(self, previous: Tokens | None) -> Tokens:
        """Return the tokens that replace `previous`."""
        attempts = self._attempts
        async with self._lock:
            if self._tokens is not None and self._tokens is not previous:
                return self._tokens
            if self._failure and (self._attempts != attempts or not self._failure.transient):
                raise self._failure.again()
            return await self._fetch(previous)

    async def _fetch(self, previous: Tokens | None) -> Tokens:
        try:
            tokens = await self._source.fetch(previous)
        except NoTokenError as error:
            self._failure = error
            raise
        finally:
            self._attempts += 1
        self._secrets += [guard(token) for token in (tokens.access, tokens.refresh) if token]
        self._tokens, self._failure, self._was_refused = tokens, None, False
        return tokens


class _GrantSource:
    """Tokens for a grant that works without a person; they are not stored."""

    def __init__(self, grant: ClientCredentials | PasswordGrant, wire: Wire, now: _Clock) -> None:
        self._grant = grant
        self._wire = wire
        self._now = now

    async def fetch(self, previous: Tokens | None) -> Tokens:  # noqa: ARG002 - the protocol's
        """Return new tokens."""
        request = grant_request(self._grant)
        return await request_tokens(self._wire, request, self._now, refusal_remedy(self._grant))


class _LoginSource:
    """Tokens of a login, refreshed in a file that other processes share."""

    def __init__(self, login: StoredLogin, wire: Wire, now: _Clock) -> None:
        self._login = login
        self._wire = wire
        self._now = now
        self._file = TokenFile(login.token_file, (wire.base_url, login.client_id))

    async def fetch(self, previous: Tokens | None) -> Tokens:
        """Return the stored tokens if they are usable, else refreshed ones."""
        stored = self._file.read()
        if self._is_usable(stored, previous):
            return stored
        # Wait as long as another process may need for its own request.
        async with self._file.lock(2 * self._wire.timeout):
            stored = self._file.read()
            if self._is_usable(stored, previous):
                return stored
            return await self._refresh(stored)

    def _is_usable(self, stored: Tokens, previous: Tokens | None) -> bool:
        is_other = previous is None or stored.access != previous.access
        return is_other and stored.is_fresh(self._now())

    async def _refresh(self, stored: Tokens) -> Tokens:
        remedy = "the login has expired: run `auditor login`"
        if stored.refresh is None:
            raise NoTokenError("unauthorized", remedy, whole_project=True)
        request = refresh_request(self._login.client_id, stored.refresh)
        fresh = await request_tokens(
            self._wire, request, self._now, remedy, secrets=(stored.access,)
        )
        # A server that does not rotate refresh tokens sends none: the old one remains valid.
        tokens = replace(fresh, refresh=fresh.refresh or stored.refresh)
        self._file.write(tokens)
        return tokens


async def request_tokens(
    wire: Wire,
    request: TokenRequest,
    now: _Clock,
    remedy: str,
    *,
    secrets: Collection[Secret] = (),
) -> Tokens:
    """Return the tokens that the token endpoint gives for a request; it is not retried.

    Args:
        wire: the connection to Studio.
        request: is posted.
        now: returns the time of the request.
        remedy: what to do if the credential is refused.
        secrets: values to hide in messages, in addition to those of the request.

    Raises:
        NoTokenError: there are none; the message contains no secret.
    """
    at, hidden = now(), (*request.secrets, *secrets)
    for secret in hidden:
        guard(secret)
    try:
        reply = await wire.post_form(TOKEN_PATH, request.headers, request.form, secrets=hidden)
    except StudioError as error:
        raise NoTokenError(
            error.kind,
            f"no OAuth2 token: {error.message}",
            transient=error.transient,
            whole_project=not error.transient,
        ) from error
    return read_tokens(reply, now=at, secrets=hidden, remedy=remedy)
