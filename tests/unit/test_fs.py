"""The room `fs`: paths never leave their root, nothing blocks, and what was asked is on record."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ocidiet.errors import InputChanged, InputError
from ocidiet.fs import DiskRoot, OpenFile, Record
from ocidiet.model import File
from tests.unit.elfmaker import lay

NAMES: dict[str, bytes | str | None] = {
    "/usr/lib/real": b"x",
    "/lib": "usr/lib",
    "/lib/link": "real",  # written through the link above
    "/abs": "/usr/lib/real",
    "/abs-chain": "/abs",
    "/abs-dir": "/usr",
    "/above": "../../../../usr/lib/real",
    "/up": "..",
    "/dangling": "gone",
    "/far": "/gone/away",
    "/self": "self",
    "/one": "two",
    "/two": "one",
    "/dirloop": "dirloop/x",
    "/slash": "usr/lib/real/",
    "/empty-dir": None,
    **{f"/n{n}": f"n{n + 1}" for n in range(41)},
    "/n41": b"end",
    **{f"/d{n}": f"d{n + 1}" for n in range(41)},
    "/d41/file": b"end",
}


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> str:
    return lay(tmp_path_factory.mktemp("root"), NAMES)


@pytest.mark.parametrize(
    ("path", "kind", "hops"),
    [
        ("/usr/lib/real", "file", ["/usr/lib/real"]),
        ("/lib/link", "file", ["/usr/lib/link", "/usr/lib/real"]),
        ("//usr/./lib//real", "file", ["/usr/lib/real"]),
        ("/usr/../usr/lib/real", "file", ["/usr/lib/real"]),
        ("/lib/../lib/real", "file", ["/usr/lib/real"]),
        ("/../../usr/lib/real", "file", ["/usr/lib/real"]),
        ("/abs", "file", ["/abs", "/usr/lib/real"]),
        ("/abs-chain", "file", ["/abs-chain", "/abs", "/usr/lib/real"]),
        ("/abs-dir/lib/real", "file", ["/usr/lib/real"]),
        ("/above", "file", ["/above", "/usr/lib/real"]),
        ("/up/up/abs", "file", ["/abs", "/usr/lib/real"]),
        ("/", "dir", ["/"]),
        ("/usr", "dir", ["/usr"]),
        ("/usr/lib/..", "dir", ["/usr"]),
        ("/lib", "dir", ["/lib", "/usr/lib"]),
        ("/lib/", "dir", ["/usr/lib"]),
        ("/up", "dir", ["/up", "/"]),
        ("/none", "absent", ["/none"]),
        ("/none/x", "absent", ["/none"]),
        ("/dangling", "absent", ["/dangling", "/gone"]),
        ("/far", "absent", ["/far", "/gone"]),
        ("/usr/lib/real/x", "absent", ["/usr/lib/real"]),
        ("/usr/lib/real/", "absent", ["/usr/lib/real"]),
        ("/slash", "absent", ["/slash", "/usr/lib/real"]),
        ("/usr/lib/real/..", "absent", ["/usr/lib/real"]),
        ("/none/../abs", "absent", ["/none"]),
        ("/dirloop", "loop", None),
        ("/self", "loop", None),
        ("/one", "loop", None),
        ("/n0", "loop", None),
        ("/n1", "file", [f"/n{n}" for n in range(1, 42)]),
        ("/d0/file", "loop", None),
        ("/d1/file", "file", ["/d41/file"]),
    ],
)
def test_walk_stays_inside_its_root(top: str, path: str, kind: str, hops: list[str] | None) -> None:
    walk = DiskRoot(top, Record()).walk(path)
    assert (walk.path, walk.kind) == (path, kind)
    if hops is not None:
        assert [hop.path for hop in walk.hops] == hops
    assert (walk.file and walk.file.path) == (f"{top}{walk.real}" if kind == "file" else None)


def test_walk_agrees_with_the_kernel_where_no_link_is_absolute(top: str) -> None:
    absolute = {path for path, what in NAMES.items() if isinstance(what, str) and what.startswith("/")}
    root = DiskRoot(top, Record())
    ours, kernels = {}, {}
    for path in NAMES.keys() - absolute - {"/above", "/up"}:
        ours[path] = root.walk(path).kind
        try:
            kernels[path] = "dir" if stat.S_ISDIR(os.stat(top + path).st_mode) else "file"
        except OSError as error:
            kernels[path] = "loop" if error.errno == errno.ELOOP else "absent"
    assert ours == kernels


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        pytest.param(os.mkfifo, "special", id="FIFO"),
        pytest.param(lambda path: os.symlink("/dev/zero", path), "special", id="device"),
        pytest.param(lambda path: os.symlink("x" * 300, path), "failed", id="name too long"),
    ],
)
def test_walk_special_files_never_block(tmp_path: Path, make: Callable[[Path], None], kind: str) -> None:
    make(tmp_path / "x")
    walk = DiskRoot("", Record()).walk(str(tmp_path / "x"))
    assert (walk.kind, walk.file) == (kind, None)


def test_open_file_of_a_fifo_that_took_its_place_never_blocks(tmp_path: Path) -> None:
    file = looked(tmp_path / "x")
    os.unlink(file.path)
    os.mkfifo(file.path)
    with pytest.raises(InputChanged):
        OpenFile(file)


@pytest.mark.parametrize("change", ["grown", "replaced", "link", "gone", "directory"])
def test_open_file_is_the_one_that_was_looked_at(tmp_path: Path, change: str) -> None:
    path = tmp_path / "x"
    file = looked(path)
    if change == "grown":
        path.write_bytes(b"12345")
    else:
        path.rename(tmp_path / "old")
    if change == "replaced":
        path.write_bytes(b"1234")
    elif change == "link":
        path.symlink_to("old")
    elif change == "directory":
        path.mkdir()
    with pytest.raises(InputChanged) as caught:
        OpenFile(file)
    assert caught.value.message == f"{path}: changed while the image was made"


def test_open_file_reads_what_is_there(tmp_path: Path) -> None:
    with OpenFile(looked(tmp_path / "x")) as opened:
        assert (opened.pread(9, 1), opened.pread(9, 99)) == (b"234", b"")
        buffer = memoryview(bytearray(9))
        assert (opened.readv(buffer), bytes(buffer[:4])) == (4, b"1234")
        with pytest.raises(InputChanged, match="became shorter"):
            opened.readv(buffer)


def looked(path: Path) -> File:
    """A file of four bytes that was looked at."""
    path.write_bytes(b"1234")
    file = Record().look(DiskRoot("", Record()).host_path(str(path))).file
    assert file is not None
    return file


def test_build_tree_is_the_machines_inside_every_root(tmp_path: Path) -> None:
    lay(tmp_path, {"/root/lib/x": b"x", "/build/x": b"x", "/other/x": b"x"})
    root = DiskRoot(f"{tmp_path}/root", Record(f"{tmp_path}/build"))
    paths = ["/lib/x", f"{tmp_path}/build/x", f"{tmp_path}/other/x"]
    files = [root.walk(path).file for path in paths]
    assert [file and file.path for file in files] == [f"{tmp_path}/root/lib/x", f"{tmp_path}/build/x", None]


def asked(tmp_path: Path) -> Record:
    """A record of one root, with a build tree inside it."""
    lay(tmp_path, {"/lib/a": "a.1", "/lib/a.1": b"1", "/build/b": b"1", "/tree/c": b"1"})
    record = Record(f"{tmp_path}/build")
    root = DiskRoot("", record)
    for name in ("lib/a", "build/b", "lib/gone", "build/gone", "build/none/gone"):
        walk = root.walk(f"{tmp_path}/{name}")
        if walk.file:
            root.use(walk)
    assert list(root.list(f"{tmp_path}/tree")) == ["c"]
    return record


def test_trace_tells_what_the_answer_depended_on(tmp_path: Path) -> None:
    inside = [[path.removeprefix(f"{tmp_path}/") for path in paths] for paths in asked(tmp_path).trace()]
    assert inside == [["build/b", "lib/a", "lib/a.1"], ["lib", "tree"], ["build/gone", "build/none"]]


def test_trace_spells_the_top_of_a_root_without_a_slash(tmp_path: Path) -> None:
    lay(tmp_path, {"/usr/lib/x": b"x", "/lib": "usr/lib"})
    record = Record()
    DiskRoot(str(tmp_path), record).walk("/lib/x")
    assert record.trace().listed == (str(tmp_path), f"{tmp_path}/usr/lib")


def test_record_holds_what_it_read_and_all_of_a_tree(tmp_path: Path) -> None:
    record = asked(tmp_path)
    names = ["lib/a", "lib/a.1", "lib/new", "tree/c", "tree/new", "build/b", "build/new"]
    assert [name for name in names if record.holds(f"{tmp_path}/{name}")] == [
        "lib/a",
        "lib/a.1",
        "tree/c",
        "tree/new",
        "build/b",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda _top: None, None, id="nothing"),
        pytest.param(lambda top: (top / "lib/other").write_bytes(b""), None, id="another file of a searched directory"),
        pytest.param(
            lambda top: (top / "lib/a.1").write_bytes(b"12"), "lib/a.1: changed while the image was made", id="changed"
        ),
        pytest.param(
            lambda top: os.utime(top / "build/b", ns=(1, 1)), "build/b: changed while the image was made", id="touched"
        ),
        pytest.param(
            lambda top: (top / "lib/a.1").unlink(), "lib/a.1: changed while the image was made", id="vanished"
        ),
        pytest.param(
            lambda top: (top / "lib/gone").write_bytes(b""),
            "lib/gone: appeared while the image was made",
            id="appeared",
        ),
        pytest.param(
            lambda top: (top / "tree/new").write_bytes(b""),
            "tree: changed while the image was made",
            id="appeared in a tree",
        ),
        pytest.param(
            lambda top: ((top / "lib/a").unlink(), (top / "lib/a").symlink_to("a.2")),
            "lib/a: changed while the image was made",
            id="link turned",
        ),
    ],
)
def test_recheck_finds_what_answers_otherwise(
    tmp_path: Path, change: Callable[[Path], object], message: str | None
) -> None:
    record = asked(tmp_path)
    change(tmp_path)
    if message is None:
        record.recheck()
        return
    with pytest.raises(InputChanged) as caught:
        record.recheck()
    assert caught.value.message == f"{tmp_path}/{message}"


def test_list_of_a_directory_that_is_none_is_an_input_error(tmp_path: Path) -> None:
    lay(tmp_path, {"/file": b""})
    with pytest.raises(InputError) as caught:
        DiskRoot("", Record()).list(f"{tmp_path}/file")
    assert str(caught.value) == f"{tmp_path}/file: cannot be listed: Not a directory"
