"""The proof: an image's own tree is a root in which each of its programs resolves again.

Accepts or refuses; never changes the tree. Page `image` judges finished images, made by any tool.
"""

from __future__ import annotations

from ocidiet.closure import Facts, Resolver
from ocidiet.errors import BadElf, OcidietError, shown
from ocidiet.fs import Look, Root
from ocidiet.model import TYPE_CHECKING, Closure, HostPath, Program, Search, Walk
from ocidiet.model.image import MERGED, Lack, Tree

if TYPE_CHECKING:
    from ocidiet.model import Lookup, Object
    from ocidiet.model.image import Entry


_DIR, _ABSENT = Look("dir"), Look("absent")


class TreeRoot(Root):
    """An assembled image as a root: names from the tree, else from the base that it is a layer over;
    bytes from where they will come."""

    def __init__(self, tree: Tree, base: Root | None = None) -> None:
        super().__init__()
        self._base = base
        self._entries: dict[str, Entry] = {"/" + entry.name: entry for entry in tree.entries}
        self._implied: set[str] = set()
        for entry in tree.entries:
            above = "/" + entry.name
            while (above := above.rpartition("/")[0]) and above not in self._implied:
                self._implied.add(above)

    def look(self, path: str) -> Look:
        entry = self._entries.get(path)
        if entry is None:
            if path in self._implied:
                return _DIR
            return _ABSENT if self._base is None else self._base.look(path)
        if entry.typeflag == "2":
            return Look("link", entry.linkname)
        return _DIR if entry.typeflag == "5" else Look("file", "", entry.source)


class MergedRoot(Root):
    """What the layout `merged` counts on: a base whose /bin, /lib and their like are links into /usr."""

    def look(self, path: str) -> Look:
        name = path[1:]
        if name in MERGED:
            return Look("link", f"usr/{name}")
        return _DIR if name == "usr" or name.removeprefix("usr/") in MERGED else _ABSENT


def check(tree: Tree, facts: Facts, search: Search, base: Root | None = None) -> None:
    """Raise an `OcidietError` unless every program of `tree` finds, inside the image, the very
    files that it was meant to have, or for those that stay away the base's. `facts` and `search` are
    those of the walk that made the tree; no LD_LIBRARY_PATH is set inside."""
    root, resolver, named = _inside(tree, facts, search, base)
    inside = resolver.resolve(named)
    missing: dict[str, list[Lookup]] = {}
    for placed, proven in zip(tree.programs, inside.programs, strict=True):
        # What a library went without then, it may go without here: who opens it will have it loaded.
        excused = {lookup.name for lookup in Closure((placed.program,)).missing}
        lookups = [lookup for lookup in Closure((proven,)).missing if lookup.name not in excused]
        if lookups:
            missing[f"/{placed.name}"] = lookups
    if missing:
        from ocidiet.errors.lacks import MissingLibraries

        told = [lookup for lookups in missing.values() for lookup in lookups]
        raise MissingLibraries(told, [*missing], " inside the image", root.spell)
    ours = {entry.source.identity[:2] for entry in tree.entries if entry.source is not None}
    for placed, proven in zip(tree.programs, inside.programs, strict=True):
        meant, served = _served(placed.program), _served(proven)
        for key in meant:
            if meant[key] == served.get(key) or key[0] not in ours or (base is not None and meant[key][0] not in ours):
                continue
            other = served.get(key, (None, "nothing"))[1]
            raise OcidietError(
                f"/{shown(placed.name)}: would load another {shown(key[1])} inside the image",
                (f"meant: {shown(meant[key][1])}", f"found: {shown(other)}"),
                "give the program or the library another place with SRC:DEST",
            )
    judge = Judge(facts)
    lacks = {placed.name: judge.lacks(proven) for placed, proven in zip(tree.programs, inside.programs, strict=True)}
    if any(lacks.values()):
        from ocidiet.errors.lacks import LackingVersions

        found = dict.fromkeys(lack for of_one in lacks.values() for lack in of_one)
        raise LackingVersions(tuple(found), [f"/{name}" for name, of_one in lacks.items() if of_one])


def lacking(tree: Tree, facts: Facts, search: Search, base: Root) -> set[str]:
    """The names of libraries and interpreters that neither `tree` nor the `base` below it serves."""
    _, resolver, named = _inside(tree, facts, search, base)
    inside = resolver.resolve(named)
    names = {lookup.name for lookup in inside.missing}
    for placed, proven in zip(tree.programs, inside.programs, strict=True):
        started = {_started(part, proven): part for part in proven.parts()}
        for part in placed.program.parts():
            inner = started.get(_started(part, placed.program))
            if inner is not None:  # else what it would ask for is not known yet
                names |= {name for _, name, _ in part.edges} - {name for _, name, _ in inner.edges}
    return names


def _started(part: Program, program: Program) -> tuple[str, str]:
    """What tells one part of a program from another, wherever it lies: what a script starts, and the level."""
    return "" if part.main is program.main else part.main.path, part.level


def _inside(
    tree: Tree, facts: Facts, search: Search, base: Root | None
) -> tuple[Root, Resolver, list[tuple[str, Walk]]]:
    root = TreeRoot(tree, base)
    alone = Search(HostPath("/"), "", search.preload, search.hwcaps, search.dlopen, False)
    named = [("/" + placed.name, root.walk("/" + placed.name)) for placed in tree.programs]
    return root, Resolver(root, facts, alone), named


def _served(program: Program) -> dict[tuple[object, str, str], tuple[object, str]]:
    """(who asks, name, level) -> (file, path). A file is its inode: a second name of it is the same file."""
    served: dict[tuple[object, str, str], tuple[object, str]] = {}
    for part in program.parts():
        files = {
            id(found): (found.file.identity[:2], found.file.path)
            for found in (part.main, part.interp, *part.objects)
            if found is not None
        }
        for by, name, found in part.edges:
            if id(by) in files:
                served[files[id(by)][0], name, part.level] = files[id(found)]
    return served


# Symbol versions --------------------------------------------------------------------------------


class Judge:
    """Looks at programs: what each object needs of another is provided by what is loaded; a lack is told once.

    Law: glibc's elf/dl-version.c. An object that provides no versions at all satisfies every need (the loader
    says so aloud, and goes on); musl's loader compares none.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._known: dict[tuple[object, object], tuple[Lack, ...]] = {}
        self.unversioned: dict[tuple[str, str], None] = {}
        """Paths of who needs versions, and of the object that provides none at all."""

    def lacks(self, program: Program) -> list[Lack]:
        """The versions for which loaders, on whatever CPU, would refuse `program`."""
        return [lack for part in program.parts() if part.lib for lack in self._part(part)]

    def _part(self, program: Program) -> list[Lack]:
        objects = [found for found in (program.main, program.interp, *program.objects) if found is not None]
        served = {name: found for _, name, found in reversed(program.edges)}
        for found in objects:
            if found.facts.soname:
                served.setdefault(found.facts.soname, found)
        lacks: list[Lack] = []
        for by in objects:
            try:
                for file, versions in self._facts.versions(by).needs:
                    # A file that was not found is told as such.
                    if file in served:
                        lacks += self._pair(by, served[file], file, versions)
            except BadElf:
                pass  # tables that lead nowhere: nothing can be said of them
        return lacks

    def _pair(self, by: Object, found: Object, file: str, versions: frozenset[int]) -> tuple[Lack, ...]:
        provides = self._facts.versions(found).provides
        if provides is None:
            self.unversioned[by.path, found.path] = None
            return ()
        if versions <= provides:
            return ()
        key = (by.file.identity, found.file.identity)
        known = self._known.get(key)
        if known is None:
            absent = sorted(versions - provides)
            known = self._known[key] = tuple([self._told(by, found, file, hashed) for hashed in absent])
        return known

    def _told(self, by: Object, found: Object, file: str, hashed: int) -> Lack:
        version, symbol = self._facts.version_needed(by, file, hashed)
        family = version.partition("_")[0]
        kin = [name for name in self._facts.versions_provided(found) if name.partition("_")[0] == family]
        return Lack(by, version, found, max(kin, key=number, default=""), symbol)


def number(version: str) -> list[int]:
    """What orders the versions of one family: `GLIBC_2.9` before `GLIBC_2.36`."""
    parts = version.rpartition("_")[2].split(".")
    return [int(part) if part.isascii() and part.isdigit() and len(part) < 9 else -1 for part in parts]
