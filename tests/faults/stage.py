"""An installation whose Studio and mail server can stop a run, and the rules that it must keep."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from aiosmtpd.smtp import SMTP, Envelope, Session

from auditor import app
from auditor.demo.http_server import ReceivedRequest, ServerReply
from auditor.rendering.json import encode_report
from tests.audit.stage import (
    CONFIG,
    KEY,
    PROJECT,
    TEAM,
    Postbox,
    Stage,
    block,
    mail_server,
    target,
)
from tests.cli.command import environment
from tests.processes import Process, start
from tests.simulated_studio import SimulatedStudio

DEADLINE_S = 300  # what hangs fails; a very busy machine needed more than a minute
RECIPIENTS = ("ops@example.org", "ml@example.org")

Edit: TypeAlias = tuple[int, int, int]  # a block, its batch size before and after


class Gate:
    """Where a run comes by. Shut, it holds the run; with `meanwhile`, that happens once."""

    def __init__(self) -> None:
        self.reached, self._way = threading.Event(), threading.Event()
        self._way.set()
        self.meanwhile: Callable[[], object] | None = None

    @contextmanager
    def shut(self) -> Iterator[None]:
        """Hold whoever comes by until the end."""
        self.reached.clear()
        self._way.clear()
        try:
            yield
        finally:
            self.open()

    def open(self) -> None:
        """Let everybody by."""
        self._way.set()

    def pass_(self) -> None:
        """Come by."""
        act, self.meanwhile = self.meanwhile, None
        if act is not None:
            act()
        self.reached.set()
        self._way.wait(DEADLINE_S)


class GatedStudio(SimulatedStudio):
    """Asks of block 5 come by a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()

    def reply(
        self, request: ReceivedRequest, *, key: str, token: str, body: str
    ) -> ServerReply | None:
        """Answer once the gate is open."""
        if request.path.endswith("/keras/5"):
            self.gate.pass_()
        return super().reply(request, key=key, token=token, body=body)


class GatedPostbox(Postbox):
    """One gate is for recipients, another for messages that were taken.

    Attributes:
        drops: the connection is lost after each message, before the client knows that it is taken.
        refuses_html: it takes plain text alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.took = Gate(), Gate()
        self.drops = self.refuses_html = False

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's own name and signature
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        rcpt_options: list[str],
    ) -> str:
        await asyncio.to_thread(self.asked.pass_)
        return await super().handle_RCPT(server, session, envelope, address, rcpt_options)

    async def handle_DATA(  # noqa: N802 - aiosmtpd's own name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.refuses_html and b"text/html" in (envelope.original_content or b""):
            return "554 5.7.1 no HTML here"
        reply = await super().handle_DATA(server, session, envelope)
        await asyncio.to_thread(self.took.pass_)
        if self.drops:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            await asyncio.sleep(0)  # the connection ends at the next turn of the loop
        return reply


@dataclass(frozen=True, slots=True)
class Installation:
    """A stage with its gates, and what was edited on it."""

    stage: Stage
    studio: GatedStudio
    postbox: GatedPostbox
    edits: list[Edit]

    @property
    def database(self) -> Path:
        """The path of a SQLite database that is named relative to the folder."""
        return self.stage.folder / "auditor.db"

    def edit(self, learn_id: int) -> None:
        """Edit a block as nobody did before."""
        before = int(str(self.studio.answer(target(learn_id))["batchSize"]))
        after = 1000 + len(self.edits)
        self.studio.edit(target(learn_id), lambda answer: answer.update(batchSize=after))
        self.edits.append((learn_id, before, after))

    def reconfigure(self, old: str, new: str) -> None:
        """Change one value of the configuration."""
        text = (self.stage.folder / "config.toml").read_text()
        assert old in text
        self.stage.configure(text.replace(old, new))

    def hold_to_the_law(self) -> None:
        """Make a run without faults: it is right, and reported every edit once."""
        self.edit(4)
        report = self.stage.json_of_night()

        assert report["run"]["status"] == "complete"
        assert report["totals"]["checked"] == 3
        found, mails = set(self._found()), self._mails()
        assert sorted(edit for edit, _ in found) == sorted(self.edits)
        assert {len(mails.get((who, id_), ())) for _, id_ in found for who in RECIPIENTS} == {1}
        with app.open_store(self.stage.settings) as store:
            assert store.verify() is None

    def _found(self) -> list[tuple[Edit, str]]:
        """Return what the reports of ended runs say, with the ids of the findings."""
        return [
            ((block["learn_id"], found["before"], found["after"]), found["id"])
            for report in self._reports()
            for block in report["targets"]
            for found in block["findings"]
        ]

    def _reports(self) -> Iterator[Any]:
        with app.open_store(self.stage.settings) as store:
            last = store.last_run()
            for run_id in range(1, (last.id or 0 if last else 0) + 1):
                report = store.report(run_id)
                if report is not None:
                    yield encode_report(report)

    def _mails(self) -> dict[tuple[str, str], set[str]]:
        """Return the Message-IDs of the mails that reported each finding to each recipient."""
        reported: dict[tuple[str, str], set[str]] = {}
        for who, mail in self.postbox.taken:
            text = mail.get_body(("plain",))
            assert text is not None
            for id_ in re.findall(r"\bid\s+([0-9a-f]{16})\b", text.get_content()):
                reported.setdefault((who, id_), set()).add(mail["Message-ID"])
        return reported


@contextmanager
def installation(url: str, folder: Path) -> Iterator[Installation]:
    """Set up a project of three blocks after their first run."""
    postbox = GatedPostbox()
    with mail_server(postbox) as port, GatedStudio() as studio:
        studio.add_project(PROJECT, name="pump", api_key=KEY)
        for learn_id in (3, 4, 5):
            studio.put(target(learn_id), block(name=f"Block {learn_id}"))
        stage = Stage(studio, folder, postbox)
        # Else a request at a gate gives up after five seconds, and the run goes on without it.
        text = CONFIG.replace("timeout_s = 5", f"timeout_s = {DEADLINE_S}")
        stage.configure(
            text.format(base_url=studio.base_url, url=url, port=port, recipients=json.dumps(TEAM))
        )
        try:
            stage.night()
            yield Installation(stage, studio, postbox, [])
        finally:
            stage.close()


def running(folder: Path) -> Process:
    """Run the auditor of a folder as a process of its own, and end it."""
    around = environment(EI_KEY=KEY, AUDITOR_CONFIG="config.toml")
    return start("run", folder=folder, stderr=subprocess.PIPE, environment=around)


def wait_until(happened: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    end = time.monotonic() + DEADLINE_S
    while not happened():
        assert time.monotonic() < end, "what is waited for did not happen"
        time.sleep(0.005)  # what it does is only seen in its files
