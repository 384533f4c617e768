from __future__ import annotations

from collections.abc import Iterator

import pytest

from auditor.demo.studio_server import sample_blocks
from tests.simulated_studio import SimulatedStudio

from .asking import KEY, TARGET
from .oauth_runs import PASSWORD, SECRET, Clock


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def studio() -> Iterator[SimulatedStudio]:
    with SimulatedStudio() as studio:
        studio.add_project(TARGET.project_id, name="Pump", api_key=KEY)
        studio.put(TARGET, sample_blocks()["keras"])
        yield studio


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(studio: SimulatedStudio, clock: Clock) -> SimulatedStudio:
    """A Studio whose OAuth2 server knows a machine, an app and a person."""
    studio.oauth.clients |= {"machine": SECRET.reveal(), "app": ""}
    studio.oauth.users["ml-team"] = PASSWORD.reveal()
    studio.oauth.clock = clock.seconds
    return studio
