"""Breadth-first from each program over needed names: what its loader will map.

Nothing is run: `search` says where the loader looks, `elf` what it reads there. Law: gABI chapter 5
("Shared Object Dependencies") and glibc's elf/dl-deps.c and dl-load.c. Names that nothing serves are
collected over all programs and raised together.
"""

from __future__ import annotations

from ocidiet import elf
from ocidiet.errors import BadElf, InputError, MissingLibraries
from ocidiet.fs import OpenFile
from ocidiet.model import TYPE_CHECKING, Closure, Edge, Lookup, Object, Probe, Program, Rule
from ocidiet.search import Glibc, Loaders, Passed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocidiet.fs import Held, Root
    from ocidiet.model import ElfFacts, File, Identity, Walk

# For a shared object that names no interpreter: the one its ABI prescribes, by (e_machine, bits).
_ABI_INTERP = {
    (62, 64): "/lib64/ld-linux-x86-64.so.2",
    (3, 32): "/lib/ld-linux.so.2",
    (183, 64): "/lib/ld-linux-aarch64.so.1",
    (40, 32): "/lib/ld-linux-armhf.so.3",
    (243, 64): "/lib/ld-linux-riscv64-lp64d.so.1",
    (21, 64): "/lib64/ld64.so.2",
    (22, 64): "/lib/ld64.so.1",
}


class Facts:
    """What each file said when it was parsed: once for each state of a file."""

    def __init__(self) -> None:
        self._known: dict[Identity, ElfFacts | BadElf] = {}
        self._held: Held | None = None

    def of(self, file: File) -> ElfFacts:
        """The facts of `file`. Raises `BadElf`, `InputError` (unreadable) or `InputChanged`."""
        known = self._known.get(file.identity)
        if known is None:
            with OpenFile(file, self._held) as opened:
                self._held = opened.held
                try:
                    known = elf.parse(opened.pread, file.identity.size_bytes)
                except BadElf as error:
                    known = error
            self._known[file.identity] = known
        if isinstance(known, BadElf):
            raise known
        return known


class Resolver:
    """Resolves programs inside one root; loaders, searches and facts are shared between them."""

    def __init__(self, root: Root, facts: Facts, cwd: str) -> None:
        self._root = root
        self._facts = facts
        self._cwd = cwd
        self._loaders = Loaders(root, cwd)

    def resolve(self, named: Sequence[tuple[str, Walk]], where: str = "") -> Closure:
        """The closure of programs: each a name for messages, and the way to its file.

        Raises `MissingLibraries` for all names not found in all of them (`where` ends its first
        line), `BadElf` or `InputError` for a program that is none.
        """
        programs: list[Program] = []
        missing: list[Lookup] = []
        names: list[str] = []
        for name, walk in named:
            before = len(missing)
            programs.append(self._program(name, walk, missing))
            if len(missing) > before:
                names.append(name)
        if missing:
            raise MissingLibraries(missing, names, where, self._root.spell)
        return Closure(tuple(programs))

    def _program(self, name: str, walk: Walk, missing: list[Lookup]) -> Program:
        if walk.file is None:
            colon = walk.kind == "absent" and ":" in name
            raise InputError(name, walk.reason, "a place in the image is absolute: SRC:/DEST" if colon else "")
        self._root.use(walk)
        try:
            facts = self._facts.of(walk.file)
        except BadElf as error:
            hint = "-b takes programs; name other files with -e" if error.message == elf.NOT_ELF else ""
            raise InputError(name, error.message, hint) from error
        main = Object(name, walk, facts, Rule.PROGRAM, None)
        if facts.interp is None and not facts.needed:
            return Program(main, None, (), (), ())
        interp = self._interp(main, missing)
        if interp is None:
            return Program(main, None, (), (), ())
        return self._walk(main, interp, self._loaders.of(interp), missing)

    def _interp(self, main: Object, missing: list[Lookup]) -> Object | None:
        facts = main.facts
        path = facts.interp or _ABI_INTERP.get((facts.machine, facts.bits))
        if path is None:
            raise InputError(main.name, f"a shared object for machine {facts.machine}, whose loader is not known")
        if "/ld-musl-" in path:
            raise InputError(main.name, "a program for musl's loader, which is not supported yet")
        walk = self._root.walk(path if path.startswith("/") else f"{self._cwd}/{path}")
        reason = walk.reason
        if walk.file is not None:
            self._root.use(walk)
            try:
                return Object(path, walk, self._facts.of(walk.file), Rule.INTERP, main)
            except BadElf as error:
                reason = error.message
        missing.append(Lookup(path, main, (Probe(walk.path, Rule.INTERP, reason),), None))
        return None

    def _walk(self, main: Object, interp: Object, loader: Glibc, missing: list[Lookup]) -> Program:
        mine = main.facts

        def examine(walk: Walk) -> ElfFacts | Passed:
            assert walk.file is not None
            self._root.use(walk)
            try:
                facts = self._facts.of(walk.file)
            except BadElf as error:
                if error.bits not in (0, mine.bits) or error.machine not in (0, mine.machine):
                    return Passed(f"for another machine ({error.bits} bit, e_machine {error.machine})", fatal=False)
                return Passed(f"{error.message}: the loader stops here", fatal=True)
            except InputError as error:
                return Passed(error.message.partition(": ")[2], fatal=False)
            if (facts.bits, facts.machine, facts.little_endian) != (mine.bits, mine.machine, mine.little_endian):
                return Passed(f"for another machine ({facts.bits} bit, e_machine {facts.machine})", fatal=False)
            if not facts.dynamic or facts.flags_1 & elf.DF_1_PIE:
                return Passed("a program, no library: the loader stops here", fatal=True)
            return facts

        served: dict[str, Object] = {}
        mapped: dict[tuple[int, int], Object] = {}
        objects: list[Object] = []
        edges: list[Edge] = []

        def add(loaded: Object) -> Object:
            for name in (loaded.name, loaded.path, loaded.facts.soname):
                if name:
                    served.setdefault(name, loaded)
            return mapped.setdefault(loaded.file.identity[:2], loaded)

        # The program's own name is empty to the loader: it serves by its SONAME alone.
        mapped[main.file.identity[:2]] = main
        if main.facts.soname:
            served[main.facts.soname] = main
        add(interp)
        queue = [main]
        for by in queue:  # which grows meanwhile: breadth first
            for name in by.facts.needed:
                if not name:
                    continue
                found = served.get(name)
                if found is None:
                    lookup = loader.lookup(name, by, examine)
                    found = lookup.found
                    if found is None:
                        missing.append(lookup)
                        continue
                    if add(found) is found:
                        queue.append(found)
                    objects.append(found)
                edges.append(Edge(by, name, found))
        return Program(main, interp, tuple(objects), tuple(edges), loader.default_dirs)
