"""The real loader as the oracle: small programs, each built by a case directory whose name is the law.

A case's `build.sh` runs in an empty directory and leaves `program` there; its first line tells the law.
`words.sh` has the words that it may use, README.md the laws (`python -m tests.loader.laws` writes it).
"""

from __future__ import annotations

import os
import re
from itertools import product
from pathlib import Path

import pytest

from ocidiet.closure import Facts, Resolver
from ocidiet.errors import OcidietError
from ocidiet.fs import DiskRoot, Record, Root
from ocidiet.model import HostPath, Program, Rule, Search
from tests.loader.case import Case
from tests.loader.cases import NO_INTERP, REFUSED, Opened, Told, not_found, told_by_the_loader
from tests.loader.laws import CASES, README, laws

ABSENT = ("no such file", "no such directory", "is not executable")


def told_by_ocidiet(case: Case) -> tuple[Told, str]:
    """ocidiet's answer, and the text of its warnings."""
    options = case.options
    search = Search(
        HostPath(case.cwd),
        options.get("library-path", ""),
        options.get("preload", ""),
        tuple(options["hwcaps"].split(",")) if "hwcaps" in options else None,
        options.get("dlopen", "recommended"),
        {"yes": True, "no": False}.get(options.get("assume-ldconfig", "")),
    )
    root = DiskRoot(case.root, Record())
    levels = case.levels()
    try:
        closure = Resolver(root, Facts(), search).resolve([(path, root.walk(path)) for path in case.programs])
    except OcidietError:
        return Told(dict.fromkeys(product(case.programs, levels), REFUSED), [], []), ""
    opened: dict[tuple[str, str], Opened] = {}
    for path, program in zip(case.programs, closure.programs, strict=True):
        better = {part.level: part for part in program.levels}
        seen = program
        for level in levels:
            seen = better.get(level, seen)
            opened[path, level] = why_not(case, seen) or mapped(case, seen)
    configs = [config.walk.path for program in closure.programs if not program.missing for config in program.configs]
    warnings = "\n".join(notice.text for notice in closure.notices if notice.warning)
    return Told(opened, configs, []), warnings


def why_not(case: Case, program: Program) -> str:
    """What `program` lacks, in the oracle's words; to musl's loader what it refuses is lacking too."""
    lookups = [lookup for part in (program, *program.runs) for lookup in part.missing]
    probes = [(lookup.name, probe) for lookup in lookups for probe in lookup.probes]
    if any(probe.rule in (Rule.INTERP, Rule.SCRIPT) and case.tidy(name) == probe.path for name, probe in probes):
        return NO_INTERP if probes[0][1].outcome in ABSENT else REFUSED
    if not case.told("musl") and any("stops here" in probe.outcome for _, probe in probes):
        return REFUSED
    return not_found([lookup.name for lookup in lookups]) if lookups else ""


def mapped(case: Case, program: Program) -> list[str]:
    """What `program` maps, as the oracle tells it. A file that was opened under two names stands once."""
    if program.runs:
        return [program.main.path, *(path for part in program.runs for path in mapped(case, part))]
    if case.told("runs") and not case.told("musl"):
        return sorted({loaded.walk.real for loaded in program.objects})
    first: dict[tuple[int, ...], str] = {}
    for loaded in program.objects:
        first.setdefault(loaded.file.identity[:2], os.path.normpath(loaded.path))
    return [*([program.main.path] if case.told("script") else []), *first.values()]


def without_links(told: Told, root: Root) -> Told:
    """`told` with the real paths: ldconfig(8) makes links that are not there yet."""
    opened = {
        key: [root.walk(path).real for path in answer] if isinstance(answer, list) else answer
        for key, answer in told.opened.items()
    }
    return Told(opened, told.configs, told.ignored)


@pytest.mark.parametrize("directory", CASES, ids=lambda directory: directory.name)
def test_loader_and_ocidiet_open_the_same(directory: Path, tmp_path: Path, objects: Path) -> None:
    case = Case(directory, tmp_path, objects)
    ours, warnings = told_by_ocidiet(case)
    theirs = told_by_the_loader(case)
    ours = Told(ours.opened, ours.configs, [name for name in theirs.ignored if name in warnings])
    if case.told("ldconfig"):
        root = DiskRoot(case.root, Record())
        ours, theirs = without_links(ours, root), without_links(theirs, root)
    assert ours == theirs


def test_loader_every_law_stands_in_the_readme() -> None:
    first_lines = [(case / "build.sh").read_text().partition("\n")[0] for case in CASES]
    assert [line for line in first_lines if not re.fullmatch(r"# .*[.]", line)] == []
    assert README.read_text() == laws()
    assert len({case.name[:3] for case in CASES}) == len(CASES) > 125
