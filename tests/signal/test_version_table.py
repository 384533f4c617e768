"""A block's page compares versions by a table: it differs where the product finds a change."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.drift.block_kinds import KERAS
from auditor.drift.compare import compare
from auditor.drift.excerpts import top_field
from auditor.model import JsonObject, Owner
from auditor.rendering.version_table import VersionTable, read_versions, tabulate
from tests.rendering.sites import history_of
from tests.signal.corpus import CORPUS
from tests.signal.verdict import answers


def test_the_fields_that_differ_in_the_table_are_those_that_changed() -> None:
    pairs = [answers(pair) for pairs in CORPUS.values() for pair in pairs]

    for old, new in pairs[::4]:
        table = tabulate(read_versions([e.version for e in history_of(old, new).entries]))
        differing = {*_differing(table)} - {KERAS.catalogue}
        assert differing == {*_changed(old, new)}


def _differing(table: VersionTable) -> Iterator[str]:
    yield from (top_field(row.path) for row in table.rows)
    if table.script.at:
        yield "script"
    if table.orders:
        new, old = table.orders
        if [key for key in new if key in old] != [key for key in old if key in new]:
            yield "visualLayers"


def _changed(old: JsonObject, new: JsonObject) -> Iterator[str]:
    for change in compare(old, new, KERAS):
        row = KERAS.fields.get(change.pattern)
        if row is None or row.owner is not Owner.INTERFACE:
            yield top_field(change.path)
