"""A built-in Studio on 127.0.0.1: real HTTP, sample projects, and faults on demand.

It serves blocks of every kind and the listings as the API document and existing clients describe
them. Its blocks can be edited between runs, as people edit them.
"""

from __future__ import annotations

import copy
import errno
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

from auditor.demo.context import (
    ServedContext,
    make_anomaly_metadata,
    make_first_metadata,
    make_metadata,
)
from auditor.demo.faults import ActiveFault, ApiRequest, Fault, faulty_reply
from auditor.demo.http_server import (
    ReceivedRequest,
    ServerReply,
    StudioHttpServer,
    json_reply,
    refusal_reply,
)
from auditor.drift.block_kinds import BLOCK_KINDS, kind_of, learn_kind
from auditor.model import BlockKindName, Json, JsonObject, TargetId, TargetKind

_IMPULSES = re.compile(r"/v1/api/(\d+)/impulse(s?)")
_PROJECTS = "/v1/api/projects"
_KEY_INFO = "/v1/api/projects/api-key-info"
_LISTS = {
    TargetKind.INPUT: "inputBlocks",
    TargetKind.PROCESSING: "dspBlocks",
    TargetKind.LEARN: "learnBlocks",
    TargetKind.POST_PROCESSING: "postProcessingBlocks",
}
_MOST_IMPULSES = 5
_CONTEXT = re.compile(r"/v1/api/(\d+)/(jobs|deployment)/history")
_METADATA = re.compile(r"/v1/api/(\d+)/training/(?:keras|anomaly)/(\d+)/metadata")
_PAGE = 20
_FIRST_TRAINING = datetime(2026, 3, 2, 8, 20, tzinfo=UTC)  # of blocks that were put as trained
_BAD_KEY = "Invalid API key"


def sample_blocks() -> dict[str, JsonObject]:
    """Return nine sample getKeras answers, one for each type of block, by name."""
    folder = resources.files("auditor.demo") / "blocks"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {
        file.name.removesuffix(".json"): json.loads(file.read_text("utf-8"))
        for file in files
        if file.name.endswith(".json")
    }


def sample_answer(name: str) -> JsonObject:
    """Return a sample answer of a block of another kind: `anomaly`, `vlm` or `dsp-image`."""
    file = resources.files("auditor.demo") / "impulse_blocks" / f"{name}.json"
    answer: JsonObject = json.loads(file.read_text("utf-8"))
    return answer


@dataclass(kw_only=True)
class ServedImpulse:
    """An impulse and the ids of its blocks; a block may be in several."""

    name: str
    type: str = "default"
    blocks: list[int] = field(default_factory=list)


@dataclass(kw_only=True)
class ServedProject:
    """A project: its impulses, and of each block kind, answer and listing entry.

    The entry of a learn block is made of its answer unless it is given.
    """

    name: str
    api_key: str
    role: str = "admin"
    blocks: dict[int, JsonObject] = field(default_factory=dict)
    kinds: dict[int, BlockKindName] = field(default_factory=dict)
    entries: dict[int, JsonObject] = field(default_factory=dict)
    impulses: dict[int, ServedImpulse] = field(default_factory=dict)
    context: ServedContext = field(default_factory=ServedContext)


class BuiltInStudio:
    """A context manager that serves on 127.0.0.1.

    Args:
        port: where it serves if that port is free; else, and with 0, on any free port.
    """

    def __init__(self, *, port: int = 0) -> None:
        self._port = port
        self._projects: dict[int, ServedProject] = {}
        self._faults: list[ActiveFault] = []
        self._lock = threading.Lock()
        self._server: StudioHttpServer

    def __enter__(self) -> Self:
        try:
            self._server = StudioHttpServer(self, self._port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            self._server = StudioHttpServer(self)
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.stop()

    @property
    def base_url(self) -> str:
        """Return its address, for `studio.base_url` in the configuration."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def port(self) -> int:
        """Return the port on which it serves."""
        return self._server.server_port

    def add_project(self, project_id: int, *, name: str, api_key: str) -> None:
        """Add an empty project."""
        with self._lock:
            self._projects[project_id] = ServedProject(name=name, api_key=api_key)

    def put(
        self, target: TargetId, answer: JsonObject, *, impulses: tuple[int, ...] = (1,)
    ) -> None:
        """Add or replace a learn block with this answer, in these impulses."""
        kind = learn_kind(str(answer.get("type", "keras")))
        self.put_block(target, kind, answer, impulses=impulses)

    def put_block(
        self,
        target: TargetId,
        kind: BlockKindName,
        answer: JsonObject,
        *,
        entry: JsonObject | None = None,
        impulses: tuple[int, ...] = (1,),
    ) -> None:
        """Add or replace a block of any kind; `entry` is what the listing says besides its id."""
        with self._lock:
            project = self._projects[target.project_id]
            self._take_out(project, target.learn_id)
            project.blocks[target.learn_id] = copy.deepcopy(answer)
            project.kinds[target.learn_id] = kind
            if entry is not None:
                listed = {"id": target.learn_id, **copy.deepcopy(entry)}
                project.entries[target.learn_id] = listed
            for impulse_id in impulses:
                impulse = ServedImpulse(name=f"Impulse #{impulse_id}")
                project.impulses.setdefault(impulse_id, impulse).blocks.append(target.learn_id)

    def name_impulse(
        self, project_id: int, impulse_id: int, name: str, *, type_: str = "default"
    ) -> None:
        """Give an impulse a name and a type, before or after its blocks."""
        with self._lock:
            impulses = self._projects[project_id].impulses
            blocks = impulses[impulse_id].blocks if impulse_id in impulses else []
            impulses[impulse_id] = ServedImpulse(name=name, type=type_, blocks=blocks)

    def edit(self, target: TargetId, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the block's answer in place by `change`."""
        with self._lock:
            change(self._projects[target.project_id].blocks[target.learn_id])

    def edit_entry(self, target: TargetId, change: Callable[[dict[str, Any]], object]) -> None:
        """Change what the listing says of a block in place by `change`."""
        with self._lock:
            change(self._projects[target.project_id].entries[target.learn_id])

    def train(self, target: TargetId, *, at: datetime, person: str = "", **metrics: float) -> None:
        """Train a block anew: a job that ends at this time, and a model (see `make_metadata`).

        Of the clusters of an anomaly block nothing is measured.
        """
        with self._lock:
            context = self._projects[target.project_id].context
            kind = self._projects[target.project_id].kinds[target.learn_id]
            context.add_job(f"{kind}-{target.learn_id}", at=at, person=person)
            is_keras = kind is BlockKindName.KERAS
            model = make_metadata(at, **metrics) if is_keras else make_anomaly_metadata(at)
            context.models[target.learn_id] = model

    def add_job(
        self,
        project_id: int,
        key: str,
        *,
        at: datetime,
        person: str = "",
        has_worked: bool | None = True,
    ) -> int:
        """Add a job without a result; return its number."""
        with self._lock:
            context = self._projects[project_id].context
            return context.add_job(key, at=at, person=person, has_worked=has_worked)

    def put_model(self, target: TargetId, metadata: JsonObject) -> None:
        """Say this of a block's trained model."""
        with self._lock:
            self._projects[target.project_id].context.models[target.learn_id] = metadata

    def deploy(
        self, project_id: int, *, at: datetime, person: str = "", impulse_id: int = 1
    ) -> None:
        """Build a deployment of an impulse."""
        with self._lock:
            project = self._projects[project_id]
            served = project.impulses.get(impulse_id)
            name = served.name if served else ""
            project.context.add_deployment(impulse_id, at=at, person=person, impulse=name)

    def leave_behind(self, project_id: int, *, impulse_id: int = 1) -> None:
        """Let what was built of an impulse be older than the impulse."""
        with self._lock:
            self._projects[project_id].context.change_impulse(impulse_id)

    def fail(
        self, fault: Fault, *, target: TargetId | None = None, times: int | None = None
    ) -> None:
        """Let the next `times` requests for `target` fail; None means all requests."""
        self.add_fault(ActiveFault(fault=fault, target=target, times=times))

    def add_fault(self, fault: ActiveFault) -> None:
        """Apply a fault to the requests that it concerns."""
        with self._lock:
            self._faults.append(fault)

    def heal(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def reply(
        self, request: ReceivedRequest, *, key: str, token: str, body: str
    ) -> ServerReply | None:
        """Return the answer to a request, None to close the connection without one."""
        del body
        with self._lock:
            if request.method != "GET":
                return refusal_reply("Method not allowed", status=405)
            path = request.path.partition("?")[0]
            target = _find_target(path)
            good = self.good_reply(request, target, key=key, token=token)
            asked = ApiRequest(path=path, target=target, secret=key or token)
            for fault in self._faults:
                if fault.applies(asked):
                    return faulty_reply(fault, asked, good)
            return good

    def good_reply(
        self, request: ReceivedRequest, target: TargetId | None, *, key: str, token: str
    ) -> ServerReply:
        """Return the answer without faults; `target` is set for the endpoint of a block."""
        visible = self.visible_projects(key=key, token=token)
        impulses = _IMPULSES.fullmatch(request.path)
        if request.path == _KEY_INFO:
            return _key_info(visible)
        if target is not None:
            return _block(visible.get(target.project_id), target, request.path)
        if impulses:
            answer = _impulses if impulses[2] else _default_impulse
            return answer(visible.get(int(impulses[1])))
        if request.path == _PROJECTS:
            return _projects(visible)
        if (beside := _context_reply(request.path, visible)) is not None:
            return beside
        return refusal_reply("Not found", status=404)

    def visible_projects(self, *, key: str, token: str) -> dict[int, ServedProject]:
        """Return the projects that the credential can see, by id; no token sees any."""
        del token
        return {
            number: project for number, project in self._projects.items() if key == project.api_key
        }

    @staticmethod
    def _take_out(project: ServedProject, learn_id: int) -> None:
        for kept in (project.blocks, project.kinds, project.entries):
            kept.pop(learn_id, None)
        for impulse in project.impulses.values():
            if learn_id in impulse.blocks:
                impulse.blocks.remove(learn_id)


def _find_target(path: str) -> TargetId | None:
    """Return the block whose endpoint a path is, None where it is none."""
    asked_for = (kind for kind in BLOCK_KINDS.values() if not kind.is_alone)
    found = (kind.find_target(path.removeprefix("/v1")) for kind in asked_for)
    return next((target for target in found if target is not None), None)


def _context_reply(address: str, visible: dict[int, ServedProject]) -> ServerReply | None:
    """Return what stands beside the configuration, None where a path is for nothing of it."""
    path, _, query = address.partition("?")
    history, metadata = _CONTEXT.fullmatch(path), _METADATA.fullmatch(path)
    found = history or metadata
    if found is None:
        return None
    project = visible.get(int(found[1]))
    if project is None:
        return refusal_reply(_BAD_KEY)
    if metadata is not None:
        return _metadata(project, int(metadata[2]))
    if project.role != "admin":
        return refusal_reply("Insufficient permissions", status=403)
    asked = parse_qs(query)
    limit, offset = (
        int(asked.get(key, [default])[0]) for key, default in (("limit", _PAGE), ("offset", 0))
    )
    context = project.context
    page = context.job_page if history and history[2] == "jobs" else context.deployment_page
    return json_reply(page(limit, offset))


def _metadata(project: ServedProject, learn_id: int) -> ServerReply:
    """Return the model of a block; one that was never trained has none."""
    answer = project.blocks.get(learn_id, {})
    model = project.context.models.get(learn_id)
    if model is None and answer.get("trained") is True:
        type_ = str(answer.get("type", project.kinds[learn_id]))
        model = make_first_metadata(_FIRST_TRAINING, type_)
    if model is None or answer.get("trained") is not True:
        return refusal_reply("No trained model")
    return json_reply(model)


def _block(project: ServedProject | None, target: TargetId, path: str) -> ServerReply:
    if project is None:
        return refusal_reply(_BAD_KEY)
    if project.role != "admin":
        return refusal_reply("Insufficient permissions", status=403)
    answer, kind = project.blocks.get(target.learn_id), project.kinds.get(target.learn_id)
    if answer is None or kind is None or not path.endswith(kind_of(kind).path_of(target)):
        return refusal_reply(f"No learn block with ID {target.learn_id}")
    return json_reply(answer)


def _impulses(project: ServedProject | None) -> ServerReply:
    if project is None:
        return refusal_reply(_BAD_KEY)
    if project.role != "admin":
        return refusal_reply("Insufficient permissions", status=403)
    listed: list[Json] = [_impulse(project, number) for number in sorted(project.impulses)]
    return json_reply({"success": True, "impulses": listed, "maxImpulseCount": _MOST_IMPULSES})


def _default_impulse(project: ServedProject | None) -> ServerReply:
    """Return the first impulse; if there is none, an answer without the key."""
    if project is None:
        return refusal_reply(_BAD_KEY)
    answer: JsonObject = {"success": True}
    if project.impulses:
        answer["impulse"] = _impulse(project, min(project.impulses))
    return json_reply(answer)


def _impulse(project: ServedProject, impulse_id: int) -> Json:
    impulse = project.impulses[impulse_id]
    members = {
        kind: [each for each in impulse.blocks if project.kinds[each].target_kind is kind]
        for kind in _LISTS
    }
    dsp = members[TargetKind.PROCESSING]
    return {
        "id": impulse_id,
        "name": impulse.name,
        "type": impulse.type,
        **{
            key: [_listed(project, block_id, dsp) for block_id in members[kind]]
            for kind, key in _LISTS.items()
        },
    }


def _listed(project: ServedProject, block_id: int, dsp: list[int]) -> Json:
    """Return the entry of a block; that of a learn block has the processing blocks before it."""
    if block_id in project.entries:
        return project.entries[block_id]
    answer = project.blocks[block_id]
    name = answer.get("name", "")
    return {
        "id": block_id,
        "type": answer.get("type", "keras"),
        "name": name,
        "dsp": [*dsp],
        "title": name,
    }


def _projects(visible: dict[int, ServedProject]) -> ServerReply:
    if not visible:
        return refusal_reply(_BAD_KEY)
    listed: list[Json] = [
        {"id": project_id, "name": project.name} for project_id, project in visible.items()
    ]
    return json_reply({"success": True, "projects": listed})


def _key_info(visible: dict[int, ServedProject]) -> ServerReply:
    """Return the project and role of a key."""
    if len(visible) != 1:
        return refusal_reply(_BAD_KEY)
    ((project_id, project),) = visible.items()
    return json_reply(
        {"success": True, "apiKeyId": 1, "projectId": project_id, "role": project.role}
    )
