"""The law that no answer may break: refused with a StudioError, or good for the whole path.

The path is that of a night: canonical form, comparison with the sample it was made of, findings,
SQLite and back, the report as text, JSON and page. What is stored passes the check again.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from auditor.audit.plan import Plan, Project, RunRequest
from auditor.audit.run import Audit
from auditor.drift.block_kinds import KERAS
from auditor.drift.secrets import as_sent
from auditor.errors import StudioError
from auditor.fetching import Answer, BlockSource, FetchResult, ListedBlock, StoredBody
from auditor.model import BlockKindName, Failure, JsonObject, TargetId
from auditor.rendering.json import dump_json, encode_report
from auditor.report import Report
from auditor.store.schema import upgrade
from auditor.store.store import SqlStore, open_database
from auditor.studio.answers import read_answer
from tests.contextless import WithoutContext
from tests.fuzz.mutations import base, mutated
from tests.rendering.samples import renderer

_PROJECT = 1
_START = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Broken:
    """A mutation that breaks the law, by its number, and what was raised."""

    number: int
    error: BaseException


@dataclass
class Tried:
    """What came of many mutations."""

    refused: int = 0
    believed: int = 0
    broken: list[Broken] = field(default_factory=list)


def try_all(seed: int, numbers: Sequence[int], *, batch: int = 100) -> Iterator[Tried]:
    """Yield what came of each batch; where one broke the law, its members are tried alone."""
    with TemporaryDirectory() as folder:
        template = Path(folder) / "template.db"
        upgrade(f"sqlite:///{template}")
        for start in range(0, len(numbers), batch):
            yield _tried(seed, numbers[start : start + batch], template)


def _tried(seed: int, numbers: Sequence[int], template: Path) -> Tried:
    tried, believed = Tried(), {}
    for number in numbers:
        try:
            believed[number] = read_answer(mutated(seed, number), KERAS)
        except StudioError:
            tried.refused += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is sought
            tried.broken.append(Broken(number, error))
    tried.believed = len(believed)
    if believed and _what_breaks(believed, template):
        for number, document in believed.items():
            raised = _what_breaks({number: document}, template)
            if raised:
                tried.broken.append(Broken(number, raised))
    return tried


def _what_breaks(believed: Mapping[int, JsonObject], template: Path) -> BaseException | None:
    database = template.with_name("fuzz.db")
    shutil.copy(template, database)
    try:
        with open_database(f"sqlite:///{database}", upgrade=False) as store:
            _two_nights(believed, store)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is sought
        return error
    return None


def _two_nights(believed: Mapping[int, JsonObject], store: SqlStore) -> None:
    _night({number: base(number) for number in believed}, store, at=_START)
    report = _night(believed, store, at=_START + timedelta(days=1))
    _read_back(report, store)
    for number in believed:
        stored = store.target_versions(TargetId(_PROJECT, number))[0].snapshot
        sent = as_sent(stored)
        assert read_answer(json.dumps(sent).encode(), KERAS) == sent
    assert store.verify() is None


def _night(answers: Mapping[int, JsonObject], store: SqlStore, *, at: datetime) -> Report:
    with store.run_lock():
        project = Project(id=_PROJECT, name="Fuzz", learn_blocks=tuple(answers))
        audit = Audit(store, _Studio(answers), now=lambda: at)
        ended = asyncio.run(audit.run(RunRequest(plan=Plan(projects=(project,)))))
        assert ended.report.totals.checked == len(answers)
        store.close_run(ended.report, (), carried=ended.carried, conclusions=ended.conclusions)
    return ended.report


def _read_back(report: Report, store: SqlStore) -> None:
    stored = store.report(None)
    assert stored is not None
    assert json.loads(dump_json(encode_report(stored))) == json.loads(
        dump_json(encode_report(report))
    )
    renderer().text(stored)
    renderer().page(stored)


class _Studio(WithoutContext):
    """Hands out answers that were believed already; fulfils `auditor.protocols.Studio`."""

    def __init__(self, answers: Mapping[int, JsonObject]) -> None:
        self._answers = answers

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return

    async def fetch(
        self, target: TargetId, source: BlockSource, *, stored_body: StoredBody | None
    ) -> FetchResult:
        del source, stored_body
        document = self._answers[target.learn_id]
        return Answer(
            kind=BlockKindName.KERAS,
            document=document,
            body_digest=sha256(repr(document).encode()).hexdigest(),
        )

    async def fetch_again(self, target: TargetId, source: BlockSource) -> FetchResult:
        return await self.fetch(target, source, stored_body=None)

    async def wait_to_settle(self) -> None:
        return

    async def list_blocks(self, project_id: int) -> tuple[ListedBlock, ...] | Failure:
        del project_id
        return ()

    async def list_projects(self) -> Mapping[int, str] | Failure:
        return {}

    async def fetch_project_name(self, project_id: int) -> str:
        del project_id
        return ""
