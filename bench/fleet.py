"""A fleet of sample learn blocks: a file with a getKeras answer for each."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from auditor.demo.studio_server import sample_blocks

ANSWER_BYTES = 37_000  # the weight of an average answer, nine tenths of it catalogue
BLOCKS_A_PROJECT = 100

_EXPERT_EVERY = 10  # one block in ten has a script of its own
_WORDS = (
    *("idle", "wave", "updown", "circle", "snake", "fault", "normal", "bearing", "imbalance"),
    *("leak", "knock", "noise", "speech", "alarm", "glass", "bark", "cough", "person", "empty"),
    *("full", "jam", "slip", "dry", "wet", "open", "closed", "rising", "falling", "left", "right"),
)
_DENSE = (
    "model.add(Dense({0}, activation='relu', "
    "activity_regularizer=tf.keras.regularizers.l1(0.00001)))"
)
_JOBS = {"success": True, "jobs": [], "totalJobCount": 0}
_DEPLOYMENTS = {"success": True, "deployments": []}
_METADATA = {
    "success": True,
    "created": "2026-01-05T10:00:00.000Z",
    "recommendedModelType": "int8",
    "modelValidationMetrics": [{"type": "int8", "accuracy": 0.93, "loss": 0.2}],
}
_BUILT = "model = Sequential()\n"
_OUTPUT = "model.add(Dense(classes, name='y_pred', activation='softmax'))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Files of answers under `folder`, at the paths that Studio has for them."""

    folder: Path
    size: int

    @property
    def projects(self) -> dict[int, list[int]]:
        """Return the learn ids by project."""
        found: dict[int, list[int]] = {}
        for number in range(self.size):
            project_id, learn_id = _ids(number)
            found.setdefault(project_id, []).append(learn_id)
        return found

    def paths(self) -> list[str]:
        """Return what a quiet run requests: two answers a project, and one a target."""
        context = (path for project in self.projects for path in _context_paths(project))
        return [*context, *map(_path, range(self.size))]

    def first_paths(self) -> list[str]:
        """Return what the first run requests: also when each target was trained."""
        return [*self.paths(), *(f"{_path(number)}/metadata" for number in range(self.size))]

    def answer_bytes(self) -> int:
        """Return the mean size of an answer."""
        return sum(self._file(number).stat().st_size for number in range(self.size)) // self.size

    def write(self) -> None:
        """Write every answer. All share one catalogue; everything else differs."""
        sample = sample_blocks()["keras"]
        catalogue = _catalogue(sample)
        for number in range(self.size):
            self._write(_path(number), _answer(sample, catalogue, number))
            self._write(f"{_path(number)}/metadata", _METADATA)
        for project in self.projects:
            jobs, deployments = _context_paths(project)
            self._write(jobs, _JOBS)
            self._write(deployments, _DEPLOYMENTS)

    def edit(self, *, every: int) -> int:
        """Edit the first layer of one block in `every`, its script with it; return how many.

        With ten, none of them is in expert mode, where the layers say nothing.
        """
        edited = range(0, self.size, every)
        for number in edited:
            answer = json.loads(self._file(number).read_bytes())
            layer = answer["visualLayers"][0]
            old, new = layer["neurons"], layer["neurons"] + 2
            layer["neurons"] = new
            answer["script"] = answer["script"].replace(_DENSE.format(old), _DENSE.format(new), 1)
            self._file(number).write_bytes(_dump(answer))
        return len(edited)

    def _file(self, number: int) -> Path:
        return file_of(self.folder, _path(number))

    def _write(self, path: str, answer: object) -> None:
        file = file_of(self.folder, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_dump(answer))


def file_of(folder: Path, path: str) -> Path:
    """Return the file with the answer to a request; a path may go on where another ends."""
    return folder / f"{path.partition('?')[0].lstrip('/')}.json"


def _ids(number: int) -> tuple[int, int]:
    project, place = divmod(number, BLOCKS_A_PROJECT)
    return 1000 + project, 3 + place


def _path(number: int) -> str:
    project_id, learn_id = _ids(number)
    return f"/v1/api/{project_id}/training/keras/{learn_id}"


def _context_paths(project_id: int) -> tuple[str, str]:
    api = f"/v1/api/{project_id}"
    return f"{api}/jobs/history", f"{api}/deployment/history"


def _catalogue(sample: dict[str, Any]) -> list[Any]:
    """Return the sample's models and more like them, up to the weight of an answer."""
    models = list(sample["transferLearningModels"])
    room = ANSWER_BYTES - len(_dump(sample))
    number = 0
    while True:
        model = _variant(models[number % 3], number)
        room -= len(_dump(model)) + 1
        if room < 0:
            return models
        models.append(model)
        number += 1


def _variant(model: dict[str, Any], number: int) -> dict[str, Any]:
    more = copy.deepcopy(model)
    more["name"] = f"{model['name']} {number + 2}"
    more["description"] = f"{model['description']} Revision {number + 2}."
    more["organizationModelId"] = 1000 + number
    return more


def _answer(sample: dict[str, Any], catalogue: list[Any], number: int) -> dict[str, Any]:
    luck = Random(number)  # noqa: S311 - invented settings, the same at every run
    layers = [
        {"type": "dense", "neurons": luck.randrange(8, 129, 4)} for _ in range(luck.randint(1, 4))
    ]
    data = _data(sample["dependencies"], luck)
    cycles, rate = luck.randrange(10, 200, 5), luck.randint(1, 60) / 10_000
    script = _script(sample["script"], layers, cycles, rate)
    is_expert = number % _EXPERT_EVERY == _EXPERT_EVERY - 1
    return {
        **sample,
        "dependencies": data,
        "name": f"{data['classes'][0].title()} classifier {number}",
        "shape": f"({data['featureCount']},)",
        "mode": "expert" if is_expert else "visual",
        "visualLayers": layers,
        "trainingCycles": cycles,
        "learningRate": rate,
        "script": _with_own_lines(script, luck) if is_expert else script,
        "transferLearningModels": catalogue,
    }


def _data(sample: dict[str, Any], luck: Random) -> dict[str, Any]:
    classes = sorted(luck.sample(_WORDS, luck.randint(2, 6)))
    return {
        **sample,
        "classes": classes,
        "outputClasses": classes,
        "featureCount": luck.randrange(13, 650),
        "sampleCount": luck.randrange(200, 90_000),
    }


def _script(script: str, layers: list[dict[str, Any]], cycles: int, rate: float) -> str:
    head, _, rest = script.partition(_BUILT)
    head = head.replace("args.epochs or 30", f"args.epochs or {cycles}")
    head = head.replace("args.learning_rate or 0.0005", f"args.learning_rate or {rate}")
    stack = "\n".join(_DENSE.format(layer["neurons"]) for layer in layers)
    return f"{head}{_BUILT}{stack}\n{_OUTPUT}{rest.partition(_OUTPUT)[2]}"


def _with_own_lines(script: str, luck: Random) -> str:
    own = (
        f"{name}_{luck.randrange(1000)} = {luck.random():.4f}  # {luck.choice(_WORDS)}"
        for name in luck.sample(_WORDS, 20)
    )
    return script + "\n".join(own) + "\n"


def _dump(answer: object) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()
