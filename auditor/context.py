"""What Studio knows beside the configuration of blocks: trainings, and what was built.

It never decides a verdict. Of people only a name is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

Metrics: TypeAlias = Mapping[str, Mapping[str, float]]
"""What was measured of a model, by type of model (`int8`) and name (`accuracy`)."""

TRIES = 3
"""In how many further runs a training is asked for that could not be read yet."""
MOST_JOBS = 500
"""How many jobs of a project a run reads at most."""


class Endpoint(StrEnum):
    """What is asked for beside the configuration."""

    JOBS = "jobs"
    METADATA = "metadata"
    DEPLOYMENTS = "deployments"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextScope:
    """What a run asks for beside the configuration."""

    training: bool = False
    deployments: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """A job of Studio's that trains a block.

    Attributes:
        person: the name of who started it, empty where that is not known.
        has_worked: None while it runs.
    """

    id: int
    block_id: int
    person: str
    created_at: datetime
    has_worked: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """A page of a project's jobs.

    Attributes:
        ids: of all its jobs, in their order.
        trainings: those of them that train a block.
        total: how many jobs the project has.
    """

    ids: tuple[int, ...]
    trainings: tuple[TrainingJob, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTrainings:
    """The jobs of a project that trained blocks; `newest` is its newest job, None without one."""

    jobs: tuple[TrainingJob, ...]
    newest: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMetadata:
    """What Studio says of a trained model.

    Attributes:
        created: when it was trained, as Studio writes it.
        model_type: the type of model that Studio recommends.
    """

    created: str
    at: datetime
    model_type: str = ""
    metrics: Metrics = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """The last training of a block that is known.

    Attributes:
        metadata: what Studio says of the model.
        job: the number of the job that trained it, None where that is not known.
        person: who started that job, empty where that is not known.
    """

    metadata: ModelMetadata
    job: int | None = None
    person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTraining:
    """What is stored of a block's trainings.

    Attributes:
        last: None where none was read yet.
        tries: in how many further runs a training is asked for that could not be read yet.
        job: the number of that training's job, None without one.
        person: who started it.
    """

    last: Training | None = None
    tries: int = 0
    job: int | None = None
    person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingNews:
    """What a run learned of a block's trainings.

    Attributes:
        known: what is stored from now on.
        before: the training before, None without one.
        is_news: the last training is a new one, to be reported.
        is_proven: a training ended since the last run, whether its result can be read or not.
    """

    known: KnownTraining
    before: Training | None = None
    is_news: bool = False
    is_proven: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What was built last of an impulse.

    Attributes:
        person: the name of who built it, empty where that is not known.
        format: what it was built for, e.g. `arduino`.
        is_behind: Studio says that the impulse has changed since.
    """

    impulse_id: int
    impulse: str
    version: int | None
    format: str
    person: str
    at: datetime
    is_behind: bool
    is_deleted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointState:
    """What is stored of an endpoint of a project.

    Attributes:
        has_failed: it did not answer when it was asked last.
        mark: the newest job that was seen, None before the first.
    """

    has_failed: bool = False
    mark: int | None = None
