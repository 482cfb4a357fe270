"""Every program and library of this machine: what ocidiet finds is what the real loader lists."""

from __future__ import annotations

import pytest

from ocidiet.fs import DiskRoot, Record
from ocidiet.model import HostPath, Search
from tests.loader.oracle import TRACED, counted, differing, elf_files, hwcaps, told_by_ocidiet, told_by_the_loader
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
    ours, further = told_by_ocidiet(DiskRoot("", Record()), dynamic, hwcaps([], INTERP), Search(HostPath("/")))
    with capsys.disabled():
        print(f"\n{counted(dynamic, loaders, further)}")
    assert differing(ours, loaders) == {}
    assert len(dynamic) > 200
