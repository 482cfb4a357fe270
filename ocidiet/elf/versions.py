"""What an ELF file says of the versions of its dynamic symbols.

Law: the Linux Standard Base, "Symbol Versioning", and glibc's elf/dl-version.c. A version is known by its hash,
so that no names of versions are read until something is amiss.
"""

from __future__ import annotations

from ocidiet.elf import (
    DT_STRSZ,
    DT_STRTAB,
    DT_VERDEF,
    DT_VERDEFNUM,
    DT_VERNEED,
    DT_VERNEEDNUM,
    file_offset,
    read,
    struct_of,
    tags,
)
from ocidiet.errors import BadElf
from ocidiet.model import TYPE_CHECKING, NamedTuple
from ocidiet.model.image import Versions
from ocidiet.system import os

if TYPE_CHECKING:
    import struct
    from collections.abc import Iterator

    from ocidiet.elf import Pread

MAX_VERSIONS = 16384
_MAX_NAME_BYTES = 1024
_WINDOW_BYTES = 4096
_VER_FLG_WEAK = 2


class Tables(NamedTuple):
    """Where in a file the tables of versions and their strings are; 0 for none. With DT_...NUM and DT_STRSZ."""

    order: str
    """As struct has it."""
    strtab: int = 0
    strsz: int = 0
    verneed: int = 0
    verneednum: int = 0
    verdef: int = 0
    verdefnum: int = 0


def tables(pread: Pread, size_bytes: int) -> Tables:
    """The tables of a file. Raises `BadElf`, as `read`."""
    known = read(pread, size_bytes)
    (_, form, loads, _), told = known, tags(known)
    found: list[int] = []
    for tag, number in ((DT_STRTAB, DT_STRSZ), (DT_VERNEED, DT_VERNEEDNUM), (DT_VERDEF, DT_VERDEFNUM)):
        at = file_offset(loads, told.get(tag, -1), size_bytes)
        found += (0, 0) if at is None else (at, told.get(number, 0))
    return Tables(form[0], *found)


class _Table:
    """The bytes of a version table whose length nothing tells: read as far as its entries lead."""

    def __init__(self, pread: Pread, at: int) -> None:
        self._pread = pread
        self._at = at
        self._data = pread(_WINDOW_BYTES, at)
        self._left = MAX_VERSIONS

    def row(self, form: struct.Struct, at: int) -> tuple[int, ...]:
        """The numbers at `at`. Raises `BadElf`."""
        self._left -= 1
        if self._left < 0:
            raise BadElf(f"more than {MAX_VERSIONS} symbol versions", "DT_VERNEED", self._at)
        end = at + form.size
        if end <= len(self._data):
            return form.unpack_from(self._data, at)
        data = self._pread(form.size, self._at + at)
        if len(data) < form.size:
            raise BadElf("symbol versions outside the file", "DT_VERNEED", self._at)
        if end <= 1 << 18:
            self._data = self._pread(2 * end, self._at)
        return form.unpack(data)

    def chain(self, form: struct.Struct, at: int, count: int) -> list[tuple[int, ...]]:
        """Up to `count` rows, each of which ends in the distance to the next. Raises `BadElf`."""
        size = form.size
        if at + size * count <= len(self._data) and count < self._left:
            # As linkers put them: side by side.
            rows = list(form.iter_unpack(self._data[at : at + size * count]))
            if [row[-1] for row in rows] == [size] * (count - 1) + [0]:
                self._left -= count
                return rows
        rows = []
        for _ in range(count):
            rows.append(self.row(form, at))
            if not rows[-1][-1]:
                break
            at += rows[-1][-1]
        return rows


def _needs(pread: Pread, there: Tables) -> Iterator[tuple[int, list[tuple[int, ...]]]]:
    """Each entry of DT_VERNEED: file's name, and rows of vna_hash, vna_flags, vna_other, vna_name, vna_next."""
    need, aux = struct_of(there.order + "HHIII"), struct_of(there.order + "IHHII")
    if not there.verneed:
        return
    table = _Table(pread, there.verneed)
    at = 0
    for _ in range(there.verneednum):
        _, entries, file, first, following = table.row(need, at)
        yield file, table.chain(aux, at + first, entries)
        if not following:
            break
        at += following


def _definitions(pread: Pread, there: Tables) -> Iterator[tuple[int, int]]:
    """Each entry of DT_VERDEF: vd_hash, and where in the file its first Verdaux is."""
    definition = struct_of(there.order + "HHHHIII")
    table = _Table(pread, there.verdef)
    at = 0
    for _ in range(there.verdefnum):
        _, _, _, _, hashed, first, following = table.row(definition, at)
        yield hashed, there.verdef + at + first
        if not following:
            break
        at += following


def versions(pread: Pread, there: Tables) -> Versions:
    """What the file needs and provides. Raises `BadElf`."""
    needs = [
        (_name(pread, there, file), frozenset([row[0] for row in rows if not row[1] & _VER_FLG_WEAK]))
        for file, rows in _needs(pread, there)
    ]
    provides = frozenset([row[0] for row in _definitions(pread, there)]) if there.verdef else None
    return Versions(tuple(needs), provides)


def provided(pread: Pread, there: Tables) -> list[str]:
    """The names of all versions that the file provides, in its order. Raises `BadElf`."""
    if not there.verdef:
        return []
    word = struct_of(there.order + "I")
    rows = [pread(4, aux) for _, aux in _definitions(pread, there)]
    return [_name(pread, there, word.unpack(row)[0]) for row in rows if len(row) == 4]


def needed(pread: Pread, size_bytes: int, there: Tables, file: str, hashed: int) -> tuple[str, str]:
    """The name of a version of `file` that is needed, and of one symbol that needs it ("" if none does).
    Raises `BadElf`."""
    from ocidiet.elf import symbols

    for name_at, rows in _needs(pread, there):
        if _name(pread, there, name_at) == file:
            for own, _, other, version_at, _ in rows:
                if own == hashed:
                    return _name(pread, there, version_at), symbols.asker(pread, size_bytes, other)
    raise BadElf("symbol versions that change", "DT_VERNEED", there.verneed)


def _name(pread: Pread, there: Tables, at: int) -> str:
    size_bytes = min(_MAX_NAME_BYTES, max(there.strsz - at, 0))
    name, ends, _ = pread(size_bytes, there.strtab + at).partition(b"\0")
    if not ends:
        raise BadElf("name outside the string table", "DT_VERNEED", there.verneed)
    return os.fsdecode(name)
