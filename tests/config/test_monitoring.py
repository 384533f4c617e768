"""What watches the auditor, as the configuration has it: heartbeat, metrics, log."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.config import Settings, load, warnings
from auditor.errors import ConfigError
from auditor.redaction import Secret

URL = "https://hc.example.org/0c0ffee0"
_PROJECT = '[[projects]]\nid = 1\napi_key = { env = "KEY" }\n'
_QUIET = '[email]\nsender = "a@example.org"\nrecipients = ["b@example.org"]\nsend = "drift"\n'


def loaded(folder: Path, text: str, *, reads_secrets: bool = True) -> Settings:
    path = folder / "config.toml"
    path.write_text(f"{text}\n{_PROJECT}")
    environ = {"KEY": "ei_key", "URL": URL, "NO_URL": "hc.example.org"}
    return load(path, environ=environ, reads_secrets=reads_secrets)


@pytest.mark.parametrize("written", [f'"{URL}"', '{ env = "URL" }'])
def test_a_heartbeats_url_is_written_or_kept_as_a_secret(tmp_path: Path, written: str) -> None:
    settings = loaded(tmp_path, f"[heartbeat]\nurl = {written}")

    assert settings.heartbeat.url == Secret(URL)
    assert URL not in repr(settings)


def test_a_heartbeats_url_is_not_looked_for_where_no_secret_is_needed(tmp_path: Path) -> None:
    assert loaded(tmp_path, '[heartbeat]\nurl = { env = "NONE" }', reads_secrets=False)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('"ftp://hc.example.org/c"', "is not a URL of http or https"),
        ('"https://u:p@hc.example.org/c"', "contains a user name or a password"),
        ('"https://hc.example.org/a c"', "contains a space"),
        ('"https://hc.example.org:x/c"', "is not a URL"),
        ('"https://hc.example.org/c#top"', "a fragment"),
        ('{ env = "NO_URL" }', "is not a URL of http or https"),
        ('{ env = "NONE" }', "the environment variable NONE is not set"),
        ("7", "does not say where the secret is stored"),
    ],
)
def test_what_cannot_be_pinged_is_refused_and_not_shown(
    tmp_path: Path, written: str, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"[heartbeat]\nurl = {written}")

    (problem,) = caught.value.problems
    assert (problem.key, words in problem.message) == ("heartbeat.url", True)
    assert "hc.example.org" not in str(problem)


def test_a_relative_file_of_metrics_lies_beside_the_configuration(tmp_path: Path) -> None:
    settings = loaded(tmp_path, '[metrics]\ntextfile = "auditor.prom"')

    assert settings.metrics.textfile == tmp_path / "auditor.prom"


def test_a_file_that_the_collector_does_not_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"metrics\.textfile: does not end in \.prom"):
        loaded(tmp_path, '[metrics]\ntextfile = "auditor.txt"')


def test_without_them_nothing_watches(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "")

    assert (settings.heartbeat.url, settings.metrics.textfile) == (None, None)
    assert settings.log.format == "text"


def test_mail_of_drift_alone_gets_a_warning_unless_there_is_a_heartbeat(tmp_path: Path) -> None:
    alone = loaded(tmp_path, _QUIET)
    watched = loaded(tmp_path, f'{_QUIET}[heartbeat]\nurl = "{URL}"')

    assert [warning.partition(":")[0] for warning in warnings(alone)] == ["email.send"]
    assert warnings(watched) == ()
