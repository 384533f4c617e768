"""What changed between two scripts, in words."""

from __future__ import annotations

import pytest

from auditor.drift.script import MAX_CHARS, describe_script
from tests.drift.answers import sample

KERAS, IMAGE, DETECTION = (
    sample(name)["script"] for name in ("keras", "keras-transfer-image", "keras-object-detection")
)
L1 = "activity_regularizer=tf.keras.regularizers.l1(0.00001)"
DENSE_10 = f"model.add(Dense(10, activation='relu', {L1}))\n"
OPTIMIZERS = "tensorflow.keras.optimizers"
ADAM = "Adam(learning_rate=LEARNING_RATE, beta_1=0.9, beta_2=0.999)"


def _edited(script: str, *edits: tuple[str, str]) -> str:
    for old, new in edits:
        assert old in script
        script = script.replace(old, new)
    return script


@pytest.mark.parametrize(
    ("edits", "phrases"),
    [
        pytest.param([("Adam(", "SGD(")], ["optimizer Adam → SGD"], id="optimizer"),
        pytest.param(
            [(ADAM, "SGD(learning_rate=LEARNING_RATE, momentum=0.9)")],
            ["optimizer Adam(beta_1=0.9, beta_2=0.999) → SGD(momentum=0.9)"],
            id="optimizer with other arguments",
        ),
        pytest.param(
            [("legacy import Adam", "legacy import SGD"), ("Adam(", "SGD(")],
            [
                "optimizer Adam → SGD",
                "import of tensorflow.keras.optimizers.legacy.Adam removed",
                "import of tensorflow.keras.optimizers.legacy.SGD added",
            ],
            id="optimizer and its import",
        ),
        pytest.param(
            [("optimizers.legacy import", "optimizers import")],
            [
                f"import of {OPTIMIZERS}.legacy.Adam → {OPTIMIZERS}.Adam",
            ],
            id="optimizer from another module",
        ),
        pytest.param(
            [("learning_rate=LEARNING_RATE", "learning_rate=0.001")],
            ["learning rate of Adam LEARNING_RATE → 0.001"],
            id="rate of the optimizer",
        ),
        pytest.param(
            [(f"opt = {ADAM}\n", ""), ("optimizer=opt", "optimizer='sgd'")],
            ["optimizer Adam(learning_rate=LEARNING_RATE, beta_1=0.9, beta_2=0.999) → sgd"],
            id="optimizer by name",
        ),
        pytest.param(
            [(f"opt = {ADAM}\n", ""), ("optimizer=opt", f"optimizer={ADAM}")],
            ["optimizer opt → Adam(learning_rate=LEARNING_RATE, beta_1=0.9, beta_2=0.999)"],
            id="optimizer without a name",
        ),
        pytest.param(
            [("or 30", "or 60"), ("or 0.0005", "or 0.001")],
            ["LEARNING_RATE 0.0005 → 0.001", "EPOCHS 30 → 60"],
            id="settings",
        ),
        pytest.param(
            [("args.epochs or 30", "60")], ["EPOCHS args.epochs or 30 → 60"], id="setting fixed"
        ),
        pytest.param(
            [("quantization = False", "quantization = True")],
            ["disable_per_channel_quantization False → True"],
            id="flag",
        ),
        pytest.param(
            [("EPOCHS = ", "MOMENTUM = -0.9\nEPOCHS = ")],
            ["MOMENTUM added (-0.9)"],
            id="setting added",
        ),
        pytest.param(
            [(DENSE_10, f"model.add(Dropout(0.25))\n{DENSE_10}")],
            ["layer 2 Dropout added (0.25)"],
            id="layer added in the middle",
        ),
        pytest.param(
            [(DENSE_10, "")],
            [
                (
                    "layer 2 Dense removed (10, activation='relu', "
                    "activity_regularizer=tf.keras.regularizers.l1(1e-05))"
                )
            ],
            id="layer removed",
        ),
        pytest.param([("Dense(20", "Dense(24")], ["layer 1 Dense: 20 → 24"], id="units"),
        pytest.param(
            [("Dense(20, activation='relu'", "Dense(24, activation='tanh', name='first'")],
            ["layer 1 Dense: 20 → 24, activation 'relu' → 'tanh', name='first' added"],
            id="layer edited",
        ),
        pytest.param(
            [("Dense(20", "tf.keras.layers.Dense(20")],
            ["layer 1 Dense: written as Dense → tf.keras.layers.Dense"],
            id="layer written differently",
        ),
        pytest.param(
            [("'categorical_crossentropy'", "'mse'"), ("['accuracy']", "None")],
            ["loss categorical_crossentropy → mse", "metrics ['accuracy'] → None"],
            id="loss and metrics",
        ),
        pytest.param(
            [
                ("epochs=EPOCHS, val", "epochs=50, val"),
                ("callbacks)", "callbacks, class_weight=w)"),
            ],
            ["epochs of fit EPOCHS → 50", "class_weight of fit added (w)"],
            id="fit",
        ),
        pytest.param(
            [("model.compile", "callbacks.append(EarlyStopping(patience=5))\nmodel.compile")],
            ["callback EarlyStopping added (patience=5)"],
            id="callback",
        ),
        pytest.param(
            [("train_sample_count", "100")],
            ["argument 2 of BatchLoggerCallback train_sample_count → 100"],
            id="argument of a callback",
        ),
        pytest.param(
            [("import tensorflow", "import math, os as system\nimport tensorflow")],
            ["import of math added", "import of os as system added"],
            id="imports",
        ),
        pytest.param(
            [("model = Seq", "def augment(x):\n    y = 2\n    return x * y\n\nmodel = Seq")],
            ["function augment added (y = 2; return x * y)"],
            id="function",
        ),
        pytest.param(
            [("model = Seq", "class Stop(Callback):\n    def on_end(self): ...\n\nmodel = Seq")],
            ["class Stop of Callback added (def on_end(self): ...)"],
            id="class",
        ),
        pytest.param(
            [("opt = ", "adam = "), ("=opt,", "=adam,")], ["opt renamed to adam"], id="variable"
        ),
        pytest.param(
            [("EPOCHS", "CYCLES"), ("or 30", "or 60")],
            ["EPOCHS 30 → 60", "EPOCHS renamed to CYCLES"],
            id="variable renamed and changed",
        ),
        pytest.param(
            [("if not ENSURE", "if ENSURE")],
            ["if not ENSURE_DETERMINISM → ENSURE_DETERMINISM"],
            id="condition",
        ),
        pytest.param(
            [(DENSE_10, f"if deep:\n    {DENSE_10}")],
            ["“if deep” added around model.add(Dense(…))"],
            id="layer under a condition",
        ),
    ],
)
def test_an_edit_is_described(edits: list[tuple[str, str]], phrases: list[str]) -> None:
    assert list(describe_script(KERAS, _edited(KERAS, *edits))) == phrases


@pytest.mark.parametrize(
    ("edits", "phrases"),
    [
        pytest.param(
            [("build_model", "make_model")], ["build_model renamed to make_model"], id="renamed"
        ),
        pytest.param(
            [("filters=32", "filters=64")],
            ["layer 1 Conv2D: filters 32 → 64, in build_model"],
            id="a layer applied to another",
        ),
        pytest.param(
            [("WEIGHTS_PATH, 0.35", "WEIGHTS_PATH, 0.5")],
            ["argument 3 of build_model 0.35 → 0.5"],
            id="an argument of its call",
        ),
        pytest.param(
            [("num_classes):", "num_classes, deep=True):")],
            ["argument deep=True added to build_model"],
            id="signature",
        ),
        pytest.param(
            [("outputs=logits)", "outputs=head)")],
            ["outputs of Model logits → head, in build_model"],
            id="result",
        ),
    ],
)
def test_an_edit_of_a_function_is_described(
    edits: list[tuple[str, str]], phrases: list[str]
) -> None:
    assert list(describe_script(DETECTION, _edited(DETECTION, *edits))) == phrases


@pytest.mark.parametrize(
    ("edits", "phrases"),
    [
        pytest.param(
            [
                (
                    "model.add(Dropout(0.1))\nmodel.add(Flatten())",
                    "model.add(Flatten())\nmodel.add(Dropout(0.1))",
                )
            ],
            ["layer 5 Dropout moved to place 6"],
            id="moved",
        ),
        pytest.param(
            [("Dropout(0.1)", "BatchNormalization()")],
            ["layer 5 Dropout(0.1) → BatchNormalization"],
            id="replaced",
        ),
        pytest.param(
            [("trainable = False", "trainable = True"), ("alpha=1.0", "alpha=0.35")],
            ["base_model.trainable False → True", "alpha of MobileNetV2 1.0 → 0.35"],
            id="base model",
        ),
    ],
)
def test_an_edit_of_a_transfer_model_is_described(
    edits: list[tuple[str, str]], phrases: list[str]
) -> None:
    assert list(describe_script(IMAGE, _edited(IMAGE, *edits))) == phrases


@pytest.mark.parametrize(
    ("old", "new", "phrases"),
    [
        pytest.param(
            "m = Sequential([Dense(20), Dense(10), Dense(n)])",
            "m = Sequential([Dense(20), Dropout(0.5), Dense(12), Dense(n)])",
            ["layer 2 Dropout added (0.5)", "layer 3 Dense: 10 → 12"],
            id="a list of layers",
        ),
        pytest.param(
            "m = Sequential([Dense(20)], name='a')",
            "m = Sequential([Dense(20)], name='b')",
            ["name of Sequential 'a' → 'b'"],
            id="a list of layers stays",
        ),
        pytest.param(
            "a = Sequential()\na.add(Dense(1))\nb = Sequential()\nb.add(Dense(1))",
            "a = Sequential()\na.add(Dense(1))\nb = Sequential()\nb.add(Dense(2))",
            ["layer 1 of b Dense: 1 → 2"],
            id="the second of two models",
        ),
        pytest.param(
            "x = Dense(1)(x)", "x = Dense(1)(y)", ["layer 1 Dense: applied to x → y"], id="wiring"
        ),
        pytest.param(
            "f(a=1, b=2)",
            "f(b=2, a=1)",
            ["arguments of f written differently"],
            id="order of arguments",
        ),
        pytest.param(
            "x = 1\ny = 2\nz = 3", "y = 2\nz = 3\nx = 1", ["x = 1 moved after z = 3"], id="order"
        ),
        pytest.param(
            "@a\ndef f():\n    @b\n    def g(): 'x'",
            "@a\ndef f():\n    @c\n    def g(): 'x'",
            ["decorator of f.g @b → @c"],
            id="a decorator",
        ),
        pytest.param(
            "def f(): 1\ndef f(): 2",
            "def f(): 1\ndef f(): 3",
            ["2 → 3, in f#2"],
            id="the second of a name",
        ),
        pytest.param("def f(): 1", "class f: 1", ["function f is now a class"], id="kind"),
        pytest.param(
            "from . import a, b",
            "from .. import a\nfrom . import b",
            ["import of .a → ..a"],
            id="relative imports",
        ),
        pytest.param("opt = a", "opt = b", ["opt a → b"], id="an unrecognized optimizer"),
        pytest.param(
            "a = f(1)\nb = f(1)",
            "a = f(1)\nb = f(2)",
            ["argument 1 of f 1 → 2 for b"],
            id="the second of two calls",
        ),
        pytest.param(
            "m.fit(a, verbose=1)\nx\nm.fit(b, verbose=1)",
            "m.fit(a, verbose=1)\nx\nm.fit(b, verbose=2)",
            ["verbose of fit 1 → 2 (m.fit 2 of 2)"],
            id="the second pass",
        ),
        pytest.param(
            "def f(): 1\ndef g(): 2",
            "def g(): 2\ndef f(): 1",
            ["function g moved before function f"],
            id="functions in another order",
        ),
        pytest.param(
            "class A(C):\n def on(self): x()\nf(A())",
            "class B(C):\n def on(self): y()\nf(B())",
            [
                "argument 1 of f A() → B()",
                "class A of C removed (def on(self): x())",
                "class B of C added (def on(self): y())",
            ],
            id="another class in place of it",
        ),
        pytest.param(
            "verbose = 1\nfit(verbose=verbose)",
            "workers = 1\nfit(workers=workers)",
            [
                "verbose removed (1)",
                "workers added (1)",
                "verbose of fit removed (verbose)",
                "workers of fit added (workers)",
            ],
            id="another setting in place of it",
        ),
        pytest.param(
            "if a:\n f()\nelse:\n g()",
            "if a:\n g()\nelse:\n f()",
            ["g() moved into “if a”", "f() moved into “else”"],
            id="branches swapped",
        ),
        pytest.param(
            "a()\nlog(1)\ndef g():\n b()",
            "a()\ndef g():\n b()\n log(1)",
            ["log(1) moved from the script into function g"],
            id="into a function",
        ),
        pytest.param(
            "p = re.compile('a')",
            "p = re.compile('b')",
            ["argument 1 of re.compile 'a' → 'b'"],
            id="compile of a pattern, not of a model",
        ),
    ],
)
def test_an_edit_of_other_code_is_described(old: str, new: str, phrases: list[str]) -> None:
    assert list(describe_script(old, new)) == phrases


def test_the_most_important_comes_first_and_the_rest_is_counted() -> None:
    new = _edited(
        KERAS,
        ("Dense(20", "Dense(24"),
        ("or 30", "or 31"),
        ("or 0.0005", "or 0.1"),
        ("or 32", "or 16"),
        ("'accuracy'", "'mse'"),
        ("verbose=2", "verbose=1"),
        ("Adam(", "SGD("),
        ("drop_remainder=False", "drop_remainder=True"),
        ("quantization = False", "quantization = True"),
        ("* 4", "* 8"),
        ("if not ENSURE", "if ENSURE"),
    )

    phrases = describe_script(KERAS, new)

    assert phrases[:3] == ("optimizer Adam → SGD", "LEARNING_RATE 0.0005 → 0.1", "EPOCHS 30 → 31")
    assert len(phrases) == 11
    assert len("; ".join(phrases)) <= MAX_CHARS


def test_what_has_no_room_is_counted() -> None:
    old = "".join(f"parameter_{number} = {number}\n" for number in range(40))

    phrases = describe_script(old, old.replace(" = ", " = 1"))

    assert phrases[0] == "parameter_0 0 → 10"
    assert phrases[-1] == f"and {40 - len(phrases) + 1} more changes"


def test_a_long_value_is_cut_to_where_it_differs() -> None:
    old = "x = f(a)[" + "first + " * 30 + "1]"
    new = old.replace("1]", "2]")

    assert describe_script(old, new) == ("x …+ first + 1] → …+ first + 2]",)


def test_a_phrase_is_one_line() -> None:
    old, new = 'x = f"""a\n{b}"""', 'x = f"""a\n{c}"""'

    assert [len(phrase.splitlines()) for phrase in describe_script(old, new)] == [1]


@pytest.mark.parametrize("digits", ["0a1b2c3d" * 4, "0a1b2c3d" * 12])
def test_no_phrase_shows_a_key_of_studio_not_even_its_beginning(digits: str) -> None:
    old = f"KEY = 'ei_{digits}'\nlog(ei_{digits}=1)\nmodel.add(ei_{digits}(1))"
    new = old.replace("3d'", "3e'").replace("1)", "2)")

    phrases = describe_script(old, new)

    assert phrases[0] == "KEY '(hidden)' changed"
    assert not any("0a1b" in phrase for phrase in phrases)


def test_a_fingerprint_is_not_shown() -> None:
    old, new = (f"KEY = '(hidden:{digit * 32})'" for digit in "ab")

    assert describe_script(old, new) == ("KEY '(hidden)' changed",)


def test_a_program_with_too_many_statements_is_described_by_line_counts() -> None:
    old = "".join(f"x{number} = 1\n" for number in range(20_100))

    assert describe_script(old, old + "y = 1\n") == (
        "too long to describe, compared as text",
        "“y = 1” added",
    )


@pytest.mark.parametrize(
    ("old", "new", "phrases"),
    [
        pytest.param("", "x = 1\n", ["x added (1)"], id="from an empty script"),
        pytest.param("x = 1\n", "", ["x removed (1)"], id="to an empty script"),
        pytest.param('"""Doc."""\n', "x = 1\n", ["x added (1)"], id="from a docstring alone"),
        pytest.param(
            'def f():\n    """Doc."""\n',
            "def f():\n    return 1\n",
            ["return 1 added, in f"],
            id="in a function of a docstring alone",
        ),
    ],
)
def test_no_statement_is_named_that_nobody_wrote(old: str, new: str, phrases: list[str]) -> None:
    assert describe_script(old, new) == tuple(phrases)
