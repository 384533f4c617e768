"""Pairs of answers with the findings that the contract asks for, by area.

Every label is read from the contract and the published schema, never from what the code says.
"""

from __future__ import annotations

from tests.signal.corpus import (
    catalogue,
    data,
    harmless,
    identity,
    layers,
    script,
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
}
