"""What an acknowledgement accepts: a value, and what is folded under it as it was then.

What is folded under an accepted value and is another one since is a finding of its own.
"""

from __future__ import annotations

import hashlib
import json

from auditor.drift.compare import Comparison
from auditor.drift.layer_keys import lasting_value
from auditor.model import Change, Finding, Json


def digest_value(value: Json) -> str:
    """Return the SHA-256 of a value, as 64 hex digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def digest_folded(finding: Finding, comparison: Comparison) -> dict[str, str]:
    """Return the digest of the value at each lasting path that is folded under a finding.

    `comparison` is what the finding was judged from.
    """
    folded = frozenset(finding.folded)
    return dict(
        digest_change(change, comparison) for change in comparison.changes if change.path in folded
    )


def digest_change(change: Change, comparison: Comparison) -> tuple[str, str]:
    """Return the lasting path of a change and the digest of its value."""
    path = comparison.lasting_path(change)
    return path, digest_value(lasting_value(path, change.after))
