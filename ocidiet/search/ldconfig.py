"""What ldconfig(8) would write for a root that it never ran in: a fresh sysroot, say.

Nothing is written; `Simulated` answers as `ldcache.Cache` would after a run. Law: glibc's
elf/ldconfig.c, `search_dirs` and `search_dir`.
"""

from __future__ import annotations

import os

from ocidiet import ldconf
from ocidiet.model import TYPE_CHECKING, ElfFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
        by_machine: dict[tuple[int, int], list[tuple[str, str | None, bool]]] = {}
        for name in self._entered.list(there.real):
            if not ldconf.is_library(name):
                continue
            walk = self._entered.walk(f"{directory}/{name}")
            facts = self._read(walk.file) if walk.file is not None else None
            if isinstance(facts, ElfFacts) and facts.dynamic:
                row = (name, facts.soname, len(walk.hops) > 1)
                by_machine.setdefault((facts.machine, facts.bits), []).append(row)
        for key, rows in by_machine.items():
            entries = self._entries.setdefault(key, {})
            for entered, name in ldconf.best_files(rows).items():
                # ldconfig enters the link of the SONAME, which it would make; below glibc-hwcaps the file.
                linked = not level and self._entered.walk(f"{directory}/{entered}").file is not None
                entries.setdefault(entered, []).append((level, f"{directory}/{entered if linked else name}"))
