"""`Tree` -> a deterministic tar stream: POSIX.1-1988 ustar, with POSIX.1-2001 pax headers only for
what ustar cannot hold (tar(5); POSIX, pax, "ustar Interchange Format").

Every byte follows from the tree: no owner names, no clock, no device numbers. The archive ends with
two zero blocks and is padded to GNU tar's record of 10,240 bytes. Bytes leave in whole buffers of
1 MiB, so that few have to change hands; each payload is read once, straight into the buffer.
"""

from __future__ import annotations

from ocidiet.fs import OpenFile, aligned
from ocidiet.model import TYPE_CHECKING
from ocidiet.system import os, struct

if TYPE_CHECKING:
    from typing import Protocol

    from ocidiet.model.image import Entry, Tree

    class Writable(Protocol):
        @property
        def held(self) -> int:
            """So many of the parts that were written last are still looked at; known after `reserve`."""

        def reserve(self, size_bytes: int) -> None:
            """Told how much will be written, in all."""

        def write(self, data: memoryview) -> None:
            """Write all of `data`."""


BLOCK_BYTES = 512
RECORD_BYTES = 10240
MAX_USTAR_SIZE_BYTES = 8**11 - 1
_BUFFER_BYTES = 1 << 20
_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s6s2s32s32s8s8s155s12x")
_ZERO_ID = b"0000000\0"


def write(tree: Tree, mtime_s: int, out: Writable) -> None:
    """Write the archive. Raises `InputChanged` for a file that is not as it was when resolved."""
    headers = [header(entry, mtime_s) for entry in tree.entries]
    total = sum(map(len, headers)) + sum(_padded(entry.size_bytes, BLOCK_BYTES) for entry in tree.entries)
    out.reserve(_padded(total + 2 * BLOCK_BYTES, RECORD_BYTES))
    stream = _Stream(out, total > 4 * _BUFFER_BYTES)
    held = None
    for entry, blocks in zip(tree.entries, headers, strict=True):
        stream.put(blocks)
        if entry.source is not None:
            with OpenFile(entry.source, held) as source:
                held = source.held
                stream.copy(source, entry.size_bytes)
                source.check()
    stream.finish()


def header(entry: Entry, mtime_s: int) -> bytes:
    """The header blocks of `entry`: one of ustar, behind a pax extended header where it needs one."""
    name, link = os.fsencode(entry.name), os.fsencode(entry.linkname)
    if entry.typeflag == "5":
        name += b"/"
    records = b""
    split = _split(name)
    if split is None:
        records += _pax_record(b"path", name)
        split = b"", name[:100]
    if len(link) > 100:
        records += _pax_record(b"linkpath", link)
    size = entry.size_bytes
    if size > MAX_USTAR_SIZE_BYTES:
        records += _pax_record(b"size", b"%d" % size)
        size = 0
    blocks = _block(split, entry.mode, size, mtime_s, entry.typeflag.encode(), link[:100])
    if not records:
        return blocks
    base = name.rstrip(b"/").rpartition(b"/")[2][:80]
    padding = bytes(-len(records) % BLOCK_BYTES)
    return _block((b"", b"PaxHeaders/" + base), 0o644, len(records), mtime_s, b"x", b"") + records + padding + blocks


def _block(name: tuple[bytes, bytes], mode: int, size_bytes: int, mtime_s: int, typeflag: bytes, link: bytes) -> bytes:
    block = bytearray(
        _HEADER.pack(
            name[1],
            b"%07o\0" % mode,
            _ZERO_ID,
            _ZERO_ID,
            b"%011o\0" % size_bytes,
            b"%011o\0" % mtime_s,
            b" " * 8,
            typeflag,
            link,
            b"ustar\0",
            b"00",
            b"",
            b"",
            _ZERO_ID,
            _ZERO_ID,
            name[0],
        )
    )
    block[148:156] = b"%06o\0 " % sum(block.translate(None, b"\0"))  # most of it is zeros, which add nothing
    return bytes(block)


def _padded(size_bytes: int, unit_bytes: int) -> int:
    return size_bytes + -size_bytes % unit_bytes


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """(prefix, name) as ustar holds it, or None. The shortest prefix that will do, as GNU tar's."""
    if len(name) <= 100:
        return b"", name
    slash = name.find(b"/", len(name) - 101)
    if slash <= 0 or slash > 155 or slash == len(name) - 1:
        return None
    return name[:slash], name[slash + 1 :]


def _pax_record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while length != len(b"%d" % length) + len(rest):
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


class _Stream:
    def __init__(self, out: Writable, large: bool) -> None:
        self._out = out
        # A fresh page costs as much as copying into it: a small archive gets a small buffer.
        self._buffers = [aligned(_BUFFER_BYTES) if large else memoryview(bytearray(_BUFFER_BYTES // 8))]
        self._buffer = self._buffers[0]
        self._used = 0
        self._total = 0

    def put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            room = self._buffer[self._used :]
            part = view[: len(room)]
            room[: len(part)] = part
            self._fill(len(part))
            view = view[len(part) :]

    def copy(self, source: OpenFile, size_bytes: int) -> None:
        rest = size_bytes
        while rest:
            count = source.readv(self._buffer[self._used : self._used + rest])
            self._fill(count)
            rest -= count
        self.put(bytes(-size_bytes % BLOCK_BYTES))

    def finish(self) -> None:
        self.put(bytes(2 * BLOCK_BYTES))
        self.put(bytes(-self._total % RECORD_BYTES))
        if self._used:
            self._out.write(self._buffer[: self._used])

    def _fill(self, count: int) -> None:
        self._total += count
        self._used += count
        if self._used == len(self._buffer):
            self._out.write(self._buffer)
            # Made when it is needed: the first is worked on meanwhile.
            fresh = len(self._buffers) <= self._out.held
            self._buffers.append(aligned(self._used) if fresh else self._buffers.pop(0))
            self._buffer = self._buffers[-1]
            self._used = 0
