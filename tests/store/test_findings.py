from __future__ import annotations

import json
from dataclasses import replace

from auditor.model import Finding, Since, VendorFinding
from auditor.records import UnreportedFinding
from auditor.store.store import SqlStore

from .examples import (
    FAN,
    HOSTILE,
    PUMP,
    Sql,
    audited,
    changed,
    dead,
    delivered,
    finding,
    first,
    night,
    opened,
    quiet,
    vendor_finding,
)


def _unreported(
    found: Finding | VendorFinding, run_id: int, *, ended: bool = True
) -> UnreportedFinding:
    target = PUMP if isinstance(found, Finding) else None
    return UnreportedFinding(
        target=target, finding=found, run_id=run_id, found_at=night(run_id - 1), run_ended=ended
    )


OWN = _unreported(finding(), 2)


def test_findings_in_a_queued_message_are_not_unreported(drift: SqlStore) -> None:
    assert drift.unreported_findings(opened(drift, 2)) == ()


def test_one_delivered_message_reports_the_findings_of_its_run(drift: SqlStore, sql: Sql) -> None:
    delivered(drift, "a")
    dead(drift, "b")

    assert drift.unreported_findings(opened(drift, 2)) == ()
    assert sql.read("SELECT count(*) FROM finding WHERE told_at IS NULL") == [0]


def test_findings_whose_messages_are_all_dead_are_unreported(drift: SqlStore) -> None:
    dead(drift, "a")
    assert drift.unreported_findings(opened(drift, 2)) == ()

    dead(drift, "b")

    assert drift.unreported_findings(opened(drift, 3)) == (OWN,)


def test_findings_of_a_crashed_run_are_unreported(store: SqlStore) -> None:
    audited(store, 0, first())
    store.save(opened(store, 1), [changed()], at=night(1))
    store.abandon_open_runs(night(2))

    assert store.unreported_findings(opened(store, 2)) == (_unreported(finding(), 2, ended=False),)


def test_findings_of_a_closed_run_are_unreported_until_marked(store: SqlStore) -> None:
    audited(store, 0, first())
    run_id = audited(store, 1, changed(), vendor=(vendor_finding(),))
    following = opened(store, 2)

    assert store.unreported_findings(following) == (
        OWN,
        _unreported(vendor_finding(), 2),
    )
    store.mark_reported(run_id, at=night(1))
    assert store.unreported_findings(following) == ()


def test_a_run_does_not_carry_its_own_findings(store: SqlStore) -> None:
    audited(store, 0, first())
    run_id = opened(store, 1)
    store.save(run_id, [changed()], at=night(1))

    assert store.unreported_findings(run_id) == ()


def test_carried_findings_belong_to_the_report_that_repeats_them(store: SqlStore) -> None:
    audited(store, 0, first())
    audited(store, 1, changed(), vendor=(vendor_finding(),))
    carried = store.unreported_findings(opened(store, 2))
    audited(store, 3, quiet(), messages=("a",), carried=carried)

    assert store.unreported_findings(opened(store, 4)) == ()
    delivered(store, "a")
    assert store.unreported_findings(opened(store, 5)) == ()


def test_a_carried_finding_that_reaches_nobody_is_carried_again(store: SqlStore) -> None:
    audited(store, 0, first())
    audited(store, 1, changed())
    carried = store.unreported_findings(opened(store, 2))
    audited(store, 3, quiet(), messages=("a",), carried=carried)
    dead(store, "a")

    assert store.unreported_findings(opened(store, 4)) == (OWN,)


def test_a_carried_finding_of_the_vendor_is_stored_once(store: SqlStore, sql: Sql) -> None:
    audited(store, 0, first(), vendor=(vendor_finding(),))
    carried = store.unreported_findings(opened(store, 1))
    audited(store, 2, quiet(), carried=carried)

    assert sql.read("SELECT count(*) FROM finding") == [1]


def test_the_same_finding_of_two_unreported_runs_is_returned_once(store: SqlStore) -> None:
    audited(store, 0, first())
    for number in (1, 2):
        audited(store, number, changed(PUMP, f"{number}"))

    assert store.unreported_findings(opened(store, 3)) == (_unreported(finding(), 3),)


def test_findings_of_other_messages_stay_unreported(store: SqlStore) -> None:
    audited(store, 0, first(PUMP), first(FAN))
    audited(store, 1, changed(PUMP))
    other = finding("batchSize", 32, 64)
    audited(store, 2, changed(FAN, "fan", other), messages=("a",))
    delivered(store, "a")

    assert store.unreported_findings(opened(store, 3)) == (OWN,)


def test_a_hostile_finding_comes_back_as_it_was(store: SqlStore) -> None:
    hostile = replace(
        finding(
            f"customParameters[{json.dumps(HOSTILE)}]",
            {"a": [1, 1.0, -0.0, None, 2**63 - 1]},
            HOSTILE,
        ),
        headline=HOSTILE,
        rule=HOSTILE,
        since=Since.LAST,
        folded=(HOSTILE, "script"),
    )
    audited(store, 0, first())
    audited(store, 1, changed(PUMP, "second", hostile))

    assert repr(store.unreported_findings(opened(store, 2))) == repr((_unreported(hostile, 2),))


def test_past_changes_are_the_newest_of_each_path(store: SqlStore) -> None:
    audited(store, 0, first())
    audited(store, 1, changed(PUMP, "1", finding("learningRate", 1, 2)))
    for number in range(2, 6):
        audited(
            store, number, changed(PUMP, f"{number}", finding(before=number, after=number + 1))
        )

    newest = store.past_changes(PUMP, most=2)

    assert [(change.path, change.at) for change in newest] == [
        ("learningRate", night(1)),
        ("trainingCycles", night(4)),
        ("trainingCycles", night(5)),
    ]
    assert len(store.past_changes(PUMP)) == 5
