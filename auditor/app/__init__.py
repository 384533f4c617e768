"""Builds the adapters from the configuration; the only place that knows both."""

from auditor.app.asking import plan, studio
from auditor.app.clock import now
from auditor.app.entering import log_in
from auditor.app.keeping import prune_now
from auditor.app.opening import admit_rules, existing, require_rules, settings, store, stored
from auditor.app.posting import deliver_all
from auditor.app.running import (
    Closed,
    Told,
    order,
    quickly,
    run_and_close,
    run_and_tell,
    run_dry,
    scheduled_order,
)
from auditor.app.schedules import Schedule, next_run_at, schedules
from auditor.app.telling import (
    archive,
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
from auditor.app.vitals import beat_late, complaints, measure

__all__ = [
    "Closed",
    "Schedule",
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
    "run_and_close",
    "run_and_tell",
    "run_dry",
    "scheduled_order",
    "schedules",
    "settings",
    "site",
    "store",
    "stored",
    "studio",
]
