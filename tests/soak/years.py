"""Hundreds of nights by a simulated clock: edits, faults, crashes, a mail server that fails.

`make soak` runs 400 nights of 200 targets on both databases; the suite runs the same code on a
few. What is required: every edit is reported exactly once as new, and the store's size, the memory
and the open files stay flat.
"""

from __future__ import annotations

import asyncio
import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from auditor import app, config
from auditor.audit.close import close_run
from auditor.audit.plan import RunControl
from auditor.audit.results import CompletedRun
from auditor.audit.run import Audit
from auditor.config import Settings
from auditor.deliver import deliver
from auditor.demo.faults import Fault
from auditor.demo.studio_server import sample_blocks
from auditor.errors import AuditorError
from auditor.model import TargetId
from auditor.protocols import Store
from auditor.rendering.json import encode_report
from tests.audit.stage import KEY, Postbox, mail_server
from tests.simulated_studio import SimulatedStudio
from tests.soak.edits import random_edit
from tests.soak.ledger import EditLedger

START = datetime(2026, 1, 1, 3, 15, tzinfo=UTC)
_FAULTS = (Fault.HTTP_500, Fault.HTML, Fault.REFUSED, Fault.NOT_JSON, Fault.CLOSE)
_BLOCKS_A_PROJECT = 20
_CONFIG = """
[studio]
base_url = "{base_url}"
tries = 1
timeout_s = 5
api_key = {{ env = "EI_KEY" }}
[database]
url = "{url}"
[email]
host = "127.0.0.1"
port = {port}
sender = "auditor@example.org"
recipients = ["ops@example.org"]
"""


class Crash(BaseException):  # no Exception: nothing in the program may catch it
    """The process dies here: nothing after it is done."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What an installation takes after a night, in bytes and descriptors."""

    stored: int
    memory: int
    files: int


@dataclass
class Soak:
    """An installation whose nights pass at once."""

    settings: Settings
    studio: SimulatedStudio
    postbox: Postbox
    targets: list[TargetId]
    chance: random.Random
    books: EditLedger = field(default_factory=EditLedger)
    footprints: list[Footprint] = field(default_factory=list)
    crashes: int = 0
    _clock: datetime = START
    _taken: set[str] = field(default_factory=set)

    def now(self) -> datetime:
        """Return the simulated time; it moves a little with every call."""
        self._clock += timedelta(milliseconds=1)
        return self._clock

    def pass_nights(self, number: int) -> None:
        """Let nights pass, the first and the last two without any trouble."""
        for night in range(number):
            is_calm = night == 0 or night >= number - 2
            self._edit(0 if is_calm else self.chance.randint(0, 4))
            self._trouble(is_calm=is_calm)
            crash_at = None if is_calm or self.chance.random() > 0.1 else self._crash_point()
            self._night(crash_at)
            self._clock = START + timedelta(days=night + 1)

    def _crash_point(self) -> str:
        return self.chance.choice(("amid", "before close", "before delivery"))

    def _edit(self, number: int) -> None:
        for target in self.chance.sample(self.targets, number):
            answer: dict[str, Any] = self.studio.answer(target)
            edit = random_edit(answer, self.chance)
            before = value_at(answer, edit.path)
            self.studio.edit(target, edit.make)
            after = value_at(self.studio.answer(target), edit.path)
            self.books.edited(target, edit.path, before, after)

    def _trouble(self, *, is_calm: bool) -> None:
        self.studio.heal()
        self.postbox.refuses.clear()
        if is_calm:
            return
        for target in self.chance.sample(self.targets, self.chance.randint(0, 3)):
            self.studio.fail(self.chance.choice(_FAULTS), target=target)
        if self.chance.random() < 0.05:
            self.studio.fail(Fault.HTTP_500)
        if self.chance.random() < 0.15:
            self.postbox.refuses["ops@example.org"] = "451 try later"

    def _night(self, crash_at: str | None) -> None:
        with app.open_store(self.settings) as store:
            try:
                self._run(store, crash_at)
            except Crash:
                self.crashes += 1
            self._read_mail(store)
        self.footprints.append(self._footprint())

    def _run(self, store: Store, crash_at: str | None) -> None:
        asked = 0

        def stop_amid() -> bool:
            nonlocal asked
            asked += 1
            if crash_at == "amid" and asked > len(self.targets) // 2:
                raise Crash
            return False

        with store.run_lock():
            audit = Audit(
                store,
                app.build_client(self.settings),
                now=self.now,
                control=RunControl(stopping=stop_amid),
            )
            ended = asyncio.run(audit.run(app.build_request(self.settings)))
            self._crash_if(is_now=crash_at == "before close")
            self._close(store, ended)
            self._crash_if(is_now=crash_at == "before delivery")
            self._deliver(store)

    def _crash_if(self, *, is_now: bool) -> None:
        if is_now:
            raise Crash

    def _close(self, store: Store, ended: CompletedRun) -> None:
        mail, archive = app.build_mail_plan(self.settings), app.build_archive(self.settings)
        close_run(ended, store, archive=archive, mail=mail, now=self.now)

    def _deliver(self, store: Store) -> None:
        mailer = app.build_mailer(self.settings)
        if mailer is None:
            raise AuditorError("the soak's configuration has mail")
        deliver(store, mailer, now=self.now, only_due=False)

    def _read_mail(self, store: Store) -> None:
        """Read each new mail's report as its reader does: a mail that came twice is one mail."""
        for _, mail in self.postbox.taken:
            if mail["Message-ID"] in self._taken:
                continue
            self._taken.add(mail["Message-ID"])
            report = store.report(int(mail["X-EI-Drift-Run"]))
            if report is not None:
                self.books.read(encode_report(report))
        self.postbox.taken.clear()
        self.studio.requests.clear()  # the simulator's memory is not the auditor's

    def _footprint(self) -> Footprint:
        return Footprint(
            stored=stored_bytes(self.settings.database.url),
            memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            files=sum(1 for _ in Path("/proc/self/fd").iterdir()),
        )


@contextmanager
def soak(url: str, folder: Path, *, targets: int, seed: int) -> Iterator[Soak]:
    """Set an installation up with so many targets."""
    postbox, chance = Postbox(), random.Random(seed)  # noqa: S311 - chance, not secrecy
    with mail_server(postbox) as port, SimulatedStudio() as studio:
        blocks = _furnish(studio, targets)
        text = _CONFIG.format(base_url=studio.base_url, url=url, port=port)
        for project_id in sorted({block.project_id for block in blocks}):
            text += f"[[projects]]\nid = {project_id}\n"
        (folder / "config.toml").write_text(text)
        settings = config.load(folder / "config.toml", environ={"EI_KEY": KEY})
        yield Soak(settings, studio, postbox, blocks, chance)


def _furnish(studio: SimulatedStudio, number: int) -> list[TargetId]:
    blocks = []
    for place in range(number):
        target = TargetId(1 + place // _BLOCKS_A_PROJECT, 1 + place % _BLOCKS_A_PROJECT)
        if target.learn_id == 1:
            studio.add_project(target.project_id, name=f"P{target.project_id}", api_key=KEY)
        studio.put(target, {**sample_blocks()["keras"], "name": f"Block {place}"})
        blocks.append(target)
    return blocks


def value_at(answer: dict[str, Any], path: str) -> Any:  # noqa: ANN401 - any JSON
    """Return the value at one of the paths that `edits` makes."""
    if path.startswith("thresholds["):
        return answer["thresholds"][0]["value"]
    if path.startswith("visualLayers["):
        return answer["visualLayers"][int(path.split("[")[1].split("]", maxsplit=1)[0])]["neurons"]
    if path == "dependencies.classes":
        return answer["dependencies"]["classes"]
    return answer[path]


def stored_bytes(url: str) -> int:
    """Return the size of an SQLite database with its log; 0 for PostgreSQL, which sweeps late."""
    path = url.removeprefix("sqlite:///")
    if path == url:
        return 0
    files = [Path(path), Path(f"{path}-wal")]
    return sum(file.stat().st_size for file in files if file.exists())
