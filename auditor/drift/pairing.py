"""Two snapshots of one block as a comparison, catalogues and models in use included."""

from __future__ import annotations

from collections.abc import Collection

from auditor.drift.compare import compare, compare_catalogues
from auditor.drift.findings import Comparison
from auditor.drift.folding import is_visual
from auditor.drift.policy import models_of
from auditor.drift.snapshots import hide_secrets, parse, parse_catalogue
from auditor.model import Change, Snapshot, TargetId
from auditor.redaction import Fingerprinter


def paired(
    old: Snapshot,
    new: Snapshot,
    *,
    target: TargetId | None,
    fingerprinter: Fingerprinter,
    secrets: Collection[str],
) -> Comparison:
    """Return two snapshots as a comparison, judged from the two alone, `secrets` hidden."""
    before = hide_secrets(parse(old.document), fingerprinter, secrets)
    after = hide_secrets(parse(new.document), fingerprinter, secrets)
    return Comparison(
        target=target,
        old=before,
        new=after,
        changes=compare(before, after),
        catalogue=_catalogue_changes(old, new),
        in_use=models_of(after) if is_visual(after) else models_of(before),
    )


def _catalogue_changes(old: Snapshot, new: Snapshot) -> tuple[Change, ...]:
    if old.catalogue.digest == new.catalogue.digest:
        return ()
    return compare_catalogues(
        parse_catalogue(old.catalogue.document), parse_catalogue(new.catalogue.document)
    )
