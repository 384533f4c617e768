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
from tests.signal.verdict import answers, judged, told_of

_PAIRS = {f"{area}: {one.name}": one for area, pairs in CORPUS.items() for one in pairs}
_OPEN = {name: one for name, one in _PAIRS.items() if one.base not in {"secret", "keyed script"}}


@pytest.mark.parametrize("pair", _PAIRS.values(), ids=_PAIRS)
def test_a_pair_is_told_as_its_label_says(pair: Pair) -> None:
    verdict = judged(pair)

    assert verdict.is_exact, f"on {pair.base}\n{verdict}"


@pytest.mark.parametrize("pair", _OPEN.values(), ids=_OPEN)
def test_a_finding_carries_what_literally_stands_at_its_path(pair: Pair) -> None:
    old, new = answers(pair)

    for one in told_of(pair).findings:
        if one.kind == "moved":
            assert one.path == f"visualLayers[{one.after}]"
        if one.kind in {"added", "changed", "replaced"}:
            assert _same(one.after, standing(new, one.path)), one
        if not one.path.startswith("visualLayers") or _is_removed_layer(one):
            assert _same(one.before, standing(old, one.path)), one


def test_no_pair_tells_a_secret() -> None:
    for pair in _PAIRS.values():
        told = str(told_of(pair))
        assert CANARY not in told, pair.name
        assert EI_KEY not in told, pair.name


def test_no_two_pairs_of_an_area_share_a_name() -> None:
    assert len(_PAIRS) == sum(map(len, CORPUS.values()))


def test_every_published_property_is_changed_by_a_pair_that_is_noticed() -> None:
    noticed = [one for one in _PAIRS.values() if one.told or one.suppressed]

    changed = frozenset().union(*(differing(*answers(one)) for one in noticed))

    assert frozenset() == PROPERTIES - changed


def test_every_sample_is_edited() -> None:
    edited = Counter(one.base for one in _PAIRS.values() if one.told)

    assert [name for name in sample_blocks() if edited[name] < 3] == []


def _is_removed_layer(finding: Finding) -> bool:
    """Tell where a path of the stack is one of the old stack."""
    return finding.kind == "removed" and "." not in finding.path


def _same(told: object, literal: object) -> bool:
    """Compare as JSON, in which true is not 1; what is not there is told as null."""
    wanted = None if literal is NOTHING else literal
    return json.dumps(told, sort_keys=True) == json.dumps(wanted, sort_keys=True)
