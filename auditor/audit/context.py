"""What a run asks beside the configuration: who trained which block, and what was built last.

Nothing of it decides a verdict. An endpoint that does not answer costs one notice, and what was
known stays known.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

from auditor.audit.packed import PackedValues
from auditor.context import (
    TRIES,
    ContextScope,
    Deployment,
    Endpoint,
    EndpointState,
    KnownTraining,
    ModelMetadata,
    Training,
    TrainingJob,
    TrainingNews,
)
from auditor.drift.block_kinds import kind_of
from auditor.errors import AuditorError
from auditor.fetching import NOT_ASKED, Answer, Studio
from auditor.model import BlockKindName, Failure, ModelState, NoticeKind, TargetId
from auditor.records import KnownTarget
from auditor.report import Notice

_SLACK = timedelta(minutes=1)  # between two clocks of Studio's
_SUBJECTS = {
    Endpoint.JOBS: ("who trained what", "training"),
    Endpoint.METADATA: ("how good models are", "training"),
    Endpoint.DEPLOYMENTS: ("what was built last", "deployments"),
}
_REFUSALS = frozenset({"forbidden", "unauthorized"})
_SAYS_OF_ENDPOINT = _REFUSALS | {"http", "timeout", "unreachable", "rate_limited", "redirect"}
_HAS_MODEL = (ModelState.TRAINED, ModelState.STALE)

logger = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(slots=True)
class ProjectContexts:
    """What stands beside the configuration, of the projects of a run.

    Attributes:
        names: of the projects.
        jobs: of each project, by block, the jobs that trained it since the last run, oldest
            first.
        states: how it went to ask for each endpoint, this run included.
        failures: why an endpoint could not be read that answered before.
        deployments: of the projects that say what was built.
        waiting: blocks with a job whose training was not asked for so far.
    """

    scope: ContextScope = field(default_factory=ContextScope)
    names: dict[int, str] = field(default_factory=dict)
    jobs: PackedValues[Mapping[int, list[TrainingJob]]] = field(default_factory=PackedValues)
    states: dict[tuple[int, Endpoint], EndpointState] = field(default_factory=dict)
    failures: dict[tuple[int, Endpoint], Failure] = field(default_factory=dict)
    deployments: PackedValues[tuple[Deployment, ...]] = field(default_factory=PackedValues)
    waiting: dict[TargetId, TrainingJob] = field(default_factory=dict)
    _before: dict[tuple[int, Endpoint], EndpointState] = field(default_factory=dict)
    _refused: set[int] = field(default_factory=set)

    async def ask_projects(
        self,
        studio: Studio,
        names: Mapping[int, str],
        before: Mapping[tuple[int, Endpoint], EndpointState],
        with_models: Collection[int],
    ) -> None:
        """Ask each project once for its trainings and its deployments.

        Jobs are asked for where a project has blocks `with_models`.
        """
        self.names |= names
        self._before |= before
        questions = []
        for project_id in names:
            if self.scope.training and project_id in with_models:
                questions.append(self._ask_jobs(studio, project_id))
            if self.scope.deployments:
                questions.append(self._ask_deployments(studio, project_id))
        await asyncio.gather(*questions)

    async def _ask_jobs(self, studio: Studio, project_id: int) -> None:
        place = project_id, Endpoint.JOBS
        mark = self._before.get(place, EndpointState()).mark
        answer = await _bounded(lambda: studio.list_trainings(project_id, mark))
        if isinstance(answer, Failure):
            self.record_failure(place, answer)
            return
        newest = max(mark or 0, answer.newest or 0)  # 0 of a project without any job
        self._set_state(place, EndpointState(mark=newest))
        jobs: dict[int, list[TrainingJob]] = {}
        for job in sorted(answer.jobs, key=lambda job: job.id):
            target = TargetId(project_id, job.block_id)
            if job.has_worked is False or (mark is not None and job.id <= mark):
                continue
            if mark is None:  # they only say who trained what is there
                jobs[job.block_id] = [job]
            else:
                jobs.setdefault(job.block_id, []).append(job)
                self.waiting[target] = job
        if jobs:
            self.jobs[project_id] = jobs

    async def _ask_deployments(self, studio: Studio, project_id: int) -> None:
        place = project_id, Endpoint.DEPLOYMENTS
        answer = await _bounded(lambda: studio.list_deployments(project_id))
        if isinstance(answer, Failure):
            self.record_failure(place, answer)
            return
        self._set_state(place, EndpointState())
        self.deployments[project_id] = answer

    def _set_state(self, place: tuple[int, Endpoint], state: EndpointState) -> None:
        """Remember how an endpoint answered, as far as that is not stored already."""
        if self._before.get(place) != state:
            self.states[place] = state

    async def learn_training(
        self,
        studio: Studio,
        target: TargetId,
        known: KnownTarget | None,
        answer: Answer | None,
    ) -> TrainingNews | None:
        """Return what there is to learn of a block's training, None where that is nothing.

        `answer` is None where the block's configuration is the same as before.
        """
        kind = answer.kind if answer else known.kind if known else BlockKindName.KERAS
        stored = known.training if known else None
        if not self.scope.training or not kind_of(kind).has_model:
            return None
        job = self._new_job(target, stored)
        if job is None:
            self.waiting.pop(target, None)
        is_first = known is None or known.version_id is None
        if not _is_worth_asking(known, answer, stored, job):
            return None
        if job is not None and job.has_worked is None:  # its result cannot be there yet
            return _waiting_for(stored, job)
        metadata = await self._metadata(studio, target, kind)
        if metadata is None:
            return _unread(stored, job)
        news = self._read(target, metadata, stored, job, is_first=is_first)
        if job is None and known is not None and _is_older_than_edit(metadata, known, answer):
            return replace(news, is_proven=False)  # of a training that an earlier run waited for
        return news

    async def _metadata(
        self, studio: Studio, target: TargetId, kind: BlockKindName
    ) -> ModelMetadata | None:
        """Return what Studio says of a model, None where that cannot be read."""
        if target.project_id in self._refused:
            return None
        place = target.project_id, Endpoint.METADATA
        metadata = await _bounded(lambda: studio.fetch_metadata(target, kind))
        if isinstance(metadata, Failure):
            if metadata.kind in _SAYS_OF_ENDPOINT:
                self.record_failure(place, metadata)
            if metadata.kind in _REFUSALS:
                self._refused.add(target.project_id)
            return None
        if place not in self.states:
            self._set_state(place, EndpointState())
        return metadata

    def _new_job(self, target: TargetId, stored: KnownTraining | None) -> TrainingJob | None:
        job = self.waiting.get(target)
        is_known = job and stored and stored.last and stored.last.job == job.id
        return None if is_known else job

    def _read(
        self,
        target: TargetId,
        metadata: ModelMetadata,
        stored: KnownTraining | None,
        job: TrainingJob | None,
        *,
        is_first: bool,
    ) -> TrainingNews:
        last = stored.last if stored else None
        is_newer = last is None or metadata.at > last.metadata.at
        if last is not None and not is_newer:
            return _unread(stored, job)
        is_older_than_job = job is not None and metadata.at < job.created_at - _SLACK
        number, person = self._trainer(target, metadata, stored, job)
        training = Training(metadata=metadata, job=number, person=person)
        # A job after the training that can be read has a result that is still to come.
        known = KnownTraining(last=training)
        if is_older_than_job and job is not None:
            known = replace(known, tries=TRIES, job=job.id, person=job.person)
        was_expected = last is not None or job is not None or bool(stored and stored.job)
        is_news = not is_first and was_expected and not (last is None and is_older_than_job)
        return TrainingNews(
            known=known,
            before=last,
            is_news=is_news,
            is_proven=is_news or bool(job and job.has_worked),
        )

    def _trainer(
        self,
        target: TargetId,
        metadata: ModelMetadata,
        stored: KnownTraining | None,
        job: TrainingJob | None,
    ) -> tuple[int | None, str]:
        """Return the job that trained a model, and who started it."""
        before = [
            each
            for each in self._jobs_of(target)
            if each.has_worked and each.created_at <= metadata.at + _SLACK
        ]
        if before:
            newest = max(before, key=lambda each: (each.created_at, each.id))
            return newest.id, newest.person
        if job is not None:
            return job.id, job.person
        return (stored.job, stored.person) if stored else (None, "")

    def _jobs_of(self, target: TargetId) -> Sequence[TrainingJob]:
        if target.project_id not in self.jobs:
            return ()
        return self.jobs[target.project_id].get(target.learn_id, ())

    def trainings_to_come(
        self, stored: Mapping[TargetId, KnownTraining], targets: Container[TargetId] | None
    ) -> dict[TargetId, KnownTraining]:
        """Return what is stored of blocks with a job that this run did not read.

        `targets` are all that are audited, None where others may be.
        """
        return {
            target: replace(
                stored.get(target, KnownTraining()), tries=TRIES, job=job.id, person=job.person
            )
            for target, job in self.waiting.items()
            if targets is None or target in targets
        }

    def record_failure(self, place: tuple[int, Endpoint], failure: Failure) -> None:
        """Remember that an endpoint could not be read, and why where it could before."""
        if failure.kind == NOT_ASKED:
            return
        before = self._before.get(place, EndpointState())
        self.states[place] = replace(before, has_failed=True)
        if not before.has_failed:
            self.failures.setdefault(place, failure)
        logger.debug("no context", extra={"project": place[0], "kind": failure.kind})

    def notices(self) -> tuple[Notice, ...]:
        """Return a notice for each endpoint of a project that could be read before."""
        return tuple(
            self._notice(project_id, endpoint, failure)
            for (project_id, endpoint), failure in sorted(self.failures.items())
        )

    def _notice(self, project_id: int, endpoint: Endpoint, failure: Failure) -> Notice:
        what, key = _SUBJECTS[endpoint]
        name = self.names.get(project_id, "")
        whose = f"{name} ({project_id})" if name else f"Project {project_id}"
        return Notice(
            kind=NoticeKind.CONTEXT_UNREAD,
            text=f"{whose}: Studio does not say {what} ({failure.message}); nothing else depends "
            f"on it, and `{key} = false` under [context] stops asking",
            project_id=project_id,
        )


def _is_worth_asking(
    known: KnownTarget | None,
    answer: Answer | None,
    stored: KnownTraining | None,
    job: TrainingJob | None,
) -> bool:
    """Return whether there may be a training that is not known."""
    is_trained = _is_trained(known, answer)
    if job is not None:
        return True
    if stored is None:
        return is_trained
    was_untrained = known is not None and known.model_state is ModelState.UNTRAINED
    return stored.tries > 0 or (is_trained and was_untrained)


def _is_older_than_edit(
    metadata: ModelMetadata, known: KnownTarget, answer: Answer | None
) -> bool:
    """Return whether a model was trained before the edit that makes it stale, or may."""
    stale_after = known.model_since.after if known.model_since else None
    edited_after = stale_after if answer is None else known.last_checked_at
    return edited_after is not None and metadata.at < edited_after


def _is_trained(known: KnownTarget | None, answer: Answer | None) -> bool:
    if answer is not None:
        return answer.document.get("trained") is True
    return known is not None and known.model_state in _HAS_MODEL


def _waiting_for(stored: KnownTraining | None, job: TrainingJob) -> TrainingNews:
    before = stored or KnownTraining()
    return TrainingNews(known=replace(before, tries=TRIES, job=job.id, person=job.person))


def _unread(stored: KnownTraining | None, job: TrainingJob | None) -> TrainingNews:
    """Return that a training could not be read; it is asked for in some further runs."""
    before = stored or KnownTraining()
    if job is None:
        tries = TRIES if stored is None else max(0, stored.tries - 1)
        return TrainingNews(known=replace(before, tries=tries))
    known = replace(before, tries=TRIES, job=job.id, person=job.person)
    return TrainingNews(known=known, is_proven=bool(job.has_worked))


async def _bounded(ask: Callable[[], Awaitable[_T | Failure]]) -> _T | Failure:
    """Return an answer; a defect that one question meets is none of the run."""
    try:
        return await ask()
    except AuditorError:
        raise
    except Exception:
        logger.exception("context not read")
        return Failure(kind="internal", message="the auditor itself failed here")
