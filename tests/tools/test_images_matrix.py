"""Programs of every kind, added to bases of every kind, started by docker and podman.

Each program is packed alone. It starts alone, under chroot; and in a container of each base to which
the others were added too: none may disturb another, and the base keeps every file and link.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import (
    BASES,
    MERGED,
    TRIPLET,
    Builder,
    Engine,
    Layout,
    Member,
    base_tar,
    cc,
    done,
    in_chroot,
    library,
    need,
    ocidiet,
)


class Image(NamedTuple):
    """What to ask of the tool, what to start in the image, what this must say."""

    args: list[str]
    command: str
    line: str


SAYS_OWN = "#include <stdio.h>\nconst char *own(void);\nint main(void) { return puts(own()) < 0; }\n"


def says(text: str) -> str:
    """A program that says `text`."""
    return f'#include <stdio.h>\nint main(void) {{ puts("{text}"); return 0; }}\n'


def c_program(home: Path) -> Image:
    cc(home / "hello", says("C"))
    return Image(["-b", "hello:/usr/local/bin/hello"], "/usr/local/bin/hello", "C")


def cxx_program(home: Path) -> Image:
    """Two libraries beside it, one of which needs the other; exceptions and streams cross them."""
    low = '#include <stdexcept>\nvoid low() { throw std::runtime_error("C++"); }\n'
    high = "#include <string>\nvoid low();\n"
    high += "std::string high() { try { low(); } catch (std::exception &e) { return e.what(); } return {}; }\n"
    main = "#include <iostream>\nstd::string high();\nint main() { std::cout << high() << std::endl; }\n"
    shared = ["-shared", "-fPIC", "-Wl,-rpath,$ORIGIN"]
    one = cc(home / "build/lib/liblow.so.1", low, *shared, "-Wl,-soname,liblow.so.1", compiler="c++")
    two = cc(home / "build/lib/libhigh.so.1", high, *shared, one, "-Wl,-soname,libhigh.so.1", compiler="c++")
    runpath = f"-Wl,--enable-new-dtags,-rpath,$ORIGIN/../lib,-rpath-link,{one.parent}"
    cc(home / "build/bin/app", main, two, runpath, compiler="c++")
    return Image(["-b", "build/bin/app:/opt/cxx/bin/app"], "/opt/cxx/bin/app", "C++")


def sysroot(home: Path) -> Path:
    """A root with the C library, whose ld.so.conf.d names /usr/local/lib."""
    need("ldconfig", "tar")
    root = home / "sysroot"
    (root / "usr/local/lib").mkdir(parents=True)
    (root / "etc/ld.so.conf.d").mkdir(parents=True)
    done(["tar", "-cf", home / "libc.tar", "-T", "-"], input=ocidiet("list", "/bin/true").stdout)
    done(["tar", "-xf", home / "libc.tar", "-C", root])
    (root / "etc/ld.so.conf").write_text("include /etc/ld.so.conf.d/*.conf\n")
    (root / "etc/ld.so.conf.d/local.conf").write_text("/usr/local/lib\n")
    return root


def own(path: Path, text: str, *flags: str | Path) -> Path:
    """A library that says `text`."""
    said = f'#include <stdio.h>\nvoid own(void) {{ puts("{text}"); fflush(stdout); }}\n'
    return library(path, said, *flags)


OWN = "void own(void);\nint main(void) { own(); return 0; }\n"


def of_sysroot(home: Path, text: str) -> Image:
    """/usr/local/bin/app of the sysroot, after ldconfig has run there; it says `text` there."""
    done(["ldconfig", "-r", home / "sysroot"])
    assert in_chroot(home / "sysroot", "/usr/local/bin/app") == text + "\n"
    return Image(["--root", "sysroot", "-b", "=/usr/local/bin/app"], "/usr/local/bin/app", text)


def usr_local_program(home: Path) -> Image:
    root = sysroot(home)
    made = own(root / "usr/local/lib/libown.so.1", "/usr/local")
    made.rename(made.with_name("libown.so.1.2"))
    done(["ldconfig", "-r", root])  # which makes the link
    cc(root / "usr/local/bin/app", OWN, made)
    return of_sysroot(home, "/usr/local")


def usr_local_levels(home: Path) -> Image:
    """With a library for better CPUs."""
    root = sysroot(home)
    cc(root / "usr/local/bin/app", OWN, own(root / "usr/local/lib/libown.so.1", "baseline"))
    own(root / "usr/local/lib/glibc-hwcaps/x86-64-v2/libown.so.1", "better")
    return of_sysroot(home, "better" if knows_level_2() else "baseline")


def usr_local_origin(home: Path) -> Image:
    """The library finds another one beside itself."""
    root = sysroot(home)
    inner = own(root / "usr/local/lib/private/libinner.so.1", "inner")
    outer = library(root / "usr/local/lib/libouter.so.1", "void own(void); void outer(void) { own(); }\n", inner,
                    "-Wl,--enable-new-dtags,-rpath,$ORIGIN/private")  # fmt: skip
    cc(root / "usr/local/bin/app", "void outer(void);\nint main(void) { outer(); return 0; }\n", outer,
       f"-Wl,-rpath-link,{inner.parent}")  # fmt: skip
    return of_sysroot(home, "inner")


def usr_local_no_default(home: Path) -> Image:
    """The program looks into no default directory (DF_1_NODEFLIB)."""
    root = sysroot(home)
    made = own(root / "usr/local/lib/libown.so.1", "no default")
    (root / "opt/libc").mkdir(parents=True)
    (root / "opt/libc/libc.so.6").symlink_to(f"/usr/lib/{TRIPLET}/libc.so.6")
    cc(root / "usr/local/bin/app", OWN, made, "-Wl,-z,nodefaultlib,--enable-new-dtags,-rpath,/opt/libc")
    return of_sysroot(home, "no default")


def usr_local_no_default_levels(home: Path) -> Image:
    """The same, with a library for better CPUs."""
    usr_local_no_default(home)
    own(home / "sysroot/usr/local/lib/glibc-hwcaps/x86-64-v2/libown.so.1", "better")
    return of_sysroot(home, "better" if knows_level_2() else "no default")


def knows_level_2() -> bool:
    """Whether this machine's CPU is one of those that x86-64-v2 is for."""
    interp = next(path for path in ocidiet("list", "/bin/true").stdout.split() if "/ld-" in path)
    return "x86-64-v2 (supported" in done([interp, "--help"])


def usr_local_two_of_a_name(home: Path) -> Image:
    """Another program needs another file of that name, and takes it from the default directory."""
    root = sysroot(home)
    made = own(root / "usr/local/lib/libown.so.1", "one")
    default = f"/usr/lib/{TRIPLET}"
    main = "#include <unistd.h>\nvoid own(void);\nint main(void) { own(); return execl(OTHER, OTHER, (char *)0); }\n"
    cc(root / "usr/local/bin/app", main, made, '-DOTHER="/usr/local/bin/other"')
    other = own(root / f"{default[1:]}/libown.so.1", "two")
    cc(root / "usr/local/bin/other", OWN, other, f"-Wl,--enable-new-dtags,-rpath,{default}")
    image = of_sysroot(home, "one\ntwo")
    return image._replace(args=[*image.args, "=/usr/local/bin/other"])


def musl_path_file(home: Path) -> Image:
    """musl's own configuration alone tells of the library."""
    need("musl-gcc")
    root = home / "sysroot"
    interp = Path("/lib/ld-musl-x86_64.so.1")
    (root / "lib").mkdir(parents=True)
    (root / "etc").mkdir()
    shutil.copy(interp, root / "lib")
    (root / "etc/ld-musl-x86_64.path").write_text("/opt/musl/lib\n")
    made = library(
        root / "opt/musl/lib/libown.so", 'const char *own(void) { return "path file"; }\n', compiler="musl-gcc"
    )
    cc(root / "usr/local/bin/musl-app", SAYS_OWN, made, compiler="musl-gcc")
    assert in_chroot(root, "/usr/local/bin/musl-app") == "path file\n"
    return Image(["--root", "sysroot", "-b", "=/usr/local/bin/musl-app"], "/usr/local/bin/musl-app", "path file")


CMAKE = """\
cmake_minimum_required(VERSION 3.18)
project(matrix C)
add_library(answer SHARED lib/answer.c)
set_target_properties(answer PROPERTIES VERSION 1.2 SOVERSION 1)
add_executable(app app.c)
target_link_libraries(app answer)
"""


def cmake_program(home: Path) -> Image:
    """With the RPATH of the build tree, absolute, as cmake leaves it before an installation."""
    need("cmake", "ninja")
    (home / "lib").mkdir()
    (home / "CMakeLists.txt").write_text(CMAKE)
    (home / "lib/answer.c").write_text('const char *answer(void) { return "CMake"; }\n')
    (home / "app.c").write_text(
        "#include <stdio.h>\nconst char *answer(void);\nint main(void) { return puts(answer()) < 0; }\n"
    )
    done(["cmake", "-G", "Ninja", "-S", ".", "-B", "build"], home)
    done(["ninja", "-C", "build"], home)
    assert f"[{home}/build]" in done(["readelf", "-d", "build/app"], home)
    return Image(["-b", "build/app:/usr/bin/cmake-app"], "/usr/bin/cmake-app", "CMake")


def musl_program(home: Path) -> Image:
    """With a library of its own beside it."""
    need("musl-gcc")
    text = 'const char *own(void) { return "musl"; }\n'
    made = library(home / "build/libmusl-own.so", text, compiler="musl-gcc")
    cc(home / "build/app", SAYS_OWN, made, "-Wl,-rpath,$ORIGIN", compiler="musl-gcc")
    return Image(["-b", "build/app:/opt/musl/app"], "/opt/musl/app", "musl")


NOTE = '[{"soname":["libplugin-none.so","libplugin-own.so.1"],"priority":"required"}]'
NOTE_BYTES = len(NOTE) + 1
OPENS = f"""#include <dlfcn.h>
#include <stdio.h>
static const struct {{ unsigned name, desc, type; char owner[4], text[{NOTE_BYTES}]; }} note
    __attribute__((used, aligned(4), section(".note.dlopen"))) = {{
    4, {NOTE_BYTES}, 0x407c0c0a, "FDO", {json.dumps(NOTE)} }};
int main(void) {{
    void *found = dlopen("libplugin-own.so.1", RTLD_NOW);
    const char *(*name)(void) = found ? (const char *(*)(void))dlsym(found, "name") : 0;
    return puts(name ? name() : dlerror()) < 0;
}}
"""


def dlopen_program(home: Path) -> Image:
    """Its note alone tells of the library."""
    library(home / "build/plugins/libplugin-own.so.1", 'const char *name(void) { return "dlopen"; }\n')
    cc(home / "build/app", OPENS, "-Wl,--enable-new-dtags,-rpath,$ORIGIN/plugins")
    return Image(["-b", "build/app:/opt/dlopen/app"], "/opt/dlopen/app", "dlopen")


def script(home: Path, first: str, text: str) -> Image:
    (home / "script").write_text(f"{first}\necho {text}\n")
    (home / "script").chmod(0o755)
    return Image(["-b", f"script:/usr/local/bin/{text}"], f"/usr/local/bin/{text}", text)


PROGRAMS: dict[str, Callable[[Path], Image]] = {
    "c": c_program,
    "c++": cxx_program,
    "usr-local": usr_local_program,
    "cmake": cmake_program,
    "musl": musl_program,
    "musl-path-file": musl_path_file,
    "dlopen-note": dlopen_program,
    "script": lambda home: script(home, "#!/bin/sh", "sh-script"),
    "script-by-env": lambda home: script(home, "#!/usr/bin/env sh", "env-script"),
}
# What else the sysroot's cache can tell of, and what of it the image's own cache must, if it may have one.
OF_THE_CACHE: dict[str, tuple[Callable[[Path], Image], list[str]]] = {
    "levels": (usr_local_levels, []),
    "origin": (usr_local_origin, ["libouter.so.1"]),
    "no-default-directories": (usr_local_no_default, ["libown.so.1"]),
    "no-default-directories, levels": (usr_local_no_default_levels, ["libown.so.1", "libown.so.1 x86-64-v2"]),
    "two-of-a-name": (usr_local_two_of_a_name, ["libown.so.1"]),
}
# One container starts them all: an engine takes longer for one than ocidiet for an image.
DRIVER = """#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
    dup2(1, 2);
    for (int i = 1; i < argc; i++) {
        int status = 0;
        printf("== %s\\n", argv[i]);
        fflush(stdout);
        if (fork() == 0) {
            execl(argv[i], argv[i], (char *)0);
            perror("execl");
            _exit(127);
        }
        wait(&status);
        if (status) printf("status %d\\n", status);
    }
}
"""


def debian() -> Layout:
    """Some of Debian, with a C library, a shell and a cache of its own."""
    need("ldconfig")
    interp = Path("/lib64/ld-linux-x86-64.so.2").resolve()
    return {
        **MERGED,
        "etc/ld.so.cache": None,
        "etc/ld.so.conf": None,
        "usr/bin/dash": Path("/bin/dash"),
        "usr/bin/sh": "dash",
        "usr/bin/env": Path("/usr/bin/env"),
        f"usr/lib/{TRIPLET}/libc.so.6": Path(f"/lib/{TRIPLET}/libc.so.6"),
        f"usr/lib/{TRIPLET}/{interp.name}": interp,
        f"usr/lib64/{interp.name}": f"/lib/{TRIPLET}/{interp.name}",
        f"usr/lib/{TRIPLET}/libown.so.0": None,
        "usr/local/lib/libmarker.so": None,
        "usr/local/bin/marker": None,
    }


LAYOUTS: dict[str, Layout] = {"empty": BASES["scratch"], "busybox": BASES["busybox"], "debian": debian()}


class Packed(NamedTuple):
    """A program's own image."""

    image: Image
    tar: Path
    said: str
    """What the tool said; nothing, if all is well."""


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Packed]:
    """Every program's image; one that fails fails its own tests alone."""
    home = tmp_path_factory.mktemp("packed")
    made = {}
    for name, make in PROGRAMS.items():
        (home / name).mkdir()
        image = make(home / name)
        said = ocidiet("-t", home / f"{name}.tar", *image.args, cwd=home / name).stderr
        made[name] = Packed(image, home / f"{name}.tar", said)
    return made


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_program_starts_alone(name: str, layout: Layout, packed: dict[str, Packed], tmp_path: Path) -> None:
    one = packed[name]
    assert one.said == ""
    root = tmp_path / "root"
    root.mkdir()
    if layout:
        done(["tar", "-C", root, "-xf", base_tar(layout, tmp_path)])
    done(["tar", "--keep-directory-symlink", "-C", root, "-xf", one.tar])  # as `ADD` does it
    assert in_chroot(root, one.image.command) == one.image.line + "\n"


# By its literal name, in the first line of a script: one of the base's gives way.
ASKED_FOR = {"bin/sh"}


class Added(NamedTuple):
    """A base to which every program was added."""

    before: dict[str, Member]
    after: dict[str, Member]
    said: dict[str, str]
    """What each program said."""


@pytest.fixture(scope="module", params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each of the two engines."""
    engine: Engine = request.getfixturevalue(request.param)
    return engine


@pytest.fixture(scope="module", params=LAYOUTS)
def added(
    request: pytest.FixtureRequest, engine: Engine, packed: dict[str, Packed], tmp_path_factory: pytest.TempPathFactory
) -> Added:
    """Every program, added to each base."""
    home = tmp_path_factory.mktemp("added")
    builder = Builder(engine, home)
    base, before = "scratch", {}
    layout = LAYOUTS[request.param]
    if layout:
        base = builder.base(base_tar(layout, home))
        before = builder.export(base, "before.tar")
    cc(home / "driver", DRIVER, "-static")
    assert ocidiet("-t", home / "driver.tar", "-b", f"{home}/driver:/driver").returncode == 0
    there = [one for one in packed.values() if one.tar.exists()]
    image = builder.add(base, home / "driver.tar", *(one.tar for one in there))
    after = builder.export(image, "after.tar")
    blocks = builder.run(image, "/driver", *(one.image.command for one in there)).split("== ")[1:]
    return Added(before, after, dict(block.split("\n", 1) for block in blocks))


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_program_starts_in_a_container(name: str, packed: dict[str, Packed], added: Added) -> None:
    one = packed[name]
    assert (one.said, added.said[one.image.command]) == ("", one.image.line + "\n")


def test_every_file_of_the_base_is_still_there(added: Added) -> None:
    def told(members: dict[str, Member]) -> dict[str, Member | None]:
        found = {name: members.get(name) for name in added.before if name not in ASKED_FOR}
        # Where one directory has both names, a link may be spelled by either.
        merged = members.get("lib", ("",))[2:3] == ("usr/lib",)
        return {
            name: (*of[:2], of[2].removeprefix("/usr"), of[3]) if of and merged else of for name, of in found.items()
        }

    assert told(added.after) == told(added.before)


def start(image: Image, home: Path, *options: str) -> list[str]:
    """What the image's program says, alone in its image."""
    ended = ocidiet("-t", "image.tar", *image.args, *options, cwd=home)
    assert (ended.returncode, ended.stderr) == (0, "")
    (home / "root").mkdir()
    done(["tar", "-C", home / "root", "-xf", home / "image.tar"])
    return in_chroot(home / "root", image.command).splitlines()


def in_cache(path: Path) -> list[str]:
    """The names that ldconfig sees in a cache, each with its subdirectory of glibc-hwcaps."""
    if not path.exists():
        return []
    lines = done(["ldconfig", "-p", "-C", path]).splitlines()[1:]
    return sorted(re.sub(r'^\t(\S+) \(libc6[^"]*(?:"(.*)")?\) => .*', r"\1 \2", line).strip() for line in lines)


@pytest.mark.parametrize("name", OF_THE_CACHE)
def test_a_whole_image_has_a_cache_where_no_link_serves(name: str, tmp_path: Path) -> None:
    make, names = OF_THE_CACHE[name]
    image = make(tmp_path)
    assert start(image, tmp_path, "--layout", "scratch") == image.line.splitlines()
    assert in_cache(tmp_path / "root/etc/ld.so.cache") == names


@pytest.mark.parametrize("name", ["levels", "origin"])
def test_an_image_for_any_base_has_links_in_place_of_a_cache(name: str, tmp_path: Path) -> None:
    image = OF_THE_CACHE[name][0](tmp_path)
    assert start(image, tmp_path) == image.line.splitlines()
    assert not (tmp_path / "root/etc/ld.so.cache").exists()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no-default-directories", "only an ld.so.cache could tell the image's loader of it"),
        ("no-default-directories, levels", "only an ld.so.cache could tell the image's loader of it"),
        ("two-of-a-name", "two different files for one place in the image"),
    ],
)
def test_an_image_for_any_base_is_refused_where_a_cache_alone_serves(name: str, why: str, tmp_path: Path) -> None:
    image = OF_THE_CACHE[name][0](tmp_path)
    ended = ocidiet("-t", "image.tar", *image.args, cwd=tmp_path)
    first = ended.stderr.partition("\n")[0]
    assert (ended.returncode, "/libown.so.1: " in first, why in first) == (1, True, True), ended.stderr
