"""Breadth-first from each program over needed names: what its loader will map.

Nothing is run: `search` says where the loader looks, `elf` what it reads there, `space` what it does
with it, `script` what the kernel makes of `#!`. Law: gABI chapter 5 ("Shared Object Dependencies")
and execve(2). Names that nothing serves are collected over all programs.
"""

from __future__ import annotations

from ocidiet import elf
from ocidiet.closure.space import Space
from ocidiet.errors import BadElf, InputError, OcidietError, shown
from ocidiet.fs import OpenFile
from ocidiet.model import (
    TYPE_CHECKING,
    Closure,
    Config,
    ElfFacts,
    Lookup,
    Notice,
    Object,
    Probe,
    Program,
    ReachedBy,
    Rule,
)
from ocidiet.search import Loaders
from ocidiet.system import make

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocidiet.fs import Held, Root
    from ocidiet.model import File, Identity, Search, Walk
    from ocidiet.model.image import Versions
    from ocidiet.search import About, Loader

# For a shared object that names no interpreter: the one its ABI prescribes, by (e_machine, bits,
# little endian), for glibc; and musl's name of the machine.
_ABI = {
    (62, 64, True): ("/lib64/ld-linux-x86-64.so.2", "x86_64"),
    (62, 32, True): ("/libx32/ld-linux-x32.so.2", "x32"),
    (3, 32, True): ("/lib/ld-linux.so.2", "i386"),
    (183, 64, True): ("/lib/ld-linux-aarch64.so.1", "aarch64"),
    (40, 32, True): ("/lib/ld-linux-armhf.so.3", "armhf"),
    (243, 64, True): ("/lib/ld-linux-riscv64-lp64d.so.1", "riscv64"),
    (258, 64, True): ("/lib64/ld-linux-loongarch-lp64d.so.1", "loongarch64"),
    (21, 64, True): ("/lib64/ld64.so.2", "powerpc64le"),
    (22, 64, False): ("/lib/ld64.so.1", "s390x"),
}
# A script's.
_NO_ELF = ElfFacts(0, True, 0, False, None, (), None, None, None, 0)


class Facts:
    """What each file said when it was parsed: once for each state of a file."""

    def __init__(self) -> None:
        self._known: dict[Identity, ElfFacts | OcidietError] = {}
        # By the `id` of their facts, which stay known: files that unwind the stack, and files that do not.
        self._unwinding: set[int] = set()
        self._calm: set[int] = set()
        self._versions: dict[Identity, Versions] = {}
        self._held: Held | None = None
        self.abouts: dict[Identity, About] = {}

    def ask(self, file: File, root: Root | None = None) -> ElfFacts | OcidietError:
        """The facts of `file`, or why there are none. Raises `InputChanged`."""
        identity = file.identity
        known = self._known.get(identity)
        if known is None:
            try:
                opened = root.left_open(file) if root is not None else None
                if opened is None:
                    opened = OpenFile(file, self._held)
                    self._held = opened.held
                try:
                    known = elf.read(opened.pread, identity.size_bytes)[0]
                finally:
                    opened.close()
            except (BadElf, InputError) as error:
                known = error
            self._known[identity] = known
        return known

    def of(self, file: File, root: Root | None = None) -> ElfFacts:
        """The facts of `file`. Raises `BadElf`, `InputError` (unreadable) or `InputChanged`."""
        known = self.ask(file, root)
        if isinstance(known, OcidietError):
            raise known
        return known

    def versions(self, found: Object) -> Versions:
        """The symbol versions of `found`. Raises `BadElf`, `InputError` or `InputChanged`."""
        known = self._versions.get(found.file.identity)
        if known is None:
            from ocidiet.elf import versions

            with OpenFile(found.file, self._held) as opened:
                self._held = opened.held
                there = versions.tables(opened.pread, found.file.identity.size_bytes)
                known = versions.versions(opened.pread, there)
            self._versions[found.file.identity] = known
        return known

    def versions_provided(self, found: Object) -> list[str]:
        """The names of the versions that `found` provides. Raises as `versions`."""
        from ocidiet.elf import versions

        with OpenFile(found.file) as opened:
            return versions.provided(opened.pread, versions.tables(opened.pread, found.file.identity.size_bytes))

    def version_needed(self, by: Object, file: str, hashed: int) -> tuple[str, str]:
        """The name of a version that `by` needs of `file`, and of a symbol that needs it. Raises as `versions`."""
        from ocidiet.elf import versions

        size_bytes = by.file.identity.size_bytes
        with OpenFile(by.file) as opened:
            return versions.needed(opened.pread, size_bytes, versions.tables(opened.pread, size_bytes), file, hashed)

    def unwinder(self, loaded: Sequence[Object]) -> Object | None:
        """One of `loaded` that imports a function for which glibc opens libgcc_s.so.1; None if none does.

        What is known already decides first: few files are then read for this.
        """
        calm = self._calm
        rest = [found for found in loaded if id(found.facts) not in calm]
        for found in rest if self._unwinding else ():
            if id(found.facts) in self._unwinding:
                return found
        for found in rest:
            facts = found.facts
            if (facts.strings is None or elf.may_unwind(facts.strings)) and self._unwinds(found):
                self._unwinding.add(id(facts))
                return found
            calm.add(id(facts))
        return None

    def _unwinds(self, found: Object) -> bool:
        from ocidiet.elf import symbols

        with OpenFile(found.file) as opened:
            is_searched = found.facts.strings is not None
            return symbols.unwinds(opened.pread, found.file.identity.size_bytes, is_searched)

    def starts(self, file: File) -> bool:
        """Whether the file is a program, a library or a script that something may start or open."""
        facts = self.ask(file)
        if not isinstance(facts, OcidietError):
            return bool(facts.interp or facts.needed)
        if not file.executable or not isinstance(facts, BadElf) or facts.message != elf.NOT_ELF:
            return False
        with OpenFile(file, self._held) as opened:
            self._held = opened.held
            return opened.pread(2, 0) == b"#!"

    def exports(self, file: File, names: Sequence[str]) -> bool:
        """Whether the library `file` exports all of `names`. Raises `BadElf`."""
        from ocidiet.elf import symbols

        with OpenFile(file, self._held) as opened:
            self._held = opened.held
            return symbols.defines(opened.pread, file.identity.size_bytes, names)


class Resolver:
    """Resolves programs inside one root; loaders, searches and facts are shared between them."""

    def __init__(self, root: Root, facts: Facts, search: Search) -> None:
        self._root = root
        self._facts = facts
        self._search = search
        self._cwd = search.cwd.rstrip("/")
        self._loaders = Loaders(root, search, facts)
        self._alike: dict[tuple[Loader, tuple[str, ...], str], Space] = {}
        self._interps: dict[str, tuple[Object | None, Probe]] = {}

    def resolve(self, named: Sequence[tuple[str, Walk]]) -> Closure:
        """The closure of programs: each a name for messages, and the way to its file. What nothing
        serves is in `Closure.missing`. Raises `InputError` for a program that is none."""
        notices: dict[Notice, None] = {}
        programs = [self._program(Object(name, walk, _NO_ELF, Rule.PROGRAM), notices) for name, walk in named]
        return Closure(tuple(programs), tuple(notices))

    def _program(self, asked: Object, notices: dict[Notice, None], scripts: int = 0) -> Program:
        name, walk = asked.name, asked.walk
        if walk.file is None:
            colon = walk.kind == "absent" and ":" in name
            raise InputError(name, walk.reason, "a place in the image is absolute: SRC:/DEST" if colon else "")
        self._root.use(walk)
        try:
            facts = self._facts.of(walk.file, self._root)
        except BadElf as error:
            if error.message == elf.NOT_ELF:
                from ocidiet.closure import script

                with OpenFile(walk.file) as opened:
                    head = opened.pread(script.MAX_BYTES, 0)
                if head.startswith(b"#!"):
                    return self._script(asked, head, notices, scripts + 1)
            hint = "-b takes programs; name other files with -e" if error.message == elf.NOT_ELF else ""
            raise InputError(name, error.message, hint) from error
        main = make(Object, (name, walk, facts, *asked[3:]))
        if walk.file.sets_id:
            notices[Notice(f"{shown(name)}: is set-user-ID or set-group-ID here; in the image it is not", True)] = None
        if facts.interp is None and not facts.needed:
            return Program(main, None, (), (), ())
        interp = self._interp(main)
        if isinstance(interp, Lookup):
            return Program(main, None, (), (), (), missing=(interp,))
        return self._dynamic(main, interp, notices)

    # Scripts ------------------------------------------------------------------------------------

    def _script(self, asked: Object, head: bytes, notices: dict[Notice, None], scripts: int) -> Program:
        from ocidiet.closure import script

        if scripts > script.MAX_DEPTH:
            raise InputError(asked.name, f"a script whose interpreters are scripts, more than {script.MAX_DEPTH} deep")
        line = script.first_line(asked.name, head)
        if "\r" in line.interp + line.argument:
            notices[Notice(f"{asked.name}: its first line ends in a carriage return", True)] = None
        wanted = [(line.interp, [line.interp])]
        command = script.started_by_env(line)
        if command is not None:
            wanted.append((command.name, command.paths))
        runs: list[Program] = []
        missing: list[Lookup] = []
        for name, paths in wanted:
            found = self._first(name, paths, asked)
            if isinstance(found, Lookup):
                missing.append(found)
            else:
                runs.append(self._program(found, notices, scripts))
        return Program(asked, None, (), (), (), missing=tuple(missing), runs=tuple(runs))

    def _first(self, name: str, paths: Sequence[str], by: Object) -> Object | Lookup:
        """The first of `paths` that is an executable file."""
        probes: list[Probe] = []
        for path in paths:
            walk = self._root.walk(path if path.startswith("/") else f"{self._cwd}/{path}")
            if walk.file is not None and walk.file.executable:
                return Object(path, walk, _NO_ELF, Rule.SCRIPT, reached_by=ReachedBy.SCRIPT, tried=tuple(probes))
            probes.append(Probe(walk.path, Rule.SCRIPT, walk.reason or "is not executable"))
        return Lookup(name, by, tuple(probes), None)

    # ELF programs -------------------------------------------------------------------------------

    def _interp(self, main: Object) -> Object | Lookup:
        path = main.facts.interp or _abi_interp(main)
        known = self._interps.get(path)
        if known is None:
            walk = self._root.walk(path if path.startswith("/") else f"{self._cwd}/{path}")
            found, reason = None, walk.reason
            if walk.file is not None:
                self._root.use(walk)
                facts = self._facts.ask(walk.file)
                if isinstance(facts, OcidietError):
                    reason = facts.message
                else:
                    found = Object(path, walk, facts, Rule.INTERP, reached_by=ReachedBy.INTERP)
            known = self._interps[path] = (found, Probe(walk.path, Rule.INTERP, reason))
        found, probe = known
        facts = main.facts
        if found is not None and found.facts[:3] != facts[:3]:
            # To execve(2) a broken one: class, byte order or machine differ.
            what = f"not for the program's machine ({facts.bits} bit, e_machine {facts.machine})"
            found, probe = None, Probe(probe.path, probe.rule, what)
        return found or Lookup(path, main, (probe,), None)

    def _dynamic(self, main: Object, interp: Object, notices: dict[Notice, None]) -> Program:
        loader = self._loaders.of(interp)
        preloads = loader.preload
        configs: tuple[Config, ...] = (loader.config,) if loader.config is not None else ()
        if loader.follows_glibc:
            listed, configs = self._loaders.preloaded(main)
            preloads = [*preloads, *listed]
        alike = self._alike
        space = Space(main, interp, loader, self._facts, self._search.dlopen, preloads, alike)
        levels = []
        for level in loader.levels(main.facts) if space.better else ():
            if level in space.better:
                seen = Space(main, interp, loader, self._facts, self._search.dlopen, preloads, alike, level)
                if seen.files() != space.files():
                    levels.append(seen.program())
        notices.update(dict.fromkeys(space.notices))
        return space.program(configs, tuple(levels))


def _abi_interp(main: Object) -> str:
    facts = main.facts
    known = _ABI.get((facts.machine, facts.bits, facts.little_endian))
    if known is None:
        raise InputError(main.name, f"a shared object for machine {facts.machine}, whose loader is not known")
    if any(name == "libc.so" or name.startswith("libc.musl-") for name in facts.needed):
        return f"/lib/ld-musl-{known[1]}.so.1"
    return known[0]
