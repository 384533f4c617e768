from __future__ import annotations

from pathlib import Path

import pytest

from auditor.config import warnings
from tests.config import test_rules
from tests.config.test_rules import BASES, STUDIO_KEY, table
from tests.config.test_tables import EMAIL, PROJECT, loaded


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
        (EMAIL + 'host = "mx"\nport = 465\nsecurity = "starttls"', "email.security"),
        (EMAIL + 'host = "mx"\nport = 587\nsecurity = "tls"', "email.security"),
    ],
)
def test_a_setting_that_is_probably_not_meant_gets_a_warning(
    tmp_path: Path, text: str, words: str
) -> None:
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
        EMAIL
        + 'host = "mx"\nport = 465\nsecurity = "tls"\nusername = "u"\npassword = { env = "KEY" }',
    ],
)
def test_a_usual_setting_gets_no_warning(tmp_path: Path, text: str) -> None:
    assert warnings(loaded(tmp_path, f"{text}\n{PROJECT}")) == ()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("threshold", "the API has no field 'threshold' (did you mean thresholds?)"),
        (
            "Thresholds[*].value",
            "no field 'Thresholds[*].value' (did you mean thresholds[*].value?)",
        ),
        ("treshold*.value", "no field 'treshold*.value' (did you mean thresholds[*].value?)"),
        ("sampleCount.x", "no field 'sampleCount.x' (correct only if Studio sends it)"),
        ('[\\"a.b\\"]', "no field '[\"a.b\"]' (correct only if Studio sends it)"),
        (STUDIO_KEY, "no field '(hidden)' (correct only if Studio sends it)"),
    ],
)
@pytest.mark.parametrize("name", ["severity", "ignore", "rules"])
def test_a_path_that_the_api_lacks_gets_a_warning(
    tmp_path: Path, name: str, path: str, words: str
) -> None:
    (sentence,) = warnings(test_rules.loaded(tmp_path, table(name, area=None, path=f'"{path}"')))

    assert sentence.startswith(f"{name}[0].path: the API has no field ")
    assert words in sentence


@pytest.mark.parametrize(
    "path",
    [
        "mode",
        "*",
        "*.value",
        "*alue",
        "thresh*",
        "thresholds*",
        "thresholds[min_score].value",
        "transferLearningModels[*]",
        'customParameters[\\"a.b\\"]',
    ],
)
def test_a_path_of_the_api_gets_no_warning(tmp_path: Path, path: str) -> None:
    assert warnings(test_rules.loaded(tmp_path, table("rules", path=f'"{path}"'))) == ()


@pytest.mark.parametrize("name", BASES)
def test_a_target_that_is_not_audited_gets_a_warning(tmp_path: Path, name: str) -> None:
    text = table(name) + table(
        name,
        name=None if name in {"severity", "windows"} else '"b"',
        projects="[1, 9, 2]",
        blocks='["1/3", "1/9", "2/3"]',
    )
    remedy = "(add it under [[projects]], or remove it here)"

    assert warnings(test_rules.loaded(tmp_path, text)) == (
        f"{name}[1].projects: project 2 is not audited {remedy}",
        f"{name}[1].projects: project 9 is not audited {remedy}",
        f"{name}[1].blocks: block 1/9 is not audited {remedy}",
        f"{name}[1].blocks: block 2/3 is not audited {remedy}",
    )


def test_where_all_blocks_are_audited_any_may_be_named(tmp_path: Path) -> None:
    project = '[[projects]]\nid = 2\napi_key = { env = "KEY" }\n'

    assert (
        warnings(test_rules.loaded(tmp_path, project + table("ignore", blocks='["2/99"]'))) == ()
    )
