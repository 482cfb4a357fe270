"""The room `fs`: paths never leave their root, nothing blocks, and what was asked is on record."""

from __future__ import annotations

import ctypes
import errno
import itertools
import mmap
import os
import resource
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ocidiet import fs
from ocidiet.errors import InputChanged, InputError
from ocidiet.fs import DiskRoot, OpenFile, Record
from ocidiet.model import File, below
from tests.support import done, need
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
        ("/n2", "file", [f"/n{n}" for n in range(2, 42)]),
        ("/d0/file", "loop", None),
        ("/d1/file", "file", ["/d41/file"]),
        ("/d2/file", "file", ["/d41/file"]),
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
        # A walk that the kernel begins anew, because of a rename elsewhere, counts on: its first "loop" may be none.
        for _ in range(5):
            try:
                kernels[path] = "dir" if stat.S_ISDIR(os.stat(top + path).st_mode) else "file"
            except OSError as error:
                kernels[path] = "loop" if error.errno == errno.ELOOP else "absent"
            if kernels[path] != "loop":
                break
    assert ours == kernels


@pytest.mark.parametrize("held", [1, 2, 64])
@pytest.mark.parametrize(
    "text",
    [
        "OUTSIDE",
        "../outside",
        "../../../../../..OUTSIDE",
        "/..OUTSIDE",
        "/proc/self/rootOUTSIDE",
        "dir/../../outside",
    ],
)
def test_walk_never_reaches_what_lies_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, held: int
) -> None:
    monkeypatch.setattr(fs.disk, "MAX_HELD", held)
    outside = f"{tmp_path}/outside"
    target = text.replace("OUTSIDE", outside)
    lay(tmp_path, {"/outside/x": b"x", "/root/out": target, "/root/x": f"{target}/x", "/root/dir": None})
    root = DiskRoot(f"{tmp_path}/root", Record())
    assert [root.walk(path).kind for path in ("/x", "/out", "/out/x", "/out/../x")] == ["absent"] * 4
    # The same names where the root has them too.
    lay(tmp_path / "root", {f"{outside}/x": b"x", "/outside/x": b"x", f"/proc/self/root{outside}/x": b"x"})
    root = DiskRoot(f"{tmp_path}/root", Record())
    files = [root.walk(path).file for path in ("/x", "/out/x")]
    assert [file and below(file.path, root.spell("/")) for file in files] == [True, True]


def socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(path))


def device_at(path: Path) -> None:
    need(root=True)
    os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5))  # as /dev/zero: endless


def disk_at(path: Path) -> None:
    need(root=True)
    os.mknod(path, 0o666 | stat.S_IFBLK, os.makedev(7, 0))


SPECIAL = [os.mkfifo, socket_at, device_at, disk_at]


def rooted(place: Path, sysroot: bool) -> tuple[DiskRoot, str]:
    """`place` as a root, and what its paths begin with."""
    return (DiskRoot(str(place), Record()), "") if sysroot else (DiskRoot("", Record()), str(place))


@pytest.mark.parametrize("sysroot", [False, True])
@pytest.mark.parametrize("make", SPECIAL)
def test_walk_special_files_never_block(tmp_path: Path, make: Callable[[Path], None], sysroot: bool) -> None:
    make(tmp_path / "x")
    lay(tmp_path, {"/link": "x"})
    root, top = rooted(tmp_path, sysroot)
    for path, opened in (("/x", False), ("/link", False), ("/./x", True), ("/./link", True)):
        walk = root.walk(top + path, opened=opened)
        assert (walk.kind, walk.reason, walk.file) == ("special", "is neither a file nor a directory", None)
    assert root.walk(f"{top}/x/y").kind == "absent"


@pytest.mark.parametrize("sysroot", [False, True])
def test_walk_of_a_name_too_long_is_told(tmp_path: Path, sysroot: bool) -> None:
    lay(tmp_path, {"/x": "x" * 300})
    root, top = rooted(tmp_path, sysroot)
    answers = [root.walk(top + path) for path in ("/x", f"/{'y' * 256}", f"/{'y' * 256}/x")]
    assert [(walk.kind, walk.reason, walk.file) for walk in answers] == [("failed", "file name too long", None)] * 3


@pytest.mark.parametrize("make", SPECIAL)
def test_open_file_of_a_special_one_that_took_its_place_never_blocks(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    lay(tmp_path, {"/x": b"x"})
    files = [root.walk(f"{top}/x").file for root, top in (rooted(tmp_path, False), rooted(tmp_path, True))]
    (tmp_path / "x").unlink()
    make(tmp_path / "x")
    for file in files:
        assert file is not None
        # A device that the machine has no driver for, or that a mount forbids, cannot be opened at all.
        with pytest.raises((InputChanged, InputError)):
            OpenFile(file)


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A directory that others may enter, and their rights while the test lasts."""
    need(root=True)
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        lay(Path(place), {"/file": b"x", "/closed/x": b"x", "/entered/x": b"x", "/listed/x": b"x"})
        for name, mode in (("file", 0o600), ("closed", 0o700), ("entered", 0o711), ("listed", 0o744)):
            os.chmod(f"{place}/{name}", mode)
        os.seteuid(65534)
        try:
            yield Path(place)
        finally:
            os.seteuid(0)


@pytest.mark.parametrize("sysroot", [False, True])
def test_what_this_user_may_not_see_is_denied(nobody: Path, sysroot: bool) -> None:
    root, top = rooted(nobody, sysroot)
    paths = ["/closed", "/closed/x", "/entered/x", "/listed/x", "/file"]
    kinds = {path: root.walk(top + path).kind for path in paths}
    assert kinds == dict(zip(paths, ["dir", "denied", "file", "denied", "file"], strict=True))
    for path in ("/closed", "/entered"):
        with pytest.raises(InputError, match=f"{path}: cannot be listed: Permission denied"):
            root.list(top + path)
    file = root.walk(f"{top}/file").file
    assert file is not None
    with pytest.raises(InputError, match="file: cannot be read: Permission denied"):
        OpenFile(file)


def swapped(tmp_path: Path) -> tuple[DiskRoot, File]:
    """A sysroot, one file of which was looked at before its directory became a link to the outside,
    where the same file has the same names; and another that the root never had."""
    lay(tmp_path, {"/root/a/b/x": b"x", "/root/a/b/y": b"y", "/outside/z": b"z"})
    for name in ("x", "y"):
        os.link(tmp_path / "root/a/b" / name, tmp_path / "outside" / name)
    root = DiskRoot(f"{tmp_path}/root", Record())
    file = root.walk("/a/b/x").file
    assert file is not None
    os.rename(tmp_path / "root/a/b", tmp_path / "root/old")
    os.symlink(tmp_path / "outside", tmp_path / "root/a/b")
    return root, file


@pytest.mark.parametrize("held", [1, 64])
def test_a_directory_that_became_a_link_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(fs.disk, "MAX_HELD", held)
    root, file = swapped(tmp_path)
    if held == 1:
        root.walk("/a/none")  # puts away what is held of /a/b
    # By what is held the directory of before is seen, anew there is none.
    looks = [root.look(f"/a/b/{name}").kind for name in "xyz"]
    assert looks == (["absent"] * 3 if held == 1 else ["file", "file", "absent"])
    with pytest.raises(InputChanged):
        OpenFile(file)
    if held == 1:
        with pytest.raises(InputError, match="cannot be listed: Not a directory"):
            root.list("/a/b")
    else:
        assert list(root.list("/a/b")) == ["x", "y"]
    with pytest.raises(InputChanged):
        root._record.recheck()


def test_open_file_reuses_what_is_held_of_the_same_root_alone(tmp_path: Path) -> None:
    lay(tmp_path, {"/one/d/x": b"1", "/two/d/x": b"2", "/host": b"3"})
    held, contents, roots = None, [], []
    for top, path in (("one", "/d/x"), ("one", "/d/x"), ("two", "/d/x"), ("", f"{tmp_path}/host"), ("two", "/d/x")):
        file = DiskRoot(f"{tmp_path}/{top}" if top else "", Record()).walk(path).file
        assert file is not None
        with OpenFile(file, held) as opened:
            contents.append(opened.pread(9, 0))
            roots.append(opened.held is held)
            held = opened.held
    assert (contents, roots) == ([b"1", b"1", b"2", b"3", b"2"], [False, True, False, True, True])


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[str]:
    """A directory below `tmp_path`, deeper than the kernel takes a path, with a file `x`."""
    path = "/dir" * 1010
    fd = os.open(tmp_path, os.O_PATH)
    for name in path.split("/")[1:]:
        os.mkdir(name, dir_fd=fd)
        above, fd = fd, os.open(name, os.O_PATH, dir_fd=fd)
        os.close(above)
    os.close(os.open("x", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=fd))
    os.close(fd)
    yield path
    done(["rm", "-rf", tmp_path / "dir"])  # shutil's recursion is not made for it


def test_a_deep_tree_takes_few_descriptors(tmp_path: Path, deep: str) -> None:
    before = len(os.listdir("/proc/self/fd"))
    root, path = DiskRoot(str(tmp_path), Record()), deep
    for name in (f"{path}/x", "/dir/none", f"{path}/x"):
        file = root.walk(name).file
        if file is not None:
            with OpenFile(file) as opened:
                assert opened.pread(1, 0) == b""
                assert len(os.listdir("/proc/self/fd")) - before <= 2 * fs.disk.MAX_HELD + 1
    assert list(root.list(path)) == ["x"]
    del root, opened
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_process_out_of_descriptors_is_no_answer(tmp_path: Path) -> None:
    lay(tmp_path, {"/d/x": b"x"})
    root = DiskRoot(str(tmp_path), Record())
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open("/", os.O_PATH)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, limits[1]))
    try:
        with pytest.raises(InputError, match="d/x: cannot be looked at: Too many open files"):
            root.walk("/d/x")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("sysroot", [False, True])
def test_walk_answers_alike_however_it_is_asked(top: str, sysroot: bool) -> None:
    for path in (*NAMES, "/none", "/usr/lib/real/x"):
        asked, traces = [], []
        for linked, opened in itertools.product([False, True], repeat=2):
            record = Record()
            root = DiskRoot(top if sysroot else "", record)
            asked.append(root.walk(path if sysroot else top + path, linked=linked, opened=opened))
            record.recheck()
            traces.append(record.trace())
        assert asked == asked[:1] * 4, path
        assert traces == traces[:1] * 4, path


def test_a_file_that_is_left_open_is_the_one_that_was_looked_at(tmp_path: Path) -> None:
    lay(tmp_path, {"/x": b"old", "/y": b"new", "/link": "x"})
    root = DiskRoot("", Record())
    file = root.walk(f"{tmp_path}/link", linked=True, opened=True).file
    assert file is not None
    (tmp_path / "y").rename(tmp_path / "x")
    left = root.left_open(file)
    assert left is not None
    with left:
        assert left.pread(9, 0) == b"old"
    assert root.left_open(file) is None
    with pytest.raises(InputChanged):
        OpenFile(file)


def test_no_more_than_one_file_is_left_open(tmp_path: Path) -> None:
    lay(tmp_path, {f"/x{number}": b"x" for number in range(50)})
    root = DiskRoot("", Record())
    before = len(os.listdir("/proc/self/fd"))
    files = [root.walk(f"{tmp_path}/x{number}", opened=True).file for number in range(50)]
    assert len(os.listdir("/proc/self/fd")) == before + 1
    last = files[-1]
    assert last is not None
    assert [root.left_open(file) for file in files[:-1] if file is not None] == [None] * 49
    left = root.left_open(last)
    assert left is not None
    left.__exit__()
    assert len(os.listdir("/proc/self/fd")) == before
    root.walk(f"{tmp_path}/x0/../x1", opened=True)
    del root
    assert len(os.listdir("/proc/self/fd")) == before


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


def test_a_buffer_of_a_payload_begins_with_a_page() -> None:
    buffers = [fs.aligned(1 << 20) for _ in range(3)]
    starts = [ctypes.addressof(ctypes.c_char.from_buffer(buffer)) for buffer in buffers]
    assert [(len(buffer), start % mmap.PAGESIZE) for buffer, start in zip(buffers, starts, strict=True)] == [
        (1 << 20, 0)
    ] * 3


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


@pytest.mark.parametrize("sysroot", [False, True])
@pytest.mark.parametrize(
    ("name", "what"), [("file", "Not a directory"), ("link", "Not a directory"), ("gone", "No such file or directory")]
)
def test_list_of_a_directory_that_is_none_is_an_input_error(
    tmp_path: Path, name: str, what: str, sysroot: bool
) -> None:
    lay(tmp_path, {"/file": b"", "/link": "dir", "/dir": None})
    root, top = rooted(tmp_path, sysroot)
    with pytest.raises(InputError) as caught:
        root.list(f"{top}/{name}")
    assert str(caught.value) == f"{tmp_path}/{name}: cannot be listed: {what}"
