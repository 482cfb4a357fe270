"""What the disk answers: files held open, and the record of what was asked.

A file is known by its `Identity` from the first look on: one that differs later is an `InputChanged`.
"""

from __future__ import annotations

from ocidiet.errors import InputChanged, InputError
from ocidiet.model import TYPE_CHECKING, File, HostPath, Identity, NamedTuple, Walk, below
from ocidiet.system import errno, make, os

if TYPE_CHECKING:
    from ocidiet.model.image import Trace

MAX_HELD = 64

# A FIFO or a device in a file's place must not block, nor a terminal become ours.
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK | os.O_NOFOLLOW
THROUGH_FLAGS = _OPEN_FLAGS & ~os.O_NOFOLLOW
_LIST_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW
_TOP_FLAGS = os.O_PATH | os.O_CLOEXEC | os.O_DIRECTORY

REASONS = {
    "file": "",
    "dir": "is a directory",
    "special": "is neither a file nor a directory",
    "absent": "no such file",
    "denied": "permission denied",
    "loop": "too many levels of symbolic links",
}
_HEAD_BYTES = 4096
# inode(7); the module `stat` is an import more.
_S_IFMT, _S_IFDIR, _S_IFREG, _S_IFLNK = 0o170000, 0o040000, 0o100000, 0o120000
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_KINDS = {errno.ENOENT: "absent", errno.ENOTDIR: "absent", errno.EACCES: "denied"}


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

    __slots__ = ("_at", "fd", "file", "held")

    def __init__(self, file: File, held: Held | None = None, fd: int = -1) -> None:
        """Raises `InputChanged` when another state of the file, or another file, is there now.

        `held`, of a file opened before, spares the way from the root where it is the same root's.
        `fd`, by which the file was looked at, spares all.
        """
        self.file = file
        self.held = held
        self._at = 0
        if fd >= 0:
            self.fd = fd
            return
        if file.container is not None:
            self.fd = file.container.fd
            self.check()
            return
        try:
            if file.root:
                if held is None or held.root != file.root:
                    self.held = held = Held(file.root)
                directory, _, name = file.path.rpartition("/")
                self.fd = os.open(name, _OPEN_FLAGS, dir_fd=held.fd(directory))
            else:
                self.fd = os.open(file.path, THROUGH_FLAGS if file.linked else _OPEN_FLAGS)
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
        there = self.file.container or self.file
        st = os.fstat(self.fd)
        if (st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns) != there.identity:
            raise InputChanged(there.path)

    def pread(self, size_bytes: int, offset: int) -> bytes:
        """Up to `size_bytes` from `offset`; fewer only at the end of the file."""
        file = self.file
        if file.container is not None:
            size_bytes = max(min(size_bytes, file.identity.size_bytes - offset), 0)
            offset += file.offset_bytes
        try:
            return os.pread(self.fd, size_bytes, offset)
        except OSError as error:
            raise InputError(file.path, f"cannot be read: {error.strerror}") from error

    def readv(self, buffer: memoryview) -> int:
        """The next bytes into `buffer`, which is no longer than what is left; how many, at least one."""
        file = self.file
        try:
            if file.container is None:
                count = os.readv(self.fd, [buffer])
            else:
                count = os.preadv(self.fd, [buffer], file.offset_bytes + self._at)
                self._at += count
        except OSError as error:
            raise InputError(file.path, f"cannot be read: {error.strerror}") from error
        if count == 0:
            raise InputChanged(file.path, "became shorter while it was read")
        return count

    def __enter__(self) -> OpenFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; a container stays open for others."""
        if self.file.container is None:
            os.close(self.fd)
            self.fd = -1


def made(name: HostPath, data: bytes) -> File:
    """A file that is nowhere on disk: `data`, which the tool itself makes, under a `name` for messages."""
    from ocidiet.model.image import Container

    fd = os.memfd_create(os.path.basename(name))
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(data)
    return File(name, Identity(-1, -1, len(data), 0, 0), False, container=Container(name, identity(os.fstat(fd)), fd))


class Look(NamedTuple):
    """What stands under one name; a link is not followed."""

    kind: str
    """As `Walk.kind`, or `link`."""
    target: str = ""
    """A link's text."""
    file: File | None = None
    """For the kind `file`."""
    reason: str = ""
    """Why there is no file, where `REASONS` does not tell of the kind."""

    @property
    def why(self) -> str:
        """Why there is no file, in words; "" for a file."""
        return self.reason or REASONS.get(self.kind, "")


class Record:
    """What was asked of the disk, by however many roots, and what it answered."""

    through = False
    """Whether it is a `declared.DeclaredRecord`: links on the way to a file are then no root's."""

    def __init__(self, build_tree: str | None = None) -> None:
        """`build_tree` is a real path: no searched directory at or below it enters the trace, unless
        it is a sysroot's."""
        self.build_tree = build_tree
        self._seen: dict[HostPath, Identity | str | None] = {}  # a link is known by its text
        self._read: dict[HostPath, None] = {}
        self._listed: dict[HostPath, None] = {}
        self._trees: set[HostPath] = set()
        self._opened: dict[HostPath, File] = {}
        self._left: OpenFile | None = None
        self._is_left_open = False

    def _close(self) -> None:
        if self._left is not None and self._is_left_open:
            self._left.close()

    __del__ = _close

    def look(self, path: HostPath, held: Held | None = None) -> Look:
        """lstat(2) and, for a link, readlink(2); with `held`, inside its root."""
        try:
            if held is None:
                st = os.lstat(path)
                sort = st.st_mode & _S_IFMT
                target = os.readlink(path) if sort == _S_IFLNK else ""
            else:
                directory, _, name = path.rpartition("/")
                at = held.fd(directory)
                st = os.lstat(name, dir_fd=at)
                sort = st.st_mode & _S_IFMT
                target = os.readlink(name, dir_fd=at) if sort == _S_IFLNK else ""
        except ValueError:
            # A name with a zero byte in it, which a damaged file can spell.
            return Look("absent")
        except OSError as error:
            if error.errno in _EXHAUSTED:
                raise InputError(path, f"cannot be looked at: {error.strerror}") from error
            kind = _kind(error)
            if kind == "absent":
                self._seen[path] = None
            return Look(kind, reason="" if kind in REASONS else (error.strerror or "").lower())
        if sort == _S_IFREG:
            return make(Look, ("file", "", self._file(path, st, held.root if held is not None else ""), ""))
        if sort == _S_IFLNK:
            self._seen[path] = target
            return make(Look, ("link", target, None, ""))
        return Look("dir" if sort == _S_IFDIR else "special")

    def _file(self, path: HostPath, st: os.stat_result, root: str) -> File:
        mode, state = st.st_mode, identity(st)
        self._seen[path] = state
        return make(File, (path, state, mode & 0o111 > 0, root, None, 0, mode & 0o6000 > 0, False))

    def opened(self, path: HostPath) -> File | None:
        """open(2), as a loader does with a candidate, and fstat(2): a file, which stays open for `left_open` until the
        next one; None for what has to be looked at."""
        try:
            fd = os.open(path, _OPEN_FLAGS)
        except (OSError, ValueError):
            return None
        st = os.fstat(fd)
        if st.st_mode & _S_IFMT != _S_IFREG:
            os.close(fd)
            return None
        if self._is_left_open:
            self._close()
        file = self._file(path, st, "")
        left = self._left
        if left is None or left.fd >= 0:
            self._left = OpenFile(file, None, fd)
        else:  # one object for hundreds of files
            left.file, left.fd = file, fd
        self._is_left_open = True
        return file

    def left_open(self, file: File) -> OpenFile | None:
        """`file`, if it is what `opened` found last."""
        left = self._left
        if left is None or not self._is_left_open or left.file is not file:
            return None
        self._is_left_open = False
        return left

    def link(self, path: HostPath) -> str:
        """readlink(2) alone: the text of a link; "" for all else, of which nothing is known then."""
        try:
            target = self._seen[path] = os.readlink(path)
        except (OSError, ValueError):
            return ""
        return target

    def open(self, path: HostPath) -> tuple[File, bytes]:
        """The file at the end of `path`, through whatever links: an input. With its first bytes.

        Raises `InputError`.
        """
        try:
            fd = os.open(path, THROUGH_FLAGS)
            try:
                st = os.fstat(fd)
                sort = st.st_mode & _S_IFMT
                if sort != _S_IFREG:
                    raise InputError(path, REASONS["dir" if sort == _S_IFDIR else "special"])
                head = os.pread(fd, _HEAD_BYTES, 0)
            finally:
                os.close(fd)
        except OSError as error:
            what = REASONS.get(_kind(error)) or f"cannot be read: {error.strerror}"
            raise InputError(path, what) from error
        file = self._opened[path] = File(path, identity(st), bool(st.st_mode & 0o111), linked=True)
        self._read[path] = None
        return file, head

    def read(self, path: HostPath) -> None:
        """The file at `path`, or the link that leads to it, is an input."""
        self._read[path] = None

    def use(self, walk: Walk) -> None:
        """As `read`, of a file and of all links that lead to it."""
        read = self._read
        for hop in walk.hops:
            read[hop.path] = None  # type: ignore[index]  # of the machine's own root

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
                self._seen[directory] = identity(os.fstat(fd))
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
        from ocidiet.model.image import Trace

        absent = (p for p, was in self._seen.items() if was is None and below(p, self.build_tree))
        return Trace(
            tuple(sorted(self._read, key=os.fsencode)),
            tuple(sorted(self._listed, key=os.fsencode)),
            tuple(sorted(absent, key=os.fsencode)),
        )

    def recheck(self) -> None:
        """Raise `InputChanged` for anything that now answers otherwise than when it was asked."""
        for file in self._opened.values():
            OpenFile(file).close()
        for path, was in self._seen.items():
            now: Identity | str | None
            try:
                now = os.readlink(path) if isinstance(was, str) else identity(os.lstat(path))
            except OSError as error:
                now = None
                if was is None or error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EINVAL):
                    continue
            if now != was:
                if was is None:
                    raise InputChanged(path, "appeared while the image was made")
                raise InputChanged(path)


def aligned(size_bytes: int) -> memoryview:
    """A buffer that begins with a page: the kernel copies to and from there in a tenth less time."""
    import mmap

    return memoryview(mmap.mmap(-1, size_bytes, mmap.MAP_PRIVATE))


def _kind(error: OSError) -> str:
    """As `Walk.kind`."""
    return _KINDS.get(error.errno or 0) or ("loop" if error.errno == errno.ELOOP else "failed")


def identity(st: os.stat_result) -> Identity:
    """Of a file, as the kernel tells it."""
    return make(Identity, (st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns))
