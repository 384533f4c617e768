"""What a database keeps for itself: its key, whose it is, who works on it, secrets, projects."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from auditor.drift.secrets import Secrets
from auditor.model import TargetId
from auditor.records import Configuration, RuleMatch, SignKind, SignOfLife
from auditor.store.tables import insert_into, secret_parameter, setting

_CONFIGURATION = "configuration"
_FINGERPRINT_KEY = "fingerprint_key"
_FOUND_PROJECTS = "found_projects"
_RULE_MATCHES = "rule_matches"
_KEY_BYTES = 32
# Read so often that to build them anew takes longer than to execute them.
_VALUE = select(setting.c.value).where(setting.c.key == bindparam("of"))
_SECRET_PARAMETERS = select(secret_parameter.c.name)
_SIGNS = {kind: f"seen_{kind}" for kind in SignKind}


def fingerprint_key(connection: Connection) -> bytes | None:
    """Return the key that secrets are compared under, None before it was made."""
    return _value(connection, _FINGERPRINT_KEY)


def make_fingerprint_key(connection: Connection) -> bytes:
    """Return the key that secrets are compared under; make it if no other process has."""
    row = {"key": _FINGERPRINT_KEY, "value": secrets.token_bytes(_KEY_BYTES)}
    connection.execute(insert_into(connection, setting).on_conflict_do_nothing(), row)
    query = select(setting.c.value).where(setting.c.key == _FINGERPRINT_KEY)
    value: bytes = connection.execute(query).scalar_one()
    return value


def found_projects(connection: Connection) -> frozenset[int]:
    """Return the projects that were last audited because Studio listed them."""
    return frozenset(json.loads(_value(connection, _FOUND_PROJECTS) or b"[]"))


def remember_found_projects(connection: Connection, projects: Iterable[int]) -> None:
    """Remember which projects are audited because Studio listed them."""
    found = frozenset(projects)
    if found == found_projects(connection):
        return  # a run over the same projects writes nothing
    _put(connection, _FOUND_PROJECTS, json.dumps(sorted(found)))


def configuration(connection: Connection) -> Configuration | None:
    """Return the configuration that last ran, None before the first."""
    value = _value(connection, _CONFIGURATION)
    return None if value is None else Configuration(**json.loads(value))


def remember_configuration(connection: Connection, configuration: Configuration) -> None:
    """Store the configuration, in place of any other."""
    _put(connection, _CONFIGURATION, json.dumps(asdict(configuration)))


def record_sign(connection: Connection, sign: SignOfLife) -> None:
    """Store a sign of life, in place of the last of its kind."""
    value = {"seen_at": sign.seen_at.isoformat(), "is_over": sign.is_over}
    _put(connection, _SIGNS[sign.kind], json.dumps(value))


def signs_of_life(connection: Connection) -> tuple[SignOfLife, ...]:
    """Return the last sign of life of each kind that ever left one."""
    query = select(setting.c.key, setting.c.value).where(setting.c.key.in_(_SIGNS.values()))
    values = {key: json.loads(value) for key, value in connection.execute(query)}
    return tuple(
        SignOfLife(
            kind=kind,
            seen_at=datetime.fromisoformat(values[key]["seen_at"]),
            is_over=values[key]["is_over"],
        )
        for kind, key in _SIGNS.items()
        if key in values
    )


def rule_matches(connection: Connection) -> dict[str, RuleMatch]:
    """Return what the configuration's rules matched when they were compared last, by key."""
    stored = json.loads(_value(connection, _RULE_MATCHES) or b"{}")
    return {
        key: RuleMatch(TargetId(*target) if target else None, newest, is_matched)
        for key, (target, newest, is_matched) in stored.items()
    }


def remember_rule_matches(connection: Connection, matches: Mapping[str, RuleMatch] | None) -> None:
    """Remember what the rules matched, in place of what was; None leaves it as it is."""
    if matches is None or dict(matches) == rule_matches(connection):
        return
    rows = {key: (match.target, match.newest, match.is_matched) for key, match in matches.items()}
    _put(connection, _RULE_MATCHES, json.dumps(rows))


def secrets_of(connection: Connection) -> Secrets:
    """Return what hides the secrets of this database; its key is empty before the first run."""
    key = fingerprint_key(connection) or b""
    return Secrets(key, _secret_parameters(connection))


def add_secret_parameters(connection: Connection, names: Iterable[str]) -> None:
    """Remember parameters as secret."""
    new = sorted(set(names) - _secret_parameters(connection))
    if new:
        connection.execute(insert(secret_parameter), [{"name": name} for name in new])


def _secret_parameters(connection: Connection) -> frozenset[str]:
    return frozenset(connection.execute(_SECRET_PARAMETERS).scalars())


def _put(connection: Connection, key: str, value: str) -> None:
    statement = insert_into(connection, setting)
    new = {"value": statement.excluded["value"]}
    kept = statement.on_conflict_do_update(index_elements=["key"], set_=new)
    connection.execute(kept, {"key": key, "value": value.encode()})


def _value(connection: Connection, key: str) -> bytes | None:
    value: bytes | None = connection.execute(_VALUE, {"of": key}).scalar_one_or_none()
    return value
