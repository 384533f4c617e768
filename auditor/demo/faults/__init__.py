"""The ways in which the built-in Studio can fail, as bytes on the wire.

Each is something that a client has met: proxies that answer for Studio, connections that end or
trickle, answers that never should be believed. docs/faults.md has them all in one table.
"""

from __future__ import annotations

from collections.abc import Callable

from auditor.demo.faults.documents import of_document
from auditor.demo.faults.names import Fault, Request, Spoiling, Trouble
from auditor.demo.faults.statuses import of_status
from auditor.demo.faults.transfers import of_transfer
from auditor.demo.faults.words import ON_THE_WIRE
from auditor.demo.replies import Reply

__all__ = ["ON_THE_WIRE", "Fault", "Request", "Trouble", "troubled"]


def troubled(trouble: Trouble, request: Request, good: Reply) -> Reply | None:
    """Return what is sent in place of a good reply, None where the connection is just closed."""
    spoiling = Spoiling(request=request, good=good, retry_after=trouble.retry_after)
    return _REPLIES[trouble.fault](spoiling)


_REPLIES: dict[Fault, Callable[[Spoiling], Reply | None]] = {
    **of_status(),
    **of_transfer(),
    **of_document(),
}
