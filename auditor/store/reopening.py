"""Open conditions that an approval ended, and that are open again once it is taken back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, func, or_, select, tuple_, update

from auditor.model import ConditionKind, ModelState, OpenCondition, TargetId
from auditor.store.conditions import condition_of, open_conditions
from auditor.store.packing import has_pruned_mark
from auditor.store.tables import approval, condition, target, training, version

_OF_MODEL = (ConditionKind.STALE, ConditionKind.TRAINING_LOST)
_OF_TARGET = and_(
    condition.c.project_id == target.c.project_id, condition.c.learn_id == target.c.learn_id
)
# An approval of the baseline, also an earlier one of the same version.
_ENDED_IT = and_(
    approval.c.project_id == target.c.project_id,
    approval.c.learn_id == target.c.learn_id,
    approval.c.version_id == target.c.baseline_version_id,
    approval.c.approved_at == condition.c.ended_at,
)
_TRAINING = and_(
    training.c.project_id == target.c.project_id, training.c.learn_id == target.c.learn_id
)
# Nothing but the approval says that the model is not lost, or not stale.
_IS_LOST = and_(
    condition.c.kind == ConditionKind.TRAINING_LOST, target.c.model_state == ModelState.UNTRAINED
)
_IS_STALE = and_(
    condition.c.kind == ConditionKind.STALE,
    target.c.model_state == ModelState.TRAINED,
    target.c.trained_version_id == target.c.baseline_version_id,
    or_(training.c.trained_at.is_(None), training.c.trained_at <= condition.c.ended_at),
)


def reopen_approved(
    connection: Connection, targets: Sequence[TargetId]
) -> tuple[OpenCondition, ...]:
    """Reopen what the approvals of the baselines of targets ended; return it.

    These are lost trainings and stale models of which nothing else said since then that they are
    over. A stale model is judged again from the version that it was trained with.
    """
    query = (
        select(condition)
        .join(target, _OF_TARGET)
        .outerjoin(training, _TRAINING)
        .where(
            tuple_(target.c.project_id, target.c.learn_id).in_(targets),
            condition.c.ended_why == "approved",
            condition.c.kind.in_(_OF_MODEL),
            select(approval.c.id).where(_ENDED_IT).exists(),
            or_(_IS_LOST, _IS_STALE),
        )
        .order_by(condition.c.id)
    )
    still_open = {(each.target, each.kind) for each in open_conditions(connection, targets)}
    found = connection.execute(query).mappings()
    newest = {(row["project_id"], row["learn_id"], row["kind"]): row for row in found}
    reopened = {
        row["id"]: each
        for row in newest.values()
        if ((each := condition_of(row)).target, each.kind) not in still_open
    }
    if not reopened:
        return ()
    values = {"ended_at": None, "ended_run_id": None, "ended_why": ""}
    connection.execute(update(condition).where(condition.c.id.in_(reopened)).values(**values))
    stale = [each.target for each in reopened.values() if each.kind is ConditionKind.STALE]
    _make_stale(connection, stale)
    return tuple(reopened.values())


def _make_stale(connection: Connection, targets: Sequence[TargetId]) -> None:
    """Let models be stale, trained with their newest version before the baseline that was not."""
    trained = (
        select(func.max(version.c.id))
        .where(
            version.c.project_id == target.c.project_id,
            version.c.learn_id == target.c.learn_id,
            version.c.id < target.c.baseline_version_id,
            version.c.model_state == ModelState.TRAINED,
            ~has_pruned_mark(version.c.document),
        )
        .scalar_subquery()
    )
    of_targets = tuple_(target.c.project_id, target.c.learn_id).in_(targets)
    stale = {"model_state": ModelState.STALE, "trained_version_id": trained}
    connection.execute(update(target).where(of_targets).values(**stale))
