from __future__ import annotations

import json

import pytest

from auditor.errors import StudioError
from auditor.fetching import ListedBlock
from auditor.impulses import NO_PLACE, Impulse, ImpulsePlace
from auditor.model import BlockKindName, Json, TargetId
from auditor.studio.discovery import read_impulses, read_projects


def block(learn_id: Json, kind: Json = "keras", name: Json = "Classifier") -> Json:
    return {"id": learn_id, "type": kind, "name": name, "dsp": [2], "title": "Classification"}


def impulses(*members: Json) -> bytes:
    listed = [{"id": place, "name": "I", "learnBlocks": m} for place, m in enumerate(members)]
    return json.dumps({"success": True, "impulses": listed}).encode()


def test_a_block_that_two_impulses_share_counts_once() -> None:
    body = impulses([block(7), block(3)], [block(3), block(5)], [])

    assert [b.target for b in read_impulses(body, 1)] == [(1, 3), (1, 5), (1, 7)]


def test_a_block_is_of_the_first_impulse_that_has_it() -> None:
    body = impulses([block(7)], [block(3), block(7)])

    assert [b.place.impulses[0].id for b in read_impulses(body, 1)] == [1, 0]


@pytest.mark.parametrize("id_", [None, "1", {}])
def test_an_impulse_without_a_usable_id_lists_its_blocks_all_the_same(id_: Json) -> None:
    body = json.dumps({"success": True, "impulses": [{"id": id_, "learnBlocks": [block(3)]}]})

    assert read_impulses(body.encode(), 1)[0].place == NO_PLACE


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("keras", BlockKindName.KERAS),
        ("keras-anomaly", BlockKindName.KERAS),
        ("keras-visual-anomaly", BlockKindName.KERAS),
        ("a-type-of-tomorrow", BlockKindName.KERAS),
        ("anomaly", BlockKindName.ANOMALY),
        ("anomaly-gmm", BlockKindName.ANOMALY),
        ("vlm", BlockKindName.VLM),
    ],
)
def test_the_type_of_a_learn_block_says_how_it_is_read(type_: str, kind: BlockKindName) -> None:
    entry = block(3, type_)
    assert isinstance(entry, dict)

    assert read_impulses(impulses([entry]), 1) == (
        ListedBlock(
            kind=kind,
            target=TargetId(1, 3),
            name="Classifier",
            type=type_,
            entry=entry,
            place=ImpulsePlace((Impulse(0, "I"),)),
        ),
    )


def test_a_project_may_have_no_impulse() -> None:
    assert read_impulses(impulses(), 1) == ()


def test_a_block_without_a_name_is_listed_without_one() -> None:
    assert read_impulses(impulses([block(3.0, name=None)]), 1)[0].name == ""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b'{"success": true}', "impulses: expected a list", id="no list"),
        pytest.param(b'{"success": true, "impulses": {}}', "impulses: expected", id="no list"),
        pytest.param(
            b'{"success": true, "impulses": [3]}', "impulses[0]: expected", id="a number"
        ),
        pytest.param(impulses(None), "impulses[0].learnBlocks: expected", id="no blocks"),
        pytest.param(impulses(["x"]), "impulses[0].learnBlocks[0]: expected", id="text"),
        pytest.param(impulses([], [block("3")]), "impulses[1].learnBlocks[0].id", id="id is text"),
        pytest.param(impulses([block(True)]), "learnBlocks[0].id: expected", id="id is true"),
        pytest.param(impulses([block(3, None)]), "learnBlocks[0].type: expected", id="no type"),
    ],
)
def test_one_block_that_cannot_be_read_refuses_the_listing(body: bytes, message: str) -> None:
    with pytest.raises(StudioError) as caught:
        read_impulses(body, 1)

    assert caught.value.kind == "invalid"
    assert message in caught.value.message


def test_projects_are_named_by_id() -> None:
    body = b'{"success": true, "projects": [{"id": 4, "name": "Fan"}, {"id": 1}]}'

    assert read_projects(body) == {4: "Fan", 1: ""}


@pytest.mark.parametrize(
    "body", [b'{"success": true}', b'{"success": true, "projects": [{}]}', b'{"success": false}']
)
def test_a_list_of_projects_that_cannot_be_believed_is_refused(body: bytes) -> None:
    with pytest.raises(StudioError):
        read_projects(body)
