"""A `Closure` as JSON, for other programs: docs/verbs.md is its law.

Flat: objects name each other by their place in `objects`, so that no reader has to go deep. Names keep
every byte: what is no UTF-8 is escaped as Python's `surrogateescape` has it (byte 0xe9: `\\udce9`).
"""

from __future__ import annotations

from ocidiet.model import TYPE_CHECKING, Rule
from ocidiet.report.tree import libc, machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from ocidiet.model import Closure, File, Object, Probe, Program, Walk

    Spell = Callable[[str], str]
    Value = dict[str, object]

VERSION = 1
"""Of the schema. New fields do not change it."""


def render(closure: Closure) -> str:
    """All of `closure`, in ASCII."""
    import json

    return json.dumps(told(closure), indent=1) + "\n"


def told(closure: Closure, spell: Spell | None = None) -> Value:
    """All of `closure`; with `spell`, which says how paths of the root are written, no others stand in it."""
    tops: list[Value] = []
    pending = [(program, tops) for program in closure.programs]
    for program, beside in pending:  # which grows meanwhile
        levels: list[Value] = []
        runs: list[Value] = []
        beside.append({**_program(program, spell), "levels": levels, "runs": runs})
        pending += [(level, levels) for level in program.levels]
        pending += [(run, runs) for run in program.runs]
    notices = [{"text": notice.text, "warning": notice.warning} for notice in closure.notices]
    return {"version": VERSION, "programs": tops, "notices": notices}


def _program(program: Program, spell: Spell | None) -> Value:
    objects = [found for found in (program.main, program.interp, *program.objects) if found is not None]
    number = {id(found): n for n, found in enumerate(objects)}
    first = {id(program.interp): program.main, **program.asked_first()}
    return {
        "name": program.main.name,
        "level": program.level,
        "machine": machine(program.main.facts),
        "libc": libc(program),
        "objects": [_object(found, first.get(id(found)), number, spell) for found in objects],
        "edges": [
            {"needed_by": number.get(id(by)), "name": name, "found": number.get(id(found))}
            for by, name, found in program.edges
        ],
        "missing": [
            {
                "name": lookup.name,
                "needed_by": number.get(id(lookup.needed_by)),
                "probes": _probes(lookup.probes, spell),
            }
            for lookup in program.missing
        ],
        "configs": [
            {
                "path": _spelled(config.walk.path, spell),
                "file": config.walk.file and _file(config.walk, config.walk.file, spell),
                "needed_by": config.needed_by,
            }
            for config in program.configs
        ],
    }


def _spelled(path: str, spell: Spell | None) -> str:
    return path if spell is None else spell(path)


def _file(walk: Walk, file: File, spell: Spell | None) -> str:
    return file.path if spell is None else spell(walk.real)


def _object(found: Object, by: Object | None, number: dict[int, int], spell: Spell | None) -> Value:
    return {
        "name": found.name,
        "path": _spelled(found.path, spell),
        "file": _file(found.walk, found.file, spell),
        "size_bytes": found.file.identity.size_bytes,
        "soname": found.facts.soname,
        "reached_by": None if found.rule == Rule.PROGRAM else found.reached_by,
        "needed_by": number.get(id(by)),
        "rule": found.rule,
        "item": found.item,
        "owner": number.get(id(found.owner)),
        "probes": _probes(found.probes, spell),
    }


def _probes(probes: tuple[Probe, ...], spell: Spell | None) -> list[Value]:
    return [{"path": _spelled(probe.path, spell), "rule": probe.rule, "outcome": probe.outcome} for probe in probes]
