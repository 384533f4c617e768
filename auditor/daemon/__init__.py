"""The service: runs by schedule, catches up missed runs and retries undelivered messages."""

from __future__ import annotations

from auditor.daemon.service import serve

__all__ = ["serve"]
