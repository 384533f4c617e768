"""Pictures that a mail can carry, as rows and cells: layers, a threshold, the last runs.

Every mark is a sign first and a colour second; plain text and HTML draw from the same cells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from auditor.drift.block_kinds import KERAS
from auditor.drift.canonical import as_number, read_value
from auditor.drift.excerpts import layer_stacks, suggested_value
from auditor.drift.fields import FIELDS
from auditor.drift.headlines import layer_words
from auditor.drift.layers import Alignment, align
from auditor.drift.report import STATE_SIGNS
from auditor.listings import MOST_RUNS_DRAWN
from auditor.model import Finding, Json, JsonObject, Kind, TargetState
from auditor.rendering.words import count, cut_words, harmless, start_at_difference
from auditor.report import AnswerExcerpt

SLOTS = 24
_MOST_ROWS = 30
_LONGEST_LAYER = 64
SAME, REMOVED, ADDED, EDITED, MOVED, FOLDED = " ", "-", "+", "~", "⇅", "…"
_STACK_WORDS = {REMOVED: "removed", ADDED: "added", EDITED: "edited", MOVED: "moved"}
WAS, NOW, SUGGESTED = "-", "+", "s"


@dataclass(frozen=True, slots=True)
class StateLook:
    """How the state of a block is shown.

    Attributes:
        tone: its colour, as the style sheet names it.
        weight: how bad it is, to list the worst blocks first.
    """

    letter: str
    tone: str
    words: str
    weight: int


STATES = {
    TargetState.DRIFTED: StateLook("D", "high", "drifted", 4),
    TargetState.MISSING: StateLook("M", "critical", "missing", 3),
    TargetState.UNKNOWN: StateLook("?", "medium", "not checked", 3),
    TargetState.NEW: StateLook("N", "low", "new", 1),
    TargetState.UNSUPPORTED: StateLook("U", "info", "not supported", 0),
    TargetState.IN_SYNC: StateLook("·", "ok", "in sync", 0),
}
"""Worst first."""
_SIGN_WORDS = {STATE_SIGNS[state]: look.words for state, look in STATES.items()} | {
    " ": "not audited"
}


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A line of the picture of a stack: the layer before, and the layer now."""

    sign: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class LayerStack:
    """The layers before and now, side by side; `words` counts what happened."""

    rows: tuple[LayerRow, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Scale:
    """A threshold on its scale: `SLOTS` slots from 0 to `top`, a mark or a space in each."""

    slots: str
    top: str
    words: str


@dataclass(frozen=True, slots=True)
class RunStrip:
    """A block's state in the last runs, a sign each, the newest last; `words` counts the signs."""

    signs: str
    words: str


def draw_stack(excerpt: AnswerExcerpt | None) -> LayerStack | None:
    """Return the layers before and now, or None if they are not known or did not change."""
    known = layer_stacks(excerpt)
    if known is None:
        return None
    rows = list(_folded(_rows(*known)))
    signs = Counter(sign for row in rows for sign in row.sign if sign in _STACK_WORDS)
    signs[MOVED] = (signs[MOVED] + 1) // 2  # each is drawn at its old and at its new place
    counted = [f"{n} {_STACK_WORDS[sign]}" for sign, n in signs.items() if n]
    if not counted:
        return None
    if len(rows) > _MOST_ROWS:
        rest = count(len(rows) - _MOST_ROWS, "more row")
        rows = [*rows[:_MOST_ROWS], LayerRow(FOLDED, rest, "")]
    return LayerStack(rows=tuple(rows), words=", ".join(counted))


def draw_scale(finding: Finding, excerpt: AnswerExcerpt | None) -> Scale | None:
    """Return a changed threshold on its scale, None unless both values are numbers from 0 on."""
    is_value = finding.path.startswith("thresholds[") and finding.path.endswith(".value")
    if not is_value or finding.kind is not Kind.CHANGED:
        return None
    was, now = _number(finding.before), _number(finding.after)
    suggested = suggested_value(excerpt, finding.path)
    every = [value for value in (was, now, suggested) if value is not None]
    if was is None or now is None or min(every) < 0:
        return None
    top = max(1.0, *every)
    marks = {WAS: was, NOW: now} | ({} if suggested is None else {SUGGESTED: suggested})
    tail = "" if suggested is None else f", suggested {suggested:g}"
    words = f"was {was:g}, now {now:g}{tail}"
    return Scale(slots=_slots(marks, top), top=f"{top:g}", words=words)


def draw_runs(signs: str) -> RunStrip | None:
    """Return the last runs of a block, or None if they are not known."""
    if not signs:
        return None
    shown = signs[-MOST_RUNS_DRAWN:]
    counts = Counter(shown)
    counted = [
        f"{sign} {counts[sign]} {word}".strip()
        for sign, word in _SIGN_WORDS.items()
        if counts[sign]
    ]
    return RunStrip(signs=shown, words=f"last {count(len(shown), 'run')}: {', '.join(counted)}")


def _rows(old: Sequence[JsonObject], new: Sequence[JsonObject]) -> Iterator[LayerRow]:
    """Yield a row per layer, unpaired ones at their own place; a moved one at both places."""
    old_forms, new_forms = _canonical(old), _canonical(new)
    alignment = align(old_forms, new_forms)
    paired, places = dict(alignment.pairs), iter(_walk(alignment, len(old), len(new)))
    moved, came = dict(alignment.moved), {j: i for i, j in alignment.moved}
    for i, j in places:
        if i is not None and j is not None:
            if old_forms[i] == new_forms[paired[i]]:
                yield LayerRow(SAME, _layer(i, old), _layer(j, new))
            else:
                was, now = _differing_first(old[i], new[j])
                yield LayerRow(EDITED, _words(i, was), _words(j, now))
        elif i is not None:
            to = f"(now {moved[i] + 1})" if i in moved else ""
            yield LayerRow(MOVED if to else REMOVED, _layer(i, old), to)
        elif j is not None:
            source = came.get(j)
            if source is None:
                yield LayerRow(ADDED, "", _layer(j, new))
            else:
                edited = EDITED if old_forms[source] != new_forms[j] else ""
                yield LayerRow(MOVED + edited, f"(was {source + 1})", _layer(j, new))


def _walk(alignment: Alignment, old: int, new: int) -> Iterator[tuple[int | None, int | None]]:
    """Yield places in both stacks, side by side where they are a pair."""
    i = j = 0
    for at_old, at_new in (*alignment.pairs, (old, new)):
        yield from ((place, None) for place in range(i, at_old))
        yield from ((None, place) for place in range(j, at_new))
        if at_old < old:
            yield at_old, at_new
        i, j = at_old + 1, at_new + 1


def _folded(rows: Iterator[LayerRow]) -> Iterator[LayerRow]:
    for is_same, run in groupby(rows, key=lambda row: row.sign == SAME):
        same = list(run)
        if is_same and len(same) > 1:
            yield LayerRow(FOLDED, f"{count(len(same), 'layer')} unchanged", "")
        else:
            yield from same


def _canonical(stack: Sequence[JsonObject]) -> list[JsonObject]:
    form = read_value("visualLayers", FIELDS["visualLayers"], list(stack), KERAS).form
    members = form if isinstance(form, list) else []
    return [layer if isinstance(layer, dict) else {} for layer in members]


def _layer(place: int, stack: Sequence[JsonObject]) -> str:
    return _words(place, stack[place])


def _differing_first(old: JsonObject, new: JsonObject) -> tuple[JsonObject, JsonObject]:
    """Return a layer with what differs before the rest, so that a cut leaves the difference."""
    differing = [key for key in {**old, **new} if key != "type" and old.get(key) != new.get(key)]
    was, now = dict(old), dict(new)
    for key in differing:
        first, second = old.get(key), new.get(key)
        if isinstance(first, str) and isinstance(second, str):
            was[key], now[key] = start_at_difference(first, second)
    first_keys = ("type", *differing)
    return _ordered(was, first_keys), _ordered(now, first_keys)


def _ordered(layer: JsonObject, first: Sequence[str]) -> JsonObject:
    return {key: layer[key] for key in dict.fromkeys((*first, *layer)) if key in layer}


def _words(place: int, layer: JsonObject) -> str:
    words = harmless(layer_words(layer))
    return f"{place + 1} {cut_words(words, _LONGEST_LAYER)}"


def _number(value: Json) -> float | None:
    number = as_number(value)
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return float(number) if is_number else None  # type: ignore[arg-type]  # it is a number


def _slots(marks: dict[str, float], top: float) -> str:
    """Return the scale with its marks; a mark whose slot is taken goes into the next one."""
    slots = [" "] * SLOTS
    for mark, value in sorted(marks.items(), key=lambda pair: (pair[1], pair[0])):
        place = min(int(value / top * SLOTS), SLOTS - 1)
        while slots[place] != " " and place < SLOTS - 1:
            place += 1
        while slots[place] != " ":
            place -= 1
        slots[place] = mark
    return "".join(slots)
