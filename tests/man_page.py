"""Writes the manual page from the argument parser: `python -m tests.man_page > docs/auditor.1`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from functools import partial

from argparse_manpage.manpage import Manpage

from auditor import __version__
from auditor.cli.parser import build_parser

_MACROS = "TH|SH|SS|TP|B|I|RS|RE|nf|fi|UR|UE"
_SECTIONS = {
    "EXIT STATUS": """\
.TP
.B 0
There is nothing to report.
.TP
.B 1
Drift: \\fBdiff\\fR, and \\fBrun --exit-code\\fR.
.TP
.B 2
Could not determine: wrong usage or configuration, a block that was not checked, a message
that was not delivered yet. 2 wins over 1.
.TP
.B 75
Of the service: a problem that may go away by itself.
.TP
.B 78
The database is damaged.
.TP
.B 130, 143
The run was stopped by Ctrl-C or SIGTERM.""",
    "ENVIRONMENT": """\
.TP
.B AUDITOR_CONFIG
The configuration file, where \\fB--config\\fR is not given.
.TP
.B NO_COLOR
Where it is set, answers have no colours.""",
    "FILES": """\
.TP
.I ./config.toml
The configuration, where neither \\fB--config\\fR nor \\fBAUDITOR_CONFIG\\fR names another.
.TP
.I /etc/auditor/config.toml
The configuration, where the present folder has none.""",
}


def build_page() -> str:
    """Return the page as roff, the same on each day and at each width of the terminal."""
    parser = build_parser()
    parser.epilog = None  # a section of its own says more
    for command in _commands(parser):
        command.description = None  # it repeats the line of help, which the page has
    for each in (parser, *_commands(parser)):
        # No line is wrapped here: `man` does that.
        each.formatter_class = partial(argparse.HelpFormatter, width=10_000)
    data = {
        "project_name": "auditor",
        "version": __version__,
        "manual_title": "User Commands",
        "description": "nightly configuration-drift audits of Edge Impulse projects",
    }
    page = Manpage(parser, data, format="single-commands-section")
    page.date = ""
    for heading, text in _SECTIONS.items():
        page.add_section(heading, "=", text.replace("-", r"\-"))
    # The library leaves a text that begins with a dot, and roff would take it for a macro.
    text = re.sub(rf"(?m)^(?=[.'](?!(?:{_MACROS})\b))", r"\\&", str(page))
    return text.replace("\nPOSITIONAL ARGUMENTS\n", "\nCOMMANDS\n")


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield command
                yield from _commands(command)


if __name__ == "__main__":
    sys.stdout.write(build_page())
