"""Answers to compare, and what their comparison comes to."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from auditor.demo.studio_server import sample_blocks
from auditor.drift.difference import Difference, find_difference
from auditor.drift.secrets import Secrets
from auditor.model import Finding, JsonObject
from auditor.review import take_snapshots

SECRETS = Secrets(b"k" * 32)
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


def difference_between(old: JsonObject, new: JsonObject) -> Difference:
    """Return what `diff` tells of two answers."""
    (before, after), secrets = take_snapshots([old, new], SECRETS)
    return find_difference(before, after, secrets=secrets)


def after(edit: Edit, base: JsonObject | None = None) -> tuple[Finding, ...]:
    """Return the findings of one edit."""
    return difference_between(*edited(edit, base)).findings


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
