"""One page after another: what became of each, and the mark of what it shows."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from enum import Enum, auto

from auditor.errors import AuditorError

logger = logging.getLogger(__name__)


class PageResult(Enum):
    """What became of one page.

    Attributes:
        REFUSED: the folder does not take it, so it takes no other.
        FAILED: something about this page alone; the next run tries it again.
    """

    WRITTEN = auto()
    REFUSED = auto()
    FAILED = auto()


def try_to_write(what: str, write: Callable[[], None]) -> PageResult:
    """Write a page; one that cannot be written does not stop the index from being written.

    Raises:
        AuditorError: the database failed, which concerns every page.
    """
    try:
        write()
    except AuditorError:
        raise
    except OSError as error:
        logger.error("page of %s not written: %s", what, error)  # noqa: TRY400 - the error says all
        return PageResult.REFUSED
    except Exception:
        logger.exception("page of %s not written, the others are", what)
        return PageResult.FAILED
    return PageResult.WRITTEN


def digest_of(*parts: object) -> str:
    """Return the mark of a page that shows these parts."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
