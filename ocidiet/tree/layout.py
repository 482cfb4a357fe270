"""How links between directories are spelled: where an entry asked for at a place really stands.

`Portable`, for a base that is not known, must do right by `ADD image.tar /` on an empty base, on one
with a real /lib, and on one whose /lib is a link to usr/lib. So files stand at canonical paths; a name
that must exist literally (the interpreter, a script's /bin/sh, what the user spelled) stands there
too, and no directory entry is made where a base may hold a link. The same tar is no image layer:
stacked, not added, it would hide such a link. The other layouts, which page `bases` has, are for layers.

Behind the layouts: who asks for what is in an image, for its reasons.
"""

from __future__ import annotations

from ocidiet.model import TYPE_CHECKING, ImagePath, Rule
from ocidiet.search import DF_1_NODEFLIB

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ocidiet.errors.places import PlaceConflict
    from ocidiet.fs import Root
    from ocidiet.model import Object, Program, Source
    from ocidiet.model.image import Entry

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


def layout_of(name: str, root: Root, base: Root | None) -> Layout:
    """The layout of this name, or what a known `base` asks for."""
    if base is None and name == "portable":
        return Portable()
    from ocidiet.tree import bases

    if base is not None:
        return bases.OnBase(base)
    return bases.Scratch(root) if name == "scratch" else {"merged": bases.Merged, "split": bases.Split}[name]()


# Who asks for what ---------------------------------------------------------------------------------


def place_in(directory: str, found: Object) -> str:
    """Where a loader looks for `found` in `directory`."""
    return "/".join(part for part in (directory, found.subdir, found.name) if part)


def skip_defaults(program: Program) -> set[int]:
    """The objects, by `id`, that are asked for by one who looks into no default directory (DF_1_NODEFLIB)."""
    if not any(by.facts.flags_1 & DF_1_NODEFLIB for by in (program.main, *program.objects)):
        return set()
    found = (found for by, _, found in program.edges if by.facts.flags_1 & DF_1_NODEFLIB)
    return {id(one) for one in found if one.rule == Rule.LD_SO_CACHE}


def asked(found: Object) -> object:
    """What tells `found` from others in the table of `askers_of`."""
    return found.rule == Rule.INTERP, found.file.identity[:2]


def askers_of(programs: Iterable[tuple[Source, Program]]) -> dict[object, dict[str, None]]:
    """For each library the names of those that need it, for each interpreter its programs', in order."""
    askers: dict[object, dict[str, None]] = {}
    for source, program in programs:
        main = (source.dest or program.main.walk.spelled).rpartition("/")[2]
        for part in program.parts():
            if part.interp is not None:
                askers.setdefault(asked(part.interp), {})[main] = None
            for by, _, found in part.edges:
                if found is not part.interp:
                    name = main if by is program.main else by.name.rpartition("/")[2]
                    askers.setdefault(asked(found), {})[name] = None
    return askers


def told(entry: Entry) -> tuple[str, str]:
    """What stands there, and why; for messages."""
    who = ", ".join(entry.reason.needed_by)
    what = entry.source.path if entry.source else f"link to {entry.linkname}" if entry.linkname else "directory"
    return what, f"{entry.reason.rule} {who}".strip()


def conflict(name: str, first: tuple[str, str], second: tuple[str, str]) -> PlaceConflict:
    """The error for two things in one place, each as `told`."""
    from ocidiet.errors.places import PlaceConflict

    return PlaceConflict(name, first, second)
