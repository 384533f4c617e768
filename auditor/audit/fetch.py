"""Fetches one target: conditionally where that is safe, twice where the answer is surprising.

Studio is eventually consistent: right after a training an answer can be half old.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import date

from auditor.drift.block_kinds import BlockKind, kind_of
from auditor.drift.canonical import FORMS, parse, parse_catalogue
from auditor.fetching import Answer, BlockSource, FetchResult, ListedBlock, StoredBody, Studio
from auditor.model import BlockKindName, Failure, Json, JsonObject, Snapshot, TargetId, TargetKind
from auditor.records import KnownTarget

WHOLE_EVERY_DAYS = 7
DEFECT = Failure(
    kind="internal",
    message="the auditor itself failed here; its log says how: report it as a defect",
)
_FEW_KEYS = 24  # a few more than every answer has

logger = logging.getLogger(__name__)


async def fetch_target(
    target: TargetId,
    source: BlockSource,
    known: KnownTarget | None,
    *,
    studio: Studio,
    snapshot_of: Callable[[int], Awaitable[Snapshot]],
    today: date,
) -> FetchResult:
    """Return Studio's answer for a target; a surprising one is fetched a second time."""
    stored_body = _stored_body(known, source, today)
    fetched = await studio.fetch(target, source, stored_body=stored_body)
    if known is None or known.version_id is None or not isinstance(fetched, Answer):
        return fetched
    kind = kind_of(fetched.kind)
    if kind.is_alone or not is_bare(fetched.document, kind):
        return fetched
    last = await snapshot_of(known.version_id)
    before = parse(last.document)
    if kind.catalogue:
        before[kind.catalogue] = parse_catalogue(last.catalogue.document)
    if last.kind is not kind.name or not is_surprising(fetched.document, before, kind):
        return fetched
    logger.info("surprising answer, asked once more", extra={"target": str(target)})
    return await studio.fetch_again(target, source)


def find_source(listed: ListedBlock | None, known: KnownTarget | None) -> BlockSource:
    """Return how a block is asked for; `listed` is None where the configuration names it.

    What the configuration names is a learn block, whatever the id was before.
    """
    if listed is not None:
        return BlockSource(kinds=(listed.kind,), type=listed.type, entry=listed.entry)
    is_known = known is not None and (known.version_id is not None or known.type)
    if known is not None and is_known and known.kind.target_kind is TargetKind.LEARN:
        return BlockSource(kinds=(known.kind,))
    return BlockSource(kinds=(BlockKindName.KERAS, BlockKindName.ANOMALY))


def _stored_body(known: KnownTarget | None, source: BlockSource, today: date) -> StoredBody | None:
    """Return the last answer, for a conditional request; with its validator six days of seven.

    On the seventh day the whole answer is fetched, whatever a server or a cache says of its
    freshness. An answer that was read in another form has to be read again.
    """
    if known is None or known.body_digest is None or known.kind not in source.kinds:
        return None
    if known.form != FORMS[known.kind]:
        return None
    is_whole = (sum(known.target) + today.toordinal()) % WHOLE_EVERY_DAYS == 0
    return StoredBody(digest=known.body_digest, validator="" if is_whole else known.validator)


def is_bare(answer: JsonObject, kind: BlockKind) -> bool:
    """Return whether an answer lacks so much that it is worth comparing with the last one."""
    return len(answer) <= _FEW_KEYS or _empty(answer, kind) != frozenset()


def is_surprising(answer: JsonObject, last: JsonObject, kind: BlockKind) -> bool:
    """Return whether an answer lost more than one edit removes.

    That is more than half of its keys, or a whole collection. A switch to expert mode does not
    count: it empties `visualLayers` and leaves a script.
    """
    return 2 * len(answer) < len(last) or bool(_empty(answer, kind) - _empty(last, kind))


def _empty(answer: JsonObject, kind: BlockKind) -> frozenset[tuple[str, ...]]:
    has_program = bool(answer.get("script"))
    return frozenset(
        path
        for path in kind.collections
        if not _at(answer, path) and not (path == ("visualLayers",) and has_program)
    )


def _at(answer: JsonObject, path: tuple[str, ...]) -> Json:
    value: Json = answer
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
