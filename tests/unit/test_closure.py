"""The room `closure`: what a program's loader will map, in its order, on made-up roots."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ocidiet import elf, search
from ocidiet.closure import Facts, Resolver
from ocidiet.errors import InputError, OcidietError
from ocidiet.errors.lacks import MissingLibraries
from ocidiet.fs import DiskRoot, Record
from ocidiet.ldcache import Cache
from ocidiet.model import Closure, HostPath, Notice, Program, Search
from tests.unit.elfmaker import AARCH64, INTERP, LOADER, lay, make, program

Names = Mapping[str, bytes | str | None]
LIB = make()


def resolve(top: Path, names: Names, *programs: str, library_path: str = "") -> Closure:
    """The closure of `programs` in a root of `names` and a loader, read once for all of them."""
    root = DiskRoot(lay(top, {INTERP: LOADER, "/usr/lib64": None, **names}), Record())
    closed = Resolver(root, Facts(), Search(HostPath("/cwd"), library_path)).resolve(
        [(path, root.walk(path)) for path in programs or ("/main",)]
    )
    if closed.missing:
        raise MissingLibraries(closed.missing, closed.broken, "", root.spell)
    return closed


def told(found: Program) -> list[tuple[str, str, str]]:
    """(who asks, name, opened path), in the loader's order."""
    return [(by.path, name, one.path) for by, name, one in found.edges]


def refused(top: Path, names: Names, *programs: str) -> str:
    """The error's text, without the test's own directory and the columns' widths."""
    with pytest.raises(OcidietError) as caught:
        resolve(top, names, *programs)
    return re.sub(r"(?<=\S) {2,}", "  ", str(caught.value).replace(str(top), ""))


def test_closure_is_breadth_first(tmp_path: Path) -> None:
    names = {
        "/main": program("a", "b"),
        "/lib64/a": make(needed=["c", "b"]),
        "/lib64/b": make(needed=["d"]),
        "/lib64/c": make(needed=["d", "a"]),
        "/lib64/d": LIB,
    }
    found = resolve(tmp_path, names).programs[0]
    assert told(found) == [
        ("/main", "a", "/lib64/a"),
        ("/main", "b", "/lib64/b"),
        ("/lib64/a", "c", "/lib64/c"),
        ("/lib64/a", "b", "/lib64/b"),
        ("/lib64/b", "d", "/lib64/d"),
        ("/lib64/c", "d", "/lib64/d"),
        ("/lib64/c", "a", "/lib64/a"),
    ]
    assert [found.path for found in found.objects] == ["/lib64/a", "/lib64/b", "/lib64/c", "/lib64/d"]
    assert found.interp is not None
    assert (found.interp.path, found.default_dirs) == (INTERP, ("/lib64", "/usr/lib64"))


def test_programs_that_need_the_same_are_told_as_each_by_itself(tmp_path: Path) -> None:
    names = {
        **{f"/{main}": program("lib$PLATFORM", "linux-vdso.so.1", "a", "", "a") for main in ("one", "two", "three")},
        "/lib64/libx86_64": make(needed=["b"]),
        "/lib64/a": make(needed=["b", "libx86_64"]),
        "/lib64/b": make(needed=["linux-vdso.so.1"]),
    }
    mains = ("/one", "/two", "/three")
    together = [told(found) for found in resolve(tmp_path / "all", names, *mains).programs]
    assert together == [told(resolve(tmp_path / main[1:], names, main).programs[0]) for main in mains]
    assert together[2] == [
        ("/three", "libx86_64", "/lib64/libx86_64"),
        ("/three", "a", "/lib64/a"),
        ("/three", "a", "/lib64/a"),
        ("/lib64/libx86_64", "b", "/lib64/b"),
        ("/lib64/a", "b", "/lib64/b"),
        ("/lib64/a", "libx86_64", "/lib64/libx86_64"),
    ]


def test_first_asker_decides_for_all(tmp_path: Path) -> None:
    names = {
        "/main": program("a", "b", runpath="/l"),
        "/l/a": make(needed=["x"], runpath="/one"),
        "/l/b": make(needed=["x"], runpath="/two"),
        "/one/x": LIB,
        "/two/x": make(soname="other"),
    }
    assert told(resolve(tmp_path, names).programs[0])[2:] == [("/l/a", "x", "/one/x"), ("/l/b", "x", "/one/x")]


def test_soname_of_a_loaded_object_serves_its_name(tmp_path: Path) -> None:
    names = {
        "/main": make(interp=INTERP, needed=["/opt/any", "x", "main.so"], soname="main.so"),
        "/opt/any": make(soname="x"),
        "/lib64/x": LIB,
        "/lib64/main.so": LIB,
    }
    found = resolve(tmp_path, names).programs[0]
    assert told(found) == [
        ("/main", "/opt/any", "/opt/any"),
        ("/main", "x", "/opt/any"),
        ("/main", "main.so", "/main"),
    ]
    assert [found.path for found in found.objects] == ["/opt/any"]


def test_soname_of_the_interpreter_serves_the_need_of_libc(tmp_path: Path) -> None:
    names = {
        "/main": program("libc.so.6", interp="/opt/my-loader"),
        "/opt/my-loader": LOADER,
        "/lib64/libc.so.6": make(needed=["ld-linux-x86-64.so.2"]),
    }
    assert told(resolve(tmp_path, names).programs[0]) == [
        ("/main", "libc.so.6", "/lib64/libc.so.6"),
        ("/lib64/libc.so.6", "ld-linux-x86-64.so.2", "/opt/my-loader"),
    ]


def test_empty_names_are_needed_by_nobody(tmp_path: Path) -> None:
    assert told(resolve(tmp_path, {"/main": program("", "a", ""), "/lib64/a": LIB}).programs[0]) == [
        ("/main", "a", "/lib64/a")
    ]


def test_filter_of_no_file_has_no_filtee(tmp_path: Path) -> None:
    names: Names = {"/main": program("a"), "/lib64/a": make(needed=["b"], filtee="linux-vdso.so.1"), "/lib64/b": LIB}
    assert told(resolve(tmp_path, names).programs[0]) == [("/main", "a", "/lib64/a"), ("/lib64/a", "b", "/lib64/b")]
    (tmp_path / "main").write_bytes(make(interp=INTERP, filtee=""))
    assert told(resolve(tmp_path, {}).programs[0]) == []


def test_library_path_is_each_program_s_own(tmp_path: Path) -> None:
    names: Names = {"/main": program("a"), "/other": program("a"), "/opt/a": LIB}
    closed = resolve(tmp_path, names, "/main", "/other", library_path="/opt")
    assert [found.owner is part.main for part in closed.programs for found in part.objects] == [True, True]


@pytest.mark.parametrize(
    "data", [pytest.param(make(dynamic=False), id="static"), pytest.param(make(runpath="/r"), id="static PIE")]
)
def test_static_program_stands_alone(tmp_path: Path, data: bytes) -> None:
    found = resolve(tmp_path, {"/main": data}).programs[0]
    assert found == Program(found.main, None, (), (), ())


def test_library_as_a_program_gets_the_loader_of_its_abi(tmp_path: Path) -> None:
    found = resolve(tmp_path, {"/main": make(needed=["a"]), "/lib64/a": LIB}).programs[0]
    assert found.interp is not None
    assert (found.interp.path, told(found)) == (INTERP, [("/main", "a", "/lib64/a")])


def test_interpreter_for_another_machine_is_none(tmp_path: Path) -> None:
    names = {"/main": program("a", interp="/ld"), "/ld": make(bits=32), "/lib64/a": LIB}
    assert refused(tmp_path, names) == (
        "/main: 1 file not found\n  /ld, needed by /main\n"
        "    interpreter /ld  not for the program's machine (64 bit, e_machine 62)\n"
        "  hint: install the file's package"
    )


def test_places_searched_in_vain_are_bounded(tmp_path: Path) -> None:
    # A file of 60 kB that asks for 2 million of them.
    dirs = ":".join(f"/{number:03}" for number in range(800))
    assert refused(tmp_path, {"/main": make(interp=INTERP, needed=map(str, range(2500)), rpath=dirs)}) == (
        "/main: looks in vain in more than 200000 places"
    )


def test_name_with_a_zero_byte_is_no_file(tmp_path: Path) -> None:
    names = {"/main": program("a"), "/lib64/a": LIB, "/etc/ld.so.preload": b"/lib64/\0a"}
    assert [notice.text for notice in resolve(tmp_path, names).notices] == [
        "/lib64/\\x00a: not found, to be preloaded: the loader goes on without it"
    ]


def test_two_names_of_one_file_are_kept_and_walked_once(tmp_path: Path) -> None:
    names: Names = {
        "/main": program("a", "b", "c", runpath="/l"),
        "/l/a": make(needed=["x"], runpath="$ORIGIN/m"),
        "/l/b": "a",
        "/l/m/x": LIB,
    }
    lay(tmp_path, names)
    (tmp_path / "l/c").hardlink_to(tmp_path / "l/a")
    found = resolve(tmp_path, {}).programs[0]
    assert told(found) == [
        ("/main", "a", "/l/a"),
        ("/main", "b", "/l/b"),
        ("/main", "c", "/l/c"),
        ("/l/a", "x", "/l/m/x"),
    ]
    assert [found.path for found in found.objects] == ["/l/a", "/l/b", "/l/c", "/l/m/x"]


def test_wrong_machine_is_passed_over_and_told(tmp_path: Path) -> None:
    names = {
        "/main": program("x", rpath="/m:/c:/o"),
        "/m/x": make(machine=AARCH64),
        "/c/x": make(bits=32),
        "/o/x": make(order=">"),
    }
    assert refused(tmp_path, names).splitlines()[1:5] == [
        "  x, needed by /main",
        "    RPATH  /m/x  for another machine (64 bit, e_machine 183)",
        "    RPATH  /c/x  for another machine (32 bit, e_machine 62)",
        "    RPATH  /o/x  for another machine (64 bit, e_machine 62)",
    ]


def test_missing_libraries_of_all_programs_are_told_at_once(tmp_path: Path) -> None:
    names = {
        "/main": program("a", "x", rpath="/l"),
        "/other": program("y"),
        "/good": program("a"),
        "/lib64/a": make(needed=["z"]),
    }
    assert refused(tmp_path, names, "/main", "/other", "/good") == (
        "/main, /other, /good: 4 libraries not found\n"
        "  x, needed by /main\n"
        "    RPATH  /l/x  no such directory\n"
        "    cache  /etc/ld.so.cache  no entry\n"
        "    default  /lib64/x  no such file\n"
        "    default  /usr/lib64/x  no such file\n"
        "  z, needed by /lib64/a\n"
        "    RPATH  /l/z  no such directory\n"
        "    cache  /etc/ld.so.cache  no entry\n"
        "    default  /lib64/z  no such file\n"
        "    default  /usr/lib64/z  no such file\n"
        "  y, needed by /other\n"
        "    cache  /etc/ld.so.cache  no entry\n"
        "    default  /lib64/y  no such file\n"
        "    default  /usr/lib64/y  no such file\n"
        "  z, needed by /lib64/a\n"
        "    cache  /etc/ld.so.cache  no entry\n"
        "    default  /lib64/z  no such file\n"
        "    default  /usr/lib64/z  no such file\n"
        "  hint: is one of these directories the build's? then name its tree with --build-tree"
    )


def test_missing_libraries_carry_their_lookups(tmp_path: Path) -> None:
    with pytest.raises(MissingLibraries) as caught:
        resolve(tmp_path, {"/main": program("x", "y"), "/lib64/x": b"INPUT(libc.so.6)", "/usr/lib64/x": LIB})
    assert [(lookup.name, [probe.outcome for probe in lookup.probes]) for lookup in caught.value.lookups] == [
        ("x", ["no entry", "not an ELF file: the loader stops here"]),
        ("y", ["no entry", "no such file", "no such file"]),
    ]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        pytest.param({}, "/main: no such file", id="absent"),
        pytest.param({"/main": "gone"}, "/main: no such file", id="dangling"),
        pytest.param({"/main": "main"}, "/main: too many levels of symbolic links", id="loop"),
        pytest.param({"/main": None}, "/main: is a directory", id="directory"),
        pytest.param({"/main": LIB[:60]}, "/main: truncated ELF header (e_ident at offset 0x0)", id="truncated"),
        pytest.param(
            {"/main": make(machine=4, needed=["a"])},
            "/main: a shared object for machine 4, whose loader is not known",
            id="no interpreter and an unknown machine",
        ),
    ],
)
def test_program_that_is_none_is_refused(tmp_path: Path, names: Names, message: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(tmp_path, names)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("names", "outcome"),
    [
        pytest.param({}, "no such directory", id="absent"),
        pytest.param({"/opt/ld": b"#!"}, "not an ELF file", id="no ELF file"),
        pytest.param({"/opt/ld": None}, "is a directory", id="directory"),
    ],
)
def test_interpreter_that_is_none_is_missing(tmp_path: Path, names: Names, outcome: str) -> None:
    assert refused(tmp_path, {"/main": program("a", interp="/opt/ld"), **names}).splitlines()[:3] == [
        "/main: 1 file not found",
        "  /opt/ld, needed by /main",
        f"    interpreter /opt/ld  {outcome}",
    ]


def test_program_that_sets_its_user_is_told_that_it_will_not(tmp_path: Path) -> None:
    root = DiskRoot(lay(tmp_path, {"/main": make(dynamic=False), "/plain": make(dynamic=False)}), Record())
    (tmp_path / "main").chmod(0o4755)
    resolver = Resolver(root, Facts(), Search(HostPath("/")))
    told = [resolver.resolve([(path, root.walk(path))]).notices for path in ("/main", "/plain")]
    assert told == [(Notice("/main: is set-user-ID or set-group-ID here; in the image it is not", True),), ()]


def test_chain_of_libraries_needs_neither_stack_nor_time(tmp_path: Path) -> None:
    def seconds(count: int) -> float:
        top = tmp_path / str(count)
        chain = {f"/lib64/l{n}": make(needed=[f"l{n + 1}"]) for n in range(count)}
        names = {"/main": program("l0"), **chain, f"/lib64/l{count}": LIB}
        lay(top, {INTERP: LOADER, **names})
        spent = []
        for _ in range(3):
            root = DiskRoot(str(top), Record())
            started = time.process_time()
            found = Resolver(root, Facts(), Search(HostPath("/"))).resolve([("/main", root.walk("/main"))]).programs[0]
            spent.append(time.process_time() - started)
            assert [o.name for o in found.objects] == [f"l{n}" for n in range(count + 1)]
        return min(spent)

    # Four times as many: quadratic work would take sixteen times as long.
    assert seconds(2000) < 10 * seconds(500)


def test_names_with_tokens_need_linear_time(tmp_path: Path) -> None:
    def seconds(count: int) -> float:
        top = lay(tmp_path / str(count), {INTERP: LOADER, "/main": program(*["$LIB"] * count), "/lib64/lib64": LIB})
        spent = []
        for _ in range(3):
            root = DiskRoot(top, Record())
            started = time.process_time()
            found = Resolver(root, Facts(), Search(HostPath("/"))).resolve([("/main", root.walk("/main"))]).programs[0]
            spent.append(time.process_time() - started)
            assert [name for _, name, _ in found.edges] == ["lib64"] * count
        return min(spent)

    # Four times as many: quadratic work would take sixteen times as long.
    assert seconds(40_000) < 8 * seconds(10_000)


def test_chain_of_rpaths_needs_linear_memory(tmp_path: Path) -> None:
    count = 1500
    chain = {f"/l/l{n}": make(needed=[f"l{n + 1}"], rpath="/l") for n in range(count)}
    found = resolve(tmp_path, {"/main": program("l0", rpath="/l"), **chain, f"/l/l{count}": LIB}).programs[0]
    assert len(found.objects) == count + 1


def test_files_are_read_once_for_all_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    read = elf.read

    def watched(pread: Callable[[int, int], bytes], size_bytes: int) -> elf.Read:
        parsed.append(pread.__self__.file.path)  # type: ignore[attr-defined]
        return read(pread, size_bytes)

    monkeypatch.setattr(elf, "read", watched)
    names: Names = {"/main": program("a", "b"), "/other": program("a", "b"), "/lib64/a": LIB, "/lib64/b": "a"}
    resolve(tmp_path, names, "/main", "/other", "/main")
    assert [path.removeprefix(str(tmp_path)) for path in parsed] == ["/main", INTERP, "/lib64/a", "/other"]


def test_trace_names_what_was_read_and_searched(tmp_path: Path) -> None:
    names: Names = {
        "/bin/main": program("a", runpath="/l"),
        "/lib64/a": "a.1",
        "/lib64/a.1": LIB,
        "/l/other": LIB,
        "/etc/other": LIB,
    }
    record = Record()
    root = DiskRoot(lay(tmp_path, {INTERP: LOADER, **names}), record)
    Resolver(root, Facts(), Search(HostPath("/"))).resolve([("main", root.walk("/bin/main"))])
    inside = [[path.removeprefix(str(tmp_path)) for path in paths] for paths in record.trace()]
    assert inside == [["/bin/main", "/lib64/a", "/lib64/a.1", INTERP], ["/bin", "/etc", "/l", "/lib64"], []]


def test_simulated_ldconfig_looks_where_each_loader_does(tmp_path: Path) -> None:
    """Whatever program comes first."""
    other = "/other/ld.so"
    names: Names = {
        "/etc/ld.so.conf": b"",
        other: make(soname="ld.so") + b"\0/other/lib/\0/other/usr/lib/\0\0",
        "/main": program("liba.so"),
        "/second": program("liba.so", interp=other),
        "/lib64/liba.so": LIB,
        "/other/lib/liba.so": LIB,
    }
    found = [
        {program.main.name: [(one.path, one.rule) for one in program.objects] for program in closed.programs}
        for closed in (
            resolve(tmp_path / str(number), names, *programs)
            for number, programs in enumerate([("/main",), ("/second",), ("/main", "/second"), ("/second", "/main")])
        )
    ]
    first, second = [("/lib64/liba.so", "cache")], [("/other/lib/liba.so", "cache")]
    assert found[:2] == [{"/main": first}, {"/second": second}]
    assert found[2:] == [{"/main": first, "/second": second}] * 2


def test_the_cache_is_read_once_for_all_loaders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []

    def watched(data: bytes, little_endian: bool) -> Cache:
        made.append(data)
        return Cache(data, little_endian)

    monkeypatch.setattr(search, "Cache", watched)
    names: dict[str, bytes | str | None] = {"/etc/ld.so.cache": b"none", "/lib64/liba.so": LIB}
    for number in range(5):
        loader = f"/{number}/ld.so"
        names[loader] = make(soname="ld.so") + f"\0/{number}/lib/\0/lib64/\0\0".encode()
        names[f"/main{number}"] = program("liba.so", interp=loader)
    found = resolve(tmp_path, names, *(f"/main{number}" for number in range(5)))
    assert [[one.path for one in program.objects] for program in found.programs] == [["/lib64/liba.so"]] * 5
    assert made == [b"none"]


@pytest.mark.parametrize("preload", ["", "/usr/lib/libm.so.6 libbar.so libm.so.6"])
def test_reserved_names_are_musl_s_own_whatever_was_opened(preload: str, tmp_path: Path) -> None:
    """A library that was opened by its path gets its short name when it is searched for."""
    loader = "/lib/ld-musl-x86_64.so.1"
    names: Names = {
        loader: make() + b"\0/etc/ld-musl-x86_64.path\0",
        "/main": program(*preload.split() or ["/usr/lib/libm.so.6", "libbar.so", "libm.so.6"], interp=loader),
        "/usr/lib/libm.so.6": LIB,
        "/usr/lib/libbar.so": "libm.so.6",
    }
    root = DiskRoot(lay(tmp_path, names), Record())
    asked = Search(HostPath("/"), "", preload)
    (found,) = Resolver(root, Facts(), asked).resolve([("main", root.walk("/main"))]).programs
    served = {(by.name, name): one.path for by, name, one in found.edges}
    assert served[loader if preload else "main", "libm.so.6"] == loader
    assert {path for (_, name), path in served.items() if name != "libm.so.6"} == {
        "/usr/lib/libm.so.6",
        "/usr/lib/libbar.so",
    }
