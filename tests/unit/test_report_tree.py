"""The tree that a person reads and the JSON that a program does, of closures made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ocidiet.closure import Facts, Resolver
from ocidiet.fs import DiskRoot, Record
from ocidiet.model import (
    Closure,
    Config,
    ElfFacts,
    File,
    Hop,
    HostPath,
    Identity,
    Lookup,
    Notice,
    Object,
    Probe,
    Program,
    ReachedBy,
    Rule,
    Search,
    Walk,
)
from ocidiet.report import data, tree
from tests.unit.elfmaker import INTERP, LOADER, lay, make, program

LIBC = "/lib/ld-linux-x86-64.so.2"


def facts(machine: int = 62, bits: int = 64, little: bool = True, interp: str | None = None, *needed: str) -> ElfFacts:
    return ElfFacts(bits, little, machine, True, interp, needed, None, None, None, 0)


def walk(path: str, real: str = "") -> Walk:
    real = real or path
    file = File(HostPath(f"/sys{real}"), Identity(1, hash(real), 7, 0, 0), True)
    return Walk(path, (Hop(real, None),), "file", "", file)


def lib(name: str, rule: str = Rule.DEFAULT, *, at: str = "", **more: object) -> Object:
    fields = {"name": name, "walk": walk(at or f"/lib/{name}"), "facts": facts(), "rule": rule}
    return Object(**{**fields, **more})  # type: ignore[arg-type]


def app(name: str = "app", interp: str | None = LIBC, rule: str = Rule.PROGRAM, **more: object) -> Object:
    return lib(name, rule, at=f"/bin/{name}", facts=facts(62, 64, True, interp, "libc.so.6"), **more)


def absent(name: str, by: Object) -> Lookup:
    tried = (
        Probe(f"/opt/lib/{name}", Rule.RPATH, "no such file"),
        Probe("/etc/ld.so.cache", Rule.LD_SO_CACHE, "no entry"),
    )
    return Lookup(name, by, tried, None)


def spell(path: str) -> str:
    return "ROOT" + path


APP = app()
LD = lib(LIBC, Rule.INTERP, at=LIBC)
A = lib("liba.so", Rule.RUNPATH, at="/opt/liba.so", item="$ORIGIN/../opt", owner=APP)
B = lib("libb.so", Rule.RPATH, item="/lib", owner=APP)
C = lib("libc.so.6", Rule.LD_SO_CACHE, tried=(Probe("/x/libc.so.6", Rule.RPATH, "no such file"),))
ASKED = tuple(
    (by, (name,), (found,))
    for by, name, found in (
        (APP, "liba.so", A),
        (APP, "libc.so.6", C),
        (A, "libb.so", B),
        (A, "libc.so.6", C),
        (C, "ld-linux-x86-64.so.2", LD),
        (B, "libc.so", C),
        (B, "liba.so", A),
        (B, "app\n", APP),
    )
)
PLAIN = Program(APP, LD, (A, C, B), ASKED, ("/lib",))
BROKEN = Program(APP, LD, (A, C), ASKED[:2], ("/lib",), missing=(absent("libb.so", A), absent("no\x1b", C)))
BETTER = lib("libc.so.6", at="/lib/glibc-hwcaps/x86-64-v3/libc.so.6", reached_by=ReachedBy.HWCAPS)
LEVELS = Program(
    APP,
    LD,
    (C,),
    ASKED[1:2],
    ("/lib",),
    configs=(Config(walk("/etc/ld.so.preload"), "app"),),
    levels=(
        Program(
            APP,
            LD,
            (A, BETTER, C),
            (ASKED[0], (APP, ("libc.so.6",), (BETTER,))),
            (),
            missing=(absent("libx.so", BETTER),),
            level="x86-64-v3",
        ),
    ),
)
OTHERS = Program(
    APP,
    LD,
    tuple(
        lib(f"lib{n}.so", reached_by=how)
        for n, how in enumerate(
            (ReachedBy.PRELOAD, ReachedBy.FILTER, ReachedBy.AUDIT, ReachedBy.DLOPEN_NOTE, ReachedBy.LIBGCC_S)
        )
    ),
    (),
    (),
)
SCRIPT = lib("run.py", Rule.PROGRAM, facts=facts(0, 0))
ENV = app("/usr/bin/env", "/lib/ld-musl-x86_64.so.1", Rule.SCRIPT, reached_by=ReachedBy.SCRIPT)
PYTHON = app("python3", "/lib/ld-musl-x86_64.so.1", Rule.SCRIPT, reached_by=ReachedBy.SCRIPT)
MUSL = lib("/lib/ld-musl-x86_64.so.1", Rule.INTERP, at="/lib/ld-musl-x86_64.so.1")
SCRIPTS = Program(
    SCRIPT,
    None,
    (),
    (),
    (),
    runs=(
        Program(ENV, MUSL, (), (), ()),
        Program(PYTHON, MUSL, (lib("libpy.so", Rule.ABSOLUTE, item="libpy.so"),), (), ()),
    ),
)
STATIC = Program(Object("box", walk("/box"), facts(183), Rule.PROGRAM), None, (), (), ())

TREES = {
    "plain": (
        [PLAIN],
        """\
app  [x86_64, glibc]
|-- liba.so                    ROOT/opt/liba.so               RUNPATH $ORIGIN/../opt
|   |-- libb.so                ROOT/lib/libb.so               RPATH /lib of app
|   |   `-- also libc.so, liba.so, app\\x0a
|   `-- also libc.so.6
|-- libc.so.6                  ROOT/lib/libc.so.6             ld.so.cache
`-- /lib/ld-linux-x86-64.so.2  ROOT/lib/ld-linux-x86-64.so.2  interpreter
""",
    ),
    "broken": (
        [BROKEN],
        """\
app  [x86_64, glibc]
|-- liba.so                    ROOT/opt/liba.so               RUNPATH $ORIGIN/../opt
|   `-- libb.so                                               not found
|           RPATH  ROOT/opt/lib/libb.so  no such file
|           cache  ROOT/etc/ld.so.cache  no entry
|-- libc.so.6                  ROOT/lib/libc.so.6             ld.so.cache
|   `-- no\\x1b                                                not found
|           RPATH  ROOT/opt/lib/no\\x1b   no such file
|           cache  ROOT/etc/ld.so.cache  no entry
`-- /lib/ld-linux-x86-64.so.2  ROOT/lib/ld-linux-x86-64.so.2  interpreter
""",
    ),
    "levels and configurations": (
        [LEVELS],
        """\
app  [x86_64, glibc]
|-- libc.so.6                  ROOT/lib/libc.so.6                         ld.so.cache
|-- ROOT/etc/ld.so.preload                                                read by the loader
|-- /lib/ld-linux-x86-64.so.2  ROOT/lib/ld-linux-x86-64.so.2              interpreter
`-- on CPUs of level x86-64-v3
    |-- liba.so                ROOT/opt/liba.so                           RUNPATH $ORIGIN/../opt
    |-- libc.so.6              ROOT/lib/glibc-hwcaps/x86-64-v3/libc.so.6  default directory, on better CPUs
    `-- libx.so                                                           not found
            RPATH  ROOT/opt/lib/libx.so  no such file
            cache  ROOT/etc/ld.so.cache  no entry
""",
    ),
    "ways to be reached": (
        [OTHERS],
        """\
app  [x86_64, glibc]
|-- lib0.so                    ROOT/lib/lib0.so               default directory, preloaded
|-- lib1.so                    ROOT/lib/lib1.so               default directory, filter
|-- lib2.so                    ROOT/lib/lib2.so               default directory, audit
|-- lib3.so                    ROOT/lib/lib3.so               default directory, dlopen note
|-- lib4.so                    ROOT/lib/lib4.so               default directory, opened by glibc itself
`-- /lib/ld-linux-x86-64.so.2  ROOT/lib/ld-linux-x86-64.so.2  interpreter
""",
    ),
    "script": (
        [SCRIPTS],
        """\
run.py  [script]
|-- /usr/bin/env  [x86_64, musl]  ROOT/bin/usr/bin/env          #!
|   `-- /lib/ld-musl-x86_64.so.1  ROOT/lib/ld-musl-x86_64.so.1  interpreter
`-- python3  [x86_64, musl]       ROOT/bin/python3              #!
    |-- libpy.so                  ROOT/lib/libpy.so             path
    `-- /lib/ld-musl-x86_64.so.1  ROOT/lib/ld-musl-x86_64.so.1  interpreter
""",
    ),
    "several, and a static one": (
        [STATIC, STATIC],
        """\
box  [aarch64, static]
box  [aarch64, static]
""",
    ),
    "none": (
        [],
        """\
""",
    ),
}


@pytest.mark.parametrize("name", TREES)
def test_tree_shows_who_needs_what_and_why(name: str) -> None:
    programs, drawn = TREES[name]
    assert tree.tree(Closure(tuple(programs)), spell) == drawn


def test_tree_has_the_probes_of_what_was_found() -> None:
    assert tree.tree(Closure((PLAIN,)), spell, probes=True).splitlines()[5:7] == [
        "|-- libc.so.6                  ROOT/lib/libc.so.6             ld.so.cache",
        "|       RPATH  ROOT/x/libc.so.6  no such file",
    ]


def test_tree_is_drawn_with_lines_and_in_colour() -> None:
    drawn = tree.tree(Closure((BROKEN,)), spell, tree.coloured(tree.LINES)).splitlines()
    assert [line.replace("\033", "^").split() for line in drawn[1:4]] == [
        ["\u251c\u2500\u2500", "liba.so", "ROOT/opt/liba.so", "^[2mRUNPATH", "$ORIGIN/../opt^[0m"],
        ["\u2502", "\u2514\u2500\u2500", "libb.so", "^[31mnot", "found^[0m"],
        ["\u2502", "^[2mRPATH", "ROOT/opt/lib/libb.so", "no", "such", "file^[0m"],
    ]


def test_chain_of_any_length_is_drawn_and_written(tmp_path: Path) -> None:
    names = {f"/lib64/{n}": make(needed=[str(n + 1)]) for n in range(2000)}
    names |= {INTERP: LOADER, "/lib64/2000": make(), "/main": program("0")}
    root = DiskRoot(lay(tmp_path, names), Record())
    closure = Resolver(root, Facts(), Search(HostPath("/"))).resolve([("main", root.walk("/main"))])
    lines = tree.tree(closure, lambda path: path).splitlines()
    assert (len(lines), lines[2001].split()) == (2003, ["|", "`--", "2000", "/lib64/2000", "default", "directory"])
    assert len(json.loads(data.render(closure))["programs"][0]["objects"]) == 2003


@pytest.mark.parametrize(
    ("machine", "bits", "little", "name"),
    [
        (62, 64, True, "x86_64"),
        (62, 32, True, "x32"),
        (3, 32, True, "i386"),
        (183, 64, False, "aarch64_be"),
        (40, 32, True, "arm"),
        (21, 64, True, "ppc64le"),
        (21, 64, False, "ppc64"),
        (22, 64, False, "s390x"),
        (8, 32, True, "mipsel"),
        (243, 64, True, "riscv64"),
        (9999, 64, True, "machine 9999"),
    ],
)
def test_machine_has_the_name_that_people_use(machine: int, bits: int, little: bool, name: str) -> None:
    assert tree.machine(facts(machine, bits, little)) == name


@pytest.mark.parametrize(
    ("interp", "by_abi", "needed", "name"),
    [
        ("/lib64/ld-linux-x86-64.so.2", None, ["x"], "glibc"),
        ("/lib/ld64.so.1", None, [], "glibc"),
        ("/lib/ld-musl-aarch64.so.1", None, [], "musl"),
        ("/lib/ld64-uClibc.so.1", None, [], "uclibc"),
        ("/system/bin/linker64", None, [], ""),
        (None, "/lib64/ld-linux-x86-64.so.2", ["x"], "glibc"),
        (None, None, ["x"], ""),
        (None, None, [], "static"),
    ],
)
def test_libc_is_told_by_the_interpreter(interp: str | None, by_abi: str | None, needed: list[str], name: str) -> None:
    main = lib("x", Rule.PROGRAM, facts=facts(62, 64, True, interp, *needed))
    found = lib(by_abi, Rule.INTERP, at=by_abi) if by_abi else None
    assert tree.libc(Program(main, found, (), (), ())) == name


def test_what_the_baseline_lacks_is_told_once() -> None:
    gone = (absent("libx.so", BETTER), absent("libgone.so", APP))
    level = Program(APP, LD, (BETTER,), (), (), missing=gone, level="x86-64-v3")
    closure = Closure((Program(APP, LD, (C,), (), (), missing=gone[1:], levels=(level,)),) * 2)
    assert [lookup.name for lookup in closure.missing] == ["libgone.so", "libx.so"] * 2
    drawn = tree.tree(Closure(closure.programs[:1]), spell).splitlines()
    assert [line.split()[-3] for line in drawn if line.endswith("not found")] == ["libgone.so", "libx.so"]


# JSON --------------------------------------------------------------------------------------------


def test_json_has_the_whole_closure() -> None:
    closure = Closure((BROKEN,), (Notice("an empty item", True),))
    tried = [
        {"path": "/opt/lib/libb.so", "rule": "RPATH", "outcome": "no such file"},
        {"path": "/etc/ld.so.cache", "rule": "cache", "outcome": "no entry"},
    ]
    own: dict[str, object] = {
        "size_bytes": 7,
        "soname": None,
        "reached_by": "NEEDED",
        "item": "",
        "owner": None,
        "probes": [],
    }
    program = json.loads(data.render(closure))["programs"][0]
    assert program["missing"][0] == {"name": "libb.so", "needed_by": 2, "probes": tried}
    assert program["missing"][1]["name"] == "no\x1b"
    program["missing"] = []
    assert {**json.loads(data.render(closure)), "programs": [program]} == {
        "version": 1,
        "programs": [
            {
                "name": "app",
                "level": "",
                "machine": "x86_64",
                "libc": "glibc",
                "objects": [
                    {
                        **own,
                        "name": "app",
                        "path": "/bin/app",
                        "file": "/sys/bin/app",
                        "reached_by": None,
                        "needed_by": None,
                        "rule": "program",
                    },
                    {**own, "name": LIBC, "path": LIBC, "file": f"/sys{LIBC}", "needed_by": 0, "rule": "interpreter"},
                    {
                        **own,
                        "name": "liba.so",
                        "path": "/opt/liba.so",
                        "file": "/sys/opt/liba.so",
                        "needed_by": 0,
                        "rule": "RUNPATH",
                        "item": "$ORIGIN/../opt",
                        "owner": 0,
                        "probes": [{"path": "/opt/liba.so", "rule": "RUNPATH", "outcome": "found"}],
                    },
                    {
                        **own,
                        "name": "libc.so.6",
                        "path": "/lib/libc.so.6",
                        "file": "/sys/lib/libc.so.6",
                        "needed_by": 0,
                        "rule": "cache",
                        "probes": [
                            {"path": "/x/libc.so.6", "rule": "RPATH", "outcome": "no such file"},
                            {"path": "/lib/libc.so.6", "rule": "cache", "outcome": "found"},
                        ],
                    },
                ],
                "edges": [
                    {"needed_by": 0, "name": "liba.so", "found": 2},
                    {"needed_by": 0, "name": "libc.so.6", "found": 3},
                ],
                "missing": [],
                "configs": [],
                "levels": [],
                "runs": [],
            }
        ],
        "notices": [{"text": "an empty item", "warning": True}],
    }


def test_json_has_levels_scripts_and_configurations() -> None:
    levels, scripts = json.loads(data.render(Closure((LEVELS, SCRIPTS))))["programs"]
    config = {"path": "/etc/ld.so.preload", "file": "/sys/etc/ld.so.preload", "needed_by": "app"}
    assert levels["configs"] == [config]
    assert [(level["level"], level["objects"][3]["path"]) for level in levels["levels"]] == [
        ("x86-64-v3", "/lib/glibc-hwcaps/x86-64-v3/libc.so.6")
    ]
    assert [(run["name"], run["libc"]) for run in scripts["runs"]] == [("/usr/bin/env", "musl"), ("python3", "musl")]
    assert (scripts["machine"], scripts["libc"]) == ("", "")


def test_json_is_utf_8_and_keeps_every_byte() -> None:
    name = 'caf\udce9 \u6f22 "\n'
    text = data.render(Closure((Program(lib(name, Rule.PROGRAM), None, (), (), ()),)))
    assert json.loads(text.encode("utf-8"))["programs"][0]["objects"][0]["path"] == f"/lib/{name}"
