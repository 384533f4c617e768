"""Which faults are worth another try, and that no other is: docs/faults.md, held."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from auditor.credentials import ApiKey
from auditor.demo.faults import Fault
from auditor.demo.studio_server import sample_blocks
from auditor.fetching import FetchFailure
from auditor.model import Failure, TargetId
from auditor.redaction import Secret
from tests.fault_table import by_fault
from tests.simulated_studio import SimulatedStudio
from tests.studio.asking import NAMED, client

TABLE = by_fault()
TARGETS = {fault: TargetId(100 + place, 3) for place, fault in enumerate(Fault)}
FAILING = [fault for fault in Fault if TABLE[fault].state == "unknown"]
TRIES = 2


@dataclass(frozen=True, slots=True)
class AnswersByFault:
    """What every fault came to, all met at once, and how often each path was asked for."""

    failures: dict[Fault, Failure | None]
    paths: Counter[str]


@pytest.fixture(scope="module")
def asked() -> Iterator[AnswersByFault]:
    with SimulatedStudio() as studio:
        for fault, target in TARGETS.items():
            studio.add_project(target.project_id, name="", api_key=_key(target))
            studio.put(target, sample_blocks()["keras"])
            studio.fail(fault, target=target)
        failures = asyncio.run(_ask_all(studio.base_url))
        paths = Counter(request.path for request in studio.requests)
        yield AnswersByFault(failures, paths)


async def _ask_all(base_url: str) -> dict[Fault, Failure | None]:
    """Ask with a client for each fault: one that met them all would believe Studio down."""
    late = [fault for fault in FAILING if TABLE[fault].kind == "timeout"]
    prompt = [fault for fault in FAILING if fault not in late]
    found: dict[Fault, Failure | None] = {}
    for faults, timeout_s in ((prompt, 20), (late, 0.5)):  # the late ones with nobody in the way
        asked = await asyncio.gather(*(_ask(base_url, fault, timeout_s) for fault in faults))
        found.update(zip(faults, asked, strict=True))
    return found


async def _ask(base_url: str, fault: Fault, timeout_s: float) -> Failure | None:
    target = TARGETS[fault]
    asking = client(
        base_url,
        credentials={target.project_id: ApiKey(Secret(_key(target)))},
        tries=TRIES,
        timeout=timedelta(seconds=timeout_s),
    )
    async with asking as studio:
        if fault.is_listing_fault:
            listed = await studio.list_blocks(target.project_id)
            return listed if isinstance(listed, Failure) else None
        fetched = await studio.fetch(target, NAMED, stored_body=None)
        return fetched.failure if isinstance(fetched, FetchFailure) else None


def _key(target: TargetId) -> str:
    return f"ei_{target.project_id:048x}"


@pytest.mark.parametrize("fault", FAILING)
def test_only_what_may_pass_is_asked_again(asked: AnswersByFault, fault: Fault) -> None:
    target, row = TARGETS[fault], TABLE[fault]
    block = f"/v1/api/{target.project_id}/training/keras/{target.learn_id}"
    path = f"/v1/api/{target.project_id}/impulses" if fault.is_listing_fault else block

    failure = asked.failures[fault]
    assert failure is not None
    assert failure.kind == row.kind
    # A dropped connection is taken for one that was idle: aiohttp asks a second time by itself.
    sent = 2 if fault is Fault.CLOSE else 1
    assert asked.paths[path] == (TRIES * sent if row.asked_again else 1)
    assert failure.message.endswith(f"(tried {TRIES} times)") is row.asked_again
