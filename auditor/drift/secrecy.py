"""Findings of parameters that became known as secret after they were told in clear."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import replace
from typing import TypeVar

from auditor.model import Finding, Json, VendorFinding
from auditor.redaction import HIDDEN

_PARAMETERS = "customParameters"
_QUOTED_KEY = re.compile(rf'{_PARAMETERS}\[(".*")\]', re.DOTALL)
_HEADLINE = re.compile(
    r"(.*?)Custom parameter (.+?)(?:: .*| added: .*| removed, was .*)", re.DOTALL
)
_Any = TypeVar("_Any", bound=Finding | VendorFinding)


def hide_finding(finding: _Any, secrets: Collection[str]) -> _Any:
    """Return a finding with the values of secret parameters hidden, in its headline too."""
    if not finding.path.startswith(_PARAMETERS):
        return finding
    key = _parameter(finding.path)
    if key and key not in secrets:
        return finding
    return replace(
        finding,
        before=_value_hidden(finding.before, secrets),
        after=_value_hidden(finding.after, secrets),
        headline=f"Custom parameter {key} changed" if key else "Custom parameters changed",
    )


def hide_headline(headline: str, secrets: Collection[str]) -> str:
    """Return a stored headline without the value of a secret parameter."""
    found = _HEADLINE.fullmatch(headline)
    if found is None or found.group(2) not in secrets:
        return headline
    return f"{found.group(1)}Custom parameter {found.group(2)} changed"


def _parameter(path: str) -> str:
    """Return the parameter that a path names, empty for all of them."""
    quoted = _QUOTED_KEY.fullmatch(path)
    if quoted is not None:
        return str(json.loads(quoted.group(1)))
    return path.removeprefix(_PARAMETERS).removeprefix(".")


def _value_hidden(value: Json, secrets: Collection[str]) -> Json:
    if isinstance(value, dict):
        return {key: HIDDEN if key in secrets else part for key, part in value.items()}
    return value if value is None else HIDDEN
