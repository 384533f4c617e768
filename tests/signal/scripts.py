"""Edits of training scripts with what the headline must say of them and must never say.

Each file of `tests/data/scripts` is one edit, and so is each row of `_EDITS` and of `FRAGMENTS`.
Labels are read from the contract ("Script." under "What counts as one finding"), never from what
the code says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from auditor.drift.difference import Difference, find_difference
from auditor.drift.secrets import Secrets
from auditor.review import take_snapshots
from tests.signal.bases import BASES
from tests.signal.edits import edited, put
from tests.signal.fragments import FRAGMENTS

_DIRECTORY = Path(__file__).parents[1] / "data" / "scripts"
_SECRETS = Secrets(b"k" * 32)
_BLOCK = "keras-expert"
_UNNAMED = "other statement"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptCase:
    """An edit of a script with its label.

    Attributes:
        says: what the headline names.
        never_says: what does not hold of the edit.
    """

    name: str
    old: str
    new: str
    severity: str
    says: tuple[str, ...]
    never_says: tuple[str, ...]


def headline_of(case: ScriptCase) -> tuple[str, str]:
    """Return severity and headline of the finding that `diff` has on the script."""
    difference = _difference(case)
    found = [finding for finding in difference.findings if finding.path == "script"]
    return (str(found[0].severity), found[0].headline) if found else ("none", "")


def is_named(case: ScriptCase) -> bool:
    """Return whether severity and headline are what the label asks for."""
    severity, headline = headline_of(case)
    return (
        severity == case.severity
        and all(word in headline for word in case.says)
        and not any(word in headline for word in case.never_says)
    )


def count_named() -> tuple[int, int]:
    """Return how many of the edits have a headline that names what was done, and how many are."""
    cases = script_cases()
    return sum(map(is_named, cases)), len(cases)


@cache
def script_cases() -> tuple[ScriptCase, ...]:
    """Return all labelled edits of scripts."""
    return (*_stored_cases(), *_edited_cases(), *_fragment_cases())


def _difference(case: ScriptCase) -> Difference:
    answers = [edited(BASES[_BLOCK], put(script=text)) for text in (case.old, case.new)]
    (old, new), secrets = take_snapshots(answers, _SECRETS)
    return find_difference(old, new, secrets=secrets)


def _stored_cases() -> Iterator[ScriptCase]:
    for path in sorted(_DIRECTORY.glob("*.json")):
        case = json.loads(path.read_text("utf-8"))
        yield ScriptCase(
            name=path.stem,
            old=case["old"],
            new=case["new"],
            severity=case["severity"],
            says=tuple(case["headline_says"]),
            never_says=tuple(case["headline_never_says"]),
        )


def _edited_cases() -> Iterator[ScriptCase]:
    for name, base, replacements, severity, says, never_says in _EDITS:
        old = _script(base)
        new = old
        for before, after in replacements:
            assert before in new, f"{name}: {before!r} is not in the script"
            new = new.replace(before, after)
        yield ScriptCase(
            name=name,
            old=old,
            new=new,
            severity=severity,
            says=says,
            never_says=(_UNNAMED, *never_says),
        )


def _fragment_cases() -> Iterator[ScriptCase]:
    script = _script(_MOTION)
    for name, before, after, severity, says, never_says in FRAGMENTS:
        old, new = (script.replace(_COMPILE, code + _COMPILE) for code in (before, after))
        yield ScriptCase(
            name=name,
            old=old,
            new=new,
            severity=severity,
            says=says,
            never_says=(_UNNAMED, *never_says),
        )


@cache
def _script(base: str) -> str:
    return str(json.loads((_DIRECTORY / f"{base}.json").read_text("utf-8"))["old"])


_MOTION, _DENSE, _TRANSFER = "seed-added", "2-pip-install", "augment-off"
_SPECTRUM, _ATTENTION, _FOMO = "specaugment-off", "2-loop-range", "black-fomo"
_STOP, _NOTEBOOK = "2-class-callback-limit", "notebook-magic-comment"
_HIGH, _INFO = "high", "info"
_COMPILE, _FIT, _OPT = "model.compile(loss", "model.fit(train", "opt = Adam("
_FLIP = "    image = tf.image.random_flip_left_right(image)\n"
_SHUFFLE = """if not ENSURE_DETERMINISM:
    train_dataset = train_dataset.shuffle(buffer_size=BATCH_SIZE*4)
"""
_MAP = "train_dataset = train_dataset.map(augment_image, num_parallel_calls=tf.data.AUTOTUNE)\n"

_Row = tuple[str, str, list[tuple[str, str]], str, tuple[str, ...], tuple[str, ...]]
"""Name, script, replacements, severity, what the headline says and never says."""

_EDITS: list[_Row] = [
    (
        "two settings in one assignment",
        _MOTION,
        [("EPOCHS = args.epochs or 100\n", "EPOCHS, LR = 300, 0.001\n")],
        _HIGH,
        ("EPOCHS", "300", "LR", "0.001"),
        ("EPOCHS removed",),
    ),
    (
        "a setting set again further down",
        _MOTION,
        [(_COMPILE, "EPOCHS = 5\nmodel.compile(loss")],
        _HIGH,
        ("EPOCHS = 5",),
        ("EPOCHS added", "EPOCHS removed", "renamed"),
    ),
    (
        "mixed precision",
        _MOTION,
        [
            (
                "EPOCHS = args",
                "tf.keras.mixed_precision.set_global_policy('mixed_float16')\nEPOCHS = args",
            )
        ],
        _HIGH,
        ("set_global_policy", "mixed_float16"),
        (),
    ),
    (
        "a cached and prefetched data set",
        _MOTION,
        [
            (
                "n_dataset.batch(BATCH_SIZE, drop_remainder=False)\n\n",
                "n_dataset.batch(BATCH_SIZE, drop_remainder=False).cache().prefetch(2)\n\n",
            )
        ],
        _HIGH,
        ("cache", "prefetch"),
        ("validation_dataset removed",),
    ),
    (
        "no shuffle",
        _MOTION,
        [(_SHUFFLE, "")],
        _HIGH,
        ("ENSURE_DETERMINISM", "train_dataset.shuffle", "removed"),
        ("train_dataset removed", "ENSURE_DETERMINISM removed"),
    ),
    (
        "a condition turned",
        _MOTION,
        [("if not ENSURE_DETERMINISM", "if ENSURE_DETERMINISM")],
        _HIGH,
        ("if not ENSURE_DETERMINISM", "ENSURE_DETERMINISM"),
        ("shuffle removed", "shuffle added"),
    ),
    (
        "always shuffled",
        _MOTION,
        [
            (
                _SHUFFLE,
                "train_dataset = train_dataset.shuffle(buffer_size=BATCH_SIZE*4)\n",
            )
        ],
        _HIGH,
        ("if not ENSURE_DETERMINISM", "shuffle"),
        ("shuffle added",),
    ),
    (
        "training under try",
        _MOTION,
        [
            (
                (
                    "model.fit(train_dataset, epochs=EPOCHS, validation_data=validation_dataset, "
                    "verbose=2, callbacks=callbacks)"
                ),
                (
                    "try:\n    model.fit(train_dataset, epochs=EPOCHS, "
                    "validation_data=validation_dataset, verbose=2, callbacks=callbacks)\n"
                    "except KeyboardInterrupt:\n    print('stopped')"
                ),
            )
        ],
        _HIGH,
        ("try", "model.fit", "KeyboardInterrupt"),
        ("model.fit removed", "fit added"),
    ),
    (
        "the model under a strategy",
        _MOTION,
        [
            (
                (
                    "model.compile(loss='categorical_crossentropy', optimizer=opt, "
                    "metrics=['accuracy'])"
                ),
                (
                    "with strategy.scope():\n    model.compile(loss='categorical_crossentropy', "
                    "optimizer=opt, metrics=['accuracy'])"
                ),
            )
        ],
        _HIGH,
        ("with strategy.scope()", "model.compile"),
        ("compile removed", "compile added"),
    ),
    (
        "a shell command",
        _NOTEBOOK,
        [(_COMPILE, "!pip install keras-cv==0.6\nmodel.compile(loss")],
        _HIGH,
        ("!pip install keras-cv==0.6",),
        ("not parsed",),
    ),
    (
        "a notebook's quotes",
        _NOTEBOOK,
        [("'categorical_crossentropy'", '"categorical_crossentropy"')],
        _INFO,
        (),
        ("not parsed",),
    ),
    (
        "weights loaded",
        _MOTION,
        [(_OPT, "model.load_weights('/mnt/w.h5', by_name=True)\nopt = Adam(")],
        _HIGH,
        ("model.load_weights", "/mnt/w.h5"),
        (),
    ),
    (
        "an argument of fit",
        _MOTION,
        [("verbose=2, callbacks=callbacks)", "verbose=2, callbacks=callbacks, class_weight=w)")],
        _HIGH,
        ("class_weight", "fit"),
        ("fit removed",),
    ),
    (
        "an argument of the optimizer gone",
        _DENSE,
        [(",\n    clipnorm=1.0", "")],
        _HIGH,
        ("clipnorm", "removed"),
        ("optimizer removed",),
    ),
    (
        "patience",
        _DENSE,
        [("patience=25", "patience=40")],
        _HIGH,
        ("patience", "25", "40", "EarlyStopping"),
        ("ReduceLROnPlateau",),
    ),
    (
        "a callback not appended",
        _DENSE,
        [("callbacks.append(reduce_lr)\n", "")],
        _HIGH,
        ("callbacks.append(reduce_lr)", "removed"),
        ("reduce_lr removed",),
    ),
    (
        "class weights",
        _DENSE,
        [("{0: 0.6, 1: 2.0}", "{0: 0.6, 1: 3.5}")],
        _HIGH,
        ("class_weight", "3.5"),
        (),
    ),
    (
        "a regularizer of one layer",
        _DENSE,
        [("l2(0.0008),\n    name='dense_2'", "l1(0.0008),\n    name='dense_2'")],
        _HIGH,
        ("Dense", "l2", "l1"),
        ("layer 2 ",),
    ),
    (
        "a brightness of the augmentation",
        _TRANSFER,
        [("max_delta=0.2", "max_delta=0.5")],
        _HIGH,
        ("max_delta", "0.2", "0.5", "augment_image"),
        (),
    ),
    (
        "an augmentation more",
        _TRANSFER,
        [(_FLIP, _FLIP + "    image = tf.image.random_contrast(image, 0.8, 1.2)\n")],
        _HIGH,
        ("random_contrast", "added", "augment_image"),
        ("image added",),
    ),
    (
        "the augmentation under a condition",
        _TRANSFER,
        [(_FLIP, "    if random.random() < 0.5:\n    " + _FLIP)],
        _HIGH,
        ("if random.random() < 0.5", "random_flip_left_right"),
        ("random_flip_left_right removed", "random_flip_left_right(image) added"),
    ),
    (
        "another argument by default",
        _ATTENTION,
        [("mlp_units, dropout=0, mlp", "mlp_units, dropout=0.3, mlp")],
        _HIGH,
        ("dropout", "0.3", "build_model"),
        ("mlp_dropout",),
    ),
    (
        "a decorated function",
        _TRANSFER,
        [("def augment_image", "@tf.function\ndef augment_image")],
        _HIGH,
        ("tf.function", "augment_image"),
        ("augment_image removed", "augment_image added"),
    ),
    (
        "more of the base model frozen",
        _TRANSFER,
        [("FINE_TUNE_PERCENTAGE = 65", "FINE_TUNE_PERCENTAGE = 40")],
        _HIGH,
        ("FINE_TUNE_PERCENTAGE 65 → 40",),
        (),
    ),
    (
        "the second pass gone",
        _TRANSFER,
        [
            (
                (
                    "model.fit(train_dataset, epochs=FINE_TUNE_EPOCHS, verbose=2, "
                    "validation_data=validation_dataset, callbacks=callbacks, class_weight=None)\n"
                ),
                "",
            )
        ],
        _HIGH,
        ("model.fit", "FINE_TUNE_EPOCHS", "removed"),
        ("FINE_TUNE_EPOCHS removed",),
    ),
    (
        "an augmentation by a lambda",
        _TRANSFER,
        [("map(augment_image,", "map(lambda x, y: (tf.image.flip_up_down(x), y),")],
        _HIGH,
        ("lambda", "flip_up_down"),
        ("renamed",),
    ),
    (
        "the script in a function",
        _MOTION,
        [
            (
                (
                    "model.compile(loss='categorical_crossentropy', optimizer=opt, "
                    "metrics=['accuracy'])\n"
                ),
                (
                    "def prepare():\n    model.compile(loss='categorical_crossentropy', "
                    "optimizer=opt, metrics=['accuracy'])\n\n\nprepare()\n"
                ),
            )
        ],
        _HIGH,
        ("prepare", "model.compile"),
        ("compile removed", "compile(…) removed", "optimizer removed"),
    ),
    (
        "a variable renamed",
        _MOTION,
        [("LEARNING_RATE", "RATE")],
        _HIGH,
        ("LEARNING_RATE renamed to RATE",),
        ("RATE added", "RATE removed", "Adam"),
    ),
    (
        "a variable deleted",
        _MOTION,
        [(_FIT, "del validation_dataset\nmodel.fit(train")],
        _HIGH,
        ("del validation_dataset",),
        (),
    ),
    (
        "a seed in a loop",
        _MOTION,
        [(_OPT, "for seed in (random.seed, np.random.seed):\n    seed(7)\nopt = Adam(")],
        _HIGH,
        ("for seed in", "seed(7)"),
        (),
    ),
    (
        "annotations",
        _TRANSFER,
        [
            ("def augment_image(image, label):", "def augment_image(image: tf.Tensor, label):"),
            ("BATCH_SIZE = ", "BATCH_SIZE: int = "),
        ],
        _INFO,
        ("annotations",),
        ("docstring",),
    ),
    (
        "imports sorted",
        _MOTION,
        [
            (
                "import tensorflow as tf\nfrom tensorflow.keras.models import Sequential\n",
                "from tensorflow.keras.models import Sequential\nimport tensorflow as tf\n",
            )
        ],
        _INFO,
        ("imports",),
        ("docstring", "annotations"),
    ),
    (
        "imports of one name in another order",
        _MOTION,
        [
            (
                "from tensorflow.keras.optimizers.legacy import Adam\n",
                (
                    "from keras.optimizers import Adam\n"
                    "from tensorflow.keras.optimizers.legacy import Adam\n"
                ),
            )
        ],
        _HIGH,
        ("keras.optimizers.Adam", "added"),
        ("legacy.Adam removed",),
    ),
    (
        "break outside a loop",
        _MOTION,
        [(_FIT, "break\nmodel.fit(train")],
        _HIGH,
        ("no longer parses", "break"),
        (),
    ),
    (
        "an unfinished bracket",
        _MOTION,
        [("model = Sequential()", "model = Sequential(")],
        _HIGH,
        ("no longer parses",),
        (),
    ),
    (
        "a method more in a callback",
        _STOP,
        [
            (
                "    def on_epoch_end(self",
                (
                    "    def on_train_begin(self, logs=None):\n        self.best = 0\n\n"
                    "    def on_epoch_end(self"
                ),
            )
        ],
        _HIGH,
        ("Stop.on_train_begin", "added", "self.best"),
        ("on_epoch_end",),
    ),
    (
        "distillation in place of fit",
        _MOTION,
        [
            (
                "from tensorflow.keras.models",
                "from distill import Distiller\nfrom tensorflow.keras.models",
            ),
            (_FIT, "model = Distiller(student=model, teacher=teacher)\nmodel.fit(train"),
        ],
        _HIGH,
        ("Distiller", "teacher"),
        ("model removed",),
    ),
    (
        "a comprehension",
        _SPECTRUM,
        [
            (
                "opt = Adam(",
                "sizes = [int(w.shape[0]) for w in model.weights if w.trainable]\nopt = Adam(",
            )
        ],
        _HIGH,
        ("sizes", "model.weights"),
        (),
    ),
    (
        "a return more",
        _FOMO,
        [
            (
                "    model.load_weights(best_model_path)\n",
                "    model.load_weights(best_model_path)\n    return model\n",
            )
        ],
        _HIGH,
        ("return model", "added", "train"),
        ("load_weights",),
    ),
    (
        "an argument more of a function and its call",
        _FOMO,
        [
            (
                "alpha: float, num_classes: int) ->",
                "alpha: float, num_classes: int, deep=True) ->",
            ),
            (
                "num_classes=num_classes_with_background)\n    _b",
                "num_classes=num_classes_with_background, deep=False)\n    _b",
            ),
        ],
        _HIGH,
        ("deep", "True", "build_model", "False"),
        ("deep removed", "num_classes"),
    ),
]
