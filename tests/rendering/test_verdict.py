from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model import (
    Area,
    ConditionKind,
    ModelState,
    ProjectError,
    RunStatus,
    Severity,
    Since,
    TargetId,
    TargetState,
)
from auditor.rendering.verdict import Level, judge_run
from auditor.rendering.words import cut_change
from auditor.report import Report, TargetReport, Totals
from tests.rendering.samples import (
    NIGHTS,
    block,
    condition,
    drift,
    drifted_block,
    failed,
    finding,
    flood_alike,
    incomplete,
    quiet,
    report,
    run,
    unread,
    untrained_block,
    vendor,
)


def fresh() -> TargetReport:
    return block(1, 9, name="Valve", state=TargetState.NEW)


def missing(*, is_news: bool) -> TargetReport:
    return block(1, 8, name="pump-b", state=TargetState.MISSING, is_news=is_news)


def off_baseline() -> TargetReport:
    change = finding(Area.TRAINING, "trainingCycles", 30, 60, since=Since.BASELINE)
    return block(1, 5, state=TargetState.DRIFTED, findings=(change,))


def stale() -> TargetReport:
    change = finding(Area.LAYERS, "visualLayers[1].neurons", 8, 12, severity=Severity.LOW)
    return block(
        1,
        3,
        name="pump-b",
        state=TargetState.DRIFTED,
        model_state=ModelState.STALE,
        findings=(change,),
    )


@pytest.mark.parametrize(
    ("night", "subject"),
    [
        (quiet(), "no change | 3 of 3 blocks checked"),
        (
            replace(quiet(), catalogue=(vendor(),)),
            "no change | 3 of 3 blocks checked | catalogue changed",
        ),
        (report(fresh(), previous_run_id=None), "audit started | 1 block recorded"),
        (report(block(1, 3), fresh()), "new: Valve | 2 of 2 blocks checked"),
        (report(block(1, 3), missing(is_news=True)), "missing: pump-b"),
        (
            report(block(1, 3), missing(is_news=False)),
            "still missing: pump-b | 1 of 1 block checked",
        ),
        (report(missing(is_news=True)), "missing: pump-b"),
        (
            report(off_baseline()),
            "no new change | 1 block off the baseline | 1 of 1 block checked",
        ),
        (report(stale()), "1 low | pump-b: model stale"),
        (
            report(stale(), untrained_block()),
            "1 critical, 3 more | Keyword spotter: training lost",
        ),
        (drift(), "1 critical, 11 more | Keyword spotter: training lost"),
        (incomplete(), "INCOMPLETE: 3 of 5 blocks not checked | 5 high, 2 more"),
        (failed(), "AUDIT FAILED: API key rejected"),
        (report(), "INCOMPLETE: nothing checked, no block found"),
    ],
)
def test_a_subject_names_the_worst_first(night: Report, subject: str) -> None:
    assert judge_run(night).subject == f"[EI drift] {subject}"


@pytest.mark.parametrize(
    "night",
    [
        pytest.param(report(block(1, 3), unread(1, 7, "timeout", "late")), id="a block unread"),
        pytest.param(
            report(block(1, 3), errors=(ProjectError(project_id=9, kind="http", message="503"),)),
            id="a listing failed",
        ),
        pytest.param(report(block(1, 3), run=run(RunStatus.ABANDONED)), id="the run crashed"),
        pytest.param(report(block(1, 3), missing(is_news=True)), id="a block missing"),
        pytest.param(report(block(1, 3), missing(is_news=False)), id="a block missing for long"),
        pytest.param(report(block(1, 3), fresh()), id="a block new"),
        pytest.param(report(), id="nothing to check"),
    ],
)
def test_no_change_is_said_only_of_a_night_that_saw_everything(night: Report) -> None:
    verdict = judge_run(night)

    assert "no change" not in verdict.subject.lower()
    assert "unchanged since" not in verdict.sentence
    assert verdict.level != "calm"


@pytest.mark.parametrize(
    ("night", "severity"),
    [
        (quiet(), "none"),
        (drift(), "critical"),
        (report(stale()), "low"),
        (report(stale(), missing(is_news=True)), "high"),
        (failed(), "unknown"),
    ],
)
def test_the_severity_is_the_worst_that_is_known(night: Report, severity: str) -> None:
    assert judge_run(night).severity == severity


@given(name=st.text(max_size=300), headline=st.text(max_size=500), number=st.integers(1, 10**9))
def test_a_subject_is_always_one_short_line(name: str, headline: str, number: int) -> None:
    change = finding(Area.TRAINING, "batchSize", 32, 64, headline=headline)
    drifted = block(1, 3, name=name, state=TargetState.DRIFTED, findings=(change,))
    missing_block = block(1, 4, name=name, state=TargetState.MISSING, is_news=True)
    totals = Totals(targets=number, checked=number, unknown=number, new=number)

    for night in (
        report(drifted),
        report(drifted, missing_block),
        replace(report(drifted), totals=totals),
    ):
        subject = judge_run(night).subject

        assert len(subject) < 78
        assert subject.isprintable()


@pytest.mark.parametrize("night", NIGHTS)
def test_every_night_has_a_sentence(night: str) -> None:
    verdict = judge_run(NIGHTS[night]())

    assert verdict.sentence.endswith(".")
    assert verdict.word
    assert drifted_block().name not in verdict.word


def test_a_calm_night_names_the_block_of_the_worst_open_condition() -> None:
    verdict = judge_run(NIGHTS["open-conditions"]())

    assert verdict.sentence == "No new change; 2 open conditions."
    assert verdict.lead == (
        "Worst: Bearing wear: Training lost, and the block was not trained again; "
        "since 2026-11-20 03:15 UTC"
    )
    assert (verdict.word, verdict.tone, verdict.severity) == ("Still open", "critical", "critical")


def test_a_condition_that_this_run_opened_without_a_finding_is_no_calm_night() -> None:
    fresh_condition = condition(
        ConditionKind.SIBLING_DIFFERS, TargetId(1, 3), Severity.MEDIUM, "Differs from 1/7"
    )

    verdict = judge_run(report(block(1, 3), open=(fresh_condition,)))

    assert verdict.level is Level.NEWS
    assert verdict.sentence == "No new change; 1 open condition."


def test_the_same_change_on_many_blocks_is_the_worst_as_one() -> None:
    verdict = judge_run(flood_alike())

    assert verdict.lead == "Worst: 500 blocks: Minimum confidence: 0.6 → 0.7"
    assert verdict.subject == ("[EI drift] 500 high | 500 blocks: Minimum confidence: 0.6 -> 0.7")


def test_a_subject_has_both_values_before_the_explanation_of_a_field() -> None:
    change = finding(
        Area.INPUT, "windowIncreaseMs", 80, 160, headline="Window increase (stride): 80 → 160 ms"
    )
    long = block(1, 3, name="Accelerometer of pump 12 B", state=TargetState.DRIFTED)
    night = report(replace(long, findings=(change,)))

    assert judge_run(night).subject == (
        "[EI drift] 1 high | Accelerometer of pump 12 B: Window increase: 80 -> 160 ms"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Score of the detected objects", "Threshold min_score: 0.5 -> 0.35"),
        ("", "Threshold min_score: 0.5 -> 0.35"),
    ],
)
def test_a_subject_shortens_the_name_of_a_field_first(name: str, expected: str) -> None:
    change = finding(
        Area.THRESHOLDS,
        "thresholds[min_score].value",
        0.5,
        0.35,
        headline=f"Threshold min_score ({name}): 0.5 → 0.35, away from the suggested 0.6",
    )
    night = report(block(1, 3, name="Screw finder", state=TargetState.DRIFTED, findings=(change,)))

    assert judge_run(night).subject == f"[EI drift] 1 high | Screw finder: {expected}"


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        (
            "Pump: Threshold min_score of objects: 0.5 -> 0.35",
            41,
            "Pump: Threshold min_score...: 0.5 -> 0.35",
        ),
        ("Pump: Window size: 80 -> 160 ms", 25, "Pump: Window size..."),
        ("Pump: Layer 1: Dense(8) removed", 25, "Pump: Layer 1..."),
        ("Pump: a (b (c)): 80 -> 160 ms", 26, "Pump: a: 80 -> 160 ms"),
    ],
)
def test_a_change_is_cut_with_both_of_its_values_or_none(
    text: str, width: int, expected: str
) -> None:
    assert cut_change(text, width) == expected
