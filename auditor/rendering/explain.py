"""What was decided about findings, for a terminal and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from auditor.drift.policy import INTERFACE, UPGRADE
from auditor.drift.restore import Restoration, restoration
from auditor.drift.rules import IgnoreRule, Rules
from auditor.model import Finding, Json, JsonObject
from auditor.records import (
    Acknowledgement,
    Approval,
    Explanation,
    FindingOccurrence,
    KnownTarget,
    SuppressedBy,
    Version,
)
from auditor.rendering.changes import lines
from auditor.rendering.json import opened, utc_text
from auditor.rendering.words import count, harmless, moment, name, sentence

_LABEL = 14
_NOT_CONFIGURED = {
    INTERFACE: "what Studio's pages remember of their last visitor; always stored, never told",
    UPGRADE: "what showed when the auditor was upgraded; nobody changed it on that night",
}
_SIGNS = {"-": "- ", "+": "+ ", " ": "  ", "@": "~ "}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """What is not told: the rules that say so, what they kept silent, what was accepted."""

    rules: Rules
    today: date
    suppressed: Sequence[SuppressedBy]
    acknowledgements: Sequence[Acknowledgement]


def explanation_text(known: Explanation) -> str:
    """Return all about a finding, a line a fact, with the change below."""
    newest = known.occurrences[-1]
    head = [f"{sentence(newest.finding.headline)}", ""]
    facts = [f"{label + ':':<{_LABEL}}{text}" for label, text in _facts(known)]
    change = [f"  {_SIGNS[line.sign]}{line.text}".rstrip() for line in lines(newest.finding)]
    return "\n".join([*head, *facts, "", *change, *_restoring(known)]) + "\n"


def explanation_json(known: Explanation) -> JsonObject:
    """Return `auditor.finding/1`."""
    newest, finding = known.occurrences[-1], known.occurrences[-1].finding
    own = finding if isinstance(finding, Finding) else None
    return opened(
        {
            "schema": "auditor.finding/1",
            "id": finding.id,
            "project_id": newest.target.project_id if newest.target else None,
            "learn_id": newest.target.learn_id if newest.target else None,
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
            "first_seen": utc_text(known.occurrences[0].at),
            "last_seen": utc_text(known.last_seen_at),
            "times_seen": len(known.occurrences),
            "holds": known.holds,
            "silenced_by": newest.suppressed_by or None,
            "told_at": utc_text(newest.told_at),
            "acknowledgements": [_acknowledgement(one) for one in known.acknowledgements],
        }
    )


def approval_line(known: KnownTarget, version: Version) -> str:
    """Return what became a baseline, in one line."""
    block = name(known.name) or "block"
    return (
        f"{known.target} {block}: the version of run {version.run_id} "
        f"({moment(version.seen_at)}) is the baseline"
    )


def suppressed_text(listing: Suppressed) -> str:
    """Return everything that is not told, by rule, with who, why and until when."""
    blocks = [_rule_block(one, listing) for one in listing.rules.ignores]
    blocks += [_other_block(one) for one in _others(listing)]
    blocks += [*_accepted_block(listing)]
    if not blocks:
        return "Nothing is kept from being told.\n"
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def suppressed_json(listing: Suppressed) -> JsonObject:
    """Return `auditor.suppressed/1`."""
    rules = [_rule_json(one, listing) for one in listing.rules.ignores]
    rules += [_suppressed_json(one) for one in _others(listing)]
    return opened(
        {
            "schema": "auditor.suppressed/1",
            "rules": [*rules],
            "acknowledgements": [_acknowledgement(one) for one in listing.acknowledgements],
        }
    )


def _facts(known: Explanation) -> Iterator[tuple[str, str]]:
    first, newest = known.occurrences[0], known.occurrences[-1]
    finding = newest.finding
    yield "Finding", f"{finding.id}, {finding.kind}"
    yield "Block", str(newest.target) if newest.target else "the vendor's, for every block"
    yield "Path", sentence(finding.path)
    yield "Area", f"{finding.area}{_owner(finding)}"
    yield "Severity", f"{finding.severity}{_rule(finding)}"
    yield "First seen", f"{moment(first.at)}, run {first.run_id}"
    yield "Last seen", f"{moment(known.last_seen_at)}{_times(known.occurrences)}"
    yield "Told", _told(newest)
    if newest.target is not None:
        yield "Now", "as the finding says" if known.holds else "no longer: the value moved on"
    for one in known.acknowledgements:
        yield "Acknowledged", _acknowledged(one)
    for approval in known.approvals[:1]:
        yield "Baseline", _approved(approval)


def _restoration(known: Explanation) -> Restoration | None:
    newest = known.occurrences[-1]
    if newest.target is None or not isinstance(newest.finding, Finding):
        return None
    return restoration(newest.finding, newest.target, known.excerpt)


def _restoring(known: Explanation) -> Iterator[str]:
    """Yield how to put the old value back: for a person to send, the auditor never does."""
    found = _restoration(known)
    if found is None:
        return
    yield ""
    if found.why:
        yield f"Not to be restored by a setting: {found.why}."
        return
    yield "To restore it, send this by hand (only the fields it names are set):"
    yield f"  {found.request}"
    yield f"  {harmless(found.body)}"


def _restore_json(known: Explanation) -> Json:
    found = _restoration(known)
    if found is None:
        return None
    if found.why:
        return {"request": None, "body": None, "why_not": found.why}
    return {"request": found.request, "body": json.loads(found.body), "why_not": None}


def _owner(finding: object) -> str:
    return f", owned by {finding.owner}" if isinstance(finding, Finding) else ", owned by vendor"


def _rule(finding: object) -> str:
    return f", by {name(finding.rule)}" if isinstance(finding, Finding) else ""


def _times(occurrences: Sequence[FindingOccurrence]) -> str:
    return f", told {count(len(occurrences), 'time')}" if len(occurrences) > 1 else ""


def _told(newest: FindingOccurrence) -> str:
    if newest.suppressed_by:
        return f"not told, by rule {name(newest.suppressed_by)}"
    return "not yet" if newest.told_at is None else moment(newest.told_at)


def _acknowledged(one: Acknowledgement) -> str:
    until = f", until {one.until}" if one.until else ""
    ended = f", ended {moment(one.ended_at)} ({one.ended_why})" if one.ended_at else ""
    return f"{moment(one.at)} by {name(one.author)}: {sentence(one.reason)}{until}{ended}"


def _approved(one: Approval) -> str:
    return f"approved {moment(one.at)} by {name(one.author)}: {sentence(one.reason)}"


def _others(listing: Suppressed) -> list[SuppressedBy]:
    """Return what other rules keep silent than those configured: gone ones, the interface."""
    configured = {one.name for one in listing.rules.ignores}
    return [one for one in listing.suppressed if one.rule not in configured]


def _rule_block(rule: IgnoreRule, listing: Suppressed) -> list[str]:
    found = _by(rule.name, listing)
    ended = "" if rule.is_in_force(listing.today) else " (ended: it no longer applies)"
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


def _accepted_block(listing: Suppressed) -> Iterator[list[str]]:
    held = [one for one in listing.acknowledgements if one.ended_at is None]
    if held:
        yield [
            f"Acknowledged: {count(len(held), 'finding')}",
            *(f"  {one.target} {sentence(one.path)}: {_acknowledged(one)}" for one in held),
        ]


def _listed(found: SuppressedBy) -> list[str]:
    shown = [
        f"  {moment(one.at)}  {one.target or 'vendor'}  {sentence(one.finding.headline)}"
        for one in found.newest
    ]
    hidden = found.number - len(shown)
    return [*shown, f"  and {hidden:,} more"] if hidden else shown


def _by(rule: str, listing: Suppressed) -> SuppressedBy:
    nothing = SuppressedBy(rule=rule, number=0, newest=())
    return next((one for one in listing.suppressed if one.rule == rule), nothing)


def _rule_json(rule: IgnoreRule, listing: Suppressed) -> JsonObject:
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
        "newest": [_occurrence(one) for one in found.newest],
    }


def _occurrence(one: FindingOccurrence) -> Json:
    return {
        "id": one.finding.id,
        "project_id": one.target.project_id if one.target else None,
        "learn_id": one.target.learn_id if one.target else None,
        "path": one.finding.path,
        "headline": one.finding.headline,
        "run_id": one.run_id,
        "at": utc_text(one.at),
    }


def _acknowledgement(one: Acknowledgement) -> Json:
    return {
        "finding": one.finding,
        "project_id": one.target.project_id,
        "learn_id": one.target.learn_id,
        "path": one.path,
        "author": one.author,
        "reason": one.reason,
        "at": utc_text(one.at),
        "until": one.until.isoformat() if one.until else None,
        "ended_at": utc_text(one.ended_at),
        "ended_why": one.ended_why or None,
    }
