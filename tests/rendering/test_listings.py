from __future__ import annotations

from auditor.model import BlockKindName, Catalogue, ModelState, RunStatus, Snapshot, TargetId
from auditor.outbox import NO_MESSAGES
from auditor.records import Version
from auditor.rendering.listings import render_history, render_status
from tests.rendering.samples import (
    HOSTILE,
    STARTED,
    run,
)
from tests.rendering.test_json import dead, overview, status


def version(headline: str) -> Version:
    catalogue = Catalogue(document=b"[]", digest="0" * 64)
    return Version(
        kind=BlockKindName.KERAS,
        id=1,
        target=TargetId(1, 3),
        run_id=7,
        seen_at=STARTED,
        kept=Snapshot(
            kind=BlockKindName.KERAS,
            document=b"{}",
            digest="0" * 64,
            catalogue=catalogue,
            name="Motion",
            type="keras",
        ),
        model_state=ModelState.TRAINED,
        headline=headline,
        hash="0" * 64,
        previous_hash="",
    )


def test_status_shows_each_target_and_what_was_not_delivered() -> None:
    shown = render_status(
        [status()], last_run=run(RunStatus.COMPLETE), next_run_at=None, outbox=overview([dead()])
    )

    assert "Last run:     7, complete, 2026-11-23 03:15 UTC (schedule)" in shown
    assert "0 messages queued, 1 dead" in shown
    assert r"550 never\x1b[31m" in shown
    assert "1/3     Pump / Motion  unknown" in shown
    assert "1/3: key (hidden) refused" in shown


def test_columns_line_up_under_wide_letters() -> None:
    shown = render_status(
        [status("日本"), status("ab")], last_run=None, next_run_at=STARTED, outbox=NO_MESSAGES
    )

    wide, narrow = (line for line in shown.splitlines() if line.startswith("1/3  "))
    assert wide.index("unknown") == narrow.index("unknown") - 2


def test_nothing_known_is_said() -> None:
    shown = render_status([], last_run=None, next_run_at=None, outbox=NO_MESSAGES)

    assert "none so far" in shown
    assert "No target to list." in shown
    assert render_history([]) == "No version is stored.\n"


def test_history_is_one_line_a_version() -> None:
    lines = render_history([version("Layer 2 added"), version(HOSTILE)]).splitlines()

    assert len(lines) == 3
    assert lines[1].split("  ")[0] == "2026-11-23 03:15 UTC"
    assert "Layer 2 added" in lines[1]


def test_status_shows_the_newest_messages_and_counts_the_rest() -> None:
    shown = render_status(
        [], last_run=None, next_run_at=None, outbox=overview([dead()] * 5, dead=1_825)
    )

    assert "Undelivered:  0 messages queued, 1,825 dead\n" in shown
    assert "  and 1,820 older\n" in shown
    assert len(shown.splitlines()) < 20
