"""What ldconfig(8) would write for a root that it never ran in: a fresh sysroot, say.

Nothing is written; `Simulated` answers as `ldcache.Cache` would after a run. Law: glibc's
elf/ldconfig.c, `search_dirs` and `search_dir`. It reads every library; of a root that is read sparingly those
alone whose names begin as the one that is asked for, where a SONAME unlike its file's name is not known.
"""

from __future__ import annotations

from ocidiet import ldconf
from ocidiet.model import TYPE_CHECKING, ElfFacts
from ocidiet.system import os

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ocidiet.fs import Root
    from ocidiet.ldcache import Cache
    from ocidiet.model import Walk
    from ocidiet.search import Read

_MAX_INCLUDES = 64


class Simulated:
    """The cache that `conf` asks for, with the loader's default directories behind it."""

    def __init__(
        self,
        root: Root,
        read: Read,
        conf: str,
        default_dirs: tuple[str, ...],
        content: Callable[[Walk], bytes],
        known: Cache | None = None,
    ) -> None:
        """With a cache that is `known`, only what is staged over the root is entered, before it."""
        self._root = root
        self._known = known
        self._entered = root if known is None or root.staged is None else root.staged
        self._read = read
        self._content = content
        # (e_machine, bits) -> name -> (subdirectory of glibc-hwcaps, path), in ldconfig's order.
        self._entries: dict[tuple[int, int], dict[str, list[tuple[str, str]]]] = {}
        # The libraries' names by stem in each directory that counts, where not all are to be read; and stems read.
        self._by_stem: dict[tuple[str, str], dict[str, list[str]]] = {}
        self._stems: set[str] = set()
        seen: set[str] = set()
        for directory in (*self._directories(conf, [_MAX_INCLUDES]), *default_dirs):
            walk = self._entered.directory(directory)
            if walk.kind == "dir" and walk.real not in seen:
                seen.add(walk.real)
                self._enter(directory, "")
                hwcaps = self._entered.directory(f"{directory}/glibc-hwcaps")
                for level in self._entered.list(hwcaps.real) if hwcaps.kind == "dir" else ():
                    self._enter(f"{directory}/glibc-hwcaps/{level}", level)

    def entries(self, name: str, machine: int, bits: int) -> list[tuple[str, str]]:
        """As `ldcache.Cache.entries`."""
        stem = _stem(name) if self._by_stem else ""
        if stem and stem not in self._stems:
            self._stems.add(stem)
            for (directory, level), by_stem in self._by_stem.items():
                self._enter_names(directory, level, by_stem.get(stem, ()), stem)
        entered = self._entries.get((machine, bits), {}).get(name, [])
        return entered if self._known is None else entered + self._known.entries(name, machine, bits)

    def _directories(self, conf: str, left: list[int]) -> Iterator[str]:
        if not left[0]:
            return
        left[0] -= 1
        text = os.fsdecode(self._content(self._root.walk(conf)))
        for item, is_pattern in ldconf.conf(text):
            if not is_pattern:
                yield item
                continue
            pattern = item if item.startswith("/") else f"{conf.rpartition('/')[0]}/{item}"
            for path in self._matching(pattern):
                yield from self._directories(path, left)

    def _matching(self, pattern: str) -> list[str]:
        """glob(3) inside the root, in byte order."""
        from fnmatch import fnmatchcase

        paths = [""]
        for part in pattern.strip("/").split("/"):
            if not any(char in part for char in "*?["):
                paths = [f"{path}/{part}" for path in paths]
                continue
            below = []
            for path in paths:
                walk = self._root.directory(path or "/")
                names = self._root.list(walk.real) if walk.kind == "dir" else ()
                below += [f"{path}/{name}" for name in names if name[0] != "." and fnmatchcase(name, part)]
            paths = below
        return [path for path in paths if self._root.walk(path).file is not None]

    def _enter(self, directory: str, level: str) -> None:
        there = self._entered.directory(directory)
        if there.kind != "dir":
            return
        names = filter(ldconf.is_library, self._entered.list(there.real))
        if not self._entered.is_read_sparingly:
            self._enter_names(directory, level, names)
            return
        by_stem = self._by_stem[directory, level] = {}
        for name in names:
            by_stem.setdefault(_stem(name), []).append(name)

    def _enter_names(self, directory: str, level: str, names: Iterable[str], stem: str = "") -> None:
        by_machine: dict[tuple[int, int], list[tuple[str, str | None, bool]]] = {}
        for name in names:
            walk = self._entered.walk(f"{directory}/{name}")
            facts = self._read(walk.file) if walk.file is not None else None
            if isinstance(facts, ElfFacts) and facts.dynamic:
                row = (name, facts.soname, len(walk.hops) > 1)
                by_machine.setdefault((facts.machine, facts.bits), []).append(row)
        for key, rows in by_machine.items():
            entries = self._entries.setdefault(key, {})
            for entered, name in ldconf.best_files(rows).items():
                if stem and _stem(entered) != stem:
                    continue
                # ldconfig enters the link of the SONAME, which it would make; below glibc-hwcaps the file.
                linked = not level and self._entered.walk(f"{directory}/{entered}").file is not None
                entries.setdefault(entered, []).append((level, f"{directory}/{entered if linked else name}"))


def _stem(name: str) -> str:
    """What a library's file and its SONAME have in common: `libx` of libx.so.1 and of libx-1.2.so."""
    return name.partition(".so")[0].partition("-")[0]
