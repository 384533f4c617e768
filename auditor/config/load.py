"""Finds, reads and validates the configuration."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from auditor.config.checks import cross_problems, login_problems
from auditor.config.problems import shape_problems
from auditor.config.tables import Settings
from auditor.config.values import LoadContext
from auditor.errors import ConfigError, Problem, may_pass
from auditor.resources import locate

_HERE = Path("config.toml")
_SYSTEM = Path("/etc/auditor/config.toml")
_POSITION = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)")


def find(explicit: str | None, environ: Mapping[str, str]) -> Path:
    """Return the configuration's path: the explicit one, else the first of the usual places.

    An explicit path is returned whether the file exists or not.

    Raises:
        ConfigError: no path is given, and no file is in the usual places.
    """
    given = explicit or environ.get("AUDITOR_CONFIG")
    if given:
        return Path(given)
    if _is_here():
        return _HERE
    if _SYSTEM.is_file():
        return _SYSTEM
    raise _unusable(
        _HERE,
        "file",
        "no configuration found: looked at --config, $AUDITOR_CONFIG, "
        f"{_HERE.absolute()} and {_SYSTEM}",
        "run `auditor init`, or copy "
        f"{locate('config.example.toml')} to one of these places and edit it",
    )


def load(path: Path, *, environ: Mapping[str, str], reads_secrets: bool = True) -> Settings:
    """Return the settings of the file, with secrets read and paths absolute.

    A command that only looks at stored data needs no secret: without `reads_secrets` none is read.

    Raises:
        ConfigError: the configuration cannot be used; the error names every wrong key.
        OSError: a file cannot be read now, for a reason that may pass.
    """
    written = _document(path)
    # Every table without a default must be present, so that its own defaults are validated.
    tables: dict[str, object] = {
        name: {} for name, field in Settings.model_fields.items() if field.is_required()
    }
    document = tables | written
    context = LoadContext(
        folder=path.absolute().parent, environ=environ, reads_secrets=reads_secrets
    )
    problems = [*cross_problems(written), *login_problems(written, context, path)]
    try:
        settings = Settings.model_validate(document, context=context)
    except ValidationError as error:
        problems = shape_problems(error, document) + problems
        # The cause would show what was written, secrets included.
        raise ConfigError(str(path), tuple(problems)) from None
    if problems:
        raise ConfigError(str(path), tuple(problems))
    return settings.of_file(path.absolute())


def _is_here() -> bool:
    try:
        return _HERE.is_file()
    except PermissionError:  # the service's user in a folder of root
        return False


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except ValueError as error:
        raise _syntax_error(path, error) from None


def _text(path: Path) -> str:
    try:
        # Some editors put a byte order mark at the head, which tomllib refuses.
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        message, remedy = f"{path.absolute()} does not exist", "name the right file with --config"
    except IsADirectoryError:
        message, remedy = "is a folder", f"name the file in it, such as {path / 'config.toml'}"
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text (byte {error.start + 1})"
        remedy = "save it as UTF-8"
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and may_pass(error):
            raise
        message = f"cannot be read: {getattr(error, 'strerror', None) or 'invalid name'}"
        remedy = "allow the user that runs the auditor to read it"
    raise _unusable(path, "file", message, remedy)


def _syntax_error(path: Path, error: ValueError) -> ConfigError:
    remedy = f"see {locate('config.example.toml')} for the format"
    found = _POSITION.fullmatch(str(error))
    if not isinstance(error, tomllib.TOMLDecodeError) or found is None:
        return _unusable(path, "file", "is not TOML", remedy)
    where = f"line {found['line']}" if found["line"] else "end of the file"
    return _unusable(path, where, f"is not TOML: {found['what']}", remedy)


def _unusable(path: Path, key: str, message: str, remedy: str) -> ConfigError:
    return ConfigError(str(path), (Problem(key, message, remedy),))
