"""The command `completion`: a script that completes the command line in a shell."""

from __future__ import annotations

import argparse

import shtab

from auditor.cli.console import print_text
from auditor.cli.parser import build_parser

_FILES = frozenset({"FILE", "OLD", "NEW"})  # metavars of arguments that are files


def completion(args: argparse.Namespace) -> int:
    """Print the script for a shell."""
    parser = build_parser()
    _complete_files(parser)
    print_text(shtab.complete(parser, args.shell))
    return 0


def _complete_files(parser: argparse.ArgumentParser) -> None:
    """Mark the arguments of a parser and its commands that are files or folders, for shtab."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to its arguments
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - no public name either
            for command in action.choices.values():
                _complete_files(command)
        elif action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.metavar == "FOLDER" or action.dest == "folder":
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
