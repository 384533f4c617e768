"""The same program and another one, by what the contract says of docstrings, imports and names."""

from __future__ import annotations

from tests.signal.edits import Edit, every, script
from tests.signal.pairs import SAME_PROGRAM, SCRIPT, Pair, on, pair

_DOCSTRING = '"""Add the head."""'


def _same(name: str, edit: Edit) -> Pair:
    return pair(name, edit, SAME_PROGRAM.changed("script"), state="trained")


def _other(name: str, edit: Edit) -> Pair:
    return pair(name, edit, SCRIPT.changed("script"), state="stale")


PAIRS = (
    *on(
        "program",
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
        _other(
            "one statement more at the end of a long program",
            lambda answer: answer.update(script=answer["script"] + "model.add(Dense(21))\n"),
        ),
    ),
)
