"""OAuth2 for one run: a token is asked for once, renewed in time, shared by every coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from auditor.credentials import ClientCredentials, Grant, PasswordGrant, StoredLogin
from auditor.errors import NoTokenError, StudioError
from auditor.redaction import Secret, guard
from auditor.studio.auth import bearer, remedy
from auditor.studio.grants import (
    TokenRequest,
    Tokens,
    grant_request,
    read_tokens,
    refresh_request,
)
from auditor.studio.tokenfile import TokenFile
from auditor.studio.wire import Wire

TOKEN_PATH = "/oauth/token"  # noqa: S105 - where tokens come from
_Clock = Callable[[], datetime]


class Source(Protocol):
    """Where tokens of one credential come from."""

    async def tokens(self, spent: Tokens | None) -> Tokens:
        """Return tokens that are good now and not `spent`.

        Raises:
            NoTokenError: there are none to be had.
        """
        ...


def token_access(grant: Grant, wire: Wire, *, now: _Clock) -> TokenAccess:
    """Return the access of a grant, over the wire of its run."""
    match grant:
        case StoredLogin():
            return TokenAccess(_Kept(grant, wire, now), now=now)
        case ClientCredentials(_, secret) | PasswordGrant(_, _, secret):
            return TokenAccess(_Granted(grant, wire, now), now=now, also=(secret,))


class TokenAccess:
    """The access of a credential whose tokens come and go; fulfils `auth.Access`.

    Of coroutines that need a token at once one asks, and its luck is that of all who waited. What
    is refused for good is not asked again. A token that took the place of one that Studio refused
    (401) and is refused itself is the last: renewing it again would be a loop.
    """

    def __init__(self, source: Source, *, now: _Clock, also: tuple[Secret, ...] = ()) -> None:
        self._source = source
        self._now = now
        self._lock = asyncio.Lock()
        self._tokens: Tokens | None = None
        self._seen = list(also)
        self._is_second = False
        self._attempts = 0
        self._failure: NoTokenError | None = None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return what tokens are got with and every token of this run: old ones may be quoted."""
        return tuple(self._seen)

    @property
    def expires_at(self) -> datetime | None:
        """Return when the present token ends, None where nobody said so."""
        return self._tokens.expires_at if self._tokens else None

    async def header(self) -> tuple[str, str]:
        """Return the header of a token that is good; raises `NoTokenError`."""
        tokens = self._tokens
        if tokens is None or not tokens.is_good(self._now()):
            tokens = await self._replaced(tokens)
        return bearer(tokens.access)

    async def renew(self, refused: str) -> bool:
        """Return whether there is another token than the refused one; raises `NoTokenError`."""
        tokens = self._tokens
        if tokens is None or bearer(tokens.access)[1] != refused:
            return True  # another coroutine was faster
        if self._is_second:
            return False
        await self._replaced(tokens)
        self._is_second = True
        return True

    async def _replaced(self, spent: Tokens | None) -> Tokens:
        """Return the tokens after `spent`."""
        attempts = self._attempts
        async with self._lock:
            if self._tokens is not None and self._tokens is not spent:
                return self._tokens
            if self._failure and (self._attempts != attempts or not self._failure.transient):
                raise self._failure.again()
            return await self._asked(spent)

    async def _asked(self, spent: Tokens | None) -> Tokens:
        try:
            tokens = await self._source.tokens(spent)
        except NoTokenError as error:
            self._failure = error
            raise
        finally:
            self._attempts += 1
        self._seen += [guard(one) for one in (tokens.access, tokens.refresh) if one]
        self._tokens, self._failure, self._is_second = tokens, None, False
        return tokens


class _Granted:
    """Tokens for what the configuration holds: no person is needed, nothing is kept."""

    def __init__(self, grant: ClientCredentials | PasswordGrant, wire: Wire, now: _Clock) -> None:
        self._grant = grant
        self._wire = wire
        self._now = now

    async def tokens(self, spent: Tokens | None) -> Tokens:  # noqa: ARG002 - the protocol's
        """Return new tokens."""
        request = grant_request(self._grant)
        return await ask(self._wire, request, self._now, remedy(self._grant))


class _Kept:
    """Tokens that a login began and each refresh carries on, shared with other processes."""

    def __init__(self, login: StoredLogin, wire: Wire, now: _Clock) -> None:
        self._login = login
        self._wire = wire
        self._now = now
        self._file = TokenFile(login.token_file, (wire.base_url, login.client_id))

    async def tokens(self, spent: Tokens | None) -> Tokens:
        """Return the kept tokens where they do, else renewed ones."""
        kept = self._file.read()
        if self._will_do(kept, spent):
            return kept
        # As long as another process may rightly take for its own request.
        async with self._file.held(2 * self._wire.timeout):
            kept = self._file.read()
            if self._will_do(kept, spent):
                return kept
            return await self._refreshed(kept)

    def _will_do(self, kept: Tokens, spent: Tokens | None) -> bool:
        is_other = spent is None or kept.access != spent.access
        return is_other and kept.is_good(self._now())

    async def _refreshed(self, kept: Tokens) -> Tokens:
        again = "the login has ended: run `auditor login`"
        if kept.refresh is None:
            raise NoTokenError("unauthorized", again, whole_project=True)
        request = refresh_request(self._login.client_id, kept.refresh)
        fresh = await ask(self._wire, request, self._now, again, also=(kept.access,))
        # A server that does not rotate sends none: the old one goes on.
        whole = replace(fresh, refresh=fresh.refresh or kept.refresh)
        self._file.write(whole)
        return whole


async def ask(
    wire: Wire,
    request: TokenRequest,
    now: _Clock,
    remedy: str,
    *,
    also: Collection[Secret] = (),
) -> Tokens:
    """Return what the token endpoint gives for a request, sent once.

    Args:
        wire: to Studio.
        request: to post.
        now: tells when it is asked for.
        remedy: what to do where the credential is refused.
        also: secrets that no message may hold, beside those of the request.

    Raises:
        NoTokenError: it gives none; the message holds no secret.
    """
    at, secrets = now(), (*request.secrets, *also)
    for one in secrets:
        guard(one)
    try:
        reply = await wire.post_form(TOKEN_PATH, request.headers, request.form, secrets=secrets)
    except StudioError as error:
        raise _no_token(error) from error
    return read_tokens(reply, now=at, secrets=secrets, remedy=remedy)


def _no_token(error: StudioError) -> NoTokenError:
    message = f"no OAuth2 token: {error.message}"
    return NoTokenError(
        error.kind, message, transient=error.transient, whole_project=not error.transient
    )
