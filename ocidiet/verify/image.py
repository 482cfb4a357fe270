"""A finished image, made by whatever tool: what in it would not start, load or be found.

Every ELF file is resolved inside the image as its loader would do it; nothing is run. Each finding is a
`Defect` with its remedy. What only a program of some other image could answer is none: a library that no
program here asks for may have its own from whoever opens it.
"""

from __future__ import annotations

from ocidiet.closure import Facts, Resolver
from ocidiet.errors import InputError, OcidietError, shown
from ocidiet.fs import OpenFile
from ocidiet.fs.image import Flaw, ImageRoot, Odd
from ocidiet.model import (
    TYPE_CHECKING,
    File,
    HostPath,
    ImagePath,
    Lookup,
    Notice,
    Program,
    Rule,
    Search,
    Walk,
)
from ocidiet.model.verdict import Defect, Verdict
from ocidiet.system import make, os
from ocidiet.verify import Judge, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocidiet.fs import Look, Root
    from ocidiet.fs.image import Setup
    from ocidiet.model import ElfFacts, Object

ET_REL, ET_CORE = 1, 4
DF_1_PIE = 0x08000000
# What engines and the kernel make when a container starts, and what programs make for themselves.
_RUNTIME = ("proc", "sys", "dev", "run", "tmp", "var/run", "var/lock", "var/tmp")
_RUNTIME_FILES = ("etc/mtab", "etc/resolv.conf", "etc/hosts", "etc/hostname")
# Documentation and debugging: small images leave out what links lead to from there.
_UNUSED = ("usr/share/man", "usr/share/doc", "usr/share/info", "usr/share/locale", "usr/lib/debug", "usr/lib/.build-id")
# A link that is such a name holds the system up.
_SYSTEM = frozenset(("bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr/sbin", "usr/lib64", "usr/lib32"))
_ARCHITECTURES = {
    (62, 64): "amd64", (62, 32): "x32", (3, 32): "386", (183, 64): "arm64", (40, 32): "arm", (243, 64): "riscv64",
    (258, 64): "loong64", (21, 64): "ppc64le", (22, 64): "s390x", (8, 32): "mips", (8, 64): "mips64",
}  # fmt: skip
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LIBC = "libc.so.6"


def judge(root: Root, search: Search) -> Verdict:
    """What there is to say of the image that is `root`; `search` is what its loaders are told. Raises `InputError`
    where it cannot be read."""
    setup = root.setup if isinstance(root, ImageRoot) else None
    env = dict(item.partition("=")[::2] for item in setup.env) if setup is not None else {}
    paths = [path for path in (search.library_path, env.get("LD_LIBRARY_PATH")) if path]
    told = Search(HostPath("/"), ":".join(paths), search.preload, search.hwcaps, search.dlopen, False)
    made = _Judged(root, told)
    if isinstance(root, ImageRoot):
        made.entries(root.flaws)
    made.links()
    made.programs()
    made.libraries()
    made.scripts()
    if setup is not None:
        made.setup(setup, env.get("PATH") or _PATH)
    return made.verdict()


def _below(name: str, directories: tuple[str, ...]) -> bool:
    return any(name == directory or name.startswith(f"{directory}/") for directory in directories)


class _Judged:
    def __init__(self, root: Root, search: Search) -> None:
        self._root = root
        self._facts = Facts()
        self._resolver = Resolver(root, self._facts, search)
        self._versions = Judge(self._facts)
        self._defects: dict[tuple[str, str], Defect] = {}
        self._notices: dict[Notice, None] = {}
        self._links: list[str] = []
        self._scripts: list[str] = []
        self._programs: list[tuple[str, ElfFacts]] = []
        self._libraries: list[tuple[str, File]] = []
        self._reached: dict[object, Object] = {}
        # By its last name, everything that is a file in the image, or leads to one.
        self._named: dict[str, list[str]] = {}
        for path, look in self._all():
            self._sort(path, look)

    def _add(self, kind: str, path: str, reason: str, remedy: str) -> None:
        defect = Defect(ImagePath(path.lstrip("/")), kind, reason, remedy)
        self._defects.setdefault((defect.name, reason), defect)

    def verdict(self) -> Verdict:
        """All that was found, in the byte order of names."""
        machines = dict.fromkeys(self._architecture(facts) for _, facts in self._programs)
        libcs = dict.fromkeys(filter(None, map(self._libc, self._reached.values())))
        for by, found in self._versions.unversioned:
            self._note(f"{by}: needs symbol versions of {found}, which has none: the loader says so, and goes on")
        return Verdict(
            tuple(sorted(self._defects.values(), key=lambda one: os.fsencode(one.name))),
            tuple(self._notices),
            len(self._programs),
            len({file.identity[:2] for _, file in self._libraries}),
            tuple(machines),
            tuple(libcs),
        )

    def _note(self, text: str) -> None:
        self._notices[Notice(shown(text), False)] = None

    # What there is --------------------------------------------------------------------------------

    def _all(self) -> Iterator[tuple[str, Look]]:
        pending = [""]
        while pending:
            directory = pending.pop()
            for name in self._root.list(directory or "/"):
                path = f"{directory}/{name}"
                look = self._root.look(path)
                if look.kind != "dir":
                    yield path, look
                elif not _below(path[1:], _RUNTIME[:4]):
                    pending.append(path)

    def _sort(self, path: str, look: Look) -> None:
        name = path.rpartition("/")[2]
        if look.kind == "link":
            self._links.append(path)
            self._named.setdefault(name, []).append(path)
        if look.kind != "file" or look.file is None or not look.file.identity.size_bytes:
            return
        self._named.setdefault(name, []).append(path)
        file = look.file
        if _below(path[1:], _UNUSED):
            return
        try:
            with OpenFile(file) as opened:
                head = opened.pread(18, 0)
        except InputError as error:
            self._note(error.message)
            return
        if head[:2] == b"#!":
            if file.executable:
                self._scripts.append(path)
        elif head[:4] == b"\x7fELF" and max(head[16:18], default=0) not in (ET_REL, ET_CORE):
            self._sort_elf(path, file)

    def _sort_elf(self, path: str, file: File) -> None:
        facts = self._facts.ask(file)
        if isinstance(facts, OcidietError):
            if file.executable or ".so" in path:
                self._add("elf", path, facts.message, "build or copy it again")
            return
        if facts.interp is not None and facts.soname is None:
            if file.executable:
                self._programs.append((path, facts))
        elif not facts.dynamic or facts.flags_1 & DF_1_PIE or facts.fixed:
            self._programs.append((path, facts))
        else:
            self._libraries.append((path, file))

    def _architecture(self, facts: ElfFacts) -> str:
        if facts.machine == 21 and not facts.little_endian:
            return "linux/ppc64"
        known = _ARCHITECTURES.get((facts.machine, facts.bits))
        return f"linux/{known}" if known else f"machine {facts.machine}"

    def _libc(self, found: Object) -> str:
        if found.facts.soname == _LIBC:
            names = self._facts.versions_provided(found)
            newest = max((name for name in names if name.startswith("GLIBC_2")), key=number, default="")
            return f"glibc {newest[6:]}".rstrip()
        return "musl" if found.rule == Rule.INTERP and "/ld-musl-" in found.name else ""

    # Programs and libraries ---------------------------------------------------------------------

    def programs(self) -> None:
        """Each resolved as its loader would."""
        for path, facts in self._programs:
            if facts.interp is None:
                continue
            program = self._resolved(path)
            if program is None:
                continue
            for part in program.parts():
                for found in (part.interp, *part.objects):
                    if found is not None:
                        self._reached[found.file.identity] = found
            for lookup in program.missing:
                self._missing(lookup)
            for level in program.levels:
                for lookup in level.missing:
                    self._missing(lookup)
            self._lacks(program)

    def libraries(self) -> None:
        """Those that no program reaches, each as if it were opened by itself."""
        for path, file in self._libraries:
            if file.identity in self._reached:
                continue
            program = self._resolved(path, library=True)
            if program is None:
                continue
            for lookup in program.missing:
                if _is_interp(lookup):
                    self._note(f"{path}: no program of its machine is here")
                elif self._fitting(lookup.name.rpartition("/")[2], lookup.needed_by.facts) is not None:
                    self._note(f"{path}: needs {lookup.name}, which whoever opens it must bring")
                else:
                    self._missing(lookup)
            self._lacks(program)

    def _resolved(self, path: str, library: bool = False) -> Program | None:
        walk = self._root.walk(path)
        if walk.file is not None and walk.file.sets_id:
            # What makes an image leaves that out and says so; this one has it.
            walk = make(Walk, (*walk[:4], make(File, (*walk.file[:6], False, walk.file.linked))))
        try:
            closed = self._resolver.resolve([(path, walk)])
        except OcidietError as error:
            if library:
                self._note(error.message)
            else:
                self._add("elf", path, error.message.removeprefix(f"{shown(path)}: "), "build or copy it again")
            return None
        for notice in closed.notices:
            self._notices[notice] = None
        return closed.programs[0]

    def _fitting(self, name: str, mine: ElfFacts) -> str | None:
        """Where a file of that name is which objects like `mine` could load."""
        for path in self._named.get(name, ()):
            file = self._root.walk(path).file
            facts = self._facts.ask(file) if file is not None else None
            if facts is not None and not isinstance(facts, OcidietError) and facts[:3] == mine[:3]:
                return path
        return None

    def _missing(self, lookup: Lookup) -> None:
        by, name = lookup.needed_by, lookup.name
        there = self._fitting(name.rpartition("/")[2], by.facts)
        # A library of another machine, damage, a directory: told by the place that was looked at.
        why = [
            probe for probe in lookup.probes if probe.outcome not in ("no such file", "no such directory", "no entry")
        ]
        reason = f" ({shown(why[-1].path)} {why[-1].outcome})" if why else ""
        if _is_interp(lookup):
            remedy = "put its loader there"
            if there is not None and not why:
                reason, remedy = f" (but {shown(there)} is)", "its literal path must exist: a link there will do"
            self._add("interpreter", by.path, f"its interpreter {shown(name)} is absent{reason}", remedy)
            return
        remedy = "put the library, or its package, into the image"
        if there is not None and not why:
            reason = f" ({shown(there)} is where its loader does not look)"
            remedy = "link it into a default directory of the loader, or run ldconfig in the image"
        self._add("library", by.path, f"needs {shown(name)}, which is not found{reason}", remedy)

    def _lacks(self, program: Program) -> None:
        for lack in self._versions.lacks(program):
            from ocidiet.errors.lacks import lacking

            remedy = f"take {shown(lack.found.path.rpartition('/')[2])} from where it was linked, or link it here"
            self._add("version", lack.needed_by.path, lacking(lack), remedy)

    # Scripts and links --------------------------------------------------------------------------

    def scripts(self) -> None:
        """What their first lines start."""
        for path in self._scripts:
            try:
                program = self._resolver.resolve([(path, self._root.walk(path))]).programs[0]
            except OcidietError as error:
                if "without an interpreter" not in error.message:  # which a shell runs all the same
                    what = error.message.removeprefix(f"{shown(path)}: ")
                    self._add("script", path, what, "name another interpreter in its first line")
                continue
            for lookup in program.missing:
                where = "absent" if lookup.name.startswith("/") else "nowhere on PATH"
                found = [probe for probe in lookup.probes if probe.outcome == "is not executable"]
                what = "not executable" if found else where
                self._add(
                    "script",
                    path,
                    f"starts {shown(lookup.name)}, which is {what}",
                    "put it into the image, or leave this out",
                )

    def links(self) -> None:
        """Those that lead nowhere."""
        for path in self._links:
            walk = self._root.walk(path)
            if walk.kind not in ("absent", "loop") or _below(path[1:], _UNUSED):
                continue
            if walk.kind == "loop":
                self._add("link", path, f"leads to itself: {shown(walk.hops[0].target or '')}", "remove it")
                continue
            last = walk.hops[-2]
            end = os.path.normpath(os.path.join(os.path.dirname(last.path), last.target or ""))
            if not any(_below(one.lstrip("/"), (*_RUNTIME, *_RUNTIME_FILES, *_UNUSED)) for one in (end, walk.real)):
                remedy = "put that into the image, or remove it"
                self._add("link", path, f"leads to {shown(end)}, which is absent", remedy)

    # What an archive and its configuration say -----------------------------------------------------

    def entries(self, flaws: list[Flaw]) -> None:
        """Entries that should not be, or not so."""
        for flaw in flaws:
            if flaw.kind == Odd.HIDES_LINK:
                self._hidden(flaw)
            elif flaw.kind != Odd.DEVICE or not flaw.name.startswith("dev/"):
                what, remedy = _ENTRIES[flaw.kind]
                self._add("entry", flaw.name, f"{shown(flaw.what)}{what}", remedy)

    def _hidden(self, flaw: Flaw) -> None:
        above = f"/{flaw.name}".rpartition("/")[0]
        target = flaw.what if flaw.what.startswith("/") else f"{above}/{flaw.what}"
        walks = [self._root.directory(path) for path in (f"/{flaw.name}", target)]
        if flaw.name not in _SYSTEM or any(walk.kind != "dir" for walk in walks):
            return
        here, there = [list(self._root.list(walk.real)) for walk in walks]
        lost = [name for name in there if name not in set(here)]
        if lost:
            names = ", ".join(map(shown, lost[:3])) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
            reason = f"a directory in the place of the link to {shown(flaw.what)}, where {names} lie"
            self._add(
                "entry", flaw.name, reason, f"write what is in it to {shown(flaw.what)}, without an entry of its own"
            )

    def setup(self, setup: Setup, search_path: str) -> None:
        """What starts, and what the documents say."""
        if setup.command and setup.command[0]:
            word = setup.command[0]
            places = [os.path.join("/", setup.workdir, word)]
            if "/" not in word:
                places = [f"{item}/{word}" for item in search_path.split(":") if item.startswith("/")]
            walks = [self._root.walk(place) for place in places]
            if not any(walk.file is not None and walk.file.executable for walk in walks):
                what = "not executable" if any(walk.file is not None for walk in walks) else "absent"
                self._add("command", word, f"is what the image starts, and is {what}", "give it another entrypoint")
        from ocidiet.verify import documents

        machines = dict.fromkeys(self._architecture(facts) for _, facts in self._programs)
        defects, notices = documents.judge(setup, list(machines))
        for defect in defects:
            self._add(defect.kind, defect.name, defect.reason, defect.remedy)
        self._notices |= dict.fromkeys(notices)


_ENTRIES = {
    Odd.ESCAPES: ("", "write names relative to the root"),
    Odd.TWICE: (": one tool takes the first, another the last", "write each name once"),
    Odd.DEVICE: (" outside /dev", "leave it out"),
    Odd.NO_TARGET: ("", "write a link behind what it names"),
    Odd.SPARSE: (", which is not read", "write the tar without --sparse"),
    Odd.MISPLACED: ("", "leave it out"),
    Odd.WHITEOUT: (": this is a layer, not a whole root", "verify the image that it belongs to"),
    Odd.LOWEST: (" in the lowest layer, which has nothing to take away", "leave it out"),
}


def _is_interp(lookup: Lookup) -> bool:
    """Whether an interpreter was looked for. A loader whose path file is empty looks nowhere for a library."""
    return any(probe.rule == Rule.INTERP for probe in lookup.probes)
