"""What a login leaves on disk: one file that only its owner reads, replaced as a whole.

A refresh token may be good for one use. So who renews holds the lock beside the file from reading
it to having replaced it, and the new token is on disk before anybody uses it.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shlex
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from auditor.errors import NoTokenError, UsageError
from auditor.redaction import Secret
from auditor.studio.grants import Tokens, is_access_token, is_refresh_token

_LOOK_AGAIN = timedelta(milliseconds=50)
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class TokenFile:
    """The file of one login.

    Attributes:
        issuer: the base address and client that its tokens are for; they go to no other.
    """

    path: Path
    issuer: tuple[str, str]

    def read(self) -> Tokens:
        """Return what the last login or refresh left.

        Raises:
            NoTokenError: `unauthorized`: there is none, others can read it, or it is not for this
                client.
        """
        document = self._document()
        access, refresh = document.get("access_token"), document.get("refresh_token")
        if [document.get("base_url"), document.get("client_id")] != list(self.issuer):
            raise self._of_another()
        if not is_access_token(access) or not (refresh is None or is_refresh_token(refresh)):
            raise _no_login(f"{self.path} holds a token that no server gives")
        return Tokens(
            access=Secret(access),
            asked_at=_moment(document.get("asked_at")) or _LONG_AGO,
            expires_at=_moment(document.get("expires_at")),
            refresh=None if refresh is None else Secret(refresh),
        )

    def require_free(self) -> None:
        """Refuse to put a login in the place of a file that is something else.

        Raises:
            UsageError: there is one.
        """
        try:
            is_free = not self.path.exists() or self._is_login()
        except OSError as error:
            raise self._unreadable(error) from error
        if not is_free:
            raise UsageError(
                f"{self.path} is there and holds no login, so none is put in its place: set "
                "token_file to another file, or move this one away where nobody needs it"
            )

    def write(self, tokens: Tokens) -> None:
        """Replace the file; whoever reads it meets the old or the new one whole.

        Raises:
            NoTokenError: `unauthorized`: it cannot be written.
        """
        base_url, client_id = self.issuer
        document = {
            "base_url": base_url,
            "client_id": client_id,
            "access_token": tokens.access.reveal(),
            "asked_at": tokens.asked_at.isoformat(),
            "expires_at": tokens.expires_at.isoformat() if tokens.expires_at else None,
            "refresh_token": tokens.refresh.reveal() if tokens.refresh else None,
        }
        try:
            _replace(self.path, json.dumps(document).encode())
        except OSError as error:
            raise self._unwritable(error) from error

    @asynccontextmanager
    async def held(self, patience: timedelta) -> AsyncIterator[None]:
        """Hold the file against other processes; a crash lets go.

        Raises:
            NoTokenError: another process holds it for too long (`timeout`), or the folder cannot
                be written, which is better known before a token is used up.
        """
        file = self._lock_file()
        try:
            await _locked(file, self.path, patience)
            yield
        finally:
            os.close(file)

    def _lock_file(self) -> int:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # It stays, for to remove it would race with the next.
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            file = os.open(f"{self.path}.lock", flags, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        if not os.access(self.path.parent, os.W_OK | os.X_OK):
            os.close(file)
            raise self._unwritable(PermissionError(13, os.strerror(13)))
        return file

    def _is_login(self) -> bool:
        """Return whether what is there may be replaced: a login, of whoever, or nothing yet."""
        if not self.path.is_file():
            return False
        with self.path.open("rb") as file:
            text = file.read(_MAX_BYTES)
        return text == b"" or {"base_url", "client_id", "access_token"} <= _object(text).keys()

    def _document(self) -> dict[str, Any]:
        document = _object(self._text())
        if not document:
            raise NoTokenError(
                "unauthorized",
                f"{self.path} holds no login: move it away or set token_file to another file, "
                "then run `auditor login`",
                whole_project=True,
            )
        return document

    def _text(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if mode & 0o077:
                    raise _open_to_others(self.path, mode)
                return file.read(_MAX_BYTES)
        except FileNotFoundError:
            raise _no_login(f"nobody has logged in yet ({self.path} is not there)") from None
        except OSError as error:
            raise self._unreadable(error) from error

    def _of_another(self) -> NoTokenError:
        # To log in again is no remedy where two take turns: each would put the other's out.
        return NoTokenError(
            "unauthorized",
            f"{self.path} is the login of another client_id or base_url: where that one is still "
            "in use, give each its own token_file; then run `auditor login`",
            whole_project=True,
        )

    def _unreadable(self, error: OSError) -> NoTokenError:
        return NoTokenError(
            "unauthorized",
            f"the token file {self.path} cannot be read ({error.strerror}): let the user that "
            "runs the auditor, and nobody else, read it",
            whole_project=True,
        )

    def _unwritable(self, error: OSError) -> NoTokenError:
        return NoTokenError(
            "unauthorized",
            f"the token file {self.path} cannot be written ({error.strerror}): set token_file to "
            "a place that the auditor's user can write, then run `auditor login`",
            whole_project=True,
        )


async def _locked(file: int, path: Path, patience: timedelta) -> None:
    for _ in range(max(1, patience // _LOOK_AGAIN)):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        await asyncio.sleep(_LOOK_AGAIN.total_seconds())
    message = f"another process holds the token file {path}"
    raise NoTokenError("timeout", message, transient=True)


def _replace(path: Path, content: bytes) -> None:
    # One writer at a time has the lock, so one name will do, and a crash leaves at most that one.
    draft = path.with_name(f".{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.open(draft, flags, 0o600)
    with os.fdopen(file, "wb") as written:
        os.fchmod(file, 0o600)  # a draft that a crash left may have had another mode
        written.write(content)
        written.flush()
        os.fsync(file)
    draft.replace(path)
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _object(text: bytes) -> dict[str, Any]:
    """Return the JSON object that it is, empty where it is none."""
    with suppress(ValueError, RecursionError):
        document = json.loads(text)
        if isinstance(document, dict):
            return document
    return {}


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _open_to_others(path: Path, mode: int) -> NoTokenError:
    return NoTokenError(
        "unauthorized",
        f"the token file {path} is open to its group or to others (mode "
        f"{stat.S_IMODE(mode):04o}): chmod 600 {shlex.quote(str(path))}, and run `auditor login` "
        "again if somebody may have read it",
        whole_project=True,
    )


def _no_login(what: str) -> NoTokenError:
    return NoTokenError("unauthorized", f"{what}: run `auditor login`", whole_project=True)
