"""Reading learn blocks: what Studio answers and the protocol that asks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from auditor.drift.model import Failure, JsonObject, TargetId


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBody:
    """The last answer that was believed: the SHA-256 of its raw bytes, as 64 hex digits.

    `validator` is the strong ETag that came with just these bytes, empty where none did.
    """

    digest: str
    validator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SameBody:
    """The answer is byte for byte the known one. `validator` is what came with it tonight."""

    validator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that can be believed.

    `body_digest` is the SHA-256 of its raw bytes; `validator` as in `KnownBody`.
    """

    document: JsonObject
    body_digest: str
    validator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """Nothing that can be believed came back; `whole_project` where asking on is no use."""

    failure: Failure
    whole_project: bool = False


Fetched: TypeAlias = SameBody | Answer | NoAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBlock:
    """A learn block as a listing of impulses names it. `type` is served by getKeras or not."""

    target: TargetId
    name: str
    type: str
    served: bool


class Studio(Protocol):
    """Reads learn blocks; sends nothing but GET. Every method is safe to call concurrently."""

    async def fetch(self, target: TargetId, *, known_body: KnownBody | None) -> Fetched:
        """Return the block's getKeras answer, `SameBody` where it is the `known_body`."""
        ...

    async def fetch_again(self, target: TargetId) -> Fetched:
        """Return the block's answer after a moment, whole: the first one was surprising."""
        ...

    async def settle(self) -> None:
        """Wait for Studio to come to rest, before it is asked again what was surprising."""
        ...

    async def blocks(self, project_id: int) -> tuple[ListedBlock, ...] | Failure:
        """Return every learn block of the project's impulses once, by learn id."""
        ...

    async def projects(self) -> Mapping[int, str] | Failure:
        """Return the name of every project that the shared credential sees, by id."""
        ...

    async def project_name(self, project_id: int) -> str:
        """Return Studio's name of the project, empty where it is not told."""
        ...
