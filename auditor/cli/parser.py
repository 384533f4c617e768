"""The arguments of every command. A command is imported when it runs: `--help` stays fast."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from importlib import import_module
from typing import NoReturn

from auditor import __version__
from auditor.model import TargetState
from auditor.rendering.words import harmless

_Command = Callable[[argparse.Namespace], int]
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_STATES = tuple(map(str, TargetState))
_WHEN = "a date, run:ID, latest, previous or baseline"
_BASE_URL = "https://studio.edgeimpulse.com/v1"
_TARGET = "project id and block id, such as 12345/3"


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors show no control characters of the arguments."""

    def error(self, message: str) -> NoReturn:
        super().error(harmless(message))


@cache
def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line, built once a process."""
    top = _Parser(
        prog="auditor",
        description="Audits the blocks of Edge Impulse projects for configuration drift.",
        epilog="Exit codes: 0 nothing to report, 1 drift, 2 could not determine, "
        "78 damaged database.",
    )
    top.add_argument("--version", action="version", version=f"auditor {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for add in (
        _add_init,
        _add_audit,
        _add_overviews,
        _add_versions,
        _add_runs,
        _add_findings,
        _add_baselines,
        _add_checks,
        _add_login,
        _add_copies,
        _add_groups,
        _add_completion,
    ):
        add(commands)
    return top


_Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it


def _add_audit(commands: _Commands[_Parser]) -> None:
    run = _add_run(commands)
    daemon = _command(commands, "daemon", "run:daemon", "run as a service, by the schedule")
    worker = _command(commands, "worker", "run:worker", "do batches of the runs of other machines")
    for command in (run, daemon, worker):
        command.add_argument(
            "--log-format",
            choices=("text", "json"),
            help="format of the log on standard error (default: the configuration's)",
        )
    _add_demo(commands)


def _add_run(commands: _Commands[_Parser]) -> _Parser:
    run = _command(commands, "run", "run:run", "audit once, now")
    run.add_argument("--project", type=_number, metavar="P", help="audit only this project")
    run.add_argument("--block", metavar="P/L", help="audit only this block")
    _add_format(run, "text", "json")
    for option, what in (
        ("exit-code", "exit with 1 if there is drift"),
        ("no-send", "store what is found and send nothing: the next report that goes out has it"),
        ("dry-run", "store nothing and send nothing"),
        ("take-over", "use the database of another configuration that is no longer used"),
        (
            "by-timer",
            "a timer or cron starts this run, and will start the next one: reports say so",
        ),
    ):
        run.add_argument(f"--{option}", action="store_true", help=what)
    run.add_argument(
        "--deliver-for",
        type=_time_span,
        metavar="TIME",
        help="go on delivering after the run for at most this long, such as 6h or 90m, while the "
        "mail server does not accept a message",
    )
    return run


def _add_demo(commands: _Commands[_Parser]) -> None:
    demo = _command(
        commands,
        "demo",
        "run:demo",
        "try the auditor on this machine, without an account",
        has_config=False,
    )
    demo.add_argument(
        "--folder", default="demo-audit", help="folder for the demo's files (default: %(default)s)"
    )
    demo.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME",
        help="let Studio answer with this fault in the second run; may be repeated",
    )
    demo.add_argument(
        "--serve",
        action="store_true",
        help="let Studio run on afterwards, until Ctrl-C, to try other commands; Enter edits a "
        "block",
    )
    demo.add_argument("--list-faults", action="store_true", help="list the names of all faults")


def _add_overviews(commands: _Commands[_Parser]) -> None:
    """Add the commands that show how things are now."""
    status = _command(
        commands, "status", "status:status", "show the state of every target and of the service"
    )
    status.add_argument(
        "--project", type=_number, metavar="P", help="only targets of this project"
    )
    status.add_argument("--state", choices=_STATES, help="only targets in this state")
    _add_format(status, "text", "json")
    status.add_argument(
        "--exit-code",
        action="store_true",
        help="exit with 2 if the service has a problem, with 1 if a condition of high or critical "
        "severity is open, else with 0",
    )
    for name, hours, what in (
        ("unknown", 24, "a block may be unchecked"),
        ("overdue", 2, "a run may take to end after its scheduled time"),
    ):
        status.add_argument(
            f"--{name}-hours",
            type=_hours,
            default=hours,
            metavar="H",
            help=f"with --exit-code: how many hours {what} (default: %(default)s)",
        )
    _add_messages(commands)


def _add_messages(commands: _Commands[_Parser]) -> None:
    messages = _command(
        commands,
        "messages",
        "messages:messages",
        "list the messages that are not delivered, or settle some of them",
    )
    settle = messages.add_mutually_exclusive_group()
    for option, what in (
        ("drop", "give these up: they are queued or dead, and are never sent"),
        ("retry", "send these again: they are queued or dead, and count as untried"),
    ):
        settle.add_argument(
            f"--{option}",
            nargs="+",
            default=(),
            type=_message_id,
            metavar="ID",
            help=f"{what}; `dead` and `queued` stand for all of that state",
        )
    _add_format(messages, "text", "json")


def _add_versions(commands: _Commands[_Parser]) -> None:
    """Add the commands that show and compare versions of a block."""
    diff = _command(commands, "diff", "comparison:diff", "compare two getKeras answers")
    for side in ("old", "new"):
        diff.add_argument(
            side,
            metavar=side.upper(),
            help="a file, - for standard input, or a stored version PROJECT/BLOCK[@WHEN]; "
            f"WHEN is {_WHEN} (default: latest)",
        )
    _add_format(diff, "text", "json", "html")
    history = _command(
        commands, "history", "read:history", "list the versions of a block, newest first"
    )
    history.add_argument("target", metavar="PROJECT/BLOCK", help=_TARGET)
    _add_format(history, "text", "json")
    show = _command(commands, "show", "read:show", "print a stored version as JSON")
    show.add_argument(
        "version",
        metavar="PROJECT/BLOCK[@WHEN]",
        help=f"the version; WHEN is {_WHEN} (default: latest)",
    )


def _add_runs(commands: _Commands[_Parser]) -> None:
    """Add the commands that show runs and their reports."""
    runs = _command(commands, "runs", "read:runs", "list the runs, newest first")
    _add_format(runs, "text", "json")
    report = _command(commands, "report", "read:report", "print the report of a stored run")
    report.add_argument(
        "run", nargs="?", type=_number, metavar="RUN", help="id of the run (default: the last run)"
    )
    _add_format(report, "text", "json", "html")
    report.add_argument(
        "--send", action="store_true", help="send it to all recipients and channels again"
    )
    report.add_argument(
        "--rebuild", action="store_true", help="write all pages of the reports folder again"
    )
    report.add_argument(
        "--preview",
        metavar="FOLDER",
        help="write sample mails of every kind to this folder; no database is needed",
    )


def _add_findings(commands: _Commands[_Parser]) -> None:
    """Add the commands about a finding, and about what is not reported."""
    explain = _command(commands, "explain", "decide:explain", "show everything about a finding")
    _add_finding(explain)
    _add_format(explain, "text", "json")
    acknowledge = _command(
        commands, "acknowledge", "decide:acknowledge", "agree to exactly the value of a finding"
    )
    _add_finding(acknowledge)
    acknowledge.add_argument(
        "--until",
        metavar="DATE",
        help="last day on which the value is acknowledged, such as 2027-03-01",
    )
    _add_decision(acknowledge)
    unacknowledge = _command(
        commands, "unacknowledge", "decide:unacknowledge", "take back an acknowledgement"
    )
    _add_finding(unacknowledge)
    _add_decision(unacknowledge)
    suppressed = _command(
        commands,
        "suppressed",
        "decide:suppressed",
        "list the changes that are not reported, by rule",
    )
    _add_format(suppressed, "text", "json")


def _add_finding(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "finding", metavar="FINDING", help="id of the finding, as the report prints it"
    )


def _add_baselines(commands: _Commands[_Parser]) -> None:
    """Add the commands that decide about whole blocks."""
    approve = _command(
        commands, "approve", "decide:approve", "make a version of blocks their baseline"
    )
    approve.add_argument(
        "targets",
        metavar="PROJECT/BLOCK[@WHEN]",
        nargs="*",
        help=f"{_TARGET}; WHEN is {_WHEN} (default: latest)",
    )
    approve.add_argument(
        "--all-new", action="store_true", help="approve every block that has no baseline yet"
    )
    approve.add_argument(
        "--project", type=_number, metavar="P", help="approve every block of this project"
    )
    approve.add_argument(
        "--yes",
        action="store_true",
        help="approve also a lost training, a stale model or a broken rule, without a question",
    )
    _add_decision(approve)
    for name, summary in (
        ("unapprove", "drop the baseline of blocks"),
        ("forget", "forget blocks that are gone for good"),
    ):
        command = _command(commands, name, f"decide:{name}", summary)
        command.add_argument("targets", metavar="PROJECT/BLOCK", nargs="+", help=_TARGET)
        if name == "forget":
            command.add_argument(
                "--yes",
                action="store_true",
                help="forget also a block that the last run still read, without a question",
            )
        _add_decision(command)


def _add_decision(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--reason", required=True, metavar="TEXT", help="reason; it is stored and listed"
    )
    command.add_argument(
        "--by", metavar="NAME", help="who decides (default: the user of this shell)"
    )


def _add_init(commands: _Commands[_Parser]) -> None:
    init = _command(
        commands,
        "init",
        "init:init",
        "write a first configuration from what your keys can see",
        has_config=False,
    )
    init.add_argument(
        "--config", metavar="FILE", help="file to write (default: ./config.toml); none is replaced"
    )
    init.add_argument(
        "--api-key-env",
        action="append",
        default=[],
        metavar="NAME",
        help="environment variable with a project's API key, or with a user's token; may be "
        "repeated (default: keys are asked for at the terminal)",
    )
    init.add_argument(
        "--base-url",
        default=_BASE_URL,
        metavar="URL",
        help="address of Studio's API (default: %(default)s)",
    )
    for option, metavar, words in (
        ("--mail-to", "ADDRESS", "recipient of reports by mail; may be repeated"),
        ("--mail-from", "ADDRESS", "their sender (default: auditor@ the recipient's domain)"),
        ("--mail-server", "HOST[:PORT]", "mail server (default: localhost:25)"),
        ("--mail-user", "NAME", "login at the mail server, with the password in $SMTP_PASSWORD"),
        (
            "--channel-env",
            "NAME",
            "environment variable with the address of a chat or push service",
        ),
    ):
        action = "append" if option == "--mail-to" else "store"
        init.add_argument(option, action=action, metavar=metavar, help=words)
    init.add_argument(
        "--systemd",
        metavar="FOLDER",
        help="write the systemd units of the service to this folder, and nothing else",
    )


def _add_checks(commands: _Commands[_Parser]) -> None:
    """Add the commands that try and verify."""
    check = _command(
        commands,
        "check",
        "check:check",
        "try the configuration, the database, Studio, the mail server, every channel and the "
        "heartbeat",
    )
    check.add_argument(
        "--offline", action="store_true", help="check the file alone; no secret is read"
    )
    check.add_argument(
        "--send-test",
        action="store_true",
        help="also send a sample report to every recipient and channel",
    )
    verify = _command(commands, "verify", "upkeep:verify", "verify the hash chain of the history")
    verify.add_argument(
        "--head",
        metavar="HASH",
        help="also check that the history has this run hash, from the end of a mail",
    )


def _add_login(commands: _Commands[_Parser]) -> None:
    login = _command(
        commands, "login", "login:login", "log in to Studio by OAuth2 and store the tokens"
    )
    login.add_argument(
        "--project",
        type=_number,
        metavar="P",
        help="the project whose login is meant, if several are configured",
    )
    login.add_argument(
        "--port",
        type=_port,
        default=0,
        help="port on 127.0.0.1 to which the browser returns (default: a free port)",
    )
    login.add_argument(
        "--no-browser", action="store_true", help="print the address and open no browser"
    )


def _add_groups(commands: _Commands[_Parser]) -> None:
    """Add the commands that have a second word."""
    database = commands.add_parser(
        "db", help="manage the database schema", description="Manages the database schema."
    )
    actions = database.add_subparsers(metavar="ACTION", required=True)
    _command(actions, "upgrade", "upkeep:upgrade", "upgrade the database schema to this version")
    files = commands.add_parser(
        "config", help="describe the configuration", description="Describes the configuration."
    )
    actions = files.add_subparsers(metavar="ACTION", required=True)
    _command(
        actions,
        "schema",
        "schema:print_schema",
        "print the JSON Schema of the configuration, by which editors complete and check it",
        has_config=False,
    )


def _add_copies(commands: _Commands[_Parser]) -> None:
    prune = _command(commands, "prune", "upkeep:prune", "delete what [retention] no longer keeps")
    prune.add_argument("--dry-run", action="store_true", help="only print what would be deleted")
    backup = _command(
        commands, "backup", "upkeep:backup", "copy the whole database; runs may continue meanwhile"
    )
    backup.add_argument(
        "file", metavar="FILE", help="file to write: a database (SQLite) or an export (PostgreSQL)"
    )
    backup.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    export = _command(
        commands, "export", "upkeep:export", "write the whole history in a form for any database"
    )
    export.add_argument(
        "file",
        nargs="?",
        default="-",
        metavar="FILE",
        help="file to write, or - for standard output (default: -)",
    )
    export.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    load = _command(commands, "import", "upkeep:load", "read an export into a new, empty database")
    load.add_argument(
        "file", metavar="FILE", help="file that `auditor export` wrote, or - for standard input"
    )


def _add_completion(commands: _Commands[_Parser]) -> None:
    completion = _command(
        commands,
        "completion",
        "completion:completion",
        "print a script that completes auditor's command line in a shell",
        has_config=False,
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")


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
            help="configuration file (default: $AUDITOR_CONFIG, else ./config.toml, "
            "else /etc/auditor/config.toml)",
        )
    command.set_defaults(command=_late(function))
    return command


def _number(text: str) -> int:
    """Return an id that fits the database's 64-bit integers."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise argparse.ArgumentTypeError(f"{text!r} is not the id of a project, run or message")
    return int(text)


def _message_id(text: str) -> int | str:
    """Return the id of a message, or the word that stands for several."""
    return text if text in {"dead", "queued"} else _number(text)


def _hours(text: str) -> float:
    """Return a limit in hours, at most a year."""
    if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4})?", text) is None or float(text) > 8784:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of hours up to 8784")
    return float(text)


def _time_span(text: str) -> timedelta:
    """Return a time such as `6h`, `90m` or `45s`, at most a week."""
    match = re.fullmatch(r"([0-9]{1,6})([smh])", text)
    span = timedelta(seconds=int(match[1]) * _SECONDS[match[2]]) if match else timedelta.max
    if span > timedelta(days=7):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 6h, 90m or 45s")
    return span


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:6]) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port number")
    return int(text)


def _late(function: str) -> _Command:
    module, _, name = function.partition(":")

    def command(args: argparse.Namespace) -> int:
        return int(getattr(import_module(f"auditor.cli.{module}"), name)(args))

    return command


def _add_format(command: argparse.ArgumentParser, *formats: str) -> None:
    command.add_argument(
        "--format", choices=formats, default="text", help="output format (default: %(default)s)"
    )
