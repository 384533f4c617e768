"""A small disk of its own, which may be filled and made read-only."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DISK_BYTES = 3 * 2**20


def is_mounted(*arguments: str) -> bool:
    """Mount something; return whether that worked."""
    done = subprocess.run(["mount", *arguments], capture_output=True, check=False)  # noqa: S603, S607 - the system's own
    return done.returncode == 0


@contextmanager
def small_disk(place: Path) -> Iterator[Path | None]:
    """Mount a disk at a folder; None where that is not possible."""
    place.mkdir()
    if not is_mounted("-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)):
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)  # noqa: S603, S607 - the system's own
