"""Sample answers and listing entries of blocks of other kinds than Keras."""

from __future__ import annotations

from typing import Any

from auditor.demo import studio_server


def sample_answer(name: str) -> dict[str, Any]:
    """Return a sample answer: `anomaly`, `vlm`, `dsp-image`, `post-processing` and so on."""
    return studio_server.sample_answer(name)


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
