"""What people do to blocks in the soak, each with the path at which it should be reported."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

Answer: TypeAlias = dict[str, Any]


class Edit(NamedTuple):
    """One edit by a person: the path of its finding and how it is made."""

    path: str
    make: Callable[[Answer], None]


def random_edit(answer: Answer, chance: random.Random) -> Edit:
    """Return an edit that is sure to change something of `answer`."""
    return chance.choice((_cycles, _rate, _threshold, _layer, _name, _classes))(answer, chance)


def _cycles(answer: Answer, chance: random.Random) -> Edit:
    value = answer["trainingCycles"] + chance.randint(1, 50)
    return Edit("trainingCycles", lambda block: block.update(trainingCycles=value))


def _rate(answer: Answer, chance: random.Random) -> Edit:
    value = round(answer["learningRate"] + chance.randint(1, 90) / 10_000, 6)
    return Edit("learningRate", lambda block: block.update(learningRate=value))


def _threshold(answer: Answer, chance: random.Random) -> Edit:
    threshold = answer["thresholds"][0]
    # Never the value of the deprecated mirror, which is folded into a threshold that equals it.
    value = round((threshold["value"] + chance.randint(1, 89) / 100) % 1 + 0.0011, 4)
    path = f"thresholds[{threshold['key']}].value"
    return Edit(path, lambda block: block["thresholds"][0].update(value=value))


def _layer(answer: Answer, chance: random.Random) -> Edit:
    place = next(n for n, layer in enumerate(answer["visualLayers"]) if "neurons" in layer)
    value = answer["visualLayers"][place]["neurons"] + chance.randint(1, 20)
    path = f"visualLayers[{place}].neurons"
    return Edit(path, lambda block: block["visualLayers"][place].update(neurons=value))


def _name(answer: Answer, chance: random.Random) -> Edit:
    value = f"{answer['name'].split(' #')[0]} #{chance.randint(1, 10**9)}"
    return Edit("name", lambda block: block.update(name=value))


def _classes(answer: Answer, chance: random.Random) -> Edit:
    value = [*answer["dependencies"]["classes"][:2], f"label {chance.randint(1, 10**9)}"]
    return Edit("dependencies.classes", lambda block: block["dependencies"].update(classes=value))
