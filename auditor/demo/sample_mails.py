"""Mails of the sample reports, for a preview and for a test of the mail server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape
from pathlib import Path
from uuid import uuid4

from auditor import app, config
from auditor.config import ChannelTable, Settings
from auditor.demo.sample_blocks import STARTED
from auditor.demo.sample_reports import STATES, drift
from auditor.errors import ConfigError
from auditor.mail import MimeComposer
from auditor.outbox import Message, MessageState, channel_recipient
from auditor.publishing import Composer, MailContent, Renderer

RECIPIENT = "you@example.org"
TEST = "[test] "
FORMS = ("html", "txt", "eml")
_RUN_PAGE = "reports/run-000007.html"
_TEST_NOTE = "This is a test with sample blocks, not with your data."
_PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Sample mails</title>
<style>
:root { color-scheme: light dark }
body { font: 15px/1.5 sans-serif; margin: 24px }
td { padding: 4px 12px 4px 0; vertical-align: top }
</style></head>
<body><h1>Sample mails</h1>
<table>
{rows}</table></body></html>
"""


@dataclass(frozen=True, slots=True)
class MailBuilder:
    """What turns a report into a mail. `host` is the right side of the Message-ID."""

    renderer: Renderer
    composer: Composer
    host: str


def build_mail_builder(settings: Settings | None) -> MailBuilder:
    """Return what turns sample reports into mails, with defaults if there are no settings."""
    sender = settings.email.sender if settings and settings.email else "auditor@localhost"
    return MailBuilder(
        app.build_renderer(settings), MimeComposer(sender), app.find_mail_domain(settings)
    )


def load_settings_if_any(path: str | None) -> Settings | None:
    """Return the configuration without its secrets, None if there is none.

    Raises:
        ConfigError: the configuration cannot be used.
    """
    try:
        config.find(path, os.environ)
    except ConfigError:
        return None
    return app.load_settings(path, reads_secrets=False)


def write_sample_mails(folder: Path, builder: MailBuilder) -> tuple[Path, ...]:
    """Write each sample as NAME.html, NAME.txt and NAME.eml, and an index; return the paths.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mails = {
        name: builder.renderer.mail_content(state(), page=_RUN_PAGE)
        for name, state in STATES.items()
    }
    written = [
        path for name, mail in mails.items() for path in _write(folder, name, mail, builder)
    ]
    index = folder / "index.html"
    rows = "".join(map(_row, mails, mails.values()))
    index.write_text(_PAGE.replace("{rows}", rows), encoding="utf-8")
    return (index, *written)


def compose_test_mail(builder: MailBuilder, recipient: str, at: datetime) -> Message:
    """Return the mail of a sample report with drift to one recipient, marked as a test."""
    mail = _test_content(builder)
    message_id = f"<test-{uuid4().hex}@{builder.host}>"
    return Message(
        id=0,
        run_id=0,
        recipient=recipient,
        message_id=message_id,
        subject=mail.subject,
        content=builder.composer.compose(mail, recipient=recipient, message_id=message_id, at=at),
        summary=builder.composer.compose_summary(
            mail, recipient=recipient, message_id=message_id, at=at
        ),
        state=MessageState.QUEUED,
        attempts=0,
        due_at=at,
    )


def compose_test_post(settings: Settings, channel: ChannelTable, at: datetime) -> Message:
    """Return the message of a sample report to a channel, marked as a test."""
    renderer, composer = app.build_channel_form(settings, channel.format)
    content = renderer.mail_content(drift(), page="")
    if channel.format == "json":
        text = json.dumps({"test": True, **json.loads(content.text)})
    else:
        text = f"{_TEST_NOTE}\n{content.text}"
    content = replace(content, subject=TEST + content.subject, text=text)
    recipient, message_id = channel_recipient(channel.name), f"<test-{uuid4().hex}@auditor>"
    return Message(
        id=0,
        run_id=0,
        recipient=recipient,
        message_id=message_id,
        subject=content.subject,
        content=composer.compose(content, recipient=recipient, message_id=message_id, at=at),
        state=MessageState.QUEUED,
        attempts=0,
        due_at=at,
    )


def _test_content(builder: MailBuilder) -> MailContent:
    mail = builder.renderer.mail_content(drift(), page=_RUN_PAGE)
    marked = mail.html.replace("EI drift</b>", "EI drift</b> · a test, not your data", 1)
    return replace(
        mail, subject=TEST + mail.subject, text=f"{_TEST_NOTE}\n\n{mail.text}", html=marked
    )


def _write(folder: Path, name: str, mail: MailContent, builder: MailBuilder) -> Iterator[Path]:
    content = builder.composer.compose(
        mail, recipient=RECIPIENT, message_id=f"<preview.{name}@{builder.host}>", at=STARTED
    )
    parts = {"html": mail.html.encode(), "txt": mail.text.encode(), "eml": content}
    for form, part in parts.items():
        path = folder / f"{name}.{form}"
        path.write_bytes(part)
        yield path


def _row(name: str, mail: MailContent) -> str:
    links = "".join(f'<td><a href="{name}.{form}">{form}</a></td>' for form in FORMS)
    return f"<tr><td>{escape(name)}</td><td>{escape(mail.subject)}</td>{links}</tr>\n"
