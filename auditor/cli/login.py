"""The command login: a person lets the auditor into Studio, once."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import webbrowser
from collections.abc import Callable, Mapping
from datetime import timedelta

from auditor import app
from auditor.cli.console import complain, say
from auditor.config import Settings
from auditor.credentials import StoredLogin
from auditor.errors import UsageError
from auditor.rendering.words import harmless

PATIENCE = timedelta(minutes=5)


def login(args: argparse.Namespace) -> int:
    """Log in for one credential and keep its tokens."""
    settings = app.settings(args.config, reads_secrets=False)
    auth = login_of(settings, args.project)
    opens = None if args.no_browser else browser(os.environ)

    async def invite(address: str) -> None:
        _show(address)
        if opens is not None:
            await asyncio.to_thread(opens, address)

    kept = app.quickly(app.log_in(settings, auth, invite, patience=PATIENCE, port=args.port))
    say(f"Logged in; {harmless(str(auth.token_file))} keeps it.")
    if kept.refresh is None:
        end = f"at {kept.expires_at:%Y-%m-%d %H:%M} UTC" if kept.expires_at else "without notice"
        complain(f"Studio gave no refresh token: this login ends {end}; then log in again")
    return 0


def login_of(settings: Settings, project_id: int | None) -> StoredLogin:
    """Return the login that is meant.

    Raises:
        UsageError: there is none, or there are several and none is named.
    """
    found: dict[StoredLogin, list[int]] = {}
    for project in settings.projects:
        if isinstance(project.auth, StoredLogin):
            found.setdefault(project.auth, []).append(project.id)
    if isinstance(settings.every_project, StoredLogin):
        found.setdefault(settings.every_project, [])
    if project_id is not None:
        found = {auth: ids for auth, ids in found.items() if project_id in ids}
    if not found:
        where = "no project" if project_id is None else f"no project {project_id}"
        raise UsageError(
            f'{where} with the grant "authorization_code" is configured, the one with a login: '
            "see docs/credentials.md"
        )
    if len(found) > 1:
        raise UsageError(
            "there are several logins: name one with --project "
            + " or ".join(str(ids[0]) for ids in found.values() if ids)
        )
    return next(iter(found))


def browser(environ: Mapping[str, str]) -> Callable[[str], object] | None:
    """Return what opens a window, None where there is no screen to open it on.

    Without a screen the browser would be one of the terminal, and take it over.
    """
    has_screen = sys.platform == "darwin" or "DISPLAY" in environ or "WAYLAND_DISPLAY" in environ
    return webbrowser.open if has_screen else None


def _show(address: str) -> None:
    """Print the address on standard error: it is no answer."""
    sys.stderr.write(
        "Open this address in a browser on this machine and allow access; "
        f"waiting {PATIENCE.total_seconds() / 60:g} minutes:\n\n  {harmless(address)}\n\n"
    )
    sys.stderr.flush()
