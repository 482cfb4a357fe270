"""Symbol versions in ELF files: pyelftools is the oracle; tables that lie are bounded."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerNeedSection

from ocidiet import elf
from ocidiet.elf import versions
from ocidiet.errors import BadElf
from ocidiet.verify import number
from tests.support import cc, library


def read(data: bytes) -> tuple[elf.Pread, versions.Tables]:
    def pread(size: int, offset: int) -> bytes:
        assert 0 <= offset < 2**63
        return data[offset : offset + size]

    return pread, versions.tables(pread, len(data))


def hashed(name: str) -> int:
    """The gABI's hash of a symbol's name."""
    value = 0
    for byte in name.encode():
        value = (value << 4) + byte
        value = (value ^ ((value & 0xF0000000) >> 24)) & 0x0FFFFFFF
    return value


def told_by_pyelftools(path: Path) -> tuple[dict[str, frozenset[int]], list[str]]:
    needs: dict[str, frozenset[int]] = {}
    provides: list[str] = []
    with path.open("rb") as stream:
        for section in ELFFile(stream).iter_sections():
            if isinstance(section, GNUVerNeedSection):
                for need, entries in section.iter_versions():
                    strong = [entry for entry in entries if not entry["vna_flags"] & 2]
                    needs[str(need.name)] = frozenset(hashed(entry.name) for entry in strong)
            elif isinstance(section, GNUVerDefSection):
                provides += [next(iter(entries)).name for _, entries in section.iter_versions()]
    return needs, provides


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with two versions of its own and two of libc's."""
    top = tmp_path_factory.mktemp("versions")
    script = top / "script"
    script.write_text("MINE_1.9 { global: old; local: *; }; MINE_1.10 { global: new; } MINE_1.9;\n")
    source = '#include <stdio.h>\nint old(void) { return puts(""); }\nint new(void) { return 1; }\n'
    return library(top / "libmine.so.1", source, f"-Wl,--version-script={script}")


@pytest.fixture(scope="module")
def program(mine: Path) -> Path:
    """A program that needs one of them, and the other if it is there."""
    source = "__attribute__((weak)) int old(void); int new(void); int main(void) { return new() + (old != 0); }"
    return cc(mine.parent / "program", source, mine)


def test_versions_are_those_of_pyelftools(mine: Path, program: Path) -> None:
    paths = [mine, program, *Path("/usr/bin").glob("ba*"), *Path("/usr/lib").glob("*-linux-gnu/lib[cms]*.so.[0-9]")]
    for path in [path for path in paths if path.is_file() and path.read_bytes()[:4] == b"\x7fELF"]:
        pread, there = read(path.read_bytes())
        told = versions.versions(pread, there)
        needs, provides = told_by_pyelftools(path)
        assert (dict(told.needs), versions.provided(pread, there)) == (needs, provides), path
        assert told.provides == ({hashed(name) for name in provides} if provides else None), path


def test_a_need_has_its_name_and_a_symbol(program: Path) -> None:
    data = program.read_bytes()
    pread, there = read(data)
    need = hashed("MINE_1.10")
    assert versions.needed(pread, len(data), there, "libmine.so.1", need) == ("MINE_1.10", "new")


STRINGS = b"\0libx.so\0X_1\0"


def lies(needs: bytes, count: int = 1, order: str = "<", definitions: bytes = b"") -> tuple[elf.Pread, versions.Tables]:
    """Tables behind a string table, and what leads there."""
    data = STRINGS + needs + definitions
    behind = len(STRINGS) + len(needs) if definitions else 0
    there = versions.Tables(order, 0, len(STRINGS), len(STRINGS), count, behind, count)
    return lambda size, offset: data[offset : offset + size], there


def need(file: int, entries: Sequence[tuple[int, int, int, int, int]], order: str = "<", following: int = 0) -> bytes:
    rows = b"".join(struct.pack(order + "IHHII", *entry) for entry in entries)
    return struct.pack(order + "HHIII", 1, len(entries), file, 16, following) + rows


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(order: str) -> None:
    table = need(1, [(7, 0, 2, 9, 16), (8, 2, 3, 9, 16), (9, 0, 4, 9, 0)], order)
    assert versions.versions(*lies(table, order=order)).needs == (("libx.so", frozenset([7, 9])),)


def test_entries_that_do_not_stand_side_by_side_are_read() -> None:
    head = struct.pack("<HHIII", 1, 2, 1, 24, 0)
    table = head + bytes(8) + struct.pack("<IHHII", 7, 0, 2, 9, 40) + bytes(24) + struct.pack("<IHHII", 9, 0, 2, 9, 0)
    assert versions.versions(*lies(table)).needs == (("libx.so", frozenset([7, 9])),)


def test_entries_beyond_the_first_window_are_read() -> None:
    table = need(1, [(n, 0, 2, 9, 16 if n < 999 else 0) for n in range(1000)])
    assert versions.versions(*lies(table)).needs == (("libx.so", frozenset(range(1000))),)


@pytest.mark.parametrize(
    ("table", "count", "message"),
    [
        (b"", 1, "symbol versions outside the file"),
        (need(1, [(7, 0, 2, 9, 1 << 31), (7, 0, 2, 9, 0)]), 1, "symbol versions outside the file"),
        (need(1, [(7, 0, 2, 9, 0)], following=0xFFFFFFFF), 2, "symbol versions outside the file"),
        (need(99, [(7, 0, 2, 9, 0)]), 1, "name outside the string table"),
        (need(1, [(7, 0, 2, 9, 16)] * 20000), 1, "more than 16384 symbol versions"),
    ],
    ids=["nothing", "far-entry", "far-file", "far-name", "too-many"],
)
def test_tables_that_lead_astray_are_errors(table: bytes, count: int, message: str) -> None:
    with pytest.raises(BadElf) as caught:
        versions.versions(*lies(table, count))
    assert caught.value.message.startswith(message)


def test_versions_are_ordered_as_numbers() -> None:
    names = ["GLIBC_2.36", "GLIBC_2.4", "GLIBC_2.2.5", "GLIBC_PRIVATE", "GLIBC_2.10"]
    assert sorted(names, key=number) == ["GLIBC_PRIVATE", "GLIBC_2.2.5", "GLIBC_2.4", "GLIBC_2.10", "GLIBC_2.36"]
