"""What is compressed, as a container that can be read in place: an anonymous file, bounded."""

from __future__ import annotations

from ocidiet.errors import InputError
from ocidiet.fs import OpenFile
from ocidiet.fs.disk import identity
from ocidiet.model import TYPE_CHECKING, File, HostPath
from ocidiet.model.image import Container
from ocidiet.system import errno, os

if TYPE_CHECKING:
    from typing import Any, Protocol

    class Readable(Protocol):
        def read(self, size_bytes: int, /) -> bytes:
            """The next bytes; none at the end."""


# Of all that one image unpacks to; and how many times its size, beyond a size that harms nobody.
MAX_UNPACKED_BYTES = 32 << 30
MAX_RATIO = 250
_HARMLESS_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 20
_PLACES = ("/var/tmp", "/tmp")  # where a file without a name may lie
_OTHERS = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x04\x22\x4d\x18": "lz4"}


class Unpacker:
    """Unpacks the parts of the image at `path`."""

    def __init__(self, path: HostPath) -> None:
        self._path = path
        self._left_bytes = MAX_UNPACKED_BYTES

    def plain(self, file: File) -> File:
        """`file`, as it is if it is not compressed, in a container that is held open. Raises `InputError`."""
        opened = OpenFile(file)
        container = file.container or Container(file.path, file.identity, opened.fd)
        held = File(file.path, file.identity, False, HostPath(""), container, file.offset_bytes)
        head = opened.pread(6, 0)
        if head[:2] == b"\x1f\x8b":
            import gzip

            return self._unpacked(file, gzip.GzipFile(None, "rb", fileobj=_Stream(held)))  # type: ignore[call-overload]
        if head[:4] == b"\x28\xb5\x2f\xfd":
            return self._unpacked(file, self._zstd(held))
        for magic, name in _OTHERS.items():
            if head.startswith(magic):
                raise InputError(file.path, f"is compressed by {name}, which is not read", "decompress it first")
        return held

    def _zstd(self, file: File) -> Readable:
        stream = _Stream(file)
        try:
            from compression import zstd  # type: ignore[import-not-found,unused-ignore]

            found: Readable = zstd.ZstdFile(stream)
        except ImportError:
            try:
                try:
                    import zstandard
                except ImportError:
                    # Python was started with -S: make its site-packages known after all.
                    import site

                    site.main()
                    import zstandard

                made: Any = zstandard.ZstdDecompressor()
                found = made.stream_reader(stream, read_across_frames=True)
            except ImportError:
                hint = "install Python's module zstandard, or decompress it first"
                raise InputError(file.path, "is compressed by zstd, which this Python cannot read", hint) from None
        return found

    def _unpacked(self, file: File, stream: Readable) -> File:
        most = min(max(file.identity.size_bytes * MAX_RATIO, _HARMLESS_BYTES), self._left_bytes)
        fd = _anonymous()
        container = Container(file.path, identity(os.fstat(fd)), fd)
        size = 0
        while True:
            try:
                data = stream.read(_CHUNK_BYTES)
            except InputError:
                raise
            except Exception as error:  # gzip's, zlib's and two zstd modules' own
                raise InputError(file.path, f"cannot be decompressed: {error}") from error
            if not data:
                break
            size += len(data)
            if size > most:
                raise InputError(file.path, f"decompresses to more than {most} bytes")
            try:
                while data:
                    data = data[os.write(fd, data) :]
            except OSError as error:
                raise InputError(file.path, f"no room to decompress it: {error.strerror}") from error
        self._left_bytes -= size
        container.identity = identity(os.fstat(fd))
        return File(file.path, container.identity, False, HostPath(""), container)


class _Stream:
    """A file's bytes in order."""

    def __init__(self, file: File) -> None:
        self._opened = OpenFile(file)
        self._at = 0

    def read(self, size_bytes: int, /) -> bytes:
        data = self._opened.pread(size_bytes, self._at)
        self._at += len(data)
        return data


def _anonymous() -> int:
    for place in _PLACES:
        try:
            return os.open(place, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                break
    try:
        return os.memfd_create("image")
    except OSError as error:
        raise InputError("image", f"no room to decompress it: {error.strerror}") from error
