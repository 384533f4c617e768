"""Asking for one target: conditionally where that is safe, twice where the answer surprises."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import date

from auditor.drift.canonical import FORM, parse, parse_catalogue
from auditor.drift.fields import CATALOGUE
from auditor.model import Failure, Json, JsonObject, Snapshot, TargetId
from auditor.protocols import Answer, FetchResult, StoredBody, Studio
from auditor.records import KnownTarget

WHOLE_EVERY = 7  # nights
DEFECT = Failure(
    kind="internal",
    message="the auditor itself failed on this block; its log says how: report it as a defect",
)
"""What an answer comes to that meets a defect: the other targets are to have their night."""

logger = logging.getLogger(__name__)


async def ask(
    target: TargetId,
    known: KnownTarget | None,
    *,
    studio: Studio,
    snapshot_of: Callable[[int], Awaitable[Snapshot]],
    today: date,
) -> FetchResult:
    """Return Studio's answer for a target; one that lost too much is asked for once more."""
    fetched = await studio.fetch(target, stored_body=_stored_body(known, today))
    if known is None or known.version_id is None or not isinstance(fetched, Answer):
        return fetched
    if not is_bare(fetched.document):
        return fetched
    if not is_surprising(fetched.document, _answer(await snapshot_of(known.version_id))):
        return fetched
    logger.info("surprising answer, asked once more", extra={"target": str(target)})
    return await studio.fetch_again(target)


def _stored_body(known: KnownTarget | None, today: date) -> StoredBody | None:
    """Return what is known of the answer, its validator on six nights of seven.

    On the seventh the whole answer comes, whatever a server or a cache says of its freshness. One
    that was read in another form is to be read again.
    """
    if known is None or known.body_digest is None or known.form != FORM:
        return None
    is_whole = (sum(known.target) + today.toordinal()) % WHOLE_EVERY == 0
    return StoredBody(digest=known.body_digest, validator="" if is_whole else known.validator)


def _answer(snapshot: Snapshot) -> JsonObject:
    models = parse_catalogue(snapshot.catalogue.document)
    return {**parse(snapshot.document), CATALOGUE: models}


_COLLECTIONS = (
    ("visualLayers",),
    ("thresholds",),
    ("transferLearningModels",),
    ("dependencies", "classes"),
    ("dependencies", "outputClasses"),
)
_FEW_KEYS = 24  # hardly more than those that every answer has


def is_bare(answer: JsonObject) -> bool:
    """Return whether an answer lacks so much that a look at the last one is worth its time."""
    return len(answer) <= _FEW_KEYS or _empty(answer) != frozenset()


def is_surprising(answer: JsonObject, last: JsonObject) -> bool:
    """Return whether an answer lost what no single edit takes away.

    That is more than half of its keys, or a whole collection; a switch to expert mode empties
    `visualLayers` and leaves a script, so it does not count.
    """
    return 2 * len(answer) < len(last) or bool(_empty(answer) - _empty(last))


def _empty(answer: JsonObject) -> frozenset[tuple[str, ...]]:
    has_program = bool(answer.get("script"))
    return frozenset(
        path
        for path in _COLLECTIONS
        if not _at(answer, path) and not (path == ("visualLayers",) and has_program)
    )


def _at(answer: JsonObject, path: tuple[str, ...]) -> Json:
    value: Json = answer
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
