"""A fleet in which every fault has a project of its own, audited over four nights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from auditor import app, config
from auditor.config import Settings
from auditor.demo.faults import ActiveFault, ApiRequest, Fault, faulty_reply
from auditor.demo.http_server import ServerReply
from auditor.demo.studio_server import sample_blocks
from auditor.model import ProjectError, TargetId
from auditor.report import Report, TargetReport
from tests.simulated_studio import SimulatedStudio

LEARN_ID = 3
_TIME_ENOUGH_S = 30
CONFIG = """
[studio]
base_url = "{base_url}"
timeout_s = {timeout_s}
tries = 1
concurrency = 16
max_bytes = 1048576
[context]
training = false
deployments = false
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

    targets: dict[Fault, TargetId]
    studio: SimulatedStudio
    reports: list[Report] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    stored: list[dict[Fault, int]] = field(default_factory=list)

    def night(self, settings: Settings) -> None:
        """Audit the fleet and keep what comes of it."""
        self.studio.requests.clear()
        with app.open_store(settings) as store:
            delivered = app.run_async(
                app.run_and_deliver(settings, app.build_request(settings), store)
            )
            versions = {
                fault: len(store.target_versions(target)) for fault, target in self.targets.items()
            }
        self.reports.append(delivered.report)
        self.asked.append(len(self.studio.requests))
        self.stored.append(versions)

    def target_report(self, fault: Fault, *, night: int) -> TargetReport | None:
        """Return what a night's report says of the block that met the fault."""
        return next(
            (
                result
                for result in self.reports[night - 1].targets
                if result.target == self.targets[fault]
            ),
            None,
        )

    def error(self, fault: Fault, *, night: int) -> ProjectError | None:
        """Return what a night's report says of the whole project that met the fault."""
        project_id = self.targets[fault].project_id
        errors = self.reports[night - 1].errors
        return next((error for error in errors if error.project_id == project_id), None)


@contextmanager
def audited_fleet(
    url: str, folder: Path, faults: Sequence[Fault], *, timeout_s: float
) -> Iterator[Fleet]:
    """Yield the fleet after its four nights: faults, healed, faults, healed.

    `timeout_s` holds for the nights with faults; the others have time.
    """
    _warm_up(faults)
    targets = {fault: TargetId(100 + place, LEARN_ID) for place, fault in enumerate(faults)}
    with SimulatedStudio() as studio:
        for target in targets.values():
            studio.add_project(target.project_id, name="", api_key=_key(target.project_id))
            studio.put(target, sample_blocks()["keras"])
        fleet = Fleet(targets, studio)
        for _ in range(2):
            for fault, target in targets.items():
                studio.fail(fault, target=target, times=1 if fault.is_transient else None)
            fleet.night(_configured(url, folder, fleet, timeout_s=timeout_s))
            studio.heal()
            fleet.night(_configured(url, folder, fleet, timeout_s=_TIME_ENOUGH_S))
        yield fleet


def _configured(url: str, folder: Path, fleet: Fleet, *, timeout_s: float) -> Settings:
    ids = {target.project_id: fault for fault, target in fleet.targets.items()}
    path = folder / "config.toml"
    text = CONFIG.format(base_url=fleet.studio.base_url, url=url, timeout_s=timeout_s)
    projects = [PROJECT.format(id=target_id, fault=fault) for target_id, fault in ids.items()]
    path.write_text(text + "".join(projects))
    return config.load(path, environ={f"EI_KEY_{target_id}": _key(target_id) for target_id in ids})


def _key(project_id: int) -> str:
    """Return a key of the project's own: what condemns a credential condemns no other project."""
    return f"ei_{project_id:048x}"


def _warm_up(faults: Sequence[Fault]) -> None:
    """Make the bombs beforehand: not every answer may wait for them."""
    request = ApiRequest(path="", target=None)
    for fault in faults:
        trouble = ActiveFault(fault=fault, target=None, times=None)
        faulty_reply(trouble, request, ServerReply(body=b'{"success":true}'))
