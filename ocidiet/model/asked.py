"""What was asked for."""

from __future__ import annotations

from ocidiet.model.base import TYPE_CHECKING, HostPath, ImagePath, NamedTuple

if TYPE_CHECKING:
    from ocidiet.model.oci import Wanted


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
