from __future__ import annotations

from pathlib import Path

import pytest

from auditor.config import load
from auditor.errors import ConfigError, Problem

STUDIO_KEY = "ei_" + "0123456789abcdef" * 4
PROJECT = '[[projects]]\nid = 1\napi_key = { env = "KEY" }\n'
JWT = '[[projects]]\nid = 1\nauth = { type = "jwt", token = { env = "KEY" }, '
EMAIL = '[email]\nsender = "a@example.org"\nrecipients = ["b@example.org"]\n'


def problems(folder: Path, text: str, **environ: str) -> tuple[Problem, ...]:
    path = folder / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, environ={"KEY": "ei_key", **environ})
    assert caught.value.__cause__ is None
    return caught.value.problems


def only(folder: Path, text: str, **environ: str) -> tuple[str, str, str]:
    (problem,) = problems(folder, text, **environ)
    return problem.key, problem.message, problem.remedy


def test_every_wrong_key_is_named_at_once(tmp_path: Path) -> None:
    text = """
        colour = "red"
        [studio]
        base_url = "ftp://studio"
        concurrency = "8"
        timeout_s = nan
        tries = 0
        max_bytes = 1.5
        [database]
        url = "mysql://host/name"
        auto_upgrade = "yes"
        [schedule]
        cron = "61 * * * *"
        timezone = "Europe/Berlinn"
        [reports]
        directory = ""
        [email]
        host = "mx:25"
        port = 70000
        security = "ssl"
        username = "u"
        recipients = ["x@"]
        send = true
        [[projects]]
        id = 1
        learn_blocks = [1, "2", 1]
        [[projects]]
        id = 1
        api_key = { env = "NONE" }
        learn_blocks = []
    """

    assert sorted(problem.key for problem in problems(tmp_path, text)) == [
        "colour",
        "database.auto_upgrade",
        "database.url",
        "email.host",
        "email.password",
        "email.port",
        "email.recipients[0]",
        "email.security",
        "email.send",
        "email.sender",
        "projects[0].api_key",
        "projects[0].learn_blocks[1]",
        "projects[0].learn_blocks[2]",
        "projects[1].api_key",
        "projects[1].id",
        "projects[1].learn_blocks",
        "reports.directory",
        "schedule.cron",
        "schedule.timezone",
        "studio.base_url",
        "studio.concurrency",
        "studio.max_bytes",
        "studio.timeout_s",
        "studio.tries",
    ]


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        (f"projets = 1\n{PROJECT}", "projets", "did you mean projects?"),
        (f"[studio]\nbase_ur = 1\n{PROJECT}", "studio.base_ur", "did you mean base_url?"),
        (f"[studio]\nTimeout = 1\n{PROJECT}", "studio.Timeout", "did you mean timeout_s?"),
        (f"{PROJECT}cron = 1\n", "projects[0].cron", "move it to [schedule]"),
        (
            f"[reports]\ncolour = 1\n{PROJECT}",
            "reports.colour",
            "remove it; known: directory",
        ),
        (f'"a b.c" = 1\n{PROJECT}', '"a b.c"', "remove it; known: studio, "),
        (
            '[[projects]]\nid = 1\nauth = { type = "jwt", token = { env = "KEY" }, tokem = 1 }\n',
            "projects[0].auth.tokem",
            "did you mean token?",
        ),
        (
            f'{JWT}grant = "password" }}\n',
            "projects[0].auth.grant",
            'use it with type = "oauth2"',
        ),
        (
            f"{JWT}client_secret = 1 }}\n",
            "projects[0].auth.client_secret",
            'use it with type = "oauth2", grant = "client_credentials"',
        ),
    ],
)
def test_an_unknown_key_is_named_with_the_key_that_was_meant(
    tmp_path: Path, text: str, key: str, remedy: str
) -> None:
    found = only(tmp_path, text)

    assert found[:2] == (key, "is not a known key")
    assert found[2].startswith(remedy)


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("[studio]\ntries = true", "studio.tries", "is true or false, not a whole number"),
        ("[studio]\ntries = 4.0", "studio.tries", "is a decimal number, not a whole number"),
        ('[studio]\ntimeout_s = "30"', "studio.timeout_s", "is text, not a number"),
        ("[studio]\ntimeout_s = 0", "studio.timeout_s", "is out of range"),
        ("[studio]\ntimeout_s = inf", "studio.timeout_s", "is out of range"),
        ("[studio]\nconcurrency = 0", "studio.concurrency", "is out of range"),
        ("[studio]\nmax_bytes = -1", "studio.max_bytes", "is out of range"),
        ("[studio]\nbase_url = 2026-11-23", "studio.base_url", "is a date, not text"),
        ("studio = 1", "studio", "is a whole number, not a table"),
        ("[database]\nauto_upgrade = 1", "database.auto_upgrade", "is a whole number, not true"),
        ("[schedule]\ncron = [1]", "schedule.cron", "is a list, not text"),
        ("[[email]]", "email", "is a list, not a table"),
    ],
)
def test_a_value_of_another_kind_or_range_is_refused(
    tmp_path: Path, text: str, key: str, message: str
) -> None:
    found = only(tmp_path, f"{text}\n{PROJECT}")

    assert found[0] == key
    assert found[1].startswith(message)
    assert found[2].startswith("write ")


# --- What to audit ------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "projects = []\n", "[studio]\ntries = 1\n"], ids=repr)
def test_nothing_to_audit_is_refused(tmp_path: Path, text: str) -> None:
    assert only(tmp_path, text)[:2] == ("projects", "is missing, so nothing is audited")


def test_projects_are_a_list_of_tables(tmp_path: Path) -> None:
    assert only(tmp_path, "[projects]\nid = 1\n")[:2] == ("projects", "is a table, not a list")
    assert only(tmp_path, "projects = [1]\n")[0] == "projects[0]"


@pytest.mark.parametrize(
    ("blocks", "key", "message"),
    [
        ("[]", "projects[0].learn_blocks", "is empty, so nothing is audited"),
        ("3", "projects[0].learn_blocks", "is not a list of learn blocks"),
        ('"some"', "projects[0].learn_blocks", "is not a list of learn blocks"),
        ("[0]", "projects[0].learn_blocks[0]", "is out of range"),
        ("[3, 7, 3]", "projects[0].learn_blocks[2]", "repeats learn block 3"),
        ("[9223372036854775808]", "projects[0].learn_blocks[0]", "is out of range"),
        ("[[3]]", "projects[0].learn_blocks[0]", "is a list, not a whole number"),
    ],
)
def test_learn_blocks_are_ids_each_once_or_all(
    tmp_path: Path, blocks: str, key: str, message: str
) -> None:
    assert only(tmp_path, f"{PROJECT}learn_blocks = {blocks}\n")[:2] == (key, message)


def test_a_project_is_listed_once(tmp_path: Path) -> None:
    found = only(tmp_path, PROJECT + PROJECT.replace("id = 1", "id = 2") + PROJECT)

    assert found[:2] == ("projects[2].id", "is also the id of projects[0]")


@pytest.mark.parametrize("line", ["id = 0", 'id = "1"', "id = true", "id = -1", "id = 1.0"])
def test_a_project_has_a_number(tmp_path: Path, line: str) -> None:
    assert only(tmp_path, PROJECT.replace("id = 1", line))[0] == "projects[0].id"


@pytest.mark.parametrize("name", ["", " ", "a\\nb", "a\\u001bb"], ids=repr)
def test_a_name_is_one_line(tmp_path: Path, name: str) -> None:
    assert only(tmp_path, f'{PROJECT}name = "{name}"\n')[0] == "projects[0].name"


# --- Credentials --------------------------------------------------------------------------


def project(credential: str) -> str:
    return f"[[projects]]\nid = 1\n{credential}\n"


@pytest.mark.parametrize(
    ("credential", "key"),
    [
        (f'api_key = "{STUDIO_KEY}"', "projects[0].api_key"),
        ('api_key = "hunter2"', "projects[0].api_key"),
        ('auth = { type = "jwt", token = "hunter2" }', "projects[0].auth.token"),
    ],
)
def test_a_secret_in_plain_text_is_refused_and_never_shown(
    tmp_path: Path, credential: str, key: str
) -> None:
    found = only(tmp_path, project(credential))

    assert found[:2] == (key, "is a secret in plain text")
    assert "{ env = " in found[2]
    assert not any(secret in " ".join(found) for secret in (STUDIO_KEY, "hunter2"))


@pytest.mark.parametrize(
    "text",
    [
        project(f'api_key = {{ env = "{STUDIO_KEY}" }}'),
        project(f'api_key = {{ file = "{STUDIO_KEY}" }}'),
        project(f'api_key = {{ credential = "{STUDIO_KEY}" }}'),
        project('api_key = { env = "hunter2!" }'),
        project('api_key = { credential = "hunter2/x" }'),
        project(f'api_key = {{ key = "{STUDIO_KEY}" }}'),
        project(f'api_key = ["{STUDIO_KEY}"]'),
        f"{PROJECT}{STUDIO_KEY} = 1\n",
        f'{PROJECT}[database]\nurl = "mysql://u:hunter2@h/n"\n',
        f'{PROJECT}[database]\nurl = "postgresql+psycopg://u:hunter2@h o/n"\n',
        f'{PROJECT}[database]\nurl = "postgres://u:hunter2@h o/n"\n',
        f'{PROJECT}[studio]\nbase_url = "https://u:hunter2@h/v1"\n',
        f'{PROJECT}{EMAIL}username = "u"\npassword = "hunter2"\n',
        f'api_key = "{STUDIO_KEY}\n',
        f"api_key = {STUDIO_KEY}\n",
    ],
)
def test_no_error_shows_a_secret(tmp_path: Path, text: str) -> None:
    found = "\n".join(map(str, problems(tmp_path, text)))

    assert STUDIO_KEY not in found
    assert "hunter2" not in found


@pytest.mark.parametrize(
    "reference",
    [
        "1",
        "{}",
        '{ env = "A", file = "b" }',
        '{ vault = "A" }',
        "{ env = 1 }",
        '{ env = "" }',
        '{ env = "A B" }',
        '{ credential = "../key" }',
        '{ file = "a\\u0000b" }',
    ],
)
def test_a_secret_lies_in_one_place(tmp_path: Path, reference: str) -> None:
    key, _, remedy = only(tmp_path, project(f"api_key = {reference}"))

    assert key == "projects[0].api_key"
    assert remedy.startswith("write ")


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    found = only(tmp_path, project('api_key = { env = "EI_KEY" }'))

    assert found[1:] == ("the environment variable EI_KEY is not set", "set EI_KEY")


@pytest.mark.parametrize("value", ["", " ", "\n"], ids=repr)
def test_an_empty_secret_is_refused(tmp_path: Path, value: str) -> None:
    assert only(tmp_path, PROJECT, KEY=value)[1] == "the secret is empty"


@pytest.mark.parametrize("value", ["a\nb", "a b", "é", "a\0b", "a\x7fb"], ids=repr)
def test_a_key_that_no_header_can_carry_is_refused(tmp_path: Path, value: str) -> None:
    key, message, _ = only(tmp_path, PROJECT, KEY=value)

    assert key == "projects[0].api_key"
    assert message.startswith("the secret contains")


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = only(tmp_path, project('api_key = { file = "key" }'))

    assert found[1] == f"the secret file {tmp_path}/key does not exist"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666])
def test_a_secret_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    secret = tmp_path / "a key"
    secret.write_text("ei_key")
    secret.chmod(mode)

    found = only(tmp_path, project('api_key = { file = "a key" }'))

    assert f"can be read by its group or by others (mode {mode:04o})" in found[1]
    assert found[2] == f"chmod 600 '{tmp_path}/a key'"


def test_a_secret_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff")
    (tmp_path / "binary").chmod(0o600)

    assert "cannot be read" in only(tmp_path, project('api_key = { file = "folder" }'))[1]
    assert "not UTF-8" in only(tmp_path, project('api_key = { file = "binary" }'))[1]


def test_a_systemd_credential_that_is_not_there_is_refused(tmp_path: Path) -> None:
    text = project('api_key = { credential = "api-key" }')

    outside = only(tmp_path, text)
    inside = only(tmp_path, text, CREDENTIALS_DIRECTORY=str(tmp_path))

    assert "$CREDENTIALS_DIRECTORY is not set" in outside[1]
    assert "LoadCredential=api-key:PATH" in outside[2]
    assert "cannot be read: No such file or directory" in inside[1]
    assert "LoadCredential=api-key:PATH" in inside[2]


def test_home_has_to_be_known_where_a_path_begins_there(tmp_path: Path) -> None:
    assert "$HOME is not set" in only(tmp_path, project('api_key = { file = "~/key" }'))[1]


def test_a_project_without_any_credential_is_refused(tmp_path: Path) -> None:
    assert only(tmp_path, project(""))[:2] == ("projects[0].api_key", "is missing")


@pytest.mark.parametrize(
    ("head", "key"), [("[studio]", "studio.auth"), ("[[projects]]\nid = 2", "projects[1].auth")]
)
def test_a_key_beside_auth_is_refused(tmp_path: Path, head: str, key: str) -> None:
    both = 'api_key = { env = "KEY" }\nauth = { type = "jwt", token = { env = "KEY" } }\n'

    found = only(tmp_path, f"{PROJECT}{head}\n{both}")

    assert found[:2] == (key, "cannot be combined with api_key")


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        ('"jwt"', "is not a table"),
        ("{}", "has no known type"),
        ('{ type = "basic" }', "has no known type"),
        ("{ type = [] }", "has no known type"),
    ],
)
def test_auth_is_of_a_known_type(tmp_path: Path, auth: str, message: str) -> None:
    assert only(tmp_path, project(f"auth = {auth}"))[:2] == ("projects[0].auth", message)


def test_auth_lacks_no_key(tmp_path: Path) -> None:
    found = only(tmp_path, project('auth = { type = "jwt" }'))

    assert found == ("projects[0].auth.token", "is missing", "add token = …")


# --- What this version cannot do ------------------------------------------------------------


def test_what_is_wrong_in_oauth2_is_named_at_once(tmp_path: Path) -> None:
    text = project('auth = { type = "oauth2", grant = "password", username = 1, password = "p" }')

    assert {(found.key, found.message) for found in problems(tmp_path, text)} == {
        ("projects[0].auth.client_id", "is missing"),
        ("projects[0].auth.username", "is a whole number, not text"),
        ("projects[0].auth.password", "is a secret in plain text"),
    }


def test_a_grant_that_is_not_known_is_named(tmp_path: Path) -> None:
    found = problems(tmp_path, project('auth = { type = "oauth2", grant = "implicit" }'))

    assert found[0].message == "has no known grant"


def test_every_project_of_an_account_needs_its_credential(tmp_path: Path) -> None:
    found = problems(tmp_path, f'[studio]\nprojects = "all"\n{PROJECT}')

    assert ("studio.api_key", "is missing") in {(each.key, each.message) for each in found}


# --- Mail ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a@",
        "@b",
        "a b@example.org",
        "a@b@example.org",
        "a..b@example.org",
        ".a@example.org",
        "a@example..org",
        "a@-example.org",
        "a@example.org\\r\\nBcc: c@example.org",
        "a@example.org\\n",
        "A <a@example.org>",
        "a@example.org, b@example.org",
        "two words",
        "a" * 250 + "@example.org",
        "ä" * 33 + "@example.org",
        "a@[10.0.0.256.1]",
    ],
)
def test_what_is_not_an_address_is_refused(tmp_path: Path, address: str) -> None:
    sender = only(tmp_path, PROJECT + EMAIL.replace("a@example.org", address))
    recipient = only(tmp_path, PROJECT + EMAIL.replace("b@example.org", address))

    assert sender[:2] == ("email.sender", "is not a mail address")
    assert recipient[:2] == ("email.recipients[0]", "is not a mail address")


@pytest.mark.parametrize(
    "address",
    ["ml-team@bücher.example", "jörg@example.org", "root", "www-data", "a@[127.0.0.1]"],
)
def test_what_delivery_can_carry_is_accepted(tmp_path: Path, address: str) -> None:
    text = PROJECT + EMAIL.replace("b@example.org", address).replace("a@example.org", address)
    (tmp_path / "config.toml").write_text(text)

    email = load(tmp_path / "config.toml", environ={"KEY": "ei_key"}).email

    assert email is not None
    assert (email.sender, email.recipients) == (address, (address,))


def test_recipients_are_there_and_each_once(tmp_path: Path) -> None:
    none = only(tmp_path, f'{PROJECT}[email]\nsender = "a@b"\nrecipients = []\n')
    twice = only(tmp_path, f'{PROJECT}[email]\nsender = "a@b"\nrecipients = ["a@b", "A@b"]\n')

    assert none[:2] == ("email.recipients", "is empty")
    assert twice[:2] == ("email.recipients[1]", "repeats another recipient")


def test_a_login_is_whole(tmp_path: Path) -> None:
    name = only(tmp_path, f'{PROJECT}{EMAIL}username = "u"\n')
    password = only(tmp_path, f'{PROJECT}{EMAIL}password = {{ env = "KEY" }}\n')

    assert name[:2] == ("email.password", "is required with username")
    assert password[:2] == ("email.username", "is required with password")


@pytest.mark.parametrize("host", ["", "mx:25", "mx example", "-mx", "[::1]", "mx\\n"], ids=repr)
def test_a_mail_server_is_a_host_alone(tmp_path: Path, host: str) -> None:
    assert only(tmp_path, f'{PROJECT}{EMAIL}host = "{host}"\n')[0] == "email.host"


# --- Addresses, database, schedule ----------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "",
        "studio.edgeimpulse.com",
        "ftp://studio",
        "https://",
        "https:///v1",
        "https://h:x/v1",
        "https://h:0/v1",
        "https://h:70000/v1",
        "https://[::1/v1",
        "https://h/v1?x=1",
        "https://h/v1#x",
        "https://h/v 1",
        "https://u@h/v1",
    ],
)
def test_studio_is_at_a_plain_web_address(tmp_path: Path, url: str) -> None:
    assert only(tmp_path, f'{PROJECT}[studio]\nbase_url = "{url}"\n')[0] == "studio.base_url"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "is not a supported database"),
        ("mysql://h/n", "is not a supported database"),
        ("postgresql:h/n", "is not a valid PostgreSQL URL"),
        ("postgresql+psycopg2://h/n", "is not a supported database"),
        ("sqlite+aiosqlite:///a.db", "is not a supported database"),
        ("postgresql+psycopg:h/n", "is not a valid PostgreSQL URL"),
        ("postgresql+psycopg://h:x/n", "is not a valid PostgreSQL URL"),
        ("postgresql+psycopg://a@b@h/n", "is not a valid PostgreSQL URL"),
        ("sqlite://", "is a database in memory, which would be lost"),
        ("sqlite:///", "is a database in memory, which would be lost"),
        ("sqlite:///:memory:", "is a database in memory, which would be lost"),
        ("sqlite://auditor.db", "is not the URL of a file"),
        ("sqlite:auditor.db", "is not the URL of a file"),
        ("sqlite:///file:a.db?uri=true", "is not the URL of a file"),
        ("sqlite:///a.db?timeout=1", "is not the URL of a file"),
    ],
)
def test_the_database_is_a_file_or_postgresql(tmp_path: Path, url: str, message: str) -> None:
    found = only(tmp_path, f'{PROJECT}[database]\nurl = "{url}"\n')

    assert found[:2] == ("database.url", message)


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("daily", 'use five fields as in crontab(5), e.g. "15 3 * * *", or "@daily"'),
        ("@reboot", 'use five fields as in crontab(5), e.g. "15 3 * * *"'),
        ("03:15", 'use five fields, e.g. "15 3 * * *" for each day then'),
    ],
)
def test_a_cron_line_of_another_kind_has_its_remedy(
    tmp_path: Path, line: str, remedy: str
) -> None:
    assert only(tmp_path, f'{PROJECT}[schedule]\ncron = "{line}"\n')[2] == remedy


def test_a_cron_line_is_refused_by_its_field(tmp_path: Path) -> None:
    found = only(tmp_path, f'{PROJECT}[schedule]\ncron = "15 25 * * *"\n')

    assert found[:2] == ("schedule.cron", "hour: 25 is not within 0 to 23")


@pytest.mark.parametrize(
    ("zone", "remedy"),
    [
        ("Europe/Berlinn", "did you mean Europe/Berlin?"),
        ("EUROPE/BERLIN", "did you mean Europe/Berlin?"),
        ("", "write for example"),
        ("Europe", "write for example"),
        ("../etc/passwd", "write for example"),
        ("/usr/share/zoneinfo/UTC", "write for example"),
        ("qqqqqqqqqqqqqqq", "write for example"),
        ("a\\u0000b", "write for example"),
    ],
)
def test_a_time_zone_is_a_known_name(tmp_path: Path, zone: str, remedy: str) -> None:
    found = only(tmp_path, f'{PROJECT}[schedule]\ntimezone = "{zone}"\n')

    assert found[0] == "schedule.timezone"
    assert found[2].startswith(remedy)


# --- Where a login is kept --------------------------------------------------------------------


def login(project: int, client_id: str, token_file: str | None = None) -> str:
    named = f', token_file = "{token_file}"' if token_file else ""
    return (
        f'[[projects]]\nid = {project}\nauth = {{ type = "oauth2", '
        f'grant = "authorization_code", client_id = "{client_id}"{named} }}\n'
    )


@pytest.mark.parametrize(
    ("token_file", "message"),
    [
        ("auditor.db", "is the database"),
        ("./x/../auditor.db-wal", "is the database"),
        ("config.toml", "is the configuration itself"),
        ("secrets/password", "is a file with a secret or a certificate"),
        ("key.pem", "is a file with a secret or a certificate"),
        ("auditor.prom", "is the metrics file"),
        ("reports/login.json", "is in the folder of reports, which other people see"),
        ("link.json", "is the database"),
    ],
)
def test_a_login_is_not_kept_where_something_else_lies(
    tmp_path: Path, token_file: str, message: str
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "password").write_text("canary")
    (tmp_path / "secrets" / "password").chmod(0o600)
    (tmp_path / "link.json").symlink_to("auditor.db")
    text = (
        '[studio]\nclient_certificate = "key.pem"\n[metrics]\ntextfile = "auditor.prom"\n'
        f'{EMAIL}username = "u"\npassword = {{ file = "secrets/password" }}\n'
    )

    found = only(tmp_path, f"{text}{login(1, 'a', token_file)}")

    assert found[:2] == ("projects[0].auth.token_file", message)
    assert "oauth-token.json" in found[2]


def test_two_logins_do_not_share_a_file(tmp_path: Path) -> None:
    found = only(tmp_path, login(1, "a") + login(2, "b", "./oauth-token.json") + login(3, "a"))

    assert found == (
        "projects[1].auth.token_file",
        "is also the token_file of another client_id",
        "give each its own token_file",
    )


def test_what_is_no_name_of_a_file_is_named_once(tmp_path: Path) -> None:
    text = login(1, "a").replace(" }", ", token_file = 7 }")

    assert only(tmp_path, text)[:2] == (
        "projects[0].auth.token_file",
        "is a whole number, not text",
    )
