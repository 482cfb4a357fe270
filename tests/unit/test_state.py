"""The fingerprint: what makes it another, what does not, and when it is no proof."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocidiet.commit.output import Output, identity, unchanging
from ocidiet.commit.state import State, of_tool
from ocidiet.errors import OutputError
from ocidiet.fs import made
from ocidiet.model import (
    ElfFacts,
    File,
    Hop,
    HostPath,
    Identity,
    ImagePath,
    Object,
    Program,
    Search,
    Walk,
)
from ocidiet.model.image import Container, Entry, Placed, Places, Reason, Request, Tree

STARTED_NS = 4_102_444_800_000_000_123  # of all runs: later than any file that a test makes
OLD = Identity(1, 2, 3, 4_000_000_004, 5_000_000_005)
PROGRAM = File(HostPath("/build/hello"), OLD, True)
WHY = Reason("program", ("hello",))
DIRECTORY = Entry(ImagePath("bin"), "5", 0o755, "", None, WHY)
HELLO = Entry(ImagePath("bin/hello"), "0", 0o755, "", PROGRAM, WHY)
LINK = Entry(ImagePath("bin/link"), "2", 0o777, "hello", PROGRAM, WHY)
ENTRIES = (DIRECTORY, HELLO, LINK)
HERE = HostPath("/here")
REQUEST = Request(HostPath("x.tar"), (), (), HostPath(""), Places(None), Search(HERE), 0, None, "", "gcc", True, 0)


def with_fields(value: Any, fields: dict[str, Any]) -> Any:
    """A record with some fields else."""
    return type(value)(**{**dict(zip(value._fields, value, strict=True)), **fields})


def hello(**fields: Any) -> tuple[Entry, ...]:
    """The entries with another bin/hello."""
    return (DIRECTORY, with_fields(HELLO, fields), LINK)


def source(**fields: Any) -> tuple[Entry, ...]:
    return hello(source=with_fields(PROGRAM, fields))


def known(**fields: int) -> tuple[Entry, ...]:
    return source(identity=with_fields(OLD, fields))


class Place:
    """A directory with an image, its fingerprint, and a tool of one file."""

    def __init__(self, home: Path) -> None:
        self.image, self.state, self.tool = (home / name for name in ("x.tar", "x.tar.state", "tool.py"))
        self.tool.write_text("tool\n")
        self.own = [self.tool]
        self.programs: tuple[Placed, ...] = ()
        self.started_ns = STARTED_NS

    def of(self, entries: tuple[Entry, ...] = ENTRIES, **asked: Any) -> State:
        own = [HostPath(str(path)) for path in self.own]
        request = with_fields(REQUEST, asked)
        tool = of_tool(own, self.started_ns)
        return State(Output(HostPath(str(self.image))), Tree(entries, self.programs), request, tool, self.started_ns)

    def make(self, entries: tuple[Entry, ...] = ENTRIES, keep: bool = False) -> None:
        """A full run."""
        out, state = Output(HostPath(str(self.image))), self.of(entries)
        out.write(b"image")
        state.settle(out.publish(self.started_ns, keep))
        state.discard()

    def stands(self, entries: tuple[Entry, ...] = ENTRIES, **asked: Any) -> bool:
        state = self.of(entries, **asked)
        try:
            return state.stands()
        finally:
            state.discard()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.make()
    assert place.stands()
    return place


# What decides the bytes --------------------------------------------------------------------------

OTHERS = {
    "name": hello(name="bin/hallo"),
    "typeflag": hello(typeflag="5"),
    "mode": hello(mode=0o644),
    "linkname": (DIRECTORY, HELLO, Entry(ImagePath("bin/link"), "2", 0o777, "./hello", PROGRAM, WHY)),
    "no source": hello(source=None),
    "path": source(path="/build/other"),
    "device": known(dev=9),
    "inode": known(ino=9),
    "size": known(size_bytes=9),
    "mtime": known(mtime_ns=9),
    "ctime": known(ctime_ns=9),
    "one entry more": (*ENTRIES, Entry(ImagePath("z"), "5", 0o755, "", None, WHY)),
    "one entry less": ENTRIES[:-1],
    "another order": ENTRIES[::-1],
    "no entries": (),
}


@pytest.mark.parametrize("entries", OTHERS.values(), ids=OTHERS)
def test_fingerprint_is_another(place: Place, entries: tuple[Entry, ...]) -> None:
    assert not place.stands(entries)


SAME = {
    "reason": hello(reason=Reason("extra", ("other",))),
    "executable, which the mode has": source(executable=False),
    "root, through which it was looked at": source(root="/sysroot"),
}


@pytest.mark.parametrize("entries", SAME.values(), ids=SAME)
def test_fingerprint_is_the_same(place: Place, entries: tuple[Entry, ...]) -> None:
    assert place.stands(entries)


ASKED: dict[str, tuple[dict[str, Any], bool]] = {
    "time of the entries": ({"mtime_s": 1}, False),
    "layout, which the proof is for": ({"places": Places(None, "merged")}, False),
    "preload": ({"search": Search(HERE, preload="libx.so")}, False),
    "hwcaps": ({"search": Search(HERE, hwcaps=())}, False),
    "dlopen": ({"search": Search(HERE, dlopen="none")}, False),
    "library path, whose result counts": ({"search": Search(HERE, library_path="/x")}, True),
    "working directory, whose result counts": ({"search": Search(HostPath("/else"))}, True),
    "depfile": ({"depfile": HostPath("x.d"), "depfile_target": "t", "depfile_style": "make"}, True),
    "verbose": ({"verbose": 2}, True),
    "spelling": ({"binaries": ("=/x",), "root": "/sysroot", "tar": "./x.tar"}, True),
}


@pytest.mark.parametrize(("asked", "same"), ASKED.values(), ids=ASKED)
def test_fingerprint_of_a_request(place: Place, asked: dict[str, Any], same: bool) -> None:
    assert place.stands(**asked) is same


def loaded(path: str) -> Object:
    walk = Walk(path, (Hop(path, None),), "file", "", File(HostPath(path), OLD, True))
    facts = ElfFacts(64, True, 62, True, None, (), None, None, None, 0)
    return Object(path, walk, facts, "")


def test_fingerprint_has_who_is_served_with_which_file(place: Place) -> None:
    """The image may be the same, and its proof another."""
    main, one, other = map(loaded, ("/hello", "/one/libx.so", "/other/libx.so"))

    def program(*served: Object) -> tuple[Placed, ...]:
        asked = tuple([(main, ("libx.so",), (found,)) for found in served])
        return (Placed(Program(main, None, (one, other), asked, ()), ImagePath("bin/hello")),)

    place.programs = program(one)
    place.make()
    assert place.stands()
    seen = []
    for programs in (program(other), program(), (), program(one)):
        place.programs = programs
        seen.append(place.stands())
    assert seen == [False, False, False, True]


@pytest.mark.parametrize("name", ["a\nb", "a', 0o755", "\\n", "\udcff", "\u2028", "\U0001f600"])
def test_fingerprint_of_odd_names_is_theirs_alone(place: Place, name: str) -> None:
    place.make(hello(name=name))
    assert place.stands(hello(name=name))
    assert not place.stands()
    assert place.state.read_bytes().isascii()
    assert place.state.read_text().count("\n") == len(ENTRIES) + 3


def test_fingerprint_of_a_member_is_its_archives(place: Place) -> None:
    def member(
        of: Identity = OLD, path: str = "/base.tar", offset_bytes: int = 512, number: int = 1
    ) -> tuple[Entry, ...]:
        with open(__file__) as file:
            archive = Container(HostPath(path), of, os.dup(file.fileno()))
        return source(container=archive, offset_bytes=offset_bytes, identity=Identity(-1, number, 3, 0, 0))

    place.make(member())
    assert place.stands(member(number=2))
    others = [member(Identity(9, *OLD[1:])), member(path="/b.tar"), member(offset_bytes=0)]
    assert [place.stands(other) for other in others] == [False] * 3


def test_fingerprint_of_what_the_tool_made_is_its_bytes(place: Place) -> None:
    """Its file is another one, and new, in each run."""
    place.own, place.started_ns = [], time.time_ns()
    place.make(hello(source=made(HostPath("/etc/ld.so.cache"), b"cache\0\xff\n")))
    assert place.stands(hello(source=made(HostPath("/etc/ld.so.cache"), b"cache\0\xff\n")))
    assert not place.stands(hello(source=made(HostPath("/etc/ld.so.cache"), b"cache\0\xfe\n")))


def rewrite_tool(place: Place) -> None:
    place.tool.write_text("loot\n")


def replace_tool(place: Place) -> None:
    mtime_ns = place.tool.stat().st_mtime_ns
    other = place.tool.with_name("other")
    other.write_text("loot\n")
    os.utime(other, ns=(mtime_ns, mtime_ns))
    other.rename(place.tool)


def add_to_tool(place: Place) -> None:
    place.own.append(place.image.parent)


@pytest.mark.parametrize("change", [rewrite_tool, replace_tool, add_to_tool, lambda p: p.tool.unlink()])
def test_fingerprint_has_the_tools_own_files(place: Place, change: Callable[[Place], object]) -> None:
    change(place)
    assert not place.stands()


# What stands there -------------------------------------------------------------------------------


def replaced(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)


def overwritten(path: Path) -> None:
    st = path.stat()
    path.write_bytes(bytes(st.st_size))
    os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "emptied": lambda path: path.write_bytes(b""),
    "cut short": lambda path: os.truncate(path, path.stat().st_size - 1),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
    "replaced": replaced,
    "overwritten": overwritten,
    "touched": os.utime,
    "foreign": lambda path: path.write_bytes(b"\xff\0"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_image_that_was_changed_does_not_stand(place: Place, damage: Callable[[Path], object]) -> None:
    damage(place.image)
    assert not place.stands()
    place.make()
    assert place.stands()


@pytest.mark.parametrize("what", [name for name in DAMAGE if name not in ("replaced", "touched")])
def test_damaged_fingerprint_is_none_and_the_next_run_mends_it(place: Place, what: str) -> None:
    DAMAGE[what](place.state)
    assert not place.stands()
    place.make()
    assert place.stands()


@pytest.mark.parametrize(
    "make", [os.mkdir, os.mkfifo, lambda path: os.symlink("absent/x", path)], ids=["directory", "fifo", "dangling"]
)
def test_something_else_in_the_fingerprints_place_costs_full_runs_alone(
    place: Place, make: Callable[[Path], None]
) -> None:
    place.state.unlink()
    make(place.state)
    before = place.state.lstat()
    for _ in range(2):
        assert not place.stands()
        place.make()
    assert (place.state.lstat().st_mode, place.image.read_bytes()) == (before.st_mode, b"image")
    assert sorted(path.name for path in place.image.parent.iterdir()) == ["tool.py", "x.tar", "x.tar.state"]


def test_fingerprint_lies_beside_the_image_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "x.tar").symlink_to("there/y.tar")
    place = Place(tmp_path)
    place.make()
    assert place.stands()
    assert sorted(os.listdir(tmp_path / "there")) == ["y.tar", "y.tar.state"]
    assert sorted(os.listdir(tmp_path)) == ["there", "tool.py", "x.tar"]


def test_two_images_of_one_directory_have_each_its_own(place: Place, tmp_path: Path) -> None:
    other = Place(tmp_path)
    other.image, other.state = tmp_path / "y.tar", tmp_path / "y.tar.state"
    other.own = place.own
    rewrite = hello(mode=0o644)
    other.make(rewrite)
    place.make()
    assert [place.stands(), other.stands(rewrite), place.stands(rewrite), other.stands()] == [True, True, False, False]


# When it is no proof -----------------------------------------------------------------------------

SECOND, TICK = 1_000_000_000, 20_000_000
RACY = {
    "long ago": (-SECOND, 0, True),
    "just not": (-TICK, 0, True),
    "just": (-TICK + 1, 0, False),
    "at the start": (0, 0, False),
    "later": (1, 0, False),
    "mtime of the future": (-SECOND, SECOND, False),
    "mtime long ago, ctime just": (-1, -SECOND, False),
    "whole seconds, just not": (-2 * SECOND - 123, 0, True),
    "whole seconds, just": (-SECOND - 123, 0, False),
}


@pytest.mark.parametrize(("ctime", "mtime", "trusted"), RACY.values(), ids=RACY)
def test_input_that_changed_within_the_clocks_granularity_is_no_proof(
    place: Place, ctime: int, mtime: int, trusted: bool
) -> None:
    """What changes again within it gets the same time; and what the clock will only reach is no sooner safe."""
    times = Identity(1, 2, 3, STARTED_NS + (mtime or ctime), STARTED_NS + ctime)
    assert unchanging(times, STARTED_NS) is trusted
    place.make(source(identity=times))
    assert place.stands(source(identity=times)) is trusted


def test_tool_that_was_just_written_is_no_proof(place: Place) -> None:
    os.utime(place.tool, ns=(STARTED_NS, STARTED_NS))
    place.make()
    assert not place.stands()


def test_kept_image_that_was_just_written_is_no_proof(place: Place) -> None:
    """Whoever wrote it could write it again; of one that this run made, it would show."""
    os.utime(place.image, ns=(STARTED_NS, STARTED_NS))
    place.make(keep=True)
    assert not place.stands()
    os.utime(place.image, ns=(1, 1))
    place.make(keep=True)
    assert place.stands()
    assert place.image.stat().st_mtime_ns == 1


# A run that finds it -----------------------------------------------------------------------------


def test_image_that_stands_is_not_touched_where_its_time_is_kept(place: Place) -> None:
    before = {path: identity(path.stat()) for path in (place.image, place.state)}
    (place.image.parent / ".x.tar.99-0.ocidiet-tmp").touch()
    state = place.of()
    assert state.stands()
    state.settle(None)
    state.discard()
    assert {path: identity(path.stat()) for path in before} == before
    assert sorted(path.name for path in place.image.parent.iterdir()) == ["tool.py", "x.tar", "x.tar.state"]


def test_image_that_stands_gets_the_runs_time_where_that_is_asked_for(place: Place) -> None:
    os.utime(place.image, ns=(1, 1))
    place.make(keep=True)
    ino = place.image.stat().st_ino
    state = place.of(keep_mtime=False)
    assert state.stands()
    state.settle(None)
    state.discard()
    assert (place.image.stat().st_mtime_ns, place.image.stat().st_ino) == (STARTED_NS, ino)
    assert place.stands()


def test_image_of_another_user_whose_time_cannot_be_set_is_written(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert (place.stands(keep_mtime=False), place.stands()) == (False, True)


def test_image_that_another_run_replaced_meanwhile_is_not_touched(place: Place) -> None:
    state = place.of(keep_mtime=False)
    assert state.stands()
    os.rename(place.image, place.image.with_name("old"))
    place.image.write_bytes(b"other")
    os.utime(place.image, ns=(1, 1))
    state.settle(None)
    state.discard()
    assert (place.image.read_bytes(), place.image.stat().st_mtime_ns) == (b"other", 1)
    assert not place.stands()


def test_time_that_cannot_be_set_is_an_output_error(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    state = place.of(keep_mtime=False)
    assert state.stands()

    def fail(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "utime", fail)
    with pytest.raises(OutputError) as caught:
        state.settle(None)
    state.discard()
    assert str(caught.value) == f"{place.image}: cannot be written: Read-only file system"
