"""Tiny ELF files as bytes, with any field wrong on purpose, and fake roots to hold them: no compiler."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

from ocidiet.fs import Look, Root
from ocidiet.model import File, HostPath, Identity

LE, BE = "<", ">"
ET_EXEC, ET_DYN = 2, 3
X86_64, I386, AARCH64 = 62, 3, 183
INTERP = "/lib64/ld-linux-x86-64.so.2"

# Where the bytes of offset 0 are mapped: what takes an address for an offset is found out.
BASE = 0x400000
_EHDR = {32: "HHIIIIIHHHHHH", 64: "HHIQQQIHHHHHH"}
_EHDR_NAMES = [
    "e_type", "e_machine", "e_version", "e_entry", "e_phoff", "e_shoff", "e_flags",
    "e_ehsize", "e_phentsize", "e_phnum", "e_shentsize", "e_shnum", "e_shstrndx",
]  # fmt: skip
_IDENT_NAMES = ["EI_CLASS", "EI_DATA", "EI_VERSION", "EI_OSABI", "EI_ABIVERSION", "EI_PAD"]
_PHDR = {32: "IIIIIIII", 64: "IIQQQQQQ"}
_PHDR_NAMES = {
    32: ["p_type", "p_offset", "p_vaddr", "p_paddr", "p_filesz", "p_memsz", "p_flags", "p_align"],
    64: ["p_type", "p_flags", "p_offset", "p_vaddr", "p_paddr", "p_filesz", "p_memsz", "p_align"],
}
_PT = {"PT_LOAD": 1, "PT_DYNAMIC": 2, "PT_INTERP": 3}
_DYN = {32: "II", 64: "QQ"}
_DT = {"DT_NEEDED": 1, "DT_SONAME": 14, "DT_RPATH": 15, "DT_RUNPATH": 29, "DT_FILTER": 0x7FFFFFFF}
_DT_NULL, _DT_STRTAB, _DT_STRSZ, _DT_FLAGS_1 = 0, 5, 10, 0x6FFFFFFB


def make(
    *,
    bits: int = 64,
    order: str = LE,
    machine: int = X86_64,
    e_type: int = ET_DYN,
    interp: str | None = None,
    needed: Iterable[str] = (),
    soname: str | None = None,
    rpath: str | None = None,
    runpath: str | None = None,
    filtee: str | None = None,
    flags_1: int = 0,
    dynamic: bool = True,
    wrong: Mapping[str, int] | None = None,
) -> bytes:
    """An ELF file: header, program headers, interpreter, dynamic section, strings, in this order.

    `wrong` overrides fields by name: `EI_CLASS`, `e_phnum`, `PT_DYNAMIC p_filesz`, `DT_STRTAB`;
    `DT_NULL` is the tag that ends the dynamic section.
    """
    wrong = wrong or {}
    segments = ["PT_LOAD", *(["PT_INTERP"] if interp is not None else []), *(["PT_DYNAMIC"] if dynamic else [])]
    ehdr, phdr = struct.Struct(order + _EHDR[bits]), struct.Struct(order + _PHDR[bits])
    phoff = 16 + ehdr.size
    interp_at = phoff + len(segments) * phdr.size
    interp_text = b"" if interp is None else os.fsencode(interp) + b"\0"
    dynamic_at = interp_at + len(interp_text)

    strings = b"\0"
    rows = []
    single = (("DT_SONAME", soname), ("DT_RPATH", rpath), ("DT_RUNPATH", runpath), ("DT_FILTER", filtee))
    for name, text in [*(("DT_NEEDED", name) for name in needed), *single]:
        if text is not None:
            rows.append((_DT[name], wrong.get(name, len(strings))))
            strings += os.fsencode(text) + b"\0"
    if flags_1:
        rows.append((_DT_FLAGS_1, flags_1))
    dyn = struct.Struct(order + _DYN[bits])
    strings_at = dynamic_at + (len(rows) + 3) * dyn.size if dynamic else dynamic_at
    rows.append((_DT_STRTAB, wrong.get("DT_STRTAB", BASE + strings_at)))
    rows.append((_DT_STRSZ, wrong.get("DT_STRSZ", len(strings))))
    rows.append((wrong.get("DT_NULL", _DT_NULL), 0))
    body = interp_text + (b"".join(dyn.pack(*row) for row in rows) + strings if dynamic else b"")

    spans = {
        "PT_LOAD": (0, interp_at + len(body)),
        "PT_INTERP": (interp_at, len(interp_text)),
        "PT_DYNAMIC": (dynamic_at, len(rows) * dyn.size),
    }
    table = b""
    for segment in segments:
        at, size = spans[segment]
        right = {"p_type": _PT[segment], "p_offset": at, "p_vaddr": BASE + at, "p_filesz": size, "p_memsz": size}
        table += phdr.pack(*(wrong.get(f"{segment} {name}", right.get(name, 0)) for name in _PHDR_NAMES[bits]))

    ident = {"EI_CLASS": bits // 32, "EI_DATA": 1 if order == LE else 2, "EI_VERSION": 1}
    header = {
        "e_type": e_type,
        "e_machine": machine,
        "e_version": 1,
        "e_phoff": phoff,
        "e_ehsize": phoff,
        "e_phentsize": phdr.size,
        "e_phnum": len(segments),
    }
    return (
        b"\x7fELF"
        + bytes(wrong.get(name, ident.get(name, 0)) for name in _IDENT_NAMES).ljust(12, b"\0")
        + ehdr.pack(*(wrong.get(name, header.get(name, 0)) for name in _EHDR_NAMES))
        + table
        + body
    )


# A glibc loader, as far as a closure cares: its SONAME and the default directories within it.
LOADER = make(soname="ld-linux-x86-64.so.2") + b"\0/lib64/\0/usr/lib64/\0\0"


def program(*needed: str, interp: str | None = INTERP, rpath: str | None = None, runpath: str | None = None) -> bytes:
    """A dynamic x86-64 program."""
    return make(interp=interp, needed=needed, rpath=rpath, runpath=runpath)


class FakeRoot(Root):
    """A dict as a root: bytes are a file, text is a link, a `Look` answers for itself; directories are implied."""

    def __init__(self, names: Mapping[str, bytes | str | Look]) -> None:
        super().__init__()
        self.names = names
        self._inodes = {path: number for number, path in enumerate(names)}
        self._implied = {path[:at] for path in names for at in range(1, len(path)) if path[at] == "/"}

    def look(self, path: str) -> Look:
        what = self.names.get(path)
        if what is None:
            return Look("dir" if path in self._implied else "absent")
        if isinstance(what, bytes):
            return Look("file", file=File(HostPath(path), Identity(1, self._inodes[path], len(what), 0, 0), True))
        return what if isinstance(what, Look) else Look("link", what)


def lay(top: Path, names: Mapping[str, bytes | str | None]) -> str:
    """Write `names` below `top`: bytes are an executable file, text is a link, None a directory. Returns `top`."""
    for name, what in names.items():
        path = top / name.lstrip("/")
        (path if what is None else path.parent).mkdir(parents=True, exist_ok=True)
        if isinstance(what, bytes):
            path.write_bytes(what)
            path.chmod(0o755)
        elif what is not None:
            path.symlink_to(what)
    return str(top)
