"""Where the database keeps names of people that Studio gave, and when they go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from auditor import app
from auditor.demo.context import make_metadata
from auditor.errors import DamagedDatabaseError
from auditor.retention import Retention
from auditor.store.packing import unpack
from auditor.store.store import SqlStore
from auditor.store.tables import metadata
from tests.audit.stage import PROJECT, TEAM, block, stage, target

BLOCK, OTHER = target(3), target(4)
NOON = datetime(2026, 11, 12, 14, 2, 51, tzinfo=UTC)
DAY = timedelta(days=1)
NAME = "Ada Lovelace"


def places_of_name(store: SqlStore) -> set[str]:
    """Return the columns of the database that name the person."""
    with store.database.reading() as connection:
        return {
            f"{table.name}.{column}"
            for table in metadata.tables.values()
            for row in connection.execute(select(table)).mappings()
            for column, value in row.items()
            if NAME in (unpacked(value) if isinstance(value, bytes) else str(value))
        }


def unpacked(blob: bytes) -> str:
    try:
        return unpack(blob).decode()
    except DamagedDatabaseError:  # settings are stored as they are
        return blob.decode("latin-1")


def prune_all(store: SqlStore) -> None:
    future = datetime.now(UTC) + timedelta(days=100)
    store.prune(Retention(keep=DAY, versions=1, monthly=False), now=future)


def test_names_of_people_are_kept_only_with_the_report(database_url: str, tmp_path: Path) -> None:
    with stage(
        database_url, tmp_path, {3: block(), 4: block(name="Other")}, recipients=TEAM
    ) as pump:
        pump.reconfigure("training = false", "training = true")
        pump.reconfigure("deployments = false", "deployments = true")
        pump.postbox.refuses["ml@example.org"] = "550 no such user"
        pump.night()
        pump.studio.edit(BLOCK, lambda answer: answer.update(trainingCycles=99))
        pump.studio.train(BLOCK, at=NOON, person=NAME)
        pump.studio.add_job(PROJECT, "keras-4", at=NOON, person=NAME)
        pump.studio.deploy(PROJECT, at=NOON, person=NAME)
        pump.studio.leave_behind(PROJECT)
        pump.night()
        with app.open_store(pump.settings) as store:
            kept = places_of_name(store)
            pump.studio.put_model(OTHER, make_metadata(NOON) | {"modelValidationMetrics": []})
            pump.studio.deploy(PROJECT, at=NOON + DAY)
            pump.night()
            prune_all(store)
            of_newest = places_of_name(store)
            pump.night()
            prune_all(store)
            left = places_of_name(store)

    in_report = {"run.report", "roster.document", "message.content", "message.summary"}
    in_training = {"training.person", "training.next_person"}
    assert kept == in_report | in_training | {"condition.headline"}
    assert of_newest == in_report | {"message.subject", "training.person"}
    assert left == {"roster.document"}  # of the newest report
