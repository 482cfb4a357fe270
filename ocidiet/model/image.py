"""Making an image: what was asked for, what it depends on, what it holds, and what its proof compares.

Not part of `ocidiet.model` itself: a run that only looks at programs does not import this page.
"""

from __future__ import annotations

from ocidiet.system import TYPE_CHECKING, NamedTuple, os

if TYPE_CHECKING:
    from ocidiet.model import File, HostPath, Identity, ImagePath, Object, Program, Search, Source
    from ocidiet.model.declared import Declared
    from ocidiet.model.oci import Wanted

# What was asked for -------------------------------------------------------------------------------

LAYOUTS = ("portable", "scratch", "merged", "split")
"""How links between directories are spelled in the image; `tree.layout` has each."""
MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""Directories that are links to those of the same name in /usr, where /usr is merged."""


class Places(NamedTuple):
    """Where things go that do not keep their path."""

    build_tree: HostPath | None
    """What is found below it does not carry its path into the image."""
    layout: str = "portable"
    """One of `LAYOUTS`; without effect where the base is known."""
    library_dir: str = ""
    """Where the build tree's libraries go, absolute; "" for the loader's first default directory."""


class Request(NamedTuple):
    """All that a run is asked for: no room reads argv, the environment or the working directory."""

    tar: HostPath
    """The output as spelled; `-` is standard output; "" where only `image` is asked for."""
    binaries: tuple[Source, ...]
    extras: tuple[Source, ...]
    root: HostPath
    """"" for the machine's own root, else a directory without a trailing slash."""
    places: Places
    search: Search
    mtime_s: int
    """Of every entry; 0 to 8**11 - 1 (what a ustar header holds)."""
    depfile: HostPath | None
    depfile_target: str
    depfile_style: str
    """`gcc`, read alike by Make, Ninja and Meson; `make`, for GNU Make alone; `cmake`, read by CMake too."""
    keep_mtime: bool
    verbose: int
    """How often -v was given."""
    destdir: HostPath | None = None
    """An installed tree, laid over the root."""
    base: HostPath | None = None
    """The image that this one is a layer over: a directory, a tar, an OCI layout or archive."""
    image: Wanted | None = None
    """Beside the tar or instead of it."""
    root_image: HostPath | None = None
    """An image in the root's place: a tar, an OCI layout or archive, and what else `base` may be."""
    layers: tuple[tuple[str, HostPath], ...] = ()
    """Instead of `tar`: (kind, output), in the order of `tree.layers.KINDS`."""
    beside: tuple[tuple[str, HostPath], ...] = ()
    """What else is told of the image, each to its file: (`report`, `mtree` or `closure`, output)."""
    declared: Declared | None = None
    """All that may be looked at; None for whatever the machine has."""


# What the disk answered ---------------------------------------------------------------------------


class Container:
    """An archive held open, whose members are read in place; closed when nobody knows a member any more."""

    __slots__ = ("fd", "identity", "path")

    def __init__(self, path: HostPath, identity: Identity, fd: int) -> None:
        self.path = path
        self.identity = identity
        self.fd = fd

    def __del__(self) -> None:
        os.close(self.fd)


class Trace(NamedTuple):
    """What a run asked of the disk: all that its result depends on."""

    read: tuple[HostPath, ...]
    """Each file that was read, and each link on the way to it."""
    listed: tuple[HostPath, ...]
    """Directories of the root that were searched, and every directory of an extra tree."""
    absent: tuple[HostPath, ...]
    """Names below the build tree that were looked for and are not there."""


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
