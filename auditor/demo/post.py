"""What makes mails of made-up reports, by the configuration where there is one."""

from __future__ import annotations

import os
from dataclasses import dataclass

from auditor import app, config
from auditor.config import Settings
from auditor.errors import ConfigError
from auditor.mail import MimeComposer
from auditor.protocols import Composer, Renderer


@dataclass(frozen=True, slots=True)
class Post:
    """What makes a mail of a report. `host` is the right side of the Message-ID."""

    renderer: Renderer
    composer: Composer
    host: str


def post(chosen: Settings | None) -> Post:
    """Return what makes mails of made-up reports; by defaults without settings."""
    sender = chosen.email.sender if chosen and chosen.email else "auditor@localhost"
    return Post(app.build_renderer(chosen), MimeComposer(sender), app.find_mail_domain(chosen))


def settings_if_any(path: str | None) -> Settings | None:
    """Return the configuration without its secrets, None where none is there or asked for.

    Raises:
        ConfigError: the one that is there, or was asked for, cannot be used.
    """
    try:
        config.find(path, os.environ)
    except ConfigError:
        return None
    return app.load_settings(path, reads_secrets=False)
