"""ELF files that are not made as nearly all are: what is wrong with them, if anything is. Law: as `elf`'s."""

from __future__ import annotations

from ocidiet.elf import (
    DT_AUXILIARY,
    DT_FILTER,
    DT_NEEDED,
    DT_NULL,
    ELFOSABI_GNU,
    ELFOSABI_SYSV,
    FORMS,
    MAX_DYNAMIC_BYTES,
    MAX_PHNUM,
    MAX_STRING_BYTES,
    MAX_TAGS,
    NOT_ELF,
    NT_DLOPEN,
    struct_of,
)
from ocidiet.errors import BadElf
from ocidiet.model import TYPE_CHECKING
from ocidiet.model.unusual import Filter
from ocidiet.system import os

if TYPE_CHECKING:
    import struct
    from collections.abc import Iterator

    from ocidiet.elf import Form, Pread

EM_MIPS = 8
# The first EI_ABIVERSION of OS ABI GNU that glibc's loader refuses (2.36; MIPS has numbers of its own).
LIBC_ABI_MAX = 4
PN_XNUM = 0xFFFF
MAX_NEEDED = 65536
_USUAL_NAME_BYTES = 256
# By bits: where sh_info is in a section header.
_SH_INFO = {32: 28, 64: 44}


def form(head: bytes) -> Form:
    """As `elf.FORMS`, of an unusual e_ident. Raises `BadElf`."""
    if head[:4] != b"\x7fELF":
        raise BadElf(NOT_ELF if head else "empty file")
    # 52 bytes in a file of 32 bits; but one that ends before 64 has nothing to load.
    if len(head) < 64:
        raise BadElf("truncated ELF header", "e_ident", 0)
    ei_class, ei_data = head[4:6]
    if ei_class not in (1, 2):
        raise BadElf(f"unknown ELF class {ei_class}", "EI_CLASS", 4, bits=-1)
    if ei_data not in (1, 2):
        raise BadElf(f"unknown byte order {ei_data}", "EI_DATA", 5, 32 * ei_class)
    return FORMS[ei_class, ei_data]


def odd(head: bytes, e_version: int, machine: int) -> BadElf | None:
    """As `BadElf`. Raises `BadElf` for what the kernel refuses too."""
    ei_class, ei_data, ei_version, ei_osabi, ei_abiversion = head[4:9]
    bits = 32 * ei_class
    if e_version == 1 << 24:
        raise BadElf(f"byte order {ei_data}, but the header has the other", "EI_DATA", 5, bits)
    if ei_version != 1:
        raise BadElf(f"unknown ELF version {ei_version}", "EI_VERSION", 6, bits, machine)
    if ei_osabi not in (ELFOSABI_SYSV, ELFOSABI_GNU):
        raise BadElf(f"for another operating system: OS ABI {ei_osabi}", "EI_OSABI", 7, bits, machine)
    if e_version != 1:
        return BadElf(f"unknown ELF version {e_version}", "e_version", 20, bits)
    if ei_abiversion and machine != EM_MIPS and not (ei_osabi == ELFOSABI_GNU and ei_abiversion < LIBC_ABI_MAX):
        what = f"unknown ABI version {ei_abiversion} of OS ABI {ei_osabi}"
        return BadElf(what, "EI_ABIVERSION", 8, bits, machine)
    return BadElf("padding that is not zero", "EI_PAD", 9, bits, machine) if any(head[9:16]) else None


def phnum(pread: Pread, size_bytes: int, form: Form, machine: int, shoff: int, told: int) -> int:
    """How many program headers there are, of which e_phnum says `told`. Raises `BadElf`."""
    order, bits, ehdr, *_ = form
    field = ehdr.size - 8
    if told == PN_XNUM:
        at = shoff + _SH_INFO[bits]
        raw = pread(4, at) if at < size_bytes else b""
        if len(raw) < 4:
            raise BadElf("section header 0 outside the file", "e_shoff", 32 if bits == 32 else 40, bits, machine)
        told = struct_of(order + "I").unpack(raw)[0]
    if not told:
        raise BadElf("no program headers", "e_phnum", field, bits, machine)
    if told > MAX_PHNUM:
        raise BadElf(f"{told} program headers, more than {MAX_PHNUM}", "e_phnum", field, bits, machine)
    return told


def end_of_many(data: bytes, entry: struct.Struct, offset: int, bits: int, machine: int) -> int:
    """How many bytes of a long dynamic section there are to read; bounded before they are kept. Raises `BadElf`."""
    kinds: set[int] = set()
    names = 0
    for number, (tag, _) in enumerate(entry.iter_unpack(data)):
        if tag == DT_NULL:
            return (number + 1) * entry.size
        kinds.add(tag)
        names += tag in (DT_NEEDED, DT_AUXILIARY, DT_FILTER)
        if len(kinds) > MAX_TAGS or number - names > MAX_NEEDED:
            raise BadElf(f"more than {MAX_TAGS} kinds of entries", "PT_DYNAMIC", offset, bits, machine)
        if names > MAX_NEEDED:
            raise BadElf(f"more than {MAX_NEEDED} needed names", "PT_DYNAMIC", offset, bits, machine)
    return len(data)


def names(pread: Pread, wanted: list[int], strtab: int, strsz: int, offset: int, bits: int, machine: int) -> list[str]:
    """The names that stand at `wanted` in the strings: far apart, or not of ASCII, or wrong. Raises `BadElf`.

    `offset` is the dynamic section's.
    """
    if max(wanted) >= strsz:
        raise BadElf("name outside the string table", "DT_STRSZ", offset, bits, machine)
    found: dict[int, str] = {}
    budget = MAX_DYNAMIC_BYTES
    for at in wanted:
        if at in found:
            continue
        raw, ends, _ = pread(_USUAL_NAME_BYTES, strtab + at).partition(b"\0")
        if not ends:
            raw, ends, _ = pread(MAX_STRING_BYTES, strtab + at).partition(b"\0")
        if not ends:
            raise BadElf("name without end", "DT_STRTAB", strtab + at, bits, machine)
        # Many names may end in one: more bytes than the file has.
        budget -= len(raw)
        if budget < 0:
            raise BadElf(f"names of more than {MAX_DYNAMIC_BYTES} bytes", "DT_STRTAB", offset, bits, machine)
        found[at] = os.fsdecode(raw)
    return [found[at] for at in wanted]


def filters(asked: list[tuple[int, int, int]], names: list[str]) -> tuple[Filter, ...]:
    """The entries of filters, `asked` for by these names: of each d_tag, and how many needed names are before it."""
    rows = zip(asked, names, strict=True)
    return tuple([Filter(name, tag == DT_FILTER, at) for (_, tag, at), name in rows])


def dlopen_notes(data: bytes, header: struct.Struct) -> Iterator[bytes]:
    """The text of each dlopen note among others."""
    at = 0
    while at + header.size <= len(data):
        name_bytes, desc_bytes, kind = header.unpack_from(data, at)
        name_at = at + header.size
        desc_at = name_at + name_bytes + -name_bytes % 4
        at = desc_at + desc_bytes + -desc_bytes % 4
        if desc_at + desc_bytes <= len(data) and kind == NT_DLOPEN and data[name_at : name_at + name_bytes] == b"FDO\0":
            yield data[desc_at : desc_at + desc_bytes].rstrip(b"\0")
