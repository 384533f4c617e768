"""Reads Studio's answers about jobs, trained models and deployments.

A run can do without them, so an entry that is not understood is left out, and an answer is
refused only where nothing of it can be used.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from auditor.context import Deployment, JobPage, ModelMetadata, TrainingJob
from auditor.errors import StudioError
from auditor.model import Json, JsonObject
from auditor.redaction import Secret, shown
from auditor.studio.answers import as_list, read_success

JOBS_AT_ONCE = 100
"""How many jobs a page of the history is asked for."""
_TRAINS = re.compile(r"(?:keras|anomaly)(?:-[a-z]+)*-(\d{1,18})")
_LONGEST_NAME = 200
_MOST_MODEL_TYPES = 8
_NAMED_METRICS = (
    (re.compile(r"f1", re.IGNORECASE), "f1"),
    (re.compile(r"precision", re.IGNORECASE), "precision"),
    (re.compile(r"recall", re.IGNORECASE), "recall"),
    (re.compile(r"mean squared error|\bmse\b", re.IGNORECASE), "mse"),
    (re.compile(r"mean absolute error|\bmae\b", re.IGNORECASE), "mae"),
    (re.compile(r"explained variance", re.IGNORECASE), "explained_variance"),
)


def read_jobs(body: bytes, *, secrets: Collection[Secret] = ()) -> JobPage:
    """Return a page of `/api/{projectId}/jobs/history`; raises StudioError."""
    document = read_success(body, secrets=secrets)
    entries = [each for each in as_list(document.get("jobs"), "jobs") if isinstance(each, dict)]
    ids = tuple(number for each in entries if (number := _integer(each.get("id"))) is not None)
    trainings = tuple(job for job in map(_training_job, entries) if job is not None)
    total = _integer(document.get("totalJobCount"))
    return JobPage(ids=ids, trainings=trainings, total=len(ids) if total is None else total)


def read_metadata(body: bytes, *, secrets: Collection[Secret] = ()) -> ModelMetadata:
    """Return an answer of `…/training/keras/{learnId}/metadata`; raises StudioError."""
    document = read_success(body, secrets=secrets)
    created, at = document.get("created"), parse_date(document.get("created"))
    if not isinstance(created, str) or at is None or document.get("hasTrainedModel") is False:
        raise StudioError("invalid", "invalid answer: created: expected the date of a training")
    return ModelMetadata(
        created=created,
        at=at,
        model_type=_text(document.get("recommendedModelType")),
        metrics=dict(_metrics(document.get("modelValidationMetrics"))),
    )


def read_deployments(body: bytes, *, secrets: Collection[Secret] = ()) -> tuple[Deployment, ...]:
    """Return the newest deployment of each impulse in an answer of `…/deployment/history`.

    Raises:
        StudioError: the answer is invalid.
    """
    document = read_success(body, secrets=secrets)
    newest: dict[int, Deployment] = {}
    for entry in as_list(document.get("deployments"), "deployments"):
        found = _deployment(entry) if isinstance(entry, dict) else None
        if found is None:
            continue
        known = newest.get(found.impulse_id)
        if known is None or _age(known) < _age(found):
            newest[found.impulse_id] = found
    return tuple(newest[impulse_id] for impulse_id in sorted(newest))


def parse_date(text: Json) -> datetime | None:
    """Return a date of Studio's in UTC, None for what is none."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _age(deployment: Deployment) -> tuple[datetime, int]:
    return deployment.at, deployment.version or 0


def _training_job(entry: JsonObject) -> TrainingJob | None:
    key, number = entry.get("key"), _integer(entry.get("id"))
    found = _TRAINS.fullmatch(key) if isinstance(key, str) else None
    created_at = parse_date(entry.get("created")) or parse_date(entry.get("started"))
    if found is None or number is None or created_at is None:
        return None
    is_over = entry.get("finished") is not None or entry.get("finishedSuccessful") is not None
    return TrainingJob(
        id=number,
        block_id=int(found[1]),
        person=_person(entry.get("createdByUser")),
        created_at=created_at,
        has_worked=entry.get("finishedSuccessful") is not False if is_over else None,
    )


def _deployment(entry: JsonObject) -> Deployment | None:
    impulse_id, at = _integer(entry.get("impulseId")), parse_date(entry.get("created"))
    if impulse_id is None or at is None:
        return None
    return Deployment(
        impulse_id=impulse_id,
        impulse=_text(entry.get("impulseName")),
        version=_integer(entry.get("deploymentVersion")),
        format=_text(entry.get("deploymentFormat")),
        person=_person(entry.get("createdByUser")),
        at=at,
        is_behind=entry.get("impulseHasChangedSinceDeployment") is True,
        is_deleted=entry.get("impulseIsDeleted") is True,
    )


def _metrics(value: Json) -> Iterator[tuple[str, dict[str, float]]]:
    members = value if isinstance(value, list) else []
    for entry in members[:_MOST_MODEL_TYPES]:
        if isinstance(entry, dict) and (model_type := _text(entry.get("type"))):
            measured: dict[str, float] = {}
            for name, number in _measured(entry):
                measured.setdefault(name, number)
            yield model_type, measured


def _measured(entry: JsonObject) -> Iterator[tuple[str, float]]:
    """Yield what was measured of one model; of several devices on the one that is the default."""
    for key in ("accuracy", "loss"):
        yield from _named(key, entry.get(key))
    additional = entry.get("additionalMetrics")
    for metric in additional if isinstance(additional, list) else ():
        if isinstance(metric, dict):
            title = _text(metric.get("name"))
            name = next((name for pattern, name in _NAMED_METRICS if pattern.search(title)), "")
            value = metric.get("fullPrecisionValue")
            yield from _named(name, metric.get("value") if value is None else value)
    devices = entry.get("onDevicePerformance")
    found = (
        [each for each in devices if isinstance(each, dict)] if isinstance(devices, list) else []
    )
    device = next((each for each in found if each.get("isDefault") is True), next(iter(found), {}))
    yield from _named("latency", device.get("latency"))
    memory = device.get("eon") or device.get("tflite")
    if isinstance(memory, dict):
        yield from _named("ram", memory.get("ramRequired"))
        yield from _named("rom", memory.get("romRequired"))


def _named(name: str, value: Json) -> Iterator[tuple[str, float]]:
    number = _number(value)
    if name and number is not None:
        yield name, number


def _number(value: Json) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value.strip().removesuffix("%"))
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def _integer(value: Json) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        return None
    return int(value) if abs(value) < 2**63 else None


def _person(value: Json) -> str:
    """Return the name of a person, or the username where there is no name."""
    if not isinstance(value, dict):
        return ""
    return _text(value.get("name")).strip() or _text(value.get("username")).strip()


def _text(value: Json) -> str:
    return shown(value)[:_LONGEST_NAME] if isinstance(value, str) else ""


def is_newest_first(page: JobPage) -> bool:
    """Return whether a page lists jobs as Studio does today; no order is relied upon."""
    return list(page.ids) == sorted(page.ids, reverse=True)


def reaches(page: JobPage, since: int | None) -> bool:
    """Return whether no further page has a job after `since`; no order is relied upon."""
    is_reached = since is not None and any(number <= since for number in page.ids)
    return is_reached and is_newest_first(page)


def further_pages(first: JobPage) -> Iterator[int]:
    """Yield where the pages after the first begin; the last first, where those are newer."""
    size = len(first.ids) or JOBS_AT_ONCE
    offsets = range(size, first.total if first.ids else 0, size)
    if is_newest_first(first):
        yield from offsets
    else:
        yield from (max(0, first.total - each) for each in offsets)
