from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from auditor.errors import UsageError
from auditor.model import BlockKindName, Failure, ModelState, TargetId, TargetState
from auditor.records import Retirement
from auditor.results import BaselineDrift, Missing, NewVersion, Unreadable
from auditor.store.store import SqlStore

from .examples import (
    FAN,
    HOSTILE,
    PUMP,
    Sql,
    audited,
    catalogue,
    changed,
    digest,
    finding,
    first,
    night,
    opened,
    quiet,
    snapshot,
)

TIMED_OUT = Unreadable(
    kind=BlockKindName.KERAS,
    target=PUMP,
    project="Pump",
    failure=Failure(kind="timeout", message="no answer within 30 s"),
)


def state_of(store: SqlStore, target: TargetId = PUMP) -> TargetState:
    return store.known_targets([target])[target].state


def test_a_first_snapshot_is_known_afterwards(store: SqlStore) -> None:
    audited(store, 0, first())

    known = store.known_targets([PUMP, FAN])

    assert list(known) == [PUMP]
    assert known[PUMP].version_id == known[PUMP].trained_version_id == 1
    assert known[PUMP].digest == snapshot("first").digest
    assert known[PUMP].catalogue_digest == catalogue("fomo", "kws").digest
    assert known[PUMP].body_digest == first().body_digest
    assert known[PUMP].models == ("keras",)
    assert known[PUMP].last_checked_at == night(0)
    assert known[PUMP].state is TargetState.NEW


def test_a_quiet_night_moves_the_marks_and_adds_no_row(store: SqlStore, sql: Sql) -> None:
    audited(store, 0, first(), messages=("a",))
    audited(store, 1, quiet())

    (status,) = store.statuses()
    assert status.last_changed_at == night(0)
    assert status.last_checked_at == status.last_attempted_at == night(1)
    assert status.state is TargetState.IN_SYNC
    assert status.model_state is ModelState.TRAINED
    assert sql.read("SELECT count(*) FROM version") == [1]
    assert sql.read("SELECT count(*) FROM roster") == [1]
    assert sql.read("SELECT count(*) FROM target") == [1]


def test_a_quiet_answer_in_other_bytes_renews_the_bytes_digest_and_the_project_name(
    store: SqlStore,
) -> None:
    audited(store, 0, first(), first(FAN))
    audited(store, 1, replace(quiet(), body_digest=digest("other"), project="Pump 2"), quiet(FAN))

    known = store.known_targets([PUMP, FAN])

    assert known[PUMP].body_digest == digest("other")
    assert [known[target].project for target in (PUMP, FAN)] == ["Pump 2", "Pump"]
    assert known[FAN].body_digest == first().body_digest


def test_a_change_makes_a_version_and_moves_last_changed(store: SqlStore) -> None:
    audited(store, 0, first())
    audited(store, 1, changed())

    known = store.known_targets([PUMP])[PUMP]

    assert (known.version_id, known.trained_version_id) == (2, 1)
    assert known.state is TargetState.DRIFTED
    assert known.model_state is ModelState.STALE
    assert store.statuses()[0].last_changed_at == night(1)


def test_a_version_without_findings_is_no_change(store: SqlStore) -> None:
    audited(store, 0, first())
    audited(store, 1, replace(changed(), findings=()))

    assert store.statuses()[0].last_changed_at == night(0)
    assert state_of(store) is TargetState.IN_SYNC


def test_an_unread_target_keeps_what_is_known_of_it(store: SqlStore) -> None:
    audited(store, 0, first())
    before = store.known_targets([PUMP])[PUMP]
    audited(store, 1, TIMED_OUT)

    (status,) = store.statuses()

    assert store.known_targets([PUMP])[PUMP] == replace(before, state=TargetState.UNKNOWN)
    assert status.error == TIMED_OUT.failure
    assert (status.last_checked_at, status.last_attempted_at) == (night(0), night(1))


def test_an_error_ends_with_the_next_good_answer(store: SqlStore) -> None:
    audited(store, 0, first())
    audited(store, 1, TIMED_OUT)
    audited(store, 2, quiet())

    assert store.statuses()[0].error is None
    assert state_of(store) is TargetState.IN_SYNC


def test_a_target_never_read_is_listed_without_a_version(store: SqlStore) -> None:
    audited(store, 0, TIMED_OUT)

    known = store.known_targets([PUMP])[PUMP]

    assert (known.version_id, known.digest, known.body_digest) == (None, "", None)
    assert known.model_state is ModelState.UNKNOWN
    assert store.statuses()[0].last_checked_at is None


def test_missing_blocks_are_marked(store: SqlStore) -> None:
    audited(store, 0, first())
    audited(store, 1, Missing(kind=BlockKindName.KERAS, target=PUMP, project="Pump"))

    known = store.known_targets([PUMP])

    assert known[PUMP].state is TargetState.MISSING
    assert known[PUMP].name == "Motion"


def test_unchanged_targets_have_the_state_that_the_run_judged(store: SqlStore) -> None:
    audited(store, 0, first(PUMP), first(FAN))
    audited(store, 1, replace(quiet(PUMP), baseline=BaselineDrift(open=(finding(),))), quiet(FAN))

    states = {status.target: status.state for status in store.statuses()}

    assert states == {PUMP: TargetState.DRIFTED, FAN: TargetState.IN_SYNC}


def test_targets_that_a_full_run_left_out_are_no_longer_audited(store: SqlStore) -> None:
    audited(store, 0, first(PUMP), first(FAN))
    audited(store, 1, quiet(PUMP), retirement=Retirement())

    assert [status.target for status in store.statuses()] == [PUMP]
    assert [known.target for known in store.known_project_targets(1)] == [PUMP]
    assert FAN in store.known_targets([FAN])


def test_targets_of_projects_that_other_runs_audit_are_left_to_them(store: SqlStore) -> None:
    elsewhere = TargetId(2, 1)
    audited(store, 0, first(PUMP), first(FAN), first(elsewhere))
    two = frozenset({2})

    left = []
    for retirement in (
        Retirement(only=two, elsewhere=two),
        Retirement(elsewhere=two),
        Retirement(only=two),
    ):
        audited(store, 1, quiet(PUMP), retirement=retirement)
        left.append([status.target for status in store.statuses()])

    assert left == [[PUMP, FAN, elsewhere], [PUMP, elsewhere], [PUMP]]


def test_a_retired_target_that_is_asked_for_again_is_audited_again(store: SqlStore) -> None:
    audited(store, 0, first(PUMP), first(FAN))
    audited(store, 1, quiet(PUMP), retirement=Retirement())
    audited(store, 2, quiet(FAN))

    assert [status.target for status in store.statuses()] == [PUMP, FAN]


def test_known_of_project_names_that_projects_targets_by_learn_id(store: SqlStore) -> None:
    audited(store, 0, first(TargetId(2, 1)), first(FAN), first(PUMP))

    assert [known.target for known in store.known_project_targets(1)] == [PUMP, FAN]


def test_audited_projects_are_those_with_a_target_that_is_not_retired(store: SqlStore) -> None:
    audited(store, 0, first(PUMP), first(TargetId(2, 1)))
    audited(store, 1, quiet(PUMP), retirement=Retirement())

    assert store.audited_projects() == {1}


def test_found_projects_are_those_remembered_last(store: SqlStore) -> None:
    never = store.found_projects()
    run_id = opened(store, 0)
    for projects in ({7, 2**62}, {7, 9}, None):
        store.remember_inventory(run_id, projects, ())

    assert never == frozenset()
    assert store.found_projects() == {7, 9}


def test_versions_come_newest_first_and_link_up(store: SqlStore) -> None:
    audited(store, 0, first(PUMP), first(FAN))
    audited(store, 1, changed(PUMP))

    newest, oldest = store.target_versions(PUMP)

    assert (newest.snapshot, oldest.snapshot) == (snapshot("second"), snapshot("first"))
    assert newest.previous_hash == oldest.hash
    assert oldest.previous_hash == ""
    assert (newest.headline, newest.seen_at, newest.run_id) == ("training changed", night(1), 2)


def test_the_newest_versions_of_many_targets_are_those_of_each(store: SqlStore) -> None:
    audited(store, 0, first(PUMP), first(FAN))
    audited(store, 1, changed(PUMP))
    targets = [PUMP, FAN, TargetId(8, 1)]

    for most in (1, 2):
        assert store.newest_versions(targets, most=most) == {
            target: store.target_versions(target, most=most) for target in (PUMP, FAN)
        }


def test_every_version_can_be_read_back(store: SqlStore) -> None:
    contents = ["a", "b", "a", "c" * 5000, "d", "d2", ""]
    audited(store, 0, first(PUMP, contents[0]))
    for number, content in enumerate(contents[1:], start=1):
        audited(store, number, changed(PUMP, content))

    read = [store.snapshot(number) for number in range(1, len(contents) + 1)]

    assert read == [snapshot(content) for content in contents]
    assert store.verify() is None


def test_a_version_that_is_not_stored_is_refused_by_name(store: SqlStore) -> None:
    with pytest.raises(UsageError, match="no version 7"):
        store.snapshot(7)


def test_a_catalogue_is_stored_once_by_its_digest(store: SqlStore, sql: Sql) -> None:
    other = replace(first(FAN), snapshot=snapshot(models=catalogue("fomo", "kws", "new")))
    audited(store, 0, first(PUMP), first(TargetId(2, 1)), other)

    assert sql.read("SELECT count(*) FROM catalogue") == [2]
    assert store.snapshot(1).catalogue == catalogue("fomo", "kws")


def test_hostile_text_comes_back_as_it_was(store: SqlStore) -> None:
    hostile = replace(
        first(),
        project=HOSTILE,
        snapshot=replace(snapshot(), name=HOSTILE, type=HOSTILE),
        headline=HOSTILE,
        models=(HOSTILE,),
    )
    failed = replace(TIMED_OUT, target=FAN, failure=Failure(kind="refused", message=HOSTILE))
    audited(store, 0, hostile, failed)

    known = store.known_targets([PUMP])[PUMP]

    assert (known.project, known.name, known.type, known.models) == (*[HOSTILE] * 3, (HOSTILE,))
    assert store.target_versions(PUMP)[0].headline == HOSTILE
    assert store.statuses()[1].error == failed.failure
    assert store.verify() is None


def test_a_batch_is_stored_whole_or_not_at_all(store: SqlStore) -> None:
    run_id = opened(store)
    broken = replace(first(FAN), body_digest="no hex digits")

    with pytest.raises(Exception, match="hex"):
        store.save(run_id, [first(PUMP), broken], at=night(0))

    assert store.statuses() == ()
    assert store.target_versions(PUMP) == ()


def test_hundreds_of_outcomes_go_into_one_batch(store: SqlStore) -> None:
    targets = [TargetId(project, learn) for project in range(20) for learn in range(25)]
    many: list[NewVersion] = [first(target, f"{target}") for target in targets]
    audited(store, 0, *many)
    audited(store, 1, *(quiet(target, f"{target}") for target in targets))

    assert store.known_targets(targets).keys() == set(targets)
    assert {status.last_checked_at for status in store.statuses()} == {
        night(0) + timedelta(days=1)
    }


def test_overviews_have_every_target_and_its_last_version(store: SqlStore) -> None:
    audited(store, 0, first(PUMP), first(FAN, "fan"))
    audited(store, 1, changed(PUMP), quiet(FAN, "fan"))

    pump, fan = store.target_overviews(store.known_projects())

    assert (pump.status, fan.status) == store.statuses()
    assert (pump.version_id, fan.version_id) == (3, 2)
    assert not pump.retired
    assert pump.baseline_version_id is None


def test_overviews_have_targets_that_are_no_longer_audited(store: SqlStore) -> None:
    audited(store, 0, first(PUMP), first(FAN, "fan"))
    audited(store, 1, quiet(PUMP), retirement=Retirement())

    assert [
        (overview.status.target, overview.retired)
        for overview in store.target_overviews(store.known_projects())
    ] == [
        (PUMP, False),
        (FAN, True),
    ]
