"""A fleet of any size, with a Studio in this process: a run costs what the auditor costs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from auditor import app, config
from auditor.app.build import build_archive, build_delivery_plan
from auditor.audit.close import close_run
from auditor.audit.run import Audit
from auditor.config import Settings
from auditor.demo.studio_server import sample_blocks
from auditor.fetching import (
    Answer,
    BlockSource,
    FetchFailure,
    FetchResult,
    ListedBlock,
    StoredBody,
    UnchangedAnswer,
)
from auditor.model import BlockKindName, Failure, JsonObject, TargetId
from auditor.protocols import Store
from auditor.report import MOST_LISTED, Report
from tests.contextless import WithoutContext

BLOCKS_A_PROJECT = 100
_SAMPLE = sample_blocks()["keras"]
_SHORT = {**_SAMPLE, "script": "", "transferLearningModels": []}
_CONFIG = """
[database]
url = "{url}"
[reports]
directory = "{folder}/reports"
[email]
host = "127.0.0.1"
port = 1
sender = "auditor@example.org"
recipients = ["ops@example.org"]
{projects}
"""
_PROJECT = """
[[projects]]
id = {id}
name = "Project {id}"
api_key = {{ env = "EI_KEY" }}
learn_blocks = {blocks}
"""


@dataclass
class LargeStudio(WithoutContext):
    """Answers for `size` blocks; it fulfils `protocols.Studio`.

    Attributes:
        release: each one adds a field to every answer, and a line to every generated script.
        edits: how often each block was edited.
        is_down: every request is refused.
        is_short: answers have few lines of a script and no catalogue: they are quickly compared.
    """

    size: int
    release: int = 0
    is_down: bool = False
    is_short: bool = False
    blocks_a_project: int = BLOCKS_A_PROJECT
    edits: dict[TargetId, int] = field(default_factory=dict)

    def targets(self) -> list[TargetId]:
        """Return every block."""
        numbers = (divmod(number, self.blocks_a_project) for number in range(self.size))
        return [TargetId(1000 + project, 3 + place) for project, place in numbers]

    def edit(self, *targets: TargetId) -> None:
        """Change a setting of each of these blocks."""
        for target in targets:
            self.edits[target] = self.edits.get(target, 0) + 1

    async def fetch(
        self, target: TargetId, source: BlockSource, *, stored_body: StoredBody | None
    ) -> FetchResult:
        del source
        if self.is_down:
            failure = Failure(kind="http_503", message="maintenance", may_pass=True)
            return FetchFailure(failure=failure)
        edits = self.edits.get(target, 0)
        digest = hashlib.sha256(f"{target} {self.release} {edits}".encode()).hexdigest()
        if stored_body is not None and stored_body.digest == digest:
            return UnchangedAnswer()
        return Answer(
            kind=BlockKindName.KERAS, document=self._answer(target, edits), body_digest=digest
        )

    async def fetch_again(self, target: TargetId, source: BlockSource) -> FetchResult:
        return await self.fetch(target, source, stored_body=None)

    async def wait_to_settle(self) -> None:
        return

    async def list_blocks(self, project_id: int) -> tuple[ListedBlock, ...] | Failure:
        raise NotImplementedError

    async def list_projects(self) -> Mapping[int, str] | Failure:
        raise NotImplementedError

    async def fetch_project_name(self, project_id: int) -> str:
        raise NotImplementedError

    def _answer(self, target: TargetId, edits: int) -> JsonObject:
        sample = _SHORT if self.is_short else _SAMPLE
        template = "".join(f"vendor.release({n})\n" for n in range(1, self.release + 1))
        own = f"SEED = {target.project_id * 1000 + target.learn_id}\n"
        fields = {f"vendorRelease{n}": n for n in range(1, self.release + 1)}
        return {
            **sample,
            **fields,
            "name": f"Block {target}",
            "script": f"{own}{sample['script']}{template}",
            "trainingCycles": 30 + edits,
        }


@dataclass
class LargeFleet:
    """An installation with a large fleet, whose nights are a day apart."""

    studio: LargeStudio
    store: Store
    settings: Settings
    nights: int = 0
    most_listed: int = MOST_LISTED

    def audit(self) -> Report:
        """Run once over every block, close the run and queue its message."""
        request = replace(app.build_request(self.settings), most_listed=self.most_listed)
        studio: AbstractAsyncContextManager[LargeStudio] = nullcontext(self.studio)
        with self.store.run_lock():
            completed = app.run_async(Audit(self.store, studio, now=self.now).run(request))
            archive, plan = build_archive(self.settings), build_delivery_plan(self.settings)
            close_run(completed, self.store, archive=archive, plan=plan, now=self.now)
        self.nights += 1
        return completed.report

    def now(self) -> datetime:
        """Return the time of the next night."""
        return datetime(2026, 11, 1, 3, 15, tzinfo=UTC) + timedelta(days=self.nights)


def configure(url: str, folder: Path, studio: LargeStudio) -> Settings:
    """Return the settings of an installation that audits every block by name."""
    blocks: dict[int, list[int]] = {}
    for target in studio.targets():
        blocks.setdefault(target.project_id, []).append(target.learn_id)
    projects = (_PROJECT.format(id=number, blocks=ids) for number, ids in blocks.items())
    path = folder / "config.toml"
    path.write_text(_CONFIG.format(url=url, folder=folder, projects="".join(projects)))
    return config.load(path, environ={"EI_KEY": "ei_" + "5e" * 24})
