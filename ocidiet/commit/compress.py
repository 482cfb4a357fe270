"""Layers compressed as they are written: gzip (RFC 1952) by the standard library's zlib, zstd (RFC 8878) by the
module zstandard. In parallel, and the bytes follow from the data, the level and the library's version alone.

gzip: as pigz does it, blocks of 1 MiB that each know the 32 KiB before them, each made by whichever thread is free
and written in their order. zstd: the library's own threads, whose number changes nothing as long as there is one.
"""

from __future__ import annotations

import _thread
import zlib
from _queue import SimpleQueue

from ocidiet.errors import UsageError
from ocidiet.model import TYPE_CHECKING, NamedTuple
from ocidiet.system import os

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Protocol

    from ocidiet.commit.blobs import Writable

    class Packer(Writable, Protocol):
        def end(self) -> None:
            """All is written."""


BLOCK_BYTES = 1 << 20
_WINDOW_BYTES = 1 << 15
_MOST_THREADS = 16
# No time, no name, an unknown system: what a header could tell would differ between machines.
_HEADER = b"\x1f\x8b\x08\0\0\0\0\0%s\xff"
_SPEEDS = {1: b"\4", 9: b"\2"}
_END = b"\3\0"
"""The last block, of nothing."""


class Compression(NamedTuple):
    """What a layer is compressed by."""

    name: str
    """`gzip` or `zstd`."""
    level: int

    @property
    def library(self) -> str:
        """The version on which the bytes depend too. Raises `UsageError` where it is not installed."""
        return zlib.ZLIB_RUNTIME_VERSION if self.name == "gzip" else ".".join(map(str, _zstandard().ZSTD_VERSION))

    def packer(self, out: Writable) -> Packer:
        """Compresses into `out`."""
        threads = min(len(os.sched_getaffinity(0)), _MOST_THREADS)
        return Gzip(out, self.level, threads) if self.name == "gzip" else Zstd(out, self.level, threads)


class _Block:
    """A part of the data, and what becomes of it in another thread."""

    __slots__ = ("data", "done", "packed", "window")

    def __init__(self, data: bytes, window: bytes) -> None:
        self.data = data
        self.window = window
        self.packed: bytes | Exception = b""
        self.done = _thread.allocate_lock()
        self.done.acquire()


class Gzip:
    """One member, whose blocks `threads` others make."""

    def __init__(self, out: Writable, level: int, threads: int) -> None:
        self._out = out
        self._level = level
        self._threads = threads
        self._running = 0
        self._queue: SimpleQueue[_Block | None] = SimpleQueue()
        self._blocks: list[_Block] = []
        self._rest = bytearray()
        self._window = b""
        self._crc = 0
        self._size_bytes = 0

    def reserve(self, size_bytes: int) -> None:
        """Told how much will be written, in all: how little comes out, nobody knows."""
        del size_bytes
        self._out.reserve(0)
        self._put(_HEADER % _SPEEDS.get(self._level, b"\0"))

    def write(self, data: memoryview) -> None:
        """Compress `data`."""
        self._rest += data
        while len(self._rest) >= BLOCK_BYTES:
            self._give(bytes(self._rest[:BLOCK_BYTES]))
            del self._rest[:BLOCK_BYTES]

    def end(self) -> None:
        """All is written."""
        if self._rest:
            self._give(bytes(self._rest))
        while self._blocks:
            self._take()
        for _ in range(self._running):
            self._queue.put(None)
        self._put(_END + self._crc.to_bytes(4, "little") + (self._size_bytes % (1 << 32)).to_bytes(4, "little"))

    def _give(self, data: bytes) -> None:
        if len(self._blocks) >= 2 * self._threads:
            self._take()
        if self._running < min(self._threads, len(self._blocks) + 1):
            _thread.start_new_thread(self._run, ())
            self._running += 1
        block = _Block(data, self._window)
        self._blocks.append(block)
        self._queue.put(block)
        self._window = data[-_WINDOW_BYTES:]
        self._crc = zlib.crc32(data, self._crc)
        self._size_bytes += len(data)

    def _take(self) -> None:
        block = self._blocks.pop(0)
        block.done.acquire()
        if isinstance(block.packed, Exception):
            raise block.packed
        self._put(block.packed)

    def _put(self, data: bytes) -> None:
        self._out.write(memoryview(data))

    def _run(self) -> None:
        while (block := self._queue.get()) is not None:
            try:
                how = (self._level, zlib.DEFLATED, -zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_DEFAULT_STRATEGY)
                deflate = zlib.compressobj(*how, block.window)
                block.packed = deflate.compress(block.data) + deflate.flush(zlib.Z_SYNC_FLUSH)
            except Exception as error:
                block.packed = error
            block.done.release()


class Zstd:
    """One frame, with its size and its checksum."""

    def __init__(self, out: Writable, level: int, threads: int) -> None:
        self._out = out
        module = _zstandard()
        self._compressor = module.ZstdCompressor(level=level, threads=threads, write_checksum=True)
        self._frame = self._compressor.compressobj()

    def reserve(self, size_bytes: int) -> None:
        """Told how much will be written, in all."""
        self._frame = self._compressor.compressobj(size=size_bytes)
        self._out.reserve(0)

    def write(self, data: memoryview) -> None:
        """Compress `data`."""
        self._put(self._frame.compress(data))

    def end(self) -> None:
        """All is written."""
        self._put(self._frame.flush())

    def _put(self, data: bytes) -> None:
        if data:
            self._out.write(memoryview(data))


def _zstandard() -> ModuleType:
    try:
        import zstandard
    except ImportError:
        try:
            # Python was started with -S: make its site-packages known after all.
            import site

            site.main()
            import zstandard
        except ImportError:
            hint = "install it (pip install zstandard, Debian's python3-zstandard), or take --compress gzip"
            raise UsageError("--compress zstd: this Python has no module zstandard", hint=hint) from None
    return zstandard
