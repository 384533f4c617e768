"""A finding explained, and what is suppressed, for a terminal and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from auditor.drift.block_kinds import kind_of
from auditor.drift.policy import INTERFACE, UPGRADE
from auditor.drift.restore import WHERE_IMPULSE, Restoration, find_restoration
from auditor.drift.rules import IgnoreRule, Rules
from auditor.model import Finding, Json, JsonObject, Owner
from auditor.records import (
    Acknowledgement,
    Explanation,
    FindingOccurrence,
    KnownTarget,
    Retraction,
    RetractionKind,
    SuppressedBy,
    VersionLine,
)
from auditor.rendering.changes import draw_change
from auditor.rendering.json import (
    encode_acknowledgement,
    encode_ids,
    encode_retraction,
    format_utc,
    hide_secrets,
)
from auditor.rendering.words import (
    count,
    describe_decision,
    harmless,
    join_first,
    moment,
    name,
    sentence,
)

_LABEL = 14
_NOT_CONFIGURED = {
    INTERFACE: "what Studio's pages remember of their last use; always stored, never reported",
    UPGRADE: "differences that an upgrade of the auditor made visible; nobody changed a block",
}
_RETRACTED = {
    RetractionKind.UNACKNOWLEDGED: "Taken back",
    RetractionKind.UNAPPROVED: "Unapproved",
    RetractionKind.FORGOTTEN: "Forgotten",
}
_SETTERS = {
    Owner.INTENT: "set by a person",
    Owner.DATASET: "follows from the data set",
    Owner.VENDOR: "set by Edge Impulse",
    Owner.TRAINING: "set by a training",
    Owner.INTERFACE: "set by Studio's pages",
    Owner.UNKNOWN: "not known who sets it",
}
_MARKS = {"-": "- ", "+": "+ ", " ": "  ", "@": "~ "}


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressedListing:
    """What is not reported: the ignore rules, what each of them suppressed, what was accepted."""

    rules: Rules
    today: date
    suppressed: Sequence[SuppressedBy]
    acknowledgements: Sequence[Acknowledgement]


def render_explanation(known: Explanation) -> str:
    """Return everything known about a finding: a line per fact, then the change."""
    newest = known.occurrences[-1]
    head = [f"{sentence(newest.finding.headline)}", ""]
    facts = [f"{label + ':':<{_LABEL}}{text}" for label, text in _facts(known)]
    change = [f"  {_MARKS[line.sign]}{line.text}".rstrip() for line in draw_change(newest.finding)]
    return "\n".join([*head, *facts, "", *change, *_restoring(known)]) + "\n"


def encode_explanation(known: Explanation) -> JsonObject:
    """Return `auditor.finding/1`."""
    newest, finding = known.occurrences[-1], known.occurrences[-1].finding
    own = finding if isinstance(finding, Finding) else None
    return hide_secrets(
        {
            "schema": "auditor.finding/1",
            "id": finding.id,
            **encode_ids(newest.target, known.kind),
            "area": str(finding.area),
            "owner": str(own.owner) if own else "vendor",
            "kind": str(finding.kind),
            "path": finding.path,
            "before": finding.before,
            "after": finding.after,
            "severity": str(finding.severity),
            "headline": finding.headline,
            "rule": own.rule if own else "default:catalogue",
            "folded": list(own.folded) if own else [],
            "restore": _restore_json(known),
            "first_seen": format_utc(known.occurrences[0].at),
            "last_seen": format_utc(known.last_seen_at),
            "times_seen": len(known.occurrences),
            "holds": known.holds,
            "silenced_by": newest.suppressed_by or None,
            "told_at": format_utc(newest.reported_at),
            "acknowledgements": [
                encode_acknowledgement(entry) for entry in known.acknowledgements
            ],
            "retractions": [encode_retraction(retraction) for retraction in _of_finding(known)],
        }
    )


def render_approval(known: KnownTarget, version: VersionLine) -> str:
    """Return one line that says which version is the baseline now."""
    block = name(known.name) or "block"
    return (
        f"{known.target} {block}: the version of run {version.run_id} "
        f"({moment(version.seen_at)}) is the baseline"
    )


def render_suppressed(listing: SuppressedListing) -> str:
    """Return everything that is not reported, by rule: by whom, why and until when."""
    blocks = [_rule_block(rule, listing) for rule in listing.rules.ignores]
    blocks += [_other_block(found) for found in _others(listing)]
    blocks += [*_accepted_block(listing)]
    if not blocks:
        return "Nothing is suppressed.\n"
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def encode_suppressed(listing: SuppressedListing) -> JsonObject:
    """Return `auditor.suppressed/1`."""
    rules = [_rule_json(rule, listing) for rule in listing.rules.ignores]
    rules += [_suppressed_json(found) for found in _others(listing)]
    return hide_secrets(
        {
            "schema": "auditor.suppressed/1",
            "rules": [*rules],
            "acknowledgements": [
                encode_acknowledgement(entry) for entry in listing.acknowledgements
            ],
        }
    )


def _facts(known: Explanation) -> Iterator[tuple[str, str]]:
    first, newest = known.occurrences[0], known.occurrences[-1]
    finding = newest.finding
    yield "Finding", f"{finding.id}, {finding.kind}"
    block = f"{newest.target} {name(known.block)}".rstrip()
    yield "Block", block if newest.target else "all blocks: the vendor changed this"
    yield "Path", sentence(finding.path)
    yield "Area", f"{finding.area}{_owner(finding)}"
    yield "Severity", f"{finding.severity}{_rule(finding)}"
    yield "First seen", f"{moment(first.at)}, run {first.run_id}"
    yield "Last seen", f"{moment(known.last_seen_at)}{_times(known.occurrences)}"
    yield "Reported", _reported(newest)
    if newest.target is not None:
        yield (
            "Now",
            "the value is still the same" if known.holds else "the value has changed since",
        )
    yield from (text for _, text in sorted(_decisions(known), key=lambda decided: decided[0]))


def _decisions(known: Explanation) -> Iterator[tuple[datetime, tuple[str, str]]]:
    """Yield what people decided of a finding, each with its time."""
    for acknowledgement in known.acknowledgements:
        yield acknowledgement.at, ("Acknowledged", _acknowledged(acknowledgement))
    for retraction in _of_finding(known):
        decision = describe_decision(retraction.at, retraction.author, retraction.reason)
        yield retraction.at, (_RETRACTED[retraction.kind], decision)
    for approval in known.approvals[:1]:
        decision = describe_decision(approval.at, approval.author, approval.reason)
        yield approval.at, ("Baseline", f"approved {decision}")


def _of_finding(known: Explanation) -> list[Retraction]:
    """Return what was taken back of the finding's value or of its block."""
    own = {acknowledgement.finding for acknowledgement in known.acknowledgements}
    return [each for each in known.retractions if not each.finding or each.finding in own]


def _restoration(known: Explanation) -> Restoration | None:
    newest = known.occurrences[-1]
    if newest.target is None or known.kind is None or not isinstance(newest.finding, Finding):
        return None
    return find_restoration(newest.finding, newest.target, kind_of(known.kind), known.excerpt)


def _restoring(known: Explanation) -> Iterator[str]:
    """Yield the request that restores the old value; the auditor never sends it."""
    found = _restoration(known)
    if found is None:
        return
    yield ""
    if found.why:
        yield f"Cannot be restored: {found.why}."
        return
    yield "To restore the old value, send this request yourself; it changes only the fields in it:"
    yield f"  {found.request}"
    yield f"  {harmless(found.body)}"
    if found.undoes:
        yield f"It also undoes: {join_first(tuple(map(name, found.undoes)))}."
    if found.lacks_impulse:
        yield f"Replace IMPULSE with the id of the impulse. {WHERE_IMPULSE}"


def _restore_json(known: Explanation) -> Json:
    found = _restoration(known)
    if found is None:
        return None
    if found.why:
        return {"request": None, "body": None, "why_not": found.why}
    undoes: JsonObject = {"undoes": list(found.undoes)} if found.undoes else {}
    request: JsonObject = {"request": found.request, "body": json.loads(found.body)}
    return {**request, "why_not": None, **undoes}


def _owner(finding: object) -> str:
    return f", {_SETTERS[finding.owner if isinstance(finding, Finding) else Owner.VENDOR]}"


def _rule(finding: object) -> str:
    return f", by {name(finding.rule)}" if isinstance(finding, Finding) else ""


def _times(occurrences: Sequence[FindingOccurrence]) -> str:
    return f", found {count(len(occurrences), 'time')}" if len(occurrences) > 1 else ""


def _reported(newest: FindingOccurrence) -> str:
    if newest.suppressed_by:
        return f"no: suppressed by rule {name(newest.suppressed_by)}"
    return "not yet" if newest.reported_at is None else moment(newest.reported_at)


def _acknowledged(acknowledgement: Acknowledgement) -> str:
    until = f", until {acknowledgement.until}" if acknowledgement.until else ""
    ended = (
        f", ended {moment(acknowledgement.ended_at)} ({acknowledgement.ended_why})"
        if acknowledgement.ended_at
        else ""
    )
    decision = describe_decision(
        acknowledgement.at, acknowledgement.author, acknowledgement.reason
    )
    return f"{decision}{until}{ended}"


def _others(listing: SuppressedListing) -> list[SuppressedBy]:
    """Return what other rules suppress than those configured: removed ones, built-in ones."""
    configured = {rule.name for rule in listing.rules.ignores}
    return [found for found in listing.suppressed if found.rule not in configured]


def _rule_block(rule: IgnoreRule, listing: SuppressedListing) -> list[str]:
    found = _by(rule.name, listing)
    ended = "" if rule.is_in_force(listing.today) else " (expired)"
    return [
        f"{name(rule.name)}: {count(found.number, 'finding')}{ended}",
        f"  ignores {sentence(str(rule.subject))} until {rule.until}",
        f"  {name(rule.author)}: {sentence(rule.reason)}",
        *_listed(found),
    ]


def _other_block(found: SuppressedBy) -> list[str]:
    head = f"{name(found.rule)}: {count(found.number, 'finding')}"
    if found.rule not in _NOT_CONFIGURED:
        return [f"{head} (no longer configured)", *_listed(found)]
    return [head, f"  {_NOT_CONFIGURED[found.rule]}", *_listed(found)]


def _accepted_block(listing: SuppressedListing) -> Iterator[list[str]]:
    open_ones = [entry for entry in listing.acknowledgements if entry.ended_at is None]
    if open_ones:
        yield [
            f"Acknowledged: {count(len(open_ones), 'finding')}",
            *(
                f"  {entry.target} {sentence(entry.path)}: {_acknowledged(entry)}"
                for entry in open_ones
            ),
        ]


def _listed(found: SuppressedBy) -> list[str]:
    shown = [
        f"  {moment(seen.at)}  {seen.target or 'vendor'}  {sentence(seen.finding.headline)}"
        for seen in found.newest
    ]
    hidden = found.number - len(shown)
    return [*shown, f"  and {hidden:,} more"] if hidden else shown


def _by(rule: str, listing: SuppressedListing) -> SuppressedBy:
    nothing = SuppressedBy(rule=rule, number=0, newest=())
    return next((found for found in listing.suppressed if found.rule == rule), nothing)


def _rule_json(rule: IgnoreRule, listing: SuppressedListing) -> JsonObject:
    return {
        "ignores": str(rule.subject),
        "reason": rule.reason,
        "author": rule.author,
        "until": rule.until.isoformat(),
        "in_force": rule.is_in_force(listing.today),
        **_suppressed_json(_by(rule.name, listing)),
    }


def _suppressed_json(found: SuppressedBy) -> JsonObject:
    return {
        "rule": found.rule,
        "number": found.number,
        "newest": [_occurrence(occurrence) for occurrence in found.newest],
    }


def _occurrence(occurrence: FindingOccurrence) -> Json:
    return {
        "id": occurrence.finding.id,
        **encode_ids(occurrence.target, None),
        "path": occurrence.finding.path,
        "headline": occurrence.finding.headline,
        "run_id": occurrence.run_id,
        "at": format_utc(occurrence.at),
    }
