"""What differs between two answers, as changes at paths; nothing is judged here.

deepdiff does the structural work on documents in which lists with identity are mappings and
layers are aligned, and sees only the members that differ. Its defaults hide drift, so each
option below names what it cures (measured with deepdiff 9.1).
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from auditor.drift.block_kinds import ORDER, BlockKind, kind_of
from auditor.drift.canonical import (
    Node,
    is_same,
    parse_catalogue,
    read,
    read_catalogues,
    read_value,
)
from auditor.drift.fields import (
    CATALOGUE,
    Field,
    Shape,
    names_model,
)
from auditor.drift.layer_keys import LayerTrack
from auditor.drift.layers import align
from auditor.drift.secrets import Secrets
from auditor.model import (
    BlockKindName,
    Catalogue,
    Change,
    Finding,
    Json,
    JsonObject,
    Kind,
    Snapshot,
    TargetId,
)

_Nodes = Mapping[str, Node]
_MODEL_PATH = re.compile(rf"{CATALOGUE}\[(.*?)\](?:\.|$)")
_CATALOGUES_KEPT = 16  # pairs: after a vendor's release most targets show the same one


def compare(old: JsonObject, new: JsonObject, kind: BlockKind) -> tuple[Change, ...]:
    """Return every change between two documents of one block, in document order.

    The catalogues are left out: see `compare_catalogues`. A layer's place is the one in the new
    stack, in the old stack where it was removed.
    """
    before, after = read(old, kind), read(new, kind)
    changes = _inside(before, after, by_mode=old.get("mode") == new.get("mode"))
    real = (change for change in changes if not _is_default_batch(change, before, after))
    return tuple(sorted(real, key=_document_order))


def _is_default_batch(change: Change, old: _Nodes, new: _Nodes) -> bool:
    """Return whether one side leaves the batch size to Studio's default, which the other has."""
    return change.pattern == "batchSize" and is_same(_batch_size(old), _batch_size(new))


def _batch_size(nodes: _Nodes) -> Json:
    """Return the batch size that a training uses."""
    size = nodes.get("batchSize")
    used = nodes.get("defaultBatchSize") if size is None or size.is_blank else size
    return None if used is None else used.form


def compare_catalogues(old: Json, new: Json, kind: BlockKind) -> tuple[Change, ...]:
    """Return every change between two catalogues, in the order of the new one."""
    before, after = read_catalogues(old, new, kind)
    return tuple(_inside({"": before}, {"": after}, by_mode=True))


def _document_order(change: Change) -> int:
    return ORDER.get(change.pattern, len(ORDER))


def _inside(old: _Nodes, new: _Nodes, *, by_mode: bool) -> Iterator[Change]:
    """Yield the changes between two sets of nodes; layers are aligned unless the mode differs."""
    stacks = _stacks(old, new) if by_mode else None
    if stacks is not None:
        yield from _stack_changes(*stacks)
    left, right = _paired(old, new, without_layers=stacks is not None)
    for keys in _differing(left, right):
        yield from _changes_at(_find(old, keys), _find(new, keys))


def _stacks(old: _Nodes, new: _Nodes) -> tuple[Node, Node] | None:
    before, after = old.get("visualLayers"), new.get("visualLayers")
    if before is None or after is None or before.field.shape is not Shape.LAYERS:
        return None
    if before.children is None or after.children is None:
        return None
    return before, after


def _paired(old: _Nodes, new: _Nodes, *, without_layers: bool) -> tuple[JsonObject, JsonObject]:
    """Return both sides as plain mappings in which deepdiff sees the literal values.

    A blank object (`{"enabled": false}`) is left out where the other side has none, and opened
    where it has one, so that each field inside is its own change.
    """
    left: JsonObject = {}
    right: JsonObject = {}
    for key in [*old, *(key for key in new if key not in old)]:
        before, after = old.get(key), new.get(key)
        if _is_blank(before) and _is_blank(after):
            continue
        node = before or after
        if without_layers and node is not None and node.field.shape is Shape.LAYERS:
            continue
        _pair(key, before, after, left, right)
    return left, right


def _pair(
    key: str, before: Node | None, after: Node | None, left: JsonObject, right: JsonObject
) -> None:
    if before is not None and after is not None and _both_open(before, after):
        left[key], right[key] = _paired(
            before.children or {}, after.children or {}, without_layers=False
        )
        return
    if before is not None and not before.is_blank:
        left[key] = before.form
    if after is not None and not after.is_blank:
        right[key] = after.form
    if key in left and key in right and isinstance(left[key], dict):
        # An object compared as one value: deepdiff must not look inside.
        left[key], right[key] = "before", "before" if is_same(left[key], right[key]) else "after"


def _both_open(before: Node, after: Node) -> bool:
    if before.field.shape is Shape.LAYERS:  # not aligned: the mode was switched
        return False
    return before.children is not None and after.children is not None


def _is_blank(node: Node | None) -> bool:
    return node is None or node.is_blank


def _differing(left: JsonObject, right: JsonObject) -> Iterator[list[str]]:
    """Yield the keys down to every place at which two mappings differ, as deepdiff finds them."""
    left, right = _unequal(left, right)
    if not left and not right:
        return
    from deepdiff import DeepDiff  # noqa: PLC0415 - 0.15 s that a run without changes saves

    diff = DeepDiff(
        left,
        right,
        view="tree",
        ignore_private_variables=False,  # else keys that start with "__" are skipped
        zip_ordered_iterables=True,  # else [false] to [0] is no difference
        threshold_to_diff_deeper=0,  # else mappings that share little are one change
        custom_operators=[_Leaves()],
    )
    levels = [level for found in diff.values() for level in found]
    yield from sorted((level.path(output_format="list") for level in levels), key=_keys_order)


def _unequal(left: JsonObject, right: JsonObject) -> tuple[JsonObject, JsonObject]:
    """Return both mappings without the members, at any depth, that are equal in both."""
    old: JsonObject = {key: part for key, part in left.items() if key not in right}
    new: JsonObject = {key: part for key, part in right.items() if key not in left}
    for key in left.keys() & right.keys():
        before, after = left[key], right[key]
        if isinstance(before, dict) and isinstance(after, dict):
            before, after = _unequal(before, after)
            if not before and not after:
                continue
        elif _text(before) == _text(after):  # to Python, false equals 0 and 1 equals true
            continue
        old[key], new[key] = before, after
    return old, new


def _keys_order(keys: list[str]) -> str:
    return json.dumps(keys)


class _Leaves:
    """Tells deepdiff where to stop: lists are one value, and numbers within noise are equal."""

    def match(self, level: Any) -> bool:  # noqa: ANN401 - deepdiff's own signature
        return not (isinstance(level.t1, dict) and isinstance(level.t2, dict))

    def give_up_diffing(self, level: Any, diff_instance: Any) -> bool:  # noqa: ANN401
        if not is_same(level.t1, level.t2):
            diff_instance.custom_report_result("changed", level)
        return True

    def normalize_value_for_hashing(self, parent: Any, obj: Any) -> Any:  # noqa: ANN401, ARG002
        return obj


def _find(nodes: _Nodes, keys: Sequence[str]) -> Node | None:
    node: Node | None = nodes.get(keys[0])
    for key in keys[1:]:
        node = (node.children or {}).get(key) if node is not None else None
    return node


def _changes_at(before: Node | None, after: Node | None) -> Iterator[Change]:
    if before is not None and after is not None and _are_opaque_lists(before, after):
        yield from _list_changes(before, after)
    elif node := after or before:
        kind = _kind(before, after)
        yield _change(node.path, node.field, kind, _literal(before), _literal(after))


def _kind(before: Node | None, after: Node | None) -> Kind:
    """Decide by the literal values: a null that became a value was changed."""
    if before is None:
        return Kind.ADDED
    return Kind.REMOVED if after is None else Kind.CHANGED


def _literal(node: Node | None) -> Json:
    return None if node is None else node.literal


def _change(path: str, field: Field, kind: Kind, before: Json, after: Json) -> Change:
    return Change(path=path, pattern=field.pattern, kind=kind, before=before, after=after)


def _stack_changes(before: Node, after: Node) -> Iterator[Change]:
    old, new = list((before.children or {}).values()), list((after.children or {}).values())
    alignment = align([_layer(node) for node in old], [_layer(node) for node in new])
    for i in alignment.removed:
        yield _change(old[i].path, old[i].field, Kind.REMOVED, old[i].literal, None)
    for j in alignment.added:
        yield _change(new[j].path, new[j].field, Kind.ADDED, None, new[j].literal)
    for i, j in alignment.moved:
        yield _change(new[j].path, new[j].field, Kind.MOVED, i, j)
    for i, j in (*alignment.pairs, *alignment.moved):
        yield from _layer_changes(old[i], new[j])


def _layer_changes(before: Node, after: Node) -> Iterator[Change]:
    """Yield what was edited in a layer, at its new place whether it moved or not."""
    if _other_type(_layer(before), _layer(after)):
        yield _change(after.path, after.field, Kind.REPLACED, before.literal, after.literal)
        return
    renumbered = read_value(after.path, before.field, before.literal, before.kind)
    yield from _inside(renumbered.children or {}, after.children or {}, by_mode=True)


def _other_type(before: JsonObject, after: JsonObject) -> bool:
    if before.get("type") != after.get("type"):
        return True
    model = "organizationModelId"
    return names_model(after.get("type")) and not is_same(before.get(model), after.get(model))


def _layer(node: Node) -> JsonObject:
    return node.form if isinstance(node.form, dict) else {}


def _are_opaque_lists(before: Node, after: Node) -> bool:
    """Lists of objects that the schema does not know have members, but no identity."""
    return (
        before.field.shape is Shape.VALUE
        and before.children is None
        and after.children is None
        and _holds_objects(before.literal)
        and _holds_objects(after.literal)
    )


def _holds_objects(value: Json) -> bool:
    return isinstance(value, list) and any(isinstance(member, dict) for member in value)


def _list_changes(before: Node, after: Node) -> Iterator[Change]:
    old, new = _members(before), _members(after)
    forms = [[_text(node.form) for node in side] for side in (old, new)]
    if sorted(forms[0]) == sorted(forms[1]):
        yield _change(after.path, after.field, Kind.CHANGED, before.literal, after.literal)
        return
    matcher = difflib.SequenceMatcher(None, forms[0], forms[1], autojunk=False)
    for act, i1, i2, j1, j2 in matcher.get_opcodes():
        if act != "equal":
            yield from _members_changes(old[i1:i2], new[j1:j2])


def _members(node: Node) -> list[Node]:
    values = node.literal if isinstance(node.literal, list) else []
    return [
        read_value(f"{node.path}[{place}]", node.field, member, node.kind)
        for place, member in enumerate(values)
    ]


def _text(form: Json) -> str:
    return json.dumps(form, sort_keys=True)


def _members_changes(old: Sequence[Node], new: Sequence[Node]) -> Iterator[Change]:
    both = min(len(old), len(new))
    for before, after in zip(old, new, strict=False):
        if before.children is not None and after.children is not None:
            yield from _inside(before.children, after.children, by_mode=True)
        else:
            yield from _changes_at(before, after)
    for node in old[both:]:
        yield _change(node.path, node.field, Kind.REMOVED, node.literal, None)
    for node in new[both:]:
        yield _change(node.path, node.field, Kind.ADDED, None, node.literal)


def is_visual(document: JsonObject) -> bool:
    """Return whether a block is edited in visual mode, its script generated."""
    return document.get("mode") == "visual"


def models_of(document: JsonObject) -> tuple[str, ...]:
    """Return the catalogue identities of the models that a visual stack uses, in its order.

    An identity is `TYPE`, or `TYPE:ORGANIZATION_MODEL_ID` where the layer names one.
    """
    layers = document.get("visualLayers")
    if not isinstance(layers, list):
        return ()
    return tuple(
        identity_of_model(layer)
        for layer in layers
        if isinstance(layer, dict) and names_model(layer.get("type"))
    )


def identity_of_model(layer: JsonObject) -> str:
    """Return the catalogue identity of the model that a layer names."""
    custom = layer.get("organizationModelId")
    return str(layer["type"]) if custom is None else f"{layer['type']}:{custom}"


class Documents(NamedTuple):
    """The answers before and after a change, `{}` if none is at hand.

    `names` are what the catalogue calls the models that they use or whose entries changed, by
    identity.
    """

    old: JsonObject
    new: JsonObject
    names: Mapping[str, str]


NO_DOCUMENTS = Documents({}, {}, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two answers of one block and every change between them.

    Attributes:
        target: None for two files.
        kind: of the block, in the new answer.
        changes: of the blocks, in document order.
        catalogue: of their catalogues.
        in_use: the catalogue identities of the models that the block uses.
        catalogues: both, the new one first; they name the models.
        track: the keys of the layers, None where a layer's key is its place.
    """

    target: TargetId | None
    kind: BlockKind
    old: JsonObject
    new: JsonObject
    changes: tuple[Change, ...]
    catalogue: tuple[Change, ...] = ()
    in_use: tuple[str, ...] = ()
    catalogues: tuple[Catalogue, ...] = ()
    track: LayerTrack | None = None

    def lasting_path(self, change: Change | Finding) -> str:
        """Return the path of a change, of a layer by its key."""
        return change.path if self.track is None else self.track.lasting_path(change)

    @property
    def documents(self) -> Documents:
        """Return both answers, for what a headline says of them."""
        used = dict.fromkeys((*models_of(self.new), *models_of(self.old), *self.in_use))
        used |= dict.fromkeys(filter(None, map(_changed_model, self.catalogue)))
        is_about_models = self.catalogue or any(
            change.pattern.startswith("visualLayers") for change in self.changes
        )
        names: dict[str, str] = {}
        for catalogue in self.catalogues if used and is_about_models else ():
            known = _model_names(catalogue)
            names = {name: known[name] for name in used if name in known} | names
        return Documents(self.old, self.new, names)


def _changed_model(change: Change) -> str:
    """Return the identity of the model of which the catalogue's entry changed, else nothing."""
    found = _MODEL_PATH.match(change.path)
    return found.group(1) if found else ""


def compare_snapshots(
    old: Snapshot,
    new: Snapshot,
    *,
    target: TargetId | None,
    secrets: Secrets,
    last_models: tuple[str, ...] = (),
) -> Comparison:
    """Return two stored snapshots as a comparison, what is secret in them hidden.

    `last_models` are the models of the last visual stack before both: a block in expert mode
    names none itself.
    """
    before, after = secrets.read_document(old), secrets.read_document(new)
    visual = next((document for document in (after, before) if is_visual(document)), None)
    kind = kind_of(new.kind)
    if old.kind is not new.kind:
        changes: tuple[Change, ...] = _other_kind(old, new, before, after)
    else:
        changes = (*_other_type_listed(old, new), *compare(before, after, kind))
    return Comparison(
        target=target,
        kind=kind,
        old=before,
        new=after,
        changes=changes,
        catalogue=_changes_between(old.catalogue, new.catalogue, new.kind),
        in_use=last_models if visual is None else models_of(visual),
        catalogues=(new.catalogue, old.catalogue),
    )


def _other_kind(
    old: Snapshot, new: Snapshot, before: JsonObject, after: JsonObject
) -> tuple[Change, ...]:
    """Return that a block is of another kind now, and what became of its training.

    No other field of the two documents can be compared.
    """
    change = _type_change(old.shown_type or old.kind, new.shown_type or new.kind)
    if before.get("trained") is True and after.get("trained") is not True:
        lost = Change(
            path="trained", pattern="trained", kind=Kind.CHANGED, before=True, after=False
        )
        return (change, lost)
    return (change,)


def _other_type_listed(old: Snapshot, new: Snapshot) -> tuple[Change, ...]:
    """Return that the listing calls the type of a block another one, if the answer does not."""
    is_named = bool(kind_of(new.kind).type_at)
    if is_named or not old.type or not new.type or old.type == new.type:
        return ()
    return (_type_change(old.type, new.type),)


def _type_change(before: str, after: str) -> Change:
    return Change(
        path="type", pattern="type", kind=Kind.CHANGED, before=str(before), after=str(after)
    )


@lru_cache(maxsize=_CATALOGUES_KEPT)
def _model_names(catalogue: Catalogue) -> Mapping[str, str]:
    """Return the names of a catalogue's models by identity."""
    models = parse_catalogue(catalogue.document)
    return {
        identity_of_model(model): name
        for model in (models if isinstance(models, list) else ())
        if isinstance(model, dict) and model.get("type")
        if isinstance(name := model.get("name"), str) and name
    }


@lru_cache(maxsize=_CATALOGUES_KEPT)
def _changes_between(old: Catalogue, new: Catalogue, name: BlockKindName) -> tuple[Change, ...]:
    if old.digest == new.digest:
        return ()
    models = parse_catalogue(old.document), parse_catalogue(new.document)
    return compare_catalogues(*models, kind_of(name))
