"""The bytes of one answer, decoded as they come in and never more of them than allowed."""

from __future__ import annotations

import zlib

from auditor.errors import StudioError

ACCEPTED = "gzip, deflate"
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS
_PLAIN = frozenset({"", "identity"})
_COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})


_OVERHEAD = 64 * 1024  # what does not compress grows a little


class Body:
    """Collects an answer chunk by chunk; `max_bytes` holds for it encoded and decoded.

    It decodes by itself: the HTTP library's decoders unfold a chunk whole, which for stacked or
    hostile encodings has no bound.
    """

    __slots__ = ("_encoded_room", "_max_bytes", "_parts", "_room", "_unpacker")

    def __init__(self, encoding: str, *, max_bytes: int) -> None:
        self._unpacker = _unpacker(encoding.strip().lower())
        self._parts: list[bytes] = []
        self._max_bytes = max_bytes
        self._room = max_bytes
        self._encoded_room = max_bytes + _OVERHEAD

    def add(self, chunk: bytes) -> None:
        """Take the next chunk off the wire; raises `StudioError` (`too_large`, `not_json`)."""
        part = chunk if self._unpacker is None else self._unpacked(self._unpacker, chunk)
        self._room -= len(part)
        self._encoded_room -= len(chunk)  # empty blocks unpack to nothing, without end
        if self._room < 0 or self._encoded_room < 0:
            raise StudioError("too_large", f"the answer is larger than {self._max_bytes} bytes")
        self._parts.append(part)

    def whole(self) -> bytes:
        """Return everything taken; raises `StudioError` where compressed data ended early."""
        if self._unpacker is not None and not self._unpacker.eof:
            raise StudioError("unreachable", "the answer ended halfway", transient=True)
        if self._unpacker is not None and self._unpacker.unused_data:
            raise _damaged()  # something stands behind the end of what was compressed
        return b"".join(self._parts)

    def _unpacked(self, unpacker: zlib._Decompress, chunk: bytes) -> bytes:
        limit = self._room + 1  # one more than allowed is enough to know
        try:
            return unpacker.decompress(chunk, limit)
        except zlib.error as error:
            if self._parts:
                raise _damaged() from error
        # RFC 9110 section 8.4.1.2: some servers send "deflate" without its zlib wrapping.
        self._unpacker = zlib.decompressobj(_RAW_DEFLATE)
        try:
            return self._unpacker.decompress(chunk, limit)
        except zlib.error as error:
            raise _damaged() from error


def _unpacker(encoding: str) -> zlib._Decompress | None:
    if encoding in _PLAIN:
        return None
    if encoding in _COMPRESSED:
        return zlib.decompressobj(_GZIP_OR_ZLIB)
    raise StudioError("not_json", "the answer has a content encoding that was not asked for")


def _damaged() -> StudioError:
    return StudioError("not_json", "the answer is compressed and cannot be unpacked")
