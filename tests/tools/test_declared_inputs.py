"""Declared inputs with real programs: what an action of Bazel sees, in a sandbox of links and beside all else."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from tests.support import CHECKOUT, PYTHON, TRIPLET, cc, done, in_chroot, library, need, run

BIN = "bazel-out/k8-fastbuild/bin"
MAIN = """\
#include <stdio.h>
#include <zlib.h>
const char *greet(void);
int main(void) { return printf("%s, %d\\n", greet(), zlibVersion()[0] == '1') < 0; }
"""
ZLIB = '#define ZLIB(x) x\nconst char *zlibVersion(void) { return ZLIB("1"); }\n'
DEPENDENCY = 'const char *dependency(void) { return "Hello World"; }\n'
GREET = "const char *dependency(void);\nconst char *greet(void) { return dependency(); }\n"
LIBRARIES = f"usr/lib/{TRIPLET}"


class Execroot:
    """A workspace as Bazel leaves it: outputs of rules, a root from a repository rule, the tool as one file."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "sysroot"
        self.bin = home / BIN
        self._sysroot()
        system = self.root / LIBRARIES
        library(self.bin / "shared/libdep_so.so", DEPENDENCY)
        uses = ["-Wl,-rpath,$ORIGIN/../_solib_k8/_Ushared", "-Wl,-rpath,$ORIGIN/../_solib_k8", "-Wl,--no-as-needed"]
        dependency = self.bin / "shared/libdep_so.so"
        solib = self.bin / "_solib_k8"
        (solib / "_Ushared").mkdir(parents=True)
        (solib / "_Ushared/libdep_so.so").symlink_to(dependency)
        greet = library(solib / "libapp_Slibgreet.so", GREET, dependency, "-Wl,-rpath,$ORIGIN/_Ushared")
        app = self.bin / "app/the app"
        cc(app, MAIN.replace("#include <zlib.h>", "const char *zlibVersion(void);"), greet, system / "libz.so.1", *uses)
        (self.bin / "app/app.conf").write_text("text\n")
        for path in self.bin.rglob("*"):
            if path.is_file() and not path.is_symlink():
                path.chmod(0o555)
        done([PYTHON, "-m", "ocidiet.zipapp", "-o", home / "ocidiet.pyz"], CHECKOUT)
        self.tree = ["app/the app", "app/app.conf", "shared/libdep_so.so"]
        self.tree += ["_solib_k8/libapp_Slibgreet.so", "_solib_k8/_Ushared/libdep_so.so"]

    def _sysroot(self) -> None:
        """A merged root that has what a program needs, and more."""
        system = self.root / LIBRARIES
        library(system / "libz.so.1.2.13", ZLIB, "-Wl,-soname,libz.so.1")
        (system / "libz.so.1").symlink_to("libz.so.1.2.13")
        (system / "libz.so").symlink_to("libz.so.1")
        library(system / "libunused.so.1")
        for path in (f"/{LIBRARIES}/libc.so.6", "/lib64/ld-linux-x86-64.so.2"):
            shutil.copy(path, system)
        (self.root / "usr/lib64").mkdir()
        (self.root / "usr/lib64/ld-linux-x86-64.so.2").symlink_to(f"/lib/{TRIPLET}/ld-linux-x86-64.so.2")
        for name in ("lib", "lib64"):
            (self.root / name).symlink_to(f"usr/{name}")
        (self.root / "etc").mkdir()
        (self.root / "etc/ld.so.conf").write_text(f"/lib/{TRIPLET}\n")

    def root_files(self) -> list[str]:
        """As a glob of a repository rule has them, with the rule's own listing of links."""
        external = self.home / "external/sysroot"
        external.parent.mkdir(exist_ok=True)
        if not external.is_symlink():
            external.symlink_to(self.root)
        values, told = [], []
        for path in sorted(self.root.rglob("*")):
            place = path.relative_to(self.root)
            if path.is_symlink():
                told.append(f"/{place}\t{path.readlink()}\n")
            elif path.is_file():
                told += [f"/{place}\n"] if os.access(path, os.X_OK) else []
            # A link that is relative is a file to a glob; an absolute one leads out of the root.
            if path.is_file() and not (path.is_symlink() and path.readlink().is_absolute()):
                values.append(f"/{place}\texternal/sysroot/{place}")
        (self.home / "external/links.txt").write_text("".join(told))
        return ["--root-links", "external/links.txt", "--root-files", *values]

    def tree_files(self) -> list[str]:
        return ["--tree-files", *(f"{place}\t{BIN}/{place}" for place in self.tree)]

    def words(self, root: list[str]) -> list[str]:
        """The arguments of an action, without its outputs."""
        programs = ["-b", "app/the app:/opt/app/bin/the app", "-e", "app/app.conf:/etc/app.conf"]
        return [*programs, *self.tree_files(), *root]

    def run(self, words: list[str], where: Path | None = None, *before: str) -> str:
        """Run the tool by a file of its arguments; returns what it says."""
        where = where or self.home
        (where / BIN / "params").write_text("".join(f"{word}\n" for word in words))
        ended = run([*before, PYTHON, "-IS", where / "ocidiet.pyz", f"@{BIN}/params"], where)
        return str(ended.stderr) if ended.returncode else ""

    def sandbox(self, words: list[str]) -> Path:
        """A directory with nothing but links to declared inputs, as linux-sandbox makes it."""
        where = self.home.parent / "sandbox"
        shutil.rmtree(where, ignore_errors=True)
        paths = [word.split("\t")[1] for word in words if "\t" in word]
        paths += [word for word in words if word.endswith((".txt", "root.tar"))]
        for path in ["ocidiet.pyz", *paths]:
            (where / path).parent.mkdir(parents=True, exist_ok=True)
            (where / path).symlink_to(self.home / path)
        return where


@pytest.fixture(scope="module")
def execroot(tmp_path_factory: pytest.TempPathFactory) -> Execroot:
    if TRIPLET != "x86_64-linux-gnu":
        pytest.skip("the root is of x86-64")
    return Execroot(tmp_path_factory.mktemp("declared") / "execroot")


@pytest.fixture
def expected(execroot: Execroot, tmp_path: Path) -> Path:
    """The image of the same files in plain directories, by the command line of a Makefile."""
    for place in execroot.tree:
        path = tmp_path / "plain" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(execroot.bin / place, path)
        path.chmod(0o644 if place.endswith(".conf") else 0o755)
    one = tmp_path / "plain/_solib_k8/_Ushared/libdep_so.so"
    one.unlink()
    one.hardlink_to(tmp_path / "plain/shared/libdep_so.so")
    programs = ["-b", "app/the app:/opt/app/bin/the app", "-e", "app/app.conf:/etc/app.conf"]
    tool: list[str | Path] = [
        PYTHON,
        "-IS",
        CHECKOUT / "ocidiet/__main__.py",
        "-t",
        tmp_path / "expected.tar",
        *programs,
    ]
    done([*tool, "--root", execroot.root], tmp_path / "plain")
    return tmp_path / "expected.tar"


def names(tar: Path) -> list[str]:
    with tarfile.open(tar) as archive:
        return [member.name for member in archive if not member.isdir()]


def root_tar(execroot: Execroot) -> list[str]:
    if not (execroot.home / "root.tar").exists():
        done(["tar", "-C", execroot.root, "-cf", execroot.home / "root.tar", "."])
    return ["--root", "root.tar"]


@pytest.mark.parametrize("kind", ["files", "tar"])
@pytest.mark.parametrize("strategy", ["sandbox", "local", "remote"])
def test_the_image_is_that_of_a_makefile_whatever_the_strategy(
    execroot: Execroot, expected: Path, kind: str, strategy: str
) -> None:
    words = execroot.words(execroot.root_files() if kind == "files" else root_tar(execroot))
    where = execroot.home
    if strategy != "local":
        where = execroot.sandbox(words)
    if strategy == "remote":
        # An executor has copies, all of them executable.
        for path in [path for path in where.rglob("*") if path.is_symlink()]:
            real = path.resolve()
            path.unlink()
            shutil.copy(real, path)
            path.chmod(0o755)
    outputs = ["-t", f"{BIN}/o.tar", "--unused-inputs", f"{BIN}/unused"]
    assert execroot.run([*outputs, *words], where) == ""
    assert (where / BIN / "o.tar").read_bytes() == expected.read_bytes()
    # The others' bytes tell when the links are turned.
    of_root = ("libunused.so.1",) if kind == "files" else ()
    assert (where / BIN / "unused").read_text().splitlines() == [
        f"{BIN}/shared/libdep_so.so",
        *(f"external/sysroot/{LIBRARIES}/{name}" for name in of_root),
    ]


def test_the_image_runs(execroot: Execroot, tmp_path: Path) -> None:
    need("tar")
    assert execroot.run(["-t", f"{tmp_path}/o.tar", *execroot.words(execroot.root_files())]) == ""
    (tmp_path / "root").mkdir()
    done(["tar", "-C", tmp_path / "root", "-xf", tmp_path / "o.tar"])
    assert in_chroot(tmp_path / "root", "/opt/app/bin/the app") == "Hello World, 1\n"


def test_layers_that_are_stacked_are_the_image(execroot: Execroot, tmp_path: Path) -> None:
    need("tar")
    kinds = ["libc", "system", "own", "app"]
    layers = [word for kind in kinds for word in ("--layer", f"{kind}={tmp_path}/{kind}.tar")]
    words = [*execroot.words(execroot.root_files()), "--layout", "scratch"]
    assert execroot.run([*layers, *words]) == ""
    assert execroot.run(["-t", f"{tmp_path}/o.tar", *words]) == ""
    top = tmp_path / "root"
    top.mkdir()
    for kind in kinds:
        done(["tar", "-C", top, "-xf", tmp_path / f"{kind}.tar"])
    assert in_chroot(top, "/opt/app/bin/the app") == "Hello World, 1\n"
    assert names(tmp_path / "own.tar") == [
        "opt/app/_solib_k8/_Ushared/libdep_so.so",
        "opt/app/_solib_k8/libapp_Slibgreet.so",
    ]
    assert names(tmp_path / "app.tar") == ["etc/app.conf", "opt/app/bin/the app"]
    assert sorted(name for kind in kinds for name in names(tmp_path / f"{kind}.tar")) == names(tmp_path / "o.tar")


def test_what_lies_beside_without_being_declared_has_no_part(execroot: Execroot, tmp_path: Path) -> None:
    home = tmp_path / "execroot"
    shutil.copytree(execroot.home, home, symlinks=True)
    apart = Execroot.__new__(Execroot)
    apart.home, apart.root, apart.bin, apart.tree = home, execroot.root, home / BIN, execroot.tree
    words = ["-t", f"{BIN}/o.tar", *apart.words(apart.root_files())]
    assert apart.run(words) == ""
    before = (home / BIN / "o.tar").read_bytes()
    # Where the loader would look first, and in place of what the root lacks.
    for name in ("_solib_k8/_Ushared/libapp_Slibgreet.so", "_solib_k8/_Ushared/libc.so.6", "_solib_k8/libz.so.1"):
        library(home / BIN / name)
    assert apart.run(words) == ""
    assert (home / BIN / "o.tar").read_bytes() == before
    apart.tree = [place for place in apart.tree if "libdep_so" not in place]
    said = apart.run(["-t", f"{BIN}/o.tar", *apart.words(apart.root_files())])
    assert said.splitlines()[0] == (
        "ocidiet: error: app/the app: needs libdep_so.so (by _solib_k8/libapp_Slibgreet.so): "
        "not among the 3 declared files of the build, not in the root (4 directories tried)"
    )
    assert (home / BIN / "o.tar").read_bytes() == before


def test_nothing_undeclared_is_asked_for(execroot: Execroot) -> None:
    need("strace")
    words = execroot.words(execroot.root_files())
    where = execroot.sandbox(words)
    outputs = ["-t", "--unused-inputs", "--report", "--mtree", "--closure"]
    argv = [word for option in outputs for word in (option, f"{BIN}/out{option}")]
    trace = where.parent / "trace"
    assert execroot.run([*argv, *words], where, "strace", "-f", "-o", str(trace), "-e", "trace=%file") == ""
    lines = trace.read_text().splitlines()
    begin = next(number for number, line in enumerate(lines) if f'"{BIN}/params"' in line)
    asked = {name for line in lines[begin:] for name in re.findall(r'"([^"]*)"', line) if name}
    python = (os.path.realpath(os.__file__).rpartition("/")[0], f"{where}/ocidiet.pyz", f"{where}", "/usr/lib/python")
    asked = {name for name in asked if not name.startswith(python) or name.endswith(".tar")}
    declared = {word.split("\t")[1] for word in words if "\t" in word} | {
        "external/links.txt",
        f"{BIN}/params",
        f"{BIN}/",
    }
    written = {name for name in asked if name.startswith((f"{BIN}/out", f"{BIN}/.out"))}
    assert asked - declared - written == set()
    assert {f"{BIN}/app/the app", "external/sysroot/etc/ld.so.conf"} - asked == set()
    assert [name for name in asked if "unused" in name and name not in written] == []
    assert sorted(path.name for path in (where / BIN).iterdir() if path.is_file()) == sorted(
        ["params", *(f"out{option}" for option in outputs)]
    )
