"""Every program and library of this machine: what ocidiet finds is what the real loader lists."""

from __future__ import annotations

import pytest

from ocidiet.closure import Facts, Resolver
from ocidiet.fs import DiskRoot, Record
from ocidiet.model import HostPath, Search
from tests.loader.oracle import TRACED, counted, differing, elf_files, hwcaps, resolved, told_by_the_loader
from tests.support import need
from tests.unit.elfmaker import INTERP

pytestmark = pytest.mark.slow

DIRECTORIES = ("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec", "/usr/local/lib", "/lib")


def test_machine_every_program_and_library_has_the_objects_that_its_loader_lists(
    capsys: pytest.CaptureFixture[str],
) -> None:
    need(INTERP)
    interps = elf_files("", "EM_X86_64", *DIRECTORIES)
    dynamic = {path: interp for path, interp in interps.items() if interp in (INTERP, None)}
    loaders = told_by_the_loader(["env", TRACED], INTERP, dynamic)
    root = DiskRoot("", Record())
    resolver = Resolver(root, Facts(), Search(HostPath("/")))
    cpu = hwcaps([], INTERP)
    ours = {path: resolved(resolver, root, path, cpu) for path in dynamic}
    with capsys.disabled():
        print(f"\n{counted(dynamic, loaders)}")
    assert differing(ours, loaders) == {}
    assert len(dynamic) > 200
