"""Tells systemd how the service is (sd_notify(3)); silent where systemd did not start it."""

from __future__ import annotations

import os
import socket
import time
from datetime import timedelta


def notify(*lines: str) -> None:
    """Send a notification, e.g. `READY=1`."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    name = f"\0{address[1:]}" if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto("\n".join(lines).encode(), name)
        except OSError:  # a manager that hears nothing must not stop the service
            return


def reloading() -> None:
    """Say that the configuration is read again; `READY=1` must follow."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def extend(time_: timedelta) -> str:
    """Return the line that asks for so much time to end in, from now on."""
    return f"EXTEND_TIMEOUT_USEC={time_ // timedelta(microseconds=1)}"


def watchdog_period() -> timedelta | None:
    """Return how often to say `WATCHDOG=1`: twice as often as systemd wants to hear it."""
    wanted = os.environ.get("WATCHDOG_USEC", "")
    meant_for = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not wanted.isdigit() or meant_for != str(os.getpid()):
        return None
    return timedelta(microseconds=int(wanted)) / 2
