"""One needed name -> `Lookup`: where a loader looks, in its order. One class per loader.

`glibc` and `musl` hold their laws; `Loaders` tells which of them a program's interpreter is.
"""

from __future__ import annotations

import os

from ocidiet.fs import OpenFile
from ocidiet.ldcache import Cache
from ocidiet.model import TYPE_CHECKING, Config, Rule
from ocidiet.search.glibc import DF_1_NODEFLIB, Glibc, about, inherited
from ocidiet.search.tokens import expand, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from ocidiet.errors import OcidietError
    from ocidiet.fs import Root
    from ocidiet.model import ElfFacts, File, Identity, Object, Search, Walk
    from ocidiet.search.glibc import About
    from ocidiet.search.ldconfig import Simulated
    from ocidiet.search.musl import Musl

    Loader = Glibc | Musl
    Read = Callable[[File], "ElfFacts | OcidietError"]
    """What a file says when it is parsed, or why it cannot be."""

    class Files(Protocol):
        """What is known of files, whatever root they were met in."""

        abouts: dict[Identity, About]
        """Of glibc's loaders."""

        def ask(self, file: File) -> ElfFacts | OcidietError:
            """As `Read`."""

        def exports(self, file: File, names: Sequence[str]) -> bool:
            """Whether a library exports all of these symbols."""


__all__ = ["DF_1_NODEFLIB", "LD_SO_CACHE", "MAX_LOADER_BYTES", "Glibc", "Loaders", "inherited", "moved"]

MAX_LOADER_BYTES = 16 << 20
LD_SO_CACHE = "/etc/ld.so.cache"
_LD_SO_CONF = "/etc/ld.so.conf"
_LD_SO_PRELOAD = "/etc/ld.so.preload"


class Loaders:
    """The loaders of one root; each, and the root's ld.so.cache, is read once."""

    def __init__(self, root: Root, search: Search, files: Files) -> None:
        self._root = root
        self._search = search
        self._files = files
        self._caches: dict[bool, Cache | Simulated] = {}
        self._preloaded: tuple[list[str], Walk] | None = None
        self._known: dict[tuple[str, str], Loader] = {}

    def of(self, interp: Object) -> Loader:
        """The loader that `interp`, a program's interpreter, is."""
        key = (interp.path, interp.name)
        loader = self._known.get(key)
        if loader is None:
            loader = self._known[key] = self._make(interp)
        return loader

    def _make(self, interp: Object) -> Loader:
        facts = interp.facts
        known = self._files.abouts.get(interp.file.identity)
        if known is None:
            content = self.content(interp.walk)
            if b"/etc/ld-musl-" in content:
                from ocidiet.search.musl import Musl

                return Musl(self._root, self._search, self._files, interp, content, self.content)
            known = about(content, facts.machine, facts.bits, interp.walk.real.rpartition("/")[0], facts.e_flags)
            self._files.abouts[interp.file.identity] = known
        cache = self._caches.get(facts.little_endian)
        if cache is None:
            cache = self._caches[facts.little_endian] = self._cache(known.default_dirs, facts.little_endian)
        return Glibc(self._root, self._search, self._files.ask, known, cache)

    def _cache(self, default_dirs: tuple[str, ...], little_endian: bool) -> Cache | Simulated:
        assumed = self._search.assume_ldconfig
        walk = self._root.walk(LD_SO_CACHE, renewed=True)
        if assumed is None:
            assumed = self._root.is_sysroot and walk.file is None and self._root.walk(_LD_SO_CONF).file is not None
        if assumed:
            from ocidiet.search.ldconfig import Simulated

            return Simulated(self._root, self._files.ask, _LD_SO_CONF, default_dirs, self.content)
        cache = Cache(self.content(walk), little_endian)
        if self._root.staged is None:
            return cache
        from ocidiet.search.ldconfig import Simulated

        return Simulated(self._root, self._files.ask, _LD_SO_CONF, default_dirs, self.content, cache)

    def preloaded(self, main: Object) -> tuple[list[str], tuple[Config, ...]]:
        """What glibc's /etc/ld.so.preload names for every program, and the file."""
        if self._preloaded is None:
            walk = self._root.walk(_LD_SO_PRELOAD)
            names: list[str] = []
            if walk.file is not None:
                from ocidiet import ldconf

                names = list(ldconf.preload(os.fsdecode(self.content(walk))))
            self._preloaded = (names, walk)
        names, walk = self._preloaded
        return names, (Config(walk, main.name),) if walk.file is not None else ()

    def content(self, walk: Walk) -> bytes:
        """A loader's own file, whole; empty for what is no file."""
        if walk.file is None:
            return b""
        self._root.use(walk)
        with OpenFile(walk.file) as opened:
            return opened.pread(min(walk.file.identity.size_bytes, MAX_LOADER_BYTES), 0)


def moved(found: Object, beside: str, lib: str) -> str | None:
    """Where `found` is looked for once its `owner` is opened in the directory `beside`; None where
    `$ORIGIN` has no part in it. `lib` is the loader's `$LIB`."""
    if found.owner is None or "ORIGIN" not in found.item or found.rule == Rule.LIBRARY_PATH:
        return None
    values = tokens(beside, lib, found.owner.facts.machine)
    place = expand(found.item, values)
    if place == expand(found.item, {**values, "ORIGIN": "$ORIGIN"}):
        return None
    if found.rule == Rule.ABSOLUTE:
        return place
    return "/".join(part for part in (place, found.subdir, found.name) if part)
