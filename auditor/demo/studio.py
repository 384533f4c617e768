"""A Studio on 127.0.0.1: real HTTP, invented projects, and faults on demand.

It knows getKeras and the two listings, answers as the published API document and clients of it
tell, and can be edited between nights as people edit blocks.
"""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from types import TracebackType
from typing import Any, Self

from auditor.demo.faults import Fault, Request, Trouble, troubled
from auditor.demo.oauth import AUTHORIZE_PATH, TokenServer
from auditor.demo.replies import Reply, json_reply, refusal, validated
from auditor.demo.server import Asked, Server
from auditor.drift.block_kinds import KERAS
from auditor.model import Json, JsonObject, TargetId

_IMPULSES = re.compile(r"/v1/api/(\d+)/impulse(s?)")
_PROJECTS = "/v1/api/projects"
_KEY_INFO = "/v1/api/projects/api-key-info"
_UNSERVED = frozenset({"anomaly", "anomaly-gmm", "vlm"})
_BAD_KEY = "Invalid API key"


def sample_blocks() -> dict[str, JsonObject]:
    """Return nine invented getKeras answers, one a kind of block, by name."""
    folder = resources.files("auditor.demo") / "blocks"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {
        file.name.removesuffix(".json"): json.loads(file.read_text("utf-8"))
        for file in files
        if file.name.endswith(".json")
    }


@dataclass(kw_only=True)
class _Project:
    name: str
    api_key: str
    role: str = "admin"
    blocks: dict[int, JsonObject] = field(default_factory=dict)
    impulses: dict[int, list[int]] = field(default_factory=dict)


class BuiltInStudio:
    """A context manager: serves from enter to exit, on a free port.

    Args:
        jwt: a user's token that sees every project, as header or as cookie; none if empty.
        etags: whether answers carry an ETag, and one that is known already comes as 304.
    """

    def __init__(self, *, jwt: str = "", etags: bool = False) -> None:
        self.requests: list[Asked] = []
        self._jwt = jwt
        self._etags = etags
        self.oauth = TokenServer()
        self._projects: dict[int, _Project] = {}
        self._troubles: list[Trouble] = []
        self._lock = threading.Lock()
        self._server: Server

    def __enter__(self) -> Self:
        self._server = Server(self)
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
        """Return where it serves, as `studio.base_url` of the configuration takes it."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def add_project(self, project_id: int, *, name: str, api_key: str) -> None:
        """Make an empty project."""
        with self._lock:
            self._projects[project_id] = _Project(name=name, api_key=api_key)

    def remove_project(self, project_id: int) -> None:
        """Delete a project with all its blocks."""
        with self._lock:
            del self._projects[project_id]

    def rename_project(self, project_id: int, name: str) -> None:
        """Give the project another name."""
        with self._lock:
            self._projects[project_id].name = name

    def change_key(self, project_id: int, api_key: str) -> None:
        """Give the project another key; the old one is refused from now on."""
        with self._lock:
            self._projects[project_id].api_key = api_key

    def change_role(self, project_id: int, role: str) -> None:
        """Give the project's key another role; only `admin` may read blocks."""
        with self._lock:
            self._projects[project_id].role = role

    def put(
        self, target: TargetId, answer: JsonObject, *, impulses: tuple[int, ...] = (1,)
    ) -> None:
        """Make a block, or replace one, with this getKeras answer, in these impulses."""
        with self._lock:
            project = self._projects[target.project_id]
            self._take_out(project, target.learn_id)
            project.blocks[target.learn_id] = copy.deepcopy(answer)
            for impulse_id in impulses:
                project.impulses.setdefault(impulse_id, []).append(target.learn_id)

    def edit(self, target: TargetId, change: Callable[[dict[str, Any]], object]) -> None:
        """Let `change` alter the block's answer in place."""
        with self._lock:
            change(self._projects[target.project_id].blocks[target.learn_id])

    def remove(self, target: TargetId) -> None:
        """Delete a block."""
        with self._lock:
            self._take_out(self._projects[target.project_id], target.learn_id)

    def answer(self, target: TargetId) -> JsonObject:
        """Return a copy of the block's getKeras answer as it stands."""
        with self._lock:
            return copy.deepcopy(self._projects[target.project_id].blocks[target.learn_id])

    def fail(
        self,
        fault: Fault,
        *,
        target: TargetId | None = None,
        times: int | None = None,
        retry_after: str = "1",
        path: str = "",
    ) -> None:
        """Let requests for `target` (None: every request) fail, the next `times` or all.

        Of these only requests whose path ends with `path`.
        """
        with self._lock:
            self._troubles.append(
                Trouble(
                    fault=fault, target=target, times=times, retry_after=retry_after, path=path
                )
            )

    def heal(self) -> None:
        """Take every fault away."""
        with self._lock:
            self._troubles.clear()

    def reply(self, asked: Asked, *, key: str, jwt: str) -> Reply | None:
        """Return the answer to a request, None where the connection is to be dropped."""
        with self._lock:
            self.requests.append(asked)
            if asked.path.startswith(AUTHORIZE_PATH):
                return self.oauth.authorize(asked.path)
            if asked.method != "GET":
                return refusal("Method not allowed", status=405)
            target = KERAS.find_target(asked.path.removeprefix("/v1"))
            good = self._good(asked.path, target, may_see=self._visible(key, jwt))
            if jwt.startswith("Bearer ") and not self.oauth.accepts(jwt):
                good = refusal("Invalid token", status=401)
            request = Request(path=asked.path, target=target, secret=key or jwt)
            for trouble in self._troubles:
                if trouble.strikes(request):
                    return troubled(trouble, request, good)
            return validated(good, asked.if_none_match) if self._etags else good

    def token(self, asked: Asked, authorization: str, body: str) -> Reply:
        """Return the answer to a token request."""
        with self._lock:
            self.requests.append(asked)
            return self.oauth.token(authorization, body)

    def _visible(self, key: str, jwt: str) -> dict[int, _Project]:
        if (self._jwt and jwt == self._jwt) or self.oauth.accepts(jwt):
            return self._projects
        return {p: project for p, project in self._projects.items() if key == project.api_key}

    def _good(self, path: str, target: TargetId | None, *, may_see: dict[int, _Project]) -> Reply:
        impulses = _IMPULSES.fullmatch(path)
        if path == _KEY_INFO:
            return _key_info(may_see)
        if target is not None:
            return _keras(may_see.get(target.project_id), target.learn_id)
        if impulses:
            answer = _impulses if impulses[2] else _default_impulse
            return answer(may_see.get(int(impulses[1])))
        if path == _PROJECTS:
            return _projects(may_see)
        return refusal("Not found", status=404)

    @staticmethod
    def _take_out(project: _Project, learn_id: int) -> None:
        project.blocks.pop(learn_id, None)
        for members in project.impulses.values():
            if learn_id in members:
                members.remove(learn_id)


def _keras(project: _Project | None, learn_id: int) -> Reply:
    if project is None:
        return refusal(_BAD_KEY)
    if project.role != "admin":
        return refusal("Insufficient permissions", status=403)
    answer = project.blocks.get(learn_id)
    if answer is None or answer.get("type") in _UNSERVED:
        return refusal(f"No learn block with ID {learn_id}")
    return json_reply(answer)


def _impulses(project: _Project | None) -> Reply:
    if project is None:
        return refusal(_BAD_KEY)
    if project.role != "admin":
        return refusal("Insufficient permissions", status=403)
    listed: list[Json] = [_impulse(project, number) for number in sorted(project.impulses)]
    return json_reply({"success": True, "impulses": listed})


def _default_impulse(project: _Project | None) -> Reply:
    """Return the first impulse; where there is none, an answer without the key."""
    if project is None:
        return refusal(_BAD_KEY)
    answer: JsonObject = {"success": True}
    if project.impulses:
        answer["impulse"] = _impulse(project, min(project.impulses))
    return json_reply(answer)


def _impulse(project: _Project, impulse_id: int) -> Json:
    return {
        "id": impulse_id,
        "name": f"Impulse #{impulse_id}",
        "inputBlocks": [],
        "dspBlocks": [],
        "learnBlocks": [_listed(project, learn_id) for learn_id in project.impulses[impulse_id]],
    }


def _listed(project: _Project, learn_id: int) -> Json:
    answer = project.blocks[learn_id]
    name = answer.get("name", "")
    return {
        "id": learn_id,
        "type": answer.get("type", "keras"),
        "name": name,
        "dsp": [1],
        "title": name,
    }


def _projects(visible: dict[int, _Project]) -> Reply:
    if not visible:
        return refusal(_BAD_KEY)
    listed: list[Json] = [
        {"id": project_id, "name": project.name} for project_id, project in visible.items()
    ]
    return json_reply({"success": True, "projects": listed})


def _key_info(visible: dict[int, _Project]) -> Reply:
    """Return what Studio says of a key: it belongs to one project."""
    if len(visible) != 1:
        return refusal(_BAD_KEY)
    ((project_id, project),) = visible.items()
    return json_reply(
        {"success": True, "apiKeyId": 1, "projectId": project_id, "role": project.role}
    )
