"""Every value that crosses a room: what the other rooms take and give.

Page one for a newcomer: what programs are asked for, and what the disk answered. Page `loading` is what an ELF file
says and what its loader makes of it, `image` what making an image takes. Values never change once made; names are
the field's own (gABI, tar, OCI, Make); units stand in the name. Strings that came from the file system or
from an ELF file are decoded with `os.fsdecode`, so that any byte survives.
"""

from __future__ import annotations

from ocidiet.model.loading import (
    Closure,
    Config,
    ElfFacts,
    Lookup,
    Notice,
    Object,
    Priority,
    Probe,
    Program,
    ReachedBy,
    Rule,
)
from ocidiet.system import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import NewType

    from ocidiet.model.image import Container

    # Three kinds of path that look alike and are not.
    HostPath = NewType("HostPath", str)
    """A path as the build machine's kernel is asked for it."""
    ImagePath = NewType("ImagePath", str)
    """A path inside the image: no leading, trailing or double `/`, no `.` or `..`."""
    DepName = NewType("DepName", str)
    """A name as a Makefile spells it, escaped."""
else:
    HostPath = ImagePath = DepName = str

__all__ = [
    "TYPE_CHECKING",
    "Closure",
    "Config",
    "DepName",
    "ElfFacts",
    "File",
    "Hop",
    "HostPath",
    "Identity",
    "ImagePath",
    "Lookup",
    "NamedTuple",
    "Notice",
    "Object",
    "Priority",
    "Probe",
    "Program",
    "ReachedBy",
    "Rule",
    "Search",
    "Source",
    "Walk",
    "below",
]

# What was asked for -------------------------------------------------------------------------------


class Source(NamedTuple):
    """One value of `-b` or `-e`, taken apart."""

    text: str
    """As the user spelled it."""
    name: str
    """The SRC of it; for messages."""
    path: str
    """Absolute; on the build machine, or inside the root where `in_root`."""
    in_root: bool
    dest: ImagePath | None
    """The place that `:DEST` names; "" is the image's own root (for a directory's contents)."""


class Search(NamedTuple):
    """What a loader is told beside the files; never read from the process's own environment."""

    cwd: HostPath
    """What an empty or relative item of a path list counts from."""
    library_path: str = ""
    """As LD_LIBRARY_PATH: divided by `:` or `;`."""
    preload: str = ""
    """As LD_PRELOAD: divided by `:` or spaces."""
    hwcaps: tuple[str, ...] | None = None
    """The subdirectories of glibc-hwcaps that count, beside the baseline; None is all of them."""
    dlopen: str = "recommended"
    """The least priority of a dlopen note that is followed: one of `Priority.ALL`, or `none`."""
    assume_ldconfig: bool | None = None
    """Whether a root without ld.so.cache is read as ldconfig would leave it; None: if it is not `/`
    and has an ld.so.conf."""


# What the disk answered ---------------------------------------------------------------------------


class Identity(NamedTuple):
    """What tells one state of one file from another, as far as a file system can."""

    dev: int
    ino: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int


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
    sets_id: bool = False
    """It runs with the rights of its owner or group (S_ISUID, S_ISGID)."""
    linked: bool = False
    """The way to `path` may lead through links: a build system's, whose sandbox is made of them."""


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


def below(path: str, directory: str | None) -> bool:
    """Whether `path` is `directory` or lies under it; both absolute, without links and `..`."""
    return directory is not None and (path == directory or path.startswith(directory.rstrip("/") + "/"))
