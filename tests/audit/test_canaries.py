"""A secret in each place that can hold one, through whole runs: it comes out nowhere."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from auditor.demo.faults import Fault
from auditor.model import TargetId
from tests.audit.spill import of_command, of_files, of_mail, of_rows
from tests.audit.stage import Postbox, block
from tests.simulated_studio import SimulatedStudio

CANARIES = {
    "api key": "ei_" + "0c0ffee1" * 6,
    "jwt": "eyJ-canary-of-a-user",
    "mail password": "canary-of-the-mail",
    "secret parameter": "canary-of-a-parameter",
    "secret parameter, changed": "canary-changed",
    "secret of the catalogue": "canary-of-the-catalogue",
    "key in a script": "ei_" + "5c2170ff" * 6,
    "key in an unknown field": "ei_" + "f1e1d0aa" * 6,
    "chosen key in a script": "ei_" + "Zz-Pump_0wn" * 3,
    "key in the name of a block": "ei_" + "b10c4a4e" * 6,
    "key in the name of a project": "ei_" + "9a3eca4a" * 6,
    "password of the proxy": "canary-of-the-proxy",
}
_PART = {
    name: value[3:17] if value.startswith("ei_") else value for name, value in CANARIES.items()
}
CONFIG = """
[studio]
base_url = "{base_url}"
timeout_s = 5
tries = 1
[database]
url = "sqlite:///auditor.db"
[email]
host = "127.0.0.1"
port = {port}
username = "auditor"
password = {{ env = "MAIL_PASSWORD" }}
sender = "auditor@example.org"
recipients = ["ops@example.org", "full@example.org"]
[[projects]]
id = 7
api_key = {{ env = "EI_KEY" }}
[[projects]]
id = 8
auth = {{ type = "jwt", token = {{ env = "EI_JWT" }} }}
"""
FAULTS = (
    Fault.ERROR_WITH_SECRET,
    Fault.HEADER_ECHO,
    Fault.REDIRECT_SECRET,
    Fault.HTTP_401,
    Fault.RESET,
)


@dataclass
class Spilled:
    """Everything that came out of the installation, by where."""

    texts: list[tuple[str, str]]

    def places(self, canary: str) -> list[str]:
        """Return where a secret, or a good part of it, is to be read."""
        part = _PART[canary]
        return [place for place, text in self.texts if part in text or part in place]


class _Full(Postbox):
    """Refuses one recipient, so that a whole mail stays in the database."""

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's own name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("full"):
            return "452 mailbox full"
        return await super().handle_RCPT(server, session, envelope, address, options)


@pytest.fixture(scope="module")
def spilled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spilled]:
    folder = tmp_path_factory.mktemp("canaries")
    with pytest.MonkeyPatch.context() as patch, SimulatedStudio(jwt=CANARIES["jwt"]) as studio:
        patch.setenv("EI_KEY", CANARIES["api key"])
        patch.setenv("EI_JWT", CANARIES["jwt"])
        patch.setenv("MAIL_PASSWORD", CANARIES["mail password"])
        patch.setenv("AUDITOR_CONFIG", str(folder / "config.toml"))
        _furnish(studio)
        yield _spilled(studio, folder, patch)


def _spilled(studio: SimulatedStudio, folder: Path, patch: pytest.MonkeyPatch) -> Spilled:
    postbox = _Full()
    mail_server = Controller(
        postbox,
        hostname="127.0.0.1",
        port=_free_port(),
        authenticator=_authenticator,
        auth_require_tls=False,
    )
    mail_server.start()
    try:
        path = folder / "config.toml"
        path.write_text(CONFIG.format(base_url=studio.base_url, port=mail_server.port))
        said = list(_nights(studio))
        said += _read(folder)
        patch.setenv("http_proxy", f"http://user:{CANARIES['password of the proxy']}@127.0.0.1:9")
        said += [of_command("run"), of_command("check")]
    finally:
        mail_server.stop()
    mails = [text for _, mail in postbox.taken for text in of_mail(mail)]
    assert len(mails) > 10
    rows = list(of_rows(f"sqlite:///{folder / 'auditor.db'}"))
    return Spilled([*said, *mails, *rows, *of_files(folder)])


def _nights(studio: SimulatedStudio) -> Iterator[tuple[str, str]]:
    """A first night, one with edits, one with faults, one on which each listing fails."""
    yield of_command("run")
    for target in (TargetId(7, 3), TargetId(8, 3)):
        studio.edit(target, _edit)
    yield of_command("run", "--format", "json")
    for fault, learn_id in zip(FAULTS, range(3, 8), strict=True):
        for project_id in (7, 8):
            studio.fail(fault, target=TargetId(project_id, learn_id))
    yield of_command("run")
    studio.heal()
    studio.fail(Fault.HEADER_ECHO)
    yield of_command("run")
    yield of_command("check")
    studio.heal()


def _read(folder: Path) -> Iterator[tuple[str, str]]:
    for form in ("text", "json", "html"):
        yield of_command("report", "--format", form)
        yield of_command("report", "2", "--format", form)
        yield of_command("diff", "7/3@run:1", "7/3@run:2", "--format", form)
    for target in ("7/3", "8/3", "7/4"):
        yield of_command("show", target)
        yield of_command("history", target)
    sent = folder / "sent.json"
    sent.write_text(of_command("show", "7/3")[1])
    yield of_command("diff", str(sent), "7/3@run:1", "--format", "json")
    yield of_command("status", "--format", "json")
    yield of_command("verify")
    yield of_command("report", "--rebuild")


def _furnish(studio: SimulatedStudio) -> None:
    name = f"pump {CANARIES['key in the name of a project']}"
    for project_id in (7, 8):
        studio.add_project(project_id, name=name, api_key=CANARIES["api key"])
        for learn_id in range(3, 8):
            answer = block("keras-object-detection-yolo-pro")
            _plant(answer)
            studio.put(TargetId(project_id, learn_id), answer)


def _plant(answer: dict[str, Any]) -> None:
    answer["name"] = f"block {CANARIES['key in the name of a block']}"
    answer["customParameters"]["token"] = CANARIES["secret parameter"]
    answer["transferLearningModels"][-1]["customParameters"].append(
        {
            "param": "token",
            "type": "secret",
            "name": "Token",
            "value": CANARIES["secret of the catalogue"],
            "defaultValue": CANARIES["secret of the catalogue"],
        }
    )
    answer["script"] += f'\nfetch("{CANARIES["key in a script"]}")\n'
    answer["script"] += f'fetch("{CANARIES["chosen key in a script"]}")\n'


def _edit(answer: dict[str, Any]) -> None:
    answer["customParameters"]["token"] = CANARIES["secret parameter, changed"]
    answer["note"] = {"by": CANARIES["key in an unknown field"]}
    answer["script"] += f'\nfetch("{CANARIES["key in a script"][:-8]}00000000")\n'
    answer["script"] = answer["script"].replace(
        CANARIES["chosen key in a script"], CANARIES["chosen key in a script"] + "-2"
    )
    answer["name"] += " again"
    answer["trainingCycles"] += 1


def _authenticator(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
) -> AuthResult:
    del server, session, envelope, mechanism
    known = isinstance(data, LoginPassword) and (
        data.password == CANARIES["mail password"].encode()
    )
    return AuthResult(success=known, handled=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("canary", CANARIES)
def test_a_secret_comes_out_nowhere(spilled: Spilled, canary: str) -> None:
    assert spilled.places(canary) == []


def test_what_hides_the_secrets_is_there_to_be_read(spilled: Spilled) -> None:
    texts = dict(spilled.texts)

    assert "(hidden)" in texts["auditor show 7/3 (0)"]
    assert "customParameters.token" in texts["auditor run --format json (2)"]
    assert "Studio refused: job failed: curl" in str(spilled.texts)
    assert any("(hidden:" in text for place, text in spilled.texts if place == "version.document")
    assert any(place.startswith("file reports/") for place in texts)
