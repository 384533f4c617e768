"""Which scripts are the same program; that no text breaks the comparison."""

from __future__ import annotations

import ast
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.drift.script import ScriptChange, changed_lines, describe_script, judge_script
from auditor.drift.script.trees import (
    MAX_CHARS,
    MAX_DEPTH,
    OversizedScript,
    UnparsableScript,
    parse_script,
)
from tests.drift.answers import sample

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
        pytest.param('"""a"""', '"""b"""', id="the docstring"),
        pytest.param("def f():\n 'a'", "def f():\n 'b'", id="a function's docstring"),
        pytest.param("f(a=1, b=2)", "f(b=2, a=1)", id="the order of arguments"),
        pytest.param("if x:\n a\n b", "if x:\n a\nb", id="indentation"),
        pytest.param("if x:\n a\nelse:\n b", "if x:\n a\n b", id="else"),
        pytest.param("for x in y:\n a\nelse:\n b", "for x in y:\n a\nb", id="else of a loop"),
        pytest.param("x = '\\r'", "x = '\\n'", id="escaped line ends"),
        pytest.param("def f(:", "def g(:", id="two texts that do not parse"),
        pytest.param("def f(:", "x = 1", id="a text that parses again"),
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
    ],
)
def test_a_text_that_no_longer_parses(text: str) -> None:
    assert judge_script(SCRIPT, text) is BROKEN
    assert judge_script(text, SCRIPT) is OTHER
    assert describe_script(SCRIPT, text)[0].startswith("no longer parses (")
    assert describe_script(text, SCRIPT) == ("parses again",)


OVERSIZED = {
    "too long": "x = 1\n" * (MAX_CHARS // 6 + 1),
    "100,000 parentheses": "(" * 100_000 + ")" * 100_000,
    "50,000 sums": "1" + "+1" * 50_000,
    "30,000 sums": "1" + "+1" * 30_000,
    "1,000 sums": "1" + "+1" * 1_000,
    "100,000 signs": "-" * 100_000 + "1",
    "60,000 signs": "-" * 60_000 + "1",
    "3,000 signs": "-" * 3_000 + "1",
    "5,000 functions": "".join(" " * i + "def f():\n" for i in range(5_000)),
    "9,000 lambdas": "lambda:" * 9_000 + "1",
    "20,000 powers": "1" + "**1" * 20_000,
    "5,000 elifs": "if a:\n b\n" + "elif a:\n b\n" * 5_000,
    "30,000 attributes": "a" + ".a" * 30_000,
    "30,000 calls": "a" + "()" * 30_000,
    "an endless module": "import a" + ".a" * 30_000,
    "an endless module with blanks": "from a" + " . \\\n a" * 9_000 + " import b",
    "an endless name of a pattern": "match x:\n case a" + ".é" * 9_000 + ": pass",
    "150 brackets": "[" * 150 + "]" * 150,
}


@pytest.mark.parametrize("text", OVERSIZED.values(), ids=OVERSIZED)
def test_an_oversized_script_is_compared_as_text(text: str) -> None:
    assert isinstance(parse_script(text), OversizedScript)
    assert judge_script(SCRIPT, text) is OTHER
    assert judge_script(text, SCRIPT) is OTHER
    assert judge_script(text, text + "\n\n") is SAME
    assert describe_script(text, text) == ()
    assert describe_script(SCRIPT, text)[0].startswith("not parsed; ")
    assert describe_script(text, f"{text.rstrip()}\nx") == ("not parsed; 1 line added, 0 removed",)


def test_the_limit_on_depth_is_far_above_a_script() -> None:
    calls = MAX_DEPTH - 10

    assert isinstance(parse_script("x = " + "f(" * calls + ")" * calls), ast.Module)
    assert isinstance(parse_script("import " + ".".join("a" * 50)), ast.Module)


def test_a_number_too_long_to_be_written_is_compared_nevertheless() -> None:
    old, new = "x = 0x1" + "f" * 20_000, "x = 0x2" + "f" * 20_000

    assert (judge_script(old, new), judge_script(old, old + "  # x")) == (OTHER, SAME)
    assert describe_script(old, new) == ("x … → …",)


def test_the_reason_why_a_script_does_not_parse_names_the_line() -> None:
    parsed = parse_script("x = 1\ny = = 2\n")

    assert parsed == UnparsableScript("line 2: invalid syntax")


def test_changed_lines_of_a_long_text_are_those_between_its_equal_ends() -> None:
    lines = [f"x = {number}" for number in range(2_000)]
    changed = [*lines[:1_000], "y = 1", *lines[1_001:]]

    assert changed_lines("\n".join(lines), "\n".join(changed)) == ("-x = 1000", "+y = 1")


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text(), st.text())
def test_any_two_texts_are_judged(old: str, new: str) -> None:
    assert judge_script(old, old) is SAME
    assert judge_script(old, new) in ScriptChange
