"""ld.so.cache: which file ldconfig found for a name. Law: glibc's sysdeps/generic/dl-cache.h.

Read are the present format, the old one, and the old one with the present one behind it, of either
byte order.
"""

from __future__ import annotations

import os
import struct

from ocidiet.model import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_OLD_MAGIC = b"ld.so-1.7.0\0"
_NEW_MAGIC = b"glibc-ld.so.cache1.1"
_OLD_HEADER = "12sI"
_OLD_ENTRY = "iII"
_NEW_HEADER = "20sIIB3xI12x"
_NEW_ENTRY = "iIIIQ"
_ENDIAN = {"<": (0, 2), ">": (0, 3)}

# The extension section: a directory of parts; one is the table of glibc-hwcaps names. An entry for
# one of them has this bit in its hwcap field, and the name's number in the low word.
_EXTENSION_MAGIC = 0xEAA42174
_EXTENSION_HWCAPS = 1
_HWCAP_EXTENSION = 1 << 62
_HWCAP_ISA_LEVELS = 0x3FF << 32

# elf/ldconfig's flags: the low byte tells an ELF library for libc6, the next the architecture.
_FLAG_ELF = 0x0001
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

    def __init__(self, data: bytes, little_endian: bool = True) -> None:
        """Corrupt, foreign or absent data is an empty cache, as it is to the loader."""
        self._entries: dict[bytes, list[tuple[int, int, int]]] = {}
        self._strings = b""
        self._hwcaps: list[str] = []
        self._order = "<" if little_endian else ">"
        try:
            self._read(data)
        except (struct.error, ValueError):
            self._entries.clear()

    def _read(self, data: bytes) -> None:
        order, start = self._order, 0
        if data.startswith(_OLD_MAGIC):
            header = struct.Struct(order + _OLD_HEADER)
            count = header.unpack_from(data)[1]
            end = header.size + count * 12
            start = (end + 7) // 8 * 8
            if not data.startswith(_NEW_MAGIC, start):
                self._strings = data[end:]
                rows = struct.iter_unpack(order + _OLD_ENTRY, data[header.size : end])
                self._index((*row, 0, 0) for row in rows)
                return
        if not data.startswith(_NEW_MAGIC, start):
            return
        header = struct.Struct(order + _NEW_HEADER)
        _, count, _, endian, extension = header.unpack_from(data, start)
        if endian not in _ENDIAN[order]:
            return
        first = start + header.size
        end = first + count * 24
        if end > len(data):
            return
        self._strings = data[start:]
        self._hwcaps = list(self._extension(extension)) if extension else []
        self._index(struct.iter_unpack(order + _NEW_ENTRY, data[first:end]))

    def _extension(self, at: int) -> Iterable[str]:
        strings, word = self._strings, self._order + "II"
        magic, count = struct.unpack_from(word, strings, at)
        if magic != _EXTENSION_MAGIC or count > 16:
            return
        for part in range(count):
            tag, _, offset, size_bytes = struct.unpack_from(self._order + "IIII", strings, at + 8 + part * 16)
            if tag == _EXTENSION_HWCAPS:
                for (name,) in struct.iter_unpack(self._order + "I", strings[offset : offset + size_bytes]):
                    yield os.fsdecode(strings[name : strings.index(0, name)])

    def _index(self, rows: Iterable[tuple[int, ...]]) -> None:
        strings, entries = self._strings, self._entries
        for flags, key, value, _, hwcap in rows:
            entries.setdefault(strings[key : strings.index(0, key)], []).append((flags, value, hwcap))

    def entries(self, name: str, machine: int, bits: int) -> list[tuple[str, str]]:
        """What a loader for (`machine`, `bits`) may take for `name`, in its order: for each entry
        its glibc-hwcaps subdirectory ("" for the baseline) and its path."""
        wanted = (_ARCHITECTURE.get((machine, bits)), _FLAG_ELF)
        found = []
        for flags, value, hwcap in self._entries.get(os.fsencode(name), ()):
            end = self._strings.find(b"\0", value)
            if flags not in wanted or end < 0:
                continue
            level = ""
            if hwcap:
                number = hwcap & 0xFFFFFFFF
                if hwcap & ~(_HWCAP_ISA_LEVELS | 0xFFFFFFFF) != _HWCAP_EXTENSION or number >= len(self._hwcaps):
                    continue
                level = self._hwcaps[number]
            found.append((level, os.fsdecode(self._strings[value:end])))
        return found
