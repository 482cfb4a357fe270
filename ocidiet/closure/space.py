"""One program's name space, filled as its loader fills it.

Law: glibc's elf/dl-deps.c (`_dl_map_object_deps`) and elf/rtld.c; musl's ldso/dynlink.c,
`load_deps`. Beyond what starts the program: dlopen notes (UAPI, "ELF dlopen metadata") and
libgcc_s.so.1, which glibc opens by itself.
"""

from __future__ import annotations

from ocidiet.errors import BadElf, InputError, shown
from ocidiet.model import TYPE_CHECKING, Lookup, Notice, Object, Priority, Program, ReachedBy, Rule
from ocidiet.system import make

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocidiet.closure import Facts
    from ocidiet.model import Config, File
    from ocidiet.model.loading import Asked
    from ocidiet.search import Loader

    Shape = tuple[dict[str, Object], dict[tuple[int, int], Object], list[Object], Asked, list[Asked], set[str]]
    """What all programs have in their space that need the same, and whose own path lists have no part in it: what
    serves which name, what is mapped, the objects, what the program itself asks for, what the libraries ask for, and
    `Space.better`."""

# What is missing is told with each place that was tried: a hostile file asks for millions of them.
_MAX_IN_VAIN = 200_000
_SILENT = "silent"
_NEEDED = ReachedBy.NEEDED
_STARTING = (_NEEDED, ReachedBy.INTERP, ReachedBy.SCRIPT)
_LIBC, _LIBGCC_S = "libc.so.6", "libgcc_s.so.1"


class Space:
    """What a program's loader maps on a CPU of `level`: filled when made."""

    def __init__(
        self,
        main: Object,
        interp: Object,
        loader: Loader,
        facts: Facts,
        dlopen: str,
        preloads: Sequence[str],
        alike: dict[tuple[Loader, tuple[str, ...], str], Space],
        level: str = "",
    ) -> None:
        """`alike` are of programs before."""
        self.better: set[str] = set()
        self.notices: dict[Notice, None] = {}
        self._main = main
        self._interp = interp
        self._loader = loader
        self._facts = facts
        self._level = level
        self._objects: list[Object] = []
        self._asked: list[Asked] = []
        self._missing: list[Lookup] = []
        self._in_vain = 0
        self._made: Shape | None = None
        self._start()
        queue = [main]
        for name in preloads:
            asker = main if loader.follows_glibc else interp
            self._ask_one(name, asker, ReachedBy.PRELOAD, queue, "to be preloaded")
        needed = main.facts.needed
        shared = loader.known(main, level) is not None and not (preloads or main.facts.soname or main.facts.filters)
        before = alike.get((loader, needed, level)) if shared else None
        shape = before.shape() if before is not None else None
        if shape is not None and main.file.identity[:2] not in shape[1]:
            self._fill(shape)
        else:
            self._walk(queue)
            if shared and shape is None and not (self._missing or self.notices):
                starting = (self._served, self._mapped, len(self._objects), len(self._asked), set(self.better))
                self._starting: tuple[dict[str, Object], dict[tuple[int, int], Object], int, int, set[str]] = starting
                alike[loader, needed, level] = self
        if dlopen in Priority.ALL:
            self._notes(Priority.ALL[: Priority.ALL.index(dlopen) + 1])
            if dlopen != Priority.REQUIRED and loader.follows_glibc:
                self._unwinder()
        if main.facts.audit or main.facts.depaudit:
            self._audits()

    def files(self) -> set[tuple[str, File]]:
        """What is mapped, and by what path."""
        return {(found.path, found.file) for found in self._objects}

    def program(self, configs: tuple[Config, ...] = (), levels: tuple[Program, ...] = ()) -> Program:
        """The space as a value."""
        loader, missing = self._loader, tuple(self._missing)
        objects, asked = tuple(self._objects), tuple(self._asked)
        told = (loader.default_dirs, loader.lib, missing, configs, levels, (), self._level)
        return make(Program, (self._main, self._interp, objects, asked, *told))

    def _start(self) -> None:
        self._served: dict[str, Object] = {}
        self._mapped: dict[tuple[int, int], Object] = {}
        # The program's own name is empty to the loader: it serves by its SONAME alone.
        main = self._main
        self._mapped[main.file.identity[:2]] = main
        if self._loader.follows_glibc and main.facts.soname:
            self._served[main.facts.soname] = main
        self._add(self._interp)

    def _add(self, found: Object) -> Object:
        file = found.walk.file
        assert file is not None
        mapped = self._mapped.setdefault(file.identity[:2], found)
        served = self._served
        for name in self._loader.names(found, mapped):
            served.setdefault(name, mapped)
        return mapped

    def _walk(self, queue: list[Object]) -> None:
        serving, loader, level = self._served.get, self._loader, self._level
        for at, by in enumerate(queue):  # which grows meanwhile: breadth first
            facts = by.facts
            if facts.filters and loader.follows_glibc:
                self._filter(by, queue, at)
                continue
            names, spelt = facts.needed, None
            served: list[Object | None] = []
            for name in names:
                found = serving(name)
                if found is None:
                    known = loader.known(by, level)
                    # Most of what many programs ask for was found in another one's space.
                    if known is not None and name in known and by.reached_by in _STARTING:
                        found = known[name]
                        self._take(found, queue)
                    elif (spelled := loader.spelled(name, by)) is not None:
                        if spelled != name:
                            spelt = spelt or [*names]
                            spelt[len(served)] = spelled
                            found = serving(spelled)
                        found = found or self._ask(spelled, by, _NEEDED, queue, "", known)
                served.append(found)
            self._asked.append((by, spelt or names, served))

    def _fill(self, shape: Shape) -> None:
        self._served, self._mapped, objects, first, asked, better = shape
        self._objects += objects
        self._asked += [(self._main, *first[1:]), *asked]
        self.better.update(better)

    def shape(self) -> Shape | None:
        """What starts the program, unless something in it is its alone: made for the second one that needs the same."""
        if self._made is None:
            main = self._main
            served, mapped, objects, asked, better = self._starting
            first, *rest = self._asked[:asked]
            alone = any(found.owner is not None for found in first[2] if found is not None)
            if alone or any(found is main for found in served.values()):
                return None
            mapped = {key: found for key, found in mapped.items() if found is not main}
            self._made = (served, mapped, self._objects[:objects], first, rest, better)
        return self._made

    def _filter(self, by: Object, queue: list[Object], at: int) -> None:
        """A filter's libraries come before itself, and so before what else waits."""
        facts = by.facts
        first: list[Object] = []
        rest: list[Object] = []
        for position in range(len(facts.needed) + 1):
            for asked in facts.filters:
                absent, asks = "" if asked.required else _SILENT, len(self._asked)
                if asked.position == position and self._ask_one(asked.name, by, ReachedBy.FILTER, first, absent):
                    for _, _, (filtee,) in self._asked[asks:]:  # none for a name that no file serves
                        self._put_before(by, filtee)
            if position < len(facts.needed):
                self._ask_one(facts.needed[position], by, ReachedBy.NEEDED, rest)
        queue[at + 1 : at + 1] = first
        queue += rest

    def _put_before(self, by: Object, filtee: Object | None) -> None:
        objects = self._objects
        place = {id(found): at for at, found in enumerate(objects)}
        at, there = place.get(id(by), 0), place.get(id(filtee), -1)
        if there > at:
            objects.insert(at, objects.pop(there))

    def _ask_one(self, name: str, by: Object, reached_by: str, queue: list[Object], absent: str = "") -> bool:
        """`by` asks for `name`: whether it is served. `absent` is what to say where it may be absent."""
        spelled = self._loader.spelled(name, by)
        if spelled is None:
            return True
        found = self._served.get(spelled)
        found = found or self._ask(spelled, by, reached_by, queue, absent, self._loader.known(by, self._level))
        if found is None:
            return False
        self._asked.append((by, (spelled,), (found,)))
        return True

    def _ask(
        self,
        name: str,
        by: Object,
        reached_by: str,
        queue: list[Object],
        absent: str,
        known: dict[str, Object] | None,
    ) -> Object | None:
        """What serves `name`, which nothing does so far; `known` is what the loader knows for `by` already."""
        served = self._loader.serve(name, by, self._main, self._level, known)
        if not isinstance(served, Object):
            self._in_vain += len(served.probes)
            if self._in_vain > _MAX_IN_VAIN:
                raise InputError(self._main.name, f"looks in vain in more than {_MAX_IN_VAIN} places")
            if not absent:
                self._missing.append(served)
            elif absent != _SILENT:
                self._notice(f"{name}: not found, {absent}: the loader goes on without it")
            return None
        found = served
        if found is not self._interp:
            if reached_by == _NEEDED and by.reached_by not in _STARTING:
                reached_by = by.reached_by
            if reached_by != _NEEDED:
                found = make(Object, (*served[:-2], reached_by, served.tried))
            if found.owner is not None and not found.item.startswith(("/", "$")):
                self._told_by_chance(found)
            self._take(found, queue)
        return found

    def _take(self, found: Object, queue: list[Object]) -> None:
        if found.better:
            self.better.update(found.better)
        self._objects.append(found)
        if self._add(found) is found:
            queue.append(found)

    def _told_by_chance(self, found: Object) -> None:
        if found.rule in (Rule.RPATH, Rule.RUNPATH) and found.owner is not None:
            item = f"'{found.item}'" if found.item else "the empty item"
            self._notice(f"{found.owner.path}: {item} of its {found.rule} counts from the working directory")

    def _notice(self, text: str, warning: bool = True) -> None:
        self.notices[Notice(shown(text), warning)] = None

    # Beyond what starts the program ---------------------------------------------------------------

    def _audits(self) -> None:
        """The audit modules of the program, each in a name space of its own (elf/rtld.c)."""
        facts = self._main.facts
        names = f"{facts.audit or ''}:{facts.depaudit or ''}".split(":")
        for name in filter(None, names if self._loader.follows_glibc else ()):
            self._start()
            if self._try(name, self._main, ReachedBy.AUDIT, []) is not None:
                self._notice(f"{name}: not found, an audit module of {self._main.name}: the loader goes on without it")

    def _try(self, name: str, by: Object, reached_by: str, queue: list[Object]) -> list[Lookup] | None:
        """Load `name` and all that it needs, or nothing: then what is missing."""
        before = (self._served, self._mapped, len(self._objects), len(self._asked), len(self._missing))
        # What was there may be a shape's.
        self._served = dict(self._served)
        self._mapped = {self._main.file.identity[:2]: self._main, **self._mapped}
        if self._ask_one(name, by, reached_by, queue):
            self._walk(queue)
        missing = self._missing[before[4] :]
        if not missing:
            return None
        self._served, self._mapped = before[0], before[1]
        del self._objects[before[2] :], self._asked[before[3] :], self._missing[before[4] :]
        return missing

    def _notes(self, wanted: Sequence[str]) -> None:
        carriers = [found for found in (self._main, *self._objects) if found.facts.dlopen_notes]
        if not carriers:
            return
        from ocidiet.elf import notes as elf_notes

        read: set[tuple[int, int]] = set()
        for by in carriers:  # which grow meanwhile
            file = by.file.identity[:2]
            if file in read:
                continue  # opened again by a path, of which musl keeps no name
            read.add(file)
            for text in by.facts.dlopen_notes:
                try:
                    notes = elf_notes.dlopen_note(text)
                except BadElf as error:
                    self._notice(f"{by.path}: {error.message}")
                    continue
                for note in notes:
                    if note.priority not in wanted:
                        continue
                    count = len(self._objects)
                    missing: list[Lookup] = []
                    for soname in note.sonames:
                        # musl looks for what anybody opens with the program's own paths.
                        asker = by if self._loader.follows_glibc else self._main
                        lacks = self._try(soname, asker, ReachedBy.DLOPEN_NOTE, [])
                        if lacks is None:
                            missing = []
                            break
                        missing += lacks
                    carriers += self._objects[count:]
                    if missing and note.priority == Priority.REQUIRED:
                        self._missing += missing
                    elif missing:
                        names = " or ".join(note.sonames)
                        what = f"{by.path}: {names} not found, {note.priority} by its dlopen note"
                        self._notice(what, note.priority == Priority.RECOMMENDED)

    def _unwinder(self) -> None:
        libc = self._served.get(_LIBC)
        if libc is None or _LIBGCC_S in self._served:
            return
        by = self._facts.unwinder([found for found in (self._main, *self._objects) if found is not libc])
        if by is not None and self._try(_LIBGCC_S, libc, ReachedBy.LIBGCC_S, []) is not None:
            self._notice(f"{by.path}: {_LIBGCC_S} not found: glibc aborts where it unwinds the stack (pthread_exit)")
