"""Machines that do batches: threads of this process, each with an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from auditor import app
from auditor.app.workers import build_exchange
from auditor.config import Settings
from auditor.demo.http_server import ReceivedRequest, ServerReply
from auditor.workers.exchange import Exchange
from tests.simulated_studio import SimulatedStudio

DEADLINE_S = 300  # what hangs fails; nothing takes a tenth of it


class HookedStudio(SimulatedStudio):
    """A Studio that acts before it answers the n-th request for a block, counted from `hook`."""

    def __init__(self) -> None:
        super().__init__()
        self._acts: dict[int, Callable[[], object]] = {}
        self._count = 0

    def hook(self, acts: dict[int, Callable[[], object]]) -> None:
        """Act at these requests from now on."""
        self._acts, self._count = acts, 0

    def reply(
        self, request: ReceivedRequest, *, key: str, token: str, body: str
    ) -> ServerReply | None:
        """Answer after what is to happen before."""
        if "/training/keras/" in request.path:
            with self._lock:
                self._count += 1
                act = self._acts.get(self._count)
            if act is not None:
                act()
        return super().reply(request, key=key, token=token, body=body)


class Machine:
    """`auditor worker` on a machine of its own."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.name = name
        self.failed: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._settings = settings
        self._thread = threading.Thread(target=self._work, name=name)

    def start(self) -> None:
        """Start to do batches."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the machine to stop, and wait until it does."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()
        self._loop.close()

    def _work(self) -> None:
        try:
            self._loop.run_until_complete(app.do_batches(self._settings, self._stop))
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.failed = error


@dataclass(frozen=True)
class Machines:
    """Several workers of one configuration."""

    settings: Settings
    members: list[Machine]

    def wait_until_ready(self) -> None:
        """Wait until each of them takes batches; the tables are there after the first run."""
        wait_for_workers(self.settings, len(self.members))


@contextmanager
def machines(settings: Settings, count: int) -> Iterator[Machines]:
    """Have workers during the body; none of them fails."""
    made = [Machine(settings, f"machine {number}") for number in range(count)]
    with ExitStack() as stack:
        for machine in made:
            machine.start()
            stack.callback(machine.stop)
        yield Machines(settings, made)
    assert [machine.failed for machine in made] == [None] * count


def exchange_of(settings: Settings) -> Exchange:
    """Return what the machines of a run share, still closed."""
    return build_exchange(settings)


def wait_for_workers(settings: Settings, count: int) -> None:
    """Wait until so many workers gave a sign of life."""

    async def wait() -> None:
        end = time.monotonic() + DEADLINE_S
        async with exchange_of(settings) as exchange:
            while await exchange.count_workers() < count:
                assert time.monotonic() < end, "a worker did not start"
                await asyncio.sleep(0.02)

    asyncio.run(wait())
