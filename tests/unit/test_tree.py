"""The room `tree`: every place in the image, as whole listings of what made-up roots lead to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ocidiet import extras, tree, verify
from ocidiet.cli.options import source
from ocidiet.closure import Facts, Resolver
from ocidiet.errors import InputError, OcidietError
from ocidiet.errors.places import PlaceConflict
from ocidiet.fs import DiskRoot, Record
from ocidiet.model import HostPath, Rule, Search
from ocidiet.model.image import Places, Reason, Tree
from ocidiet.tree.layout import Portable, normal, one_place
from tests.unit.elfmaker import INTERP, LOADER, lay, make, program
from tests.unit.test_ldcache import ELF_X86_64, new

Names = Mapping[str, bytes | str | None]
LIB = make()


@pytest.mark.parametrize(
    ("name", "target", "text"),
    [
        ("usr/lib/a", "usr/lib/b", "b"),
        ("usr/lib/a", "usr/lib/x/b", "x/b"),
        ("usr/lib/x/a", "usr/lib/b", "../b"),
        ("usr/bin/a", "usr/lib/b", "../lib/b"),
        ("opt/a", "usr/lib/b", "../usr/lib/b"),
        ("a", "usr/b", "usr/b"),
        ("opt/x", "opt/x/y", "x/y"),
        # Above these a base may have a link: a climb out of it would end elsewhere.
        ("lib64/a", "usr/lib/b", "/usr/lib/b"),
        ("lib/x/a", "usr/lib/b", "/usr/lib/b"),
        ("bin/sh", "usr/bin/dash", "/usr/bin/dash"),
        ("usr/lib64/a", "usr/lib/b", "/usr/lib/b"),
        # Without a climb out of it the link is no matter.
        ("lib64/a", "lib64/b", "b"),
        ("lib/x/a", "lib/y/b", "../y/b"),
        ("usr/lib/a", "lib/b", "../../lib/b"),
    ],
)
def test_link_text_is_relative_where_that_is_safe(name: str, target: str, text: str) -> None:
    assert Portable().text(name, target) == text


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("usr/lib/a", "lib/a"),
        ("lib/a", "lib/a"),
        ("lib64/a", "lib/a"),
        ("usr/lib64/x/a", "lib/x/a"),
        ("usr/bin/a", "bin/a"),
        ("sbin/a", "bin/a"),
        ("usr/sbin/a", "bin/a"),
        ("usr/lib32/a", "lib32/a"),
        ("var/run/a", "run/a"),
        ("var/lock/a", "run/lock/a"),
        ("usr/local/lib/a", "usr/local/lib/a"),
        ("opt/lib64/a", "opt/lib64/a"),
        ("lib64", "lib64"),
    ],
)
def test_one_place_for_names_that_some_base_makes_one(name: str, place: str) -> None:
    assert one_place(name) == place


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/a/b", "/a/b"),
        ("//a///b/", "/a/b"),
        ("/a/./b/.", "/a/b"),
        ("/a/../b", "/b"),
        ("/../../a", "/a"),
        ("/a/b/../../..", "/"),
        ("/", "/"),
    ],
)
def test_normal_is_taken_as_text(path: str, text: str) -> None:
    assert normal(path) == text


# Layouts: `root` is a sysroot, `build` a build tree and the working directory ------------------------


def assembled(
    tmp_path: Path,
    root_names: Names,
    build_names: Names,
    *binaries: str,
    extra: str = "",
    places: tuple[str, ...] = (),
    base: Names | None = None,
) -> Tree:
    """The proven image of `binaries` and `extra`, spelled as on the command line; `places` are a layout and a
    directory for libraries."""
    lay(tmp_path / "root", root_names)
    build = lay(tmp_path / "build", build_names)
    record = Record(build)
    root, host = DiskRoot(f"{tmp_path}/root", record), DiskRoot("", record)
    sources = [source(text, build) for text in binaries]
    facts = Facts()
    walks = [(given.name, (root if given.in_root else host).walk(given.path)) for given in sources]
    programs = Resolver(root, facts, Search(HostPath(build))).resolve(walks).programs
    given = [source(text, build) for text in extra.split()]
    added = [more for one in given for more in extras.expand(one, root if one.in_root else host)]
    named, where = list(zip(sources, programs, strict=True)), Places(HostPath(build), *places)
    search = Search(HostPath("/"))
    if base is None:
        made = tree.assemble(named, added, root, where)
        verify.check(made, facts, search, verify.MergedRoot() if where.layout == "merged" else None)
        return made
    under = DiskRoot(lay(tmp_path / "base", base), record)
    only: set[str] = set()
    while True:
        made = tree.assemble(named, added, root, where, under, only)
        lacking = verify.lacking(made, facts, search, under)
        if lacking <= only:
            break
        only |= lacking
    verify.check(made, facts, search, under)
    return made


def listing(tmp_path: Path, *args: Names | str, extra: str = "", **more: Any) -> list[str]:
    """`NAME/` for a directory, `NAME -> TEXT` for a link, `NAME = SOURCE` for a file from elsewhere."""
    root_names, build_names, *binaries = args
    assert not isinstance(root_names, str)
    assert not isinstance(build_names, str)
    made = assembled(tmp_path, root_names, build_names, *map(str, binaries), extra=extra, **more)
    lines = []
    for entry in made.entries:
        source = entry.source.path.removeprefix(f"{tmp_path}/") if entry.source else ""
        told = {"5": "/", "2": f" -> {entry.linkname}", "0": f" = {source}"}[entry.typeflag]
        lines.append(entry.name + told.replace(f" = root/{entry.name}", ""))
    return lines


MULTIARCH = LOADER.replace(b"/lib64/\0/usr/lib64/\0", b"/lib/x/\0/usr/lib/x/\0/lib/\0/usr/lib/\0")
FEDORA: Names = {
    "/lib64": "usr/lib64",
    "/lib": "usr/lib",
    "/bin": "usr/bin",
    "/usr/bin/app": program("liba.so.1"),
    "/usr/lib64/liba.so.1": "liba.so.1.2",
    "/usr/lib64/liba.so.1.2": LIB,
    "/usr/lib64/ld-linux-x86-64.so.2": LOADER,
}
DEBIAN: Names = {
    "/lib64": "usr/lib64",
    "/lib": "usr/lib",
    "/bin": "usr/bin",
    "/usr/bin/app": program("liba.so.1"),
    "/usr/lib/x/liba.so.1": "liba.so.1.2",
    "/usr/lib/x/liba.so.1.2": LIB,
    "/usr/lib/x/ld.so": MULTIARCH,
    "/usr/lib64/ld-linux-x86-64.so.2": "/lib/x/ld.so",
}
SPLIT: Names = {
    "/bin/app": program("liba.so.1", "libb.so"),
    "/lib/x/liba.so.1": "liba.so.1.2",
    "/lib/x/liba.so.1.2": LIB,
    "/usr/lib/x/libb.so": LIB,
    "/lib/x/ld.so": MULTIARCH,
    "/lib64/ld-linux-x86-64.so.2": "/lib/x/ld.so",
}
LIB64_IS_LIB: Names = {
    "/lib64": "lib",
    "/usr/lib64": "lib",
    "/bin/app": program("liba.so", "libb.so"),
    "/lib/liba.so": LIB,
    "/usr/lib/libb.so": LIB,
    "/lib/ld-linux-x86-64.so.2": LOADER,
}


@pytest.mark.parametrize(
    ("names", "binary", "entries"),
    [
        pytest.param(
            FEDORA,
            "=/usr/bin/app",
            [
                "lib64/ld-linux-x86-64.so.2 = root/usr/lib64/ld-linux-x86-64.so.2",
                "usr/",
                "usr/bin/",
                "usr/bin/app",
                "usr/lib64/ld-linux-x86-64.so.2",
                "usr/lib64/liba.so.1 -> liba.so.1.2",
                "usr/lib64/liba.so.1.2",
            ],
            id="merged, /usr/lib64",
        ),
        pytest.param(
            DEBIAN,
            "=/bin/app",
            [
                "bin/app = root/usr/bin/app",
                "lib64/ld-linux-x86-64.so.2 -> /usr/lib/x/ld.so",
                "usr/",
                "usr/lib/",
                "usr/lib/x/",
                "usr/lib/x/ld.so",
                "usr/lib/x/liba.so.1 -> liba.so.1.2",
                "usr/lib/x/liba.so.1.2",
            ],
            id="merged, multiarch",
        ),
        pytest.param(
            SPLIT,
            "=/bin/app",
            [
                "bin/app",
                "lib/x/",
                "lib/x/ld.so",
                "lib/x/liba.so.1 -> liba.so.1.2",
                "lib/x/liba.so.1.2",
                "lib64/ld-linux-x86-64.so.2 -> /lib/x/ld.so",
                "usr/",
                "usr/lib/",
                "usr/lib/x/",
                "usr/lib/x/libb.so",
            ],
            id="split",
        ),
    ],
)
def test_portable_layout_of_a_root(tmp_path: Path, names: Names, binary: str, entries: list[str]) -> None:
    assert listing(tmp_path, names, {}, binary) == entries


def test_portable_layout_never_links_a_name_to_what_may_be_itself(tmp_path: Path) -> None:
    # On a base whose /lib64 is a link to /lib, lib64/ld-... -> lib/ld-... would be a loop.
    assert listing(tmp_path, LIB64_IS_LIB, {}, "=/bin/app") == [
        "bin/app",
        "lib/ld-linux-x86-64.so.2",
        "lib/liba.so",
        "lib64/ld-linux-x86-64.so.2 = root/lib/ld-linux-x86-64.so.2",
        "lib64/liba.so = root/lib/liba.so",
        "usr/",
        "usr/lib/",
        "usr/lib/libb.so",
        "usr/lib64/libb.so = root/usr/lib/libb.so",
    ]


RPATH_BUILD: Names = {
    "app": make(interp=INTERP, needed=["libown.so", "liba.so.1"], runpath="$ORIGIN/../l"),
    "out/app": make(interp=INTERP, needed=["libown.so"], runpath="$ORIGIN/../l"),
    "l/libown.so": "libown.so.3",
    "l/libown.so.3": make(needed=["libdeep.so"], runpath="$ORIGIN/deep"),
    "l/deep/libdeep.so": LIB,
}
LOADER_ENTRIES = ["lib64/ld-linux-x86-64.so.2 = root/usr/lib64/ld-linux-x86-64.so.2"]
REAL_LOADER = "usr/lib64/ld-linux-x86-64.so.2"


def test_dest_decides_and_origin_keeps_the_relative_place(tmp_path: Path) -> None:
    assert listing(tmp_path, FEDORA, RPATH_BUILD, "out/app:/opt/app/bin/app") == [
        *LOADER_ENTRIES,
        "opt/",
        "opt/app/",
        "opt/app/bin/",
        "opt/app/bin/app = build/out/app",
        "opt/app/l/",
        "opt/app/l/deep/",
        "opt/app/l/deep/libdeep.so = build/l/deep/libdeep.so",
        "opt/app/l/libown.so = build/l/libown.so.3",
        "usr/",
        REAL_LOADER,
    ]


def test_absolute_rpath_of_the_build_tree_leads_to_the_first_default_directory(tmp_path: Path) -> None:
    build = {
        "app": make(interp=INTERP, needed=["libown.so"], runpath=f"{tmp_path}/build/l"),
        "l/libown.so": make(needed=["liba.so.1"]),
    }
    assert listing(tmp_path, DEBIAN, build, "app:/usr/local/bin/app") == [
        "lib64/ld-linux-x86-64.so.2 -> /usr/lib/x/ld.so",
        "usr/",
        "usr/lib/",
        "usr/lib/x/",
        "usr/lib/x/ld.so",
        "usr/lib/x/liba.so.1 -> liba.so.1.2",
        "usr/lib/x/liba.so.1.2",
        "usr/lib/x/libown.so = build/l/libown.so",
        "usr/local/",
        "usr/local/bin/",
        "usr/local/bin/app = build/app",
    ]


def test_filtee_goes_beside_the_filter_that_comes_behind_it(tmp_path: Path) -> None:
    build = {
        "app": make(interp=INTERP, needed=["libfilter.so"], runpath="$ORIGIN/l"),
        "l/libfilter.so": make(filtee="libfiltee.so", runpath="$ORIGIN/own"),
        "l/own/libfiltee.so": LIB,
    }
    assert listing(tmp_path, FEDORA, build, "app:/opt/app") == [
        *LOADER_ENTRIES,
        "opt/",
        "opt/app = build/app",
        "opt/l/",
        "opt/l/libfilter.so = build/l/libfilter.so",
        "opt/l/own/",
        "opt/l/own/libfiltee.so = build/l/own/libfiltee.so",
        "usr/",
        REAL_LOADER,
    ]


def test_library_of_the_cache_alone_gets_a_link_in_a_default_directory(tmp_path: Path) -> None:
    root = {
        **FEDORA,
        "/usr/bin/app": program("libc1.so.1"),
        "/usr/local/lib/libc1.so.1": "libc1.so.1.0",
        "/usr/local/lib/libc1.so.1.0": LIB,
        "/etc/ld.so.cache": new([("libc1.so.1", "/usr/local/lib/libc1.so.1", ELF_X86_64, 0)]),
    }
    assert listing(tmp_path, root, {}, "=/usr/bin/app") == [
        *LOADER_ENTRIES,
        "usr/",
        "usr/bin/",
        "usr/bin/app",
        REAL_LOADER,
        "usr/lib64/libc1.so.1 -> /usr/local/lib/libc1.so.1.0",
        "usr/local/",
        "usr/local/lib/",
        "usr/local/lib/libc1.so.1 -> libc1.so.1.0",
        "usr/local/lib/libc1.so.1.0",
    ]


def test_second_name_of_a_file_is_a_link_to_the_first(tmp_path: Path) -> None:
    build: Names = {"app": make(dynamic=False)}
    assert listing(tmp_path, {}, build, "app:/usr/games/one", "app:/opt/two") == [
        "opt/",
        "opt/two -> ../usr/games/one",
        "usr/",
        "usr/games/",
        "usr/games/one = build/app",
    ]


def test_second_name_that_may_be_the_first_is_a_file(tmp_path: Path) -> None:
    build: Names = {"app": make(dynamic=False)}
    assert listing(tmp_path, {}, build, "app:/usr/bin/one", "app:/bin/one") == [
        "bin/one = build/app",
        "usr/",
        "usr/bin/",
        "usr/bin/one = build/app",
    ]


def test_link_to_a_program_keeps_every_link_on_the_way(tmp_path: Path) -> None:
    root: Names = {"/usr/games/app": "/opt/app/run", "/opt/app/run": "run-1", "/opt/app/run-1": make(dynamic=False)}
    assert listing(tmp_path, root, {}, "=/usr/games/app") == [
        "opt/",
        "opt/app/",
        "opt/app/run -> run-1",
        "opt/app/run-1",
        "usr/",
        "usr/games/",
        "usr/games/app -> ../../opt/app/run",
    ]


def test_parents_are_explicit_but_for_what_a_base_may_hold_as_a_link(tmp_path: Path) -> None:
    build: Names = {"app": make(dynamic=False), "x": b"x"}
    extra = " ".join(f"x:/{name}/d/x{n}" for n, name in enumerate(["lib", "sbin", "usr/sbin", "var/run", "usr/lib64"]))
    assert listing(tmp_path, {}, build, "app:/bin/app", extra=extra) == [
        "bin/app = build/app",
        "lib/d/",
        "lib/d/x0 = build/x",
        "sbin/d/",
        "sbin/d/x1 = build/x",
        "usr/",
        "usr/lib64/d/",
        "usr/lib64/d/x4 = build/x",
        "usr/sbin/d/",
        "usr/sbin/d/x2 = build/x",
        "var/",
        "var/run/d/",
        "var/run/d/x3 = build/x",
    ]


STATIC: Names = {"app": make(dynamic=False), "other": make(dynamic=False), ".wh.app": b"", "d/.wh..wh..opq": b""}


@pytest.mark.parametrize(
    ("binaries", "extra", "message"),
    [
        pytest.param(
            ["app:/opt/app", "other:/opt/app"],
            "",
            "/opt/app: two different files for one place in the image\n"
            "  TMP/build/app  (program app:/opt/app)\n"
            "  TMP/build/other  (program other:/opt/app)\n"
            "  hint: give one of them another place with SRC:DEST",
            id="two files",
        ),
        pytest.param(
            ["app:/opt/app", "other:/opt/app/other"],
            "",
            "/opt/app: two different files for one place in the image\n"
            "  TMP/build/app  (program app:/opt/app)\n"
            "  opt/app/other  (needs a directory there)\n"
            "  hint: give one of them another place with SRC:DEST",
            id="file and directory",
        ),
        pytest.param(
            ["app:/bin/app", "other:/usr/bin/app"],
            "",
            "/bin/app: two different files for one place in the image\n"
            "  TMP/build/app  (program app:/bin/app)\n"
            "  TMP/build/other  (program other:/usr/bin/app)\n"
            "  hint: give one of them another place with SRC:DEST",
            id="one place on a merged base",
        ),
        pytest.param(["app:/.wh.app"], "", "app:/.wh.app: /.wh.app would delete files of a base image", id="program"),
        pytest.param([], "d:/d", "d:/d: /d/.wh..wh..opq would delete files of a base image", id="whiteout in a tree"),
        pytest.param(
            [], "app:/lib64", "app:/lib64: /lib64 would hide a directory of a base image", id="file as /lib64"
        ),
        pytest.param(["app:/bin"], "", "app:/bin: /bin would hide a directory of a base image", id="program as /bin"),
        pytest.param(["app:/"], "", "app:/: a program needs a file's name for its place", id="no name"),
    ],
)
def test_conflict_names_both(tmp_path: Path, binaries: list[str], extra: str, message: str) -> None:
    with pytest.raises(OcidietError) as caught:
        assembled(tmp_path, {}, STATIC, *binaries, extra=extra)
    assert isinstance(caught.value, PlaceConflict | InputError)
    assert str(caught.value).replace(str(tmp_path), "TMP") == message


def test_same_file_twice_for_one_place_is_no_conflict(tmp_path: Path) -> None:
    assert listing(tmp_path, {}, STATIC, "app:/opt/app", "app:/opt/app", extra="app:/opt/app") == [
        "opt/",
        "opt/app = build/app",
    ]


def test_entries_stand_in_the_byte_order_of_their_names(tmp_path: Path) -> None:
    build: Names = dict.fromkeys(("é", "a-b", "a/b", "Z", "a.b"), b"x")
    names = [entry.name for entry in assembled(tmp_path, {}, build, extra=".:/").entries]
    assert names == ["Z", "a", "a-b", "a.b", "a/b", "é"]


def test_modes_tell_programs_from_files(tmp_path: Path) -> None:
    build = Path(lay(tmp_path / "build", {"app": make(dynamic=False), "data": b"", "link": "data"}))
    (build / "app").chmod(0o4711)
    (build / "data").chmod(0o600)
    made = assembled(tmp_path, {}, {}, "app:/opt/app", extra="data:/opt/data .:/t")
    assert {entry.name: oct(entry.mode) for entry in made.entries} == {
        "opt": "0o755",
        "opt/app": "0o755",
        "opt/data": "0o644",
        "t": "0o755",
        "t/app": "0o755",
        "t/data": "0o644",
        "t/link": "0o777",
    }


def test_modes_of_directories_that_bases_have_otherwise(tmp_path: Path) -> None:
    build: Names = dict.fromkeys(("root/x", "tmp/tmp/x", "var/tmp/x"), b"")
    made = assembled(tmp_path, {}, build, extra=".:/")
    assert {entry.name: oct(entry.mode) for entry in made.entries if entry.typeflag == "5"} == {
        "root": "0o700",
        "tmp": "0o1777",
        "tmp/tmp": "0o755",
        "var": "0o755",
        "var/tmp": "0o1777",
    }


def test_reason_names_all_that_need_a_file(tmp_path: Path) -> None:
    root: Names = {
        INTERP: LOADER,
        "/lib64/liba.so": make(needed=("libb.so", "ld-linux-x86-64.so.2")),
        "/lib64/libb.so": make(),
    }
    build: Names = {"x": program("liba.so"), "y": program("libb.so"), "z": program("liba.so")}
    made = assembled(tmp_path, root, build, "x:/opt/x", "y:/opt/y", "z:/opt/one")
    assert {entry.name: entry.reason for entry in made.entries if entry.name.startswith("lib64/")} == {
        "lib64/ld-linux-x86-64.so.2": Reason(Rule.INTERP, ("x", "y", "one")),
        "lib64/liba.so": Reason(Rule.DEFAULT, ("x", "one")),
        "lib64/libb.so": Reason(Rule.DEFAULT, ("liba.so", "y")),
    }


@pytest.mark.parametrize("library_dir", ["", "/opt/lib"])
@pytest.mark.parametrize("of_build", [True, False])
def test_library_that_the_loader_would_look_for_nowhere_is_refused(
    of_build: bool, library_dir: str, tmp_path: Path
) -> None:
    """musl's path file may be empty."""
    loader, names = "/lib/ld-musl-x86_64.so.1", "/etc/ld-musl-x86_64.path"
    main = {"/bin/main": program("liba.so", interp=loader), names: b"", loader: make() + names.encode() + b"\0"}
    lay(tmp_path / "root", {**main, "/opt/liba.so": LIB})
    build = lay(tmp_path / "build", {"/lib/liba.so": LIB})
    root = DiskRoot(f"{tmp_path}/root", Record(build))
    path = f"{build}/lib" if of_build else "/opt"
    closed = Resolver(root, Facts(), Search(HostPath("/"), path)).resolve([("main", root.walk("/bin/main"))])
    named = source("=/bin/main", build)
    with pytest.raises(InputError) as caught:
        tree.assemble([(named, closed.programs[0])], [], root, Places(HostPath(build), "portable", library_dir))
    assert str(caught.value) == (
        f"{path if of_build else f'{tmp_path}/root/opt'}/liba.so: the image's loader would look for it nowhere:"
        f" {tmp_path}/root{names} names no directory\n  hint: name one there, one a line"
    )
