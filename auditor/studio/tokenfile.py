"""The file that stores the tokens of a login: only its owner can read it.

A refresh token may be valid for one use only. A refresh therefore holds the lock file from reading
the tokens until they are replaced, and the new tokens are on disk before they are used.
"""

from __future__ import annotations

import asyncio
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
from auditor.files import replace_file, sync, try_lock
from auditor.redaction import Secret
from auditor.studio.grants import Tokens, is_access_token, is_refresh_token

_LOCK_INTERVAL = timedelta(milliseconds=50)
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class TokenFile:
    """The file of one login.

    Attributes:
        issuer: base URL and client id that its tokens are for; no other gets them.
    """

    path: Path
    issuer: tuple[str, str]

    def read(self) -> Tokens:
        """Return the tokens of the last login or refresh.

        Raises:
            NoTokenError: `unauthorized`: there are none, other users can read the file, or it is
                for another client.
        """
        document = _object(self._content())
        if not document:
            raise _refused(
                f"{self.path} contains no login: move it away or set token_file to another file, "
                "then run `auditor login`"
            )
        access, refresh = document.get("access_token"), document.get("refresh_token")
        if [document.get("base_url"), document.get("client_id")] != list(self.issuer):
            # A new login alone would not help: two clients would replace each other's login.
            raise _refused(
                f"{self.path} contains the login of another client_id or base_url: if that one is "
                "still in use, give each its own token_file; then run `auditor login`"
            )
        if not is_access_token(access) or not (refresh is None or is_refresh_token(refresh)):
            raise _refused(f"{self.path} contains an invalid token: run `auditor login`")
        return Tokens(
            access=Secret(access),
            asked_at=_moment(document.get("asked_at")) or _LONG_AGO,
            expires_at=_moment(document.get("expires_at")),
            refresh=None if refresh is None else Secret(refresh),
        )

    def require_free(self) -> None:
        """Refuse to replace a file that is not a login.

        Raises:
            UsageError: the file is something else.
        """
        try:
            is_free = not self.path.exists() or self._is_login()
        except OSError as error:
            raise self._unreadable(error) from error
        if not is_free:
            raise UsageError(
                f"{self.path} exists and contains no login, so it is not replaced: set token_file "
                "to another file, or move this one away if it is not needed"
            )

    def write(self, tokens: Tokens) -> None:
        """Replace the file atomically: a reader sees the old or the new tokens.

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
            # Only one process holds the lock, so a crash leaves at most one draft.
            content = json.dumps(document).encode()
            replace_file(self.path, content, mode=0o600, draft_suffix="new")
            sync(self.path.parent)
        except OSError as error:
            raise self._unwritable(error) from error

    @asynccontextmanager
    async def lock(self, timeout: timedelta) -> AsyncIterator[None]:
        """Lock the file against other processes; a crash releases the lock.

        Raises:
            NoTokenError: another process holds it for longer than `timeout`, or the folder cannot
                be written, which must be known before a refresh token is used.
        """
        file = self._open_lock_file()
        try:
            try:
                await _acquire(file, self.path, timeout)
            except OSError as error:  # a file system without locks
                raise self._unwritable(error) from error
            yield
        finally:
            os.close(file)

    def _open_lock_file(self) -> int:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The file is never removed: that would race with the next process.
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            file = os.open(f"{self.path}.lock", flags, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        if not os.access(self.path.parent, os.W_OK | os.X_OK):
            os.close(file)
            raise self._unwritable(PermissionError(13, os.strerror(13)))
        return file

    def _is_login(self) -> bool:
        """Return whether the file may be replaced: it is a login of any client, or empty."""
        if not self.path.is_file():
            return False
        with self.path.open("rb") as file:
            text = file.read(_MAX_BYTES)
        return text == b"" or {"base_url", "client_id", "access_token"} <= _object(text).keys()

    def _content(self) -> bytes:
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if mode & 0o077:
                    raise _refused(
                        f"other users can access the token file {self.path} (mode "
                        f"{stat.S_IMODE(mode):04o}): chmod 600 {shlex.quote(str(self.path))}, and "
                        "run `auditor login` again if somebody may have read it"
                    )
                return file.read(_MAX_BYTES)
        except FileNotFoundError:
            raise _refused(
                f"nobody has logged in yet ({self.path} does not exist): run `auditor login`"
            ) from None
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> NoTokenError:
        return _refused(
            f"the token file {self.path} cannot be read ({error.strerror}): let the user "
            "that runs the auditor, and nobody else, read it"
        )

    def _unwritable(self, error: OSError) -> NoTokenError:
        return _refused(
            f"the token file {self.path} cannot be written ({error.strerror}): set token_file to "
            "a file that the auditor's user can write, then run `auditor login`"
        )


async def _acquire(file: int, path: Path, timeout: timedelta) -> None:
    for _ in range(max(1, timeout // _LOCK_INTERVAL)):
        if try_lock(file):
            return
        await asyncio.sleep(_LOCK_INTERVAL.total_seconds())
    message = f"another process holds the token file {path}"
    raise NoTokenError("timeout", message, transient=True)


def _object(text: bytes) -> dict[str, Any]:
    """Return the JSON object in `text`, an empty one if there is none."""
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


def _refused(message: str) -> NoTokenError:
    return NoTokenError("unauthorized", message, whole_project=True)
