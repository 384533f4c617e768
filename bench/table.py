"""The results as tables: what each run took, and the ratios beside the aims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.measuring import Usage

_MIB = 90  # aimed at as the peak of a quiet run
_ROWS = {
    "imports": "imports of httpx, aiohttp, SQLAlchemy",
    "start": "quiet run, one target",
    "bare_start": "bare loop, one request",
    "bare": "bare loop of a quiet run",
    "quiet": "quiet run",
    "distant": "quiet run, 100 ms, 32 at once",
    "edits": "run with edits",
    "bare_first": "bare loop of a first run",
    "first": "first run",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured of a fleet.

    Attributes:
        usages: by the keys of the rows of the table.
        edits: how many targets the run with edits found changed.
        first_bytes, quiet_bytes, changed_bytes: growth of the database in the first run, in a
            quiet run and in the run with edits.
    """

    targets: int
    answer_bytes: int
    edits: int
    usages: Mapping[str, Usage]
    first_bytes: int
    quiet_bytes: float
    changed_bytes: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure that can be compared with that of another machine; `aim` is 0 without one."""

    name: str
    value: float
    aim: float = 0.0


def list_ratios(result: Result) -> Iterator[Ratio]:
    """Yield the ratios of a fleet."""
    cpu = {key: usage.cpu_s for key, usage in result.usages.items()}
    size = f"{result.targets:,} targets"
    further = (cpu["quiet"] - cpu["start"]) / (cpu["bare"] - cpu["bare_start"])
    an_edit = (cpu["edits"] - cpu["quiet"]) / result.edits
    yield Ratio("start: quiet run of one target / imports", cpu["start"] / cpu["imports"], 1.5)
    quiet_aim = 1.2 if result.targets >= 5000 else 1.35
    yield Ratio(f"{size}: quiet run / bare loop", cpu["quiet"] / cpu["bare"], quiet_aim)
    yield Ratio(f"{size}: the same without both starts", further, 1.2)
    yield Ratio(f"{size}: first run / bare loop", cpu["first"] / cpu["bare_first"], 2)
    yield Ratio(f"{size}: ms of CPU an edit", 1000 * an_edit, 3)
    peak = result.usages["quiet"].peak_mib
    yield Ratio(f"{size}: peak MiB of a quiet run", peak, _MIB)
    yield Ratio(f"{size}: bytes stored a target", result.first_bytes / result.targets, 1500)
    yield Ratio(f"{size}: bytes stored an edit", result.changed_bytes / result.edits, 1000)
    yield Ratio(f"{size}: bytes stored a quiet run", result.quiet_bytes)


def show_usages(result: Result) -> str:
    """Return what each run of a fleet took."""
    head = f"{result.targets:,} targets of {result.answer_bytes / 1000:.1f} KB"
    rows = (_usage_row(name, result.usages[key]) for key, name in _ROWS.items())
    return "\n".join([f"{head:<44}{'CPU s':>8}{'wall s':>8}{'peak MiB':>10}", *rows])


def show_ratios(ratios: Sequence[Ratio], before: Mapping[str, float]) -> str:
    """Return the ratios beside the aims, and beside those of an earlier measurement."""
    head = f"{'':<44}{'measured':>10}{'aim':>8}" + (f"{'before':>10}" if before else "")
    return "\n".join([head, *(_ratio_row(ratio, before.get(ratio.name)) for ratio in ratios)])


def _usage_row(name: str, usage: Usage) -> str:
    return f"{name:<44}{usage.cpu_s:>8.2f}{usage.wall_s:>8.2f}{usage.peak_mib:>10.0f}"


def _ratio_row(ratio: Ratio, before: float | None) -> str:
    aim = f"{ratio.aim:g}" if ratio.aim else ""
    earlier = "" if before is None else f"{_figure(before):>10}"
    return f"{ratio.name:<44}{_figure(ratio.value):>10}{aim:>8}{earlier}".rstrip()


def _figure(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"
