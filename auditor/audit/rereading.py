"""What an upgrade of the auditor shows in answers that did not change: told apart from drift.

An answer that is byte for byte the last one was judged before, in the form of then. Where this
program's form finds a difference to the stored version in it, nobody made one since.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from auditor.audit.looks import Look, told_seen
from auditor.drift.canonical import FORM
from auditor.drift.compare import Comparison
from auditor.drift.findings import Judgement, finding_id
from auditor.drift.policy import INTERFACE, UPGRADE, SuppressedFinding
from auditor.model import Notice, NoticeKind, Snapshot, TargetId, TargetState
from auditor.records import KnownTarget, NewVersion, Unchanged


def is_reread(known: KnownTarget, body_digest: str) -> bool:
    """Return whether an answer was judged before, in another form."""
    return known.form != FORM and known.body_digest == body_digest


def is_as_stored(snapshot: Snapshot, known: KnownTarget) -> bool:
    """Return whether digests alone say that a snapshot equals the last version."""
    return snapshot.digest == known.digest and snapshot.catalogue.digest == known.catalogue_digest


def reread(
    known: KnownTarget,
    snapshot: Snapshot,
    comparison: Comparison,
    judged: Judgement,
    quiet: Unchanged,
) -> Look:
    """Return the look at a target of which only this program's form shows a difference.

    It becomes a version like any other and is not told as a change; its model stands as it did.
    """
    seen = NewVersion(
        target=known.target,
        project=quiet.project,
        snapshot=snapshot,
        body_digest=quiet.body_digest,
        validator=quiet.validator,
        first=False,
        findings=(),
        headline="Read anew by a later auditor",
        state=TargetState.IN_SYNC,
        model_state=known.model_state,
        trained_now=False,
        model=comparison.in_use,
        suppressed=(
            *(SuppressedFinding(one, INTERFACE) for one in judged.silent),
            *(SuppressedFinding(one, UPGRADE) for one in judged.findings),
        ),
        model_since=known.model_since,
    )
    vendor = (finding_id(None, one.path, one.before, one.after) for one in judged.vendor)
    return Look(
        outcome=seen,
        told=told_seen(seen, known),
        suppressed=tuple(one.rule for one in seen.suppressed),
        reread=frozenset([*vendor, *(one.id for one in judged.findings)]),
    )


def with_reread(look: Look, known_ids: Collection[str]) -> Look:
    """Return a look that counts differences from the baseline never told before as reread."""
    new = {one.id for one in look.told.findings if one.id not in known_ids}
    return replace(look, reread=look.reread | new)


def notice_of_upgrade(reread: Mapping[TargetId, Collection[str]]) -> Notice | None:
    """Return what a run says of the differences (by id) that an upgrade showed, None of none."""
    found = {one for ids in reread.values() for one in ids}
    if not found:
        return None
    blocks = sum(1 for ids in reread.values() if ids)
    differences = "1 difference" if len(found) == 1 else f"{len(found):,} differences"
    appear = "appears" if len(found) == 1 else "appear"
    where = "1 block" if blocks == 1 else f"{blocks:,} blocks"
    return Notice(
        kind=NoticeKind.READ_ANEW,
        text=(
            f"The auditor was upgraded and reads answers in another way: {differences} in {where} "
            f"{appear} because of it and not because of a change tonight"
        ),
    )
