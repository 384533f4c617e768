"""Studio and a mail server on loopback, for the throw-away machine.

    python -m tests.systemd.standins FOLDER

FOLDER comes to hold `studio`, where Studio's API is, and a file for each mail. SIGUSR1 gives the
project the second key, SIGUSR2 lets Studio take a minute for each answer, or no longer.
"""

from __future__ import annotations

import itertools
import signal
import sys
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from auditor.demo.faults import Fault
from auditor.demo.studio_server import sample_blocks
from auditor.model import TargetId
from tests.simulated_studio import SimulatedStudio

PROJECT = 12345
KEYS = ("ei_" + "11" * 24, "ei_" + "22" * 24)


class _Postbox:
    """Keeps each mail as a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)

    async def handle_DATA(self, _server: SMTP, _session: Session, taken: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        file = self._folder / f"{next(self._numbers):06}.eml"
        being_written = file.with_suffix(".part")
        being_written.write_bytes(taken.original_content or b"")
        being_written.rename(file)
        return "250 taken"


def main(folder: Path) -> None:
    """Serve until SIGTERM."""
    signals = {signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # before any thread could take one
    with SimulatedStudio() as studio:
        studio.add_project(PROJECT, name="Pump", api_key=KEYS[0])
        for learn_id, answer in enumerate(sample_blocks().values(), start=1):
            studio.put(TargetId(PROJECT, learn_id), answer)
        post = Controller(_Postbox(folder), hostname="127.0.0.1", port=25)
        post.start()
        address = folder / "studio.part"
        address.write_text(studio.base_url)
        address.rename(folder / "studio")
        is_slow = False
        while (said := signal.sigwait(signals)) != signal.SIGTERM:
            if said == signal.SIGUSR1:
                studio.change_key(PROJECT, KEYS[1])
            elif is_slow:
                studio.heal()
                is_slow = False
            else:
                studio.fail(Fault.SLOW)
                is_slow = True
        post.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
