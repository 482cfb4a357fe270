"""bytes -> `ElfFacts`: what glibc's and musl's loaders read in an ELF file's headers.

Only the ELF header, the program headers, PT_INTERP and PT_DYNAMIC count to a loader; section headers
may be garbage or absent (section 0 is read for PN_XNUM's count alone). Law: the gABI, chapters 4
and 5 (https://www.sco.com/developers/gabi/latest/contents.html), and glibc's elf/dl-load.c for what
a loader refuses. Every number from the file is bounded before it is used.
"""

from __future__ import annotations

from ocidiet.errors import BadElf
from ocidiet.model import TYPE_CHECKING, ElfFacts
from ocidiet.system import make, os, struct

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from ocidiet.model.unusual import Filter

    Pread = Callable[[int, int], bytes]
    """(size_bytes, offset) -> bytes: fewer only at the end of the file."""
    Word = Literal["I", "Q"]
    Unpack = Callable[..., tuple[int, ...]]
    Layout = tuple[Unpack, tuple[int, ...], list[tuple[int, int]]]
    """Of a dynamic section, what unpacks those d_val that count; where among them, or in `_ABSENT` behind them, those
    of `_USUAL_TAGS` are; and where those of rare d_tag."""
    Form = tuple[str, int, struct.Struct, struct.Struct, Word, int, bytes, str, dict[int, Unpack], dict[bytes, Layout]]
    """Struct's byte order, bits, ELF header, program header; of the dynamic section a word, the entries' size,
    DT_NEEDED, what unpacks a d_val, what unpacks so many, and the layouts that were met, by the d_tag behind those of
    DT_NEEDED."""
    _Filtee = tuple[int, int, int]
    """(d_val, d_tag, how many needed names are before it)"""
    Entries = tuple[tuple[int, ...], list[int], dict[int, int], list[_Filtee]]
    """The d_val of each DT_NEEDED; of `_USUAL_TAGS`; of rare d_tag; and filters."""
    Read = tuple[ElfFacts, Form, list[tuple[int, int, int]], bytes]

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
# Where nearly all program headers end.
_FIRST_READ_BYTES = 1024
# String tables up to these sizes are read whole, and kept. What a program imports is asked of nearly each, of few
# libraries: memory that is touched for nothing costs as much as parsing does.
_SMALL_STRTAB_BYTES, _PROGRAMS_STRTAB_BYTES = 1 << 10, 1 << 13
NOT_ELF = "not an ELF file"

# By EI_CLASS: layouts, of which what is not read is left out.
_EHDR = {1: "16xHHI4xIII2xHH6x", 2: "16xHHI8xQQI2xHH6x"}
_PHDR = {1: "III4xI12x", 2: "I4xQQ8xQ16x"}
_DYN: dict[int, tuple[Word, int]] = {1: ("I", 8), 2: ("Q", 16)}

# By EI_CLASS and EI_DATA.
FORMS: dict[tuple[int, int], Form] = {
    (ei_class, ei_data): (
        order,
        32 * ei_class,
        struct.Struct(order + _EHDR[ei_class]),
        struct.Struct(order + _PHDR[ei_class]),
        word,
        entry_bytes,
        struct.pack(order + word, DT_NEEDED),
        f"{entry_bytes // 2}x{word}",
        {},
        {},
    )
    for ei_class, (word, entry_bytes) in _DYN.items()
    for ei_data, order in ((1, "<"), (2, ">"))
}
# How a dlopen note begins: its type and name.
_DLOPEN = {order: struct.pack(f"{order}I4s", NT_DLOPEN, b"FDO") for order in "<>"}
# The e_ident of nearly every file.
_USUAL = {
    b"\x7fELF" + bytes((*kind, 1, osabi)) + bytes(8): form
    for kind, form in FORMS.items()
    for osabi in (ELFOSABI_SYSV, ELFOSABI_GNU)
}

_LOADED_TYPES = (ET_EXEC, ET_DYN)
_FILTERS = (DT_AUXILIARY, DT_FILTER)
_RARE_TEXTS = (DT_RPATH, DT_RUNPATH, DT_AUDIT, DT_DEPAUDIT)
_USUAL_TAGS = (DT_STRTAB, DT_STRSZ, DT_SONAME, DT_FLAGS_1)
_COUNTING = frozenset((*_USUAL_TAGS, *_RARE_TEXTS))
# Of DT_STRTAB and DT_SONAME, where there is none; of DT_STRSZ and DT_FLAGS_1.
_ABSENT = (-1, 0)
_ABSENT_AT = {DT_STRTAB: -2, DT_STRSZ: -1, DT_SONAME: -2, DT_FLAGS_1: -1}
# What a hostile file must not fill.
_MAX_LAYOUTS, _MAX_LAYOUT_BYTES = 256, 1024
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


def read(pread: Pread, size_bytes: int) -> Read:
    """The facts of an ELF file of `size_bytes`, and what leads to its tables: its form; p_vaddr, p_offset and p_filesz
    of each PT_LOAD; the dynamic section, for `tags`.

    Raises `BadElf`, naming the field and its offset, for what the loader would refuse and for what lies outside the
    file. One function: a large program has hundreds of files, and each call costs.
    """
    head = pread(_FIRST_READ_BYTES, 0)
    form = _USUAL.get(head[:16]) if len(head) >= 64 else None
    is_usual = form is not None
    if form is None:
        from ocidiet.elf import unusual

        form = unusual.form(head)
    order, bits, ehdr, phdr, word, entry_bytes, needed_kind, value_form, needs, layouts = form
    e_type, machine, e_version, phoff, shoff, e_flags, phentsize, phnum = ehdr.unpack_from(head)
    odd = None
    if not is_usual or e_version != 1:
        from ocidiet.elf import unusual

        odd = unusual.odd(head, e_version, machine)
    if e_type not in _LOADED_TYPES:
        raise BadElf(f"neither a program nor a shared object: type {e_type}", "e_type", 16, bits, machine)
    size = phdr.size
    if phentsize != size:
        what = f"program header size {phentsize}, not {size}"
        raise BadElf(what, "e_phentsize", ehdr.size - 10, bits, machine)
    if not 0 < phnum <= MAX_PHNUM:
        from ocidiet.elf import unusual

        phnum = unusual.phnum(pread, size_bytes, form, machine, shoff, phnum)
    end = phoff + phnum * size
    table = head[phoff:end] if end <= len(head) else _beyond(pread, size_bytes, phoff, end)
    if table is None:
        raise BadElf("program headers outside the file", "e_phoff", 28 if bits == 32 else 32, bits, machine)

    interp = segment = None
    loads = []
    notes: tuple[bytes, ...] = ()
    note_bytes = 0
    for p_type, offset, vaddr, filesz in phdr.iter_unpack(table):
        if p_type > PT_NOTE:
            continue
        if p_type == PT_LOAD:
            if (vaddr - offset) & 0xFFF and filesz:
                at = phoff + _place(phdr, table, (p_type, offset, vaddr, filesz))
                what = "segment's address and offset differ within a page"
                raise BadElf(what, "PT_LOAD p_offset", at, bits, machine)
            loads.append((vaddr, offset, filesz))
        # All together: each of many program headers may name the same bytes.
        elif p_type == PT_NOTE and (note_bytes := note_bytes + filesz) <= MAX_NOTE_BYTES:
            end = offset + filesz
            if end > len(head) or head[offset:end].partition(_DLOPEN[order])[1]:
                from ocidiet.elf import unusual

                note = head[offset:end] if end <= len(head) else _beyond(pread, size_bytes, offset, end) or b""
                notes += tuple(unusual.dlopen_notes(note, struct_of(order + "III")))
        elif p_type == PT_DYNAMIC:
            segment = (offset, vaddr, filesz)
        elif p_type == PT_INTERP and interp is None:
            end = offset + filesz
            if filesz > MAX_INTERP_BYTES:
                at = phoff + _place(phdr, table, (p_type, offset, vaddr, filesz))
                raise BadElf(f"interpreter name of {filesz} bytes", "PT_INTERP p_filesz", at, bits, machine)
            text = head[offset:end] if end <= len(head) else _beyond(pread, size_bytes, offset, end)
            if text is None:
                at = phoff + _place(phdr, table, (p_type, offset, vaddr, filesz))
                raise BadElf("interpreter name outside the file", "PT_INTERP p_offset", at, bits, machine)
            name, ends, _ = text.partition(b"\0")
            if not ends or not name:
                raise BadElf("interpreter name empty or without end", "PT_INTERP", offset, bits, machine)
            interp = os.fsdecode(name)
    if segment is None:
        facts = ElfFacts(bits, order == "<", machine, False, interp, (), None, None, None, 0, e_flags)
        return facts, form, loads, b""

    offset, vaddr, filesz = segment
    size = (filesz if offset + filesz <= size_bytes else max(size_bytes - offset, 0)) // entry_bytes * entry_bytes
    if size > MAX_DYNAMIC_BYTES:
        at = phoff + _place(phdr, table, (PT_DYNAMIC, *segment))
        raise BadElf(f"dynamic section of {size} bytes", "PT_DYNAMIC p_filesz", at, bits, machine)
    end = offset + size
    data = b"" if not size else head[offset:end] if end <= len(head) else pread(size, offset)
    if not size or len(data) < size:  # shorter by now
        at = phoff + _place(phdr, table, (PT_DYNAMIC, *segment))
        raise BadElf("dynamic section outside the file", "PT_DYNAMIC p_offset", at, bits, machine)
    if size > MAX_TAGS * entry_bytes:
        from ocidiet.elf import unusual

        data = data[: unusual.end_of_many(data, struct.Struct(f"{order}2{word}"), offset, bits, machine)]
    kinds = memoryview(data).cast(word)[::2].tobytes()  # the d_tag of each entry
    # Linkers put DT_NEEDED first.
    ahead = (len(kinds) - len(kinds.lstrip(b"\0\1"))) // len(needed_kind)
    start = ahead * len(needed_kind)
    layout = layouts.get(kinds[start:])
    filtees: list[_Filtee] = []
    if layout is not None and start <= _MAX_LAYOUT_BYTES and kinds[:start] == needed_kind * ahead:
        unpack = needs.get(ahead) or needs.setdefault(ahead, struct.Struct(order + value_form * ahead).unpack_from)
        needed = unpack(data)
        unpack, (strtab_at, strsz_at, soname_at, flags_at), rare_at = layout
        told = unpack(data, ahead * entry_bytes) + _ABSENT
        address, strsz, named, flags_1 = told[strtab_at], told[strsz_at], told[soname_at], told[flags_at]
        rare: dict[int, int] = {}
        for tag, at in rare_at:
            rare[tag] = told[at]
    else:
        try:
            needed, (address, strsz, named, flags_1), rare, filtees = _entries(form, data, kinds[start:])
        except ValueError:
            raise BadElf("dynamic section without DT_NULL", "PT_DYNAMIC", offset, bits, machine) from None

    dynamic = strtab = size_bytes
    for start, at, length in loads:
        if start <= vaddr < start + length:
            dynamic = at + vaddr - start
            break
    for start, at, length in loads:
        if start <= address < start + length:
            strtab = at + address - start
            break
    if dynamic != offset:
        at = phoff + _place(phdr, table, (PT_DYNAMIC, *segment))
        raise BadElf("dynamic section is not where it is mapped from", "PT_DYNAMIC p_vaddr", at, bits, machine)

    wanted = [*needed]
    if named >= 0:
        wanted.append(named)
    if rare or filtees:
        wanted += [*rare.values(), *[value for value, _, _ in filtees]]
    if odd is not None and interp is None and not flags_1 & DF_1_PIE:
        raise odd

    texts: list[str] = []
    strings: bytes | None = b""
    if wanted:
        if strtab >= size_bytes:
            raise BadElf("string table outside the file", "DT_STRTAB", offset, bits, machine)
        if strsz > size_bytes - strtab:  # noqa: PLR1730  # min() takes longer
            strsz = size_bytes - strtab
        low, high = 0, strsz
        if strsz > (_SMALL_STRTAB_BYTES if interp is None else _PROGRAMS_STRTAB_BYTES):
            # Linkers put these names together at one end of the table: one read of their span.
            low, high = min(wanted), min(max(wanted) + _USUAL_STRING_BYTES, strsz)
            if not 0 <= high - low <= _MAX_SPAN_BYTES:
                low = high = 0
        start, end = strtab + low, strtab + high
        text = head[start:end] if end <= len(head) else pread(high - low, start)
        strings = text if high - low == strsz else None
        try:
            plain = text.decode()
            if not plain.isascii() or len(wanted) * len(text) > MAX_DYNAMIC_BYTES:
                raise ValueError
            for at in wanted:
                string, is_ended, _ = plain[at - low :].partition("\0")
                if not is_ended:
                    raise ValueError
                texts.append(string)
        except ValueError:
            from ocidiet.elf import unusual

            texts = unusual.names(pread, wanted, strtab, strsz, offset, bits, machine)
    filters: tuple[Filter, ...] = ()
    if filtees:
        from ocidiet.elf import unusual

        filters = unusual.filters(filtees, texts[-len(filtees) :])
    rpath = runpath = audit = depaudit = None
    if rare:
        names = dict(zip(wanted, texts))  # noqa: B905
        rpath, runpath, audit, depaudit = map(names.get, map(rare.get, _RARE_TEXTS))  # type: ignore[arg-type]
    soname = texts[len(needed)] if named >= 0 else None
    said = (bits, order == "<", machine, True, interp, tuple(texts[: len(needed)]), soname, rpath, runpath, flags_1)
    more = (e_flags, filters, audit, depaudit, notes, e_type == ET_EXEC, strings)
    facts = make(ElfFacts, said + more)
    return facts, form, loads, data


def tags(known: Read) -> dict[int, int]:
    """Of the file the d_val of each d_tag, of several the last, as to loaders."""
    _, form, _, data = known
    return dict(zip(*_entries_of(form, data), strict=True)) if data else {}


def _entries_of(form: Form, data: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The d_tag and d_val of each entry of a dynamic section before DT_NULL. Raises `ValueError` if none ends it."""
    order, _, _, _, word, entry_bytes, *_ = form
    words = struct.unpack(f"{order}{len(data) // entry_bytes * 2}{word}", data)
    tags = words[::2]
    end = tags.index(DT_NULL)
    return tags[:end], words[1 : 2 * end : 2]


def _entries(form: Form, data: bytes, kinds: bytes) -> Entries:
    """What counts in a dynamic section; of several with one d_tag the last, as to loaders. Raises `ValueError` where
    nothing ends it.

    A linker gives most files one of a few layouts: this one is left in the `form`. `kinds` are the d_tag behind those
    of DT_NEEDED that come first.
    """
    tags, values = _entries_of(form, data)
    needed = tuple([value for tag, value in zip(tags, values, strict=True) if tag == DT_NEEDED])
    last = dict(zip(tags, values, strict=True))
    filtees: list[_Filtee] = []
    if DT_FILTER in last or DT_AUXILIARY in last:
        position = 0
        for tag, value in zip(tags, values, strict=True):
            if tag in _FILTERS:
                filtees.append((value, tag, position))
            position += tag == DT_NEEDED
    order, _, _, _, _, entry_bytes, _, value_form, _, layouts = form
    ahead = len(needed)
    rest = tags[ahead:]
    # Before `kinds` stands nothing but needed names, and none behind: else what is unpacked is not where it was.
    is_known = len(kinds) * 2 == len(data) - ahead * entry_bytes and DT_NEEDED not in rest
    if is_known and not filtees and len(kinds) <= _MAX_LAYOUT_BYTES and len(layouts) < _MAX_LAYOUTS:
        passed = f"{entry_bytes}x"
        unpacked = "".join([value_form if tag in _COUNTING else passed for tag in rest])
        place = {tag: at for at, tag in enumerate([tag for tag in rest if tag in _COUNTING])}
        usual = [place.get(tag, _ABSENT_AT[tag]) for tag in _USUAL_TAGS]
        rare_at = [(tag, place[tag]) for tag in _RARE_TEXTS if tag in place]
        layouts[kinds] = (struct.Struct(order + unpacked).unpack_from, tuple(usual), rare_at)
    told = [last.get(tag, _ABSENT[_ABSENT_AT[tag]]) for tag in _USUAL_TAGS]
    return needed, told, {tag: last[tag] for tag in _RARE_TEXTS if tag in last}, filtees


def _beyond(pread: Pread, size_bytes: int, start: int, end: int) -> bytes | None:
    """The bytes of the file from `start` to `end`; None unless all are inside it."""
    if end > size_bytes:
        return None
    data = pread(end - start, start)
    return data if len(data) == end - start else None


def _place(phdr: struct.Struct, table: bytes, header: tuple[int, ...]) -> int:
    """Where in the table a program header stands."""
    return [*phdr.iter_unpack(table)].index(header) * phdr.size


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
