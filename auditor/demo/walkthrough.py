"""The demo: the real program audits a sample fleet in three nights of its own clock.

Without faults, the blocks are edited before the third run. With faults, Studio fails in the second
run.
"""

from __future__ import annotations

import re
import shlex
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as dt_time
from pathlib import Path

from auditor import app, config
from auditor.app import DeliveredRun
from auditor.audit.plan import RunControl
from auditor.config import Settings
from auditor.demo.faults import FAULT_DESCRIPTIONS, Fault
from auditor.demo.sample_edits import edit_next
from auditor.demo.sample_fleet import (
    CAMERA,
    KERAS_BLOCKS,
    KEYS,
    NUMBER_OF_BLOCKS,
    PUMP,
    edit_blocks,
    fill_studio,
)
from auditor.demo.studio_server import BuiltInStudio
from auditor.errors import UsageError
from auditor.model import TargetId
from auditor.rendering.text import COMMANDS
from auditor.report import Report
from auditor.resources import find_program

EXAMPLE = TargetId(CAMERA, 3)  # is edited, and its model stays good

PORT = 8810  # of a Studio that serves on, so that a configuration finds the next one too
MARK = "# Written by `auditor demo`"
CONFIG = """\
# Written by `auditor demo`: two projects of a built-in Studio that runs only during the demo.
[studio]
base_url = "{base_url}"
timeout_s = 5
tries = 2
[database]
url = "sqlite:///auditor.db"
[reports]
directory = "reports"
[[projects]]
id = {pump}
name = "Pump monitor"
api_key = {{ file = "project-{pump}.key" }}
learn_blocks = "all"
[[projects]]
id = {camera}
name = "Line camera"
api_key = {{ file = "project-{camera}.key" }}
learn_blocks = "all"
"""

NIGHT = dt_time(3, 15)  # UTC
DAY = timedelta(days=1)
_BASE_URL = re.compile(r'^base_url = "http://127\.0\.0\.1:\d+/v1"$', re.MULTILINE)
# What the reports and the demo tell a reader to type; the words after `auditor` are no prose.
_COMMANDS = re.compile(
    r"\bauditor (status|history|diff|explain|approve|acknowledge|report|check|run)\b"
)

Say = Callable[[str], None]


class DemoClock:
    """The time of the demo: it goes on like the machine's, from 03:15 of the night that is played.

    The third night is the last one that has passed.
    """

    def __init__(self, now: datetime) -> None:
        last = datetime.combine(now.astimezone(UTC).date(), NIGHT, UTC)
        if last > now - timedelta(hours=1):
            last -= timedelta(days=1)
        self._start = last - 2 * DAY
        self._began = time.monotonic()

    def __call__(self) -> datetime:
        """Return the time of the demo."""
        return self._start + timedelta(seconds=time.monotonic() - self._began)

    def go_to_next_night(self) -> None:
        """Let a day pass."""
        self._start, self._began = self._start + DAY, time.monotonic()


@dataclass(frozen=True, slots=True)
class _Demo:
    """The demo in one folder: its Studio, its configuration, its clock and who listens."""

    folder: Path
    studio: BuiltInStudio
    settings: Settings
    clock: DemoClock
    say: Say

    def audit(self) -> DeliveredRun:
        """Audit the fleet once, by the demo's clock."""
        control, order = RunControl(clock=self.clock), app.build_request(self.settings)
        with app.open_store(self.settings) as store:
            work = app.run_and_deliver(self.settings, order, store, control=control)
            return app.run_async(work)

    def say_report(self, run: DeliveredRun) -> None:
        """Print a report whose commands can be typed as they stand."""
        text = app.build_renderer(self.settings).text(run.report, page=run.page or "")
        self.say(write_out_commands(text, self.folder, _example_id(run.report)))

    def end(self, run: DeliveredRun, presses: Iterable[object] | None) -> int:
        """Print what to type and to open, and serve on while somebody presses a key, if asked to.

        Return an exit code. Each of `presses` edits a block; without them, Studio stops.
        """
        code = self._say_what_is_next(run, serves=presses is not None)
        if presses is not None:
            self.studio.heal()
            for number, _ in enumerate(presses):
                self.say(f"  - {edit_next(self.studio, number)}")
        return code

    def _describe_port(self) -> str:
        """Return which port another demo will have, or that this one has another than usual."""
        if self.studio.port == PORT:
            return ", and the next time again"
        return (
            f" (port {PORT} is in use, perhaps by another demo; a configuration with it does "
            "not reach this one)"
        )

    def _say_what_is_next(self, run: DeliveredRun, *, serves: bool) -> int:
        target, id_ = EXAMPLE, _example_id(run.report)
        asked = ["status", f"history {target}", f"diff {target}@previous {target}"]
        asked += [f"explain {id_}"] if id_ else []
        if serves:
            asked = ["check", "run", *asked]
            url = self.studio.base_url
            self.say(f"\nStudio runs on at {url} until Ctrl-C{self._describe_port()}.")
            self.say(f"Each Enter edits another block of project {PUMP} and says which.")
            self.say("With [email] or [[channels]] in the demo's config.toml, runs send reports;")
            self.say("the next demo in this folder keeps what you write there.")
            self.say("A configuration of your own, in another terminal, and the key it asks for:")
            self.say(f"  {find_program()} init --base-url {url}\n  {KEYS[PUMP]}")
            self.say("Commands to try in another terminal:")
        else:
            self.say(
                "\nStudio is stopped now; everything that it sent is stored. (With `--serve` it "
                "runs on, to try runs, mails and chats.) Commands to try:"
            )
        for command in asked:
            self.say(f"  {write_out_commands(f'auditor {command}', self.folder, id_)}")
        index = self.folder.resolve() / "reports" / "index.html"
        self.say("\nTo open in a browser:")
        if run.page:
            self.say(f"  the last report  {Path(run.page).as_uri()}")
        self.say(f"  all reports      {index.as_uri()}")
        return 0 if run.page and index.is_file() else 2


def show_drift(folder: Path, say: Say, presses: Iterable[object] | None = None) -> int:
    """Audit the fleet three times in `folder` and describe it; return an exit code.

    With `presses`, Studio serves until they end, and each of them edits a block.
    """
    with _demo_studio(folder, say, serves=presses is not None) as demo:
        demo.clock.go_to_next_night()
        say(f"\nNight 2, {_date(demo)}: nothing has changed.")
        say(_describe_run(demo.audit()))
        say("\nThen people and the vendor make changes:")
        for description in edit_blocks(demo.studio, demo.clock()):
            say(f"  - {description}")
        demo.clock.go_to_next_night()
        say(f"\nNight 3, {_date(demo)}, the report:\n")
        last = demo.audit()
        demo.say_report(last)
        return demo.end(last, presses)


def show_faults(
    folder: Path,
    planned: Sequence[PlannedFault],
    say: Say,
    presses: Iterable[object] | None = None,
) -> int:
    """Audit the fleet three times, with the faults in the second run; return an exit code.

    With `presses`, Studio serves until they end, and each of them edits a block.
    """
    with _demo_studio(folder, say, serves=presses is not None) as demo:
        say("\nThen Studio fails:")
        for plan in planned:
            times = 1 if plan.fault.is_transient else None
            demo.studio.fail(plan.fault, target=plan.target, times=times)
            say(f"  - {plan}")
        demo.clock.go_to_next_night()
        say(f"\nNight 2, {_date(demo)}, the report:\n")
        demo.say_report(demo.audit())
        demo.studio.heal()
        demo.clock.go_to_next_night()
        say(f"Night 3, {_date(demo)}: Studio works again; nobody has edited anything.")
        third = demo.audit()
        say(f"{_describe_run(third)}\n")
        return demo.end(third, presses)


@contextmanager
def _demo_studio(folder: Path, say: Say, *, serves: bool) -> Iterator[_Demo]:
    """Start a Studio with the fleet and audit it for the first time."""
    _clear(folder)
    with BuiltInStudio(port=PORT if serves else 0) as studio:
        clock = DemoClock(app.now())
        fill_studio(studio, clock() - DAY)
        settings, is_edited = _configure(folder, studio.base_url)
        if is_edited:
            say(f"{folder / 'config.toml'} has been edited and is kept: the runs that you start")
            say("use it. The three nights that follow send nothing.\n")
        demo = _Demo(folder, studio, settings, clock, say)
        say(f"A built-in Studio serves {NUMBER_OF_BLOCKS} sample blocks in 2 projects.\n")
        say(f"Night 1, {_date(demo)}: the auditor sees them for the first time.")
        say(_describe_run(demo.audit()))
        yield demo


def _date(demo: _Demo) -> str:
    return f"{demo.clock():%d %b %H:%M} UTC"


def write_out_commands(text: str, folder: Path, finding_id: str) -> str:
    """Return text whose commands can be typed here, after the demo: with path and `--config`."""
    program, config_file = find_program(), shlex.quote(str(folder / "config.toml"))
    for command, what in COMMANDS:  # a line that is typed as a whole ends in a comment
        text = re.sub(rf"{re.escape(command)} +{re.escape(what)}", f"{command}  # {what}", text)
    text = text.replace("P/L", str(EXAMPLE)).replace("explain ID", f"explain {finding_id}")
    return _COMMANDS.sub(rf"{program} \1 --config {config_file}", text)


def _example_id(report: Report) -> str:
    """Return the id of the worst finding of a report, empty without one."""
    found = [finding for target in report.targets for finding in target.findings]
    return max(found, key=lambda finding: finding.severity.rank).id if found else ""


def _clear(folder: Path) -> None:
    """Remove the files of an earlier demo.

    Raises:
        UsageError: the folder contains other files.
    """
    config_file = folder / "config.toml"
    is_demo = config_file.is_file() and config_file.read_text("utf-8", "replace").startswith(MARK)
    is_taken = any((folder / name).exists() for name in ("config.toml", "auditor.db", "reports"))
    if not is_demo and (is_taken or (folder.exists() and not folder.is_dir())):
        raise UsageError(
            f"{folder} contains files of something else: name another folder with --folder"
        )
    for name in ("auditor.db", "auditor.db-wal", "auditor.db-shm", "auditor.db.lock"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "reports", ignore_errors=True)


def _configure(folder: Path, base_url: str) -> tuple[Settings, bool]:
    """Write the configuration of the demo into its folder and load it.

    Return the settings, and whether the folder has an edited configuration. That is kept, with
    the address of this Studio in place of that of an earlier demo, and is not what is loaded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, made = folder / "config.toml", folder / "config.toml.new"
    text = CONFIG.format(base_url=base_url, pump=PUMP, camera=CAMERA)
    before = path.read_text("utf-8") if path.is_file() else text
    kept = _BASE_URL.sub(f'base_url = "{base_url}"', before)
    made.write_text(text, "utf-8")
    for project_id, secret in KEYS.items():
        key = folder / f"project-{project_id}.key"
        key.unlink(missing_ok=True)
        key.touch(mode=0o600)
        key.write_text(secret)
    settings = config.load(made, environ={}).of_file(path.absolute())
    if kept != text:
        made.write_text(kept, "utf-8")
    made.replace(path)
    return settings, kept != text


def _describe_run(run: DeliveredRun) -> str:
    totals = run.report.totals
    return (
        f"  {totals.checked} of {totals.targets} blocks checked: {totals.new} new, "
        f"{totals.in_sync} unchanged, {totals.drifted} drifted."
    )


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault and the block that it affects, or whose project's listing it affects.

    Attributes:
        affected: the block or listing in words.
    """

    fault: Fault
    target: TargetId
    affected: str

    def __str__(self) -> str:
        return f"{self.affected}: {FAULT_DESCRIPTIONS[self.fault]} ({self.fault})"


def plan_faults(names: Sequence[str]) -> tuple[PlannedFault, ...]:
    """Return which block or listing each of the named faults affects.

    A fault of a listing hides every block of its project, so the others affect other projects.

    Raises:
        UsageError: a name is unknown, or there are more faults than blocks.
    """
    known = {fault.value: fault for fault in Fault}
    for name in names:
        if name not in known:
            raise UsageError(f"unknown fault {name!r}; known faults: {', '.join(known)}")
    faults = [known[name] for name in dict.fromkeys(names)]
    of_listing = [fault for fault in faults if fault.is_listing_fault]
    of_block = [fault for fault in faults if not fault.is_listing_fault]
    blocks = [
        block
        for block in reversed(KERAS_BLOCKS)
        if not (of_listing and block[0].project_id == PUMP)
    ]
    if len(of_listing) > 1 or len(of_block) > len(blocks):
        raise UsageError(
            f"too many faults for the demo: at most one of a listing and {len(blocks)} others"
        )
    listing = "the listing of Pump monitor"
    return (
        *(PlannedFault(fault, TargetId(PUMP, 0), listing) for fault in of_listing),
        *(
            PlannedFault(fault, target, name)
            for fault, (target, _, name) in zip(of_block, blocks, strict=False)
        ),
    )


def list_faults() -> str:
    """Return a line for every fault: its name and what Studio sends."""
    width = max(map(len, Fault))
    return "\n".join(f"{fault:<{width}}  {FAULT_DESCRIPTIONS[fault]}" for fault in Fault)
