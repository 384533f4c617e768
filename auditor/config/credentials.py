"""Secrets, read from where the configuration says they lie; never from the file itself."""

from __future__ import annotations

import os
import re
import shlex
import stat
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, PlainValidator, ValidationInfo

from auditor.config.refusal import refusal
from auditor.config.surroundings import Surroundings, located, surroundings
from auditor.redaction import Secret, guard

_SOURCES = ("env", "file", "credential")
_HOW = 'write { env = "NAME" }, { file = "PATH" } or { credential = "NAME" }'
_UNREAD = Secret("unread")  # in the place of every secret where none is needed
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_CREDENTIAL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,127}")
_PROXY = re.compile(r"https?://(?:[^@/?#\s]+@)?[^@/?#\s]+/?")
_HEADER_SAFE = re.compile(r"[!-~]+")


def _secret(value: object, info: ValidationInfo) -> Secret:
    source, name = _reference(value)
    around = surroundings(info)
    if not around.reads_secrets:
        return _UNREAD
    if source == "env":
        text = _from_environment(name, around)
    elif source == "file":
        text = _from_file(located(name, around))
    else:
        text = _from_systemd(name, around)
    return guard(Secret(_one_line(text)))


def _reference(value: object) -> tuple[str, str]:
    """Return the kind of place and its name. What stands here may be a secret: never echo it."""
    if isinstance(value, str):
        raise refusal("is a secret in plain text", f"{_HOW}, and replace the secret: it was seen")
    if not isinstance(value, dict) or len(value) != 1 or not set(value) <= set(_SOURCES):
        raise refusal("does not say where the secret lies", _HOW)
    ((source, name),) = value.items()
    if not isinstance(name, str) or not name:
        raise refusal(f"has a {source} that is not a name", _HOW)
    return str(source), name


def _from_environment(name: str, around: Surroundings) -> str:
    if _ENV_NAME.fullmatch(name) is None:
        raise refusal("has an env that is not a variable's name", 'write { env = "NAME" }')
    text = around.environ.get(name)
    if text is None:
        raise refusal(f"the environment variable {name} is not set", f"set {name}")
    return text


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = "" if mode & 0o077 else file.read().decode()
    except FileNotFoundError:
        raise refusal(f"the secret file {path} does not exist", "create it") from None
    except UnicodeDecodeError:
        raise refusal(f"the secret file {path} is not UTF-8 text", "save it as text") from None
    except OSError as error:
        raise refusal(
            f"the secret file {path} cannot be read: {error.strerror}",
            "let the user that runs the auditor, and nobody else, read it",
        ) from None
    if mode & 0o077:
        raise refusal(
            f"the secret file {path} is open to its group or to others "
            f"(mode {stat.S_IMODE(mode):04o})",
            f"chmod 600 {shlex.quote(str(path))}",
        )
    return text


def _from_systemd(name: str, around: Surroundings) -> str:
    if _CREDENTIAL_NAME.fullmatch(name) is None:
        raise refusal("has a credential that is not a name", 'write { credential = "NAME" }')
    directory = around.environ.get("CREDENTIALS_DIRECTORY")
    add = f"add LoadCredential={name}:PATH to the unit"
    if not directory:
        raise refusal(
            f"the systemd credential {name} is not here: $CREDENTIALS_DIRECTORY is not set",
            f"{add}, and outside of it set CREDENTIALS_DIRECTORY to the service's",
        )
    try:
        return (Path(directory) / name).read_bytes().decode()
    except UnicodeDecodeError:
        raise refusal(
            f"the systemd credential {name} is not UTF-8 text", "save it as text"
        ) from None
    except OSError as error:
        raise refusal(
            f"the systemd credential {name} cannot be read: {error.strerror}", add
        ) from None


def _one_line(text: str) -> str:
    # An editor ends a file with a line break, and a server refuses a key that ends with one.
    secret = text.rstrip("\r\n")
    if not secret.strip():
        raise refusal("the secret is empty", "put the secret there")
    if not secret.isprintable():
        raise refusal("the secret holds a line break or a control character", "keep one line")
    return secret


def _fit_for_header(secret: Secret) -> Secret:
    if _HEADER_SAFE.fullmatch(secret.reveal()) is None:
        raise refusal("the secret holds a blank or a letter outside ASCII", "copy it once more")
    return secret


def _ping_url(value: object, info: ValidationInfo) -> Secret:
    """Return a URL that is a secret itself, written plainly or where it lies: never echo it."""
    secret = guard(Secret(value)) if isinstance(value, str) else _secret(value, info)
    if secret is not _UNREAD:
        _require_url(secret.reveal())
    return secret


def _require_url(text: str) -> None:
    remedy = "write it as https://hc-ping.com/UUID"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise refusal("is not a URL", remedy) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise refusal("is not a URL of http or https", remedy)
    if "@" in parts.netloc:
        raise refusal("holds a user or a password", "leave them out")
    if _HEADER_SAFE.fullmatch(text) is None or parts.fragment:
        raise refusal("holds a blank, a fragment or a letter outside ASCII", remedy)


def _proxy(value: object, info: ValidationInfo) -> Secret:
    """Return the address of a proxy; one without a password may stand in the file."""
    address = Secret(value) if isinstance(value, str) else _secret(value, info)
    if address != _UNREAD and _PROXY.fullmatch(address.reveal()) is None:
        raise refusal("is not the address of a proxy", "write it as http://proxy.example.org:3128")
    if isinstance(value, str) and "@" in value:
        raise refusal("holds a user or a password", 'write { env = "NAME" } and put it there')
    return address


AnySecret = Annotated[Secret, PlainValidator(_secret)]
PingUrl = Annotated[Secret, PlainValidator(_ping_url)]
HeaderSecret = Annotated[Secret, PlainValidator(_secret), AfterValidator(_fit_for_header)]
ProxyAddress = Annotated[Secret, PlainValidator(_proxy)]
