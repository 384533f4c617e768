"""A Studio that holds a run up until a test has done what it wants to do meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from auditor.demo.http_server import ReceivedRequest, ServerReply
from tests.audit.stage import KEY, PROJECT, Stage, block, target
from tests.simulated_studio import SimulatedStudio

DEADLINE_S = 300  # what hangs fails; a very busy machine needed more than a minute


class GatedStudio(SimulatedStudio):
    """Keeps whoever asks for a block, or for what `at` names, waiting until the gate opens."""

    def __init__(self, at: str = "/keras/") -> None:
        super().__init__()
        self.at = at
        self.asked, self.gate = threading.Event(), threading.Event()

    def reply(
        self, request: ReceivedRequest, *, key: str, token: str, body: str
    ) -> ServerReply | None:
        """Answer once the gate is open."""
        if self.at in request.path:
            self.asked.set()
            self.gate.wait(DEADLINE_S)
        return super().reply(request, key=key, token=token, body=body)


@contextmanager
def gated_studio(pump: Stage, at: str = "/keras/") -> Iterator[GatedStudio]:
    """Set the installation to a Studio of three blocks whose gate is shut."""
    with GatedStudio(at) as studio:
        studio.add_project(PROJECT, name="pump", api_key=KEY)
        for learn_id in (3, 4, 5):
            studio.put(target(learn_id), block(name=f"Block {learn_id}"))
        text = (pump.folder / "config.toml").read_text()
        # Else a request at the gate gives up after five seconds, and the run goes on without it.
        patient = text.replace("timeout_s = 5", f"timeout_s = {DEADLINE_S}")
        pump.configure(patient.replace(pump.studio.base_url, studio.base_url))
        try:
            yield studio
        finally:
            studio.gate.set()
