"""Answers that fail by their status, as Studio, its proxies and its sign-in page send them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus

from auditor.demo.faults.names import Fault, Spoiling
from auditor.demo.replies import Reply

_PLAIN = (400, 401, 403, 404, 405, 408, 409, 410, 418, 500, 503)
_OF_A_PROXY = (502, 504)


def of_status() -> dict[Fault, Callable[[Spoiling], Reply]]:
    """Return how each fault of this kind answers."""
    return {
        **{Fault(f"http_{status}"): _fixed(_status(status)) for status in _PLAIN},
        **{Fault(f"http_{status}"): _fixed(_proxy(status)) for status in _OF_A_PROXY},
        Fault.HTTP_204: _fixed(Reply(status=204)),
        Fault.HTTP_206: _partial,
        Fault.HTTP_304: _fixed(Reply(status=304, headers=(("ETag", '"never sent"'),))),
        Fault.HTTP_429: lambda spoiling: _busy(spoiling.retry_after),
        Fault.HTTP_429_DATE: lambda _: _busy(_soon()),
        Fault.HTTP_429_ABSURD: _fixed(_busy("9" * 400)),
        Fault.REDIRECT: _fixed(_redirect("/v1/api/elsewhere")),
        Fault.REDIRECT_LOOP: lambda spoiling: _redirect(spoiling.request.path),
        Fault.REDIRECT_HOST: _fixed(_redirect("http://127.0.0.2:9/v1/api/elsewhere")),
        Fault.REDIRECT_FILE: _fixed(_redirect("file:///etc/passwd")),
        Fault.REDIRECT_SECRET: lambda spoiling: _redirect(_sign_in(spoiling.request.secret)),
    }


def _fixed(reply: Reply) -> Callable[[Spoiling], Reply]:
    return lambda _: reply


def _status(status: int, *headers: tuple[str, str]) -> Reply:
    body = json.dumps({"success": False, "error": HTTPStatus(status).description}).encode()
    return Reply(status=status, headers=headers, body=body)


def _proxy(status: int) -> Reply:
    title = f"{status} {HTTPStatus(status).phrase}"
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Reply(status=status, content_type="text/html", body=page.encode())


def _partial(spoiling: Spoiling) -> Reply:
    whole = spoiling.good.body
    half = whole[: len(whole) // 2]
    extent = f"bytes 0-{len(half) - 1}/{len(whole)}"
    return Reply(status=206, headers=(("Content-Range", extent),), body=half)


def _busy(retry_after: str) -> Reply:
    return _status(429, ("Retry-After", retry_after))


def _soon() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)


def _redirect(location: str) -> Reply:
    return _status(302, ("Location", location))


def _sign_in(secret: str) -> str:
    return f"http://127.0.0.2:9/login?back=studio&api_key={secret}"
