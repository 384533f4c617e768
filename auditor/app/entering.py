"""Logs a person into Studio for a credential of the configuration."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from auditor.app.asking import security
from auditor.app.clock import now
from auditor.config import Settings
from auditor.credentials import StoredLogin

if TYPE_CHECKING:  # each command imports what it needs: `--help` and `diff` stay quick
    from auditor.studio.grants import Tokens


async def log_in(
    chosen: Settings,
    login: StoredLogin,
    invite: Callable[[str], Awaitable[None]],
    *,
    patience: timedelta,
    port: int = 0,
) -> Tokens:
    """Let a person log in; see `auditor.studio.login`."""
    from auditor.studio.login import Visit, log_in  # noqa: PLC0415
    from auditor.studio.wire import Wire  # noqa: PLC0415

    wire = Wire(
        base_url=chosen.studio.base_url,
        concurrency=1,
        timeout=chosen.studio.timeout,
        max_bytes=chosen.studio.max_bytes,
        security=security(chosen),
    )
    async with wire:
        visit = Visit(invite=invite, patience=patience, port=port)
        return await log_in(login, wire, visit, now=now)
