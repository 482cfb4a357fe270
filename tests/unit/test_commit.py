"""Outputs appear whole or not at all, and nothing stays beside them."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ocidiet.commit import Stream
from ocidiet.commit.output import Output
from ocidiet.errors import OutputError
from ocidiet.model import HostPath
from tests.support import need

TIME_NS = 1_700_000_000_123_456_789


def output(path: Path) -> Output:
    return Output(HostPath(os.fspath(path)))


def publish(path: Path, data: bytes, keep_equal: bool = False) -> None:
    out = output(path)
    out.write(data)
    out.publish(TIME_NS, keep_equal)
    out.discard()


def state(path: Path) -> tuple[int, int]:
    return path.stat().st_ino, path.stat().st_mtime_ns


def test_output_replaces_by_rename(tmp_path: Path) -> None:
    target = tmp_path / "x.tar"
    target.write_bytes(b"old")
    with open(target, "rb") as reader:
        out = output(target)
        out.write(b"new")
        assert target.read_bytes() == b"old"
        out.publish(TIME_NS)
        assert reader.read() == b"old"
    assert (target.read_bytes(), target.stat().st_mtime_ns) == (b"new", TIME_NS)
    assert os.listdir(tmp_path) == ["x.tar"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002, 0])
def test_output_honours_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        publish(tmp_path / "x", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("existing", [True, False], ids=["existing", "dangling"])
def test_output_that_is_a_link_is_followed(tmp_path: Path, existing: bool) -> None:
    (tmp_path / "there").mkdir()
    target = tmp_path / "there" / "x"
    if existing:
        target.write_bytes(b"old")
    (tmp_path / "link").symlink_to("there/x")
    publish(tmp_path / "link", b"new")
    assert ((tmp_path / "link").readlink(), target.read_bytes()) == (Path("there/x"), b"new")
    assert (os.listdir(tmp_path / "there"), sorted(os.listdir(tmp_path))) == (["x"], ["link", "there"])


def make_character_node(path: Path) -> None:
    need("mknod", root=True)
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("needs the right to make a device node")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, make_character_node], ids=["fifo", "directory", "device"])
def test_output_that_is_no_regular_file_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    target = tmp_path / "x"
    make(target)
    kind = stat.S_IFMT(target.stat().st_mode)
    with pytest.raises(OutputError) as caught:
        output(target)
    assert str(caught.value) == f"{target}: exists and is not a regular file\n  hint: -t - writes to standard output"
    assert (os.listdir(tmp_path), stat.S_IFMT(target.stat().st_mode)) == (["x"], kind)


@pytest.mark.parametrize("path", ["absent/x", "file/x"])
def test_output_in_no_directory_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"x: cannot be written: (No such file or directory|Not a directory)$"):
        output(tmp_path / path).write(b"x")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("new", "keep_equal", "kept"),
    [(b"same", True, True), (b"same", False, False), (b"else", True, False), (b"longer", True, False)],
)
def test_equal_target_is_kept_where_asked(tmp_path: Path, new: bytes, keep_equal: bool, kept: bool) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"same")
    os.utime(target, (1000, 1000))
    before = state(target)
    publish(target, new, keep_equal)
    assert (state(target) == before) is kept
    assert (target.read_bytes(), os.listdir(tmp_path)) == (new, ["x"])


def test_equal_is_told_beyond_one_comparison(tmp_path: Path) -> None:
    target = tmp_path / "x"
    data = bytes(3 << 20)
    target.write_bytes(data[:-1] + b"1")
    publish(target, data, keep_equal=True)
    assert target.read_bytes() == data


def test_keep_equal_makes_an_absent_target(tmp_path: Path) -> None:
    publish(tmp_path / "x", b"new", keep_equal=True)
    assert (tmp_path / "x").read_bytes() == b"new"


def test_discard_leaves_nothing_and_the_target_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"old")
    before = state(target)
    out = output(target)
    out.write(b"new")
    out.discard()
    out.discard()
    assert (os.listdir(tmp_path), target.read_bytes(), state(target)) == (["x"], b"old", before)


def test_killed_writers_file_is_swept_and_a_live_ones_is_not(tmp_path: Path) -> None:
    stale = tmp_path / ".x.99-0.ocidiet-tmp"
    stale.touch()
    others = [".y.99-0.ocidiet-tmp", ".x.99-0.tmp", "x.99-0.ocidiet-tmp"]
    for name in others:
        (tmp_path / name).touch()
    live = output(tmp_path / "x")
    live.write(b"live")
    publish(tmp_path / "x", b"second")
    assert not stale.exists()
    live.publish(TIME_NS)
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "x"])
    assert (tmp_path / "x").read_bytes() == b"live"


def test_writer_that_is_swept_before_its_lock_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flock = fcntl.flock
    calls: list[int] = []

    def lock(fd: int, how: int) -> None:
        calls.append(fd)
        if len(calls) == 1:
            (name,) = os.listdir(tmp_path)
            (tmp_path / name).unlink()
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", lock)
    publish(tmp_path / "x", b"whole")
    assert ((tmp_path / "x").read_bytes(), len(calls)) == (b"whole", 2)


@pytest.mark.parametrize("name", ["n" * 255, "\u00e9" * 127], ids=["ascii", "two bytes each"])
def test_long_name_leaves_room_for_the_temporary_one(tmp_path: Path, name: str) -> None:
    publish(tmp_path / name, b"x")
    assert os.listdir(tmp_path) == [name]


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:3]))
    publish(tmp_path / "x", b"0123456789")
    assert (tmp_path / "x").read_bytes() == b"0123456789"


def test_a_large_part_is_written_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    write = os.write

    def told(fd: int, data: memoryview) -> int:
        sizes.append(len(data))
        return write(fd, data)

    monkeypatch.setattr(os, "write", told)
    data = os.urandom((1 << 20) + 5)
    publish(tmp_path / "x.tar", data)
    assert (sizes, (tmp_path / "x.tar").read_bytes()) == ([1 << 18] * 4 + [5], data)


def test_failed_write_is_an_output_error() -> None:
    with open("/proc/self/status", "rb") as readable, pytest.raises(OutputError) as caught:
        Stream(readable.fileno(), "x\n.tar").write(b"1")
    assert str(caught.value) == "x\\x0a.tar: cannot be written: Bad file descriptor"


def test_pipe_without_reader_is_its_own_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        Stream(writing, "standard output").write(b"1")
    os.close(writing)
