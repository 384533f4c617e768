"""Builds what upkeep works on: what is kept for how long, and the pages that go with it."""

from __future__ import annotations

import logging

from auditor.app.clock import now
from auditor.app.telling import publish, site
from auditor.config import Settings
from auditor.errors import DamagedDatabaseError, UsageError
from auditor.protocols import Store
from auditor.records import Pruned
from auditor.upkeep import prune

logger = logging.getLogger(__name__)


def prune_now(chosen: Settings, held: Store, *, is_dry: bool) -> Pruned:
    """Drop what `[retention]` lets go and bring the pages up to date; the caller holds the lock.

    Raises:
        UsageError: the configuration keeps everything.
    """
    if chosen.retention is None:
        raise UsageError("everything is kept: add [retention] to the configuration to prune")
    if is_dry:
        return held.prune(chosen.retention, now=now(), is_dry=True)
    pruned = prune(held, site(chosen), chosen.retention, now=now())
    publish(chosen, held)
    return pruned


def prune_after_run(chosen: Settings, held: Store) -> None:
    """Drop what `[retention]` lets go, where it is there; what goes wrong keeps nothing back.

    Raises:
        DamagedDatabaseError: going on would spread the damage.
    """
    if chosen.retention is None:
        return
    try:
        pruned = prune(held, site(chosen), chosen.retention, now=now())
    except DamagedDatabaseError:
        raise
    except OSError as error:
        logger.error("pages not pruned: %s", error)  # noqa: TRY400 - the error says all
    except Exception:
        logger.exception("history not pruned")
    else:
        if not pruned.is_nothing:
            counted = {"versions": pruned.versions, "runs": len(pruned.runs)}
            logger.info("history pruned", extra=counted)
