"""bytes -> `ElfFacts`: what glibc's and musl's loaders read in an ELF file's headers.

Only the ELF header, the program headers, PT_INTERP and PT_DYNAMIC count to a loader; section headers
may be garbage or absent (section 0 is read for PN_XNUM's count alone). Law: the gABI, chapters 4
and 5 (https://www.sco.com/developers/gabi/latest/contents.html), and glibc's elf/dl-load.c for what
a loader refuses. Every number from the file is bounded before it is used.
"""

from __future__ import annotations

from ocidiet.errors import BadElf
from ocidiet.model import TYPE_CHECKING, ElfFacts, Filter, NamedTuple
from ocidiet.system import os, struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Pread = Callable[[int, int], bytes]
    """(size_bytes, offset) -> bytes: fewer only at the end of the file."""
    Form = tuple[int, str, struct.Struct, struct.Struct]
    """Class, struct's byte order, ELF header, program header."""

ET_EXEC, ET_DYN = 2, 3
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4
DT_NULL, DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ = 0, 1, 4, 5, 6, 10
DT_SONAME, DT_RPATH, DT_RUNPATH, DT_GNU_HASH = 14, 15, 29, 0x6FFFFEF5
DT_DEPAUDIT, DT_AUDIT, DT_VERSYM, DT_FLAGS_1 = 0x6FFFFEFB, 0x6FFFFEFC, 0x6FFFFFF0, 0x6FFFFFFB
DT_VERDEF, DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
DT_AUXILIARY, DT_FILTER = 0x7FFFFFFD, 0x7FFFFFFF
DF_1_PIE = 0x08000000
NT_DLOPEN = 0x407C0C0A
ELFOSABI_SYSV, ELFOSABI_GNU = 0, 3

MAX_PHNUM = 4096
MAX_DYNAMIC_BYTES = 4 << 20
MAX_INTERP_BYTES = 4096  # PATH_MAX: the kernel takes none longer
MAX_STRING_BYTES = 1 << 16
_USUAL_STRING_BYTES = 4096
# More than this is not read for the sake of some names in it.
_MAX_SPAN_BYTES = 1 << 16
MAX_TAGS = 1024
MAX_NOTE_BYTES = 1 << 20
_FIRST_READ_BYTES = 4096
# A string table up to this size is read whole.
_SMALL_STRTAB_BYTES = 1 << 13
NOT_ELF = "not an ELF file"

# By EI_CLASS: layouts, of which what is not read is left out.
_EHDR = {1: "16xHHI4xIII2xHH6x", 2: "16xHHI8xQQI2xHH6x"}
_PHDR = {1: "III4xI12x", 2: "I4xQQ8xQ16x"}
_DYN = {1: (8, "I"), 2: (16, "Q")}

# By EI_CLASS and EI_DATA.
FORMS: dict[tuple[int, int], Form] = {
    (ei_class, ei_data): (
        ei_class,
        order,
        struct.Struct(order + _EHDR[ei_class]),
        struct.Struct(order + _PHDR[ei_class]),
    )
    for ei_class in (1, 2)
    for ei_data, order in ((1, "<"), (2, ">"))
}
# The e_ident of nearly every file.
_USUAL = {
    b"\x7fELF" + bytes((*kind, 1, osabi)) + bytes(8): form
    for kind, form in FORMS.items()
    for osabi in (ELFOSABI_SYSV, ELFOSABI_GNU)
}

_LOADED_TYPES = (ET_EXEC, ET_DYN)
_FILTERS = (DT_AUXILIARY, DT_FILTER)
_TEXTS = (DT_SONAME, DT_RPATH, DT_RUNPATH, DT_AUDIT, DT_DEPAUDIT)
_VERSION_TABLES = ((DT_VERNEED, DT_VERNEEDNUM), (DT_VERDEF, DT_VERDEFNUM))
# glibc opens libgcc_s.so.1 by itself when one of these is called (nptl/pthread_cancel.c and
# pthread_exit.c, debug/backtrace.c), and aborts where it is not there.
UNWINDERS = (b"pthread_cancel\0", b"pthread_exit\0", b"thrd_exit\0", b"backtrace\0")

_structs: dict[str, struct.Struct] = {}


def struct_of(fmt: str) -> struct.Struct:
    """A compiled format: made once."""
    made = _structs.get(fmt)
    if made is None:
        made = _structs[fmt] = struct.Struct(fmt)
    return made


class Headers(NamedTuple):
    """What the program headers say."""

    ei_class: int
    order: str
    e_type: int
    machine: int
    e_flags: int
    interp: str | None
    dynamic: tuple[int, int, int, int] | None
    """Offset, p_filesz, p_vaddr, and the offset of the program header."""
    loads: list[tuple[int, int, int]]
    notes: tuple[bytes, ...]
    odd: BadElf | None
    """What the kernel does not look at in a program, and glibc's loader refuses in a library."""
    head: bytes
    """The first bytes of the file."""

    def bad(self, what: str, field: str, offset: int) -> BadElf:
        """What is wrong in the file."""
        return BadElf(what, field, offset, 32 * self.ei_class, self.machine)


def headers(pread: Pread, size_bytes: int) -> Headers:
    """The headers alone. Raises `BadElf`, as `parse`."""
    head = pread(_FIRST_READ_BYTES, 0)
    form = _USUAL.get(head[:16]) if len(head) >= 64 else None
    is_usual = form is not None
    if form is None:
        from ocidiet.elf import unusual

        form = unusual.form(head)
    ei_class, order, ehdr, phdr = form
    e_type, machine, e_version, phoff, shoff, e_flags, phentsize, phnum = ehdr.unpack_from(head)
    bits, size = 32 * ei_class, phdr.size
    odd = None
    if not is_usual or e_version != 1:
        from ocidiet.elf import unusual

        odd = unusual.odd(head, e_version, machine)
    if e_type not in _LOADED_TYPES:
        raise BadElf(f"neither a program nor a shared object: type {e_type}", "e_type", 16, bits, machine)
    if phentsize != size:
        what = f"program header size {phentsize}, not {size}"
        raise BadElf(what, "e_phentsize", ehdr.size - 10, bits, machine)
    if not 0 < phnum <= MAX_PHNUM:
        from ocidiet.elf import unusual

        phnum = unusual.phnum(pread, size_bytes, form, machine, shoff, phnum)
    table = _within(pread, size_bytes, head, phoff, phnum * size)
    if table is None:
        raise BadElf("program headers outside the file", "e_phoff", 28 if bits == 32 else 32, bits, machine)
    interp = dynamic = None
    loads = []
    notes: tuple[bytes, ...] = ()
    note_bytes = 0
    here = phoff - size
    for p_type, offset, vaddr, filesz in phdr.iter_unpack(table):
        here += size
        if p_type > PT_NOTE:
            continue
        if p_type == PT_LOAD:
            if filesz and (vaddr - offset) & 0xFFF:
                what = "segment's address and offset differ within a page"
                raise BadElf(what, "PT_LOAD p_offset", here, bits, machine)
            loads.append((vaddr, offset, filesz))
        # All together: each of many program headers may name the same bytes.
        elif p_type == PT_NOTE and (note_bytes := note_bytes + filesz) <= MAX_NOTE_BYTES:
            end = offset + filesz
            if end > len(head) or head.find(b"FDO\0", offset, end) >= 0:
                data = _within(pread, size_bytes, head, offset, filesz) or b""
                notes += tuple(_dlopen_notes(data, struct_of(order + "III")))
        elif p_type == PT_DYNAMIC:
            dynamic = (offset, filesz, vaddr, here)
        elif p_type == PT_INTERP and interp is None:
            if filesz > MAX_INTERP_BYTES:
                raise BadElf(f"interpreter name of {filesz} bytes", "PT_INTERP p_filesz", here, bits, machine)
            text = _within(pread, size_bytes, head, offset, filesz)
            if text is None:
                raise BadElf("interpreter name outside the file", "PT_INTERP p_offset", here, bits, machine)
            name, ends, _ = text.partition(b"\0")
            if not ends or not name:
                raise BadElf("interpreter name empty or without end", "PT_INTERP", offset, bits, machine)
            interp = os.fsdecode(name)
    return Headers._make((ei_class, order, e_type, machine, e_flags, interp, dynamic, loads, notes, odd, head))


def _within(pread: Pread, size_bytes: int, head: bytes, offset: int, length: int) -> bytes | None:
    """So many bytes of the file, whose first are `head`; None unless all are inside it."""
    end = offset + length
    if end <= len(head):
        return head[offset:end]
    if end > size_bytes:
        return None
    data = pread(length, offset)
    return data if len(data) == length else None


def _dlopen_notes(data: bytes, header: struct.Struct) -> Iterator[bytes]:
    at = 0
    while at + header.size <= len(data):
        name_bytes, desc_bytes, kind = header.unpack_from(data, at)
        name_at = at + header.size
        desc_at = name_at + name_bytes + -name_bytes % 4
        at = desc_at + desc_bytes + -desc_bytes % 4
        if desc_at + desc_bytes <= len(data) and kind == NT_DLOPEN and data[name_at : name_at + name_bytes] == b"FDO\0":
            yield data[desc_at : desc_at + desc_bytes].rstrip(b"\0")


def dynamic(pread: Pread, size_bytes: int, read: Headers) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The dynamic section up to DT_NULL: each entry's d_tag, and its d_val."""
    assert read.dynamic is not None
    offset, filesz, vaddr, at = read.dynamic
    entry_bytes, word = _DYN[read.ei_class]
    count = (filesz if offset + filesz <= size_bytes else max(size_bytes - offset, 0)) // entry_bytes
    if not count:
        raise read.bad("dynamic section outside the file", "PT_DYNAMIC p_offset", at)
    if count * entry_bytes > MAX_DYNAMIC_BYTES:
        raise read.bad(f"dynamic section of {count * entry_bytes} bytes", "PT_DYNAMIC p_filesz", at)
    if file_offset(read.loads, vaddr, size_bytes) != offset:
        raise read.bad("dynamic section is not where it is mapped from", "PT_DYNAMIC p_vaddr", at)
    data = _within(pread, size_bytes, read.head, offset, count * entry_bytes)
    if data is None:
        raise read.bad("dynamic section outside the file", "PT_DYNAMIC p_offset", at)
    if count > MAX_TAGS:
        from ocidiet.elf import unusual

        data = data[: unusual.end_of_many(data, struct.Struct(f"{read.order}2{word}"), offset, read)]
        count = len(data) // entry_bytes
    words = struct.unpack(f"{read.order}{2 * count}{word}", data)
    tags = words[::2]
    try:
        end = tags.index(DT_NULL)
    except ValueError:
        raise read.bad("dynamic section without DT_NULL", "PT_DYNAMIC", offset) from None
    return tags[:end], words[1 : 2 * end : 2]


def parse(pread: Pread, size_bytes: int) -> ElfFacts:
    """The facts of an ELF file of `size_bytes`.

    Raises `BadElf`, naming the field and its offset, for what the loader would refuse and for what
    lies outside the file.
    """
    read = headers(pread, size_bytes)
    ei_class, order, e_type, machine, e_flags, interp, segment, loads, notes, odd, head = read
    bits, little = 32 * ei_class, order == "<"
    if segment is None:
        return ElfFacts(bits, little, machine, False, interp, (), None, None, None, 0, e_flags)
    tags, values = dynamic(pread, size_bytes, read)
    single = dict(zip(tags, values, strict=True))
    count = tags.count(DT_NEEDED)
    needed = values[:count]
    if tags[:count].count(DT_NEEDED) < count:  # linkers put them first
        needed = tuple([value for tag, value in zip(tags, values, strict=True) if tag == DT_NEEDED])
    wanted = [*needed]
    for tag in _TEXTS:
        if tag in single:
            wanted.append(single[tag])
    filters: list[tuple[int, int, int]] = []
    if DT_AUXILIARY in single or DT_FILTER in single:
        position = 0
        for tag, value in zip(tags, values, strict=True):
            if tag in _FILTERS:
                filters.append((value, tag, position))
                wanted.append(value)
            position += tag == DT_NEEDED
    if odd is not None and interp is None and not single.get(DT_FLAGS_1, 0) & DF_1_PIE:
        raise odd

    strtab = file_offset(loads, single.get(DT_STRTAB, -1), size_bytes)
    names: dict[int, str] = {}
    strings: bytes | None = b""
    if wanted:
        if strtab is None:
            raise read.bad("string table outside the file", "DT_STRTAB", segment[0])
        strsz = min(single.get(DT_STRSZ, 0), size_bytes - strtab)
        low, high = 0, strsz
        if strsz > _SMALL_STRTAB_BYTES:
            # Linkers put these names together at one end of the table: one read of their span.
            low, high = min(wanted), min(max(wanted) + _USUAL_STRING_BYTES, strsz)
            if not 0 <= high - low <= _MAX_SPAN_BYTES:
                low = high = 0
        text = _within(pread, size_bytes, head, strtab + low, high - low)
        if text is None:
            raise read.bad("string table outside the file", "DT_STRTAB", segment[0])
        strings = text if high - low == strsz else None
        try:
            if len(wanted) * len(text) > MAX_DYNAMIC_BYTES:
                raise ValueError
            plain = text.decode("ascii")
            for at in wanted:
                names[at] = plain[at - low : plain.index("\0", at - low)]
        except ValueError:
            from ocidiet.elf import unusual

            names = unusual.names(pread, read, wanted, strtab, strsz)
    tables: tuple[int, ...] = ()
    if DT_VERNEED in single or DT_VERDEF in single:
        tables = (0, 0) if strtab is None else (strtab, single.get(DT_STRSZ, 0))
        for tag, number in _VERSION_TABLES:
            there = file_offset(loads, single[tag], size_bytes) if tag in single else None
            tables += (0, 0) if there is None else (there, single.get(number, 0))
    soname, rpath, runpath, audit, depaudit = map(names.get, map(single.get, _TEXTS))  # type: ignore[arg-type]
    return ElfFacts._make(
        (
            bits,
            little,
            machine,
            True,
            interp,
            tuple([names[at] for at in needed]),
            soname,
            rpath,
            runpath,
            single.get(DT_FLAGS_1, 0),
            e_flags,
            tuple([Filter(names[value], tag == DT_FILTER, at) for value, tag, at in filters]) if filters else (),
            audit,
            depaudit,
            notes,
            e_type == ET_EXEC,
            tables,
            strings,
        )
    )


def may_unwind(strings: bytes) -> bool:
    """Whether one of `UNWINDERS` is among the strings of a file."""
    # Fewer searches: two of them end alike.
    return b"d_exit\0" in strings or b"pthread_cancel\0" in strings or b"backtrace\0" in strings


def file_offset(loads: list[tuple[int, int, int]], address: int, size_bytes: int) -> int | None:
    """Where in the file of `size_bytes` the byte is that is mapped at `address`."""
    for vaddr, offset, filesz in loads:
        if vaddr <= address < vaddr + filesz:
            at = offset + address - vaddr
            return at if at < size_bytes else None
    return None
