from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from auditor.errors import (
    AuditorError,
    DamagedDatabaseError,
    DeliveryError,
    StudioError,
    UsageError,
)
from auditor.upkeep import (
    LEAST_ROOM_BYTES,
    Probe,
    ProbeResult,
    human_size,
    new_file,
    require_room,
    run_probes,
)


def answering(words: str, tried: list[str]) -> Callable[[], Awaitable[str]]:
    async def attempt() -> str:
        tried.append(words)
        return words

    return attempt


def failing(error: Exception) -> Callable[[], Awaitable[str]]:
    async def attempt() -> str:
        raise error

    return attempt


def test_everything_is_tried_in_order_whatever_fails_before() -> None:
    tried: list[str] = []
    probes = [
        Probe("database", answering("reached", tried)),
        Probe("Studio", failing(StudioError("unauthorized", "the key is refused"))),
        Probe("mail server", answering("answers", tried)),
    ]

    assert asyncio.run(run_probes(probes)) == (
        ProbeResult("database", exit_code=0, words="reached"),
        ProbeResult("Studio", exit_code=2, words="the key is refused"),
        ProbeResult("mail server", exit_code=0, words="answers"),
    )
    assert tried == ["reached", "answers"]


@pytest.mark.parametrize(
    "error",
    [
        AuditorError("no"),
        StudioError("timeout", "no"),
        DamagedDatabaseError("no"),
        DeliveryError("no", permanent=True),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_error_of_the_auditors_is_an_answer(error: AuditorError) -> None:
    [answer] = asyncio.run(run_probes([Probe("it", failing(error))]))

    assert (answer.exit_code, answer.words) == (error.exit_code, "no")


def test_a_fault_of_the_program_costs_one_line() -> None:
    tried: list[str] = []
    probes = [
        Probe("it", failing(ZeroDivisionError("by 0"))),
        Probe("next", answering("ok", tried)),
    ]

    defect, following = asyncio.run(run_probes(probes))

    assert (defect.exit_code, following.exit_code) == (2, 0)
    assert defect.words.endswith("ZeroDivisionError: by 0")


def test_nothing_to_try_is_no_answer() -> None:
    assert asyncio.run(run_probes([])) == ()


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    with pytest.raises(RuntimeError):
        _write_half(path)
    left = list(tmp_path.iterdir())
    with new_file(path) as beside:
        beside.write_text("whole")

    assert left == []
    assert path.read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_a_file_that_came_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    with pytest.raises(UsageError, match="exists already"), new_file(path):
        path.write_text("somebody else's")

    assert path.read_text() == "somebody else's"


def test_a_folder_is_no_file_to_overwrite(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"), new_file(tmp_path, overwrite=True):
        pass


def _write_half(path: Path) -> None:
    with new_file(path) as beside:
        beside.write_text("half")
        raise RuntimeError


@pytest.mark.parametrize("free", [LEAST_ROOM_BYTES + 500, LEAST_ROOM_BYTES + 501])
def test_a_disk_with_room_for_another_copy_is_well(free: int) -> None:
    require_room(Path("/srv"), free_bytes=free, beside_bytes=500)


def test_a_disk_that_a_backup_would_fill_is_refused_with_what_it_lacks() -> None:
    with pytest.raises(AuditorError, match=r"disk of /srv is nearly full, 0\.1 MiB short"):
        require_room(Path("/srv"), free_bytes=LEAST_ROOM_BYTES + 499, beside_bytes=500)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (1, "0.1 MiB"),
        (1_500_000, "1.4 MiB"),
        (2**30 - 2**20, "1,023.0 MiB"),
        (5 * 2**30, "5.0 GiB"),
    ],
)
def test_a_size_is_written_as_people_read_it(size: int, words: str) -> None:
    assert human_size(size) == words
