"""Reports: how a run is closed, in which form its report is stored, and how it is read again.

The list of a run's targets seldom changes: it is a roster, which runs share. Where a report does
not list all targets, the roster also has the counts of the others. Of the rest, what
neighbours have in common is stored as stretches (`[value, how many in a row]`), and what few
targets have with their places in the roster. So the report of a run without changes takes a few
lines, however many targets it has.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache, lru_cache
from itertools import groupby
from typing import Any, TypeAlias, cast

from sqlalchemy import Connection, func, select, update

from auditor.context import ModelMetadata, Training
from auditor.errors import UsageError
from auditor.impulses import NO_PLACE, place_form, place_from
from auditor.listings import RunSummary
from auditor.model import (
    EVERY_PROJECT,
    BlockKindName,
    ConditionKind,
    Failure,
    Interval,
    Json,
    ModelEvent,
    ModelState,
    OpenCondition,
    ProjectError,
    RunInfo,
    RunStatus,
    Severity,
    Starter,
    TargetId,
    TargetState,
)
from auditor.outbox import Message
from auditor.records import RunConclusions, UnreportedFinding
from auditor.report import AnswerExcerpt, LeftOut, Report, TargetReport, Totals
from auditor.store import (
    conditions,
    decisions,
    findings,
    ledger,
    outbox,
    runs,
    settings,
    targets,
    trainings,
)
from auditor.store.batches import in_batches
from auditor.store.chain import content_hash
from auditor.store.findings import moment_from, moment_text
from auditor.store.packing import pack, pack_json, unpack_json
from auditor.store.settings import secrets_of
from auditor.store.tables import insert_into, roster, run

Members: TypeAlias = list[tuple[Any, ...]]
Form: TypeAlias = Mapping[str, Any]

_NOT_CLOSED = (RunStatus.RUNNING, RunStatus.ABANDONED)
_REPORTS_AT_ONCE = 20
_MOST_ROSTERS = 30
_PLACE_OF_TRAINING = 5  # in a roster, behind the ids of the target
_COUNTS = ("project_id", "project", "in_sync", "new", "unknown", "unsupported", "passing")
_ROSTERS_AT_HAND = 4
_NO_REPORT = "This run has no report: it did not end. What it found is in the next run's report."
_OF_REPORTED_TARGETS = ("findings", "late", "acknowledged", "steps")


def close_run(
    connection: Connection,
    report: Report,
    messages: Sequence[Message],
    *,
    carried: Sequence[UnreportedFinding],
    conclusions: RunConclusions,
) -> None:
    """Close the run with its report and its conclusions; queue its messages.

    Raises:
        LockLostError: another process closed the run.
        UsageError: the report is of a dry run.
    """
    run_id = report.run.id
    if run_id is None:
        raise UsageError("a dry run has no report to store")
    runs.require_running(connection, run_id)
    document, roster_digest = pack_json(report_form(report)), _keep_roster(connection, report)
    row = {
        "status": report.run.status,
        "finished_at": report.run.finished_at,
        "report": document,
        "roster_digest": roster_digest,
        "report_hash": ledger.report_hash(document, roster_digest),
        "head_hash": runs.head(connection, run_id),
    }
    connection.execute(update(run).where(run.c.id == run_id).values(**row))
    findings.replace_vendor_findings(connection, run_id, report.catalogue)
    findings.carry_findings(connection, run_id, carried)
    findings.carry_notices(connection, run_id, [each.id for each in conclusions.carried_notices])
    at = report.run.finished_at or report.run.started_at
    findings.add_baseline_differences(connection, report, at=at)
    findings.add_suppressed_vendor_findings(
        connection, run_id, conclusions.suppressed_vendor, at=at
    )
    findings.replace_notices(connection, run_id, (*conclusions.notices, *conclusions.news))
    if conclusions.retirement is not None:
        targets.retire_others(connection, run_id, conclusions.retirement)
    targets.remember_places(connection, conclusions.places())
    decisions.begin_rule_breaches(connection, conclusions.began, at=at)
    decisions.end_rule_breaches(connection, conclusions.ended, at=at)
    decisions.mark_ignore_rules_announced(connection, conclusions.announced, at=at)
    conditions.update_conditions(connection, run_id, conclusions.conditions, at=at)
    conditions.set_since(connection, run_id, at)
    settings.remember_rule_matches(connection, conclusions.rule_matches)
    trainings.keep_endpoints(connection, conclusions.endpoints)
    trainings.keep_trainings(connection, run_id, conclusions.trainings)
    decisions.end_acknowledgements(connection, conclusions.ended_acknowledgements, at=at)
    outbox.queue_messages(connection, messages)
    ledger.record_runs(connection, [run_id])


def report(connection: Connection, run_id: int | None) -> Report | None:
    """Return a run's report, the newest where `run_id` is None; None where there is none.

    A run that did not end has a report which says so.

    Raises:
        UsageError: the report was pruned.
    """
    query = select(run, roster.c.document).join(roster, roster.c.digest == run.c.roster_digest)
    if run_id is None:
        query = query.order_by(run.c.id.desc()).limit(1)
    else:
        query = query.where(run.c.id == run_id)
    row = connection.execute(query).mappings().first()
    if row is not None:
        listed = roster_from(unpack_json(row["document"]))
        form = cast(Form, unpack_json(row["report"]))
        whole = report_from(runs.info_of(row), row["head_hash"], form, listed)
        return secrets_of(connection).hide_report(whole)
    found = None if run_id is None else runs.run_info(connection, run_id)
    if found is None:
        return None
    if found.status not in _NOT_CLOSED:
        raise UsageError(f"the report of run {run_id} was pruned: it is older than is kept")
    return Report(run=found, totals=Totals(), targets=(), notes=(_NO_REPORT,))


def brief_reports(connection: Connection, run_ids: Sequence[int]) -> tuple[Report, ...]:
    """Return the reports of closed runs, newest first, without targets of which nothing is said.

    These are the targets that were in sync, without a finding and without a change of the model.
    """
    read_roster = _roster_reader(connection)
    found: list[Report] = []
    for batch in in_batches(run_ids, _REPORTS_AT_ONCE):
        query = select(run).where(run.c.report.is_not(None), run.c.id.in_(batch))
        for row in connection.execute(query).mappings().all():
            form = cast(Form, unpack_json(row["report"]))
            places = {place for place, _ in _not_in_sync(form)}
            for name in _OF_REPORTED_TARGETS:
                places.update(place for place, _ in form.get(name, ()))
            listed = read_roster(row["roster_digest"])
            info, head = runs.info_of(row), row["head_hash"]
            found.append(report_from(info, head, form, listed, sorted(places)))
    hidden = map(secrets_of(connection).hide_report, found)
    return tuple(sorted(hidden, key=lambda brief: -(brief.run.id or 0)))


def run_summaries(connection: Connection, most: int) -> tuple[RunSummary, ...]:
    """Return the last `most` closed runs as summaries, newest first."""
    read_roster = _roster_reader(connection)
    known: dict[frozenset[int], frozenset[int]] = {}

    @cache
    def read_targets(
        digest: str,
    ) -> tuple[tuple[TargetId, ...], frozenset[TargetId], frozenset[int], frozenset[int]]:
        listed = read_roster(digest)
        targets = tuple(TargetId(row[0], row[1]) for row in listed.members)
        unclear = listed.unclear_projects()
        counted = listed.projects() - unclear
        return (
            targets,
            frozenset(targets),
            known.setdefault(counted, counted),
            known.setdefault(unclear, unclear),
        )

    query = select(run).where(run.c.report.is_not(None)).order_by(run.c.id.desc()).limit(most)
    found = []
    for row in connection.execute(query).mappings().all():
        form = cast(Form, unpack_json(row["report"]))
        targets, audited, counted, unclear = read_targets(row["roster_digest"])
        summary = RunSummary(
            run=runs.info_of(row),
            totals=Totals(**form["totals"]),
            audited=audited,
            counted=counted,
            unclear=unclear,
            states={targets[place]: state for place, state in _not_in_sync(form)},
            findings={targets[place]: len(members) for place, members in form["findings"]},
        )
        found.append(summary)
    return tuple(found)


def past_trainings(
    connection: Connection, *, most: int = _MOST_ROSTERS
) -> dict[TargetId, tuple[Training, ...]]:
    """Return the trainings of targets that stored reports have, the oldest first.

    They are read from the newest `most` lists of targets: a training makes a new list.
    """
    query = (
        select(run.c.roster_digest)
        .where(run.c.roster_digest.is_not(None))
        .group_by(run.c.roster_digest)
        .order_by(func.max(run.c.id).desc())
        .limit(most)
    )
    read_roster = _roster_reader(connection)
    found: dict[TargetId, dict[str, Training]] = defaultdict(dict)
    for digest in connection.execute(query).scalars().all():
        for project_id, learn_id, *rest in read_roster(digest).members:
            if len(rest) > _PLACE_OF_TRAINING:
                training = _training(rest[_PLACE_OF_TRAINING])
                of_target = found[TargetId(project_id, learn_id)]
                of_target.setdefault(training.metadata.created, training)
    return {
        target: tuple(sorted(known.values(), key=lambda each: each.metadata.at))
        for target, known in found.items()
    }


def pruned_runs(connection: Connection) -> frozenset[int]:
    """Return the closed runs whose reports were pruned."""
    query = select(run.c.id).where(run.c.report.is_(None), run.c.status.not_in(_NOT_CLOSED))
    return frozenset(connection.execute(query).scalars())


@dataclass(frozen=True, slots=True)
class Roster:
    """The targets that a report lists, and how many of each project it does not.

    Attributes:
        counts: for each project the values of `_COUNTS`.
    """

    members: Members
    counts: Sequence[Sequence[Any]] = ()

    def projects(self) -> frozenset[int]:
        """Return the projects with targets that are not listed."""
        return frozenset(each[0] for each in self.counts)

    def unclear_projects(self) -> frozenset[int]:
        """Return the projects with targets that are not listed and were not checked."""
        return frozenset(
            each.project_id for each in self.left_out() if each.unknown or each.unsupported
        )

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return how many targets of each project are not listed."""
        return tuple(LeftOut(**dict(zip(_COUNTS, each, strict=True))) for each in self.counts)

    def merged(self) -> tuple[LeftOut, ...]:
        """Return how many targets of all projects are not listed; none where all are."""
        if not self.counts:
            return ()
        sums = {
            name: sum(each[place] for each in self.counts)
            for place, name in enumerate(_COUNTS)
            if name not in ("project_id", "project")
        }
        listed = frozenset(member[0] for member in self.members)
        number = len(listed | self.projects())
        return (LeftOut(project_id=EVERY_PROJECT, project="", projects=number, **sums),)


def roster_form(report: Report) -> Json:
    """Return the list of the report's targets as JSON, with the counts of others if any."""
    members = [
        (
            *each.target,
            each.project,
            each.name,
            each.type,
            each.kind,
            place_form(each.place),
            *([_training_form(each.training)] if each.training else []),
        )
        for each in report.targets
    ]
    if not report.left_out:
        return cast(Json, members)
    left_out = [[getattr(each, name) for name in _COUNTS] for each in report.left_out]
    return cast(Json, {"targets": members, "left_out": left_out})


def roster_from(form: Json) -> Roster:
    """Return what `roster_form` wrote."""
    if isinstance(form, dict):
        return Roster(cast(Members, form["targets"]), cast("list[list[Any]]", form["left_out"]))
    return Roster(cast(Members, form))


def report_form(report: Report) -> Json:
    """Return all that the report says except what its run's row and the roster say."""
    targets = report.targets

    def placed(value_of: Callable[[TargetReport], object]) -> list[list[object]]:
        values = ((place, value_of(target)) for place, target in enumerate(targets))
        return [[place, value] for place, value in values if value]

    form = {
        "totals": asdict(report.totals),
        "states": _stretches(target.state for target in targets),
        "model_states": _stretches(target.model_state for target in targets),
        "suppressed": _stretches(target.suppressed for target in targets),
        "last_good": _stretches(moment_text(target.last_good_at) for target in targets),
        "went": _stretches(target.is_news for target in targets),
        "findings": placed(lambda target: list(map(findings.finding_form, target.findings))),
        "late": placed(lambda target: list(map(findings.late_form, target.late))),
        "failures": placed(lambda target: target.error and asdict(target.error)),
        "steps": placed(lambda target: target.model_event),
        "model_since": placed(lambda target: _interval_form(target.model_since)),
        "acknowledged": placed(lambda target: target.acknowledged),
        "around": placed(lambda target: _excerpt_form(target.excerpt)),
        "nights": placed(lambda target: target.signs),
        "trained_before": placed(_trained_before_form),
        "proving_jobs": placed(lambda target: target.proving_job),
        "notices": list(map(findings.notice_form, report.notices)),
        "suppressed_by": report.suppressed_by,
        "broken_rules": report.broken_rules,
        "open": list(map(_condition_form, report.open)),
        "asked": report.fetch_counts,
        "is_whole": report.is_whole,
        "catalogue": list(map(findings.vendor_finding_form, report.catalogue)),
        "late_catalogue": list(map(findings.late_vendor_form, report.late_catalogue)),
        "errors": list(map(asdict, report.errors)),
        "previous_run_id": report.previous_run_id,
        "next_run_at": moment_text(report.next_run_at),
        "starter": report.starter,
        "schedule": report.schedule,
        "notes": report.notes,
    }
    return cast(Json, form)


def report_from(
    info: RunInfo,
    head_hash: str,
    form: Form,
    listed: Roster,
    places: Sequence[int] | None = None,
) -> Report:
    """Return the report of a form, with all targets or only those at `places`, in order.

    With only some, the counts of those that it does not list are merged.
    """
    targets = listed.members
    shown = range(len(targets)) if places is None else places
    return Report(
        run=info,
        totals=Totals(**form["totals"]),
        targets=tuple(_target_reports(targets, form, shown)),
        left_out=listed.left_out() if places is None else listed.merged(),
        catalogue=tuple(map(findings.vendor_finding_from, form["catalogue"])),
        late_catalogue=tuple(map(findings.late_vendor_from, form.get("late_catalogue", ()))),
        errors=tuple(ProjectError(**error) for error in form["errors"]),
        head_hash=head_hash,
        previous_run_id=form["previous_run_id"],
        next_run_at=moment_from(form["next_run_at"]),
        schedule=form["schedule"],
        notes=tuple(form["notes"]),
        # Reports of the first schema have none of the following.
        notices=tuple(map(findings.notice_from, form.get("notices", ()))),
        suppressed_by=tuple((name, number) for name, number in form.get("suppressed_by", ())),
        broken_rules=tuple(
            (TargetId(*target), rule, path) for target, rule, path in form.get("broken_rules", ())
        ),
        fetch_counts=tuple((outcome, number) for outcome, number in form.get("asked", ())),
        is_whole=form.get("is_whole", True),
        starter=None if form.get("starter") is None else Starter(form["starter"]),
        open=tuple(map(_condition, form.get("open", ()))),
    )


def _keep_roster(connection: Connection, report: Report) -> str:
    """Store the list of the report's targets where it is not stored yet; return its digest."""
    content = json.dumps(roster_form(report), separators=(",", ":")).encode("ascii")
    digest = content_hash(content)
    row = {"digest": digest, "document": pack(content)}
    connection.execute(insert_into(connection, roster).on_conflict_do_nothing(), row)
    return digest


def _roster_reader(connection: Connection) -> Callable[[str], Roster]:
    """Return a function that reads the roster of a digest; the last few are kept."""

    @lru_cache(maxsize=_ROSTERS_AT_HAND)
    def read(digest: str) -> Roster:
        query = select(roster.c.document).where(roster.c.digest == digest)
        return roster_from(unpack_json(connection.execute(query).scalar_one()))

    return read


def _target_reports(targets: Members, form: Form, places: Sequence[int]) -> Iterator[TargetReport]:
    names = ("states", "model_states", "suppressed", "last_good", "went")
    columns = zip(*(_members(form[name], places) for name in names), strict=True)
    found, failures = dict(form["findings"]), dict(form["failures"])
    late = dict(form.get("late", ()))
    steps, since = dict(form.get("steps", ())), dict(form.get("model_since", ()))
    acknowledged = dict(form.get("acknowledged", ()))
    excerpts, nights = dict(form.get("around", ())), dict(form.get("nights", ()))
    trained_before = dict(form.get("trained_before", ()))
    proving_jobs = dict(form.get("proving_jobs", ()))
    for place, column in zip(places, columns, strict=True):
        state, model_state, suppressed, last_good, went = column
        project_id, learn_id, project, name, type_, *later = targets[place]
        kind, listed, trained = (*later, *(None,) * 3)[:3]
        yield TargetReport(
            target=TargetId(project_id, learn_id),
            # Before 0007 there were learn blocks only, read as getKeras answers.
            kind=BlockKindName(kind) if kind else BlockKindName.KERAS,
            place=place_from(listed) if listed else NO_PLACE,
            training=_training(trained) if trained else None,
            project=project,
            name=name,
            type=type_,
            state=TargetState(state),
            model_state=ModelState(model_state),
            findings=tuple(map(findings.finding_from, found.get(place, ()))),
            late=tuple(map(findings.late_from, late.get(place, ()))),
            model_event=ModelEvent(steps[place]) if place in steps else None,
            model_since=_interval(since[place]) if place in since else None,
            suppressed=suppressed,
            acknowledged=acknowledged.get(place, 0),
            error=Failure(**failures[place]) if place in failures else None,
            last_good_at=moment_from(last_good),
            is_news=went,
            excerpt=_excerpt(excerpts[place]) if place in excerpts else None,
            signs=nights.get(place, ""),
            is_trained_now=place in trained_before,
            training_before=_training_before(trained_before.get(place)),
            proving_job=proving_jobs.get(place),
        )


def _stretches(values: Iterable[str | int | None]) -> list[list[str | int | None]]:
    return [[value, sum(1 for _ in same)] for value, same in groupby(values)]


def _members(stretches: list[list[Any]], places: Iterable[int]) -> Iterator[Any]:
    """Yield the values at `places`, which ascend, without a look at each place between."""
    remaining = iter(stretches)
    value, end = None, 0
    for place in places:
        while place >= end:
            value, length = next(remaining)
            end += length
        yield value


def _not_in_sync(form: Form) -> Iterator[tuple[int, TargetState]]:
    """Yield the places of targets that were not in sync, with their states."""
    place = 0
    for state, length in form["states"]:
        if state != TargetState.IN_SYNC:
            yield from ((place + number, TargetState(state)) for number in range(length))
        place += length


def _interval_form(since: Interval | None) -> list[str | None] | None:
    return None if since is None else [moment_text(since.after), moment_text(since.until)]


def _interval(form: list[str | None]) -> Interval:
    after, until = map(moment_from, form)
    if until is None:
        raise ValueError("an interval without an end was stored")
    return Interval(after, until)


def _condition_form(condition: OpenCondition) -> dict[str, Any]:
    return {**asdict(condition), "since": moment_text(condition.since)}


def _condition(form: Form) -> OpenCondition:
    return OpenCondition(
        kind=ConditionKind(form["kind"]),
        target=TargetId(*form["target"]),
        severity=Severity(form["severity"]),
        headline=form["headline"],
        since=datetime.fromisoformat(form["since"]),
        run_id=form["run_id"],
        key=form["key"],
    )


def _training_form(training: Training) -> list[Any]:
    metadata = training.metadata
    made = [metadata.created, moment_text(metadata.at), metadata.model_type, metadata.metrics]
    return [*made, training.job, training.person]


def _training(form: list[Any]) -> Training:
    created, at, model_type, metrics, job, person = form
    metadata = ModelMetadata(
        created=created,
        at=datetime.fromisoformat(at),
        model_type=model_type,
        metrics=metrics,
    )
    return Training(metadata=metadata, job=job, person=person)


def _trained_before_form(target: TargetReport) -> list[Any]:
    """Return the training before the one that a run found, in a list; empty without news."""
    if not target.is_trained_now:
        return []
    before = target.training_before
    return [None if before is None else _training_form(before)]


def _training_before(form: list[Any] | None) -> Training | None:
    return _training(form[0]) if form and form[0] else None


def _excerpt_form(excerpt: AnswerExcerpt | None) -> list[Any] | None:
    if excerpt is None:
        return None
    form = [excerpt.before.decode("ascii"), excerpt.after.decode("ascii"), excerpt.findings]
    return form if excerpt.impulse_id is None else [*form, excerpt.impulse_id]


def _excerpt(form: list[Any]) -> AnswerExcerpt:
    before, after, ids, *impulse = form
    return AnswerExcerpt(
        before=before.encode("ascii"),
        after=after.encode("ascii"),
        findings=tuple(ids),
        impulse_id=impulse[0] if impulse else None,
    )
