"""Every pair of the corpus against its label, and the corpus against the schema."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from auditor.demo.studio_server import sample_blocks
from auditor.model import Finding
from tests.signal.bases import CANARY, EI_KEY
from tests.signal.corpus import CORPUS
from tests.signal.pairs import Pair
from tests.signal.schema import PROPERTIES, differing
from tests.signal.standing import NOTHING, standing
from tests.signal.verdict import answers, difference_of, judged

_PAIRS = {f"{area}: {pair.name}": pair for area, pairs in CORPUS.items() for pair in pairs}
_OPEN = {
    name: pair for name, pair in _PAIRS.items() if pair.base not in {"secret", "keyed script"}
}


@pytest.mark.parametrize("pair", _PAIRS.values(), ids=_PAIRS)
def test_a_pair_is_reported_as_its_label_says(pair: Pair) -> None:
    verdict = judged(pair)

    assert verdict.is_exact, f"on {pair.base}\n{verdict}"


@pytest.mark.parametrize("pair", _OPEN.values(), ids=_OPEN)
def test_a_finding_carries_the_literal_values_at_its_path(pair: Pair) -> None:
    old, new = answers(pair)

    for finding in difference_of(pair).findings:
        if finding.kind == "moved":
            assert finding.path == f"visualLayers[{finding.after}]"
        if finding.kind in {"added", "changed", "replaced"}:
            assert _same(finding.after, standing(new, finding.path)), finding
        if not finding.path.startswith("visualLayers") or _is_removed_layer(finding):
            assert _same(finding.before, standing(old, finding.path)), finding


def test_no_pair_shows_a_secret() -> None:
    for pair in _PAIRS.values():
        text = str(difference_of(pair))
        assert CANARY not in text, pair.name
        assert EI_KEY not in text, pair.name


def test_no_two_pairs_of_an_area_share_a_name() -> None:
    assert len(_PAIRS) == sum(map(len, CORPUS.values()))


def test_every_published_property_is_changed_by_a_pair_that_is_noticed() -> None:
    noticed = [pair for pair in _PAIRS.values() if pair.expected or pair.suppressed]

    changed = frozenset().union(*(differing(*answers(pair)) for pair in noticed))

    assert frozenset() == PROPERTIES - changed


def test_every_sample_is_edited() -> None:
    edited = Counter(pair.base for pair in _PAIRS.values() if pair.expected)

    assert [name for name in sample_blocks() if edited[name] < 3] == []


def _is_removed_layer(finding: Finding) -> bool:
    """Tell where a path of the stack is one of the old stack."""
    return finding.kind == "removed" and "." not in finding.path


def _same(reported: object, literal: object) -> bool:
    """Compare as JSON, in which true is not 1; what is missing counts as null."""
    wanted = None if literal is NOTHING else literal
    return json.dumps(reported, sort_keys=True) == json.dumps(wanted, sort_keys=True)
