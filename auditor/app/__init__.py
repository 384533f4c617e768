"""Builds the adapters from the configuration; the only place that knows both."""

from auditor.app.asking import plan, studio
from auditor.app.clock import now
from auditor.app.entering import log_in
from auditor.app.keeping import prune_now
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
from auditor.app.vitals import SCHEDULE, beat_late, complaints, measure, schedule_line

__all__ = [
    "SCHEDULE",
    "Told",
    "admit_rules",
    "archive",
    "beat_late",
    "complaints",
    "deliver_all",
    "existing",
    "log_in",
    "mail_host",
    "mail_plan",
    "mailer",
    "measure",
    "next_run_at",
    "now",
    "order",
    "page_of",
    "pages",
    "plan",
    "prune_now",
    "publish",
    "quickly",
    "rebuild",
    "renderer",
    "require_rules",
    "run_and_tell",
    "run_dry",
    "schedule_line",
    "settings",
    "site",
    "store",
    "stored",
    "studio",
]
