"""The result as people read it, beside what was aimed at."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass

from bench.measuring import Usage

AIMED_AT = 1000  # targets; the aims are stated for so many, and say little of fewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Often:
    """What was measured often: the least of it, whole processes.

    Attributes:
        startup: a quiet night of one target; `bare_startup` a bare loop of one request.
    """

    quiet: Usage
    bare: Usage
    startup: Usage
    bare_startup: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one benchmark measured.

    Attributes:
        overseas: a quiet night with 100 ms a request, 32 at once.
        first_bytes: the database after the first night.
        quiet_bytes: what the database grew by in a quiet night.
        changed_bytes: what it grew by in the night of the edits.
        page_bytes: the report's page of that night, beside the database.
    """

    targets: int
    answer_bytes: int
    concurrency: int
    edits: int
    often: Often
    first: Usage
    changed: Usage
    overseas: Usage
    first_bytes: int
    quiet_bytes: float
    changed_bytes: int
    page_bytes: int


def table(result: Result) -> str:
    """Return the result as lines of text."""
    return "\n".join(
        [_title(result), "", *_usages(result), "", *_ratios(result), "", *_bytes(result)]
    )


def _title(result: Result) -> str:
    return (
        f"{result.targets} targets of {result.answer_bytes / 1000:.1f} KB, "
        f"{result.concurrency} at once, {os.cpu_count()} cores, Python {platform.python_version()}"
    )


def _usages(result: Result) -> Iterator[str]:
    yield f"{'':<34}{'CPU s':>7}{'wall s':>8}{'peak MiB':>10}   aim"
    for name, usage, aim in (
        ("bare loop, one request", result.often.bare_startup, ""),
        ("bare loop", result.often.bare, ""),
        ("quiet night, one target", result.often.startup, ""),
        ("quiet night", result.often.quiet, f"{_quiet_aim_s(result.targets):.1f} s CPU, 90 MiB"),
        ("quiet night, 100 ms, 32 at once", result.overseas, f"{_scaled(4.2, result)} wall"),
        (f"night of {result.edits} edits", result.changed, ""),
        ("first night", result.first, f"{_scaled(1.5, result)} CPU"),
    ):
        yield _row(usage, name, aim if result.targets >= AIMED_AT else "")


def _quiet_aim_s(targets: int) -> float:
    return 0.9 if targets <= AIMED_AT else 0.0004 * targets


def _scaled(aim_s: float, result: Result) -> str:
    return f"{aim_s * result.targets / AIMED_AT:.1f} s"


def _ratios(result: Result) -> Iterator[str]:
    own = _ms_a_target(result.often.quiet, result.often.startup, result.targets)
    bare = _ms_a_target(result.often.bare, result.often.bare_startup, result.targets)
    whole = 1000 * result.often.quiet.cpu_s / result.targets
    yield _line("CPU a target, all in", f"{whole:.2f} ms")
    yield _line("CPU a further target", f"{own:.2f} ms, in a bare loop {bare:.2f} ms")
    yield _line("  as a ratio", f"{own / bare:.2f}", "1.2")
    ratio = result.often.quiet.cpu_s / result.often.bare.cpu_s
    yield _line("whole process beside a bare loop", f"{ratio:.2f}")


def _ms_a_target(many: Usage, one: Usage, targets: int) -> float:
    return 1000 * (many.cpu_s - one.cpu_s) / max(1, targets - 1)


def _bytes(result: Result) -> Iterator[str]:
    first = result.first_bytes / result.targets
    changed = result.changed_bytes / result.edits
    yield _line("store, first night, a target", f"{first:.0f} bytes", "1500")
    yield _line("store, quiet night, all targets", f"{result.quiet_bytes:.0f} bytes", "run's row")
    yield _line("store, a changed target", f"{changed:.0f} bytes", "1000")
    yield _line("page of the night of edits", f"{result.page_bytes / 1000:.0f} KB")


def _row(usage: Usage, name: str, aim: str) -> str:
    figures = f"{usage.cpu_s:>7.2f}{usage.wall_s:>8.2f}{usage.peak_mib:>10.0f}"
    return f"{name:<34}{figures}   {aim}".rstrip()


def _line(name: str, value: str, aim: str = "") -> str:
    return f"{name:<34}{value}" + (f"   (aim {aim})" if aim else "")
