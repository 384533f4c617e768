"""The command login: a person logs in to Studio once, and the tokens are stored."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import webbrowser
from collections.abc import Callable, Mapping
from datetime import timedelta

from auditor import app
from auditor.cli.console import print_error, print_text
from auditor.config import Settings
from auditor.credentials import StoredLogin
from auditor.errors import UsageError
from auditor.rendering.words import harmless
from auditor.resources import locate

TIMEOUT = timedelta(minutes=5)


def login(args: argparse.Namespace) -> int:
    """Log in for a credential and store its tokens."""
    settings = app.load_settings(args.config, reads_secrets=False)
    auth = find_login(settings, args.project)
    opens = None if args.no_browser else find_browser(os.environ)

    async def invite(address: str) -> None:
        _show(address)
        if opens is not None:
            await asyncio.to_thread(open_browser, opens, address)

    kept = app.run_async(app.log_in(settings, auth, invite, patience=TIMEOUT, port=args.port))
    print_text(f"Logged in; the tokens are stored in {harmless(str(auth.token_file))}.")
    if kept.refresh is None:
        end = f"at {kept.expires_at:%Y-%m-%d %H:%M} UTC" if kept.expires_at else "without warning"
        print_error(f"Studio sent no refresh token: this login ends {end}; log in again then")
    return 0


def find_login(settings: Settings, project_id: int | None) -> StoredLogin:
    """Return the configured login, that of `project_id` if given.

    Raises:
        UsageError: none is configured, or several and `project_id` is None.
    """
    found: dict[StoredLogin, list[int]] = {}
    for project in settings.projects:
        credential = settings.credential_of(project)
        if isinstance(credential, StoredLogin):
            found.setdefault(credential, []).append(project.id)
    if isinstance(settings.every_project, StoredLogin):
        found.setdefault(settings.every_project, [])
    if project_id is not None:
        found = {auth: ids for auth, ids in found.items() if project_id in ids}
    if not found:
        where = "no project" if project_id is None else f"no project {project_id}"
        raise UsageError(
            f'{where} is configured with the grant "authorization_code", which a login needs: '
            f"see {locate('docs/credentials.md')}"
        )
    if len(found) > 1:
        raise UsageError(
            "several logins are configured: choose one with --project "
            + " or ".join(str(ids[0]) for ids in found.values() if ids)
        )
    return next(iter(found))


def find_browser(environ: Mapping[str, str]) -> Callable[[str], object] | None:
    """Return a function that opens an address, None if there is no screen.

    Without a screen, `webbrowser` would start a browser inside the terminal.
    """
    has_screen = sys.platform == "darwin" or "DISPLAY" in environ or "WAYLAND_DISPLAY" in environ
    return webbrowser.open if has_screen else None


def open_browser(opens: Callable[[str], object], address: str) -> None:
    """Open the address in a browser; the login goes on without, as the address is shown."""
    try:
        opens(address)
    except Exception as error:  # noqa: BLE001 - `webbrowser` starts whatever $BROWSER says
        print_error(f"no browser was opened ({type(error).__name__}): open the address yourself")


def _show(address: str) -> None:
    """Print the address on standard error, since it is not the answer of the command."""
    sys.stderr.write(
        "Open this address in a browser on this machine and allow access; "
        f"waiting {TIMEOUT.total_seconds() / 60:g} minutes:\n\n  {harmless(address)}\n\n"
    )
    sys.stderr.flush()
