"""What holds for every edit, found at random: `AUDITOR_EXAMPLES` says how many are tried."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from random import Random
from typing import NamedTuple

from hypothesis import given, note, settings
from hypothesis import strategies as st

from auditor.model import Finding, Json
from tests.signal.bases import BASES
from tests.signal.nights import nights
from tests.signal.pairs import Pair
from tests.signal.rewriting import REWRITINGS, Rewriting, rewritten
from tests.signal.verdict import answers, compared, judged

_MANY = settings(max_examples=int(os.environ.get("AUDITOR_EXAMPLES", "40")), deadline=None)
_OTHER_WAY = {"added": "removed", "removed": "added"}


@_MANY
@given(nights())
def test_edits_that_do_not_meet_are_reported_as_exactly_themselves(night: Pair) -> None:
    verdict = judged(night)

    note(f"on {night.base}\n{verdict}")
    assert verdict.is_exact


@_MANY
@given(
    st.sampled_from(sorted(BASES)),
    st.sets(st.sampled_from(REWRITINGS)).map(lambda some: [w for w in REWRITINGS if w in some]),
    st.integers(0, 2**32),
)
def test_a_document_equals_itself_however_it_is_written(
    base: str, rewritings: list[Rewriting], seed: int
) -> None:
    old = BASES[base]
    new = rewritten(old, rewritings, Random(seed))  # noqa: S311 - a shuffle, no secret

    for difference in (compared(old, new), compared(new, old)):
        assert (difference.findings, difference.suppressed) == ((), 0)


@_MANY
@given(nights(mirrored=True))
def test_the_way_back_mirrors_the_way_there(night: Pair) -> None:
    old, new = answers(night)

    forth, back = compared(old, new), compared(new, old)

    assert Counter(map(_as_is, forth.findings)) == Counter(map(_mirrored, back.findings))
    assert _folded(forth.findings) == _folded(back.findings)
    assert forth.suppressed == back.suppressed


class _Seen(NamedTuple):
    """A finding but for its severity, which may look at the new answer alone: training lost or
    won, a model withdrawn or back, a setting that acts or not. A layer is reported at its place in
    the new stack, and of two neighbours that swapped the one that stood first has moved."""

    area: str
    owner: str
    kind: str
    path: str
    before: str
    after: str


def _as_is(finding: Finding) -> _Seen:
    kind = str(finding.kind)
    before, after = _text(finding.before), _text(finding.after)
    if kind == "moved":
        before, after = sorted((before, after))
    return _Seen(
        str(finding.area), str(finding.owner), kind, _unplaced(finding.path), before, after
    )


def _mirrored(finding: Finding) -> _Seen:
    seen = _as_is(finding)
    if seen.kind == "moved":
        return seen
    kind = _OTHER_WAY.get(seen.kind, seen.kind)
    return seen._replace(kind=kind, before=seen.after, after=seen.before)


def _folded(findings: tuple[Finding, ...]) -> Counter[str]:
    """Return what all of them fold: of two that could fold a script, either may."""
    return Counter(_unplaced(path) for finding in findings for path in finding.folded)


def _unplaced(path: str) -> str:
    return re.sub(r"visualLayers\[\d+]", "visualLayers[]", path)


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True)
