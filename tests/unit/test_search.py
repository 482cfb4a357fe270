"""The room `search`: tokens, default directories, and where glibc's loader looks, in its order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ocidiet import elf
from ocidiet.closure import Facts
from ocidiet.errors import BadElf, OcidietError
from ocidiet.fs import DiskRoot, Look, Record, Root
from ocidiet.ldcache import Cache
from ocidiet.model import ElfFacts, File, HostPath, Lookup, Object, Probe, Rule, Search
from ocidiet.search import ENDS_BYTES, About, Loaders, about, is_told
from ocidiet.search.glibc import DF_1_NODEFLIB, Glibc, expand, tokens
from tests.support import done, need
from tests.unit.elfmaker import AARCH64, I386, INTERP, X86_64, FakeRoot, lay, make
from tests.unit.test_ldcache import ELF_X86_64, new

if TYPE_CHECKING:
    from ocidiet.search import Read

VALUES = {"ORIGIN": "/o", "LIB": "lib64", "PLATFORM": "x86_64"}
DIRS = ("/lib64", "/usr/lib64")


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("", ""),
        ("/plain", "/plain"),
        ("$ORIGIN", "/o"),
        ("${ORIGIN}", "/o"),
        ("$ORIGIN/../lib", "/o/../lib"),
        ("/usr/$LIB/${PLATFORM}/x", "/usr/lib64/x86_64/x"),
        ("$ORIGIN$ORIGIN", "/o/o"),
        ("$ORIGIN${LIB}$PLATFORM", "/olib64x86_64"),
        ("${ORIGIN}s", "/os"),
        ("$ORIGIN.", "/o."),
        ("$ORIGINS", "$ORIGINS"),
        ("$ORIGIN_", "$ORIGIN_"),
        ("$ORIGIN2", "$ORIGIN2"),
        ("$LIBRARY/$LIB", "$LIBRARY/lib64"),
        ("$OTHER", "$OTHER"),
        ("${OTHER}", "${OTHER}"),
        ("${ORIGIN", "${ORIGIN"),
        ("$origin", "$origin"),
        ("$", "$"),
        ("$$ORIGIN", "$/o"),
        ("a$", "a$"),
    ],
)
def test_expand_replaces_known_tokens_alone(text: str, expanded: str) -> None:
    assert expand(text, VALUES) == expanded


def test_expand_does_not_look_into_what_it_put_in() -> None:
    assert expand("$ORIGIN/$LIB", {"ORIGIN": "/$LIB", "LIB": "l"}) == "/$LIB/l"


@pytest.mark.parametrize(
    ("machine", "lib", "values"),
    [
        (X86_64, "lib64", {"ORIGIN": "/o", "LIB": "lib64", "PLATFORM": "x86_64"}),
        (AARCH64, "lib/aarch64-linux-gnu", {"ORIGIN": "/o", "LIB": "lib/aarch64-linux-gnu", "PLATFORM": "aarch64"}),
        (I386, "lib", {"ORIGIN": "/o", "LIB": "lib", "PLATFORM": "i686"}),
        (243, "", {"ORIGIN": "/o"}),
    ],
)
def test_tokens_of_a_machine(machine: int, lib: str, values: dict[str, str]) -> None:
    assert tokens("/o", lib, machine) == values


@pytest.mark.parametrize(
    ("loader", "bits", "dirs"),
    [
        pytest.param(b"\1\0/lib64/\0/usr/lib64/\0text", 64, ("/lib64", "/usr/lib64"), id="two"),
        pytest.param(
            b"\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0\0",
            64,
            ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib"),
            id="multiarch",
        ),
        pytest.param(b"\0/\0/proc/self/exe\0/tmp/\0/var/\0/lib/\0/usr/lib/\0", 32, ("/lib", "/usr/lib"), id="decoys"),
        pytest.param(
            b"\0/lib64/\0/usr/lib64/\0/etc/\0/usr/lib/\0", 64, ("/lib64", "/usr/lib64"), id="ended by another"
        ),
        pytest.param(b"\0/var/lib/\0/etc/\0/lib/\0/usr/lib/\0", 64, ("/lib", "/usr/lib"), id="one alone is no run"),
        pytest.param(b"\0/gnu/store/glibc/lib/\0glibc", 64, ("/lib64", "/usr/lib64"), id="none, 64 bit"),
        pytest.param(b"", 32, ("/lib", "/usr/lib"), id="none, 32 bit"),
    ],
)
def test_system_dirs_are_a_run_of_strings_in_the_loader(loader: bytes, bits: int, dirs: tuple[str, ...]) -> None:
    assert about(loader, I386 if bits == 32 else X86_64, bits, "/own/lib").default_dirs == dirs


def test_system_dirs_are_no_more_than_a_loader_has() -> None:
    assert len(about(b"\0" + b"/lib/\0" * 100_000, X86_64, 64, "/own/lib").default_dirs) == 64


def test_system_dirs_are_those_that_the_loader_tells() -> None:
    need(INTERP)
    told = re.findall(r'path\.system_dirs\[.*\]="(.*)/"', done([INTERP, "--list-diagnostics"]))
    assert about(Path(INTERP).read_bytes(), X86_64, 64, "/").default_dirs == tuple(told)


RUN = b"\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0\0"
BANNER = b"\0ld.so (GNU libc) release version 2.36.\n\0"
LIB_TEXT = b"\0lib/x86_64-linux-gnu\0"
ALL = RUN + LIB_TEXT + BANNER


OLD = ["2.2", "2.4", "2.9", "2.36", "2.036", "2.3.6", "1.99", "02.36", "0.0"]


@pytest.mark.parametrize("version", [*OLD, "2.37", "2.100", "3.0", "10.1", "", "2", "x.y"])
def test_loaders_before_2_37_know_subdirectories_of_old(version: str) -> None:
    told = about(RUN + f"\0 release version {version}.\n\0".encode(), X86_64, 64, "/").legacy
    assert bool(told) == (version in OLD)


END_BYTES = ENDS_BYTES[-1][0]
ENDS: dict[str, tuple[tuple[bytes | int, ...], bool]] = {
    "end": ((200_000, ALL), True),
    "early in the end": ((200_000, ALL, END_BYTES - 8192), True),
    "front": ((100, ALL, 200_000), False),
    "half in the end": ((200_000, ALL, END_BYTES - len(ALL) + 40), False),
    "starts the end": ((200_000, ALL, END_BYTES - len(ALL)), False),
    "banner elsewhere": ((100, BANNER, 200_000, RUN, LIB_TEXT), False),
    "$LIB elsewhere": ((100, LIB_TEXT, 200_000, RUN, BANNER), False),
    "directories elsewhere": ((100, RUN, 200_000, LIB_TEXT, BANNER), False),
    "decoy": ((100, RUN, 200_000, LIB_TEXT, BANNER, b"/own/lib/\0"), False),
    "small": ((8192, ALL), True),
    "smallest": ((ALL,), False),
}


@pytest.mark.parametrize(("parts", "told"), ENDS.values(), ids=ENDS)
def test_loader_is_read_whole_where_its_end_does_not_tell(
    tmp_path: Path, parts: tuple[bytes | int, ...], told: bool
) -> None:
    data = b"".join([bytes([0xCC]) * part if isinstance(part, int) else part for part in parts])
    data = make(soname="ld-linux-x86-64.so.2") + data
    end = data[-END_BYTES:]
    whole = about(data, X86_64, 64, "/own/lib")
    assert is_told(about(end, X86_64, 64, "/own/lib"), end) == told
    root = DiskRoot(lay(tmp_path, {"/own/lib/ld.so": data}), Record())
    facts = Facts()
    walk = root.walk("/own/lib/ld.so")
    assert walk.file is not None
    known = facts.ask(walk.file)
    assert isinstance(known, ElfFacts)
    loader = Loaders(root, Search(HostPath("/")), facts).of(Object("ld.so", walk, known, Rule.INTERP))
    assert isinstance(loader, Glibc)
    assert (loader.default_dirs, loader.lib) == (whole.default_dirs, whole.lib)


def test_parts_near_the_end_of_this_machine_s_loader_tell_all() -> None:
    need(INTERP)
    whole = Path(INTERP).read_bytes()
    told = []
    for end_bytes, most_bytes in ENDS_BYTES:
        part = whole[-end_bytes:][:most_bytes]
        known = about(part, X86_64, 64, "/")
        told += [known] if is_told(known, part, most_bytes < end_bytes) else []
    assert {*told} == {about(whole, X86_64, 64, "/")}


@pytest.mark.parametrize(("before", "told"), [(0, False), (8192, True), (24576, True), (29000, False)])
def test_part_of_a_loader_tells_nothing_where_it_was_cut(before: int, told: bool) -> None:
    whole = b"\xcc" * before + ALL + b"\xcc" * 40000
    for size_bytes in (before + len(ALL), 32768, before + len(ALL) - 20):
        part = whole[:size_bytes]
        known = about(part, X86_64, 64, "/")
        assert is_told(known, part, is_cut=True) == (told and size_bytes == 32768)


# Glibc.lookup: files of a fake root, and who asks for what ------------------------------------------

Names = Mapping[str, bytes | str | Look]
LIB = make()


def reader(root: FakeRoot) -> Read:
    """What the files of a fake root say."""

    def read(file: File, _root: Root | None = None) -> ElfFacts | OcidietError:
        data = root.names[file.path]
        assert isinstance(data, bytes)
        try:
            return elf.read(lambda size, at: data[at : at + size], len(data))[0]
        except BadElf as error:
            return error

    return read


def program_of(root: FakeRoot, path: str) -> Object:
    walk = root.walk(path)
    assert walk.file is not None
    facts = reader(root)(walk.file)
    assert isinstance(facts, ElfFacts)
    return Object(path, walk, facts, Rule.PROGRAM)


def glibc_of(root: FakeRoot, cache: Cache, search: Search) -> Glibc:
    return Glibc(root, search, reader(root), About(DIRS, "lib64", ()), cache)


def ask(names: Names, *chain: str, cached: Mapping[str, str] | None = None, main: str = "/p/main") -> Lookup:
    """The program `main` asks for the first name of the chain, what serves it for the next: the last search."""
    root = FakeRoot(names)
    cache = Cache(new([(name, path, ELF_X86_64, 0) for name, path in (cached or {}).items()]))
    glibc = glibc_of(root, cache, Search(HostPath("/cwd")))
    program = program_of(root, main)
    by: Object | None = program
    for name in chain:
        assert by is not None
        lookup = glibc.lookup(name, by, program)
        by = lookup.found
    return lookup


def row(case: str, main: bytes, names: Names, chain: str, *probes: str, cached: str = "") -> object:
    """A program, the other files, the chain of names to ask for, and the last one's probes."""
    names = {"/p/main": main, "/lib64/other": LIB, **names}
    return pytest.param(names, chain.split(), {"x": cached} if cached else {}, list(probes), id=case)


UNCACHED = "cache /etc/ld.so.cache: no entry"
NOWHERE = (UNCACHED, "default /lib64/x: no such file", "default /usr/lib64/x: no such directory")
IN_DEFAULT = (UNCACHED, "default /lib64/x: no such file", "default /usr/lib64/x: found")
X_IN_DEFAULT: Names = {"/usr/lib64/x": LIB}
X_IN_BOTH: Names = {"/c/x": LIB, "/usr/lib64/x": LIB}
NODEFLIB = make(flags_1=DF_1_NODEFLIB)


@pytest.mark.parametrize(
    ("names", "chain", "cached", "probes"),
    [
        row("nowhere", LIB, {}, "x", *NOWHERE),
        row("default directories in order", LIB, X_IN_DEFAULT, "x", *IN_DEFAULT),
        row("cache before default directories", LIB, X_IN_BOTH, "x", "cache /c/x: found", cached="/c/x"),
        row("stale cache", LIB, X_IN_DEFAULT, "x", "cache /c/x: no such directory", *IN_DEFAULT[1:], cached="/c/x"),
        row(
            "RPATH before cache",
            make(rpath="/q:/r/"),
            {"/r/x": LIB, "/c/x": LIB},
            "x",
            "RPATH /q/x: no such directory",
            "RPATH /r/x: found",
            cached="/c/x",
        ),
        row(
            "RUNPATH before cache",
            make(runpath="/r"),
            {"/r/x": LIB, "/c/x": LIB},
            "x",
            "RUNPATH /r/x: found",
            cached="/c/x",
        ),
        row(
            "RPATH of the asker, its loader, the program",
            make(rpath="/m"),
            {"/m/a": make(rpath="/a"), "/a/b": make(rpath="/b")},
            "a b x",
            "RPATH /b/x: no such directory",
            "RPATH /a/x: no such file",
            "RPATH /m/x: no such file",
            *NOWHERE,
        ),
        row("RUNPATH is not inherited", make(runpath="/m"), {"/m/a": LIB, "/m/x": LIB}, "a x", *NOWHERE),
        row(
            "RUNPATH of the asker blocks all RPATH",
            make(rpath="/m"),
            {"/m/a": make(runpath="/a"), "/m/x": LIB},
            "a x",
            "RUNPATH /a/x: no such directory",
            *NOWHERE,
        ),
        row(
            "RUNPATH of a loader hides its own RPATH alone",
            make(rpath="/m"),
            {"/m/a": make(rpath="/l", runpath="/a"), "/a/b": LIB, "/l/x": LIB, "/m/x": LIB},
            "a b x",
            "RPATH /m/x: found",
        ),
        row(
            "RPATH beside RUNPATH",
            make(rpath="/r", runpath="/s"),
            {"/r/x": LIB},
            "x",
            "RUNPATH /s/x: no such directory",
            *NOWHERE,
        ),
        row("an empty RUNPATH blocks RPATH too", make(rpath="/r", runpath=""), {"/r/x": LIB}, "x", *NOWHERE),
        row(
            "empty and relative items",
            make(runpath=":rel:/"),
            {"/x": LIB, "/cwd/y": LIB},
            "x",
            "RUNPATH /cwd/x: no such file",
            "RUNPATH /cwd/rel/x: no such directory",
            "RUNPATH /x: found",
        ),
        row(
            "$ORIGIN of a library is where it was opened",
            make(rpath="$ORIGIN/l"),
            {"/p/l/a": "/s/a", "/s/a": make(runpath="$ORIGIN"), "/p/l/x": LIB, "/s/x": LIB},
            "a x",
            "RUNPATH /p/l/x: found",
        ),
        row(
            "$ORIGIN of an inherited RPATH is its owner's",
            make(rpath="$ORIGIN:/d"),
            {"/d/a": LIB, "/p/x": LIB},
            "a x",
            "RPATH /p/x: found",
        ),
        row(
            "a colon of $ORIGIN divides nothing",
            LIB,
            {"/d:e/a": make(runpath="$ORIGIN/f:/g"), "/d:e/f/x": LIB},
            "/d:e/a x",
            "RUNPATH /d:e/f/x: found",
        ),
        row("NODEFLIB leaves the default directories out", NODEFLIB, X_IN_DEFAULT, "x", UNCACHED),
        row("NODEFLIB leaves their cache entries out", NODEFLIB, X_IN_DEFAULT, "x", UNCACHED, cached="/usr/lib64/x"),
        row("NODEFLIB takes other cache entries", NODEFLIB, X_IN_BOTH, "x", "cache /c/x: found", cached="/c/x"),
        row(
            "NODEFLIB counts for the asker alone",
            make(flags_1=DF_1_NODEFLIB, runpath="/d"),
            {"/d/a": LIB, **X_IN_DEFAULT},
            "a x",
            *IN_DEFAULT,
        ),
        row("an absolute name", make(rpath="/r"), {"/d/x": LIB}, "/d/x", "path /d/x: found"),
        row("a relative name counts from the working directory", LIB, {"/cwd/d/x": LIB}, "d/x", "path /cwd/d/x: found"),
        row("a name with a token", LIB, {"/p/x": LIB}, "$ORIGIN/x", "path /p/x: found"),
        row(
            "a name with a slash has one place",
            make(rpath="/r"),
            {"/r/d/x": LIB, "/lib64/x": LIB},
            "/d/x",
            "path /d/x: no such directory",
        ),
        row(
            "a directory that is a file",
            make(rpath="/f:/r"),
            {"/f": b"", "/r/x": LIB},
            "x",
            "RPATH /f/x: no such directory",
            "RPATH /r/x: found",
        ),
        row(
            "permission denied",
            make(rpath="/d:/r"),
            {"/d": Look("denied"), "/r/x": LIB},
            "x",
            "RPATH /d/x: permission denied",
            "RPATH /r/x: found",
        ),
        row(
            "a dangling link",
            make(rpath="/d:/r"),
            {"/d/x": "gone", "/r/x": LIB},
            "x",
            "RPATH /d/x: no such file",
            "RPATH /r/x: found",
        ),
        row(
            "another machine's file",
            make(rpath="/d:/r"),
            {"/d/x": make(machine=AARCH64), "/r/x": LIB},
            "x",
            "RPATH /d/x: for another machine (64 bit, e_machine 183)",
            "RPATH /r/x: found",
        ),
        row(
            "a loop ends this list alone",
            make(rpath="/q:/r"),
            {"/q/a": make(rpath="/d:/e"), "/d/x": "x", "/e/x": LIB, "/r/x": LIB},
            "a x",
            "RPATH /d/x: too many levels of symbolic links",
            "RPATH /q/x: no such file",
            "RPATH /r/x: found",
        ),
        row(
            "a failure ends this list alone",
            make(runpath="/d:/e"),
            {"/d/x": Look("failed", reason="name too long"), "/e/x": LIB, **X_IN_DEFAULT},
            "x",
            "RUNPATH /d/x: name too long",
            *IN_DEFAULT,
        ),
        row(
            "a directory is fatal",
            make(rpath="/d:/r"),
            {"/d/x/y": LIB, "/r/x": LIB},
            "x",
            "RPATH /d/x: is a directory: the loader stops here",
        ),
        row(
            "a device is fatal",
            make(rpath="/d:/r"),
            {"/d/x": Look("special"), "/r/x": LIB},
            "x",
            "RPATH /d/x: is neither a file nor a directory: the loader stops here",
        ),
        row(
            "a file that is no ELF file is fatal",
            make(rpath="/d:/r"),
            {"/d/x": b"INPUT(x)", "/r/x": LIB},
            "x",
            "RPATH /d/x: not an ELF file: the loader stops here",
        ),
    ],
)
def test_lookup_tries_in_the_loaders_order(
    names: Names, chain: list[str], cached: Mapping[str, str], probes: list[str]
) -> None:
    tried = ask(names, *chain, cached=cached).probes
    assert [f"{probe.rule} {probe.path}: {probe.outcome}" for probe in tried] == probes


def test_lookup_origin_of_a_program_is_its_files_directory() -> None:
    names: Names = {"/bin/main": "../p/main", "/p/main": make(rpath="$ORIGIN"), "/p/x": LIB, "/bin/x": LIB}
    assert ask(names, "x", main="/bin/main").probes == (Probe("/p/x", "RPATH", "found"),)


def test_lookup_answer_tells_who_asked_and_whose_path_led_there() -> None:
    names: Names = {"/p/main": make(rpath="$ORIGIN"), "/p/a": make(rpath="/none"), "/p/x": "y", "/p/y": LIB}
    found = ask(names, "a", "x").found
    assert found is not None
    assert found.owner is not None
    told = (found.name, found.path, found.walk.real, found.rule, found.item, found.owner.path)
    assert told == ("x", "/p/x", "/p/y", "RPATH", "$ORIGIN", "/p/main")
    assert found.rpath_next is not None
    assert found.rpath_next.rpath_next is not None
    assert (found.rpath_next.path, found.rpath_next.rpath_next.path) == ("/p/a", "/p/main")


def test_lookup_of_a_plain_name_is_done_once_for_all_askers() -> None:
    asked = []

    class Watched(FakeRoot):
        def look(self, path: str) -> Look:
            asked.append(path)
            return super().look(path)

    root = Watched({"/p/main": LIB, "/p/other": LIB, "/lib64/other": LIB, **X_IN_DEFAULT})
    glibc = glibc_of(root, Cache(b""), Search(HostPath("/")))
    mains = [program_of(root, path) for path in ("/p/main", "/p/other")]
    first, second = [glibc.serve("x", main, main, "", glibc.known(main, "")) for main in mains]
    assert isinstance(first, Object)
    assert second is first
    assert asked.count("/usr/lib64/x") == 1
