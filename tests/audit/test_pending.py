from __future__ import annotations

import tracemalloc
from dataclasses import replace

from auditor.audit.pending import PendingResult, PendingResults
from auditor.drift.block_kinds import KERAS
from auditor.drift.canonical import split
from auditor.drift.secrets import Secrets
from auditor.model import TargetId
from tests.audit.stage import block
from tests.store.examples import night

_MOST_BYTES = 3000  # of each; the answer alone has 10 KB, and 25 KB once it is parsed


def _pending(learn_id: int) -> PendingResult:
    answer = block(name=f"Block {learn_id}")
    snapshot = Secrets(b"k" * 32).take_snapshot(split(answer, KERAS))
    return PendingResult(
        target=TargetId(7, learn_id),
        project="Pump",
        type="keras",
        snapshot=snapshot,
        body_digest="0" * 64,
        validator="",
        at=night(1),
        acts=frozenset({"template"}),
    )


def test_pending_results_are_taken_as_they_were_added_in_batches() -> None:
    added = [_pending(learn_id) for learn_id in range(5)]
    results = PendingResults()
    for pending in added:
        results.count_compared(pending.type)
        results.add(pending)

    batches = list(results.take_batches(2))

    assert [len(batch) for batch in batches] == [2, 2, 1]
    taken = [
        replace(pending, acts=frozenset({"template"})) for batch in batches for pending in batch
    ]
    assert taken == added
    assert results.vendor_acts() == {"keras": {"template"}}
    assert list(results.take_batches(2)) == []


def test_a_pending_result_takes_a_fraction_of_its_answer() -> None:
    results, number = PendingResults(), 200
    results.add(_pending(0))
    tracemalloc.start()
    for learn_id in range(1, number + 1):
        results.add(_pending(learn_id))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert taken / number < _MOST_BYTES
