"""Builds the adapters from the configuration; the only place that knows both."""

from auditor.app.asking import projects, studio
from auditor.app.clock import now
from auditor.app.entering import log_in
from auditor.app.opening import admit_rules, existing, require_rules, settings, store, stored
from auditor.app.running import Told, next_run_at, order, quickly, run_and_tell, run_dry
from auditor.app.telling import (
    archive,
    deliver_all,
    mail_host,
    mail_plan,
    mailer,
    page_of,
    pages,
    publish,
    rebuild,
    renderer,
    site,
)

SCHEDULE = "nightly"  # the name of the one schedule, in the ledger

__all__ = [
    "SCHEDULE",
    "Told",
    "admit_rules",
    "archive",
    "deliver_all",
    "existing",
    "log_in",
    "mail_host",
    "mail_plan",
    "mailer",
    "next_run_at",
    "now",
    "order",
    "page_of",
    "pages",
    "projects",
    "publish",
    "quickly",
    "rebuild",
    "renderer",
    "require_rules",
    "run_and_tell",
    "run_dry",
    "settings",
    "site",
    "store",
    "stored",
    "studio",
]
