"""Every error the auditor raises on purpose, in one tree.

AuditorError                     exit 2 unless a subclass says otherwise; of the daemon 75
├── ConfigError                  the configuration cannot be used; names every wrong key (2)
├── UsageError                   what was asked for does not exist or makes no sense (2)
├── RunStoppedError              a person or the system stopped the run (130 or 143)
├── DocumentError                a document has no canonical form (NaN, an infinity, no JSON)
├── StudioError                  Studio gave no valid answer
│   └── NoTokenError             there is no OAuth2 token to ask Studio with
├── StoreError
│   ├── StoreUnreachableError    no connection, locked for too long, disk full, read-only
│   ├── SchemaVersionError       the database is older or newer than this program (2)
│   ├── UnfitDatabaseError       no database that can serve this configuration (2)
│   ├── DamagedDatabaseError     the database file is corrupt (exit 78)
│   ├── RunUnderWayError         another run holds the database
│   ├── DeliveryUnderWayError    another process delivers the messages
│   ├── ServedError              another daemon serves the database
│   ├── LockLostError            a lock went, and another process has what it guarded
│   └── AlreadyRunError          this slot of the schedule has its run
├── WebError                     a web server did not answer
└── DeliveryError                a mail server or a channel did not take a message
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

_PASSING = frozenset(
    {
        *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EINTR, errno.EBUSY),
        *(errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.ESTALE, errno.ETIMEDOUT),
    }
)


def may_pass(error: OSError) -> bool:
    """Return whether the machine, and not what was asked for, is the cause of the error."""
    return error.errno in _PASSING


class AuditorError(Exception):
    """Base of all errors that the auditor raises on purpose."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong key of a configuration: where it is, what is wrong, what to do."""

    key: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message} ({self.remedy})"


class ConfigError(AuditorError):
    """The configuration cannot be used; `problems` names every wrong key at once."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        self.source = source
        self.problems = problems
        super().__init__("\n".join([f"{source} cannot be used:", *(f"  {p}" for p in problems)]))


class UsageError(AuditorError):
    """What was asked for does not exist or makes no sense."""


class RunStoppedError(AuditorError):
    """A person or the system stopped the run before its end; it is stored as abandoned."""


class DocumentError(AuditorError):
    """A document has no canonical form."""


class StudioError(AuditorError):
    """Studio gave no valid answer.

    Attributes:
        kind: one word for programs: `timeout`, `unreachable`, `unauthorized`, `forbidden`,
            `http`,
            `rate_limited`, `not_json`, `refused`, `invalid`, `too_large`, `redirect`.
        transient: asking again at once may help.
        may_pass: asking again in some minutes may help.
        retry_after: how long the server asked to wait, where it did.
        whole_project: the cause holds for every block of the project, so asking on is no use.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        transient: bool = False,
        may_pass: bool = False,
        retry_after: timedelta | None = None,
        whole_project: bool = False,
    ) -> None:
        self.kind = kind
        self.message = message
        self.transient = transient
        self.may_pass = transient or may_pass
        self.retry_after = retry_after
        self.whole_project = whole_project
        super().__init__(message)

    def again(self) -> Self:
        """Return a new error; raised in many places, one error would collect their tracebacks."""
        return type(self)(
            self.kind,
            self.message,
            transient=self.transient,
            may_pass=self.may_pass,
            retry_after=self.retry_after,
            whole_project=self.whole_project,
        )


class NoTokenError(StudioError):
    """There is no OAuth2 token to ask Studio with; the message says what to do."""


class StoreError(AuditorError):
    """The database could not do what was asked."""


class StoreUnreachableError(StoreError):
    """No connection, locked for too long, disk full or read-only."""


class SchemaVersionError(StoreError):
    """The database's schema is older or newer than this program."""


class UnfitDatabaseError(StoreError):
    """What `database.url` names cannot serve this configuration, and trying again is no use."""


class DamagedDatabaseError(StoreError):
    """The database file is corrupt; going on would spread the damage."""

    exit_code = 78


class RunUnderWayError(StoreError):
    """Another run on the same database has not ended."""


class DeliveryUnderWayError(StoreError):
    """Another process delivers the messages of the same database."""


class ServedError(StoreError):
    """Another daemon serves the same database."""


class LockLostError(StoreError):
    """A lock was lost with its connection, and another process has what it guarded."""


class AlreadyRunError(StoreError):
    """This slot of the schedule already has its run."""


class WebError(AuditorError):
    """A web server did not answer; the words do not contain its URL.

    Attributes:
        is_final: trying again at once is no use.
    """

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        self.is_final = is_final
        super().__init__(message)


class DeliveryError(AuditorError):
    """A mail server or a channel did not take a message.

    Attributes:
        permanent: trying again is no use (5xx of mail, 4xx of a channel).
        is_unavailable: other messages would not be taken now either.
    """

    def __init__(self, message: str, *, permanent: bool, is_unavailable: bool = False) -> None:
        self.permanent = permanent
        self.is_unavailable = is_unavailable
        super().__init__(message)
