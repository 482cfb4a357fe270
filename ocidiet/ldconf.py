"""The loaders' configuration files, as text: /etc/ld.so.conf, /etc/ld.so.preload, and musl's
etc/ld-musl-ARCH.path. Laws: ldconfig(8) and glibc's elf/ldconfig.c and elf/rtld.c; musl's
ldso/dynlink.c. Also which files ldconfig enters into its cache, and under what name.
"""

from __future__ import annotations

from ocidiet.model import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def conf(text: str) -> Iterator[tuple[str, bool]]:
    """The directories of an ld.so.conf in order; true beside a pattern of files to be included."""
    for line in text.split("\n"):
        words = line.partition("#")[0].split()
        if not words or words[0] == "hwcap":
            continue
        if words[0] == "include":
            yield from ((word, True) for word in words[1:])
            continue
        # A directory may hold blanks, and end in an obsolete `=TYPE`.
        directory = line.partition("#")[0].strip().partition("=")[0].rstrip().rstrip("/") or "/"
        if directory.startswith("/"):
            yield directory, False


def preload(text: str) -> Iterator[str]:
    """The names in an ld.so.preload.

    The loader looks for each further comment from the file's start on again, in as many bytes as
    follow the one before: a late one is read as names (elf/rtld.c).
    """
    rest = len(text)
    while (at := text.find("#", 0, rest)) >= 0:
        rest -= at
        end = text.find("\n", at + 1, at + rest)
        end = at + rest if end < 0 else end
        text = text[:at] + " " * (end - at) + text[end:]
        rest -= end - at
    yield from text.replace(":", " ").split()


def path_file(text: str) -> tuple[str, ...]:
    """The directories of musl's path file."""
    return tuple(item for item in text.replace("\n", ":").split(":") if item)


def is_library(name: str) -> bool:
    """Whether ldconfig looks into a file of this name."""
    if not name.startswith(("lib", "ld-", "ld.so")) or ".so" not in name:
        return False
    return not name.endswith((".dpkg-new", ".dpkg-tmp", "-gdb.py")) and ".#prelink#." not in name and ";" not in name


def cached_name(name: str, soname: str | None, is_link: bool) -> tuple[str, bool]:
    """The name under which ldconfig enters the file `name`, and whether as a link.

    A link counts as one where its name is the SONAME, or the developer's .so of it; else it is one
    more file.
    """
    soname = soname or name
    if is_link and (name == soname or (name.endswith(".so") and soname.startswith(name))):
        return name, True
    return soname, False


def newer(name: str, than: str) -> bool:
    """Whether ldconfig prefers the file `name` to `than`, both for one SONAME: digits count as numbers
    (glibc's `_dl_cache_libcmp`)."""
    return _ordered(name) > _ordered(than)


def _ordered(name: str) -> list[tuple[bool, int, str]]:
    parts: list[tuple[bool, int, str]] = []
    digits = ""
    for char in name:
        if char in "0123456789":
            digits += char
            continue
        if digits:
            parts.append((True, int(digits), ""))
            digits = ""
        parts.append((False, 0, char))
    return [*parts, (True, int(digits), "")] if digits else parts


def best_files(rows: Iterable[tuple[str, str | None, bool]]) -> dict[str, str]:
    """(file name, SONAME, whether it is a link) in one directory -> cached name -> file name."""
    best: dict[str, tuple[str, bool]] = {}
    for name, soname, linked in rows:
        entered, is_link = cached_name(name, soname, linked)
        there = best.get(entered)
        if there is None or (there[1] and not is_link) or (there[1] == is_link and newer(name, there[0])):
            best[entered] = (name, is_link)
    return {entered: name for entered, (name, _) in best.items()}
