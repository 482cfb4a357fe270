"""Outputs appear whole or not at all: a temporary file beside the target, renamed over it.

Promised against crashes of processes, not of power: nothing is fsynced. A temporary file is locked
while its writer lives (flock(2)), so that the next run can tell what a killed one left, and remove it.
"""

from __future__ import annotations

import fcntl

from ocidiet.commit import Stream, failed
from ocidiet.errors import OutputError, shown
from ocidiet.model import TYPE_CHECKING, Identity
from ocidiet.system import make, os, struct

if TYPE_CHECKING:
    from ocidiet.model import HostPath

_SUFFIX = ".ocidiet-tmp"
_COMPARE_BYTES = 1 << 20
_S_IFMT, _S_IFREG = 0o170000, 0o100000  # inode(7)

# linux/falloc.h: space for a file, its size kept. Unlike posix_fallocate(3) it is refused, not
# imitated block by block, where a file system has none of it.
_FS_IOC_RESVSP = 0x40305828
_SPACE_RESV = "=hh4xqqiI16x"

# How far apart two changes of a file must be to get different times: two ticks of Linux's slowest
# clock; where times are whole seconds, FAT's two.
_TICKS_NS = 20_000_000
_WHOLE_NS = 1_000_000_000
LONG_NS = 2 * _WHOLE_NS


class Output(Stream):
    """A file that is replaced when it is published; a link is followed, and its target replaced."""

    def __init__(self, path: HostPath, follow: bool = True, swept_with: Output | None = None) -> None:
        """Raises `OutputError` for a target that is no regular file. Not to `follow` links is not to look for any;
        what was left beside `swept_with`, which is swept in every run, is not looked for again.

        Nothing is made before the first `write`, so that whoever holds the value can `discard` it.
        """
        super().__init__(-1, path)
        self.path = path
        if path.endswith("/"):
            raise OutputError(f"{shown(path)}: cannot be written: Is a directory")
        target = os.path.realpath(path) if follow else path
        try:
            if os.stat(target).st_mode & _S_IFMT != _S_IFREG:
                what = f"{shown(path)}: exists and is not a regular file"
                raise OutputError(what, hint="-t - writes to standard output")
        except FileNotFoundError:
            pass
        except OSError as error:
            raise failed(path, error) from error
        self.target = target
        """`path` behind all links."""
        directory, slash, base = target.rpartition("/")
        self._directory = f"{directory}{slash}" or "./"
        self._prefix = f".{os.fsdecode(os.fsencode(base)[:200])}."
        self._temporary = ""
        other = None if swept_with is None else f"{swept_with.target}."
        self._swept = other is not None and target.startswith(other) and "/" not in target[len(other) :]

    def write(self, data: bytes | memoryview) -> None:
        """Write all of `data`. Raises `OutputError`, for a directory that is absent too."""
        self._open()
        super().write(data)

    def _open(self) -> None:
        if self._fd < 0:
            if not self._swept:
                self.sweep()
            self._create()

    def sweep(self) -> None:
        """Remove what killed runs left beside the target. Raises nothing."""
        try:
            names = os.listdir(self._directory)
        except OSError:
            return  # what is wrong with it, making a file there will tell
        for name in names:
            if name.startswith(self._prefix) and name.endswith(_SUFFIX):
                path = self._directory + name
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
            self._temporary = f"{self._directory}{self._prefix}{os.getpid()}-{count}{_SUFFIX}"
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
                raise failed(self.path, error) from error
            self._close()  # swept between its making and its lock

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        try:
            os.close(fd)
        except OSError:
            pass  # whatever it could tell was asked for before

    def reserve(self, size_bytes: int) -> None:
        """Ask for the space at once: writing is then faster, and replacing the old file much so."""
        self._open()
        try:
            fcntl.ioctl(self._fd, _FS_IOC_RESVSP, struct.pack(_SPACE_RESV, 0, 0, 0, size_bytes, 0, 0))
        except OSError:
            pass  # a full disk is the first write's to tell

    def publish(self, mtime_ns: int, keep_equal: bool = False) -> Identity | None:
        """Put the file in its target's place with the time `mtime_ns`, that of a moment before now.

        With `keep_equal` a target that holds the same bytes is left alone, its mtime too. Returns in
        what state the bytes stand there, or None where they could change without leaving it.
        """
        try:
            if keep_equal and (kept := self._equal()) is not None:
                self.discard()
                return kept if unchanging(kept, mtime_ns) else None
            os.utime(self._fd, ns=(mtime_ns, mtime_ns))
            # Some file systems tell only at close(2) that a write failed; the lock must stay till then.
            os.close(os.dup(self._fd))
            made = identity(os.fstat(self._fd))
            os.rename(self._temporary, self.target)
        except OSError as error:
            raise failed(self.path, error) from error
        self._temporary = ""
        try:
            # Whoever writes to it from now on gives it a new mtime; its ctime is the renaming's.
            return Identity(*made[:4], os.fstat(self._fd).st_ctime_ns)
        except OSError:
            return None
        finally:
            self._close()

    def touch(self, fd: int, mtime_ns: int) -> None:
        """Give the target, open as `fd`, the time `mtime_ns`. Raises `OutputError`."""
        try:
            os.utime(fd, ns=(mtime_ns, mtime_ns))
        except OSError as error:
            raise failed(self.path, error) from error

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

    def _equal(self) -> Identity | None:
        """The state of a target that holds the same bytes."""
        try:
            old = os.open(self.target, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        new = -1
        try:
            st = os.fstat(old)
            if st.st_size != os.fstat(self._fd).st_size:
                return None
            new = os.open(self._temporary, os.O_RDONLY | os.O_CLOEXEC)
            while True:
                part = os.read(old, _COMPARE_BYTES)
                if part != os.read(new, _COMPARE_BYTES):
                    return None
                if not part:
                    return identity(st)
        finally:
            os.close(old)
            if new >= 0:
                os.close(new)


def identity(st: os.stat_result) -> Identity:
    """What stat(2) tells of a state."""
    return make(Identity, (st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns))


def unchanging(state: Identity, since_ns: int) -> bool:
    """Whether a file that was in `state` at `since_ns` or later cannot have changed after that look and
    be in it still."""
    latest_ns = max(state.mtime_ns, state.ctime_ns)
    return latest_ns + (_TICKS_NS if latest_ns % _WHOLE_NS else LONG_NS) <= since_ns
