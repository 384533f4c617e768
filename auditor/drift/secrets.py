"""What is secret in an answer, and the one place that hides it wherever it is stored or shown.

Rules it holds
- A parameter that any catalogue seen so far types `secret` is hidden in the block, and so is its
  value in the catalogue; so is every Studio key in any text.
- A hidden value is a keyed fingerprint, so that a change of a secret is still a change.
- What was stored before a parameter became known as secret is hidden when it is read again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TypeVar

from auditor.drift.block_kinds import BlockKind, kind_of
from auditor.drift.canonical import (
    AnswerParts,
    catalogue_digest,
    digest,
    dump,
    parse,
    parse_catalogue,
)
from auditor.drift.excerpts import drop_secret_parameters
from auditor.model import (
    BlockKindName,
    Catalogue,
    Finding,
    Json,
    JsonObject,
    Snapshot,
    VendorFinding,
)
from auditor.redaction import HIDDEN, Fingerprinter, shown
from auditor.report import Report

_PARAMETERS = "customParameters"
_SECRET, _KEY = b'"secret"', b"ei_"
_CATALOGUES_KEPT = 64  # one for each block type and vendor release; a few serve all targets
_QUOTED_KEY = re.compile(rf'{_PARAMETERS}\[(".*")\]', re.DOTALL)
_BLOCK_PARAMETER = re.compile(r"(?:config|parameters)\[(.*?)\](?:\.|$)")
_HEADLINE = re.compile(
    r"(.*?)Custom parameter (.+?)(?:: .*| added: .*| removed, was .*)", re.DOTALL
)
_AnyFinding = TypeVar("_AnyFinding", bound=Finding | VendorFinding)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Hides what is secret, in whatever form it comes.

    Attributes:
        key: the fingerprints are made with it; it never leaves the database.
        names: the parameters that are known to be secret.
    """

    key: bytes = field(repr=False)
    names: frozenset[str] = frozenset()

    def including(self, names: Iterable[str]) -> Secrets:
        """Return the same with more parameters known to be secret."""
        return replace(self, names=self.names.union(names))

    def take_snapshot(self, parts: AnswerParts) -> Snapshot:
        """Return an answer as it is stored and compared."""
        document, kind = self._hide_document(parts.document, parts.kind), parts.kind
        return Snapshot(
            kind=kind.name,
            document=dump(document),
            digest=digest(document, kind),
            catalogue=_hidden_catalogue(parts.catalogue, self, kind.name),
            name=kind.name_of(document),
            type=kind.type_of(document) or parts.type,
        )

    def hide_snapshot(self, snapshot: Snapshot) -> Snapshot:
        """Return a stored snapshot; its digests are those of what it now holds."""
        stored = snapshot.document + snapshot.catalogue.document
        if not any(dump(name) in stored for name in self.names):
            return snapshot
        return self.take_snapshot(
            AnswerParts(
                kind_of(snapshot.kind),
                parse(snapshot.document),
                snapshot.catalogue.document,
                snapshot.type,
            )
        )

    def read_document(self, snapshot: Snapshot) -> JsonObject:
        """Return the document of a stored snapshot."""
        return self._hide_document(parse(snapshot.document), kind_of(snapshot.kind))

    def hide_finding(self, finding: _AnyFinding) -> _AnyFinding:
        """Return a stored finding; a headline that may hold a secret says only what changed."""
        parameter = _BLOCK_PARAMETER.match(finding.path)
        if parameter is not None and parameter.group(1) in self.names:
            return replace(
                finding,
                before=self._hide_shown(finding.before),
                after=self._hide_shown(finding.after),
                headline=f"Parameter {parameter.group(1)} changed",
            )
        if not finding.path.startswith(_PARAMETERS):
            return finding
        name = _parameter_of(finding.path)
        if name and name not in self.names:
            return finding
        return replace(
            finding,
            before=self._hide_shown(finding.before),
            after=self._hide_shown(finding.after),
            headline=f"Custom parameter {name} changed" if name else "Custom parameters changed",
        )

    def hide_headline(self, headline: str) -> str:
        """Return the stored headline of a version."""
        for name in self.names:
            if headline.startswith(f"{name}: ") or f" ({name}): " in headline:
                return f"Parameter {name} changed"
        found = _HEADLINE.fullmatch(headline)
        if found is None or found.group(2) not in self.names:
            return headline
        return f"{found.group(1)}Custom parameter {found.group(2)} changed"

    def hide_report(self, report: Report) -> Report:
        """Return a stored report."""
        if not self.names:
            return report
        targets = tuple(
            replace(
                target,
                findings=tuple(map(self.hide_finding, target.findings)),
                late=tuple(
                    replace(late, finding=self.hide_finding(late.finding)) for late in target.late
                ),
                excerpt=drop_secret_parameters(target.excerpt, self.names),
            )
            for target in report.targets
        )
        return replace(report, targets=targets)

    def _hide_document(self, document: JsonObject, kind: BlockKind) -> JsonObject:
        if kind.parameters and kind.parameters in document:
            hidden_parameters = self.hide_catalogue(document[kind.parameters])
            document = {**document, kind.parameters: hidden_parameters}
        parameters = document.get(_PARAMETERS)
        if isinstance(parameters, dict) and not self.names.isdisjoint(parameters):
            hidden = {
                key: self._hide_value(value) if key in self.names else value
                for key, value in parameters.items()
            }
            document = {**document, _PARAMETERS: hidden}
        cleaned = self._hide_keys(document)
        return cleaned if isinstance(cleaned, dict) else {}

    def hide_catalogue(self, models: Json) -> Json:
        """Return a vendor's catalogue; a secret parameter in it keeps no value."""
        match models:
            case list():
                return [self.hide_catalogue(member) for member in models]
            case dict():
                parts: JsonObject = {
                    key: self.hide_catalogue(part) for key, part in models.items()
                }
                name = parts.get("param")
                is_known = isinstance(name, str) and name in self.names
                if is_known or parts.get("type") == "secret":
                    for key in ("value", "defaultValue"):
                        if key in parts:
                            parts[key] = self._hide_value(models[key])
                return parts
            case bool() | int() | float() | str() | None:
                return self._hide_keys(models)

    def _hide_value(self, value: Json) -> Json:
        """Hide a value; nothing (null, an empty text) is no secret."""
        if value in (None, ""):
            return value
        text = value if isinstance(value, str) else json.dumps(value)
        return Fingerprinter(self.key).hide(text)

    def _hide_keys(self, value: Json) -> Json:
        match value:
            case str():
                return self._hide_text(value)
            case list():
                return [self._hide_keys(member) for member in value]
            case dict():
                return {self._hide_text(key): self._hide_keys(part) for key, part in value.items()}
            case bool() | int() | float() | None:
                return value

    def _hide_text(self, text: str) -> str:
        return Fingerprinter(self.key).hide_keys(text) if "ei_" in text else text

    def _hide_shown(self, value: Json) -> Json:
        if isinstance(value, dict):
            return {key: HIDDEN if key in self.names else part for key, part in value.items()}
        return value if value is None else HIDDEN


def find_secrets(parts: AnswerParts) -> frozenset[str]:
    """Return the parameters that an answer types `secret`."""
    own = parts.document.get(parts.kind.parameters) if parts.kind.parameters else None
    return secret_parameters(parts.catalogue) | secret_parameters(dump(own))


@lru_cache(maxsize=_CATALOGUES_KEPT)
def secret_parameters(catalogue: bytes) -> frozenset[str]:
    """Return the parameters that a catalogue types `secret`, at any depth."""
    found: set[str] = set()
    if _SECRET not in catalogue:  # it is JSON in ASCII, whose texts have one spelling
        return frozenset()
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


def as_sent(snapshot: Snapshot) -> JsonObject:
    """Return a stored answer as Studio sent it, its catalogue in place, as people may see it."""
    answer: JsonObject = {}
    for key, value in parse(snapshot.document).items():
        is_catalogue = key == kind_of(snapshot.kind).catalogue
        answer[shown(key)] = _shown(
            parse_catalogue(snapshot.catalogue.document) if is_catalogue else value
        )
    return answer


@lru_cache(maxsize=_CATALOGUES_KEPT)
def _hidden_catalogue(models: bytes, secrets: Secrets, name: BlockKindName) -> Catalogue:
    hidden = parse_catalogue(models)
    if any(text in models for text in (_SECRET, _KEY, *map(dump, secrets.names))):
        hidden = secrets.hide_catalogue(hidden)
        models = dump(hidden)
    return Catalogue(document=models, digest=catalogue_digest(hidden, kind_of(name)))


def _parameter_of(path: str) -> str:
    """Return the parameter that a path names, empty for all of them."""
    quoted = _QUOTED_KEY.fullmatch(path)
    if quoted is not None:
        try:
            return str(json.loads(quoted.group(1)))
        except json.JSONDecodeError:
            # A path from outside may be quoted badly: take it for all parameters, and hide them.
            return ""
    return path.removeprefix(_PARAMETERS).removeprefix(".")


def _shown(value: Json) -> Json:
    match value:
        case str():
            return shown(value)
        case list():
            return [_shown(member) for member in value]
        case dict():
            return {shown(key): _shown(part) for key, part in value.items()}
        case bool() | int() | float() | None:
            return value
