"""Compressed layers: read back by other readers, and equal whoever makes them with how many threads."""

from __future__ import annotations

import gzip
import io
import random
import sys
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
import zstandard

from ocidiet.cli import options
from ocidiet.cli.image import wanted
from ocidiet.commit.compress import BLOCK_BYTES, Compression, Gzip, Zstd
from ocidiet.errors import UsageError

SEED = random.Random(7)
TEXT = b"".join(b"%d line %d\n" % (number, SEED.randrange(1000)) for number in range(80_000))
NOISE = SEED.randbytes(BLOCK_BYTES)
DATA = {
    "nothing": b"",
    "a byte": b"x",
    "a block": TEXT[:BLOCK_BYTES],
    "a block and a byte": TEXT[: BLOCK_BYTES + 1],
    "much": TEXT + NOISE + bytes(2 * BLOCK_BYTES) + TEXT,
}


class Sink(io.BytesIO):
    """Takes what a packer writes."""

    reserved: int | None = None

    def reserve(self, size_bytes: int) -> None:
        assert self.getvalue() == b""
        self.reserved = size_bytes

    def write(self, data: Any) -> Any:
        return super().write(bytes(data))


def packed(kind: type[Gzip | Zstd], data: bytes, threads: int = 2, level: int = 6, step: int = BLOCK_BYTES) -> bytes:
    """`data`, given in parts of one buffer that is filled again at once."""
    sink = Sink()
    packer = kind(sink, level, threads)
    packer.reserve(len(data))
    buffer = bytearray(step)
    for at in range(0, len(data), step):
        part = data[at : at + step]
        buffer[: len(part)] = part
        packer.write(memoryview(buffer)[: len(part)])
    packer.end()
    assert sink.reserved == 0
    return sink.getvalue()


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_gzip_is_one_member_that_others_read(data: bytes) -> None:
    made = packed(Gzip, data)
    assert gzip.decompress(made) == data
    inflate = zlib.decompressobj(31)
    assert (inflate.decompress(made), inflate.eof, inflate.unused_data) == (data, True, b"")


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_zstd_is_one_frame_that_others_read(data: bytes) -> None:
    made = packed(Zstd, data, level=3)
    told = zstandard.get_frame_parameters(made)
    assert (told.content_size, told.has_checksum) == (len(data), True)
    assert zstandard.ZstdDecompressor().decompress(made) == data
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    assert (unpacker.decompress(made), unpacker.unused_data) == (data, b"")


@pytest.mark.parametrize(("kind", "levels"), [(Gzip, (1, 6)), (Zstd, (1, 3))], ids=["gzip", "zstd"])
def test_bytes_follow_from_data_and_level_alone(kind: type[Gzip | Zstd], levels: Sequence[int]) -> None:
    data = DATA["much"]
    made = {}
    for level in levels:
        made[level] = packed(kind, data, 1, level)
        for threads, step in ((1, 4096), (2, BLOCK_BYTES), (5, BLOCK_BYTES // 8), (3, 3 * BLOCK_BYTES + 7)):
            assert packed(kind, data, threads, level, step) == made[level]
    assert len({*made.values()}) == len(levels)


@pytest.mark.parametrize(("level", "speed"), [(1, 4), (6, 0), (9, 2)])
def test_gzip_header_tells_nothing_of_machine_and_day(level: int, speed: int) -> None:
    assert packed(Gzip, b"x", level=level)[:10] == bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, speed, 255])


def test_gzip_of_blocks_is_hardly_larger() -> None:
    data = TEXT * 4
    assert len(packed(Gzip, data)) < 1.002 * len(gzip.compress(data, 6))


def test_block_that_cannot_be_packed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(zlib, "compressobj", fail)
    with pytest.raises(MemoryError):
        packed(Gzip, TEXT)


def test_zstd_without_its_module_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(UsageError) as caught:
        _ = Compression("zstd", 3).library
    assert caught.value.message == "--compress zstd: this Python has no module zstandard"
    assert "pip install zstandard" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("none", None),
        ("gzip", ("gzip", 6)),
        ("gzip:1", ("gzip", 1)),
        ("gzip:9", ("gzip", 9)),
        ("zstd", ("zstd", 3)),
        ("zstd:22", ("zstd", 22)),
    ],
)
def test_compressor_is_asked_for(text: str, asked: tuple[str, int] | None) -> None:
    assert wanted(options.parse(["--oci", "x", "--compress", text])).compress == asked


@pytest.mark.parametrize(
    "text", ["x", "gzip:", "gzip:0", "gzip:10", "gzip:\u00b2", "gzip:-1", "zstd:23", "none:1", "xz:6"]
)
def test_compressor_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        wanted(options.parse(["--oci", "x", "--compress", text]))
    assert caught.value.message == f"--compress {text}: none, gzip[:LEVEL] from 1 to 9, zstd[:LEVEL] from 1 to 22"
