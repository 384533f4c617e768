"""`[[subscriptions]]` and what it is refused for."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.config import Settings, load, warnings
from auditor.drift.rules import TargetScope
from auditor.drift.subscriptions import Subscription
from auditor.errors import ConfigError
from auditor.model import Area, Severity, TargetId

_BASE = '[[projects]]\nid = 1\napi_key = { env = "EI_KEY" }\n'
_EMAIL = '[email]\nsender = "a@example.org"\nrecipients = ["all@example.org"]\n'


def _loaded(folder: Path, text: str) -> Settings:
    path = folder / "config.toml"
    path.write_text(text)
    return load(path, environ={"EI_KEY": "ei_key"})


def test_a_subscription_is_as_written(tmp_path: Path) -> None:
    text = """
[[subscriptions]]
recipient = "pump@example.org"
projects = [1]
blocks = ["1/3"]
areas = ["layers"]
severity = "medium"
gets = ["drift", "quiet"]
[[subscriptions]]
recipient = "ops@example.org"
"""
    first, second = _loaded(tmp_path, _BASE + _EMAIL + text).subscriptions

    assert first == Subscription(
        recipient="pump@example.org",
        scope=TargetScope(projects=frozenset({1}), blocks=frozenset({TargetId(1, 3)})),
        areas=frozenset({Area.LAYERS}),
        least=Severity.MEDIUM,
        gets=frozenset({"drift", "quiet"}),
    )
    assert second == Subscription(recipient="ops@example.org")


@pytest.mark.parametrize(
    ("email", "line", "key", "message"),
    [
        ("", 'recipient = "b@example.org"', "subscriptions[0]", "requires [email]"),
        (
            _EMAIL,
            'recipient = "ALL@example.org"',
            "subscriptions[0].recipient",
            "is also in email.recipients, who get the whole report",
        ),
        (
            _EMAIL,
            'recipient = "b@example.org"\ngets = []',
            "subscriptions[0].gets",
            "is empty, so it applies to nothing",
        ),
        (
            _EMAIL,
            'recipient = "b@example.org"\nareas = ["interface"]',
            "subscriptions[0].areas[0]",
            "is not an allowed value",
        ),
    ],
)
def test_a_subscription_that_cannot_be_meant_is_refused(
    tmp_path: Path, email: str, line: str, key: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        _loaded(tmp_path, f"{_BASE}{email}[[subscriptions]]\n{line}\n")

    assert [(found.key, found.message) for found in caught.value.problems] == [(key, message)]


def test_mail_on_drift_alone_gets_a_warning(tmp_path: Path) -> None:
    (advice,) = warnings(_loaded(tmp_path, f'{_BASE}{_EMAIL}send = "drift"\n'))

    assert advice.startswith('email.send: with "drift" no mail can mean')


def test_a_scope_that_is_not_audited_gets_a_warning(tmp_path: Path) -> None:
    text = '[[subscriptions]]\nrecipient = "b@example.org"\nprojects = [9]\n'
    (advice,) = warnings(_loaded(tmp_path, _BASE + _EMAIL + text))

    assert advice.startswith("subscriptions[0].projects: project 9 is not audited")
