"""What a database keeps for itself: its key, the names of secrets, and the projects found."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable

from sqlalchemy import Connection, insert, select

from auditor.drift.secrets import Secrets
from auditor.store.tables import insert_into, secret_parameter, setting

FINGERPRINT_KEY = "fingerprint_key"
FOUND_PROJECTS = "found_projects"


def read(connection: Connection, key: str) -> bytes | None:
    """Return a setting, None where it was never made."""
    query = select(setting.c.value).where(setting.c.key == key)
    value: bytes | None = connection.execute(query).scalar_one_or_none()
    return value


def make(connection: Connection, key: str, *, size_bytes: int) -> bytes:
    """Return a setting; where there is none yet, a random one that is kept from now on."""
    row = {"key": key, "value": secrets.token_bytes(size_bytes)}
    connection.execute(insert_into(connection, setting).on_conflict_do_nothing(), row)
    query = select(setting.c.value).where(setting.c.key == key)
    value: bytes = connection.execute(query).scalar_one()
    return value


def found_projects(connection: Connection) -> frozenset[int]:
    """Return the projects that were last audited because Studio listed them."""
    return frozenset(json.loads(read(connection, FOUND_PROJECTS) or b"[]"))


def remember_found_projects(connection: Connection, projects: Iterable[int]) -> None:
    """Remember which projects are audited because Studio listed them."""
    found = frozenset(projects)
    if found == found_projects(connection):
        return  # a night like the last writes nothing
    row = {"key": FOUND_PROJECTS, "value": json.dumps(sorted(found)).encode()}
    statement = insert_into(connection, setting)
    new = {"value": statement.excluded["value"]}
    connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=new), row)


def secret_parameters(connection: Connection) -> frozenset[str]:
    """Return every parameter known to be secret."""
    return frozenset(connection.execute(select(secret_parameter.c.name)).scalars())


def secrets_of(connection: Connection) -> Secrets:
    """Return what hides the secrets of this database; its key is empty until the first run."""
    return Secrets(read(connection, FINGERPRINT_KEY) or b"", secret_parameters(connection))


def add_secret_parameters(connection: Connection, names: Iterable[str]) -> None:
    """Remember parameters as secret."""
    new = sorted(set(names) - secret_parameters(connection))
    if new:
        connection.execute(insert(secret_parameter), [{"name": name} for name in new])
