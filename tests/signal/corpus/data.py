"""What the data set says of itself."""

from __future__ import annotations

from tests.signal.edits import every, put, reverse
from tests.signal.pairs import DATA, NAME, SAMPLES, TRAINING, on, pair

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
            "features",
            put("dependencies", featureCount=33),
            DATA.changed("dependencies.featureCount"),
        ),
        pair("shape", put(shape="(33,)"), DATA.changed("shape")),
        pair("labels", put("dependencies", classes=_MORE), DATA.changed("dependencies.classes")),
        pair(
            "a label renamed",
            put(
                "dependencies",
                classes=["idle", "up", "wave"],
                outputClasses=["idle", "up", "wave"],
            ),
            DATA.changed("dependencies.classes", "dependencies.outputClasses"),
        ),
        pair(
            "a label more in the output",
            put("dependencies", outputClasses=_MORE),
            DATA.changed("dependencies.outputClasses"),
        ),
        pair(
            "output in another order",
            reverse("dependencies.outputClasses"),
            DATA.changed("dependencies.outputClasses"),
        ),
        pair(
            "labels and output in another order",
            reverse("dependencies.classes", "dependencies.outputClasses"),
            DATA.changed("dependencies.outputClasses"),
        ),
        pair("labels gone", put("dependencies", classes=[]), DATA.changed("dependencies.classes")),
        pair(
            "another processing block",
            put("dependencies", blockNames=["Spectral features", "Flatten"]),
            DATA.changed("dependencies.blockNames"),
        ),
        pair(
            "other processing",
            every(
                put("dependencies", blockNames=["Raw data"], featureCount=250),
                put(shape="(250,)"),
            ),
            DATA.changed("shape", "dependencies.blockNames", "dependencies.featureCount"),
        ),
        pair(
            "data of a new label",
            put("dependencies", classes=_MORE, outputClasses=_MORE, sampleCount=4100),
            DATA.changed("dependencies.classes"),
            DATA.changed("dependencies.outputClasses"),
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
        pair(
            "fewer labels of sixty",
            put("dependencies", classes=["0", "1"]),
            DATA.changed("dependencies.classes"),
        ),
    ),
    *on(
        "keras-transfer-image",
        pair(
            "another resolution",
            every(put("dependencies", featureCount=27648), put(shape="(96, 96, 3)")),
            DATA.changed("shape", "dependencies.featureCount"),
        ),
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
        pair(
            "labels in expert mode",
            put("dependencies", classes=_MORE),
            DATA.changed("dependencies.classes"),
        ),
    ),
)
