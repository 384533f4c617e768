from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit

import pytest

from auditor import app, config
from auditor.cli.login import find_browser, find_login
from auditor.credentials import StoredLogin
from auditor.errors import AuditorError, NoTokenError, StudioError, UsageError
from auditor.redaction import Secret
from auditor.studio.login import listen_for_redirect
from tests.audit.stage import Stage
from tests.cli.command import Command, python, reconfigure

LOGIN = 'auth = { type = "oauth2", grant = "authorization_code", client_id = "app" }'
LONG_ENOUGH = timedelta(minutes=1)


@pytest.fixture
def installed(pump: Stage) -> Stage:
    """An installation whose project is read by a login that nobody made yet."""
    reconfigure(pump, 'api_key = { env = "EI_KEY" }', LOGIN)
    pump.settings = config.load(pump.folder / "config.toml", environ={})
    pump.studio.oauth.clients["app"] = ""
    return pump


def follow(address: str) -> str:
    """Open an address as a browser does, redirects and all, and return the page."""
    with urllib.request.urlopen(address, timeout=30) as page:  # noqa: S310 - http, on loopback
        return str(page.read().decode())


def log_in(installed: Stage, visit: Callable[[str], object]) -> None:
    """Log in while `visit` stands in for the person with the browser."""
    auth = find_login(installed.settings, None)

    async def invite(address: str) -> None:
        await asyncio.to_thread(visit, address)

    app.run_async(app.log_in(installed.settings, auth, invite, patience=LONG_ENOUGH))


def answering(**answer: str) -> Callable[[str], str]:
    """Bring back another answer than Studio's; `state` is the right one unless given."""

    def visit(address: str) -> str:
        asked = {key: value[0] for key, value in parse_qs(urlsplit(address).query).items()}
        values = {"state": asked["state"]} | answer
        query = "&".join(f"{key}={value}" for key, value in values.items())
        return follow(f"{asked['redirect_uri']}?{query}")

    return visit


def token_file(installed: Stage) -> Path:
    return installed.folder / "oauth-token.json"


def test_who_logged_in_is_not_asked_again(installed: Stage, auditor: Command) -> None:
    pages: list[str] = []
    log_in(installed, lambda address: pages.append(follow(address)))
    checked = auditor("check")
    codes = [auditor("run").code for _ in range(2)]

    assert "close this window" in pages[0]
    assert codes == [0, 0]
    assert "2 blocks found; OAuth2 login, sees 1 project, token until " in checked.out
    assert token_file(installed).stat().st_mode & 0o777 == 0o600
    assert installed.studio.oauth.granted == ["authorization_code"]


def test_the_address_asks_for_a_code_with_proof_and_state(installed: Stage) -> None:
    addresses: list[str] = []

    def visit(address: str) -> None:
        addresses.append(address)
        follow(address)

    log_in(installed, visit)

    asked = {key: value[0] for key, value in parse_qs(urlsplit(addresses[0]).query).items()}
    assert addresses[0].startswith(f"{installed.studio.base_url}/oauth/authorize?")
    assert (asked["response_type"], asked["client_id"]) == ("code", "app")
    assert asked["scope"] == "openid email profile"
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert len(asked["state"]) >= 32
    assert urlsplit(asked["redirect_uri"]).hostname == "127.0.0.1"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"code": "made-up"}, "invalid_grant"),
        ({}, "has no code"),
        ({"code": ""}, "has no code"),
        (
            {"error": "access_denied", "error_description": "not+today"},
            "did not grant access (access_denied: not today)",
        ),
    ],
    ids=["code", "nothing", "empty", "denied"],
)
def test_an_answer_without_a_good_code_lets_nobody_in(
    installed: Stage, answer: dict[str, str], words: str
) -> None:
    with pytest.raises(NoTokenError) as caught:
        log_in(installed, answering(**answer))

    assert words in str(caught.value)
    assert not token_file(installed).exists()


LOOKS = (
    ("GET", "/favicon.ico", 404),
    ("POST", "/callback", 400),
    ("GET", "//", 404),
    ("GET", "//[/callback", 400),
    ("GET", "/callback", 400),
    ("GET", "/callback?error=access_denied", 400),
    ("GET", "/callback?state=another&code=stolen", 400),
)


def test_what_else_looks_in_meanwhile_is_no_answer(installed: Stage) -> None:
    def visit(address: str) -> None:
        back = urlsplit(parse_qs(urlsplit(address).query)["redirect_uri"][0])
        for method, path, status in LOOKS:
            connection = HTTPConnection(back.netloc, timeout=30)
            connection.request(method, path)
            assert connection.getresponse().status == status
            connection.close()
        follow(address)

    log_in(installed, visit)

    assert token_file(installed).exists()


def test_a_request_without_end_is_answered_and_the_wait_goes_on() -> None:
    async def ask() -> tuple[bytes, str]:
        async with listen_for_redirect(state="s") as listener:
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            writer.write(b"GET /callback?" + b"a" * 20_000)
            answered = await reader.readline()
            writer.close()
            await asyncio.to_thread(follow, f"{listener.url}?state=s&code=c")
            return answered, await listener.query()

    assert asyncio.run(ask()) == (b"HTTP/1.1 400 Bad Request\r\n", "state=s&code=c")


def test_who_is_there_to_the_end_is_hung_up_on() -> None:
    async def ask() -> tuple[bytes, int]:
        async with listen_for_redirect(state="s") as listener:
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            writer.write(b"GET / HTTP/1.1\r\n")
            await asyncio.to_thread(follow, f"{listener.url}?state=s&code=c")
        left = len(asyncio.all_tasks()) - 1
        heard = await reader.read()
        writer.close()
        return heard, left

    assert asyncio.run(ask()) == (b"", 0)


def test_no_more_connections_are_kept_than_a_browser_makes() -> None:
    async def ask() -> tuple[bytes, bytes]:
        async with listen_for_redirect(state="s") as listener:
            opened = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(40)]
            turned_away = await opened[-1][0].read()
            opened[0][1].write(b"GET / HTTP/1.1\r\n\r\n")
            served = await opened[0][0].readline()
            for _, writer in opened:
                writer.close()
            return turned_away, served

    assert asyncio.run(ask()) == (b"", b"HTTP/1.1 404 Not Found\r\n")


@pytest.mark.parametrize(
    "content", ["SQLite format 3", '{"base_url": "x"}', "[]"], ids=["database", "object", "list"]
)
def test_a_file_that_is_no_login_is_not_replaced(installed: Stage, content: str) -> None:
    token_file(installed).write_text(content)
    asked: list[str] = []

    with pytest.raises(UsageError, match="set token_file to another file"):
        log_in(installed, asked.append)

    assert asked == []
    assert token_file(installed).read_text() == content
    assert not token_file(installed).with_name("oauth-token.json.lock").exists()


@pytest.mark.parametrize(
    "content",
    ["", '{"base_url": "x", "client_id": "y", "access_token": "\\ud800"}'],
    ids=["empty", "another login"],
)
def test_a_login_or_an_empty_file_is_replaced(installed: Stage, content: str) -> None:
    token_file(installed).write_text(content)

    log_in(installed, follow)

    assert json.loads(token_file(installed).read_text())["client_id"] == "app"


def test_nobody_is_waited_for_without_end(installed: Stage) -> None:
    auth = find_login(installed.settings, None)

    async def invite(address: str) -> None:
        del address

    with pytest.raises(NoTokenError, match="nobody granted access"):
        app.run_async(
            app.log_in(installed.settings, auth, invite, patience=timedelta(seconds=0.05))
        )


def test_a_login_takes_the_way_to_studio_that_runs_take(installed: Stage) -> None:
    installed.change("studio", proxy=Secret("http://127.0.0.1:1"))

    with pytest.raises(StudioError, match=r"through the proxy 127\.0\.0\.1:1"):
        log_in(installed, answering(code="any"))


def test_a_client_that_studio_does_not_know_is_reported(installed: Stage) -> None:
    installed.studio.oauth.clients.clear()

    def visit(address: str) -> None:
        with pytest.raises(HTTPError):
            follow(address)
        answering(code="made-up")(address)

    with pytest.raises(NoTokenError, match="check client_id"):
        log_in(installed, visit)


def test_a_file_that_cannot_be_written_is_known_before_anybody_is_asked(
    installed: Stage,
) -> None:
    (installed.folder / "oauth-token.json.lock").mkdir()
    asked: list[str] = []

    with pytest.raises(AuditorError, match="cannot be written"):
        log_in(installed, asked.append)

    assert asked == []


def test_a_port_that_is_taken_is_reported() -> None:
    async def twice() -> None:
        async with (
            listen_for_redirect(state="s") as first,
            listen_for_redirect(first.port, state="s"),
        ):
            raise AssertionError("one port for two")

    with pytest.raises(UsageError, match="leave --port out"):
        asyncio.run(twice())


# --- The command ----------------------------------------------------------------------------


@contextmanager
def person(capsys: pytest.CaptureFixture[str]) -> Iterator[list[str]]:
    """Somebody who reads the address off the terminal and opens it."""
    done, seen = threading.Event(), []

    def wait() -> None:
        while not done.wait(0.02):
            seen.append(capsys.readouterr().err)
            found = [word for word in "".join(seen).split() if "/oauth/authorize?" in word]
            if found:
                follow(found[0])
                return

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("refreshes", [True, False], ids=["for good", "for a while"])
def test_the_command_prints_the_address_and_says_how_it_went(
    installed: Stage, auditor: Command, capsys: pytest.CaptureFixture[str], *, refreshes: bool
) -> None:
    installed.studio.oauth.refreshes = refreshes
    with person(capsys) as seen:
        done = auditor("login", "--project", "7", "--no-browser")

    assert done.code == 0, done.err
    assert done.out == f"Logged in; the tokens are stored in {token_file(installed)}.\n"
    assert "allow access" in "".join(seen)
    assert ("no refresh token: this login ends at 20" in done.err) != refreshes
    kept = json.loads(token_file(installed).read_text())
    assert (kept["refresh_token"] is not None) == refreshes


def test_a_login_that_is_not_configured_is_reported(pump: Stage, auditor: Command) -> None:
    del pump
    done = auditor("login")

    assert (done.code, done.out) == (2, "")
    assert "authorization_code" in done.err


def test_one_of_several_logins_has_to_be_named(installed: Stage, auditor: Command) -> None:
    other = LOGIN.replace('"app"', '"another", token_file = "other.json"')
    path = installed.folder / "config.toml"
    path.write_text(f"{path.read_text()}\n[[projects]]\nid = 8\n{other}\n")
    settings = config.load(path, environ={})

    assert "--project 7 or 8" in auditor("login").err
    assert find_login(settings, 8) == StoredLogin("another", installed.folder / "other.json")
    with pytest.raises(UsageError, match="no project 9"):
        find_login(settings, 9)


def test_a_browser_is_opened_only_where_there_is_a_screen() -> None:
    assert find_browser({}) is None
    assert find_browser({"DISPLAY": ":0"}) is not None


def test_a_browser_that_cannot_be_opened_does_not_end_the_login(tmp_path: Path) -> None:
    """The shell's own word for a browser may be no command line at all."""
    opened = (
        "import os; from auditor.cli.login import find_browser, open_browser; "
        "open_browser(find_browser(os.environ), 'http://127.0.0.1:1/'); print('goes on')"
    )

    done = python("-c", opened, folder=tmp_path, DISPLAY=":0", BROWSER='"firefox %s')

    assert done.stdout == b"goes on\n"
    assert b"no browser was opened (ValueError): open the address yourself" in done.stderr
