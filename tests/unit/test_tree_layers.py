"""The room `tree`: layers. Named layouts, a directory for libraries, and what a known base lacks."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from ocidiet.errors import InputError
from ocidiet.errors.places import PlaceConflict
from tests.unit.elfmaker import INTERP, make
from tests.unit.test_tree import DEBIAN, LIB, LIB64_IS_LIB, MULTIARCH, SPLIT, Names, assembled, listing

BUILD: Names = {"app": make(dynamic=False)}
EXTRA = "app:/lib/own/x app:/bin/tool"


def lines(text: str) -> list[str]:
    return dedent(text).strip().splitlines()


@pytest.mark.parametrize(
    ("layout", "names", "entries"),
    [
        pytest.param(
            "split",
            DEBIAN,
            """
            bin/
            bin/app = root/usr/bin/app
            bin/tool = build/app
            lib/
            lib/own/
            lib/own/x = build/app
            lib64/
            lib64/ld-linux-x86-64.so.2 -> ../usr/lib/x/ld.so
            usr/
            usr/lib/
            usr/lib/x/
            usr/lib/x/ld.so
            usr/lib/x/liba.so.1 -> liba.so.1.2
            usr/lib/x/liba.so.1.2
            """,
            id="split, of a merged root",
        ),
        pytest.param(
            "split",
            SPLIT,
            """
            bin/
            bin/app
            bin/tool = build/app
            lib/
            lib/own/
            lib/own/x = build/app
            lib/x/
            lib/x/ld.so
            lib/x/liba.so.1 -> liba.so.1.2
            lib/x/liba.so.1.2
            lib64/
            lib64/ld-linux-x86-64.so.2 -> ../lib/x/ld.so
            usr/
            usr/lib/
            usr/lib/x/
            usr/lib/x/libb.so
            """,
            id="split, of a split root",
        ),
        pytest.param(
            "merged",
            DEBIAN,
            """
            usr/
            usr/bin/
            usr/bin/app
            usr/bin/tool = build/app
            usr/lib/
            usr/lib/own/
            usr/lib/own/x = build/app
            usr/lib/x/
            usr/lib/x/ld.so
            usr/lib/x/liba.so.1 -> liba.so.1.2
            usr/lib/x/liba.so.1.2
            usr/lib64/
            usr/lib64/ld-linux-x86-64.so.2 -> ../lib/x/ld.so
            """,
            id="merged, of a merged root",
        ),
        pytest.param(
            "merged",
            SPLIT,
            """
            usr/
            usr/bin/
            usr/bin/app = root/bin/app
            usr/bin/tool = build/app
            usr/lib/
            usr/lib/own/
            usr/lib/own/x = build/app
            usr/lib/x/
            usr/lib/x/ld.so = root/lib/x/ld.so
            usr/lib/x/liba.so.1 -> liba.so.1.2
            usr/lib/x/liba.so.1.2 = root/lib/x/liba.so.1.2
            usr/lib/x/libb.so
            usr/lib64/
            usr/lib64/ld-linux-x86-64.so.2 -> ../lib/x/ld.so
            """,
            id="merged, of a split root",
        ),
        pytest.param(
            "scratch",
            DEBIAN,
            """
            bin -> usr/bin
            lib -> usr/lib
            lib64 -> usr/lib64
            usr/
            usr/bin/
            usr/bin/app
            usr/bin/tool = build/app
            usr/lib/
            usr/lib/own/
            usr/lib/own/x = build/app
            usr/lib/x/
            usr/lib/x/ld.so
            usr/lib/x/liba.so.1 -> liba.so.1.2
            usr/lib/x/liba.so.1.2
            usr/lib64/
            usr/lib64/ld-linux-x86-64.so.2 -> ../lib/x/ld.so
            """,
            id="scratch, of a merged root",
        ),
        pytest.param(
            "scratch",
            LIB64_IS_LIB,
            """
            bin/
            bin/app
            bin/tool = build/app
            lib/
            lib/ld-linux-x86-64.so.2
            lib/liba.so
            lib/own/
            lib/own/x = build/app
            lib64 -> lib
            usr/
            usr/lib/
            usr/lib/libb.so
            usr/lib64/
            usr/lib64/libb.so -> ../lib/libb.so
            """,
            id="scratch, /lib64 is /lib",
        ),
    ],
)
def test_layout_of_a_layer(tmp_path: Path, layout: str, names: Names, entries: str) -> None:
    assert listing(tmp_path, names, BUILD, "=/bin/app", extra=EXTRA, places=(layout,)) == lines(entries)


def test_layout_of_a_whole_image_of_a_split_root_is_the_root_s_own(tmp_path: Path) -> None:
    split = listing(tmp_path / "1", SPLIT, BUILD, "=/bin/app", extra=EXTRA, places=("split",))
    assert listing(tmp_path / "2", SPLIT, BUILD, "=/bin/app", extra=EXTRA, places=("scratch",)) == split


@pytest.mark.parametrize(
    ("layout", "entries"),
    [
        ("merged", ["usr/", "usr/bin/", "usr/bin/tool = build/d/usr/bin/tool"]),
        ("scratch", ["bin -> usr/bin", "usr/", "usr/bin/", "usr/bin/tool = build/d/usr/bin/tool"]),
    ],
)
def test_a_link_between_directories_that_was_asked_for_is_the_layout_s_or_is_there(
    tmp_path: Path, layout: str, entries: list[str]
) -> None:
    build: Names = {"d/bin": "usr/bin", "d/usr/bin/tool": make(dynamic=False)}
    assert listing(tmp_path, DEBIAN, build, "d/bin/tool:/bin/tool", extra="d:/", places=(layout,)) == entries


@pytest.mark.parametrize(
    ("layout", "extra", "message"),
    [
        ("split", "d:/", "d:/: /bin would hide a directory of the base image"),
        ("split", "app:/lib64", "app:/lib64: /lib64 would hide a directory of the base image"),
        ("merged", "other:/", "other:/: /bin would hide a link of the base image"),
        ("merged", "app:/lib", "app:/lib: /lib would hide a link of the base image"),
    ],
)
def test_a_layer_hides_no_system_directory(tmp_path: Path, layout: str, extra: str, message: str) -> None:
    build: Names = {**BUILD, "d/bin": "usr/bin", "other/bin": "opt/bin"}
    with pytest.raises(InputError) as caught:
        assembled(tmp_path, {}, build, extra=extra, places=(layout,))
    assert str(caught.value) == message


def of_build_tree(tmp_path: Path) -> Names:
    """A program with a library that it finds by an absolute RUNPATH, which needs one of the root."""
    return {
        "app": make(interp=INTERP, needed=["libown.so"], runpath=f"{tmp_path}/build/l"),
        "l/libown.so": OWN,
    }


OWN = make(needed=["liba.so.1"])
APP = "app:/usr/local/bin/app"
OF_THE_ROOT = {
    "usr/",
    "usr/lib/",
    "usr/lib/x/",
    "usr/lib/x/ld.so",
    "usr/lib/x/liba.so.1 -> liba.so.1.2",
    "usr/lib/x/liba.so.1.2",
    "usr/local/",
    "usr/local/bin/",
    "usr/local/bin/app = build/app",
    "lib64/ld-linux-x86-64.so.2 -> /usr/lib/x/ld.so",
    "usr/lib64/",
    "usr/lib64/ld-linux-x86-64.so.2 -> ../lib/x/ld.so",
}


@pytest.mark.parametrize(
    ("layout", "directory", "entries"),
    [
        ("portable", "", ["usr/lib/x/libown.so = build/l/libown.so"]),
        ("portable", "/usr/lib/x", ["usr/lib/x/libown.so = build/l/libown.so"]),
        ("portable", "/lib", ["lib/libown.so = build/l/libown.so"]),
        (
            "portable",
            "/opt/own",
            [
                "opt/",
                "opt/own/",
                "opt/own/libown.so = build/l/libown.so",
                "usr/lib/x/libown.so -> ../../../opt/own/libown.so",
            ],
        ),
        (
            "merged",
            "/opt/own",
            [
                "opt/",
                "opt/own/",
                "opt/own/libown.so = build/l/libown.so",
                "usr/lib/x/libown.so -> ../../../opt/own/libown.so",
            ],
        ),
        ("merged", "/lib", ["usr/lib/libown.so = build/l/libown.so"]),
        ("scratch", "/lib/x", ["lib -> usr/lib", "lib64 -> usr/lib64", "usr/lib/x/libown.so = build/l/libown.so"]),
    ],
)
def test_library_dir_is_where_the_build_tree_s_libraries_go(
    tmp_path: Path, layout: str, directory: str, entries: list[str]
) -> None:
    made = listing(tmp_path, DEBIAN, of_build_tree(tmp_path), APP, places=(layout, directory))
    assert [line for line in made if line not in OF_THE_ROOT] == entries


# Over a known base -----------------------------------------------------------------------------------

BUSYBOX: Names = {"/bin/sh": b"sh", "/lib/marker": b"m", "/lib64/marker": b"m"}
LIBC: Names = {
    "/lib64": "usr/lib64",
    "/lib": "/usr/lib",
    "/bin": "usr/bin",
    "/usr/bin": None,
    "/usr/lib/x/ld.so": MULTIARCH,
    "/usr/lib64/ld-linux-x86-64.so.2": "/lib/x/ld.so",
}
ALL: Names = {**LIBC, "/usr/lib/x/liba.so.1": LIB}


@pytest.mark.parametrize(
    ("base", "entries"),
    [
        pytest.param(
            {},
            """
            bin/
            bin/app = root/usr/bin/app
            bin/tool = build/app
            lib/
            lib/own/
            lib/own/x = build/app
            lib64/
            lib64/ld-linux-x86-64.so.2 -> ../usr/lib/x/ld.so
            usr/
            usr/lib/
            usr/lib/x/
            usr/lib/x/ld.so
            usr/lib/x/liba.so.1 -> liba.so.1.2
            usr/lib/x/liba.so.1.2
            """,
            id="empty",
        ),
        pytest.param(
            BUSYBOX,
            """
            bin/app = root/usr/bin/app
            bin/tool = build/app
            lib/own/
            lib/own/x = build/app
            lib64/ld-linux-x86-64.so.2 -> ../usr/lib/x/ld.so
            usr/
            usr/lib/
            usr/lib/x/
            usr/lib/x/ld.so
            usr/lib/x/liba.so.1 -> liba.so.1.2
            usr/lib/x/liba.so.1.2
            """,
            id="split",
        ),
        pytest.param(
            LIBC,
            """
            usr/bin/app
            usr/bin/tool = build/app
            usr/lib/own/
            usr/lib/own/x = build/app
            usr/lib/x/liba.so.1 -> liba.so.1.2
            usr/lib/x/liba.so.1.2
            """,
            id="merged, with a loader",
        ),
        pytest.param(
            ALL,
            """
            usr/bin/app
            usr/bin/tool = build/app
            usr/lib/own/
            usr/lib/own/x = build/app
            """,
            id="merged, with all",
        ),
    ],
)
def test_base_gets_what_it_lacks(tmp_path: Path, base: Names, entries: str) -> None:
    """Through its own links between directories, and without entries for directories that it has."""
    assert listing(tmp_path, DEBIAN, BUILD, "=/bin/app", extra=EXTRA, base=base) == lines(entries)


NEW = ["usr/local/", "usr/local/bin/", "usr/local/bin/app = build/app"]


@pytest.mark.parametrize(
    ("base", "entries"),
    [
        pytest.param(ALL, ["usr/lib/x/libown.so = build/l/libown.so", *NEW], id="not there"),
        pytest.param({**ALL, "/usr/lib/x/libown.so": OWN}, NEW, id="there, of the same bytes"),
        pytest.param({**ALL, "/usr/lib/x/libown.so": "y", "/usr/lib/x/y": OWN}, NEW, id="there, by a link"),
        pytest.param({**ALL, "/usr/local/bin": None, "/usr/lib/x/libown.so": OWN}, NEW[2:], id="all but the program"),
    ],
)
def test_base_without_a_library_of_the_build_tree_gets_it(tmp_path: Path, base: Names, entries: list[str]) -> None:
    assert listing(tmp_path, DEBIAN, of_build_tree(tmp_path), APP, base=base) == entries


@pytest.mark.parametrize("other", ["file", "link", "dangling"])
def test_base_keeps_its_own_library_of_that_name(tmp_path: Path, other: str) -> None:
    """No file of the base gives way to one whose place nobody asked for."""
    there: Names = {"/usr/lib/x/libown.so": b"other" if other == "file" else "y"}
    base = {**ALL, **there, **({"/usr/lib/x/y": b"z"} if other == "link" else {})}
    with pytest.raises(PlaceConflict) as caught:
        assembled(tmp_path, DEBIAN, of_build_tree(tmp_path), APP, base=base)
    assert str(caught.value) == (
        "/usr/lib/x/libown.so: two different files for one place in the image\n"
        f"  {tmp_path}/base/usr/lib/x/libown.so  (the base image's)\n"
        f"  {tmp_path}/build/l/libown.so  (RUNPATH app)\n"
        "  hint: --library-dir puts the build tree's libraries elsewhere"
    )


def test_base_keeps_its_own_library_if_another_directory_is_named(tmp_path: Path) -> None:
    base = {**ALL, "/usr/lib/x/libown.so": b"other"}
    made = listing(tmp_path, DEBIAN, of_build_tree(tmp_path), APP, base=base, places=("portable", "/usr/lib"))
    assert made == ["usr/lib/libown.so = build/l/libown.so", *NEW]


@pytest.mark.parametrize(
    ("base", "extra", "entries"),
    [
        pytest.param({"/bin/tool": b"other"}, "app:/bin/tool", ["bin/tool = build/app"], id="file by a file"),
        pytest.param(
            {"/bin/tool": "sh", "/bin/sh": b"x"}, "app:/bin/tool", ["bin/tool = build/app"], id="link by a file"
        ),
        pytest.param(
            {"/bin/sh": b"x", "/bin/tool": "sh"},
            "links:/bin",
            ["bin/tool -> other"],
            id="link by a link",
        ),
        pytest.param({"/bin/tool": "other"}, "links:/bin", [], id="not by the same link"),
        pytest.param({"/bin/tool": "/bin/other"}, "links:/bin", [], id="not by the same link spelled otherwise"),
        pytest.param({"/lib": "usr/lib", "/usr/lib": None}, "d:/", ["usr/lib/f = build/d/lib/f"], id="not a directory"),
    ],
)
def test_base_s_own_file_gives_way_to_what_was_asked_for(
    tmp_path: Path, base: Names, extra: str, entries: list[str]
) -> None:
    build: Names = {**BUILD, "d/lib/f": b"x", "links/tool": "other"}
    assert listing(tmp_path, {}, build, extra=extra, base=base) == entries


@pytest.mark.parametrize(
    ("base", "extra", "message"),
    [
        pytest.param({"/lib/x": b"x"}, "d:/", "d:/: /lib is a directory of the base image", id="directory by a link"),
        pytest.param({"/opt/x": b"x"}, "app:/opt", "app:/opt: /opt is a directory of the base image", id="by a file"),
        pytest.param(
            {"/lib": "usr/lib", "/usr/lib": None},
            "d:/",
            "d:/: /lib is a link of the base image to a directory",
            id="link to a directory by another",
        ),
        pytest.param(
            {"/lib": "usr/lib", "/usr/lib": None},
            "app:/lib",
            "app:/lib: /lib is a link of the base image to a directory",
            id="link to a directory by a file",
        ),
        pytest.param({"/opt": b"x"}, "app:/opt/x", "/opt: /opt is a file of the base image", id="file by a directory"),
        pytest.param({"/opt": "gone"}, "app:/opt/x", "/opt: /opt is a link of the base image", id="link by one"),
    ],
)
def test_base_keeps_its_directories_and_the_links_to_them(
    tmp_path: Path, base: Names, extra: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        assembled(tmp_path, {}, {**BUILD, "d/lib": "usr/other"}, extra=extra, base=base)
    assert str(caught.value) == f"{message}, and would be replaced"
