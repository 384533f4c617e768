"""What an acknowledgement accepts: a value, and what is folded under it as it was then.

What is folded under an accepted value and is another one since is a finding of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from auditor.model import Change, Finding, Json


def digest_value(value: Json) -> str:
    """Return the SHA-256 of a value, as 64 hex digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def digest_folded(finding: Finding, changes: Sequence[Change]) -> dict[str, str]:
    """Return the digest of the value at each path that is folded under a finding.

    `changes` are those that the finding was judged from.
    """
    folded = frozenset(finding.folded)
    return {change.path: digest_value(change.after) for change in changes if change.path in folded}
