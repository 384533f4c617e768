"""Checks of one key against another, on the document as written.

The document is not validated yet: a check says nothing about a table of the wrong shape. So the
checks and the validation run side by side, and every wrong key is named at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from pydantic_core import PydanticCustomError

from auditor.config.problems import Step, problem
from auditor.config.values import (
    LoadContext,
    absolute_path,
    in_utc,
    is_convertible,
    known_zone,
)
from auditor.drift.policy import INTERFACE
from auditor.errors import Problem
from auditor.schedule import DEFAULT_SCHEDULE

Table: TypeAlias = dict[str, Any]

_TOKEN_FILE = "oauth-token.json"  # noqa: S105 - a file name
_SQLITE = "sqlite:///"
_BESIDE_SQLITE = ("", "-wal", "-shm", "-journal")
_PEM_FILES = ("ca_file", "client_certificate", "client_key")
_OWN_FILE = f'name a file of its own: token_file = "{_TOKEN_FILE}"'
_FILTERS = ("include", "exclude")
_CONDITIONS = ("between", "is", "one_of", "stale_at_most_days")


def cross_problems(document: Table) -> Iterator[Problem]:
    """Yield what is wrong between the keys of the document."""
    yield from _nothing_to_audit(document)
    yield from _repeated_projects(document)
    yield from _repeated_blocks(document)
    yield from _credentials(document)
    yield from _filters(document)
    yield from _project_filters(_table(document, "studio"))
    yield from _key_alone(_table(document, "studio"))
    yield from _half_a_login(_table(document, "email"))
    yield from _recipients(_table(document, "email"))
    yield from _channels(document)
    yield from _repeated_names(document, "channels")
    yield from _subscriptions(document)
    yield from _subjects(document)
    yield from _conditions(document)
    yield from _repeated_names(document, "ignore")
    yield from _reserved_names(document)
    yield from _repeated_names(document, "rules")
    yield from _backward_windows(document)
    yield from _repeated_names(document, "schedules")
    yield from _schedules(document)


def login_problems(document: Table, context: LoadContext, config: Path) -> Iterator[Problem]:
    """Yield what is wrong with each `token_file`; `config` is the configuration's own path.

    A login replaces its file, so the file must not be one that the configuration uses otherwise.
    """
    taken = _taken(document, context) | {
        Path(os.path.realpath(config)): "is the configuration itself"
    }
    reports = _place(_written(document, "reports", "directory", "reports"), context)
    clients: dict[Path, object] = {}
    for steps, auth in _logins(document):
        path = _place(auth.get("token_file", _TOKEN_FILE), context)
        if path is None:
            continue
        if path in taken:
            yield problem(steps, taken[path], _OWN_FILE)
        elif reports is not None and path.is_relative_to(reports):
            yield problem(steps, "is in the folder of reports, which other people see", _OWN_FILE)
        elif clients.setdefault(path, auth.get("client_id")) != auth.get("client_id"):
            message = "is also the token_file of another client_id"
            yield problem(steps, message, "give each its own token_file")


def _credential_tables(document: Table) -> Iterator[tuple[list[Step], Table]]:
    """Yield each table that may have a credential, and the steps that lead to it."""
    yield ["studio"], _table(document, "studio")
    for index, project in _projects(document):
        yield ["projects", index], project


def _nothing_to_audit(document: Table) -> Iterator[Problem]:
    everything = "projects" in _table(document, "studio")
    if document.get("projects", []) == [] and not everything:
        yield problem(["projects"], "is missing, so nothing is audited", "add [[projects]]")


def _repeated_projects(document: Table) -> Iterator[Problem]:
    seen: dict[int, int] = {}
    for index, project in _projects(document):
        number = project.get("id")
        if not isinstance(number, int) or isinstance(number, bool):
            continue
        if number in seen:
            message = f"is also the id of projects[{seen[number]}]"
            yield problem(["projects", index, "id"], message, "join the two tables")
        seen.setdefault(number, index)


def _repeated_blocks(document: Table) -> Iterator[Problem]:
    for index, project in _projects(document):
        blocks = _list(project, "learn_blocks")
        for place, block in enumerate(blocks):
            if isinstance(block, int) and block in blocks[:place]:
                steps: list[Step] = ["projects", index, "learn_blocks", place]
                yield problem(steps, f"repeats learn block {block}", "remove it")


def _credentials(document: Table) -> Iterator[Problem]:
    shared = _has_credential(_table(document, "studio"))
    for steps, table in _credential_tables(document):
        if "api_key" in table and "auth" in table:
            yield problem(
                [*steps, "auth"], "cannot be combined with api_key", "keep one of the two"
            )
        needs_credential = steps != ["studio"] or "projects" in table
        if needs_credential and not shared and not _has_credential(table):
            remedy = 'add api_key = { env = "NAME" }, here or under [studio]'
            yield problem([*steps, "api_key"], "is missing", remedy)


def _filters(document: Table) -> Iterator[Problem]:
    for steps, table in _credential_tables(document):
        for key in _FILTERS:
            if table.get(key) == {}:
                remedy = "add types or names, or remove the key"
                yield problem([*steps, key], "is empty, so it applies to nothing", remedy)
            if key in table and isinstance(table.get("learn_blocks"), list):
                message = "cannot be combined with a list of learn_blocks"
                yield problem([*steps, key], message, 'remove it, or write learn_blocks = "all"')


def _project_filters(studio: Table) -> Iterator[Problem]:
    for key in ("include_projects", "exclude_projects"):
        if key in studio and "projects" not in studio:
            remedy = 'add projects = "all", or remove it: all of [[projects]] are audited'
            yield problem(["studio", key], "has no effect without projects", remedy)


def _has_credential(table: Table) -> bool:
    return "api_key" in table or "auth" in table


def _key_alone(studio: Table) -> Iterator[Problem]:
    if "client_key" in studio and "client_certificate" not in studio:
        remedy = "add client_certificate, or remove client_key"
        yield problem(["studio", "client_certificate"], "is required with client_key", remedy)


def _half_a_login(email: Table) -> Iterator[Problem]:
    if "username" in email and "password" not in email:
        remedy = 'add password = { env = "NAME" }'
        yield problem(["email", "password"], "is required with username", remedy)
    if "password" in email and "username" not in email:
        yield problem(["email", "username"], "is required with password", "add username")


def _recipients(email: Table) -> Iterator[Problem]:
    recipients = _list(email, "recipients")
    if email.get("recipients") == []:
        remedy = "add an address, or remove [email] if no mail is wanted"
        yield problem(["email", "recipients"], "is empty", remedy)
    lowered = [text.lower() if isinstance(text, str) else text for text in recipients]
    for place, text in enumerate(lowered):
        if isinstance(text, str) and text in lowered[:place]:
            yield problem(["email", "recipients", place], "repeats another recipient", "remove it")


def _subjects(document: Table) -> Iterator[Problem]:
    for name in ("severity", "ignore"):
        for index, table in _tables(document, name):
            if "path" in table and "area" in table:
                yield problem(
                    [name, index, "area"], "cannot be combined with path", "keep one of the two"
                )
            if "path" not in table and "area" not in table:
                yield problem([name, index, "path"], "is missing", "add path = … or area = …")


def _conditions(document: Table) -> Iterator[Problem]:
    for index, rule in _tables(document, "rules"):
        steps: list[Step] = ["rules", index]
        given = [key for key in rule if key in _CONDITIONS]
        if not given:
            remedy = "add path with between, is or one_of; or add stale_at_most_days"
            yield problem(steps, "has no condition", remedy)
        for key in given[1:]:
            message = f"cannot be combined with {given[0]}"
            yield problem([*steps, key], message, "move one of the two to its own [[rules]]")
        needs_path = "stale_at_most_days" not in given
        if "path" in rule and given == ["stale_at_most_days"]:
            message = "cannot be combined with stale_at_most_days"
            yield problem([*steps, "path"], message, "remove it: the rule is about the model")
        if "path" not in rule and given and needs_path:
            yield problem([*steps, "path"], f"is required with {given[0]}", "add path = …")


def _schedules(document: Table) -> Iterator[Problem]:
    named = {project.get("id") for _, project in _projects(document)}
    finds_others = "projects" in _table(document, "studio")
    seen: dict[int, int] = {}
    for index, table in _tables(document, "schedules"):
        if _name(table) == DEFAULT_SCHEDULE:
            message = "is reserved: reports and the database call [schedule] so"
            yield problem(["schedules", index, "name"], message, "choose another name")
        for place, project in enumerate(_list(table, "projects")):
            steps: list[Step] = ["schedules", index, "projects", place]
            if not isinstance(project, int) or isinstance(project, bool):
                continue
            if project in seen:
                message = f"is also a project of schedules[{seen[project]}]"
                yield problem(steps, message, "keep it in one of the two")
            elif project not in named and not finds_others:
                yield problem(steps, f"project {project} is not audited", "add it to [[projects]]")
            seen.setdefault(project, index)


def _reserved_names(document: Table) -> Iterator[Problem]:
    for index, table in _tables(document, "ignore"):
        if _name(table) == INTERFACE:
            message = "is reserved: reports call changes of Studio's own interface so"
            yield problem(["ignore", index, "name"], message, "choose another name")


def _repeated_names(document: Table, name: str) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, table in _tables(document, name):
        rule_name = _name(table)
        if rule_name in seen:
            lack = "" if "name" in table else f"is missing, and its default {rule_name!r} "
            message = f"{lack}is also the name of {name}[{seen[rule_name]}]"
            yield problem([name, index, "name"], message, "give each its own name")
        if rule_name:
            seen.setdefault(rule_name, index)


def _name(table: Table) -> str:
    """Return the name of a rule; without one it is what `Subject` writes."""
    key = next((key for key in ("name", "path", "area") if key in table), "")
    text = table.get(key)
    if not isinstance(text, str):
        return ""
    return f"area {text}" if key == "area" else text.strip()


def _backward_windows(document: Table) -> Iterator[Problem]:
    zone = known_zone(str(_table(document, "schedule").get("timezone", "UTC")))
    for index, window in _tables(document, "windows"):
        begin, end = (_moment(window, key, zone) for key in ("from", "until"))
        if begin and end and end <= begin:
            remedy = "write a later time; without an offset it is in schedule.timezone"
            yield problem(["windows", index, "until"], "is not after from", remedy)


def _moment(window: Table, key: str, zone: ZoneInfo | None) -> datetime | None:
    moment = window.get(key)
    if zone is None or not isinstance(moment, datetime) or not is_convertible(moment):
        return None
    return in_utc(moment, zone)


def _channels(document: Table) -> Iterator[Problem]:
    parts = {table.get("channel") for _, table in _tables(document, "subscriptions")}
    named = [_name(table) for _, table in _tables(document, "channels")]
    for index, table in _tables(document, "channels"):
        if "secret" in table and table.get("format") != "json":
            remedy = 'remove it, or write format = "json"'
            yield problem(["channels", index, "secret"], 'signs only format = "json"', remedy)
        if table.get("send") in ("drift", "weekly") and _name(table) in parts:
            message = "has no effect: a subscription names the channel, and its gets decides"
            yield problem(["channels", index, "send"], message, "remove it")
    if named and parts.issuperset(named) and "email" not in document:
        message = "are all named by subscriptions, so nobody gets the whole report"
        yield problem(["channels"], message, "add a channel that none names, or [email]")


def _reader_of_part(document: Table, table: Table, steps: list[Step]) -> Iterator[Problem]:
    """Yield what is wrong with who gets the part of a subscription."""
    if "recipient" in table and "channel" in table:
        yield problem([*steps, "channel"], "cannot be combined with recipient", "keep one")
    elif "channel" in table:
        names = {_name(other) for _, other in _tables(document, "channels")}
        channel = table["channel"]
        if isinstance(channel, str) and channel.strip() not in names:
            remedy = "write the name of one of [[channels]]"
            yield problem([*steps, "channel"], "is the name of no channel", remedy)
    elif "recipient" not in table:
        yield problem([*steps, "recipient"], "is missing", "add recipient or channel")
    if "channel" not in table and "email" not in document:
        yield problem(steps, "requires [email]", "add [email] with its mail server")


def _subscriptions(document: Table) -> Iterator[Problem]:
    whole = {
        address.lower()
        for address in _list(_table(document, "email"), "recipients")
        if isinstance(address, str)
    }
    for index, table in _tables(document, "subscriptions"):
        steps: list[Step] = ["subscriptions", index]
        yield from _reader_of_part(document, table, steps)
        recipient = table.get("recipient")
        if isinstance(recipient, str) and recipient.lower() in whole:
            message = "is also in email.recipients, who get the whole report"
            yield problem([*steps, "recipient"], message, "remove it from one of the two")


def _projects(document: Table) -> Iterator[tuple[int, Table]]:
    return _tables(document, "projects")


def _tables(document: Table, name: str) -> Iterator[tuple[int, Table]]:
    for index, table in enumerate(_list(document, name)):
        if isinstance(table, dict):
            yield index, table


def _table(table: Table, key: str) -> Table:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _list(table: Table, key: str) -> list[Any]:
    value = table.get(key)
    return value if isinstance(value, list) else []


def _logins(document: Table) -> Iterator[tuple[list[Step], Table]]:
    for steps, table in _credential_tables(document):
        auth = table.get("auth")
        if isinstance(auth, dict) and auth.get("grant") == "authorization_code":
            yield [*steps, "auth", "token_file"], auth


def _taken(document: Table, context: LoadContext) -> dict[Path, str]:
    """Return what each file is that the configuration uses for something else."""
    url = _written(document, "database", "url", f"{_SQLITE}auditor.db")
    if isinstance(url, str) and url.startswith(_SQLITE):
        database = [f"{url.removeprefix(_SQLITE)}{end}" for end in _BESIDE_SQLITE]
    else:
        database = []
    pem = [_written(document, "studio", key, None) for key in _PEM_FILES]
    pem.append(_written(document, "email", "ca_file", None))
    named: list[tuple[str, list[object]]] = [
        ("is a file with a secret or a certificate", [*pem, *_secret_files(document)]),
        ("is the metrics file", [_written(document, "metrics", "textfile", None)]),
        ("is the database", [*database]),
    ]
    placed = ((_place(name, context), what) for what, names in named for name in names)
    return {path: what for path, what in placed if path is not None}


def _secret_files(node: object) -> Iterator[object]:
    """Yield the names in every `{ file = "…" }`."""
    if isinstance(node, dict):
        if set(node) == {"file"}:
            yield node["file"]
        for member in node.values():
            yield from _secret_files(member)
    elif isinstance(node, list):
        for member in node:
            yield from _secret_files(member)


def _written(document: Table, table: str, key: str, default: str | None) -> object:
    found = document.get(table, {})
    return found.get(key, default) if isinstance(found, dict) else None


def _place(name: object, context: LoadContext) -> Path | None:
    """Return the file or folder with links resolved, None for what is not a path."""
    if not isinstance(name, str):
        return None
    try:
        return Path(os.path.realpath(absolute_path(name, context)))
    except PydanticCustomError:  # the validation reports it
        return None
