from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from auditor.config import Settings, find, load, warnings
from auditor.config.tables import EmailTable
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
from auditor.errors import ConfigError
from auditor.redaction import Secret
from auditor.schedule import parse_cron

PROJECT = '[[projects]]\nid = 1\napi_key = { env = "KEY" }\n'
EMAIL = '[email]\nsender = "a@example.org"\nrecipients = ["b@example.org"]\n'
KEY = ApiKey(Secret("ei_key"))


def loaded(folder: Path, text: str, **environ: str) -> Settings:
    path = folder / "config.toml"
    path.write_text(text)
    return load(path, environ={"KEY": "ei_key", **environ})


# --- What it says -------------------------------------------------------------------------


def test_a_project_with_a_key_is_all_that_is_needed(tmp_path: Path) -> None:
    settings = loaded(tmp_path, PROJECT)

    assert settings.studio.base_url == "https://studio.edgeimpulse.com/v1"
    assert settings.studio.timeout == timedelta(seconds=30)
    assert settings.schedule.cron == parse_cron("15 3 * * *")
    assert settings.schedule.timezone.key == "UTC"
    assert settings.email is None
    assert settings.every_project is None
    [project] = settings.projects
    assert (project.id, project.name, project.named_blocks) == (1, None, None)
    assert settings.credential_of(project) == KEY


def test_named_blocks_are_kept_and_all_is_none(tmp_path: Path) -> None:
    named = loaded(tmp_path, PROJECT + 'name = " Pump "\nlearn_blocks = [7, 3]\n')
    every = loaded(tmp_path, PROJECT + 'learn_blocks = "all"\n')

    assert named.projects[0].name == "Pump"
    assert named.projects[0].named_blocks == (7, 3)
    assert every.projects[0].named_blocks is None


def test_a_project_without_a_credential_has_studios(tmp_path: Path) -> None:
    text = '[studio]\nauth = { type = "jwt", token = { env = "T" } }\n[[projects]]\nid = 2\n'

    settings = loaded(tmp_path, text + PROJECT, T="token")

    credentials = [settings.credential_of(project) for project in settings.projects]
    assert credentials == [JwtHeader(Secret("token")), KEY]


def test_a_token_can_go_as_a_cookie(tmp_path: Path) -> None:
    text = '[[projects]]\nid = 2\nauth = { type = "jwt_cookie", token = { env = "T" } }\n'

    assert loaded(tmp_path, text, T="token").projects[0].credential == JwtCookie(Secret("token"))


OAUTH2 = {
    "client_credentials": 'client_id = "c", client_secret = { env = "S" }',
    "password": 'client_id = "c", username = "u", password = { env = "S" }',
    "token": 'access_token = { env = "T" }',
}


@pytest.mark.parametrize(
    ("grant", "auth"),
    [
        ("client_credentials", ClientCredentials("c", Secret("a secret"))),
        ("password", PasswordGrant("c", "u", Secret("a secret"))),
        ("token", BearerToken(Secret("token"))),
    ],
)
def test_oauth2_is_as_written(tmp_path: Path, grant: str, auth: Credential) -> None:
    text = (
        f'[[projects]]\nid = 2\nauth = {{ type = "oauth2", grant = "{grant}", {OAUTH2[grant]} }}'
    )

    assert loaded(tmp_path, text, S="a secret", T="token").projects[0].credential == auth


@pytest.mark.parametrize(
    ("written", "path"),
    [("", "oauth-token.json"), (', token_file = "kept/t.json"', "kept/t.json")],
    ids=["not named", "named"],
)
def test_a_login_is_kept_beside_the_configuration(tmp_path: Path, written: str, path: str) -> None:
    grant = f'grant = "authorization_code", client_id = "c"{written}'
    text = f'[studio]\nauth = {{ type = "oauth2", {grant} }}\n[[projects]]\nid = 2\n'

    settings = loaded(tmp_path, text)

    assert settings.credential_of(settings.projects[0]) == StoredLogin("c", tmp_path / path)


def test_mail_is_as_written(tmp_path: Path) -> None:
    text = EMAIL + 'port = 587\nsecurity = "starttls"\nusername = "u"\npassword = { env = "P" }\n'

    assert loaded(tmp_path, PROJECT + text, P="pass word").email == EmailTable.model_construct(
        host="localhost",
        port=587,
        security="starttls",
        username="u",
        password=Secret("pass word"),
        sender="a@example.org",
        recipients=("b@example.org",),
        send="always",
    )


def test_a_schedule_keeps_its_line_as_written(tmp_path: Path) -> None:
    text = '[schedule]\ncron = "@daily"\ntimezone = "Europe/Berlin"\n'

    schedule = loaded(tmp_path, text + PROJECT).schedule

    assert (schedule.cron.line, schedule.cron) == ("@daily", parse_cron("0 0 * * *"))
    assert schedule.timezone.key == "Europe/Berlin"


def test_a_slash_at_the_end_of_the_address_is_dropped(tmp_path: Path) -> None:
    text = '[studio]\nbase_url = "http://127.0.0.1:8080/v1/"\ntimeout_s = 0.5\n'

    studio = loaded(tmp_path, text + PROJECT).studio

    assert studio.base_url == "http://127.0.0.1:8080/v1"
    assert studio.timeout == timedelta(milliseconds=500)


# --- Paths --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///auditor.db", "sqlite:///{folder}/auditor.db"),
        ("sqlite:////srv/auditor.db", "sqlite:////srv/auditor.db"),
        ("sqlite:///~/auditor.db", "sqlite:////home/it/auditor.db"),
        ("postgresql+psycopg://user@host/name", "postgresql+psycopg://user@host/name"),
        ("postgresql+psycopg:///name?host=/run/pg", "postgresql+psycopg:///name?host=/run/pg"),
        ("postgresql+psycopg://u@[::1]:5433/name", "postgresql+psycopg://u@[::1]:5433/name"),
    ],
)
def test_the_database_is_absolute(tmp_path: Path, url: str, expected: str) -> None:
    settings = loaded(tmp_path, f'[database]\nurl = "{url}"\n{PROJECT}', HOME="/home/it")

    assert settings.database.url == expected.format(folder=tmp_path)


@pytest.mark.parametrize(
    ("directory", "expected"),
    [("out", "{folder}/out"), ("/srv/out", "/srv/out"), ("~/out", "/home/it/out")],
)
def test_the_folder_of_reports_is_absolute(tmp_path: Path, directory: str, expected: str) -> None:
    settings = loaded(
        tmp_path, f'[reports]\ndirectory = "{directory}"\n{PROJECT}', HOME="/home/it"
    )

    assert str(settings.reports.directory) == expected.format(folder=tmp_path)


def test_defaults_are_relative_to_the_file_too(tmp_path: Path) -> None:
    settings = loaded(tmp_path, PROJECT)

    assert settings.database.url == f"sqlite:///{tmp_path}/auditor.db"
    assert settings.reports.directory == tmp_path / "reports"


def test_paths_do_not_depend_on_where_the_program_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)

    settings = load(Path("config.toml"), environ={"KEY": "k"})

    assert settings.reports.directory == tmp_path / "reports"


# --- Secrets ------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["ei_key", "ei_key\n", "ei_key\r\n\n"], ids=repr)
def test_a_secret_file_may_end_with_line_breaks(tmp_path: Path, content: str) -> None:
    secret = tmp_path / "key"
    secret.write_bytes(content.encode())
    secret.chmod(0o600)

    settings = loaded(tmp_path, '[[projects]]\nid = 1\napi_key = { file = "key" }\n')

    assert settings.projects[0].credential == KEY


def test_a_secret_comes_from_systemd(tmp_path: Path) -> None:
    (tmp_path / "api-key").write_text("ei_key\n")
    (tmp_path / "api-key").chmod(0o440)

    settings = loaded(
        tmp_path,
        '[[projects]]\nid = 1\napi_key = { credential = "api-key" }\n',
        CREDENTIALS_DIRECTORY=str(tmp_path),
    )

    assert settings.projects[0].credential == KEY


def test_settings_show_no_secret(tmp_path: Path) -> None:
    text = '[database]\nurl = "postgresql+psycopg://u:hunter2@h/n"\n'
    mail = EMAIL + 'username = "u"\npassword = { env = "P" }\n'

    shown = repr(loaded(tmp_path, text + mail + PROJECT, P="hunter3"))

    assert "hunter" not in shown
    assert "ei_key" not in shown


# --- The file -----------------------------------------------------------------------------


def test_line_ends_and_byte_order_mark_of_windows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf" + PROJECT.replace("\n", "\r\n").encode())

    assert load(path, environ={"KEY": "k"}).projects[0].id == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[studio\n", "line 1: is not TOML"),
        (b"[studio]\n\ntries =\n", "line 3: is not TOML"),
        (b"a = [1,", "is not TOML"),
        (b"a = 1\na = 2\n", "line 2: is not TOML"),
        (b"a = " + b"1" * 5000, "file: is not TOML"),
        (b"# \xff", "file: is not UTF-8 text (byte 3)"),
    ],
    ids=["heading", "value", "end", "twice", "number", "encoding"],
)
def test_a_file_that_is_no_toml_is_told_with_its_line(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load(path, environ={})

    assert str(caught.value).startswith(f"{path} cannot be used:\n")
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_told_with_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError, match=f"{tmp_path}/none.toml does not exist"):
        load(Path("none.toml"), environ={})


def test_a_folder_and_what_cannot_be_opened_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match="is a folder"):
        load(tmp_path, environ={})
    with pytest.raises(ConfigError, match="cannot be read: Not a directory"):
        load(tmp_path / "file" / "config.toml", environ={})
    with pytest.raises(ConfigError, match="cannot be read: invalid name"):
        load(Path("a\0b"), environ={})


def test_the_option_comes_before_the_variable_before_the_usual_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.toml").touch()
    environ = {"AUDITOR_CONFIG": "/srv/b.toml"}

    assert find("/srv/a.toml", environ) == Path("/srv/a.toml")
    assert find(None, environ) == Path("/srv/b.toml")
    assert find(None, {"AUDITOR_CONFIG": ""}) == Path("config.toml")


def test_a_folder_that_one_may_not_look_into_holds_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0 or Path("/etc/auditor/config.toml").exists():
        pytest.skip("takes root, to become somebody else, and no configuration in /etc/auditor")
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o700)
    os.seteuid(65534)
    try:
        with pytest.raises(ConfigError, match="no configuration found"):
            find(None, {})
    finally:
        os.seteuid(0)


def test_where_there_is_none_the_places_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if Path("/etc/auditor/config.toml").exists():
        pytest.skip("this machine has a configuration in /etc/auditor")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError) as caught:
        find(None, {})

    for place in ("--config", "$AUDITOR_CONFIG", f"{tmp_path}/config.toml", "/etc/auditor"):
        assert place in str(caught.value)


# --- A word -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[schedule]\ntimezone = "Europe/Berlin"',
            "schedule.cron: '15 3 * * *' is in the hours in which",
        ),
        ('[schedule]\ncron = "0 */2 * * *"\ntimezone = "America/Havana"', "schedule.cron"),
        ('[studio]\nbase_url = "http://studio.example.org/v1"', "studio.base_url: http sends"),
        ('[database]\nurl = "postgresql+psycopg://u:p@h/n"', "~/.pgpass"),
        ('[database]\nurl = "postgresql+psycopg://h/n?user=u&password=p"', "~/.pgpass"),
        (EMAIL + 'host = "mx"\nusername = "u"\npassword = { env = "KEY" }', "email.security"),
    ],
)
def test_what_deserves_a_word_gets_one(tmp_path: Path, text: str, words: str) -> None:
    (sentence,) = warnings(loaded(tmp_path, f"{text}\n{PROJECT}"))

    assert words in sentence


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[schedule]\ncron = "15 4 * * *"\ntimezone = "Europe/Berlin"',
        '[schedule]\ntimezone = "Asia/Tokyo"',
        '[schedule]\ntimezone = "America/Mexico_City"',
        '[studio]\nbase_url = "http://[::1]:8080/v1"',
        '[studio]\nbase_url = "http://localhost/v1"',
        '[database]\nurl = "postgresql+psycopg://u@h:5432/n"',
        '[database]\nurl = "sqlite:////srv/a:b@c/x.db"',
        EMAIL + 'host = "127.0.0.1"\nusername = "u"\npassword = { env = "KEY" }',
        EMAIL + 'host = "mx"\nsecurity = "tls"\nusername = "u"\npassword = { env = "KEY" }',
    ],
)
def test_what_is_fine_gets_no_word(tmp_path: Path, text: str) -> None:
    assert warnings(loaded(tmp_path, f"{text}\n{PROJECT}")) == ()


def test_pydantic_is_the_only_heavy_import() -> None:
    heavy = "{'sqlalchemy', 'aiohttp', 'httpx', 'jinja2', 'deepdiff', 'apscheduler'}"
    program = f"import sys, auditor.config; print(sorted({heavy} & set(sys.modules)))"

    done = subprocess.run(  # noqa: S603 - the program is above
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )

    assert done.stdout.strip() == "[]"


def test_a_folder_with_a_question_mark_is_refused_for_a_database(tmp_path: Path) -> None:
    """A URL's path ends there: another file would be opened, silently."""
    folder = tmp_path / "what?"
    folder.mkdir()
    (folder / "config.toml").write_text('[[projects]]\nid = 1\napi_key = { env = "K" }\n')

    with pytest.raises(ConfigError, match=r"folder with \? in its name"):
        load(folder / "config.toml", environ={"K": "ei_0"})
