"""Which rules, windows, subscriptions and filters match nothing that is audited.

A run says so once, and again only after the same had matched in between. For that the store
remembers of each what matched it last. One that matched nothing is compared only with versions
that came since; one that matched is looked up where it matched last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from auditor.audit.plan import Plan
from auditor.drift.block_kinds import kind_of
from auditor.drift.canonical import parse_catalogue
from auditor.drift.filters import BlockFilter, BlockLabel
from auditor.drift.rule_paths import MOST_PATHS, RulePath, nearest_path, paths_of, rule_paths
from auditor.drift.rules import Rules, TargetScope
from auditor.drift.secrets import Secrets
from auditor.model import NoticeKind, Snapshot, TargetId
from auditor.records import KnownTarget, RuleMatch
from auditor.redaction import shown
from auditor.report import Notice

_EVERYTHING = TargetScope()
_HOW_TO_LIST = "`auditor status` lists the blocks"


class VersionSource(Protocol):
    """The part of the store that holds what is audited."""

    def audited_projects(self) -> frozenset[int]:
        """Return the projects of all audited targets."""
        ...

    def known_project_targets(self, project_id: int) -> tuple[KnownTarget, ...]:
        """Return the audited targets of a project."""
        ...

    def snapshot(self, version_id: int) -> Snapshot:
        """Return a stored version's snapshot."""
        ...

    def secrets(self) -> Secrets:
        """Return what hides the secrets of the database."""
        ...


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Something of the configuration that matches nothing: its key, and a sentence."""

    key: str
    words: str


@dataclass(slots=True)
class Coverage:
    """What the configuration names, compared with the audited blocks and their last versions.

    Attributes:
        memory: what earlier comparisons found, by key; what this one finds takes its place.
        unmatched: by key, what matches nothing.
        unlisted: the projects whose blocks are not all known; nothing is said of them.
    """

    source: VersionSource
    plan: Plan
    unlisted: Collection[int] = ()
    memory: Mapping[str, RuleMatch] = field(default_factory=dict)
    unmatched: dict[str, Unmatched] = field(default_factory=dict)
    found: dict[str, RuleMatch] = field(default_factory=dict)
    _projects: frozenset[int] = frozenset()

    def compare(self, rules: Rules, scopes: Collection[tuple[str, TargetScope]]) -> None:
        """Fill `unmatched` and `found`.

        Blocks are read a project at a time, and no more of them than it takes.
        """
        self._projects = self.source.audited_projects()
        if not self._projects:
            self.found = dict(self.memory)
            return
        self._compare_paths(tuple(rule_paths(rules)))
        for key, scope in scopes:
            self._compare_scope(key, scope)
        self._compare_filters()

    def _compare_paths(self, paths: tuple[RulePath, ...]) -> None:
        left: dict[str, RulePath] = {}
        for rule in paths:
            key = _key(rule.key.partition("[")[0], rule.name, rule.path, *_members(rule.scope))
            if rule.is_of_table():
                self.found[key] = RuleMatch(target=None, newest=0, is_matched=True)
            elif any(rule.scope.includes(known.target) for known in self._read(rule.scope)):
                left[key] = rule
            elif key in self.memory:
                self.found[key] = self.memory[key]
        if left:
            self._search(left)

    def _search(self, left: dict[str, RulePath]) -> None:
        """Find a block that has each path; of the paths that none has, name the nearest."""
        secrets, seen = self.source.secrets(), dict[str, None]()
        newest = 0
        wants_catalogue = any(rule.may_be_of_catalogue for rule in left.values())
        for known in self._witnesses_first():
            newest = max(newest, known.version_id or 0)
            wanting = [
                key for key, rule in left.items() if self._is_worth_reading(key, rule, known)
            ]
            if not wanting:
                continue
            paths = self._paths(known, secrets, with_catalogue=wants_catalogue)
            if len(seen) < MOST_PATHS:
                seen.update(dict.fromkeys(paths))
            for key in wanting:
                if left[key].is_among(paths):
                    # Of what matches, only where it does is looked at again.
                    self.found[key] = RuleMatch(known.target, newest, is_matched=True)
                    del left[key]
            if not left:
                return
        for key, rule in left.items():
            self.found[key] = RuleMatch(None, newest, is_matched=False)
            self.unmatched[key] = Unmatched(f"{rule.key}.path", _words_of_path(rule, seen))

    def _witnesses_first(self) -> Iterator[KnownTarget]:
        """Yield the blocks that were read, first those that had the path of a rule before."""
        witnesses = {match.target for match in self.memory.values()}
        projects = frozenset(target.project_id for target in witnesses if target is not None)
        of_projects = TargetScope(projects=projects)
        if projects:
            yield from (each for each in self._read(of_projects) if each.target in witnesses)
        yield from (each for each in self._read() if each.target not in witnesses)

    def _is_worth_reading(self, key: str, rule: RulePath, known: KnownTarget) -> bool:
        before = self.memory.get(key)
        is_old = before is not None and (known.version_id or 0) <= before.newest
        was_compared = is_old and before is not None and not before.is_matched
        return rule.scope.includes(known.target) and not was_compared

    def _paths(
        self, known: KnownTarget, secrets: Secrets, *, with_catalogue: bool
    ) -> dict[str, bool]:
        snapshot = self.source.snapshot(known.version_id or 0)
        models = parse_catalogue(snapshot.catalogue.document) if with_catalogue else None
        return paths_of(secrets.read_document(snapshot), kind_of(snapshot.kind), models)

    def _read(self, scope: TargetScope = _EVERYTHING) -> Iterator[KnownTarget]:
        """Yield the blocks that were read, of the projects of a scope, by project."""
        named = scope.projects | {target.project_id for target in scope.blocks}
        for project_id in sorted(self._projects & named if named else self._projects):
            for known in self.source.known_project_targets(project_id):
                if known.version_id is not None:
                    yield known

    def _compare_scope(self, key: str, scope: TargetScope) -> None:
        projects = self._projects
        kind = key.partition("[")[0]
        for project_id in sorted(scope.projects):
            words = f"project {project_id} has no block that is audited; {_HOW_TO_LIST}"
            place = _key(kind, "project", str(project_id))
            is_matched = self._settled(project_id, is_matched=project_id in projects)
            self._add(place, f"{key}.projects", words, is_matched=is_matched)
        for target in sorted(scope.blocks):
            words = f"block {target} is not audited; {_HOW_TO_LIST}"
            place = _key(kind, "block", str(target))
            is_matched = self._settled(target.project_id, is_matched=self._is_audited(target))
            self._add(place, f"{key}.blocks", words, is_matched=is_matched)

    def _compare_filters(self) -> None:
        """Compare what is included; what is excluded is not stored."""
        for project in self.plan.projects:
            is_listed = project.learn_blocks is None and project.id not in self.unlisted
            for block_filter in project.filters if is_listed else ():
                self._compare_filter(f"project {project.id}", block_filter, [project.id])
        if self.plan.every is not None and not self.unlisted:
            for block_filter in self.plan.every.filters:
                self._compare_filter("studio", block_filter, sorted(self._projects))

    def _compare_filter(
        self, where: str, block_filter: BlockFilter, projects: Iterable[int]
    ) -> None:
        remaining = {
            **dict.fromkeys(("include.types", each) for each in block_filter.include.types),
            **dict.fromkeys(("include.names", each) for each in block_filter.include.names),
        }
        members = tuple(remaining)
        for project_id in projects:
            if not remaining:
                break
            labels = [
                BlockLabel(known.type, known.name)
                for known in self.source.known_project_targets(project_id)
            ]
            unmatched = set(block_filter.find_unmatched(labels))
            remaining = {each: None for each in remaining if each in unmatched}
        for part, pattern in members:
            self._add(
                _key("filter", where, part, pattern),
                f"{where} {part}",
                f"{pattern!r} matches no block that is audited",
                is_matched=(part, pattern) not in remaining,
            )

    def _is_audited(self, target: TargetId) -> bool:
        if target.project_id not in self._projects:
            return False
        known = self.source.known_project_targets(target.project_id)
        return any(each.target == target for each in known)

    def _settled(self, project_id: int, *, is_matched: bool) -> bool | None:
        """Return whether something matches, None where the project's blocks are not known."""
        return None if not is_matched and project_id in self.unlisted else is_matched

    def _add(self, key: str, place: str, words: str, *, is_matched: bool | None) -> None:
        if is_matched is None:
            if key in self.memory:
                self.found[key] = self.memory[key]
            return
        self.found[key] = RuleMatch(None, 0, is_matched=is_matched)
        if not is_matched:
            self.unmatched[key] = Unmatched(place, words)


def notices_of_unmatched(coverage: Coverage) -> tuple[Notice, ...]:
    """Return a notice of everything that matches nothing and was not said to before."""
    return tuple(
        Notice(
            kind=NoticeKind.MATCHES_NOTHING,
            text=shown(f"{unmatched.key} of the configuration: {unmatched.words}"),
        )
        for key, unmatched in coverage.unmatched.items()
        if key not in coverage.memory or coverage.memory[key].is_matched
    )


def _words_of_path(rule: RulePath, seen: Collection[str]) -> str:
    near = nearest_path(rule.path, seen)
    meant = f"; did you mean {near}?" if near else ""
    what = f"“{rule.name}” is never checked" if rule.needs_value else "the rule has no effect"
    return f"no audited block has {rule.path}, so {what}{meant}"


def _members(scope: TargetScope) -> list[str]:
    return sorted(map(str, [*scope.projects, *scope.blocks]))


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
