"""What the archive reads of the store."""

from __future__ import annotations

from dataclasses import replace

from auditor.model import RunStatus, TargetId, TargetState
from auditor.store.store import SqlStore

from .examples import FAN, PUMP, audited, changed, finding, first, night, opened, quiet
from .test_reports import IN_SYNC, stored


def test_standings_tell_of_every_target_and_its_last_version(store: SqlStore) -> None:
    audited(store, 0, first(PUMP), first(FAN, "fan"))
    audited(store, 1, changed(PUMP), quiet(FAN, "fan"))

    pump, fan = store.target_overviews()

    assert (pump.status, fan.status) == store.statuses()
    assert (pump.version_id, fan.version_id) == (3, 2)
    assert not pump.retired
    assert pump.baseline_version_id is None


def test_standings_tell_of_targets_that_are_no_longer_audited(store: SqlStore) -> None:
    audited(store, 0, first(PUMP), first(FAN, "fan"))
    store.retire_others(audited(store, 1, quiet(PUMP)))

    assert [(one.status.target, one.retired) for one in store.target_overviews()] == [
        (PUMP, False),
        (FAN, True),
    ]


def test_runs_are_told_newest_first_however_they_ended(store: SqlStore) -> None:
    audited(store, 0, first(PUMP))
    opened(store, 1)
    store.abandon_open_runs(night(1))
    audited(store, 2, quiet(PUMP))

    assert [(one.id, one.status) for one in store.all_runs()] == [
        (3, RunStatus.COMPLETE),
        (2, RunStatus.ABANDONED),
        (1, RunStatus.COMPLETE),
    ]


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
