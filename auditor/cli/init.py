"""The command `init`: a first configuration from what credentials see, or the service's units."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from auditor import app
from auditor.cli.console import print_text
from auditor.cli.logs import silence_logging
from auditor.cli.questions import agree, ask, ask_secret, has_terminal, say
from auditor.cli.schema import encode_schema
from auditor.cli.units import write_units
from auditor.config.advice import unencrypted_studio
from auditor.config.draft import (
    Draft,
    DraftMail,
    DraftProject,
    DraftUser,
    SecretPlace,
    require_channel_url,
    require_valid,
    write_draft,
)
from auditor.config.schema import FILE_NAME
from auditor.credentials import ApiKey, JwtHeader
from auditor.errors import StudioError, UsageError
from auditor.files import describe_unwritable
from auditor.redaction import Secret, guard
from auditor.rendering.words import count, harmless, name
from auditor.resources import find_program, locate

if TYPE_CHECKING:  # the client takes its time
    from auditor.app.sight import SeenProject

_PUBLIC, _PRIVATE = 0o644, 0o600
_CHAT = "CHAT_URL"
_PASSWORD = "SMTP_PASSWORD"  # noqa: S105 - the name of a variable
_MOST_SHOWN = 20


def init(args: argparse.Namespace) -> int:
    """Write a first configuration, or with `--systemd` the units of the service."""
    if args.systemd is not None:
        if args.config or args.api_key_env or args.mail_to or args.channel_env:
            raise UsageError("--systemd writes units and nothing else: use it alone")
        return write_units(Path(args.systemd))
    path = Path(args.config or "config.toml")
    _require_absent(path)
    asks = not args.api_key_env
    if asks and not has_terminal():
        raise UsageError(
            "there is no terminal to ask on: name the environment variable of each project's "
            "key, as in --api-key-env EI_KEY"
        )
    silence_logging()
    setup = Setup(path=path, base_url=require_valid("base URL", args.base_url))
    for advice in unencrypted_studio(setup.base_url):
        say(f"advice  {advice}")
    setup.mail = _mail_of_arguments(args)
    setup.channel_url = _channel_of_arguments(args)
    if asks:
        setup.ask_credentials()
        setup.mail = setup.mail or setup.ask_mail()
        setup.channel_url = setup.channel_url or setup.ask_channel()
    for variable in args.api_key_env:
        setup.add_variable(variable)
    setup.write()
    print_text("\n".join(setup.next_steps()))
    return 0


@dataclass(kw_only=True, eq=False)
class Setup:
    """A configuration in the making.

    Attributes:
        secrets: what will be stored in files beside the configuration, by their names.
        unset: environment variables that a person has yet to set.
    """

    path: Path
    base_url: str
    projects: dict[int, DraftProject] = field(default_factory=dict)
    user: DraftUser | None = None
    mail: DraftMail | None = None
    channel_url: SecretPlace | None = None
    secrets: dict[str, Secret] = field(default_factory=dict)
    unset: list[str] = field(default_factory=list)

    def add_variable(self, variable: str) -> None:
        """Try the credential in an environment variable, and have what it sees audited.

        Raises:
            UsageError: the variable is not set, or the credential does not work.
        """
        text = os.environ.get(variable, "").strip()
        if not text:
            raise UsageError(f"the environment variable {variable} is not set: set it")
        try:
            seen = self._see(Secret(text))
        except StudioError as error:
            raise UsageError(f"the key in {variable} does not work: {error}") from None
        self._add(Secret(text), seen, SecretPlace("env", variable))

    def ask_credentials(self) -> None:
        """Ask for credentials until one works and no more are entered."""
        say(f"This writes a first configuration, {self.path}. Ctrl-C ends it; nothing is written.")
        say("A key is made in Studio under Dashboard > Keys; it needs the role admin.")
        while True:
            is_first = not (self.projects or self.user)
            what = "API key of a project" if is_first else "Key of another project (Enter: none)"
            text = ask_secret(f"{what}, not shown")
            if text:
                self._try(Secret(text))
            elif not is_first:
                return

    def ask_mail(self) -> DraftMail | None:
        """Ask who gets reports by mail and by which server; None if nobody does."""
        while True:
            recipients = tuple(ask("Mail reports to (addresses; Enter: no mail)").split())
            if not recipients:
                return None
            try:
                for address in recipients:
                    require_valid("mail address", address)
                sender = ask(f"Sender (Enter: {_sender_for(recipients)})")
                require_valid("mail address", sender or _sender_for(recipients))
                server = ask("Mail server, as HOST or HOST:PORT (Enter: localhost)", "localhost")
                user = ask("User name at the mail server (Enter: no login)")
                mail = _mail(recipients, sender, server, user)
            except UsageError as error:
                say(f"  FAILED: {error}")
                continue
            if not user:
                return mail
            password = Secret(ask_secret("Its password, not shown"))
            return _mail(recipients, sender, server, user, self._keep(password, "smtp", _PASSWORD))

    def ask_channel(self) -> SecretPlace | None:
        """Ask for the address of a chat or push service; None if there is none."""
        while True:
            say(
                "A chat gets reports too: the webhook of Slack, Teams or Discord, or ntfy://TOPIC."
            )
            url = Secret(ask_secret("Its address (Enter: none), not shown"))
            if not url.reveal():
                return None
            try:
                _require_service(url)
            except UsageError as error:
                say(f"  FAILED: {error}")
                continue
            return self._keep(url, "chat", _CHAT)

    def write(self) -> None:
        """Write the files, all or none: secrets, the schema for editors, the configuration.

        Raises:
            UsageError: one exists already, or cannot be written.
        """
        draft = Draft(
            base_url=self.base_url,
            projects=tuple(self.projects.values()),
            user=self.user,
            mail=self.mail,
            channel_url=self.channel_url,
        )
        texts = {file: (f"{secret.reveal()}\n", _PRIVATE) for file, secret in self.secrets.items()}
        if not self.path.with_name(FILE_NAME).exists():
            texts[FILE_NAME] = (encode_schema(), _PUBLIC)
        texts[self.path.name] = (write_draft(draft), _PUBLIC)
        written: list[Path] = []
        try:
            for file, (text, mode) in texts.items():
                _write_new(self.path.with_name(file), text, mode=mode)
                written.append(self.path.with_name(file))
        except BaseException as error:
            for file_path in written:
                file_path.unlink(missing_ok=True)
            if isinstance(error, FileExistsError):
                raise _exists(Path(error.filename)) from None
            if isinstance(error, OSError):
                raise UsageError(describe_unwritable(self.path.parent, error)) from None
            raise
        print_text(harmless(f"Written: {', '.join(map(str, reversed(written)))}"))

    def next_steps(self) -> Iterator[str]:
        """Yield what to do next, as commands that can be typed here."""
        is_found = self.path == Path("config.toml") and not os.environ.get("AUDITOR_CONFIG")
        option = "" if is_found else f" --config {shlex.quote(str(self.path))}"
        program = find_program()
        if variables := self._variables():
            yield f"Wherever the auditor runs, these variables have to be set: {variables}"
        yield "Next:"
        yield from (f"  export {variable}=…" for variable in self.unset)
        yield f"  {program} check{option}   # tries everything that a run needs"
        if self.mail or self.channel_url:
            yield f"  {program} check --send-test{option}   # sends a test to every reader"
        yield f"  {program} run{option}     # the first run; every later one reports what changed"
        yield f"Every night, as a service or by a timer: see {locate('docs/install.md')}"

    def _variables(self) -> str:
        """Return the environment variables that the configuration names."""
        places = [project.api_key for project in self.projects.values()]
        more = (
            self.user and self.user.token,
            self.mail and self.mail.password,
            self.channel_url,
        )
        places += [place for place in more if place]
        return ", ".join(dict.fromkeys(each.name for each in places if each.source == "env"))

    def _try(self, secret: Secret) -> None:
        try:
            seen = self._see(secret)
            self._require_new(secret, seen)
        except (StudioError, UsageError) as error:
            say(f"  FAILED: {error}")
            return
        if _is_token(secret):
            place = self._keep(secret, "token", "EI_TOKEN")
        else:
            place = self._keep(secret, str(seen[0].id), f"EI_KEY_{seen[0].id}")
        self._add(secret, seen, place)

    def _see(self, secret: Secret) -> tuple[SeenProject, ...]:
        """Return what a credential sees, and print it."""
        from auditor.app.sight import see_projects  # noqa: PLC0415 - the client takes its time

        credential = JwtHeader(guard(secret)) if _is_token(secret) else ApiKey(guard(secret))
        seen = app.run_async(see_projects(self.base_url, credential))
        _print_projects(seen)
        return seen

    def _require_new(self, secret: Secret, seen: tuple[SeenProject, ...]) -> None:
        if _is_token(secret) and self.user:
            raise UsageError("there is a user's token already: one is enough")
        known = [project.id for project in seen if project.id in self.projects]
        if known:
            raise UsageError(f"project {known[0]} has a key already")

    def _add(self, secret: Secret, seen: tuple[SeenProject, ...], place: SecretPlace) -> None:
        self._require_new(secret, seen)
        if _is_token(secret):
            self.user = DraftUser(token=place, projects=tuple(map(_title, seen)))
            return
        for project in seen:
            blocks = tuple(_describe_blocks(project))
            self.projects[project.id] = DraftProject(
                id=project.id, title=_title(project), api_key=place, blocks=blocks
            )

    def _keep(self, secret: Secret, stem: str, variable: str) -> SecretPlace:
        """Ask where a secret is to be: in a file of its own, else in a variable."""
        file = f"auditor-{stem}.key"
        path = self.path.with_name(file)
        is_free = bool(secret.reveal()) and not os.path.lexists(path)
        if is_free and agree(f"  Store it in {path}, which only you can read?"):
            self.secrets[file] = secret
            return SecretPlace("file", file)
        say(f"  It is not stored: set the environment variable {variable} before you go on.")
        self.unset.append(variable)
        return SecretPlace("env", variable)


def _is_token(secret: Secret) -> bool:
    """Return whether a credential is a user's token (a JWT, RFC 7519), else it is a key."""
    return secret.reveal().startswith("eyJ") and secret.reveal().count(".") == 2


def _print_projects(seen: tuple[SeenProject, ...]) -> None:
    """Print what a credential sees; the blocks, where it is a single project."""
    lines = []
    for project in seen:
        role = f", role {project.role}" if project.role else ""
        found = f"{count(len(project.blocks), 'block')} found"
        if project.problem:
            lines.append(f"advice  project {_title(project)}: {project.problem}")
        else:
            lines.append(f"ok      project {_title(project)}{role}: {found}")
    if len(seen) == 1:
        lines += [f"        {words}" for words in _describe_blocks(seen[0])]
    left = len(lines) - _MOST_SHOWN
    shown = lines if left <= 0 else [*lines[:_MOST_SHOWN], f"        and {left} more"]
    print_text("\n".join(map(harmless, shown)))
    sys.stdout.flush()


def _title(project: SeenProject) -> str:
    return f"{project.id} ({name(project.name)})" if project.name else str(project.id)


def _describe_blocks(project: SeenProject) -> Iterator[str]:
    for block in project.blocks:
        yield f"{block.target.learn_id}  {name(block.type)}  {name(block.name)}".rstrip()


def _mail_of_arguments(args: argparse.Namespace) -> DraftMail | None:
    if not args.mail_to:
        if args.mail_server or args.mail_from or args.mail_user:
            raise UsageError("nobody would get mail: add --mail-to ADDRESS")
        return None
    password = SecretPlace("env", _PASSWORD) if args.mail_user else None
    return _mail(
        tuple(args.mail_to),
        args.mail_from or "",
        args.mail_server or "localhost",
        args.mail_user or "",
        password,
    )


def _channel_of_arguments(args: argparse.Namespace) -> SecretPlace | None:
    variable = args.channel_env
    if variable is None:
        return None
    if not os.environ.get(variable):
        raise UsageError(f"the environment variable {variable} is not set: set it")
    _require_service(Secret(os.environ[variable]))
    return SecretPlace("env", variable)


def _require_service(url: Secret) -> None:
    """Raise UsageError for the URL of a channel that no service would be reached by."""
    require_channel_url(url)
    from auditor.channels.chat import (  # noqa: PLC0415 - Apprise is slow to load
        describe_unknown,
        is_known_service,
    )

    if not is_known_service(url):
        raise UsageError(f"the address cannot be used: {describe_unknown(url)}")


def _mail(
    recipients: tuple[str, ...],
    sender: str,
    server: str,
    user: str,
    password: SecretPlace | None = None,
) -> DraftMail:
    """Return who gets mail; raises UsageError for what the configuration would refuse."""
    host, _, port = server.rpartition(":") if ":" in server else (server, "", "25")
    if not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
        raise UsageError(f"the mail server {server!r} has no port: write HOST or HOST:PORT")
    return DraftMail(
        recipients=tuple(require_valid("mail address", address) for address in recipients),
        sender=require_valid("mail address", sender or _sender_for(recipients)),
        host=require_valid("mail server", host),
        port=int(port),
        username=require_valid("user name", user) if user else "",
        password=password,
    )


def _sender_for(recipients: tuple[str, ...]) -> str:
    """Return a sender in the domain of the first recipient."""
    return f"auditor@{recipients[0].rpartition('@')[2]}"


def _require_absent(path: Path) -> None:
    if os.path.lexists(path):
        raise _exists(path)


def _exists(path: Path) -> UsageError:
    return UsageError(
        f"{path} exists and is not overwritten: move it away, or name another with --config"
    )


def _write_new(path: Path, text: str, *, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, mode), "w", encoding="utf-8") as file:
        file.write(text)
