"""A batch of a run: the blocks that a worker asks Studio for, and what came of each, as bytes.

Answers are no part of it: they may hold secrets, which are never stored as they came. A worker
says only which blocks still have the stored answer; the process of the run asks for the others.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from auditor.fetching import BlockSource, StoredBody
from auditor.model import BlockKindName, JsonObject, TargetId

Outcome: TypeAlias = str | None
"""The current ETag of a block that still has the stored answer, empty if there was none.

None where the block has to be asked for by the process of the run: its answer is another one, it
could not be read, or it was not asked for.
"""

_LEVEL = 1  # what is compressed is read once, a moment later


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRequest:
    """A block to ask Studio for, as `Studio.fetch` takes it."""

    target: TargetId
    source: BlockSource
    stored_body: StoredBody


def pack_requests(requests: Iterable[BlockRequest]) -> bytes:
    """Return requests as bytes, in their order."""
    return _pack([_row(request) for request in requests])


def unpack_requests(content: bytes) -> tuple[BlockRequest, ...]:
    """Return the requests that `pack_requests` wrote."""
    return tuple(_request(*row) for row in _unpack(content))


def pack_outcomes(outcomes: Iterable[Outcome]) -> bytes:
    """Return outcomes as bytes, in their order."""
    return _pack(list(outcomes))


def unpack_outcomes(content: bytes) -> list[Outcome]:
    """Return the outcomes that `pack_outcomes` wrote."""
    return _unpack(content)


def _pack(rows: list[Any]) -> bytes:
    return zlib.compress(json.dumps(rows, separators=(",", ":")).encode("ascii"), _LEVEL)


def _unpack(content: bytes) -> list[Any]:
    return cast("list[Any]", json.loads(zlib.decompress(content)))


def _row(request: BlockRequest) -> list[Any]:
    source, body = request.source, request.stored_body
    entry = [source.kinds, source.type, source.entry]
    return [*request.target, *entry, body.digest, body.validator]


def _request(  # noqa: PLR0913, PLR0917 - the members of a row
    project_id: int,
    block: int,
    kinds: list[str],
    type_: str,
    entry: JsonObject,
    digest: str,
    validator: str,
) -> BlockRequest:
    source = BlockSource(kinds=tuple(map(BlockKindName, kinds)), type=type_, entry=entry)
    return BlockRequest(
        target=TargetId(project_id, block),
        source=source,
        stored_body=StoredBody(digest=digest, validator=validator),
    )
