"""The faults by name, and for which requests one is in force."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from auditor.demo.replies import Reply
from auditor.model import TargetId

_PROJECT = re.compile(r"/api/(\d+)/")


class Fault(StrEnum):
    """What goes wrong with an answer; docs/faults.md tells what the auditor makes of each."""

    HTTP_204 = "http_204"
    HTTP_206 = "http_206"
    HTTP_304 = "http_304"
    HTTP_400 = "http_400"
    HTTP_401 = "http_401"
    HTTP_403 = "http_403"
    HTTP_404 = "http_404"
    HTTP_405 = "http_405"
    HTTP_408 = "http_408"
    HTTP_409 = "http_409"
    HTTP_410 = "http_410"
    HTTP_418 = "http_418"
    HTTP_429 = "http_429"
    HTTP_429_DATE = "http_429_date"
    HTTP_429_ABSURD = "http_429_absurd"
    HTTP_500 = "http_500"
    HTTP_502 = "http_502"
    HTTP_503 = "http_503"
    HTTP_504 = "http_504"

    REDIRECT = "redirect"
    REDIRECT_LOOP = "redirect_loop"
    REDIRECT_HOST = "redirect_host"
    REDIRECT_FILE = "redirect_file"
    REDIRECT_SECRET = "redirect_secret"  # noqa: S105 - a fault's name

    CLOSE = "close"
    RESET = "reset"
    SLOW = "slow"
    DRIP = "drip"
    HALF_BODY = "half_body"
    HALF_CHUNKED = "half_chunked"
    ENDLESS_HEADERS = "endless_headers"

    TOO_LARGE = "too_large"
    TOO_LARGE_CHUNKED = "too_large_chunked"
    GZIP_BOMB = "gzip_bomb"
    DEFLATE_BOMB = "deflate_bomb"
    BROTLI_BOMB = "brotli_bomb"
    ZSTD_BOMB = "zstd_bomb"
    DOUBLE_GZIP = "double_gzip"
    UNKNOWN_ENCODING = "unknown_encoding"
    BROKEN_GZIP = "broken_gzip"

    EMPTY_BODY = "empty_body"
    HTML = "html"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    NOT_JSON = "not_json"
    INFINITY = "infinity"
    BYTE_ORDER_MARK = "byte_order_mark"
    INVALID_UTF8 = "invalid_utf8"
    DUPLICATE_KEYS = "duplicate_keys"
    HUGE_INTEGER = "huge_integer"
    HUGE_EXPONENT = "huge_exponent"
    DEEP_NESTING = "deep_nesting"
    LONE_SURROGATE = "lone_surrogate"
    NUL_IN_TEXT = "nul_in_text"

    REFUSED = "refused"
    REFUSED_KEY = "refused_key"
    ERROR_WITH_SECRET = "error_with_secret"  # noqa: S105 - a fault's name
    HEADER_ECHO = "header_echo"
    SUCCESS_ABSENT = "success_absent"
    SUCCESS_TEXT = "success_text"
    MISSING_KEY = "missing_key"
    WRONG_TYPE = "wrong_type"
    MOST_KEYS_GONE = "most_keys_gone"
    NOT_AN_OBJECT = "not_an_object"
    EMPTIED = "emptied"

    LISTING_EMPTY = "listing_empty"
    LISTING_HTML = "listing_html"
    LISTING_REFUSED = "listing_refused"
    LISTING_WRONG_TYPE = "listing_wrong_type"

    @property
    def is_of_listing(self) -> bool:
        """Return whether it strikes listings and nothing else."""
        return self.startswith("listing_")

    @property
    def is_fleeting(self) -> bool:
        """Return whether Studio itself shows it now and then, and no longer a moment later."""
        return self in {Fault.EMPTIED, Fault.LISTING_EMPTY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a fault can depend on: what was asked for, and the credential it came with."""

    path: str
    target: TargetId | None
    secret: str = ""

    @property
    def is_listing(self) -> bool:
        """Return whether it asks for the blocks of a project, or for the projects."""
        return self.path.endswith(("/impulses", "/projects"))

    @property
    def project_id(self) -> int | None:
        """Return the project that is asked about."""
        found = _PROJECT.search(self.path)
        return int(found[1]) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoiling:
    """What a fault works on: the request, and the answer that would have been right."""

    request: Request
    good: Reply
    retry_after: str


@dataclass(kw_only=True)
class Trouble:
    """A fault in force: for one target or all, for so many requests or (None) for good.

    A fault of a listing is one for the listing of the target's project.

    Attributes:
        path: how the path of a request ends that meets it.
    """

    fault: Fault
    target: TargetId | None
    times: int | None
    retry_after: str = "1"
    path: str = ""

    def strikes(self, request: Request) -> bool:
        """Return whether a request meets the fault, and count it if so."""
        if not self._concerns(request) or self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def _concerns(self, request: Request) -> bool:
        if not request.path.endswith(self.path):
            return False
        if not self.fault.is_of_listing:
            return self.target in {None, request.target}
        of_project = self.target is None or self.target.project_id == request.project_id
        return request.is_listing and of_project
