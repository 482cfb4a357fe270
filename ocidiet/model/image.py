"""What an image holds, and what its proof compares.

Not part of `ocidiet.model` itself: a run that only looks at programs does not import this page.
"""

from __future__ import annotations

from ocidiet.system import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ocidiet.model import File, ImagePath, Object, Program

# What the image holds -----------------------------------------------------------------------------


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


# What its proof compares --------------------------------------------------------------------------


class Versions(NamedTuple):
    """The symbol versions that an ELF file needs and provides: by their hash in the file, as the loader knows them."""

    needs: tuple[tuple[str, frozenset[int]], ...]
    """By file (DT_VERNEED), the versions that must not be absent."""
    provides: frozenset[int] | None
    """DT_VERDEF; None without one: the loader then asks for none."""


class Lack(NamedTuple):
    """A symbol version that `needed_by` must have of `found`, which does not provide it."""

    needed_by: Object
    version: str
    found: Object
    newest: str
    """Of the same family, the newest version that `found` provides; "" if it knows none."""
    symbol: str
    """One that needs it."""
