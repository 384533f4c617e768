"""The packed inventory of a run, and sets of many targets."""

from __future__ import annotations

from auditor.audit.inventory import Inventory, InventoryPart
from auditor.audit.target_set import TargetSet
from auditor.fetching import ListedBlock
from auditor.impulses import NO_PLACE, Impulse, ImpulsePlace
from auditor.model import BlockKindName, TargetId
from auditor.results import Missing


def listed(
    project_id: int, block_id: int, kind: BlockKindName = BlockKindName.KERAS
) -> ListedBlock:
    return ListedBlock(
        target=TargetId(project_id, block_id),
        kind=kind,
        name=f"Block {block_id}",
        type=kind.value,
        entry={"id": block_id, "axes": ["x", {"y": 1.5}]},
        place=ImpulsePlace((Impulse(1, "Pump"),), (1, 2), "clone"),
    )


def part(
    project_id: int, name: str, *blocks: ListedBlock, lost: int | None = None
) -> InventoryPart:
    settled = () if lost is None else (missing(project_id, lost, name),)
    return InventoryPart(
        targets=tuple((block.target, name) for block in blocks),
        listed={block.target: block for block in blocks},
        settled=settled,
    )


def missing(project_id: int, block_id: int, name: str) -> Missing:
    target = TargetId(project_id, block_id)
    return Missing(target=target, kind=BlockKindName.KERAS, project=name)


def ids(inventory: Inventory, *first: TargetId) -> list[TargetId]:
    return [each.target for each in inventory.in_order(first)]


def test_an_entry_is_the_same_after_it_was_packed() -> None:
    block = listed(7, 3)
    inventory = Inventory([part(7, "Pump", block)])

    assert inventory.find(TargetId(7, 3)) == block
    assert inventory.place_of(TargetId(7, 3)) == block.place
    assert inventory.place_of(TargetId(7, 4)) == NO_PLACE
    assert list(inventory.places()) == [(TargetId(7, 3), block.place)]


def test_starved_targets_come_first_and_then_those_whose_data_others_take() -> None:
    window, features = BlockKindName.INPUT, BlockKindName.PROCESSING
    inventory = Inventory(
        [
            part(7, "Pump", listed(7, 1, window), listed(7, 2, features), listed(7, 3)),
            part(8, "Fan", listed(8, 1, window), listed(8, 3), listed(8, 4)),
        ]
    )

    in_order = [(7, 1), (8, 1), (7, 2), (7, 3), (8, 3), (8, 4)]
    assert ids(inventory) == in_order
    assert ids(inventory, TargetId(8, 4), TargetId(7, 2)) == [
        (8, 4),
        (7, 2),
        (7, 1),
        (8, 1),
        (7, 3),
        (8, 3),
    ]


def test_projects_of_the_same_name_have_their_ids_with_it() -> None:
    inventory = Inventory()
    inventory.put(2, part(9, "Fan", listed(9, 3)))
    inventory.put(0, part(7, "Pump", listed(7, 3)))
    inventory.put(1, part(8, "Pump", lost=4))
    inventory.complete()

    assert inventory.projects() == {7: "Pump (7)", 9: "Fan"}
    assert [(each.target, each.project) for each in inventory.in_order()] == [
        ((7, 3), "Pump (7)"),
        ((9, 3), "Fan"),
    ]
    ((lost,),) = inventory.settled_batches(10)
    assert lost == missing(8, 4, "Pump (8)")
    assert (inventory.size, inventory.settled_size) == (2, 1)


def test_blocks_of_an_impulse_are_found_learn_blocks_first() -> None:
    blocks = (listed(7, 2, BlockKindName.PROCESSING), listed(7, 3), listed(7, 9))
    inventory = Inventory([part(7, "Pump", *blocks)])

    assert inventory.blocks_of_impulse(7, 1) == ((7, 3), (7, 9), (7, 2))
    assert inventory.blocks_of_impulse(7, 2) is None
    assert inventory.is_listed(7)
    assert not inventory.is_listed(8)


def test_a_set_finds_its_targets_in_whatever_order_they_came() -> None:
    targets = TargetSet()
    for block_id in (5, 3, 9, 4):
        targets.add(TargetId(7, block_id))
    assert TargetId(7, 4) in targets
    targets.add(TargetId(7, 1))
    targets.add(TargetId(2, 2**60))

    assert [target in targets for target in (TargetId(7, 1), TargetId(7, 2))] == [True, False]
    assert list(targets) == [(2, 2**60), (7, 1), (7, 3), (7, 4), (7, 5), (7, 9)]
    assert len(targets) == 6
    assert targets.projects() == {2, 7}
