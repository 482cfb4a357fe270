"""bytes -> `ElfFacts`: what glibc's and musl's loaders read in an ELF file's headers.

Only the ELF header, the program headers, PT_INTERP and PT_DYNAMIC count to a loader; section headers
may be garbage or absent (section 0 is read for PN_XNUM's count alone). Law: the gABI, chapters 4
and 5 (https://www.sco.com/developers/gabi/latest/contents.html), and glibc's elf/dl-load.c for what
a loader refuses. Every number from the file is bounded before it is used.
"""

from __future__ import annotations

import os
import struct

from ocidiet.errors import BadElf
from ocidiet.model import TYPE_CHECKING, ElfFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    Pread = Callable[[int, int], bytes]
    """(size_bytes, offset) -> bytes: fewer only at the end of the file."""

ET_EXEC, ET_DYN = 2, 3
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
PN_XNUM = 0xFFFF
DT_NULL, DT_NEEDED, DT_STRTAB, DT_STRSZ, DT_SONAME, DT_RPATH, DT_RUNPATH = 0, 1, 5, 10, 14, 15, 29
DT_FLAGS_1 = 0x6FFFFFFB
DF_1_PIE = 0x08000000
ELFOSABI_SYSV, ELFOSABI_GNU = 0, 3
EM_MIPS = 8

MAX_PHNUM = 4096
MAX_DYNAMIC_BYTES = 4 << 20
MAX_STRING_BYTES = 4096
MAX_NEEDED = 65536
MAX_TAGS = 1024
# The first EI_ABIVERSION of OS ABI GNU that glibc's loader refuses (2.36; MIPS has numbers of its own).
LIBC_ABI_MAX = 4
_FIRST_READ_BYTES = 4096
NOT_ELF = "not an ELF file"

# By EI_DATA: struct's byte order; by EI_CLASS: layouts and the sizes that e_*entsize must have.
_ORDER = {1: "<", 2: ">"}
_EHDR = {1: "16xHHIIIIIHHHHHH", 2: "16xHHIQQQIHHHHHH"}
_PHDR = {1: "IIIIIIII", 2: "IIQQQQQQ"}
_DYN = {1: "iI", 2: "qQ"}
_SH_INFO = {1: (28, "I"), 2: (44, "I")}

_structs: dict[str, struct.Struct] = {}


def _struct(fmt: str) -> struct.Struct:
    made = _structs.get(fmt)
    if made is None:
        made = _structs[fmt] = struct.Struct(fmt)
    return made


def parse(pread: Pread, size_bytes: int) -> ElfFacts:
    """The facts of an ELF file of `size_bytes`.

    Raises `BadElf`, naming the field and its offset, for what the loader would refuse and for what
    lies outside the file.
    """
    head = pread(_FIRST_READ_BYTES, 0)
    if head[:4] != b"\x7fELF":
        raise BadElf(NOT_ELF if head else "empty file")
    # 52 bytes in a file of 32 bits; but one that ends before 64 has nothing to load.
    if len(head) < 64:
        raise BadElf("truncated ELF header", "e_ident", 0)
    ei_class, ei_data, ei_version, ei_osabi, ei_abiversion = head[4:9]
    order = _ORDER.get(ei_data)
    if ei_class not in _EHDR:
        raise BadElf(f"unknown ELF class {ei_class}", "EI_CLASS", 4, bits=-1)
    bits, machine = 32 * ei_class, 0

    def bad(what: str, field: str, offset: int) -> BadElf:
        return BadElf(what, field, offset, bits, machine)

    if order is None:
        raise bad(f"unknown byte order {ei_data}", "EI_DATA", 5)
    ehdr = _struct(order + _EHDR[ei_class])
    e_type, machine, e_version, _, phoff, shoff, _, _, phentsize, phnum, _, _, _ = ehdr.unpack_from(head)
    if e_version == 1 << 24:
        raise BadElf(f"byte order {ei_data}, but the header has the other", "EI_DATA", 5, bits)
    if ei_version != 1:
        raise bad(f"unknown ELF version {ei_version}", "EI_VERSION", 6)
    if ei_osabi not in (ELFOSABI_SYSV, ELFOSABI_GNU):
        raise bad(f"for another operating system: OS ABI {ei_osabi}", "EI_OSABI", 7)
    # What the kernel does not look at in a program, and glibc's loader refuses in a library.
    odd = None
    if e_version != 1:
        odd = BadElf(f"unknown ELF version {e_version}", "e_version", 20, bits)
    elif ei_abiversion and machine != EM_MIPS and not (ei_osabi == ELFOSABI_GNU and ei_abiversion < LIBC_ABI_MAX):
        odd = bad(f"unknown ABI version {ei_abiversion} of OS ABI {ei_osabi}", "EI_ABIVERSION", 8)
    elif any(head[9:16]):
        odd = bad("padding that is not zero", "EI_PAD", 9)
    if e_type not in (ET_EXEC, ET_DYN):
        raise bad(f"neither a program nor a shared object: type {e_type}", "e_type", 16)
    phdr = _struct(order + _PHDR[ei_class])
    if phentsize != phdr.size:
        raise bad(f"program header size {phentsize}, not {phdr.size}", "e_phentsize", ehdr.size - 10)
    if phnum == PN_XNUM:
        at, fmt = _SH_INFO[ei_class]
        raw = pread(4, shoff + at) if shoff + at < size_bytes else b""
        if len(raw) < 4:
            raise bad("section header 0 outside the file", "e_shoff", 32 if ei_class == 1 else 40)
        phnum = _struct(order + fmt).unpack(raw)[0]
    if phnum > MAX_PHNUM:
        raise bad(f"{phnum} program headers, more than {MAX_PHNUM}", "e_phnum", ehdr.size - 8)

    def span(offset: int, length: int, what: str, field: str, at: int) -> bytes:
        if offset + length > size_bytes:
            raise bad(f"{what} outside the file", field, at)
        if offset + length <= len(head):
            return head[offset : offset + length]
        data = pread(length, offset)
        if len(data) < length:
            raise bad(f"{what} outside the file", field, at)
        return data

    table = span(phoff, phnum * phdr.size, "program headers", "e_phoff", 28 if ei_class == 1 else 32)
    interp = dynamic = None
    loads = []
    for index, fields in enumerate(phdr.iter_unpack(table)):
        if ei_class == 1:
            p_type, offset, vaddr, _, filesz = fields[:5]
        else:
            p_type, _, offset, vaddr, _, filesz = fields[:6]
        if p_type == PT_LOAD:
            if filesz and (vaddr - offset) & 0xFFF:
                raise bad(
                    "segment's address and offset differ within a page", "PT_LOAD p_offset", phoff + index * phdr.size
                )
            loads.append((vaddr, offset, filesz))
        elif p_type == PT_INTERP and interp is None:
            if filesz > MAX_STRING_BYTES:
                raise bad(f"interpreter name of {filesz} bytes", "PT_INTERP p_filesz", phoff + index * phdr.size)
            text = span(offset, filesz, "interpreter name", "PT_INTERP p_offset", phoff + index * phdr.size)
            if b"\0" not in text or text[:1] == b"\0":
                raise bad("interpreter name empty or without end", "PT_INTERP", offset)
            interp = os.fsdecode(text[: text.index(0)])
        elif p_type == PT_DYNAMIC:
            dynamic = (offset, filesz, vaddr, phoff + index * phdr.size)
    if dynamic is None:
        return ElfFacts(bits, order == "<", machine, False, interp, (), None, None, None, 0)

    offset, filesz, vaddr, at = dynamic
    dyn = _struct(order + _DYN[ei_class])
    length = min(filesz - filesz % dyn.size, max(size_bytes - offset, 0))
    if length < dyn.size or offset > size_bytes:
        raise bad("dynamic section outside the file", "PT_DYNAMIC p_offset", at)
    if length > MAX_DYNAMIC_BYTES:
        raise bad(f"dynamic section of {length} bytes", "PT_DYNAMIC p_filesz", at)
    if _file_offset(loads, vaddr) != offset:
        raise bad("dynamic section is not where it is mapped from", "PT_DYNAMIC p_vaddr", at)
    length -= length % dyn.size
    needed, single = [], {}
    for tag, value in dyn.iter_unpack(span(offset, length, "dynamic section", "PT_DYNAMIC p_offset", at)):
        if tag == DT_NULL:
            break
        if tag == DT_NEEDED:
            needed.append(value)
            if len(needed) > MAX_NEEDED:
                raise bad(f"more than {MAX_NEEDED} DT_NEEDED entries", "PT_DYNAMIC", offset)
        else:
            single[tag] = value
            if len(single) > MAX_TAGS:
                raise bad(f"more than {MAX_TAGS} kinds of entries", "PT_DYNAMIC", offset)
    else:
        raise bad("dynamic section without DT_NULL", "PT_DYNAMIC", offset)
    if odd is not None and interp is None and not single.get(DT_FLAGS_1, 0) & DF_1_PIE:
        raise odd

    wanted = [*needed, *(single[tag] for tag in (DT_SONAME, DT_RPATH, DT_RUNPATH) if tag in single)]
    names: dict[int, str] = {}
    if wanted:
        strtab = _file_offset(loads, single.get(DT_STRTAB, -1))
        if strtab is None or strtab >= size_bytes:
            raise bad("string table outside the file", "DT_STRTAB", offset)
        strsz = min(single.get(DT_STRSZ, 0), size_bytes - strtab)
        if max(wanted) >= strsz:
            raise bad("name outside the string table", "DT_STRSZ", offset)
        # Linkers put these names together at one end of the table: one read of their span.
        low = min(wanted)
        high = min(max(wanted) + MAX_STRING_BYTES, strsz)
        if high - low > MAX_DYNAMIC_BYTES:
            high = low
        text = span(strtab + low, high - low, "string table", "DT_STRTAB", offset)
        budget = MAX_DYNAMIC_BYTES
        for value in wanted:
            if value in names:
                continue
            end = text.find(b"\0", value - low, value - low + MAX_STRING_BYTES)
            raw = text[value - low : end]
            if end < 0:
                raw, rest, _ = pread(MAX_STRING_BYTES, strtab + value).partition(b"\0")
                if not rest:
                    raise bad("name without end", "DT_STRTAB", strtab + value)
            # Many names may end in one: more bytes than the file has.
            budget -= len(raw)
            if budget < 0:
                raise bad(f"names of more than {MAX_DYNAMIC_BYTES} bytes", "DT_STRTAB", offset)
            names[value] = os.fsdecode(raw)
    return ElfFacts(
        bits,
        order == "<",
        machine,
        True,
        interp,
        tuple([names[value] for value in needed]),
        names.get(single.get(DT_SONAME, -1)),
        names.get(single.get(DT_RPATH, -1)),
        names.get(single.get(DT_RUNPATH, -1)),
        single.get(DT_FLAGS_1, 0),
    )


def _file_offset(loads: list[tuple[int, int, int]], address: int) -> int | None:
    for vaddr, offset, filesz in loads:
        if vaddr <= address < vaddr + filesz:
            return offset + address - vaddr
    return None
