"""What is read from Studio, and the protocol of whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from auditor.context import Deployment, ModelMetadata, NewTrainings
from auditor.impulses import NO_PLACE, ImpulsePlace
from auditor.model import BlockKindName, Failure, JsonObject, TargetId

NOT_ASKED = "not_asked"
"""The kind of failure of a request that was not sent, as a run can do without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBody:
    """The last accepted answer: the SHA-256 of its raw bytes, as 64 hex digits.

    `validator` is the strong ETag of exactly these bytes, empty if there was none.
    """

    digest: str
    validator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnchangedAnswer:
    """The answer has the same bytes as the stored one; `validator` is its current ETag."""

    validator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A valid answer.

    `body_digest` is the SHA-256 of its raw bytes; `validator` as in `StoredBody`. `type` is the
    block's type in the listing, empty where that was not asked.
    """

    kind: BlockKindName
    document: JsonObject
    body_digest: str
    validator: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFailure:
    """There is no valid answer; `whole_project` if every request for the project would fail."""

    failure: Failure
    whole_project: bool = False


FetchResult: TypeAlias = UnchangedAnswer | Answer | FetchFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBlock:
    """A block of a listing of impulses.

    Attributes:
        entry: what the listing says of it.
        place: the impulses that have it, and what it takes its data from.
    """

    target: TargetId
    kind: BlockKindName
    name: str
    type: str
    entry: JsonObject
    place: ImpulsePlace = NO_PLACE


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSource:
    """How Studio is asked for a block.

    Attributes:
        kinds: what the block may be; they are asked for in turn until one answers.
        type: the block's type in the listing, empty where that was not asked.
        entry: the block's entry in the listing, `{}` where that was not asked.
    """

    kinds: tuple[BlockKindName, ...]
    type: str = ""
    entry: JsonObject = field(default_factory=dict)


class Studio(Protocol):
    """Reads blocks with GET requests only. Every method can be called concurrently."""

    async def fetch(
        self, target: TargetId, source: BlockSource, *, stored_body: StoredBody | None
    ) -> FetchResult:
        """Return the block's answer, `UnchangedAnswer` if it equals `stored_body`."""
        ...

    async def fetch_again(self, target: TargetId, source: BlockSource) -> FetchResult:
        """Wait, then return the block's full answer again, to confirm a surprising one."""
        ...

    async def wait_to_settle(self) -> None:
        """Wait until Studio is consistent again, before a surprising answer is confirmed."""
        ...

    async def list_blocks(self, project_id: int) -> tuple[ListedBlock, ...] | Failure:
        """Return every block of the project's impulses once, ordered by id."""
        ...

    async def list_projects(self) -> Mapping[int, str] | Failure:
        """Return the name of every project that the shared credential sees, by id."""
        ...

    async def fetch_project_name(self, project_id: int) -> str:
        """Return Studio's name of the project, empty if Studio does not give it."""
        ...

    async def list_trainings(self, project_id: int, since: int | None) -> NewTrainings | Failure:
        """Return the jobs that trained blocks since the job `since`, of the newest 500 at most."""
        ...

    async def fetch_metadata(
        self, target: TargetId, kind: BlockKindName
    ) -> ModelMetadata | Failure:
        """Return what Studio says of a block's trained model."""
        ...

    async def list_deployments(self, project_id: int) -> tuple[Deployment, ...] | Failure:
        """Return the newest deployment of each impulse of a project."""
        ...
