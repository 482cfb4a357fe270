"""One needed name -> `Lookup`: where a loader looks, in its order. One class per loader.

Law of `Glibc`: ld.so(8), section "Dynamic string tokens" and the search order at its top, and
glibc's elf/dl-load.c where the page is silent. Musl's loader has other laws and will be a class
beside it; hwcaps subdirectories belong to `Glibc._expanded`.
"""

from __future__ import annotations

from ocidiet.fs import OpenFile
from ocidiet.ldcache import Cache
from ocidiet.model import TYPE_CHECKING, Lookup, Object, Probe, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ocidiet.fs import Root
    from ocidiet.model import ElfFacts, Search, Walk

    Examine = Callable[[Walk], "ElfFacts | Passed"]
    Candidate = tuple[str, str, str, "Object | None"]
    """(path, rule, text of the path list's item, whose list it is)"""

MAX_LOADER_BYTES = 16 << 20
LD_SO_CACHE = "/etc/ld.so.cache"
DF_1_NODEFLIB = 0x800
_PLATFORM = {62: "x86_64", 3: "i686", 183: "aarch64"}
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


class Passed:
    """Why a loader does not take a candidate, and whether it gives up there."""

    __slots__ = ("fatal", "reason")

    def __init__(self, reason: str, fatal: bool) -> None:
        self.reason = reason
        self.fatal = fatal


def system_dirs(loader: bytes, bits: int) -> tuple[str, ...]:
    """The default directories built into a glibc loader, in order, without trailing slashes.

    glibc keeps them as one run of NUL-separated strings, each with a slash at both ends
    (elf/dl-load.c, `system_dirs`). A loader without such a run gets upstream's defaults.
    """
    at = loader.find(b"/\0/")
    while at >= 0:
        start = loader.rfind(b"\0", 0, at) + 1
        run = []
        while loader[start : start + 1] == b"/":
            end = loader.find(b"\0", start)
            text = loader[start:end]
            if not text.endswith(b"/") or b"lib" not in text or not text.isascii():
                break
            run.append(text.decode("ascii").rstrip("/"))
            start = end + 1
        if len(run) > 1:
            return tuple(run)
        at = loader.find(b"/\0/", at + 1)
    return ("/lib64", "/usr/lib64") if bits == 64 else ("/lib", "/usr/lib")


def expand(text: str, values: dict[str, str]) -> str:
    """`text` with `$NAME` and `${NAME}` replaced from `values`; unknown ones stay as they are."""
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


def tokens(directory: str, default_dirs: tuple[str, ...], machine: int) -> dict[str, str]:
    """What each dynamic string token stands for, `directory` being the origin."""
    values = {"ORIGIN": directory}
    if default_dirs:
        values["LIB"] = default_dirs[0].lstrip("/")
    if machine in _PLATFORM:
        values["PLATFORM"] = _PLATFORM[machine]
    return values


def inherited(by: Object) -> Object | None:
    """The nearest whose DT_RPATH counts for what `by` loads, itself or a loader above it; behind it
    follow its `rpath_next`. One that has a DT_RUNPATH contributes none, but does not end the chain."""
    return by if by.facts.rpath is not None and by.facts.runpath is None else by.rpath_next


class Loaders:
    """The loaders of one root; each, and the root's ld.so.cache, is read once."""

    def __init__(self, root: Root, search: Search) -> None:
        self._root = root
        self._search = search
        self._cache: Cache | None = None
        self._known: dict[str, Glibc] = {}

    def of(self, interp: Object) -> Glibc:
        """The loader that `interp`, a program's interpreter, is."""
        loader = self._known.get(interp.path)
        if loader is None:
            if self._cache is None:
                self._cache = Cache(self._content(self._root.walk(LD_SO_CACHE, renewed=True)))
            directories = system_dirs(self._content(interp.walk), interp.facts.bits)
            loader = self._known[interp.path] = Glibc(self._root, directories, self._cache, self._search)
        return loader

    def _content(self, walk: Walk) -> bytes:
        if walk.file is None:
            return b""
        self._root.use(walk)
        with OpenFile(walk.file) as opened:
            return opened.pread(MAX_LOADER_BYTES, 0)


class Glibc:
    """glibc's loader: `ld.so`."""

    def __init__(self, root: Root, default_dirs: tuple[str, ...], cache: Cache, search: Search) -> None:
        self.default_dirs = default_dirs
        self._root = root
        self._cache = cache
        self._cwd = search.cwd.rstrip("/")
        # What was found for names whose search depended on nothing but the name.
        self._plain: dict[tuple[str, int, int], tuple[tuple[Probe, ...], Walk | None, ElfFacts | None, str]] = {}

    def lookup(self, name: str, by: Object, examine: Examine) -> Lookup:
        """Search for `name`, which `by` needs; `examine` says whether the loader takes a file."""
        facts = by.facts
        plain = (
            "/" not in name and facts.runpath is None and inherited(by) is None and not facts.flags_1 & DF_1_NODEFLIB
        )
        key = (name, facts.machine, facts.bits)
        if plain and key in self._plain:
            probes, walk, found, rule = self._plain[key]
            return self._answer(name, by, probes, walk, found, (rule, "", None))
        tried: list[Probe] = []
        walk = found = None
        origin_of: tuple[str, str, Object | None] = ("", "", None)
        ended = ("", 0)
        for path, rule, item, owner in self._candidates(name, by):
            if not path:
                tried.append(Probe(item, rule, "no entry"))
                continue
            if ended == (rule, id(owner)):
                continue
            here = self._root.walk(path)
            passed = self._passed_over(here)
            if passed is None:
                answer = examine(here)
                if not isinstance(answer, Passed):
                    tried.append(Probe(path, rule, "found"))
                    walk, found, origin_of = here, answer, (rule, item, owner)
                    break
                passed = answer
            tried.append(Probe(path, rule, passed.reason))
            if passed.fatal:
                break
            if here.kind in ("loop", "failed"):
                ended = (rule, id(owner))
        probes = tuple(tried)
        if plain:
            self._plain[key] = (probes, walk, found, origin_of[0])
        return self._answer(name, by, probes, walk, found, origin_of)

    @staticmethod
    def _answer(
        name: str,
        by: Object,
        probes: tuple[Probe, ...],
        walk: Walk | None,
        facts: ElfFacts | None,
        how: tuple[str, str, Object | None],
    ) -> Lookup:
        if walk is None or facts is None:
            return Lookup(name, by, probes, None)
        rule, item, owner = how
        return Lookup(name, by, probes, Object(name, walk, facts, rule, by, item, owner, inherited(by)))

    @staticmethod
    def _passed_over(walk: Walk) -> Passed | None:
        if walk.kind == "file":
            return None
        if walk.kind in ("dir", "special"):
            return Passed(f"{walk.reason}: the loader stops here", True)
        return Passed(walk.reason, False)

    def _candidates(self, name: str, by: Object) -> Iterator[Candidate]:
        if "/" in name:
            path = self._from_cwd(expand(name, self._tokens(by)))
            yield path, Rule.ABSOLUTE, name, by
            return
        if by.facts.runpath is None:
            owner = inherited(by)
            while owner is not None:
                yield from self._listed(owner.facts.rpath or "", name, Rule.RPATH, owner)
                owner = owner.rpath_next
        else:
            yield from self._listed(by.facts.runpath, name, Rule.RUNPATH, by)
        no_defaults = bool(by.facts.flags_1 & DF_1_NODEFLIB)
        path = self._cache.find(name, by.facts.machine, by.facts.bits) or ""
        if path and not (no_defaults and path.rpartition("/")[0] in self.default_dirs):
            yield path, Rule.LD_SO_CACHE, "", None
        else:
            yield "", Rule.LD_SO_CACHE, LD_SO_CACHE, None
        if not no_defaults:
            for directory in self.default_dirs:
                yield f"{directory}/{name}", Rule.DEFAULT, "", None

    def _listed(self, text: str, name: str, rule: str, owner: Object) -> Iterator[Candidate]:
        if not text:
            return
        for item in text.split(":"):
            directory = self._from_cwd(expand(item, self._tokens(owner))).rstrip("/")
            yield f"{directory}/{name}", rule, item, owner

    def _from_cwd(self, path: str) -> str:
        return path if path.startswith("/") else f"{self._cwd}/{path}"

    def _tokens(self, owner: Object) -> dict[str, str]:
        return tokens(origin(owner), self.default_dirs, owner.facts.machine)
