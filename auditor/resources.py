"""Where templates, migrations and pages are: in a wheel's package, beside it in a checkout."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the folder `name` (`templates`, `migrations`).

    Raises:
        FileNotFoundError: it is in neither place; names both.
    """
    places = (_PACKAGE / "_data" / name, _PACKAGE.parent / name)
    for place in places:
        if place.is_dir():
            return place
    raise FileNotFoundError(f"no folder {name}: neither {places[0]} nor {places[1]} is one")


def read_text(name: str) -> str:
    """Return the text of a file that belongs to the program (`config.example.toml`).

    Raises:
        OSError: it is in neither place.
    """
    installed = _PACKAGE / "_data" / name
    return (installed if installed.exists() else _PACKAGE.parent / name).read_text("utf-8")


def locate(name: str) -> str:
    """Return where a page, a unit or the example is that a message refers to.

    Of a wheel it is the path of the installed file; of a checkout the name (`docs/upkeep.md`).
    """
    installed = _PACKAGE / "_data" / name
    return str(installed) if installed.exists() else name


def find_program() -> str:
    """Return how this program is called from the present folder, as briefly as possible."""
    python = Path(sys.executable)
    beside = python.with_name("auditor")
    if not beside.is_file():
        return f"{_shortest(python)} -m auditor"
    found = shutil.which("auditor")
    return "auditor" if found and Path(found).samefile(beside) else _shortest(beside)


def _shortest(program: Path) -> str:
    here = Path.cwd()
    is_below = program.is_relative_to(here)
    return shlex.quote(str(program.relative_to(here) if is_below else program))
