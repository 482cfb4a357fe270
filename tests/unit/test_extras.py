"""What `-e` brings in: files, whole trees, links."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from ocidiet.cli.options import source
from ocidiet.errors import InputError
from ocidiet.extras import expand
from ocidiet.fs import DiskRoot, Record
from ocidiet.model import HostPath, Rule

Row = tuple[str, str, str, str]


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A root of the tests' own."""
    return Path(os.path.realpath(tmp_path))


def rows(top: Path, text: str, record: Record | None = None) -> list[Row]:
    """(name, typeflag, link's text, path of its bytes below `top`) of all that `-e text` brings in, sorted."""
    root = DiskRoot(str(top), record or Record())
    extras = list(expand(source(text, "/"), root))
    assert {extra.reason for extra in extras} <= {(Rule.EXTRA, (text,))}
    return sorted(
        (e.name, e.typeflag, e.linkname, e.source.path.removeprefix(str(top)) if e.source else "") for e in extras
    )


def plant(top: Path, *paths: str) -> None:
    """Make files; directories end in `/`, links are `path->text`."""
    for path in paths:
        name, arrow, text = path.partition("->")
        place = top / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if arrow:
            place.symlink_to(text)
        elif name.endswith("/"):
            place.mkdir()
        else:
            place.touch()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/etc/f", [("etc/f", "0", "", "/etc/f")]),
        ("/etc/./f", [("etc/f", "0", "", "/etc/f")]),
        ("/etc/../etc/f", [("etc/f", "0", "", "/etc/f")]),
        ("etc/f:/x/y", [("x/y", "0", "", "/etc/f")]),
        ("=/etc/f", [("etc/f", "0", "", "/etc/f")]),
    ],
)
def test_file_keeps_its_path_or_goes_where_told(top: Path, text: str, expected: list[Row]) -> None:
    plant(top, "etc/f")
    assert rows(top, text) == expected


def test_executable_file_is_told_as_such(top: Path) -> None:
    plant(top, "x")
    (top / "x").chmod(0o701)
    (extra,) = expand(source("/x", "/"), DiskRoot(str(top), Record()))
    assert extra.source is not None
    assert extra.source.executable


TREE = ["d/f", "d/sub/g", "d/empty/", "d/up->../o/x", "d/abs->/etc/passwd", "d/gone->nowhere", "d/dir->sub", "d/me->me"]


@pytest.mark.parametrize(
    ("text", "prefix", "top_row"),
    [
        ("/d", "d/", [("d", "5", "", "")]),
        ("/d/", "d/", [("d", "5", "", "")]),
        ("/d:/srv/www", "srv/www/", [("srv/www", "5", "", "")]),
        ("/d/.:/srv/www/", "srv/www/", [("srv/www", "5", "", "")]),
        ("/d:/", "", []),
    ],
)
def test_directory_brings_its_tree_with_links_as_they_are(
    top: Path, text: str, prefix: str, top_row: list[Row]
) -> None:
    plant(top, *TREE, "o/x")
    assert rows(top, text) == [
        *top_row,
        (f"{prefix}abs", "2", "/etc/passwd", ""),
        (f"{prefix}dir", "2", "sub", ""),
        (f"{prefix}empty", "5", "", ""),
        (f"{prefix}f", "0", "", "/d/f"),
        (f"{prefix}gone", "2", "nowhere", ""),
        (f"{prefix}me", "2", "me", ""),
        (f"{prefix}sub", "5", "", ""),
        (f"{prefix}sub/g", "0", "", "/d/sub/g"),
        (f"{prefix}up", "2", "../o/x", ""),
    ]


def test_hard_links_are_copies(top: Path) -> None:
    plant(top, "d/a")
    os.link(top / "d/a", top / "d/b")
    assert rows(top, "/d") == [("d", "5", "", ""), ("d/a", "0", "", "/d/a"), ("d/b", "0", "", "/d/b")]


def test_special_names_survive(top: Path) -> None:
    names = ["-rf", "a\nb", "a b", "caf\udce9", "\u00e9", "e\u0301", "\\", ":", "n" * 255, "...", "~"]
    plant(top, *(f"d/{name}" for name in names))
    expected = [("d", "5", "", ""), *((f"d/{name}", "0", "", f"/d/{name}") for name in names)]
    assert rows(top, "/d") == sorted(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/l", [("end", "0", "", "/end"), ("l", "2", "/end", "/end")]),
        ("/two", [("end", "0", "", "/end"), ("l", "2", "/end", "/end"), ("two", "2", "/l", "/end")]),
        ("/l:/x", [("x", "0", "", "/end")]),
        ("/in/f", [("in/f", "0", "", "/d/f")]),
        ("/d-link", [("d", "5", "", ""), ("d-link", "2", "/d", ""), ("d/f", "0", "", "/d/f")]),
        ("/d-link:/x", [("x", "5", "", ""), ("x/f", "0", "", "/d/f")]),
    ],
)
def test_link_brings_itself_and_what_it_leads_to(top: Path, text: str, expected: list[Row]) -> None:
    plant(top, "end", "l->end", "two->/l", "d/f", "in->d", "d-link->d")
    assert rows(top, text) == expected


@pytest.mark.parametrize("target", ["nowhere", "../proc/self/mounts", "/proc/self/mounts", "/dev/null", "/sys/x"])
def test_link_out_of_the_build_is_kept_alone(top: Path, target: str) -> None:
    """As /etc/mtab: what it leads to is the running container's matter."""
    plant(top, "proc/self/mounts", "dev/null", f"etc/mtab->{target}")
    assert rows(top, "/etc/mtab") == [("etc/mtab", "2", target, "")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/gone", "/gone: no such file"),
        ("gone:/x", "gone: no such file"),
        ("/dangling:/x", "/dangling: no such file"),
        ("/f/x", "/f/x: no such directory"),
        ("/gone/x", "/gone/x: no such directory"),
        ("/loop", "/loop: too many levels of symbolic links"),
        ("/f:/", "/f:/: a file needs a file's name for its place"),
        ("/f:/x/", "/f:/x/: a file needs a file's name for its place"),
    ],
)
def test_extra_is_refused(top: Path, text: str, message: str) -> None:
    plant(top, "f", "dangling->nowhere", "loop->loop")
    with pytest.raises(InputError) as caught:
        rows(top, text)
    assert str(caught.value) == message


def make_socket(path: Path) -> None:
    before = os.getcwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


@pytest.mark.parametrize("make", [os.mkfifo, make_socket], ids=["fifo", "socket"])
def test_what_no_image_can_hold_is_refused_by_name(top: Path, make: object) -> None:
    assert callable(make)
    (top / "d" / "run").mkdir(parents=True)
    make(top / "d" / "run" / "ctl")
    with pytest.raises(InputError) as within:
        rows(top, "/d")
    assert str(within.value) == (
        f"{top}/d/run/ctl: is neither a file nor a directory\n"
        "  hint: an image holds files, directories and links: name what you want of this directory"
    )
    with pytest.raises(InputError) as named:
        rows(top, "/d/run/ctl")
    assert str(named.value) == "/d/run/ctl: is neither a file nor a directory"


def test_every_directory_of_a_tree_and_every_file_is_an_input(top: Path) -> None:
    plant(top, "d/f", "d/sub/g", "d/link->f", "l->d")
    record = Record(str(top))
    rows(top, "/l", record)
    trace = record.trace()
    below = [HostPath(f"{top}/{name}") for name in ("d", "d/sub")]
    assert (trace.read, trace.listed) == ((f"{top}/d/f", f"{top}/d/sub/g"), (str(top), *below))
