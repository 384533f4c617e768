"""Weekly digests: whole weeks on both databases, with a Studio and a mail server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from auditor import app
from auditor.app import DeliveredRun
from auditor.audit.digest import begin_week
from auditor.audit.plan import RunControl, Scope
from auditor.demo.faults import Fault
from auditor.model import TargetId
from auditor.rendering.json import encode_report
from auditor.retention import Retention
from tests.audit.stage import KEY, TEAM, Stage, block, stage, target
from tests.chat_services import webhook

ML = "ml@example.org"
_WEEKLY_CHANNELS = """
[[channels]]
name = "chat"
url = { file = "chat" }
send = "weekly"
[[channels]]
name = "robot"
url = { file = "robot" }
format = "json"
send = "weekly"
"""
MONDAY = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Weeks:
    """An installation that is audited each night at a quarter past three."""

    stage: Stage
    at: datetime = MONDAY

    def night(
        self,
        *,
        scope: Scope | None = None,
        schedule: str = "",
        days: int = 1,
        sends: bool = True,
    ) -> DeliveredRun:
        """Audit at this night's time; the next night is `days` later."""
        settings, at = self.stage.settings, self.at
        with self.stage.open_store() as store:
            request = app.build_request(settings, scope)
            if schedule:
                [named] = [s for s in app.find_schedules(settings) if s.name == schedule]
                request = app.build_scheduled_request(settings, named)
            done = app.run_async(
                app.run_and_deliver(
                    settings, request, store, control=RunControl(clock=lambda: at), sends=sends
                )
            )
        self.at += days * DAY
        return done

    def edit(self, learn_id: int = 3, **values: Any) -> None:  # noqa: ANN401 - any JSON
        self.stage.studio.edit(target(learn_id), lambda answer: answer.update(values))

    def mails(self) -> list[EmailMessage]:
        """Return what one of the two readers got since this was asked last."""
        taken = [mail for recipient, mail in self.stage.postbox.taken if recipient == ML]
        self.stage.postbox.taken.clear()
        return taken

    def digest(self) -> tuple[str, str]:
        """Return subject and text of the only mail."""
        [mail] = self.mails()
        body = mail.get_body(("plain",))
        assert body is not None
        return str(mail["Subject"]), " ".join(body.get_content().split())


@pytest.fixture
def weeks(database_url: str, tmp_path: Path) -> Iterator[Weeks]:
    blocks = {
        3: block(name="Motion", trained=True),
        4: block(name="Screws", trained=True),
        5: block(name="Valves", trained=True),
    }
    with stage(database_url, tmp_path, blocks, recipients=TEAM) as set_up:
        set_up.reconfigure(
            'sender = "auditor@example.org"', 'sender = "auditor@example.org"\nsend = "weekly"'
        )
        yield Weeks(set_up)


@pytest.fixture
def started(weeks: Weeks) -> Weeks:
    """The same after its first Monday."""
    weeks.night()
    weeks.mails()
    return weeks


def test_the_first_monday_says_what_is_recorded_and_no_other_night_says_anything(
    weeks: Weeks,
) -> None:
    weeks.night()
    subject, text = weeks.digest()
    for _ in range(6):
        weeks.edit(trainingCycles=int(weeks.at.day))
        weeks.night()

    assert subject == "[EI drift] week: audit started | 3 blocks recorded"
    assert "Weekly digest" in text
    assert weeks.mails() == []


@pytest.mark.both_databases
def test_a_monday_has_the_net_change_of_its_week(started: Weeks) -> None:
    started.edit(trainingCycles=60)
    started.night()
    started.edit(trainingCycles=90)
    started.night(days=5)
    report = started.night().report
    subject, text = started.digest()

    assert report.totals.findings == 0, "the run itself found nothing"
    assert subject.startswith("[EI drift] week: 1 medium")
    assert "30 → 90" in text
    assert "60" not in text.split("CHANGES")[0].replace("60.", "")
    assert "2 changes, which came to 1" in text
    assert "3 runs since" in text


def test_what_was_changed_and_changed_back_is_counted_and_no_change(started: Weeks) -> None:
    for cycles in (60, 30, 60, 30):
        started.edit(trainingCycles=cycles)
        started.night()
    started.night(days=2)
    started.night()
    subject, text = started.digest()

    assert subject == "[EI drift] week: no change | 3 of 3 blocks checked"
    assert "4 changes found by these runs" in text
    assert "4 changes, undone again: it is as it was" in text
    assert "unchanged since the last digest" in text


def test_a_week_without_a_run_on_monday_has_its_digest_with_the_next_run(started: Weeks) -> None:
    started.edit(trainingCycles=60)
    started.night(days=8)
    assert started.mails() == []

    started.night()
    subject, _ = started.digest()
    started.night()

    assert "1 medium" in subject
    assert started.mails() == [], "once a week"
    started.night(days=5)
    started.night()
    assert "no new change" in started.digest()[0]


def test_several_runs_on_a_monday_send_one_digest(started: Weeks) -> None:
    started.at += 6 * DAY
    for _ in range(3):
        started.night(days=0)

    assert len(started.mails()) == 1


def test_a_narrowed_run_sends_no_digest(started: Weeks) -> None:
    started.at += 6 * DAY
    started.night(scope=Scope(project_id=7), days=0)
    assert started.mails() == []

    started.night()
    assert len(started.mails()) == 1


def test_a_digest_that_is_given_up_is_part_of_the_next(started: Weeks) -> None:
    started.edit(trainingCycles=60)
    started.night(days=6)
    started.stage.postbox.refuses = {ML: "550 no such user", "ops@example.org": "550 no such user"}
    done = started.night(days=7)
    assert done.delivery is not None
    assert done.delivery.dead == 2
    started.stage.postbox.refuses = {}
    started.edit(learn_id=4, trainingCycles=61)
    started.night()
    _, text = started.digest()

    assert "30 → 60" in text
    assert "30 → 61" in text


def test_a_digest_that_waits_is_sent_later_and_counts_then(started: Weeks) -> None:
    started.edit(trainingCycles=60)
    started.night(days=6)
    started.stage.postbox.refuses = {ML: "450 later", "ops@example.org": "450 later"}
    done = started.night()
    assert done.delivery is not None
    assert done.delivery.waiting == 2
    assert _unreported(started) == 0, "the queued digest holds it"

    started.stage.postbox.refuses = {}
    started.night()

    assert "1 medium" in started.digest()[0]


def test_a_finding_is_reported_once_a_server_took_its_digest(started: Weeks) -> None:
    started.edit(trainingCycles=60)
    tuesday = started.night(days=6).report
    assert _unreported(started) == 1
    started.night()

    assert tuesday.totals.findings == 1
    assert _unreported(started) == 0


def test_no_report_of_the_week_says_that_something_is_late(started: Weeks) -> None:
    started.edit(trainingCycles=60)
    started.night()
    later: Any = encode_report(started.night().report)

    assert [line["findings"] for line in later["targets"]] == [[], [], []]
    assert "notices" not in later


def test_new_and_missing_blocks_are_of_the_week(started: Weeks) -> None:
    started.stage.studio.put(target(6), block(name="Fans"))
    started.night()
    started.stage.studio.remove(target(5))
    started.night(days=5)
    started.night()
    subject, text = started.digest()

    assert "missing: Valves" in subject
    assert "1 block is new: Fans" in text
    started.night(days=6)
    started.night()
    assert "Valves" in started.digest()[1], "it is still open"


def test_what_is_open_stays_named(started: Weeks) -> None:
    started.edit(trained=False)
    started.night(days=6)
    started.night(days=7)
    first, _ = started.digest()
    started.night()
    second, text = started.digest()

    assert "1 critical" in first
    assert "training lost" in second
    assert "Open conditions" in text or "OPEN CONDITIONS" in text


def test_runs_that_could_not_check_are_counted(started: Weeks) -> None:
    started.stage.studio.fail(Fault.HTTP_500, target=target(4))
    started.night()
    started.stage.studio.heal()
    started.night(days=5)
    started.night()
    _, text = started.digest()

    assert "3 runs since" in text
    assert "2 complete, 1 incomplete" in text


def test_the_vendors_changes_are_named_once(started: Weeks) -> None:
    for learn_id in (3, 4, 5):
        started.edit(learn_id=learn_id, kNew={"folds": learn_id})
    started.night(days=6)
    started.night()
    _, text = started.digest()

    assert text.count("The API now has kNew") == 1
    assert "no change" not in text.lower() or "kNew" in text


def test_a_reader_of_every_report_gets_a_digest_of_what_came_after(weeks: Weeks) -> None:
    weeks.stage.reconfigure('send = "weekly"', 'send = "always"')
    weeks.edit(trainingCycles=60)
    weeks.night()
    weeks.edit(trainingCycles=70)
    weeks.night()
    assert len(weeks.mails()) == 2
    weeks.stage.reconfigure('send = "always"', 'send = "weekly"')
    weeks.edit(trainingCycles=80)
    weeks.night(days=5)
    assert weeks.mails() == []

    weeks.night()
    _, text = weeks.digest()
    assert "70 → 80" in text


def test_a_new_installation_waits_for_its_first_monday(weeks: Weeks) -> None:
    weeks.at += 2 * DAY
    for _ in range(5):
        weeks.night()
    assert weeks.mails() == []

    weeks.night()
    assert "audit started" in weeks.digest()[0]


def test_a_withheld_run_leaves_its_digest_to_the_next(started: Weeks) -> None:
    started.at += 6 * DAY
    started.night(sends=False, days=0)
    assert started.mails() == []

    started.night()
    assert len(started.mails()) == 1


def test_digests_have_an_id_of_their_own(started: Weeks) -> None:
    started.night(days=6)
    started.night()
    [mail] = started.mails()

    assert str(mail["Message-ID"]).startswith("<digest-3.")


@pytest.mark.parametrize(
    ("at", "zone", "begins"),
    [
        (datetime(2026, 11, 23, 3, tzinfo=UTC), "UTC", datetime(2026, 11, 23, tzinfo=UTC)),
        (datetime(2026, 11, 22, 23, 30, tzinfo=UTC), "UTC", datetime(2026, 11, 16, tzinfo=UTC)),
        (
            datetime(2026, 11, 22, 23, 30, tzinfo=UTC),
            "Europe/Berlin",
            datetime(2026, 11, 22, 23, tzinfo=UTC),
        ),
        (
            datetime(2026, 3, 29, 12, tzinfo=UTC),  # summer time begins this Sunday
            "Europe/Berlin",
            datetime(2026, 3, 22, 23, tzinfo=UTC),
        ),
    ],
)
def test_a_week_begins_on_monday_where_the_readers_are(
    at: datetime, zone: str, begins: datetime
) -> None:
    assert begin_week(at, ZoneInfo(zone)) == begins


def _unreported(weeks: Weeks) -> int:
    with weeks.stage.open_store() as store:
        return len(store.unreported_findings(1_000_000))


def test_a_rule_that_was_broken_and_holds_again_is_no_news_of_the_week(started: Weeks) -> None:
    rule = '[[rules]]\nname = "few cycles"\npath = "trainingCycles"\nbetween = [1, 50]\n'
    config = started.stage.folder / "config.toml"
    started.stage.configure(f"{config.read_text()}\n{rule}")
    started.night()
    for cycles in (60, 30):
        started.edit(trainingCycles=cycles)
        started.night()
    started.edit(learn_id=4, trainingCycles=70)
    started.night(days=3)
    started.night()
    _, text = started.digest()

    assert "* Pump / Screws (7/4): high: Rule “few cycles” is broken" in text
    assert "holds again" not in text


def test_what_a_window_covered_all_week_long_is_expected(started: Weeks) -> None:
    window = (
        "[[windows]]\nfrom = 2026-11-24T00:00:00Z\nuntil = 2026-11-24T12:00:00Z\n"
        'reason = "release 4"\nauthor = "anna"\n'
    )
    config = started.stage.folder / "config.toml"
    started.stage.configure(f"{config.read_text()}\n{window}")
    started.edit(trainingCycles=60)
    started.night()
    started.night()
    started.edit(learn_id=4, trainingCycles=70)
    started.night(days=4)
    started.night()
    subject, text = started.digest()

    assert "1 medium" in subject
    assert "EXPECTED CHANGES" in text
    assert "30 → 60; expected" in text


def test_an_ignored_change_stays_out_of_the_digest(started: Weeks) -> None:
    rule = (
        '[[ignore]]\npath = "trainingCycles"\nreason = "a sweep"\nauthor = "anna"\n'
        "until = 2027-01-01\n"
    )
    config = started.stage.folder / "config.toml"
    started.stage.configure(f"{config.read_text()}\n{rule}")
    started.edit(trainingCycles=60)
    started.night(days=6)
    started.night()
    subject, text = started.digest()

    assert "no new change" in subject
    assert "30 → 60" not in text


def test_what_a_rule_ignores_since_is_not_said_to_be_undone(started: Weeks) -> None:
    started.edit(trainingCycles=60)
    started.night(days=3)
    rule = (
        '[[ignore]]\npath = "trainingCycles"\nreason = "a sweep"\nauthor = "anna"\n'
        "until = 2027-01-01\n"
    )
    config = started.stage.folder / "config.toml"
    started.stage.configure(f"{config.read_text()}\n{rule}")
    started.night(days=3)
    started.night()
    _, text = started.digest()

    assert "1 change, of which none is reported now" in text
    assert "as it was" not in text


def test_a_version_that_was_pruned_is_said_to_be(started: Weeks) -> None:
    config = started.stage.folder / "config.toml"
    retention = "[retention]\nkeep_days = 0\nkeep_versions = 1\nkeep_monthly = false\n"
    for cycles in (60, 70):
        started.edit(trainingCycles=cycles)
        started.night()
    started.stage.configure(f"{config.read_text()}\n{retention}")
    started.night(days=4)
    started.night()
    _, text = started.digest()

    assert "2 changes" in text


@pytest.mark.both_databases
def test_the_digest_of_a_reader_outlives_the_messages_that_are_pruned(started: Weeks) -> None:
    kept = Retention(keep=timedelta(0), versions=1, monthly=False)
    started.night()
    with started.stage.open_store() as store:
        pruned = store.prune(kept, now=started.at, is_dry=False)
    started.night(days=5)
    assert pruned.runs != ()
    assert started.mails() == []

    started.night(days=0, sends=False)
    started.night()
    assert len(started.mails()) == 1, "due since Monday: a run that sent nothing came before"


def test_each_schedule_leaves_its_blocks_in_the_digest(started: Weeks) -> None:
    started.stage.studio.add_project(8, name="fan", api_key="ei_" + "6f" * 24)
    started.stage.studio.put(TargetId(8, 3), block(name="Blades", trained=True))
    config = started.stage.folder / "config.toml"
    started.stage.configure(
        config.read_text() + '\n[[projects]]\nid = 8\nname = "Fan"\napi_key = { env = "EI_KEY" }\n'
        '[[schedules]]\nname = "fans"\ncron = "15 4 * * *"\nprojects = [8]\n'
    )
    started.stage.studio.change_key(8, KEY)
    fans = TargetId(8, 3)
    started.night(schedule="nightly", days=0)
    started.night(schedule="fans", days=0)
    started.stage.studio.edit(fans, lambda answer: answer.update(trainingCycles=60))
    started.night(schedule="fans", days=6)
    started.night(schedule="nightly", days=0)
    started.night(schedule="fans")
    _, text = started.digest()

    assert "Blades" in text
    assert "4 of 4 blocks checked" in text


def test_a_training_that_changed_no_setting_is_of_the_week(weeks: Weeks) -> None:
    weeks.stage.reconfigure("training = false", "training = true")
    studio, at = weeks.stage.studio, MONDAY - DAY
    studio.train(target(3), at=at, person="Ada", accuracy=0.94)
    weeks.night()
    weeks.mails()
    studio.train(target(3), at=at + 2 * DAY, person="Ada", accuracy=0.93)
    weeks.night(days=6)
    weeks.night()
    _, text = weeks.digest()

    assert "Trained again" in text
    assert "as it was" not in text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_channels_get_the_digest_on_mondays_as_text_and_as_json(weeks: Weeks) -> None:
    folder = weeks.stage.folder
    with webhook() as chat, webhook() as robot:
        for name, url in (("chat", chat.url.replace("http:", "json:")), ("robot", robot.url)):
            (folder / name).write_text(url)
            (folder / name).chmod(0o600)
        text = (folder / "config.toml").read_text()
        head, _, rest = text.partition("[email]")
        rest = rest.partition("[context]")[2]
        weeks.stage.configure(f"{head}[context]{rest}{_WEEKLY_CHANNELS}")
        weeks.night(days=3)
        weeks.edit(trainingCycles=7)
        weeks.night(days=4)
        assert [len(each.posts) for each in (chat, robot)] == [1, 1]
        weeks.night()

    said, report = chat.taken[1].json, robot.taken[1].json
    assert said["title"].startswith("[EI drift] week: ")
    assert "[MEDIUM] Pump / Motion (7/3): Training cycles: 30 → 7" in said["message"]
    assert report["digest"]["since"] == "2026-11-23T03:15:00Z"
    assert report["totals"]["findings"] == 1
