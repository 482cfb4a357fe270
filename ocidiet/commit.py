"""Outputs appear whole or not at all: a temporary file beside the target, renamed over it.

Promised against crashes of processes, not of power: nothing is fsynced. A temporary file is locked
while its writer lives (flock(2)), so that the next run can tell what a killed one left, and remove it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from ocidiet.errors import OutputError, shown
from ocidiet.model import TYPE_CHECKING

if TYPE_CHECKING:
    from ocidiet.model import HostPath

_SUFFIX = ".ocidiet-tmp"
_COMPARE_BYTES = 1 << 20

# linux/falloc.h: space for a file, its size kept. Unlike posix_fallocate(3) it is refused, not
# imitated block by block, where a file system has none of it.
_FS_IOC_RESVSP = 0x40305828
_SPACE_RESV = "=hh4xqqiI16x"


def occupy_standard_files() -> None:
    """Open those of the file descriptors 0 to 2 that the caller closed, unwritable: else an output
    would get such a number, and what is printed would go into it."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open("/", os.O_RDONLY)


class Stream:
    """Standard output, or another open file: nothing to publish, nothing to take back."""

    def __init__(self, fd: int, name: str) -> None:
        self._fd = fd
        self._name = name

    def reserve(self, size_bytes: int) -> None:
        """Told how much will be written, in all."""

    def write(self, data: bytes | memoryview) -> None:
        """Write all of `data`. Raises `OutputError`; `BrokenPipeError` where nobody reads."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _failed(self._name, error) from error


class Output(Stream):
    """A file that is replaced when it is published; a link is followed, and its target replaced."""

    def __init__(self, path: HostPath) -> None:
        """Raises `OutputError` for a target that is no regular file.

        Nothing is made before the first `write`, so that whoever holds the value can `discard` it.
        """
        super().__init__(-1, path)
        self.path = path
        if path.endswith("/"):
            raise OutputError(f"{shown(path)}: cannot be written: Is a directory")
        target = os.path.realpath(path)
        try:
            if not stat.S_ISREG(os.stat(target).st_mode):
                what = f"{shown(path)}: exists and is not a regular file"
                raise OutputError(what, hint="-t - writes to standard output")
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise _failed(path, error) from error
        self._target = target
        self._directory, base = os.path.split(target)
        self._prefix = f".{os.fsdecode(os.fsencode(base)[:200])}."
        self._temporary = ""

    def write(self, data: bytes | memoryview) -> None:
        """Write all of `data`. Raises `OutputError`, for a directory that is absent too."""
        self._open()
        super().write(data)

    def _open(self) -> None:
        if self._fd < 0:
            self._sweep()
            self._create()

    def _sweep(self) -> None:
        try:
            names = os.listdir(self._directory)
        except OSError:
            return  # what is wrong with it, making a file there will tell
        for name in names:
            if name.startswith(self._prefix) and name.endswith(_SUFFIX):
                path = os.path.join(self._directory, name)
                try:
                    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
                except OSError:
                    continue
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(path)
                except OSError:
                    pass  # its writer lives, or another run was faster
                finally:
                    os.close(fd)

    def _create(self) -> None:
        count = 0
        while True:
            # The name first: a signal may come between any two of these calls.
            self._temporary = os.path.join(self._directory, f"{self._prefix}{os.getpid()}-{count}{_SUFFIX}")
            try:
                self._fd = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
                try:
                    fcntl.flock(self._fd, fcntl.LOCK_EX)
                except OSError:
                    pass  # a file system without locks: there no run removes another's file
                if os.fstat(self._fd).st_nlink:
                    return
            except FileExistsError:
                self._temporary = ""
                count += 1
                continue
            except OSError as error:
                if self._fd < 0:
                    self._temporary = ""
                raise _failed(self.path, error) from error
            self._close()  # swept between its making and its lock

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        try:
            os.close(fd)
        except OSError:
            pass  # whatever it could tell was asked for before

    def reserve(self, size_bytes: int) -> None:
        """Ask for the space at once: writing is then faster, and replacing the old file much so."""
        from struct import pack

        self._open()
        try:
            fcntl.ioctl(self._fd, _FS_IOC_RESVSP, pack(_SPACE_RESV, 0, 0, 0, size_bytes, 0, 0))
        except OSError:
            pass  # a full disk is the first write's to tell

    def publish(self, mtime_ns: int, keep_equal: bool = False) -> None:
        """Put the file in its target's place with the time `mtime_ns`.

        With `keep_equal` a target that holds the same bytes is left alone, its mtime too.
        """
        try:
            if keep_equal and self._equal():
                self.discard()
                return
            os.utime(self._fd, ns=(mtime_ns, mtime_ns))
            # Some file systems tell only at close(2) that a write failed; the lock must stay till then.
            os.close(os.dup(self._fd))
            os.rename(self._temporary, self._target)
        except OSError as error:
            raise _failed(self.path, error) from error
        self._temporary = ""
        self._close()

    def discard(self) -> None:
        """Take the temporary file away; the target stands as it was. Raises nothing: what went wrong
        before is what must be told."""
        if self._temporary:
            try:
                os.unlink(self._temporary)
            except OSError:
                pass
            self._temporary = ""
        if self._fd >= 0:
            self._close()

    def _equal(self) -> bool:
        try:
            old = os.open(self._target, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        new = -1
        try:
            if os.fstat(old).st_size != os.fstat(self._fd).st_size:
                return False
            new = os.open(self._temporary, os.O_RDONLY | os.O_CLOEXEC)
            while True:
                part = os.read(old, _COMPARE_BYTES)
                if part != os.read(new, _COMPARE_BYTES):
                    return False
                if not part:
                    return True
        finally:
            os.close(old)
            if new >= 0:
                os.close(new)


def _failed(path: str, error: OSError) -> OutputError:
    return OutputError(f"{shown(path)}: cannot be written: {error.strerror}")
