"""The room `elf`: the facts of good files, the field at fault in bad ones, and pyelftools as an oracle."""

from __future__ import annotations

import os
import random
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
from ocidiet.errors import BadElf
from ocidiet.model import ElfFacts
from tests.support import HELLO, cc, library
from tests.unit.elfmaker import AARCH64, BASE, BE, ET_EXEC, I386, LE, X86_64, make


def parse(data: bytes) -> ElfFacts:
    return elf.parse(lambda size, offset: data[offset : offset + size], len(data))


BOTH = pytest.mark.parametrize(("bits", "order"), [(32, LE), (32, BE), (64, LE), (64, BE)])


@BOTH
def test_facts_of_a_program(bits: int, order: str) -> None:
    made = make(bits=bits, order=order, machine=AARCH64, e_type=ET_EXEC, interp="/lib/ld.so", needed=["liba.so.1", "b"])
    assert len(made) <= 600
    assert parse(made) == ElfFacts(
        bits, order == LE, AARCH64, True, "/lib/ld.so", ("liba.so.1", "b"), None, None, None, 0
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
DYNAMIC_AT = 64 + 3 * 56 + len("/lib/ld.so\0")
STRINGS_AT = WHOLE.index(b"\0liba.so")
OUTSIDE = 2**62


def bad(message: str, case: str, **wrong: int) -> object:
    """A row: the good file with fields overridden; `__` stands for the blank of their names."""
    fields = {name.replace("__", " "): value for name, value in wrong.items()}
    return pytest.param(good(wrong=fields), message, id=case)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "empty file", id="empty"),
        pytest.param(random.Random(1).randbytes(4096), "not an ELF file", id="random"),
        pytest.param(b"INPUT(/lib/libc.so.6)", "not an ELF file", id="linker script"),
        pytest.param(WHOLE[:4], "truncated ELF header (e_ident at offset 0x0)", id="magic alone"),
        pytest.param(WHOLE[:63], "truncated ELF header (e_ident at offset 0x0)", id="header truncated"),
        pytest.param(
            WHOLE[:200], "program headers outside the file (e_phoff at offset 0x20)", id="program headers truncated"
        ),
        pytest.param(
            WHOLE[: DYNAMIC_AT - 1],
            "interpreter name outside the file (PT_INTERP p_offset at offset 0x78)",
            id="interpreter truncated",
        ),
        pytest.param(
            WHOLE[:DYNAMIC_AT],
            "dynamic section outside the file (PT_DYNAMIC p_offset at offset 0xb0)",
            id="dynamic section cut off",
        ),
        pytest.param(
            WHOLE[: DYNAMIC_AT + 33],
            f"dynamic section without DT_NULL (PT_DYNAMIC at offset {DYNAMIC_AT:#x})",
            id="dynamic section truncated",
        ),
        pytest.param(
            WHOLE[:STRINGS_AT],
            f"string table outside the file (DT_STRTAB at offset {DYNAMIC_AT:#x})",
            id="strings cut off",
        ),
        pytest.param(
            WHOLE[:-1],
            f"name without end (DT_STRTAB at offset {len(WHOLE) - 3:#x})",
            id="strings truncated",
        ),
        pytest.param(
            make(soname="x" * 4097), "name without end (DT_STRTAB at offset 0xf1)", id="name of more than 4096 bytes"
        ),
        bad("unknown ELF class 3 (EI_CLASS at offset 0x4)", "class", EI_CLASS=3),
        bad("unknown byte order 0 (EI_DATA at offset 0x5)", "byte order", EI_DATA=0),
        bad("unknown ELF version 2 (EI_VERSION at offset 0x6)", "version", EI_VERSION=2),
        bad("for another operating system: OS ABI 9 (EI_OSABI at offset 0x7)", "OS ABI", EI_OSABI=9),
        bad("neither a program nor a shared object: type 1 (e_type at offset 0x10)", "type", e_type=1),
        bad("program header size 55, not 56 (e_phentsize at offset 0x36)", "phentsize", e_phentsize=55),
        bad("4097 program headers, more than 4096 (e_phnum at offset 0x38)", "phnum", e_phnum=4097),
        bad("section header 0 outside the file (e_shoff at offset 0x28)", "PN_XNUM", e_phnum=0xFFFF, e_shoff=OUTSIDE),
        bad("program headers outside the file (e_phoff at offset 0x20)", "phoff", e_phoff=OUTSIDE),
        bad(
            "interpreter name outside the file (PT_INTERP p_offset at offset 0x78)",
            "interpreter offset",
            PT_INTERP__p_offset=OUTSIDE,
        ),
        bad(
            f"interpreter name of {OUTSIDE} bytes (PT_INTERP p_filesz at offset 0x78)",
            "interpreter size",
            PT_INTERP__p_filesz=OUTSIDE,
        ),
        bad(
            "interpreter name empty or without end (PT_INTERP at offset 0xe8)",
            "interpreter without end",
            PT_INTERP__p_filesz=5,
        ),
        bad(
            f"interpreter name empty or without end (PT_INTERP at offset {DYNAMIC_AT - 1:#x})",
            "interpreter empty",
            PT_INTERP__p_offset=DYNAMIC_AT - 1,
        ),
        bad(
            "dynamic section outside the file (PT_DYNAMIC p_offset at offset 0xb0)",
            "dynamic offset",
            PT_DYNAMIC__p_offset=OUTSIDE,
        ),
        bad(
            "dynamic section outside the file (PT_DYNAMIC p_offset at offset 0xb0)",
            "dynamic size 0",
            PT_DYNAMIC__p_filesz=0,
        ),
        bad(
            f"dynamic section without DT_NULL (PT_DYNAMIC at offset {DYNAMIC_AT:#x})",
            "no DT_NULL, and a size of 2^62",
            PT_DYNAMIC__p_filesz=OUTSIDE,
            DT_NULL=21,
        ),
        bad(f"string table outside the file (DT_STRTAB at offset {DYNAMIC_AT:#x})", "strtab", DT_STRTAB=OUTSIDE),
        bad(
            f"string table outside the file (DT_STRTAB at offset {DYNAMIC_AT:#x})",
            "nothing mapped",
            PT_LOAD__p_filesz=0,
        ),
        bad(f"name outside the string table (DT_STRSZ at offset {DYNAMIC_AT:#x})", "strsz", DT_STRSZ=0),
        bad(
            f"name outside the string table (DT_STRSZ at offset {DYNAMIC_AT:#x})",
            "strsz ends before the last name",
            DT_STRSZ=len(WHOLE) - STRINGS_AT - len("/u\0"),
        ),
        bad(f"name outside the string table (DT_STRSZ at offset {DYNAMIC_AT:#x})", "needed", DT_NEEDED=OUTSIDE),
        bad(f"name outside the string table (DT_STRSZ at offset {DYNAMIC_AT:#x})", "soname", DT_SONAME=OUTSIDE),
        bad(f"name outside the string table (DT_STRSZ at offset {DYNAMIC_AT:#x})", "rpath", DT_RPATH=OUTSIDE),
        bad(f"name outside the string table (DT_STRSZ at offset {DYNAMIC_AT:#x})", "runpath", DT_RUNPATH=OUTSIDE),
    ],
)
def test_bad_elf_names_the_field(data: bytes, message: str) -> None:
    with pytest.raises(BadElf) as caught:
        parse(data)
    assert str(caught.value) == message


def test_bad_elf_of_a_size_is_refused_before_it_is_read() -> None:
    # A dynamic section as large as a sparse file, and a table of as many names as fit into it.
    size = 1 << 40
    data = make(needed=["x"], wrong={"PT_DYNAMIC p_filesz": size, "DT_NULL": 21, "PT_LOAD p_filesz": size})
    reads = []

    def pread(length: int, offset: int) -> bytes:
        reads.append(length)
        return data[offset : offset + length]

    with pytest.raises(BadElf) as caught:
        elf.parse(pread, size)
    assert (str(caught.value)[:20], reads) == ("dynamic section of 1", [4096])


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
