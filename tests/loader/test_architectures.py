"""Other architectures, byte orders and classes: the cases of the loader's law, cross-compiled.

Each case is built by the architecture's own compiler, in a build tree beside a sysroot of its C
library. The oracle is that library's loader, run by qemu; ocidiet reads the same files from outside.
"""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from ocidiet.closure import Facts, Resolver
from ocidiet.fs import DiskRoot, Record
from ocidiet.model import HostPath, NamedTuple, Search
from tests.loader.case import WORDS, is_plain
from tests.loader.laws import CASES, HERE
from tests.loader.oracle import TRACED, Told, hwcaps, listed, normal, resolved
from tests.support import clean_env, done, need

pytestmark = pytest.mark.slow


class Architecture(NamedTuple):
    """One that Debian has a cross compiler for."""

    triplet: str
    multiarch: str
    interp: str
    qemu: str
    flags: int
    """Of its entries in ld.so.cache."""
    order: str = "<"
    platform: str = ""
    """AT_PLATFORM, where it is one on every CPU."""
    foreign: tuple[str, ...] = ()
    """What makes the compiler build for another byte order or ABI of the machine."""
    wrong: str = ""
    """For `patch`: e_flags of an ABI that is not the loader's; and such as tell of no ABI."""
    unmarked: str = ""


AARCH64 = Architecture(
    "aarch64-linux-gnu",
    "aarch64-linux-gnu",
    "/lib/ld-linux-aarch64.so.1",
    "qemu-aarch64-static",
    0x0A03,
    platform="aarch64",
    foreign=("-mbig-endian",),
    unmarked=r"48 \001",
)
ARMHF = Architecture(
    "arm-linux-gnueabihf",
    "arm-linux-gnueabihf",
    "/lib/ld-linux-armhf.so.3",
    "qemu-arm-static",
    0x0903,
    foreign=("-mbig-endian", "-mfloat-abi=soft"),
    wrong=r"37 \002",
    unmarked=r"37 \000",
)
I386 = Architecture(
    "i686-linux-gnu",
    "i386-linux-gnu",
    "/lib/ld-linux.so.2",
    "qemu-i386-static",
    0x0003,
    platform="i686",
    unmarked=r"36 \001",
)
PPC64LE = Architecture(
    "powerpc64le-linux-gnu",
    "powerpc64le-linux-gnu",
    "/lib64/ld64.so.2",
    "qemu-ppc64le-static",
    0x0503,
    foreign=("-mbig-endian",),
    wrong=r"48 \001",
    unmarked=r"48 \000",
)
RISCV64 = Architecture(
    "riscv64-linux-gnu",
    "riscv64-linux-gnu",
    "/lib/ld-linux-riscv64-lp64d.so.1",
    "qemu-riscv64-static",
    0x1003,
    foreign=("-march=rv64imac -mabi=lp64", "-march=rv64imafc -mabi=lp64f", "-mbig-endian"),
    wrong=r"48 \001",
    unmarked=r"48 \004",
)
S390X = Architecture(
    "s390x-linux-gnu",
    "s390x-linux-gnu",
    "/lib/ld64.so.1",
    "qemu-s390x-static",
    0x0403,
    order=">",
    foreign=("-m31",),
    unmarked=r"51 \001",
)
ARCHITECTURES = [AARCH64, ARMHF, I386, PPC64LE, RISCV64, S390X]
OTHERS = [*(architecture.triplet for architecture in ARCHITECTURES), "x86_64-linux-gnux32", "x86_64-linux-gnu"]
LEVELS = ["x86-64-v2", "x86-64-v3", "x86-64-v4", "power9", "power10", "z13", "z14", "z15", "z16", "z17", "v9"]
# Those whose text is for this machine's own architecture are left out, and what not every cross compiler can do.
UNPORTABLE = ("/dev/", "-m32", "x86_64", "patch", "-static-pie", "vdso", "hwcaps")
CASES_TEXTS = {case.name: (case / "build.sh").read_text() for case in CASES if is_plain(case)}
PORTABLE = {name: text for name, text in CASES_TEXTS.items() if not any(word in text for word in UNPORTABLE)}

# The words of a case know beside `cc` these variables: OTHERS, FOREIGN, WRONG, UNMARKED, LEVELS,
# MULTIARCH, PLATFORM, SYSROOT.
OWN = {
    "libraries of other architectures are passed over": """
list=
for other in $OTHERS; do
    mkdir -p "decoys/$other"
    "$other-gcc" -shared -nostdlib -x c /dev/null -o "decoys/$other/liba.so"
    list=$list:$PWD/decoys/$other
done
lib own/liba.so
program own/liba.so "-Wl,-rpath,${list#:}:$PWD/own"
""",
    "libraries of another byte order or ABI of the machine are passed over": """
list=
while read -r flags; do
    [ -n "$flags" ] || continue
    mkdir -p "foreign/$flags"
    cc -shared -nostdlib $flags -x c /dev/null -o "foreign/$flags/liba.so"
    list=$list:$PWD/foreign/$flags
done <<END
$FOREIGN
END
lib own/liba.so
program own/liba.so "-Wl,-rpath,${list#:}:$PWD/own"
""",
    "e_flags tell of an ABI, or of none": """
lib wrong/liba.so
lib unmarked/libb.so
[ -z "$WRONG" ] || patch wrong/liba.so $WRONG
[ -z "$UNMARKED" ] || patch unmarked/libb.so $UNMARKED
lib own/liba.so
lib own/libb.so
program own/liba.so own/libb.so "-Wl,-rpath,$PWD/wrong:$PWD/unmarked:$PWD/own"
""",
    "LIB is the loader's own": """
lib "$MULTIARCH/lib/libb.so"
lib lib/libb.so
lib lib64/libb.so
lib "lib/$MULTIARCH/libb.so"
program lib/libb.so '-Wl,-rpath,$ORIGIN/${LIB}:$ORIGIN/lib'
""",
    "PLATFORM is the loader's own, and never the word itself": """
lib plain/libb.so
lib 'p-$PLATFORM/libb.so'
[ -z "$PLATFORM" ] || lib "p-$PLATFORM/libb.so"
program plain/libb.so '-Wl,-rpath,$ORIGIN/p-${PLATFORM}:$ORIGIN/plain'
""",
    "glibc-hwcaps are the CPU's": """
for level in $LEVELS; do lib "own/glibc-hwcaps/$level/liba.so"; done
lib own/glibc-hwcaps/v9/libb.so
lib own/liba.so
lib own/libb.so
program own/liba.so own/libb.so "-Wl,-rpath,$PWD/own"
""",
    "glibc-hwcaps may hold the only file": """
for level in $LEVELS; do lib "own/glibc-hwcaps/$level/liba.so"; done
lib own/liba.so
program own/liba.so "-Wl,-rpath,$PWD/own"
rm own/liba.so
""",
    "subdirectories of old": """
lib own/tls/liba.so
lib "own/$PLATFORM/libb.so"
lib own/liba.so
lib own/libb.so
program own/liba.so own/libb.so "-Wl,-rpath,$PWD/own"
""",
    "the cache is searched before the default directories": """
lib libcached.so
cp libcached.so "$SYSROOT/opt/cached/"
cp libcached.so "$SYSROOT/opt/foreign/"
cp libcached.so "$SYSROOT/lib/"
program libcached.so
""",
}


def cache(architecture: Architecture) -> bytes:
    """An ld.so.cache in the byte order of an architecture: one name, of two architectures."""
    rows = [
        (0x0A03 if architecture.flags != 0x0A03 else 0x0303, b"/opt/foreign/libcached.so\0"),
        (architecture.flags, b"/opt/cached/libcached.so\0"),
    ]
    order = architecture.order
    at = 48 + 24 * len(rows)
    strings = b"libcached.so\0"
    entries = b""
    for flags, path in rows:
        entries += struct.pack(order + "iIIIQ", flags, at, at + len(strings), 0, 0)
        strings += path
    endian = 2 if order == "<" else 3
    return (
        struct.pack(order + "20sIIB3xI12x", b"glibc-ld.so.cache1.1", len(rows), len(strings), endian, 0)
        + entries
        + strings
    )


def sysroot(architecture: Architecture, top: Path) -> str:
    """The C library of an architecture, as its loader expects it below /."""
    libraries = top / "lib" / architecture.multiarch
    for directory in (libraries, top / "opt/cached", top / "opt/foreign", top / "etc"):
        directory.mkdir(parents=True)
    for path in Path("/usr", architecture.triplet, "lib").glob("*.so.*"):
        shutil.copy(path, libraries)
    loader = top / architecture.interp[1:]
    loader.parent.mkdir(exist_ok=True)
    # Relative: to qemu, an absolute one leads out of the sysroot.
    loader.symlink_to(f"../lib/{architecture.multiarch}/{loader.name}")
    (top / "etc/ld.so.cache").write_bytes(cache(architecture))
    return str(top)


class Workshop:
    """Where the cases of one architecture are built and listed."""

    def __init__(self, architecture: Architecture, top: Path) -> None:
        need(architecture.qemu, *(f"{triplet}-gcc" for triplet in OTHERS))
        self.interp = architecture.interp
        self.top = top
        self.root = sysroot(architecture, top / "sysroot")
        (top / "bin").mkdir()
        (top / "bin/cc").symlink_to(shutil.which(f"{architecture.triplet}-gcc") or "")
        done([top / "bin/cc", "-c", "-o", top / "main.o", HERE / "main.c"])
        done([top / "bin/cc", "-c", "-o", top / "empty.o", "-x", "c", "/dev/null"])
        self.env = clean_env(
            OBJECTS=str(top),
            ASIDE=str(top),
            OTHERS=" ".join(triplet for triplet in OTHERS if triplet != architecture.triplet),
            FOREIGN="\n".join(architecture.foreign),
            WRONG=architecture.wrong,
            UNMARKED=architecture.unmarked,
            LEVELS=" ".join(LEVELS),
            MULTIARCH=architecture.multiarch,
            PLATFORM=architecture.platform,
            SYSROOT=self.root,
        )
        self.env["PATH"] = f"{top}/bin:{self.env['PATH']}"
        self.qemu = [architecture.qemu, "-L", self.root]
        self.cpu = hwcaps(self.qemu, self.root + architecture.interp)

    def told(self, name: str, text: str) -> tuple[Told, Told]:
        """What ocidiet and what the loader make of a case."""
        cwd = self.top / name
        cwd.mkdir()
        done(["sh", "-c", WORDS + text], cwd, self.env)
        program = str(cwd / "program")
        root = DiskRoot(self.root, Record(str(cwd)))
        ours = resolved(Resolver(root, Facts(), Search(HostPath(str(cwd)))), root, program, self.cpu)
        return normal(ours, cwd), normal(listed([*self.qemu, "-E", TRACED, program], self.interp, cwd), cwd)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda architecture: architecture.multiarch)
def test_architectures_have_one_law(architecture: Architecture, tmp_path: Path) -> None:
    workshop = Workshop(architecture, tmp_path)
    told = {case: workshop.told(case, text) for case, text in PORTABLE.items()}
    assert {case: ours for case, (ours, _) in told.items()} == {case: loader for case, (_, loader) in told.items()}


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda architecture: architecture.multiarch)
@pytest.mark.parametrize("name", OWN)
def test_architectures_have_laws_of_their_own(architecture: Architecture, name: str, tmp_path: Path) -> None:
    ours, loader = Workshop(architecture, tmp_path).told("cwd", OWN[name])
    assert ours == loader
