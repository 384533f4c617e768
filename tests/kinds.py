"""Sample answers and listing entries of blocks of other kinds than Keras."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "data" / "kinds"


def sample_answer(name: str) -> dict[str, Any]:
    """Return a sample answer: `anomaly`, `vlm`, `dsp-image`, `post-processing` and so on."""
    answer: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text("utf-8"))
    return answer


def sample_entry(key: str) -> dict[str, Any]:
    """Return the first entry under a key of the sample listing, e.g. `dspBlocks`."""
    if key == "postProcessingBlocks":
        return {
            "id": 5,
            "type": "object-tracking",
            "name": "Object tracking",
            "title": "Object tracking",
            "implementationVersion": 1,
        }
    (impulse,) = sample_answer("impulses")["impulses"]
    entry: dict[str, Any] = impulse[key][0]
    return entry
