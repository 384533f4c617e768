"""The command `completion`: a script that completes the command line in a shell.

Made from the parser, so no option can be forgotten. A place is known by its words: `/db/upgrade`.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from auditor.cli.console import print_text
from auditor.cli.parser import build_parser


def completion(args: argparse.Namespace) -> int:
    """Print the script for a shell."""
    print_text(SHELLS[args.shell](tuple(places(build_parser()))))
    return 0


def bash(every: Sequence[Place]) -> str:
    """Return the script for bash 4 or newer."""
    values = "".join(
        f"        {shlex.quote(key)}) {_bash_values(option)} return ;;\n"
        for key, option in _valued(every)
    )
    words = "".join(
        f"        {shlex.quote(_key(one))}) words={shlex.quote(' '.join(_words(one)))}"
        f"{' files=1' if one.takes_files else ''} ;;\n"
        for one in every
    )
    return f"""\
# Completes auditor in bash: source it, or keep it as
# ~/.local/share/bash-completion/completions/auditor
_auditor() {{
    local at= words= files= i
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
    if [[ $current == = ]]; then current=
    elif [[ $previous == = ]]; then previous=${{COMP_WORDS[COMP_CWORD-2]}}
    fi
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$at/${{COMP_WORDS[i]}}" in
            {_paths(every)}) at+="/${{COMP_WORDS[i]}}" ;;
        esac
    done
    case "$at $previous" in
{values}    esac
    case "$at" in
{words}    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    if [[ $files && $current != -* ]]; then _auditor_files; fi
}}
_auditor_files() {{
    mapfile -t -O "${{#COMPREPLY[@]}}" COMPREPLY < <(compgen -f -- "$current")
    compopt -o filenames 2>/dev/null || true  # none to tell outside of a completion
}}
complete -F _auditor auditor
"""


def zsh(every: Sequence[Place]) -> str:
    """Return the script for zsh."""
    values = "".join(
        f"        ({shlex.quote(key)}) {_zsh_values(option)}; return ;;\n"
        for key, option in _valued(every)
    )
    words = "".join(f"        ({shlex.quote(_key(one))}) {_zsh_words(one)} ;;\n" for one in every)
    return f"""\
#compdef auditor
# Completes auditor in zsh: source it after compinit, or keep it as _auditor in a folder of $fpath.
_auditor() {{
    local at= i
    for ((i = 2; i < CURRENT; i++)); do
        case "$at/${{words[i]}}" in
            ({_paths(every)}) at+="/${{words[i]}}" ;;
        esac
    done
    case "$at ${{words[CURRENT-1]}}" in
{values}    esac
    case "$at" in
{words}    esac
}}
if [[ ${{funcstack[1]}} == _auditor ]]; then _auditor "$@"; else compdef _auditor auditor; fi
"""


def fish(every: Sequence[Place]) -> str:
    """Return the script for fish."""
    head = (
        "# Completes auditor in fish: keep it as ~/.config/fish/completions/auditor.fish\n"
        "complete -c auditor -f\n"
    )
    return head + "".join(line for one in every for line in _fish_lines(one, every))


SHELLS: dict[str, Callable[[Sequence[Place]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}


def _key(place: Place) -> str:
    return "".join(f"/{word}" for word in place.path)


def _paths(every: Sequence[Place]) -> str:
    """Return every place but the head as alternatives of a `case`."""
    return " | ".join(_key(one) for one in every if one.path)


def _words(place: Place) -> tuple[str, ...]:
    return (*place.commands, *place.choices, *(one.name for one in place.options))


def _valued(every: Sequence[Place]) -> Iterator[tuple[str, Option]]:
    """Yield each option that a word follows, with its place and name as the scripts look it up."""
    for place in every:
        for one in place.options:
            if one.takes_value:
                yield f"{_key(place)} {one.name}", one


def _bash_values(option: Option) -> str:
    if option.is_file:
        return "_auditor_files;"
    if not option.choices:
        return ""
    words = shlex.quote(" ".join(option.choices))
    return f'mapfile -t COMPREPLY < <(compgen -W {words} -- "$current");'


def _zsh_values(option: Option) -> str:
    if option.is_file:
        return "_files"
    return f"compadd -- {shlex.join(option.choices)}" if option.choices else "true"


def _zsh_words(place: Place) -> str:
    files = "; [[ ${words[CURRENT]} == -* ]] || _files" if place.takes_files else ""
    return f"compadd -- {shlex.join(_words(place))}{files}"


def _fish_lines(place: Place, every: Sequence[Place]) -> Iterator[str]:
    here = f"complete -c auditor -n {shlex.quote(_fish_condition(place))}"
    summaries = {one.path: one.summary for one in every}
    for name in place.commands:
        yield f"{here} -a {name} -d {shlex.quote(summaries[*place.path, name])}\n"
    if place.choices:
        yield f"{here} -a {shlex.quote(' '.join(place.choices))}\n"
    if place.takes_files:
        yield f"{here} -F\n"
    for option in place.options:
        kind = _fish_kind(option)
        yield f"{here} -l {option.name[2:]}{kind} -d {shlex.quote(option.summary)}\n"


def _fish_condition(place: Place) -> str:
    if not place.path:
        return "__fish_use_subcommand"
    seen = [f"__fish_seen_subcommand_from {word}" for word in place.path]
    if place.commands:
        seen.append(f"not __fish_seen_subcommand_from {' '.join(place.commands)}")
    return "; and ".join(seen)


def _fish_kind(option: Option) -> str:
    if option.is_file:
        return " -r -F"
    if option.choices:
        return f" -x -a {shlex.quote(' '.join(option.choices))}"
    return " -x" if option.takes_value else ""


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
