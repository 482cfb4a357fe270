"""Read access to a root, and the record of what was asked of it.

A root answers for one name space of absolute paths, as path_resolution(7) has it after chroot(2):
an absolute link starts again at the root, `..` stays inside it, more than 40 links are too many.
`DiskRoot` is a directory of the machine; `verify` has one that is an assembled image. A file is
known by its `Identity` from the first look on: one that differs later is an `InputChanged`.

Links are read and walked here; the kernel is never asked to follow one inside a sysroot, not even one
that is put in a directory's place between two calls, nor a link of procfs, whose text is not its end.
"""

from __future__ import annotations

import errno
import os
import stat

from ocidiet.errors import InputChanged, InputError
from ocidiet.model import TYPE_CHECKING, File, Hop, HostPath, Identity, Trace, Walk, below

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINKS = 40
MAX_HELD = 64

# A FIFO or a device in a file's place must not block, nor a terminal become ours.
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW
_LIST_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW
_TOP_FLAGS = os.O_PATH | os.O_CLOEXEC | os.O_DIRECTORY

_REASONS = {
    "file": "",
    "dir": "is a directory",
    "special": "is neither a file nor a directory",
    "absent": "no such file",
    "denied": "permission denied",
    "loop": "too many levels of symbolic links",
}
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_KINDS = {errno.ENOENT: "absent", errno.ENOTDIR: "absent", errno.EACCES: "denied", errno.ELOOP: "loop"}


class Held:
    """A directory of the machine as `root`, and a bounded number of those below it, held open.

    Each is opened in its parent, by one name that is no link: whatever the tree is turned into
    meanwhile, a name looked up in one of them is inside.
    """

    __slots__ = ("_fds", "root")

    def __init__(self, root: HostPath) -> None:
        self.root = root
        self._fds: dict[str, int] = {}  # the one used last is last

    def fd(self, directory: str) -> int:
        """A descriptor of `directory`, which is the root or below it, good until the next call. Raises `OSError`."""
        names: list[str] = []
        while (fd := self._fds.pop(directory, None)) is None and len(directory) > len(self.root):
            directory, _, name = directory.rpartition("/")
            names.append(name)
        if fd is None:
            # The root itself is the user's to name, through whatever link.
            directory, fd = self.root, os.open(self.root, _TOP_FLAGS)
        self._hold(directory, fd)
        while names:
            name = names.pop()
            fd = os.open(name, _TOP_FLAGS | os.O_NOFOLLOW, dir_fd=self._fds[directory])
            directory = f"{directory}/{name}"
            self._hold(directory, fd)
        return self._fds[directory]

    def _hold(self, directory: str, fd: int) -> None:
        self._fds[directory] = fd
        if len(self._fds) > MAX_HELD:
            os.close(self._fds.pop(next(iter(self._fds))))

    def __del__(self) -> None:
        for fd in self._fds.values():
            os.close(fd)


class OpenFile:
    """A file held open, proven to be the one that was looked at before."""

    __slots__ = ("fd", "file", "held")

    def __init__(self, file: File, held: Held | None = None) -> None:
        """Raises `InputChanged` when another state of the file, or another file, is there now.

        `held`, of a file opened before, spares the way from the root where it is the same root's.
        """
        self.file = file
        self.held = held
        try:
            if file.root:
                if held is None or held.root != file.root:
                    self.held = held = Held(file.root)
                directory, _, name = file.path.rpartition("/")
                self.fd = os.open(name, _OPEN_FLAGS, dir_fd=held.fd(directory))
            else:
                self.fd = os.open(file.path, _OPEN_FLAGS)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EIO, *_EXHAUSTED):
                raise InputError(file.path, f"cannot be read: {error.strerror}") from error
            raise InputChanged(file.path) from error
        try:
            self.check()
        except BaseException:
            os.close(self.fd)
            raise

    def check(self) -> None:
        """Raise `InputChanged` unless the file is still in the state first seen."""
        if _identity(os.fstat(self.fd)) != self.file.identity:
            raise InputChanged(self.file.path)

    def pread(self, size_bytes: int, offset: int) -> bytes:
        """Up to `size_bytes` from `offset`; fewer only at the end of the file."""
        try:
            return os.pread(self.fd, size_bytes, offset)
        except OSError as error:
            raise InputError(self.file.path, f"cannot be read: {error.strerror}") from error

    def readv(self, buffer: memoryview) -> int:
        """The next bytes into `buffer`; how many, at least one."""
        try:
            count = os.readv(self.fd, [buffer])
        except OSError as error:
            raise InputError(self.file.path, f"cannot be read: {error.strerror}") from error
        if count == 0:
            raise InputChanged(self.file.path, "became shorter while it was read")
        return count

    def __enter__(self) -> OpenFile:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


class Look:
    """What stands under one name; a link is not followed."""

    __slots__ = ("file", "kind", "reason", "target")

    def __init__(self, kind: str, target: str = "", file: File | None = None, reason: str = "") -> None:
        self.kind = kind  # as Walk.kind, or `link`
        self.target = target  # a link's text
        self.file = file  # for the kind `file`
        self.reason = reason or _REASONS.get(kind, "")


class Root:
    """One name space of absolute paths; a subclass says what stands under a name."""

    is_sysroot = False
    """Whether it is a tree of another machine, in which perhaps nothing ever ran."""

    def __init__(self) -> None:
        self._directories: dict[str, Walk] = {}

    def look(self, path: str) -> Look:
        """What stands at `path`, whose directory holds no link."""
        raise NotImplementedError

    def list(self, path: str) -> Iterator[str]:
        """The names in directory `path`, which holds no link, in byte order."""
        raise NotImplementedError

    def spell(self, path: str) -> str:
        """Where a user finds `path`; for messages."""
        return path

    def searched(self, directory: str) -> None:
        """Told of each directory in which a name was looked up."""

    def use(self, walk: Walk) -> None:
        """Told of each file that is read: it and the links to it are inputs."""

    def walk(self, path: str, renewed: bool = False) -> Walk:
        """Absolute `path` followed to its end; what it meets is in the answer, nothing is raised.

        `renewed` tells of a file that has a new mtime whenever it changes: while it exists, its
        directory is not an input.
        """
        asked, links = path, 0
        hops: tuple[Hop, ...] = ()
        while True:
            parent, _, name = path.rpartition("/")
            if name in ("", ".", ".."):
                end = self.directory(path)
                return Walk(asked, (*hops, Hop(end.real, None)), end.kind, end.reason, None)
            above = self.directory(parent)
            if above.kind != "dir":
                return Walk(asked, (*hops, Hop(above.real, None)), above.kind, above.reason, None)
            base = above.real.rstrip("/")
            here = f"{base}/{name}"
            look = self.look(here)
            if not renewed or look.file is None:
                self.searched(base or "/")
            if look.kind != "link":
                return Walk(asked, (*hops, Hop(here, None)), look.kind, look.reason, look.file)
            links += len(above.hops)
            if links > MAX_LINKS:
                return Walk(asked, (*hops, Hop(here, None)), "loop", _REASONS["loop"], None)
            hops = (*hops, Hop(here, look.target))
            path = look.target if look.target.startswith("/") else f"{base}/{look.target}"

    def directory(self, path: str) -> Walk:
        """As `walk`, for a directory: the hops are all links on the way; remembered."""
        walk = self._directories.get(path)
        if walk is None:
            walk = self._directories[path] = self._enter(path)
        return walk

    def _enter(self, path: str) -> Walk:
        base = ""
        hops: list[Hop] = []
        pending = path.split("/")[::-1]
        while pending:
            name = pending.pop()
            if name in ("", "."):
                continue
            if name == "..":
                base = base.rpartition("/")[0]
                continue
            here = f"{base}/{name}"
            look = self.look(here)
            if look.kind == "dir":
                base = here
                continue
            self.searched(base or "/")
            if look.kind != "link" or len(hops) == MAX_LINKS:
                kind = {"link": "loop", "file": "absent", "special": "absent"}.get(look.kind, look.kind)
                reason = look.reason if kind == look.kind else _REASONS["loop"]
                if kind == "absent":
                    reason = "no such directory"
                return Walk(path, (*hops, Hop(here, None)), kind, reason, None)
            hops.append(Hop(here, look.target))
            pending += look.target.split("/")[::-1]
            if look.target.startswith("/"):
                base = ""
        return Walk(path, (*hops, Hop(base or "/", None)), "dir", _REASONS["dir"], None)


class DiskRoot(Root):
    """A directory of the machine as the root, with the build tree in its own place above it.

    `prefix` is "" for the machine's own root. Paths below `record.build_tree` are the machine's
    whatever the prefix, so that a program in a build tree finds its libraries beside it while all
    else comes from a sysroot.
    """

    def __init__(self, prefix: str, record: Record) -> None:
        super().__init__()
        self.is_sysroot = bool(prefix)
        self._prefix = prefix
        self._record = record
        self._held = Held(HostPath(prefix)) if prefix else None
        self._mount_points = set()
        if prefix and record.build_tree:
            parts = record.build_tree.split("/")
            self._mount_points = {"/".join(parts[:n]) for n in range(2, len(parts))}

    def host_path(self, path: str) -> HostPath:
        """Where the machine has `path`, whose directory holds no link."""
        if not self._prefix or below(path, self._record.build_tree):
            return HostPath(path)
        return HostPath(self._prefix + path.rstrip("/"))

    def spell(self, path: str) -> str:
        return self.host_path(path)

    def look(self, path: str) -> Look:
        host = self.host_path(path)
        look = self._record.look(host, self._held if host != path else None)
        if look.kind == "absent" and path in self._mount_points:
            return Look("dir")
        return look

    def searched(self, directory: str) -> None:
        host = self.host_path(directory)
        self._record.searched(host, of_sysroot=host != directory)

    def use(self, walk: Walk) -> None:
        for hop in walk.hops:
            self._record.read(self.host_path(hop.path))

    def list(self, path: str) -> Iterator[str]:
        """The names in directory `path`, which holds no link, in byte order."""
        host = self.host_path(path)
        return iter(self._record.names(host, self._held if host != path else None))


class Record:
    """What was asked of the disk, by however many roots, and what it answered."""

    def __init__(self, build_tree: str | None = None) -> None:
        """`build_tree` is a real path: no searched directory at or below it enters the trace, unless
        it is a sysroot's."""
        self.build_tree = build_tree
        self._seen: dict[HostPath, Identity | None] = {}
        self._read: dict[HostPath, None] = {}
        self._listed: dict[HostPath, None] = {}
        self._trees: set[HostPath] = set()

    def look(self, path: HostPath, held: Held | None = None) -> Look:
        """lstat(2) and, for a link, readlink(2); with `held`, inside its root."""
        at: int | None = None
        name: str = path
        try:
            if held is not None:
                directory, _, name = path.rpartition("/")
                at = held.fd(directory)
            st = os.lstat(name, dir_fd=at)
            target = os.readlink(name, dir_fd=at) if stat.S_ISLNK(st.st_mode) else ""
        except ValueError:
            # A name with a zero byte in it, which a damaged file can spell.
            return Look("absent")
        except OSError as error:
            if error.errno in _EXHAUSTED:
                raise InputError(path, f"cannot be looked at: {error.strerror}") from error
            kind = _KINDS.get(error.errno or 0, "failed")
            if kind == "absent":
                self._seen[path] = None
            return Look(kind, reason=_REASONS.get(kind) or (error.strerror or "").lower())
        if stat.S_ISDIR(st.st_mode):
            return Look("dir")
        if not target and not stat.S_ISREG(st.st_mode):
            return Look("special")
        file = File(path, _identity(st), bool(st.st_mode & 0o111), held.root if held is not None else HostPath(""))
        self._seen[path] = file.identity
        return Look("link", target, file) if target else Look("file", file=file)

    def read(self, path: HostPath) -> None:
        """The file at `path`, or the link that leads to it, is an input."""
        self._read[path] = None

    def searched(self, directory: HostPath, of_sysroot: bool = False) -> None:
        """A name was looked up in `directory`."""
        if of_sysroot or not below(directory, self.build_tree):
            self._listed[directory] = None

    def names(self, directory: HostPath, held: Held | None = None) -> list[str]:
        """All names in `directory`, in byte order. Raises `InputError`."""
        self._listed[directory] = None
        self._trees.add(directory)
        try:
            at = held.fd(directory) if held is not None else None
            fd = os.open(directory if at is None else ".", _LIST_FLAGS, dir_fd=at)
            try:
                self._seen[directory] = _identity(os.fstat(fd))
                return sorted(os.listdir(fd), key=os.fsencode)
            finally:
                os.close(fd)
        except OSError as error:
            raise InputError(directory, f"cannot be listed: {error.strerror}") from error

    def holds(self, path: str) -> bool:
        """Whether a file at `path`, which holds no link, is or would be among what was read."""
        return path in self._read or os.path.dirname(path) in self._trees

    def trace(self) -> Trace:
        """All of it, in byte order."""
        absent = (p for p, was in self._seen.items() if was is None and below(p, self.build_tree))
        return Trace(
            tuple(sorted(self._read, key=os.fsencode)),
            tuple(sorted(self._listed, key=os.fsencode)),
            tuple(sorted(absent, key=os.fsencode)),
        )

    def recheck(self) -> None:
        """Raise `InputChanged` for anything that now answers otherwise than when it was asked."""
        for path, was in self._seen.items():
            try:
                now = _identity(os.lstat(path))
            except OSError as error:
                now = None
                if was is None or error.errno not in (errno.ENOENT, errno.ENOTDIR):
                    continue
            if now != was:
                if was is None:
                    raise InputChanged(path, "appeared while the image was made")
                raise InputChanged(path)


def _identity(st: os.stat_result) -> Identity:
    return Identity(st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns)
