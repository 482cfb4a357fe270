"""One needed name -> `Lookup`: where a loader looks, in its order. One class per loader.

`glibc` and `musl` hold their laws; `Loaders` tells which of them a program's interpreter is.
"""

from __future__ import annotations

from ocidiet.fs import OpenFile
from ocidiet.ldcache import Cache
from ocidiet.model import TYPE_CHECKING, Config, NamedTuple, Rule
from ocidiet.search.glibc import DF_1_NODEFLIB, LD_SO_CACHE, Glibc, expand, inherited, tokens
from ocidiet.system import os

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from ocidiet.errors import OcidietError
    from ocidiet.fs import Root
    from ocidiet.model import ElfFacts, File, Identity, Object, Search, Walk
    from ocidiet.search.ldconfig import Simulated
    from ocidiet.search.musl import Musl

    Loader = Glibc | Musl

    class Read(Protocol):
        """What a file says when it is parsed, or why it cannot be."""

        def __call__(self, file: File, root: Root | None = None, /) -> ElfFacts | OcidietError:
            """`root` may have left the file open."""

    class Files(Protocol):
        """What is known of files, whatever root they were met in."""

        abouts: dict[Identity, About]
        """Of glibc's loaders."""

        def ask(self, file: File, root: Root | None = None) -> ElfFacts | OcidietError:
            """As `Read`."""

        def exports(self, file: File, names: Sequence[str]) -> bool:
            """Whether a library exports all of these symbols."""


__all__ = ["DF_1_NODEFLIB", "LD_SO_CACHE", "MAX_LOADER_BYTES", "Glibc", "Loaders", "inherited", "moved"]

# Loaders and caches have less than half of it; debugging symbols stand behind what is looked for.
MAX_LOADER_BYTES = 2 << 20
# Without these symbols, what is looked for stands in a loader's last 16 to 84 KiB, behind the code. How far from the
# end to begin, and how much to read: first where x86-64 has all.
ENDS_BYTES = ((64 << 10, 40 << 10), (96 << 10, 96 << 10))
_MARGIN_BYTES = 4096
_LD_SO_CONF = "/etc/ld.so.conf"
_LD_SO_PRELOAD = "/etc/ld.so.preload"

# What loaders before 2.37 look into beside the subdirectories of glibc-hwcaps, whatever the CPU.
_LEGACY = {
    (62, 64): ("tls/x86_64/x86_64", "tls/x86_64", "tls", "x86_64/x86_64", "x86_64"),
    (3, 32): ("tls/i686/sse2", "tls/i686", "tls/sse2", "tls", "i686/sse2", "i686", "sse2"),
    (183, 64): ("tls/aarch64", "tls", "aarch64"),
}
_LEGACY_OF_ALL = ("tls",)
_LEGACY_ENDED = ((1, b"2"), (2, b"37"))

_MAX_DIRS = 64
_PRINTABLE = bytes(range(0x21, 0x7F))
# Where the loader's own data tells nothing.
_FALLBACK = {(3, 32): ("/lib", "/usr/lib"), (40, 32): ("/lib", "/usr/lib")}
_FALLBACK[62, 32] = ("/libx32", "/usr/libx32")
_FALLBACK[243, 64] = ("/lib64/lp64d", "/usr/lib64/lp64d")


class Loaders:
    """The loaders of one root; each, and the root's ld.so.cache, is read once."""

    def __init__(self, root: Root, search: Search, files: Files) -> None:
        self._root = root
        self._search = search
        self._files = files
        self._written: tuple[Walk, bool] | None = None
        self._caches: dict[bool, Cache] = {}
        self._simulated: dict[tuple[bool, tuple[str, ...]], Simulated] = {}
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
            of = (facts.machine, facts.bits, interp.walk.real.rpartition("/")[0], facts.e_flags)
            for end_bytes, most_bytes in ENDS_BYTES:
                part = self.content(interp.walk, end_bytes, most_bytes)
                known = about(part, *of)
                if is_told(known, part, most_bytes < end_bytes):
                    break
            else:
                content = self.content(interp.walk)
                if _banner(content) < 0 and b"/etc/ld-musl-" in content:
                    from ocidiet.search.musl import Musl

                    return Musl(self._root, self._search, self._files, interp, content, self.content)
                known = about(content, *of)
            self._files.abouts[interp.file.identity] = known
        cache = self._cache(facts.little_endian, known.default_dirs)
        return Glibc(self._root, self._search, self._files.ask, known, cache)

    def _cache(self, little_endian: bool, default_dirs: tuple[str, ...]) -> Cache | Simulated:
        """What ldconfig has written; where it is simulated, it looks into a loader's own `default_dirs`."""
        if self._written is None:
            walk = self._root.walk(LD_SO_CACHE, renewed=True)
            assumed = self._search.assume_ldconfig
            if assumed is None:
                assumed = self._root.is_sysroot and walk.file is None and self._root.walk(_LD_SO_CONF).file is not None
            self._written = (walk, assumed)
        walk, assumed = self._written
        cache = None if assumed else self._caches.get(little_endian)
        if cache is None and not assumed:
            cache = self._caches[little_endian] = Cache(self.content(walk), little_endian)
        if cache is not None and self._root.staged is None:
            return cache
        simulated = self._simulated.get((little_endian, default_dirs))
        if simulated is None:
            from ocidiet.search.ldconfig import Simulated

            simulated = Simulated(self._root, self._files.ask, _LD_SO_CONF, default_dirs, self.content, cache)
            self._simulated[little_endian, default_dirs] = simulated
        return simulated

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

    def content(self, walk: Walk, end_bytes: int = MAX_LOADER_BYTES, most_bytes: int = MAX_LOADER_BYTES) -> bytes:
        """A loader's own file: of its last `end_bytes` the first `most_bytes`; empty for what is no file."""
        if walk.file is None:
            return b""
        self._root.use(walk)
        with OpenFile(walk.file) as opened:
            size_bytes = min(walk.file.identity.size_bytes, MAX_LOADER_BYTES)
            start = max(size_bytes - end_bytes, 0)
            return opened.pread(min(size_bytes - start, most_bytes), start)


class About(NamedTuple):
    """What a loader's own data says of it."""

    default_dirs: tuple[str, ...]
    """In order, without trailing slashes."""
    lib: str
    """`$LIB`."""
    legacy: tuple[str, ...]
    """Subdirectories that are looked into before a directory itself, on every CPU."""
    e_flags: int = 0
    """The loader's own."""


def about(loader: bytes, machine: int, bits: int, directory: str, e_flags: int = 0) -> About:
    """What the loader's bytes tell; `directory` is where its file lies."""
    found = system_dirs(loader, directory) or _FALLBACK.get((machine, bits), ("/lib64", "/usr/lib64"))
    whole, _, last = found[0].lstrip("/").rpartition("/")
    lib = f"{whole}/{last}" if whole else last
    if whole and lib.encode() + b"\0" not in loader and last.encode() + b"\0" in loader:
        lib = last
    legacy = _LEGACY.get((machine, bits), _LEGACY_OF_ALL) if _version(loader) < _LEGACY_ENDED else ()
    return About(found, lib, legacy, e_flags)


def is_told(known: About, part: bytes, is_cut: bool = False) -> bool:
    """Whether the whole loader tells what a `part` near its end does: all stands there, and not where the part starts,
    nor where it ends if it `is_cut` from what follows."""
    at, end = part.find("/\0".join(known.default_dirs[:2]).encode()), len(part) - is_cut * _MARGIN_BYTES
    is_run = len(known.default_dirs) > 1 and _MARGIN_BYTES < at < end
    return is_run and 0 <= _banner(part) < end and known.lib.encode() + b"\0" in part


def system_dirs(loader: bytes, directory: str) -> tuple[str, ...]:
    """The default directories built into a glibc loader, in order, without trailing slashes.

    glibc keeps them as one run of NUL-separated strings, each with a slash at both ends
    (elf/dl-load.c, `system_dirs`). One alone is a run where it is the loader's own `directory`.
    """
    own: tuple[str, ...] = ()
    at = loader.find(b"/lib")
    while at >= 0:
        end = loader.find(b"\0", at)
        before = loader[max(at - 256, 0) : at]
        # The first string may stand behind code.
        start = at - len(before) + len(before.rstrip(_PRINTABLE))
        run: list[str] = []
        while loader[start : start + 1] == b"/" and len(run) < _MAX_DIRS:
            end = loader.find(b"\0", start)
            text = loader[start:end]
            if not text.endswith(b"/") or b"lib" not in text or not text.isascii():
                break
            run.append(text.decode("ascii").rstrip("/"))
            start = end + 1
        if len(run) > 1:
            return tuple(run)
        if run == [directory]:
            own = tuple(run)
        at = loader.find(b"/lib", max(at + 1, end))
    return own


def _banner(loader: bytes) -> int:
    """Where a glibc loader says its version: near its end."""
    return loader.rfind(b" release version ")


def _version(loader: bytes) -> tuple[tuple[int, bytes], ...]:
    """Of each number how many digits it has and which: they compare as numbers do. Python's int takes a while to
    begin."""
    at = _banner(loader)
    text = loader[at + 17 : at + 24].split(b"\0")[0].rstrip(b".\n") if at >= 0 else b""
    parts = text.split(b".")[:2]
    is_told = len(parts) == 2 and all(map(bytes.isdigit, parts))
    return tuple([(len(part), part) for part in [part.lstrip(b"0") for part in parts]]) if is_told else _LEGACY_ENDED


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
