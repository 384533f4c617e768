"""Which targets a run audits: named in the configuration, or found by asking Studio."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from auditor.audit.every_project import Found, Search
from auditor.audit.listings import of_project, told_apart
from auditor.audit.scope import (
    STOPPED,
    EveryProject,
    Inventory,
    Plan,
    Project,
    Records,
    Scope,
    Sources,
)
from auditor.errors import UsageError
from auditor.model import NoticeKind

__all__ = [
    "STOPPED",
    "EveryProject",
    "Inventory",
    "Plan",
    "Project",
    "Records",
    "Scope",
    "Sources",
    "require_in_scope",
    "take_inventory",
]


async def take_inventory(plan: Plan, scope: Scope, sources: Sources) -> Inventory:
    """Return the targets of the plan in scope; asks Studio only where `"all"` is configured.

    Raises:
        UsageError: the scope names what the configuration does not audit.
    """
    require_in_scope(plan, scope)
    named = tuple(one for one in plan.projects if scope.covers(one.id))
    found = await _found(plan, scope, sources)
    parts = await asyncio.gather(
        *(of_project(project, sources) for project in (*named, *found.projects))
    )
    whole = _named_apart(_joined([found.beside, *parts]))
    if scope.is_whole:
        return whole
    return _narrowed(whole, scope, is_found=bool(named or found.projects))


def require_in_scope(plan: Plan, scope: Scope) -> None:
    """Refuse a scope that names what is not audited, as far as that is known unasked.

    Raises:
        UsageError: no project of that id is named, and none is looked for.
    """
    wanted = scope.project
    if wanted is None or plan.every is not None or wanted in {one.id for one in plan.projects}:
        return
    raise UsageError(f"project {wanted} is not in the configuration: add it to [[projects]]")


async def _found(plan: Plan, scope: Scope, sources: Sources) -> Found:
    named = frozenset(one.id for one in plan.projects)
    asks_for_named = scope.project in named or (scope.only is not None and scope.only <= named)
    if plan.every is None or asks_for_named:
        return Found()
    return await Search(every=plan.every, named=named, sources=sources, covers=scope.covers).find()


def _joined(parts: Sequence[Inventory]) -> Inventory:
    return Inventory(
        targets=tuple(one for part in parts for one in part.targets),
        settled=tuple(one for part in parts for one in part.settled),
        errors=tuple(one for part in parts for one in part.errors),
        notices=tuple(one for part in parts for one in part.notices),
        found=parts[0].found,
    )


def _narrowed(whole: Inventory, scope: Scope, *, is_found: bool) -> Inventory:
    """Return what a scope leaves; only a run over all takes what is left out off the list."""
    notices = tuple(one for one in whole.notices if one.kind is not NoticeKind.LEFT_OUT)
    narrowed = replace(whole, notices=notices, found=None)
    target = scope.target
    if target is not None:
        narrowed = replace(
            narrowed,
            targets=tuple(one for one in whole.targets if one[0] == target),
            settled=tuple(one for one in whole.settled if one.target == target),
        )
    if narrowed.targets or narrowed.settled or narrowed.errors:
        return narrowed
    if not is_found:
        raise UsageError(
            f"project {scope.project} is not audited: it is not under [[projects]], and "
            "[studio] does not see it or leaves it out"
        )
    if target is not None:
        raise UsageError(
            f"block {target} is not audited: name it in learn_blocks of its project, or see "
            "that Studio lists it and that include and exclude let it in"
        )
    return narrowed


def _named_apart(whole: Inventory) -> Inventory:
    """Return the inventory with each of several projects of one name called by its id too."""
    called = {target.project_id: name for target, name in whole.targets if name}
    called |= {one.target.project_id: one.project for one in whole.settled if one.project}
    by_name = defaultdict(set)
    for project_id, name in called.items():
        by_name[name].add(project_id)
    apart = {
        project_id: told_apart(name, project_id)
        for name, projects in by_name.items()
        for project_id in projects
        if len(projects) > 1
    }
    if not apart:
        return whole
    return replace(
        whole,
        targets=tuple(
            (target, apart.get(target.project_id, name)) for target, name in whole.targets
        ),
        settled=tuple(
            replace(one, project=apart.get(one.target.project_id, one.project))
            for one in whole.settled
        ),
    )
