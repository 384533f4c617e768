from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import StudioError
from auditor.studio.wire import Body

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    " X-GZip ": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": lambda data: zlib.compress(data, wbits=-zlib.MAX_WBITS),
}


def collected(encoding: str, wire: bytes, *, max_bytes: int, step: int = 7) -> bytes:
    body = Body(encoding, max_bytes=max_bytes)
    for start in range(0, len(wire), step):
        body.add(wire[start : start + step])
    return body.whole()


@given(
    encoding=st.sampled_from(sorted(ENCODERS)),
    data=st.binary(max_size=300),
    step=st.integers(min_value=2, max_value=400),
)
def test_what_was_encoded_comes_out_in_any_chunks(encoding: str, data: bytes, step: int) -> None:
    wire = ENCODERS[encoding](data)

    assert collected(encoding, wire, max_bytes=len(data), step=step) == data


@pytest.mark.parametrize("encoding", sorted(ENCODERS))
def test_the_limit_counts_decoded_bytes_to_the_byte(encoding: str) -> None:
    wire = ENCODERS[encoding](b"x" * 1000)

    assert len(collected(encoding, wire, max_bytes=1000)) == 1000
    with pytest.raises(StudioError) as caught:
        collected(encoding, wire, max_bytes=999)

    assert caught.value.kind == "too_large"


def test_a_bomb_is_not_unpacked_beyond_the_limit() -> None:
    bomb = gzip.compress(b" " * (32 << 20))
    tracemalloc.start()

    with pytest.raises(StudioError) as caught:
        collected("gzip", bomb, max_bytes=1 << 16, step=len(bomb))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.kind == "too_large"
    assert peak < 1 << 20


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "chunked"])
def test_an_encoding_that_nobody_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(StudioError, match="not requested"):
        Body(encoding, max_bytes=10)


def test_compressed_data_that_ends_early_may_be_asked_for_again() -> None:
    with pytest.raises(StudioError) as caught:
        collected("gzip", gzip.compress(b"x" * 1000)[:-9], max_bytes=2000)

    assert (caught.value.kind, caught.value.transient) == ("unreachable", True)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"<!DOCTYPE html>", id="never compressed"),
        pytest.param(gzip.compress(b"x" * 99, mtime=0)[:15] + b"\xff" * 9, id="overwritten"),
    ],
)
def test_damaged_data_is_refused(encoding: str, wire: bytes) -> None:
    with pytest.raises(StudioError) as caught:
        collected(encoding, wire, max_bytes=2000)

    assert caught.value.kind in {"not_json", "unreachable"}


def test_what_unpacks_to_nothing_without_end_is_too_large() -> None:
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    begun = packer.compress(b"{}") + packer.flush(zlib.Z_FULL_FLUSH)
    empty_block = b"\x00\x00\x00\xff\xff"

    with pytest.raises(StudioError) as caught:
        collected("gzip", begun + empty_block * 20_000, max_bytes=1000, step=1000)

    assert caught.value.kind == "too_large"


@pytest.mark.parametrize("behind", [b"more", gzip.compress(b"more")], ids=["bytes", "a member"])
def test_nothing_may_stand_behind_what_was_compressed(behind: bytes) -> None:
    with pytest.raises(StudioError) as caught:
        collected("gzip", gzip.compress(b"{}") + behind, max_bytes=1000)

    assert caught.value.kind == "not_json"
