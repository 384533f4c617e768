"""Answers that arrive whole, with status 200, and are not what they should be."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from auditor.demo.faults.names import Fault, Spoiling
from auditor.demo.replies import Reply, json_reply, refusal

DEPTH = 100_000
_PAGE = b"<!DOCTYPE html><title>Sign in</title><p>Please sign in."


def of_document() -> dict[Fault, Callable[[Spoiling], Reply]]:
    """Return how each fault of this kind answers."""
    return {**_of_bytes(), **_of_content(), **_of_listing()}


def _of_bytes() -> dict[Fault, Callable[[Spoiling], Reply]]:
    """Return those that are no JSON, or JSON that not every reader survives."""
    return {
        Fault.EMPTY_BODY: lambda spoiling: replace(spoiling.good, body=b""),
        Fault.HTML: _page,
        Fault.WRONG_CONTENT_TYPE: lambda spoiling: replace(
            spoiling.good, content_type="text/html; charset=utf-16"
        ),
        Fault.NOT_JSON: _with_member(b'"note":NaN'),
        Fault.INFINITY: _with_member(b'"note":-Infinity'),
        Fault.BYTE_ORDER_MARK: lambda spoiling: replace(
            spoiling.good, body=b"\xef\xbb\xbf" + spoiling.good.body
        ),
        Fault.INVALID_UTF8: _with_member(b'"note":"Pump \xff"'),
        Fault.DUPLICATE_KEYS: _with_member(b'"learningRate":0.5'),
        Fault.HUGE_INTEGER: _with_member(b'"note":' + b"9" * 400),
        Fault.HUGE_EXPONENT: _with_member(b'"note":1e999'),
        Fault.DEEP_NESTING: _with_member(b'"deep":' + b"[" * DEPTH + b"]" * DEPTH),
        Fault.LONE_SURROGATE: _named("half a pair: \ud800"),
        Fault.NUL_IN_TEXT: _named("a NUL: \0"),
    }


def _of_content() -> dict[Fault, Callable[[Spoiling], Reply]]:
    """Return those that are JSON with another content than an answer has."""
    return {
        Fault.REFUSED: lambda _: refusal("Something went wrong"),
        Fault.REFUSED_KEY: lambda _: refusal("Invalid API key"),
        Fault.ERROR_WITH_SECRET: lambda spoiling: refusal(
            f"job failed: curl -H 'x-api-key: {spoiling.request.secret}' studio"
        ),
        Fault.HEADER_ECHO: _echo,
        Fault.SUCCESS_ABSENT: _edited(lambda answer: answer.pop("success")),
        Fault.SUCCESS_TEXT: _edited(lambda answer: answer.update(success="true")),
        Fault.MISSING_KEY: _edited(lambda answer: answer.pop("thresholds", None)),
        Fault.WRONG_TYPE: _edited(lambda answer: answer.update(trained="yes")),
        Fault.MOST_KEYS_GONE: _edited(_keep_little),
        Fault.NOT_AN_OBJECT: lambda spoiling: replace(
            spoiling.good, body=b"[" + spoiling.good.body + b"]"
        ),
        Fault.EMPTIED: _edited(lambda answer: answer.update(visualLayers=[], script="")),
    }


def _of_listing() -> dict[Fault, Callable[[Spoiling], Reply]]:
    """Return those of the listing of a project's blocks."""
    return {
        Fault.LISTING_EMPTY: _edited(_empty_lists),
        Fault.LISTING_HTML: _page,
        Fault.LISTING_REFUSED: lambda _: refusal("Something went wrong"),
        Fault.LISTING_WRONG_TYPE: lambda _: json_reply({"success": True, "impulses": {}}),
    }


def _page(_: Spoiling) -> Reply:
    return Reply(body=_PAGE, content_type="text/html; charset=utf-8")


def _echo(spoiling: Spoiling) -> Reply:
    """Answer as a proxy under test does: with what it was asked, credential included."""
    said = f"cannot route {spoiling.request.path} (x-api-key: {spoiling.request.secret})"
    refused = refusal(said, status=400)
    return replace(refused, headers=(("X-Asked-With", spoiling.request.secret),))


def _with_member(member: bytes) -> Callable[[Spoiling], Reply]:
    """Put a member at the end of the answer, where it wins over an earlier one of its name."""

    def spoil(spoiling: Spoiling) -> Reply:
        body = spoiling.good.body.rstrip().removesuffix(b"}")
        return replace(spoiling.good, body=body + b"," + member + b"}")

    return spoil


def _named(name: str) -> Callable[[Spoiling], Reply]:
    return _edited(lambda answer: answer.update(name=name))


def _edited(edit: Callable[[dict[str, Any]], object]) -> Callable[[Spoiling], Reply]:
    def spoil(spoiling: Spoiling) -> Reply:
        answer = json.loads(spoiling.good.body)
        edit(answer)
        return json_reply(answer)

    return spoil


def _empty_lists(listing: dict[str, Any]) -> None:
    listing.update({key: [] for key, value in listing.items() if isinstance(value, list)})


def _keep_little(answer: dict[str, Any]) -> None:
    for key in answer.keys() - {"success", "name", "type", "dependencies"}:
        del answer[key]
