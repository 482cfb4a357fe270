"""Each architecture's own numbers: the rooms `closure`, `search` and `ldcache` read by the same table."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from ocidiet.closure import Facts, Resolver
from ocidiet.fs import DiskRoot, Record
from ocidiet.model import HostPath, NamedTuple, Program, Search
from tests.unit.elfmaker import BE, LE, lay, make


class Architecture(NamedTuple):
    """An ABI of glibc's."""

    name: str
    bits: int
    order: str
    machine: int
    interp: str
    flags: int
    """In ld.so.cache."""
    default_dirs: tuple[str, ...]
    """Upstream's."""
    levels: tuple[str, ...] = ()
    """Of glibc-hwcaps, the best first."""
    e_flags: int = 0

    def elf(self, *needed: str, e_flags: int | None = None, runpath: str | None = None) -> bytes:
        """A shared object for it."""
        return make(
            bits=self.bits,
            order=self.order,
            machine=self.machine,
            needed=needed,
            runpath=runpath,
            wrong={"e_flags": self.e_flags if e_flags is None else e_flags},
        )


LIB64, LIB = ("/lib64", "/usr/lib64"), ("/lib", "/usr/lib")
X86_64_LEVELS = ("x86-64-v4", "x86-64-v3", "x86-64-v2")
POWER_LEVELS = ("power10", "power9")
Z_LEVELS = ("z17", "z16", "z15", "z14", "z13")
ROWS = [
    Architecture("x86-64", 64, LE, 62, "/lib64/ld-linux-x86-64.so.2", 0x0303, LIB64, X86_64_LEVELS),
    Architecture("i386", 32, LE, 3, "/lib/ld-linux.so.2", 0x0003, LIB),
    Architecture("x32", 32, LE, 62, "/libx32/ld-linux-x32.so.2", 0x0803, ("/libx32", "/usr/libx32")),
    Architecture("aarch64", 64, LE, 183, "/lib/ld-linux-aarch64.so.1", 0x0A03, LIB64),
    Architecture("armhf", 32, LE, 40, "/lib/ld-linux-armhf.so.3", 0x0903, LIB, e_flags=0x5000400),
    Architecture(
        "riscv64",
        64,
        LE,
        243,
        "/lib/ld-linux-riscv64-lp64d.so.1",
        0x1003,
        ("/lib64/lp64d", "/usr/lib64/lp64d"),
        e_flags=0x5,
    ),
    Architecture("ppc64le", 64, LE, 21, "/lib64/ld64.so.2", 0x0503, LIB64, POWER_LEVELS, e_flags=2),
    Architecture("s390x", 64, BE, 22, "/lib/ld64.so.1", 0x0403, LIB64, Z_LEVELS),
    Architecture("loongarch64", 64, LE, 258, "/lib64/ld-linux-loongarch-lp64d.so.1", 0x1203, LIB64, e_flags=0x43),
]
ARMHF, PPC64LE, RISCV64 = ROWS[4], ROWS[6], ROWS[5]
each = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def resolve(top: Path, names: dict[str, bytes | str | None]) -> Program:
    """What /main gets in a root of its own."""
    root = DiskRoot(lay(top, names), Record())
    return Resolver(root, Facts(), Search(HostPath("/"))).resolve([("/main", root.walk("/main"))]).programs[0]


def paths(program: Program) -> list[str]:
    return [loaded.path for loaded in program.objects]


def cache(order: str, name: str) -> bytes:
    """An ld.so.cache with one name for all architectures: each has a file of its own."""
    at = 48 + 24 * len(ROWS)
    strings = name.encode() + b"\0"
    entries = b""
    # An entry without a mark of the ABI is both i386's and armhf's: here it comes last.
    for row in sorted(ROWS, key=lambda row: row.flags == 0x0003):
        entries += struct.pack(order + "iIIIQ", row.flags, at, at + len(strings), 0, 0)
        strings += f"/opt/{row.name}/{name}\0".encode()
    header = (b"glibc-ld.so.cache1.1", len(ROWS), len(strings), 2 if order == LE else 3, 0)
    return struct.pack(order + "20sIIB3xI12x", *header) + entries + strings


@each
def test_architecture_a_library_gets_the_loader_of_its_abi_and_upstreams_directories(
    row: Architecture, tmp_path: Path
) -> None:
    last = f"{row.default_dirs[-1]}/liba.so"
    program = resolve(tmp_path, {"/main": row.elf("liba.so"), row.interp: row.elf(), last: row.elf()})
    assert program.interp is not None
    assert (program.interp.path, program.default_dirs, paths(program)) == (row.interp, row.default_dirs, [last])


@each
def test_architecture_passes_over_the_libraries_of_all_others(row: Architecture, tmp_path: Path) -> None:
    others = [other for other in ROWS if other is not row]
    names: dict[str, bytes | str | None] = {f"/opt/{other.name}/liba.so": other.elf() for other in [*others, row]}
    runpath = ":".join(f"/opt/{other.name}" for other in [*others, row])
    program = resolve(tmp_path, {**names, "/main": row.elf("liba.so", runpath=runpath), row.interp: row.elf()})
    assert paths(program) == [f"/opt/{row.name}/liba.so"]


@each
@pytest.mark.parametrize("order", [LE, BE])
def test_architecture_reads_its_own_entries_of_a_cache_in_its_own_byte_order(
    row: Architecture, order: str, tmp_path: Path
) -> None:
    names: dict[str, bytes | str | None] = {f"/opt/{other.name}/liba.so": other.elf() for other in ROWS}
    names["/etc/ld.so.cache"] = cache(order, "liba.so")
    program = resolve(tmp_path, {**names, "/main": row.elf("liba.so"), row.interp: row.elf()})
    assert paths(program) == ([f"/opt/{row.name}/liba.so"] if order == row.order else [])


@each
def test_architecture_has_its_own_levels_of_glibc_hwcaps(row: Architecture, tmp_path: Path) -> None:
    every = [level for other in ROWS for level in other.levels]
    names: dict[str, bytes | str | None] = {f"/opt/glibc-hwcaps/{level}/liba.so": row.elf() for level in every}
    names |= {"/main": row.elf("liba.so", runpath="/opt"), row.interp: row.elf(), "/opt/liba.so": row.elf()}
    program = resolve(tmp_path, names)
    assert paths(program) == ["/opt/liba.so"]
    assert {level.level: paths(level) for level in program.levels} == {
        level: [f"/opt/glibc-hwcaps/{level}/liba.so"] for level in row.levels
    }


@pytest.mark.parametrize(
    ("row", "e_flags", "taken"),
    [
        pytest.param(ARMHF, 0x5000400, True, id="armhf, hard"),
        pytest.param(ARMHF, 0x5000200, False, id="armhf, soft"),
        pytest.param(ARMHF, 0x5000600, False, id="armhf, both"),
        pytest.param(ARMHF, 0x5000000, True, id="armhf, not told"),
        pytest.param(RISCV64, 0x4, True, id="riscv64, double without compressed instructions"),
        pytest.param(RISCV64, 0x3, False, id="riscv64, single"),
        pytest.param(RISCV64, 0x1, False, id="riscv64, soft"),
        pytest.param(PPC64LE, 2, True, id="ppc64le, ELFv2"),
        pytest.param(PPC64LE, 0, True, id="ppc64le, not told"),
        pytest.param(PPC64LE, 1, False, id="ppc64le, ELFv1"),
    ],
)
def test_architecture_takes_the_libraries_of_its_abi(
    row: Architecture, e_flags: int, taken: bool, tmp_path: Path
) -> None:
    names = {"/main": row.elf("liba.so", runpath="/a:/b"), row.interp: row.elf(), "/b/liba.so": row.elf()}
    program = resolve(tmp_path, {**names, "/a/liba.so": row.elf(e_flags=e_flags)})
    assert paths(program) == ["/a/liba.so" if taken else "/b/liba.so"]
