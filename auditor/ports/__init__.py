"""What the use cases need of the world, as protocols that the adapters fulfil."""

from __future__ import annotations

from auditor.ports.decisions import (
    Acknowledgement,
    Aftermath,
    Approval,
    Episode,
    Explanation,
    Sighting,
)
from auditor.ports.history import (
    Breach,
    Gone,
    Known,
    Night,
    Outcome,
    Quiet,
    Seen,
    TargetStatus,
    Unread,
    Unserved,
    Untold,
    Version,
)
from auditor.ports.store import (
    DecisionStore,
    HistoryStore,
    Ledger,
    OutboxStore,
    RunStore,
    Store,
)
from auditor.ports.studio import (
    Answer,
    Fetched,
    ListedBlock,
    NoAnswer,
    SameBody,
    Studio,
)
from auditor.ports.telling import (
    Archive,
    Attachment,
    Composer,
    Mailer,
    Mailing,
    Renderer,
)

__all__ = [
    "Acknowledgement",
    "Aftermath",
    "Answer",
    "Approval",
    "Archive",
    "Attachment",
    "Breach",
    "Composer",
    "DecisionStore",
    "Episode",
    "Explanation",
    "Fetched",
    "Gone",
    "HistoryStore",
    "Known",
    "Ledger",
    "ListedBlock",
    "Mailer",
    "Mailing",
    "Night",
    "NoAnswer",
    "OutboxStore",
    "Outcome",
    "Quiet",
    "Renderer",
    "RunStore",
    "SameBody",
    "Seen",
    "Sighting",
    "Store",
    "Studio",
    "TargetStatus",
    "Unread",
    "Unserved",
    "Untold",
    "Version",
]
