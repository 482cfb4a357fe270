"""The bytes of the archive: against checked-in archives, three independent readers, and files that move.

`python -m tests.unit.test_tar` writes the checked-in archives anew; look at their listings' difference.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ocidiet import fs, tar
from ocidiet.errors import InputChanged
from ocidiet.model import File, HostPath, Identity, ImagePath
from ocidiet.model.image import Entry, Reason, Tree
from tests.support import CHECKOUT, need, run

GOLDEN = CHECKOUT / "tests" / "golden" / "tar"
MIB = 1 << 20
WHY = Reason("extra", ())
RAW = "caf\udce9"  # a byte that is no UTF-8
NAMES_100 = "d" * 49 + "/" + "n" * 50


def entry(name: str, typeflag: str = "0", linkname: str = "", source: File | None = None, mode: int = 0) -> Entry:
    mode = mode or {"0": 0o644, "2": 0o777, "5": 0o755}[typeflag]
    return Entry(ImagePath(name), typeflag, mode, linkname, source, WHY)


def seen(path: Path) -> File:
    """`path` as a run first looks at it."""
    file = fs.Record().look(HostPath(os.fspath(path))).file
    assert file is not None
    return file


def archive(entries: list[Entry], mtime_s: int = 0) -> bytes:
    out = io.BytesIO()
    tar.write(Tree(tuple(entries), ()), mtime_s, Into(out.write))
    return out.getvalue()


class Into:
    held = 0

    def __init__(self, write: Callable[[memoryview], object]) -> None:
        self._write = write
        self.reserved_bytes = 0

    def reserve(self, size_bytes: int) -> None:
        self.reserved_bytes = size_bytes

    def write(self, data: memoryview) -> None:
        self._write(data)


# Checked-in archives -----------------------------------------------------------------------------

CASES = {
    "kinds": [entry("bin/sh", "2", "busybox"), entry("empty"), entry("etc", "5"), entry("etc/x", mode=0o755)],
    "long_names": [
        entry(NAMES_100),
        entry(NAMES_100 + "1"),
        entry("p" * 155 + "/" + "n" * 100),
        entry("p" * 156 + "/" + "n" * 100),
        entry("n" * 101),
        entry("d" * 99, "5"),
        entry("d" * 100, "5"),
        entry("x/" + "d" * 100, "5"),
        entry("/".join(["deep" * 20] * 4)),
    ],
    "special_names": [
        entry("-rf"),
        entry("a\nb"),
        entry("a b\\c"),
        entry("\u00e9"),
        entry("e\u0301"),
        entry(RAW),
        entry(RAW * 30),
        entry("\u00e9" * 60, "5"),
    ],
    "links": [
        entry("l1", "2", "t" * 100),
        entry("l2", "2", "t" * 101),
        entry("l3", "2", "\u00e9" * 60),
        entry("l4", "2", RAW * 30),
        entry("n" * 120, "2", "t" * 120),
    ],
}


def listing(data: bytes) -> list[str]:
    """What a reader of its own makes of an archive; no two archives that differ in a name list alike."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:", encoding="utf-8", errors="surrogateescape") as opened:
        return [
            f"{member.offset:6} {member.type.decode()} {member.mode:04o} {member.uid}:{member.gid}"
            f" {member.uname}:{member.gname} {member.size} {member.mtime} {sorted(member.pax_headers)!r}"
            f" {member.name!a} {member.linkname!a}"
            for member in opened
        ]


@pytest.mark.parametrize("case", CASES)
def test_archive_equals_the_checked_in_one(case: str) -> None:
    golden = (GOLDEN / f"{case}.tar").read_bytes()
    now = archive(CASES[case])
    assert listing(now) == listing(golden)
    assert hashlib.sha256(now).hexdigest() == hashlib.sha256(golden).hexdigest()


# The header's fields ------------------------------------------------------------------------------


def test_header_of_a_file_field_by_field() -> None:
    block = tar.header(entry("a/b", mode=0o755), 8**11 - 1)
    fields = {
        "name": block[:100].rstrip(b"\0"),
        "mode": block[100:108],
        "uid": block[108:116],
        "gid": block[116:124],
        "size": block[124:136],
        "mtime": block[136:148],
        "typeflag": block[156:157],
        "linkname": block[157:257].rstrip(b"\0"),
        "magic": block[257:263],
        "version": block[263:265],
        "uname": block[265:297].rstrip(b"\0"),
        "gname": block[297:329].rstrip(b"\0"),
        "devmajor": block[329:337],
        "devminor": block[337:345],
        "rest": block[345:].rstrip(b"\0"),
    }
    assert fields == {
        "name": b"a/b",
        "mode": b"0000755\0",
        "uid": b"0000000\0",
        "gid": b"0000000\0",
        "size": b"00000000000\0",
        "mtime": b"77777777777\0",
        "typeflag": b"0",
        "linkname": b"",
        "magic": b"ustar\0",
        "version": b"00",
        "uname": b"",
        "gname": b"",
        "devmajor": b"0000000\0",
        "devminor": b"0000000\0",
        "rest": b"",
    }
    assert len(block) == 512


@pytest.mark.parametrize("name", ["a", "\u00e9" * 30, RAW])
def test_checksum_counts_its_own_field_as_blanks(name: str) -> None:
    block = tar.header(entry(name), 0)
    assert block[148:156] == b"%06o\0 " % sum(block[:148] + b" " * 8 + block[156:])


@pytest.mark.parametrize(
    ("size_bytes", "ustar_size", "records"),
    [
        (8**11 - 1, b"77777777777\0", b""),
        (8**11, b"00000000000\0", b"19 size=8589934592\n"),
        (10**13, b"00000000000\0", b"23 size=10000000000000\n"),
    ],
)
def test_size_beyond_eight_gib_is_a_pax_record(size_bytes: int, ustar_size: bytes, records: bytes) -> None:
    big = File(HostPath("/big"), Identity(1, 2, size_bytes, 3, 4), False)
    blocks = tar.header(entry("big", source=big), 0)
    assert (len(blocks), blocks[-512 + 124 : -512 + 136]) == (1536 if records else 512, ustar_size)
    assert blocks[512:1024].rstrip(b"\0") == (records or b"")
    with tarfile.open(fileobj=io.BytesIO(blocks + bytes(1024))) as opened:
        member = opened.next()
    assert member is not None
    assert member.size == size_bytes


@pytest.mark.parametrize("count", [*range(93, 103), 990, 991, 9990])
def test_pax_record_counts_its_own_length(count: int) -> None:
    blocks = tar.header(entry("l", "2", "t" * (count + 20)), 0)
    length, _, rest = blocks[512:].partition(b" ")
    record = rest[: int(length) - len(length) - 1]
    assert record == b"linkpath=" + b"t" * (count + 20) + b"\n"


def test_no_header_tells_of_this_process() -> None:
    assert b"%d" % os.getpid() not in tar.header(entry("n" * 300), 0)


# Independent readers ------------------------------------------------------------------------------

READ_BACK = [*CASES["long_names"], *CASES["special_names"], *CASES["links"], entry("etc", "5")]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tar") / "x.tar"
    path.write_bytes(archive(READ_BACK, 1_700_000_000))
    return path


def expected_tree() -> dict[str, str]:
    return {item.name: item.linkname or item.typeflag for item in READ_BACK}


def tree_below(top: Path) -> Iterator[tuple[str, str]]:
    for directory, subdirs, files in os.walk(top):
        for base in (*subdirs, *files):
            path = os.path.join(directory, base)
            link = os.readlink(path) if os.path.islink(path) else ""
            yield os.path.relpath(path, top), link or ("5" if os.path.isdir(path) else "0")


@pytest.mark.parametrize("reader", ["tar", "bsdtar"])
def test_reader_extracts_every_name(packed: Path, tmp_path: Path, reader: str) -> None:
    need(reader)
    complaints = {line.partition(" ")[2] for line in run([reader, "-xf", packed, "-C", tmp_path]).stderr.splitlines()}
    # A pax record is UTF-8 to bsdtar, which takes a long name of other bytes as it is, and says so.
    assert complaints <= {
        "Pathname can't be converted from UTF-8 to current locale.",
        "Linkname can't be converted from UTF-8 to current locale.",
        "Error exit delayed from previous errors.",
    }
    parents = {"/".join(name.split("/")[:n]): "5" for name in expected_tree() for n in range(1, name.count("/") + 1)}
    assert dict(tree_below(tmp_path)) == {**parents, **expected_tree()}


def test_tarfile_reads_every_name(packed: Path) -> None:
    with tarfile.open(packed, encoding="utf-8", errors="surrogateescape") as opened:
        read = {m.name: m.linkname or {b"0": "0", b"5": "5"}[m.type] for m in opened}
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.devmajor, m.devminor) for m in opened} == {
            (1_700_000_000, 0, 0, "", "", 0, 0)
        }
    assert read == expected_tree()


def test_directories_end_in_a_slash() -> None:
    assert tar.header(entry("etc", "5"), 0)[:100].rstrip(b"\0") == b"etc/"


# Payload ------------------------------------------------------------------------------------------

SIZES = [0, 1, 511, 512, 513, MIB - 512, MIB, MIB + 1, 3 * MIB]


@pytest.mark.parametrize("size_bytes", SIZES)
def test_payload_crosses_the_buffer_whole(tmp_path: Path, size_bytes: int) -> None:
    content = os.urandom(size_bytes)
    (tmp_path / "f").write_bytes(content)
    data = archive([entry("a", "5"), entry("f", source=seen(tmp_path / "f")), entry("z", "5")])
    assert len(data) % 10240 == 0
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        assert opened.getnames() == ["a", "f", "z"]
        payload = opened.extractfile("f")
        assert payload is not None
        assert payload.read() == content
        last = opened.getmembers()[-1].offset_data
    assert not any(data[last:])
    assert len(data) - last >= 1024


@pytest.mark.parametrize(("size_bytes", "buffer_bytes"), [(2 * MIB, MIB // 8), (18 * MIB, MIB)])
def test_bytes_leave_in_whole_buffers(tmp_path: Path, size_bytes: int, buffer_bytes: int) -> None:
    (tmp_path / "f").write_bytes(bytes(size_bytes + 5))
    sizes: list[int] = []
    tar.write(Tree((entry("f", source=seen(tmp_path / "f")),), ()), 0, Into(lambda data: sizes.append(len(data))))
    assert sizes[:-1] == [buffer_bytes] * (size_bytes // buffer_bytes)
    assert sum(sizes) % 10240 == 0


def test_what_left_last_stays_while_it_is_looked_at(tmp_path: Path) -> None:
    content = os.urandom(18 * MIB)
    (tmp_path / "f").write_bytes(content)
    parts: list[memoryview] = [memoryview(b"")] * 2
    late = bytearray()

    def look_at_the_last_but_one(data: memoryview) -> None:
        late.extend(parts[-2])
        parts.append(data)

    out = Into(look_at_the_last_but_one)
    out.held = 2
    entries = [entry("f", source=seen(tmp_path / "f"))]
    tar.write(Tree(tuple(entries), ()), 0, out)
    assert bytes(late) + bytes(parts[-2]) + bytes(parts[-1]) == archive(entries)


@pytest.mark.parametrize("name", CASES)
def test_space_is_reserved_for_what_is_written(name: str) -> None:
    written = bytearray()
    out = Into(written.extend)
    tar.write(Tree(tuple(CASES[name]), ()), 0, out)
    assert out.reserved_bytes == len(written)


def test_empty_tree_is_one_record_of_zeros() -> None:
    assert archive([]) == bytes(10240)


def test_short_reads_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = os.urandom(70_000)
    (tmp_path / "f").write_bytes(content)
    whole = archive([entry("f", source=seen(tmp_path / "f"))])
    readv = os.readv
    monkeypatch.setattr(os, "readv", lambda fd, buffers: readv(fd, [buffers[0][:1000]]))
    assert archive([entry("f", source=seen(tmp_path / "f"))]) == whole


def shrink(path: Path) -> None:
    os.truncate(path, 10)


def grow(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"more")


def rewrite(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(b"else")


def replace(path: Path) -> None:
    path.with_name("new").write_bytes(path.read_bytes())
    path.with_name("new").rename(path)


CHANGES = [shrink, grow, rewrite]


@pytest.mark.parametrize("change", [*CHANGES, replace, Path.unlink], ids=lambda change: change.__name__)
def test_file_that_changed_before_the_read_is_refused(tmp_path: Path, change: Callable[[Path], None]) -> None:
    (tmp_path / "f").write_bytes(b"x" * 1000)
    os.utime(tmp_path / "f", (1000, 1000))
    file = seen(tmp_path / "f")
    change(tmp_path / "f")
    with pytest.raises(InputChanged, match="/f: changed while the image was made"):
        archive([entry("f", source=file)])


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_file_that_changes_during_the_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    (tmp_path / "f").write_bytes(b"x" * 3 * MIB)
    os.utime(tmp_path / "f", (1000, 1000))
    file = seen(tmp_path / "f")
    readv = os.readv
    calls: list[int] = []

    def read(fd: int, buffers: list[memoryview]) -> int:
        count = readv(fd, buffers)
        calls.append(count)
        if len(calls) == 1:
            change(tmp_path / "f")
        return count

    monkeypatch.setattr(os, "readv", read)
    with pytest.raises(InputChanged, match=r"/f: (changed while the image was made|became shorter while it was read)"):
        archive([entry("f", source=file)])


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, entries in CASES.items():
        (GOLDEN / f"{name}.tar").write_bytes(archive(entries))
        sys.stdout.write("\n".join([f"{name}:", *listing(archive(entries)), ""]))
