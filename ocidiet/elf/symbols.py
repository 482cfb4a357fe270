"""What an ELF file's dynamic symbols say; read when somebody asks, never on the usual way."""

from __future__ import annotations

from ocidiet.elf import (
    DT_GNU_HASH,
    DT_HASH,
    DT_STRSZ,
    DT_STRTAB,
    DT_SYMTAB,
    UNWINDERS,
    dynamic,
    file_offset,
    headers,
    struct_of,
)
from ocidiet.model import TYPE_CHECKING

if TYPE_CHECKING:
    from ocidiet.elf import Headers, Pread

MAX_SYMBOLS_BYTES = 64 << 20
# Of a larger string table, so few names are read one by one.
_NAME_BY_NAME_BYTES, _NAME_BY_NAME = 1 << 18, 1000
_SYM = {1: "I8xBxH", 2: "IBxH16x"}


def unwinds(pread: Pread, size_bytes: int) -> bool:
    """Whether the file imports a function for which glibc opens libgcc_s.so.1. Raises `BadElf`, as
    `parse`."""
    read = headers(pread, size_bytes)
    if read.dynamic is None:
        return False
    single = dict(zip(*dynamic(size_bytes, read), strict=True))
    strtab, symtab = [file_offset(read.loads, single.get(tag, -1), size_bytes) for tag in (DT_STRTAB, DT_SYMTAB)]
    if strtab is None or symtab is None:
        return False
    symbol = struct_of(read.order + _SYM[read.ei_class])
    count = _symbol_count(pread, size_bytes, read, single)
    length = min(count * symbol.size, size_bytes - symtab, MAX_SYMBOLS_BYTES)
    table = pread(length, symtab)
    rows = symbol.iter_unpack(table[: len(table) - len(table) % symbol.size])
    undefined = [row[0] for row in rows if row[2] == 0]
    strsz = min(single.get(DT_STRSZ, 0), size_bytes - strtab)
    if strsz > _NAME_BY_NAME_BYTES and len(undefined) < _NAME_BY_NAME:
        longest = max(map(len, UNWINDERS))
        return any(pread(longest, strtab + at).startswith(UNWINDERS) for at in undefined)
    strings = pread(min(strsz, MAX_SYMBOLS_BYTES), strtab)
    return any(strings.startswith(UNWINDERS, at) for at in undefined)


def _symbol_count(pread: Pread, size_bytes: int, read: Headers, single: dict[int, int]) -> int:
    """How many symbols may be undefined: those that DT_GNU_HASH leaves out, or all of DT_HASH."""
    for tag, field in ((DT_GNU_HASH, 4), (DT_HASH, 4)):
        at = file_offset(read.loads, single.get(tag, -1), size_bytes)
        if at is not None and len(data := pread(4, at + field)) == 4:
            return int(struct_of(read.order + "I").unpack(data)[0])
    return 0
