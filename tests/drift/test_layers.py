"""Alignment of layers: the contract's sentences as examples."""

from __future__ import annotations

import itertools

import pytest

from auditor.drift.block_kinds import KERAS
from auditor.drift.compare import compare
from auditor.drift.layers import align
from auditor.drift.layers.draft import AlignmentDraft
from auditor.drift.layers.numbers import NumberedStacks
from auditor.drift.layers.search import AlignmentSearch
from auditor.model import JsonObject
from tests.drift.alignment_oracle import Candidate, findings_of, stack
from tests.drift.answers import sample

_DENSE_10: JsonObject = {"type": "dense", "neurons": 10}
_DENSE_20_DROPOUT: JsonObject = {"type": "dense", "neurons": 20, "dropoutRate": 0.5}
_CONV: JsonObject = {"type": "conv1d", "neurons": 10, "kernelSize": 3}
_FLATTEN: JsonObject = {"type": "flatten"}


def _found(old: str, new: str) -> list[str]:
    alignment = align(stack(old), stack(new))
    return sorted(findings_of(Candidate(old, new, alignment.pairs, alignment.moved)))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("abd", "abd", [], id="nothing"),
        pytest.param("abd", "acbd", ["+1"], id="inserted"),
        pytest.param("acbd", "abd", ["-1"], id="removed"),
        pytest.param("", "ad", ["+0", "+1"], id="from nothing"),
        pytest.param("ad", "", ["-0", "-1"], id="to nothing"),
        pytest.param("ab", "aa", ["~1*1"], id="edited"),
        pytest.param("acd", "add", ["=1"], id="replaced"),
        pytest.param("cda", "acd", ["2>0"], id="moved to the front"),
        pytest.param("acd", "cda", ["0>2"], id="moved to the end"),
        pytest.param("adc", "cda", ["0>2", "2>0"], id="what stays between has not moved"),
        pytest.param("acd", "cdb", ["0>2", "~2*1"], id="moved and edited"),
        pytest.param("cda", "bcd", ["2>0", "~0*1"], id="moved to the front and edited"),
        pytest.param("acd", "cde", ["0>2", "~2*2"], id="moved, two properties edited"),
        pytest.param("acdfdcf", "cdfdcfb", ["0>6", "~6*1"], id="moved far and edited"),
        pytest.param("aff", "ffd", ["+2", "-0"], id="another type has never moved"),
        pytest.param("acdf", "cdaf", ["0>2"], id="moved, not edited twice"),
        pytest.param("eba", "beb", ["2>0", "~0*1"], id="moved and edited within its type"),
        pytest.param("def", "cf", ["-0", "=0"], id="the first removed, the second replaced"),
        pytest.param("ecabe", "bea", ["-1", "-4", "3>0"], id="no move to the same place"),
    ],
)
def test_an_edit_is_found_as_what_was_done(old: str, new: str, expected: list[str]) -> None:
    assert _found(old, new) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("ad", "da", ["0>1"], id="alone"),
        pytest.param("dacf", "dcaf", ["1>2"], id="among others"),
        pytest.param("dacf", "dcbf", ["1>2", "~2*1"], id="the first edited"),
        pytest.param("dacd", "dfad", ["1>2", "~1*2"], id="the second edited"),
        pytest.param("dacd", "dfbd", ["1>2", "~1*2", "~2*1"], id="both edited"),
        pytest.param("aad", "ada", ["1>2"], id="behind a twin"),
        pytest.param("aba", "baa", ["0>1"], id="before a twin"),
        pytest.param("daa", "ada", ["0>1"], id="the second one of twins"),
        pytest.param("ada", "aad", ["1>2"], id="to its twin"),
        pytest.param("adcaa", "adaca", ["2>3"], id="the second one of twins, among others"),
        pytest.param("adab", "adba", ["2>3"], id="a twin further up"),
        pytest.param("ad", "cdda", ["+0", "+2", "0>3"], id="across a twin added"),
        pytest.param("adc", "cfda", ["+1", "1>2", "2>0"], id="not where a third crosses them"),
    ],
)
def test_of_swapped_neighbours_the_first_moved(old: str, new: str, expected: list[str]) -> None:
    assert _found(old, new) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("aa", "a", ["-1"], id="one of two removed"),
        pytest.param("a", "aa", ["+1"], id="a second added"),
        pytest.param("caad", "cad", ["-2"], id="removed between others"),
        pytest.param("aaaa", "aa", ["-2", "-3"], id="two removed"),
        pytest.param("aa", "aaaa", ["+2", "+3"], id="two added"),
        pytest.param("caaad", "aaacd", ["0>3"], id="a move across twins"),
        pytest.param("aaacd", "caaad", ["3>0"], id="a move back across twins"),
        pytest.param("aacd", "acda", ["1>3"], id="the last of the twins moves away"),
        pytest.param("caaad", "aaafd", ["0>3", "~3*2"], id="moved across twins and edited"),
    ],
)
def test_of_equal_layers_the_last_is_added_or_removed(
    old: str, new: str, expected: list[str]
) -> None:
    assert _found(old, new) == expected


def _changes(old: list[JsonObject], new: list[JsonObject]) -> list[tuple[object, ...]]:
    before, after = sample(), sample()
    before["visualLayers"], after["visualLayers"] = old, new
    return [
        (str(change.kind), change.path, change.before, change.after)
        for change in compare(before, after, KERAS)
    ]


def test_a_layer_moved_and_edited_is_a_move_and_its_properties_at_the_new_place() -> None:
    old = [_DENSE_10, _CONV, _FLATTEN]
    new = [_CONV, _FLATTEN, _DENSE_20_DROPOUT]

    assert _changes(old, new) == [
        ("moved", "visualLayers[2]", 0, 2),
        ("changed", "visualLayers[2].neurons", 10, 20),
        ("added", "visualLayers[2].dropoutRate", None, 0.5),
    ]


def test_a_layer_that_only_moved_has_no_property_changes() -> None:
    old, new = [_DENSE_10, _CONV, _FLATTEN], [_CONV, _FLATTEN, _DENSE_10 | {"enabled": True}]

    assert _changes(old, new) == [("moved", "visualLayers[2]", 0, 2)]


def test_a_model_moved_and_exchanged_is_a_move_and_a_replacement() -> None:
    old: list[JsonObject] = [{"type": "transfer_organization", "organizationModelId": 1}]
    new: list[JsonObject] = [
        {"type": "transfer_organization", "organizationModelId": 2, "neurons": 16}
    ]

    assert _changes([*old, _CONV, _FLATTEN], [_CONV, _FLATTEN, *new]) == [
        ("moved", "visualLayers[2]", 0, 2),
        ("replaced", "visualLayers[2]", *old, *new),
    ]


def test_another_model_counts_as_one_finding() -> None:
    old: JsonObject = {"type": "transfer_organization", "organizationModelId": 1, "neurons": 8}
    other: JsonObject = {**old, "organizationModelId": 2, "neurons": 16, "dropoutRate": 0.5}
    like: JsonObject = {**other, "organizationModelId": 1}

    assert _changes([old], [other, like]) == [
        ("added", "visualLayers[1]", None, like),
        ("replaced", "visualLayers[0]", old, other),
    ]


def test_a_search_cut_short_still_names_every_layer_once_and_joins_moves() -> None:
    old, new = "acdfbe" * 3, "ebfdca" * 3
    stacks = NumberedStacks.of(stack(old), stack(new))

    draft = AlignmentSearch(stacks, max_steps=1).cheapest()

    assert _is_whole(draft, len(old), len(new))
    assert all(
        (stacks.old[i], stacks.new[j]) in stacks.differences for i, j in draft.moved.items()
    )
    assert not any(
        (stacks.old[i], stacks.new[j]) in stacks.differences
        for i, j in itertools.product(draft.removed, draft.added)
    )


def _is_whole(draft: AlignmentDraft, old: int, new: int) -> bool:
    before = [*draft.pairs, *draft.moved, *draft.removed]
    after = [*draft.pairs.values(), *draft.moved.values(), *draft.added]
    return sorted(before) == list(range(old)) and sorted(after) == list(range(new))
