"""A `Tree` -> one tree for each layer, by what changes together: the C library, the distribution's libraries,
the project's own, then programs and data.

What a file is follows from the file alone, never from how many there are: a change of one never moves
another, so the digests of all other layers stay. A link lies with what it leads to. Each layer has the
directories above its entries, as an engine would make them with rights of its own.
"""

from __future__ import annotations

from ocidiet.model import TYPE_CHECKING, ImagePath, Rule, below
from ocidiet.model.image import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ocidiet.model import File
    from ocidiet.model.image import Entry

    IsOwn = Callable[[File], bool]

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
# As before 2.34.
_LIBC += tuple([f"{name.partition('.')[0]}-2." for name in _LIBC if name.startswith("lib")])
_LIBC += ("libnsl.so.1", "libnss_", "libc_malloc_debug.so.0", "libc.musl-", "libmemusage.so", "libpcprofile.so")


def of_project(destdir: str | None, build_tree: str | None, root: str, declared: Iterable[str] = ()) -> IsOwn:
    """Whether a file is the project's: of `destdir`, of `build_tree`, or one of the build's that are `declared`. What
    comes from a `root` other than / is the distribution's, wherever that lies."""
    paths = {*declared}

    def is_own(file: File) -> bool:
        path = file.path
        if file.container is not None:
            return False
        if file.linked:
            return path in paths
        return below(path, destdir) or (below(path, build_tree) and not (root and below(path, root)))

    return is_own


def split(tree: Tree, is_own: IsOwn) -> list[tuple[str, Tree]]:
    """The layers that are not empty, each with its kind."""
    return [(kind, layer) for kind, layer in into(tree, KINDS, is_own) if layer.entries]


def into(tree: Tree, kinds: Sequence[str], is_own: IsOwn) -> list[tuple[str, Tree]]:
    """A layer, empty perhaps, for each of `kinds`, which are in their order: what is of another kind goes into the
    next that is there, or else into the last."""
    takes = {}
    for kind in KINDS:
        behind = [one for one in kinds if KINDS.index(one) >= KINDS.index(kind)]
        takes[kind] = behind[0] if behind else kinds[-1]
    entries = {entry.name: entry for entry in tree.entries}
    layers: dict[str, set[ImagePath]] = {kind: set() for kind in kinds}
    above_others: set[ImagePath] = set()
    for entry in tree.entries:
        if entry.typeflag != "5":
            names = layers[takes[_kind(entry, entries, is_own)]]
            names.add(entry.name)
            above = _above(entry.name, entries)
            names |= above
            above_others |= above
    empty = {entry.name for entry in tree.entries if entry.typeflag == "5"} - above_others
    for name in empty:
        layers[takes["app"]] |= {name} | _above(name, entries)
    return [
        (kind, Tree(tuple([entry for entry in tree.entries if entry.name in names]), tree.programs))
        for kind, names in layers.items()
    ]


def _above(name: ImagePath, entries: dict[ImagePath, Entry]) -> set[ImagePath]:
    """The directories that the tree has above `name`."""
    found = set()
    at = name.rfind("/")
    while at > 0:
        found.add(ImagePath(name[:at]))
        at = name.rfind("/", 0, at)
    return found & entries.keys()


def _end(link: Entry) -> ImagePath:
    """Where a link leads to, by its text."""
    parts = [] if link.linkname.startswith("/") else link.name.split("/")[:-1]
    for part in link.linkname.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return ImagePath("/".join(parts))


def _kind(entry: Entry, entries: dict[ImagePath, Entry], is_own: IsOwn) -> str:
    links = 0
    while entry.typeflag == "2" and links < _MAX_LINKS:
        there = entries.get(_end(entry))
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
    return "own" if entry.source is not None and is_own(entry.source) else "system"
