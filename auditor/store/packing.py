"""How documents are stored in a blob: compressed with a dictionary that resembles them.

A blob is one byte that says how it is packed, a CRC-32, and the packed content. The CRC covers
the byte and the content, so that every altered bit is noticed; zstd ignores some bits of a frame.
Once released, a way of packing and its dictionary never change: `answers-2` would be a new way.
"""

from __future__ import annotations

import json
import zlib
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import cast

import zstandard
from sqlalchemy import ColumnElement, LargeBinary, func

from auditor.errors import DamagedDatabaseError
from auditor.model import Json

_LEVEL = 9  # higher levels make answers of 3 KB no smaller
_HEADER = 5
_HASH = 32


class Packing(IntEnum):
    """What a blob was packed with."""

    PLAIN = 0
    ANSWERS_1 = 1
    ANCHOR = 2
    PRUNED = 3


PRUNED_MARK = bytes([Packing.PRUNED])


def pack(content: bytes) -> bytes:
    """Return `content` as a blob that needs no other to be read."""
    frame = _compressor(_answers_1()).compress(content)
    if len(frame) < len(content):
        return _blob(Packing.ANSWERS_1, frame)
    return _blob(Packing.PLAIN, content)


def pack_against(content: bytes, anchor: bytes) -> bytes:
    """Return `content` as a blob that can be read only with `anchor`, an earlier document."""
    return _blob(Packing.ANCHOR, _compressor(_raw_dictionary(anchor)).compress(content))


def unpack(blob: bytes, *, anchor: bytes | None = None) -> bytes:
    """Return what was packed.

    Raises:
        DamagedDatabaseError: the blob, or its `anchor`, is not what was stored.
    """
    frame = _frame(blob)
    try:
        return _unpacked(Packing(blob[0]), frame, anchor)
    except (zstandard.ZstdError, ValueError) as error:
        raise DamagedDatabaseError(_DAMAGED) from error


def needs_anchor(blob: bytes) -> bool:
    """Return whether the blob needs its anchor to be read."""
    return blob[:1] == bytes([Packing.ANCHOR])


def pack_pruned(*hashes: str) -> bytes:
    """Return the blob that takes a pruned document's place: the hashes that the chain covers."""
    return _blob(Packing.PRUNED, b"".join(map(bytes.fromhex, hashes)))


def is_pruned(blob: bytes) -> bool:
    """Return whether the document was pruned."""
    return blob[:1] == PRUNED_MARK


def has_pruned_mark(document: ColumnElement[bytes]) -> ColumnElement[bool]:
    """Return `is_pruned` in SQL, for a column of blobs."""
    return func.substr(document, 1, 1, type_=LargeBinary) == PRUNED_MARK


def pruned_hashes(blob: bytes) -> tuple[str, ...]:
    """Return what `pack_pruned` was given.

    Raises:
        DamagedDatabaseError: the blob is not what was stored.
    """
    frame = _frame(blob)
    if not is_pruned(blob) or len(frame) % _HASH:
        raise DamagedDatabaseError(_DAMAGED)
    return tuple(frame[n : n + _HASH].hex() for n in range(0, len(frame), _HASH))


def pack_json(value: Json) -> bytes:
    """Return a value as a blob of compact JSON."""
    return pack(json.dumps(value, separators=(",", ":")).encode("ascii"))


def unpack_json(blob: bytes) -> Json:
    """Return the value that `pack_json` packed."""
    return cast(Json, json.loads(unpack(blob)))


_DAMAGED = (
    "a stored document is not what was stored; run `auditor verify`, and restore the database "
    "from your last backup"
)


def _frame(blob: bytes) -> bytes:
    packed, crc, frame = blob[:1], blob[1:_HEADER], blob[_HEADER:]
    if crc != _crc(packed + frame):
        raise DamagedDatabaseError(_DAMAGED)
    return frame


def _unpacked(packing: Packing, frame: bytes, anchor: bytes | None) -> bytes:
    match packing:
        case Packing.PLAIN:
            return frame
        case Packing.ANSWERS_1:
            return _decompressed(frame, _answers_1())
        case Packing.ANCHOR if anchor is not None:
            return _decompressed(frame, _raw_dictionary(anchor))
        case Packing.ANCHOR:
            raise ValueError("it needs its anchor")
        case Packing.PRUNED:
            raise ValueError("it was dropped, though it was needed")


def _decompressed(frame: bytes, dictionary: zstandard.ZstdCompressionDict) -> bytes:
    decompressor = zstandard.ZstdDecompressor(
        dict_data=dictionary, format=zstandard.FORMAT_ZSTD1_MAGICLESS
    )
    return decompressor.decompress(frame, allow_extra_data=False)


def _blob(packing: Packing, frame: bytes) -> bytes:
    packed = bytes([packing])
    return packed + _crc(packed + frame) + frame


def _crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "big")


def _compressor(dictionary: zstandard.ZstdCompressionDict) -> zstandard.ZstdCompressor:
    """Return a new compressor: each is for one thread only, and takes 25 microseconds to make."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_dict_id=False
    )
    return zstandard.ZstdCompressor(dict_data=dictionary, compression_params=parameters)


def _raw_dictionary(content: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


@cache
def _answers_1() -> zstandard.ZstdCompressionDict:
    content = Path(__file__).with_name("answers-1.dictionary").read_bytes()
    dictionary = _raw_dictionary(content)
    dictionary.precompute_compress(level=_LEVEL)
    return dictionary
