"""The kinds of blocks that the auditor reads, one row each.

A row says where Studio keeps the configuration of such a block, where it shows it, and which
fields it has. The client, the check of answers, the canonical form, the request that restores a
value, the links to Studio and the demo's Studio read these rows, so that a block of another kind
(anomaly, vlm, dsp, post-processing, input) is one more row and its table of fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from auditor.drift.fields import CATALOGUE, FIELDS, UNKNOWN, UNKNOWN_OF_VENDOR, Field, JsonType
from auditor.model import Area, TargetId


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockKind:
    """A kind of block in Studio.

    Attributes:
        type: how Studio's API calls the kind.
        path: where the API returns the configuration (GET) and changes it (POST), below the
            API's base; `{project}` and `{block}` stand for the ids.
        page: the block's page in Studio, below the address of Studio, with the same two places.
        fields: what an answer may hold, by pattern.
        required: the JSON types without which an answer is refused: for each container (empty
            for the answer itself, `dependencies`, `visualLayers[]`) its keys.
        catalogue: the field that holds the vendor's catalogue, empty if there is none.
    """

    type: str
    path: str
    page: str
    fields: Mapping[str, Field]
    required: Mapping[str, Mapping[str, JsonType]]
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

    def top(self, key: str) -> Field:
        """Return the row of a top-level key of the answer."""
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
    type="keras",
    path="/api/{project}/training/keras/{block}",
    page="/studio/{project}/learning/keras/{block}",
    fields=FIELDS,
    required=required_types(FIELDS),
    catalogue=CATALOGUE,
)
"""Learn blocks that Studio's getKeras serves."""
