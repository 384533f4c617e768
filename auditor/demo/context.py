"""What the built-in Studio says beside the configuration: jobs, trained models, deployments."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from auditor.model import Json, JsonObject

_TRAINING_TIME = timedelta(minutes=5)
_LATENCY_MS, _RAM, _ROM = 3, 1900, 15300
_NO_CLASSES: dict[str, tuple[str, dict[str, float]]] = {
    "keras-regression": (
        "regression",
        {"Mean squared error": 4.21, "Mean absolute error": 1.58, "Explained variance": 0.97},
    ),
    "keras-object-detection": (
        "object-detection",
        {"Precision": 0.91, "Recall": 0.88, "F1 score": 0.89},
    ),
    "keras-visual-anomaly": ("visual-anomaly", {"F1 score": 0.92}),
}
"""By type of block, of models without an accuracy: their mode, and what is measured instead."""


@dataclass(kw_only=True)
class ServedContext:
    """The jobs and deployments of a project, and the trained models of its blocks."""

    jobs: list[JsonObject] = field(default_factory=list)
    models: dict[int, JsonObject] = field(default_factory=dict)
    deployments: list[JsonObject] = field(default_factory=list)

    def add_job(
        self, key: str, *, at: datetime, person: str = "", has_worked: bool | None = True
    ) -> int:
        """Add a job that ended (or is still running) at a time; return its number."""
        number = 48_000 + len(self.jobs)
        started = at - _TRAINING_TIME
        job: JsonObject = {
            "id": number,
            "key": key,
            "category": "Training model" if key.startswith("keras") else "Job",
            "categoryKey": "learn-train-studio-wrapper",
            "created": write_date(started),
            "started": write_date(started + timedelta(seconds=8)),
            "jobNotificationUids": [],
            **_by(person),
        }
        if has_worked is not None:
            job |= {"finished": write_date(at), "finishedSuccessful": has_worked}
        self.jobs.append(job)
        return number

    def add_deployment(
        self,
        impulse_id: int,
        *,
        at: datetime,
        person: str = "",
        impulse: str = "",
        format_: str = "arduino",
    ) -> None:
        """Add what was built of an impulse; nothing has changed since."""
        number = len(self.deployments) + 1
        self.deployments.append(
            {
                "created": write_date(at),
                "deploymentVersion": number,
                "deploymentFormat": format_,
                "engine": "tflite-eon",
                "modelType": "int8",
                "impulseId": impulse_id,
                "impulseName": impulse or f"Impulse #{impulse_id}",
                "impulseIsDeleted": False,
                "impulseHasChangedSinceDeployment": False,
                "downloadUrl": f"/v1/api/deployment/history/{number}/download",
                "createdByBuildPublicDeploymentJob": False,
                **_by(person),
            }
        )

    def change_impulse(self, impulse_id: int) -> None:
        """Let every deployment of an impulse be behind it."""
        for deployment in self.deployments:
            if deployment["impulseId"] == impulse_id:
                deployment["impulseHasChangedSinceDeployment"] = True

    def job_page(self, limit: int, offset: int) -> JsonObject:
        """Return a page of the jobs, newest first."""
        page: list[Json] = list(self.jobs[::-1][offset : offset + limit])
        return {"success": True, "jobs": page, "totalJobCount": len(self.jobs)}

    def deployment_page(self, limit: int, offset: int) -> JsonObject:
        """Return a page of the deployments, newest first."""
        page: list[Json] = list(self.deployments[::-1][offset : offset + limit])
        return {
            "success": True,
            "deployments": page,
            "totalDeploymentCount": len(self.deployments),
        }


def make_first_metadata(at: datetime, type_: str) -> JsonObject:
    """Return what Studio says of the first model of a block of a type."""
    if type_.startswith("anomaly"):
        return make_anomaly_metadata(at)
    if type_ not in _NO_CLASSES:
        return make_metadata(at)
    mode, metrics = _NO_CLASSES[type_]
    return {**make_metadata(at, accuracy=None, **metrics), "mode": mode}


def make_anomaly_metadata(at: datetime) -> JsonObject:
    """Return what Studio says of clusters that were trained; nothing is measured of them."""
    cluster: JsonObject = {"center": [0.12, -0.4, 0.9], "maxError": 0.31}
    return {
        "success": True,
        "created": write_date(at),
        "scale": [1.2, 0.8, 1.1],
        "mean": [0.1, 0.0, 0.2],
        "clusters": [cluster],
        "axes": [0, 3, 6],
        "defaultMinimumConfidenceRating": 0.3,
        "hasTrainedModel": True,
        "thresholds": [],
    }


def make_metadata(
    at: datetime, *, accuracy: float | None = 0.94, loss: float = 0.15, **metrics: float
) -> JsonObject:
    """Return what Studio says of a model; `metrics` are its additional ones, by name.

    A model of object detection or regression has no `accuracy`.
    """
    measured: list[Json] = [
        _measured("float32", accuracy, loss, metrics),
        _measured("int8", accuracy, loss, metrics),
    ]
    return {
        "success": True,
        "created": write_date(at),
        "layers": [],
        "classNames": ["idle", "updown", "wave"],
        "labels": ["idle", "updown", "wave"],
        "availableModelTypes": ["float32", "int8"],
        "recommendedModelType": "int8",
        "modelValidationMetrics": measured,
        "hasTrainedModel": True,
        "mode": "classification" if accuracy is not None else "object-detection",
        "imageInputScaling": "0..1",
        "thresholds": [],
    }


def write_date(at: datetime) -> str:
    """Return a time as Studio writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def _measured(
    model_type: str, accuracy: float | None, loss: float, metrics: dict[str, float]
) -> JsonObject:
    memory: JsonObject = {
        "ramRequired": _RAM,
        "romRequired": _ROM,
        "arenaSize": 1500,
        "modelSize": 11200,
    }
    device: JsonObject = {
        "mcu": "cortex-m4f-80",
        "name": "Cortex-M4F 80 MHz",
        "isDefault": True,
        "latency": _LATENCY_MS,
        "tflite": {**memory, "ramRequired": 3400, "romRequired": 19200},
        "eon": memory,
        "customMetrics": [],
        "hasPerformance": True,
    }
    additional: list[Json] = [
        {"name": name, "value": f"{value:.2f}", "fullPrecisionValue": value}
        for name, value in metrics.items()
    ]
    return {
        "type": model_type,
        "loss": loss,
        **({} if accuracy is None else {"accuracy": accuracy}),
        "confusionMatrix": [],
        "report": {},
        "onDevicePerformance": [device],
        "visualization": "featureExplorer",
        "isSupportedOnMcu": True,
        "additionalMetrics": additional,
    }


def _by(person: str) -> JsonObject:
    if not person:
        return {}
    return {"createdByUser": {"id": 77, "name": person, "username": person.lower()}}
