"""Read access to a root, and the record of what was asked of it.

A root answers for one name space of absolute paths, as path_resolution(7) has it after chroot(2):
an absolute link starts again at the root, `..` stays inside it, more than 40 links are too many.
`DiskRoot` is a directory of the machine, `image.ImageRoot` a finished image; `verify` has one that is an
assembled image. Page `disk` holds what is the kernel's.

Links are read and walked here; the kernel is never asked to follow one inside a sysroot, not even one
that is put in a directory's place between two calls, nor a link of procfs, whose text is not its end.
"""

from __future__ import annotations

from ocidiet.fs.disk import REASONS, Held, Look, OpenFile, Record, aligned, made
from ocidiet.model import TYPE_CHECKING, Hop, HostPath, Walk, below
from ocidiet.system import errno, make, os

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocidiet.model import File

__all__ = ["MAX_LINKS", "DiskRoot", "Held", "Look", "OpenFile", "Record", "Root", "aligned", "made"]

MAX_LINKS = 40
_MAX_PATH_BYTES = 4095  # PATH_MAX counts the NUL behind it
_THERE = ("file", "link")


class Root:
    """One name space of absolute paths; a subclass says what stands under a name."""

    is_sysroot = False
    """Whether it is a tree of another machine, in which perhaps nothing ever ran."""
    is_read_sparingly = False
    """Whether what is read of it is told, so that what is not read may change unseen."""
    staged: Root | None = None
    """What is laid over it, and no ldconfig has seen."""

    def __init__(self) -> None:
        self._directories: dict[str, Walk] = {}
        self._walks: dict[str, Walk] = {}
        # Where each directory is, without a trailing slash, and by how many links, itself counted; and those in which
        # a name was looked up.
        self._bases: dict[str, tuple[str, int]] = {}
        self._searched: set[str] = set()

    def look(self, path: str) -> Look:
        """What stands at `path`, whose directory holds no link."""
        raise NotImplementedError

    def opened(self, path: str) -> File | None:
        """The file at `path`, whose directory holds no link, opened to be read next; None where it is no file, or must
        be looked at."""
        del path
        return None

    def left_open(self, file: File) -> OpenFile | None:
        """`file`, if `opened` has left it open; it is the caller's to close."""
        del file
        return None

    def link(self, path: str) -> str:
        """The text of the link at `path`, whose directory holds no link, if it is cheaper to learn than by `look`;
        else ""."""
        del path
        return ""

    def list(self, path: str) -> Iterator[str]:
        """The names in directory `path`, which holds no link, in byte order."""
        raise NotImplementedError

    def host_path(self, path: str) -> HostPath:
        """Where the machine has `path`, whose directory holds no link."""
        raise NotImplementedError

    def spell(self, path: str) -> str:
        """Where a user finds `path`; for messages."""
        return path

    def searched(self, directory: str) -> None:
        """Told of each directory in which a name was looked up."""

    def use(self, walk: Walk) -> None:
        """Told of each file that is read: it and the links to it are inputs."""

    def use_one(self, path: str) -> None:
        """As `use`, of the file or link at `path`, whose directory holds no link."""

    def walk(self, path: str, renewed: bool = False, linked: bool = False, opened: bool = False) -> Walk:
        """Absolute `path` followed to its end, once; what it meets is in the answer, nothing is raised.

        `renewed` tells of a file that has a new mtime whenever it changes: while it exists, its
        directory is not an input. Two matters of speed: `linked` tells that most likely a link is there, `opened` that
        the file at the end is read next.
        """
        walk = self._walks.get(path)
        if walk is None or renewed:
            walk = self._walks[path] = self._follow(path, renewed, linked, opened)
        return walk

    def _follow(self, path: str, renewed: bool, linked: bool, opened: bool) -> Walk:
        asked, links = path, 0
        hops: tuple[Hop, ...] = ()
        if len(path) > _MAX_PATH_BYTES // 4 and len(os.fsencode(path)) > _MAX_PATH_BYTES:
            return Walk(asked, (Hop(path, None),), "failed", os.strerror(errno.ENAMETOOLONG).lower(), None)
        parent, _, name = path.rpartition("/")
        while True:
            if name in ("", ".", ".."):
                end = self.directory(path)
                return Walk(asked, (*hops, Hop(end.real, None)), end.kind, end.reason, None)
            known = self._bases.get(parent)
            if known is None:
                above = self.directory(parent)
                if above.kind != "dir":
                    return Walk(asked, (*hops, Hop(above.real, None)), above.kind, above.reason, None)
                known = self._bases[parent] = (above.real.rstrip("/"), len(above.hops))
            base, hops_above = known
            here = path if base == parent else f"{base}/{name}"
            if linked and (target := self.link(here)):
                kind, linked = "link", False
            elif opened and (file := self.opened(here)) is not None:
                kind, reason = "file", ""
            else:
                kind, target, file, reason = self.look(here)
                reason = reason or REASONS.get(kind, "")
            if base not in self._searched and not (renewed and kind in _THERE):
                self._searched.add(base)
                self.searched(base or "/")
            if kind != "link":
                hops += (make(Hop, (here, None)),)
                return make(Walk, (asked, hops, kind, reason, file))
            links += hops_above
            if links > MAX_LINKS:
                return Walk(asked, (*hops, Hop(here, None)), "loop", REASONS["loop"], None)
            hops += (make(Hop, (here, target)),)
            if "/" in target:
                path = target if target.startswith("/") else f"{base}/{target}"
                parent, _, name = path.rpartition("/")
            else:
                path, parent, name = f"{base}/{target}", base, target

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
        above = self._directories.get(path.rpartition("/")[0])
        if above is not None and above.kind == "dir":
            base, hops, pending = above.real.rstrip("/"), [*above.hops[:-1]], pending[:1]
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
                reason = look.why if kind == look.kind else REASONS["loop"]
                if kind == "absent":
                    reason = "no such directory"
                return Walk(path, (*hops, Hop(here, None)), kind, reason, None)
            hops.append(Hop(here, look.target))
            pending += look.target.split("/")[::-1]
            if look.target.startswith("/"):
                base = ""
        return Walk(path, (*hops, Hop(base or "/", None)), "dir", REASONS["dir"], None)


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
        if not prefix:
            # No path of the machine's own is translated: what is asked of each file goes there at once.
            self.look, self.link, self.opened = record.look, record.link, record.opened  # type: ignore[method-assign, assignment]
            self.left_open, self.use, self.use_one = record.left_open, record.use, record.read  # type: ignore[method-assign, assignment]
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
        for path, _ in walk.hops:
            self.use_one(path)

    def use_one(self, path: str) -> None:
        self._record.read(self.host_path(path))

    def list(self, path: str) -> Iterator[str]:
        """The names in directory `path`, which holds no link, in byte order."""
        host = self.host_path(path)
        return iter(self._record.names(host, self._held if host != path else None))
