"""Sample reports of bad nights: five hundred changes, and every text malicious."""

from __future__ import annotations

from dataclasses import replace

from auditor.demo.sample_blocks import block, finding, id_of, report, unread
from auditor.demo.sample_changes import (
    NEW_LAYERS,
    OLD_LAYERS,
    excerpt_layers,
    vendor,
)
from auditor.model import (
    Area,
    ModelState,
    NoticeKind,
    ProjectError,
    Severity,
    TargetId,
    TargetState,
)
from auditor.report import Notice, Report, TargetReport

HOSTILE = "<img src=x onerror=alert(1)>\r\nBcc: a@b\u202egnp.exe\x1b[31m\x00\ud800\u2066"
_ONE_EDITED = [OLD_LAYERS[0], NEW_LAYERS[1], *OLD_LAYERS[2:]]


def hostile() -> Report:
    """Return a report in which every name, path, value and error text is malicious."""
    changed = finding(
        Area.UNKNOWN,
        f"customParameters[{HOSTILE}]",
        {HOSTILE: HOSTILE},
        [HOSTILE],
        headline=f"{HOSTILE} changed",
        folded=(HOSTILE,),
        rule=HOSTILE,
    )
    text = finding(Area.SCRIPT, "script", f"a\n{HOSTILE}\n", f"b\n{HOSTILE}{'x' * 5000}\n")
    return report(
        block(
            1,
            3,
            project=HOSTILE,
            name=HOSTILE,
            type=HOSTILE,
            state=TargetState.DRIFTED,
            findings=(changed, text, replace(changed, id="f0", expected=HOSTILE)),
        ),
        unread(1, 4, HOSTILE, HOSTILE, project=HOSTILE, name=HOSTILE),
        block(1, 5, project=HOSTILE, name=HOSTILE, state=TargetState.NEW),
        block(1, 6, project=HOSTILE, name=HOSTILE, state=TargetState.MISSING, is_news=True),
        catalogue=(replace(vendor(), headline=HOSTILE, path=HOSTILE, after=HOSTILE),),
        errors=(ProjectError(project_id=9, kind=HOSTILE, message=HOSTILE),),
        notes=(HOSTILE,),
        notices=(Notice(kind=NoticeKind.RULE_BROKEN, text=HOSTILE, target=TargetId(1, 5)),),
        suppressed_by=((HOSTILE, 1),),
        schedule=HOSTILE,
    )


def flood() -> Report:
    """Return a report with 500 blocks that drifted each in another way, one of them critical."""
    return report(*(_flooded_block(number) for number in range(500)))


def _flooded_block(number: int) -> TargetReport:
    severity = Severity.CRITICAL if number == 499 else Severity.HIGH
    return block(
        number % 20 + 1,
        number,
        state=TargetState.DRIFTED,
        model_state=ModelState.STALE,
        signs="·" * 29 + "▲",
        excerpt=replace(
            excerpt_layers(OLD_LAYERS, _ONE_EDITED),
            findings=(id_of(f"neurons {number}"),),
        ),
        findings=(
            finding(
                Area.LAYERS,
                "visualLayers[1].neurons",
                8,
                12 + number,
                id=id_of(f"neurons {number}"),
                severity=severity,
                headline=f"Layer 2 (conv1d): neurons: 8 → {12 + number}",
            ),
        ),
    )


def flood_alike() -> Report:
    """Return a report in which somebody moved a threshold of 500 blocks."""
    return report(*(_moved_block(number) for number in range(500)))


def _moved_block(number: int) -> TargetReport:
    return block(
        number % 20 + 1,
        number,
        state=TargetState.DRIFTED,
        signs="·" * 29 + "▲",
        findings=(
            finding(
                Area.THRESHOLDS,
                "thresholds[min_score].value",
                0.6,
                0.7,
                id=id_of(f"min_score {number}"),
                headline="Minimum confidence: 0.6 → 0.7",
            ),
        ),
    )
