"""Which scripts are the same program; that no text breaks the comparison."""

from __future__ import annotations

import ast
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.drift.script import (
    ScriptChange,
    changed_lines,
    describe_script,
    judge_script,
    name_formalities,
)
from auditor.drift.script.parsing import (
    MAX_CHARS,
    OversizedScript,
    UnparsableScript,
    parse_script,
)
from tests.drift.answers import SAMPLES, sample

EXAMPLES = int(os.environ.get("AUDITOR_EXAMPLES", "60"))
SCRIPT = sample()["script"]
SAME, OTHER, BROKEN = (
    ScriptChange.SAME_PROGRAM,
    ScriptChange.OTHER_PROGRAM,
    ScriptChange.NO_LONGER_PARSES,
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("x = 1", "# one\nx = 1  # two\n", id="comments"),
        pytest.param("x = 1\ny = 2", "\n\nx = 1\n\n\ny = 2\n \n", id="blank lines"),
        pytest.param("f(1, 2)", "f( 1,\n   2,\n)", id="formatting"),
        pytest.param("if x:\n    y", "if x:\n\ty", id="tabs"),
        pytest.param("x = 1\ny = 2", "x = 1\r\ny = 2\r\n", id="CRLF"),
        pytest.param("x = 1\ny = 2", "x = 1\ry = 2\r", id="CR"),
        pytest.param("x = 1", "\ufeffx = 1", id="a byte order mark"),
        pytest.param("x = 1", "\fx = 1", id="a form feed"),
        pytest.param("x = 'a'", 'x = """a"""', id="quotes"),
        pytest.param("x = 16", "x = 0x10", id="another base"),
        pytest.param("x = 1000", "x = 1_000", id="digits grouped"),
        pytest.param("x = 1e-5", "x = 0.00001", id="another notation"),
        pytest.param("x = 'ab'", "x = 'a' 'b'", id="a string in parts"),
        pytest.param("x = '\\d'", "x = '\\\\d'", id="an escape that Python warns of"),
        pytest.param("def f(:", "def f(:\n\n", id="no program, trailing lines"),
        pytest.param('"""a"""', '"""b"""', id="the docstring"),
        pytest.param("x = 1", '"""a"""\nx = 1', id="a docstring more"),
        pytest.param("def f():\n 'a'", "def f():\n 'b'", id="a function's docstring"),
        pytest.param("def f():\n pass", "def f():\n 'b'", id="a docstring for a body"),
        pytest.param("class C:\n 'a'\n x = 1", "class C:\n x = 1", id="a class's docstring"),
        pytest.param("def f(a, *b): a", "def f(a: A, *b: B) -> C: a", id="arguments annotated"),
        pytest.param("x = 1", "x: int = 1", id="a name annotated"),
        pytest.param("x = 1", "x: int\nx = 1", id="a name declared"),
        pytest.param("class C:\n pass", "class C:\n x: int", id="a field declared"),
        pytest.param("import a, b", "import a\nimport b", id="an import split"),
        pytest.param("from a import b, c", "from a import c, b", id="imported in another order"),
        pytest.param("import a\nimport b", "import b\n\nimport a", id="imports sorted"),
        pytest.param("import a.b\nimport a.c", "import a.c, a.b", id="parts of one package"),
        pytest.param("import a\nx: int\nimport b", "import b, a", id="a declaration between"),
        pytest.param("def f():\n import a, b", "def f():\n import b, a", id="in a function"),
        pytest.param("pass\nf()", "x: int\npass\nf()", id="a declaration before a call"),
        pytest.param("x = u'a'", "x = 'a'", id="a prefix without effect"),
        pytest.param("del (a, b)", "del a, b", id="del in parentheses"),
        pytest.param("\ufb01 = 1", "fi = 1", id="a ligature in a name"),
        pytest.param("x = a.\u210c", "x = a.H", id="a letter of mathematics in an attribute"),
        pytest.param("!ls\nx = 1", "!ls\n# one\nx  =  1", id="a comment in a notebook"),
        pytest.param("%a b\nf('c')", '%a b\nf("c")', id="quotes in a notebook"),
        pytest.param("if x:\n  !ls\n  y", "if x:\n    !ls\n    y", id="a notebook indented"),
        pytest.param("'''\n!a\n'''\n%b", '"""\n!a\n"""\n%b', id="a text that looks like a line"),
    ],
)
def test_the_same_program_written_differently(old: str, new: str) -> None:
    assert judge_script(old, new) is SAME
    assert describe_script(old, new) == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("x = 1", "x = 2", id="a constant"),
        pytest.param("x = 1", "x = True", id="one and true"),
        pytest.param("x = 1", "x = 1.0", id="an integer and a float"),
        pytest.param("x = 0.0", "x = -0.0", id="the sign of zero"),
        pytest.param("x = 1", "x = 1j", id="an imaginary number"),
        pytest.param("x = 'a'", "x = b'a'", id="text and bytes"),
        pytest.param("x = None", "x = ...", id="none and an ellipsis"),
        pytest.param("x = 'a'\n'b'", "x = 'a'\n'c'", id="a text that is no docstring"),
        pytest.param(
            "from a import x\nfrom b import x",
            "from b import x\nfrom a import x",
            id="imports of one name swapped",
        ),
        pytest.param(
            "from a import *\nimport b",
            "import b\nfrom a import *",
            id="an import of everything moved",
        ),
        pytest.param("import a\nx\nimport b", "import b\nx\nimport a", id="imports far apart"),
        pytest.param("import a", "import a as b", id="another name for an import"),
        pytest.param("!ls", "!ls -l", id="another line of a notebook"),
        pytest.param("!ls\nx = 1", "x = 1\n!ls", id="a line of a notebook moved"),
        pytest.param("%a\nx = '!b'", "%a\nx = '!c'", id="a text in a notebook"),
        pytest.param("f(a=1, b=2)", "f(b=2, a=1)", id="the order of arguments"),
        pytest.param("if x:\n a\n b", "if x:\n a\nb", id="indentation"),
        pytest.param("if x:\n a\nelse:\n b", "if x:\n a\n b", id="else"),
        pytest.param("for x in y:\n a\nelse:\n b", "for x in y:\n a\nb", id="else of a loop"),
        pytest.param("x = '\\r'", "x = '\\n'", id="escaped line ends"),
        pytest.param("def f(:", "def g(:", id="two texts that do not parse"),
        pytest.param("def f(:", "x = 1", id="a text that parses again"),
        pytest.param("f()\n'a'\ng()", "f()\n'b'\ng()", id="a text between calls"),
        pytest.param("f()\n@a\ndef g(): 1", "f()\n@b\ndef g(): 1", id="a decorator"),
    ],
)
def test_another_program(old: str, new: str) -> None:
    assert judge_script(old, new) is OTHER
    assert describe_script(old, new) != ()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("def f(:", id="unfinished"),
        pytest.param("print 'a'\nexec 'b'", id="Python 2"),
        pytest.param("x = 1\x00", id="NUL"),
        pytest.param("x = '\ud800'", id="a lone surrogate"),
        pytest.param("x = \ufeff1", id="a byte order mark in the middle"),
        pytest.param("if x:\n\ty\n        z", id="tabs and blanks mixed"),
        pytest.param("(" * 300 + ")" * 300, id="300 parentheses"),
        pytest.param("".join(" " * i + "def f():\n" for i in range(300)), id="300 functions"),
        pytest.param("x = " + "1" * 5000, id="a number of 5000 digits"),
        pytest.param("f'" + "{a:" * 500 + "}" * 500 + "'", id="f-strings in f-strings"),
        pytest.param("f'{" + "(" * 500 + ")" * 500 + "}'", id="parentheses in an f-string"),
        pytest.param("x = 1\nreturn x", id="return outside a function"),
        pytest.param("if x:\n  break", id="break outside a loop"),
        pytest.param("def f(a, a): pass", id="an argument twice"),
        pytest.param("x = 1\n!ls\ny = (", id="a notebook unfinished"),
    ],
)
def test_a_text_that_no_longer_parses(text: str) -> None:
    assert judge_script(SCRIPT, text) is BROKEN
    assert judge_script(text, SCRIPT) is OTHER
    assert describe_script(SCRIPT, text)[0].startswith("no longer parses (")
    assert describe_script(text, SCRIPT)[0] == "parses again"


OVERSIZED = {
    "too long": "x = 1\n" * (MAX_CHARS // 6 + 1),
    "50,000 sums": "1" + "+1" * 50_000,
    "100,000 signs": "-" * 100_000 + "1",
    "3,000 signs": "-" * 3_000 + "1",
    "9,000 lambdas": "lambda:" * 9_000 + "1",
    "20,000 powers": "1" + "**1" * 20_000,
    "5,000 elifs": "if a:\n b\n" + "elif a:\n b\n" * 5_000,
    "30,000 attributes": "a" + ".a" * 30_000,
    "30,000 calls": "a" + "()" * 30_000,
    "an endless module": "import a" + ".a" * 30_000,
    "an endless module with blanks": "from a" + " . \\\n a" * 9_000 + " import b",
    "an endless name of a pattern": "match x:\n case a" + ".é" * 9_000 + ": pass",
    "an endless f-string": "x = f'" + "{a}" * 40_000 + "'",
}


@pytest.mark.parametrize("text", OVERSIZED.values(), ids=OVERSIZED)
def test_what_the_parser_cannot_take_is_compared_as_text(text: str) -> None:
    changed = f"{text.rstrip()}\nx"
    reason = describe_script(text, changed)[0]

    assert isinstance(parse_script(text), OversizedScript)
    assert judge_script(SCRIPT, text) is OTHER
    assert judge_script(text, text + "\n\n") is SAME
    assert describe_script(text, text) == ()
    assert reason.startswith("cannot be parsed here (")
    assert reason.endswith("compared as text")


LARGE = {
    "70 KB": "x = f(1)\n" * 8_000,
    "200 KB": "".join(f"x{number} = f({number})\n" for number in range(11_000)),
    "1,000 sums": "y = 1" + "+1" * 1_000,
    "150 brackets": "y = " + "[" * 150 + "]" * 150,
    "190 calls": "y = " + "f(" * 190 + ")" * 190,
    "500 elifs": "if a:\n b\n" + "elif a:\n b\n" * 500,
    "90 calls in a chain": "y = f()" + ".b()" * 90,
}


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE)
def test_a_large_script_is_a_program(text: str) -> None:
    assert judge_script(text, f"# one\n{text}") is SAME
    assert judge_script(text, f"{text}\nz = 1") is OTHER


@pytest.mark.parametrize("place", ["", "x = 1\n"])
def test_a_decorator_is_compared_where_all_other_lines_are_equal(place: str) -> None:
    function = "def f(x):\n    return x\n\ng(f)\n"
    old, new = place + function, f"{place}@tf.function\n{function}"

    assert (judge_script(old, new), judge_script(new, old)) == (OTHER, OTHER)


def test_a_number_too_long_to_be_written_is_compared_nevertheless() -> None:
    old, new = "x = 0x1" + "f" * 20_000, "x = 0x2" + "f" * 20_000

    assert (judge_script(old, new), judge_script(old, old + "  # x")) == (OTHER, SAME)
    assert describe_script(old, new) == ("x … changed",)


def test_the_reason_why_a_script_does_not_parse_names_the_line() -> None:
    parsed = parse_script("x = 1\ny = = 2\n")

    assert parsed == UnparsableScript("line 2: invalid syntax")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("x = 1", "x = 1  # one", ()),
        ("'a'\nx = 1", "'b'\nx = 1", ("docstrings",)),
        ("x: int = 1", "x = 1", ("annotations",)),
        ("import a, b", "import b\nimport a", ("the order of imports",)),
        ("'a'\nx: A = 1", "x = 1", ("docstrings", "annotations")),
    ],
)
def test_what_differs_in_the_same_program_is_named(
    old: str, new: str, words: tuple[str, ...]
) -> None:
    assert judge_script(old, new) is SAME
    assert name_formalities(old, new) == (*words, "comments", "formatting")


def test_an_empty_script_has_no_lines() -> None:
    assert changed_lines("", "x = 1\n") == ("+x = 1",)
    assert changed_lines("x = 1\n", "\n") == ("-x = 1",)


def test_changed_lines_are_as_few_as_possible() -> None:
    lines = [f"x = {number % 7}" for number in range(5_000)]
    changed = [*lines[:1_000], "y = 1", *lines[1_001:4_000], "y = 2", *lines[4_001:]]

    assert changed_lines("\n".join(lines), "\n".join(changed)) == (
        "-x = 6",
        "+y = 1",
        "-x = 3",
        "+y = 2",
    )


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text(), st.text())
def test_any_two_texts_are_judged(old: str, new: str) -> None:
    assert judge_script(old, old) is SAME
    assert judge_script(old, new) in ScriptChange


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_script_written_anew_by_a_formatter_is_the_same_program(name: str) -> None:
    script = str(SAMPLES[name]["script"])

    assert judge_script(script, ast.unparse(ast.parse(script))) is SAME
