"""The kinds of blocks that the auditor reads, one row each.

A row says where Studio keeps the configuration of such a block, where it shows it, and which
fields it has. The client, the check of answers, the canonical form, the request that restores a
value, the links to Studio and the demo's Studio read these rows, so that a block of another kind
is one more row and its table of fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from auditor.drift.fields import CATALOGUE, FIELDS, UNKNOWN, UNKNOWN_OF_VENDOR, Field, JsonType
from auditor.model import Area, BlockKindName, JsonObject, TargetId


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockKind:
    """A kind of block in Studio.

    Attributes:
        path: where the API returns the configuration (GET) and changes it (POST), below the
            API's base; `{project}` and `{block}` stand for the ids.
        page: the block's page in Studio, below the address of Studio, with the same two places.
        fields: what a document may hold, by pattern.
        required: the JSON types without which an answer is refused: for each container (empty
            for the answer itself, `dependencies`, `visualLayers[]`) its keys.
        collections: lists of a document that no single edit empties.
        name_at: the keys down to the block's name in a document.
        type_at: the keys down to its type; empty where only the listing names it.
        catalogue: the field that holds the vendor's catalogue, empty if there is none.
    """

    name: BlockKindName
    path: str
    page: str
    fields: Mapping[str, Field]
    required: Mapping[str, Mapping[str, JsonType]]
    collections: tuple[tuple[str, ...], ...]
    name_at: tuple[str, ...]
    type_at: tuple[str, ...]
    catalogue: str = ""

    def path_of(self, target: TargetId) -> str:
        """Return the API's path of a block's configuration."""
        return self.path.format(project=target.project_id, block=target.learn_id)

    def page_of(self, target: TargetId) -> str:
        """Return the path of a block's page in Studio."""
        return self.page.format(project=target.project_id, block=target.learn_id)

    def find_target(self, path: str) -> TargetId | None:
        """Return the block whose configuration an API path is for, or None if it is for none."""
        pattern = re.escape(self.path)
        for place in ("project", "block"):
            pattern = pattern.replace(re.escape(f"{{{place}}}"), rf"(?P<{place}>\d+)")
        found = re.fullmatch(pattern, path)
        return TargetId(int(found["project"]), int(found["block"])) if found else None

    def name_of(self, document: JsonObject) -> str:
        """Return the block's name, empty where the document has none."""
        return text_at(document, self.name_at)

    def type_of(self, document: JsonObject) -> str:
        """Return the block's type, empty where the document has none."""
        return text_at(document, self.type_at)

    def top(self, key: str) -> Field:
        """Return the row of a top-level key of a document."""
        return self.fields.get(key, UNKNOWN)

    def child(self, container: Field, key: str) -> Field:
        """Return the row of `key` inside an object of the row `container`."""
        if container.area is Area.CATALOGUE:
            return self.fields.get(f"{container.pattern}.{key}", UNKNOWN_OF_VENDOR)
        if f"{container.pattern}{{}}" in self.fields:
            return self.fields[f"{container.pattern}{{}}"]
        return self.fields.get(f"{container.pattern}.{key}", UNKNOWN)

    def member(self, container: Field) -> Field:
        """Return the row of a member of the list `container`."""
        return self.fields[f"{container.pattern}[]"]


def text_at(document: JsonObject, keys: tuple[str, ...]) -> str:
    """Return the text under keys, one inside the other, empty where there is none."""
    value: object = document if keys else None
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def required_types(fields: Mapping[str, Field]) -> dict[str, dict[str, JsonType]]:
    """Return for each container the keys that it must hold, each with its JSON type."""
    required: dict[str, dict[str, JsonType]] = {}
    for pattern, row in fields.items():
        if row.json_type is None:
            continue
        if pattern.endswith("[]"):
            required.setdefault(pattern, {})
        else:
            container, _, key = pattern.rpartition(".")
            required.setdefault(container, {})[key] = row.json_type
    return required


KERAS = BlockKind(
    name=BlockKindName.KERAS,
    path="/api/{project}/training/keras/{block}",
    page="/studio/{project}/learning/keras/{block}",
    fields=FIELDS,
    required=required_types(FIELDS),
    collections=(
        ("visualLayers",),
        ("thresholds",),
        ("transferLearningModels",),
        ("dependencies", "classes"),
        ("dependencies", "outputClasses"),
    ),
    name_at=("name",),
    type_at=("type",),
    catalogue=CATALOGUE,
)
"""Learn blocks that Studio's getKeras serves."""

BLOCK_KINDS: Mapping[BlockKindName, BlockKind] = {kind.name: kind for kind in (KERAS,)}

ALL_FIELDS: Mapping[str, Field] = {
    pattern: row for kind in BLOCK_KINDS.values() for pattern, row in kind.fields.items()
}
"""The fields of every kind; a pattern means the same wherever it is."""

ORDER: Mapping[str, int] = {pattern: place for place, pattern in enumerate(ALL_FIELDS)}
"""The place of a pattern in the order in which reports name fields."""


def kind_of(name: BlockKindName) -> BlockKind:
    """Return the row of a kind."""
    return BLOCK_KINDS[name]
