"""A fleet in which every fault has a project of its own, audited over four nights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from auditor import app, config
from auditor.config import Settings
from auditor.demo.faults import Fault, Request, Trouble, troubled
from auditor.demo.replies import Reply
from auditor.demo.studio import BuiltInStudio, sample_blocks
from auditor.drift.model import ProjectError, Report, TargetId, TargetReport

LEARN_ID = 3
TARGETS = {fault: TargetId(100 + place, LEARN_ID) for place, fault in enumerate(Fault)}
CONFIG = """
[studio]
base_url = "{base_url}"
timeout_s = 1
tries = 1
concurrency = 16
max_bytes = 1048576
[database]
url = "{url}"
"""
PROJECT = """
[[projects]]
id = {id}
name = "{fault}"
api_key = {{ env = "EI_KEY_{id}" }}
"""


@dataclass
class Fleet:
    """The fleet and the reports of its nights: two with the faults, each healed in the next.

    Attributes:
        asked: how many requests each night sent.
        stored: how many versions there were of each block after each night.
    """

    settings: Settings
    studio: BuiltInStudio
    reports: list[Report] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    stored: list[dict[Fault, int]] = field(default_factory=list)

    def night(self) -> None:
        """Audit the fleet and keep what comes of it."""
        self.studio.requests.clear()
        with app.store(self.settings) as store:
            with store.run_lock():
                order = app.order(self.settings)
                told = app.quickly(app.run_and_tell(self.settings, order, store))
            versions = {fault: len(store.versions(target)) for fault, target in TARGETS.items()}
        self.reports.append(told.report)
        self.asked.append(len(self.studio.requests))
        self.stored.append(versions)

    def told(self, fault: Fault, *, night: int) -> TargetReport | None:
        """Return what a night's report says of the block that met the fault."""
        return next(
            (one for one in self.reports[night - 1].targets if one.target == TARGETS[fault]), None
        )

    def error(self, fault: Fault, *, night: int) -> ProjectError | None:
        """Return what a night's report says of the whole project that met the fault."""
        project_id = TARGETS[fault].project_id
        errors = self.reports[night - 1].errors
        return next((one for one in errors if one.project_id == project_id), None)


@contextmanager
def audited_fleet(url: str, folder: Path) -> Iterator[Fleet]:
    """Yield the fleet after its four nights: faults, healed, faults, healed."""
    _warm_up()
    with BuiltInStudio() as studio:
        for target in TARGETS.values():
            studio.add_project(target.project_id, name="", api_key=_key(target.project_id))
            studio.put(target, sample_blocks()["keras"])
        fleet = Fleet(_configured(url, folder, studio.base_url), studio)
        for _ in range(2):
            for fault, target in TARGETS.items():
                studio.fail(fault, target=target, times=1 if fault.is_fleeting else None)
            fleet.night()
            studio.heal()
            fleet.night()
        yield fleet


def _configured(url: str, folder: Path, base_url: str) -> Settings:
    projects = [PROJECT.format(id=TARGETS[fault].project_id, fault=fault) for fault in Fault]
    path = folder / "config.toml"
    path.write_text(CONFIG.format(base_url=base_url, url=url) + "".join(projects))
    ids = [target.project_id for target in TARGETS.values()]
    return config.load(path, environ={f"EI_KEY_{one}": _key(one) for one in ids})


def _key(project_id: int) -> str:
    """Return a key of the project's own: what condemns a credential condemns no other project."""
    return f"ei_{project_id:048x}"


def _warm_up() -> None:
    """Make the bombs beforehand: not every answer may wait for them."""
    request = Request(path="", target=None)
    for fault in Fault:
        trouble = Trouble(fault=fault, target=None, times=None)
        troubled(trouble, request, Reply(body=b'{"success":true}'))
