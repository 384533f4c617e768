"""The service: runs by the schedule, catches up what was missed, retries what was not taken."""

from __future__ import annotations

from auditor.daemon.serving import serve

__all__ = ["serve"]
