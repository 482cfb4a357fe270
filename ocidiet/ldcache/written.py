"""The bytes of an image's own ld.so.cache, as ldconfig would write them. Laws: those of `ldcache`."""

from __future__ import annotations

from ocidiet.ldcache import (
    ENDIAN,
    EXTENSION_HWCAPS,
    EXTENSION_MAGIC,
    HWCAP_EXTENSION,
    NEW_ENTRY,
    NEW_HEADER,
    NEW_MAGIC,
    flags_of,
)
from ocidiet.model import TYPE_CHECKING, NamedTuple
from ocidiet.system import os, struct

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIGNED_CHAR = (3, 62, 8, 43, 258)


class CacheEntry(NamedTuple):
    """What a cache tells of one file."""

    name: str
    """As it is asked for: a SONAME."""
    path: str
    """Absolute, in the image."""
    machine: int
    """e_machine."""
    bits: int
    level: str = ""
    """The glibc-hwcaps subdirectory that the file is for, as `x86-64-v3`; "" for the baseline."""


def render(entries: Sequence[CacheEntry], little_endian: bool = True) -> bytes:
    """A cache that tells of `entries` and nothing else. Of two for one name, machine and level the
    first counts, as with ldconfig."""
    order = "<" if little_endian else ">"
    signed = all(entry.machine in _SIGNED_CHAR for entry in entries)
    ordered = sorted(entries, key=lambda entry: (-flags_of(*entry[2:4])[0], not entry.level, os.fsencode(entry.level)))
    ordered.sort(key=lambda entry: _compared(os.fsencode(entry.name), signed), reverse=True)
    levels = sorted({entry.level for entry in entries if entry.level}, key=os.fsencode)

    strings, at = b"", struct.calcsize(NEW_HEADER) + 24 * len(ordered)
    texts = {os.fsencode(text) + b"\0" for entry in entries for text in (entry.name, entry.path, entry.level) if text}
    for text in sorted(texts, key=lambda text: (-len(text), text)):
        strings += b"" if text in strings else text

    def offset(text: str) -> int:
        return at + strings.index(os.fsencode(text) + b"\0")

    rows = b""
    for entry in ordered:
        hwcap = HWCAP_EXTENSION | levels.index(entry.level) if entry.level else 0
        rows += struct.pack(
            order + NEW_ENTRY, flags_of(entry.machine, entry.bits)[0], offset(entry.name), offset(entry.path), 0, hwcap
        )
    end, sections, padding = at + len(strings), b"", b""
    if levels:
        padding = bytes(-end % 4)
        end += len(padding)
        part = (EXTENSION_HWCAPS, 0, end + 24, 4 * len(levels))
        table = [offset(level) for level in levels]
        sections = struct.pack(f"{order}6I{len(table)}I", EXTENSION_MAGIC, 1, *part, *table)
    told = (len(ordered), len(strings), ENDIAN[order][1], end if levels else 0)
    return struct.pack(order + NEW_HEADER, NEW_MAGIC, *told) + rows + strings + padding + sections


def _compared(name: bytes, signed: bool) -> list[tuple[bool, int]]:
    """What orders `name` among others (`_dl_cache_libcmp`): digits count as a number, which is a C
    int, and more than any other character, which is a C char; the loader searches by halving."""
    parts: list[tuple[bool, int]] = []
    digits = b""
    for byte in name + b"\0":
        char = bytes([byte])
        if char.isdigit():
            digits += char
            continue
        if digits:
            parts.append((True, (int(digits) + 2**31) % 2**32 - 2**31))
            digits = b""
        parts.append((False, byte - 256 if signed and byte > 127 else byte))
    return parts
