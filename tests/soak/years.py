"""Hundreds of nights by a simulated clock: edits, news, releases, faults, crashes, jumps.

Blocks of every kind are edited. Now and then a window or a parameter is, and the features of the
blocks after it follow. Models are trained again, and deployments are built and left behind.

`make soak` runs 400 nights of 200 targets on both databases; the suite runs the same code on a
few. What is required: every edit and every piece of news is reported exactly once, by its run's
report or late; nothing is sent again and again; and the store's size, the memory and the open
files stay flat.
"""

from __future__ import annotations

import asyncio
import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from auditor import app, config
from auditor.audit.close import close_run
from auditor.audit.plan import RunControl
from auditor.audit.results import CompletedRun
from auditor.audit.run import Audit
from auditor.config import Settings
from auditor.deliver import deliver
from auditor.demo.context import write_date
from auditor.demo.faults import Fault
from auditor.drift.report import read_too_little
from auditor.drift.trainings import TRAINING_PATH
from auditor.errors import AuditorError, StoreError, UsageError
from auditor.model import BlockKindName, JsonObject, TargetId
from auditor.retention import Retention
from auditor.store.store import SqlStore
from auditor.upkeep import prune
from tests.audit.stage import KEY, mail_server
from tests.simulated_studio import SimulatedStudio
from tests.soak.edits import (
    BlockNow,
    Edit,
    random_edit,
    set_features,
    set_fft_length,
    set_window,
)
from tests.soak.fleet import (
    BLOCKS_A_PROJECT,
    FIRST_RELEASE,
    FIRST_TRAINING,
    block_of,
    chain_of,
    furnish,
    furnish_block,
    has_trained_model,
    is_led_by_settings,
    kind_of,
    put,
)
from tests.soak.ledger import RELEASED, EditLedger, NewsLedger, VendorLedger
from tests.soak.troubles import (
    Crash,
    DatabaseSwitch,
    Death,
    ReadOnly,
    TroubledPostbox,
    Troubles,
    dying_at_commit,
    random_troubles,
)

START = datetime(2026, 1, 1, 3, 15, tzinfo=UTC)
_FAULTS = (Fault.HTTP_500, Fault.HTML, Fault.REFUSED, Fault.NOT_JSON, Fault.CLOSE)
_CALM = 3  # nights at the end, by which everything is reported
_REST = 15  # nights; news of the same words about a block, both unreported, would be one
_MOST_SENT = 3  # times that one message is taken: nobody knew that it was
_PAUSES = (
    *(timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=30)),
    *(timedelta(hours=2), timedelta(hours=7)),
)
_RETENTION = Retention(keep=timedelta(days=30), versions=2, monthly=False)
_CONFIG = """
[studio]
base_url = "{base_url}"
tries = 1
timeout_s = 5
api_key = {{ env = "EI_KEY" }}
[database]
url = "{url}"
[email]
host = "127.0.0.1"
port = {port}
sender = "auditor@example.org"
recipients = ["ops@example.org"]
"""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What an installation takes after a night, in bytes and descriptors."""

    stored: int
    memory: int
    files: int


@dataclass
class Soak:
    """An installation whose nights pass at once.

    Attributes:
        targets: every block that there ever was, in Studio or out of it for some nights.
        trainings: how often a model was trained again.
        chains: how often features were generated anew, for another window or parameter.
        read_only: how often the database turned read-only.
        held_back: how often a clock that was ahead held pruning back.
    """

    settings: Settings
    studio: SimulatedStudio
    postbox: TroubledPostbox
    database: DatabaseSwitch
    targets: list[TargetId]
    chance: random.Random
    chance_of_training: random.Random
    books: EditLedger = field(default_factory=EditLedger)
    news: NewsLedger = field(default_factory=NewsLedger)
    vendor: VendorLedger = field(default_factory=VendorLedger)
    footprints: list[Footprint] = field(default_factory=list)
    trainings: int = 0
    chains: int = 0
    crashes: int = 0
    read_only: int = 0
    jumps: int = 0
    held_back: int = 0
    _clock: datetime = START
    _offset: timedelta = timedelta()
    _release: int = 0
    _absent: dict[TargetId, tuple[int, BlockNow]] = field(default_factory=dict)
    _rested: dict[TargetId, int] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)
    _trained_at: dict[TargetId, datetime] = field(default_factory=dict)

    def now(self) -> datetime:
        """Return what the clock says; it moves a little with every call."""
        self._clock += timedelta(milliseconds=1)
        return self._clock + self._offset

    def pass_nights(self, number: int) -> None:
        """Let nights pass, the first and the last three without any trouble."""
        for night in range(number):
            is_calm = night == 0 or night >= number - _CALM
            self._return_blocks(night, everything=is_calm)
            if not is_calm:
                self._change_studio(night)
            self._fail_requests(is_calm=is_calm)
            troubles = Troubles() if is_calm else random_troubles(self.chance)
            self._set_clock(troubles.jump, is_calm=is_calm)
            self._night(troubles)
            self._clock = START + timedelta(days=night + 1)

    def wrong(self) -> list[str]:
        """Return what was not reported exactly once, and what should not have been sent."""
        flood = [
            f"{id_}: sent {n} times" for id_, n in self.postbox.sent.items() if n > _MOST_SENT
        ]
        with app.open_store(self.settings) as store:
            broken = store.verify()
        unsound = [] if broken is None else [f"the chain is broken: {broken}"]
        books = [*self.books.errors, *self.books.unreported()]
        return [*books, *self.news.wrong(), *self.vendor.wrong(), *flood, *unsound]

    def _change_studio(self, night: int) -> None:
        """Let people and the vendor do what they do on a day."""
        self._edit(self.chance.randint(0, 4))
        if self.chance.random() < 0.3:
            self._generate_features()
        if self.chance_of_training.random() < 0.5:
            self._train()
        if self.chance_of_training.random() < 0.2:
            self._deploy()
        if self.chance.random() < 0.2:
            self._take_out(night)
        if self.chance.random() < 0.1:
            self._add_block()
        if self.chance.random() < 0.05:
            project_id = self.chance.choice(self.targets).project_id
            self.studio.rename_project(project_id, f"P{project_id} of day {night}")
        if self.chance.random() < 0.05 and self.news.read_blocks() >= set(self.targets):
            self._publish_release()

    def _edit(self, number: int) -> None:
        present = self._known_and_present()
        for target in self.chance.sample(present, min(number, len(present))):
            self._make(target, random_edit(block_of(self.studio, target), self.chance))

    def _known_and_present(self) -> list[TargetId]:
        """Return the blocks to edit: of others nothing is reported before the first sight."""
        known = self.news.read_blocks()
        return [each for each in self.targets if each in known and each not in self._absent]

    def _make(self, target: TargetId, edit: Edit) -> None:
        self.studio.edit(target, edit.make)
        if block_of(self.studio, target).entry is not None:
            self.studio.edit_entry(target, edit.make_entry)
        self.books.edited(target, edit.path, edit.before, edit.after)

    def _generate_features(self) -> None:
        """Edit a window or a parameter, and generate what follows from it."""
        present = {*self._known_and_present()}
        chains = sorted({chain_of(target) for target in present})
        complete = [chain for chain in chains if present.issuperset(chain)]
        if not complete:
            return
        window, processing, *learn = self.chance.choice(complete)
        is_of_parameter = is_led_by_settings(window)
        edited = processing if is_of_parameter else window
        make_edit = set_fft_length if is_of_parameter else set_window
        self._make(edited, make_edit(block_of(self.studio, edited), self.chance))
        count = self.chance.randint(100, 10**6)
        for target in (processing, *learn):
            for features in set_features(block_of(self.studio, target), count):
                if target == edited:  # they are folded into the edit
                    self.studio.edit(target, features.make)
                else:
                    self._make(target, features)
        self.chains += 1

    def _train(self) -> None:
        """Train the model of a block again; no setting changes."""
        present = self._known_and_present()
        trained = [each for each in present if has_trained_model(self.studio, each)]
        if not trained:
            return
        target = self.chance_of_training.choice(trained)
        before, at = self._trained_at.get(target, FIRST_TRAINING), self._clock
        self.studio.train(target, at=at, person=f"Person {target}")
        self.books.edited(target, TRAINING_PATH, write_date(before), write_date(at))
        self._trained_at[target] = at
        self.trainings += 1

    def _deploy(self) -> None:
        """Build a deployment, or leave behind what was built; a condition is no finding."""
        project_id = self.chance_of_training.choice(self.targets).project_id
        if self.chance_of_training.random() < 0.5:
            self.studio.deploy(project_id, at=self._clock, person="Somebody")
        else:
            self.studio.leave_behind(project_id)

    def _take_out(self, night: int) -> None:
        """Let a block go for some nights, unless it went a short while ago."""
        target = self.chance.choice(self.targets)
        if target not in self._absent and self._rested.get(target, 0) <= night:
            until = night + self.chance.randint(1, 4)
            self._absent[target] = until, block_of(self.studio, target)
            self._rested[target] = until + _REST
            self.studio.remove(target)

    def _return_blocks(self, night: int, *, everything: bool) -> None:
        for target, (until, block) in list(self._absent.items()):
            if everything or until <= night:
                del self._absent[target]
                put(self.studio, target, block)
                self._release_to(target)

    def _add_block(self) -> None:
        project_id = self.chance.choice(self.targets).project_id
        target = TargetId(project_id, 1 + len(self.targets) + BLOCKS_A_PROJECT)
        furnish_block(self.studio, target, release=self._release)
        self.targets.append(target)

    def _publish_release(self) -> None:
        self._release += 1
        keras = [each for each in self.targets if kind_of(each) is BlockKindName.KERAS]
        self.vendor.released(FIRST_RELEASE + self._release, len(keras))
        for target in keras:
            if target not in self._absent:
                self._release_to(target)

    def _release_to(self, target: TargetId) -> None:
        if kind_of(target) is BlockKindName.KERAS:
            released: JsonObject = {RELEASED: FIRST_RELEASE + self._release}
            self.studio.edit(target, lambda answer: answer.update(released))

    def _fail_requests(self, *, is_calm: bool) -> None:
        self.studio.heal()
        if is_calm:
            return
        for target in self.chance.sample(self.targets, self.chance.randint(0, 3)):
            self.studio.fail(self.chance.choice(_FAULTS), target=target)
        if self.chance.random() < 0.05:
            self.studio.fail(Fault.HTTP_500)
        if self.chance.random() < 0.1:
            project_id = self.chance.choice(self.targets).project_id
            self.studio.fail(Fault.HTTP_500, path=f"/{project_id}/impulses")

    def _set_clock(self, jump: timedelta | None, *, is_calm: bool) -> None:
        """Set the clock wrong for a night or two, then right."""
        if is_calm or (self._offset and self.chance.random() < 0.7):
            self._offset = timedelta()
        elif jump is not None and not self._offset:
            self._offset = jump
            self.jumps += 1

    def _night(self, troubles: Troubles) -> None:
        self.postbox.refuse(troubles.refusal)
        was_run = self._run_of_night(troubles)
        self._pass_hours(troubles)
        if not was_run and self.chance.random() < 0.5:  # the service is back before the next night
            self.studio.heal()
            self._run_of_night(Troubles())
        if self.chance.random() < 0.1:
            self._prune()
        self.footprints.append(self._footprint())

    def _run_of_night(self, troubles: Troubles) -> bool:
        """Run, as long as the process lives and the database takes it; return whether it did."""
        with app.open_store(self.settings) as store:
            self.database.watch(store)
            try:
                with _died_alone():
                    self._run(store, troubles)
            except Crash:
                self.crashes += 1
                return False
            except StoreError:
                if not self.database.is_read_only:
                    raise
                return False
            finally:
                self.postbox.meanwhile = None
                self.news.stored(store.statuses())
                self._read_mail(store)
        return True

    def _run(self, store: SqlStore, troubles: Troubles) -> None:
        checks = 0

        def stop_amid() -> bool:
            nonlocal checks
            checks += 1
            if checks == len(self.targets) // 2:
                self._crash_if(troubles.death is Death.AMID)
                self._turn_off_if(troubles.read_only is ReadOnly.AMID)
            return False

        commit = troubles.commit if troubles.death is Death.AT_COMMIT else 0
        with store.run_lock(), dying_at_commit(store, commit):
            audit = Audit(
                store,
                app.build_client(self.settings),
                now=self.now,
                control=RunControl(stopping=stop_amid),
            )
            ended = asyncio.run(audit.run(app.build_request(self.settings)))
            self._crash_if(troubles.death is Death.BEFORE_CLOSE)
            self._close(store, ended)
            self._crash_if(troubles.death is Death.BEFORE_DELIVERY)
            self._turn_off_if(troubles.read_only is ReadOnly.BEFORE_DELIVERY)
            if troubles.read_only is ReadOnly.AFTER_TAKEN:
                self.postbox.meanwhile = self._turn_off
            with dying_at_commit(store, 2 if troubles.death is Death.AFTER_TAKEN else 0):
                self._deliver(store, only_due=False)

    def _crash_if(self, is_now: bool) -> None:
        if is_now:
            raise Crash

    def _turn_off_if(self, is_now: bool) -> None:
        if is_now:
            self._turn_off()

    def _turn_off(self) -> None:
        self.read_only += 1
        self.database.turn_off()

    def _close(self, store: SqlStore, ended: CompletedRun) -> None:
        plan, archive = app.build_delivery_plan(self.settings), app.build_archive(self.settings)
        withheld = read_too_little(ended.report) and self.chance.random() < 0.5
        close_run(ended, store, archive=archive, plan=plan, now=self.now, is_withheld=withheld)

    def _deliver(self, store: SqlStore, *, only_due: bool) -> None:
        mailer = app.build_mailer(self.settings)
        if mailer is None:
            raise AuditorError("the soak's configuration has mail")
        deliver(store, mailer, now=self.now, only_due=only_due)

    def _pass_hours(self, troubles: Troubles) -> None:
        """Deliver what is due after some minutes and hours; the database is back after two."""
        with app.open_store(self.settings) as store:
            self.database.watch(store)
            for place, pause in enumerate(_PAUSES):
                if place == len(_PAUSES) // 2:
                    self.database.turn_on()
                self._clock += pause
                self._deliver_as_far_as_it_goes(store, troubles)
            self._read_mail(store)

    def _deliver_as_far_as_it_goes(self, store: SqlStore, troubles: Troubles) -> None:
        sent = self.postbox.sent.total()
        try:
            self._deliver(store, only_due=True)
        except StoreError:
            # The first question after a failover may still meet a connection that was closed.
            if troubles.read_only is None:
                raise
        if self.database.is_read_only and self.postbox.sent.total() > sent:
            self.books.errors.append("sent while its attempt could not be stored")

    def _prune(self) -> None:
        with app.open_store(self.settings) as store, store.run_lock():
            try:
                prune(store, app.build_site(self.settings), _RETENTION, now=self.now())
            except UsageError:
                self.held_back += 1
            else:
                if self._offset > timedelta():
                    self.books.errors.append("pruned by a clock that was ahead")

    def _read_mail(self, store: SqlStore) -> None:
        """Read each new mail's report as its reader does: a mail that came twice is one mail."""
        for _, mail in self.postbox.taken:
            if mail["Message-ID"] in self._taken:
                continue
            self._taken.add(mail["Message-ID"])
            report = store.report(int(mail["X-EI-Drift-Run"]))
            if report is not None:
                for ledger in (self.books, self.news, self.vendor):
                    ledger.read(report)
        self.postbox.taken.clear()
        self.studio.requests.clear()  # the simulator's memory is not the auditor's

    def _footprint(self) -> Footprint:
        return Footprint(
            stored=stored_bytes(self.settings.database.url),
            memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            files=sum(1 for _ in Path("/proc/self/fd").iterdir()),
        )


@contextmanager
def soak(url: str, folder: Path, *, targets: int, seed: int) -> Iterator[Soak]:
    """Set an installation up with so many targets."""
    postbox = TroubledPostbox()
    chance, of_training = random.Random(seed), random.Random(seed)  # noqa: S311 - not secrecy
    with mail_server(postbox) as port, SimulatedStudio() as studio:
        blocks = furnish(studio, targets)
        text = _CONFIG.format(base_url=studio.base_url, url=url, port=port)
        for project_id in sorted({block.project_id for block in blocks}):
            text += f"[[projects]]\nid = {project_id}\n"
        (folder / "config.toml").write_text(text)
        settings = config.load(folder / "config.toml", environ={"EI_KEY": KEY})
        yield Soak(settings, studio, postbox, DatabaseSwitch(url), blocks, chance, of_training)


@contextmanager
def _died_alone() -> Iterator[None]:
    """Let a crash that a group of tasks carries be a crash."""
    try:
        yield
    except BaseExceptionGroup as group:
        if group.subgroup(Crash) is None:
            raise
        raise Crash from group


def stored_bytes(url: str) -> int:
    """Return the size of an SQLite database with its log; 0 for PostgreSQL, which sweeps late."""
    path = url.removeprefix("sqlite:///")
    if path == url:
        return 0
    files = [Path(path), Path(f"{path}-wal")]
    return sum(file.stat().st_size for file in files if file.exists())
