"""The built-in Studio with what tests control besides: tokens, OAuth2, ETags, keys and roles."""

from __future__ import annotations

import copy
from dataclasses import replace
from hashlib import sha256
from http import HTTPStatus

from auditor.demo.faults import ActiveFault, Fault
from auditor.demo.http_server import ReceivedRequest, ServerReply, refusal_reply
from auditor.demo.studio_server import BuiltInStudio, ServedProject
from auditor.model import JsonObject, TargetId
from tests.token_server import AUTHORIZE_PATH, TOKEN_PATH, TokenServer


class SimulatedStudio(BuiltInStudio):
    """A Studio that also records its requests.

    Args:
        jwt: a user's token that sees every project, as header or as cookie; none if empty.
        etags: whether answers have an ETag, and a current one is answered with 304.
    """

    def __init__(self, *, jwt: str = "", etags: bool = False) -> None:
        super().__init__()
        self.requests: list[ReceivedRequest] = []
        self.oauth = TokenServer()
        self._jwt = jwt
        self._etags = etags

    def remove_project(self, project_id: int) -> None:
        """Delete a project with all its blocks."""
        with self._lock:
            del self._projects[project_id]

    def rename_project(self, project_id: int, name: str) -> None:
        """Give the project another name."""
        with self._lock:
            self._projects[project_id].name = name

    def change_key(self, project_id: int, api_key: str) -> None:
        """Give the project another key; the old one is refused from then on."""
        with self._lock:
            self._projects[project_id].api_key = api_key

    def change_role(self, project_id: int, role: str) -> None:
        """Give the project's key another role; only `admin` may read blocks."""
        with self._lock:
            self._projects[project_id].role = role

    def delete_impulse(self, project_id: int, impulse_id: int) -> None:
        """Let an impulse be gone that was built; the blocks stay in their other impulses."""
        with self._lock:
            project = self._projects[project_id]
            project.impulses[impulse_id].blocks.clear()
            for deployment in project.context.deployments:
                if deployment["impulseId"] == impulse_id:
                    deployment["impulseIsDeleted"] = True

    def turn_jobs(self, project_id: int) -> None:
        """List the jobs that there are so far in the other order."""
        with self._lock:
            self._projects[project_id].context.jobs.reverse()

    def remove(self, target: TargetId) -> None:
        """Delete a block."""
        with self._lock:
            self._take_out(self._projects[target.project_id], target.learn_id)

    def answer(self, target: TargetId) -> JsonObject:
        """Return a copy of the block's current getKeras answer."""
        with self._lock:
            return copy.deepcopy(self._projects[target.project_id].blocks[target.learn_id])

    def entry(self, target: TargetId) -> JsonObject | None:
        """Return a copy of what the listing says of a block, None where its answer says it."""
        with self._lock:
            return copy.deepcopy(self._projects[target.project_id].entries.get(target.learn_id))

    def fail(
        self,
        fault: Fault,
        *,
        target: TargetId | None = None,
        times: int | None = None,
        retry_after: str = "1",
        path: str = "",
    ) -> None:
        """Let requests fail, of these only those whose path ends with `path`."""
        self.add_fault(
            ActiveFault(
                fault=fault, target=target, times=times, retry_after=retry_after, path=path
            )
        )

    def reply(
        self, request: ReceivedRequest, *, key: str, token: str, body: str
    ) -> ServerReply | None:
        """Return the answer to a request, None to close the connection without one."""
        with self._lock:
            self.requests.append(request)
            if request.path.startswith(AUTHORIZE_PATH):
                return self.oauth.authorize(request.path)
            if (request.method, request.path) == ("POST", TOKEN_PATH):
                return self.oauth.token(token, body)
        return super().reply(request, key=key, token=token, body=body)

    def good_reply(
        self, request: ReceivedRequest, target: TargetId | None, *, key: str, token: str
    ) -> ServerReply:
        """Return the answer without faults, with an ETag if wanted."""
        if token.startswith("Bearer ") and not self.oauth.accepts(token):
            return refusal_reply("Invalid token", status=401)
        good = super().good_reply(request, target, key=key, token=token)
        return _conditional_reply(good, request.if_none_match) if self._etags else good

    def visible_projects(self, *, key: str, token: str) -> dict[int, ServedProject]:
        """Return every project for a valid token, else those of the key."""
        if (self._jwt and token == self._jwt) or self.oauth.accepts(token):
            return self._projects
        return super().visible_projects(key=key, token=token)


def _conditional_reply(good: ServerReply, if_none_match: str) -> ServerReply:
    """Return an answer with its ETag, or 304 if the client has it (RFC 9110 section 13.1.2)."""
    etag = f'"{sha256(good.body).hexdigest()[:32]}"'
    tagged = replace(good, headers=(*good.headers, ("ETag", etag)))
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    if good.status == HTTPStatus.OK and known & {etag, "*"}:
        return replace(tagged, status=HTTPStatus.NOT_MODIFIED, body=b"")
    return tagged
