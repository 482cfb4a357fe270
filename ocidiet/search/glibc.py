"""glibc's loader, ld.so. Law: ld.so(8), and glibc's elf/dl-load.c and elf/dl-cache.c where the page
is silent.
"""

from __future__ import annotations

from ocidiet.errors import BadElf
from ocidiet.ldcache import LEGACY
from ocidiet.model import TYPE_CHECKING, ElfFacts, Lookup, Object, Probe, ReachedBy, Rule
from ocidiet.system import make

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ocidiet.fs import Root
    from ocidiet.ldcache import Cache
    from ocidiet.model import Config, Search, Walk
    from ocidiet.search import About, Read
    from ocidiet.search.ldconfig import Simulated

    How = tuple[str, str, "Object | None", str]
    """(rule, text of the path list's item, whose list it is, subdirectory)"""
    Candidate = tuple[str, How]

LD_SO_CACHE = "/etc/ld.so.cache"
DF_1_NODEFLIB = 0x800
_NOTHING = frozenset(("", "linux-vdso.so.1", "linux-gate.so.1", "linux-vdso32.so.1", "linux-vdso64.so.1"))
DF_1_PIE = 0x08000000
# Asked for with each name: a page's own is found sooner than a class's.
_CACHE, _NEEDED = Rule.LD_SO_CACHE, ReachedBy.NEEDED
HWCAPS = "glibc-hwcaps"

# The subdirectories of glibc-hwcaps that a loader knows, the best first (sysdeps/*/dl-hwcaps*.c), by
# (e_machine, bits, little endian).
LEVELS = {
    (62, 64, True): ("x86-64-v4", "x86-64-v3", "x86-64-v2"),
    (21, 64, True): ("power10", "power9"),
    (22, 64, False): ("z17", "z16", "z15", "z14", "z13"),
}
# ld.so(8), "Dynamic string tokens".
_PLATFORM = {62: "x86_64", 3: "i686", 183: "aarch64"}
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")

# The bits of e_flags in which a library must agree with the loader (sysdeps/*/dl-machine.h,
# `elf_machine_matches_host`); of the machines behind them, one that has none of them agrees as well.
_ABI_FLAGS = {243: 0x0006, 258: 0x0007, 8: 0x0400, 40: 0x0600, 21: 0x0003}
_MAY_BE_UNMARKED = (40, 21)


def expand(text: str, values: dict[str, str]) -> str:
    """`text` with `$NAME` and `${NAME}` replaced from `values`; unknown ones stay as they are."""
    if "$" not in text:
        return text
    done, rest = "", text
    while True:
        before, dollar, rest = rest.partition("$")
        done += before
        if not dollar:
            return done
        for name, value in values.items():
            if rest.startswith("{" + name + "}"):
                done, rest = done + value, rest[len(name) + 2 :]
                break
            if rest.startswith(name) and rest[len(name) : len(name) + 1] not in _WORD:
                done, rest = done + value, rest[len(name) :]
                break
        else:
            done += "$"


def origin(owner: Object) -> str:
    """`$ORIGIN`: of a program the directory of the file itself, of a library that of its path as opened."""
    path = owner.walk.real if owner.rule == Rule.PROGRAM else owner.path
    return path.rpartition("/")[0] or "/"


def tokens(directory: str, lib: str, machine: int) -> dict[str, str]:
    """What each token stands for, `directory` being the origin and `lib` the loader's `$LIB`."""
    values = {"ORIGIN": directory}
    if lib:
        values["LIB"] = lib
    if machine in _PLATFORM:
        values["PLATFORM"] = _PLATFORM[machine]
    return values


def inherited(by: Object) -> Object | None:
    """The nearest whose DT_RPATH counts for what `by` loads, itself or a loader above it; behind it
    follow its `rpath_next`. One that has a DT_RUNPATH contributes none, but does not end the chain."""
    return by if by.facts.rpath is not None and by.facts.runpath is None else by.rpath_next


class Passed:
    """Why a loader does not take a candidate, and whether it gives up there."""

    __slots__ = ("fatal", "reason")

    def __init__(self, reason: str, fatal: bool) -> None:
        self.reason = f"{reason}: the loader stops here" if fatal else reason
        self.fatal = fatal


class Glibc:
    """One loader of one root."""

    def __init__(self, root: Root, search: Search, read: Read, known: About, cache: Cache | Simulated) -> None:
        self.default_dirs = known.default_dirs
        self.lib = known.lib
        self.preload = [name for part in search.preload.split(":") for name in part.split()]
        self.follows_glibc = True
        self.config: Config | None = None
        self._root = root
        self._search = search
        self._read = read
        self._legacy = known.legacy
        self._e_flags = known.e_flags
        self._cache = cache
        # Where every search ends: with the cache, and in the default directories.
        defaults = [(directory, (Rule.DEFAULT, "", None, "")) for directory in known.default_dirs]
        self._last: list[Candidate] = [("", (Rule.LD_SO_CACHE, "", None, "")), *defaults]
        self._default_tops = tuple([f"{directory}/" for directory in known.default_dirs])
        self._cwd = search.cwd.rstrip("/")
        self._library_path = search.library_path.replace(";", ":")
        # By level, what was found for names whose search depended on nothing but the name. Whoever asks is for
        # the loader's own machine: what is not has no such loader, or is not loaded.
        self._plain: dict[str, dict[str, Object]] = {}
        self._in_vain: dict[tuple[str, str], Lookup] = {}
        self._subdirs: dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {}
        # The directories of a path list, each with its text: by the list's text and the origin in it.
        self._listed: dict[tuple[str, str], list[tuple[str, str]]] = {}

    # What a loaded object serves ----------------------------------------------------------------

    def names(self, found: Object, mapped: Object) -> Iterable[str]:
        """The names that `mapped` serves from now on, because it was opened as `found`."""
        soname = mapped.facts.soname
        name = found.name
        return (name, found.walk.path, soname) if soname and soname != name else (name, found.walk.path)

    def spelled(self, name: str, by: Object) -> str | None:
        """`name` as it is looked for, with its tokens expanded; None if no file serves it, and none is missed: the
        kernel's own objects, and no name at all."""
        if "$" in name:
            name = expand(name, self._tokens(by))
        return None if name in _NOTHING else name

    # The search ---------------------------------------------------------------------------------

    def levels(self, facts: ElfFacts) -> tuple[str, ...]:
        """The glibc-hwcaps subdirectories that count for a program, the best first."""
        known = LEVELS.get((facts.machine, facts.bits, facts.little_endian), ())
        wanted = self._search.hwcaps
        return known if wanted is None else tuple(level for level in known if level in wanted)

    def serve(
        self, name: str, by: Object, main: Object, level: str, known: dict[str, Object] | None
    ) -> Object | Lookup:
        """What serves `name`, or the search that found nothing: as `lookup`, but done once for all
        whose own path lists have no part in it. `known` is as this class has it for `by` and `level`."""
        if known is None or "/" in name:
            return self._find(name, by, level, self._places(name, by, main), inherited(by))
        if name in known:
            return known[name]
        if self._in_vain and (before := self._in_vain.get((name, level))) is not None:
            return Lookup(name, by, before.probes, None)
        found = self._find(name, by, level, self._last, None)
        if isinstance(found, Object):
            known[name] = found
        else:
            self._in_vain[name, level] = found
        return found

    def known(self, by: Object, level: str) -> dict[str, Object] | None:
        """What was found for all whose own path lists have no part in it; None if `by` is none of them."""
        facts = by.facts
        if facts.rpath is not None or facts.runpath is not None or by.rpath_next is not None:
            return None
        # What LD_LIBRARY_PATH serves is found by the program: tokens count from there.
        if facts.flags_1 & DF_1_NODEFLIB or self._library_path:
            return None
        return self._plain.setdefault(level, {})

    def lookup(self, name: str, by: Object, main: Object, level: str = "") -> Lookup:
        """Search for `name`, which `by` asks for in the program `main`, as on a CPU whose best
        subdirectory of glibc-hwcaps is `level`; "" is the baseline."""
        found = self._find(name, by, level, self._places(name, by, main), inherited(by))
        return found if isinstance(found, Lookup) else Lookup(name, by, found.probes, found)

    def _find(
        self, name: str, by: Object, level: str, places: Iterable[Candidate], above: Object | None
    ) -> Object | Lookup:
        """`above` is the nearest whose DT_RPATH counts for what the object found loads, beside its own."""
        mine = by.facts
        better: dict[str, None] = {}
        tried: list[Probe] = []
        ended: tuple[str, int] | None = None
        for directory, how in places:
            rule, _, owner, _ = how
            if ended is not None and ended == (rule, id(owner)):
                continue
            is_cache = rule == _CACHE
            if is_cache:
                path, subdir = self._cached(name, mine, level, better)
                if not path or (mine.flags_1 & DF_1_NODEFLIB and path.startswith(self._default_tops)):
                    tried.append(Probe(LD_SO_CACHE, rule, "no entry"))
                    continue
                candidates: Sequence[Candidate] = ((path, (rule, "", None, subdir)),)
            elif rule == Rule.ABSOLUTE:
                candidates = ((directory, how),)
            else:
                candidates = self._in(directory, name, how, mine, level, better)
            for path, found_by in candidates:
                # ldconfig makes a link for nearly each.
                walk = self._root.walk(path, False, is_cache, True)
                taken = self._taken(walk, mine)
                if isinstance(taken, ElfFacts):
                    rule, item, owner, subdir = found_by
                    reached_by = ReachedBy.HWCAPS if subdir and subdir.startswith(HWCAPS) else _NEEDED
                    met, tries = tuple(better) if better else (), tuple(tried) if tried else ()
                    return make(Object, (name, walk, taken, rule, item, owner, above, subdir, met, reached_by, tries))
                tried.append(Probe(path, rule, taken.reason))
                if taken.fatal:
                    return Lookup(name, by, tuple(tried), None)
                # What is wrong with a directory ends nothing, nor what is in a subdirectory of it.
                if walk.kind in ("loop", "failed") and not found_by[3] and self._is_directory(path.rpartition("/")[0]):
                    ended = (rule, id(owner))
        return Lookup(name, by, tuple(tried), None)

    def _places(self, name: str, by: Object, main: Object) -> Iterable[Candidate]:
        """Where `name` is looked for, in order: directories, among them the cache; for a name with a slash the file."""
        if "/" in name:
            return ((self._from_cwd(expand(name, self._tokens(by))), (Rule.ABSOLUTE, name, by, "")),)
        facts = by.facts
        places = self._items(self._library_path, Rule.LIBRARY_PATH, main) if self._library_path else []
        if facts.runpath:
            places += self._items(facts.runpath, Rule.RUNPATH, by)
        places += self._last[:1] if facts.flags_1 & DF_1_NODEFLIB else self._last
        above = inherited(by) if facts.runpath is None else None
        return places if above is None else self._inherited(above, places)

    def _inherited(self, owner: Object | None, places: Iterable[Candidate]) -> Iterator[Candidate]:
        """The directories of DT_RPATH: of many loaders above few are ever looked into."""
        while owner is not None:
            if owner.facts.rpath:
                yield from self._items(owner.facts.rpath, Rule.RPATH, owner)
            owner = owner.rpath_next
        yield from places

    def _cached(self, name: str, facts: ElfFacts, level: str, better: dict[str, None]) -> tuple[str, str]:
        entries = self._cache.entries(name, facts.machine, facts.bits)
        if len(entries) == 1 and not entries[0][0]:
            return entries[0][1], ""
        levels = self.levels(facts)
        active = levels[levels.index(level) :] if level else ()
        best, subdir, rank = "", "", len(levels) + 2
        for hwcap, path in entries:
            if hwcap in levels:
                better[hwcap] = None
            if hwcap == LEGACY:
                inside = self._legacy_of(name, path)
                own = len(levels) if inside else rank
            elif hwcap and hwcap not in active:
                continue
            else:
                inside = f"{HWCAPS}/{hwcap}" if hwcap else ""
                own = levels.index(hwcap) if hwcap else len(levels) + 1
            if own < rank:
                best, subdir, rank = path, inside, own
        return best, subdir

    def _legacy_of(self, name: str, path: str) -> str:
        """Which of the subdirectories of old `path` is in; "" if it is in none."""
        return next((one for one in self._legacy if path.endswith(f"/{one}/{name}")), "")

    def _items(self, text: str, rule: str, owner: Object) -> list[Candidate]:
        """The directories of a path list."""
        beside = origin(owner) if "$" in text else ""
        listed = self._listed.get((text, beside))
        if listed is None:
            values = self._tokens(owner) if beside else {}
            listed = [(self._from_cwd(expand(item, values)).rstrip("/"), item) for item in text.split(":")]
            self._listed[text, beside] = listed
        return [(directory, (rule, item, owner, "")) for directory, item in listed]

    def _in(
        self, directory: str, name: str, how: How, facts: ElfFacts, level: str, better: dict[str, None]
    ) -> Sequence[Candidate]:
        """The places in one directory: its active subdirectories, as far as they exist, and itself."""
        subdirs, met = self._subdirs.get((directory, level)) or self._below(directory, facts, level)
        if met:
            better.update(dict.fromkeys(met))
        itself = (f"{directory}/{name}", how)
        if not subdirs:
            return (itself,)
        return [*((f"{directory}/{one}/{name}", (*how[:3], one)) for one in subdirs), itself]

    def _below(self, directory: str, facts: ElfFacts, level: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        levels = self.levels(facts)
        is_there = self._is_directory(directory)
        if not is_there or not self._is_directory(f"{directory}/{HWCAPS}"):
            levels = ()
        met = tuple(one for one in levels if self._is_directory(f"{directory}/{HWCAPS}/{one}"))
        active = self.levels(facts)
        active = active[active.index(level) :] if level else ()
        subdirs = [f"{HWCAPS}/{one}" for one in met if one in active]
        tops = {one.partition("/")[0] for one in self._legacy if is_there}
        tops = {top for top in tops if self._is_directory(f"{directory}/{top}")}
        subdirs += [
            one for one in self._legacy if one.partition("/")[0] in tops and self._is_directory(f"{directory}/{one}")
        ]
        known = self._subdirs[directory, level] = (tuple(subdirs), met)
        return known

    def _is_directory(self, path: str) -> bool:
        return self._root.directory(path).kind == "dir"

    def _taken(self, walk: Walk, mine: ElfFacts) -> ElfFacts | Passed:
        """What the loader makes of a candidate (elf/dl-load.c, `open_verify`), for objects like `mine`."""
        file = walk.file
        if file is None:
            return Passed(walk.reason, walk.kind in ("dir", "special"))
        self._root.use(walk)
        facts = self._read(file, self._root)
        if not isinstance(facts, ElfFacts):
            if not isinstance(facts, BadElf):
                return Passed(facts.message.partition(": ")[2], fatal=False)
            if facts.bits not in (0, mine.bits) or facts.machine not in (0, mine.machine):
                return Passed(_for_another(facts.bits, facts.machine), fatal=False)
            return Passed(facts.message, fatal=True)
        if facts[:3] != mine[:3]:  # class, byte order, machine
            return Passed(_for_another(facts.bits, facts.machine), fatal=False)
        abi = _ABI_FLAGS.get(facts.machine)
        if abi is not None:
            mark = facts.e_flags & abi
            if mark != self._e_flags & abi and (mark or facts.machine not in _MAY_BE_UNMARKED):
                return Passed(f"for another ABI (e_flags {facts.e_flags:#x})", fatal=False)
        if not facts.dynamic or facts.fixed or facts.flags_1 & DF_1_PIE:
            return Passed("a program, no library", fatal=True)
        return facts

    def _from_cwd(self, path: str) -> str:
        return path if path.startswith("/") else f"{self._cwd}/{path}"

    def _tokens(self, owner: Object) -> dict[str, str]:
        return tokens(origin(owner), self.lib, owner.facts.machine)


def _for_another(bits: int, machine: int) -> str:
    return f"for another machine ({bits} bit, e_machine {machine})"
