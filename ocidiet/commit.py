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


class Stream:
    """Standard output, or another open file: nothing to publish, nothing to take back."""

    def __init__(self, fd: int, name: str) -> None:
        self._fd = fd
        self._name = name

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
        """Raises `OutputError` for a directory that is absent and a target that is no regular file."""
        self.path = path
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
        self._prefix = f".{base[:200]}."
        self._temporary = ""
        self._sweep()
        super().__init__(self._create(), path)

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

    def _create(self) -> int:
        count = 0
        while True:
            self._temporary = os.path.join(self._directory, f"{self._prefix}{os.getpid()}-{count}{_SUFFIX}")
            try:
                fd = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            except FileExistsError:
                count += 1
                continue
            except OSError as error:
                self._temporary = ""
                raise _failed(self.path, error) from error
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink:
                return fd
            os.close(fd)  # swept between its making and its lock

    def publish(self, mtime_ns: int, keep_equal: bool = False) -> None:
        """Put the file in its target's place with the time `mtime_ns`.

        With `keep_equal` a target that holds the same bytes is left alone, its mtime too.
        """
        try:
            if keep_equal and self._equal():
                self.discard()
                return
            os.utime(self._fd, ns=(mtime_ns, mtime_ns))
            os.rename(self._temporary, self._target)
        except OSError as error:
            raise _failed(self.path, error) from error
        self._temporary = ""
        os.close(self._fd)

    def discard(self) -> None:
        """Take the temporary file away; the target stands as it was."""
        if self._temporary:
            path, self._temporary = self._temporary, ""
            os.close(self._fd)
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass

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
