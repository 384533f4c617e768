"""Large answers: right, and no more is built than what differs. Nodes are counted, never time."""

from __future__ import annotations

import hashlib
import json
from random import Random

import pytest

from auditor.drift.block_kinds import BLOCK_KINDS, KERAS, BlockKind, kind_of
from auditor.drift.canonical import (
    FORMS,
    canonical_bytes,
    catalogue_digest,
    form_of,
    read,
    read_catalogue,
    read_catalogues,
)
from auditor.drift.excerpts import excerpt_answers
from auditor.drift.restore import find_restoration, paths_within
from auditor.model import BlockKindName, Json, JsonObject, TargetId
from tests.drift.answers import Answer, difference_between, sample
from tests.drift.kinds import document_of
from tests.fuzz.mutations import edited

MUTATIONS = 100


def _sorted_json(form: Json) -> bytes:
    return json.dumps(form, sort_keys=True, separators=(",", ":")).encode("ascii")


def _mutated(document: JsonObject, number: int) -> JsonObject:
    found = edited(document, Random(number))  # noqa: S311 - to be repeated, not to be secret
    return found if isinstance(found, dict) else document


@pytest.mark.parametrize("name", BLOCK_KINDS)
def test_a_form_is_the_same_with_and_without_nodes(name: BlockKindName) -> None:
    kind = kind_of(name)
    document = sample() if name is BlockKindName.KERAS else document_of(name)
    for number in range(MUTATIONS):
        other = _mutated(document, number)

        assert canonical_bytes(other, kind) == _sorted_json(form_of(read(other, kind)))
        if kind.catalogue:
            models = other.get(kind.catalogue)
            assert catalogue_digest(models, kind) == _digest_of_nodes(models, kind)


def _digest_of_nodes(models: Json, kind: BlockKind) -> str:
    form = _sorted_json(read_catalogue(models, kind).form)
    return hashlib.sha256(FORMS[kind.name].encode("ascii") + form).hexdigest()


def _with_models(number: int) -> Answer:
    answer = sample()
    model = answer["transferLearningModels"][0]
    answer["transferLearningModels"] = [
        {**model, "type": "transfer_organization", "organizationModelId": n, "name": f"Model {n}"}
        for n in range(1, number + 1)
    ]
    return answer


def test_of_a_large_catalogue_only_the_models_that_differ_become_nodes() -> None:
    old, new = _with_models(500), _with_models(500)
    models = new["transferLearningModels"]
    models[7]["name"] = "Renamed"
    models[8] = dict(reversed(models[8].items()))
    models.append(models.pop(0))
    models.pop(100)

    before, after = read_catalogues(
        old["transferLearningModels"], new["transferLearningModels"], KERAS
    )

    renamed, removed = "transfer_organization:8", "transfer_organization:102"
    assert list(before.children or {}) == [renamed, removed]
    assert list(after.children or {}) == [renamed]
    assert [(str(f.kind), f.path) for f in difference_between(old, new).findings] == [
        ("removed", f"transferLearningModels[{removed}]"),
        ("changed", f"transferLearningModels[{renamed}].name"),
    ]


def test_of_several_models_of_one_identity_each_is_compared_with_its_own() -> None:
    old, new = _with_models(3), _with_models(3)
    for answer in (old, new):
        answer["transferLearningModels"] += answer["transferLearningModels"][:2]
    new["transferLearningModels"][3] = {**new["transferLearningModels"][3], "author": "Other"}

    assert [finding.path for finding in difference_between(old, new).findings] == [
        "transferLearningModels[transfer_organization:1#2].author"
    ]


@pytest.mark.parametrize(("before", "after"), [(True, 1), (0, False), (None, False)])
def test_a_boolean_in_a_model_is_no_number(before: Json, after: Json) -> None:
    old, new = _with_models(2), _with_models(2)
    old["transferLearningModels"][1]["future"] = before
    new["transferLearningModels"][1]["future"] = after

    assert [finding.path for finding in difference_between(old, new).findings] == [
        "transferLearningModels[transfer_organization:2].future"
    ]


def test_the_layers_of_an_answer_are_aligned_once_for_all_its_restorations() -> None:
    old, new = sample(), sample()
    old["visualLayers"] = [{"type": "dense", "neurons": place} for place in range(300)]
    new["visualLayers"] = [layer | {"neurons": -1} for layer in old["visualLayers"]]
    findings = difference_between(old, new).findings
    excerpt = excerpt_answers(old, new, findings, KERAS)
    paths_within.cache_clear()

    for finding in findings:
        assert find_restoration(finding, TargetId(1, 2), KERAS, excerpt)

    assert len(findings) == 300
    assert paths_within.cache_info().misses == 1
