"""Commands of upkeep: check, verify, db upgrade."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import suppress

from auditor import app, config
from auditor.cli.console import complain, say
from auditor.cli.credentials import studio_probes
from auditor.cli.probes import machine_probes, mail_probes
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
    say(harmless(f"ok      configuration: {count(len(settings.projects), 'project')} in {where}"))
    for advice in config.warnings(settings):
        say(f"advice  {harmless(advice)}")
    answers = app.quickly(examine(_probes(settings)))
    for one in answers:
        say(f"{'FAILED' if one.exit_code else 'ok':<7} {harmless(f'{one.what}: {one.words}')}")
    codes = [one.exit_code for one in answers]
    if chosen.send_test:
        codes += _send_test(settings)
    return max(codes, default=0)


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


def _probes(settings: Settings) -> list[Probe]:
    return [*machine_probes(settings), *studio_probes(settings), *mail_probes(settings)]


def verify(chosen: argparse.Namespace) -> int:
    """Walk the hash chain; exit 2 at the first broken link."""
    with app.existing(app.settings(chosen.config, reads_secrets=False)) as store:
        breach = store.verify()
    if breach is None:
        say("The history is sound.")
        return 0
    complain(f"the history is broken at {breach.where}: {breach.what}")
    return 2


def upgrade(chosen: argparse.Namespace) -> int:
    """Bring the database's schema to this version."""
    with app.store(app.settings(chosen.config, reads_secrets=False), upgrade=True):
        say("The database has this version's schema.")
    return 0
