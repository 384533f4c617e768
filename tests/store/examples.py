"""Values to store, short to write where only a part of them matters."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from sqlalchemy import create_engine, text

from auditor import outbox
from auditor.model import (
    Area,
    BlockKindName,
    Catalogue,
    Finding,
    Json,
    Kind,
    ModelState,
    Owner,
    RunInfo,
    RunStatus,
    Severity,
    Snapshot,
    TargetId,
    Trigger,
    VendorFinding,
)
from auditor.outbox import Message, MessageState
from auditor.records import Retirement, RunConclusions, UnreportedFinding
from auditor.report import Report, TargetReport, Totals
from auditor.results import NewVersion, TargetResult, Unchanged
from auditor.store.store import SqlStore

NIGHT = datetime(2026, 11, 23, 3, 15, 0, 123456, tzinfo=UTC)
PUMP = TargetId(1, 3)
FAN = TargetId(1, 7)
HOSTILE = 'a\x00b\ud800\\u0000\\ <img src=x onerror=1>\r\nBcc: a@b \u202egpj "\U0001f600"'


class Sql:
    """SQL on a store's database, as somebody who tampers with it would send."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, pool_size=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._engine.dispose()

    @property
    def is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    def read(self, query: str, **values: object) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(text(query), values).scalars())

    def write(self, *statements: str, **values: object) -> None:
        """Execute statements with foreign keys out of force."""
        off = "PRAGMA foreign_keys = OFF" if self.is_sqlite else _NO_KEYS
        with self._engine.connect() as connection:
            connection.execute(text(off))
            for statement in statements:
                connection.execute(text(statement), values)
            connection.commit()


_NO_KEYS = "SET session_replication_role = replica"


def night(number: int) -> datetime:
    return NIGHT + timedelta(days=number)


def digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


def catalogue(*models: str) -> Catalogue:
    document = json.dumps([{"type": model, "name": model.title()} for model in models]).encode()
    return Catalogue(document=document, digest=digest(models))


def snapshot(
    content: str = "first", *, name: str = "Motion", models: Catalogue | None = None
) -> Snapshot:
    script = "\n".join(f"model.add(Dense({n}, name='{content}-{n % 7}'))" for n in range(40))
    form = {"name": name, "type": "keras", "content": content, "script": script}
    return Snapshot(
        kind=BlockKindName.KERAS,
        document=json.dumps(form).encode(),
        digest=digest(content),
        catalogue=models or catalogue("fomo", "kws"),
        name=name,
        type="keras",
    )


def finding(path: str = "trainingCycles", before: Json = 30, after: Json = 60) -> Finding:
    return Finding(
        id=digest((path, before, after))[:16],
        area=Area.TRAINING,
        owner=Owner.INTENT,
        kind=Kind.CHANGED,
        path=path,
        before=before,
        after=after,
        severity=Severity.MEDIUM,
        headline=f"{path}: {before} -> {after}",
        rule="default:training",
        folded=("learningRate",),
    )


def vendor_finding(path: str = "transferLearningModels[fomo]") -> VendorFinding:
    return VendorFinding(
        id=digest(path)[:16],
        area=Area.CATALOGUE,
        kind=Kind.ADDED,
        path=path,
        before=None,
        after={"type": "fomo"},
        targets=3,
        severity=Severity.INFO,
        headline="the vendor added fomo",
    )


def first(target: TargetId = PUMP, content: str = "first") -> NewVersion:
    return NewVersion(
        kind=BlockKindName.KERAS,
        target=target,
        project="Pump",
        snapshot=snapshot(content),
        body_digest=digest(("body", content)),
        first=True,
        findings=(),
        headline="first seen",
        model_state=ModelState.TRAINED,
        trained_now=True,
        models=("keras",),
    )


def changed(target: TargetId = PUMP, content: str = "second", *found: Finding) -> NewVersion:
    return replace(
        first(target, content),
        first=False,
        findings=found or (finding(),),
        headline="training changed",
        model_state=ModelState.STALE,
        trained_now=False,
    )


def quiet(target: TargetId = PUMP, content: str = "first") -> Unchanged:
    return Unchanged(
        kind=BlockKindName.KERAS,
        target=target,
        project="Pump",
        body_digest=digest(("body", content)),
    )


def opened(store: SqlStore, number: int = 0) -> int:
    return store.open_run(Trigger.MANUAL, started_at=night(number))


def report(run_id: int, number: int = 0, *targets: TargetReport) -> Report:
    run = RunInfo(
        id=run_id,
        status=RunStatus.COMPLETE,
        trigger=Trigger.MANUAL,
        started_at=night(number),
        finished_at=night(number) + timedelta(seconds=9),
    )
    return Report(run=run, totals=Totals(targets=len(targets)), targets=targets)


def message(run_id: int, recipient: str = "ops@example.org") -> Message:
    return Message(
        id=0,
        run_id=run_id,
        recipient=recipient,
        message_id=f"<run-{run_id}.{recipient}>",
        subject="[EI drift] no change",
        content=b"Subject: no change\r\n\r\nNothing.\r\n",
        state=MessageState.QUEUED,
        attempts=0,
        due_at=NIGHT,
    )


def audited(
    store: SqlStore,
    number: int,
    *outcomes: TargetResult,
    messages: tuple[str, ...] = (),
    vendor: tuple[VendorFinding, ...] = (),
    carried: tuple[UnreportedFinding, ...] = (),
    retirement: Retirement | None = None,
) -> int:
    """Make a whole run of `outcomes`, with a message to each recipient; return its id."""
    run_id = opened(store, number)
    store.save(run_id, outcomes, at=night(number))
    conclusions = RunConclusions(retirement=retirement)
    outgoing = [message(run_id, recipient) for recipient in messages]
    closed = replace(report(run_id, number), catalogue=vendor, head_hash=store.head(run_id))
    store.close_run(closed, outgoing, carried=carried, conclusions=conclusions)
    return run_id


def delivered(store: SqlStore, recipient: str) -> None:
    store.record(outbox.mark_delivered(queued(store, recipient), now=night(5)))


def dead(store: SqlStore, recipient: str) -> None:
    failed = queued(store, recipient)
    store.record(outbox.mark_failed(failed, "550 no such user", permanent=True, now=night(5)))


def queued(store: SqlStore, recipient: str) -> Message:
    (found,) = (each for each in store.queued_messages(due_by=None) if each.recipient == recipient)
    return found
