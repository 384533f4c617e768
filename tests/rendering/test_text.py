from __future__ import annotations

import pytest

from auditor.model import Area, ModelState, Severity
from auditor.rendering.html import HtmlRenderer
from auditor.rendering.outline import VersionDiff
from auditor.rendering.text import render_diff
from tests.rendering.samples import (
    HOSTILE,
    TEMPLATES,
    drifted_block,
    finding,
    untrained_block,
    vendor,
)


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

    assert " ".join(render_diff(same).split()) == (
        "a → b 0 findings, 0 suppressed, model trained (judged from these two answers alone)"
    )
    assert "No difference" in HtmlRenderer(TEMPLATES).diff(same)


def test_a_comparison_is_harmless_in_text_and_html() -> None:
    for shown in (render_diff(comparison()), HtmlRenderer(TEMPLATES).diff(comparison())):
        assert all(line.isprintable() for line in shown.splitlines())
    assert "<img" not in HtmlRenderer(TEMPLATES).diff(comparison())


@pytest.mark.parametrize("severity", Severity)
def test_every_severity_has_a_tag(severity: Severity) -> None:
    change = finding(Area.TRAINING, "batchSize", 1, 2, severity=severity)
    alone = VersionDiff(
        old="a", new="b", model_state=ModelState.TRAINED, findings=(change,), suppressed=0
    )

    assert f"[{severity.upper()}]" in render_diff(alone)
    assert f'class="tag {severity}"' in HtmlRenderer(TEMPLATES).diff(alone)
