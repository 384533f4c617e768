from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.drift.difference import find_difference
from auditor.drift.secrets import Secrets
from auditor.errors import UsageError
from auditor.model import ModelState, Since, TargetId
from auditor.records import Version
from auditor.review import (
    Reference,
    find_baseline,
    find_version,
    parse_reference,
    parse_target,
    take_snapshots,
)
from auditor.store.store import SqlStore, open_database
from tests.audit.stage import block
from tests.store.examples import FAN, NIGHT, PUMP, audited, changed, first, opened, quiet

IDS = st.integers(0, 10**18 - 1)
SECRETS = Secrets(b"k" * 32)


@pytest.fixture
def store(database_url: str) -> Iterator[SqlStore]:
    """Runs 1 to 4: the pump seen, changed, quiet, changed; the fan seen by the second run."""
    with open_database(database_url, upgrade=False) as store:
        audited(store, 0, first(PUMP))
        audited(store, 1, changed(PUMP, "second"), first(FAN, "fan"))
        audited(store, 2, quiet(PUMP, "second"), quiet(FAN, "fan"))
        audited(store, 3, changed(PUMP, "third"), quiet(FAN, "fan"))
        yield store


def found(
    store: SqlStore,
    when: str,
    *,
    target: TargetId = PUMP,
    zone: str = "UTC",
    baseline_id: int | None = None,
) -> Version:
    reference = Reference(target, when)
    return find_version(reference, store, baseline_id=baseline_id, zone=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("1/3", "latest"),
        ("1/3@latest", "latest"),
        ("1/3@run:7", "run:7"),
        ("1/3@2026-11-23", "2026-11-23"),
        ("1/3@a@b", "a@b"),
        ("01/003", "latest"),
    ],
)
def test_a_stored_version_is_named_by_digits_and_a_moment(text: str, when: str) -> None:
    assert parse_reference(text) == Reference(PUMP, when)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "1",
        "1/",
        "/3",
        "1/3@",
        "1/3/4",
        "a/3",
        "./1/3",
        "1/3.json",
        "-1/3",
        " 1/3",
        "+1/3",
    ],
)
def test_everything_else_is_a_file(text: str) -> None:
    assert parse_reference(text) is None


@given(IDS, IDS)
def test_a_target_is_named_as_it_shows_itself(project_id: int, learn_id: int) -> None:
    target = TargetId(project_id, learn_id)

    assert parse_target(str(target)) == target
    assert parse_reference(f"{target}@previous") == Reference(target, "previous")


@pytest.mark.parametrize("text", ["", "Motion", "1/3@latest", "1"])
def test_what_names_no_target_is_refused_and_the_form_shown(text: str) -> None:
    with pytest.raises(UsageError, match="write PROJECT/BLOCK"):
        parse_target(text)


def test_a_moment_is_the_version_that_stood_then(store: SqlStore) -> None:
    stood = {
        "latest": 4,
        "previous": 2,
        "run:1": 1,
        "run:2": 2,
        "run:3": 2,
        "run:4": 4,
        "2026-11-23": 1,
        "2026-11-24": 2,
        "2026-11-25": 2,
        "2026-11-26": 4,
        "2999-01-01": 4,
    }

    assert {when: found(store, when).run_id for when in stood} == stood


def test_a_date_is_the_end_of_that_day_in_the_zone(store: SqlStore) -> None:
    """The first version is of 03:15 UTC on the 23rd."""
    zones = {"UTC": 23, "Pacific/Midway": 22, "America/Los_Angeles": 22, "Pacific/Kiritimati": 23}

    for zone, day in zones.items():
        assert found(store, f"2026-11-{day}", zone=zone).run_id == 1
        with pytest.raises(UsageError, match="there is no version"):
            found(store, f"2026-11-{day - 1}", zone=zone)


def test_midnight_itself_belongs_to_the_day_it_begins(database_url: str) -> None:
    midnight = NIGHT.replace(hour=0, minute=0, second=0, microsecond=0)
    with open_database(database_url, upgrade=False) as store:
        store.save(opened(store), [first(PUMP)], at=midnight)

        assert found(store, "2026-11-23").seen_at == midnight
        with pytest.raises(UsageError, match="there is no version"):
            found(store, "2026-11-22")


def test_a_baseline_is_the_version_that_was_approved(store: SqlStore) -> None:
    approved = found(store, "run:2")

    assert found(store, "baseline", baseline_id=approved.id) == approved
    assert find_baseline(PUMP, store) is None


def test_a_version_that_is_not_there_is_refused_and_the_first_named(store: SqlStore) -> None:
    first_one = r"the first is of run 1, 2026-11-23 03:15 UTC"

    for when in ("run:0", "2026-11-22", "0001-01-01"):
        with pytest.raises(UsageError, match=rf"1/3@{when}: {first_one}"):
            found(store, when)


def test_a_baseline_that_nobody_approved_is_refused(store: SqlStore) -> None:
    with pytest.raises(UsageError, match="no baseline of 1/3 is approved"):
        found(store, "baseline")


def test_one_version_has_none_before_it(store: SqlStore) -> None:
    with pytest.raises(UsageError, match="there is no version 1/7@previous"):
        found(store, "previous", target=FAN)


def test_a_target_that_was_never_seen_has_no_version(store: SqlStore) -> None:
    with pytest.raises(UsageError, match="no version of 9/9 is stored"):
        found(store, "latest", target=TargetId(9, 9))


def test_what_is_no_moment_is_refused_and_the_forms_shown(store: SqlStore) -> None:
    for when in ("", "yesterday", "run:", "run:x", "run:-1", "23.11.2026", "2026-02-30", "LATEST"):
        with pytest.raises(UsageError, match="write a date as 2026-11-23, run:ID, latest"):
            found(store, when)


def test_two_answers_are_judged_from_the_two_alone() -> None:
    (old, new), secrets = take_snapshots([block(), block(batchSize=64)], SECRETS)
    difference = find_difference(old, new, secrets=secrets)

    assert [finding.path for finding in difference.findings] == ["batchSize"]
    assert difference.model_state is ModelState.STALE
    assert {getattr(finding, "since", None) for finding in difference.findings} == {Since.LAST}


def test_a_parameter_secret_on_one_side_is_hidden_on_both() -> None:
    typed = [{"type": "fomo", "customParameters": [{"param": "token", "type": "secret"}]}]
    answers = [
        block(transferLearningModels=typed, customParameters={"token": "canary-1"}),
        block(transferLearningModels=[], customParameters={"token": "canary-2"}),
    ]
    (old, new), secrets = take_snapshots(answers, SECRETS)
    difference = find_difference(old, new, secrets=secrets)

    assert secrets.names == {"token"}
    assert "canary" not in repr((old, new, difference))
    assert "customParameters.token" in [finding.path for finding in difference.findings]


def test_equal_secrets_are_no_finding() -> None:
    answers = [block(customParameters={"token": "canary"})] * 2
    (old, new), secrets = take_snapshots(answers, SECRETS.including(["token"]))

    assert find_difference(old, new, secrets=secrets).findings == ()
