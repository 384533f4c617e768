from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from auditor.model import (
    BlockKindName,
    Failure,
    Finding,
    ModelState,
    ProjectError,
    RunInfo,
    RunStatus,
    TargetId,
    TargetState,
    Trigger,
    VendorFinding,
)
from auditor.records import RunConclusions
from auditor.report import AnswerExcerpt, LeftOut, Report, TargetReport, Totals
from auditor.store import reports
from auditor.store.store import SqlStore

from .examples import (
    FAN,
    HOSTILE,
    NIGHT,
    PUMP,
    Sql,
    finding,
    night,
    opened,
    report,
    vendor_finding,
)

MOMENTS = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(fold=0))
TEXTS = st.text(st.characters(exclude_categories=()), max_size=9)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
NUMBERS = st.integers(0, 9)
TARGETS = st.builds(
    TargetReport,
    target=st.builds(TargetId, st.integers(1, 9), st.integers(1, 9)),
    project=TEXTS,
    name=TEXTS,
    type=TEXTS,
    state=st.sampled_from(TargetState),
    model_state=st.sampled_from(ModelState),
    findings=st.lists(
        st.builds(Finding, before=JSON, after=JSON, folded=st.lists(TEXTS).map(tuple)), max_size=2
    ).map(tuple),
    suppressed=st.integers(0, 2),
    error=st.none() | st.builds(Failure, kind=TEXTS, message=TEXTS),
    last_good_at=st.none() | MOMENTS,
    is_news=st.booleans(),
    excerpt=st.none()
    | st.just(AnswerExcerpt(before=b'{"mode":"visual"}', after=b"{}", findings=("a1",))),
    signs=st.text("·▲?○+ ", max_size=30),
    proving_job=st.none() | st.integers(1, 2**62),
)
REPORTS = st.builds(
    Report,
    run=st.just(
        RunInfo(id=7, status=RunStatus.COMPLETE, trigger=Trigger.MANUAL, started_at=NIGHT)
    ),
    totals=st.builds(Totals, targets=st.integers(0, 9), findings=st.integers(0, 9)),
    targets=st.lists(TARGETS, max_size=6).map(tuple),
    left_out=st.lists(
        st.builds(LeftOut, project_id=NUMBERS, project=TEXTS, in_sync=NUMBERS), max_size=1
    ).map(tuple),
    catalogue=st.lists(st.builds(VendorFinding, before=JSON, after=JSON), max_size=2).map(tuple),
    errors=st.lists(st.builds(ProjectError), max_size=2).map(tuple),
    head_hash=st.just("ab"),
    previous_run_id=st.none() | st.integers(1, 9),
    next_run_at=st.none() | MOMENTS,
    schedule=TEXTS,
    notes=st.lists(TEXTS, max_size=2).map(tuple),
    fetch_counts=st.lists(st.tuples(TEXTS, st.integers(0, 9)), max_size=2).map(tuple),
    is_whole=st.booleans(),
)

IN_SYNC = TargetReport(
    kind=BlockKindName.KERAS,
    target=PUMP,
    project="Pump",
    name="Motion",
    type="keras",
    state=TargetState.IN_SYNC,
    model_state=ModelState.TRAINED,
    last_good_at=night(-1),
)


def stored(store: SqlStore, number: int, *targets: TargetReport) -> Report:
    run_id = opened(store, number)
    whole = replace(report(run_id, number, *targets), head_hash=store.head(run_id))
    store.close_run(whole, [], carried=(), conclusions=RunConclusions())
    return whole


@given(REPORTS)
def test_every_report_comes_back_from_its_stored_form(whole: Report) -> None:
    roster = json.loads(json.dumps(reports.roster_form(whole)))
    body = json.loads(json.dumps(reports.report_form(whole)))

    read = reports.report_from(whole.run, whole.head_hash, body, reports.roster_from(roster))

    assert read == whole
    assert repr(read) == repr(whole)


def test_a_report_comes_back_from_the_database(store: SqlStore) -> None:
    drifted = replace(
        IN_SYNC,
        target=FAN,
        name=HOSTILE,
        state=TargetState.DRIFTED,
        model_state=ModelState.STALE,
        findings=(finding(), finding("script", "a\n" * 5000, HOSTILE)),
        suppressed=2,
    )
    unread = replace(
        IN_SYNC,
        target=TargetId(2, 1),
        state=TargetState.UNKNOWN,
        error=Failure(kind="timeout", message=HOSTILE),
    )
    run_id = opened(store)
    whole = replace(
        report(run_id, 0, IN_SYNC, drifted, unread),
        head_hash=store.head(run_id),
        catalogue=(vendor_finding(),),
        errors=(ProjectError(project_id=2, kind="unauthorized", message=HOSTILE),),
        next_run_at=night(1),
        schedule="15 3 * * * UTC",
        notes=("a note",),
    )
    store.close_run(whole, [], carried=(), conclusions=RunConclusions())

    assert store.report(run_id) == whole


def test_without_a_number_the_newest_closed_run_is_read(store: SqlStore) -> None:
    stored(store, 0, IN_SYNC)
    newest = stored(store, 1, IN_SYNC)
    opened(store, 2)

    assert store.report(None) == newest


def test_runs_over_the_same_targets_share_their_list(store: SqlStore, sql: Sql) -> None:
    closed = stored(store, 0, IN_SYNC)
    stored(store, 1, replace(IN_SYNC, state=TargetState.UNKNOWN))
    stored(store, 2, replace(IN_SYNC, name="Renamed"))

    assert sql.read("SELECT count(*) FROM roster") == [2]
    assert store.report(closed.run.id) == closed


def test_a_quiet_nights_report_is_as_small_for_a_thousand_targets_as_for_two(
    store: SqlStore, sql: Sql
) -> None:
    many = [replace(IN_SYNC, target=TargetId(project, 3)) for project in range(1000)]
    stored(store, 0, *many[:2])
    stored(store, 1, *many)

    few, thousand = sql.read("SELECT length(report) FROM run ORDER BY id")

    assert thousand <= few + 20


def test_run_summaries_have_the_state_of_each_target(store: SqlStore) -> None:
    quiet = TargetReport(
        kind=BlockKindName.KERAS,
        target=FAN,
        project="Pump",
        name="Fan",
        type="keras",
        state=TargetState.IN_SYNC,
        model_state=ModelState.TRAINED,
    )
    drifted = replace(quiet, target=PUMP, state=TargetState.DRIFTED, findings=(finding(),))
    for number, targets in enumerate([(quiet,), (quiet, drifted), (quiet,)]):
        whole = report(opened(store, number), number, *targets)
        store.close_run(whole, [], carried=(), conclusions=RunConclusions())

    newest, middle, _ = store.run_summaries(30)

    assert [summary.run.id for summary in store.run_summaries(2)] == [3, 2]
    assert (middle.state(PUMP), middle.findings) == (TargetState.DRIFTED, {PUMP: 1})
    assert (newest.state(FAN), newest.state(PUMP)) == (TargetState.IN_SYNC, None)
    assert newest.audited == {FAN}


def test_a_brief_is_the_report_without_its_quiet_targets(store: SqlStore) -> None:
    calm = [replace(IN_SYNC, target=TargetId(1, learn)) for learn in (1, 2, 9)]
    drifted = replace(
        IN_SYNC, target=PUMP, state=TargetState.DRIFTED, findings=(finding(),), error=None
    )
    accepted = replace(IN_SYNC, target=FAN, acknowledged=2)
    whole = stored(store, 0, *calm[:2], drifted, accepted, calm[2])
    stored(store, 1, *calm)

    newest, oldest = store.brief_reports((2, 1))

    assert newest.targets == ()
    assert oldest == replace(whole, targets=(drifted, accepted))
