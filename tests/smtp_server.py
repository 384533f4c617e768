"""A mail server that answers as a test says, byte by byte if need be."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeAlias

Act: TypeAlias = Callable[[socket.socket], None]
Answer: TypeAlias = str | Act

CLOSED = "closed"
_USUAL: dict[str, Answer] = {
    "greeting": "220 raw.example.org",
    "EHLO": "250 raw.example.org",
    "HELO": "250 raw.example.org",
    "DATA": "354 go on",
    "QUIT": "221 bye",
}


@dataclass
class RawServer:
    """Answers each verb, the greeting and the `content` from `answers`, else with 250.

    An answer is a line, or an act on the connection; after a line that begins with 421 the
    connection is closed.

    Attributes:
        said: every line of the clients, without their content.
        taken: the contents that were answered with 250.
        offered: every content.
    """

    answers: dict[str, Answer] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)
    offered: list[bytes] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopping.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def drip(self, text: bytes) -> Act:
        """Return the act of sending a text again and again, a byte at a time, without an end."""

        def act(connection: socket.socket) -> None:
            while True:
                for place in range(len(text)):
                    connection.sendall(text[place : place + 1])
                    if self.stopping.wait(0.01):
                        return

        return act

    def be_silent(self, connection: socket.socket) -> None:
        """Answer nothing until the client goes."""
        connection.recv(1)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        self._answer(connection, "greeting")
        with connection.makefile("rb") as lines:
            for line in lines:
                verb, _, rest = line.decode("utf-8", "replace").rstrip("\r\n").partition(" ")
                verb = verb.upper()
                self.said.append(f"{verb} {rest}".rstrip())
                answer = self._answer(connection, verb)
                if answer.startswith("354"):
                    content = b"".join(iter(lines.readline, b".\r\n"))
                    self.offered.append(content)
                    answer = self._answer(connection, "content")
                    if answer.startswith("250"):
                        self.taken.append(content)
                if answer.startswith("421") or verb == "QUIT":
                    return

    def _answer(self, connection: socket.socket, to: str) -> str:
        answer = self.answers.get(to, _USUAL.get(to, "250 OK"))
        if callable(answer):
            answer(connection)
            return ""
        connection.sendall(answer.encode() + b"\r\n")
        return answer
