"""The result as a table, with the aims."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass

from bench.measuring import Usage

AIMED_AT = 1000  # targets; the aims apply to this number and say little about fewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """The lowest values of repeated measurements of whole processes.

    Attributes:
        startup: a quiet run of one target; `bare_startup` a bare loop of one request.
    """

    quiet: Usage
    bare: Usage
    startup: Usage
    bare_startup: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one benchmark measured.

    Attributes:
        distant: a quiet run with 100 ms a request, 32 at once.
        first_bytes: the database after the first run.
        quiet_bytes: growth of the database in a quiet run.
        changed_bytes: its growth in the run with the edits.
        page_bytes: the report's page of that run, a file outside the database.
    """

    targets: int
    answer_bytes: int
    concurrency: int
    edits: int
    repeated: Repeated
    first: Usage
    changed: Usage
    distant: Usage
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
        ("bare loop, one request", result.repeated.bare_startup, ""),
        ("bare loop", result.repeated.bare, ""),
        ("quiet run, one target", result.repeated.startup, ""),
        ("quiet run", result.repeated.quiet, f"{_quiet_aim_s(result.targets):.1f} s CPU, 90 MiB"),
        ("quiet run, 100 ms, 32 at once", result.distant, f"{_scaled(4.2, result)} wall"),
        (f"run with {result.edits} edits", result.changed, ""),
        ("first run", result.first, f"{_scaled(1.5, result)} CPU"),
    ):
        yield _row(usage, name, aim if result.targets >= AIMED_AT else "")


def _quiet_aim_s(targets: int) -> float:
    return 0.9 if targets <= AIMED_AT else 0.0004 * targets


def _scaled(aim_s: float, result: Result) -> str:
    return f"{aim_s * result.targets / AIMED_AT:.1f} s"


def _ratios(result: Result) -> Iterator[str]:
    own = _ms_a_target(result.repeated.quiet, result.repeated.startup, result.targets)
    bare = _ms_a_target(result.repeated.bare, result.repeated.bare_startup, result.targets)
    whole = 1000 * result.repeated.quiet.cpu_s / result.targets
    yield _line("CPU a target, all in", f"{whole:.2f} ms")
    yield _line("CPU a further target", f"{own:.2f} ms, in a bare loop {bare:.2f} ms")
    yield _line("  as a ratio", f"{own / bare:.2f}", "1.2")
    ratio = result.repeated.quiet.cpu_s / result.repeated.bare.cpu_s
    yield _line("whole process / bare loop", f"{ratio:.2f}")


def _ms_a_target(many: Usage, single: Usage, targets: int) -> float:
    return 1000 * (many.cpu_s - single.cpu_s) / max(1, targets - 1)


def _bytes(result: Result) -> Iterator[str]:
    first = result.first_bytes / result.targets
    changed = result.changed_bytes / result.edits
    yield _line("store, first run, a target", f"{first:.0f} bytes", "1500")
    yield _line("store, quiet run, all targets", f"{result.quiet_bytes:.0f} bytes", "run's row")
    yield _line("store, a changed target", f"{changed:.0f} bytes", "1000")
    yield _line("page of the run with edits", f"{result.page_bytes / 1000:.0f} KB")


def _row(usage: Usage, name: str, aim: str) -> str:
    figures = f"{usage.cpu_s:>7.2f}{usage.wall_s:>8.2f}{usage.peak_mib:>10.0f}"
    return f"{name:<34}{figures}   {aim}".rstrip()


def _line(name: str, value: str, aim: str = "") -> str:
    return f"{name:<34}{value}" + (f"   (aim {aim})" if aim else "")
