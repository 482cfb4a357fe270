"""One project in two checkouts at different paths: the image does not tell them apart.

The same binaries give the same bytes. Built in each place for itself they differ by their RPATH; then
the listings are equal, and neither names nor links hold a checkout's path. And the image starts.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import cc, done, in_chroot, library, need, ocidiet

NEW, OLD = "-Wl,--enable-new-dtags", "-Wl,--disable-new-dtags"
SUM = '#include <stdio.h>\n{declared}int main(void) {{ printf("%d\\n", {called}); return 0; }}\n'


def part(path: Path, value: int, *flags: str | Path, calls: str = "") -> Path:
    """A library whose function, named after it, adds `value` to what it calls."""
    name = path.name.removeprefix("lib").partition(".")[0]
    declared = f"int {calls}(void);\n" if calls else ""
    added = f" + {calls}()" if calls else ""
    return library(path, f"{declared}int {name}(void) {{ return {value}{added}; }}\n", *flags)


def app(path: Path, libraries: list[Path], *flags: str) -> None:
    """A program that prints the sum of what its libraries' functions return."""
    names = [made.name.removeprefix("lib").partition(".")[0] for made in libraries]
    declared = "".join(f"int {name}(void);\n" for name in names)
    text = SUM.format(declared=declared, called=" + ".join(f"{name}()" for name in names))
    cc(path, text, "-Wl,--no-as-needed,--allow-shlib-undefined", *libraries, *flags)


def versioned(made: Path) -> Path:
    """The library behind links, as cmake and libtool leave it: libx.so.1 -> libx.so.1.2."""
    made.rename(made.with_name(made.name + ".2"))
    made.symlink_to(made.name + ".2")
    return made


def by_origin(top: Path) -> None:
    """Libraries beside the program and above it, one of which needs another."""
    low = part(top / "build/lib/deep/liblow.so.1", 1)
    high = versioned(part(top / "build/lib/libhigh.so.1", 10, low, NEW, "-Wl,-rpath,$ORIGIN/deep", calls="low"))
    app(top / "build/bin/app", [high], NEW, "-Wl,-rpath,$ORIGIN/../lib")


def by_runpath(top: Path) -> None:
    """Absolute paths of the build directory in program and library, as cmake leaves them."""
    low = versioned(part(top / "build/low/liblow.so.1", 1))
    high = versioned(part(top / "build/high/libhigh.so.1", 10, low, NEW, f"-Wl,-rpath,{low.parent}", calls="low"))
    app(top / "build/bin/app", [high], NEW, f"-Wl,-rpath,{high.parent}:{low.parent}")


def by_rpath(top: Path) -> None:
    """The same of the older kind, which the libraries inherit."""
    low = part(top / "build/low/liblow.so.1", 1)
    high = part(top / "build/high/libhigh.so.1", 10, low, calls="low")
    app(top / "build/bin/app", [high], OLD, f"-Wl,-rpath,{high.parent}:{low.parent}")


def by_library_path(top: Path) -> None:
    """No path in any file."""
    low = versioned(part(top / "build/low/liblow.so.1", 1))
    high = part(top / "build/high/libhigh.so.1", 10, low, calls="low")
    app(top / "build/bin/app", [high])


def by_all(top: Path) -> None:
    """A list that mixes them; a library of an absolute path has its own `$ORIGIN`."""
    low = part(top / "build/high/private/liblow.so.1", 1)
    high = versioned(part(top / "build/high/libhigh.so.1", 10, low, NEW, "-Wl,-rpath,$ORIGIN/private", calls="low"))
    beside = part(top / "build/lib/libbeside.so.1", 100)
    told = part(top / "build/low/libtold.so.1", 1000)
    runpath = f"-Wl,-rpath,/nowhere:$ORIGIN/../lib:{high.parent}:{top}/build/none:$ORIGIN"
    app(top / "build/bin/app", [high, beside, told], NEW, runpath)


class Project(NamedTuple):
    """What is built in a checkout."""

    make: Callable[[Path], None]
    library_path: tuple[str, ...]
    """What of it no path in a file tells; below the checkout."""
    printed: str
    has_paths: bool
    """Whether the files hold the checkout's path."""


PROJECTS = {
    "origin": Project(by_origin, (), "11\n", False),
    "absolute-runpath": Project(by_runpath, (), "11\n", True),
    "absolute-rpath": Project(by_rpath, (), "11\n", True),
    "library-path": Project(by_library_path, ("build/low", "build/high"), "11\n", False),
    "mixed": Project(by_all, ("build/low",), "1111\n", True),
}
# The working directory below the checkout, how that is spelled from there, and what else is asked for.
CALLS: dict[str, tuple[str, str, list[str]]] = {
    "from-the-checkout": ("", "", []),
    "from-its-build-directory": ("build", "../", ["--build-tree", ".."]),
    "into-a-directory": ("", "", ["--library-dir", "/usr/lib"]),
}
each_call = pytest.mark.parametrize("call", CALLS)

Row = tuple[str, bytes, int, int, int, str]
"""All but the payload."""


def listing(tar: Path) -> list[Row]:
    """What the archive says of each member."""
    with tarfile.open(tar) as archive:
        return [(of.name, of.type, of.mode, int(of.mtime), of.uid, of.linkname) for of in archive]


def pack(top: Path, call: str, library_path: Sequence[str], tar: Path) -> None:
    below, up, options = CALLS[call]
    library_path = ":".join(up + item for item in library_path)
    args = ["-b", f"{up}build/bin/app:/opt/app/app", *["--library-path", library_path] * bool(library_path), *options]
    ended = ocidiet("-t", tar, *args, cwd=top / below)
    assert (ended.returncode, ended.stderr) == (0, "")


def started(tar: Path) -> str:
    """What the program prints in its image."""
    need("tar")
    root = tar.with_suffix("")
    root.mkdir()
    done(["tar", "-C", root, "-xf", tar])
    return in_chroot(root, "/opt/app/app")


class Built(NamedTuple):
    """A project in its checkouts, none of whose paths is the start of another's."""

    project: Project
    one: Path
    other: Path
    """Built there for itself."""
    copy: Path
    """Of `one`."""


@pytest.fixture(scope="module", params=PROJECTS)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Each project."""
    home = tmp_path_factory.mktemp("checkouts")
    made = Built(PROJECTS[request.param], home / "checkout-a", home / "deep/er/checkout b", home / "c/checkout")
    made.project.make(made.one)
    made.project.make(made.other)
    shutil.copytree(made.one, made.copy, symlinks=True)
    return made


@each_call
def test_the_same_binaries_give_the_same_bytes(built: Built, call: str, tmp_path: Path) -> None:
    # An absolute path to the one leads nowhere from its copy: then all directories are told.
    library_path = ("build/low", "build/high") if built.project.has_paths else built.project.library_path
    pack(built.one, call, library_path, tmp_path / "one.tar")
    away = built.one.rename(built.one.with_name("away"))
    try:
        pack(built.copy, call, library_path, tmp_path / "copy.tar")
    finally:
        away.rename(built.one)
    assert listing(tmp_path / "copy.tar") == listing(tmp_path / "one.tar")
    assert (tmp_path / "copy.tar").read_bytes() == (tmp_path / "one.tar").read_bytes()
    assert started(tmp_path / "copy.tar") == built.project.printed


@each_call
def test_separate_builds_give_equal_listings_without_a_path_of_theirs(built: Built, call: str, tmp_path: Path) -> None:
    tars = [tmp_path / "one.tar", tmp_path / "other.tar"]
    for top, tar in zip((built.one, built.other), tars, strict=True):
        pack(top, call, built.project.library_path, tar)
    listed = [listing(tar) for tar in tars]
    assert listed[1] == listed[0]
    texts = [f"{name} {link}" for name, *_, link in listed[0]]
    assert [text for text in texts if "checkout" in text or "build" in text] == []
    assert (tars[0].read_bytes() != tars[1].read_bytes()) == built.project.has_paths
    assert [started(tar) for tar in tars] == [built.project.printed] * 2


def test_a_checkout_behind_a_link_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "link").symlink_to("checkout")
    by_all(tmp_path / "link")
    for way in ("checkout", "link"):
        pack(tmp_path / way, "from-the-checkout", ("build/low",), tmp_path / f"by-{way}.tar")
    assert (tmp_path / "by-link.tar").read_bytes() == (tmp_path / "by-checkout.tar").read_bytes()
    texts = [f"{name} {link}" for name, *_, link in listing(tmp_path / "by-link.tar")]
    assert [text for text in texts if "checkout" in text or "build" in text] == []
    assert started(tmp_path / "by-link.tar") == "1111\n"
