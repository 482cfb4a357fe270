"""The real loader's answer for a whole tree of files, and ocidiet's in the same words."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

from ocidiet.closure import Resolver
from ocidiet.errors import MissingLibraries, OcidietError
from ocidiet.fs import DiskRoot
from ocidiet.model import Object, Program, ReachedBy
from tests.support import done, run

Told = tuple[tuple[str, ...], tuple[str, ...]]
"""(paths as opened, in the loader's order, without the loader itself; or else the names not found)"""
TRACED = "LD_TRACE_LOADED_OBJECTS=1"
REFUSED: Told = (("refused",), ())

LISTED = (ReachedBy.NEEDED, ReachedBy.PRELOAD, ReachedBy.FILTER)
FURTHER = (ReachedBy.DLOPEN_NOTE, ReachedBy.LIBGCC_S, ReachedBy.AUDIT)


def elf_files(tree: str, machine: str, *directories: str) -> dict[str, str | None]:
    """The real paths inside `tree` of the programs and libraries of one machine, and their interpreters.

    A file counts that has an x bit or `.so` in its name: not every text of the tree is opened.
    """
    found: dict[str, str | None] = {}
    for top in {os.path.realpath(tree + directory) for directory in directories}:
        for entry in _files(top):
            executable = bool(entry.stat(follow_symlinks=False).st_mode & 0o111)
            if not executable and ".so" not in entry.name:
                continue
            with open(entry.path, "rb") as stream:
                if stream.read(4) != b"\x7fELF":
                    continue
                try:
                    file = ELFFile(stream)
                    if file["e_machine"] != machine or file["e_type"] not in ("ET_EXEC", "ET_DYN"):
                        continue
                    names = [s.get_interp_name() for s in file.iter_segments() if isinstance(s, InterpSegment)]
                except ELFError:
                    continue
            if names or file["e_type"] == "ET_DYN":
                found[entry.path[len(tree) :]] = names[0] if names else None
    return dict(sorted(found.items()))


def _files(top: str) -> Iterator[os.DirEntry[str]]:
    pending = [top]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    yield entry


def told_by_the_loader(start: Sequence[str], interp: str, files: Sequence[str]) -> dict[str, Told]:
    """What the loader `interp` lists for each file, started by the words `start`.

    They set LD_TRACE_LOADED_OBJECTS: for a library `--list` ends at the first name that is not found.
    """

    def told(path: str) -> Told:
        ended = run([*start, interp, path])
        lines = [re.sub(r" \(0x[0-9a-f]+\)$", "", line.strip()) for line in ended.stdout.splitlines()]
        if ended.returncode and not lines:
            return REFUSED
        missing = sorted({line.removesuffix(" => not found") for line in lines if line.endswith(" => not found")})
        if missing:
            return (), tuple(missing)
        opened = [line.partition(" => ")[2] or line for line in lines]
        return tuple(path for path in opened if path.startswith("/") and path != interp), ()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(files, pool.map(told, files), strict=True))


def hwcaps(start: Sequence[str], interp: str) -> list[str]:
    """The subdirectories of glibc-hwcaps that the CPU which `interp` sees has, the best one first."""
    return re.findall(
        r"^  (\S+) \(supported, searched\)$",
        done([*start, interp, "--help"]).partition("glibc-hwcaps")[2],
        re.MULTILINE,
    )


def told_by_ocidiet(
    root: DiskRoot, resolver: Resolver, files: Mapping[str, str | None], cpu: Sequence[str]
) -> dict[str, Told]:
    """The same, as the loader on a CPU with the hwcaps `cpu` sees it."""

    def told(path: str, interp: str | None) -> Told:
        try:
            found = resolver.resolve([(path, root.walk(path))]).programs[0]
            assert interp is None or (found.interp and found.interp.path == interp)
        except MissingLibraries as error:
            return (), tuple(sorted({lookup.name for lookup in error.lookups}))
        except OcidietError:
            return REFUSED
        return opened(found, cpu), ()

    return {path: told(path, interp) for path, interp in files.items()}


def counted(files: Mapping[str, str | None], loaders: Mapping[str, Told]) -> str:
    """How much was compared."""
    libraries = sum(interp is None for interp in files.values())
    objects = {path for opened, _ in loaders.values() for path in opened}
    missing = sum(bool(missing) for _, missing in loaders.values())
    return (
        f"{len(files) - libraries} programs and {libraries} libraries, with {len(objects)} objects; "
        f"{missing} of them incomplete, {list(loaders.values()).count(REFUSED)} refused"
    )


def differing(ours: Mapping[str, Told], loaders: Mapping[str, Told]) -> dict[str, tuple[Told, Told]]:
    """What was told otherwise."""
    return {path: (ours[path], loaders[path]) for path in loaders if ours[path] != loaders[path]}


def opened(program: Program, cpu: Sequence[str]) -> tuple[str, ...]:
    """What of a program `--list` tells; a file that was opened under two names stands once, as it is mapped once."""
    levels = {level.level: level for level in program.levels}
    seen = next((levels[level] for level in cpu if level in levels), program)
    mapped: dict[tuple[int, ...], str] = {}
    for loaded in seen.objects:
        if listed(loaded):
            mapped.setdefault(loaded.file.identity[:2], loaded.path)
    return tuple(mapped.values())


def listed(loaded: Object | None) -> bool:
    """Whether the loader maps an object at the program's start: neither it nor who loads it is added by another law."""
    while loaded is not None and loaded.needed_by is not None:
        assert loaded.reached_by in (*LISTED, *FURTHER)
        if loaded.reached_by not in LISTED:
            return False
        loaded = loaded.needed_by
    return True
