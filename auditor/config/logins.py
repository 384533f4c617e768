"""What is wrong with where logins are kept, looked for in the document as written.

A login replaces its file, so a file that is something else must not be named as one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pydantic_core import PydanticCustomError

from auditor.config.checks import Table, credential_tables
from auditor.config.problems import Step, problem
from auditor.config.surroundings import Surroundings, located
from auditor.errors import Problem

_DEFAULT = "oauth-token.json"
_SQLITE = "sqlite:///"
_BESIDE_SQLITE = ("", "-wal", "-shm", "-journal")
_PEM_FILES = ("ca_file", "client_certificate", "client_key")
_REMEDY = f'name a file that is nothing else: token_file = "{_DEFAULT}"'


def login_problems(document: Table, around: Surroundings, config: Path) -> Iterator[Problem]:
    """Yield what is wrong with each `token_file`; `config` is the configuration's own path."""
    taken = _taken(document, around) | {
        Path(os.path.realpath(config)): "is the configuration itself"
    }
    reports = _place(_written(document, "reports", "directory", "reports"), around)
    clients: dict[Path, object] = {}
    for steps, auth in _logins(document):
        path = _place(auth.get("token_file", _DEFAULT), around)
        if path is None:
            continue
        if path in taken:
            yield problem(steps, taken[path], _REMEDY)
        elif reports is not None and path.is_relative_to(reports):
            yield problem(steps, "lies in the folder of reports, which people are shown", _REMEDY)
        elif clients.setdefault(path, auth.get("client_id")) != auth.get("client_id"):
            message = "is where the login of another client_id is kept too"
            yield problem(steps, message, "give each its own token_file")


def _logins(document: Table) -> Iterator[tuple[list[Step], Table]]:
    for steps, table in credential_tables(document):
        auth = table.get("auth")
        if isinstance(auth, dict) and auth.get("grant") == "authorization_code":
            yield [*steps, "auth", "token_file"], auth


def _taken(document: Table, around: Surroundings) -> dict[Path, str]:
    """Return what each file is that the configuration names for something else."""
    url = _written(document, "database", "url", f"{_SQLITE}auditor.db")
    if isinstance(url, str) and url.startswith(_SQLITE):
        database = [f"{url.removeprefix(_SQLITE)}{end}" for end in _BESIDE_SQLITE]
    else:
        database = []
    pem = [_written(document, "studio", key, None) for key in _PEM_FILES]
    named: list[tuple[str, list[object]]] = [
        ("is a file with a secret or a certificate", [*pem, *_secret_files(document)]),
        ("is the file of metrics", [_written(document, "metrics", "textfile", None)]),
        ("is the database", [*database]),
    ]
    placed = ((_place(name, around), what) for what, names in named for name in names)
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


def _place(name: object, around: Surroundings) -> Path | None:
    """Return the file or folder that is meant, links followed; None where it is no name."""
    if not isinstance(name, str):
        return None
    try:
        return Path(os.path.realpath(located(name, around)))
    except PydanticCustomError:  # the validation tells
        return None
