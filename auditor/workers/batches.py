"""A batch of a run: the blocks that a worker asks Studio for, and what came of each, as bytes.

Both are written as JSON, which keeps every number as Python reads it, and compressed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from auditor.fetching import (
    Answer,
    BlockSource,
    FetchFailure,
    FetchResult,
    StoredBody,
    UnchangedAnswer,
)
from auditor.model import BlockKindName, Failure, JsonObject, TargetId

Outcome: TypeAlias = FetchResult | None
"""What came of a block: None where it was not asked for, as the run was ended."""

_LEVEL = 1  # what is compressed is read once, a moment later


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRequest:
    """A block to ask Studio for, as `Studio.fetch` takes it."""

    target: TargetId
    source: BlockSource
    stored_body: StoredBody | None


def pack_requests(requests: Iterable[BlockRequest]) -> bytes:
    """Return requests as bytes, in their order."""
    return _pack([_request_row(request) for request in requests])


def unpack_requests(content: bytes) -> tuple[BlockRequest, ...]:
    """Return the requests that `pack_requests` wrote."""
    return tuple(_request(*row) for row in _unpack(content))


def pack_outcomes(outcomes: Iterable[Outcome]) -> bytes:
    """Return outcomes as bytes, in their order."""
    return _pack([_outcome_row(outcome) for outcome in outcomes])


def unpack_outcomes(content: bytes) -> tuple[Outcome, ...]:
    """Return the outcomes that `pack_outcomes` wrote."""
    return tuple(_outcome(row) for row in _unpack(content))


def _pack(rows: list[Any]) -> bytes:
    return zlib.compress(json.dumps(rows, separators=(",", ":")).encode("ascii"), _LEVEL)


def _unpack(content: bytes) -> list[Any]:
    return cast("list[Any]", json.loads(zlib.decompress(content)))


def _request_row(request: BlockRequest) -> list[Any]:
    source, body = request.source, request.stored_body
    stored = [body.digest, body.validator] if body else None
    return [*request.target, source.kinds, source.type, source.entry, stored]


def _request(
    project_id: int,
    block: int,
    kinds: list[str],
    type_: str,
    entry: JsonObject,
    stored: list[str] | None,
) -> BlockRequest:
    return BlockRequest(
        target=TargetId(project_id, block),
        source=BlockSource(
            kinds=tuple(BlockKindName(kind) for kind in kinds), type=type_, entry=entry
        ),
        stored_body=StoredBody(digest=stored[0], validator=stored[1]) if stored else None,
    )


def _outcome_row(outcome: Outcome) -> list[Any] | str | None:
    """Return a text for an unchanged block, five members for an answer, four for a failure."""
    match outcome:
        case UnchangedAnswer(validator=validator):
            return validator
        case Answer() as answer:
            return [
                answer.kind,
                answer.document,
                answer.body_digest,
                answer.validator,
                answer.type,
            ]
        case FetchFailure(failure=failure, whole_project=whole_project):
            return [failure.kind, failure.message, failure.may_pass, whole_project]
        case None:
            return None


def _outcome(row: list[Any] | str | None) -> Outcome:
    match row:
        case str():
            return UnchangedAnswer(validator=row)
        case [kind, document, digest, validator, type_]:
            return Answer(
                kind=BlockKindName(kind),
                document=document,
                body_digest=digest,
                validator=validator,
                type=type_,
            )
        case [kind, message, may_pass, whole_project]:
            failure = Failure(kind=kind, message=message, may_pass=may_pass)
            return FetchFailure(failure=failure, whole_project=whole_project)
        case _:
            return None
