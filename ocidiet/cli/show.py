"""The verbs: what programs need, as a list of paths or as a tree. Nothing is written."""

from __future__ import annotations

import sys

from ocidiet.cli import options, tell, write
from ocidiet.errors import UsageError, shown
from ocidiet.model import TYPE_CHECKING, Rule, below
from ocidiet.system import os

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocidiet.fs import DiskRoot, Root
    from ocidiet.model import Closure, HostPath, Program, Walk


def show(verb: str, given: options.Options, cwd: str) -> None:
    """Print what `ocidiet VERB` asks for.

    Raises `MissingLibraries` behind it if the closure is broken, another `OcidietError` instead of it.
    """
    from ocidiet import closure, commit, fs

    sources = options.files(given, cwd)
    if not sources:
        raise UsageError(f"{verb}: names no program", hint=f"ocidiet {verb} --help")
    prefix, search = options.root(given), options.search(given, cwd)
    commit.occupy_standard_files()
    record = fs.Record(options.build_tree(given, cwd))
    root = fs.DiskRoot(prefix, record)
    host = fs.DiskRoot("", record) if prefix else root
    named = [(source.name, root if source.in_root else host, source.path) for source in sources]
    closed = closure.Resolver(root, closure.Facts(), search).resolve(
        [(name, at.walk(path)) for name, at, path in named]
    )
    verbose = "--verbose" in given
    if verb == "list":
        end = "\0" if "--null" in given else "\n"
        paths: list[str] = sorted(_paths(closed, root, [at for _, at, _ in named]), key=os.fsencode)
        if os.isatty(1):
            paths = [*map(shown, paths)]
        write("".join([path + end for path in paths]))
    elif "--json" in given:
        from ocidiet.report import data

        write(data.render(closed))
    else:
        write(drawn(closed, root, cwd, verbose))
    tell(closed.notices, verbose)
    if closed.broken:
        from ocidiet.errors.lacks import MissingLibraries

        error = MissingLibraries(closed.missing, closed.broken, "", root.spell)
        if verb == "tree":
            error.evidence = ()  # which the tree holds
        raise error


def _paths(closed: Closure, root: DiskRoot, mains: list[DiskRoot]) -> set[HostPath]:
    """Every path that must exist: each file, and each link on the way to it, those between
    directories included. All real: no directory above one of them is a link."""
    paths: set[HostPath] = set()
    for program, at in zip(closed.programs, mains, strict=True):
        paths.update(_way(program.main.walk, at))
        for part in program.parts():
            for walk in _walks(part, root):
                if part is not program or walk is not program.main.walk:
                    paths.update(_way(walk, root))
    return paths


def _walks(program: Program, root: DiskRoot) -> Iterator[Walk]:
    yield from (found.walk for found in (program.main, program.interp, *program.objects) if found is not None)
    yield from (config.walk for config in program.configs)
    told = {found.path.rpartition("/")[0] for found in program.objects if found.rule == Rule.LD_SO_CACHE}
    if not told.issubset(program.default_dirs):
        cache = root.walk("/etc/ld.so.cache")  # absent where it is only assumed
        yield from [cache] if cache.file is not None else []


def _way(walk: Walk, root: DiskRoot) -> Iterator[HostPath]:
    path = walk.path
    for hop in walk.hops:
        above, _, _ = path.rpartition("/")
        yield from (root.host_path(link.path) for link in root.directory(above).hops[:-1])
        yield root.host_path(hop.path)
        target = hop.target or ""
        path = target if target.startswith("/") else f"{hop.path.rpartition('/')[0]}/{target}"


def drawn(closed: Closure, root: Root, cwd: str, probes: bool, fd: int = 1, declared: bool = False) -> str:
    """The tree, as suits the open file that it goes to. Paths inside another root start with ROOT,
    those below the working directory are relative; `declared` ones are spelled by their root."""
    from ocidiet.report import tree

    def spell(path: str) -> str:
        if declared:
            return root.spell(path)
        if root.host_path(path) != path:
            return "ROOT" + path
        return path[len(cwd) + 1 :] if cwd not in ("/", path) and below(path, cwd) else path

    style = tree.LINES if sys.getfilesystemencoding() == "utf-8" else tree.PLAIN
    if os.isatty(fd) and not os.getenv("NO_COLOR") and os.getenv("TERM") not in (None, "dumb"):
        style = tree.coloured(style)
    return tree.tree(closed, spell, style, probes)
