"""Every pair of the corpus against its label, and the corpus against the schema."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from auditor.demo.studio_server import sample_blocks
from auditor.model import Finding
from tests.signal.bases import CANARY, EI_KEY, KEY_OF_LETTERS
from tests.signal.corpus import CORPUS
from tests.signal.edits import Answer, edited, put
from tests.signal.pairs import Pair
from tests.signal.schema import PROPERTIES, differing
from tests.signal.standing import NOTHING, standing
from tests.signal.verdict import answers, compared, difference_of, judged, state_by_label

_PAIRS = {f"{area}: {pair.name}": pair for area, pairs in CORPUS.items() for pair in pairs}
_WITH_SECRETS = {"secret", "keyed script"}


@pytest.mark.parametrize("pairs", CORPUS.values(), ids=CORPUS)
def test_each_pair_is_reported_as_its_label_says(pairs: tuple[Pair, ...]) -> None:
    inexact = [
        f"{pair.name} (on {pair.base})\n{verdict}"
        for pair in pairs
        if not (verdict := judged(pair)).is_exact
    ]

    assert not inexact, "\n\n".join(inexact)


@pytest.mark.parametrize("pairs", CORPUS.values(), ids=CORPUS)
def test_a_finding_carries_the_literal_values_at_its_path(pairs: tuple[Pair, ...]) -> None:
    shown = [pair for pair in pairs if pair.base not in _WITH_SECRETS]

    wrong = [f"{pair.name} (on {pair.base}): {path}" for pair in shown for path in _wrong(pair)]

    assert not wrong, "\n".join(wrong)


def test_the_state_of_a_model_follows_from_the_other_labels() -> None:
    stated = [pair for pair in _PAIRS.values() if pair.state]

    assert [pair.name for pair in stated if pair.state != state_by_label(pair)] == []


def test_the_id_of_a_finding_stays_whatever_else_changes_that_night() -> None:
    for pair in CORPUS["thresholds"]:
        old, new = answers(pair)
        known = {finding.id for finding in difference_of(pair).findings}
        with_more = compared(
            old, edited(new, put(name="renamed", showAdvancedTrainingSettings=True))
        )
        assert known < {finding.id for finding in with_more.findings}, pair.name


def test_no_pair_shows_a_secret() -> None:
    for pair in _PAIRS.values():
        text = str(difference_of(pair))
        assert CANARY not in text, pair.name
        assert EI_KEY not in text, pair.name
        assert KEY_OF_LETTERS not in text, pair.name


def test_no_two_pairs_of_an_area_share_a_name() -> None:
    assert len(_PAIRS) == sum(map(len, CORPUS.values()))


def test_every_published_property_is_changed_by_a_pair_that_is_noticed() -> None:
    noticed = [pair for pair in _PAIRS.values() if pair.expected or pair.suppressed]

    changed = frozenset().union(*(differing(*answers(pair)) for pair in noticed))

    assert frozenset() == PROPERTIES - changed


def test_every_sample_is_edited() -> None:
    edited = Counter(pair.base for pair in _PAIRS.values() if pair.expected)

    assert [name for name in sample_blocks() if edited[name] < 3] == []


def _wrong(pair: Pair) -> Iterator[str]:
    """Yield the paths of findings whose values are not those of the two answers."""
    old, new = answers(pair)
    for finding in difference_of(pair).findings:
        if finding.kind == "moved":
            if finding.path != f"visualLayers[{finding.after}]":
                yield finding.path
        elif not _is_literal(finding, old, new):
            yield finding.path


def _is_literal(finding: Finding, old: Answer, new: Answer) -> bool:
    is_after = finding.kind == "removed" or _same(finding.after, standing(new, finding.path))
    is_moved_place = finding.path.startswith("visualLayers") and not _is_removed_layer(finding)
    return is_after and (is_moved_place or _same(finding.before, standing(old, finding.path)))


def _is_removed_layer(finding: Finding) -> bool:
    """Tell where a path of the stack is one of the old stack."""
    return finding.kind == "removed" and "." not in finding.path


def _same(reported: object, literal: object) -> bool:
    """Compare as JSON, in which true is not 1; what is missing counts as null."""
    wanted = None if literal is NOTHING else literal
    return json.dumps(reported, sort_keys=True) == json.dumps(wanted, sort_keys=True)
