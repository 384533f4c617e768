"""What an answer of Studio must be before it is believed; pure, and free of any HTTP library.

The order of judgement is the contract's ("An answer that cannot be believed"): JSON, then
`success`, then the required keys of KerasConfig and of `dependencies` with their types. Unknown
fields, unknown enum values and whatever the catalogue lacks are accepted: Studio grows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection
from typing import NamedTuple, NoReturn

from auditor.errors import StudioError
from auditor.model import Json, JsonObject
from auditor.redaction import HIDDEN, Secret, shown

MAX_DEPTH = 64
_MAX_QUOTE = 200
_INT64 = range(-(2**63), 2**63)
_CERTAINLY_INT64 = 18  # characters
_CONTAINERS = (dict, list)  # made once: `dict | list` in a loop costs more than the look itself


class _Type(NamedTuple):
    words: str
    holds: Callable[[Json], bool]


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Json) -> bool:
    return _is_number(value) and (not isinstance(value, float) or value.is_integer())


_BOOLEAN = _Type("true or false", lambda value: isinstance(value, bool))
_TEXT = _Type("a string", lambda value: isinstance(value, str))
_NUMBER = _Type("a number", _is_number)
_INTEGER = _Type("an integer", _is_integer)
_SETTING = _Type("a number or a string", lambda value: isinstance(value, str) or _is_number(value))
_LIST = _Type("a list", lambda value: isinstance(value, list))
_OBJECT = _Type("an object", lambda value: isinstance(value, dict))

# The `required` lists of the published schema: KerasConfig, DependencyData, and of the members
# no more than what the comparison needs to tell one from another.
_KERAS = {
    "dependencies": _OBJECT,
    "trained": _BOOLEAN,
    "name": _TEXT,
    "script": _TEXT,
    "minimumConfidenceRating": _NUMBER,
    "selectedModelType": _TEXT,
    "mode": _TEXT,
    "trainingCycles": _INTEGER,
    "learningRate": _NUMBER,
    "defaultBatchSize": _INTEGER,
    "visualLayers": _LIST,
    "augmentationPolicyImage": _TEXT,
    "transferLearningModels": _LIST,
    "shape": _TEXT,
    "profileInt8": _BOOLEAN,
    "skipEmbeddingsAndMemory": _BOOLEAN,
    "showAdvancedTrainingSettings": _BOOLEAN,
    "showAugmentationTrainingSettings": _BOOLEAN,
    "thresholds": _LIST,
}
_DEPENDENCIES = {
    "classes": _LIST,
    "blockNames": _LIST,
    "featureCount": _INTEGER,
    "sampleCount": _INTEGER,
    "outputClasses": _LIST,
}
_LABELS = ("classes", "blockNames", "outputClasses")
_MEMBERS: dict[str, dict[str, _Type]] = {
    "visualLayers": {"type": _TEXT},
    "thresholds": {"key": _TEXT, "value": _SETTING},
    "transferLearningModels": {},
}


def read_answer(body: bytes, *, secrets: Collection[Secret] = ()) -> JsonObject:
    """Return a getKeras answer that can be believed.

    Args:
        body: the decoded bytes of the HTTP answer, or of a file that holds one.
        secrets: what must not show in a message even where Studio repeats it.

    Raises:
        StudioError: `not_json`, `refused`, `unauthorized` or `invalid`; the message names the
            path and what was expected there.
    """
    document = read_success(body, secrets=secrets)
    require(document, _KERAS)
    dependencies = as_object(document["dependencies"], "dependencies")
    require(dependencies, _DEPENDENCIES, at="dependencies.")
    for key in _LABELS:
        _require_texts(dependencies[key], at=f"dependencies.{key}")
    for key, types in _MEMBERS.items():
        for place, member in enumerate(as_list(document[key], key)):
            at = f"{key}[{place}]"
            require(as_object(member, at), types, at=f"{at}.")
    return document


def read_success(body: bytes, *, secrets: Collection[Secret] = ()) -> JsonObject:
    """Return an answer whose `success` is true, its further keys unread.

    Raises:
        StudioError: as `read_answer`; `unauthorized` concerns the whole project.
    """
    document = as_object(_parse(body), "the answer")
    if document.get("success") is True:
        return document
    said = quote(document.get("error"), secrets=secrets)
    if names_bad_key(said):
        raise StudioError(
            "unauthorized",
            f"Studio refused the credential ({said}): check the key that is configured",
            whole_project=True,
        )
    raise StudioError("refused", _refusal(document, said))


def names_bad_key(said: str) -> bool:
    """Return whether an `error` text is Studio's word for a key it does not know."""
    return "invalid api key" in said.lower()


def said_in(body: bytes, *, secrets: Collection[Secret] = ()) -> str:
    """Return the `error` text of an answer that failed by its status, empty where it has none."""
    try:
        document = _parse(body)
    except StudioError:
        return ""
    return quote(document.get("error"), secrets=secrets) if isinstance(document, dict) else ""


def quote(text: Json, *, secrets: Collection[Secret] = ()) -> str:
    """Return a foreign text as a message may carry it: short, one line, no secret."""
    if not isinstance(text, str):
        return ""
    for secret in secrets:
        if secret.reveal():
            text = text.replace(secret.reveal(), HIDDEN)
    # Hidden before it is cut: half a key would no longer be known as one.
    line = " ".join(_printable(shown(text)).split())
    return line if len(line) <= _MAX_QUOTE else line[: _MAX_QUOTE - 1] + "…"


def require(document: JsonObject, types: dict[str, _Type], *, at: str = "") -> None:
    """Raise `StudioError` (`invalid`) unless each key is there with its type."""
    for key, expected in types.items():
        if key not in document or not expected.holds(document[key]):
            raise _invalid(f"{at}{key}", expected.words, _found(document, key))


def as_object(value: Json, path: str) -> JsonObject:
    """Return `value` as an object; raises `StudioError` (`invalid`)."""
    if not isinstance(value, dict):
        raise _invalid(path, _OBJECT.words, f"found {_described(value)}")
    return value


def as_list(value: Json, path: str) -> list[Json]:
    """Return `value` as a list; raises `StudioError` (`invalid`)."""
    if not isinstance(value, list):
        raise _invalid(path, _LIST.words, f"found {_described(value)}")
    return value


def as_integer(value: Json, path: str) -> int:
    """Return `value` as an integer, `30.0` as 30; raises `StudioError` (`invalid`)."""
    if not isinstance(value, int | float) or not _is_integer(value):
        raise _invalid(path, _INTEGER.words, f"found {_described(value)}")
    if int(value) not in _INT64:  # an id that no database holds
        raise _invalid(path, "a 64-bit integer", f"found {_described(value)}")
    return int(value)


def _parse(body: bytes) -> Json:
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
    """Refuse a key that comes twice: which of the two counts, RFC 8259 leaves to the reader."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise StudioError("not_json", "the answer is not JSON: an object names a key twice")
    return members


def _integer(digits: str) -> int | float:
    if len(digits) <= _CERTAINLY_INT64:
        return int(digits)
    # int() of a very long text is slow and refused by Python itself; a double is neither.
    value = _double(digits)
    return int(digits) if len(digits) <= 20 and int(digits) in _INT64 else value


def _double(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise StudioError("invalid", f"the answer holds a number that fits no double: {text[:40]}")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise StudioError("not_json", f"the answer is not JSON: it holds {name}")


def _refuse_depth(document: Json) -> None:
    """Refuse what those who read the document later could only follow into a stack overflow."""
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
            raise _invalid(f"{at}[{place}]", _TEXT.words, f"found {_described(member)}")


def _refusal(document: JsonObject, said: str) -> str:
    if document.get("success") is False:
        return f"Studio refused: {said or 'it gave no reason'}"
    reason = f" (error: {said})" if said else ""
    found = _found(document, "success") + reason
    return f"the answer cannot be believed: success: expected true, {found}"


def _invalid(path: str, expected: str, found: str) -> StudioError:
    return StudioError(
        "invalid", f"the answer cannot be believed: {path}: expected {expected}, {found}"
    )


def _not_json(body: bytes, detail: str) -> StudioError:
    if not body.strip():
        detail = "it is empty"
    elif body.lstrip()[:1] == b"<":
        detail = "it looks like a web page; check base_url and any proxy"
    return StudioError("not_json", f"the answer is not JSON: {detail}")


def _too_deep() -> StudioError:
    return StudioError("invalid", f"the answer is nested deeper than {MAX_DEPTH} levels")


def _found(document: JsonObject, key: str) -> str:
    return f"found {_described(document[key])}" if key in document else "it is missing"


def _described(value: Json) -> str:
    """Return what kind of value it is; never the value, which may be a secret."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}
    if value is None:
        return "null"
    return names.get(type(value), "a number")


def _printable(text: str) -> str:
    """Return `text` with controls, format characters and lone surrogates blanked."""
    return "".join(character if character.isprintable() else " " for character in text)
