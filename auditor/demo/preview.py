"""The mail in every state, for a look: made-up nights, rendered and composed as real ones are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from html import escape
from pathlib import Path
from uuid import uuid4

from auditor.demo.made_up import STARTED
from auditor.demo.post import Post
from auditor.demo.reports import STATES, drift
from auditor.outbox import Message, MessageState
from auditor.protocols import MailContent

RECIPIENT = "you@example.org"
TEST = "[test] "
FORMS = ("html", "txt", "eml")
_TOLD = "This is a test: made-up blocks, nothing of yours. "


def write(folder: Path, post: Post) -> tuple[Path, ...]:
    """Write each state as NAME.html, NAME.txt and NAME.eml, and an index; return the paths.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mailings = {name: _mailing(name, post) for name in STATES}
    written = [path for name, one in mailings.items() for path in _write(folder, name, one, post)]
    index = folder / "index.html"
    index.write_text(_index(mailings), encoding="utf-8")
    return (index, *written)


def trial(post: Post, recipient: str, at: datetime) -> Message:
    """Return the mail of a night with drift to one recipient, marked as a test."""
    mailing = _marked(post)
    message_id = f"<test-{uuid4().hex}@{post.host}>"
    return Message(
        id=0,
        run_id=0,
        recipient=recipient,
        message_id=message_id,
        subject=mailing.subject,
        content=post.composer.compose(mailing, recipient=recipient, message_id=message_id, at=at),
        state=MessageState.QUEUED,
        attempts=0,
        due_at=at,
    )


def _marked(post: Post) -> MailContent:
    mailing = post.renderer.mail_content(drift(), page="")
    marked = mailing.html.replace("EI drift</b>", "EI drift</b> · a test, nothing of yours", 1)
    return replace(
        mailing, subject=TEST + mailing.subject, text=f"{_TOLD}\n\n{mailing.text}", html=marked
    )


def _mailing(name: str, post: Post) -> MailContent:
    return post.renderer.mail_content(STATES[name](), page="")


def _write(folder: Path, name: str, mailing: MailContent, post: Post) -> Iterator[Path]:
    content = post.composer.compose(
        mailing, recipient=RECIPIENT, message_id=f"<preview.{name}@{post.host}>", at=STARTED
    )
    parts = {"html": mailing.html.encode(), "txt": mailing.text.encode(), "eml": content}
    for form, part in parts.items():
        path = folder / f"{name}.{form}"
        path.write_bytes(part)
        yield path


_PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Mails of every state</title>
<style>
:root { color-scheme: light dark }
body { font: 15px/1.5 sans-serif; margin: 24px }
td { padding: 4px 12px 4px 0; vertical-align: top }
</style></head>
<body><h1>Mails of every state</h1>
<table>
{rows}</table></body></html>
"""


def _index(mailings: dict[str, MailContent]) -> str:
    return _PAGE.replace("{rows}", "".join(map(_row, mailings, mailings.values())))


def _row(name: str, mailing: MailContent) -> str:
    links = "".join(f'<td><a href="{name}.{form}">{form}</a></td>' for form in FORMS)
    return f"<tr><td>{escape(name)}</td><td>{escape(mailing.subject)}</td>{links}</tr>\n"
