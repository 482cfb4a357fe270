"""Images run for real: unpacked under chroot, and imported into docker and podman."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import HELLO, Engine, cc, done, in_chroot, library, need, ocidiet

IOSTREAM = '#include <iostream>\nint main() { std::cout << "Hello World" << std::endl; }\n'
# Prints the file that its argument names.
SHOW = """#include <stdio.h>
int main(int argc, char **argv) {
    FILE *f = fopen(argv[argc - 1], "r");
    for (int c; f && (c = getc(f)) != EOF;) putchar(c);
    return f == NULL;
}
"""
SUM = """#include <stdio.h>
int one(void), two(void), ten(void);
int main(void) { printf("%d\\n", one() + two() + ten()); }
"""


class Image(NamedTuple):
    """What to ask of the tool, what to start in the image, what must come out of it."""

    args: list[str]
    command: list[str]
    output: str
    own: dict[str, str] = {}
    """Where the libraries of the build and the sysroot must stand: name -> link text, or ""."""


def system_files(program: Path) -> tuple[str, str]:
    """libc and the loader, as the loader of `program` opens them."""
    need("patchelf")
    triplet = done(["cc", "-print-multiarch"]).strip()
    return f"/lib/{triplet}/libc.so.6", done(["patchelf", "--print-interpreter", program]).strip()


def hello_image(home: Path) -> Image:
    cc(home / "hello")
    return Image(["-b", "hello:/usr/local/bin/hello"], ["/usr/local/bin/hello"], "Hello World\n")


def iostream_image(home: Path) -> Image:
    cc(home / "hello", IOSTREAM, compiler="c++")
    return Image(["-b", "hello:/usr/local/bin/hello"], ["/usr/local/bin/hello"], "Hello World\n")


def static_image(home: Path) -> Image:
    cc(home / "hello", HELLO, "-static")
    return Image(["-b", "hello:/hello"], ["/hello"], "Hello World\n")


def static_pie_image(home: Path) -> Image:
    cc(home / "hello", HELLO, "-static-pie")
    return Image(["-b", "hello:/hello"], ["/hello"], "Hello World\n")


def build_tree_image(home: Path) -> Image:
    """Two libraries by `$ORIGIN` (one of them needed by the other), one by the build directory's path."""
    two = library(home / "build" / "lib" / "libtwo-own.so", "int two(void) { return 2; }\n")
    one = library(
        home / "build" / "lib" / "libone-own.so.1",
        "int two(void); int one(void) { return two() - 1; }\n",
        two,
        "-Wl,-rpath,$ORIGIN",
    )
    ten = library(home / "build" / "other" / "libten-own.so", "int ten(void) { return 10; }\n")
    runpath = f"-Wl,--enable-new-dtags,-rpath,$ORIGIN/lib:{ten.parent}"
    cc(home / "build" / "sum", SUM, one, two, ten, runpath)
    libc, _ = system_files(home / "build" / "sum")
    own = {
        "opt/sum/lib/libone-own.so.1": "",
        "opt/sum/lib/libtwo-own.so": "",
        f"{os.path.dirname(os.path.realpath(libc))}/libten-own.so"[1:]: "",
    }
    return Image(["-b", "build/sum:/opt/sum/sum"], ["/opt/sum/sum"], "13\n", own)


def cache_image(home: Path) -> Image:
    """A library that only the sysroot's ld.so.cache knows, in a directory that no loader searches by itself."""
    need("ldconfig")
    root = home / "sysroot"
    made = library(root / "opt" / "own" / "libone-own.so.1", "int one(void) { return 1; }\n")
    only_one = '#include <stdio.h>\nint one(void);\nint main(void) { printf("%d\\n", one()); }\n'
    program = cc(home / "one", only_one, made)
    libc, interp = system_files(program)
    for path in (libc, interp):
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / path[1:])
    (root / "etc").mkdir()
    (root / "etc" / "ld.so.conf").write_text("/opt/own\n")
    done(["ldconfig", "-r", root])
    own = {"opt/own/libone-own.so.1": "", f"{os.path.dirname(libc)}/libone-own.so.1"[1:]: "/opt/own/libone-own.so.1"}
    return Image(["--root", "sysroot", "-b", "one:/usr/bin/one"], ["/usr/bin/one"], "1\n", own)


def links_image(home: Path) -> Image:
    cc(home / "show", SHOW)
    (home / "data" / "deep").mkdir(parents=True)
    (home / "data" / "deep" / "file").write_text("through two links\n")
    (home / "data" / "sideways").symlink_to("deep")
    (home / "data" / "deep" / "back").symlink_to("../sideways/file")
    args = ["-b", "show:/usr/bin/show", "-e", "data:/srv/data"]
    return Image(args, ["/usr/bin/show", "/srv/data/sideways/back"], "through two links\n")


IMAGES = {
    "hello": hello_image,
    "iostream": iostream_image,
    "static": static_image,
    "static-pie": static_pie_image,
    "build-tree-libraries": build_tree_image,
    "cache-only-library": cache_image,
    "extra-directory-with-links": links_image,
}


def start(how: str, image: Path, command: list[str], request: pytest.FixtureRequest) -> str:
    """What `command` writes in the image, under chroot or in a container of the engine `how`."""
    if how != "chroot":
        engine: Engine = request.getfixturevalue(how)
        name = engine("import", image).strip()
        ran = engine.run(name, *command)
        engine("rmi", name)
        return ran
    need("tar")
    root = image.parent / "empty"
    root.mkdir()
    done(["tar", "-C", root, "-xf", image])
    return in_chroot(root, *command)


@pytest.mark.parametrize("how", ["chroot", "docker", "podman"])
@pytest.mark.parametrize("make", IMAGES.values(), ids=IMAGES.keys())
def test_the_image_runs(
    make: Callable[[Path], Image], how: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    image = make(tmp_path)
    ended = ocidiet("-t", "image.tar", *image.args, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    with tarfile.open(tmp_path / "image.tar") as tar:
        own = {member.name: member.linkname for member in tar if "-own." in member.name}
    assert own == image.own
    assert start(how, tmp_path / "image.tar", image.command, request) == image.output


def test_the_hello_image_is_its_three_files(tmp_path: Path) -> None:
    hello_image(tmp_path)
    ended = ocidiet("-t", "hello.tar", "-b", "hello:/hello", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    three = [str(tmp_path / "hello"), *system_files(tmp_path / "hello")]
    # Each file with a header of its own, padded to blocks of 512 bytes.
    files = sum(512 + -(-os.path.getsize(path) // 512) * 512 for path in three)
    assert files <= (tmp_path / "hello.tar").stat().st_size <= files * 1.02
