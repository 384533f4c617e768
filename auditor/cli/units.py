"""The systemd units of the service, written for the place where this program is installed."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from auditor.cli.console import print_error, print_text
from auditor.errors import UsageError
from auditor.files import describe_unwritable, replace_file
from auditor.rendering.words import harmless
from auditor.resources import folder, locate

_INSTALLED = "/opt/auditor"  # where the units, as they are shipped, look for the program
_HIDDEN = ("/home", "/root", "/run/user")  # what ProtectHome= hides from the service
_MODE = 0o644
_USER = "auditor.sysusers.conf"


def write_units(target: Path) -> int:
    """Write the units and the file of their user to a folder, and print what to do next.

    Raises:
        UsageError: one is there with another content, or the folder cannot be written.
    """
    units = {
        file.name: _adapt(file.read_text("utf-8"))
        for file in sorted(folder("systemd").iterdir())
        if file.is_file()
    }
    try:
        changed = [unit for unit, text in units.items() if _is_another(target / unit, text)]
        if changed:
            raise UsageError(
                f"{target / changed[0]} exists with another content and is not overwritten: "
                "move it away"
            )
        target.mkdir(parents=True, exist_ok=True)
        for unit, text in units.items():
            replace_file(target / unit, text.encode(), mode=_MODE)
    except OSError as error:
        raise UsageError(describe_unwritable(target, error)) from None
    print_text(harmless(f"Written to {target}: {', '.join(units)}"))
    print_text("\n".join(_next_steps(target)))
    hidden = _find_hidden()
    if hidden:
        print_error(
            f"the service cannot run {hidden}: the units hide {', '.join(_HIDDEN)} from it; "
            f"install the auditor in {_INSTALLED} with the system's Python, and do this again"
        )
    return 0


def _adapt(unit: str) -> str:
    """Return a unit that runs this program in place of the one in `/opt/auditor`."""
    python = unit.replace(f"{_INSTALLED}/bin/python", sys.executable)
    return python.replace(f"ExecPaths={_INSTALLED}", f"ExecPaths={sys.prefix}")


def _is_another(path: Path, text: str) -> bool:
    return path.exists() and path.read_bytes() != text.encode()


def _find_hidden() -> str:
    """Return the path of this program that its service could not see, empty if it sees all."""
    paths = (Path(sys.executable), Path(sys.executable).resolve(), Path(__file__).resolve())
    hidden = [path for path in paths if any(path.is_relative_to(place) for place in _HIDDEN)]
    return str(hidden[0]) if hidden else ""


def _next_steps(target: Path) -> tuple[str, ...]:
    return (
        "Next, as root, with the configuration in /etc/auditor/config.toml:",
        f"  systemd-sysusers {shlex.quote(str(target.absolute() / _USER))}",
        "  systemctl daemon-reload",
        "  systemctl start auditor-check; journalctl --unit auditor-check --output cat --lines 30",
        "  systemctl enable --now auditor",
        f"Keys, database and folders of the service: see {locate('docs/install.md')}",
    )
