"""Runs against a Studio with OAuth2, with a clock that tests control."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from auditor.credentials import ClientCredentials, Credential, PasswordGrant, StoredLogin
from auditor.fetching import FetchFailure, FetchResult
from auditor.model import Failure, TargetId
from auditor.redaction import Secret
from auditor.studio.tokenfile import TokenFile
from tests.simulated_studio import SimulatedStudio
from tests.studio.asking import NAMED

from .asking import TARGET, client

TOKEN = "/v1/oauth/token"
SECRET = Secret("canary of/the+client=")
PASSWORD = Secret("canary of the user & more")
MACHINE = ClientCredentials("machine", SECRET)
PERSON = PasswordGrant("app", "ml-team", PASSWORD)
START = datetime(2027, 1, 10, 3, 15, tzinfo=UTC)


@dataclass
class Clock:
    """The time of server and client."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return self.at.timestamp()


@dataclass
class Login:
    """The token file of a login."""

    studio: SimulatedStudio
    path: Path
    credential: StoredLogin = field(init=False)
    file: TokenFile = field(init=False)

    def __post_init__(self) -> None:
        self.credential = StoredLogin("app", self.path)
        self.file = TokenFile(self.path, (self.studio.base_url, "app"))


def failure(fetched: FetchResult) -> Failure:
    assert isinstance(fetched, FetchFailure)
    return fetched.failure


def token_requests(studio: SimulatedStudio) -> int:
    return sum(asked.path == TOKEN for asked in studio.requests)


def ask(
    studio: SimulatedStudio, credential: Credential, clock: Clock, *targets: TargetId
) -> list[FetchResult]:
    """Fetch all targets at the same time, in one run."""
    projects = {target.project_id: credential for target in targets or (TARGET,)}

    async def run() -> list[FetchResult]:
        asking = client(studio.base_url, credentials=projects, now=clock, concurrency=32)
        async with asking:
            return await asyncio.gather(
                *(asking.fetch(target, NAMED, stored_body=None) for target in targets or (TARGET,))
            )

    return asyncio.run(run())
