"""`Closure` and extra files -> sorted `Tree`: decides every place in the image.

What comes from the root keeps the path under which its loader found it; what comes from the build
tree leaves the checkout's path behind. How links between directories are spelled is `layout`'s matter.
"""

from __future__ import annotations

from ocidiet.errors import InputError, shown
from ocidiet.fs import MAX_LINKS, made
from ocidiet.model import TYPE_CHECKING, File, HostPath, ImagePath, Object, Program, Rule, Source, Walk, below
from ocidiet.model.image import Entry, Extra, Placed, Places, Reason, Tree
from ocidiet.search import moved
from ocidiet.system import os
from ocidiet.tree.layout import (
    Layout,
    asked,
    askers_of,
    conflict,
    end,
    layout_of,
    normal,
    place_in,
    skip_defaults,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ocidiet.fs import Root

MODE_PROGRAM, MODE_FILE, MODE_DIR, MODE_LINK = 0o755, 0o644, 0o755, 0o777
# As every base has them: `ADD` gives a directory that is there the mode of its entry.
_MODES_OF_DIRS = {"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700}


class _Taken(Exception):
    """A file must stand where a link was to serve in the place of a cache."""


class _Builder:
    def __init__(
        self,
        root: Root,
        places: Places,
        layout: Layout,
        askers: dict[object, dict[str, None]],
        only: set[str] | None,
        taken: set[str],
    ) -> None:
        self.root = root
        self.places = places
        self.layout = layout
        self.askers = askers
        self.only = only
        self.entries: dict[str, Entry] = {}
        # Links that were taken as they are, by their place: perhaps one is to a directory.
        self.ways: dict[str, ImagePath] = {}
        # What a file or link in the image leads to (a text, if taken as it is), and the first place of each file.
        self.leads: dict[str, object] = {}
        self.first: dict[object, ImagePath] = {}
        # What the image's own ld.so.cache must tell of: (name, path, subdirectory) and whose it is.
        self.cached: dict[tuple[str, str, str], Object] = {}
        self.no_defaults: set[int] = set()
        # Where links stand in the place of a cache, and where none can, because a file will.
        self.reaching: set[str] = set()
        self.taken = taken

    def settle(self, name: ImagePath) -> ImagePath:
        """Where an entry asked for at `name` stands: no directory above it is a link."""
        name, links = self.layout.settle(name), 0
        at = name.find("/")
        while at >= 0:
            way = self.ways.get(name[:at])
            if way is not None and links < MAX_LINKS:
                name, links = self.layout.settle(ImagePath((way + name[at:]).lstrip("/"))), links + 1
                at = -1
            at = name.find("/", at + 1)
        return name

    def lead(self, name: str, lead: object) -> object:
        """To what a `lead` at `name` leads, whatever links are on the way."""
        for _ in range(MAX_LINKS):
            if not isinstance(lead, str):
                break
            name = self.settle(end(name, lead))
            following = self.leads.get(name)
            if following is None:
                break
            lead = following
        return lead

    def put(self, name: ImagePath, typeflag: str, source: File | None, text: str, lead: object, why: Reason) -> None:
        if typeflag == "5" and not self.layout.brings(name):
            return
        mode = {"2": MODE_LINK, "5": _MODES_OF_DIRS.get(name, MODE_DIR)}.get(typeflag, MODE_FILE)
        if source is not None and source.executable:
            mode = MODE_PROGRAM
        entry = Entry(name, typeflag, mode, text, source, why)
        if typeflag != "5" and self.layout.stands(entry):
            return
        refused = self.layout.refuses(name, typeflag)
        if name.rpartition("/")[2].startswith(".wh."):
            refused = f"/{name} would delete files of a base image"
        if refused:
            raise InputError((*why.needed_by, f"/{name}")[0], refused)
        there = self.entries.get(name)
        if there is None:
            self.entries[name] = entry
            self.leads[name] = lead
        elif typeflag == "5" and there.typeflag == "5":
            return
        elif self.lead(name, self.leads[name]) != self.lead(name, lead) and (typeflag, text) != ("2", there.linkname):
            if name in self.reaching and self.layout.has_cache:
                raise _Taken(name)
            raise conflict(name, told(there), told(entry))

    def file(self, name: ImagePath, file: File, why: Reason) -> ImagePath:
        """Place `file`; a second name of it is a link to the first. Returns where the bytes are."""
        name = self.settle(name)
        lead = file.identity[:2]
        first = self.first.setdefault(lead, name)
        if first == name or self.layout.same(first, name):
            self.put(name, "0", file, "", lead, why)
            return name
        self.put(name, "2", None, self.layout.text(name, first), lead, why)
        there = self.entries.get(name)
        return name if there is not None and there.typeflag == "0" else first

    def link(self, name: ImagePath, target: str, file: File, why: Reason) -> None:
        """A link at `name` to the absolute place `target`, or `file` itself where a link could not stand."""
        name, to = self.settle(name), self.settle(ImagePath(target[1:]))
        if self.layout.same(name, to):
            if name != to:
                self.put(name, "0", file, "", file.identity[:2], why)
            return
        self.put(name, "2", None, self.layout.text(name, to), file.identity[:2], why)

    def why(self, found: Object) -> Reason:
        return Reason(found.rule, tuple(self.askers[asked(found)]))

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
        self.objects(program, "/" + name)
        return Placed(program, name)

    def interp(self, found: Object) -> None:
        if self.comes(found):
            walk = found.walk
            wanted = normal(walk.path)
            self.literal(walk, wanted, self.why(found), links=wanted == walk.hops[0].path)

    def comes(self, found: Object) -> bool:
        """Whether what the root has comes along: no base serves it."""
        return self.only is None or found.name in self.only

    def objects(self, program: Program, main: str) -> None:
        """All that the program at `main` needs."""
        for part in (program, *program.levels):
            self.no_defaults = skip_defaults(part)
            # Where the image's loader will open each object: `$ORIGIN` counts from there.
            opened = {id(part.main): main}
            if part.interp is not None:
                self.interp(part.interp)
                opened[id(part.interp)] = part.interp.path
            for found in part.owners_first():
                opened[id(found)] = self.library(found, part, opened)
            for config in part.configs if part.interp is None or self.comes(part.interp) else ():
                self.literal(config.walk, config.walk.path, Reason(Rule.CONFIG, (config.needed_by,)))
        for run in program.runs:
            path = run.main.path
            if self.only is not None and not self.only & {path, path.rpartition("/")[2]}:
                continue  # the base has it
            self.literal(run.main.walk, run.main.path, Reason(Rule.SCRIPT, (main,)))
            self.objects(run, run.main.path)

    def library(self, found: Object, program: Program, opened: dict[int, str]) -> str:
        """Place a library; returns the path by which the image's loader will open it."""
        why = self.why(found)
        real = found.walk.hops[0].path
        of_build = below(real, self.places.build_tree)
        if not of_build and not self.comes(found):
            return found.path
        if found.owner is not None:
            beside = opened[id(found.owner)].rpartition("/")[0] or "/"
            place = moved(found, beside, program.lib)
            if place is not None:
                place = normal(place)
                # What lies beside a program that is put elsewhere goes along with it.
                moves = found.owner.rule == Rule.PROGRAM and place not in (normal(found.path), real)
                if of_build or moves or below(place, self.places.build_tree):
                    self.file(ImagePath(place[1:]), found.file, why)
                    return place
                return self.literal(found.walk, place, why)
        if of_build and found.rule != Rule.ABSOLUTE:
            directory = self.places.library_dir or self.default_dir(found, program)
            place = place_in(directory, found)
            self.file(ImagePath(place[1:]), found.file, why)
            return place if directory in program.default_dirs else self.reached(found, program, place, why)
        return self.kept(found, program, why)

    def kept(self, found: Object, program: Program, why: Reason) -> str:
        """Place what keeps its path in the root; returns the path by which the loader will open it."""
        walk = found.walk
        canonical, literal = walk.hops[0].path, normal(walk.path)
        if found.rule not in (Rule.LIBRARY_PATH, Rule.LD_SO_CACHE, Rule.DEFAULT):
            return self.literal(walk, literal, why)
        usable = [place_in(directory, found) for directory in program.default_dirs]
        wanted = next((path for path in (canonical, literal) if path in usable), None)
        if wanted is not None and id(found) not in self.no_defaults:
            return self.literal(walk, wanted, why)
        self.literal(walk, canonical, why)
        return self.reached(found, program, canonical, why)

    def literal(self, walk: Walk, wanted: str, why: Reason, links: bool = True) -> str:
        """Place a file of the root, to be opened as `wanted`; with the `links` on the way to it."""
        file = walk.file
        assert file is not None
        canonical = walk.hops[0].path
        real = self.file(ImagePath(walk.real[1:]), file, why)
        if links:
            for link, target in walk.links(ImagePath(canonical[1:])):
                self.link(link, target, file, why)
        if wanted != canonical:
            self.link(ImagePath(wanted[1:]), "/" + real, file, why)
        return wanted

    def reached(self, found: Object, program: Program, place: str, why: Reason) -> str:
        """See to it that the loader, which would not look there, finds what stands at `place`: by a link
        in a default directory, or where that cannot serve by an ld.so.cache. Returns the path that it
        opens."""
        wanted = place_in(self.default_dir(found, program), found)
        facts = found.facts
        origin = any("ORIGIN" in (text or "") for text in (facts.rpath, facts.runpath))
        name = self.settle(ImagePath(wanted[1:]))
        there = self.lead(name, self.leads.get(name))
        taken = name in self.taken or (there is not None and there != found.file.identity[:2])
        if taken or id(found) in self.no_defaults or (origin and self.layout.has_cache):
            self.cached[found.name, place, found.subdir] = found
            return place
        self.reaching.add(name)
        self.link(ImagePath(wanted[1:]), "/" + self.first[found.file.identity[:2]], found.file, why)
        return wanted

    def default_dir(self, found: Object, program: Program) -> str:
        """The first default directory of the image's loader, in its canonical spelling if that is
        one of them too. Libraries of the build tree go there, and links to those that only an
        ld.so.cache tells of. Raises `InputError` where there is none to find the library in."""
        if not program.default_dirs:
            lists = " and ".join([self.root.spell(config.walk.path) for config in program.configs])
            what = f"the image's loader would look for it nowhere: {shown(lists)} names no directory"
            raise InputError(found.file.path, what, "name one there, one a line")
        first = program.default_dirs[0]
        there = self.root.directory(first)
        return there.real if there.kind == "dir" and there.real in program.default_dirs else first

    def cache(self) -> None:
        """The image's own ld.so.cache, for exactly the libraries that need it."""
        if not self.cached:
            return
        found = next(iter(self.cached.values()))
        if not self.layout.has_cache:
            raise InputError(
                self.root.spell(found.path),
                "only an ld.so.cache could tell the image's loader of it, and a base image may have its own",
                "write the image with --layout scratch, or link what needs the library with an rpath",
            )
        from ocidiet.ldcache.written import CacheEntry, render

        entries = [
            CacheEntry(
                name,
                "/" + self.settle(ImagePath(place[1:])),
                of.facts.machine,
                of.facts.bits,
                subdir.rpartition("/")[2],
            )
            for (name, place, subdir), of in self.cached.items()
        ]
        source = made(HostPath("/etc/ld.so.cache"), render(entries, found.facts.little_endian))
        why = Reason(Rule.CONFIG, tuple(dict.fromkeys(f.name for f in self.cached.values())))
        self.put(self.settle(ImagePath("etc/ld.so.cache")), "0", source, "", source.identity[:2], why)

    # Extra files ------------------------------------------------------------------------------

    def extra(self, extra: Extra) -> None:
        name, source = extra.name, extra.source
        if source is not None and extra.typeflag == "2":
            self.link(name, extra.linkname, source, extra.reason)
            return
        lead = source.identity[:2] if source is not None else extra.linkname
        self.put(self.settle(name), extra.typeflag, source, extra.linkname, lead, extra.reason)

    def parents(self) -> None:
        for link, text in self.layout.links():
            self.put(link, "2", None, text, text, Reason(Rule.PARENT, ()))
        for name, entry in list(self.entries.items()):
            above = name.rpartition("/")[0]
            while above:
                there = self.entries.get(above)
                if there is None:
                    self.put(ImagePath(above), "5", None, "", None, Reason(Rule.PARENT, ()))
                elif there.typeflag != "5":
                    raise conflict(above, told(there), (name, "needs a directory there"))
                above = above.rpartition("/")[0]
            twin = self.entries.get("usr/" + name)
            if twin is None or entry.typeflag == "5" or not self.layout.same(name, twin.name):
                continue
            if self.lead(twin.name, self.leads[twin.name]) != self.lead(name, self.leads[name]):
                raise conflict(name, told(entry), told(twin))


def assemble(
    programs: Sequence[tuple[Source, Program]],
    added: Iterable[Extra],
    root: Root,
    places: Places,
    base: Root | None = None,
    only: set[str] | None = None,
) -> Tree:
    """The image's tree. With a `base` it is a layer over that; `only` are then the names of libraries and
    interpreters that come along, those of the build tree always do. Raises `PlaceConflict` for two
    files in one place, `InputError` for a name that an image must not hold."""
    added, askers, taken = list(added), askers_of(programs), set[str]()
    installed = [extra for extra in added if extra.reason.rule == Rule.INSTALLED]
    while True:
        builder = _Builder(root, places, layout_of(places.layout, root, base), askers, only, taken)
        try:
            builder.ways.update(
                (builder.layout.settle(extra.name), end(extra.name, extra.linkname))
                for extra in added
                if extra.typeflag == "2" and extra.source is None
            )
            # An installed tree comes as it is, links and hard links too.
            for extra in installed:
                builder.extra(extra)
            placed = tuple([builder.program(source, program) for source, program in programs])
            for extra in added[len(installed) :]:
                builder.extra(extra)
            builder.cache()
            builder.parents()
            break
        except _Taken as conflict:
            taken.add(str(conflict))
    entries = sorted(builder.entries.values(), key=lambda entry: os.fsencode(entry.name))
    return Tree(tuple(entries), placed)
