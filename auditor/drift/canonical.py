"""The canonical form of an answer: what of it counts, in one order, under a name of its own.

Rules it holds
- Key order, `1` or `1.0`, a script's line ends and trailing blank lines make no difference.
- For optional fields of the schema absent, null, false, "", [], {} and {"enabled": false} are one
  another's equal; for unknown fields absent and null; for a layer's `enabled` absent and true.
- Lists with identity become mappings, lists that are sets are sorted, layers keep their order.
- Equal canonical bytes mean no change. The converse does not hold: `is_same` allows for noise.
- Numbers within 1e-9 of one another, relative to the larger, are the same where at least one of
  them is not whole; everything else is compared exactly, and a boolean is never a number.
- A parameter without a value has its default one; in which group it is says nothing.
- A later version of the auditor may know more fields or treat other values as equal. Digests
  then mean something else, so the name of the form is part of each digest, and each target keeps
  the name of the form in which it was last read (ADR 11).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard

from auditor.drift.block_kinds import BLOCK_KINDS, BlockKind
from auditor.drift.fields import ENVELOPE, Field, Shape
from auditor.drift.impulse_fields import PARAMETERS
from auditor.errors import DocumentError
from auditor.model import Area, BlockKindName, Json, JsonObject

_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_INTEGER = re.compile(r"-?\d{1,18}")  # of any 64 bits; a double would round it
_WHOLE = 2**63  # beyond it a double is no longer one whole number
_OWN_FORMS = (str, int)  # booleans among them: the forms of most values are the values
_QUOTED = re.compile(r'[.\[\]"\']')


@dataclass(frozen=True, slots=True)
class Node:
    """A value of an answer with its place, its row of the field table and its canonical form.

    Attributes:
        literal: the value in the answer.
        form: its canonical form; of an object, of its children that are not blank.
        children: the parts by key or member label; None where the value is compared as one.
        is_blank: equal to absent.
        kind: of the block.
    """

    path: str
    field: Field
    literal: Json
    form: Json
    children: Mapping[str, Node] | None
    is_blank: bool
    kind: BlockKind


def read(document: JsonObject, kind: BlockKind) -> Mapping[str, Node]:
    """Return the block's top-level fields as nodes, without envelope and catalogue."""
    return {
        key: _node(kind, _key_path("", key), kind.top(key), value)
        for key, value in document.items()
        if key not in ENVELOPE and key != kind.catalogue
    }


def read_catalogue(models: Json, kind: BlockKind) -> Node:
    """Return the vendor's catalogue (in Keras blocks `transferLearningModels`) as a node."""
    return _node(kind, kind.catalogue, kind.top(kind.catalogue), models)


def read_catalogues(old: Json, new: Json, kind: BlockKind) -> tuple[Node, Node]:
    """Return two catalogues as nodes, without the members that both hold in the same words.

    Of thousands of models few change, and nodes of those that did not would take most of the time.
    """
    if not isinstance(old, list) or not isinstance(new, list):
        return read_catalogue(old, kind), read_catalogue(new, kind)
    field = kind.top(kind.catalogue)
    before, after = (dict(label_members(side, field.identity)) for side in (old, new))
    equal = {label for label in before.keys() & after.keys() if _is_twin(before, after, label)}
    return _without(equal, before, kind), _without(equal, after, kind)


def _is_twin(before: Mapping[str, Json], after: Mapping[str, Json], label: str) -> bool:
    return _sorted_json(before[label]) == _sorted_json(after[label])


def _without(equal: set[str], members: Mapping[str, Json], kind: BlockKind) -> Node:
    path, field = kind.catalogue, kind.top(kind.catalogue)
    rest = {label: member for label, member in members.items() if label not in equal}
    children = _members(kind, path, field, rest.items())
    form = _joined(field, children)
    return Node(path, field, [*rest.values()], form, children, _is_blank(field, form), kind)


def read_value(path: str, field: Field, value: Json, kind: BlockKind) -> Node:
    """Return any value as a node, at a place and under a row of the field table."""
    return _node(kind, path, field, value)


def form_of(nodes: Mapping[str, Node]) -> JsonObject:
    """Return the canonical form of several nodes, without the blank ones."""
    return {key: node.form for key, node in nodes.items() if not node.is_blank}


def canonical_bytes(document: JsonObject, kind: BlockKind) -> bytes:
    """Return the block's canonical form as bytes, without envelope and catalogue.

    Raises:
        DocumentError: `document` holds NaN, an infinity or a value that JSON has not.
    """
    return _bytes(_FormReader(kind).read_block(document))


def digest(document: JsonObject, kind: BlockKind) -> str:
    """Return the SHA-256 of form and canonical bytes, as 64 hex digits.

    A digest made in another form equals none made in this one, so it never hides a change.
    """
    return _digest(canonical_bytes(document, kind), kind)


def catalogue_digest(models: Json, kind: BlockKind) -> str:
    """Return the SHA-256 of form and the catalogue's canonical bytes, as 64 hex digits."""
    return _digest(_bytes(_FormReader(kind).read(kind.top(kind.catalogue), models)), kind)


def as_number(value: Json) -> Json:
    """Return the number that a string spells (`"0.5"`), any other value as it is."""
    if not isinstance(value, str) or not _JSON_NUMBER.fullmatch(value):
        return value
    if _INTEGER.fullmatch(value):
        return int(value)
    number = float(value)
    return _number(number) if math.isfinite(number) else value


def program_text(script: str) -> str:
    """Return a script with LF line ends and without trailing blank lines."""
    lines = script.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return "\n".join(lines)


def label_members(members: list[Json], identity: tuple[str, ...]) -> Iterator[tuple[str, Json]]:
    """Yield every member with its label: its identity, `#2` behind the second of the same."""
    taken: set[str] = set()
    for member in members:
        label = name = _identity(member, identity)
        count = 1
        while label in taken:  # an identity may itself look like the label of a second
            count += 1
            label = f"{name}#{count}"
        taken.add(label)
        yield label, member


def _digest(content: bytes, kind: BlockKind) -> str:
    return hashlib.sha256(FORMS[kind.name].encode("ascii") + content).hexdigest()


def _bytes(form: Json) -> bytes:
    try:
        text = _sorted_json(form)
    except (ValueError, TypeError, RecursionError) as error:
        raise DocumentError(f"the document has no canonical form: {error}") from error
    return text.encode("ascii")


_sorted_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


class _FormReader:
    """Makes the forms of values as `_node` does, without nodes: large catalogues have many.

    Rows of the field table are looked up once for each key, not for each value.
    """

    def __init__(self, kind: BlockKind) -> None:
        self._kind = kind
        self._rows: dict[str, dict[str, tuple[Field, bool, bool]]] = {}

    def read_block(self, document: JsonObject) -> JsonObject:
        """Return the form of a document, without envelope and catalogue."""
        forms: JsonObject = {}
        for key, value in document.items():
            if key not in ENVELOPE and key != self._kind.catalogue:
                row = self._kind.top(key)
                form = self.read(row, value)
                if not _is_blank(row, form):
                    forms[key] = form
        return forms

    def read(self, field: Field, value: Json) -> Json:
        """Return the form of a value."""
        match value:
            case dict() if field.shape is Shape.OBJECT or _is_open(field):
                parts = _with_default(value) if field.pattern in PARAMETERS else value
                return self._object(field, parts)
            case list() if field.shape in (Shape.MEMBERS, Shape.GROUPS):
                row = self._kind.member(field)
                return {label: self.read(row, part) for label, part in _labelled(field, value)}
            case list() if field.shape is Shape.LAYERS:
                row = self._kind.member(field)
                return [self.read(row, part) for part in value]
            case _:
                return _form(field, value)

    def _object(self, field: Field, parts: JsonObject) -> JsonObject:
        forms: JsonObject = {}
        rows = self._rows.setdefault(field.pattern, {})
        for key, part in parts.items():
            known = rows.get(key)
            if known is None:
                row = self._kind.child(field, key)
                is_simple = row.shape is Shape.VALUE and not row.blank_is_true
                known = rows[key] = (row, is_simple, row.required)
            row, is_simple, is_required = known
            if is_simple and isinstance(part, _OWN_FORMS) and (part or is_required):
                forms[key] = part  # as below, which takes longer
                continue
            form = self.read(row, part)
            if not _is_blank(row, form):
                forms[key] = form
        return forms


def _node(kind: BlockKind, path: str, field: Field, value: Json) -> Node:
    children = _children(kind, path, field, value)
    form = _form(field, value) if children is None else _joined(field, children)
    return Node(path, field, value, form, children, _is_blank(field, form), kind)


def _children(kind: BlockKind, path: str, field: Field, value: Json) -> dict[str, Node] | None:
    match value:
        case dict() if field.shape is Shape.OBJECT or _is_open(field):
            parts = _with_default(value) if field.pattern in PARAMETERS else value
            return {
                key: _node(kind, _key_path(path, key), kind.child(field, key), part)
                for key, part in parts.items()
            }
        case list() if field.shape in (Shape.MEMBERS, Shape.GROUPS):
            return _members(kind, path, field, _labelled(field, value))
        case list() if field.shape is Shape.LAYERS:
            return {
                str(place): _node(kind, f"{path}[{place}]", kind.member(field), part)
                for place, part in enumerate(value)
            }
        case _:
            return None


def _labelled(field: Field, value: list[Json]) -> Iterator[tuple[str, Json]]:
    members = [*_of_groups(value)] if field.shape is Shape.GROUPS else value
    return label_members(members, field.identity)


def _members(
    kind: BlockKind, path: str, field: Field, labelled: Iterable[tuple[str, Json]]
) -> dict[str, Node]:
    return {
        label: _node(kind, f"{path}[{_label(label)}]", kind.member(field), part)
        for label, part in labelled
    }


def _of_groups(groups: list[Json]) -> Iterator[Json]:
    """Yield the members of all groups; what is no group stands for itself."""
    for group in groups:
        items = group.get("items") if isinstance(group, dict) else None
        if isinstance(items, list):
            yield from items
        else:
            yield group


def _with_default(parameter: JsonObject) -> JsonObject:
    """Return a parameter with the value that counts: where none is set, its default."""
    if parameter.get("value") is not None:
        return parameter
    return {**parameter, "value": parameter.get("defaultValue")}


def _joined(field: Field, children: dict[str, Node]) -> Json:
    if field.shape is Shape.LAYERS:
        return [node.form for node in children.values()]
    if field.shape in (Shape.MEMBERS, Shape.GROUPS):
        return {label: node.form for label, node in children.items()}
    return form_of(children)


def _is_open(field: Field) -> bool:
    """Undeclared objects are opened; any other value stays as it is."""
    return field.pattern.endswith("?") or (
        field.area is Area.CATALOGUE and field.shape is Shape.VALUE
    )


def _form(field: Field, value: Json) -> Json:  # noqa: PLR0911 - one for each shape
    plain = _plain(value)
    match field.shape:
        case Shape.PROGRAM:
            return program_text(value) if isinstance(value, str) else plain
        case Shape.NUMBER:
            return _plain(as_number(value))
        case Shape.MEMBERS:
            # An object where a list of members belongs is not the members it names.
            return [plain] if isinstance(value, dict) and not is_nothing(plain) else plain
        case Shape.SET:
            return sorted(plain, key=_bytes) if isinstance(plain, list) else plain
        case Shape.PARAMETER:
            is_text = plain is None or isinstance(plain, str | list | dict)
            return plain if is_text else json.dumps(plain)
        case Shape.FOLLOWER:
            return None
        case Shape.VALUE | Shape.OBJECT | Shape.LIST | Shape.LAYERS | Shape.GROUPS:
            return plain


def _plain(value: Json) -> Json:
    match value:
        case float():
            return _number(value)
        case list():
            return [_plain(member) for member in value]
        case dict():
            return {key: _plain(part) for key, part in value.items() if part is not None}
        case bool() | int() | str() | None:
            return value


def _number(value: float) -> int | float:
    """Write whole numbers as integers: `1.0` is `1`, and `-0.0` is `0`."""
    return int(value) if value.is_integer() and abs(value) < _WHOLE else value


def _is_blank(field: Field, form: Json) -> bool:
    if field.shape is Shape.FOLLOWER:
        return True
    if field.blank_is_true:
        return form is None or form is True
    if field.required:
        return False
    if field.pattern.endswith("?"):
        return form is None
    if field.pattern.endswith("[]"):
        return False
    return is_nothing(form)


def is_nothing(form: Json) -> bool:
    """Return whether a value is one of the ways to leave an optional field unset."""
    if isinstance(form, dict):
        return not form or (form.keys() == {"enabled"} and form["enabled"] is False)
    return form is None or form is False or form in ("", [])


def _identity(value: Json, identity: tuple[str, ...]) -> str:
    if not isinstance(value, dict):
        return json.dumps(value)
    parts = [_plain(value.get(key)) for key in identity]
    return ":".join(str(part) for part in parts if not is_nothing(part))


def _key_path(path: str, key: str) -> str:
    if _QUOTED.search(key) or not key:
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key


def _label(label: str) -> str:
    return json.dumps(label, ensure_ascii=False) if re.search(r'[\[\]"]', label) else label


NOISE = 1e-9


def is_same(a: Json, b: Json) -> bool:
    """Return whether two canonical forms are equal, noise of numbers left out."""
    if is_number(a) and is_number(b):
        return is_noise(a, b)
    if type(a) is not type(b):
        return False
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(is_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(is_same(a[key], b[key]) for key in a)
    return a == b


def is_noise(a: float, b: float) -> bool:
    """Return whether two numbers differ by nothing, or by less than noise."""
    if float(a).is_integer() and float(b).is_integer():
        return a == b
    return abs(a - b) < NOISE * max(abs(a), abs(b)) or a == b


def is_number(value: Json) -> TypeGuard[int | float]:
    """Return whether a value is a number; a boolean is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


CANONICAL = 1
"""Increased when this module returns something else for the same answer; a test says when."""


def form_name(fields: Iterable[Field], *, canonical: int) -> str:
    """Return the name of a form, 16 hex digits.

    A field's label and unit are not part of it: they change no judgement.
    """
    rows = sorted(map(_row, fields))
    return hashlib.sha256("\n".join([str(canonical), *rows]).encode()).hexdigest()[:16]


def _row(field: Field) -> str:
    judged = (field.area, field.owner, field.severity, field.shape.name, *field.identity)
    return f"{field.pattern} {field.required} {field.blank_is_true} {' '.join(judged)}"


FORMS: Mapping[BlockKindName, str] = {
    name: form_name(kind.fields.values(), canonical=CANONICAL)
    for name, kind in BLOCK_KINDS.items()
}
"""The form of each kind: where the table of one changes, no other kind is read anew."""


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """An answer with its catalogue split off, secrets not hidden yet.

    Attributes:
        document: the answer, its `transferLearningModels` null.
        catalogue: the catalogue, as JSON; null where the kind has none.
        type: how the listing calls the block's type, empty where it was not asked.
    """

    kind: BlockKind
    document: JsonObject
    catalogue: bytes
    type: str


def split(answer: JsonObject, kind: BlockKind, *, listed_type: str = "") -> AnswerParts:
    """Return the parts of an answer."""
    if not kind.catalogue:
        return AnswerParts(kind, answer, dump(None), listed_type)
    catalogue = dump(answer.get(kind.catalogue))
    return AnswerParts(kind, {**answer, kind.catalogue: None}, catalogue, listed_type)


def parse(document: bytes) -> JsonObject:
    """Return a stored document as a value."""
    parsed = json.loads(document)
    return parsed if isinstance(parsed, dict) else {}


def parse_catalogue(document: bytes) -> Json:
    """Return a stored catalogue as a value."""
    parsed: Json = json.loads(document)
    return parsed


_short_json = json.JSONEncoder(separators=(",", ":")).encode


def dump(value: Json) -> bytes:
    """Return a value as stored: JSON in ASCII, keys in their order."""
    return _short_json(value).encode("ascii")
