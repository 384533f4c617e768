from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from auditor.config import Settings, load
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
from auditor.redaction import Secret
from auditor.schedule import parse_cron

PROJECT = '[[projects]]\nid = 1\napi_key = { env = "KEY" }\n'
EMAIL = '[email]\nsender = "a@example.org"\nrecipients = ["b@example.org"]\n'
KEY = ApiKey(Secret("ei_key"))


def loaded(folder: Path, text: str, **environ: str) -> Settings:
    path = folder / "config.toml"
    path.write_text(text)
    return load(path, environ={"KEY": "ei_key", **environ})


# --- Keys ---------------------------------------------------------------------------------


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
        ("postgresql://user@host/name", "postgresql+psycopg://user@host/name"),
        ("postgres://user:p%40@host/name?a=b", "postgresql+psycopg://user:p%40@host/name?a=b"),
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


def test_times_are_in_the_zone_of_the_schedule_unless_written(tmp_path: Path) -> None:
    own = '[schedule]\ntimezone = "Asia/Tokyo"\n'

    usual = loaded(tmp_path, own + PROJECT)
    written = loaded(tmp_path, f'{own}[reports]\ntimezone = "Europe/Berlin"\n{PROJECT}')

    assert usual.reader_zone.key == "Asia/Tokyo"
    assert written.reader_zone.key == "Europe/Berlin"


@pytest.mark.parametrize(
    "url", ["https://drift.example.org", "https://drift.example.org/index.html"]
)
def test_the_address_of_the_reports_ends_with_a_slash(tmp_path: Path, url: str) -> None:
    settings = loaded(tmp_path, f'[reports]\nurl = "{url}"\n{PROJECT}')

    assert settings.reports.url == "https://drift.example.org/"
