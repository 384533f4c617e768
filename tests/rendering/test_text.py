from __future__ import annotations

import pytest

from auditor.model import Area, Catalogue, ModelState, RunStatus, Severity, Snapshot, TargetId
from auditor.outbox import NO_MESSAGES
from auditor.records import Version
from auditor.rendering.html import HtmlRenderer
from auditor.rendering.outline import VersionDiff
from auditor.rendering.text import render_diff, render_history, render_status
from tests.rendering.samples import (
    HOSTILE,
    STARTED,
    TEMPLATES,
    drifted_block,
    finding,
    run,
    untrained_block,
    vendor,
)
from tests.rendering.test_json import dead, overview, status


def comparison() -> VersionDiff:
    return VersionDiff(
        old="monday.json",
        new=f"{HOSTILE}.json",
        model_state=ModelState.STALE,
        findings=(vendor(), *drifted_block().findings, *untrained_block().findings),
        suppressed=2,
    )


def test_a_comparison_lists_the_worst_first() -> None:
    tagged = [line for line in render_diff(comparison()).splitlines() if line.startswith("  [")]

    assert tagged[0].startswith("  [CRITICAL]")
    assert tagged[-1].startswith("  [INFO]")


def test_a_comparison_without_findings_says_so() -> None:
    same = VersionDiff(old="a", new="b", model_state=ModelState.TRAINED, findings=(), suppressed=0)

    assert render_diff(same) == "a → b\n0 findings, 0 suppressed, model trained\n"
    assert "No difference" in HtmlRenderer(TEMPLATES).diff(same)


def test_a_comparison_is_harmless_in_text_and_html() -> None:
    for shown in (render_diff(comparison()), HtmlRenderer(TEMPLATES).diff(comparison())):
        assert all(line.isprintable() for line in shown.splitlines())
    assert "<img" not in HtmlRenderer(TEMPLATES).diff(comparison())


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
    assert "No target is known." in shown
    assert render_history([]) == "No version is stored.\n"


def test_history_is_one_line_a_version() -> None:
    lines = render_history([version("Layer 2 added"), version(HOSTILE)]).splitlines()

    assert len(lines) == 3
    assert lines[1].split("  ")[0] == "2026-11-23 03:15 UTC"
    assert "Layer 2 added" in lines[1]


def version(headline: str) -> Version:
    catalogue = Catalogue(document=b"[]", digest="0" * 64)
    return Version(
        id=1,
        target=TargetId(1, 3),
        run_id=7,
        seen_at=STARTED,
        kept=Snapshot(
            document=b"{}", digest="0" * 64, catalogue=catalogue, name="Motion", type="keras"
        ),
        model_state=ModelState.TRAINED,
        headline=headline,
        hash="0" * 64,
        previous_hash="",
    )


@pytest.mark.parametrize("severity", Severity)
def test_every_severity_has_a_tag(severity: Severity) -> None:
    change = finding(Area.TRAINING, "batchSize", 1, 2, severity=severity)
    alone = VersionDiff(
        old="a", new="b", model_state=ModelState.TRAINED, findings=(change,), suppressed=0
    )

    assert f"[{severity.upper()}]" in render_diff(alone)
    assert f'class="tag {severity}"' in HtmlRenderer(TEMPLATES).diff(alone)


def test_status_shows_the_newest_messages_and_counts_the_rest() -> None:
    shown = render_status(
        [], last_run=None, next_run_at=None, outbox=overview([dead()] * 5, dead=1_825)
    )

    assert "Undelivered:  0 messages queued, 1,825 dead\n" in shown
    assert "  and 1,820 older\n" in shown
    assert len(shown.splitlines()) < 20
