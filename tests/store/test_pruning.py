from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from auditor import upkeep
from auditor.context import KnownTraining, TrainingNews
from auditor.demo.studio_server import sample_blocks
from auditor.drift.conditions import MISSING, FoundCondition, JudgedConditions
from auditor.errors import DamagedDatabaseError, UsageError
from auditor.model import ConditionKind, Severity, Snapshot, TargetId
from auditor.outbox import Message, MessageState
from auditor.records import (
    Acknowledgement,
    Approval,
    Pruned,
    Retirement,
    RunConclusions,
    Version,
)
from auditor.rendering.outline import Footer
from auditor.rendering.site import FolderSite
from auditor.results import BatchNews, NewVersion
from auditor.retention import Retention
from auditor.store.store import SqlStore

from .examples import (
    FAN,
    PUMP,
    Sql,
    audited,
    catalogue,
    changed,
    finding,
    first,
    night,
    opened,
    quiet,
    report,
    snapshot,
)
from .histories import NIGHTS, TARGETS, varied

NOTHING = Retention(keep=timedelta(), versions=1, monthly=False)
LATER = night(400)


def pruned(store: SqlStore, retention: Retention = NOTHING, *, is_dry: bool = False) -> Pruned:
    return store.prune(retention, now=LATER, is_dry=is_dry)


def whole(store: SqlStore, target: TargetId = PUMP) -> list[int]:
    """The ids of a target's versions whose documents can be read."""
    return sorted(version.id for version in store.target_versions(target) if not version.is_pruned)


def reported(store: SqlStore, number: int, *, content: str, after: int) -> int:
    """A run in which the pump changed, reported by its mail."""
    found = finding(before=after - 1, after=after)
    run_id = audited(store, number, changed(PUMP, content, found))
    store.mark_reported(run_id, at=night(number))
    return run_id


@pytest.fixture
def history(store: SqlStore) -> SqlStore:
    """The pump in five versions, 1 to 5, each of a night of its own."""
    audited(store, 0, first(PUMP, "one"))
    for number, content in enumerate(("two", "three", "four", "five"), start=1):
        reported(store, number, content=content, after=number)
    return store


def test_zero_days_leave_the_anchor_and_what_the_last_change_cites(history: SqlStore) -> None:
    found = pruned(history)

    assert whole(history) == [1, 4, 5]
    assert (found.versions, found.targets) == (2, (PUMP,))
    assert history.verify() is None
    assert history.pruned_versions() == 2


def test_a_dry_pruning_says_the_same_and_drops_nothing(history: SqlStore) -> None:
    foretold = pruned(history, is_dry=True)

    assert whole(history) == [1, 2, 3, 4, 5]
    assert pruned(history) == foretold
    assert pruned(history).is_nothing


def test_a_pruned_version_keeps_its_line_and_says_what_it_is(history: SqlStore) -> None:
    before = history.target_versions(PUMP)
    pruned(history)
    after = history.target_versions(PUMP)

    assert [
        (version.id, version.seen_at, version.headline, version.hash) for version in after
    ] == [(version.id, version.seen_at, version.headline, version.hash) for version in before]
    with pytest.raises(UsageError, match=r"of run 3 was pruned.*auditor history 1/3"):
        _ = after[2].snapshot


def test_what_the_days_or_the_number_keep_stays(history: SqlStore) -> None:
    days = Retention(keep=timedelta(days=398), versions=1, monthly=False)  # since night 2
    number = Retention(keep=timedelta(), versions=4, monthly=False)

    assert pruned(history, number).versions == 0  # the first is the anchor
    assert pruned(history, days).versions == 1
    assert whole(history) == [1, 3, 4, 5]


def test_what_was_ever_approved_stays(history: SqlStore) -> None:
    for version_id in (2, 3):
        approval = Approval(
            target=PUMP, version_id=version_id, at=night(9), author="a", reason="r"
        )
        history.approve([approval])
    pruned(history)

    assert whole(history) == [1, 2, 3, 4, 5]


def test_the_version_that_a_model_is_judged_from_stays(history: SqlStore, sql: Sql) -> None:
    sql.write("UPDATE target SET trained_version_id = 3")
    pruned(history)

    assert whole(history) == [1, 3, 4, 5]


def test_both_sides_of_an_accepted_finding_stay(history: SqlStore) -> None:
    found = finding(before=1, after=2)  # of the night that stored version 3
    history.acknowledge(
        Acknowledgement(
            finding=found.id,
            target=PUMP,
            path=found.path,
            value=found.after,
            at=night(9),
            author="anna",
            reason="as planned",
        )
    )
    pruned(history)

    assert whole(history) == [1, 2, 3, 4, 5]


def test_both_sides_of_an_unreported_finding_stay(history: SqlStore, sql: Sql) -> None:
    sql.write("UPDATE finding SET told_at = NULL WHERE run_id = 4")
    pruned(history)

    assert whole(history) == [1, 3, 4, 5]


def test_both_sides_of_what_the_vendor_did_stay_until_it_is_reported(
    history: SqlStore, sql: Sql
) -> None:
    sql.write(
        "UPDATE finding SET told_at = NULL, project_id = NULL, learn_id = NULL WHERE run_id = 3"
    )
    pruned(history)

    assert whole(history) == [1, 2, 3, 4, 5]


def test_a_difference_from_the_baseline_keeps_what_it_was_seen_in(
    history: SqlStore, sql: Sql
) -> None:
    sql.write("UPDATE finding SET since = 'baseline' WHERE run_id = 3")
    pruned(history)

    assert whole(history) == [1, 2, 3, 4, 5]


def test_an_altered_version_is_not_pruned_to_a_sound_one(history: SqlStore, sql: Sql) -> None:
    sql.write("UPDATE version SET headline = 'nothing' WHERE id = 2")

    with pytest.raises(DamagedDatabaseError, match=r"version 2.*auditor verify"):
        pruned(history)
    assert whole(history) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("tampering", "where"),
    [
        ("UPDATE version SET headline = 'x' WHERE id = 2", "version 2 of 1/3"),
        ("UPDATE version SET hash = digest WHERE id = 3", "version 3 of 1/3"),
        ("UPDATE version SET anchor_id = 4 WHERE id = 3", "version 3 of 1/3"),
        (
            "UPDATE version SET document = (SELECT document FROM version WHERE id=3) WHERE id=2",
            "version 2 of 1/3",
        ),
        ("DELETE FROM version WHERE id = 2", "run 2"),
        ("UPDATE target SET trained_version_id = 2", "target 1/3"),
        ("UPDATE target SET baseline_version_id = 3", "target 1/3"),
        ("UPDATE version SET anchor_id = NULL WHERE id = 5", "version 5 of 1/3"),
    ],
)
def test_what_is_altered_after_pruning_is_found(
    history: SqlStore, sql: Sql, tampering: str, where: str
) -> None:
    pruned(history)
    sql.write(tampering)

    breach = history.verify()

    assert breach is not None
    assert breach.where == where


def test_catalogues_that_no_version_needs_go_and_come_back(store: SqlStore, sql: Sql) -> None:
    models = [catalogue("fomo", f"kws {n}") for n in range(3)]
    for number, models_ in enumerate(models):
        seen = first() if number == 0 else changed(PUMP, str(number))
        content = snapshot(str(number), models=models_)
        audited(store, number, _with(seen, content))
        store.mark_reported(number + 1, at=night(number))
    audited(store, 3, changed(PUMP, "3"))
    store.mark_reported(4, at=night(3))
    found = pruned(store)
    lengths = sql.read("SELECT count(*) FROM catalogue WHERE substr(document, 1, 1) = :m", m=b"\3")

    again = snapshot("again", models=models[1])
    audited(store, 4, _with(changed(PUMP, "again"), again))

    assert (found.catalogues, lengths) == (1, [1])
    assert store.target_versions(PUMP)[0].snapshot.catalogue == models[1]
    assert store.verify() is None


def test_a_catalogue_that_comes_back_in_other_bytes_breaks_no_link(store: SqlStore) -> None:
    old = catalogue("fomo", "kws")
    for number, content in enumerate(("a", "b", "c", "d")):
        models = old if content == "b" else catalogue("none")
        seen = first(PUMP, "a") if number == 0 else changed(PUMP, content)
        audited(store, number, _with(seen, snapshot(content, models=models)))
        store.mark_reported(number + 1, at=night(number))
    pruned(store)
    spaced = type(old)(document=old.document.replace(b", ", b" , "), digest=old.digest)

    audited(store, 4, _with(changed(PUMP, "e"), snapshot("e", models=spaced)))

    assert store.target_versions(PUMP)[0].snapshot.catalogue == spaced
    assert store.verify() is None


def test_old_reports_go_with_their_mails_and_their_lists(store: SqlStore, sql: Sql) -> None:
    for number in range(4):
        audited(store, number, first() if number == 0 else quiet(), messages=("a@b.example",))
    for queued in tuple(store.queued_messages(due_by=None))[:2]:
        store.record(_delivered(queued, number=2))
    found = pruned(store)

    assert (found.runs, found.messages) == ((1, 2), 2)  # of 3 a mail waits, 4 is the newest
    assert store.pruned_runs() == {1, 2}
    assert sql.read("SELECT run_id FROM message ORDER BY id") == [3, 4]
    assert [summary.run.id for summary in store.run_summaries(9)] == [4, 3]
    with pytest.raises(UsageError, match="report of run 1 was pruned"):
        store.report(1)


def test_a_run_that_did_not_end_is_not_called_pruned(store: SqlStore) -> None:
    opened(store)
    store.abandon_open_runs(night(1))
    pruned(store)

    unended = store.report(1)

    assert store.pruned_runs() == frozenset()
    assert unended is not None
    assert "did not end" in unended.notes[0]


def test_later_versions_lie_beside_an_anchor_that_stayed(history: SqlStore) -> None:
    pruned(history)
    audited(history, 6, changed(PUMP, "six"), first(FAN))

    assert history.target_versions(PUMP)[0].snapshot == snapshot("six")
    assert history.verify() is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the order is the same
def test_an_anchor_goes_after_all_that_lie_beside_it(store: SqlStore, sql: Sql) -> None:
    fleet = [TargetId(9, learn_id) for learn_id in range(250)]  # in more than one batch
    answer = json.dumps(sample_blocks()["keras"]).encode()
    for number in range(4):
        content = snapshot(f"{number}")
        if number >= 2:  # so unlike the first that it has no anchor
            content = replace(content, document=answer + b" " * number)
        run_id = opened(store, number)
        night_of = first if number == 0 else changed
        store.save(
            run_id, [_with(night_of(target), content) for target in fleet], at=night(number)
        )
        store.abandon_open_runs(night(number))
        store.mark_reported(run_id, at=night(number))
    anchors = sql.read("SELECT anchor_id FROM version WHERE learn_id = 0 ORDER BY id")
    sql.write("UPDATE target SET trained_version_id = NULL")
    found = pruned(store)

    assert anchors == [None, 1, None, 501]
    assert found.versions == 500
    assert whole(store, fleet[7]) == [508, 758]
    assert store.verify() is None


@pytest.mark.parametrize("seed", range(4))
def test_what_is_needed_stays_whatever_happened_and_whatever_is_kept(
    store: SqlStore, seed: int
) -> None:
    varied(store, seed)
    before = {target: store.target_versions(target) for target in TARGETS}
    needed = {target: _needed(store, target) for target in TARGETS}
    for days, number in ((410, 3), (400 - NIGHTS // 2, 1), (0, 2), (0, 1)):
        kept = Retention(keep=timedelta(days=days), versions=number, monthly=bool(seed % 2))
        pruned(store, kept)

    for target in TARGETS:
        after = {version.id: version for version in store.target_versions(target)}
        assert after.keys() == {version.id for version in before[target]}
        assert all(after[version_id].kept for version_id in needed[target])
        assert all(after[version.id].kept in (None, version.kept) for version in before[target])
    assert store.verify() is None


def _needed(store: SqlStore, target: TargetId) -> set[int]:
    """The versions that pruning must leave, by a reading of their own."""
    versions = store.target_versions(target)
    known = store.known_targets([target])[target]
    needed = {known.version_id, known.trained_version_id, known.baseline_version_id}
    needed |= {approval.version_id for approval in store.approvals(target)}
    accepted = {decision.finding for decision in store.acknowledgements()}
    for occurrence in store.finding_occurrences(""):
        if occurrence.target == target and (
            occurrence.reported_at is None or occurrence.finding.id in accepted
        ):
            needed |= _at(versions, occurrence.run_id) | _at(versions, occurrence.run_id - 1)
    return {version_id for version_id in needed if version_id is not None}


def _at(versions: Sequence[Version], run_id: int) -> set[int]:
    return {
        version.id for version in [version for version in versions if version.run_id <= run_id][:1]
    }


def _with(seen: NewVersion, content: Snapshot) -> NewVersion:
    return replace(seen, snapshot=content)


def _delivered(queued: Message, *, number: int) -> Message:
    return replace(queued, state=MessageState.DELIVERED, delivered_at=night(number))


def upkept(store: SqlStore, folder: Path, now: datetime) -> int:
    """Prune as a run does, and return how many versions went."""
    site = FolderSite(directory=folder, pages={}, footer=Footer(version="1"))
    return upkeep.prune(store, site, NOTHING, now=now).versions


def test_a_clock_that_is_ahead_prunes_nothing_until_a_few_runs_have_followed(
    history: SqlStore, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="far past the last runs"):
        upkept(history, tmp_path, night(400))
    audited(history, 400, quiet(PUMP))  # a run by that clock, which is then set right
    for number in (5, 6):
        audited(history, number, quiet(PUMP))
        with pytest.raises(UsageError, match="far past the last runs"):
            upkept(history, tmp_path, night(number))
    for number in (7, 8):
        audited(history, number, quiet(PUMP))

    assert upkept(history, tmp_path, night(8)) == 2


def test_runs_that_are_always_far_apart_hold_no_pruning_back(
    store: SqlStore, tmp_path: Path
) -> None:
    audited(store, 0, first(PUMP, "one"))
    for number in range(1, 7):
        reported(store, 30 * number, content=str(number), after=number)

    assert upkept(store, tmp_path, night(180)) > 0


def _missing_in(store: SqlStore, number: int, *targets: TargetId) -> None:
    """Make a run that finds these of the pump and the fan missing."""
    run_id = opened(store, number)
    judged = tuple(
        JudgedConditions(
            target=target,
            judged=frozenset({ConditionKind.MISSING}),
            found=(MISSING,) if target in targets else (),
        )
        for target in (PUMP, FAN)
    )
    store.save(run_id, [], at=night(number), news=BatchNews(conditions=judged))
    closed = replace(report(run_id, number), head_hash=store.head(run_id))
    store.close_run(closed, [], carried=(), conclusions=RunConclusions())


def test_conditions_that_ended_long_ago_go_and_open_ones_stay(store: SqlStore, sql: Sql) -> None:
    audited(store, 0, first(PUMP, "one"), first(FAN, "one"))
    _missing_in(store, 1, PUMP, FAN)
    _missing_in(store, 2, FAN)  # the pump is back
    still_open = store.open_conditions()
    retention = Retention(keep=timedelta(days=30), versions=1, monthly=False)

    early = store.prune(retention, now=night(20))
    dry = store.prune(retention, now=night(40), is_dry=True)
    late = store.prune(retention, now=night(40))

    assert (early.conditions, dry.conditions, late.conditions) == (0, 1, 1)
    assert store.open_conditions() == still_open
    assert [each.target for each in still_open] == [FAN]
    assert sql.read("SELECT count(*) FROM condition") == [1]
    assert store.verify() is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the statement is the same
def test_a_digest_that_is_kept_loses_what_it_said(store: SqlStore, sql: Sql) -> None:
    audited(store, 0, first(), messages=("ops@example.org",))
    sql.write("UPDATE message SET message_id = '<digest-1>', state = 'dead'")
    audited(store, 1, quiet())
    found = pruned(store)

    assert found.messages == 0
    assert sql.read("SELECT subject FROM message") == ["(pruned)"]
    assert sql.read("SELECT state FROM message WHERE content IS NULL") == ["dropped"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the statement is the same
def test_who_built_what_goes_with_a_block_that_is_audited_no_longer(store: SqlStore) -> None:
    behind = FoundCondition(
        kind=ConditionKind.DEPLOYMENT_BEHIND, severity=Severity.MEDIUM, headline="built by Ada"
    )
    judged = [
        JudgedConditions(target=target, judged=frozenset({behind.kind}), found=(behind,))
        for target in (PUMP, FAN)
    ]
    run_id = opened(store)
    both = [first(PUMP), first(FAN)]
    store.save(run_id, both, at=night(0), news=BatchNews(conditions=judged))
    store.abandon_open_runs(night(0))
    audited(store, 1, quiet(FAN), retirement=Retirement())

    assert pruned(store).conditions == 1
    assert [each.target for each in store.open_conditions([PUMP, FAN])] == [FAN]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the statement is the same
def test_a_name_goes_though_its_run_has_no_report(store: SqlStore, sql: Sql) -> None:
    known = KnownTraining(tries=3, job=7, person="Ada")
    run_id = opened(store)
    store.save(run_id, [replace(first(), training=TrainingNews(known=known))], at=night(0))
    store.abandon_open_runs(night(0))
    pruned(store, is_dry=True)
    before = sql.read("SELECT next_person FROM training")
    pruned(store)

    assert before == ["Ada"]
    assert store.known_trainings([PUMP]) == {PUMP: replace(known, person="")}
