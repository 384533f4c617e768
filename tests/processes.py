"""`auditor` as a process of its own, forked from one that has imported it already.

Most of the time of a short process goes into imports. What a test needs a process for is the same
in a forked one: exit code, signals, streams, a terminal, the end by `kill -9`. Where the start
itself is the point (what is imported, streams that are closed), a test starts Python.
"""

from __future__ import annotations

import array
import gc
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any

ROOT = Path(__file__).parents[1]
_LARGEST = 2**17  # bytes of a request: an environment and arguments
_DEADLINE_S = 300  # what hangs fails; a very busy machine needed more than a minute


@dataclass(slots=True, eq=False)
class Process:
    """A process of the program; its methods are those of `subprocess.Popen`.

    Attributes:
        stderr: what it writes to standard error, where that is a pipe.
        returncode: its exit code once it was waited for; below 0: the signal that ended it.
    """

    pid: int
    stderr: IO[str] | None = None
    returncode: int | None = None
    _handle: int = field(init=False)

    def __post_init__(self) -> None:
        self._handle = os.pidfd_open(self.pid)

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        return self._ended_within(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code.

        Raises:
            subprocess.TimeoutExpired: it still runs after so many seconds.
        """
        code = self._ended_within(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("auditor", timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._handle, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill it, if it still runs."""
        self.kill()
        self._ended_within(None)
        if self.stderr is not None:
            self.stderr.close()
        os.close(self._handle)

    def _ended_within(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            poller = select.poll()
            poller.register(self._handle, select.POLLIN)
            if poller.poll(None if timeout is None else timeout * 1000):
                self.returncode = _parent().code_of(self.pid)
        return self.returncode


def start(
    *arguments: str | Path,
    folder: Path,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
    stderr: int = subprocess.DEVNULL,
    environment: dict[str, str],
    before: str = "",
) -> Process:
    """Start `auditor` with these arguments in a session of its own.

    Each stream is a descriptor or `subprocess.DEVNULL`; standard error may be `subprocess.PIPE`.
    The process executes the Python source `before` first.
    """
    order = {
        "before": before,
        "arguments": [str(argument) for argument in arguments],
        "folder": str(folder),
        "environment": environment,
    }
    with open(os.devnull, "r+b", buffering=0) as nothing:  # noqa: PTH123 - a device
        streams = [
            nothing.fileno() if each == subprocess.DEVNULL else each
            for each in (stdin, stdout, stderr)
        ]
        if stderr != subprocess.PIPE:
            return Process(_parent().fork(order, streams))
        read, write = os.pipe()
        try:
            pid = _parent().fork(order, [*streams[:2], write])
        finally:
            os.close(write)
    return Process(pid, stderr=os.fdopen(read, encoding="utf-8"))


def run(
    *arguments: str | Path,
    folder: Path,
    environment: dict[str, str],
    stdin: bytes = b"",
    before: str = "",
) -> subprocess.CompletedProcess[bytes]:
    """Run `auditor` to its end, with standard input and output as pipes."""
    its_input, our_output = os.pipe()
    our_input, its_output = os.pipe()
    feeder = threading.Thread(target=_feed, args=(our_output, stdin))
    with (
        TemporaryFile() as said,
        start(
            *arguments,
            folder=folder,
            stdin=its_input,
            stdout=its_output,
            stderr=said.fileno(),
            environment=environment,
            before=before,
        ) as process,
    ):
        os.close(its_input)
        os.close(its_output)
        feeder.start()
        with os.fdopen(our_input, "rb") as answers:
            answer = answers.read()
        code = process.wait(_DEADLINE_S)
        feeder.join()
        said.seek(0)
        return subprocess.CompletedProcess(arguments, code, answer, said.read())


def _feed(descriptor: int, content: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as pipe:
        pipe.write(content)


# Hands its arguments, folder, environment and streams on to the test session.
_COMMAND = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as channel:
    channel.connect({address!r})
    order = dict(arguments=sys.argv[1:], folder=os.getcwd(), environment=dict(os.environ))
    socket.send_fds(channel, [json.dumps(order).encode()], [0, 1, 2])
    sys.exit(int(channel.recv(64)))
"""


@contextmanager
def command(path: Path) -> Iterator[None]:
    """Put a program `auditor` there, for shells to call; each call is a process as of `start`."""
    address = f"\0auditor-test-{uuid.uuid4()}"
    path.write_text(_COMMAND.format(python=sys.executable, address=address))
    path.chmod(0o755)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(address)
        listener.listen()
        server = threading.Thread(target=_answer_calls, args=(listener,))
        server.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            server.join()


def _answer_calls(listener: socket.socket) -> None:
    """Start a process for each call, one after the other, until the listener is shut down."""
    while True:
        try:
            call, _ = listener.accept()
        except OSError:
            return
        with call:
            message, streams, _, _ = socket.recv_fds(call, _LARGEST, 3)
            order = json.loads(message)
            stdin, stdout, stderr = streams
            with start(
                *order["arguments"],
                folder=order["folder"],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                environment=order["environment"],
            ) as process:
                for stream in streams:
                    os.close(stream)
                call.send(str(process.wait(_DEADLINE_S)).encode())


class _Parent:
    """The process that forks; it ends with the test session, whose socket it reads."""

    def __init__(self) -> None:
        self._channel, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with closing(its):
            self._process = subprocess.Popen(  # noqa: S603 - this file
                [sys.executable, "-m", "tests.processes", str(its.fileno())],
                cwd=ROOT,
                pass_fds=[its.fileno()],
                start_new_session=True,
            )

    def fork(self, order: dict[str, Any], streams: list[int]) -> int:
        """Return the process id of a new process with these three streams."""
        return self._ask(order, streams)

    def code_of(self, pid: int) -> int:
        """Return the exit code of a process that has ended."""
        return self._ask({"ended": pid}, [])

    def close(self) -> None:
        """End it."""
        self._channel.close()
        self._process.wait()

    def _ask(self, question: dict[str, Any], streams: list[int]) -> int:
        passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", streams))]
        with self._lock:
            self._channel.sendmsg([json.dumps(question).encode()], passed if streams else [])
            return int(self._channel.recv(64))


@cache
def _parent() -> _Parent:
    return _Parent()


def close() -> None:
    """End the process that forks, if there is one."""
    if _parent.cache_info().currsize:
        _parent().close()
        _parent.cache_clear()


def _serve(channel: socket.socket) -> None:
    """Fork and wait as asked until the other side is closed; return in each forked process."""
    while True:
        message, streams, _, _ = socket.recv_fds(channel, _LARGEST, 3)
        if not message:
            sys.exit()
        order = json.loads(message)
        if "ended" in order:
            _, status = os.waitpid(order["ended"], 0)
            channel.send(str(os.waitstatus_to_exitcode(status)).encode())
            continue
        pid = os.fork()
        if pid == 0:
            channel.close()
            _become(order, streams)
            return
        for stream in streams:
            os.close(stream)
        channel.send(str(pid).encode())


def _become(order: dict[str, Any], streams: list[int]) -> None:
    """Give this process a session, three streams, a folder, an environment and arguments."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for stream in streams:
        os.close(stream)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv[1:] = order["arguments"]
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - a descriptor, for the whole process
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - see above
    sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    exec(order["before"], {})  # noqa: S102 - of a test


def _main() -> None:
    import auditor  # noqa: PLC0415 - who starts processes need not import all of it

    for module in pkgutil.walk_packages(auditor.__path__, "auditor."):
        import_module(module.name)
    gc.freeze()  # what is shared stays shared
    _serve(socket.socket(fileno=int(sys.argv[1])))
    from auditor.__main__ import main  # noqa: PLC0415

    main()


if __name__ == "__main__":
    _main()
