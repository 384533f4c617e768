"""What the use cases need of the world, as protocols that the adapters fulfil."""

from __future__ import annotations

from auditor.ports.history import (
    Breach,
    Gone,
    Known,
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
    "Answer",
    "Archive",
    "Attachment",
    "Breach",
    "Composer",
    "Fetched",
    "Gone",
    "HistoryStore",
    "Known",
    "Ledger",
    "ListedBlock",
    "Mailer",
    "Mailing",
    "NoAnswer",
    "OutboxStore",
    "Outcome",
    "Quiet",
    "Renderer",
    "RunStore",
    "SameBody",
    "Seen",
    "Store",
    "Studio",
    "TargetStatus",
    "Unread",
    "Unserved",
    "Untold",
    "Version",
]
