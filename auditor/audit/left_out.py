"""What a report counts and does not list, where it does not list all targets.

Listed is what has news. Of targets that are new, and of those that could not be read, a thousand
are listed, the ones with the lowest ids: a first run and a failure of Studio have them by the
million.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappush, heappushpop

from auditor.drift.impulses import is_changed
from auditor.model import ModelState, TargetId, TargetState
from auditor.report import MOST_ALIKE, LeftOut, TargetReport

_MANY = (TargetState.NEW, TargetState.UNKNOWN)


def has_news(line: TargetReport) -> bool:
    """Return whether there is more to say of a target than that it was checked."""
    match line.state:
        case TargetState.IN_SYNC:
            return line.model_state is ModelState.STALE or bool(
                line.findings
                or line.suppressed
                or line.acknowledged
                or line.model_event
                or line.is_trained_now
                or line.proving_job
            )
        case TargetState.UNSUPPORTED:
            return line.is_news
        case TargetState.NEW | TargetState.DRIFTED | TargetState.MISSING | TargetState.UNKNOWN:
            return True


def may_be_replaced(lines: Sequence[TargetReport], left_out: LeftOut) -> bool:
    """Return whether a project may have an impulse that is another one than before."""
    changed = sum(map(is_changed, lines))
    are_new = all(line.state is TargetState.NEW for line in lines)
    return changed > 1 and not (are_new and left_out.targets == left_out.new)


@dataclass(slots=True)
class LeftOutCounts:
    """Counts the targets of each project that are not listed.

    Attributes:
        most_alike: how many targets are listed that are new, and that could not be read.
    """

    most_alike: int = MOST_ALIKE
    _states: dict[int, Counter[TargetState]] = field(default_factory=dict)
    _passing: Counter[int] = field(default_factory=Counter)
    _names: dict[int, str] = field(default_factory=dict)
    _highest: dict[TargetState, list[tuple[int, int]]] = field(
        default_factory=lambda: {state: [] for state in _MANY}
    )

    def add(self, line: TargetReport) -> None:
        """Count a target."""
        project_id = line.target.project_id
        self._states.setdefault(project_id, Counter())[line.state] += 1
        if line.project:
            self._names[project_id] = line.project
        if line.error is not None and line.error.may_pass:
            self._passing[project_id] += 1

    def take(self, line: TargetReport) -> TargetReport | None:
        """Count a target no more, as it is listed; None where it was counted otherwise."""
        states = self._states.get(line.target.project_id, Counter())
        # The store does not say why a target could not be read.
        if line.state is TargetState.UNKNOWN or not states[line.state]:
            return None
        states[line.state] -= 1
        return line

    def beyond_most_alike(self, line: TargetReport) -> Iterator[TargetId]:
        """Yield the target that is not listed any more, where too many like it are."""
        highest = self._highest.get(line.state)
        if highest is None:
            return
        negated = -line.target.project_id, -line.target.learn_id
        if len(highest) < self.most_alike:
            heappush(highest, negated)
            return
        project_id, block_id = heappushpop(highest, negated)
        yield TargetId(-project_id, -block_id)

    def of_project(self, project_id: int) -> LeftOut:
        """Return the counts of a project."""
        states = self._states.get(project_id, Counter())
        return LeftOut(
            project_id=project_id,
            project=self._names.get(project_id, ""),
            in_sync=states[TargetState.IN_SYNC],
            new=states[TargetState.NEW],
            unknown=states[TargetState.UNKNOWN],
            unsupported=states[TargetState.UNSUPPORTED],
            passing=self._passing[project_id],
        )

    def every(self) -> tuple[LeftOut, ...]:
        """Return the counts of each project that has any, by project."""
        counted = map(self.of_project, sorted(self._states))
        return tuple(counts for counts in counted if counts.targets)
