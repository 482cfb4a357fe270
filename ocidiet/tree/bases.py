"""Layouts for a base that is known, by name or by itself: of layers, and of whole images. As `layout` has them."""

from __future__ import annotations

from ocidiet.fs import OpenFile
from ocidiet.model import TYPE_CHECKING, ImagePath, Rule
from ocidiet.model.image import MERGED
from ocidiet.tree.layout import Layout, conflict, end, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocidiet.fs import Root
    from ocidiet.model import File
    from ocidiet.model.image import Entry


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
            error = conflict(entry.name, (self._base.spell(path), "the base image's"), told(entry))
            error.hint = "--library-dir puts the build tree's libraries elsewhere"
            raise error
        return True


def _same_bytes(one: File, other: File, at_once: int = 1 << 20) -> bool:
    size = one.identity.size_bytes
    if size != other.identity.size_bytes:
        return False
    with OpenFile(one) as a, OpenFile(other) as b:
        return all(a.pread(at_once, at) == b.pread(at_once, at) for at in range(0, size, at_once))


_KINDS = {"dir": "directory", "special": "device or socket"}
