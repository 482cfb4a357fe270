"""A tar read in place: its members, and where in the container their bytes are.

Law: POSIX, pax, "ustar Interchange Format" and "pax Interchange Format", and GNU tar's own long names,
sparse files and binary numbers (tar(5)). Every number from the archive is bounded before it is used; what
is damaged is an error, never a shorter archive.
"""

from __future__ import annotations

from ocidiet.errors import InputError, shown
from ocidiet.model import TYPE_CHECKING, NamedTuple
from ocidiet.system import make, os

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK_BYTES = 512
# Of a name or a pax header; the kernel's longest path has 4096.
MAX_HEADER_BYTES = 1 << 20
_ZEROS = bytes(BLOCK_BYTES)
_NO_PAYLOAD = "123456"
_LONG = {"L": "path", "K": "linkpath"}


class Member(NamedTuple):
    """One member, its names as they stand in the archive."""

    name: str
    typeflag: str
    """As in tar(5); `0` for every spelling of a regular file, `5` for every one of a directory."""
    mode: int
    linkname: str
    size_bytes: int
    offset_bytes: int
    """Of the payload, in the container."""
    sparse: bool
    """The payload is not the file as it is, but as GNU tar packs one with holes."""


def members(pread: Callable[[int, int], bytes], size_bytes: int, path: str) -> Iterator[Member]:
    """The members of an archive of `size_bytes`, in its order. Raises `InputError` for what is no whole tar."""
    at = 0
    more: dict[str, str] = {}

    def bad(what: str) -> InputError:
        return InputError(path, f"{what} (at offset {at:#x})")

    while at < size_bytes:
        block = pread(BLOCK_BYTES, at)
        if len(block) < BLOCK_BYTES:
            raise bad("a tar that ends within a header")
        if block == _ZEROS:
            return
        if _sum(block) != _stored_sum(block):
            raise bad("damaged tar header" if at else "not a tar")
        size, mode = _number(block[124:136]), _number(block[100:108])
        if size is None or mode is None:
            raise bad("tar header without a proper size or mode")
        typeflag = chr(block[156])
        extensions = 0
        if typeflag == "S" and block[482]:
            while pread(BLOCK_BYTES, at + BLOCK_BYTES * (extensions + 1))[504:505] == b"\1":
                extensions += 1
            extensions += 1
        payload_at = at + BLOCK_BYTES * (1 + extensions)
        if typeflag in "xgLK":
            if size > MAX_HEADER_BYTES:
                raise bad(f"tar header of {size} bytes")
            data = pread(size, payload_at)
            if len(data) < size:
                raise bad("a tar that ends within a header")
            if typeflag == "x":
                more.update(_records(data, bad))
            elif typeflag in _LONG:
                more[_LONG[typeflag]] = os.fsdecode(data.partition(b"\0")[0])
            at = payload_at + _padded(size)
            continue
        name = more.get("GNU.sparse.name") or more.get("path")
        if name is None:
            name = _text(block[:100])
            if block[257:263] == b"ustar\0" and block[345]:
                name = f"{_text(block[345:500])}/{name}"
        if "size" in more:
            given = more["size"]
            if not (given.isascii() and given.isdigit() and len(given) < 20):
                raise bad("pax header without a proper size")
            size = int(given)
        if typeflag in "\0007":
            typeflag = "5" if name.endswith("/") else "0"
        if typeflag in _NO_PAYLOAD:
            size = 0
        if payload_at + size > size_bytes:
            raise bad(f"{shown(name)}: ends outside the archive")
        sparse = typeflag == "S" or any(key.startswith("GNU.sparse.") for key in more)
        linkname = more.get("linkpath", _text(block[157:257]))
        if "\0" in name or "\0" in linkname:
            raise bad("a NUL byte in a name")
        kind = "0" if typeflag == "S" else typeflag
        yield make(Member, (name, kind, mode, linkname, size, payload_at, sparse))
        more = {}
        at = payload_at + _padded(size)


def _sum(block: bytes) -> int:
    return sum(block) - sum(block[148:156]) + 8 * 32


def _stored_sum(block: bytes) -> int | None:
    return _number(block[148:156])


def _number(field: bytes) -> int | None:
    """A number as tar spells it: octal, or binary behind a first byte of 0x80."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0").partition(b"\0")[0].strip(b" ")
    if not digits:
        return 0
    return None if digits.strip(b"01234567") else int(digits, 8)


def _text(field: bytes) -> str:
    return os.fsdecode(field.partition(b"\0")[0])


def _padded(size_bytes: int) -> int:
    return size_bytes + -size_bytes % BLOCK_BYTES


def _records(data: bytes, bad: Callable[[str], InputError]) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(data):
        blank = data.find(b" ", at, at + 20)
        digits = data[at:blank]
        if blank < 0 or not digits.isdigit():
            raise bad("damaged pax header")
        end = at + int(digits)
        key, equals, value = data[blank + 1 : end - 1].partition(b"=")
        if end > len(data) or end <= blank + 1 or not equals or data[end - 1 : end] != b"\n":
            raise bad("damaged pax header")
        yield os.fsdecode(key), os.fsdecode(value)
        at = end
