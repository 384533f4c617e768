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

from auditor.drift.fields import (
    CATALOGUE,
    ENVELOPE,
    FIELDS,
    LEARN_TABLE,
    UNKNOWN,
    UNKNOWN_OF_VENDOR,
    Field,
    JsonType,
)
from auditor.drift.impulse_fields import (
    INPUT_FIELDS,
    INPUT_TABLE,
    POST_PROCESSING_FIELDS,
    POST_PROCESSING_REQUIRED,
    POST_TABLE,
    PROCESSING_FIELDS,
    PROCESSING_REQUIRED,
)
from auditor.drift.learn_fields import (
    ANOMALY_FIELDS,
    ANOMALY_REQUIRED,
    METADATA,
    VLM_FIELDS,
    VLM_REQUIRED,
)
from auditor.model import Area, BlockKindName, JsonObject, ModelState, TargetId

# As public projects link to them. No address is known that all anomaly blocks have, nor one of a
# VLM block: these link to their impulse.
_DSP, _CREATE = "/dsp/{type}/{block}", "/create-impulse"
_CONNECTIONS = ("dsp",)  # the processing blocks whose features a learn block takes
_WORD = re.compile(r"[a-z0-9-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockKind:
    """A kind of block in Studio.

    Attributes:
        path: where the API returns the configuration (GET) and changes it (POST), below the
            API's base; `{project}` and `{block}` stand for the ids.
        page: the page in Studio of the block, or of its impulse, below the address of Studio,
            with the same two places and `{type}`.
        fields: what a document may hold, by pattern.
        required: the JSON types without which an answer is refused: for each container (empty
            for the answer itself, `dependencies`, `visualLayers[]`) its keys.
        collections: lists of a document that no single edit empties.
        prefix: before the top-level keys in patterns, where other kinds have the same keys.
        parameters: the field that holds what the block's author lets people set, empty without.
        restored_with: fields that a request to restore another one has to hold as well.
        has_model: whether a block has a model that is trained.
        is_listed: whether its document begins with its entry in the listing.
        listed_keys: what else its document has of that entry, at its own top.
        is_alone: whether that entry is all of it, so that there is nothing to ask for.
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
    prefix: str = ""
    parameters: str = ""
    restored_with: tuple[str, ...] = ()
    has_model: bool = True
    is_listed: bool = False
    listed_keys: tuple[str, ...] = ()
    is_alone: bool = False

    def path_of(self, target: TargetId) -> str:
        """Return the API's path of a block's configuration."""
        return self.path.format(project=target.project_id, block=target.learn_id)

    def page_of(self, target: TargetId, type_: str) -> str:
        """Return the path of a block's page in Studio.

        A page that needs a type is that of the whole impulse where the type is no plain word.
        """
        page = self.page if _WORD.fullmatch(type_) else self.page.replace(_DSP, _CREATE)
        return page.format(project=target.project_id, block=target.learn_id, type=type_)

    def find_target(self, path: str) -> TargetId | None:
        """Return the block whose configuration an API path is for, or None if it is for none."""
        pattern = re.escape(self.path)
        for place in ("project", "block"):
            pattern = pattern.replace(re.escape(f"{{{place}}}"), rf"(?P<{place}>\d+)")
        found = re.fullmatch(pattern, path)
        return TargetId(int(found["project"]), int(found["block"])) if found else None

    def unwrap(self, answer: JsonObject) -> JsonObject:
        """Return an answer whose content may stand at the top or under `config`."""
        inner = answer.get("config")
        if self.name is not BlockKindName.POST_PROCESSING or not isinstance(inner, dict):
            return answer
        return {**{key: value for key, value in answer.items() if key != "config"}, **inner}

    def compose(self, entry: JsonObject, answer: JsonObject) -> JsonObject:
        """Return the document of a block from its entry in the listing and Studio's answer."""
        if self.is_alone:
            return entry
        if not self.is_listed:
            return {**self.listed_part(entry), **answer}
        own = {key: value for key, value in answer.items() if key not in ENVELOPE}
        return {"block": entry, **{key: value for key, value in own.items() if key != "block"}}

    def listed_part(self, entry: JsonObject) -> JsonObject:
        """Return what a document has of the block's entry in the listing."""
        if self.is_listed:
            return entry
        return {key: entry[key] for key in self.listed_keys if key in entry}

    def name_of(self, document: JsonObject) -> str:
        """Return the block's name, empty where the document has none."""
        return text_at(document, self.name_at)

    def type_of(self, document: JsonObject) -> str:
        """Return the block's type, empty where the document has none."""
        return text_at(document, self.type_at)

    def top(self, key: str) -> Field:
        """Return the row of a top-level key of a document."""
        shared = self.fields.get(key, UNKNOWN)
        return self.fields.get(f"{self.prefix}{key}", shared)

    def child(self, container: Field, key: str) -> Field:
        """Return the row of `key` inside an object of the row `container`."""
        if container.pattern.endswith("{}"):
            return container  # free form, at any depth
        default = UNKNOWN_OF_VENDOR if container.area is Area.CATALOGUE else UNKNOWN
        default = self.fields.get(f"{container.pattern}{{}}", default)
        return self.fields.get(f"{container.pattern}.{key}", default)

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
    prefix=LEARN_TABLE,
    listed_keys=_CONNECTIONS,
)
"""Learn blocks that Studio's getKeras serves."""

_DATA_LISTS = (("dependencies", "classes"), ("dependencies", "outputClasses"))

ANOMALY = BlockKind(
    name=BlockKindName.ANOMALY,
    path="/api/{project}/training/anomaly/{block}",
    page=f"/studio/{{project}}{_CREATE}",
    fields=ANOMALY_FIELDS,
    required=ANOMALY_REQUIRED,
    collections=(("thresholds",), ("selectedAxes",), *_DATA_LISTS),
    name_at=("name",),
    type_at=(),
    restored_with=("selectedAxes", "clusterCount", "minimumConfidenceRating"),
    prefix=LEARN_TABLE,
    listed_keys=_CONNECTIONS,
)
"""K-means and Gaussian mixture models."""

VLM = BlockKind(
    name=BlockKindName.VLM,
    path="/api/{project}/training/vlm/{block}",
    page=f"/studio/{{project}}{_CREATE}",
    fields=VLM_FIELDS,
    required=VLM_REQUIRED,
    collections=((METADATA, "config"),),
    name_at=(METADATA, "name"),
    type_at=(),
    prefix=LEARN_TABLE,
    listed_keys=_CONNECTIONS,
    has_model=False,
)
"""Vision language models, which nobody trains in Studio."""

PROCESSING = BlockKind(
    name=BlockKindName.PROCESSING,
    path="/api/{project}/dsp/{block}",
    page=f"/studio/{{project}}{_DSP}",
    fields=PROCESSING_FIELDS,
    required=PROCESSING_REQUIRED,
    collections=(("config",), ("dsp", "classes")),
    name_at=("block", "name"),
    type_at=("block", "type"),
    parameters="config",
    has_model=False,
    is_listed=True,
)

POST_PROCESSING = BlockKind(
    name=BlockKindName.POST_PROCESSING,
    path="/api/{project}/post-processing/{block}",
    page=f"/studio/{{project}}{_CREATE}",
    fields=POST_PROCESSING_FIELDS,
    required=POST_PROCESSING_REQUIRED,
    collections=(("parameters",),),
    name_at=("block", "name"),
    type_at=("block", "type"),
    prefix=POST_TABLE,
    parameters="parameters",
    restored_with=("enabled",),
    has_model=False,
    is_listed=True,
)

INPUT = BlockKind(
    name=BlockKindName.INPUT,
    path="/api/{project}/impulse",
    page=f"/studio/{{project}}{_CREATE}",
    fields=INPUT_FIELDS,
    required={},
    collections=(),
    name_at=("name",),
    type_at=("type",),
    prefix=INPUT_TABLE,
    has_model=False,
    is_listed=True,
    is_alone=True,
)

BLOCK_KINDS: Mapping[BlockKindName, BlockKind] = {
    kind.name: kind for kind in (KERAS, ANOMALY, VLM, INPUT, PROCESSING, POST_PROCESSING)
}

ALL_FIELDS: Mapping[str, Field] = {
    pattern: row for kind in BLOCK_KINDS.values() for pattern, row in kind.fields.items()
}
"""The fields of every kind; a pattern means the same wherever it is."""

ORDER: Mapping[str, int] = {pattern: place for place, pattern in enumerate(ALL_FIELDS)}
"""The place of a pattern in the order in which reports name fields."""


_LEARN_KINDS = {
    "anomaly": BlockKindName.ANOMALY,
    "anomaly-gmm": BlockKindName.ANOMALY,
    "vlm": BlockKindName.VLM,
}


def kind_of(name: BlockKindName) -> BlockKind:
    """Return the row of a kind."""
    return BLOCK_KINDS[name]


def unread_model(name: BlockKindName) -> ModelState:
    """Return the model's state of a block that was not read."""
    return ModelState.UNKNOWN if kind_of(name).has_model else ModelState.NONE


def learn_kind(type_: str) -> BlockKindName:
    """Return how a learn block of a type is read."""
    return _LEARN_KINDS.get(type_, BlockKindName.KERAS)
