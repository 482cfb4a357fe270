"""The room `elf`: the facts of good files, the field at fault in bad ones, and pyelftools as an oracle."""

from __future__ import annotations

import os
import random
import struct
import tracemalloc
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ocidiet import elf
from ocidiet.elf.notes import dlopen_note
from ocidiet.elf.symbols import unwinds
from ocidiet.errors import BadElf
from ocidiet.model import ElfFacts
from tests.support import HELLO, cc, library
from tests.unit.elfmaker import AARCH64, BASE, BE, ET_EXEC, I386, LE, X86_64, make


def parse(data: bytes) -> ElfFacts:
    def pread(size: int, offset: int) -> bytes:
        assert size >= 0
        assert 0 <= offset < 2**63, "pread(2) takes no such offset"
        return data[offset : offset + size]

    facts = elf.read(pread, len(data))[0]
    assert facts.strings is None or facts.strings in data
    return ElfFacts(*facts[:-1])  # all but its strings


BOTH = pytest.mark.parametrize(("bits", "order"), [(32, LE), (32, BE), (64, LE), (64, BE)])


@BOTH
def test_facts_of_a_program(bits: int, order: str) -> None:
    made = make(bits=bits, order=order, machine=AARCH64, e_type=ET_EXEC, interp="/lib/ld.so", needed=["liba.so.1", "b"])
    assert len(made) <= 600
    assert parse(made) == ElfFacts(
        bits, order == LE, AARCH64, True, "/lib/ld.so", ("liba.so.1", "b"), None, None, None, 0, fixed=True
    )


@BOTH
def test_facts_of_a_library(bits: int, order: str) -> None:
    made = make(bits=bits, order=order, needed=["x"], soname="libs.so.1", rpath="/r:/s", runpath="$ORIGIN", flags_1=1)
    assert parse(made) == ElfFacts(bits, order == LE, X86_64, True, None, ("x",), "libs.so.1", "/r:/s", "$ORIGIN", 1)


@BOTH
def test_facts_of_a_static_program(bits: int, order: str) -> None:
    made = make(bits=bits, order=order, machine=I386, dynamic=False)
    assert parse(made) == ElfFacts(bits, order == LE, I386, False, None, (), None, None, None, 0)


@BOTH
def test_facts_with_the_header_count_in_section_0(bits: int, order: str) -> None:
    plain = make(bits=bits, order=order, needed=["x"])
    section_0 = bytes(28 if bits == 32 else 44) + (2).to_bytes(4, "little" if order == LE else "big") + bytes(16)
    made = make(bits=bits, order=order, needed=["x"], wrong={"e_phnum": 0xFFFF, "e_shoff": len(plain)})
    assert parse(made + section_0) == parse(plain)


def test_names_keep_every_byte() -> None:
    name = os.fsdecode(b"lib\xff\n$ \xc3\xa9.so")
    assert parse(make(needed=[name, ""])).needed == (name, "")


def test_sections_do_not_count() -> None:
    garbage = {"e_shoff": 2**63, "e_shnum": 0xFFFF, "e_shentsize": 3, "e_shstrndx": 0xFFFF}
    assert parse(make(needed=["x"], wrong=garbage)) == parse(make(needed=["x"]))


def test_names_in_a_segment_that_does_not_begin_the_file() -> None:
    moved = {"PT_LOAD p_offset": 64, "PT_LOAD p_vaddr": BASE + 64}
    assert parse(good(wrong=moved)) == parse(WHOLE)


def test_names_far_apart_in_the_string_table() -> None:
    # The first name, megabytes of others, the last name: no read of all that lies between.
    far = 5 << 20
    data = make(needed=["near", "far"], wrong={"DT_STRSZ": far + 99, "PT_LOAD p_filesz": far + 9999})
    at = data.index(b"near")
    data = data.replace((6).to_bytes(8, "little"), far.to_bytes(8, "little"), 1).ljust(at - 1 + far, b"x") + b"far\0"
    assert parse(data).needed == ("near", "far")


def good(bits: int = 64, order: str = LE, machine: int = X86_64, wrong: dict[str, int] | None = None) -> bytes:
    """A file that holds all that is read; `wrong` as in `make`."""
    return make(
        bits=bits,
        order=order,
        machine=machine,
        interp="/lib/ld.so",
        needed=["liba.so", "libb.so"],
        soname="s",
        rpath="/r",
        runpath="/u",
        flags_1=8,
        wrong=wrong,
    )


WHOLE = good()


def places(bits: int) -> dict[str, int]:
    """Where the fields of `good` stand, by their names."""
    ehdr, phdr, dyn = (52, 32, 8) if bits == 32 else (64, 56, 16)
    places = {"EI_CLASS": 4, "EI_DATA": 5, "EI_VERSION": 6, "EI_OSABI": 7, "EI_ABIVERSION": 8, "EI_PAD": 9}
    places |= {"e_ident": 0, "e_type": 16, "e_version": 20, "e_phentsize": ehdr - 10, "e_phnum": ehdr - 8}
    places |= {"e_phoff": 28, "e_shoff": 32} if bits == 32 else {"e_phoff": 32, "e_shoff": 40}
    places |= {"PT_LOAD": ehdr, "PT_INTERP": ehdr + phdr, "PT_DYNAMIC": ehdr + 2 * phdr}
    interp = ehdr + 3 * phdr
    dynamic = interp + len("/lib/ld.so\0")
    return {**places, "interpreter": interp, "dynamic": dynamic, "strings": dynamic + 9 * dyn}


# Values that depend on the class: of a file offset far outside, the sign bit, and the last number.
FAR, SIGN, LAST = "far", "sign", "last"
OUTSIDE_FILE = {
    "e_phoff": ("program headers outside the file", "e_phoff", "e_phoff"),
    "PT_INTERP p_offset": ("interpreter name outside the file", "PT_INTERP p_offset", "PT_INTERP"),
    "PT_DYNAMIC p_offset": ("dynamic section outside the file", "PT_DYNAMIC p_offset", "PT_DYNAMIC"),
    "PT_DYNAMIC p_vaddr": ("dynamic section is not where it is mapped from", "PT_DYNAMIC p_vaddr", "PT_DYNAMIC"),
    "DT_STRTAB": ("string table outside the file", "DT_STRTAB", "dynamic"),
    "DT_NEEDED": ("name outside the string table", "DT_STRSZ", "dynamic"),
    "DT_SONAME": ("name outside the string table", "DT_STRSZ", "dynamic"),
    "DT_RPATH": ("name outside the string table", "DT_STRSZ", "dynamic"),
    "DT_RUNPATH": ("name outside the string table", "DT_STRSZ", "dynamic"),
}
NOT_MAPPED_THERE = ("dynamic section is not where it is mapped from", "PT_DYNAMIC p_vaddr", "PT_DYNAMIC")
NO_LIBRARY = {"PT_INTERP p_type": 0}
Wrong = dict[str, "int | str"]


@BOTH
@pytest.mark.parametrize(
    ("wrong", "what", "field", "place"),
    [
        ({"EI_CLASS": 0}, "unknown ELF class 0", "EI_CLASS", "EI_CLASS"),
        ({"EI_CLASS": 3}, "unknown ELF class 3", "EI_CLASS", "EI_CLASS"),
        ({"EI_DATA": 0}, "unknown byte order 0", "EI_DATA", "EI_DATA"),
        ({"EI_DATA": 3}, "unknown byte order 3", "EI_DATA", "EI_DATA"),
        ({"EI_DATA": "other"}, "byte order {other}, but the header has the other", "EI_DATA", "EI_DATA"),
        ({"EI_VERSION": 0}, "unknown ELF version 0", "EI_VERSION", "EI_VERSION"),
        ({"EI_VERSION": 2}, "unknown ELF version 2", "EI_VERSION", "EI_VERSION"),
        ({"EI_OSABI": 9}, "for another operating system: OS ABI 9", "EI_OSABI", "EI_OSABI"),
        ({"EI_ABIVERSION": 1, **NO_LIBRARY}, "unknown ABI version 1 of OS ABI 0", "EI_ABIVERSION", "EI_ABIVERSION"),
        (
            {"EI_OSABI": 3, "EI_ABIVERSION": 4, **NO_LIBRARY},
            "unknown ABI version 4 of OS ABI 3",
            "EI_ABIVERSION",
            "EI_ABIVERSION",
        ),
        ({"EI_PAD": 1, **NO_LIBRARY}, "padding that is not zero", "EI_PAD", "EI_PAD"),
        ({"e_version": 0, **NO_LIBRARY}, "unknown ELF version 0", "e_version", "e_version"),
        ({"e_version": 2, **NO_LIBRARY}, "unknown ELF version 2", "e_version", "e_version"),
        ({"e_type": 0}, "neither a program nor a shared object: type 0", "e_type", "e_type"),
        ({"e_type": 1}, "neither a program nor a shared object: type 1", "e_type", "e_type"),
        ({"e_type": 0xFFFF}, "neither a program nor a shared object: type 65535", "e_type", "e_type"),
        ({"e_phentsize": 0}, "program header size 0, not {phentsize}", "e_phentsize", "e_phentsize"),
        ({"e_phentsize": 0xFFFF}, "program header size 65535, not {phentsize}", "e_phentsize", "e_phentsize"),
        ({"e_phnum": 4096}, *OUTSIDE_FILE["e_phoff"]),
        ({"e_phnum": 4097}, "4097 program headers, more than 4096", "e_phnum", "e_phnum"),
        ({"e_phnum": 0xFFFE}, "65534 program headers, more than 4096", "e_phnum", "e_phnum"),
        *(
            ({"e_phnum": 0xFFFF, "e_shoff": value}, "section header 0 outside the file", "e_shoff", "e_shoff")
            for value in ("size", "size-1", FAR, SIGN, LAST)
        ),
        ({"e_phnum": 0xFFFF, "e_shoff": "ones"}, "{last32} program headers, more than 4096", "e_phnum", "e_phnum"),
        *(({name: value}, *expected) for name, expected in OUTSIDE_FILE.items() for value in ("size", FAR, SIGN, LAST)),
        ({"PT_LOAD p_offset": 1}, "segment's address and offset differ within a page", "PT_LOAD p_offset", "PT_LOAD"),
        ({"PT_LOAD p_vaddr": 1}, "segment's address and offset differ within a page", "PT_LOAD p_offset", "PT_LOAD"),
        ({"PT_LOAD p_offset": 4096}, *NOT_MAPPED_THERE),
        ({"PT_LOAD p_vaddr": 0}, *NOT_MAPPED_THERE),
        ({"PT_LOAD p_filesz": 0}, *NOT_MAPPED_THERE),
        ({"PT_LOAD p_type": 0}, *NOT_MAPPED_THERE),
        ({"PT_INTERP p_filesz": 0}, "interpreter name empty or without end", "PT_INTERP", "interpreter"),
        ({"PT_INTERP p_filesz": 5}, "interpreter name empty or without end", "PT_INTERP", "interpreter"),
        ({"PT_INTERP p_filesz": 4096}, *OUTSIDE_FILE["PT_INTERP p_offset"]),
        ({"PT_INTERP p_filesz": 4097}, "interpreter name of 4097 bytes", "PT_INTERP p_filesz", "PT_INTERP"),
        ({"PT_INTERP p_filesz": 0, "PT_INTERP p_offset": FAR}, *OUTSIDE_FILE["PT_INTERP p_offset"]),
        ({"PT_INTERP p_filesz": LAST}, "interpreter name of {last} bytes", "PT_INTERP p_filesz", "PT_INTERP"),
        ({"PT_INTERP p_offset": "dynamic-1"}, "interpreter name empty or without end", "PT_INTERP", "dynamic-1"),
        ({"PT_DYNAMIC p_offset": 0}, *NOT_MAPPED_THERE),
        ({"PT_DYNAMIC p_filesz": 0}, *OUTSIDE_FILE["PT_DYNAMIC p_offset"]),
        ({"PT_DYNAMIC p_filesz": 7}, *OUTSIDE_FILE["PT_DYNAMIC p_offset"]),
        ({"PT_DYNAMIC p_filesz": 16}, "dynamic section without DT_NULL", "PT_DYNAMIC", "dynamic"),
        *(
            ({"PT_DYNAMIC p_filesz": value, "DT_NULL": 21}, "dynamic section without DT_NULL", "PT_DYNAMIC", "dynamic")
            for value in (FAR, SIGN, LAST)
        ),
        ({"DT_STRTAB": 0}, *OUTSIDE_FILE["DT_STRTAB"]),
        ({"DT_STRTAB": BASE - 1}, *OUTSIDE_FILE["DT_STRTAB"]),
        ({"DT_STRTAB": "mapped, not there", "PT_LOAD p_filesz": FAR}, *OUTSIDE_FILE["DT_STRTAB"]),
        ({"DT_STRSZ": 0}, "name outside the string table", "DT_STRSZ", "dynamic"),
        ({"DT_STRSZ": "before the last"}, "name outside the string table", "DT_STRSZ", "dynamic"),
        *(({"DT_NEEDED": value, "DT_STRSZ": LAST}, *OUTSIDE_FILE["DT_NEEDED"]) for value in (FAR, SIGN, "last-1")),
    ],
    ids=lambda value: " ".join(map(str, value.items())) if isinstance(value, dict) else None,
)
def test_bad_elf_names_the_field(bits: int, order: str, wrong: Wrong, what: str, field: str, place: str) -> None:
    size, at = len(good(bits, order)), places(bits)
    at["dynamic-1"] = at["dynamic"] - 1
    values = {
        FAR: 2 ** (bits - 2),
        SIGN: 2 ** (bits - 1),
        LAST: 2**bits - 1,
        "last-1": 2**bits - 2,
        "size": size,
        "size-1": size - 1,
        "ones": size,
        "other": 2 if order == LE else 1,
        "dynamic-1": at["dynamic-1"],
        "before the last": size - at["strings"] - len("/u\0"),
        "mapped, not there": BASE + size,
    }
    fields = {name: values[value] if isinstance(value, str) else value for name, value in wrong.items()}
    data = good(bits, order, wrong=fields) + (b"\xff" * 64 if wrong.get("e_shoff") == "ones" else b"")
    with pytest.raises(BadElf) as caught:
        parse(data)
    what = what.format(last32=2**32 - 1, phentsize=bits - 8 if bits == 64 else 32, **values)
    assert str(caught.value) == f"{what} ({field} at offset {at[place]:#x})"


@pytest.mark.parametrize(
    "wrong",
    [
        {"EI_OSABI": 3},
        {"EI_OSABI": 3, "EI_ABIVERSION": 3},
        *({name: 0xFFFF} for name in ("e_ehsize", "e_shentsize", "e_shnum", "e_shstrndx")),
        *({name: 2**32 - 1} for name in ("e_entry", "e_shoff", "PT_LOAD p_paddr", "PT_LOAD p_flags")),
        *({name: 2**32 - 1} for name in ("PT_LOAD p_memsz", "PT_LOAD p_filesz", "PT_LOAD p_align", "DT_STRSZ")),
        *({f"PT_DYNAMIC {name}": 2**32 - 1} for name in ("p_memsz", "p_filesz", "p_align", "p_flags", "p_paddr")),
        *({f"PT_INTERP {name}": 2**32 - 1} for name in ("p_memsz", "p_vaddr", "p_align", "p_flags", "p_paddr")),
        # A program's are the kernel's to judge, which does not look at them.
        {"EI_ABIVERSION": 1},
        {"EI_PAD": 0x41},
        {"e_version": 2},
    ],
    ids=lambda wrong: " ".join(map(str, wrong.items())),
)
@BOTH
def test_fields_that_no_loader_judges(bits: int, order: str, wrong: dict[str, int]) -> None:
    assert parse(good(bits, order, wrong=wrong)) == parse(good(bits, order))


def test_padding_and_abi_version_of_a_static_pie_are_the_kernel_s_to_judge() -> None:
    assert parse(make(flags_1=elf.DF_1_PIE, wrong={"EI_PAD": 0x41})) == parse(make(flags_1=elf.DF_1_PIE))


@BOTH
@pytest.mark.parametrize("max_tags", [1, elf.MAX_TAGS])
def test_bad_elf_is_all_that_a_file_says_which_becomes_shorter(
    bits: int, order: str, max_tags: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, at = good(bits, order), places(bits)
    # What stands behind the headers is read later.
    monkeypatch.setattr(elf, "_FIRST_READ_BYTES", at["dynamic"])
    monkeypatch.setattr(elf, "MAX_TAGS", max_tags)
    for end in range(at["dynamic"], len(data)):
        with pytest.raises(BadElf):
            elf.read(lambda size, offset, end=end: data[offset : min(offset + size, end)], len(data))  # type: ignore[misc]


@BOTH
def test_bad_elf_wherever_the_file_ends(bits: int, order: str) -> None:
    data, at = good(bits, order), places(bits)
    messages: dict[str, int] = {}
    for size in range(len(data)):
        with pytest.raises(BadElf) as caught:
            parse(data[:size])
        messages.setdefault(str(caught.value), size)
    dyn = 8 if bits == 32 else 16
    last = at["strings"] + len("\0liba.so\0libb.so\0s\0/r\0")
    no_name = f"name outside the string table (DT_STRSZ at offset {at['dynamic']:#x})"
    assert messages == {
        "empty file": 0,
        "not an ELF file": 1,
        "truncated ELF header (e_ident at offset 0x0)": 4,
        f"program headers outside the file (e_phoff at offset {at['e_phoff']:#x})": 64,
        f"interpreter name outside the file (PT_INTERP p_offset at offset {at['PT_INTERP']:#x})": at["interpreter"],
        f"dynamic section outside the file (PT_DYNAMIC p_offset at offset {at['PT_DYNAMIC']:#x})": at["dynamic"],
        f"dynamic section without DT_NULL (PT_DYNAMIC at offset {at['dynamic']:#x})": at["dynamic"] + dyn,
        f"string table outside the file (DT_STRTAB at offset {at['dynamic']:#x})": at["strings"],
        no_name: at["strings"] + 1,
        f"name without end (DT_STRTAB at offset {last:#x})": last + 1,
    }


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(random.Random(1).randbytes(4096), "not an ELF file", id="random"),
        pytest.param(b"INPUT(/lib/libc.so.6)", "not an ELF file", id="linker script"),
        pytest.param(
            make(soname="x" * 65537), "name without end (DT_STRTAB at offset 0xf1)", id="name of more than 65536 bytes"
        ),
        pytest.param(
            make(needed=["x" * 65537, "y"]),
            "name without end (DT_STRTAB at offset 0x101)",
            id="name of more than 65536 bytes, and one behind it",
        ),
        pytest.param(
            make(needed=["x"] * 65537), "more than 65536 needed names (PT_DYNAMIC at offset 0xb0)", id="needed"
        ),
    ],
)
def test_bad_elf_tells_what_it_is(data: bytes, message: str) -> None:
    with pytest.raises(BadElf) as caught:
        parse(data)
    assert str(caught.value) == message


def large(rows: list[tuple[int, int]], strings: bytes) -> bytes:
    """A library whose dynamic section has `rows`, and so many strings."""
    plain = make()
    table = b"".join(struct.pack("<QQ", *row) for row in rows)
    at = len(plain)
    end = struct.pack("<QQQQQQ", 5, BASE + at + len(table) + 48, 10, len(strings), 0, 0)
    size = len(table) + len(end)
    moved = {"PT_DYNAMIC p_offset": at, "PT_DYNAMIC p_vaddr": BASE + at, "PT_DYNAMIC p_filesz": size}
    return make(wrong={**moved, "PT_LOAD p_filesz": 2**40}) + table + end + strings


@pytest.mark.parametrize(
    ("data", "what", "most_mib"),
    [
        *(
            pytest.param(
                good(wrong={"DT_STRSZ": 2**64 - 1, "PT_LOAD p_filesz": 2**64 - 1, **fields}), what, 0.1, id=case
            )
            for case, fields, what in [
                ("sizes", {"PT_DYNAMIC p_filesz": 2**64 - 1}, ""),
                ("offsets", {"PT_DYNAMIC p_offset": 2**63, "DT_STRTAB": 2**64 - 1}, "dynamic section outside"),
                ("names", {"DT_NEEDED": 2**64 - 2}, "name outside"),
                ("headers", {"e_phnum": 0xFFFF, "e_shoff": 2**64 - 48}, "section header 0 outside"),
            ]
        ),
        pytest.param(
            large([(1, number) for number in range(65536)], b"x" * (4 << 20) + b"\0"),
            "name without end",
            12,
            id="each name ends another",
        ),
        pytest.param(
            large([(1, number) for number in range(65536)], (b"x" * 4095 + b"\0") * 17),
            "names of more than 4194304 bytes",
            16,
            id="each name within its bound ends another",
        ),
        pytest.param(large([(1, 2**40)], b"x" * 9000 + b"\0"), "name outside", 0.1, id="a name far behind all others"),
        pytest.param(
            large([(2**32 + n, 2**64 - n) for n in range(1, 260000)], b"\0"), "more than 1024 kinds", 5, id="tags"
        ),
    ],
)
def test_memory_is_bounded_whatever_the_numbers_are(data: bytes, what: str, most_mib: float) -> None:
    tracemalloc.start()
    try:
        facts = parse(data)
        message = ""
        assert facts.needed == ("liba.so", "libb.so")
    except BadElf as error:
        message = str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (message[: len(what)], bool(message)) == (what, bool(what))
    assert peak < most_mib * 2**20


def test_bad_elf_of_a_size_is_refused_before_it_is_read() -> None:
    # A dynamic section as large as a sparse file, and a table of as many names as fit into it.
    size = 1 << 40
    data = make(needed=["x"], wrong={"PT_DYNAMIC p_filesz": size, "DT_NULL": 21, "PT_LOAD p_filesz": size})
    reads = []

    def pread(length: int, offset: int) -> bytes:
        reads.append(length)
        return data[offset : offset + length]

    with pytest.raises(BadElf) as caught:
        elf.read(pread, size)
    assert (str(caught.value)[:20], reads) == ("dynamic section of 1", [1024])


def with_entries(bits: int, order: str, tags: list[int]) -> tuple[bytes, list[tuple[int, str]]]:
    """A library whose dynamic section has entries of these `tags` before DT_STRTAB, DT_STRSZ and DT_NULL; and each
    with the name that it tells."""
    names = [f"s{number}" for number in range(len(tags))]
    data = bytearray(make(bits=bits, order=order, needed=names))
    word, at = ("I", 52 + 2 * 32) if bits == 32 else ("Q", 64 + 2 * 56)
    size = 2 * struct.calcsize(word)
    for number, tag in enumerate(tags):
        struct.pack_into(order + word, data, at + number * size, tag)
    return bytes(data), list(zip(tags, names, strict=True))


TAGS = [elf.DT_NEEDED, elf.DT_SONAME, elf.DT_RPATH, elf.DT_RUNPATH, elf.DT_AUDIT, elf.DT_DEPAUDIT]
# What is none of them, but made of the same bytes as DT_NEEDED, or of others.
TAGS += [elf.DT_FILTER, elf.DT_AUXILIARY, 0x100, 0x101, 0x01000001, 21, 0x6FFFFFF9]


@settings(deadline=timedelta(seconds=1), max_examples=400)
@given(
    bits=st.sampled_from([32, 64]),
    order=st.sampled_from([LE, BE]),
    needed=st.integers(0, 3),
    tags=st.lists(st.sampled_from(TAGS), max_size=5),
)
def test_each_entry_counts_wherever_it_stands(bits: int, order: str, needed: int, tags: list[int]) -> None:
    """Whichever layouts are known from files before."""
    data, rows = with_entries(bits, order, [elf.DT_NEEDED] * needed + tags)
    last = dict(rows)
    filters, position = [], 0
    for tag, name in rows:
        if tag in (elf.DT_FILTER, elf.DT_AUXILIARY):
            filters.append((name, tag == elf.DT_FILTER, position))
        position += tag == elf.DT_NEEDED
    names = tuple([name for tag, name in rows if tag == elf.DT_NEEDED])
    once = [last.get(tag) for tag in TAGS[1:6]]
    expected = (names, *once[:3], 0, 0, tuple(filters), *once[3:])
    assert [tuple(parse(data)[5:14]) for _ in range(2)] == [expected] * 2


@BOTH
def test_a_layout_is_of_what_is_behind_the_first_needed_names(bits: int, order: str) -> None:
    # As many needed names behind the first tags as tags before them that are made of the same bytes.
    for tags in ([0x100, 29, 1], [29, 1], [0x100, 0x101, 14, 1, 1], [14, 1, 1], [1, 0x100, 14, 1], [1, 14, 1]):
        data, rows = with_entries(bits, order, tags)
        assert parse(data).needed == tuple([name for tag, name in rows if tag == 1])


@BOTH
def test_entries_end_with_the_first_null(bits: int, order: str) -> None:
    for tags in ([1, 14, 0, 1, 14], [1, 0, 1], [0, 1], [0x100, 1, 0, 29]):
        data, rows = with_entries(bits, order, tags)
        ended = rows[: tags.index(0)]
        # DT_STRTAB stands behind it.
        if any(tag in (1, 14) for tag, _ in ended):
            for _ in range(2):
                with pytest.raises(BadElf, match="string table outside the file"):
                    parse(data)
        else:
            assert [parse(data)[5:9] for _ in range(2)] == [((), None, None, None)] * 2


def test_layouts_of_many_files_are_forgotten() -> None:
    *_, needs, layouts = elf.FORMS[2, 1]
    layouts.clear()
    for number in range(300):
        parse(with_entries(64, LE, [1, 0x60000000 + number])[0])
    assert len(layouts) == 256
    layouts.clear()
    parse(with_entries(64, LE, [1] * 3 + [7] * 200)[0])
    assert layouts == {}
    for count in (3, 5, 500, 500):
        assert len(parse(with_entries(64, LE, [1] * count + [14])[0]).needed) == count
    assert (len(layouts), 5 in needs, 500 in needs) == (1, True, False)


@settings(deadline=timedelta(seconds=1), max_examples=400)
@given(
    bits=st.sampled_from([32, 64]),
    order=st.sampled_from([LE, BE]),
    changes=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=8),
    length=st.integers(0, 600),
)
@example(bits=64, order=LE, changes=[], length=600)
def test_bad_elf_is_all_that_damage_leads_to(
    bits: int, order: str, changes: list[tuple[int, int]], length: int
) -> None:
    data = bytearray(good(bits, order))
    for at, value in changes:
        data[at % len(data)] = value
    with suppress(BadElf):
        assert isinstance(parse(bytes(data[:length])), ElfFacts)


def with_headers(data: bytes, more: bytes, headers: bytes) -> bytes:
    """A good file with `more` behind it, and so many more program headers."""
    table = data[64 : 64 + 56 * data[56]] + headers
    moved = bytearray(data + more + table)
    struct.pack_into("<Q", moved, 32, len(data + more))
    struct.pack_into("<H", moved, 56, len(table) // 56)
    return bytes(moved)


@pytest.mark.parametrize(
    "soname", [pytest.param(r"lib\u0000x.so", id="zero byte"), pytest.param(r"\ud800", id="half a surrogate pair")]
)
def test_dlopen_note_that_names_what_no_file_is_named_is_malformed(soname: str) -> None:
    with pytest.raises(BadElf, match="malformed dlopen note"):
        dlopen_note(f'[{{"soname":["{soname}"]}}]'.encode())


def test_dlopen_notes_named_by_many_headers_are_read_up_to_a_bound() -> None:
    plain, text = make(), b"x" * 500_000
    note = struct.pack("<III4s", 4, len(text), 0x407C0C0A, b"FDO\0") + text
    header = struct.pack("<IIQQQQQQ", 4, 4, len(plain), 0, 0, len(note), 0, 0)
    data = with_headers(plain, note, header * 4000)
    tracemalloc.start()
    facts = parse(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(facts.dlopen_notes), peak < 8 << 20) == (2, True)


@pytest.mark.parametrize("name", ["pthread_cancel", "pthread_exit", "thrd_exit", "backtrace", "exit"])
def test_each_name_that_unwinds_the_stack_is_seen(name: str) -> None:
    strings = b"\0libc.so.6\0" + name.encode() + b"\0"
    data = large([(1, 1), (14, 1)], strings)
    facts = elf.read(lambda size, at: data[at : at + size], len(data))[0]
    assert facts.strings == strings
    assert elf.may_unwind(strings) is (name != "exit")


def test_symbols_mapped_from_outside_the_file_are_not_read() -> None:
    names = large([(6, 2**41), (14, 0)], b"pthread_exit\0")
    data = with_headers(names, b"", struct.pack("<IIQQQQQQ", 1, 6, 2**63, 2**41, 0, 2**40, 0, 0))

    def pread(size: int, offset: int) -> bytes:
        assert 0 <= offset < 2**63
        return data[offset : offset + size]

    facts = elf.read(pread, len(data))[0]
    assert facts.strings is not None
    assert elf.may_unwind(facts.strings) is True
    assert unwinds(pread, len(data), is_searched=True) is False


def told_by_pyelftools(path: Path) -> ElfFacts:
    with path.open("rb") as stream:
        file = ELFFile(stream)
        segments = list(file.iter_segments())
        dynamic = next(segment for segment in segments if isinstance(segment, DynamicSegment))
        interps = [segment.get_interp_name() for segment in segments if isinstance(segment, InterpSegment)]
        tags = list(dynamic.iter_tags())

        def text(name: str) -> list[str]:
            field = {"DT_NEEDED": "needed", "DT_SONAME": "soname", "DT_RPATH": "rpath", "DT_RUNPATH": "runpath"}[name]
            return [getattr(tag, field) for tag in tags if tag.entry.d_tag == name]

        return ElfFacts(
            file.elfclass,
            file.little_endian,
            {"EM_X86_64": 62, "EM_AARCH64": 183, "EM_386": 3}[file["e_machine"]],
            True,
            next(iter(interps), None),
            tuple(text("DT_NEEDED")),
            next(iter(text("DT_SONAME")), None),
            next(iter(text("DT_RPATH")), None),
            next(iter(text("DT_RUNPATH")), None),
            next((tag.entry.d_val for tag in tags if tag.entry.d_tag == "DT_FLAGS_1"), 0),
            fixed=file["e_type"] == "ET_EXEC",
        )


def test_facts_are_those_of_pyelftools_for_compiled_files(tmp_path: Path) -> None:
    new = "-Wl,--enable-new-dtags,-rpath,$ORIGIN/lib"
    old = "-Wl,--disable-new-dtags,-rpath,/opt/lib:$ORIGIN"
    files = [
        cc(tmp_path / "program", HELLO, "-lm", "-Wl,--no-as-needed", "-lm", new),
        cc(tmp_path / "fixed", HELLO, "-no-pie", "-Wl,-z,nodefaultlib", old),
        library(tmp_path / "libf.so.1", "int f;", "-Wl,-z,nodlopen", old),
        library(tmp_path / "bare.so", "int f;", "-nostdlib"),
        Path("/usr/bin/env"),
    ]
    assert {path: parse(path.read_bytes()) for path in files} == {path: told_by_pyelftools(path) for path in files}


def test_elfmaker_is_read_by_pyelftools(tmp_path: Path) -> None:
    path = tmp_path / "made"
    for bits, order in [(32, LE), (32, BE), (64, LE), (64, BE)]:
        path.write_bytes(good(bits, order, I386))
        assert parse(path.read_bytes()) == told_by_pyelftools(path)
