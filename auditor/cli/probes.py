"""What `auditor check` tries of this machine: database, folders, schedule, mail, systemd."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from auditor import app
from auditor.config import Settings
from auditor.errors import AuditorError, DeliveryError
from auditor.rendering.words import moment
from auditor.upkeep import Probe, require_room

_MEBI = 1024 * 1024


def machine_probes(settings: Settings) -> list[Probe]:
    """Return what a night needs before it asks Studio."""
    probes = [
        Probe("database", _in_thread(partial(_database, settings))),
        Probe("reports", _in_thread(partial(_reports, settings))),
        Probe("schedule", _in_thread(partial(_schedule, settings))),
    ]
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        probes.append(Probe("systemd", _in_thread(partial(_notifications, address))))
    return probes


def metrics_probes(settings: Settings) -> list[Probe]:
    """Return what the metrics need, nothing where none are wanted."""
    if settings.metrics is None:
        return []
    return [Probe("metrics", _in_thread(partial(_metrics, settings.metrics)))]


def mail_probes(settings: Settings) -> list[Probe]:
    """Return what delivery needs, nothing where no mail is wanted."""
    if settings.email is None:
        return []
    return [Probe("mail", _in_thread(partial(_mail, settings)))]


def _in_thread(work: Callable[[], str]) -> Callable[[], Awaitable[str]]:
    async def attempt() -> str:
        return await asyncio.to_thread(work)

    return attempt


def _database(settings: Settings) -> str:
    with app.stored(settings) as store:
        if store is None:
            return _to_be_made(settings)
        health, last = store.health(), store.last_run()
    past = "no run yet" if last is None else f"last run {last.id} {last.status}"
    words = f"{health.kind} of schema {health.schema} reached, {past}, {_size(health.size_bytes)}"
    if health.file is None:
        return words
    _require_common_owner(health.file)
    return f"{words}, sound; {_room(health.file.parent, beside_bytes=health.size_bytes)}"


def _to_be_made(settings: Settings) -> str:
    """Return that the first run can make the database, where it can."""
    url = settings.database.url
    if not url.startswith("sqlite:"):
        raise AuditorError("the server has no such database: create it, empty, for the auditor")
    folder = Path(url.removeprefix("sqlite:///")).parent
    _require_writable(folder, "make it before the first run")
    return f"none yet, the first run makes it; {_room(folder)}"


def _reports(settings: Settings) -> str:
    folder = settings.reports.directory
    there = next(one for one in (folder, *folder.parents) if one.exists())
    _require_writable(there, "give the auditor's user the right to write it")
    if there == folder:
        _require_common_owner(folder)
    return f"{folder} can be written; {_room(there)}"


def _metrics(path: Path) -> str:
    _require_writable(path.parent, "make it, and give the auditor's user the right to write it")
    return f"{path} can be written"


def _require_writable(folder: Path, remedy: str) -> None:
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise AuditorError(f"{folder} is no folder that can be written: {remedy}")


def _require_common_owner(path: Path) -> None:
    """Refuse what root made, by a command by hand, in the folder of the service's user.

    Root itself could write it, so that to try it tells nothing.
    """
    folder = path.parent
    if path.stat().st_uid == 0 != folder.stat().st_uid:
        raise AuditorError(
            f"{path} belongs to root and its folder does not, so the service cannot write it: "
            f"chown -R --reference={folder} {path}"
        )


def _room(folder: Path, *, beside_bytes: int = 0) -> str:
    """Return how much is free; raise where an upgrade or a backup would fill the disk."""
    free = shutil.disk_usage(folder).free
    require_room(folder, free_bytes=free, beside_bytes=beside_bytes)
    return f"{_size(free)} free"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / _MEBI:,.1f} MiB" if size_bytes < 1024 * _MEBI else _gibi(size_bytes)


def _gibi(size_bytes: int) -> str:
    return f"{size_bytes / (1024 * _MEBI):,.1f} GiB"


def _schedule(settings: Settings) -> str:
    at, told = app.now(), []
    for one in app.schedules(settings):
        next_run = one.next_after(at)
        if next_run is None:
            raise AuditorError(f"{one.told} is never due: correct its cron")
        told.append(f"next run {moment(next_run)}, by {one.told}")
    return "; ".join(told)


def _mail(settings: Settings) -> str:
    mailer, email = app.mailer(settings), settings.email
    if mailer is None or email is None:
        raise AuditorError("no mail is configured")
    try:
        mailer.probe()
    except DeliveryError as error:
        raise AuditorError(
            f"{error}: see that it runs and takes mail of this machine, or correct [email]"
        ) from error
    return f"{email.host}:{email.port} answers"


def _notifications(address: str) -> str:
    """Return that systemd hears of the service's state; nothing is sent to it."""
    name = f"\0{address[1:]}" if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.connect(name)
        except OSError as error:
            raise AuditorError(
                f"notifications do not get through to {address}, {error.strerror}: add AF_UNIX to "
                "RestrictAddressFamilies= and see that the folder is not hidden from the unit"
            ) from error
    return "notifications get through"
