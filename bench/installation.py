"""An auditor with a configuration and a database of its own, run as its users run it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench import KEY_NAME
from bench.fleet import Fleet
from bench.measuring import Usage, measured

# Without the caller's proxies: they would be asked for the way to 127.0.0.1.
ENVIRON = {KEY_NAME: "ei_" + 64 * "0", "PATH": os.environ["PATH"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """An auditor whose files are all in `folder`."""

    folder: Path
    fleet: Fleet

    def configure(self, base_url: str, *, concurrency: int) -> None:
        """Write the configuration; the database stays."""
        self.folder.mkdir(exist_ok=True)
        lines = self._lines(f"{base_url}/v1", concurrency)
        self._config.write_text("\n".join(lines) + "\n")

    def run(self, **expected: int) -> Usage:
        """Run once; return its time and memory.

        Args:
            expected: how many targets of each state the run should end with.

        Raises:
            ValueError: it came to something else, so the measurement would be of another run.
        """
        usage = measured(self._command("run"), environ=ENVIRON, log=self.folder / "log")
        completed = subprocess.run(
            self._command("report", "--format", "json"),
            env=ENVIRON,
            capture_output=True,
            check=True,
        )
        totals = json.loads(completed.stdout)["totals"]
        if {key: totals[key] for key in expected} != expected:
            raise ValueError(f"expected {expected}, the run came to {totals}")
        return usage

    def store_bytes(self) -> int:
        """Return the size of the database, after a checkpoint of its log."""
        database = self.folder / "auditor.db"
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return sum(file.stat().st_size for file in self.folder.glob("auditor.db*"))

    @property
    def _config(self) -> Path:
        return self.folder / "config.toml"

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "auditor", *words, "--config", str(self._config)]

    def _lines(self, base_url: str, concurrency: int) -> Iterator[str]:
        yield from ("[studio]", f'base_url = "{base_url}"', f"concurrency = {concurrency}")
        for project_id, learn_ids in self.fleet.projects.items():
            yield from ("[[projects]]", f"id = {project_id}", f'name = "Project {project_id}"')
            yield f'api_key = {{ env = "{KEY_NAME}" }}'
            yield f"learn_blocks = {learn_ids}"
