"""The arguments of every command. Commands are imported when they run: `--help` stays quick."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn

from auditor import __version__
from auditor.rendering.words import harmless

_Command = Callable[[argparse.Namespace], int]


class _Parser(argparse.ArgumentParser):
    """Shows what it was given without the control characters in it."""

    def error(self, message: str) -> NoReturn:
        super().error(harmless(message))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = _Parser(
        prog="auditor",
        description="Audits Edge Impulse learn blocks for configuration drift.",
        epilog="Exit codes: 0 nothing to tell, 1 drift, 2 could not tell, 78 damaged database.",
    )
    top.add_argument("--version", action="version", version=f"auditor {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    _add_audit(commands)
    _add_history(commands)
    _add_decisions(commands)
    _add_upkeep(commands)
    _add_completion(commands)
    return top


_Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it


def _add_audit(commands: _Commands[_Parser]) -> None:
    run = _command(commands, "run", "run:run", "audit now, once")
    run.add_argument("--project", type=_number, metavar="P", help="only this project")
    run.add_argument("--block", metavar="P/L", help="only this learn block")
    _add_format(run, "text", "json")
    run.add_argument("--exit-code", action="store_true", help="exit 1 where there is drift")
    run.add_argument("--dry-run", action="store_true", help="store and send nothing")
    daemon = _command(commands, "daemon", "run:daemon", "run by the schedule, as a service")
    for command in (run, daemon):
        command.add_argument(
            "--log-format",
            choices=("text", "json"),
            help="of the log on standard error; the configuration's if omitted",
        )
    demo = _command(
        commands,
        "demo",
        "run:demo",
        "see it work on this machine, without an account",
        has_config=False,
    )
    demo.add_argument("--folder", default="demo-audit", help="where to put it (%(default)s)")
    demo.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME",
        help="let Studio fail on the second night; may be repeated",
    )
    demo.add_argument("--list-faults", action="store_true", help="list what can be rehearsed")


def _add_history(commands: _Commands[_Parser]) -> None:
    diff = _command(commands, "diff", "read:diff", "compare two getKeras answers")
    for side in ("old", "new"):
        diff.add_argument(
            side, metavar=side.upper(), help="a file, -, or PROJECT/LEARN[@WHEN] as stored"
        )
    _add_format(diff, "text", "json", "html")
    status = _command(commands, "status", "read:status", "show every target and the service")
    _add_format(status, "text", "json")
    status.add_argument(
        "--exit-code", action="store_true", help="say first whether all is well; exit 2 if not"
    )
    for name, hours, what in (
        ("unknown", 24, "a block may not have been checked"),
        ("overdue", 2, "a run may be late, itself included"),
    ):
        status.add_argument(
            f"--{name}-hours",
            type=_hours,
            default=hours,
            metavar="H",
            help=f"how long {what} (%(default)s)",
        )
    history = _command(commands, "history", "read:history", "list the versions of a block")
    history.add_argument("target", metavar="PROJECT/LEARN")
    _add_format(history, "text", "json")
    show = _command(commands, "show", "read:show", "print a stored version as JSON")
    show.add_argument("version", metavar="PROJECT/LEARN[@WHEN]")
    report = _command(commands, "report", "read:report", "render a stored run again")
    report.add_argument(
        "run", nargs="?", type=_number, metavar="RUN", help="the last one if omitted"
    )
    _add_format(report, "text", "json", "html")
    report.add_argument("--send", action="store_true", help="mail it to the recipients again")
    report.add_argument(
        "--rebuild", action="store_true", help="write every page of the reports folder anew"
    )
    report.add_argument(
        "--preview",
        metavar="FOLDER",
        help="write the mail of every kind of night, made up, for a look; needs no database",
    )


def _add_decisions(commands: _Commands[_Parser]) -> None:
    explain = _command(commands, "explain", "decide:explain", "tell all about a finding")
    explain.add_argument("finding", metavar="FINDING", help="its id, as reports print it")
    _add_format(explain, "text", "json")
    approve = _command(
        commands, "approve", "decide:approve", "make the last version of blocks their baseline"
    )
    approve.add_argument("targets", metavar="PROJECT/LEARN", nargs="*")
    approve.add_argument(
        "--all-new", action="store_true", help="every block that has no baseline yet"
    )
    _add_decision(approve)
    acknowledge = _command(
        commands, "acknowledge", "decide:acknowledge", "accept exactly this value of a finding"
    )
    acknowledge.add_argument("finding", metavar="FINDING", help="its id, as reports print it")
    acknowledge.add_argument("--until", metavar="DATE", help="the last day on which it holds")
    _add_decision(acknowledge)
    suppressed = _command(
        commands, "suppressed", "decide:suppressed", "list what is not told, by rule"
    )
    _add_format(suppressed, "text", "json")


def _add_decision(command: argparse.ArgumentParser) -> None:
    command.add_argument("--reason", required=True, metavar="TEXT", help="why; kept and listed")
    command.add_argument("--by", metavar="NAME", help="who; the user of this shell if omitted")


def _add_upkeep(commands: _Commands[_Parser]) -> None:
    check = _command(
        commands, "check", "check:check", "check configuration, database, Studio and mail"
    )
    check.add_argument(
        "--send-test", action="store_true", help="mail a made-up report to every recipient, too"
    )
    login = _command(commands, "login", "login:login", "let the auditor into Studio by OAuth2")
    login.add_argument("--project", type=_number, metavar="P", help="with the login of P")
    login.add_argument(
        "--port", type=_port, default=0, help="where the browser comes back (any free one)"
    )
    login.add_argument("--no-browser", action="store_true", help="only print the address")
    verify = _command(commands, "verify", "upkeep:verify", "walk the hash chain of the history")
    verify.add_argument(
        "--head", metavar="HASH", help="and see that it holds the chain head of this mail"
    )
    _add_copies(commands)
    database = commands.add_parser("db", help="the database's schema", description="Schema.")
    actions = database.add_subparsers(metavar="ACTION", required=True)
    _command(actions, "upgrade", "upkeep:upgrade", "bring the schema to this version")


def _add_copies(commands: _Commands[_Parser]) -> None:
    prune = _command(commands, "prune", "upkeep:prune", "drop what [retention] no longer keeps")
    prune.add_argument("--dry-run", action="store_true", help="only say what would go")
    backup = _command(
        commands, "backup", "upkeep:backup", "copy the whole database, while runs go on"
    )
    backup.add_argument("file", metavar="FILE", help="SQLite: a database; PostgreSQL: an export")
    backup.add_argument("--overwrite", action="store_true", help="where FILE is there already")
    export = _command(
        commands, "export", "upkeep:export", "write the whole history, for any database"
    )
    export.add_argument("file", nargs="?", default="-", metavar="FILE", help="- if omitted")
    export.add_argument("--overwrite", action="store_true", help="where FILE is there already")
    load = _command(commands, "import", "upkeep:load", "take an export into a new, empty database")
    load.add_argument("file", metavar="FILE", help="what `auditor export` wrote, or -")


def _add_completion(commands: _Commands[_Parser]) -> None:
    completion = _command(
        commands,
        "completion",
        "completion:completion",
        "print a script that completes the command line in a shell",
        has_config=False,
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))


def _command(
    commands: _Commands[_Parser],
    name: str,
    function: str,
    summary: str,
    *,
    has_config: bool = True,
) -> _Parser:
    command = commands.add_parser(
        name, help=summary, description=f"{summary[:1].upper()}{summary[1:]}."
    )
    if has_config:
        command.add_argument(
            "--config",
            metavar="FILE",
            help="default: $AUDITOR_CONFIG, ./config.toml, /etc/auditor/config.toml",
        )
    command.set_defaults(command=_late(function))
    return command


def _number(text: str) -> int:
    """Return an id: what a 64-bit integer of a database holds."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of a project or run")
    return int(text)


def _hours(text: str) -> float:
    """Return hours of a limit, a year at most."""
    if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4})?", text) is None or float(text) > 8784:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of hours up to 8784")
    return float(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:6]) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def _late(function: str) -> _Command:
    module, _, name = function.partition(":")

    def command(args: argparse.Namespace) -> int:
        return int(getattr(import_module(f"auditor.cli.{module}"), name)(args))

    return command


def _add_format(command: argparse.ArgumentParser, *formats: str) -> None:
    command.add_argument(
        "--format", choices=formats, default="text", help="of the answer (%(default)s)"
    )
