"""Episodes of broken rules, and the ignore rules ever in force, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from auditor.drift.state_rules import RuleViolation
from auditor.model import TargetId
from auditor.records import RuleBreach
from auditor.store.tables import episode, ignore_rule, insert_into


def under_way(connection: Connection) -> tuple[RuleBreach, ...]:
    """Return the episodes that go on, oldest first."""
    query = select(episode).where(episode.c.ended_at.is_(None)).order_by(episode.c.id)
    return tuple(
        RuleBreach(
            target=TargetId(row["project_id"], row["learn_id"]),
            rule=row["rule"],
            path=row["path"],
            began_at=row["began_at"],
        )
        for row in connection.execute(query).mappings()
    )


def begin(connection: Connection, began: Sequence[RuleViolation], *, at: datetime) -> None:
    """Start an episode for each rule that broke."""
    rows = [
        {
            "project_id": one.target.project_id,
            "learn_id": one.target.learn_id,
            "rule": one.rule,
            "path": one.path,
            "began_at": at,
        }
        for one in began
    ]
    if rows:
        connection.execute(insert(episode), rows)


def end(connection: Connection, ended: Sequence[RuleBreach], *, at: datetime) -> None:
    """End episodes."""
    for one in ended:
        here = (
            episode.c.project_id == one.target.project_id,
            episode.c.learn_id == one.target.learn_id,
            episode.c.rule == one.rule,
            episode.c.path == one.path,
            episode.c.ended_at.is_(None),
        )
        connection.execute(update(episode).where(*here).values(ended_at=at))


def ignore_rules(connection: Connection) -> dict[str, bool]:
    """Return the keys of the ignore rules ever in force, and whether their end was told."""
    rows = connection.execute(select(ignore_rule.c.key, ignore_rule.c.announced_at))
    return {row.key: row.announced_at is not None for row in rows}


def remember_ignore_rules(connection: Connection, keys: Iterable[str], *, at: datetime) -> None:
    """Remember ignore rules as having been in force."""
    rows = [{"key": key, "first_seen_at": at} for key in keys]
    if rows:
        connection.execute(insert_into(connection, ignore_rule).on_conflict_do_nothing(), rows)


def announce(connection: Connection, keys: Sequence[str], *, at: datetime) -> None:
    """Remember that the end of ignore rules was announced."""
    these = ignore_rule.c.key.in_(keys)
    connection.execute(update(ignore_rule).where(these).values(announced_at=at))
