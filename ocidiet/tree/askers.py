"""Who asks for what is in an image: for its reasons."""

from __future__ import annotations

from ocidiet.model import TYPE_CHECKING, Rule
from ocidiet.search import DF_1_NODEFLIB

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ocidiet.model import Entry, Object, Program, Source


def place_in(directory: str, found: Object) -> str:
    """Where a loader looks for `found` in `directory`."""
    return "/".join(part for part in (directory, found.subdir, found.name) if part)


def skip_defaults(program: Program) -> set[int]:
    """The objects, by `id`, that are asked for by one who looks into no default directory (DF_1_NODEFLIB)."""
    if not any(by.facts.flags_1 & DF_1_NODEFLIB for by in (program.main, *program.objects)):
        return set()
    edges = (edge for edge in program.edges if edge.needed_by.facts.flags_1 & DF_1_NODEFLIB)
    return {id(edge.found) for edge in edges if edge.found.rule == Rule.LD_SO_CACHE}


def asked(found: Object) -> object:
    """What tells `found` from others in the table of `askers_of`."""
    return found.rule == Rule.INTERP, found.file.identity[:2]


def askers_of(programs: Iterable[tuple[Source, Program]]) -> dict[object, dict[str, None]]:
    """For each library the names of those that need it, for each interpreter its programs', in order."""
    askers: dict[object, dict[str, None]] = {}
    for source, program in programs:
        main = (source.dest or program.main.walk.spelled).rpartition("/")[2]
        for part in program.parts():
            if part.interp is not None:
                askers.setdefault(asked(part.interp), {})[main] = None
            for by, _, found in part.edges:
                if found is not part.interp:
                    name = main if by is program.main else by.name.rpartition("/")[2]
                    askers.setdefault(asked(found), {})[name] = None
    return askers


def told(entry: Entry) -> tuple[str, str]:
    """What stands there, and why; for messages."""
    who = ", ".join(entry.reason.needed_by)
    what = entry.source.path if entry.source else f"link to {entry.linkname}" if entry.linkname else "directory"
    return what, f"{entry.reason.rule} {who}".strip()
