"""One login of a person: authorization code with PKCE, kept in the token file."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from auditor.credentials import StoredLogin
from auditor.errors import NoTokenError
from auditor.redaction import Secret, guard
from auditor.studio.grants import Tokens, authorization_address, code_of, code_request
from auditor.studio.redirect import listening
from auditor.studio.tokenfile import TokenFile
from auditor.studio.tokens import ask
from auditor.studio.wire import Wire

AUTHORIZE_PATH = "/oauth/authorize"
_NO_CLIENT = "check client_id, then run `auditor login` again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """How a person is asked in.

    Attributes:
        invite: shows the address at which to allow access.
        patience: how long is waited for the person.
        port: of the redirect, 0 for a free one.
    """

    invite: Callable[[str], Awaitable[None]]
    patience: timedelta
    port: int = 0


async def log_in(
    login: StoredLogin, wire: Wire, visit: Visit, *, now: Callable[[], datetime]
) -> Tokens:
    """Let a person log in and keep what comes of it.

    Raises:
        NoTokenError: nobody came, access was denied, or there is no token to be had.
        UsageError: the port cannot be listened on, or the token file is some other file.
    """
    kept = TokenFile(login.token_file, (wire.base_url, login.client_id))
    kept.require_free()
    async with kept.held(2 * wire.timeout):
        pass  # a file that cannot be written is better known before somebody logs in
    verifier = guard(Secret(secrets.token_urlsafe(64)))
    code, back = await _code(login, wire, visit, verifier)
    request = code_request(login.client_id, guard(code), verifier=verifier, back=back)
    tokens = await ask(wire, request, now, _NO_CLIENT)
    async with kept.held(2 * wire.timeout):
        kept.write(tokens)
    return tokens


async def _code(
    login: StoredLogin, wire: Wire, visit: Visit, verifier: Secret
) -> tuple[Secret, str]:
    """Return the code of a person's answer, and where it was brought to."""
    state = secrets.token_urlsafe(32)
    async with listening(visit.port, state=state) as listener:
        address = authorization_address(
            wire.base_url + AUTHORIZE_PATH,
            login.client_id,
            state=state,
            verifier=verifier,
            back=listener.address,
        )
        await visit.invite(address)
        try:
            async with asyncio.timeout(visit.patience.total_seconds()):
                query = await listener.query()
        except TimeoutError as error:
            minutes = visit.patience.total_seconds() / 60
            message = f"nobody allowed access within {minutes:g} min: run `auditor login` again"
            raise NoTokenError("timeout", message) from error
        return code_of(query), listener.address
