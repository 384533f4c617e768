from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from auditor.credentials import StoredLogin
from auditor.fetching import Answer, FetchResult
from auditor.model import TargetId
from auditor.redaction import Secret
from auditor.studio.grants import Tokens
from auditor.studio.tokenfile import TokenFile
from tests.simulated_studio import SimulatedStudio
from tests.studio.asking import NAMED

from .asking import TARGET, client
from .oauth_runs import START, Clock, Login, ask, failure


@pytest.fixture
def login(server: SimulatedStudio, tmp_path: Path) -> Login:
    made = Login(server, tmp_path / "kept" / "oauth-token.json")
    made.path.parent.mkdir()
    server.oauth.life_s = 600
    return made


def sign_in(login: Login) -> str:
    """Return a refresh token in force."""
    token = f"refresh-{len(login.studio.oauth.granted)}"
    login.studio.oauth.admit(token, "app")
    return token


def keep(login: Login, refresh: str | None) -> None:
    login.file.write(
        Tokens(
            access=Secret("an-access-token-that-ended"),
            asked_at=START - timedelta(hours=2),
            expires_at=START - timedelta(hours=1),
            refresh=Secret(refresh) if refresh else None,
        )
    )


def rewrite(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def kept_refresh(login: Login) -> str:
    refresh = login.file.read().refresh
    assert refresh is not None
    return refresh.reveal()


def test_a_login_goes_on_and_its_new_token_is_kept(login: Login, clock: Clock) -> None:
    first = sign_in(login)
    keep(login, first)

    answers = ask(login.studio, login.credential, clock, *[TARGET] * 20)

    assert {type(answer) for answer in answers} == {Answer}
    assert login.studio.oauth.granted == ["refresh_token"]
    assert kept_refresh(login) in login.studio.oauth.issued()
    assert kept_refresh(login) != first
    assert login.path.stat().st_mode & 0o777 == 0o600


def test_the_next_run_uses_the_token_that_is_still_good(login: Login, clock: Clock) -> None:
    keep(login, sign_in(login))

    for minutes in (0, 5, 5):
        clock.at += timedelta(minutes=minutes)
        assert isinstance(ask(login.studio, login.credential, clock)[0], Answer)

    assert login.studio.oauth.granted == ["refresh_token"] * 2


def test_a_refresh_token_that_is_not_rotated_is_kept(login: Login, clock: Clock) -> None:
    login.studio.oauth.rotates = False
    token = sign_in(login)
    keep(login, token)

    ask(login.studio, login.credential, clock)

    assert kept_refresh(login) == token


def test_two_runs_at_once_do_not_use_up_each_others_token(login: Login, clock: Clock) -> None:
    keep(login, sign_in(login))

    async def run() -> list[FetchResult]:
        runs = [
            client(login.studio.base_url, credentials={101: login.credential}, now=clock)
            for _ in range(8)
        ]

        async def fetched_by(number: int) -> FetchResult:
            async with runs[number] as asking:
                return await asking.fetch(TARGET, NAMED, stored_body=None)

        return await asyncio.gather(*(fetched_by(number) for number in range(8)))

    assert {type(answer) for answer in asyncio.run(run())} == {Answer}
    assert login.studio.oauth.granted == ["refresh_token"]


def test_a_revoked_access_token_of_a_login_is_renewed(login: Login, clock: Clock) -> None:
    keep(login, sign_in(login))
    ask(login.studio, login.credential, clock)
    login.studio.oauth.revoke()

    (found,) = ask(login.studio, login.credential, clock)

    assert isinstance(found, Answer)
    assert login.studio.oauth.granted == ["refresh_token"] * 2


def test_a_login_that_ended_says_what_to_do(login: Login, clock: Clock) -> None:
    keep(login, "used up long ago")
    before = login.path.read_bytes()

    answers = ask(login.studio, login.credential, clock, TARGET, TargetId(102, 3))

    (message,) = {failure(answer).message for answer in answers}
    assert message == (
        "Studio gave no OAuth2 token (invalid_grant: the refresh token is not known or was used): "
        "the login has expired: run `auditor login`"
    )
    assert login.studio.oauth.granted == ["refresh_token"]
    assert login.path.read_bytes() == before


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), "nobody has logged in yet"),
        (lambda path: path.chmod(0o640), "chmod 600"),
        (lambda path: path.write_text("{"), "contains no login"),
        (lambda path: path.write_text("[]"), "contains no login"),
        (lambda path: path.write_text("[" * 70_000), "contains no login"),
        (lambda path: path.write_text("{}"), "move it away"),
        (lambda path: rewrite(path, client_id="b"), "give each its own token_file"),
        (lambda path: rewrite(path, access_token="a\nb"), "an invalid token"),
        (lambda path: rewrite(path, refresh_token="\ud800"), "run `auditor login`"),
        (lambda path: rewrite(path, refresh_token=7), "an invalid token"),
        (lambda path: (path.unlink(), path.mkdir(0o700)), "cannot be read"),
    ],
    ids=[
        "gone",
        "open",
        "torn",
        "a list",
        "deep",
        "empty",
        "another",
        "access",
        "refresh",
        "number",
        "a folder",
    ],
)
def test_a_token_file_that_cannot_be_used_is_reported(
    login: Login, clock: Clock, spoil: Callable[[Path], object], words: str
) -> None:
    keep(login, sign_in(login))
    spoil(login.path)

    error = failure(ask(login.studio, login.credential, clock)[0])

    assert error.kind == "unauthorized"
    assert words in error.message
    assert str(login.path) in error.message
    assert login.studio.requests == []


def test_the_tokens_of_one_client_go_to_no_other(login: Login, clock: Clock) -> None:
    keep(login, sign_in(login))
    other = StoredLogin("another app", login.path)

    error = failure(ask(login.studio, other, clock)[0])

    assert "another client_id" in error.message
    assert login.studio.requests == []


def test_a_lock_that_cannot_be_made_is_known_before_a_token_is_used_up(
    login: Login, clock: Clock
) -> None:
    keep(login, sign_in(login))
    (login.path.parent / "oauth-token.json.lock").mkdir()

    error = failure(ask(login.studio, login.credential, clock)[0])

    assert "cannot be written" in error.message
    assert login.studio.requests == []


def test_a_draft_that_a_crash_left_is_in_nobodys_way(login: Login, clock: Clock) -> None:
    keep(login, sign_in(login))
    draft = login.path.parent / ".oauth-token.json.new"
    draft.write_text("half a tok")
    draft.chmod(0o644)

    assert isinstance(ask(login.studio, login.credential, clock)[0], Answer)
    assert login.path.stat().st_mode & 0o777 == 0o600
    assert not draft.exists()


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from auditor.redaction import Secret
from auditor.studio.grants import Tokens
from auditor.studio.tokenfile import TokenFile

file = TokenFile(Path(sys.argv[1]), ("http://here", "app"))
while True:
    for letter in "ab":
        file.write(Tokens(access=Secret(letter * 4000), asked_at=datetime.now(UTC)))
        print(letter, flush=True)
"""


def test_a_process_killed_while_it_writes_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "oauth-token.json"
    for turns in (1, 6, 17):
        writer = subprocess.Popen(  # noqa: S603 - Python, as the test names it
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        for _ in range(turns):
            writer.stdout.readline()
        writer.kill()
        writer.communicate()

        kept = TokenFile(path, ("http://here", "app")).read().access.reveal()
        assert kept in ("a" * 4000, "b" * 4000)
