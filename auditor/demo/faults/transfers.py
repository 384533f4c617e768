"""Answers that fail on their way: connections that end, trickle or never do, and sizes."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

from auditor.demo.faults.names import Fault, Spoiling
from auditor.demo.replies import Reply

_MEBI = 1024 * 1024
_SPACES = b" " * _MEBI
_LARGE = 400
_UNPACKED = 300
"""How large the large answers are, and what the bombs unpack to, in MiB."""


def of_transfer() -> dict[Fault, Callable[[Spoiling], Reply | None]]:
    """Return how each fault of this kind answers, None where there is no answer at all."""
    return {
        Fault.CLOSE: lambda _: None,
        Fault.RESET: lambda spoiling: replace(_half(spoiling), resets=True),
        Fault.SLOW: lambda spoiling: replace(spoiling.good, delay_s=60.0),
        Fault.DRIP: _drip,
        Fault.HALF_BODY: _half,
        Fault.HALF_CHUNKED: lambda spoiling: replace(
            _half(spoiling), promised=None, chunked=True, unfinished=True
        ),
        Fault.ENDLESS_HEADERS: lambda spoiling: replace(spoiling.good, endless_head=True),
        Fault.TOO_LARGE: lambda _: Reply(stream=_spaces, promised=_LARGE * _MEBI),
        Fault.TOO_LARGE_CHUNKED: lambda _: Reply(stream=_spaces, chunked=True),
        Fault.GZIP_BOMB: lambda _: _encoded("gzip", _gzip_bomb()),
        Fault.DEFLATE_BOMB: lambda _: _encoded("deflate", _deflate_bomb()),
        Fault.BROTLI_BOMB: lambda _: _encoded("br", base64.b64decode(_BROTLI_BOMB)),
        Fault.ZSTD_BOMB: lambda _: _encoded("zstd", _zstd_bomb()),
        Fault.DOUBLE_GZIP: lambda spoiling: _encoded(
            "gzip, gzip", gzip.compress(gzip.compress(spoiling.good.body))
        ),
        Fault.UNKNOWN_ENCODING: lambda spoiling: _encoded("x-rot13", spoiling.good.body),
        Fault.BROKEN_GZIP: lambda spoiling: _encoded("gzip", spoiling.good.body),
    }


def _half(spoiling: Spoiling) -> Reply:
    good = spoiling.good
    return replace(good, body=good.body[: len(good.body) // 2], promised=len(good.body))


def _drip(spoiling: Spoiling) -> Reply:
    """One byte a second; whoever waits for the whole waits for hours."""
    body = spoiling.good.body

    def bytes_one_by_one() -> Iterator[bytes]:
        return (body[place : place + 1] for place in range(len(body)))

    return replace(spoiling.good, stream=bytes_one_by_one, pause_s=1.0, promised=len(body))


def _spaces() -> Iterator[bytes]:
    return (_SPACES for _ in range(_LARGE))


def _encoded(encoding: str, body: bytes) -> Reply:
    return Reply(headers=(("Content-Encoding", encoding),), body=body)


@cache
def _gzip_bomb() -> bytes:
    """Return 300 MiB of spaces as gzip (RFC 1952: head, deflated data, CRC-32 and length)."""
    crc = 0
    for _ in range(_UNPACKED):
        crc = zlib.crc32(_SPACES, crc)
    length = _UNPACKED * _MEBI
    head = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
    return head + _deflated() + crc.to_bytes(4, "little") + length.to_bytes(4, "little")


@cache
def _deflate_bomb() -> bytes:
    """Return 300 MiB of spaces as zlib (RFC 1950), which is what HTTP calls deflate."""
    adler = 1
    for _ in range(_UNPACKED):
        adler = zlib.adler32(_SPACES, adler)
    return b"\x78\xda" + _deflated() + adler.to_bytes(4, "big")


def _deflated() -> bytes:
    """Return 300 MiB of spaces deflated: one MiB, again and again, as a full flush lets it."""
    packer = zlib.compressobj(level=9, wbits=-zlib.MAX_WBITS)
    one = packer.compress(_SPACES) + packer.flush(zlib.Z_FULL_FLUSH)
    return one * _UNPACKED + packer.flush()


def _zstd_bomb() -> bytes:
    """Return 300 MiB of spaces as zstd (RFC 8878): a head, and blocks that repeat one byte."""
    size = 128 * 1024  # of one block, and of the window
    blocks = _UNPACKED * _MEBI // size
    repeated = (1 << 1 | size << 3).to_bytes(3, "little") + b" "
    last = (1 | 1 << 1 | size << 3).to_bytes(3, "little") + b" "
    return b"\x28\xb5\x2f\xfd\x00\x38" + repeated * (blocks - 1) + last


# 300 MiB of spaces as Brotli; the standard library has no packer of it.
_BROTLI_BOMB = (
    "z///fwAkQOKxQHLv//n//w+ABEAcFoDu/T////8BkACIwwLQvf/n//8/ABIAcVgAuvf//P//B0ACIA4LQPf+n///"
    "/wBIAMRhAeje//P//x8ACYA4LADd+3/+//8DIAEQhwWge//P//9/ACQA4rAAdO//+f//D4AEQBwWgO79P////wGQ"
    "AIjDAtC9/+f//z8AEgBxWAC69//8//8HQAIgDgtA9/6f////AEgAxGEB6N7/8///HwAJgDgsAN37f/7//wMgARCH"
    "BaB7/8///38AJADisAB07//5//8PgARAHBaA7v1//v//ApAAiMMC0L3/BQ=="
)
