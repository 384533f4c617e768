"""What the data set says of itself."""

from __future__ import annotations

from tests.signal.edits import every, put
from tests.signal.pairs import NAME, SAMPLES, TRAINING, on, pair

_MORE = ["idle", "snake", "updown", "wave"]

PAIRS = (
    *on(
        "keras",
        pair(
            "samples",
            put("dependencies", sampleCount=4000),
            SAMPLES.changed("dependencies.sampleCount"),
        ),
        pair(
            "samples, a setting and a name",
            every(put("dependencies", sampleCount=4000), put(trainingCycles=60, name="Other")),
            SAMPLES.changed("dependencies.sampleCount"),
            TRAINING.changed("trainingCycles"),
            NAME.changed("name"),
        ),
    ),
    *on(
        "many samples",
        pair(
            "one sample of very many",
            put("dependencies", sampleCount=2**53 + 1),
            SAMPLES.changed("dependencies.sampleCount"),
        ),
    ),
    *on(
        "keras-regression",
    ),
    *on(
        "keras-transfer-image",
    ),
    *on(
        "keras-transfer-kws",
        pair(
            "samples of a keyword block",
            put("dependencies", sampleCount=1),
            SAMPLES.changed("dependencies.sampleCount"),
        ),
    ),
    *on(
        "keras-expert",
    ),
)
