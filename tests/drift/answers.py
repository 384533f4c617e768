"""Answers to compare, and what their comparison comes to."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from auditor.demo.studio import sample_blocks
from auditor.model import Finding, JsonObject
from auditor.redaction import Fingerprinter
from auditor.review import Difference, difference, secrets_in, snapshots_of

KEY = Fingerprinter(b"k" * 32)
SAMPLES = sample_blocks()

Answer = dict[str, Any]
Edit = Callable[[Answer], object]


def sample(name: str = "keras") -> Answer:
    """Return a copy of a sample answer that a test may edit."""
    return copy.deepcopy(SAMPLES[name])


def edited(edit: Edit, base: JsonObject | None = None) -> tuple[JsonObject, JsonObject]:
    """Return an answer (the sample `keras`) and what `edit` makes of it."""
    old = sample() if base is None else base
    new = copy.deepcopy(old)
    edit(new)
    return old, new


def told(old: JsonObject, new: JsonObject) -> Difference:
    """Return what `diff` tells of two answers."""
    secrets = secrets_in([old, new])
    before, after = snapshots_of([old, new], KEY, secrets=secrets)
    return difference(before, after, fingerprinter=KEY, secrets=secrets)


def after(edit: Edit, base: JsonObject | None = None) -> tuple[Finding, ...]:
    """Return the findings of one edit."""
    return told(*edited(edit, base)).findings


def brief(finding: Finding) -> tuple[str, ...]:
    """Return what identifies a finding in an expectation."""
    return (
        str(finding.severity),
        str(finding.owner),
        str(finding.area),
        str(finding.kind),
        finding.path,
        *finding.folded,
    )
