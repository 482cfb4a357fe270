"""What an ELF file says, and what the loader makes of it."""

from __future__ import annotations

from ocidiet.system import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocidiet.model import File, Walk
    from ocidiet.model.unusual import Filter

    Asked = tuple["Object", Sequence[str], Sequence["Object | None"]]
    """Who asks, for which names, and what serves each: None for what is missing, and for what no file serves."""
    Edge = tuple["Object", str, "Object"]
    """Who asks, for which name, and what serves it."""


class Priority:
    """How badly a dlopen note wants its library (UAPI, "ELF dlopen metadata"), most first."""

    REQUIRED = "required"
    RECOMMENDED = "recommended"
    SUGGESTED = "suggested"

    ALL = (REQUIRED, RECOMMENDED, SUGGESTED)


class ElfFacts(NamedTuple):
    """What the loader reads in an ELF file's headers; names as in the gABI."""

    bits: int
    """EI_CLASS: 32 or 64."""
    little_endian: bool
    """EI_DATA."""
    machine: int
    """e_machine."""
    dynamic: bool
    """There is a PT_DYNAMIC; without one the program is static."""
    interp: str | None
    """PT_INTERP."""
    needed: tuple[str, ...]
    soname: str | None
    rpath: str | None
    runpath: str | None
    flags_1: int
    """DT_FLAGS_1."""
    e_flags: int = 0
    filters: tuple[Filter, ...] = ()
    audit: str | None = None
    """DT_AUDIT; names divided by colons."""
    depaudit: str | None = None
    """DT_DEPAUDIT; as `audit`."""
    dlopen_notes: tuple[bytes, ...] = ()
    """The JSON text of each `.note.dlopen`, as it stands in the file."""
    fixed: bool = False
    """ET_EXEC: mapped at its own addresses, as a library never is."""
    strings: bytes | None = b""
    """Its string table, where that is small: what its symbols are called; None: not kept."""


class Rule:
    """Where a file was found; in the loader's own order of search."""

    PROGRAM = "program"
    INTERP = "interpreter"
    SCRIPT = "#!"
    ABSOLUTE = "path"
    RPATH = "RPATH"
    LIBRARY_PATH = "LD_LIBRARY_PATH"
    RUNPATH = "RUNPATH"
    LD_SO_CACHE = "cache"
    DEFAULT = "default"
    PATH_FILE = "path file"
    """musl's etc/ld-musl-ARCH.path."""
    CONFIG = "loader's configuration"
    EXTRA = "extra"
    INSTALLED = "installed"
    """Of `--destdir`."""
    PARENT = "directory"

    OF_OBJECTS = (ABSOLUTE, RPATH, RUNPATH)
    """Those that an ELF file's own text decides."""
    ASKED_FOR = (PROGRAM, EXTRA, INSTALLED)
    """Those of what the user named."""


class ReachedBy:
    """How an object came to be asked for."""

    NEEDED = "NEEDED"
    INTERP = "INTERP"
    PRELOAD = "PRELOAD"
    """LD_PRELOAD or /etc/ld.so.preload."""
    FILTER = "FILTER"
    """DT_FILTER or DT_AUXILIARY."""
    AUDIT = "AUDIT"
    DLOPEN_NOTE = "DLOPEN_NOTE"
    LIBGCC_S = "LIBGCC_S"
    """glibc opens libgcc_s.so.1 by itself, to unwind the stack."""
    HWCAPS = "HWCAPS"
    """Served to loaders on better CPUs alone; see `Program.levels`."""
    SCRIPT = "SCRIPT"
    """What a script's first line starts."""


class Probe(NamedTuple):
    """One place where a name was looked for."""

    path: str
    rule: str
    outcome: str
    """`found`, or why not, in words."""


class Object(NamedTuple):
    """An ELF file as a loader sees it: all that decides what it is for those who ask it for more."""

    name: str
    """As it was asked for: a NEEDED entry, a PT_INTERP, a program as the user spelled it."""
    walk: Walk
    facts: ElfFacts
    rule: str
    item: str = ""
    """For RPATH, LIBRARY_PATH, RUNPATH and ABSOLUTE: the text that led here, tokens not expanded."""
    owner: Object | None = None
    """Whose text `item` is: tokens in it count from there."""
    rpath_next: Object | None = None
    """The nearest loader above it whose path list counts for what it loads; then that one's next."""
    subdir: str = ""
    """Below the directory of the search, as `glibc-hwcaps/x86-64-v3`."""
    better: tuple[str, ...] = ()
    """Subdirectories of glibc-hwcaps that were met on the way, and into which loaders on better CPUs look."""
    reached_by: str = ReachedBy.NEEDED
    tried: tuple[Probe, ...] = ()
    """Where it was looked for in vain, before it was found."""

    @property
    def probes(self) -> tuple[Probe, ...]:
        """Where it was looked for; the last one found it. Nowhere, if its one place was told."""
        told = self.rule in (Rule.PROGRAM, Rule.INTERP)
        return () if told else (*self.tried, Probe(self.walk.path, self.rule, "found"))

    @property
    def path(self) -> str:
        """As the loader opens it."""
        return self.walk.path

    @property
    def file(self) -> File:
        """The file behind the path."""
        assert self.walk.file is not None
        return self.walk.file


class Lookup(NamedTuple):
    """One name, searched for."""

    name: str
    needed_by: Object
    probes: tuple[Probe, ...]
    found: Object | None


class Config(NamedTuple):
    """A file that the loader itself reads, and without which it would find something else."""

    walk: Walk
    needed_by: str


class Notice(NamedTuple):
    """What a user should hear about that stops nothing."""

    text: str
    warning: bool
    """Else it is told with `-v` only."""


class Program(NamedTuple):
    """One program and all that its loader maps, in the loader's order."""

    main: Object
    interp: Object | None
    objects: tuple[Object, ...]
    """Without the program and its interpreter; a file that was opened under two names stands twice."""
    asked: tuple[Asked, ...]
    """In the loader's order."""
    default_dirs: tuple[str, ...]
    """Where the loader looks last, without trailing slashes."""
    lib: str = ""
    """What the loader puts for `$LIB`."""
    missing: tuple[Lookup, ...] = ()
    """What the loader would not start without, and nothing serves."""
    configs: tuple[Config, ...] = ()
    levels: tuple[Program, ...] = ()
    """The same program as loaders on better CPUs see it, where they see other files."""
    runs: tuple[Program, ...] = ()
    """For a script: what its first line starts. A script itself has no objects."""
    level: str = ""
    """For one of `levels`: the best subdirectory of glibc-hwcaps that its CPU knows."""

    @property
    def edges(self) -> list[Edge]:
        """Each name that was asked for and served, one by one."""
        return [
            (by, name, found)
            for by, names, served in self.asked
            for name, found in zip(names, served, strict=True)
            if found is not None
        ]

    def asked_first(self) -> dict[int, Object]:
        """For each object but the program, by its `id`, the one whose request brought it in."""
        first: dict[int, Object] = {}
        for by, _, found in self.edges:
            if found is not self.main:
                first.setdefault(id(found), by)
        return first

    def owners_first(self) -> list[Object]:
        """The objects, each behind the one whose path list served it: in the loader's order a filter's stand before."""
        waiting = {id(found): found for found in self.objects}
        ordered: list[Object] = []
        for found in self.objects:
            chain: list[Object] = []
            one = waiting.pop(id(found), None)
            while one is not None:
                chain.append(one)
                one = waiting.pop(id(one.owner), None)
            ordered += reversed(chain)
        return ordered

    def parts(self) -> list[Program]:
        """The program itself, its levels, and those of all that it runs."""
        return [self, *self.levels, *(part for program in self.runs for part in program.parts())]


class Closure(NamedTuple):
    """Every program that was asked for."""

    programs: tuple[Program, ...]
    notices: tuple[Notice, ...] = ()

    @property
    def missing(self) -> tuple[Lookup, ...]:
        """Of all programs, and of all that they run; what the baseline lacks is not told again of levels."""
        lacking: dict[tuple[int, str, str], Lookup] = {}
        for number, program in enumerate(self.programs):
            for part in program.parts():
                for lookup in part.missing:
                    lacking.setdefault((number, lookup.needed_by.path, lookup.name), lookup)
        return tuple(lacking.values())

    @property
    def broken(self) -> tuple[str, ...]:
        """The names of the programs that `missing` tells of."""
        return tuple(program.main.name for program in self.programs if any(part.missing for part in program.parts()))
