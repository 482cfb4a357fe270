"""How links between directories are spelled: where an entry asked for at a place really stands.

`Portable`, for a base that is not known, must do right by `ADD image.tar /` on an empty base, on one
with a real /lib, and on one whose /lib is a link to usr/lib. So files stand at canonical paths; a name
that must exist literally (the interpreter, a script's /bin/sh, what the user spelled) stands there
too, and no directory entry is made where a base may hold a link. The same tar is no image layer:
stacked, not added, it would hide such a link. The other layouts are for layers: `Merged`, `Split` and
`Scratch` by name, `OnBase` as a known base has it.
"""

from __future__ import annotations

from ocidiet.errors import PlaceConflict
from ocidiet.fs import OpenFile
from ocidiet.model import MERGED, TYPE_CHECKING, ImagePath, Rule
from ocidiet.tree.askers import told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocidiet.fs import Root
    from ocidiet.model import Entry, File

# Directories that some base image holds as a link to another.
MAYBE_LINKS = frozenset(
    "bin sbin lib lib32 lib64 libx32 usr/sbin usr/lib32 usr/lib64 usr/libx32 var/run var/lock".split()  # noqa: SIM905
)
# Names that are one place on some base: a link from one to another could come to point at itself.
_ONE_PLACE = (
    ("usr/sbin/", "bin/"),
    ("usr/bin/", "bin/"),
    ("sbin/", "bin/"),
    ("usr/lib64/", "lib/"),
    ("usr/lib32/", "lib32/"),
    ("usr/libx32/", "libx32/"),
    ("usr/lib/", "lib/"),
    ("lib64/", "lib/"),
    ("var/run/", "run/"),
    ("var/lock/", "run/lock/"),
)


def one_place(name: str) -> str:
    """One spelling for all names that may be the same place on some base."""
    for prefix, stands_for in _ONE_PLACE:
        if name.startswith(prefix):
            return stands_for + name[len(prefix) :]
    return name


def normal(path: str) -> str:
    """Absolute `path` without `.`, `..` and doubled slashes, taken as text."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def end(name: str, text: str) -> ImagePath:
    """The place to which a link at `name` leads."""
    return ImagePath(normal(text if text.startswith("/") else f"/{name}/../{text}")[1:])


class Layout:
    """Names are places in the image; a subclass is one layout."""

    has_cache = False
    """Whether the image may bring an ld.so.cache of its own."""

    def settle(self, name: ImagePath) -> ImagePath:
        """Where an entry asked for at `name` stands."""
        return name

    def same(self, name: str, other: str) -> bool:
        """Whether two settled names are, or may be, one place."""
        return name == other

    def refuses(self, name: ImagePath, typeflag: str) -> str:
        """Why no entry of this type may stand at the settled `name`; "" where it may."""
        del name, typeflag
        return ""

    def brings(self, directory: ImagePath) -> bool:
        """Whether the image has an entry for a directory that something stands in."""
        del directory
        return True

    def stands(self, entry: Entry) -> bool:
        """Whether the base has this file or link already. Raises `PlaceConflict` where it has another, and
        nobody asked for the place."""
        del entry
        return False

    def may_be_link(self, directory: str) -> bool:
        """Whether a directory may be a link where the image is used: no way leads out of it by `..`."""
        del directory
        return False

    def links(self) -> Iterator[tuple[ImagePath, str]]:
        """Links between directories that the image brings itself: (name, text)."""
        return iter(())

    def text(self, name: str, target: str) -> str:
        """The text of a link at `name` to `target`, both places in the image: relative where it stays
        right even if a directory above `name` is a link, else absolute."""
        above = name.split("/")[:-1]
        to = target.split("/")
        shared = 0
        while shared < min(len(above), len(to) - 1) and above[shared] == to[shared]:
            shared += 1
        climbed = ("/".join(above[:n]) for n in range(shared + 1, len(above) + 1))
        if any(map(self.may_be_link, climbed)):
            return "/" + target
        return "/".join([".."] * (len(above) - shared) + to[shared:])


class Portable(Layout):
    """For `ADD` to any base."""

    def same(self, name: str, other: str) -> bool:
        return one_place(name) == one_place(other)

    def refuses(self, name: ImagePath, typeflag: str) -> str:
        return f"/{name} would hide a directory of a base image" if name in MAYBE_LINKS and typeflag != "5" else ""

    def brings(self, directory: ImagePath) -> bool:
        return directory not in MAYBE_LINKS

    def may_be_link(self, directory: str) -> bool:
        return directory in MAYBE_LINKS


class Split(Layout):
    """A layer over a base with real directories /bin and /lib."""

    def refuses(self, name: ImagePath, typeflag: str) -> str:
        return f"/{name} would hide a directory of the base image" if name in MERGED and typeflag != "5" else ""


class Merged(Layout):
    """A layer over a base whose /bin, /lib and their like are links into /usr."""

    def __init__(self) -> None:
        self._moved = {name: f"usr/{name}" for name in MERGED}

    def settle(self, name: ImagePath) -> ImagePath:
        top, slash, rest = name.partition("/")
        return ImagePath(f"{self._moved[top]}/{rest}") if slash and top in self._moved else name

    def refuses(self, name: ImagePath, typeflag: str) -> str:
        return f"/{name} would hide a link of the base image" if name in self._moved and typeflag != "5" else ""

    def brings(self, directory: ImagePath) -> bool:
        return directory not in self._moved

    def stands(self, entry: Entry) -> bool:
        return entry.typeflag == "2" and self._moved.get(entry.name) == end(entry.name, entry.linkname)


class Scratch(Merged):
    """A whole image: the links between directories are those of the root, where something needs them."""

    has_cache = True

    def __init__(self, root: Root) -> None:
        ends = {name: root.directory(f"/{name}") for name in MERGED if root.look(f"/{name}").kind == "link"}
        self._moved = {name: end.real[1:] for name, end in ends.items() if end.kind == "dir"}
        self._used: set[str] = set()

    def settle(self, name: ImagePath) -> ImagePath:
        settled = super().settle(name)
        if settled != name or name in self._moved:
            self._used.add(name.partition("/")[0])
        return settled

    def refuses(self, name: ImagePath, typeflag: str) -> str:
        del name, typeflag
        return ""  # there is no base image

    def stands(self, entry: Entry) -> bool:
        del entry
        return False

    def links(self) -> Iterator[tuple[ImagePath, str]]:
        return ((ImagePath(name), self._moved[name]) for name in sorted(self._used))


class OnBase(Layout):
    """A layer over a known base, written through that base's own links between directories."""

    def __init__(self, base: Root) -> None:
        self._base = base
        self.has_cache = base.walk("/etc/ld.so.cache").kind == "absent"

    def settle(self, name: ImagePath) -> ImagePath:
        parts = name.split("/")
        for count in range(len(parts) - 1, 0, -1):
            there = self._base.directory("/" + "/".join(parts[:count]))
            if there.kind == "dir":
                return ImagePath("/".join([*there.real[1:].split("/"), *parts[count:]]).lstrip("/"))
        return name

    def refuses(self, name: ImagePath, typeflag: str) -> str:
        kind = self._base.look(f"/{name}").kind
        if kind == "absent" or (kind == "dir") == (typeflag == "5"):
            # A link to a directory is a directory to all that use it.
            is_way = kind == "link" and self._base.directory(f"/{name}").kind == "dir"
            return f"/{name} is a link of the base image to a directory, and would be replaced" if is_way else ""
        return f"/{name} is a {_KINDS.get(kind, kind)} of the base image, and would be replaced"

    def brings(self, directory: ImagePath) -> bool:
        return self._base.directory(f"/{directory}").kind != "dir"

    def stands(self, entry: Entry) -> bool:
        path = f"/{entry.name}"
        look = self._base.look(path)
        text = look.target if look.kind == "link" and entry.source is None else None
        if text is not None and end(entry.name, text) == end(entry.name, entry.linkname):
            return True
        if look.kind not in ("file", "link") or entry.reason.rule in Rule.ASKED_FOR:
            return False
        there = self._base.walk(path).file
        if entry.source is None or there is None or not _same_bytes(there, entry.source):
            conflict = PlaceConflict(entry.name, (self._base.spell(path), "the base image's"), told(entry))
            conflict.hint = "--library-dir puts the build tree's libraries elsewhere"
            raise conflict
        return True


def _same_bytes(one: File, other: File, at_once: int = 1 << 20) -> bool:
    size = one.identity.size_bytes
    if size != other.identity.size_bytes:
        return False
    with OpenFile(one) as a, OpenFile(other) as b:
        return all(a.pread(at_once, at) == b.pread(at_once, at) for at in range(0, size, at_once))


_KINDS = {"dir": "directory", "special": "device or socket"}


def layout_of(name: str, root: Root, base: Root | None) -> Layout:
    """The layout of this name, or what a known `base` asks for."""
    if base is not None:
        return OnBase(base)
    if name == "scratch":
        return Scratch(root)
    return {"portable": Portable, "merged": Merged, "split": Split}[name]()
