"""Pairs of answers with the findings that the contract asks for, by area.

Every label is read from the contract and the published schema, never from what the code says.
"""

from __future__ import annotations

from tests.signal.corpus import (
    acts_of_data,
    at_once,
    catalogue,
    data,
    equalities,
    harmless,
    hidden,
    identity,
    known,
    layers,
    life,
    models,
    modes,
    nights_of_many,
    policies,
    programs,
    script,
    severities,
    stacks,
    switches,
    thresholds,
    trained,
    training,
    unknown,
)
from tests.signal.pairs import Pair

CORPUS: dict[str, tuple[Pair, ...]] = {
    "layers": layers.PAIRS,
    "thresholds": thresholds.PAIRS,
    "trained": trained.PAIRS,
    "training": training.PAIRS,
    "data": data.PAIRS,
    "script": script.PAIRS,
    "mode and swap": switches.PAIRS,
    "identity": identity.PAIRS,
    "catalogue": catalogue.PAIRS,
    "unknown": unknown.PAIRS,
    "harmless": harmless.PAIRS,
    "acts of data": acts_of_data.PAIRS,
    "known": known.PAIRS,
    "equalities": equalities.PAIRS,
    "policies": policies.PAIRS,
    "severities": severities.PAIRS,
    "life": life.PAIRS,
    "stacks": stacks.PAIRS,
    "models": models.PAIRS,
    "modes": modes.PAIRS,
    "programs": programs.PAIRS,
    "hidden": hidden.PAIRS,
    "many": nights_of_many.PAIRS,
    "at once": at_once.PAIRS,
}
