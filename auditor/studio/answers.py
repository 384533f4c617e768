"""Checks Studio's answers before they are used; pure, without an HTTP library.

The checks follow the contract ("An answer that cannot be believed"): JSON, then `success`, then
the required keys of KerasConfig and of `dependencies` with their types. Unknown fields, unknown
enum values and missing members of the catalogue are accepted, as Studio adds and removes them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import NamedTuple, NoReturn

from auditor.drift.block_kinds import BlockKind
from auditor.drift.fields import JsonType
from auditor.errors import StudioError
from auditor.model import Json, JsonObject
from auditor.redaction import HIDDEN, Secret, shown

MAX_DEPTH = 64
_MAX_QUOTE = 200
_INT64 = range(-(2**63), 2**63)
_CERTAINLY_INT64 = 18  # characters
_CONTAINERS = (dict, list)  # built once: `dict | list` inside the loop costs more than the check


class _FieldType(NamedTuple):
    words: str
    matches: Callable[[Json], bool]


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Json) -> bool:
    return _is_number(value) and (not isinstance(value, float) or value.is_integer())


_TYPES = {
    JsonType.BOOLEAN: _FieldType("true or false", lambda value: isinstance(value, bool)),
    JsonType.TEXT: _FieldType("a string", lambda value: isinstance(value, str)),
    JsonType.NUMBER: _FieldType("a number", _is_number),
    JsonType.INTEGER: _FieldType("an integer", _is_integer),
    JsonType.NUMBER_OR_TEXT: _FieldType(
        "a number or a string", lambda value: isinstance(value, str) or _is_number(value)
    ),
    JsonType.LIST: _FieldType("a list", lambda value: isinstance(value, list)),
    JsonType.TEXTS: _FieldType("a list", lambda value: isinstance(value, list)),
    JsonType.OBJECT: _FieldType("an object", lambda value: isinstance(value, dict)),
}


def read_answer(body: bytes, kind: BlockKind, *, secrets: Collection[Secret] = ()) -> JsonObject:
    """Return a valid answer for a block.

    Args:
        body: the decoded bytes of the HTTP answer, or of a file that contains one.
        kind: the kind of the block, which says what the answer must hold.
        secrets: values to hide in messages, in case Studio repeats them.

    Raises:
        StudioError: `not_json`, `refused`, `unauthorized` or `invalid`; the message names the
            path and what was expected there.
    """
    document = kind.unwrap(read_success(body, secrets=secrets))
    for container, types in kind.required.items():
        for path, part in _parts(document, container):
            require(as_object(part, path), types, at=f"{path}." if container else "")
    return document


def _parts(document: JsonObject, container: str) -> Iterator[tuple[str, Json]]:
    """Yield path and value of everything that a container's pattern names in an answer."""
    if not container:
        yield "the answer", document
        return
    *outer, key = container.removesuffix("[]").split(".")
    for name in outer:
        document = as_object(document.get(name), name)
    path = ".".join((*outer, key))
    if not container.endswith("[]"):
        yield path, document[key]
    elif document.get(key) is not None or not outer:
        for place, member in enumerate(as_list(document[key], path)):
            yield f"{path}[{place}]", member


def read_success(body: bytes, *, secrets: Collection[Secret] = ()) -> JsonObject:
    """Return an answer whose `success` is true; its other keys are not checked.

    Raises:
        StudioError: as `read_answer`; `unauthorized` holds for the whole project.
    """
    document = as_object(parse_body(body), "the answer")
    if document.get("success") is True:
        return document
    error_text = quote(document.get("error"), secrets=secrets)
    if is_bad_key_error(error_text):
        raise StudioError(
            "unauthorized",
            f"Studio refused the credential ({error_text}): check the configured key",
            whole_project=True,
        )
    raise StudioError("refused", _refusal(document, error_text) + project_remedy(error_text))


def project_remedy(error_text: str) -> str:
    """Return what to do about a project that Studio does not know, else an empty text."""
    if "invalid project" not in error_text.lower():
        return ""
    return (
        "; correct the project's id, the number in its URL in Studio, or use a credential of a "
        "person or organization that has it"
    )


def is_bad_key_error(error_text: str) -> bool:
    """Return whether an `error` text is the one that Studio sends for an unknown key."""
    return "invalid api key" in error_text.lower()


def read_error_text(body: bytes, *, secrets: Collection[Secret] = ()) -> str:
    """Return the `error` text of an answer with a failure status, empty if it has none."""
    try:
        document = parse_body(body)
    except StudioError:
        return ""
    return quote(document.get("error"), secrets=secrets) if isinstance(document, dict) else ""


def quote(text: Json, *, secrets: Collection[Secret] = ()) -> str:
    """Return a text of Studio's for use in a message: short, on one line, without secrets."""
    if not isinstance(text, str):
        return ""
    for secret in secrets:
        if secret.reveal():
            text = text.replace(secret.reveal(), HIDDEN)
    # Hide before cutting: half a key would no longer be recognised as one.
    line = " ".join(_printable(shown(text)).split())
    return line if len(line) <= _MAX_QUOTE else line[: _MAX_QUOTE - 1] + "…"


def status_error(
    status: int, *, error_text: str = "", retry_after: timedelta | None = None
) -> StudioError:
    """Return the error for a status other than 200; `error_text` is the answer's `error`."""
    answered = f"Studio answered {_status_line(status)}" + (
        f" ({error_text})" if error_text else ""
    )
    if is_bad_key_error(error_text) or status == HTTPStatus.UNAUTHORIZED:
        return _credential_error("unauthorized", answered)
    if status == HTTPStatus.FORBIDDEN:
        return _credential_error("forbidden", answered)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return StudioError("rate_limited", answered, transient=True, retry_after=retry_after)
    if status == HTTPStatus.NOT_MODIFIED:
        return StudioError("http", f"{answered} to a request without If-None-Match")
    if 300 <= status < 400:
        return StudioError("redirect", f"{answered}; redirects are not followed: check base_url")
    answered += project_remedy(error_text)
    is_transient = status >= 500 or status == HTTPStatus.REQUEST_TIMEOUT
    return StudioError("http", answered, transient=is_transient, retry_after=retry_after)


def require(document: JsonObject, types: Mapping[str, JsonType], *, at: str = "") -> None:
    """Raise `StudioError` (`invalid`) unless each key is present with its type."""
    for key, json_type in types.items():
        expected = _TYPES[json_type]
        if key not in document or not expected.matches(document[key]):
            raise _invalid(f"{at}{key}", expected.words, _found(document, key))
    for key, json_type in types.items():
        if json_type is JsonType.TEXTS:
            _require_texts(document[key], at=f"{at}{key}")


def as_object(value: Json, path: str) -> JsonObject:
    """Return `value` as an object; raises `StudioError` (`invalid`)."""
    if not isinstance(value, dict):
        raise _invalid(path, _TYPES[JsonType.OBJECT].words, f"found {_described(value)}")
    return value


def as_list(value: Json, path: str) -> list[Json]:
    """Return `value` as a list; raises `StudioError` (`invalid`)."""
    if not isinstance(value, list):
        raise _invalid(path, _TYPES[JsonType.LIST].words, f"found {_described(value)}")
    return value


def as_integer(value: Json, path: str) -> int:
    """Return `value` as an integer, `30.0` as 30; raises `StudioError` (`invalid`)."""
    if not isinstance(value, int | float) or not _is_integer(value):
        raise _invalid(path, _TYPES[JsonType.INTEGER].words, f"found {_described(value)}")
    if int(value) not in _INT64:  # the database could not store such an id
        raise _invalid(path, "a 64-bit integer", f"found {_described(value)}")
    return int(value)


def parse_body(body: bytes) -> Json:
    """Return a body as a value; raises `StudioError` (`not_json`, `invalid`)."""
    try:
        document: Json = json.loads(
            body.decode("utf-8"),
            parse_int=_integer,
            parse_float=_double,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError as error:
        raise _not_json(body, f"byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise _not_json(body, f"{error.msg} at line {error.lineno}") from error
    except RecursionError as error:
        raise _too_deep() from error
    _refuse_depth(document)
    return document


def _object(pairs: list[tuple[str, Json]]) -> JsonObject:
    """Refuse duplicate keys: RFC 8259 does not say which of the two values counts."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise StudioError("not_json", "the answer is not JSON: an object has a key twice")
    return members


def _integer(digits: str) -> int | float:
    if len(digits) <= _CERTAINLY_INT64:
        return int(digits)
    # int() of a very long text is slow, and Python refuses it above 4300 digits; float() is fast.
    value = _double(digits)
    return int(digits) if len(digits) <= 20 and int(digits) in _INT64 else value


def _double(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise StudioError(
            "invalid", f"the answer contains a number that is too large for a double: {text[:40]}"
        )
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise StudioError("not_json", f"the answer is not JSON: it contains {name}")


def _refuse_depth(document: Json) -> None:
    """Refuse deep nesting: recursive readers of the document would overflow the stack."""
    level = [document] if isinstance(document, _CONTAINERS) else []
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, _CONTAINERS)
        ]
        if not level:
            return
    raise _too_deep()


def _require_texts(value: Json, *, at: str) -> None:
    for place, member in enumerate(as_list(value, at)):
        if not isinstance(member, str):
            raise _invalid(
                f"{at}[{place}]", _TYPES[JsonType.TEXT].words, f"found {_described(member)}"
            )


def _refusal(document: JsonObject, error_text: str) -> str:
    if document.get("success") is False:
        return f"Studio refused: {error_text or 'it gave no reason'}"
    reason = f" (error: {error_text})" if error_text else ""
    return f"invalid answer: success: expected true, {_found(document, 'success')}{reason}"


def _status_line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _credential_error(kind: str, answered: str) -> StudioError:
    message = f"{answered}: check the configured credential"
    return StudioError(kind, message, whole_project=True)


def _invalid(path: str, expected: str, found: str) -> StudioError:
    return StudioError("invalid", f"invalid answer: {path}: expected {expected}, {found}")


def _not_json(body: bytes, detail: str) -> StudioError:
    if not body.strip():
        detail = "it is empty"
    elif body.lstrip()[:1] == b"<":
        detail = "it looks like a web page; check base_url and the proxy"
    # A page of a proxy or of maintenance, most likely.
    return StudioError("not_json", f"the answer is not JSON: {detail}", may_pass=True)


def _too_deep() -> StudioError:
    return StudioError("invalid", f"the answer is nested deeper than {MAX_DEPTH} levels")


def _found(document: JsonObject, key: str) -> str:
    return f"found {_described(document[key])}" if key in document else "it is missing"


def _described(value: Json) -> str:
    """Return the kind of the value, never the value itself: it may be a secret."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}
    if value is None:
        return "null"
    return names.get(type(value), "a number")


def _printable(text: str) -> str:
    """Return `text` with control characters, format characters and lone surrogates as spaces."""
    return "".join(character if character.isprintable() else " " for character in text)
