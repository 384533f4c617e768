"""Audits a mock of the published API document, made by Stoplight's Prism, over three nights.

By hand: python -m tests.prism (or `make prism`). It needs Node and npm, and fetches Prism into a
folder that goes again. Both ways of Prism: with the document's own examples (the same answer each
time), and dynamic (another made-up answer each time, so each night is full of findings).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from auditor import app, config
from auditor.config import Settings
from auditor.report import Report

DOCUMENT = Path(__file__).parent / "data" / "getkeras-openapi.yaml"
PRISM = "@stoplight/prism-cli@5"
KEY = "ei_" + "00" * 24
CONFIG = """
[studio]
base_url = "http://127.0.0.1:{port}"
tries = 1
[[projects]]
id = 1
name = "Mock"
api_key = {{ env = "EI_KEY" }}
learn_blocks = [3, 4, 5]
"""


def main() -> int:
    """Audit both mocks; return 1 where a block was not read but for a `success` made up false."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        print("prism skipped: Node and npm are not both here")  # noqa: T201 - its answer
        return 0
    with TemporaryDirectory() as folder:
        home = Path(folder)
        options = ["--silent", "--no-fund", "--no-audit", "--prefix", folder]
        subprocess.run([npm, "install", *options, PRISM], check=True)  # noqa: S603 - as found
        program = home / "node_modules" / ".bin" / "prism"
        return max(_tried(program, home / way, dynamic=way == "dynamic") for way in _WAYS)


_WAYS = ("static", "dynamic")


def _tried(program: Path, folder: Path, *, dynamic: bool) -> int:
    folder.mkdir()
    with _prism(program, folder / "prism.log", dynamic=dynamic) as port:
        settings = _configured(folder, port)
        reports = [_night(settings) for _ in range(3)]
    for report in reports:
        totals = report.totals
        print(  # noqa: T201 - its answer
            f"{folder.name}, night {report.run.id}: {report.run.status}, "
            f"{totals.checked} of {totals.targets} checked, {totals.findings} findings"
        )
        for reason in {str(result.error) for result in report.targets if result.error}:
            print(f"  {reason}")  # noqa: T201 - its answer
    unread = {result.error.kind for report in reports for result in report.targets if result.error}
    return int(bool(unread - ({"refused"} if dynamic else set())))


@contextmanager
def _prism(program: Path, log: Path, *, dynamic: bool) -> Iterator[int]:
    port = _free_port()
    command = [str(program), "mock", "-h", "127.0.0.1", "-p", str(port), str(DOCUMENT)]
    with log.open("w") as out:
        server = subprocess.Popen(  # noqa: S603 - the program that was fetched for this
            [*command, *(["--dynamic"] if dynamic else [])], stdout=out, stderr=out
        )
        try:
            _wait_until_it_listens(server, port, log)
            yield port
        finally:
            server.terminate()
            server.wait()


def _wait_until_it_listens(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None:
            break
        time.sleep(0.1)  # Prism says nowhere else that it listens
    raise ChildProcessError(f"Prism does not listen: {log.read_text()[-500:]}")


def _configured(folder: Path, port: int) -> Settings:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(port=port))
    return config.load(path, environ={**os.environ, "EI_KEY": KEY})


def _night(settings: Settings) -> Report:
    with app.open_store(settings) as store:
        return app.run_async(
            app.run_and_deliver(settings, app.build_request(settings), store)
        ).report


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
