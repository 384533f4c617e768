from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from auditor.listings import TargetStatus
from auditor.model import (
    Area,
    BlockKindName,
    ConditionKind,
    Failure,
    ModelState,
    RunStatus,
    TargetId,
    TargetKind,
    TargetState,
)
from auditor.outbox import NO_MESSAGES, MessageInfo, MessageState, OutboxOverview
from auditor.rendering.json import (
    dump_json,
    dump_report,
    encode_diff,
    encode_report,
    encode_status,
)
from tests.rendering.samples import HOSTILE, NIGHTS, STARTED, drift, finding, quiet, run, vendor

FINDING_KEYS = [
    "id",
    "area",
    "owner",
    "kind",
    "path",
    "before",
    "after",
    "severity",
    "headline",
    "rule",
    "since",
    "folded",
]


def status(name: str = "Motion") -> TargetStatus:
    return TargetStatus(
        kind=BlockKindName.KERAS,
        target=TargetId(1, 3),
        project="Pump",
        name=name,
        type="keras",
        state=TargetState.UNKNOWN,
        model_state=ModelState.UNKNOWN,
        last_changed_at=None,
        last_checked_at=STARTED,
        last_attempted_at=STARTED,
        error=Failure(kind="refused", message=f"key ei_{'0' * 40} refused"),
    )


def dead() -> MessageInfo:
    return MessageInfo(
        id=1,
        run_id=7,
        recipient="ops@example.org",
        subject="s",
        state=MessageState.DEAD,
        attempts=27,
        due_at=STARTED,
        last_error="550 never\x1b[31m",
    )


def overview(newest: Sequence[MessageInfo], *, dead: int = 1) -> OutboxOverview:
    return OutboxOverview(
        counts={**NO_MESSAGES.counts, MessageState.DEAD: dead}, newest=tuple(newest)
    )


@pytest.mark.parametrize("night", NIGHTS)
def test_a_report_is_ascii_and_reads_back(night: str) -> None:
    text = dump_json(encode_report(NIGHTS[night]()))

    assert text.isascii()
    assert json.loads(text) == encode_report(NIGHTS[night]())


@pytest.mark.parametrize("night", NIGHTS)
def test_a_report_that_is_written_in_parts_is_the_same(night: str) -> None:
    whole = NIGHTS[night]()

    for each in (whole, replace(whole, targets=())):
        assert "".join(dump_report(each)) == dump_json(encode_report(each))


def test_a_report_has_the_keys_of_the_contract_in_their_order() -> None:
    document = encode_report(drift())

    assert list(document) == [
        "schema",
        "run",
        "totals",
        "targets",
        "catalogue",
        "open",
        "errors",
    ]
    targets = document["targets"]
    assert isinstance(targets, list)
    first = targets[2]
    assert isinstance(first, dict)
    assert list(first)[:4] == ["project_id", "block_id", "learn_id", "kind"]
    assert list(first)[4:8] == ["project", "name", "type", "state"]
    assert list(first)[8:] == ["model_state", "findings", "suppressed", "error"]


def test_kinds_of_targets_and_conditions_are_those_of_the_contract() -> None:
    assert set(TargetKind) == {"learn", "input", "processing", "post_processing"}
    assert set(ConditionKind) == {
        *("training_lost", "stale", "rule_broken", "missing", "off_baseline"),
        *("deployment_behind", "sibling_differs", "features_missing"),
    }


def test_times_are_whole_seconds_in_utc() -> None:
    document = json.loads(dump_json(encode_report(quiet())))

    assert document["run"]["started_at"] == "2026-11-23T03:15:00Z"


def test_hidden_secrets_lose_their_fingerprint_at_any_depth() -> None:
    mark = f"(hidden:{'a' * 32})"
    change = finding(Area.TRAINING, "customParameters", {mark: [mark]}, {"k": {"l": mark}})

    text = dump_json(encode_diff(ModelState.TRAINED, [change], 0))

    assert json.loads(text)["findings"][0]["before"] == {"(hidden)": ["(hidden)"]}
    assert "hidden:" not in text


def test_vendor_changes_of_a_comparison_have_a_findings_keys() -> None:
    document = json.loads(dump_json(encode_diff(ModelState.STALE, [vendor()], 3)))

    assert list(document) == ["schema", "model_state", "findings", "suppressed"]
    assert list(document["findings"][0]) == FINDING_KEYS
    assert document["findings"][0]["owner"] == "vendor"


def test_status_is_ascii_and_hides_keys() -> None:
    text = dump_json(
        encode_status(
            [status(HOSTILE)],
            last_run=run(RunStatus.COMPLETE),
            next_run_at=datetime(2026, 11, 24, 3, 15, 0, 999, tzinfo=UTC),
            outbox=overview([dead()]),
        )
    )

    document = json.loads(text)
    assert text.isascii()
    assert document["next_run_at"] == "2026-11-24T03:15:00Z"
    assert document["targets"][0]["error"] == {
        "kind": "refused",
        "message": "key (hidden) refused",
    }
    assert document["messages"][0]["state"] == "dead"
    assert document["outbox"] == {"queued": 0, "dead": 1, "dropped": 0}
