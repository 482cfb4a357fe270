"""What the image holds."""

from __future__ import annotations

from ocidiet.model.base import ImagePath, NamedTuple
from ocidiet.model.disk import File
from ocidiet.model.loading import Notice, Program


class Reason(NamedTuple):
    """Why an entry is in the image."""

    rule: str
    needed_by: tuple[str, ...]


class Extra(NamedTuple):
    """One name that `-e` brings in."""

    name: ImagePath
    typeflag: str
    """As in `Entry`."""
    source: File | None
    """A file; or, for a link that was named itself, the file at its end."""
    linkname: str
    """A link's text; where `source` is set, the absolute place that it leads to."""
    reason: Reason


class Entry(NamedTuple):
    """One member of the image; fields as in tar(5)."""

    name: ImagePath
    typeflag: str
    """`0` a file, `2` a symbolic link, `5` a directory."""
    mode: int
    linkname: str
    source: File | None
    """Where a file's bytes come from."""
    reason: Reason

    @property
    def size_bytes(self) -> int:
        """Of the payload; 0 but for files."""
        return self.source.identity.size_bytes if self.source else 0


class Placed(NamedTuple):
    """Where a program went: what the proof starts from."""

    program: Program
    name: ImagePath


class Tree(NamedTuple):
    """The image's entries in the byte order of their names, parents before children."""

    entries: tuple[Entry, ...]
    programs: tuple[Placed, ...]


class Defect(NamedTuple):
    """What is wrong with one file of a finished image."""

    name: ImagePath
    kind: str
    """`interpreter`, `library`, `version`, `script`, `link`, `elf`, `entry`, `command`, `digest`; or `unreadable`, of
    the whole image, without a name."""
    reason: str
    remedy: str


class Verdict(NamedTuple):
    """What there is to say of a finished image."""

    defects: tuple[Defect, ...]
    notices: tuple[Notice, ...]
    programs: int
    """ELF programs, static ones included."""
    libraries: int
    platforms: tuple[str, ...]
    """Of the programs, as `linux/amd64`."""
    libcs: tuple[str, ...]
    """Of the programs, as `glibc 2.36`."""
