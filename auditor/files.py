"""Files that are written whole or not at all, why one is not, and locks on files."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from pathlib import Path

_REMEDIES = {
    errno.ENOSPC: "make room on its disk",
    errno.EDQUOT: "make room, or raise the quota",
    errno.EROFS: "mount its disk writable, or name another folder",
    errno.EACCES: "let the user of this command write there, or name another folder",
    errno.EPERM: "let the user of this command write there, or name another folder",
    errno.ENOTDIR: "it is no folder: name another, or remove the file in its place",
    errno.EEXIST: "it is no folder: name another, or remove the file in its place",
}


def describe_unwritable(folder: Path, error: OSError) -> str:
    """Return why a folder cannot be written, with what to do about it."""
    if error.errno is None:
        return str(error)  # our own words
    remedy = _REMEDIES.get(error.errno)
    if remedy is None:
        return f"{folder} cannot be written: {error}"
    return f"{folder} cannot be written, {(error.strerror or str(error)).lower()}: {remedy}"


def open_draft(path: Path, *, mode: int, suffix: str = "") -> tuple[int, Path]:
    """Open an empty file in the folder of `path`, to be written and then moved to `path`.

    A draft with a `suffix` is for a single writer: the draft that a crash left is used again.
    Other drafts have random names.
    """
    draft = path.with_name(f".{path.name}.{suffix or secrets.token_hex(4)}")
    flags = os.O_TRUNC if suffix else os.O_EXCL
    flags |= os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.open(draft, flags, mode)
    os.fchmod(file, mode)  # the umask, or a crash, may have left another mode
    return file, draft


def replace_file(path: Path, content: bytes, *, mode: int, draft_suffix: str = "") -> None:
    """Replace a file so that a reader, or a crash, sees the old content or the new.

    The file is on the disk then, its name only after `sync` of its folder. See `open_draft` for
    `draft_suffix`.
    """
    file, draft = open_draft(path, mode=mode, suffix=draft_suffix)
    try:
        with os.fdopen(file, "wb") as written:
            written.write(content)
            written.flush()
            os.fsync(file)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Have what was written to a file, or the names in a folder, on the disk."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def try_lock(file: int, *, is_shared: bool = False) -> bool:
    """Lock an open file against other processes, until it is closed; return whether it worked.

    A shared lock is given to several, while nobody has the other one.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
