"""What is secret in an answer, and how it is hidden in everything that is stored or shown.

A parameter that any catalogue seen so far types `secret` is hidden, so is its value in the
catalogue, and so is every Studio key in any text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

from auditor.drift.canonical import (
    Parts,
    catalogue_digest,
    digest,
    dump,
    parse,
    parse_catalogue,
)
from auditor.drift.fields import CATALOGUE
from auditor.model import Catalogue, Finding, Json, JsonObject, Snapshot, VendorFinding
from auditor.redaction import HIDDEN, Fingerprinter, shown

_CATALOGUES_KEPT = 64  # one a block type and vendor release; the same few answer all targets


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


_PARAMETERS = "customParameters"
_QUOTED_KEY = re.compile(rf'{_PARAMETERS}\[(".*")\]', re.DOTALL)
_HEADLINE = re.compile(
    r"(.*?)Custom parameter (.+?)(?:: .*| added: .*| removed, was .*)", re.DOTALL
)
_Any = TypeVar("_Any", bound=Finding | VendorFinding)


def hide_finding(finding: _Any, secrets: Collection[str]) -> _Any:
    """Return a finding with the values of secret parameters hidden, in its headline too."""
    if not finding.path.startswith(_PARAMETERS):
        return finding
    key = _parameter(finding.path)
    if key and key not in secrets:
        return finding
    return replace(
        finding,
        before=_value_hidden(finding.before, secrets),
        after=_value_hidden(finding.after, secrets),
        headline=f"Custom parameter {key} changed" if key else "Custom parameters changed",
    )


def hide_headline(headline: str, secrets: Collection[str]) -> str:
    """Return a stored headline without the value of a secret parameter."""
    found = _HEADLINE.fullmatch(headline)
    if found is None or found.group(2) not in secrets:
        return headline
    return f"{found.group(1)}Custom parameter {found.group(2)} changed"


def _parameter(path: str) -> str:
    """Return the parameter that a path names, empty for all of them."""
    quoted = _QUOTED_KEY.fullmatch(path)
    if quoted is not None:
        return str(json.loads(quoted.group(1)))
    return path.removeprefix(_PARAMETERS).removeprefix(".")


def _value_hidden(value: Json, secrets: Collection[str]) -> Json:
    if isinstance(value, dict):
        return {key: HIDDEN if key in secrets else part for key, part in value.items()}
    return value if value is None else HIDDEN
