"""What a child process took: CPU, time, memory."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """CPU is user and system time of the process with its threads, start and end included."""

    cpu_s: float
    wall_s: float
    peak_mib: float

    @classmethod
    def least(cls, usages: Sequence[Self]) -> Self:
        """Return the lowest times, as other load only adds to them, and the highest memory."""
        return cls(
            cpu_s=min(usage.cpu_s for usage in usages),
            wall_s=min(usage.wall_s for usage in usages),
            peak_mib=max(usage.peak_mib for usage in usages),
        )


def measured(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    log: Path,
    exit_codes: Container[int] = (0,),
) -> Usage:
    """Run a command to its end; what it writes goes to `log`.

    Raises:
        ChildProcessError: its exit code is none of `exit_codes`; says what it wrote.
    """
    with log.open("wb") as sink:
        began = time.monotonic()
        child = subprocess.Popen(command, stdout=sink, stderr=sink, env=environ)
        # wait4, as resource's RUSAGE_CHILDREN adds every child up and knows one peak for all.
        _, status, used = os.wait4(child.pid, 0)
        wall_s = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in exit_codes:
        raise ChildProcessError(f"{command} ended with {child.returncode}:\n{log.read_text()}")
    return Usage(
        cpu_s=used.ru_utime + used.ru_stime, wall_s=wall_s, peak_mib=used.ru_maxrss / 1024
    )
