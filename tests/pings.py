"""A heartbeat server on loopback that records the pings it receives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UUID = "5e1f-0c0ffee"


@dataclass
class Pings:
    """The pings, as (method, path, body); `answers` are the statuses to send before 200."""

    url: str
    received: list[tuple[str, str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    @property
    def signals(self) -> list[str]:
        """Return the signals: `/start`, `/fail`, or an empty text for success."""
        return [path.removeprefix(f"/{UUID}") for _, path, _ in self.received]


@contextmanager
def pings() -> Iterator[Pings]:
    """Serve until the end of the block; no answer is sent while `gate` is not set."""
    record = Pings("")
    record.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            record.gate.wait(10)
            record.received.append((self.command, self.path, body))
            status = record.answers.pop(0) if record.answers else 200
            with suppress(OSError):  # the client may have given up
                self._answer(status)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{record.url}/elsewhere")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"OK")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        record.url = f"http://127.0.0.1:{server.server_port}/{UUID}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield record
        finally:
            record.gate.set()
            server.shutdown()
            thread.join()
