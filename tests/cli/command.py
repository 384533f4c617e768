"""The command line called: in this process, or as the program that an operator starts."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor.cli import main
from tests.audit.stage import Stage
from tests.cli.gate import DEADLINE_S

ROOT = Path(__file__).parents[2]
_OTHERS = ("httpx", "apscheduler", "alembic", "mail.log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON
        """Return the answer as programs read it."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Command:
    """Calls `auditor` in this process."""

    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> Done:
        """Run one command; argparse's own exits count as any other."""
        self.capsys.readouterr()
        with logging_as_before():
            try:
                code = main(arguments)
            except SystemExit as error:
                code = int(error.code or 0)
        out, err = self.capsys.readouterr()
        return Done(code=code, out=out, err=err)


@contextmanager
def logging_as_before() -> Iterator[None]:
    """Commands set logging up for a process of their own; this one goes on.

    The mail server of the tests is a thread of this process, and its log is not the auditor's.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in _OTHERS}
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, before in levels.items():
            logging.getLogger(name).setLevel(before)


def call(value: object) -> str:
    """Name a test by the arguments it calls with, and by nothing else."""
    return " ".join(value) if isinstance(value, list) else ""


def environment(**changes: str) -> dict[str, str]:
    """The environment in which a Python program finds the auditor, from any folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **changes}


def python(
    *arguments: str, folder: Path, stdin: bytes = b"", **changes: str
) -> subprocess.CompletedProcess[bytes]:
    """Run Python with the auditor at hand, e.g. `python("-m", "auditor", "--help")`."""
    return subprocess.run(  # noqa: S603 - the tests name what is run
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(**changes),
        input=stdin,
        capture_output=True,
        check=False,
        timeout=DEADLINE_S,
    )


def reconfigure(pump: Stage, old: str, new: str) -> None:
    path = pump.folder / "config.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def database(pump: Stage) -> Path:
    return pump.folder / "auditor.db"
