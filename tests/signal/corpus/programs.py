"""The same program and another one, by what the contract says of docstrings, imports and names."""

from __future__ import annotations

from tests.signal.edits import Edit, every, put, script
from tests.signal.pairs import DATA, SAME_PROGRAM, SCRIPT, TRAINING, Pair, on, pair

_DOCSTRING = '"""Add the head."""'


def _same(name: str, edit: Edit) -> Pair:
    return pair(name, edit, SAME_PROGRAM.changed("script"), state="trained")


def _other(name: str, edit: Edit) -> Pair:
    return pair(name, edit, SCRIPT.changed("script"), state="stale")


PAIRS = (
    *on(
        "program",
        _same("a docstring in other words", script(_DOCSTRING, '"""Add the head of it."""')),
        _same("a docstring less", script(f"    {_DOCSTRING}\n", "")),
        _same("a docstring of the module", script("import os\n", '"""Train."""\n\nimport os\n')),
        _same("a class without its docstring", script('    """Stop early."""\n\n', "")),
        _same(
            "a docstring over several lines",
            script(_DOCSTRING, '"""\n    Add the head.\n\n    Twice.\n    """'),
        ),
        _same(
            "annotations of arguments and of the result",
            script(
                "def head(model, units=20):",
                "def head(model: tf.keras.Model, units: int = 20) -> tf.keras.Model:",
            ),
        ),
        _same("an annotated name", script("EPOCHS = 30", "EPOCHS: int = 30")),
        _same("an annotated name of a class", script("patience = 3", "patience: int = 3")),
        _same(
            "imports in another order",
            script("import os\nimport sys\n", "import sys\nimport os\n"),
        ),
        _same("imports in one statement", script("import os\nimport sys\n", "import os, sys\n")),
        _same(
            "an import split",
            script(
                "from tensorflow.keras.layers import Dense, Dropout\n",
                "from tensorflow.keras.layers import Dense\n"
                "from tensorflow.keras.layers import Dropout\n",
            ),
        ),
        _same(
            "an import's names in another order, over lines",
            script("import Dense, Dropout\n", "import (\n    Dropout,\n    Dense,\n)\n"),
        ),
        _same("a name in wide letters", script("EPOCHS", "\uff25POCHS")),
        _same("another indentation", script("\n    ", "\n  ")),
        _same(
            "a comma at the end of a call", script("callbacks=[Stop()])", "callbacks=[Stop()],)")
        ),
        _other("an import less", script("import sys\n", "")),
        _other("an import under another name", script("import os\n", "import os as system\n")),
        _other(
            "an import past a statement",
            every(
                script("import sys\n", ""), script("EPOCHS = 30\n", "EPOCHS = 30\nimport sys\n")
            ),
        ),
        _other("another default", script("units=20", "units=32")),
        _other("a text in wide letters", script('"relu"', '"\uff52elu"')),
        _other("a decorator", script("def head(", "@tf.function\ndef head(")),
        _other(
            "a statement more between two",
            script(
                "model = head(tf.keras.Sequential())\nmodel.fit(",
                "print(EPOCHS)\nmodel = head(tf.keras.Sequential())\nmodel.fit(",
            ),
        ),
        _other(
            "a function of the same name twice",
            script("class Stop(", "def head(model):\n    return model\n\n\nclass Stop("),
        ),
        pair(
            "a docstring, with a batch",
            every(script(_DOCSTRING, '"""Head."""'), put(batchSize=64)),
            SAME_PROGRAM.changed("script"),
            TRAINING.changed("batchSize"),
            state="stale",
        ),
        pair(
            "annotations, with a label more in the output",
            every(
                script("EPOCHS = 30", "EPOCHS: int = 30"),
                put("dependencies", outputClasses=["idle", "updown", "wave", "zoom"]),
            ),
            SAME_PROGRAM.changed("script"),
            DATA.changed("dependencies.outputClasses"),
        ),
        pair(
            "a statement that is cut short",
            script("patience = 3", "patience ="),
            SCRIPT.changed("script"),
            state="stale",
        ),
    ),
    *on(
        "one name twice",
        _other(
            "imports of one name in another order",
            script(
                "from keras.layers import Dense\nfrom mine import Dense\n",
                "from mine import Dense\nfrom keras.layers import Dense\n",
            ),
        ),
    ),
    *on(
        "notebook",
        _same("a comment amid a notebook's lines", script("EPOCHS", "# thirty\nEPOCHS")),
        _same(
            "a blank line amid a notebook's lines", script("import qkeras\n", "\nimport qkeras\n")
        ),
        _other(
            "a package more",
            script("!pip install qkeras\n", "!pip install qkeras\n!pip install larq\n"),
        ),
        _other("another package", script("!pip install qkeras", "!pip install larq")),
        _other("a magic less", script("%load_ext tensorboard\n", "")),
        _other("a number below a notebook's lines", script("30", "31")),
    ),
    *on(
        "long program",
        _same(
            "a comment atop a long program",
            lambda answer: answer.update(script="# long\n" + answer["script"]),
        ),
        _other(
            "one statement more at the end of a long program",
            lambda answer: answer.update(script=answer["script"] + "model.add(Dense(21))\n"),
        ),
    ),
)
