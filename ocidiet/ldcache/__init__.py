"""ld.so.cache: which file ldconfig found for a name. Laws: glibc's sysdeps/generic/dl-cache.h,
elf/dl-cache.c and elf/cache.c.

Read are the present format, the old one, and the old one with the present one behind it, of either
byte order; page `written` writes the present one.
"""

from __future__ import annotations

from ocidiet.model import TYPE_CHECKING
from ocidiet.system import os, struct

if TYPE_CHECKING:
    from collections.abc import Iterator

_OLD_MAGIC = b"ld.so-1.7.0\0"
NEW_MAGIC = b"glibc-ld.so.cache1.1"
_OLD_HEADER = "12sI"
NEW_HEADER = "20sIIB3xI12x"
# Flags, name, path; and then an unused word and hwcap.
_OLD_ENTRY, NEW_ENTRY = "III", "IIIIQ"
_MAX_NAME_BYTES = 256  # NAME_MAX, and the NUL behind it
_USUAL_PATH_BYTES, _MAX_PATH_BYTES = 256, 4097
# Of one name: each has one for each level of CPUs.
_MAX_ENTRIES = 1024
ENDIAN = {"<": (0, 2), ">": (0, 3)}

# The extension section: a directory of parts; one is the table of glibc-hwcaps names. An entry for
# one of them has this bit in its hwcap field, and the name's number in the low word.
EXTENSION_MAGIC = 0xEAA42174
EXTENSION_HWCAPS = 1
HWCAP_EXTENSION = 1 << 62
_HWCAP_ISA_LEVELS = 0x3FF << 32

# Before 2.37: the bits for tls/ and, on x86-64, for x86_64/, which every such machine has.
_HWCAP_LEGACY = 1 << 63 | 1 << 1
LEGACY = "legacy"

# elf/ldconfig's flags: the low byte tells an ELF library for libc6, the next the architecture. By
# (e_machine, bits): those that a loader takes for its own, the first of which is written.
_FLAG_LIBC6 = 0x0003
_ARCHITECTURE = {
    (62, 64): (0x0303,),
    (62, 32): (0x0803,),
    (183, 64): (0x0A03,),
    # Without the second byte for either ABI of floating point.
    (40, 32): (_FLAG_LIBC6, 0x0903),
    (22, 64): (0x0403,),
    (21, 64): (0x0503,),
    (8, 64): (0x0703,),
    (43, 64): (0x0103,),
    (243, 64): (0x1003,),
    (258, 64): (0x1203,),
}


class Cache:
    """The cache of one machine, or of none."""

    def __init__(self, data: bytes, little_endian: bool = True) -> None:
        """Corrupt, foreign or absent data is an empty cache, as it is to the loader."""
        self._order = "<" if little_endian else ">"
        self._strings = b""
        self._rows = b""
        self._row = struct.Struct(self._order + NEW_ENTRY)
        self._extension = 0
        self._levels: list[str] | None = None
        self._was_asked = False
        self._first: dict[bytes, int] | None = None
        try:
            self._read(data)
        except struct.error:
            pass

    def _read(self, data: bytes) -> None:
        order, start = self._order, 0
        if data.startswith(_OLD_MAGIC):
            header = struct.Struct(order + _OLD_HEADER)
            count = header.unpack_from(data)[1]
            row = struct.Struct(order + _OLD_ENTRY)
            end = header.size + count * row.size
            start = (end + 7) // 8 * 8
            if not data.startswith(NEW_MAGIC, start):
                if end <= len(data):
                    self._strings = data[end:]
                    self._rows = data[header.size : end]
                    self._row = row
                return
        if not data.startswith(NEW_MAGIC, start):
            return
        header = struct.Struct(order + NEW_HEADER)
        _, count, strings_bytes, endian, extension = header.unpack_from(data, start)
        at = start + header.size
        end = at + count * self._row.size
        if endian not in ENDIAN[order] or end + strings_bytes > len(data):
            return
        self._strings = data[start:] if start else data
        self._extension = extension
        self._rows = data[at:end]

    def _hwcaps(self) -> Iterator[str]:
        """The names of glibc-hwcaps subdirectories that entries tell by their number."""
        at, strings, word = self._extension, self._strings, self._order + "II"
        magic, count = struct.unpack_from(word, strings, at)
        if not at or magic != EXTENSION_MAGIC or count > 16:
            return
        for part in range(count):
            tag, _, offset, size_bytes = struct.unpack_from(self._order + "IIII", strings, at + 8 + part * 16)
            if tag == EXTENSION_HWCAPS:
                for (name,) in struct.iter_unpack(self._order + "I", strings[offset : offset + size_bytes]):
                    text, ends, _ = strings[name : name + _MAX_NAME_BYTES].partition(b"\0")
                    if not ends:
                        raise ValueError
                    yield os.fsdecode(text)

    def _level(self, hwcap: int) -> str | None:
        if not hwcap & ~_HWCAP_LEGACY:
            return LEGACY
        if hwcap & ~(_HWCAP_ISA_LEVELS | 0xFFFFFFFF) != HWCAP_EXTENSION:
            return None
        if self._levels is None:
            try:
                self._levels = [name for name, _ in zip(self._hwcaps(), range(_MAX_ENTRIES), strict=False)]
            except (struct.error, ValueError):
                self._levels = []
        number = hwcap & 0xFFFFFFFF
        return self._levels[number] if number < len(self._levels) else None

    def entries(self, name: str, machine: int, bits: int) -> list[tuple[str, str]]:
        """What a loader for (`machine`, `bits`) may take for `name`, in its order: for each entry
        its glibc-hwcaps subdirectory ("" for the baseline, `LEGACY` for one of old) and its path."""
        wanted, key = flags_of(machine, bits), name.encode() if name.isascii() else os.fsencode(name)
        strings, rows, row, first = self._strings, self._rows, self._row, self._first
        at, behind = self._first_at(key) if first is None else first.get(key, len(rows)), len(rows)
        key += b"\0"
        size = len(key)
        found = []
        # Those of a name stand side by side.
        while at < behind:
            entry = row.unpack_from(rows, at)
            start, value = entry[1], entry[2]
            if strings[start : start + size] != key:
                break
            at += row.size
            if entry[0] not in wanted:
                continue
            path, ends, _ = strings[value : value + _USUAL_PATH_BYTES].partition(b"\0")
            if not ends:
                # A longer one than PATH_MAX leads nowhere, however long it is.
                path, ends, _ = strings[value : value + _MAX_PATH_BYTES].partition(b"\0")
                if not ends and value + _MAX_PATH_BYTES > len(strings):
                    continue
            level = self._level(entry[4]) if len(entry) > 3 and entry[4] else ""
            if level is not None:
                found.append((level, path.decode() if path.isascii() else os.fsdecode(path)))
                if len(found) == _MAX_ENTRIES:
                    break
        return found

    def _first_at(self, name: bytes) -> int:
        """Where in the rows the entries of a name start; behind them all if it has none."""
        strings, size, behind = self._strings, self._row.size, len(self._rows)
        keys = struct.iter_unpack(f"{self._order}4xI{size - 8}x", self._rows)
        # Most programs ask for one name or for many.
        if not self._was_asked:
            self._was_asked = True
            text = name + b"\0"
            at = self._of_one(text)
            if at is None:
                at = next((row * size for row, (key,) in enumerate(keys) if strings.startswith(text, key)), behind)
            return at
        first: dict[bytes, int] = {}
        at = 0
        for (key,) in keys:
            known, ends, _ = strings[key : key + _MAX_NAME_BYTES].partition(b"\0")
            if ends:
                first.setdefault(known, at)
            at += size
        self._first = first
        return first.get(name, behind)

    def _of_one(self, name: bytes) -> int | None:
        """As `_first_at`, where a name stands once among the strings, as ldconfig writes them; else None."""
        strings, rows, row = self._strings, self._rows, self._row
        key = strings.find(name)
        at = rows.find(struct.pack(f"{self._order}I", key), 4) - 4 if key >= 0 else -1
        if at < 0 or at % row.size:
            return None
        before = row.unpack_from(rows, at - row.size)[1] if at else len(strings)
        return None if strings.startswith(name, before) else at


def flags_of(machine: int, bits: int) -> tuple[int, ...]:
    """The flags of entries for such libraries, the one to be written first."""
    return _ARCHITECTURE.get((machine, bits), (_FLAG_LIBC6,))
