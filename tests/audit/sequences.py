"""Edits over nights, each with a label: what each night's report says of the block.

All sequences are lived through at once, each on a block of its own. A label names the reference
of a finding and its path; `undone` marks a change that undoes the last one at its place, and `@n`
says that a difference from the baseline dates from night n. What is acknowledged is not named.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.audit.stage import block

Edit: TypeAlias = Callable[[dict[str, Any]], object]

CONV: dict[str, Any] = {"type": "conv1d", "neurons": 8, "kernelSize": 3}
DROP: dict[str, Any] = {"type": "dropout", "dropoutRate": 0.25}
DENSE: dict[str, Any] = {"type": "dense", "neurons": 20}
OTHER: dict[str, Any] = {"type": "dense", "neurons": 30}
NEW: dict[str, Any] = {"type": "conv2d", "neurons": 4, "kernelSize": 5}
FLAT: dict[str, Any] = {"type": "flatten"}


@dataclass(frozen=True, slots=True)
class Night:
    """A night's edits, what its report says, and what a person decides of it afterwards.

    Attributes:
        accepts: the paths of the findings that are acknowledged, whatever they are compared with.
        until: the last night of that.
        approves: whether the version is approved.
        is_gone: whether Studio does not list the block.
    """

    edits: tuple[Edit, ...] = ()
    says: frozenset[str] = frozenset()
    accepts: tuple[str, ...] = ()
    until: int | None = None
    approves: bool = False
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class LabelledSequence:
    """Nights of one block, which is approved before the first unless it says otherwise."""

    start: dict[str, Any]
    nights: Sequence[Night]
    has_baseline: bool = True


def night(*edits: Edit, says: str = "", **decided: Any) -> Night:  # noqa: ANN401 - fields by name
    """Return a night; `says` are labels, separated by commas."""
    labels = frozenset(label.strip() for label in says.split(",") if label.strip())
    return Night(edits, labels, **decided)


def put(place: int, **values: object) -> Edit:
    """Edit a layer."""
    return lambda answer: answer["visualLayers"][place].update(values)


def insert(place: int, layer: dict[str, Any]) -> Edit:
    """Insert a layer."""
    return lambda answer: answer["visualLayers"].insert(place, dict(layer))


def cut(place: int) -> Edit:
    """Remove a layer."""
    return lambda answer: answer["visualLayers"].pop(place)


def move(place: int, to: int) -> Edit:
    """Move a layer."""
    return lambda answer: answer["visualLayers"].insert(to, answer["visualLayers"].pop(place))


def become(place: int, layer: dict[str, Any]) -> Edit:
    """Put another layer in a place."""
    return lambda answer: answer["visualLayers"].__setitem__(place, dict(layer))


def change(**values: object) -> Edit:
    """Change settings."""
    return lambda answer: answer.update(values)


def drop(key: str) -> Edit:
    """Take a setting out."""
    return lambda answer: answer.pop(key)


def data(**values: object) -> Edit:
    """Change what the block depends on."""
    return lambda answer: answer["dependencies"].update(values)


def stack(*layers: dict[str, Any]) -> dict[str, Any]:
    """Return a block with these layers."""
    return block(visualLayers=[dict(layer) for layer in layers])


_THREE = stack(CONV, DROP, DENSE)
_TWO = stack(DENSE, OTHER)
_EXPERT = change(mode="expert", visualLayers=[])
_VISUAL = change(mode="visual", visualLayers=[CONV, DROP, {**DENSE, "neurons": 12}])
_SCORE: dict[str, Any] = {"key": "min_score", "value": 0.9}
_EDITED = night(put(2, neurons=12), says="last visualLayers[2].neurons")
_ACCEPTED = night(
    put(2, neurons=12),
    says="last visualLayers[2].neurons",
    accepts=("visualLayers[2].neurons",),
)
_CYCLES = night(change(trainingCycles=77), says="last trainingCycles", accepts=("trainingCycles",))
_BACK = night(change(trainingCycles=30), says="last trainingCycles undone")


@dataclass(frozen=True, slots=True)
class _Book:
    found: dict[str, LabelledSequence] = field(default_factory=dict)

    def add(
        self, name: str, start: dict[str, Any], *nights: Night, has_baseline: bool = True
    ) -> None:
        assert name not in self.found
        self.found[name] = LabelledSequence(start, nights, has_baseline)


_BOOK = _Book()
SEQUENCES = _BOOK.found
_add = _BOOK.add

_add(
    "an accepted edit, and a layer before it",
    _THREE,
    _ACCEPTED,
    night(insert(0, NEW), says="last visualLayers[0]"),
    night(says="baseline visualLayers[0] @2"),
)
_add(
    "an accepted edit, and a layer before it goes",
    _THREE,
    _ACCEPTED,
    night(cut(0), says="last visualLayers[0]"),
    night(says="baseline visualLayers[0] @2"),
)
_add(
    "an accepted edit, and the layer moves",
    _THREE,
    _ACCEPTED,
    night(move(2, 0), says="last visualLayers[0]"),
    night(says="baseline visualLayers[0] @2"),
)
_add(
    "an accepted edit in another place is edited again",
    _THREE,
    _ACCEPTED,
    night(insert(0, NEW), says="last visualLayers[0]"),
    night(
        put(3, neurons=13),
        says="last visualLayers[3].neurons, baseline visualLayers[0] @2",
    ),
    night(says="baseline visualLayers[0] @2, baseline visualLayers[3].neurons @3"),
)
_add(
    "another layer comes to the place and the value that were accepted",
    _TWO,
    night(
        put(1, neurons=12),
        says="last visualLayers[1].neurons",
        accepts=("visualLayers[1].neurons",),
    ),
    night(insert(0, NEW), says="last visualLayers[0]"),
    night(
        put(1, neurons=12),
        says="last visualLayers[1].neurons, baseline visualLayers[0] @2",
    ),
    night(says="baseline visualLayers[0] @2, baseline visualLayers[1].neurons @3"),
)
_add(
    "another layer goes the way back, in the same place",
    stack(DROP, DENSE, {**DENSE, "neurons": 10}),
    night(put(1, neurons=10), says="last visualLayers[1].neurons"),
    night(cut(0), says="last visualLayers[0]"),
    night(put(1, neurons=20), says="last visualLayers[1].neurons"),
    has_baseline=False,
)
_add(
    "an edit undone in another place",
    _THREE,
    _EDITED,
    night(insert(0, NEW), says="last visualLayers[0]"),
    night(put(3, neurons=20), says="last visualLayers[3].neurons undone"),
    has_baseline=False,
)
_add(
    "an edit undone after a layer went",
    _THREE,
    _EDITED,
    night(cut(0), says="last visualLayers[0]"),
    night(put(1, neurons=20), says="last visualLayers[1].neurons undone"),
    has_baseline=False,
)
_add(
    "since when an edited layer differs, in another place",
    _THREE,
    _EDITED,
    night(insert(0, NEW), says="last visualLayers[0], baseline visualLayers[3].neurons @1"),
    night(says="baseline visualLayers[0] @2, baseline visualLayers[3].neurons @1"),
)
_add(
    "since when each of two layers differs that had one place in turn",
    stack(DROP, DENSE, OTHER),
    night(put(1, neurons=12), says="last visualLayers[1].neurons"),
    night(cut(0), says="last visualLayers[0], baseline visualLayers[0].neurons @1"),
    night(
        put(1, neurons=31),
        says="last visualLayers[1].neurons, baseline visualLayers[0] @2,"
        "baseline visualLayers[0].neurons @1",
    ),
    night(
        says="baseline visualLayers[0] @2, baseline visualLayers[0].neurons @1,"
        "baseline visualLayers[1].neurons @3"
    ),
)
_add(
    "neighbours swapped, and swapped back in another place",
    _THREE,
    night(move(0, 1), says="last visualLayers[1]"),
    night(insert(0, NEW), says="last visualLayers[0]"),
    night(move(1, 2), says="last visualLayers[2] undone"),
    has_baseline=False,
)
_add(
    "an accepted move, and a layer before it",
    _THREE,
    night(move(0, 2), says="last visualLayers[2]", accepts=("visualLayers[2]",)),
    night(insert(0, NEW), says="last visualLayers[0]"),
    night(says="baseline visualLayers[0] @2"),
)
_add(
    "since when a layer is elsewhere",
    _THREE,
    night(move(0, 2), says="last visualLayers[2]"),
    night(insert(0, NEW), says="last visualLayers[0], baseline visualLayers[3] @1"),
    night(says="baseline visualLayers[0] @2, baseline visualLayers[3] @1"),
)
_add(
    "an accepted removal, and a layer before it goes",
    _THREE,
    night(cut(2), says="last visualLayers[2]", accepts=("visualLayers[2]",)),
    night(cut(0), says="last visualLayers[0]"),
    night(says="baseline visualLayers[0] @2"),
)
_add(
    "an accepted new layer, and another before it",
    _THREE,
    night(insert(3, NEW), says="last visualLayers[3]", accepts=("visualLayers[3]",)),
    night(insert(0, FLAT), says="last visualLayers[0]"),
    night(says="baseline visualLayers[0] @2"),
)
_add(
    "an accepted new layer is edited",
    _THREE,
    night(insert(3, NEW), says="last visualLayers[3]", accepts=("visualLayers[3]",)),
    night(put(3, neurons=5), says="last visualLayers[3].neurons, baseline visualLayers[3] @2"),
    night(says="baseline visualLayers[3] @2"),
)
_add(
    "a layer goes, and comes back in another place",
    _THREE,
    night(cut(1), says="last visualLayers[1]"),
    night(insert(0, NEW), says="last visualLayers[0]"),
    night(insert(2, DROP), says="last visualLayers[2] undone"),
    has_baseline=False,
)
_add(
    "a layer replaced, and back in another place",
    _THREE,
    night(become(1, FLAT), says="last visualLayers[1]"),
    night(insert(0, NEW), says="last visualLayers[0]"),
    night(become(2, DROP), says="last visualLayers[2] undone"),
    has_baseline=False,
)
_add(
    "a layer to and fro, in two places",
    _THREE,
    _EDITED,
    night(insert(0, NEW), says="last visualLayers[0]"),
    night(put(3, neurons=20), says="last visualLayers[3].neurons undone"),
    night(put(3, neurons=12), says="last visualLayers[3].neurons undone"),
    night(
        put(3, neurons=20),
        cut(1),
        says="last visualLayers[1], last visualLayers[2].neurons undone",
    ),
    night(put(2, neurons=12), says="last visualLayers[2].neurons flapping"),
    has_baseline=False,
)
_add(
    "an edit made, undone and made again",
    _THREE,
    night(change(trainingCycles=77), says="last trainingCycles"),
    _BACK,
    night(change(trainingCycles=77), says="last trainingCycles undone"),
    night(says="baseline trainingCycles @3"),
)
_add(
    "an accepted edit undone and made again",
    _THREE,
    _CYCLES,
    _BACK,
    night(change(trainingCycles=77), says="last trainingCycles undone"),
    night(says="baseline trainingCycles @3"),
)
_add(
    "an edit accepted for a time",
    _THREE,
    night(
        change(trainingCycles=77),
        says="last trainingCycles",
        accepts=("trainingCycles",),
        until=2,
    ),
    night(),
    night(says="baseline trainingCycles @1"),
)
_add(
    "an edit of a layer accepted for a time, and a layer before it",
    _THREE,
    night(
        put(2, neurons=12),
        says="last visualLayers[2].neurons",
        accepts=("visualLayers[2].neurons",),
        until=2,
    ),
    night(insert(0, NEW), says="last visualLayers[0]"),
    night(says="baseline visualLayers[0] @2, baseline visualLayers[3].neurons @1"),
)
_add(
    "an edit approved, and undone",
    _THREE,
    night(change(trainingCycles=77), says="last trainingCycles", approves=True),
    night(),
    _BACK,
    night(says="baseline trainingCycles @3"),
)
_add(
    "a new layer approved, and the one behind it edited",
    _THREE,
    night(insert(0, NEW), says="last visualLayers[0]", approves=True),
    night(put(3, neurons=12), says="last visualLayers[3].neurons"),
    night(cut(0), says="last visualLayers[0] undone, baseline visualLayers[2].neurons @2"),
    night(says="baseline visualLayers[0] @3, baseline visualLayers[2].neurons @2"),
)
_add(
    "a block replaced and back",
    _THREE,
    night(change(type="keras-regression", trainingCycles=77), says="last type"),
    night(says="baseline type @1"),
    night(change(type="keras", trainingCycles=30), says="last type undone"),
    night(),
)
_add(
    "a replaced block accepted, and a layer before what changed with it",
    _THREE,
    night(
        change(type="keras-regression"),
        put(2, neurons=12),
        says="last type",
        accepts=("type",),
    ),
    night(insert(0, NEW), says="last visualLayers[0]"),
    night(says="baseline visualLayers[0] @2"),
)
_add(
    "a replaced block accepted, and edited below",
    _THREE,
    night(change(type="keras-regression", trainingCycles=77), says="last type", accepts=("type",)),
    night(change(trainingCycles=78), says="last trainingCycles"),
    night(says="baseline trainingCycles @2"),
)
_add(
    "an accepted edit of a block that is of another type for a night",
    _THREE,
    night(
        change(trainingCycles=77),
        put(2, neurons=12),
        says="last trainingCycles, last visualLayers[2].neurons",
        accepts=("trainingCycles", "visualLayers[2].neurons"),
    ),
    night(change(type="keras-regression"), says="last type"),
    night(change(type="keras"), says="last type undone"),
    night(),
)
_add(
    "a replaced block that comes back with an edit of then",
    _THREE,
    night(change(type="keras-regression", trainingCycles=77), says="last type"),
    night(change(type="keras"), says="last type undone, baseline trainingCycles @1"),
    night(says="baseline trainingCycles @1"),
)
_add(
    "a block missing, and back with an edit",
    _THREE,
    night(is_gone=True),
    night(change(trainingCycles=77), says="last trainingCycles"),
    night(says="baseline trainingCycles @2"),
)
_add(
    "a block missing, and back as it was, with what was accepted",
    _THREE,
    _CYCLES,
    night(is_gone=True),
    night(),
    night(),
)
_add(
    "expert mode and back, with an edit of before",
    _THREE,
    _EDITED,
    night(_EXPERT, says="last mode"),
    night(_VISUAL, says="last mode undone, baseline visualLayers[2].neurons @1"),
    night(says="baseline visualLayers[2].neurons @1"),
)
_add(
    "a threshold goes, and is back with another value",
    _THREE,
    night(change(thresholds=[]), says="last thresholds[min_score]"),
    night(change(thresholds=[_SCORE]), says="last thresholds[min_score]"),
    night(says="baseline thresholds[min_score].value @2"),
)
_add(
    "what no person sets is no difference",
    stack(CONV),
    night(
        change(trained=False),
        data(sampleCount=99),
        says="last trained, last dependencies.sampleCount",
    ),
    night(),
)
_add(
    "data that a device depends on is one",
    stack(CONV),
    night(data(featureCount=40), says="last dependencies.featureCount"),
    night(says="baseline dependencies.featureCount @1"),
)
_add(
    "two edits, one of them undone",
    _THREE,
    night(
        change(trainingCycles=77, learningRate=0.1), says="last trainingCycles, last learningRate"
    ),
    night(change(trainingCycles=30), says="last trainingCycles undone, baseline learningRate @1"),
    night(says="baseline learningRate @1"),
)
_add(
    "a field that a person adds, changes and takes out",
    _THREE,
    night(change(ownField=1), says="last ownField"),
    night(change(ownField=2), says="last ownField"),
    night(says="baseline ownField @2"),
    night(drop("ownField"), says="last ownField"),
    night(),
)
