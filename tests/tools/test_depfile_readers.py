"""What `depfile` writes, GNU Make and Ninja read back as the same names, or `encode` refuses."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocidiet.depfile import encode, render
from ocidiet.errors.places import UnencodableName
from ocidiet.model import HostPath
from ocidiet.model.image import Trace
from tests.support import clean_env, need
from tests.unit.test_depfile import asked

# As in every real depfile, a name without '=' stands first.
ANCHOR = HostPath(os.path.realpath(os.__file__))


def accepted(name: str) -> bool:
    try:
        encode(name)
    except UnencodableName:
        return False
    return True


def forgiven(name: str) -> bool:
    """Whether an empty rule can stand for `name` when the file is deleted."""
    return "=" not in name and "%" not in name


def table() -> list[str]:
    """Every byte as a name's first, middle and last character; no two names are one but for that byte."""
    names = []
    for byte in (n for n in range(1, 256) if n != ord("/")):
        char = os.fsdecode(bytes([byte]))
        names += [f"{char}f{byte}", f"m{byte}{char}z", f"l{byte}{char}"]
    return names


def spellings() -> list[str]:
    """Pairs and runs of the characters that have a meaning to one of the readers."""
    chars = "\\ #$:%=()~,@!{}+-.&a"
    return [
        *(f"{n}x{one}{two}y" for n, (one, two) in enumerate((a, b) for a in chars for b in chars)),
        "two  blanks",
        "  leading",
        "back\\\\ slashes",
        "b\\\\\\ three",
        "(whole",
        "doc (1) x",
        "$(shell touch run)x",
        "${HOME}",
        "$@",
        "-lm",
        "-n",
        "@x",
        "+=",
        "=",
        "~root",
        "%",
        "a%b%c",
        "\\",
        "ab\\c",
        "\u00e9\u2028",
        "x" * 250,
    ]


def spelled(cwd: Path, names: Iterable[str]) -> tuple[HostPath, ...]:
    return tuple(HostPath(f"{cwd}/{name}") for name in names)


def depfile(
    target: str,
    cwd: str,
    read: Iterable[str],
    listed: Iterable[str] = (),
    absent: Iterable[str] = (),
    style: str = "gcc",
) -> bytes:
    """The depfile of `target`: absolute paths, spelled relative to `cwd`."""
    trace = Trace(*(tuple(map(HostPath, paths)) for paths in (read, listed, absent)))
    return render(target, trace, [ANCHOR], asked(target, style, cwd), ())


def touch(cwd: Path, names: Iterable[str]) -> None:
    time.sleep(0.02)  # a file system's clock ticks every few milliseconds
    for name in names:
        os.utime(cwd / name)
    time.sleep(0.02)


def tool(argv: Sequence[str], cwd: Path) -> tuple[int, bytes]:
    """Exit status and all output, as bytes; the names are no text."""
    ended = subprocess.run(
        argv, cwd=cwd, env=clean_env(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return ended.returncode, ended.stdout


class Cycle:
    """One target for each name, each with a depfile of its own, taken through a build's life."""

    def __init__(self, cwd: Path, names: Sequence[str], spelled_from: str = "") -> None:
        self.cwd = cwd
        self.names = names
        self.from_ = spelled_from or os.fspath(cwd)
        for name in names:
            (cwd / name).touch()
            os.utime(cwd / name, (1000, 1000))

    def depfile(self, target: str, name: str, style: str = "gcc") -> bytes:
        return depfile(target, self.from_, [f"{self.cwd}/{name}"], style=style)

    def built(self) -> list[str]:
        """The names whose targets the tool builds now."""
        raise NotImplementedError

    def faults(self) -> dict[str, list[str]]:
        """The names at which a build goes wrong, by what is wrong."""
        first, second = self.built(), self.built()
        touch(self.cwd, self.names)
        touched, again = self.built(), self.built()
        for name in self.names:
            (self.cwd / name).unlink()
        gone = self.built()
        wrong = {
            "not built": set(self.names).difference(first),
            "never settles": {*second, *again},
            "missed": set(self.names).difference(touched),
            "stops when deleted": set(self.names).difference(gone),
        }
        return {what: [name for name in self.names if name in which] for what, which in wrong.items() if which}


class Make(Cycle):
    def __init__(self, cwd: Path, names: Sequence[str], spelled_from: str = "", style: str = "gcc") -> None:
        super().__init__(cwd, names, spelled_from)
        parts = [self.depfile(f"o{n}", name, style) for n, name in enumerate(names)]
        write_makefile(cwd, parts)

    def built(self) -> list[str]:
        return [self.names[n] for n in made(self.cwd)]


def write_makefile(cwd: Path, depfiles: Sequence[bytes]) -> None:
    targets = " ".join(f"o{n}" for n in range(len(depfiles)))
    (cwd / "Makefile").write_text(f"all: {targets}\n{targets}: ; @: >$@ && echo $@\nFORCE: ;\n-include d\n")
    (cwd / "d").write_bytes(b"\n".join(depfiles))


def made(cwd: Path) -> list[int]:
    """The targets that `make` makes, by number."""
    _code, output = tool(["make", "-rRk", "-j2", "--no-print-directory"], cwd)
    return [int(n) for n in re.findall(rb"(?m)^o(\d+)$", output)]


class Ninja(Cycle):
    def __init__(self, cwd: Path, names: Sequence[str], deps: str, spelled_from: str = "") -> None:
        super().__init__(cwd, names, spelled_from)
        lines = ["rule r", "  command = cp $out.in $out.d && : >$out", "  description = built $out"]
        lines += ["  depfile = $out.d", f"  deps = {deps}" if deps else ""]
        for n, name in enumerate(names):
            lines.append(f"build o{n}: r")
            (cwd / f"o{n}.in").write_bytes(self.depfile(f"o{n}", name))
        (cwd / "build.ninja").write_text("\n".join(lines) + "\n")

    def built(self) -> list[str]:
        code, output = tool(["ninja", "-k0"], self.cwd)
        assert code == 0, output
        return [self.names[int(n)] for n in re.findall(rb"\] built o(\d+)", output)]


class CMake(Cycle):
    """As CMake hands it on to what it generates for."""

    def __init__(self, cwd: Path, names: Sequence[str], generator: str) -> None:
        (cwd / "in").mkdir()
        super().__init__(cwd / "in", names, f"{cwd}/out")
        lines = ["cmake_minimum_required(VERSION 3.20)", "project(names NONE)"]
        for n, name in enumerate(names):
            (cwd / f"o{n}.in").write_bytes(self.depfile(f"{cwd}/out/o{n}", name, "cmake"))
            copy = f"COMMAND cp {cwd}/o{n}.in o{n}.d COMMAND touch o{n} DEPFILE o{n}.d COMMENT <o{n}>"
            lines.append(f"add_custom_command(OUTPUT o{n} {copy} VERBATIM)")
        lines += ["add_custom_target(all_of_them ALL DEPENDS", *(f"o{n}" for n in range(len(names))), ")"]
        (cwd / "CMakeLists.txt").write_text("\n".join(lines) + "\n")
        self.out = cwd / "out"
        self.more = ["0"] if generator == "Ninja" else []
        code, output = tool(["cmake", "-G", generator, "-S", os.fspath(cwd), "-B", os.fspath(self.out)], cwd)
        assert code == 0, output

    def built(self) -> list[str]:
        _code, output = tool(["cmake", "--build", os.fspath(self.out), "--", "-k", *self.more], self.out)
        return [self.names[int(n)] for n in re.findall(rb"<o(\d+)>", output)]


def carried_by_cmake(name: str) -> bool:
    try:
        depfile("o", "/d", [f"/d/{name}"], style="cmake")
    except UnencodableName:
        return False
    return True


@pytest.fixture(scope="module")
def names() -> list[str]:
    """What `encode` takes of the tables."""
    return [name for name in table() + spellings() if accepted(name)]


@pytest.mark.usefixtures("each_make")
@pytest.mark.parametrize("style", ["gcc", "make"])
def test_make_follows_each_name(tmp_path: Path, names: list[str], style: str) -> None:
    need("make")
    unforgiven = [name for name in names if not forgiven(name)]
    assert Make(tmp_path, names, style=style).faults() == {"stops when deleted": unforgiven}


@pytest.mark.parametrize("deps", ["gcc", ""])
def test_ninja_follows_each_name(tmp_path: Path, names: list[str], deps: str) -> None:
    need("ninja")
    assert Ninja(tmp_path, names, deps).faults() == {}


@pytest.mark.parametrize("generator", ["Ninja", "Unix Makefiles"])
def test_cmake_follows_each_name_that_its_style_takes(tmp_path: Path, names: list[str], generator: str) -> None:
    need("cmake", "ninja", "make")
    carried = [name for name in names if carried_by_cmake(name)]
    assert [name for name in names if name not in carried] == [name for name in names if set(name) & set("#$:\\")]
    # Of letters and of bytes above ASCII there is nothing to tell apart; each costs seven processes.
    carried = [name for name in carried if not all(char.isalnum() or char > "\udc81" for char in name)]
    unforgiven = [name for name in carried if "%" in name] if generator != "Ninja" else []
    assert CMake(tmp_path, carried, generator).faults() == ({"stops when deleted": unforgiven} if unforgiven else {})


@pytest.mark.usefixtures("each_make")
def test_make_runs_when_an_absent_name_appears(tmp_path: Path, names: list[str]) -> None:
    need("make")
    cwd = os.fspath(tmp_path)
    carried: list[str] = []
    depfiles: list[bytes] = []
    for name in names:
        try:
            depfiles.append(depfile(f"o{len(carried)}", cwd, (), absent=[f"{cwd}/{name}"], style="make"))
        except UnencodableName:
            assert not {"(", ")", "\\"}.isdisjoint(name), name
            continue
        carried.append(name)
    write_makefile(tmp_path, depfiles)
    every = list(range(len(carried)))
    assert sorted(made(tmp_path)) == every
    assert made(tmp_path) == []
    for name in carried:
        (tmp_path / name.replace("\\", "")).touch()  # what a glob would read
    assert [carried[n] for n in made(tmp_path) if "\\" in carried[n]] == []
    for name in carried:
        (tmp_path / name).touch()
    now = made(tmp_path)
    assert [carried[n] for n in every if n not in now] == []


@pytest.mark.parametrize("relative", [True, False], ids=["relative", "absolute"])
@pytest.mark.parametrize("checkout", ["plain", "two  blanks/ and # x", "a=b", "50% (x"])
def test_names_of_a_checkout_are_followed(tmp_path: Path, checkout: str, relative: bool) -> None:
    need("make", "ninja")
    names = ["plain", "two  blanks", "a=b", "c++/x:y"]
    for number, deps in enumerate((None, "gcc", "")):
        cwd = tmp_path / str(number) / checkout
        (cwd / "c++").mkdir(parents=True)
        away = "" if relative else "/nowhere"
        cycle = Make(cwd, names, away) if deps is None else Ninja(cwd, names, deps, away)
        unforgiven = [name for name in names if not forgiven(name if relative else f"{checkout}/{name}")]
        assert cycle.faults() == ({"stops when deleted": unforgiven} if deps is None else {})


def test_directories_are_followed(tmp_path: Path) -> None:
    need("make", "ninja")
    (tmp_path / "sub dir").mkdir()
    directories = ["/", os.fspath(tmp_path), f"{tmp_path}/sub dir"]
    for number, deps in enumerate((None, "gcc", "")):
        cwd = tmp_path / "sub dir" / str(number)
        cwd.mkdir()
        cycle = Make(cwd, ["f"]) if deps is None else Ninja(cwd, ["f"], deps)
        text = depfile("o0", os.fspath(cwd), (), directories, style="gcc" if deps is not None else "make")
        (cwd / ("d" if deps is None else "o0.in")).write_bytes(text)
        assert (cycle.built(), cycle.built()) == (["f"], [])
        for directory in directories[1:]:
            time.sleep(0.02)
            Path(directory, "appeared").touch()
            time.sleep(0.02)
            assert (cycle.built(), cycle.built()) == (["f"], [])
            Path(directory, "appeared").unlink()


def test_targets_are_read_back(tmp_path: Path) -> None:
    need("make", "ninja")
    names, texts = [], []
    for name in table():
        try:
            texts.append(depfile(name, os.fspath(tmp_path), [f"{tmp_path}/dep"]))
            names.append(name)
        except UnencodableName:
            continue
    for name in ("dep", *names):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (2000, 2000) if name == "dep" else (1000, 1000))
    (tmp_path / "Makefile").write_bytes(b"\n".join(texts))
    _code, output = tool(["make", "-rR", "--debug=b", "--", *names], tmp_path)
    older = re.findall(rb"Prerequisite 'dep' is newer than target '(.*)'\.", output)
    assert set(map(os.fsdecode, older)) == set(names)

    escapes = str.maketrans({"$": "$$", ":": "$:", " ": "$ "})
    lines = ["rule r", "  command = cp $n.in $n.d && : >$out", "  depfile = $n.d"]
    for n, (name, text) in enumerate(zip(names, texts, strict=True)):
        lines += [f"build {name.translate(escapes)}: r", f"  n = {n}"]
        (tmp_path / f"{n}.in").write_bytes(text)
    (tmp_path / "build.ninja").write_bytes(os.fsencode("\n".join(lines) + "\n"))
    assert tool(["ninja"], tmp_path)[0] == 0
    assert tool(["ninja"], tmp_path) == (0, b"ninja: no work to do.\n")


def joined(parts: list[bytes]) -> str:
    return os.fsdecode(b"".join(parts))


special = [bytes([n]) for n in b"\\\\\\ #$:%=()~,@!{}+-.&;|*?[]<>^'\"`\t\n\r\x7f\xff\xe9abc"]
random_name = (
    st.lists(st.sampled_from([*special, b"\xc3\xa9", b"\\ ", b"\\#", b"$(", b" (", b"="]), min_size=1, max_size=8)
    .map(joined)
    .filter(lambda name: name not in (".", "..") and accepted(name))
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(random_name, min_size=40, max_size=40, unique=True))
def test_random_names_are_read_back(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    need("make", "ninja")
    cwd = tmp_path_factory.mktemp("random")
    try:
        for name in names:
            (cwd / name).touch()
        text = depfile("o", os.fspath(cwd), [f"{cwd}/{name}" for name in names])
        (cwd / "in").write_bytes(text)
        (cwd / "Makefile").write_bytes(b"o:\n-include in\n")
        os.utime(cwd / "in", (500, 500))
        (cwd / "o").touch()
        os.utime(cwd / "o", (1000, 1000))
        _code, output = tool(["make", "-rR", "--debug=b", "o"], cwd)
        newer = set(map(os.fsdecode, re.findall(rb"Prerequisite '(.*)' is newer than target 'o'\.", output)))
        assert newer - {ANCHOR} == set(names)

        rule = "rule r\n  command = cp in d && : >o\n  deps = gcc\n  depfile = d\nbuild o: r\n"
        (cwd / "build.ninja").write_text(rule)
        assert tool(["ninja"], cwd)[0] == 0
        _code, output = tool(["ninja", "-t", "deps", "o"], cwd)
        assert {os.fsdecode(line[4:]) for line in output.splitlines() if line.startswith(b"    ")} == {
            ANCHOR,
            *names,
        }
    finally:
        shutil.rmtree(cwd)
