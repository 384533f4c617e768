"""A first configuration, as commented text. It never holds a secret, only where each is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from auditor.config.schema import FILE_NAME
from auditor.config.tables import ChannelTable, StudioTable
from auditor.config.values import Address, BaseUrl, LineOfText, LoadContext, MailHost
from auditor.errors import UsageError
from auditor.redaction import Secret
from auditor.resources import locate

DEFAULT_BASE_URL = str(StudioTable.model_fields["base_url"].default)
_KINDS: dict[str, Any] = {
    "base URL": BaseUrl,
    "mail address": Address,
    "mail server": MailHost,
    "user name": LineOfText,
}
_SECURITY = {465: "tls", 587: "starttls"}
_MOST_LINES = 20
_HEAD = """\
#:schema ./{schema}
# The auditor's configuration, written by `auditor init`. This file explains every key that exists:
# {example}
# A key that is not written has its default. After a change, run: auditor check
# A secret is never written here. Say where it is stored, in one of three ways:
#   {{ env = "NAME" }}         an environment variable
#   {{ file = "PATH" }}        a file that only its owner can read (chmod 600)
#   {{ credential = "NAME" }}  a systemd credential
"""
_HISTORY = """\
[database]
# Or PostgreSQL: "postgresql://user@host/name"
url = "sqlite:///auditor.db"

[schedule]
# When `auditor daemon` audits: minute, hour, day of month, month, day of week.
cron = "15 3 * * *"
timezone = "UTC"

[reports]
# The folder of the pages; open its index.html.
directory = "reports"
# The address at which readers find that folder; mails link to it.
# url = "https://drift.example.org/"
# The time zone of the times that people read.
# timezone = "Europe/Berlin"
"""
_OFFERED_MAIL = """\
# Reports by mail: remove the "# " of the next lines and fill them in.
# [email]
# host = "localhost"
# port = 25
# security = "none"
# sender = "auditor@example.org"
# recipients = ["ml-team@example.org"]
"""
_CHANNEL = "chat"
_OFFERED_CHANNEL = """\
# Reports to a chat or push service, each with a table of its own.
# [[channels]]
# name = "chat"
# url = { env = "CHAT_URL" }
"""


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Where a secret is stored: in an environment variable, or in a file beside."""

    source: Literal["env", "file"]
    name: str

    def __str__(self) -> str:
        return f"{{ {self.source} = {_quoted(self.name)} }}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftProject:
    """A project with a key of its own; `blocks` has a line for each that Studio lists."""

    id: int
    title: str
    api_key: SecretPlace
    blocks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftUser:
    """A user's token, and the projects that it sees, in words."""

    token: SecretPlace
    projects: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftMail:
    """Who gets mail, and by which server; `password` belongs to a `username`."""

    recipients: tuple[str, ...]
    sender: str
    host: str
    port: int
    username: str = ""
    password: SecretPlace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a first configuration says."""

    base_url: str
    projects: tuple[DraftProject, ...] = ()
    user: DraftUser | None = None
    mail: DraftMail | None = None
    channel_url: SecretPlace | None = None


def require_valid(what: str, text: str) -> str:
    """Return a value as the configuration accepts it; `what` names its kind.

    Raises:
        UsageError: it does not accept it.
    """
    try:
        return str(TypeAdapter(_KINDS[what]).validate_python(text))
    except ValidationError as error:
        context = error.errors()[0]["ctx"]
        raise UsageError(
            f"the {what} {text!r} {context['message']}: {context['remedy']}"
        ) from None


def require_channel_url(url: Secret) -> None:
    """Refuse what is not the address of a chat or push service.

    Raises:
        UsageError: the configuration does not accept it.
    """
    context = LoadContext(folder=Path(), environ={"URL": url.reveal()})
    try:
        ChannelTable.model_validate({"name": _CHANNEL, "url": {"env": "URL"}}, context=context)
    except ValidationError as error:
        details = error.errors()[0]["ctx"]
        raise UsageError(f"the address {details['message']}: {details['remedy']}") from None


def write_draft(draft: Draft) -> str:
    """Return the text of the configuration."""
    head = _HEAD.format(schema=FILE_NAME, example=_comment(locate("config.example.toml")))
    return "\n".join(
        (
            head,
            *_studio(draft),
            _HISTORY,
            *(_mail(draft.mail) if draft.mail else [_OFFERED_MAIL]),
            *(_channel(draft.channel_url) if draft.channel_url else [_OFFERED_CHANNEL]),
            *(line for project in draft.projects for line in _project(project)),
        )
    )


def _studio(draft: Draft) -> Iterator[str]:
    yield "[studio]"
    sign = "# " if draft.base_url == DEFAULT_BASE_URL else ""
    yield f"{sign}base_url = {_quoted(draft.base_url)}"
    if draft.user:
        yield "# A user's token. Every project that the user sees is audited; these were seen:"
        yield from (f"#   {_comment(project)}" for project in _first(draft.user.projects))
        yield f'auth = {{ type = "jwt", token = {draft.user.token} }}'
        yield 'projects = "all"'
        yield "# Only these of them, or all but these; each is an id or a pattern of names:"
        yield '# include_projects = [12345, "pump *"]'
        yield '# exclude_projects = ["* (copy)"]'
    yield ""


def _mail(mail: DraftMail) -> Iterator[str]:
    yield "[email]"
    yield f"host = {_quoted(mail.host)}"
    yield f"port = {mail.port}"
    yield '# "none", "starttls" (usually port 587) or "tls" (usually port 465).'
    yield f"security = {_quoted(_SECURITY.get(mail.port, 'none'))}"
    if mail.username:
        yield f"username = {_quoted(mail.username)}"
        yield f"password = {mail.password}"
    yield f"sender = {_quoted(mail.sender)}"
    yield f"recipients = [{', '.join(map(_quoted, mail.recipients))}]"
    yield '# "always": a mail for each run. "drift": only if there is something to report.'
    yield 'send = "always"'
    yield ""


def _channel(url: SecretPlace) -> Iterator[str]:
    yield "[[channels]]"
    yield f"name = {_quoted(_CHANNEL)}"
    yield "# The webhook of a chat as its service shows it, or an address of Apprise."
    yield f"url = {url}"
    yield '# "drift": only if there is something to report, so that nobody mutes the chat.'
    yield '# "always", the default where this line is left out: a message for each run.'
    yield 'send = "drift"'
    yield ""


def _project(project: DraftProject) -> Iterator[str]:
    yield f"# Project {_comment(project.title)}"
    yield "[[projects]]"
    yield f"id = {project.id}"
    yield f"api_key = {project.api_key}"
    yield "# Blocks that were found:"
    yield from (f"#   {_comment(block)}" for block in _first(project.blocks) or ("none",))
    yield '# The learn blocks to audit: "all", or a list of their ids.'
    yield 'learn_blocks = "all"'
    yield "# Also the input, processing and post-processing blocks of the impulses."
    yield "impulse = true"
    yield ""


def _first(lines: tuple[str, ...]) -> tuple[str, ...]:
    left = len(lines) - _MOST_LINES
    return lines if left <= 0 else (*lines[:_MOST_LINES], f"and {left} more")


def _quoted(text: str) -> str:
    """Return a TOML string; JSON's escapes are TOML's, and DEL is the one it leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    """Return a text that a comment can hold: one line of printable characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
