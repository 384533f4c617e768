"""No secret is reported, stored or shown in clear."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from auditor.drift.block_kinds import KERAS
from auditor.drift.canonical import dump, split
from auditor.drift.secrets import as_sent, secret_parameters
from auditor.redaction import HIDDEN, Fingerprinter, Secret, shown
from tests.drift.answers import SECRETS, difference_between, edited, sample

_CANARY = "canary-7f3a"
_STUDIO_KEY = "ei_" + "0a1b2c3d" * 6
_CHOSEN_KEY = "ei_" + "Our-Pump_key" * 3


def _with_secret(value: str) -> dict[str, Any]:
    answer = sample("keras-object-detection-yolo-pro")
    answer["customParameters"]["token"] = value
    answer["transferLearningModels"][-1]["customParameters"].append(
        {"param": "token", "type": "secret", "name": "Token", "value": value, "defaultValue": ""}
    )
    return answer


def test_a_changed_secret_is_reported_and_not_shown() -> None:
    difference = difference_between(_with_secret(_CANARY), _with_secret(_CANARY + "2"))

    found = {finding.path: finding for finding in difference.findings}
    secret = found["customParameters.token"]
    assert (shown(str(secret.before)), shown(str(secret.after))) == (HIDDEN, HIDDEN)
    assert _CANARY not in str(difference)


def test_an_equal_secret_is_no_change() -> None:
    assert difference_between(_with_secret(_CANARY), _with_secret(_CANARY)).findings == ()


@pytest.mark.parametrize("key", [_STUDIO_KEY, _CHOSEN_KEY], ids=["hex digits", "its owner's"])
def test_a_snapshot_holds_no_secret(key: str) -> None:
    answer = _with_secret(_CANARY)
    answer["script"] += f'KEY = "{key}"\n'

    snapshot = SECRETS.including(["token"]).take_snapshot(split(answer, KERAS))

    stored = (snapshot.document + snapshot.catalogue.document).decode()
    assert _CANARY not in stored
    assert key not in stored


def test_an_answer_is_shown_as_sent_but_for_its_secrets() -> None:
    answer = _with_secret(_CANARY)
    snapshot = SECRETS.including(["token"]).take_snapshot(split(answer, KERAS))

    sent = as_sent(snapshot)

    assert list(sent) == list(answer)
    assert sent["customParameters"] == {**answer["customParameters"], "token": HIDDEN}


def test_a_changed_key_in_a_script_is_another_program() -> None:
    def add(answer: dict[str, Any]) -> None:
        answer["script"] = answer["script"].replace("0a", "0b")

    base = sample("keras-expert")
    base["script"] += f'KEY = "{_STUDIO_KEY}"\n'

    difference = difference_between(*edited(add, base))

    assert [finding.rule for finding in difference.findings] == ["default:script"]
    assert _STUDIO_KEY not in str(difference)


def test_secret_parameters_are_found_at_any_depth() -> None:
    catalogue: Any = [{"customParameters": [{"items": {"param": "deep", "type": "secret"}}]}]

    assert secret_parameters(dump(catalogue)) == {"deep"}


def test_a_finding_with_a_badly_quoted_path_is_hidden() -> None:
    finding = difference_between(_with_secret(_CANARY), _with_secret(_CANARY + "2")).findings[0]
    odd = replace(finding, path='customParameters["a\\q"]', before=_CANARY, after="new")

    hidden = SECRETS.including(["token"]).hide_finding(odd)

    assert (hidden.before, hidden.after) == (HIDDEN, HIDDEN)


def test_a_secret_in_memory_shows_itself_only_when_asked_to() -> None:
    secret = Secret(_CANARY)

    assert _CANARY not in f"{secret!r} {secret}"
    assert secret.reveal() == _CANARY


def test_fingerprints_of_two_keys_differ() -> None:
    assert Fingerprinter(b"a" * 32).hide(_CANARY) != Fingerprinter(b"b" * 32).hide(_CANARY)
