"""The command line as a tree of what may stand where, read from its parser."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

_FILES = frozenset({"FILE", "FOLDER", "OLD", "NEW"})  # metavars of what lies on the disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option: its name with dashes, and what its value may be.

    Attributes:
        takes_value: a word follows it.
        choices: what that word may be, empty where that is not known.
    """

    name: str
    summary: str
    takes_value: bool
    choices: tuple[str, ...]
    is_file: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A command, or the head of the line: what may follow it.

    Attributes:
        path: the command's words, none at the head.
        choices: what its operands may be, empty where that is not known.
        takes_files: its operands may be files.
    """

    path: tuple[str, ...]
    summary: str
    commands: tuple[str, ...]
    options: tuple[Option, ...]
    choices: tuple[str, ...]
    takes_files: bool


def places(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[Place]:
    """Yield every place of the command line, the head first."""
    actions = parser._actions  # noqa: SLF001 - argparse has no public way to its arguments
    below = next((one for one in actions if isinstance(one, _Commands)), None)
    commands: dict[str, argparse.ArgumentParser] = dict(below.choices) if below else {}
    operands = [one for one in actions if not one.option_strings and one is not below]
    yield Place(
        path=path,
        summary=(parser.description or "").rstrip("."),
        commands=tuple(commands),
        options=tuple(_option(one) for one in actions if one.option_strings),
        choices=tuple(word for one in operands for word in _choices(one)),
        takes_files=any(_is_file(one) for one in operands),
    )
    for name, command in commands.items():
        yield from places(command, (*path, name))


_Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it


def _option(action: argparse.Action) -> Option:
    return Option(
        name=action.option_strings[-1],
        summary=(action.help or "").partition(";")[0].replace("(%(default)s)", "").strip(),
        takes_value=action.nargs != 0,
        choices=_choices(action),
        is_file=_is_file(action),
    )


def _choices(action: argparse.Action) -> tuple[str, ...]:
    return tuple(map(str, action.choices or ()))


def _is_file(action: argparse.Action) -> bool:
    name = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    return action.nargs != 0 and name in _FILES
