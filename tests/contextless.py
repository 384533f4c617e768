"""A Studio of tests that says nothing beside the configuration of blocks."""

from __future__ import annotations

from auditor.context import Deployment, ModelMetadata, NewTrainings
from auditor.fetching import NOT_ASKED
from auditor.model import BlockKindName, Failure, TargetId

_FAILURE = Failure(kind=NOT_ASKED, message="this Studio has no such endpoint")


class WithoutContext:
    """Answers no question about trainings and deployments."""

    async def list_trainings(self, project_id: int, since: int | None) -> NewTrainings | Failure:
        del project_id, since
        return _FAILURE

    async def fetch_metadata(
        self, target: TargetId, kind: BlockKindName
    ) -> ModelMetadata | Failure:
        del target, kind
        return _FAILURE

    async def list_deployments(self, project_id: int) -> tuple[Deployment, ...] | Failure:
        del project_id
        return _FAILURE
