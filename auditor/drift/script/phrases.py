"""What changed between two expressions of a script, in words.

A phrase names old and new, and is worded for the room it has: values are cut, and begin where
they differ.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum, auto
from itertools import takewhile
from typing import TypeAlias

from auditor.drift.script.trees import shape
from auditor.drift.sequences import find_hunks
from auditor.drift.wording import close_brackets
from auditor.redaction import shown

_ADAM_FAMILY = ("Adam", "AdamW", "Adamax", "Nadam")
OPTIMIZERS = (*_ADAM_FAMILY, "Adadelta", "Adafactor", "Adagrad", "Ftrl", "Lion", "RMSprop", "SGD")
WIDEST = 110  # characters of one value where there is room
_MAX_SHARED = 10  # characters kept of an equal beginning, before the first difference
_LONG_MEMBERS = 40  # characters from which on the members of a list are compared
_MAX_NESTING = 30  # of calls in the arguments of calls
_POSITIONAL_NAMES = {
    "compile": ("optimizer", "loss", "metrics"),
    "fit": ("x", "y", "batch_size", "epochs"),
    **dict.fromkeys(OPTIMIZERS, ("learning_rate",)),
}
_RATE_NAMES = ("learning_rate", "lr")
_WORD = re.compile(r"[\w.-]+")
_MODULES = re.compile(r"\b(?:tf|tensorflow|keras)\.(?:[a-z_]\w*\.)+(?=[A-Za-z_])")

Arguments: TypeAlias = dict[str, ast.expr]
Words: TypeAlias = Callable[[int], str]
"""A phrase, worded with values of at most so many characters."""


class EditRank(IntEnum):
    """The order in which edits are listed."""

    OPTIMIZER = auto()
    RATE = auto()
    SETTING = auto()
    LAYER = auto()
    LOSS = auto()
    FIT = auto()
    CALLBACK = auto()
    STATEMENT = auto()
    DEFINITION = auto()
    MOVED = auto()
    IMPORT = auto()
    RENAME = auto()


@dataclass(frozen=True, slots=True)
class ScriptEdit:
    """One change in words.

    Attributes:
        what: what happened to a whole statement, as for several that are named together.
        name: of the statement.
        place: the function or class that it is in.
        weight: how many changes of the program it covers.
    """

    rank: EditRank
    words: Words
    what: str = ""
    name: str = ""
    place: str = ""
    weight: int = 1


def expression_text(node: ast.AST) -> str:
    """Return an expression on one line, with secrets hidden."""
    try:
        written = ast.unparse(node)
    except (RecursionError, ValueError):  # an f-string or a number that cannot be written back
        return "…"
    return one_line(written)


def one_line(code: str) -> str:
    """Return code on one line, with secrets hidden."""
    line = "\\n".join(code.splitlines())
    return shown(line.encode("utf-8", "backslashreplace").decode())


def cut(value: str, longest: int = WIDEST) -> str:
    """Return a value with secrets hidden, cut at the end where it is too long; brackets closed.

    Modules before a name are left out first: `Adam` for `tf.keras.optimizers.Adam`.
    """
    hidden = shown(value)  # first: half a secret would not be recognized as one
    if len(hidden) > longest:
        hidden = _MODULES.sub("", hidden)
    if len(hidden) <= longest:
        return hidden
    head = hidden[: longest - 1]
    while len(head) + 1 + len(close_brackets(head)) > longest:
        head = head[:-1]
    return f"{head}…{close_brackets(head)}"


def call_name(call: ast.Call) -> str:
    """Return the last name of what is called: `Adam` of `tf.keras.optimizers.Adam(…)`."""
    match call.func:
        case ast.Attribute(ast.Name("re"), "compile"):
            return "re.compile"  # not the `compile` of a model
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return expression_text(call.func)


def named_arguments(call: ast.Call) -> Arguments:
    """Return the arguments of a call by name, or by place where they have no name.

    `**` is a name too; the second argument of a name is `NAME#2`.
    """
    names = _POSITIONAL_NAMES.get(call_name(call), ())
    values: Arguments = {}
    counts: Counter[str] = Counter()
    placed = [
        (names[place] if place < len(names) else str(place), value)
        for place, value in enumerate(call.args)
    ]
    keywords = [(keyword.arg or "**", keyword.value) for keyword in call.keywords]
    for name, value in (*placed, *keywords):
        counts[name] += 1
        values[f"{name}#{counts[name]}" if counts[name] > 1 else name] = value
    return values


def joined(values: Mapping[str, str]) -> str:
    """Return arguments as a call writes them, `20, activation='relu'`."""
    return ", ".join(_argument_text(name, value) for name, value in values.items())


def joined_arguments(values: Arguments) -> str:
    """Return all arguments as a call writes them."""
    return joined({name: expression_text(value) for name, value in values.items()})


def arrow_phrase(before: str, after: str, width: int) -> str:
    """Return `before → after`, both cut to show where they begin to differ.

    Of values that differ only in what is hidden it is said that they changed.
    """
    before, after = shown(before), shown(after)
    if before == after:
        return f"{cut(before, width)} changed"
    if max(len(before), len(after)) > width:
        short = [_MODULES.sub("", value) for value in (before, after)]
        if short[0] != short[1]:
            before, after = short
    return " → ".join(cut_pair(before, after, width))


def cut_pair(first: str, second: str, width: int) -> tuple[str, str]:
    """Return two texts with secrets hidden, cut to show where they begin to differ."""
    first, second = shown(first), shown(second)
    if max(len(first), len(second)) <= width or first == second:
        return cut(first, width), cut(second, width)
    pairs = zip(first, second, strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    start = shared - _MAX_SHARED if shared > width // 2 else 0
    lead = "…" if start else ""
    return cut(lead + first[start:], width), cut(lead + second[start:], width)


def plain_edit(rank: EditRank, before: str, value: str = "", after: str = "") -> ScriptEdit:
    """Return the edit `before value after`, of which the value is cut to the room there is."""
    return ScriptEdit(rank, lambda width: f"{before}{cut(value, width)}{after}")


def value_edit(rank: EditRank, label: str, old: str | None, new: str | None) -> ScriptEdit:
    """Return the edit of a value; None stands for a value that is missing."""
    return ScriptEdit(rank, lambda width: _value_phrase(cut(label, width), old, new, width))


def expression_edits(
    rank: EditRank, label: str, old: ast.expr, new: ast.expr, nesting: int = 0
) -> list[ScriptEdit]:
    """Return what changed in an expression, as near to the change as words can go.

    In a call its arguments, in a chain of calls its links, in `a or 30` the operand, in a long
    list or dictionary the members.
    """
    if shape(old) == shape(new):
        return []
    edits: list[ScriptEdit] = []
    if nesting < _MAX_NESTING:
        match old, new:
            case ast.BoolOp(), ast.BoolOp() if operands := _changed_operands(old, new):
                edits = expression_edits(rank, label, *operands, nesting + 1)
            case ast.Call(), ast.Call() if shape(old.func) == shape(new.func):
                edits = _call_edits(rank, old, new, nesting + 1)
            case ast.Call(), ast.Call():
                edits = _chain_edits(rank, label, old, new, nesting + 1)
            case (ast.List() | ast.Tuple() | ast.Set(), ast.List() | ast.Tuple() | ast.Set()):
                edits = _member_edits(rank, label, old, new)
            case ast.Dict(), ast.Dict():
                edits = _item_edits(rank, label, old, new, nesting + 1)
            case _:
                pass
    return edits or [_expression_edit(rank, label, old, new)]


def argument_edits(
    rank: EditRank, name: str, old: Arguments, new: Arguments, nesting: int = 0
) -> list[ScriptEdit]:
    """Return what changed in the arguments of a call of `name`."""
    edits: list[ScriptEdit] = []
    for argument in old | new:
        argument_rank = EditRank.RATE if argument in _RATE_NAMES else rank
        label = _argument_label(argument, name)
        match old.get(argument), new.get(argument):
            case ast.expr() as before, ast.expr() as after if label == "optimizer":
                edits.extend(optimizer_edits(before, after))
            case ast.expr() as before, ast.expr() as after:
                edits.extend(expression_edits(argument_rank, label, before, after, nesting))
            case before, after:
                texts = [
                    None if node is None else expression_text(node) for node in (before, after)
                ]
                edits.append(value_edit(argument_rank, label, *texts))
    return edits


def optimizer_edits(old: ast.expr, new: ast.expr) -> list[ScriptEdit]:
    """Return what changed in the optimizer: another one, or its arguments."""
    match old, new:
        case ast.Call(), ast.Call() if shape(old.func) != shape(new.func):
            before, after = _optimizer_words(old, new)
            return [value_edit(EditRank.OPTIMIZER, "optimizer", before, after)]
        case _:
            return expression_edits(EditRank.OPTIMIZER, "optimizer", old, new)


def _argument_text(name: str, value: str) -> str:
    if name.isdigit():
        return value
    return f"**{value}" if name.startswith("**") else f"{name}={value}"


def _value_phrase(label: str, before: str | None, after: str | None, width: int) -> str:
    if before is None or after is None:
        what, value = ("added", after) if before is None else ("removed", before)
        return f"{label} {what} ({cut(value, width)})" if value else f"{label} {what}"
    return f"{label} {arrow_phrase(before, after, width)}"


def _expression_edit(rank: EditRank, label: str, old: ast.expr, new: ast.expr) -> ScriptEdit:
    before, after = expression_text(old), expression_text(new)
    words = _spoken_text(old), _spoken_text(new)
    if rank in (EditRank.LOSS, EditRank.OPTIMIZER) and words[0] != words[1]:
        before, after = words
    return value_edit(rank, label, before, after)


def _spoken_text(node: ast.expr) -> str:
    """Return a value without the quotes of a single word: `mse` for `'mse'`."""
    match node:
        case ast.Constant(value=str() as value) if _WORD.fullmatch(value):
            return shown(value)
        case _:
            return expression_text(node)


def _changed_operands(old: ast.BoolOp, new: ast.BoolOp) -> tuple[ast.expr, ast.expr] | None:
    """Return the one operand in which `a or 30` and `a or 60` differ."""
    if type(old.op) is not type(new.op) or len(old.values) != len(new.values):
        return None
    pairs = zip(old.values, new.values, strict=True)
    changed = [(a, b) for a, b in pairs if shape(a) != shape(b)]
    return changed[0] if len(changed) == 1 else None


def _call_edits(rank: EditRank, old: ast.Call, new: ast.Call, nesting: int) -> list[ScriptEdit]:
    name = call_name(new)
    edits = argument_edits(rank, name, named_arguments(old), named_arguments(new), nesting)
    return edits or [plain_edit(rank, "arguments of ", name, " written differently")]


def _chain_edits(
    rank: EditRank, label: str, old: ast.Call, new: ast.Call, nesting: int
) -> list[ScriptEdit]:
    """Return which calls of a chain, `data.map(f).batch(32)`, came, went or changed."""
    (old_root, before), (new_root, after) = _chain_of(old), _chain_of(new)
    if shape(old_root) != shape(new_root) or not (before and after):
        return []
    edits: list[ScriptEdit] = []
    hunks = find_hunks([call_name(link) for link in before], [call_name(link) for link in after])
    changed_old: set[int] = set()
    changed_new: set[int] = set()
    for hunk in hunks:
        changed_old.update(range(hunk.old_start, hunk.old_end))
        changed_new.update(range(hunk.new_start, hunk.new_end))
    removed, added = (
        [_link_text(links[place]) for place in sorted(places)]
        for links, places in ((before, changed_old), (after, changed_new))
    )
    if len(removed) == len(before) or len(added) == len(after):
        return []
    for text in [text for text in removed if text in added]:
        removed.remove(text)
        added.remove(text)
        edits.append(plain_edit(rank, f"{label}: ", text, " at another place"))
    edits += [plain_edit(rank, f"{label}: ", text, " removed") for text in removed]
    edits += [plain_edit(rank, f"{label}: ", text, " added") for text in added]
    kept = zip(
        (link for place, link in enumerate(before) if place not in changed_old),
        (link for place, link in enumerate(after) if place not in changed_new),
        strict=True,
    )
    for first, second in kept:
        arguments = named_arguments(first), named_arguments(second)
        edits += argument_edits(rank, call_name(second), *arguments, nesting)
    return edits


def _chain_of(call: ast.expr) -> tuple[ast.expr, list[ast.Call]]:
    """Return what the first call of a chain is made on, and the calls in order."""
    links: list[ast.Call] = []
    while isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
        links.append(call)
        call = call.func.value
    return call, links[::-1]


def _link_text(link: ast.Call) -> str:
    return f"{call_name(link)}({joined_arguments(named_arguments(link))})"


def _member_edits(rank: EditRank, label: str, old: ast.expr, new: ast.expr) -> list[ScriptEdit]:
    """Return which members of a long list came, went or changed."""
    texts = [expression_text(node) for node in (old, new)]
    if type(old) is not type(new) or max(map(len, texts)) <= _LONG_MEMBERS:
        return []
    before, after = ([*map(expression_text, getattr(node, "elts", []))] for node in (old, new))
    edits = []
    for hunk in find_hunks(before, after):
        removed = ", ".join(before[hunk.old_start : hunk.old_end]) or None
        added = ", ".join(after[hunk.new_start : hunk.new_end]) or None
        edits.append(value_edit(rank, f"{label}:" if removed and added else label, removed, added))
    return edits


def _item_edits(
    rank: EditRank, label: str, old: ast.Dict, new: ast.Dict, nesting: int
) -> list[ScriptEdit]:
    """Return which items of a long dictionary came, went or changed."""
    if max(len(expression_text(node)) for node in (old, new)) <= _LONG_MEMBERS:
        return []
    before, after = dict(_items_of(old)), dict(_items_of(new))
    if len(before) != len(old.keys) or len(after) != len(new.keys):
        return []
    edits = []
    for key in before | after:
        match before.get(key), after.get(key):
            case ast.expr() as first, ast.expr() as second:
                edits += expression_edits(rank, f"{label}[{key}]", first, second, nesting)
            case values:
                texts = [None if node is None else expression_text(node) for node in values]
                edits.append(value_edit(rank, f"{label}[{key}]", *texts))
    return edits


def _items_of(node: ast.Dict) -> Iterator[tuple[str, ast.expr]]:
    for key, value in zip(node.keys, node.values, strict=True):
        yield expression_text(key) if key is not None else "**", value


def _argument_label(argument: str, name: str) -> str:
    if name == "compile" and argument in _POSITIONAL_NAMES["compile"]:
        return argument
    if argument in _RATE_NAMES:
        argument = "learning rate"
    elif argument.isdigit():
        argument = f"argument {int(argument) + 1}"
    return f"{argument} of {name}"


def _optimizer_words(before: ast.Call, after: ast.Call) -> tuple[str, str]:
    """Return both optimizers, each with the arguments that differ from the other's."""
    old, new = (
        {name: expression_text(value) for name, value in named_arguments(call).items()}
        for call in (before, after)
    )
    names = [call_name(before), call_name(after)]
    if names[0] == names[1]:
        names = [expression_text(before.func), expression_text(after.func)]
    return (
        names[0] + _differing_arguments(old, new),
        names[1] + _differing_arguments(new, old),
    )


def _differing_arguments(values: Mapping[str, str], others: Mapping[str, str]) -> str:
    differing = {name: value for name, value in values.items() if others.get(name) != value}
    return f"({joined(differing)})" if differing else ""
