"""A whole installation on loopback: a Studio, a mail server, a configuration, a database."""

from __future__ import annotations

import email
import email.policy
import json
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from auditor import app, config
from auditor.app import DeliveredRun
from auditor.audit.close import close_run
from auditor.audit.plan import Scope
from auditor.audit.run import Audit
from auditor.config import Settings
from auditor.demo.studio_server import sample_blocks
from auditor.model import JsonObject, TargetId
from auditor.rendering.json import encode_report
from auditor.report import Report
from auditor.store.store import SqlStore
from tests.simulated_studio import SimulatedStudio

KEY = "ei_" + "5e" * 24
TOKEN = "eyJ0.c2Vl.YWxs"  # of a user who sees every project
PROJECT = 7
TEAM = ("ops@example.org", "ml@example.org")


class Postbox:
    """A mail server's handler: keeps what it takes; `refuses` maps recipients to replies."""

    def __init__(self) -> None:
        self.refuses: dict[str, str] = {}
        self._read: list[tuple[str, EmailMessage]] = []
        self._unread: deque[tuple[str, bytes]] = deque()

    @property
    def taken(self) -> list[tuple[str, EmailMessage]]:
        """Recipients and mails; a mail is read once somebody looks, which takes its time."""
        while self._unread:
            recipient, content = self._unread.popleft()
            mail = email.message_from_bytes(content, policy=email.policy.default)
            self._read.append((recipient, mail))
        return self._read

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's own name and signature
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        rcpt_options: list[str],
    ) -> str:
        del server, session, rcpt_options
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's own name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        del server, session
        self._unread.append((envelope.rcpt_tos[0], bytes(envelope.original_content or b"")))
        return "250 OK"


class _NoPages:
    """An archive that takes every report, so that it counts as reported, and writes none."""

    def write(self, report: Report) -> str:
        return f"run {report.run.id}"


@dataclass
class Stage:
    """An installation; `night` audits it once, by hand, with all that follows a run.

    Most tests look at reports alone: `audit` stores the same run without mails and pages, in half
    the time.
    """

    studio: SimulatedStudio
    folder: Path
    postbox: Postbox
    settings: Settings = field(init=False)
    _kept: ExitStack = field(default_factory=ExitStack)
    _stores: dict[tuple[str, int], SqlStore] = field(default_factory=dict)

    @contextmanager
    def open_store(self) -> Iterator[SqlStore]:
        """Lend the store, which is opened once for all nights: most of a night is to open it."""
        key = self._database
        if key not in self._stores:
            opened = self._kept.enter_context(app.open_store(self.settings))
            key = self._database
            self._stores[key] = opened
        yield self._stores[key]

    @property
    def _database(self) -> tuple[str, int]:
        """The database's address, and which file that is now."""
        url = self.settings.database.url
        file = Path(url.removeprefix("sqlite:///"))
        return url, file.stat().st_ino if file.exists() else 0

    def close(self) -> None:
        """Close what `open_store` lent."""
        self._stores.clear()
        self._kept.close()

    def configure(self, text: str) -> Settings:
        """Write a configuration and take it."""
        path = self.folder / "config.toml"
        path.write_text(text)
        self.settings = config.load(path, environ={"EI_KEY": KEY, "EI_TOKEN": TOKEN})
        return self.settings

    def reconfigure(self, old: str, new: str) -> None:
        """Change one value of the configuration."""
        text = (self.folder / "config.toml").read_text()
        assert old in text
        self.configure(text.replace(old, new))

    def night(self, *, scope: Scope | None = None) -> DeliveredRun:
        """Run once and tell."""
        with self.open_store() as store:
            order = app.build_request(self.settings, scope)
            return app.run_async(app.run_and_deliver(self.settings, order, store))

    def audit(
        self,
        *,
        scope: Scope | None = None,
        now: Callable[[], datetime] = app.now,
        is_received: bool = True,
    ) -> Report:
        """Run once and store it, without mail and pages, as a run whose report is received.

        Unless it `is_received`: the next report has what this one found.
        """
        with self.open_store() as store, store.run_lock():
            run = Audit(store, app.build_client(self.settings), now=now)
            completed = app.run_async(run.run(app.build_request(self.settings, scope)))
            close_run(
                completed,
                store,
                archive=_NoPages(),
                plan=None,
                now=now,
                is_withheld=not is_received,
            )
            return completed.report

    def json(self, *, scope: Scope | None = None) -> Any:  # noqa: ANN401 - any JSON
        """Audit, and return the report as programs read it."""
        return encode_report(self.audit(scope=scope))

    def json_of_night(self, *, scope: Scope | None = None) -> Any:  # noqa: ANN401 - any JSON
        """Run once with all that follows, and return the report as programs read it."""
        return encode_report(self.night(scope=scope).report)

    def without_mail(self) -> None:
        """Leave the [email] table out from now on."""
        self.settings = self.settings.model_copy(update={"email": None})

    def change(self, table: str, **keys: object) -> None:
        """Set keys of a table from now on, without reading the configuration again."""
        changed = getattr(self.settings, table).model_copy(update=keys)
        self.settings = self.settings.model_copy(update={table: changed})


CONFIG = """
[studio]
base_url = "{base_url}"
timeout_s = 5
tries = 1
[database]
url = "{url}"
[email]
host = "127.0.0.1"
port = {port}
sender = "auditor@example.org"
recipients = {recipients}
[context]
training = false
deployments = false
[[projects]]
id = 7
name = "Pump"
api_key = {{ env = "EI_KEY" }}
learn_blocks = "all"
"""


@contextmanager
def stage(
    url: str,
    folder: Path,
    blocks: dict[int, JsonObject],
    *,
    recipients: Sequence[str] = TEAM[:1],
    studio: SimulatedStudio | None = None,
) -> Iterator[Stage]:
    """Set an installation up with one project of these learn blocks."""
    postbox = Postbox()
    with mail_server(postbox) as port, studio or SimulatedStudio(jwt=TOKEN) as served:
        served.add_project(PROJECT, name="pump", api_key=KEY)
        for learn_id, answer in blocks.items():
            served.put(TargetId(PROJECT, learn_id), answer)
        set_up = Stage(served, folder, postbox)
        set_up.configure(
            CONFIG.format(
                base_url=served.base_url, url=url, port=port, recipients=json.dumps(recipients)
            )
        )
        try:
            yield set_up
        finally:
            set_up.close()


@contextmanager
def mail_server(postbox: Postbox) -> Iterator[int]:
    """Serve mail on loopback; yield its port."""
    controller = Controller(postbox, hostname="127.0.0.1", port=_free_port())
    controller.start()
    try:
        yield int(controller.port)
    finally:
        controller.stop()


def block(sample: str = "keras", **values: object) -> dict[str, Any]:
    """Return a sample answer with some values of its own."""
    return {**sample_blocks()[sample], **values}


def target(learn_id: int) -> TargetId:
    """Return a learn block of the project."""
    return TargetId(PROJECT, learn_id)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
