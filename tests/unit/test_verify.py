"""The room `verify`: an image that does not serve its own loader is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocidiet import tree, verify
from ocidiet.closure import Facts, Resolver
from ocidiet.errors import OcidietError
from ocidiet.errors.lacks import MissingLibraries
from ocidiet.fs import DiskRoot, Record
from ocidiet.fs.image import open_image
from ocidiet.model import HostPath, ImagePath, Search, Source
from ocidiet.model.image import Entry, Places, Tree
from ocidiet.verify.image import judge
from tests.unit.elfmaker import INTERP, LOADER, lay, make, program

LIB = make()


def image(tmp_path: Path) -> tuple[Tree, Facts]:
    """A program with two libraries, one of them behind a link, laid out."""
    names: dict[str, bytes | str | None] = {
        "/bin/main": program("liba.so", "libb.so"),
        "/lib64/liba.so": "liba.so.1",
        "/lib64/liba.so.1": LIB,
        "/usr/lib64/libb.so": LIB,
        "/opt/liba.so": LIB,
        INTERP: LOADER,
    }
    root, facts = DiskRoot(lay(tmp_path, names), Record()), Facts()
    closed = Resolver(root, facts, Search(HostPath("/"))).resolve([("main", root.walk("/bin/main"))])
    source = Source("main", "main", "/bin/main", False, None)
    return tree.assemble([(source, closed.programs[0])], [], root, Places(None)), facts


def without(made: Tree, *names: str) -> Tree:
    left = tuple(entry for entry in made.entries if entry.name not in names)
    assert len(left) == len(made.entries) - len(names)
    return Tree(left, made.programs)


def test_proof_accepts_what_assemble_made(tmp_path: Path) -> None:
    made, facts = image(tmp_path)
    verify.check(made, facts, Search(HostPath("/")))


@pytest.mark.parametrize("gone", ["lib64/liba.so", "lib64/liba.so.1"])
def test_proof_refuses_a_missing_library_with_the_probes(tmp_path: Path, gone: str) -> None:
    made, facts = image(tmp_path)
    with pytest.raises(MissingLibraries) as caught:
        verify.check(without(made, gone), facts, Search(HostPath("/")))
    assert str(caught.value) == (
        "/bin/main: 1 library not found inside the image\n"
        "  liba.so, needed by /bin/main\n"
        "    cache       /etc/ld.so.cache    no entry\n"
        "    default     /lib64/liba.so      no such file\n"
        "    default     /usr/lib64/liba.so  no such file\n"
        "  hint: the image as laid out does not serve its own loader: give the program or library another place"
    )


def test_proof_refuses_a_missing_interpreter(tmp_path: Path) -> None:
    made, facts = image(tmp_path)
    with pytest.raises(MissingLibraries) as caught:
        verify.check(without(made, INTERP[1:]), facts, Search(HostPath("/")))
    assert [(lookup.name, lookup.probes[0].outcome) for lookup in caught.value.lookups] == [(INTERP, "no such file")]


def test_proof_refuses_a_missing_program(tmp_path: Path) -> None:
    made, facts = image(tmp_path)
    with pytest.raises(OcidietError) as caught:
        verify.check(without(made, "bin/main"), facts, Search(HostPath("/")))
    assert str(caught.value) == "/bin/main: no such directory"


def test_proof_refuses_another_file_of_the_same_name(tmp_path: Path) -> None:
    made, facts = image(tmp_path)
    other = DiskRoot(str(tmp_path), Record()).walk("/opt/liba.so").file
    assert other is not None
    libb = next(entry for entry in made.entries if entry.name == "usr/lib64/libb.so")
    swapped = Tree(
        tuple(Entry(e.name, e.typeflag, e.mode, e.linkname, other, e.reason) if e is libb else e for e in made.entries),
        made.programs,
    )
    with pytest.raises(OcidietError) as caught:
        verify.check(swapped, facts, Search(HostPath("/")))
    assert (caught.value.message, caught.value.evidence) == (
        "/bin/main: would load another libb.so inside the image",
        (f"meant: {tmp_path}/usr/lib64/libb.so", f"found: {tmp_path}/opt/liba.so"),
    )


def test_proof_refuses_a_file_that_stands_before_the_one_meant(tmp_path: Path) -> None:
    made, facts = image(tmp_path)
    other = DiskRoot(str(tmp_path), Record()).walk("/opt/liba.so").file
    decoy = Entry(ImagePath("lib64/libb.so"), "0", 0o644, "", other, made.entries[0].reason)
    with pytest.raises(OcidietError) as caught:
        verify.check(Tree((*made.entries, decoy), made.programs), facts, Search(HostPath("/")))
    assert caught.value.message == "/bin/main: would load another libb.so inside the image"


def test_library_that_is_looked_for_nowhere_is_a_defect(tmp_path: Path) -> None:
    """musl's path file may be empty."""
    loader = "/lib/ld-musl-x86_64.so.1"
    names: dict[str, bytes | str | None] = {
        "/bin/main": program("liba.so", "libb.so", interp=loader),
        "/opt/liba.so": LIB,
        "/etc/ld-musl-x86_64.path": b"",
        loader: make() + b"\0/etc/ld-musl-x86_64.path\0",
    }
    found = judge(open_image(HostPath(str(lay(tmp_path, names))), Record()), Search(HostPath("/")))
    assert [(defect.name, defect.kind, defect.reason) for defect in found.defects] == [
        ("bin/main", "library", "needs liba.so, which is not found (/opt/liba.so is where its loader does not look)"),
        ("bin/main", "library", "needs libb.so, which is not found"),
    ]
