"""The demo with faults: a good night, one on which Studio fails, and what the next one says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor import app
from auditor.demo.faults import ON_THE_WIRE, Fault
from auditor.demo.nights import FLEET, PUMP, Say, clear, configure, furnish, night, tell
from auditor.demo.studio import BuiltInStudio
from auditor.errors import UsageError
from auditor.model import TargetId


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault with the block that it strikes, or whose project's listing it does."""

    fault: Fault
    target: TargetId
    struck: str

    def __str__(self) -> str:
        return f"{self.struck}: {ON_THE_WIRE[self.fault]} ({self.fault})"


def strikes(names: Sequence[str]) -> tuple[Strike, ...]:
    """Return where the faults of these names strike, each once.

    A fault of a listing hides every block of its project, so the others strike elsewhere.

    Raises:
        UsageError: there is no fault of that name, or there are more than the demo has room for.
    """
    faults = _named(dict.fromkeys(names))
    of_listing = [fault for fault in faults if fault.is_of_listing]
    of_block = [fault for fault in faults if not fault.is_of_listing]
    blocks = [one for one in reversed(FLEET) if not (of_listing and one[0].project_id == PUMP)]
    if len(of_listing) > 1 or len(of_block) > len(blocks):
        raise UsageError(
            f"too many faults for the demo: it takes one of a listing and {len(blocks)} others"
        )
    return (
        *(Strike(fault, TargetId(PUMP, 0), "the listing of Pump monitor") for fault in of_listing),
        *(
            Strike(fault, target, name)
            for fault, (target, _, name) in zip(of_block, blocks, strict=False)
        ),
    )


def _named(names: Iterable[str]) -> list[Fault]:
    known = {fault.value: fault for fault in Fault}
    for name in names:
        if name not in known:
            raise UsageError(f"no fault is called {name!r}; there are: {', '.join(known)}")
    return [known[name] for name in names]


def fault_list() -> str:
    """Return every fault with what comes over the wire, line by line."""
    width = max(map(len, Fault))
    return "\n".join(f"{fault:<{width}}  {ON_THE_WIRE[fault]}" for fault in Fault)


def rehearse(folder: Path, planned: Sequence[Strike], say: Say) -> int:
    """Play three nights in `folder`, with the faults on the second; return an exit code."""
    clear(folder)
    with BuiltInStudio() as studio:
        furnish(studio)
        settings = configure(folder, studio.base_url)
        say(f"A made-up Studio with {len(FLEET)} learn blocks in 2 projects is at hand.\n")
        say("Night 1: the auditor sees them for the first time.")
        tell(night(settings), say)
        say("\nThen something fails:")
        for one in planned:
            studio.fail(one.fault, target=one.target, times=1 if one.fault.is_fleeting else None)
            say(f"  - {one}")
        say("\nNight 2, as the report tells it:\n")
        second = night(settings)
        say(app.build_renderer(settings).text(second.report, page=second.page or ""))
        studio.heal()
        say("Night 3: Studio is well again; nobody has edited anything.")
        third = night(settings)
    tell(third, say)
    say(f"The reports as pages: {third.page}")
    return 0 if third.page else 2
