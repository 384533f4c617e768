"""What is wrong between keys, looked for in the document as written.

It has not been validated: these checks hold their tongue where a table has another shape, so that
they run beside the validation and every wrong key is told at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from auditor.config.problems import Step, problem
from auditor.errors import Problem

Table: TypeAlias = dict[str, Any]


def cross_problems(document: Table) -> Iterator[Problem]:
    """Yield what is wrong between the keys of the document."""
    yield from _nothing_to_audit(document)
    yield from _repeated_projects(document)
    yield from _repeated_blocks(document)
    yield from _credentials(document)
    yield from _half_a_login(_table(document, "email"))
    yield from _recipients(_table(document, "email"))
    yield from _not_yet(document)


def _not_yet(document: Table) -> Iterator[Problem]:
    """Yield what the configuration may say and this version cannot do."""
    message = "is not supported by this version yet"
    for steps, table in _credential_tables(document):
        if _table(table, "auth").get("type") == "oauth2":
            yield problem([*steps, "auth"], message, 'use api_key, or auth with type = "jwt"')
    if _table(document, "studio").get("projects") == "all":
        yield problem(["studio", "projects"], message, "name each project under [[projects]]")


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
    for steps, table in _credential_tables(document):
        if "api_key" in table and "auth" in table:
            yield problem([*steps, "auth"], "stands beside api_key", "keep one of the two")
        if not shared and not _has_credential(table) and _needs_credential(steps, table):
            remedy = 'add api_key = { env = "NAME" }, here or under [studio]'
            yield problem([*steps, "api_key"], "is missing", remedy)


def _has_credential(table: Table) -> bool:
    return "api_key" in table or "auth" in table


def _needs_credential(steps: list[Step], table: Table) -> bool:
    return steps != ["studio"] or "projects" in table


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


def _credential_tables(document: Table) -> Iterator[tuple[list[Step], Table]]:
    yield ["studio"], _table(document, "studio")
    for index, project in _projects(document):
        yield ["projects", index], project


def _projects(document: Table) -> Iterator[tuple[int, Table]]:
    for index, project in enumerate(_list(document, "projects")):
        if isinstance(project, dict):
            yield index, project


def _table(table: Table, key: str) -> Table:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _list(table: Table, key: str) -> list[Any]:
    value = table.get(key)
    return value if isinstance(value, list) else []
