"""What the disk answered."""

from __future__ import annotations

import os

from ocidiet.model.base import HostPath, ImagePath, NamedTuple


class Identity(NamedTuple):
    """What tells one state of one file from another, as far as a file system can."""

    dev: int
    ino: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int


class Container:
    """An archive held open, whose members are read in place; closed when nobody knows a member any more."""

    __slots__ = ("fd", "identity", "path")

    def __init__(self, path: HostPath, identity: Identity, fd: int) -> None:
        self.path = path
        self.identity = identity
        self.fd = fd

    def __del__(self) -> None:
        os.close(self.fd)


class File(NamedTuple):
    """A regular file that was looked at."""

    path: HostPath
    identity: Identity
    executable: bool
    """Any of the three x bits."""
    root: HostPath = HostPath("")
    """The directory that no way to `path` may leave; "" for the machine's own root."""
    container: Container | None = None
    """For a member of an archive: `path` then is for messages, and `identity` unlike any other file's."""
    offset_bytes: int = 0
    """Where a member's bytes start in its container."""


class Hop(NamedTuple):
    """One name on the way from a path to its file: directories resolved, the last name not."""

    path: str
    target: str | None
    """A link's text; None at the end of the way."""


class Walk(NamedTuple):
    """A path followed to its end inside a root."""

    path: str
    """As asked for."""
    hops: tuple[Hop, ...]
    """One for each link that the last name leads through, then the end itself."""
    kind: str
    """`file`, `dir`, `special`; or `absent`, `loop`, `denied`, `failed`."""
    reason: str
    """Why there is no file, in words; "" for a file."""
    file: File | None
    """For the kind `file`."""

    @property
    def real(self) -> str:
        """The path with every link resolved."""
        return self.hops[-1].path

    @property
    def spelled(self) -> ImagePath:
        """The path as asked for, as a place in an image. With `..` in it only the real directory is
        sure, so then that."""
        parts = [part for part in self.path.split("/") if part not in ("", ".")]
        return ImagePath(self.hops[0].path[1:] if ".." in parts else "/".join(parts))

    def links(self, name: ImagePath) -> list[tuple[ImagePath, str]]:
        """The links on the way to the end, the first one under `name`: (place, path of its target)."""
        places = [name, *(ImagePath(hop.path[1:]) for hop in self.hops[1:])]
        return list(zip(places, [hop.path for hop in self.hops[1:]], strict=False))


class Trace(NamedTuple):
    """What a run asked of the disk: all that its result depends on."""

    read: tuple[HostPath, ...]
    """Each file that was read, and each link on the way to it."""
    listed: tuple[HostPath, ...]
    """Directories of the root that were searched, and every directory of an extra tree."""
    absent: tuple[HostPath, ...]
    """Names below the build tree that were looked for and are not there."""
