"""`Closure` and extra files -> sorted `Tree`: decides every place in the image.

The layout is *portable*: `ADD image.tar /` must do right on an empty base, on one with a real /lib,
and on one whose /lib is a link to usr/lib. So files stand at canonical paths; a name that must exist
literally (the interpreter, a script's /bin/sh, what the user spelled) stands there too, and no
directory entry is made where a base may hold a link. The same tar is no image layer: stacked, not
added, it would hide such a link.
"""

from __future__ import annotations

import os

from ocidiet.errors import InputError, PlaceConflict
from ocidiet.model import (
    TYPE_CHECKING,
    Entry,
    Extra,
    File,
    ImagePath,
    Object,
    Placed,
    Program,
    Reason,
    Rule,
    Source,
    Tree,
    below,
)
from ocidiet.search import expand, tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ocidiet.fs import Root

MODE_PROGRAM, MODE_FILE, MODE_DIR, MODE_LINK = 0o755, 0o644, 0o755, 0o777
# As every base has them: `ADD` gives a directory that is there the mode of its entry.
_MODES_OF_DIRS = {"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700}

# Directories that some base image holds as a link to another.
MAYBE_LINKS = frozenset(
    "bin sbin lib lib32 lib64 libx32 usr/sbin usr/lib32 usr/lib64 usr/libx32 var/run var/lock".split()  # noqa: SIM905
)
_USR_MERGED = ("bin/", "sbin/", "lib/", "lib32/", "lib64/", "libx32/")
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


def link_text(name: str, target: str) -> str:
    """The text of a link at `name` to `target`, both places in the image: relative where it stays
    right even if a directory above `name` is a link, else absolute."""
    above = name.split("/")[:-1]
    to = target.split("/")
    shared = 0
    while shared < min(len(above), len(to) - 1) and above[shared] == to[shared]:
        shared += 1
    climbed = ("/".join(above[:n]) for n in range(shared + 1, len(above) + 1))
    if any(directory in MAYBE_LINKS for directory in climbed):
        return "/" + target
    return "/".join([".."] * (len(above) - shared) + to[shared:])


def normal(path: str) -> str:
    """Absolute `path` without `.`, `..` and doubled slashes, taken as text."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


class _Builder:
    def __init__(self, root: Root, build_tree: str | None, askers: dict[object, dict[str, None]]) -> None:
        self.root = root
        self.build_tree = build_tree
        self.askers = askers
        self.entries: dict[str, Entry] = {}
        # What a file or link in the image leads to, and the first place of each file.
        self.leads: dict[str, object] = {}
        self.first: dict[object, ImagePath] = {}

    def put(self, name: ImagePath, typeflag: str, source: File | None, text: str, lead: object, why: Reason) -> None:
        if name in MAYBE_LINKS and typeflag == "5":
            return
        asked = (*why.needed_by, f"/{name}")[0]
        if name in MAYBE_LINKS:
            raise InputError(asked, f"/{name} would hide a directory of a base image")
        if name.rpartition("/")[2].startswith(".wh."):
            raise InputError(asked, f"/{name} would delete files of a base image")
        mode = {"2": MODE_LINK, "5": _MODES_OF_DIRS.get(name, MODE_DIR)}.get(typeflag, MODE_FILE)
        if source is not None and source.executable:
            mode = MODE_PROGRAM
        entry = Entry(name, typeflag, mode, text, source, why)
        there = self.entries.get(name)
        if there is None:
            self.entries[name] = entry
            self.leads[name] = lead
        elif typeflag == "5" and there.typeflag == "5":
            return
        elif self.leads[name] != lead and (typeflag, text) != ("2", there.linkname):
            raise PlaceConflict(name, _told(there), _told(entry))

    def file(self, name: ImagePath, file: File, why: Reason) -> ImagePath:
        """Place `file`; a second name of it is a link to the first. Returns where the bytes are."""
        lead = file.identity[:2]
        first = self.first.setdefault(lead, name)
        if first == name or one_place(first) == one_place(name):
            self.put(name, "0", file, "", lead, why)
            return name
        self.put(name, "2", None, link_text(name, first), lead, why)
        return first

    def link(self, name: ImagePath, target: str, file: File, why: Reason) -> None:
        """A link at `name` to the absolute place `target`, or `file` itself where a link could not stand."""
        to = target[1:]
        if one_place(name) == one_place(to):
            if name != to:
                self.put(name, "0", file, "", file.identity[:2], why)
            return
        self.put(name, "2", None, link_text(name, to), file.identity[:2], why)

    def why(self, found: Object) -> Reason:
        return Reason(found.rule, tuple(self.askers[_asked(found)]))

    # Programs ---------------------------------------------------------------------------------

    def program(self, source: Source, program: Program) -> Placed:
        walk, why = program.main.walk, Reason(Rule.PROGRAM, (source.text,))
        file = program.main.file
        if source.dest is not None:
            name = source.dest
            if not name:
                raise InputError(source.text, "a program needs a file's name for its place")
        else:
            name = walk.spelled
            for link, target in walk.links(name):
                self.link(link, target, file, why)
                name = ImagePath(target[1:])
        name = self.file(name, file, why)
        # Where the image's loader will open each object: `$ORIGIN` counts from there.
        opened = {id(program.main): "/" + name}
        if program.interp is not None:
            self.kept(program.interp, (), self.why(program.interp))
            opened[id(program.interp)] = program.interp.path
        for found in program.objects:
            opened[id(found)] = self.library(found, program, opened)
        return Placed(program, name)

    def library(self, found: Object, program: Program, opened: dict[int, str]) -> str:
        why = self.why(found)
        if found.owner is not None and "ORIGIN" in found.item:
            beside = opened[id(found.owner)].rpartition("/")[0] or "/"
            values = tokens(beside, program.default_dirs, found.owner.facts.machine)
            place = expand(found.item, values)
            if place != expand(found.item, {**values, "ORIGIN": "$ORIGIN"}):
                place = normal(place if found.rule == Rule.ABSOLUTE else f"{place}/{found.name}")
                stays = place in (normal(found.path), found.walk.hops[0].path)
                if stays and not below(place, self.build_tree):
                    return self.kept(found, program.default_dirs, why)
                self.file(ImagePath(place[1:]), found.file, why)
                return place
        if below(found.walk.hops[0].path, self.build_tree) and found.rule != Rule.ABSOLUTE:
            place = f"{self.default_dir(program.default_dirs)}/{found.name}"
            self.file(ImagePath(place[1:]), found.file, why)
            return place
        return self.kept(found, program.default_dirs, why)

    def kept(self, found: Object, default_dirs: tuple[str, ...], why: Reason) -> str:
        """Place what keeps its path in the root; returns the path by which the loader will open it."""
        walk = found.walk
        canonical, literal = walk.hops[0].path, normal(walk.path)
        if found.rule in (Rule.LD_SO_CACHE, Rule.DEFAULT):
            usable = [f"{directory}/{found.name}" for directory in default_dirs]
            wanted = next((path for path in (canonical, literal) if path in usable), None)
            wanted = wanted or f"{self.default_dir(default_dirs)}/{found.name}"
        else:
            wanted = literal
        file = found.file
        real = self.file(ImagePath(walk.real[1:]), file, why)
        if wanted == canonical or found.rule != Rule.INTERP:
            for link, target in walk.links(ImagePath(canonical[1:])):
                self.link(link, target, file, why)
        if wanted != canonical:
            self.link(ImagePath(wanted[1:]), "/" + real, file, why)
        return wanted

    def default_dir(self, default_dirs: tuple[str, ...]) -> str:
        """The first default directory of the image's loader, in its canonical spelling if that is
        one of them too. Libraries of the build tree go there, and links to those that only an
        ld.so.cache tells of."""
        first = default_dirs[0]
        there = self.root.directory(first)
        return there.real if there.kind == "dir" and there.real in default_dirs else first

    # Extra files ------------------------------------------------------------------------------

    def extra(self, extra: Extra) -> None:
        name, source = extra.name, extra.source
        if source is None:
            self.put(name, extra.typeflag, None, extra.linkname, extra.linkname, extra.reason)
        elif extra.typeflag == "2":
            self.link(name, extra.linkname, source, extra.reason)
        else:
            self.put(name, "0", source, "", source.identity[:2], extra.reason)

    def parents(self) -> None:
        for name, entry in list(self.entries.items()):
            above = name.rpartition("/")[0]
            while above:
                there = self.entries.get(above)
                if there is None:
                    self.put(ImagePath(above), "5", None, "", None, Reason(Rule.PARENT, ()))
                elif there.typeflag != "5":
                    raise PlaceConflict(above, _told(there), (name, "needs a directory there"))
                above = above.rpartition("/")[0]
            if name.startswith(_USR_MERGED):
                twin = "usr/" + name
                if twin in self.entries and self.leads[twin] != self.leads[name] and entry.typeflag != "5":
                    raise PlaceConflict(name, _told(entry), _told(self.entries[twin]))


def _told(entry: Entry) -> tuple[str, str]:
    who = ", ".join(entry.reason.needed_by)
    what = entry.source.path if entry.source else f"link to {entry.linkname}" if entry.linkname else "directory"
    return what, f"{entry.reason.rule} {who}".strip()


def _asked(found: Object) -> object:
    return found.rule == Rule.INTERP, found.file.identity[:2]


def _askers(programs: Iterable[tuple[Source, Program]]) -> dict[object, dict[str, None]]:
    """For each library the names of those that need it, for each interpreter its programs', in order."""
    askers: dict[object, dict[str, None]] = {}
    for source, program in programs:
        main = (source.dest or program.main.walk.spelled).rpartition("/")[2]
        if program.interp is not None:
            askers.setdefault(_asked(program.interp), {})[main] = None
        for by, _, found in program.edges:
            if found is not program.interp:
                name = main if by is program.main else by.name.rpartition("/")[2]
                askers.setdefault(_asked(found), {})[name] = None
    return askers


def assemble(
    programs: Sequence[tuple[Source, Program]], added: Iterable[Extra], root: Root, build_tree: str | None
) -> Tree:
    """The image's tree. Raises `PlaceConflict` for two files in one place, `InputError` for a name
    that an image must not hold."""
    builder = _Builder(root, build_tree, _askers(programs))
    placed = tuple([builder.program(source, program) for source, program in programs])
    for extra in added:
        builder.extra(extra)
    builder.parents()
    entries = sorted(builder.entries.values(), key=lambda entry: os.fsencode(entry.name))
    return Tree(tuple(entries), placed)
