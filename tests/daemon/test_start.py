"""A start on a machine that has no room for the service: what may pass ends with exit code 75."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.audit.stage import KEY, Stage
from tests.cli.command import environment
from tests.processes import run

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# The program is imported before the machine runs out, so the place of the fault is certain.
_NO_FILE = """
import os, resource
used = {int(name) for name in os.listdir("/proc/self/fd")}
free = next(number for number in range(99) if number not in used)
resource.setrlimit(resource.RLIMIT_NOFILE, (free, free))
"""
_NO_THREAD = """
import resource, threading
threading.stack_size(1 << 30)
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (1 << 29)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
"""
_NO_MEMORY = """
import auditor.app
def load(path):
    return bytearray(1 << 62)  # more than any machine has
auditor.app.load_settings = load
"""
_DEFECT = """
import auditor.app
auditor.app.load_settings = lambda path: 1 / 0
"""


def start(folder: Path, limit: str) -> subprocess.CompletedProcess[bytes]:
    arguments, around = ("daemon", "--config", "config.toml"), environment(EI_KEY=KEY)
    return run(*arguments, folder=folder, environment=around, before=limit)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (_NO_FILE, "Too many open files"),
        (_NO_THREAD, "can't start new thread"),
        (_NO_MEMORY, "MemoryError"),
        (_DEFECT, "ZeroDivisionError"),
    ],
    ids=["no file descriptor", "no thread", "no memory", "a defect"],
)
def test_what_may_pass_ends_a_start_with_75_and_says_why(
    pump: Stage, limit: str, words: str
) -> None:
    done = start(pump.folder, limit)

    assert (done.returncode, words in done.stderr.decode()) == (75, True), done.stderr


def test_a_wrong_configuration_ends_a_start_with_2(pump: Stage) -> None:
    (pump.folder / "config.toml").write_text("[studio]\nconcurrency = 0\n")
    done = start(pump.folder, "")

    assert done.returncode == 2
    assert b"studio.concurrency" in done.stderr


def test_a_secret_that_cannot_be_read_for_want_of_file_descriptors_is_no_wrong_key(
    pump: Stage,
) -> None:
    secret = pump.folder / "key"
    secret.write_text(KEY)
    secret.chmod(0o600)
    config = pump.folder / "config.toml"
    config.write_text(config.read_text().replace('{ env = "EI_KEY" }', f'{{ file = "{secret}" }}'))
    done = run(folder=pump.folder, environment=environment(), before=_READ)

    assert done.stdout.splitlines() == [b"24 Too many open files"] * 2, done.stderr


# With no descriptor left, the configuration cannot be read; with one, its secret cannot.
_READ = """
import os, resource
from pathlib import Path
from auditor.config import load
load(Path("config.toml"), environ=os.environ)
def refused(read):
    try:
        read()
    except OSError as error:
        print(error.errno, error.strerror)
from auditor.config.values import _from_file
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
refused(lambda: load(Path("config.toml"), environ=os.environ))
refused(lambda: _from_file(Path("key").absolute()))
raise SystemExit
"""


@pytest.mark.parametrize(
    ("environment_says", "words"),
    [
        pytest.param({"all_proxy": "socks5://p:1", "no_proxy": ""}, "is of a kind", id="proxy"),
        pytest.param({"SSL_CERT_FILE": "/none.pem"}, "/none.pem cannot be read", id="trust"),
    ],
)
def test_an_environment_that_cannot_be_used_ends_a_start_with_2(
    pump: Stage,
    monkeypatch: pytest.MonkeyPatch,
    environment_says: dict[str, str],
    words: str,
) -> None:
    for name, value in environment_says.items():
        monkeypatch.setenv(name, value)
    path = pump.folder / "config.toml"
    path.write_text(path.read_text().replace("http://127.0.0.1", "https://127.0.0.1"))

    done = start(pump.folder, "")

    assert done.returncode == 2
    assert words in done.stderr.decode()
