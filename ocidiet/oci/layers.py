"""A `Tree` -> one tree for each layer, by what changes together: the C library, the distribution's libraries,
the project's own, then programs and data.

What a file is follows from the file alone, never from how many there are: a change of one never moves
another, so the digests of all other layers stay. A link lies with what it leads to. Each layer has the
directories above its entries, as an engine would make them with rights of its own.
"""

from __future__ import annotations

import os

from ocidiet.model import TYPE_CHECKING, ImagePath, Rule, Tree, below

if TYPE_CHECKING:
    from collections.abc import Callable

    from ocidiet.model import Entry

KINDS = ("libc", "system", "own", "app")
"""The lowest first."""
_MAX_LINKS = 40
_LIBC: tuple[str, ...] = (
    "ld-",
    "ld.so",
    "ld64.so",
    "libc.so.6",
    "libm.so.6",
    "libmvec.so.1",
    "libpthread.so.0",
    "libdl.so.2",
)
_LIBC += ("librt.so.1", "libutil.so.1", "libresolv.so.2", "libanl.so.1", "libBrokenLocale.so.1", "libthread_db.so.1")
_LIBC += ("libnsl.so.1", "libnss_", "libc_malloc_debug.so.0", "libc.musl-", "libmemusage.so", "libpcprofile.so")


def split(tree: Tree, destdir: str | None, build_tree: str | None, root: str) -> list[tuple[str, Tree]]:
    """The layers that are not empty, each with its kind. The project's libraries are those of `destdir` and
    `build_tree`; what comes from a `root` other than / is the distribution's, wherever that lies."""

    def is_own(path: str) -> bool:
        return below(path, destdir) or (below(path, build_tree) and not (root and below(path, root)))

    entries = {entry.name: entry for entry in tree.entries}
    layers: dict[str, set[ImagePath]] = {kind: set() for kind in KINDS}
    above_others: set[ImagePath] = set()
    for entry in tree.entries:
        if entry.typeflag != "5":
            names = layers[_kind(entry, entries, is_own)]
            names.add(entry.name)
            above = _above(entry.name, entries)
            names |= above
            above_others |= above
    empty = {entry.name for entry in tree.entries if entry.typeflag == "5"} - above_others
    for name in empty:
        layers["app"] |= {name} | _above(name, entries)
    return [
        (kind, Tree(tuple([entry for entry in tree.entries if entry.name in names]), tree.programs))
        for kind, names in layers.items()
        if names
    ]


def _above(name: ImagePath, entries: dict[ImagePath, Entry]) -> set[ImagePath]:
    """The directories that the tree has above `name`."""
    found = set()
    at = name.rfind("/")
    while at > 0:
        found.add(ImagePath(name[:at]))
        at = name.rfind("/", 0, at)
    return found & entries.keys()


def _kind(entry: Entry, entries: dict[ImagePath, Entry], is_own: Callable[[str], bool]) -> str:
    links = 0
    while entry.typeflag == "2" and links < _MAX_LINKS:
        target = os.path.normpath(os.path.join("/", os.path.dirname(entry.name), entry.linkname))
        there = entries.get(ImagePath(target[1:]))
        if there is None or there.typeflag == "5":
            break  # a link that leads out of the layer, or to a directory
        entry, links = there, links + 1
    rule = entry.reason.rule
    if rule in (Rule.PROGRAM, Rule.EXTRA, Rule.CONFIG):
        return "app"
    if rule == Rule.PARENT:
        return "libc" if entry.name.startswith("lib") else "app"
    if rule == Rule.INTERP or entry.name.rpartition("/")[2].startswith(_LIBC):
        return "libc"
    return "own" if entry.source is not None and is_own(entry.source.path) else "system"
