from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor.credentials import (
    ApiKey,
    BearerToken,
    ClientCredentials,
    Credential,
    JwtCookie,
    JwtHeader,
    PasswordGrant,
    StoredLogin,
)
from auditor.demo.http_server import ServerReply, json_reply
from auditor.demo.studio_server import sample_blocks
from auditor.model import Failure, TargetId
from auditor.protocols import Answer, FetchFailure, FetchResult
from auditor.redaction import Secret
from auditor.studio.grants import Tokens
from auditor.studio.tokenfile import TokenFile
from tests.simulated_studio import SimulatedStudio

from .asking import KEY, TARGET, Waits, answer, client, fetch, wire

TOKEN = "/v1/oauth/token"
SECRET = Secret("canary of/the+client=")
PASSWORD = Secret("canary of the user & more")
MACHINE = ClientCredentials("machine", SECRET)
PERSON = PasswordGrant("app", "ml-team", PASSWORD)
START = datetime(2027, 1, 10, 3, 15, tzinfo=UTC)


@dataclass
class Clock:
    """The time, as server and client have it."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return self.at.timestamp()


@dataclass
class Login:
    """A token file as a login leaves it."""

    studio: SimulatedStudio
    path: Path
    credential: StoredLogin = field(init=False)
    file: TokenFile = field(init=False)

    def __post_init__(self) -> None:
        self.credential = StoredLogin("app", self.path)
        self.file = TokenFile(self.path, (self.studio.base_url, "app"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(studio: SimulatedStudio, clock: Clock) -> SimulatedStudio:
    """A Studio whose OAuth2 server knows a machine, an app and a person."""
    studio.oauth.clients |= {"machine": SECRET.reveal(), "app": ""}
    studio.oauth.users["ml-team"] = PASSWORD.reveal()
    studio.oauth.clock = clock.seconds
    return studio


def failure(fetched: FetchResult) -> Failure:
    assert isinstance(fetched, FetchFailure)
    return fetched.failure


def token_requests(studio: SimulatedStudio) -> int:
    return sum(asked.path == TOKEN for asked in studio.requests)


def ask(
    studio: SimulatedStudio, credential: Credential, clock: Clock, *targets: TargetId
) -> list[FetchResult]:
    """Ask for all targets at once, in one run."""
    projects = {target.project_id: credential for target in targets or (TARGET,)}

    async def run() -> list[FetchResult]:
        asking = client(studio.base_url, credentials=projects, now=clock, concurrency=32)
        async with asking:
            return await asyncio.gather(
                *(asking.fetch(target, stored_body=None) for target in targets or (TARGET,))
            )

    return asyncio.run(run())


# --- One token serves a run -----------------------------------------------------------------


@pytest.mark.parametrize("credential", [MACHINE, PERSON], ids=["machine", "person"])
def test_one_token_serves_every_project_and_coroutine_of_a_run(
    server: SimulatedStudio, clock: Clock, credential: Credential
) -> None:
    server.add_project(102, name="Fan", api_key="other")
    server.put(TargetId(102, 9), sample_blocks()["keras"])

    answers = ask(server, credential, clock, *[TARGET, TargetId(102, 9)] * 25)

    assert {type(one) for one in answers} == {Answer}
    assert token_requests(server) == 1


def test_a_token_request_says_no_more_than_it_must(server: SimulatedStudio, clock: Clock) -> None:
    ask(server, MACHINE, clock)

    asked = server.requests[0]
    assert (asked.method, asked.path) == ("POST", TOKEN)
    assert sorted(asked.header_names) == [
        "accept", "accept-encoding", "authorization", "content-length", "content-type", "host",
        "user-agent",
    ]  # fmt: skip
    assert "authorization" in server.requests[1].header_names


def test_a_token_from_elsewhere_is_sent_as_it_is(server: SimulatedStudio, clock: Clock) -> None:
    server.oauth.allow("from-elsewhere")
    credential = BearerToken(Secret("from-elsewhere"))

    (found,) = ask(server, credential, clock)

    assert isinstance(found, Answer)
    assert token_requests(server) == 0


def test_a_token_is_renewed_before_it_ends(server: SimulatedStudio, clock: Clock) -> None:
    server.oauth.life_s = 600

    async def run() -> list[int]:
        seen = []
        async with client(server.base_url, credentials={101: MACHINE}, now=clock) as asking:
            for seconds in (0, 500, 50, 500):
                clock.at += timedelta(seconds=seconds)
                assert isinstance(await asking.fetch(TARGET, stored_body=None), Answer)
                seen.append(token_requests(server))
        return seen

    assert asyncio.run(run()) == [1, 1, 2, 2]


def test_a_short_life_is_not_all_leeway(server: SimulatedStudio, clock: Clock) -> None:
    server.oauth.life_s = 30

    ask(server, MACHINE, clock, *[TARGET] * 10)

    assert token_requests(server) == 1


def test_a_revoked_token_is_renewed_once_for_a_thousand_refusals(
    server: SimulatedStudio, clock: Clock
) -> None:
    async def run() -> list[FetchResult]:
        asking = client(server.base_url, credentials={101: MACHINE}, now=clock, concurrency=256)
        async with asking:
            await asking.fetch(TARGET, stored_body=None)
            server.oauth.revoke()
            return await asyncio.gather(
                *(asking.fetch(TARGET, stored_body=None) for _ in range(1000))
            )

    assert {type(one) for one in asyncio.run(run())} == {Answer}
    assert token_requests(server) == 2


def test_a_renewed_token_that_is_refused_too_is_the_last(
    server: SimulatedStudio, clock: Clock
) -> None:
    server.oauth.life_s = -1  # ended before it comes

    answers = ask(server, MACHINE, clock, *[TargetId(101, n) for n in range(40)])

    assert {failure(one).kind for one in answers} == {"unauthorized"}
    assert len({failure(one).message for one in answers}) == 1
    assert "the client's permissions in Studio" in failure(answers[0]).message
    assert token_requests(server) == 2


# --- What a token endpoint can answer instead -----------------------------------------------


HTML = ServerReply(body=b"<!DOCTYPE html><title>Sign in</title>", content_type="text/html")


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (json_reply({"error": "invalid_client"}, status=401), "unauthorized", "(invalid_client)"),
        (json_reply({"error": "invalid_client"}), "unauthorized", "check client_id"),
        (
            json_reply({"error": "invalid_grant", "error_description": "gone"}, status=400),
            "unauthorized",
            "(invalid_grant: gone)",
        ),
        (json_reply({"success": False, "error": "No"}), "unauthorized", "(No)"),
        (json_reply({"success": False}), "unauthorized", "it gave no reason"),
        (ServerReply(status=403, body=b"no"), "unauthorized", "403 Forbidden"),
        (ServerReply(status=404, body=b"no"), "http", "404 Not Found"),
        (HTML, "not_json", "check base_url"),
        (ServerReply(body=b"[]"), "not_json", "not a JSON object"),
        (ServerReply(body=b""), "not_json", "not a JSON object"),
        (ServerReply(body=b"[" * 60_000), "not_json", "not a JSON object"),
        (ServerReply(body=b" " * 70_000), "too_large", "no OAuth2 token"),
        (ServerReply(status=302, headers=(("Location", "/"),)), "redirect", "not followed"),
        (json_reply({"token_type": "Bearer"}), "invalid", "access_token"),
        (json_reply({"access_token": "two words"}), "invalid", "access_token"),
        (json_reply({"access_token": "t\r\nx: y"}), "invalid", "access_token"),
        (json_reply({"access_token": "t", "token_type": "mac"}), "invalid", "token_type"),
        (json_reply({"access_token": "t", "token_type": 1}), "invalid", "token_type"),
        (json_reply({"access_token": "a\nb"}), "invalid", "access_token: expected printable"),
        (json_reply({"access_token": "a" * 16_385}), "invalid", "access_token: expected"),
        (
            json_reply({"access_token": "t", "refresh_token": "\ud800"}),
            "invalid",
            "refresh_token: expected printable ASCII",
        ),
    ],
)
def test_what_is_refused_for_good_is_asked_once_for_all_projects(
    server: SimulatedStudio, clock: Clock, reply: ServerReply, kind: str, words: str
) -> None:
    server.oauth.replies = [reply] * 9

    answers = ask(server, MACHINE, clock, *[TargetId(n, 3) for n in (101, 102, 103, 101)])

    told = {failure(one) for one in answers}
    assert {one.kind for one in told} == {kind}
    assert [words in one.message for one in told] == [True]
    assert all(isinstance(one, FetchFailure) and one.whole_project for one in answers)
    assert [asked.path for asked in server.requests] == [TOKEN]


@pytest.mark.parametrize(
    "reply",
    [
        ServerReply(status=500),
        ServerReply(status=503, headers=(("Retry-After", "3"),)),
        ServerReply(status=429),
        json_reply({"error": "temporarily_unavailable"}, status=400),
        json_reply({"error": "server_error"}),
        ServerReply(body=b"{}", promised=99),
    ],
)
def test_a_passing_fault_of_the_token_endpoint_is_outlasted(
    server: SimulatedStudio, clock: Clock, reply: ServerReply
) -> None:
    server.oauth.replies = [reply] * 2

    (found,) = ask(server, MACHINE, clock)

    assert isinstance(found, Answer)
    assert token_requests(server) == 3


def test_a_token_endpoint_that_is_silent_is_a_value(server: SimulatedStudio, clock: Clock) -> None:
    server.oauth.replies = [ServerReply(delay_s=60)] * 2

    found = fetch(
        server.base_url,
        credentials={101: MACHINE},
        now=clock,
        timeout=timedelta(seconds=0.2),
        tries=2,
    )

    assert failure(found).kind == "timeout"
    assert failure(found).message == (
        "no OAuth2 token: no complete answer within 0.2 s (tried 2 times)"
    )


def test_a_wait_that_the_token_endpoint_asks_for_is_granted(
    server: SimulatedStudio, clock: Clock
) -> None:
    waits = Waits()
    server.oauth.replies = [ServerReply(status=429, headers=(("Retry-After", "7"),))]

    fetch(server.base_url, credentials={101: MACHINE}, now=clock, sleep=waits)

    assert waits.seconds == [7.0]


@pytest.mark.parametrize("life", ["600", 600.0, 0, -5, None, "soon", True, 1e300, []])
def test_a_life_of_any_form_is_understood_or_passed_over(
    server: SimulatedStudio, clock: Clock, life: object
) -> None:
    server.oauth.allow("a-token")
    body = json.dumps({"access_token": "a-token", "expires_in": life}).encode()
    server.oauth.replies = [ServerReply(body=body)]

    assert isinstance(ask(server, MACHINE, clock)[0], Answer)


@pytest.mark.parametrize("credential", [MACHINE, PERSON], ids=["machine", "person"])
def test_no_message_holds_what_the_token_endpoint_repeats(
    server: SimulatedStudio, clock: Clock, credential: Credential
) -> None:
    echo = f"{SECRET.reveal()} {PASSWORD.reveal()} canary+of%2Fthe%2Bclient%3D"
    basic = "bWFjaGluZTpjYW5hcnkrb2YlMkZ0aGUlMkJjbGllbnQlM0Q="
    server.oauth.replies = [json_reply({"error": "no", "error_description": f"{echo} {basic}"})]

    (found,) = ask(server, credential, clock)

    mine = SECRET if credential is MACHINE else PASSWORD
    assert mine.reveal() not in failure(found).message
    if credential is MACHINE:
        assert "canary+of" not in failure(found).message
        assert basic not in failure(found).message


def test_studio_cannot_make_a_message_of_the_token(clock: Clock) -> None:
    token = "canary-token"

    async def run() -> FetchResult:
        answers = [
            answer(json.dumps({"access_token": token}).encode()),
            answer(json.dumps({"success": False, "error": f"no {token}"}).encode()),
        ]
        async with (
            wire(*answers) as there,
            client(there.base_url, credentials={101: MACHINE}, now=clock) as asking,
        ):
            return await asking.fetch(TARGET, stored_body=None)

    assert failure(asyncio.run(run())).message == "Studio refused: no (hidden)"


def test_the_token_request_goes_through_the_proxy(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> list[str]:
        token = answer(b'{"access_token": "a-token"}')
        async with wire(token, answer(b"{}")) as proxy:
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
            base_url = "http://studio.invalid/v1"
            async with client(base_url, credentials={101: MACHINE}, now=clock) as asking:
                await asking.fetch(TARGET, stored_body=None)
            return [one.partition("\r\n")[0] for one in proxy.heard]

    assert asyncio.run(run()) == [
        "POST http://studio.invalid/v1/oauth/token HTTP/1.1",
        "GET http://studio.invalid/v1/api/101/training/keras/3 HTTP/1.1",
    ]


# --- A login that goes on --------------------------------------------------------------------


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

    assert {type(one) for one in answers} == {Answer}
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

        async def one(number: int) -> FetchResult:
            async with runs[number] as asking:
                return await asking.fetch(TARGET, stored_body=None)

        return await asyncio.gather(*(one(number) for number in range(8)))

    assert {type(one) for one in asyncio.run(run())} == {Answer}
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

    (told,) = {failure(one).message for one in answers}
    assert told == (
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
def test_a_token_file_that_cannot_be_used_is_told(
    login: Login, clock: Clock, spoil: Callable[[Path], object], words: str
) -> None:
    keep(login, sign_in(login))
    spoil(login.path)

    told = failure(ask(login.studio, login.credential, clock)[0])

    assert told.kind == "unauthorized"
    assert words in told.message
    assert str(login.path) in told.message
    assert login.studio.requests == []


def test_the_tokens_of_one_client_go_to_no_other(login: Login, clock: Clock) -> None:
    keep(login, sign_in(login))
    other = StoredLogin("another app", login.path)

    told = failure(ask(login.studio, other, clock)[0])

    assert "another client_id" in told.message
    assert login.studio.requests == []


def test_a_lock_that_cannot_be_made_is_known_before_a_token_is_used_up(
    login: Login, clock: Clock
) -> None:
    keep(login, sign_in(login))
    (login.path.parent / "oauth-token.json.lock").mkdir()

    told = failure(ask(login.studio, login.credential, clock)[0])

    assert "cannot be written" in told.message
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


# --- Credentials never mix -------------------------------------------------------------------


def test_no_scheme_shows_what_belongs_to_another() -> None:
    block = json.dumps(sample_blocks()["keras"]).encode()
    cookies = answer(block, "Set-Cookie: jwt=of-another; Path=/", "Set-Cookie: session=1; Path=/")
    token = answer(b'{"access_token": "secret-5"}', "Set-Cookie: oauth=1; Path=/")
    credentials: dict[int, Credential] = {
        1: ApiKey(Secret("secret-1")),
        2: JwtHeader(Secret("secret-2")),
        3: JwtCookie(Secret("secret-3")),
        4: BearerToken(Secret("secret-4")),
    }

    async def run() -> list[str]:
        async with wire(token, cookies) as there:
            base_url = f"http://localhost:{there.port}/v1"  # by name: jars pass over addresses
            async with client(base_url, credentials=credentials | {5: MACHINE}) as asking:
                for project_id in (5, 1, 2, 3, 4, 5, 4, 3, 2, 1):
                    await asking.fetch(TargetId(project_id, 3), stored_body=None)
            return there.heard

    posted, *heard = asyncio.run(run())

    lines = {
        1: "x-api-key: secret-1",
        2: "x-jwt-token: secret-2",
        3: "cookie: jwt=secret-3",
        4: "authorization: Bearer secret-4",
        5: "authorization: Bearer secret-5",
    }
    assert "secret-" not in posted
    for project_id, request in zip((5, 1, 2, 3, 4, 5, 4, 3, 2, 1), heard, strict=True):
        assert lines[project_id] in request.split("\r\n")
        assert request.count("secret-") == 1
        assert ("cookie" in request.lower()) == (project_id == 3)


# --- Why a key is refused --------------------------------------------------------------------


def test_a_key_of_another_project_is_named_as_such(studio: SimulatedStudio, clock: Clock) -> None:
    studio.add_project(102, name="Fan", api_key="other")

    answers = ask(studio, ApiKey(Secret(KEY)), clock, *[TargetId(102, n) for n in range(5)])

    (told,) = {failure(one).message for one in answers}
    assert told == (
        "Studio refused the credential (Invalid API key): check the configured key; this "
        "key belongs to project 101, not to 102: create one for project "
        "102 in Studio (Dashboard, Keys)"
    )
    paths = [asked.path for asked in studio.requests]
    assert paths.count("/v1/api/projects/api-key-info") == 1


@pytest.mark.parametrize("role", ["readonly", "ingestiononly"])
def test_a_key_that_may_not_read_is_named_by_its_role(
    studio: SimulatedStudio, clock: Clock, role: str
) -> None:
    studio.change_role(101, role)

    told = failure(ask(studio, ApiKey(Secret(KEY)), clock)[0])

    assert told.kind == "forbidden"
    assert f"the role of this key is {role}" in told.message
    assert "create a key for project 101 with role admin" in told.message


def test_a_key_that_studio_does_not_know_says_where_keys_are_made(
    studio: SimulatedStudio, clock: Clock
) -> None:
    told = failure(ask(studio, ApiKey(Secret("ei_" + "0" * 64)), clock)[0])

    assert "Invalid API key" in told.message
    assert "create a key for project 101 with role admin in Studio" in told.message


def test_a_night_without_a_refusal_asks_nothing_of_keys(
    studio: SimulatedStudio, clock: Clock
) -> None:
    ask(studio, ApiKey(Secret(KEY)), clock, TARGET, TargetId(101, 99))

    assert all("/keras/" in asked.path for asked in studio.requests)
