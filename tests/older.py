"""An auditor of before: this program with another field table, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from auditor.resources import folder
from tests.audit.stage import KEY

_ROOT = folder("migrations").parent
_SERVE = """
import contextlib, io, json, sys
from auditor.cli import main
for line in sys.stdin:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        code = main(json.loads(line))
    print(json.dumps([code, out.getvalue()]), flush=True)
"""


class Older:
    """An auditor in a process that stays, as it takes its time to start."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def command(self, config: Path, *words: str) -> str:
        """Run a command; return what it said."""
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("it was started with pipes")
        self._process.stdin.write(json.dumps([*words, "--config", str(config)]) + "\n")
        self._process.stdin.flush()
        code, said = json.loads(self._process.stdout.readline())
        assert code == 0, said
        return str(said)


@contextmanager
def older_auditor(
    place: Path, *, without: Sequence[str], knowing: Sequence[str] = ()
) -> Iterator[Older]:
    """Start an auditor that lacks rows of the field table, and knows others.

    What it knows beside is an optional setting, compared as one value.
    """
    _make(place, without, knowing)
    process = subprocess.Popen(  # noqa: S603 # our own program
        [sys.executable, "-c", _SERVE],
        cwd=place,  # `-c` looks here first
        env={**os.environ, "EI_KEY": KEY, "PYTHONPATH": str(place)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Older(process)


def _make(place: Path, without: Sequence[str], knowing: Sequence[str]) -> None:
    for name in ("auditor", "migrations", "templates"):
        left_out = shutil.ignore_patterns("__pycache__", "_data")
        shutil.copytree(_ROOT / name, place / name, ignore=left_out)
    with (place / "auditor" / "drift" / "fields.py").open("a") as table:
        table.write(f"\n\nfor _pattern in {list(without)!r}:\n    del FIELDS[_pattern]\n")
        table.write(f"for _pattern in {list(knowing)!r}:\n")
        table.write("    FIELDS[_pattern] = _TRAINING.field(_pattern, _pattern)\n")
