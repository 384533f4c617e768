"""The form in which a run's report is stored: who was looked at apart from what was seen.

The list of targets seldom changes and is shared between runs. Of the rest, what neighbours have
in common stands as stretches (`[value, how many in a row]`) and findings stand only where there
are any, so that a quiet night's report is a few lines however many targets it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, cast

from auditor.model import (
    AnswerExcerpt,
    Area,
    Failure,
    Finding,
    Interval,
    Json,
    Kind,
    ModelEvent,
    ModelState,
    Notice,
    NoticeKind,
    Owner,
    ProjectError,
    Recurrence,
    Report,
    RunInfo,
    Severity,
    Since,
    TargetId,
    TargetReport,
    TargetState,
    Totals,
    VendorFinding,
)
from auditor.records import RunSummary

_BY_PLACE = ("findings", "acknowledged", "steps")


def roster(report: Report) -> Json:
    """Return who was looked at."""
    return [[*one.target, one.project, one.name, one.type] for one in report.targets]


def body(report: Report) -> Json:
    """Return all else that the report says, except what the run's row and its head do."""
    targets = report.targets
    form = {
        "totals": asdict(report.totals),
        "states": _stretches(one.state for one in targets),
        "model_states": _stretches(one.model_state for one in targets),
        "suppressed": _stretches(one.suppressed for one in targets),
        "last_good": _stretches(_text(one.last_good_at) for one in targets),
        "went": _stretches(one.went for one in targets),
        "findings": [
            [place, [_finding_form(found) for found in one.findings]]
            for place, one in enumerate(targets)
            if one.findings
        ],
        "failures": [[n, asdict(one.error)] for n, one in enumerate(targets) if one.error],
        "steps": [[n, one.step] for n, one in enumerate(targets) if one.step],
        "model_since": [
            [n, _interval_form(one.model_since)]
            for n, one in enumerate(targets)
            if one.model_since is not None
        ],
        "acknowledged": [
            [n, one.acknowledged] for n, one in enumerate(targets) if one.acknowledged
        ],
        "around": [
            [n, _excerpt_form(target.excerpt)]
            for n, target in enumerate(targets)
            if target.excerpt
        ],
        "nights": [[n, one.nights] for n, one in enumerate(targets) if one.nights],
        "notices": [_notice_form(one) for one in report.notices],
        "suppressed_by": [list(one) for one in report.suppressed_by],
        "broken_rules": [[list(target), rule, path] for target, rule, path in report.broken_rules],
        "asked": [list(one) for one in report.asked],
        "is_whole": report.is_whole,
        "catalogue": [asdict(one) for one in report.catalogue],
        "errors": [asdict(one) for one in report.errors],
        "previous_run_id": report.previous_run_id,
        "next_run_at": _text(report.next_run_at),
        "schedule": report.schedule,
        "notes": report.notes,
    }
    return cast(Json, form)


def report_of(run: RunInfo, head_hash: str, *, roster: Json, body: Json) -> Report:
    """Return the report that was stored in this form."""
    form, every = cast(dict[str, Any], body), cast(list[Any], roster)
    return _report(run, head_hash, form, tuple(_targets(every, form, range(len(every)))))


def brief_of(run: RunInfo, head_hash: str, *, roster: Json, body: Json) -> Report:
    """Return the report without the targets that were in sync with nothing told of them."""
    form = cast(dict[str, Any], body)
    told = {place for name in _BY_PLACE for place, _ in form.get(name, ())}
    places = sorted(told.union(_unquiet_places(form["states"])))
    return _report(run, head_hash, form, tuple(_targets(cast(list[Any], roster), form, places)))


def _report(
    run: RunInfo, head_hash: str, form: dict[str, Any], targets: tuple[TargetReport, ...]
) -> Report:
    return Report(
        run=run,
        totals=Totals(**form["totals"]),
        targets=targets,
        catalogue=tuple(_vendor_finding(one) for one in form["catalogue"]),
        errors=tuple(ProjectError(**one) for one in form["errors"]),
        head_hash=head_hash,
        previous_run_id=form["previous_run_id"],
        next_run_at=_moment(form["next_run_at"]),
        schedule=form["schedule"],
        notes=tuple(form["notes"]),
        # Reports of the first schema have none of the following.
        notices=tuple(_notice(one) for one in form.get("notices", ())),
        suppressed_by=tuple((name, n) for name, n in form.get("suppressed_by", ())),
        broken_rules=tuple(
            (TargetId(*target), rule, path) for target, rule, path in form.get("broken_rules", ())
        ),
        asked=tuple((outcome, n) for outcome, n in form.get("asked", ())),
        is_whole=form.get("is_whole", True),
    )


@dataclass(frozen=True, slots=True)
class Roster:
    """Who was looked at, in the order of the report, and as a set."""

    in_order: tuple[TargetId, ...]
    audited: frozenset[TargetId]


def roster_of(roster: Json) -> Roster:
    """Return the targets of a stored roster."""
    in_order = tuple(TargetId(one[0], one[1]) for one in cast(list[Any], roster))
    return Roster(in_order, frozenset(in_order))


def summary_of(run: RunInfo, *, roster: Roster, body: Json) -> RunSummary:
    """Return a stored report in short; only what is not in sync is read target by target."""
    form = cast(dict[str, Any], body)
    return RunSummary(
        run=run,
        totals=Totals(**form["totals"]),
        audited=roster.audited,
        states=dict(_unquiet(form["states"], roster.in_order)),
        findings={roster.in_order[place]: len(found) for place, found in form["findings"]},
    )


def _unquiet(
    stretches: list[list[Any]], in_order: Sequence[TargetId]
) -> Iterator[tuple[TargetId, TargetState]]:
    place = 0
    for state, length in stretches:
        if state != TargetState.IN_SYNC:
            known = TargetState(state)
            yield from ((one, known) for one in in_order[place : place + length])
        place += length


def _unquiet_places(stretches: list[list[Any]]) -> Iterator[int]:
    place = 0
    for state, length in stretches:
        if state != TargetState.IN_SYNC:
            yield from range(place, place + length)
        place += length


def _targets(
    roster: list[Any], form: dict[str, Any], places: Sequence[int]
) -> Iterator[TargetReport]:
    """Yield the targets at `places`, which ascend."""
    names = ("states", "model_states", "suppressed", "last_good", "went")
    columns = zip(*(_members(form[name], places) for name in names), strict=True)
    findings, failures = dict(form["findings"]), dict(form["failures"])
    steps, since = dict(form.get("steps", ())), dict(form.get("model_since", ()))
    acknowledged = dict(form.get("acknowledged", ()))
    excerpts, nights = dict(form.get("around", ())), dict(form.get("nights", ()))
    return (
        TargetReport(
            target=TargetId(project_id, learn_id),
            project=project,
            name=name,
            type=type_,
            state=TargetState(state),
            model_state=ModelState(model_state),
            findings=tuple(_finding(one) for one in findings.get(place, ())),
            step=ModelEvent(steps[place]) if place in steps else None,
            model_since=_interval(since[place]) if place in since else None,
            suppressed=suppressed,
            acknowledged=acknowledged.get(place, 0),
            error=Failure(**failures[place]) if place in failures else None,
            last_good_at=_moment(last_good),
            went=went,
            excerpt=_excerpt(excerpts[place]) if place in excerpts else None,
            nights=nights.get(place, ""),
        )
        for place, (state, model_state, suppressed, last_good, went) in zip(
            places, columns, strict=True
        )
        for project_id, learn_id, project, name, type_ in (roster[place],)
    )


def _stretches(values: Iterable[str | int | None]) -> list[list[str | int | None]]:
    return [[value, sum(1 for _ in same)] for value, same in groupby(values)]


def _members(stretches: list[list[Any]], places: Iterable[int]) -> Iterator[Any]:
    """Yield what stands at `places`, which ascend, without a look at each place between."""
    remaining = iter(stretches)
    value, end = None, 0
    for place in places:
        while place >= end:
            value, length = next(remaining)
            end += length
        yield value


def _interval_form(since: Interval) -> list[str | None]:
    return [_text(since.after), _text(since.until)]


def _interval(form: list[str | None]) -> Interval:
    after, until = map(_moment, form)
    if until is None:
        raise ValueError("an interval without an end was stored")
    return Interval(after, until)


def _excerpt_form(excerpt: AnswerExcerpt) -> list[Any]:
    return [excerpt.before.decode("ascii"), excerpt.after.decode("ascii"), list(excerpt.findings)]


def _excerpt(form: list[Any]) -> AnswerExcerpt:
    before, after, findings = form
    return AnswerExcerpt(
        before=before.encode("ascii"), after=after.encode("ascii"), findings=tuple(findings)
    )


def _notice_form(one: Notice) -> dict[str, Any]:
    return {**asdict(one), "target": list(one.target) if one.target else None}


def _notice(form: dict[str, Any]) -> Notice:
    return Notice(
        kind=NoticeKind(form["kind"]),
        text=form["text"],
        severity=Severity(form["severity"]),
        target=TargetId(*form["target"]) if form["target"] else None,
    )


def _finding_form(found: Finding) -> dict[str, Any]:
    return {**asdict(found), "stands_since": _text(found.stands_since)}


def _finding(form: dict[str, Any]) -> Finding:
    words = {
        "area": Area(form["area"]),
        "owner": Owner(form["owner"]),
        "kind": Kind(form["kind"]),
        "severity": Severity(form["severity"]),
        "since": Since(form["since"]),
        "recurrence": Recurrence(form.get("recurrence", Recurrence.FIRST)),
        "stands_since": _moment(form.get("stands_since")),
        "folded": tuple(form["folded"]),
    }
    return Finding(**{**form, **words})


def _vendor_finding(form: dict[str, Any]) -> VendorFinding:
    words = {
        "area": Area(form["area"]),
        "kind": Kind(form["kind"]),
        "severity": Severity(form["severity"]),
    }
    return VendorFinding(**{**form, **words})


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
