"""Which file is the configuration, and what TOML it holds."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auditor.errors import ConfigError, Problem

_HERE = Path("config.toml")
_SYSTEM = Path("/etc/auditor/config.toml")
_POSITION = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)")


def find(explicit: str | None, environ: Mapping[str, str]) -> Path:
    """Return the configuration's path: as asked for, else the first of the usual places.

    The file itself is not looked at: one that was asked for need not exist.

    Raises:
        ConfigError: none was asked for and none lies in the usual places.
    """
    asked_for = explicit or environ.get("AUDITOR_CONFIG")
    if asked_for:
        return Path(asked_for)
    if _is_here():
        return _HERE
    if _SYSTEM.is_file():
        return _SYSTEM
    raise _unusable(
        _HERE,
        "file",
        f"there is none: looked at --config, $AUDITOR_CONFIG, {_HERE.absolute()} and {_SYSTEM}",
        "copy config.example.toml to one of these places and edit it",
    )


def _is_here() -> bool:
    try:
        return _HERE.is_file()
    except PermissionError:  # as the service's user in a folder of root's
        return False


def read(path: Path) -> dict[str, Any]:
    """Return the document that the file holds.

    Raises:
        ConfigError: it cannot be read, or it is no TOML.
    """
    try:
        return tomllib.loads(_text(path))
    except ValueError as error:
        raise _syntax_error(path, error) from None


def _text(path: Path) -> str:
    try:
        # Some editors put a byte order mark at the head, which tomllib refuses.
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        message, remedy = f"{path.absolute()} does not exist", "name another one with --config"
    except IsADirectoryError:
        message, remedy = "is a folder", f"name the file in it: {path / 'config.toml'}"
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text (byte {error.start + 1})"
        remedy = "save it as UTF-8"
    except (OSError, ValueError) as error:
        message = f"cannot be read: {getattr(error, 'strerror', None) or 'no such name'}"
        remedy = "let the user that runs the auditor read it"
    raise _unusable(path, "file", message, remedy)


def _syntax_error(path: Path, error: ValueError) -> ConfigError:
    remedy = "see config.example.toml for how it is written"
    found = _POSITION.fullmatch(str(error))
    if not isinstance(error, tomllib.TOMLDecodeError) or found is None:
        return _unusable(path, "file", "is not TOML", remedy)
    where = f"line {found['line']}" if found["line"] else "end of the file"
    return _unusable(path, where, f"is not TOML: {found['what']}", remedy)


def _unusable(path: Path, key: str, message: str, remedy: str) -> ConfigError:
    return ConfigError(str(path), (Problem(key, message, remedy),))
