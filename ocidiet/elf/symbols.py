"""What an ELF file's dynamic symbols say; read when somebody asks, never on the usual way."""

from __future__ import annotations

from ocidiet.elf import (
    DT_GNU_HASH,
    DT_HASH,
    DT_STRSZ,
    DT_STRTAB,
    DT_SYMTAB,
    DT_VERSYM,
    UNWINDERS,
    file_offset,
    may_unwind,
    read,
    struct_of,
    tags,
)
from ocidiet.model import TYPE_CHECKING, NamedTuple
from ocidiet.system import os

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocidiet.elf import Pread, Read

MAX_SYMBOLS_BYTES = 64 << 20
_MAX_NAME_BYTES = 1024
_WINDOW_BYTES = 1 << 13
_MAX_SEARCHED_BYTES = 1 << 16
_SYM = {32: "I8xBxH", 64: "IBxH16x"}


class _Table(NamedTuple):
    """The dynamic symbols: offset of the name in the strings, st_info, st_shndx (0: the file does not define it)."""

    symbols: list[tuple[int, int, int]]
    strtab: int
    strsz: int


def unwinds(pread: Pread, size_bytes: int, is_searched: bool) -> bool:
    """Whether a file imports a function for which glibc opens libgcc_s.so.1. Raises `BadElf`, as `read`.

    `is_searched` tells that `may_unwind` is true of its strings."""
    known = read(pread, size_bytes)
    loads, told = known[2], tags(known)
    strtab, strsz = file_offset(loads, told.get(DT_STRTAB, -1), size_bytes), told.get(DT_STRSZ, 0)
    # A table of moderate size is searched faster than its symbols are looked at one by one.
    is_moderate = strtab is not None and 0 < strsz <= _MAX_SEARCHED_BYTES
    if not is_searched and is_moderate and not may_unwind(pread(strsz, strtab or 0)):
        return False
    table = _table(pread, size_bytes, known, defined_too=False)
    longest = max(map(len, UNWINDERS))
    start, window = 0, b""
    # Most of these names stand together, however long the table is.
    for at in sorted([at for at, _, section in table.symbols if not section]):
        if at + longest > start + len(window):
            start, window = at, pread(_WINDOW_BYTES, table.strtab + at)
        if window.startswith(UNWINDERS, at - start):
            return True
    return False


def defines(pread: Pread, size_bytes: int, names: Sequence[str]) -> bool:
    """Whether the file exports all of `names`. Raises `BadElf`, as `read`."""
    table = _table(pread, size_bytes, read(pread, size_bytes), defined_too=True)
    strings = pread(min(table.strsz, MAX_SYMBOLS_BYTES), table.strtab)
    wanted = [name.encode() + b"\0" for name in names]
    if not all(name in strings for name in wanted):
        return False
    defined = [at for at, _, section in table.symbols if section]
    return all(any(strings.startswith(name, at) for at in defined) for name in wanted)


def _table(pread: Pread, size_bytes: int, known: Read, defined_too: bool) -> _Table:
    (facts, form, loads, _), values = known, tags(known)
    order = form[0]
    strtab, symtab, gnu_hash, sysv_hash = [
        file_offset(loads, values.get(tag, -1), size_bytes) for tag in (DT_STRTAB, DT_SYMTAB, DT_GNU_HASH, DT_HASH)
    ]
    if strtab is None or symtab is None:
        return _Table([], 0, 0)
    symbol = struct_of(order + _SYM[facts.bits])
    # What DT_GNU_HASH leaves out is undefined; an empty one leaves out nothing. DT_HASH knows all of
    # them; else they reach to the strings, where every linker puts those.
    count = max(strtab - symtab, 0) // symbol.size
    for at, usable in ((gnu_hash, not defined_too), (sysv_hash, True)):
        data = pread(4, at + 4) if at is not None and usable else b""
        told = int(struct_of(order + "I").unpack(data)[0]) if len(data) == 4 else 0
        if told > 1:
            count = told
            break
    length = min(count * symbol.size, size_bytes - symtab, MAX_SYMBOLS_BYTES)
    rows = pread(length, symtab)
    found = symbol.iter_unpack(rows[: len(rows) - len(rows) % symbol.size])
    return _Table([*found], strtab, min(values.get(DT_STRSZ, 0), size_bytes - strtab))


def asker(pread: Pread, size_bytes: int, version: int) -> str:
    """The first symbol that has the number `version` in DT_VERSYM; "" if none has. Raises `BadElf`, as `read`."""
    known = read(pread, size_bytes)
    order, loads = known[1][0], known[2]
    table = _table(pread, size_bytes, known, defined_too=False)
    versym = file_offset(loads, tags(known).get(DT_VERSYM, -1), size_bytes)
    data = b"" if versym is None else pread(2 * len(table.symbols), versym)
    numbers = struct_of(order + "H").iter_unpack(data[: len(data) // 2 * 2])
    for (number,), (at, _, _) in zip(numbers, table.symbols, strict=False):
        if number == version:
            return os.fsdecode(pread(_MAX_NAME_BYTES, table.strtab + at).partition(b"\0")[0])
    return ""
