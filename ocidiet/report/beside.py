"""What is told of an image in files beside it: as JSON (schema: docs/images.md), as mtree(5), as a list of paths.

Equal inputs and the same request give the same text: no time, no host, and where inputs are declared no path of
the machine.
"""

from __future__ import annotations

from ocidiet.model import TYPE_CHECKING, Rule
from ocidiet.report.data import told
from ocidiet.system import os

if TYPE_CHECKING:
    from ocidiet.model import Closure
    from ocidiet.model.image import Tree
    from ocidiet.report.data import Spell, Value

VERSION = 1
"""Of the JSON. New fields do not change it."""

_TYPES = {"0": "file", "2": "link", "5": "dir"}


def report(tree: Tree, closure: Closure, spell: Spell | None) -> str:
    """The image's entries and what its programs need; `spell` as for `data.told`."""
    import json

    entries: list[Value] = []
    for entry in tree.entries:
        value: Value = {"path": f"/{entry.name}", "type": _TYPES[entry.typeflag], "mode": f"{entry.mode:04o}"}
        if entry.typeflag == "0":
            value["size_bytes"] = entry.size_bytes
        elif entry.typeflag == "2":
            value["target"] = entry.linkname
        entries.append({**value, "rule": entry.reason.rule, "needed_by": entry.reason.needed_by})
    programs = [{"program": f"/{placed.name}"} for placed in tree.programs]
    closed = told(closure, spell)
    found = closed["programs"]
    assert isinstance(found, list)
    programs = [{**place, **program} for place, program in zip(programs, found, strict=True)]
    whole = {"version": VERSION, "entries": entries, "programs": programs, "notices": closed["notices"]}
    return json.dumps(whole, indent=1) + "\n"


def mtree(tree: Tree, mtime_s: int) -> str:
    """The listing as mtree(5) has it; no sizes and digests, which change with every build."""
    lines = ["#mtree"]
    for entry in tree.entries:
        link = f" link={_escaped(entry.linkname)}" if entry.typeflag == "2" else ""
        kind = f"type={_TYPES[entry.typeflag]} mode={entry.mode:04o}"
        lines.append(f"./{_escaped(entry.name)} {kind} uid=0 gid=0 time={mtime_s}.0{link}")
    return "\n".join(lines) + "\n"


def closure(tree: Tree) -> str:
    """The place of each file and link that the programs need, themselves included; one a line."""
    asked_for = (Rule.EXTRA, Rule.INSTALLED)
    needed = [entry for entry in tree.entries if entry.typeflag != "5" and entry.reason.rule not in asked_for]
    return "".join([f"/{entry.name}\n" for entry in needed])


def _escaped(name: str) -> str:
    """As vis(3) with VIS_OCTAL has it, for what divides words or lines."""
    return "".join([chr(c) if 32 < c < 127 and c not in _SPECIAL else f"\\{c:03o}" for c in os.fsencode(name)])


_SPECIAL = b"#*=?[\\"
