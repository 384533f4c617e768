"""A service manager's side of the daemon: starts it, hears it, signals it, waits for its end."""

from __future__ import annotations

import signal
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.audit.stage import KEY
from tests.cli.command import ROOT, environment
from tests.cli.gate import DEADLINE_S
from tests.processes import Process, start


@dataclass
class Ears:
    """A notification socket, as $NOTIFY_SOCKET names it."""

    channel: socket.socket
    heard: list[str] = field(default_factory=list)

    def hear(self, beginning: str) -> str:
        """Wait for the next notification that begins so; those before it are kept too."""
        while True:
            self.heard.append(self.channel.recv(4096).decode())
            if self.heard[-1].startswith(beginning):
                return self.heard[-1]


@contextmanager
def ears(address: str) -> Iterator[Ears]:
    """Listen at a path, or in the abstract namespace where the address begins with `@`."""
    name = f"\0{address[1:]}" if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(name)
        channel.settimeout(DEADLINE_S)
        yield Ears(channel)


@dataclass
class Daemon:
    """A daemon that runs, with what it logged so far in a file."""

    process: Process
    ears: Ears
    log_file: Path

    @property
    def log(self) -> str:
        """Return what it logged so far."""
        return self.log_file.read_text()

    def ready(self) -> str:
        """Wait until it is ready and has done what was due at its start; return its status."""
        self.ears.hear("READY=1")
        return self.ears.hear("STATUS=Next run")

    def reload(self) -> str:
        """Have it read its configuration again and return its status."""
        self.process.send_signal(signal.SIGHUP)
        self.ears.hear("RELOADING=1\nMONOTONIC_USEC=")
        return self.ears.hear("READY=1")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)


@contextmanager
def daemon(folder: Path, **variables: str) -> Iterator[Daemon]:
    """Run `auditor daemon` over the configuration in `folder`."""
    name = uuid.uuid4()
    address, log_file = f"@auditor-test-{name}", folder / f"{name}.log"
    with (
        ears(address) as listening,
        log_file.open("wb") as log,
        start(
            *("daemon", "--config", folder / "config.toml"),
            folder=ROOT,
            stdout=log.fileno(),
            stderr=log.fileno(),
            environment=environment(NOTIFY_SOCKET=address, EI_KEY=KEY, **variables),
        ) as process,
    ):
        yield Daemon(process, listening, log_file)
