"""Commands of upkeep: check, verify, db upgrade."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator
from contextlib import suppress

from auditor import app, config
from auditor.cli.console import complain, say
from auditor.cli.credentials import studio_probes
from auditor.cli.logs import keep_quiet
from auditor.cli.probes import machine_probes, mail_probes, metrics_probes
from auditor.cli.surveying import Survey
from auditor.config import Settings
from auditor.errors import DeliveryError, StoreError, UsageError
from auditor.rendering.words import count, harmless
from auditor.upkeep import Probe, examine


def check(chosen: argparse.Namespace) -> int:
    """Try everything that a night needs and change nothing; exit 2 where something fails."""
    settings = app.settings(chosen.config)
    with suppress(StoreError), app.stored(settings) as stored:  # the database has its own line
        app.require_rules(settings, stored)
    where = config.find(chosen.config, os.environ).absolute()
    named = count(len(settings.projects), "project")
    say(harmless(f"ok      configuration: {named}{_others(settings)} in {where}"))
    for advice in config.warnings(settings):
        say(f"advice  {harmless(advice)}")
    survey = Survey(settings)
    keep_quiet()
    answers = app.quickly(examine(_probes(settings, survey)))
    for one in answers:
        say(f"{'FAILED' if one.exit_code else 'ok':<7} {harmless(f'{one.what}: {one.words}')}")
    for advice in survey.advice():
        say(f"advice  {harmless(advice)}")
    codes = [one.exit_code for one in answers]
    if chosen.send_test:
        codes += _send_test(settings)
    return max(codes, default=0)


def _others(settings: Settings) -> str:
    return " named, and every other that is found" if settings.every_project else ""


def _send_test(settings: Settings) -> Iterator[int]:
    """Mail a made-up report to every recipient and yield an exit code for each."""
    from auditor.demo.post import post  # noqa: PLC0415
    from auditor.demo.preview import trial  # noqa: PLC0415

    plan, mailer = app.mail_plan(settings), app.mailer(settings)
    if plan is None or mailer is None:
        raise UsageError("no mail is configured: add [email] to the configuration")
    made_up = post(settings)
    for recipient in plan.recipients:
        try:
            mailer.send(trial(made_up, recipient, app.now()))
        except DeliveryError as error:
            say(f"FAILED  test mail to {harmless(f'{recipient}: {error}')}")
            yield 2
        else:
            say(f"ok      test mail to {harmless(recipient)}: the server took it")
            yield 0


def _probes(settings: Settings, survey: Survey) -> list[Probe]:
    return [
        *machine_probes(settings),
        *metrics_probes(settings),
        *studio_probes(settings, survey),
        *mail_probes(settings),
    ]


def verify(chosen: argparse.Namespace) -> int:
    """Walk the hash chain; exit 2 at the first broken link, or where a head is missing."""
    head = _head(chosen.head)
    with app.existing(app.settings(chosen.config, reads_secrets=False)) as store:
        breach = store.verify()
        if breach is not None:
            complain(f"the history is broken at {breach.where}: {breach.what}")
            return 2
        run_id = store.run_of_head(head) if head else None
        pruned = store.pruned_versions()
    if head and run_id is None:
        complain(f"no run has the head {head}: what the mail told of was removed or replaced")
        return 2
    say("The history is sound.")
    if pruned:
        say(f"{count(pruned, 'version')} pruned: the document is gone, its link holds.")
    if head:
        say(f"Run {run_id} has this head.")
    return 0


def _head(text: str | None) -> str:
    if text is None:
        return ""
    if not re.fullmatch("[0-9a-fA-F]{64}", text.strip()):
        raise UsageError("--head takes the chain head at the foot of a mail: 64 hex digits")
    return text.strip().lower()


def upgrade(chosen: argparse.Namespace) -> int:
    """Bring the database's schema to this version."""
    with app.store(app.settings(chosen.config, reads_secrets=False), upgrade=True):
        say("The database has this version's schema.")
    return 0
