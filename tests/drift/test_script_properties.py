"""What must hold for the description of any two scripts, hostile ones included."""

from __future__ import annotations

import ast
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.drift.script import MAX_CHARS, ScriptChange, describe_script, judge_script
from tests.drift.answers import SAMPLES

EXAMPLES = int(os.environ.get("AUDITOR_EXAMPLES", "60"))
SCRIPTS = sorted({str(block["script"]) for block in SAMPLES.values() if block["script"]})

EVERY_SYNTAX = '''
"""doc"""
import os, a.b as c
from .x import y as z, w
@deco(1)
class C(Base, metaclass=M):
    "doc"
    x: int = 1
    async def m(self, a, /, b=1, *c, d=2, **e) -> int:
        async with f() as g, h():
            await k
        async for i in j: pass
        else: pass
        return lambda q, r=1: q
def gen():
    global G
    def inner():
        nonlocal n
        yield
        yield from x
    try:
        raise E from F
    except (A, B) as ex: pass
    else: t = 1
    finally: u = 2
    try: pass
    except* V: pass
while x < 1 and not y or z:
    break
else:
    other = 1
for a, (b, *cc) in d: continue
if a: b
elif c: d
else: e
with open(x) as f: pass
match v:
    case 1 | 2 if g: pass
    case [a, *rest]: pass
    case {"k": kk, **others}: pass
    case P(x, y=3) as pp: pass
    case None: pass
    case _: pass
x = y = 1
x += 1
x: list[int]
del a, b[0], c.d
assert a, "m"
f"{a!r:>{w}} b"
-x; ~x; not x; 1j; 0.5; True; None; u"x"; b"x"; a.b.c
[i for i in x if y]; {i for i in x}; {i: j for i, j in x}
{1: 2, **d}; {1, 2}; (1, 2); a[1:2:3]; a[..., 0]
(n := 5); x if y else z
f(*a, k=1, **b)
'''


@pytest.mark.parametrize(
    ("old", "part"),
    [
        pytest.param("".join(f"a{i % 7} = 1\n" for i in range(2_900)), "3", id="statements"),
        pytest.param("".join(f"v{i} = 1\n" for i in range(2_900)), "v", id="names"),
        pytest.param(
            "m = Sequential([" + ", ".join(f"Dense({i % 9})" for i in range(2_000)) + "])",
            "7",
            id="layers",
        ),
        pytest.param("".join(f"m{i}.add(Dense(1))\n" for i in range(1_000)), "m", id="models"),
        pytest.param("".join(f"def f{i}(): a\n" for i in range(1_400)), "f", id="functions"),
        pytest.param("f(" + "**a," * 3_000 + ")", "a", id="arguments"),
        pytest.param("x = '" + "ab" * 30_000 + "'", "a", id="a long text"),
        pytest.param("x = f'" + "{a}" * 4_000 + "'", "a", id="a long f-string"),
        pytest.param("x = " + "f(" * 40 + ")" * 40, "f", id="nested calls"),
    ],
)
def test_a_large_program_is_described(old: str, part: str) -> None:
    changed = old.replace(part, "8" if part.isdigit() else "w")

    phrases = describe_script(old, changed)

    assert phrases
    assert len("; ".join(phrases)) <= MAX_CHARS + 30


_LINES = st.sampled_from([line for script in SCRIPTS for line in script.split("\n")])
_LINE_EDITS = st.lists(
    st.tuples(st.sampled_from(["insert", "delete", "indent", "swap"]), st.integers(0), _LINES),
    min_size=1,
    max_size=5,
)


def _with_lines(script: str, edits: list[tuple[str, int, str]]) -> str:
    lines = script.split("\n")
    for act, number, line in edits:
        place = number % len(lines)
        if act == "insert":
            lines.insert(place, line)
        elif act == "delete":
            del lines[place : place + 1]
        elif act == "indent":
            lines[place] = "    " + lines[place]
        else:
            lines[place], lines[-place] = lines[-place], lines[place]
        lines = lines or [""]
    return "\n".join(lines)


def _check(old: str, new: str) -> None:
    phrases = describe_script(old, new)

    assert (phrases == ()) == (judge_script(old, new) is ScriptChange.SAME_PROGRAM)
    assert (describe_script(new, old) == ()) == (phrases == ())
    assert len("; ".join(phrases)) <= MAX_CHARS + 150
    assert all(len(phrase.splitlines()) == 1 for phrase in phrases)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text(), st.text())
def test_any_two_texts_can_be_described(old: str, new: str) -> None:
    _check(old, new)
    assert describe_script(old, old) == ()


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text("ab=(1, '\n\t{}[]:.*#\\f\r\x00\ud800\ufeff"), st.sampled_from(SCRIPTS))
def test_any_text_in_a_script_can_be_described(text: str, script: str) -> None:
    _check(script, text)
    _check(script, script.replace("EPOCHS", text, 2))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.sampled_from(SCRIPTS), _LINE_EDITS)
def test_every_change_of_the_tree_is_described(
    script: str, edits: list[tuple[str, int, str]]
) -> None:
    _check(script, _with_lines(script, edits))


_PLACES = [
    (number, field)
    for number, node in enumerate(ast.walk(ast.parse(EVERY_SYNTAX)))
    for field, value in ast.iter_fields(node)
    if isinstance(value, list | str | int | float | bytes)
]


def _other(value: object) -> object:
    match value:
        case list():
            return value[1:]
        case bool():
            return not value
        case str():
            return f"{value}q"
        case bytes():
            return value + b"q"
        case int() | float():
            return value + 1
        case _:
            return value


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.sampled_from(_PLACES))
def test_a_change_of_any_syntax_is_described(place: tuple[int, str]) -> None:
    tree = ast.parse(EVERY_SYNTAX)
    old, node = ast.unparse(tree), list(ast.walk(tree))[place[0]]
    setattr(node, place[1], _other(getattr(node, place[1])))

    _check(old, _written(tree))


def _written(tree: ast.Module) -> str:
    """Return a program as text, or another text where the tree is not valid."""
    try:
        return ast.unparse(tree)
    except (IndexError, ValueError, AttributeError):
        return "x"
