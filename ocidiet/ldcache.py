"""ld.so.cache: which file ldconfig found for a name. Law: glibc's sysdeps/generic/dl-cache.h.

Read are the present format, the old one, and the old one with the present one behind it. Entries
for a glibc-hwcaps subdirectory are left to `search`'s policy: here only the baseline is answered.
"""

from __future__ import annotations

import os
import struct

from ocidiet.model import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_OLD_MAGIC = b"ld.so-1.7.0\0"
_NEW_MAGIC = b"glibc-ld.so.cache1.1"
_OLD_HEADER = struct.Struct("<12sI")
_OLD_ENTRY = struct.Struct("<iII")
_NEW_HEADER = struct.Struct("<20sIIB3xI12x")
_NEW_ENTRY = struct.Struct("<iIIIQ")

# elf/ldconfig's flags: the low byte tells an ELF library for libc6, the next the architecture.
FLAG_ELF_LIBC6 = 0x0003
_ARCHITECTURE = {  # (e_machine, bits) -> flags
    (62, 64): 0x0303,
    (3, 32): 0x0003,
    (62, 32): 0x0803,
    (183, 64): 0x0A03,
    (40, 32): 0x0903,
    (22, 64): 0x0403,
    (21, 64): 0x0503,
    (243, 64): 0x1003,
    (258, 64): 0x1203,
}


class Cache:
    """The cache of one machine, or of none."""

    def __init__(self, data: bytes) -> None:
        """Corrupt, foreign or absent data is an empty cache, as it is to the loader."""
        self._entries: dict[bytes, list[tuple[int, int]]] = {}
        self._strings = b""
        try:
            self._read(data)
        except (struct.error, ValueError):
            self._entries.clear()

    def _read(self, data: bytes) -> None:
        start = 0
        if data.startswith(_OLD_MAGIC):
            count = _OLD_HEADER.unpack_from(data)[1]
            end = _OLD_HEADER.size + count * _OLD_ENTRY.size
            start = (end + 7) // 8 * 8
            if not data.startswith(_NEW_MAGIC, start):
                self._strings = data[end:]
                self._index(_OLD_ENTRY.iter_unpack(data[_OLD_HEADER.size : end]))
                return
        if not data.startswith(_NEW_MAGIC, start):
            return
        _, count, _, endian, _ = _NEW_HEADER.unpack_from(data, start)
        if endian not in (0, 2):
            return
        first = start + _NEW_HEADER.size
        end = first + count * _NEW_ENTRY.size
        if end > len(data):
            return
        self._strings = data[start:]
        self._index(
            (flags, key, value) for flags, key, value, _, hwcap in _NEW_ENTRY.iter_unpack(data[first:end]) if not hwcap
        )

    def _index(self, rows: Iterable[tuple[int, ...]]) -> None:
        strings, entries = self._strings, self._entries
        for flags, key, value in rows:
            entries.setdefault(strings[key : strings.index(0, key)], []).append((flags, value))

    def find(self, name: str, machine: int, bits: int) -> str | None:
        """The path of the one entry that the loader would try for `name`, or None."""
        wanted = _ARCHITECTURE.get((machine, bits))
        for flags, value in self._entries.get(os.fsencode(name), ()):
            end = self._strings.find(b"\0", value)
            if flags == wanted and end >= 0:
                return os.fsdecode(self._strings[value:end])
        return None
