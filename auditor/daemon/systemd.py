"""Notifies systemd of the state of the service (sd_notify(3)), if systemd started it."""

from __future__ import annotations

import os
import socket
import time
from datetime import timedelta


def notify(*lines: str) -> None:
    """Send a notification such as `READY=1`."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    name = f"\0{address[1:]}" if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto("\n".join(lines).encode(), name)
        except OSError:  # a manager that does not listen must not stop the service
            return


def notify_reloading() -> None:
    """Notify that the configuration is being read again; `READY=1` must follow."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def extension_request(time_: timedelta) -> str:
    """Return the line of a notification that asks for so much time to stop, from now on."""
    return f"EXTEND_TIMEOUT_USEC={time_ // timedelta(microseconds=1)}"


def read_watchdog_period() -> timedelta | None:
    """Return how often to send `WATCHDOG=1`, twice as often as systemd expects it.

    None if systemd expects none from this process.
    """
    expected = os.environ.get("WATCHDOG_USEC", "")
    process = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not expected.isdigit() or process != str(os.getpid()):
        return None
    return timedelta(microseconds=int(expected)) / 2
