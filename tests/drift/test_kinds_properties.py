"""Whatever Studio sends of a block of another kind, it is refused, or compared and restored."""

from __future__ import annotations

import json
from random import Random

import pytest

from auditor.drift.block_kinds import BLOCK_KINDS, kind_of
from auditor.drift.canonical import canonical_bytes
from auditor.drift.difference import find_difference
from auditor.drift.excerpts import excerpt_answers
from auditor.drift.restore import find_restoration
from auditor.drift.secrets import Secrets
from auditor.errors import StudioError
from auditor.model import BlockKindName, JsonObject, TargetId
from auditor.studio.answers import read_answer
from tests.drift.kinds import document_of, sample_of, snapshot_of
from tests.fuzz.mutations import edited

SECRETS = Secrets(b"k" * 32)
OTHERS = [name for name in BLOCK_KINDS if name is not BlockKindName.KERAS]
MUTATIONS = 150


def mutated(name: BlockKindName, number: int) -> JsonObject | None:
    """Return the document of a mutated block, None where its answer is refused."""
    chance = Random(f"{name}:{number}")  # noqa: S311 - to be repeated, not to be secret
    answer, entry = sample_of(name)
    kind = kind_of(name)
    if kind.is_alone or (kind.is_listed and chance.random() < 0.5):
        entry = edited(entry, chance)
    else:
        answer = edited(answer, chance)
    if not isinstance(entry, dict):
        return None
    try:
        read = {} if kind.is_alone else read_answer(json.dumps(answer).encode(), kind)
    except StudioError:
        return None
    return kind.compose(entry, read)


@pytest.mark.parametrize("name", OTHERS)
def test_a_mutated_block_is_refused_or_compared(name: BlockKindName) -> None:
    sample, kind = document_of(name), kind_of(name)
    for number in range(MUTATIONS):
        document = mutated(name, number)
        if document is None:
            continue
        for old, new in ((sample, document), (document, sample)):
            found = find_difference(
                snapshot_of(name, old), snapshot_of(name, new), secrets=SECRETS
            )
            is_same = canonical_bytes(old, kind) == canonical_bytes(new, kind)
            assert not is_same or not (found.findings or found.suppressed)
            excerpt = excerpt_answers(old, new, found.findings, kind)
            for finding in found.findings:
                assert finding.headline
                find_restoration(finding, TargetId(1, 2), kind, excerpt)
