"""What must never show is planted wherever it can come in, and looked for wherever text goes."""

from __future__ import annotations

import asyncio
import base64
import logging
from urllib.parse import quote_plus

import pytest

from auditor import app, config
from auditor.cli.login import find_login
from auditor.demo.http_server import ServerReply, json_reply
from tests.audit.stage import Stage
from tests.cli.command import Command, reconfigure
from tests.cli.test_login import LONG_ENOUGH, follow

SECRET = "canary/of+the client"
PASSWORD = "canary of the user=1"
BASIC = base64.b64encode(f"machine:{quote_plus(SECRET)}".encode()).decode()
SENT = {
    "client_credentials": (SECRET, quote_plus(SECRET), BASIC),
    "password": (PASSWORD, quote_plus(PASSWORD)),
    "authorization_code": (),  # what it sends is given by the server
}
WAYS = {
    "client_credentials": 'client_id = "machine", client_secret = { env = "CANARY_SECRET" }',
    "password": 'client_id = "app", username = "ml", password = { env = "CANARY_PASSWORD" }',
    "authorization_code": 'client_id = "app"',
}


def refusal(canaries: tuple[str, ...]) -> ServerReply:
    """A refusal that repeats everything it was shown."""
    return json_reply({"error": "invalid_grant", "error_description": " ".join(canaries)})


def everything_written(stage: Stage) -> bytes:
    files = [
        path
        for path in sorted(stage.folder.rglob("*"))
        if path.is_file() and "token" not in path.name
    ]
    mails = [mail.as_bytes() for _, mail in stage.postbox.taken]
    assert len(files) > 3
    return b"\n".join([path.read_bytes() for path in files] + mails)


@pytest.mark.parametrize("grant", WAYS)
def test_no_secret_of_oauth2_shows_anywhere(
    pump: Stage,
    auditor: Command,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    grant: str,
) -> None:
    monkeypatch.setenv("CANARY_SECRET", SECRET)
    monkeypatch.setenv("CANARY_PASSWORD", PASSWORD)
    auth = f'auth = {{ type = "oauth2", grant = "{grant}", {WAYS[grant]} }}'
    reconfigure(pump, 'api_key = { env = "EI_KEY" }', auth)
    oauth = pump.studio.oauth
    oauth.clients |= {"machine": SECRET, "app": ""}
    oauth.users["ml"] = PASSWORD
    if grant == "authorization_code":
        sign_in(pump)

    with caplog.at_level(logging.DEBUG):
        good = [auditor("check"), auditor("run")]
        given = oauth.issued()
        canaries = (*SENT[grant], *given)
        oauth.revoke()
        oauth.replies = [refusal(canaries if grant == "authorization_code" else SENT[grant])] * 9
        bad = [auditor("check"), auditor("run")]

    assert ([result.code for result in good], [result.code for result in bad]) == ([0, 0], [2, 2])
    assert "invalid_grant: (hidden) (hidden)" in bad[0].out
    texts = [result.out + result.err for result in (*good, *bad)] + [caplog.text]
    shown = "\n".join(texts).encode() + everything_written(pump)
    assert len(given) == 2
    assert [canary for canary in canaries if canary.encode() in shown] == []


def sign_in(stage: Stage) -> None:
    settings = config.load(stage.folder / "config.toml", environ={})

    async def invite(address: str) -> None:
        await asyncio.to_thread(follow, address)

    auth = find_login(settings, None)
    app.run_async(app.log_in(settings, auth, invite, patience=LONG_ENOUGH))
