"""From a believed answer to what is stored: secrets hidden, the catalogue split off.

A parameter that any catalogue seen so far types `secret` is hidden, so is its value in the
catalogue, and so is every Studio key in any text.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from auditor.drift.canonical import catalogue_digest, digest
from auditor.drift.fields import CATALOGUE
from auditor.model import Catalogue, Json, JsonObject, Snapshot
from auditor.redaction import Fingerprinter, shown

_CATALOGUES_KEPT = 64  # one a block type and vendor release; the same few answer all targets


@dataclass(frozen=True, slots=True)
class Parts:
    """An answer with its catalogue split off, secrets still in clear.

    Attributes:
        document: the answer, its `transferLearningModels` null.
        catalogue: what stood there, as JSON.
    """

    document: JsonObject
    catalogue: bytes


def split(answer: JsonObject) -> Parts:
    """Return the parts of an answer."""
    return Parts({**answer, CATALOGUE: None}, dump(answer.get(CATALOGUE)))


@lru_cache(maxsize=_CATALOGUES_KEPT)
def secret_parameters(catalogue: bytes) -> frozenset[str]:
    """Return the parameters that a catalogue types `secret`, at any depth."""
    found: set[str] = set()
    waiting = [parse_catalogue(catalogue)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
            name = value.get("param")
            if value.get("type") == "secret" and isinstance(name, str):
                found.add(name)
    return frozenset(found)


def take_snapshot(
    parts: Parts, *, fingerprinter: Fingerprinter, secrets: Collection[str]
) -> Snapshot:
    """Return an answer as it is stored and compared.

    `secrets` are the names of the parameters to hide.
    """
    document = hide_secrets(parts.document, fingerprinter, secrets)
    name, kind = document.get("name"), document.get("type")
    return Snapshot(
        document=dump(document),
        digest=digest(document),
        catalogue=_catalogue(parts.catalogue, fingerprinter, frozenset(secrets)),
        name=name if isinstance(name, str) else "",
        type=kind if isinstance(kind, str) else "",
    )


def hidden_anew(
    snapshot: Snapshot, *, fingerprinter: Fingerprinter, secrets: Collection[str]
) -> Snapshot:
    """Return a stored snapshot with what became known as a secret since hidden, too."""
    parts = Parts(parse(snapshot.document), snapshot.catalogue.document)
    return take_snapshot(parts, fingerprinter=fingerprinter, secrets=secrets)


def hide_secrets(
    document: JsonObject, fingerprinter: Fingerprinter, secrets: Collection[str]
) -> JsonObject:
    """Return a document with its secret parameters and every Studio key hidden."""
    parameters = document.get("customParameters")
    if isinstance(parameters, dict) and any(key in secrets for key in parameters):
        hidden = {
            key: _hide(value, fingerprinter) if key in secrets else value
            for key, value in parameters.items()
        }
        document = {**document, "customParameters": hidden}
    cleaned = _hide_keys(document, fingerprinter)
    return cleaned if isinstance(cleaned, dict) else {}


def parse(document: bytes) -> JsonObject:
    """Return a stored document as a value."""
    parsed = json.loads(document)
    return parsed if isinstance(parsed, dict) else {}


def parse_catalogue(document: bytes) -> Json:
    """Return a stored catalogue as a value."""
    parsed: Json = json.loads(document)
    return parsed


def dump(value: Json) -> bytes:
    """Return a value as stored: JSON in ASCII, keys in their order."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def as_sent(document: bytes, catalogue: bytes) -> JsonObject:
    """Return a stored answer as Studio sent it, its catalogue back in place, secrets hidden."""
    answer: JsonObject = {}
    for key, value in parse(document).items():
        answer[shown(key)] = _shown(json.loads(catalogue) if key == CATALOGUE else value)
    return answer


@lru_cache(maxsize=_CATALOGUES_KEPT)
def _catalogue(models: bytes, fingerprinter: Fingerprinter, secrets: frozenset[str]) -> Catalogue:
    hidden = _hide_in_catalogue(parse_catalogue(models), fingerprinter, secrets)
    return Catalogue(document=dump(hidden), digest=catalogue_digest(hidden))


def _hide(value: Json, fingerprinter: Fingerprinter) -> Json:
    """Hide a value; nothing (null, an empty text) is no secret."""
    if value in (None, ""):
        return value
    return fingerprinter.hide(value if isinstance(value, str) else json.dumps(value))


def _hide_keys(value: Json, fingerprinter: Fingerprinter) -> Json:
    match value:
        case str():
            return fingerprinter.hide_keys(value) if "ei_" in value else value
        case list():
            return [_hide_keys(one, fingerprinter) for one in value]
        case dict():
            return {
                fingerprinter.hide_keys(key): _hide_keys(part, fingerprinter)
                for key, part in value.items()
            }
        case _:
            return value


def _hide_in_catalogue(
    models: Json, fingerprinter: Fingerprinter, secrets: Collection[str]
) -> Json:
    match models:
        case list():
            return [_hide_in_catalogue(one, fingerprinter, secrets) for one in models]
        case dict():
            parts: JsonObject = {
                key: _hide_in_catalogue(part, fingerprinter, secrets)
                for key, part in models.items()
            }
            if parts.get("type") == "secret" or str(parts.get("param")) in secrets:
                for key in ("value", "defaultValue"):
                    if key in parts:
                        parts[key] = _hide(models[key], fingerprinter)
            return parts
        case _:
            return _hide_keys(models, fingerprinter)


def _shown(value: Json) -> Json:
    match value:
        case str():
            return shown(value)
        case list():
            return [_shown(one) for one in value]
        case dict():
            return {shown(key): _shown(part) for key, part in value.items()}
        case _:
            return value
