"""Installed trees, as `make install DESTDIR=` and `cmake --install` stage them: the image holds what is installed,
and it starts."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest

from tests.support import HELLO, TRIPLET, Builder, Engine, cc, done, in_chroot, library, need, ocidiet

SOURCES = {
    "app.c": """#include <dlfcn.h>
#include <stdio.h>
const char *greet(void);
int main(void) {
    char line[80];
    FILE *data = fopen(DATADIR "/data", "r");
    void *plugin = dlopen("plugin.so", RTLD_NOW);
    const char *(*name)(void) = plugin ? (const char *(*)(void))dlsym(plugin, "name") : 0;
    if (!data || !fgets(line, sizeof line, data)) return 1;
    return printf("%s, %s from %s\\n", greet(), name ? name() : dlerror(), line) < 0;
}
""",
    "greet.c": 'const char *greet(void) { return "Hello"; }\n',
    "plugin.c": 'const char *greet(void);\nconst char *name(void) { return greet() ? "a plugin" : 0; }\n',
    "app.h": "const char *greet(void);\n",
    "data": "the data",
    "COPYING": "as you like\n",
    "app-ctl": '#!/bin/sh\nexec PREFIX/bin/app "$@"\n',
}
# As automake does it: links beside the library, and an archive. The plugin needs the program's library and has
# no rpath; the program has one for its plugins alone.
MAKEFILE = """\
prefix = /usr/local
libdir = $(prefix)/lib
CFLAGS = -fPIC -DDATADIR='"$(prefix)/share/app"'
all: app
libgreet.so.1.2: greet.o ; $(CC) -shared -o $@ -Wl,-soname,libgreet.so.1 $<
libgreet.a: greet.o ; $(AR) rc $@ $<
plugin.so: plugin.o libgreet.so.1.2 ; $(CC) -shared -o $@ $^
app: app.o libgreet.so.1.2 ; $(CC) -o $@ $^ '-Wl,-rpath,$$ORIGIN/../lib/app'
install: app plugin.so libgreet.a
	install -d $(addprefix $(DESTDIR),$(prefix)/bin $(prefix)/sbin $(libdir)/app $(prefix)/include)
	install -d $(addprefix $(DESTDIR)$(prefix)/share/,app doc/app)
	install app $(DESTDIR)$(prefix)/bin
	sed 's|PREFIX|$(prefix)|' app-ctl >$(DESTDIR)$(prefix)/sbin/app-ctl
	chmod 755 $(DESTDIR)$(prefix)/sbin/app-ctl
	install -m 644 libgreet.so.1.2 libgreet.a $(DESTDIR)$(libdir)
	ln -sf libgreet.so.1.2 $(DESTDIR)$(libdir)/libgreet.so.1
	ln -sf libgreet.so.1 $(DESTDIR)$(libdir)/libgreet.so
	install -m 644 plugin.so $(DESTDIR)$(libdir)/app
	install -m 644 app.h $(DESTDIR)$(prefix)/include
	install -m 644 data $(DESTDIR)$(prefix)/share/app
	install -m 644 COPYING $(DESTDIR)$(prefix)/share/doc/app
"""
SAYS = "Hello, a plugin from the data\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    need("make", "cc", "install")
    home = tmp_path / "project"
    home.mkdir()
    for name, text in SOURCES.items():
        (home / name).write_text(text)
    (home / "Makefile").write_text(MAKEFILE)
    return home


def installed(project: Path, *words: str) -> None:
    done(["make", "-s", "install", "DESTDIR=" + str(project / "stage"), *words], project)


def unpacked(tar: Path) -> Path:
    root = tar.with_suffix(".root")
    root.mkdir()
    done(["tar", "-C", root, "-xf", tar])
    return root


def names(top: Path) -> set[str]:
    return {str(path.relative_to(top)) for path in top.rglob("*")}


def test_installed_below_usr_local_the_program_starts(project: Path, docker: Engine, tmp_path: Path) -> None:
    """Its library is known through ld.so.conf alone, once ldconfig has run; its plugin is opened by name."""
    installed(project)
    ended = ocidiet("-t", "i.tar", "--destdir", "stage", "--depfile", "i.d", cwd=project)
    assert (ended.returncode, ended.stderr) == (0, "")
    root = unpacked(project / "i.tar")
    assert in_chroot(root, "/usr/local/bin/app") == SAYS
    assert in_chroot(root, "/usr/local/sbin/app-ctl") == SAYS
    staged = names(project / "stage")
    assert staged <= names(root)
    files = [name for name in staged if (project / "stage" / name).is_file()]
    assert {name: (root / name).read_bytes() for name in files} == {
        name: (project / "stage" / name).read_bytes() for name in files
    }
    depfile = (project / "i.d").read_text()
    assert [name for name in files if f" stage/{name}" not in depfile] == []
    image = Builder(docker, tmp_path).base(project / "i.tar")
    assert docker.run(image, "/usr/local/sbin/app-ctl") == SAYS


@pytest.mark.parametrize("layout", ["portable", "scratch", "merged", "split"])
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["prefix=/usr", f"libdir=/usr/lib/{TRIPLET}"], id="usr"),
        pytest.param(["prefix=/usr", f"libdir=/lib/{TRIPLET}"], id="lib"),
        pytest.param(["prefix=/opt/app", "libdir=/usr/local/lib"], id="opt"),
    ],
)
def test_installed_anywhere_the_program_starts(project: Path, words: list[str], layout: str) -> None:
    """Also where the root has a link in the place of a directory of the tree."""
    plugins = "/opt/app/lib/app" if words[0].endswith("/opt/app") else "/usr/lib/app"
    installed(project, *words)
    found = next((project / "stage").rglob("plugin.so"))
    place = project / f"stage{plugins}"
    if found.parent != place:  # where the program's rpath has it
        place.parent.mkdir(parents=True, exist_ok=True)
        found.parent.rename(place)
    ended = ocidiet("-t", "i.tar", "--destdir", "stage", "--layout", layout, cwd=project)
    assert (ended.returncode, ended.stderr) == (0, "")
    root = project / "i.root"
    root.mkdir()
    if layout == "merged":
        for name in ("bin", "sbin", "lib", "lib64"):
            (root / "usr" / name).mkdir(parents=True)
            (root / name).symlink_to(f"usr/{name}")
    done(["tar", "--keep-directory-symlink", "-C", root, "-xf", project / "i.tar"])
    assert in_chroot(root, f"{words[0].removeprefix('prefix=')}/bin/app") == SAYS


def test_installed_over_a_base_only_what_it_lacks_is_shipped(project: Path) -> None:
    installed(project)
    base = project / "base"
    base.mkdir()
    done(["sh", "-c", f"tar -cf - -T - | tar -C {base} -xf -"], input=ocidiet("list", "/bin/sh").stdout)
    assert ocidiet("-t", "i.tar", "--destdir", "stage", "--base", "base", cwd=project).stderr == ""
    with tarfile.open(project / "i.tar") as tar:
        brought = {member.name for member in tar if not member.isdir()}
    staged = {name for name in names(project / "stage") if not (project / "stage" / name).is_dir()}
    assert brought - staged == {f"usr/lib/{TRIPLET}/libgreet.so.1"}
    done(["tar", "--keep-directory-symlink", "-C", base, "-xf", project / "i.tar"])
    assert in_chroot(base, "/usr/local/sbin/app-ctl") == SAYS


CMAKE = """\
cmake_minimum_required(VERSION 3.18)
project(staged C)
include(GNUInstallDirs)
set(CMAKE_INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}:$ORIGIN/../${CMAKE_INSTALL_LIBDIR}/app")
add_library(greet SHARED greet.c)
set_target_properties(greet PROPERTIES VERSION 1.2 SOVERSION 1)
add_library(plugin MODULE plugin.c)
set_target_properties(plugin PROPERTIES PREFIX "" INSTALL_RPATH "")
target_link_libraries(plugin greet)
add_executable(app app.c)
target_compile_definitions(app PRIVATE DATADIR="${CMAKE_INSTALL_PREFIX}/share/app")
target_link_libraries(app greet)
install(TARGETS app greet)
install(TARGETS plugin DESTINATION ${CMAKE_INSTALL_LIBDIR}/app)
install(FILES data DESTINATION share/app)
install(FILES COPYING DESTINATION share/doc/app)
"""


def test_installed_by_cmake_the_program_starts(project: Path) -> None:
    """With its install rpath. The plugin has none, and needs what the program has loaded."""
    need("cmake", "ninja")
    (project / "CMakeLists.txt").write_text(CMAKE)
    done(["cmake", "-G", "Ninja", "-B", "build", "-DCMAKE_INSTALL_PREFIX=/opt/app"], project)
    done(["ninja", "-C", "build"], project)
    done(["cmake", "--install", "build"], project, env={"DESTDIR": str(project / "stage"), "PATH": "/usr/bin:/bin"})
    ended = ocidiet("-t", "i.tar", "--destdir", "stage", cwd=project)
    assert (ended.returncode, ended.stderr) == (0, "")
    root = unpacked(project / "i.tar")
    assert in_chroot(root, "/opt/app/bin/app") == SAYS
    assert names(project / "stage") <= names(root)


def test_installed_trees_of_two_places_give_one_image(project: Path, tmp_path: Path) -> None:
    installed(project)
    tars = []
    for place in ("one", "two/deep"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(project / "stage", tmp_path / place, symlinks=True)
        assert ocidiet("-t", tmp_path / "i.tar", "--destdir", place, cwd=tmp_path).stderr == ""
        tars.append((tmp_path / "i.tar").read_bytes())
    assert tars[0] == tars[1]


# What a tree may hold --------------------------------------------------------------------------------

OWN = "int own(void) { return 0; }\n"
USES = "int own(void);\nint main(void) { return own(); }\n"


def packed(home: Path) -> dict[str, str]:
    """What the image has of `opt`: a link's text, `=` for a hard link's name, else nothing."""
    ended = ocidiet("-t", "i.tar", "--destdir", "d", cwd=home)
    assert (ended.returncode, ended.stderr) == (0, "")
    with tarfile.open(home / "i.tar") as tar:
        return {member.name: member.linkname for member in tar if member.name.startswith("opt/") and not member.isdir()}


def test_installed_links_come_as_they_are(tmp_path: Path) -> None:
    """Absolute ones, and one of a directory through which a library is found."""
    lib = tmp_path / "d/opt/lib"
    own = library(lib / "libown.so.1.0", OWN, "-Wl,-soname,libown.so.1")
    (lib / "libown.so.1").symlink_to("/opt/lib/libown.so.1.0")
    (tmp_path / "d/opt/lib64").symlink_to("./lib")
    (tmp_path / "d/opt/libs").symlink_to("/opt/lib64")
    cc(tmp_path / "d/opt/bin/app", USES, own, "-Wl,-rpath,/opt/libs")
    cc(tmp_path / "d/opt/bin/other", USES, own, "-Wl,-rpath,$ORIGIN/../lib64")
    assert packed(tmp_path) == {
        "opt/bin/app": "",
        "opt/bin/other": "",
        "opt/lib/libown.so.1": "/opt/lib/libown.so.1.0",
        "opt/lib/libown.so.1.0": "",
        "opt/lib64": "./lib",
        "opt/libs": "/opt/lib64",
    }
    root = unpacked(tmp_path / "i.tar")
    assert [in_chroot(root, f"/opt/bin/{name}") for name in ("app", "other")] == ["", ""]


def test_installed_hard_links_are_copies(tmp_path: Path) -> None:
    """Which names share an inode is the build machine's accident, and each has an $ORIGIN of its own."""
    own = library(tmp_path / "d/opt/lib/libown.so", OWN)
    library(tmp_path / "d/opt/libexec/lib/libown.so", OWN)
    cc(tmp_path / "d/opt/bin/app", USES, own, "-Wl,-rpath,$ORIGIN/../lib")
    (tmp_path / "d/opt/libexec/bin").mkdir()
    (tmp_path / "d/opt/libexec/bin/app").hardlink_to(tmp_path / "d/opt/bin/app")
    linked = packed(tmp_path)
    assert set(linked.values()) == {""}
    first = (tmp_path / "i.tar").read_bytes()
    copy = tmp_path / "d/opt/libexec/bin/app"
    text = copy.read_bytes()
    copy.unlink()
    copy.write_bytes(text)
    copy.chmod(0o755)
    assert (packed(tmp_path), (tmp_path / "i.tar").read_bytes()) == (linked, first)


def test_installed_library_that_only_its_program_finds(tmp_path: Path) -> None:
    """It needs another, has no rpath, and is loaded by a program that has loaded the other."""
    lib = tmp_path / "d/opt/lib"
    own = library(lib / "libown.so", OWN)
    top = library(lib / "libtop.so", "int own(void);\nint top(void) { return own(); }\n", own)
    cc(tmp_path / "d/opt/bin/app", "int own(void), top(void);\nint main(void) { return own() + top(); }\n", top, own,
       "-Wl,-rpath,/opt/lib")  # fmt: skip
    assert set(packed(tmp_path)) == {"opt/bin/app", "opt/lib/libown.so", "opt/lib/libtop.so"}
    assert in_chroot(unpacked(tmp_path / "i.tar"), "/opt/bin/app") == ""


@pytest.mark.parametrize("kind", ["program", "plugin"])
def test_installed_what_lacks_a_library_is_told_by_its_staged_path(kind: str, tmp_path: Path) -> None:
    own = library(tmp_path / "elsewhere/libown.so", OWN)
    if kind == "program":
        cc(tmp_path / "d/opt/x", USES, own, "-Wl,-rpath,/opt/lib")
    else:
        cc(tmp_path / "d/opt/bin/hello", HELLO)
        library(tmp_path / "d/opt/x", "int own(void);\nint top(void) { return own(); }\n", own, "-Wl,-rpath,/opt/lib")
    ended = ocidiet("-t", "i.tar", "--destdir", "d", cwd=tmp_path)
    first, second, third = ended.stderr.splitlines()[:3]
    assert (ended.returncode, first, second) == (
        1,
        f"ocidiet: error: {tmp_path}/d/opt/x: 1 library not found",
        f"  libown.so, needed by {tmp_path}/d/opt/x",
    )
    assert third.split()[:2] == ["RUNPATH", "/opt/lib/libown.so"]


def test_installed_script_whose_interpreter_is_absent_is_told(tmp_path: Path) -> None:
    script = tmp_path / "d/opt/script"
    script.parent.mkdir(parents=True)
    script.write_text("#!/opt/none\n")
    assert packed(tmp_path) == {"opt/script": ""}  # nothing starts what is not executable
    script.chmod(0o755)
    ended = ocidiet("-t", "i.tar", "--destdir", "d", cwd=tmp_path)
    assert (ended.returncode, "/opt/none, needed by " in ended.stderr) == (1, True)
