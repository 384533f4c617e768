"""The versions of a block side by side, so that a page can compare any two of them.

A value has a number: the same number in two versions means that the product finds no difference
there (`drift.canonical`), so a page compares numbers and judges nothing. Only what differs between
any of the versions is in the table. Layers are known by their keys (`drift.layer_keys`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from auditor.drift.block_kinds import BlockKind, kind_of
from auditor.drift.canonical import Node, is_nothing, is_same, parse, program_text, read
from auditor.drift.excerpts import LAYERS, SCRIPT
from auditor.drift.fields import ENVELOPE, Shape
from auditor.drift.headlines import layer_words
from auditor.drift.layer_keys import keys_of
from auditor.model import Json, JsonObject, Owner
from auditor.records import Version
from auditor.rendering.configuration import (
    is_threshold,
    label_of,
    name_parameter,
    script_line,
    text_of,
)
from auditor.rendering.words import LONGEST_NAME, cap, harmless, sentence

MOST_BYTES = 60_000  # of the table in a page
UNSET = -1
_WHOSE = {
    Owner.VENDOR: "vendor",
    Owner.TRAINING: "training",
    Owner.DATASET: "data set",
    Owner.INTENT: "",
    Owner.UNKNOWN: "",
    Owner.INTERFACE: "",
}
_Nodes: TypeAlias = Mapping[str, Node]
_NONE: _Nodes = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadVersion:
    """A version whose document is at hand."""

    version: Version
    document: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRow:
    """A place in the configuration, with its value in each version, the newest first.

    Attributes:
        label: how the field is called; of a layer's, without the layer.
        whose: who changes it, where that is no person.
        within: the row of the object that it is in: where that appears or goes, this row says
            no more. `UNSET` without one.
        layer: the key of its layer, `UNSET` where it is in none.
        texts: each value once.
        at: for each version the place of its value in `texts`, `UNSET` where it has none.
        forms: the canonical value of each version, None where it has none.
        is_whole: it is an object or a layer, whose fields have rows of their own.
    """

    path: str
    pattern: str
    label: str
    whose: str
    within: int
    layer: int
    texts: tuple[str, ...]
    at: tuple[int, ...]
    forms: tuple[Json, ...]
    is_whole: bool = False

    def encode(self) -> Json:
        """Return the row as a page's script reads it."""
        named: list[Json] = [self.path, self.label, self.whose]
        return [*named, self.within, self.layer, self.is_whole, [*self.texts], [*self.at]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptTable:
    """The scripts of the versions; each line is there once."""

    lines: tuple[str, ...] = ()
    texts: tuple[tuple[int, ...], ...] = ()
    at: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionTable:
    """What differs between versions of a block, the newest first.

    Attributes:
        orders: the keys of each version's layers in their order; empty where no layer differs.
    """

    versions: tuple[Version, ...]
    rows: tuple[ValueRow, ...]
    orders: tuple[tuple[int, ...], ...] = ()
    script: ScriptTable = field(default_factory=ScriptTable)

    def encode(self) -> Json:
        """Return the table as a page's script reads it."""
        rows: list[Json] = [row.encode() for row in self.rows]
        script: JsonObject = {
            "lines": [*self.script.lines],
            "texts": [[*text] for text in self.script.texts],
            "at": [*self.script.at],
        }
        return {"rows": rows, "orders": [[*keys] for keys in self.orders], "script": script}


def read_versions(versions: Sequence[Version]) -> tuple[ReadVersion, ...]:
    """Return the versions that can be compared with the newest one, itself the first.

    Those are of its kind and not pruned; there is none where it is pruned itself.
    """
    newest = versions[0] if versions else None
    return tuple(
        ReadVersion(version=version, document=parse(version.kept.document))
        for version in versions
        if version.kept is not None and newest is not None and newest.kept is not None
        if version.kind is newest.kind
    )


def tabulate(versions: Sequence[ReadVersion]) -> VersionTable:
    """Return what differs between the versions: as many of the newest as a page can hold."""
    shown = tuple(versions)
    table = _Tabulator(shown).table() if len(shown) > 1 else _empty(shown)
    while len(shown) > 1 and len(json.dumps(table.encode())) > MOST_BYTES:
        shown = shown[: len(shown) * 2 // 3]
        table = _Tabulator(shown).table() if len(shown) > 1 else _empty(shown)
    return table


def _empty(versions: Sequence[ReadVersion]) -> VersionTable:
    return VersionTable(versions=tuple(each.version for each in versions), rows=())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where fields are: in which row and layer, `of` which threshold or parameter."""

    within: int = UNSET
    layer: int = UNSET
    of: str = ""


_TOP = _Place()


class _Tabulator:
    def __init__(self, versions: Sequence[ReadVersion]) -> None:
        self._versions = versions
        self._kind = kind_of(versions[0].version.kind)
        self._rows: list[ValueRow] = []
        self._orders: list[tuple[int, ...]] = []

    def table(self) -> VersionTable:
        scripts = [_program(each.document) for each in self._versions]
        self._add_listed()
        self._walk([read(document, self._kind) for document in self._differing()])
        has_layers = any(row.layer != UNSET for row in self._rows)
        is_ordered = len(set(self._orders)) > 1
        return VersionTable(
            versions=tuple(each.version for each in self._versions),
            rows=tuple(self._rows),
            orders=tuple(self._orders) if has_layers or is_ordered else (),
            script=_script_table(scripts) if len(set(scripts)) > 1 else ScriptTable(),
        )

    def _differing(self) -> Iterator[JsonObject]:
        """Yield the documents without what all of them hold in the same words."""
        documents = _with_batch_sizes([each.document for each in self._versions])
        keys = dict.fromkeys(key for document in documents for key in document)
        wanted = [
            key
            for key in keys
            if key not in ENVELOPE
            and key not in (SCRIPT, self._kind.catalogue)
            and len({json.dumps(document.get(key)) for document in documents}) > 1
        ]
        for document in documents:
            yield {key: document[key] for key in wanted if key in document}

    def _add_listed(self) -> None:
        """Add the rows of what stands beside the documents: the listed type, the catalogue."""
        kept = [each.version.kept for each in self._versions]
        if not self._kind.type_at:
            types: list[Json] = [snapshot.type if snapshot else None for snapshot in kept]
            self._add_plain("type", "Block type", "", types)
        digests: list[Json] = [
            snapshot.catalogue.digest if snapshot else None for snapshot in kept
        ]
        first_runs = {
            digest: f"as of run {each.version.run_id}"
            for digest, each in zip(digests, self._versions, strict=True)
        }
        names: list[Json] = [first_runs[digest] for digest in digests]
        if self._kind.catalogue:
            whose = _WHOSE[Owner.VENDOR]
            self._add_plain(self._kind.catalogue, "Model catalogue", whose, names)

    def _add_plain(self, path: str, label: str, whose: str, values: list[Json]) -> None:
        texts, at = _number(values, values, text_of)
        row = ValueRow(
            path=path,
            pattern=path,
            label=label,
            whose=whose,
            within=UNSET,
            layer=UNSET,
            texts=texts,
            at=at,
            forms=tuple(values),
        )
        self._append(row)

    def _walk(self, sides: Sequence[_Nodes], place: _Place = _TOP) -> None:
        """Add the rows of fields that differ, in the order of the newest document."""
        for key in dict.fromkeys(key for side in sides for key in side):
            nodes = [_counted(side.get(key)) for side in sides]
            node = next((each for each in nodes if each is not None), None)
            if node is None or node.field.owner is Owner.INTERFACE:
                continue
            row = self._row(key, node, nodes, place)
            if row.is_whole and node.field.shape is Shape.LAYERS:
                self._walk_layers(nodes)
                continue
            if not row.is_whole:
                self._append(row)
            else:
                within = self._append(row) if UNSET in row.at else place.within
                is_named = _member_name(node, key, self._kind)
                inner = replace(place, within=within, of=row.label if is_named else place.of)
                self._walk(_children(nodes), inner)

    def _walk_layers(self, stacks: Sequence[Node | None]) -> None:
        sides: list[dict[str, Node]] = []
        for stack, each in zip(stacks, self._versions, strict=True):
            layers = [*((stack and stack.children) or {}).values()]
            keys = keys_of(each.version.layers, each.document)
            if len(keys) != len(layers):
                keys = tuple(range(len(layers)))
            self._orders.append(keys)
            sides.append({str(key): layer for key, layer in zip(keys, layers, strict=True)})
        for key in dict.fromkeys(key for side in sides for key in side):
            nodes = [side.get(key) for side in sides]
            node = next(each for each in nodes if each is not None)
            place = _Place(layer=int(key))
            whole = replace(self._row(key, node, nodes, place), label="")
            within = self._append(whole) if UNSET in whole.at else UNSET
            self._walk(_children(nodes), replace(place, within=within))

    def _row(self, key: str, node: Node, nodes: Sequence[Node | None], place: _Place) -> ValueRow:
        unit = node.field.unit
        words = layer_words if node.field.pattern == f"{LAYERS}[]" else None
        forms = tuple(None if each is None else each.form for each in nodes)
        texts, at = _number(
            forms,
            [None if each is None else each.literal for each in nodes],
            lambda value: sentence(words(value)) if words else text_of(value, unit),
        )
        return ValueRow(
            path=cap(harmless(node.path), LONGEST_NAME),
            pattern=node.field.pattern,
            label=_label(node, key, place, self._kind),
            whose=_WHOSE[node.field.owner],
            within=place.within,
            layer=place.layer,
            texts=texts,
            at=at,
            forms=forms,
            is_whole=all(each is None or each.children is not None for each in nodes),
        )

    def _append(self, row: ValueRow) -> int:
        """Add a row that differs; return its place."""
        if len(set(row.at)) > 1:
            self._rows.append(row)
        return len(self._rows) - 1


def _counted(node: Node | None) -> Node | None:
    return None if node is None or node.is_blank else node


def _children(nodes: Sequence[Node | None]) -> list[_Nodes]:
    return [_NONE if node is None else node.children or _NONE for node in nodes]


def _label(node: Node, key: str, place: _Place, kind: BlockKind) -> str:
    if name := _member_name(node, key, kind):
        return name
    if not place.of:
        return label_of(node, key)
    return place.of if key == "value" else f"{place.of}: {label_of(node, key)}"


def _member_name(node: Node, key: str, kind: BlockKind) -> str:
    """Return what a threshold or parameter is called, empty for all else."""
    if is_threshold(node.field.pattern):
        return cap(f"Threshold {harmless(key)}", LONGEST_NAME)
    if kind.parameters and node.field.pattern.endswith(f"{kind.parameters}[]"):
        return name_parameter(node, key)
    return ""


def _number(
    forms: Sequence[Json], literals: Sequence[Json], words: Callable[[Json], str]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return each value once in words, and the place of each version's value among them.

    Two values whose words are the same are not the same value: then the second says so.
    """
    known: list[Json] = []
    texts: list[str] = []
    at: list[int] = []
    for form, literal in zip(forms, literals, strict=True):
        if form is None:
            at.append(UNSET)
            continue
        place = next((n for n, other in enumerate(known) if is_same(form, other)), len(known))
        if place == len(known):
            known.append(form)
            text = words(literal)
            texts.append(f"{text} (not the same)" if text in texts else text)
        at.append(place)
    return tuple(texts), tuple(at)


def _with_batch_sizes(documents: Sequence[JsonObject]) -> list[JsonObject]:
    """Return documents with the batch size that a training uses, where any of them sets one."""
    if all(is_nothing(document.get("batchSize")) for document in documents):
        return [*documents]
    return [
        {**document, "batchSize": default}
        if is_nothing(document.get("batchSize"))
        and (default := document.get("defaultBatchSize")) is not None
        else document
        for document in documents
    ]


def _program(document: JsonObject) -> str:
    script = document.get(SCRIPT)
    return program_text(script) if isinstance(script, str) else ""


def _script_table(scripts: Sequence[str]) -> ScriptTable:
    numbers: dict[str, int] = {}
    texts: dict[str, tuple[int, ...]] = {}
    for script in scripts:
        if script not in texts:
            lines = script.split("\n")
            texts[script] = tuple(numbers.setdefault(line, len(numbers)) for line in lines)
    places = {script: place for place, script in enumerate(texts)}
    return ScriptTable(
        lines=tuple(map(script_line, numbers)),
        texts=tuple(texts.values()),
        at=tuple(places[script] for script in scripts),
    )
