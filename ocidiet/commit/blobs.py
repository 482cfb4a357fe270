"""What is named by its digest: hashed while it is written, and kept in the directory of an OCI layout.

The name is known at the end, so a blob is a temporary file till then; and an archive's member, whose name
stands before it, gets it written over. In a layout `index.json` comes last and under a lock: whoever
reads it finds every blob that it names.
"""

from __future__ import annotations

import _thread
import fcntl

from ocidiet.commit import failed
from ocidiet.commit.output import Output, identity
from ocidiet.commit.state import SUFFIX
from ocidiet.errors import OutputError, shown
from ocidiet.model import TYPE_CHECKING, HostPath
from ocidiet.model.oci import Digest
from ocidiet.system import os

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from ocidiet.model import Identity

    class Hash(Protocol):
        def update(self, data: bytes | memoryview, /) -> None:
            """Add `data`."""

        def hexdigest(self) -> str:
            """Of all that was added."""

    class Writable(Protocol):
        def reserve(self, size_bytes: int) -> None:
            """Told how much will be written, in all."""

        def write(self, data: memoryview) -> None:
            """Write all of `data`."""


_WORTH_OPENSSL_BYTES = 1 << 19
_WORTH_A_THREAD_BYTES = 4 << 20
HELD = 2
"""Parts that are worked on beside their writer."""
_COPIED_BYTES = 1 << 20


def _sha256(size_bytes: int) -> Hash:
    """For so many bytes, 0 where it is not known. OpenSSL's is five times as fast as Python's own; to load it takes as
    long as that for half a MiB."""
    if 0 < size_bytes < _WORTH_OPENSSL_BYTES:
        try:
            from _sha2 import sha256  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            try:
                from _sha256 import sha256  # type: ignore[import-not-found,unused-ignore]
            except ImportError:
                from hashlib import sha256
    else:
        try:
            from _hashlib import openssl_sha256 as sha256
        except ImportError:
            from hashlib import sha256
    made: Hash = sha256()
    return made


def digest_of(data: bytes) -> Digest:
    """The digest by which `data` is named."""
    of_it = _sha256(len(data) + 1)
    of_it.update(data)
    return Digest("sha256:" + of_it.hexdigest())


class HashingWriter:
    """Writes to several places at once, and tells what the bytes were."""

    held = 0
    """So many of the parts that were written last must stay as they are, until the digest is asked for; known when
    the size is."""

    def __init__(self, *outs: Writable) -> None:
        self._outs = outs
        self._sha256: Hash | None = None
        self._beside: _Beside | None = None
        self.size_bytes = 0

    def reserve(self, size_bytes: int) -> None:
        """Told how much will be written, in all; 0 where it is not known. Comes before all else."""
        for out in self._outs:
            out.reserve(size_bytes)
        self._sha256 = _sha256(size_bytes)
        if size_bytes > _WORTH_A_THREAD_BYTES and len(os.sched_getaffinity(0)) > 1:
            try:
                self._beside = _Beside(self._sha256.update)
                self.held = HELD
            except RuntimeError:
                pass  # no thread is to be had: it takes longer

    def write(self, data: memoryview) -> None:
        """Write all of `data`. Raises `OutputError`."""
        assert self._sha256 is not None
        if self._beside is None:
            self._sha256.update(data)
        else:
            self._beside.put(data)
        for out in self._outs:
            out.write(data)
        self.size_bytes += len(data)

    @property
    def digest(self) -> Digest:
        """Of all that was written; nothing is written from then on."""
        assert self._sha256 is not None
        if self._beside is not None:
            self._beside.end()
            self._beside = None
        return Digest("sha256:" + self._sha256.hexdigest())


class _Beside:
    """Has each part worked on in a second thread, while the first reads and writes the next two. A thread whose writer
    fails waits for ever, and ends with the process."""

    def __init__(self, work: Callable[[memoryview], object]) -> None:
        self._work = work
        self._parts = [memoryview(b"")] * HELD
        self._free = [_thread.allocate_lock() for _ in self._parts]
        self._full = [_thread.allocate_lock() for _ in self._parts]
        for lock in self._full:
            lock.acquire()
        self._turn = 0
        _thread.start_new_thread(self._run, ())

    def put(self, data: memoryview) -> None:
        """The next part; with all but the one before it all is done."""
        turn = self._turn
        self._free[turn].acquire()
        self._parts[turn] = data
        self._full[turn].release()
        self._turn = (turn + 1) % HELD

    def end(self) -> None:
        """Wait for all parts."""
        self.put(memoryview(b""))
        for lock in self._free:
            lock.acquire()

    def _run(self) -> None:
        turn = 0
        while True:
            self._full[turn].acquire()
            part = self._parts[turn]
            if part:
                self._work(part)
            self._free[turn].release()
            if not part:
                return
            turn = (turn + 1) % HELD


class Rewritable(Output):
    """An output whose beginning is known at its end, and parts of which may be its target's."""

    def __init__(self, path: HostPath) -> None:
        super().__init__(path)
        self._former_fd = -1

    def former(self) -> Identity | None:
        """The state of the target, which is held open from then on; None where there is none to read."""
        try:
            if self._former_fd < 0:
                self._former_fd = os.open(self.target, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            return identity(os.fstat(self._former_fd))
        except OSError:
            return None

    def copy(self, size_bytes: int, at_bytes: int) -> None:
        """Write what the target, as `former` had it, holds there. Raises `OutputError`."""
        try:
            while size_bytes:
                part = os.pread(self._former_fd, min(size_bytes, _COPIED_BYTES), at_bytes)
                if not part:
                    raise OutputError(f"{shown(self.path)}: became shorter while it was read")
                self.write(part)
                size_bytes, at_bytes = size_bytes - len(part), at_bytes + len(part)
        except OSError as error:
            raise OutputError(f"{shown(self.path)}: cannot be read: {error.strerror}") from error

    def discard(self) -> None:
        super().discard()
        if self._former_fd >= 0:
            os.close(self._former_fd)
            self._former_fd = -1

    def rewrite(self, data: bytes, at_bytes: int) -> None:
        """Put `data` over what was written there. Raises `OutputError`."""
        try:
            while data:
                count = os.pwrite(self._fd, data, at_bytes)
                data, at_bytes = data[count:], at_bytes + count
        except OSError as error:
            raise failed(self.path, error) from error


class Blob(Output):
    """A file of a `Store`, which is published under the name of its digest."""

    def __init__(self, directory: str, store: HostPath) -> None:
        super().__init__(HostPath(f"{directory}/blob"))
        self.path = store

    def name(self, digest: Digest) -> None:
        """Its name, once that is known."""
        name = digest.partition(":")[2]
        self.target = f"{os.path.dirname(self.target)}/{name}"
        self.path = HostPath(f"{self.path}/blobs/sha256/{name}")


class Store:
    """The directory of an OCI image layout, which may hold other images."""

    def __init__(self, path: HostPath) -> None:
        """Raises `OutputError` for what is something else. Nothing is made before `open`."""
        self.path = path
        self._real = os.path.realpath(path)
        self.beside = HostPath(self._real + SUFFIX)
        """Where a fingerprint of what it holds may lie."""
        self._made: list[str] = []
        self._lock = -1
        self.is_new = True
        """It has no file `oci-layout`; another run may make it one."""
        try:
            names = {name for name in os.listdir(self._real) if not name.startswith(".oci-layout.")}
            self.is_new = "oci-layout" not in names
            if self.is_new and not names <= {"blobs"}:  # which another run may be about to fill
                what = f"{shown(path)}: exists and is no OCI image layout"
                raise OutputError(what, hint="name a new directory, or an empty one")
        except FileNotFoundError:
            pass
        except OSError as error:
            raise failed(path, error) from error

    def open(self) -> None:
        """Make what directories are missing. Raises `OutputError`."""
        for directory in (self._real, f"{self._real}/blobs", f"{self._real}/blobs/sha256"):
            try:
                self._made.append(directory)
                os.mkdir(directory)
            except FileExistsError:
                self._made.pop()
            except OSError as error:
                self._made.pop()
                raise failed(self.path, error) from error

    def state(self, digest: Digest) -> Identity | None:
        """Of the blob of that name; None if there is none."""
        try:
            return identity(os.lstat(f"{self._real}/blobs/{digest.replace(':', '/')}"))
        except OSError:
            return None

    def blob(self) -> Blob:
        """A new blob. Raises `OutputError`."""
        return Blob(f"{self._real}/blobs/sha256", self.path)

    def file(self, name: str) -> Output:
        """The file `name` of the layout. Raises `OutputError`."""
        return Output(HostPath(f"{self._real}/{name}"))

    def index(self) -> bytes:
        """The index that stands there, empty if there is none; from now on, until `discard`, no other run changes it.
        Raises `OutputError`."""
        try:
            self._lock = os.open(self._real, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX)
            except OSError:
                pass  # a file system without locks
            with open(f"{self._real}/index.json", "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise failed(HostPath(f"{self.path}/index.json"), error) from error

    def discard(self) -> None:
        """Let others at it; take directories away that were made for nothing. Raises nothing."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        for directory in reversed(self._made):
            try:
                os.rmdir(directory)
            except OSError:
                pass  # it is in use
        self._made = []
