"""Whose database it is: two configurations would retire each other's blocks on one.

The database remembers the configuration that last ran on it: its file, its machine, and a digest
of what it audits. An edited file, a moved one and a copy on a standby machine are the same
configuration; another file that audits something else is another one.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from auditor.app.build import build_plan
from auditor.audit.plan import Plan
from auditor.config import Settings
from auditor.errors import UnfitDatabaseError
from auditor.locks import ConfigurationStore
from auditor.records import Configuration
from auditor.rendering.words import join_first

logger = logging.getLogger(__name__)


def claim_database(
    settings: Settings, store: ConfigurationStore, *, takes_over: bool = False
) -> None:
    """Remember the configuration as the database's; with `takes_over`, in place of any other.

    Raises:
        UnfitDatabaseError: the database is another configuration's.
    """
    own, known = _identify(settings), store.configuration()
    if own is None:
        return
    if known is None or takes_over:
        store.remember_configuration(own)
        return
    _require_own(own, known)
    if own.audits_as(known):
        # A copy on this machine, or the same file on another, does not replace the original: that
        # may be edited next. One elsewhere under another name has replaced it.
        has_replaced = own.host != known.host and own.file != known.file
        if has_replaced:
            own = replace(own, before=known.before)
        else:
            own = replace(known, audits=own.audits)
    elif own.host != known.host:
        own = replace(own, before=known.mark)
        logger.warning(
            "the configuration of host %s audited something else here: what only that one names "
            "is no longer audited",
            known.host,
        )
    if own != known:
        store.remember_configuration(own)


def require_own_database(settings: Settings, store: ConfigurationStore) -> None:
    """Raise `UnfitDatabaseError` if the database is another configuration's."""
    own, known = _identify(settings), store.configuration()
    if own is not None and known is not None:
        _require_own(own, known)


def digest_inventory(settings: Settings) -> str:
    """Return a digest of what a configuration audits, 64 hex digits."""
    plan = build_plan(settings)
    unnamed = [repr(replace(project, name="")) for project in plan.projects]
    audited = "\n".join([settings.studio.base_url, repr(plan.every), *sorted(unnamed)])
    return sha256(audited.encode()).hexdigest()


def _identify(settings: Settings) -> Configuration | None:
    """Return the configuration's marks, None if it was read from no file."""
    if settings.file is None:
        return None
    return Configuration(
        file=str(settings.file),
        host=socket.gethostname(),
        inventory=digest_inventory(settings),
        audits=_describe(build_plan(settings), settings.studio.base_url),
    )


def _describe(plan: Plan, base_url: str) -> str:
    named = [
        f"project {project.id}" + (f" (blocks {_joined(blocks)})" if blocks else "")
        for project in plan.projects
        for blocks in [project.learn_blocks]
    ]
    every = [] if plan.every is None else ["every project that the credential sees"]
    return f"{join_first((*named, *every))} of {base_url}"


def _joined(blocks: Iterable[int]) -> str:
    return join_first(tuple(map(str, blocks)))


def _require_own(own: Configuration, known: Configuration) -> None:
    if own.audits_as(known):
        return
    if own.file == known.file:
        # The same file on another machine may be newer. It is not where the two take turns.
        is_other = own.host != known.host and own.mark == known.before
    else:
        is_other = own.host != known.host or _is_another_file(Path(own.file), Path(known.file))
    if is_other:
        raise UnfitDatabaseError(
            f"the database belongs to another configuration, {known.file} on host {known.host}, "
            f"which audits {known.audits or 'something else'}. This one, {own.file} on host "
            f"{own.host}, audits {own.audits}{_unseen(own, known)}. Each would retire the blocks "
            "of the other: give each a database of its own in database.url. If the other one is "
            "no longer used, run `auditor run --take-over` with this one, once"
        )


def _unseen(own: Configuration, known: Configuration) -> str:
    """Return that the two differ in what their words leave out."""
    return ", with other blocks or filters" if own.audits == known.audits else ""


def _is_another_file(own: Path, known: Path) -> bool:
    try:
        return not known.samefile(own)
    except FileNotFoundError:  # it was moved
        return False
    except OSError:
        return True
