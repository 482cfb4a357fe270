"""The room `ldcache`: every format that ldconfig has written, and `ldconfig -p` as the oracle."""

from __future__ import annotations

import os
import re
import struct
import time
import tracemalloc
from pathlib import Path

import pytest

from ocidiet.ldcache import Cache
from ocidiet.ldcache.written import CacheEntry, render
from tests.support import done, need
from tests.unit.elfmaker import AARCH64, I386, X86_64

Row = tuple[str, str, int, int]
"""(name, path, flags, hwcap)"""
ELF_X86_64, ELF_I386, ELF_AARCH64 = 0x0303, 0x0003, 0x0A03
HWCAP = 1 << 62

ROWS: list[Row] = [
    ("libz.so.1", "/first/libz.so.1", ELF_X86_64, 0),
    ("libz.so.1", "/second/libz.so.1", ELF_X86_64, 0),
    ("liba.so", "/opt/liba.so.1.2", ELF_X86_64, 0),
]
FOUND = {"libz.so.1": "/first/libz.so.1", "liba.so": "/opt/liba.so.1.2", "absent": None, "": None, ".so": None}


class Strings:
    """A table in which a string that ends another is its tail."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.data = b""

    def at(self, text: str) -> int:
        wanted = os.fsencode(text) + b"\0"
        if wanted not in self.data:
            self.data += wanted
        return self.start + self.data.index(wanted)


def new(rows: list[Row], endian: int = 2, count: int | None = None) -> bytes:
    """The present format."""
    strings = Strings(48 + 24 * len(rows))
    entries = b""
    for name, path, flags, hwcap in rows:
        value = strings.at(path)
        entries += struct.pack("<iIIIQ", flags, strings.at(name), value, 0, hwcap)
    header = struct.pack(
        "<20sIIB3xI12x", b"glibc-ld.so.cache1.1", len(rows) if count is None else count, len(strings.data), endian, 0
    )
    return header + entries + strings.data


def old(rows: list[Row], count: int | None = None) -> bytes:
    """The format of libc5 and of the first glibc: offsets count from the strings."""
    strings = Strings(0)
    entries = b""
    for name, path, flags, _ in rows:
        value = strings.at(path)
        entries += struct.pack("<iII", flags, strings.at(name), value)
    return struct.pack("<12sI", b"ld.so-1.7.0", len(rows) if count is None else count) + entries + strings.data


def both(rows: list[Row]) -> bytes:
    """The old format without strings and, aligned, the present one: `ldconfig -c compat`."""
    head = struct.pack("<12sI", b"ld.so-1.7.0", len(rows)) + bytes(12 * len(rows))
    return head.ljust((len(head) + 7) // 8 * 8, b"\0") + new(rows)


def find(cache: Cache, name: str, machine: int, bits: int) -> str | None:
    """The path of the first entry of the baseline."""
    return next((path for level, path in cache.entries(name, machine, bits) if not level), None)


def found(data: bytes, machine: int = X86_64, bits: int = 64) -> dict[str, str | None]:
    cache = Cache(data)
    return {name: find(cache, name, machine, bits) for name in FOUND}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(new(ROWS), id="new"),
        pytest.param(new(ROWS, endian=0), id="new, byte order not told"),
        pytest.param(both(ROWS), id="old and new, aligned"),
        pytest.param(both(ROWS[::2]), id="old and new, with no gap"),
        pytest.param(old(ROWS), id="old"),
    ],
)
def test_cache_first_matching_entry_wins(data: bytes) -> None:
    assert found(data) == FOUND


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="absent"),
        pytest.param(b"#!/bin/sh\n", id="foreign"),
        pytest.param(new(ROWS)[:30], id="header truncated"),
        pytest.param(new(ROWS)[:100], id="entries truncated"),
        pytest.param(new(ROWS)[: 48 + 24 * 3 + 5], id="strings truncated"),
        pytest.param(new(ROWS, count=2**32 - 1), id="count too large"),
        pytest.param(new(ROWS, endian=3), id="big endian"),
        pytest.param(new(ROWS, endian=1), id="invalid byte order"),
        pytest.param(b"glibc-ld.so.cache1.0" + new(ROWS)[20:], id="other version"),
        pytest.param(old(ROWS)[:14], id="old header truncated"),
        pytest.param(old(ROWS)[:40], id="old entries truncated"),
        pytest.param(old(ROWS, count=2**32 - 1), id="old count too large"),
    ],
)
def test_cache_that_is_corrupt_counts_as_absent(data: bytes) -> None:
    assert found(data) == dict.fromkeys(FOUND)


def test_cache_a_string_without_end_is_no_path() -> None:
    assert find(Cache(new([("liba.so", "/opt/x.so", ELF_X86_64, 0)])[:-1]), "liba.so", X86_64, 64) is None
    data = new([("liba.so", "/opt/liba.so", ELF_X86_64, 0)])
    value_outside = data[:56] + struct.pack("<I", len(data) + 5) + data[60:]
    assert find(Cache(value_outside), "liba.so", X86_64, 64) is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_cache_hwcap_entries_name_their_subdirectory(order: str) -> None:
    names = ["x86-64-v2", "x86-64-v3"]
    strings = Strings(48 + 24 * 3)
    key, plain, better = strings.at("libz.so.1"), strings.at("/l/libz.so.1"), strings.at("/l/glibc-hwcaps/x/libz.so.1")
    table = [strings.at(name) for name in names]
    entries = b"".join(
        struct.pack(f"{order}iIIIQ", ELF_X86_64, key, value, 0, hwcap)
        for value, hwcap in ((better, HWCAP | 3 << 32 | 1), (better, HWCAP | 9), (plain, 0))
    )
    extension = 48 + len(entries) + len(strings.data)
    sections = struct.pack(f"{order}IIIIII", 0xEAA42174, 1, 1, 0, extension + 24, 8) + struct.pack(f"{order}II", *table)
    endian = 2 if order == "<" else 3
    header = struct.pack(f"{order}20sIIB3xI12x", b"glibc-ld.so.cache1.1", 3, len(strings.data), endian, extension)
    cache = Cache(header + entries + strings.data + sections, order == "<")
    assert cache.entries("libz.so.1", X86_64, 64) == [
        ("x86-64-v3", "/l/glibc-hwcaps/x/libz.so.1"),
        ("", "/l/libz.so.1"),
    ]


def test_cache_hwcap_entries_are_not_the_baseline() -> None:
    hwcap = ("libz.so.1", "/usr/lib/glibc-hwcaps/x86-64-v3/libz.so.1", ELF_X86_64, HWCAP)
    assert found(new([hwcap, *ROWS])) == FOUND
    assert find(Cache(new([hwcap])), "libz.so.1", X86_64, 64) is None


@pytest.mark.parametrize(
    ("machine", "bits", "path"),
    [
        (I386, 32, "/32/l.so"),
        (X86_64, 64, "/64/l.so"),
        (AARCH64, 64, "/arm/l.so"),
        (8, 64, None),
        (20, 32, "/32/l.so"),  # of those without a flag of their own
    ],
)
def test_cache_an_entry_serves_its_own_architecture(machine: int, bits: int, path: str | None) -> None:
    rows = [
        ("l.so", "/32/l.so", ELF_I386, 0),
        ("l.so", "/64/l.so", ELF_X86_64, 0),
        ("l.so", "/arm/l.so", ELF_AARCH64, 0),
    ]
    assert find(Cache(new(rows)), "l.so", machine, bits) == path


def test_cache_a_loader_for_arm_takes_entries_of_its_floating_point_and_of_either() -> None:
    rows = [("a.so", "/hard", 0x0903, 0), ("b.so", "/either", 0x0003, 0), ("c.so", "/soft", 0x0B03, 0)]
    cache = Cache(new(rows))
    assert [find(cache, name, 40, 32) for name in ("a.so", "b.so", "c.so")] == ["/hard", "/either", None]


def test_cache_strings_may_be_tails_of_others() -> None:
    data = new([("liba.so", "/opt/xliba.so", ELF_X86_64, 0), ("a.so", "/opt/xliba.so", ELF_X86_64, 0)])
    assert data.count(b"a.so") == 1
    assert {n: find(Cache(data), n, X86_64, 64) for n in ("liba.so", "a.so", "so")} == {
        "liba.so": "/opt/xliba.so",
        "a.so": "/opt/xliba.so",
        "so": None,
    }


def test_cache_of_names_without_end_takes_no_more_memory_than_the_file() -> None:
    count, text = 40_000, b"x" * (1 << 20)
    start = 48 + 24 * count
    entries = b"".join(struct.pack("<iIIIQ", ELF_X86_64, start + n, start, 0, 0) for n in range(count))
    data = struct.pack("<20sIIB3xI12x", b"glibc-ld.so.cache1.1", count, len(text), 2, 0) + entries + text
    tracemalloc.start()
    cache = Cache(data)
    told = [cache.entries(name, X86_64, 64) for name in ("liba.so", "libb.so")]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (told, peak < 2 * len(data)) == ([[], []], True)


@pytest.mark.parametrize(("flags", "hwcap", "most"), [(ELF_I386, 0, 0), (ELF_X86_64, 0, 1024), (ELF_X86_64, HWCAP, 0)])
def test_many_entries_of_one_name_cost_no_more_than_the_file(flags: int, hwcap: int, most: int) -> None:
    # Each with a path of its own, of a megabyte; and names of subdirectories, that many more.
    count, text = 40_000, b"liba.so\0" + b"/" * (1 << 20) + b"\0"
    start = 48 + 24 * count
    entries = b"".join(struct.pack("<iIIIQ", flags, start, start + 8 + n, 0, hwcap) for n in range(count))
    extension = struct.pack("<IIIIII", 0xEAA42174, 1, 1, 0, start, len(text) // 4 * 4)
    header = struct.pack("<20sIIB3xI12x", b"glibc-ld.so.cache1.1", count, len(text), 2, start + len(text))
    tracemalloc.start()
    cache = Cache(header + entries + text + extension)
    began = time.process_time()
    told = [len(cache.entries("liba.so", X86_64, 64)) for _ in range(2)]
    took_s = time.process_time() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (told, peak < 16 << 20, took_s < 4) == ([most, most], True, True)


@pytest.mark.parametrize(("length", "told"), [(255, 255), (257, 257), (4096, 4096), (5000, 4097)])
def test_a_path_that_nothing_can_open_is_told_as_far_as_one_can_be(length: int, told: int) -> None:
    rows = [("liba.so", "/".ljust(length, "x"), ELF_X86_64, 0), *ROWS]
    assert Cache(new(rows)).entries("liba.so", X86_64, 64)[0] == ("", "/".ljust(told, "x"))


def test_cache_names_keep_every_byte() -> None:
    name = os.fsdecode(b"lib\xff\n.so")
    assert find(Cache(new([(name, f"/{name}", ELF_X86_64, 0)])), name, X86_64, 64) == f"/{name}"


def test_cache_of_this_machine_is_read_as_ldconfig_reads_it() -> None:
    need("ldconfig")
    lines = done(["ldconfig", "-p"]).splitlines()[1:]
    rows = [re.fullmatch(r"\t(.+) \((.+)\) => (.+)", line) for line in lines if not line.startswith("Cache generated")]
    first: dict[str, str] = {}
    for row in rows:
        assert row is not None
        name, kind, path = row.groups()
        if kind.split(", OS ABI")[0] == "libc6,x86-64":
            first.setdefault(name, path)
    cache = Cache(Path("/etc/ld.so.cache").read_bytes())
    assert {name: find(cache, name, X86_64, 64) for name in first} == first
    assert len(first) > 10


# What is written ---------------------------------------------------------------------------------------


def own(name: str, directory: str = "/opt", level: str = "", machine: int = X86_64, bits: int = 64) -> CacheEntry:
    return CacheEntry(name, f"{directory}/{name}", machine, bits, level)


WRITTEN = {
    "one": [own("liba.so.1")],
    "several": [own("liba.so.1"), own("libb.so.10"), own("libb.so.9"), own("a.so.1", "/opt/lib")],
    "the first of one name counts": [own("liba.so.1", "/first"), own("liba.so.1", "/second")],
    "levels": [
        own("liba.so.1"),
        own("liba.so.1", "/v3", "x86-64-v3"),
        own("liba.so.1", "/v2", "x86-64-v2"),
        own("libb.so.1", "/b", "x86-64-v3"),
    ],
    "architectures": [
        own("liba.so", f"/{machine}/{bits}", "", machine, bits)
        for machine, bits in [(3, 32), (62, 64), (62, 32), (183, 64), (22, 64), (21, 64), (243, 64), (258, 64)]
    ],
    "arm": [own("liba.so", "/32", "", 40, 32), own("liba.so", "/64", "", 183, 64)],
    "every byte": [own(os.fsdecode(b"lib\xff \n.so"))],
    "nothing": [],
}


@pytest.mark.parametrize("little_endian", [True, False], ids=["little endian", "big endian"])
@pytest.mark.parametrize("entries", WRITTEN.values(), ids=WRITTEN.keys())
def test_render_is_read_back_equal(entries: list[CacheEntry], little_endian: bool) -> None:
    data = render(entries, little_endian)
    assert data == render(entries, little_endian)
    cache, foreign = Cache(data, little_endian), Cache(data, not little_endian)
    # The levels by name, the baseline last, each in the order given.
    for name, machine, bits in {(entry.name, entry.machine, entry.bits) for entry in entries}:
        same = [entry for entry in entries if (entry.name, entry.machine, entry.bits) == (name, machine, bits)]
        same.sort(key=lambda entry: (not entry.level, entry.level))
        wanted = [(entry.level, entry.path) for entry in same]
        assert (cache.entries(name, machine, bits), foreign.entries(name, machine, bits)) == (wanted, [])


def test_render_is_one_text_whatever_the_order_of_the_entries() -> None:
    for entries in WRITTEN["several"], WRITTEN["levels"], WRITTEN["architectures"]:
        assert render(entries[::-1]) == render(entries)


def test_render_of_one_entry_is_the_format_and_nothing_else() -> None:
    strings = b"/opt/liba.so.1\0"
    header = struct.pack("<20sIIB3xI12x", b"glibc-ld.so.cache1.1", 1, len(strings), 2, 0)
    entry = struct.pack("<iIIIQ", ELF_X86_64, 72 + 5, 72, 0, 0)
    assert render([own("liba.so.1")]) == header + entry + strings
