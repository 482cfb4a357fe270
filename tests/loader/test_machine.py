"""Every program of this machine: what ocidiet finds is what the real loader lists."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

from ocidiet.closure import Facts, Resolver
from ocidiet.errors import OcidietError
from ocidiet.fs import DiskRoot, Record
from ocidiet.model import HostPath, ReachedBy, Search
from tests.support import need, run
from tests.unit.elfmaker import INTERP

pytestmark = pytest.mark.slow

REFUSED, STATIC = frozenset({"refused"}), frozenset[str]()


def programs() -> dict[str, str | None]:
    """The real paths of the x86-64 programs in the usual directories, and their interpreters."""
    found: dict[str, str | None] = {}
    for entry in (*os.scandir("/usr/bin"), *os.scandir("/usr/sbin")):
        path = os.path.realpath(entry.path)
        if path in found or not os.path.isfile(path) or not os.access(path, os.X_OK):
            continue
        with open(path, "rb") as stream:
            if stream.read(20)[:4] == b"\x7fELF":
                file = ELFFile(stream)
                if file["e_machine"] == "EM_X86_64" and file["e_type"] in ("ET_EXEC", "ET_DYN"):
                    names = [s.get_interp_name() for s in file.iter_segments() if isinstance(s, InterpSegment)]
                    found[path] = names[0] if names else None
    return found


def listed(program: str) -> frozenset[str]:
    """The real paths that `ld.so --list` prints."""
    ended = run([INTERP, "--list", program])
    if ended.returncode or "not found" in ended.stdout:
        return REFUSED
    paths = re.findall(r"^\t(?:.* => )?(/.*) \(0x[0-9a-f]+\)$", ended.stdout, re.MULTILINE)
    return frozenset(os.path.realpath(path) for path in paths)


def test_machine_every_program_has_the_objects_that_its_loader_lists(capsys: pytest.CaptureFixture[str]) -> None:
    need(INTERP)
    interps = programs()
    dynamic = [path for path, interp in interps.items() if interp == INTERP]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        loaders = {**dict.fromkeys(interps, STATIC), **dict(zip(dynamic, pool.map(listed, dynamic), strict=True))}

    root = DiskRoot("", Record())
    resolver = Resolver(root, Facts(), Search(HostPath("/")))
    ours, ours_interps = {}, {}
    for path in interps:
        try:
            found = resolver.resolve([(path, root.walk(path))]).programs[0]
        except OcidietError:
            ours[path], ours_interps[path] = REFUSED, interps[path]
            continue
        needed = (loaded for loaded in found.objects if loaded.reached_by == ReachedBy.NEEDED)
        mapped = (*needed, *([found.interp] if found.interp else []))
        ours[path] = frozenset(loaded.walk.real for loaded in mapped)
        ours_interps[path] = found.interp.path if found.interp else None
    with capsys.disabled():
        libraries = set().union(*ours.values())
        print(f"\n{len(interps)} programs, {len(dynamic)} of them dynamic, with {len(libraries)} libraries")
    assert {path: (ours[path], loaders[path]) for path in interps if ours[path] != loaders[path]} == {}
    assert ours_interps == interps
    assert dynamic != []
