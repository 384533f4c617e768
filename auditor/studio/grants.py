"""Writes and reads the messages of OAuth2 (RFC 6749, PKCE by RFC 7636); pure, sends nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, TypeGuard
from urllib.parse import parse_qs, quote_plus, urlencode

from auditor.credentials import ClientCredentials, PasswordGrant
from auditor.errors import NoTokenError
from auditor.redaction import Secret
from auditor.studio.answers import quote, status_error
from auditor.studio.auth import is_sendable
from auditor.studio.manners import parse_retry_after
from auditor.studio.wire import Reply

SCOPES = ("openid", "email", "profile")
"""The scopes that the API document names; getKeras itself requires none of them."""

LEEWAY = timedelta(minutes=1)
"""A token is renewed so long before it expires: clocks differ and answers take time."""

_LONGEST_TOKEN = 16 * 1024  # characters; servers accept less for all header fields together
_TOKEN_FORMAT = (
    f"printable ASCII of at most {_LONGEST_TOKEN} characters; check base_url and the proxy"
)
_LONGEST_LIFETIME = timedelta(days=3650)
_TRANSIENT_ERRORS = frozenset(
    {"temporarily_unavailable", "server_error"}
)  # RFC 6749 section 4.1.2.1


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A token request, to be sent with POST.

    Attributes:
        headers: authenticate the client, if the body does not.
        form: the encoded body.
        secrets: the request's secrets, in every encoding that it contains.
    """

    headers: dict[str, str]
    form: str
    secrets: tuple[Secret, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The tokens of a token endpoint's answer.

    Attributes:
        asked_at: when they were requested; their lifetime starts then.
        expires_at: None if the endpoint did not say.
    """

    access: Secret
    asked_at: datetime
    expires_at: datetime | None = None
    refresh: Secret | None = None

    def is_fresh(self, at: datetime) -> bool:
        """Return whether the access token can be sent: it does not expire soon."""
        if self.expires_at is None:
            return True
        lifetime = self.expires_at - self.asked_at
        return at < self.expires_at - min(LEEWAY, lifetime / 2)


def grant_request(grant: ClientCredentials | PasswordGrant) -> TokenRequest:
    """Return the token request of a grant that works without a person.

    No scope is requested: getKeras requires none, and a server may refuse an unknown scope.
    """
    match grant:
        case ClientCredentials(client_id, client_secret):
            # HTTP basic is what every server must support (RFC 6749 section 2.3.1), with both
            # parts form-encoded.
            quoted_secret = quote_plus(client_secret.reveal())
            pair = f"{quote_plus(client_id)}:{quoted_secret}".encode()
            basic = base64.b64encode(pair).decode()
            return TokenRequest(
                headers={"authorization": f"Basic {basic}"},
                form=urlencode({"grant_type": "client_credentials"}),
                secrets=(Secret(basic), client_secret, Secret(quoted_secret)),
            )
        case PasswordGrant(client_id, username, password):
            fields = {"username": username, "password": password.reveal()}
            return _public_client_request("password", client_id, fields, password)


def refresh_request(client_id: str, refresh: Secret) -> TokenRequest:
    """Return the token request that uses a refresh token (RFC 6749 section 6)."""
    fields = {"refresh_token": refresh.reveal()}
    return _public_client_request("refresh_token", client_id, fields, refresh)


def code_request(
    client_id: str, code: Secret, *, verifier: Secret, redirect_uri: str
) -> TokenRequest:
    """Return the token request that uses an authorization code (RFC 6749 section 4.1.3).

    Args:
        client_id: of a public client, which the verifier authenticates.
        code: from the redirect.
        verifier: of the challenge in the authorization URL.
        redirect_uri: the one in the authorization URL.
    """
    fields = {
        "redirect_uri": redirect_uri,
        "code": code.reveal(),
        "code_verifier": verifier.reveal(),
    }
    return _public_client_request("authorization_code", client_id, fields, code, verifier)


def authorization_url(
    endpoint: str, client_id: str, *, state: str, verifier: Secret, redirect_uri: str
) -> str:
    """Return the URL at which a person grants access (RFC 6749 section 4.1.1)."""
    digest = hashlib.sha256(verifier.reveal().encode()).digest()
    fields = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(SCOPES),
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    return f"{endpoint}?{urlencode(fields)}"


def read_code(query: str) -> Secret:
    """Return the code of a redirect, whose state the caller has checked.

    Raises:
        NoTokenError: `unauthorized`: there is no code, or access was denied.
    """
    values = parse_qs(query, keep_blank_values=True)
    if "error" in values:
        error_text = _error_text(values["error"][0], values.get("error_description", [""])[0])
        raise NoTokenError(
            "unauthorized", f"Studio did not grant access ({error_text}): allow it and try again"
        )
    code = values.get("code", [""])[0]
    if not code:
        raise NoTokenError(
            "unauthorized", "Studio's answer has no code: check client_id, then try again"
        )
    return Secret(code)


def read_tokens(
    reply: Reply, *, now: datetime, secrets: Collection[Secret], remedy: str
) -> Tokens:
    """Return the tokens of a token endpoint's answer (RFC 6749 section 5).

    Args:
        reply: the answer.
        now: when it was requested; a token's lifetime starts then.
        secrets: values to hide in messages.
        remedy: what to do if the credential is refused.

    Raises:
        NoTokenError: there are none; a refusal is `unauthorized` and `whole_project`.
    """
    document = _object(reply.body)
    error_text = _document_error(document, secrets)
    if error_text and not _is_transient(reply.status, document):
        raise _refused(f"Studio gave no OAuth2 token ({error_text}): {remedy}")
    if reply.status != HTTPStatus.OK or error_text:
        raise _status_failure(reply, error_text, now=now, remedy=remedy)
    if document is None:
        is_page = reply.body.lstrip()[:1] == b"<"
        what = "it looks like a web page; check base_url and the proxy"
        raise _invalid("not_json", what if is_page else "it is not a JSON object; check base_url")
    return _tokens(document, now)


def is_access_token(token: object) -> TypeGuard[str]:
    """Return whether it can be sent as a bearer token."""
    return is_refresh_token(token) and " " not in token


def is_refresh_token(token: object) -> TypeGuard[str]:
    """Return whether it is printable ASCII (RFC 6749 appendix A.17) of a plausible length."""
    return isinstance(token, str) and is_sendable(token) and len(token) <= _LONGEST_TOKEN


def _public_client_request(
    grant_type: str, client_id: str, fields: dict[str, str], *secrets: Secret
) -> TokenRequest:
    """Return the request of a client without a secret, named in the body (section 3.2.1)."""
    encoded = tuple(Secret(quote_plus(secret.reveal())) for secret in secrets)
    return TokenRequest(
        headers={},
        form=urlencode({"grant_type": grant_type, **fields, "client_id": client_id}),
        secrets=(*secrets, *encoded),
    )


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _document_error(document: dict[str, Any] | None, secrets: Collection[Secret]) -> str:
    """Return the error that an answer reports, empty if it reports none; secrets are hidden."""
    if document is None:
        return ""
    text = _error_text(document.get("error"), document.get("error_description"), secrets)
    return text or ("it gave no reason" if document.get("success") is False else "")


def _error_text(error: object, description: object, secrets: Collection[Secret] = ()) -> str:
    parts = [part for part in (error, description) if isinstance(part, str)]
    return ": ".join(text for part in parts if (text := quote(part, secrets=secrets)))


def _is_transient(status: int, document: dict[str, Any] | None) -> bool:
    is_named = document is not None and document.get("error") in _TRANSIENT_ERRORS
    return is_named or status >= 500 or status == HTTPStatus.TOO_MANY_REQUESTS


def _status_failure(reply: Reply, error_text: str, *, now: datetime, remedy: str) -> NoTokenError:
    if reply.status < 400 and error_text:
        return NoTokenError("http", f"Studio gave no OAuth2 token ({error_text})", transient=True)
    retry_after = parse_retry_after(reply.header("retry-after"), now=now)
    error = status_error(reply.status, error_text=error_text, retry_after=retry_after)
    message = f"no OAuth2 token: {error.message}"
    if error.kind in {"unauthorized", "forbidden"}:
        return _refused(f"{message}; {remedy}")
    transient = error.transient or _is_transient(reply.status, _object(reply.body))
    return NoTokenError(
        error.kind,
        message,
        transient=transient,
        retry_after=error.retry_after,
        whole_project=not transient,
    )


def _tokens(document: dict[str, Any], now: datetime) -> Tokens:
    access, kind = document.get("access_token"), document.get("token_type", "Bearer")
    if not is_access_token(access):
        raise _invalid("invalid", f"access_token: expected {_TOKEN_FORMAT}")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise _invalid("invalid", "token_type: expected Bearer")
    refresh = document.get("refresh_token")
    if isinstance(refresh, str) and refresh and not is_refresh_token(refresh):
        raise _invalid("invalid", f"refresh_token: expected {_TOKEN_FORMAT}")
    return Tokens(
        access=Secret(access),
        asked_at=now,
        expires_at=_expiry(document.get("expires_in"), now),
        refresh=Secret(refresh) if isinstance(refresh, str) and refresh else None,
    )


def _expiry(seconds: object, now: datetime) -> datetime | None:
    """Return when a token expires; some servers send the number as text, or 0 for never."""
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit():
        seconds = int(seconds[:12])
    if not isinstance(seconds, int | float) or not seconds > 0:
        return None
    longest = _LONGEST_LIFETIME.total_seconds()
    return now + timedelta(seconds=min(seconds, longest))


def _refused(message: str) -> NoTokenError:
    return NoTokenError("unauthorized", message, whole_project=True)


def _invalid(kind: str, what: str) -> NoTokenError:
    message = f"invalid answer to the token request: {what}"
    return NoTokenError(kind, message, whole_project=True)
