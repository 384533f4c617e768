"""What is wrong between keys, looked for in the document as written.

It has not been validated: these checks hold their tongue where a table has another shape, so that
they run beside the validation and every wrong key is told at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from auditor.config.problems import Step, problem
from auditor.config.values import in_utc, is_reckonable, known_zone
from auditor.drift.policy import INTERFACE
from auditor.errors import Problem
from auditor.schedule import DEFAULT_SCHEDULE

Table: TypeAlias = dict[str, Any]

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
    yield from _subscriptions(document)
    yield from _subjects(document)
    yield from _conditions(document)
    yield from _repeated_names(document, "ignore")
    yield from _reserved_names(document)
    yield from _repeated_names(document, "rules")
    yield from _backward_windows(document)
    yield from _repeated_names(document, "schedules")
    yield from _schedules(document)


def credential_tables(document: Table) -> Iterator[tuple[list[Step], Table]]:
    """Yield each table that may hold a credential, and where it stands."""
    yield ["studio"], _table(document, "studio")
    for index, project in _projects(document):
        yield ["projects", index], project


def _nothing_to_audit(document: Table) -> Iterator[Problem]:
    everything = "projects" in _table(document, "studio")
    if document.get("projects", []) == [] and not everything:
        yield problem(["projects"], "there is none to audit", "add [[projects]] with its id")


def _repeated_projects(document: Table) -> Iterator[Problem]:
    seen: dict[int, int] = {}
    for index, project in _projects(document):
        number = project.get("id")
        if not isinstance(number, int) or isinstance(number, bool):
            continue
        if number in seen:
            message = f"is the id of projects[{seen[number]}] too"
            yield problem(["projects", index, "id"], message, "name all learn blocks in one")
        seen.setdefault(number, index)


def _repeated_blocks(document: Table) -> Iterator[Problem]:
    for index, project in _projects(document):
        blocks = _list(project, "learn_blocks")
        for place, block in enumerate(blocks):
            if isinstance(block, int) and block in blocks[:place]:
                steps: list[Step] = ["projects", index, "learn_blocks", place]
                yield problem(steps, f"names learn block {block} again", "leave it out")


def _credentials(document: Table) -> Iterator[Problem]:
    shared = _has_credential(_table(document, "studio"))
    for steps, table in credential_tables(document):
        if "api_key" in table and "auth" in table:
            yield problem([*steps, "auth"], "stands beside api_key", "keep one of the two")
        if not shared and not _has_credential(table) and _needs_credential(steps, table):
            remedy = 'add api_key = { env = "NAME" }, here or under [studio]'
            yield problem([*steps, "api_key"], "is missing", remedy)


def _filters(document: Table) -> Iterator[Problem]:
    for steps, table in credential_tables(document):
        for key in _FILTERS:
            if table.get(key) == {}:
                remedy = "name types or names, or leave the key out"
                yield problem([*steps, key], "is empty, so it is for nothing", remedy)
            if key in table and isinstance(table.get("learn_blocks"), list):
                remedy = 'leave it out: named blocks are audited as named; or write "all"'
                yield problem([*steps, key], "stands beside learn_blocks that are named", remedy)


def _project_filters(studio: Table) -> Iterator[Problem]:
    for key in ("include_projects", "exclude_projects"):
        if key in studio and "projects" not in studio:
            remedy = 'add projects = "all", or leave it out: [[projects]] are audited as named'
            yield problem(["studio", key], "stands without projects", remedy)


def _has_credential(table: Table) -> bool:
    return "api_key" in table or "auth" in table


def _needs_credential(steps: list[Step], table: Table) -> bool:
    return steps != ["studio"] or "projects" in table


def _key_alone(studio: Table) -> Iterator[Problem]:
    if "client_key" in studio and "client_certificate" not in studio:
        remedy = "add client_certificate, or leave client_key out"
        yield problem(["studio", "client_certificate"], "is missing beside client_key", remedy)


def _half_a_login(email: Table) -> Iterator[Problem]:
    if "username" in email and "password" not in email:
        remedy = 'add password = { env = "NAME" }'
        yield problem(["email", "password"], "is missing beside username", remedy)
    if "password" in email and "username" not in email:
        yield problem(["email", "username"], "is missing beside password", "add username")


def _recipients(email: Table) -> Iterator[Problem]:
    recipients = _list(email, "recipients")
    if email.get("recipients") == []:
        remedy = "add an address, or leave out [email] where no mail is wanted"
        yield problem(["email", "recipients"], "is empty", remedy)
    lowered = [text.lower() if isinstance(text, str) else text for text in recipients]
    for place, text in enumerate(lowered):
        if isinstance(text, str) and text in lowered[:place]:
            yield problem(["email", "recipients", place], "stands there twice", "leave it out")


def _subjects(document: Table) -> Iterator[Problem]:
    for name in ("severity", "ignore"):
        for index, table in _tables(document, name):
            if "path" in table and "area" in table:
                yield problem([name, index, "area"], "stands beside path", "keep one of the two")
            if "path" not in table and "area" not in table:
                yield problem([name, index, "path"], "is missing", "add path = … or area = …")


def _conditions(document: Table) -> Iterator[Problem]:
    for index, rule in _tables(document, "rules"):
        steps: list[Step] = ["rules", index]
        given = [key for key in rule if key in _CONDITIONS]
        if not given:
            remedy = "add path with between, is or one_of; or stale_at_most_days"
            yield problem(steps, "asks for nothing", remedy)
        for key in given[1:]:
            remedy = "keep one of them; another is another [[rules]]"
            yield problem([*steps, key], f"stands beside {given[0]}", remedy)
        yield from _path_of_condition([*steps, "path"], given, written="path" in rule)


def _path_of_condition(steps: list[Step], given: list[str], *, written: bool) -> Iterator[Problem]:
    if written and given == ["stale_at_most_days"]:
        yield problem(steps, "stands beside stale_at_most_days", "leave it out: no value is meant")
    if not written and given and "stale_at_most_days" not in given:
        yield problem(steps, f"is missing beside {given[0]}", "add path = …")


def _schedules(document: Table) -> Iterator[Problem]:
    named = {one.get("id") for _, one in _projects(document)}
    finds_others = "projects" in _table(document, "studio")
    seen: dict[int, int] = {}
    for index, table in _tables(document, "schedules"):
        if _name(table) == DEFAULT_SCHEDULE:
            message = "is what reports and the database call [schedule]"
            yield problem(["schedules", index, "name"], message, "write another name")
        for place, project in enumerate(_list(table, "projects")):
            steps: list[Step] = ["schedules", index, "projects", place]
            if not isinstance(project, int) or isinstance(project, bool):
                continue
            if project in seen:
                message = f"is a project of schedules[{seen[project]}] too"
                yield problem(steps, message, "leave it in one of them")
            elif project not in named and not finds_others:
                yield problem(steps, f"project {project} is not audited", "add it to [[projects]]")
            seen.setdefault(project, index)


def _reserved_names(document: Table) -> Iterator[Problem]:
    for index, table in _tables(document, "ignore"):
        if _name(table) == INTERFACE:
            message = "is what reports call changes that Studio's pages remember"
            yield problem(["ignore", index, "name"], message, "write another name")


def _repeated_names(document: Table, name: str) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, table in _tables(document, name):
        called = _name(table)
        if called in seen:
            other = f"{name}[{seen[called]}]"
            lack = "" if "name" in table else f"is missing, and {called!r} "
            remedy = "give each a name of its own"
            yield problem([name, index, "name"], f"{lack}is the name of {other} too", remedy)
        if called:
            seen.setdefault(called, index)


def _name(table: Table) -> str:
    """Return what a rule is called; where it says nothing, as `Subject` writes itself."""
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
            remedy = "write a later time; one without an offset is in schedule.timezone"
            yield problem(["windows", index, "until"], "is not after from", remedy)


def _moment(window: Table, key: str, zone: ZoneInfo | None) -> datetime | None:
    moment = window.get(key)
    if zone is None or not isinstance(moment, datetime) or not is_reckonable(moment):
        return None
    return in_utc(moment, zone)


def _subscriptions(document: Table) -> Iterator[Problem]:
    everything = {
        one.lower()
        for one in _list(_table(document, "email"), "recipients")
        if isinstance(one, str)
    }
    for index, table in _tables(document, "subscriptions"):
        steps: list[Step] = ["subscriptions", index]
        if "email" not in document:
            yield problem(steps, "stands without [email]", "add [email] with its mail server")
        recipient = table.get("recipient")
        if isinstance(recipient, str) and recipient.lower() in everything:
            message = "stands among email.recipients, who get every report whole"
            yield problem([*steps, "recipient"], message, "leave one of the two out")


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
