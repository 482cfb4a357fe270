"""A workspace for Bazel with a program, a library of its own, and one root that is declared in three ways."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support import TRIPLET, done, in_chroot, library, ocidiet
from tests.tools.bazel_lab import Built, Lab, Workspace
from tests.tools.bazel_roots import DIRECTORY, LIBRARIES, LOADER

MODULE = """\
module(name = "project")
bazel_dep(name = "ocidiet", version = "0.1.0")
local_path_override(module_name = "ocidiet", path = "{ocidiet}")
bazel_dep(name = "rules_cc", version = "0.0.11")
sysroot = use_extension("@ocidiet//rules:extensions.bzl", "sysroot")
sysroot.host(name = "host", directories = {directories}, path = "{root}")
use_repo(sysroot, "host")
"""
WORKSPACE = """\
workspace(name = "project")
local_repository(name = "ocidiet", path = "{ocidiet}")
load("@ocidiet//rules:defs.bzl", "ocidiet_host_root")
register_toolchains("@ocidiet//rules:toolchain")
ocidiet_host_root(name = "host", directories = {directories}, path = "{root}")
"""
BUILD = """\
load("@ocidiet//rules:defs.bzl", "ocidiet_root", "ocidiet_tar")
load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library")

cc_library(name = "own", srcs = ["own.c"])

cc_binary(
    name = "hello",
    srcs = ["hello.cc"],
    additional_linker_inputs = ["spare/libgreet.so.1"],
    linkopts = ["$(location spare/libgreet.so.1)", "-Wl,-rpath,/opt/first:/opt/greet"],
    linkstatic = False,
    deps = [":own"],
)

ocidiet_root(name = "files_root", srcs = glob(["root/**"]), strip_prefix = "root")

ocidiet_root(name = "listed_root", srcs = glob(["root/**"]), links = "links", strip_prefix = "root")

ocidiet_tar(name = "files", binaries = [":hello"], root = ":files_root")

ocidiet_tar(name = "listed", binaries = [":hello"], root = ":listed_root")

ocidiet_tar(name = "host", binaries = [":hello"], root = "@host//:root")
"""
OWN = 'const char *own(void) { return "Hello"; }\n'
HELLO = """\
#include <cstdio>
#include <string>
extern "C" const char *own(void), *greeting(void);
int main() {
  std::string text = own();
  return std::puts((text + " " + greeting()).c_str()) < 0;
}
"""
GREET = "opt/greet"
FIRST = "opt/first"
"""Of the root; the program looks here before."""
IMAGES = ("files", "host", "listed")
BESIDE = ("report.json", "mtree", "closure")
"""What is told of an image."""


class Project:
    """The workspace at `path`, built with an output base of its own."""

    def __init__(self, lab: Lab, path: Path) -> None:
        self.made: Workspace = lab.workspace(path, f"base-of-{path.name}")
        self.root = path / "root"

    def write(self) -> None:
        """All that it starts from."""
        made, top = self.made, self.made.lab.top
        words = {
            "directories": f'["/{FIRST}", "/{GREET}"]',
            "ocidiet": made.lab.home / "ocidiet",
            "root": self.root,
        }
        made.write("MODULE.bazel", MODULE.format(**words))
        made.write("WORKSPACE", WORKSPACE.format(**words))
        made.write("BUILD.bazel", BUILD)
        made.write("own.c", OWN)
        made.write("hello.cc", HELLO)
        for name in LIBRARIES:
            real = (top / DIRECTORY / name).resolve()
            put(self.root / DIRECTORY / real.name, real.read_bytes(), real.stat().st_mode & 0o777)
            if real.name != name:
                (self.root / DIRECTORY / name).symlink_to(real.name)
        (self.root / "lib64").mkdir()
        (self.root / "lib64" / LOADER).symlink_to(f"../usr/lib/{TRIPLET}/{LOADER}")
        greet = self.root / GREET
        for name, text in {"1.0": "World", "1.1": "Later", "other": "Other"}.items():
            self.greeter(greet / f"libgreet.so.{name}", text)
        (greet / "libgreet.so.1").symlink_to("libgreet.so.1.0")
        self.greeter(self.root / FIRST / "libunused.so", "Unused")
        self.greeter(made.path / "spare/libgreet.so.1", "Spare")
        self.tell_links()

    def copy(self, path: Path) -> Project:
        """The same workspace elsewhere, with an output base of its own; nothing in it is built."""
        shutil.copytree(self.made.path, path, symlinks=True, ignore=shutil.ignore_patterns("bazel-*"))
        made = Project(self.made.lab, path)
        made.made.flags = self.made.flags
        return made

    def greeter(self, path: Path, text: str) -> None:
        """A library that greets."""
        made = library(
            self.made.lab.home / f"greeters/{text}/libgreet.so.1",
            f'const char *greeting(void) {{ return "{text}"; }}\n',
        )
        put(path, made.read_bytes())

    def tell_links(self) -> None:
        """The listing of the root, as rules/README.md tells to write it."""
        told = ""
        for path in sorted(self.root.rglob("*")):
            place = f"/{path.relative_to(self.root)}"
            if path.is_symlink():
                told += f"{place}\t{path.readlink()}\n"
            elif path.is_file() and path.stat().st_mode & 0o111:
                told += f"{place}\n"
        self.made.write("links", told)

    def build(self, *flags: str) -> Built:
        """Build all images."""
        return self.made.build(*(f"//:{image}" for image in IMAGES), *flags)

    def image(self, name: str) -> bytes:
        return self.made.out(f"{name}.tar").read_bytes()

    def told(self, name: str) -> list[bytes]:
        """What stands beside an image."""
        return [self.made.out(f"{name}.{kind}").read_bytes() for kind in BESIDE]

    def plain(self, home: Path) -> Path:
        """The program and its library without Bazel, as another build tool would have left them."""
        for name in ("hello", "_solib_k8/liblibown.so"):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.made.out(name), home / name)
        return home

    def by_hand(self, home: Path) -> bytes:
        """The image that the command line makes of the same."""
        words: list[str | Path] = ["-t", home / "by-hand.tar", "--layout", "scratch", "--root", self.root]
        ended = ocidiet(*words, "-b", "hello:/usr/local/bin/hello", cwd=self.plain(home))
        assert ended.returncode == 0, ended.stderr
        return (home / "by-hand.tar").read_bytes()


def put(path: Path, content: bytes, mode: int = 0o644) -> None:
    """A file as a package manager puts it: by rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name("new")
    new.write_bytes(content)
    new.chmod(mode)
    new.rename(path)


def started(tar: Path, home: Path) -> str:
    """What the program in an image prints."""
    root = home / "started"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    done(["tar", "-C", root, "-xf", tar])
    return in_chroot(root, "/usr/local/bin/hello").strip()
