"""What a person decides: a baseline approved, a value accepted; and a finding explained.

Decisions are only ever added to the history. An acknowledgement holds for exactly one value: it
is refused where the value has moved on, by the live answer where Studio gives one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from auditor.drift.compare import compare
from auditor.drift.findings import Comparison, judge_comparison
from auditor.drift.headlines import value_words
from auditor.drift.model import Finding, JsonObject, Since, Surroundings, TargetId
from auditor.drift.snapshots import hide_secrets, parse
from auditor.drift.surroundings import surroundings
from auditor.errors import UsageError
from auditor.ports import (
    Acknowledgement,
    Approval,
    Explanation,
    Known,
    Sighting,
    Store,
    Version,
)
from auditor.redaction import Fingerprinter

_SHORTEST_ID = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who decides, when and why."""

    author: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Approved:
    """A baseline that was approved."""

    known: Known
    version: Version


def approve(targets: Sequence[TargetId], store: Store, decision: Decision) -> tuple[Approved, ...]:
    """Make the last version of each target its baseline.

    Raises:
        UsageError: a target has no version; nothing is approved then.
    """
    known = store.known(targets)
    missing = [one for one in targets if one not in known or known[one].version_id is None]
    if missing:
        raise UsageError(
            f"no version of {missing[0]} is stored, so nothing was approved: "
            "`auditor status` lists all targets"
        )
    return _approved([known[one] for one in dict.fromkeys(targets)], store, decision)


def approve_all_new(store: Store, decision: Decision) -> tuple[Approved, ...]:
    """Make the last version of each audited target without a baseline its baseline."""
    return _approved(store.without_baseline(), store, decision)


def find(finding_id: str, store: Store) -> tuple[Sighting, ...]:
    """Return every sighting of the finding with this id, or the only one that begins so.

    Raises:
        UsageError: there is none, or more than one.
    """
    if len(finding_id) < _SHORTEST_ID or not finding_id.isalnum():
        raise UsageError(f"{finding_id!r} is no id of a finding: reports print it as `id …`")
    found = store.sightings(finding_id.lower())
    ids = sorted({one.finding.id for one in found})
    if not ids:
        raise UsageError(f"no finding {finding_id} is stored: reports print each one's id")
    if len(ids) > 1:
        raise UsageError(f"{finding_id} begins the ids of {len(ids)} findings: {', '.join(ids)}")
    return found


def explain(finding_id: str, store: Store) -> Explanation:
    """Return all that is known of a finding.

    Raises:
        UsageError: there is none with this id.
    """
    sightings = find(finding_id, store)
    newest = sightings[-1]
    found_id, target = newest.finding.id, newest.target
    return Explanation(
        sightings=sightings,
        holds=target is None or _holds(newest, target, store, live=None),
        acknowledgements=tuple(
            one for one in store.all_acknowledgements() if one.finding == found_id
        ),
        approvals=store.approvals(target) if target else (),
        around=_around(newest, target, store) if target else None,
    )


def acknowledge(
    finding_id: str,
    store: Store,
    decision: Decision,
    *,
    until: date | None = None,
    live: JsonObject | None = None,
) -> Acknowledgement:
    """Accept exactly the value that a finding came to.

    `live` is Studio's answer of now, None where the last stored version has to do.

    Raises:
        UsageError: there is no such finding, it is the vendor's, or the value has moved on.
    """
    newest = find(finding_id, store)[-1]
    if newest.target is None or not isinstance(newest.finding, Finding):
        raise UsageError("a change of the vendor's asks for no decision: nothing to acknowledge")
    _require_unmoved(newest, newest.target, newest.finding, store, live)
    one = Acknowledgement(
        finding=newest.finding.id,
        target=newest.target,
        path=newest.finding.path,
        at=decision.at,
        author=decision.author,
        reason=decision.reason,
        until=until,
    )
    store.acknowledge(one)
    return one


def _approved(known: Sequence[Known], store: Store, decision: Decision) -> tuple[Approved, ...]:
    approved = tuple(Approved(one, store.versions(one.target)[0]) for one in known)
    store.approve(
        [
            Approval(
                target=one.known.target,
                version_id=one.version.id,
                at=decision.at,
                author=decision.author,
                reason=decision.reason,
            )
            for one in approved
        ]
    )
    return approved


def _require_unmoved(
    sighting: Sighting, target: TargetId, finding: Finding, store: Store, live: JsonObject | None
) -> None:
    findings = _findings_now(sighting, target, store, live)
    if any(one.id == finding.id for one in findings):
        return
    now = next((one for one in findings if one.path == finding.path), None)
    words = f"it is {value_words(now.after)} now" if now else "it is back, or elsewhere by now"
    raise UsageError(
        f"{finding.path} of {target} has moved on from {value_words(finding.after)}: {words}; "
        "nothing was acknowledged, see the next report"
    )


def _holds(sighting: Sighting, target: TargetId, store: Store, live: JsonObject | None) -> bool:
    found = sighting.finding.id
    return any(one.id == found for one in _findings_now(sighting, target, store, live))


def _findings_now(
    sighting: Sighting, target: TargetId, store: Store, live: JsonObject | None
) -> tuple[Finding, ...]:
    """Return what the value now comes to, seen from what the finding was seen from."""
    versions = store.versions(target)
    reference = _reference(sighting, target, versions, store)
    if reference is None:
        return ()
    old = _document(reference, store)
    new = _document(versions[0], store) if live is None else _hidden(live, store)
    judged = judge_comparison(
        Comparison(target=target, old=old, new=new, changes=compare(old, new))
    )
    return (*judged.findings, *judged.silent)


def _reference(
    sighting: Sighting, target: TargetId, versions: Sequence[Version], store: Store
) -> Version | None:
    """Return the version that the finding was compared with."""
    if isinstance(sighting.finding, Finding) and sighting.finding.since is Since.BASELINE:
        known = store.known([target]).get(target)
        baseline = known.baseline_version_id if known else None
        return next((one for one in versions if one.id == baseline), None)
    return next((one for one in versions if one.run_id < sighting.run_id), None)


def _around(sighting: Sighting, target: TargetId, store: Store) -> Surroundings | None:
    """Return what stood around a finding when it was seen."""
    if not isinstance(sighting.finding, Finding):
        return None
    versions = store.versions(target)
    old = _reference(sighting, target, versions, store)
    new = next((one for one in versions if one.run_id <= sighting.run_id), None)
    if old is None or new is None:
        return None
    return surroundings(_document(old, store), _document(new, store), [sighting.finding])


def _document(version: Version, store: Store) -> JsonObject:
    return _hidden(parse(version.snapshot.document), store)


def _hidden(document: JsonObject, store: Store) -> JsonObject:
    key = Fingerprinter(store.fingerprint_key())
    return hide_secrets(document, key, store.secret_parameters())
