"""The real loader's answer for a whole tree of files, and ocidiet's in the same words."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

from ocidiet.closure import Facts, Resolver
from ocidiet.errors import OcidietError
from ocidiet.fs import DiskRoot
from ocidiet.model import ReachedBy, Search
from tests.support import done, run

Told = tuple[tuple[str, ...], tuple[str, ...]]
"""(paths as opened, in the loader's order, without the loader itself; the names not found)"""
TRACED = "LD_TRACE_LOADED_OBJECTS=1"
NO_FILES = ("linux-vdso.so.1", "linux-vdso64.so.1", "linux-gate.so.1", "statically linked", "")
REFUSED: Told = (("refused",), ())

# What a loader maps when it starts a program; what comes later, or into another name space.
AT_START = (ReachedBy.NEEDED, ReachedBy.PRELOAD, ReachedBy.FILTER, ReachedBy.HWCAPS)
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


def listed(argv: Sequence[str], interp: str, cwd: Path | None = None) -> Told:
    """What a loader, started by `argv` with LD_TRACE_LOADED_OBJECTS, lists beside itself."""
    ended = run(argv, cwd)
    lines = [re.sub(r" \(0x[0-9a-f]+\)$", "", line.strip()) for line in ended.stdout.splitlines()]
    if ended.returncode and not lines:
        return REFUSED
    missing = sorted({line.removesuffix(" => not found") for line in lines if line.endswith(" => not found")})
    opened = [line.partition(" => ")[2] or line for line in lines if not line.endswith(" => not found")]
    return tuple(path for path in opened if path not in (interp, *NO_FILES)), tuple(missing)


def told_by_the_loader(start: Sequence[str], interp: str, files: Iterable[str]) -> dict[str, Told]:
    """What the loader `interp` lists for each file, started by the words `start`.

    They set LD_TRACE_LOADED_OBJECTS: for a library `--list` ends at the first name that is not found.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        told = pool.map(lambda path: listed([*start, interp, path], interp), files)
        return dict(zip(files, told, strict=True))


def hwcaps(start: Sequence[str], interp: str) -> list[str]:
    """The subdirectories of glibc-hwcaps that the CPU which `interp` sees has, the best one first."""
    return re.findall(
        r"^  (\S+) \(supported, searched\)$",
        done([*start, interp, "--help"]).partition("glibc-hwcaps")[2],
        re.MULTILINE,
    )


def resolved(
    resolver: Resolver, root: DiskRoot, path: str, cpu: Sequence[str] = (), further: Counter[str] | None = None
) -> Told:
    """The same of one program or library, as the loader on a CPU with the hwcaps `cpu` sees it.

    A file that was opened under two names stands once, as it is mapped once. What is there by a law
    that comes later than the start is counted in `further`.
    """
    try:
        found = resolver.resolve([(path, root.walk(path))]).programs[0]
    except OcidietError:
        return REFUSED
    levels = {level.level: level for level in found.levels}
    seen = next((levels[level] for level in cpu if level in levels), found)
    if any("stops here" in probe.outcome for lookup in seen.missing for probe in lookup.probes):
        return REFUSED
    if found.main.facts.interp:
        assert found.interp is not None
        assert found.interp.path == found.main.facts.interp
    mapped: dict[tuple[int, ...], str] = {}
    for loaded in seen.objects:
        if loaded.reached_by in AT_START:
            mapped.setdefault(loaded.file.identity[:2], loaded.path)
        else:
            assert loaded.reached_by in FURTHER
            if further is not None:
                further[loaded.reached_by] += 1
    return tuple(mapped.values()), tuple(sorted({lookup.name for lookup in seen.missing}))


def normal(told: Told, cwd: Path) -> Told:
    """With paths of the working directory written in one way."""
    return tuple(os.path.normpath(cwd / path) for path in told[0]) if told[0] != ("refused",) else told[0], told[1]


def told_by_ocidiet(
    root: DiskRoot, files: Iterable[str], cpu: Sequence[str], search: Search
) -> tuple[dict[str, Told], Counter[str]]:
    """What one resolver finds for each file, and how many objects beyond what the loader lists."""
    further: Counter[str] = Counter()
    resolver = Resolver(root, Facts(), search)
    return {path: resolved(resolver, root, path, cpu, further) for path in files}, further


def counted(files: Mapping[str, str | None], loaders: Mapping[str, Told], further: Counter[str]) -> str:
    """How much was compared."""
    libraries = sum(interp is None for interp in files.values())
    objects = {path for opened, _ in loaders.values() for path in opened}
    missing = sum(bool(missing) for _, missing in loaders.values())
    return (
        f"{len(files) - libraries} programs and {libraries} libraries, with {len(objects)} objects; "
        f"{missing} of them incomplete, {list(loaders.values()).count(REFUSED)} refused; "
        f"further objects: {', '.join(f'{count} {by}' for by, count in sorted(further.items())) or 'none'}"
    )


def differing(ours: Mapping[str, Told], loaders: Mapping[str, Told]) -> dict[str, tuple[Told, Told]]:
    """What was told otherwise."""
    return {path: (ours[path], loaders[path]) for path in loaders if ours[path] != loaders[path]}
