"""Damaged ELF files for the rooms `elf`, `search` and `closure`: where they may not lead.

The suite runs `mutated` (`tests/unit/test_elf_fuzz.py`). For hours by hand, led by coverage:
`python3 -m tests.fuzz.elf_fuzz CORPUS-DIRECTORY [LIBFUZZER-OPTION...]`, where atheris is installed.
"""

from __future__ import annotations

import gc
import importlib
import random
import struct
import sys
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from types import FunctionType

from ocidiet.closure import Facts, Resolver
from ocidiet.errors import OcidietError
from ocidiet.errors.lacks import MissingLibraries
from ocidiet.fs import DiskRoot, Record
from ocidiet.model import HostPath, Search
from tests.unit.elfmaker import BE, INTERP, LE, LOADER, lay, make

NOTE = struct.pack("<III4s", 4, 24, 0x407C0C0A, b"FDO\0") + b'[{"soname":["libd.so"]}]'
REAL = [f"/lib/x86_64-linux-gnu/{name}" for name in ("libBrokenLocale.so.1", "libdl.so.2", "libutil.so.1")]

GOOD = ["libgood.so", "liba.so", "libc.so.6"]

# What means something in p_type, d_tag and the strings.
TYPES = [0, 1, 2, 3, 4, 6, 7, 0x6474E553]
TAGS = [0, 1, 2, 5, 10, 14, 15, 24, 29, 30, 0x6FFFFFFB, 0x6FFFFEFB, 0x6FFFFEFC, 0x7FFFFFFD, 0x7FFFFFFF]
WORDS = [b"$ORIGIN", b"${LIB}", b"$PLATFORM", b":", b"::", b"/", b"..", b"\0", b"x", b"/ld", b"libm.so", b"\xff", b"\n"]


KINDS = {(bits, order): f"/{bits}{'le' if order == LE else 'be'}" for bits, order in product((32, 64), (LE, BE))}


def programs(bits: int, order: str) -> dict[str, bytes]:
    """Good programs of one class and byte order that come to the damaged file, `/m`, each in its way."""
    path = f"/l:{KINDS[bits, order]}"

    def one(interp: str, *needed: str, rpath: str | None = None, runpath: str | None = None) -> bytes:
        return make(bits=bits, order=order, interp=interp, needed=needed, rpath=rpath, runpath=runpath)

    return {
        "/by_name": one(INTERP, "libm.so", "libgood.so", runpath=path),
        "/by_path": one(INTERP, "/m", "libgood.so", rpath=path),
        "/by_interp": one("/m", "libgood.so", runpath=path),
    }


def seeds() -> list[bytes]:
    """Good files: of each class and byte order a program and libraries; and some of this machine."""
    made = []
    for (bits, order), home in KINDS.items():
        plain = make(bits=bits, order=order, interp="")
        noted = {"PT_INTERP p_type": 4, "PT_INTERP p_offset": len(plain), "PT_INTERP p_filesz": len(NOTE)}
        names, path = GOOD[:2], f"{home}:$ORIGIN/../l:$LIB"
        made += [
            make(bits=bits, order=order, interp=INTERP, needed=names, soname="libm.so", rpath=path, flags_1=0x800),
            make(bits=bits, order=order, needed=names[:1], soname="libm.so", runpath=path),
            make(bits=bits, order=order, interp="", wrong=noted) + NOTE,
        ]
    return [*made, LOADER, *(Path(path).read_bytes() for path in REAL if Path(path).exists())]


class Fields:
    """Where a good file has its numbers: (offset, size) of each."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = LE if data[5] == 1 else BE
        word = 4 if data[4] == 1 else 8
        self.header = [(at, 1) for at in range(4, 16)] + [(16, 2), (18, 2), (20, 4)]
        self.header += [(24 + word * n, word) for n in range(3)]
        end = 24 + 3 * word
        self.header += [(end, 4)] + [(end + 4 + 2 * n, 2) for n in range(6)]
        phoff, phentsize, phnum = self.value(24 + word, word), self.value(end + 6, 2), self.value(end + 8, 2)
        widths = [4] * 8 if word == 4 else [4, 4] + [8] * 6
        self.segments, self.tags, self.values, self.types = [], [], [], []
        for start in range(phoff, phoff + phnum * phentsize, phentsize):
            self.types.append((start, 4))
            places = [(start + sum(widths[:n]), width) for n, width in enumerate(widths)]
            self.segments += places
            if self.value(start, 4) == 2:
                offset, size = (self.value(*places[n]) for n in ((1, 4) if word == 4 else (2, 5)))
                self.tags = [(at, word) for at in range(offset, offset + size, 2 * word)]
                self.values = [(at + word, word) for at, _ in self.tags]
        self.groups = [group for group in (self.header, self.segments, self.tags, self.values, self.types) if group]
        self.size_of_headers = self.values[-1][0] if self.values else phoff

    def value(self, at: int, size: int) -> int:
        """The number that stands there."""
        return int.from_bytes(self.data[at : at + size], "little" if self.order == LE else "big")


def mutated(fields: Sequence[Fields], seed: int) -> bytes:
    """The file that a number leads to."""
    rng = random.Random(seed)
    base = rng.choice(fields)
    data = bytearray(base.data)
    # Most of it in one place: what is wrong in the header hides what is wrong behind it.
    place = rng.choice(base.groups)
    for _ in range(rng.choice((1, 2, 3, 4))):
        what = rng.randrange(16)
        group = rng.choice((place, place, place, rng.choice(base.groups)))
        if what < 10:
            # One number, or a third of them: some matter only together.
            for at, size in [rng.choice(group)] if what < 8 else [one for one in group if rng.random() < 0.3]:
                top, length, old = 1 << 8 * size, len(data), base.value(at, size)
                near = [
                    0,
                    1,
                    2,
                    7,
                    4096,
                    length - 1,
                    length,
                    length + 1,
                    old - 1,
                    old + 1,
                    old ^ 1 << rng.randrange(8 * size),
                ]
                far = [
                    top - 1,
                    top - 2,
                    top >> 1,
                    (top >> 1) - 1,
                    top >> 2,
                    top - length,
                    top - old,
                    rng.randrange(top),
                ]
                known = TAGS if group is base.tags else TYPES if group is base.types else [old]
                value = rng.choice(rng.choice((near, far, known))) % top
                data[at : at + size] = value.to_bytes(size, "little" if base.order == LE else "big")
        elif what == 10:
            (at, size), (other, _) = rng.choice(group), rng.choice(group)
            data[at : at + size], data[other : other + size] = data[other : other + size], data[at : at + size]
        elif what == 11:
            del data[rng.randrange(len(data) + 1) :]
        elif what == 12:
            donor = rng.choice(fields).data
            cut = rng.randrange(min(len(data), len(donor)) + 1)
            data[cut:] = donor[cut:]
        elif what == 13:
            word = rng.choice(WORDS)
            start = rng.randrange(len(data) + 1)
            data[start : start + len(word)] = word
        else:
            start = rng.randrange(base.size_of_headers)
            data[start : start + rng.randrange(1, 9)] = rng.randbytes(rng.randrange(1, 9))
    return bytes(data)


class Judge:
    """A root in which a damaged file stands as a program, a library and an interpreter."""

    def __init__(self, top: Path) -> None:
        lay(top, {INTERP: LOADER, "/m": b"", "/l/libm.so": "/m", "/lib64/libm.so": "../m", "/lib64/libc.so.6": make()})
        for (bits, order), home in KINDS.items():
            lay(top, {home + name: data for name, data in programs(bits, order).items()})
            lay(top, dict.fromkeys([f"{home}/{name}" for name in GOOD], make(bits=bits, order=order)))
        self.top = str(top)
        self.mutant = top / "m"

    def __call__(self, data: bytes) -> list[str]:
        """What comes of it, in words: "" for a closure, else the error. All but `OcidietError` escapes."""
        self.mutant.write_bytes(data)
        home = KINDS[32 if data[4:5] == b"\1" else 64, BE if data[5:6] == b"\2" else LE]
        root = DiskRoot(self.top, Record())
        resolver = Resolver(root, Facts(), Search(HostPath(home)))
        told = []
        for program in ("/m", f"{home}/by_name", f"{home}/by_path", f"{home}/by_interp"):
            try:
                closed = resolver.resolve([(program, root.walk(program))])
                if closed.missing:
                    raise MissingLibraries(closed.missing, closed.broken, "", root.spell)
                told.append("")
            except OcidietError as error:
                told.append(str(error))
        return told


def main() -> None:
    """Fuzz until stopped, or as libFuzzer's options say."""
    atheris = importlib.import_module("atheris")
    for what in gc.get_objects():
        if isinstance(what, FunctionType) and (what.__module__ or "").startswith("ocidiet."):
            atheris.instrument_func(what)
    with tempfile.TemporaryDirectory() as top:
        judge = Judge(Path(top))
        atheris.Setup(sys.argv, lambda data: judge(data) and None)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
