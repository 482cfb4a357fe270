"""musl's loader, which is its C library too. Law: musl's ldso/dynlink.c, `load_library`."""

from __future__ import annotations

from ocidiet import ldconf
from ocidiet.errors import OcidietError
from ocidiet.model import TYPE_CHECKING, Config, Lookup, Object, Probe, Rule
from ocidiet.search.glibc import Passed, origin
from ocidiet.system import os

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ocidiet.fs import Root
    from ocidiet.model import ElfFacts, Search, Walk
    from ocidiet.search import Files
    from ocidiet.search.glibc import Candidate

_DEFAULT_PATH = ("/lib", "/usr/local/lib", "/usr/lib")
# Libraries that musl is itself, whatever follows the dot.
_LIBC_SYMBOLS = ("__libc_start_main", "stdin")
# The buffer in which a path list's item and a name are put together: 2 * NAME_MAX + 2.
_MAX_SEARCHED_BYTES = 512
_RESERVED = tuple(f"lib{name}." for name in ("c", "pthread", "rt", "m", "dl", "util", "xnet"))


class Musl:
    """One loader of one root, as started by a PT_INTERP: its text decides where the path file is."""

    def __init__(
        self,
        root: Root,
        search: Search,
        files: Files,
        interp: Object,
        content: bytes,
        read_whole: Callable[[Walk], bytes],
    ) -> None:
        self.lib = ""
        self.preload = search.preload.replace(":", " ").split()
        self.follows_glibc = False
        self.config: Config | None = None
        self._root = root
        self._search = search
        self._files = files
        self._cwd = search.cwd.rstrip("/")
        self._library_path = search.library_path
        self._interp = interp
        self._system_path: tuple[str, ...] = _DEFAULT_PATH
        self._system_rule = Rule.DEFAULT
        at = content.find(b"/etc/ld-musl-")
        suffix = os.fsdecode(content[at : content.find(b"\0", at)])
        walk = root.walk(os.path.dirname(os.path.dirname(interp.name)).rstrip("/") + suffix)
        if walk.kind not in ("absent", "loop", "denied"):
            self.config = Config(walk, interp.name)
            self._system_path = ldconf.path_file(os.fsdecode(read_whole(walk)))
            self._system_rule = Rule.PATH_FILE
        self.default_dirs = self._system_path

    def names(self, found: Object, mapped: Object) -> Iterable[str]:
        """The names that `mapped` serves from now on, because it was opened as `found`: that of a
        search alone, by which a file known by its path gets a short name."""
        if "/" in found.name:
            return ()
        if mapped is found:
            return (found.name,)
        # It has its short name already, unless it was opened by its path. A reserved one is asked for nobody but musl.
        short = mapped.path.rpartition("/")[2]
        return (short,) if "/" in mapped.name and not short.startswith(_RESERVED) else ()

    def spelled(self, name: str, _by: Object) -> str | None:
        """`name` as it is looked for: musl expands no tokens in names, and misses every one that no file serves."""
        return name

    def levels(self, _facts: ElfFacts) -> tuple[str, ...]:
        """None: musl has no glibc-hwcaps."""
        return ()

    def serve(self, name: str, by: Object, main: Object, level: str, known: object) -> Object | Lookup:
        """What serves `name`, or the search that found nothing. `level` and `known` have no meaning here."""
        del level, known
        if name.startswith(_RESERVED) or name == self._interp.name:
            return self._interp  # which is searched for nowhere
        lookup = self.lookup(name, by, main)
        if lookup.found is not None and self._is_libc(lookup.found):
            return self._interp
        return lookup.found or lookup

    def known(self, _by: Object, _level: str) -> None:
        """None: every path list counts."""

    def _is_libc(self, found: Object) -> bool:
        """Whether a library is taken for a second libc, and musl itself for it."""
        return self._files.exports(found.file, _LIBC_SYMBOLS)

    def lookup(self, name: str, by: Object, main: Object) -> Lookup:
        """Search for `name`, which `by` asks for in the program `main`."""
        tried: list[Probe] = []
        for path, (rule, item, owner, _) in self._candidates(name, by, main):
            if rule != Rule.ABSOLUTE and len(os.fsencode(path)) >= _MAX_SEARCHED_BYTES:
                tried.append(Probe(path, rule, "longer than musl looks for"))
                continue
            walk = self._root.walk(path)
            taken = self._taken(walk, by.facts)
            if not isinstance(taken, Passed):
                # Every loader above counts: musl's path lists are all inherited.
                found = Object(name, walk, taken, rule, item, owner, by, tried=tuple(tried))
                return Lookup(name, by, found.probes, found)
            tried.append(Probe(path, rule, taken.reason))
            if taken.fatal:
                break
        return Lookup(name, by, tuple(tried), None)

    def _candidates(self, name: str, by: Object, main: Object) -> Iterator[Candidate]:
        if "/" in name:
            yield self._from_cwd(name), (Rule.ABSOLUTE, name, by, "")
            return
        yield from self._listed(self._library_path, name, Rule.LIBRARY_PATH, main)
        # What is preloaded is asked for by the loader, which has no path list.
        owner: Object | None = None if by.rule == Rule.INTERP else by
        while owner is not None:
            # Both tags are one to musl, and both are inherited.
            text = owner.facts.rpath if owner.facts.runpath is None else owner.facts.runpath
            rule = Rule.RPATH if owner.facts.runpath is None else Rule.RUNPATH
            if text and "$" not in _with_origin(text, ""):
                yield from self._listed(text, name, rule, owner)
            owner = owner.rpath_next
        for directory in self._system_path:
            yield f"{self._from_cwd(directory).rstrip('/')}/{name}", (self._system_rule, "", None, "")

    def _listed(self, text: str, name: str, rule: str, owner: Object) -> Iterator[Candidate]:
        for item in text.replace("\n", ":").split(":"):
            if item:
                expanded = item if rule == Rule.LIBRARY_PATH else _with_origin(item, origin(owner))
                directory = self._from_cwd(expanded).rstrip("/")
                yield f"{directory}/{name}", (rule, item, owner, "")

    def _taken(self, walk: Walk, mine: ElfFacts) -> ElfFacts | Passed:
        """What the loader makes of a candidate: the first that can be opened is final."""
        if walk.file is None:
            passed_over = walk.kind in ("absent", "denied") or "name too long" in walk.reason
            return Passed(walk.reason, not passed_over)
        self._root.use(walk)
        facts = self._files.ask(walk.file)
        if isinstance(facts, OcidietError):
            return Passed(facts.message, fatal=True)
        if (facts.bits, facts.machine, facts.little_endian) != (mine.bits, mine.machine, mine.little_endian):
            return Passed(f"for another machine ({facts.bits} bit, e_machine {facts.machine})", fatal=True)
        if not facts.dynamic:
            return Passed("a program, no library", fatal=True)
        return facts

    def _from_cwd(self, path: str) -> str:
        return path if path.startswith("/") else f"{self._cwd}/{path}"


def _with_origin(text: str, directory: str) -> str:
    """`text` with musl's only token in place: what follows `$ORIGIN` may be a letter."""
    return text.replace("${ORIGIN}", "\0").replace("$ORIGIN", "\0").replace("\0", directory)
