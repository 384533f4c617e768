from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from auditor.audit.fetch import fetch_target, is_bare, is_surprising
from auditor.demo.studio_server import sample_blocks
from auditor.drift.block_kinds import KERAS
from auditor.drift.canonical import FORMS, split
from auditor.drift.secrets import Secrets
from auditor.fetching import Answer, BlockSource, FetchResult, ListedBlock, StoredBody
from auditor.model import (
    BlockKindName,
    Failure,
    JsonObject,
    ModelState,
    Snapshot,
    TargetId,
    TargetState,
)
from auditor.records import KnownTarget
from tests.contextless import WithoutContext
from tests.studio.asking import NAMED

from .stage import PROJECT, Stage, stage

BLOCK = TargetId(PROJECT, 3)


class Settling(WithoutContext):
    """A Studio whose first answer is half old."""

    def __init__(self, first: JsonObject, second: JsonObject) -> None:
        self.asked: list[str] = []
        self.validators: list[str] = []
        self._first, self._second = first, second

    async def fetch(
        self, target: TargetId, source: BlockSource, *, stored_body: StoredBody | None
    ) -> FetchResult:
        assert source.kinds == (BlockKindName.KERAS,)
        self.asked.append(f"fetch {target}")
        self.validators.append(stored_body.validator if stored_body else "none")
        return Answer(kind=BlockKindName.KERAS, document=self._first, body_digest="1" * 64)

    async def fetch_again(self, target: TargetId, source: BlockSource) -> FetchResult:
        assert source.kinds == (BlockKindName.KERAS,)
        self.asked.append(f"again {target}")
        return Answer(kind=BlockKindName.KERAS, document=self._second, body_digest="2" * 64)

    async def wait_to_settle(self) -> None:
        raise NotImplementedError

    async def list_blocks(self, project_id: int) -> tuple[ListedBlock, ...] | Failure:
        raise NotImplementedError

    async def list_projects(self) -> Mapping[int, str] | Failure:
        raise NotImplementedError

    async def fetch_project_name(self, project_id: int) -> str:
        raise NotImplementedError


def known() -> KnownTarget:
    return KnownTarget(
        kind=BlockKindName.KERAS,
        target=BLOCK,
        project="Pump",
        name="Classifier",
        type="keras",
        state=TargetState.IN_SYNC,
        model_state=ModelState.TRAINED,
        body_digest="0" * 64,
        validator='"v1"',
        form=FORMS[BlockKindName.KERAS],
        version_id=1,
        digest="",
        catalogue_digest="",
        trained_version_id=None,
        baseline_version_id=None,
        models=(),
        last_checked_at=None,
    )


def snapshots(answer: JsonObject) -> Callable[[int], Awaitable[Snapshot]]:
    taken = Secrets(b"k" * 32).take_snapshot(split(answer, KERAS))

    async def snapshot_of(version_id: int) -> Snapshot:
        assert version_id == 1
        return taken

    return snapshot_of


def fetch(studio: Settling, before: KnownTarget, today: date) -> FetchResult:
    """Fetch the sample block, of which the store has its whole answer."""
    last = snapshots(sample_blocks()["keras"])
    return asyncio.run(
        fetch_target(BLOCK, NAMED, before, studio=studio, snapshot_of=last, today=today)
    )


@pytest.fixture
def night(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    with stage(database_url, tmp_path, {3: sample_blocks()["keras"]}) as installation:
        installation.audit()
        yield installation


def emptied(answer: dict[str, Any]) -> None:
    answer.update(visualLayers=[], script="")


def asked_for_block(installation: Stage) -> int:
    return sum("/training/keras/" in request.path for request in installation.studio.requests)


def test_an_emptied_answer_is_asked_for_once_more_and_then_believed(night: Stage) -> None:
    before = asked_for_block(night)
    night.studio.edit(BLOCK, emptied)

    report = night.json()

    assert asked_for_block(night) - before == 2
    assert report["targets"][0]["state"] == "drifted"


def test_an_answer_that_was_half_old_is_asked_for_once_more() -> None:
    whole = sample_blocks()["keras"]
    half = {**whole, "visualLayers": [], "script": ""}
    studio = Settling(half, whole)

    fetched = asyncio.run(
        fetch_target(
            BLOCK,
            NAMED,
            known(),
            studio=studio,
            snapshot_of=snapshots(whole),
            today=date(2026, 3, 1),
        )
    )

    assert isinstance(fetched, Answer)
    assert fetched.document == whole
    assert studio.asked == [f"fetch {BLOCK}", f"again {BLOCK}"]


def test_on_one_night_of_seven_the_whole_answer_is_asked_for() -> None:
    whole = sample_blocks()["keras"]
    studio = Settling(whole, whole)

    for day in range(1, 8):
        today = date(2026, 3, day)
        asyncio.run(
            fetch_target(
                BLOCK, NAMED, known(), studio=studio, snapshot_of=snapshots(whole), today=today
            )
        )

    assert sorted(studio.validators) == ["", *['"v1"'] * 6]


def test_what_was_read_in_another_form_is_asked_for_whole() -> None:
    whole = sample_blocks()["keras"]
    studio = Settling(whole, whole)
    before = replace(known(), form="0" * 16)

    for day in range(1, 8):
        today = date(2026, 3, day)
        asyncio.run(
            fetch_target(
                BLOCK, NAMED, before, studio=studio, snapshot_of=snapshots(whole), today=today
            )
        )

    assert studio.validators == ["none"] * 7


@pytest.mark.parametrize("name", sample_blocks())
def test_a_whole_answer_never_surprises(name: str) -> None:
    answer = sample_blocks()[name]

    assert not is_surprising(answer, answer, KERAS)


@pytest.mark.parametrize(
    "lost",
    [
        {"visualLayers": [], "script": ""},
        {"thresholds": []},
        {"transferLearningModels": []},
        {"dependencies": {"classes": [], "outputClasses": []}},
    ],
    ids=" and ".join,
)
def test_an_answer_that_lost_a_collection_surprises(lost: JsonObject) -> None:
    answer = sample_blocks()["keras"]
    bare = {**answer, **lost}

    assert is_bare(bare, KERAS)
    assert is_surprising(bare, answer, KERAS)
    assert not is_surprising(answer, bare, KERAS)


def test_a_switch_to_expert_mode_does_not_surprise() -> None:
    answer = sample_blocks()["keras"]

    expert = {**answer, "mode": "expert", "visualLayers": [], "script": "import keras"}

    assert not is_surprising(expert, answer, KERAS)


def test_an_answer_that_lost_most_of_its_keys_surprises() -> None:
    answer = sample_blocks()["keras"]
    rich = {**answer, **{f"unknown{n}": n for n in range(60)}}

    assert is_bare(answer, KERAS) or len(answer) > 24
    assert is_surprising(answer, rich, KERAS)
