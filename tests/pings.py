"""A server of heartbeats on loopback: keeps what it is told and answers as it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UUID = "5e1f-0c0ffee"


@dataclass
class Pings:
    """What came, as (method, path, body); `answers` are the statuses to give, then 200."""

    url: str
    taken: list[tuple[str, str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    @property
    def signals(self) -> list[str]:
        """Return what was signalled: `/start`, `/fail` or nothing for well."""
        return [path.removeprefix(f"/{UUID}") for _, path, _ in self.taken]


@contextmanager
def pings() -> Iterator[Pings]:
    """Serve until the end of the block; no answer is given while `gate` is not set."""
    told = Pings("")
    told.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            told.gate.wait(10)
            told.taken.append((self.command, self.path, body))
            status = told.answers.pop(0) if told.answers else 200
            with suppress(OSError):  # whoever pinged may have given up
                self._answer(status)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{told.url}/elsewhere")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"OK")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}/{UUID}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield told
        finally:
            told.gate.set()
            server.shutdown()
            thread.join()
