"""A `Closure` as JSON, for other programs: the README's section on `ocidiet tree --json` is its law.

Flat: objects name each other by their place in `objects`, so that no reader has to go deep. Names keep
every byte: what is no UTF-8 is escaped as Python's `surrogateescape` has it (byte 0xe9: `\\udce9`).
"""

from __future__ import annotations

from ocidiet.model import TYPE_CHECKING, Rule
from ocidiet.report.tree import libc, machine

if TYPE_CHECKING:
    from ocidiet.model import Closure, Object, Probe, Program

    Value = dict[str, object]

VERSION = 1
"""Of the schema. New fields do not change it."""


def render(closure: Closure) -> str:
    """All of `closure`, in ASCII."""
    import json

    tops: list[Value] = []
    pending = [(program, tops) for program in closure.programs]
    for program, beside in pending:  # which grows meanwhile
        levels: list[Value] = []
        runs: list[Value] = []
        beside.append({**_program(program), "levels": levels, "runs": runs})
        pending += [(level, levels) for level in program.levels]
        pending += [(run, runs) for run in program.runs]
    notices = [{"text": notice.text, "warning": notice.warning} for notice in closure.notices]
    return json.dumps({"version": VERSION, "programs": tops, "notices": notices}, indent=1) + "\n"


def _program(program: Program) -> Value:
    objects = [found for found in (program.main, program.interp, *program.objects) if found is not None]
    number = {id(found): n for n, found in enumerate(objects)}
    first = {id(program.interp): program.main, **program.asked_first()}
    return {
        "name": program.main.name,
        "level": program.level,
        "machine": machine(program.main.facts),
        "libc": libc(program),
        "objects": [_object(found, first.get(id(found)), number) for found in objects],
        "edges": [
            {"needed_by": number.get(id(edge.needed_by)), "name": edge.name, "found": number.get(id(edge.found))}
            for edge in program.edges
        ],
        "missing": [
            {
                "name": lookup.name,
                "needed_by": number.get(id(lookup.needed_by)),
                "probes": _probes(lookup.probes),
            }
            for lookup in program.missing
        ],
        "configs": [
            {
                "path": config.walk.path,
                "file": config.walk.file and config.walk.file.path,
                "needed_by": config.needed_by,
            }
            for config in program.configs
        ],
    }


def _object(found: Object, by: Object | None, number: dict[int, int]) -> Value:
    return {
        "name": found.name,
        "path": found.path,
        "file": found.file.path,
        "size_bytes": found.file.identity.size_bytes,
        "soname": found.facts.soname,
        "reached_by": None if found.rule == Rule.PROGRAM else found.reached_by,
        "needed_by": number.get(id(by)),
        "rule": found.rule,
        "item": found.item,
        "owner": number.get(id(found.owner)),
        "probes": _probes(found.probes),
    }


def _probes(probes: tuple[Probe, ...]) -> list[Value]:
    return [{"path": probe.path, "rule": probe.rule, "outcome": probe.outcome} for probe in probes]
