"""The messages of OAuth2 (RFC 6749, PKCE by RFC 7636), written and read; pure, nothing is sent.

Authlib is at home in this module alone, and of it the functions that write messages: its HTTP
clients would bring redirects, cookies and answers of any size with them (ADR 0008).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, TypeGuard
from urllib.parse import parse_qs, quote_plus, urlencode

from authlib.oauth2 import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from auditor.credentials import ClientCredentials, PasswordGrant
from auditor.errors import NoTokenError
from auditor.redaction import Secret
from auditor.studio.answers import quote
from auditor.studio.auth import is_sendable
from auditor.studio.statuses import asked_wait, status_error
from auditor.studio.wire import Reply

SCOPES = ("openid", "email", "profile")
"""All that the API document names; none of them is asked for by getKeras itself."""

LEEWAY = timedelta(minutes=1)
"""So long before its end a token is renewed: clocks differ, and answers take their time."""

_LONGEST_TOKEN = 16 * 1024  # more than servers take of all header fields together
_A_TOKEN = f"printable ASCII, {_LONGEST_TOKEN} characters at most; check base_url and any proxy"
_LONGEST_LIFE = timedelta(days=3650)
_PASSING = frozenset({"temporarily_unavailable", "server_error"})  # RFC 6749 section 4.1.2.1


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A token request to post.

    Attributes:
        headers: who asks, where the body does not say it.
        form: the encoded body.
        secrets: every form in which the request holds a secret.
    """

    headers: dict[str, str]
    form: str
    secrets: tuple[Secret, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a token endpoint gave.

    Attributes:
        asked_at: when it was asked for; from then on its life is counted.
        expires_at: None where the endpoint did not say.
    """

    access: Secret
    asked_at: datetime
    expires_at: datetime | None = None
    refresh: Secret | None = None

    def is_good(self, at: datetime) -> bool:
        """Return whether the access token can be sent: it is not about to end."""
        if self.expires_at is None:
            return True
        life = self.expires_at - self.asked_at
        return at < self.expires_at - min(LEEWAY, life / 2)


def grant_request(grant: ClientCredentials | PasswordGrant) -> TokenRequest:
    """Return the token request of a grant that needs no person.

    No scope is asked for: getKeras needs none, and a server may refuse one it does not know.
    """
    match grant:
        case ClientCredentials(client_id, client_secret):
            form = str(prepare_token_request("client_credentials"))
            return _by_client(client_id, client_secret, form)
        case PasswordGrant(client_id, username, password):
            form = str(
                prepare_token_request("password", username=username, password=password.reveal())
            )
            return _by_name(client_id, form, password)


def refresh_request(client_id: str, refresh: Secret) -> TokenRequest:
    """Return the token request that trades a refresh token (RFC 6749 section 6)."""
    form = str(prepare_token_request("refresh_token", refresh_token=refresh.reveal()))
    return _by_name(client_id, form, refresh)


def code_request(client_id: str, code: Secret, *, verifier: Secret, back: str) -> TokenRequest:
    """Return the token request that trades an authorization code (RFC 6749 section 4.1.3).

    Args:
        client_id: of a public client: the verifier proves who asks.
        code: as the redirect brought it.
        verifier: of the challenge that the authorization address held.
        back: where the redirect led to.
    """
    form = str(
        prepare_token_request(
            "authorization_code",
            redirect_uri=back,
            code=code.reveal(),
            code_verifier=verifier.reveal(),
        )
    )
    return _by_name(client_id, form, code, verifier)


def authorization_address(
    endpoint: str, client_id: str, *, state: str, verifier: Secret, back: str
) -> str:
    """Return the address at which a person lets the auditor in (RFC 6749 section 4.1.1)."""
    return str(
        prepare_grant_uri(
            endpoint,
            client_id=client_id,
            response_type="code",
            redirect_uri=back,
            scope=SCOPES,
            state=state,
            code_challenge=create_s256_code_challenge(verifier.reveal()),
            code_challenge_method="S256",
        )
    )


def code_of(query: str) -> Secret:
    """Return the code that a redirect brought, whose state is the right one.

    Raises:
        NoTokenError: `unauthorized`: no code, or access was denied.
    """
    values = parse_qs(query, keep_blank_values=True)
    if "error" in values:
        said = _said(values["error"][0], values.get("error_description", [""])[0])
        raise NoTokenError(
            "unauthorized", f"Studio let nobody in ({said}): allow it and try again"
        )
    code = values.get("code", [""])[0]
    if not code:
        raise NoTokenError(
            "unauthorized", "Studio's answer holds no code: check client_id, then try again"
        )
    return Secret(code)


def read_tokens(
    reply: Reply, *, now: datetime, secrets: Collection[Secret], remedy: str
) -> Tokens:
    """Return the tokens of a token endpoint's answer (RFC 6749 section 5).

    Args:
        reply: the answer.
        now: when it was asked for: from then on a token's life is counted.
        secrets: what must not show in a message.
        remedy: what to do where the credential is refused.

    Raises:
        NoTokenError: there are none in it; a refusal is `unauthorized` and `whole_project`.
    """
    document = _object(reply.body)
    said = _error_in(document, secrets)
    if said and not _is_passing(reply.status, document):
        raise _refused(f"Studio gave no OAuth2 token ({said}): {remedy}")
    if reply.status != HTTPStatus.OK or said:
        raise _by_status(reply, said, now=now, remedy=remedy)
    if document is None:
        raise _unbelievable("not_json", _what(reply.body))
    return _tokens(document, now)


def is_access_token(token: object) -> TypeGuard[str]:
    """Return whether a header can carry it as a bearer token."""
    return is_refresh_token(token) and " " not in token


def is_refresh_token(token: object) -> TypeGuard[str]:
    """Return whether it is printable ASCII (RFC 6749 appendix A.17) of a length to believe."""
    return isinstance(token, str) and is_sendable(token) and len(token) <= _LONGEST_TOKEN


def _by_client(client_id: str, client_secret: Secret, form: str) -> TokenRequest:
    """Show the client's secret by HTTP basic, which every server must know (section 2.3.1)."""
    quoted_id, quoted = quote_plus(client_id), quote_plus(client_secret.reveal())
    client = ClientAuth(quoted_id, quoted, "client_secret_basic")
    _, headers, _ = client.prepare("POST", "", {}, form)
    pair = base64.b64encode(f"{quoted_id}:{quoted}".encode()).decode()
    return TokenRequest(
        headers={str(name): str(value) for name, value in headers.items()},
        form=form,
        secrets=(Secret(pair), client_secret, Secret(quoted)),
    )


def _by_name(client_id: str, form: str, *secrets: Secret) -> TokenRequest:
    """Name a client that has no secret, in the body (section 3.2.1)."""
    quoted = tuple(Secret(quote_plus(one.reveal())) for one in secrets)
    return TokenRequest(
        headers={},
        form=f"{form}&{urlencode({'client_id': client_id})}",
        secrets=(*secrets, *quoted),
    )


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _error_in(document: dict[str, Any] | None, secrets: Collection[Secret]) -> str:
    """Return what an answer says went wrong, empty where it says nothing; secrets hidden."""
    if document is None:
        return ""
    said = _said(document.get("error"), document.get("error_description"), secrets)
    return said or ("it gave no reason" if document.get("success") is False else "")


def _said(error: object, description: object, secrets: Collection[Secret] = ()) -> str:
    texts = [one for one in (error, description) if isinstance(one, str)]
    return ": ".join(text for one in texts if (text := quote(one, secrets=secrets)))


def _is_passing(status: int, document: dict[str, Any] | None) -> bool:
    is_named = document is not None and document.get("error") in _PASSING
    return is_named or status >= 500 or status == HTTPStatus.TOO_MANY_REQUESTS


def _by_status(reply: Reply, said: str, *, now: datetime, remedy: str) -> NoTokenError:
    if reply.status < 400 and said:
        return NoTokenError("http", f"Studio gave no OAuth2 token ({said})", transient=True)
    asked = asked_wait(reply.header("retry-after"), now=now)
    found = status_error(reply.status, said=said, retry_after=asked)
    told = f"no OAuth2 token: {found.message}"
    if found.kind in {"unauthorized", "forbidden"}:
        return _refused(f"{told}; {remedy}")
    transient = found.transient or _is_passing(reply.status, _object(reply.body))
    return NoTokenError(
        found.kind,
        told,
        transient=transient,
        retry_after=found.retry_after,
        whole_project=not transient,
    )


def _tokens(document: dict[str, Any], now: datetime) -> Tokens:
    access, kind = document.get("access_token"), document.get("token_type", "Bearer")
    if not is_access_token(access):
        raise _unbelievable("invalid", f"access_token: expected {_A_TOKEN}")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise _unbelievable("invalid", "token_type: expected Bearer")
    refresh = document.get("refresh_token")
    if isinstance(refresh, str) and refresh and not is_refresh_token(refresh):
        raise _unbelievable("invalid", f"refresh_token: expected {_A_TOKEN}")
    return Tokens(
        access=Secret(access),
        asked_at=now,
        expires_at=_expiry(document.get("expires_in"), now),
        refresh=Secret(refresh) if isinstance(refresh, str) and refresh else None,
    )


def _expiry(seconds: object, now: datetime) -> datetime | None:
    """Return when a token ends; some servers write the number as a text, or 0 for never."""
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit():
        seconds = int(seconds[:12])
    if not isinstance(seconds, int | float) or not seconds > 0:
        return None
    longest = _LONGEST_LIFE.total_seconds()
    return now + timedelta(seconds=min(seconds, longest))


def _what(body: bytes) -> str:
    if body.lstrip()[:1] == b"<":
        return "it looks like a web page; check base_url and any proxy"
    return "it is no JSON object; check base_url"


def _refused(message: str) -> NoTokenError:
    return NoTokenError("unauthorized", message, whole_project=True)


def _unbelievable(kind: str, what: str) -> NoTokenError:
    message = f"the answer to the token request cannot be believed: {what}"
    return NoTokenError(kind, message, whole_project=True)
