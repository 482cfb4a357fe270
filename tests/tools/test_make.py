"""GNU Make and the include: what must and what must not happen after each event.

The machine is not touched: loader, libraries and links come from a root of the test's own. All files
start old, so that whatever an event writes is newer than the last run without waiting for it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support import CHECKOUT, PYTHON, done, library, need, run

NOTHING = "make: Nothing to be done for 'image'.\n"
IMAGE = "    IMAGE    hello.tar\n"
LONG_AGO_NS, OLD_NS, MADE_NS = 900_000_000_000_000_000, 1_000_000_000_000_000_000, 1_100_000_000_000_000_000

SOURCE = """\
#include <stdio.h>
const char *greeting(void);
int main(void) { puts(greeting()); return 0; }
"""
MAKEFILE = """\
all: hello
RUNPATH = $$ORIGIN/lib:$$ORIGIN/absent/lib:/opt/absent/lib:/opt/first:/opt/greet
hello: hello.c
	@echo CC
	@$(CC) -o $@ $< -L../spare -l:libgreet.so.1 '-Wl,-rpath,$(RUNPATH)'
IMAGE_BINARIES = hello
IMAGE_ROOT = ../root
IMAGE_EXTRAS = conf:/etc/hello ../elsewhere/data:/srv
include ../tool/make/ocidiet.mk
deployed: hello.tar
	@echo DEPLOY
	@touch $@
"""


def make(cwd: Path, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """GNU Make in `cwd`; nothing of its caller's reaches it."""
    need("make", "python3")
    return run(["make", *words], cwd, env)


def snapshot(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below `directory` with its time and content."""
    files = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    return {str(path.relative_to(directory)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


class Project:
    """A program in work/, its libraries in root/, other ones in spare/, more files in elsewhere/, the tool in tool/."""

    def __init__(self, home: Path, template: Path) -> None:
        shutil.copytree(template, home, symlinks=True, dirs_exist_ok=True)
        self.home = home
        self.work = home / "work"
        self.root = home / "root"
        self.spare = home / "spare/libgreet.so.1"
        self.tar = self.work / "hello.tar"
        self.variables: list[str] = []

    def at(self, name: str) -> list[Path]:
        """A file by its name below home, or all that match its `*`; the root may have moved."""
        directory, rest = (self.root, name[5:]) if name.startswith("root/") else (self.home, name)
        return list(directory.glob(rest)) if "*" in rest else [directory / rest]

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        return make(self.work, *self.variables, *words)

    def made(self) -> Project:
        """With all made, long ago but later than what it is made from."""
        assert self.make("deployed").stderr == ""
        rooms = {path.parent for path in (self.home / "tool/ocidiet").rglob("*.py")}
        for path in (self.work / "hello", *rooms):  # which got their __pycache__
            os.utime(path, ns=(OLD_NS, OLD_NS))
        for n, name in enumerate(("hello.tar.d", "hello.tar", "hello.tar.stamp", "deployed")):
            os.utime(self.work / name, ns=(MADE_NS + n, MADE_NS + n))
        return self

    def from_scratch(self) -> bytes:
        """The image as a first run would make it now."""
        assert self.make("image", "IMAGE_DIR=../scratch").stderr == ""
        return (self.home / "scratch/hello.tar").read_bytes()


def template_in(home: Path) -> Path:
    """What all projects start from; its files and directories are old."""
    need("make", "cc", "ldd", "python3")
    for name in ("ocidiet", "make"):
        shutil.copytree(CHECKOUT / name, home / "tool" / name, ignore=shutil.ignore_patterns("__pycache__"))
    (home / "work/conf/sub").mkdir(parents=True)
    (home / "work/conf/a").write_text("a\n")
    (home / "work/conf/sub/b").write_text("b\n")
    shutil.copytree(home / "work/conf", home / "elsewhere/data")
    (home / "work/lib").mkdir()
    (home / "work/hello.c").write_text(SOURCE)
    (home / "work/Makefile").write_text(MAKEFILE)
    (home / "root/opt/first").mkdir(parents=True)
    greet = home / "root/opt/greet"
    library(home / "spare/libgreet.so.1", 'const char *greeting(void) { return "Hello World"; }\n')
    greet.mkdir()
    shutil.move(home / "spare/libgreet.so.1", greet / "libgreet.so.1.0")
    (greet / "libgreet.so.1").symlink_to("libgreet.so.1.0")
    library(home / "spare/libgreet.so.1", 'const char *greeting(void) { return "Good Bye"; }\n')
    done(["make", "hello"], home / "work")
    for name in done(["ldd", "hello"], home / "work").split():
        if name.startswith("/"):
            (home / "root" / name[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, home / "root" / name[1:])
    for path in [*home.rglob("*")]:
        os.utime(path, ns=(OLD_NS, OLD_NS), follow_symlinks=False)
    return home


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return template_in(tmp_path_factory.mktemp("make"))


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Project:
    """A project of the test's own, all made."""
    return Project(tmp_path, template).made()


def on(names: Sequence[str], act: Callable[[Path], object]) -> Event:
    def event(p: Project) -> None:
        paths = [path for name in names for path in p.at(name)]
        assert paths
        for path in paths:
            act(path)

    return event


def touch(*names: str) -> Event:
    return on(names, os.utime)


def remove(*names: str) -> Event:
    return on(names, Path.unlink)


def edit(name: str, old: str, new: str) -> Event:
    def act(path: Path) -> None:
        before, found, after = path.read_text().partition(old)
        assert found
        path.write_text(before + new + after)

    return on([name], act)


def write(name: str, text: str = "new\n") -> Event:
    def act(path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    return on([name], act)


def variable(*words: str) -> Event:
    return lambda p: p.variables.extend(words)


def put(place: Path, content: bytes) -> None:
    """A file as dpkg puts it: with its archive's time, by rename."""
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_name("new.dpkg-new")
    new.write_bytes(content)
    os.utime(new, ns=(LONG_AGO_NS, LONG_AGO_NS))
    new.rename(place)


def upgrade(name: str) -> Event:
    """A file by a package: the loader reads nothing of what follows an ELF file's segments."""
    return on([name], lambda path: put(path, path.read_bytes() + b"\n"))


def install(name: str) -> Event:
    """The other library by a package."""
    return lambda p: put(p.at(name)[0], p.spare.read_bytes())


def turn_link(p: Project) -> None:
    """To an older file, as an upgrade does that leaves the former version."""
    greet = p.root / "opt/greet"
    put(greet / "libgreet.so.1.1", p.spare.read_bytes())
    link = greet / "new"
    link.symlink_to("libgreet.so.1.1")
    os.utime(link, ns=(LONG_AGO_NS, LONG_AGO_NS), follow_symlinks=False)
    link.rename(greet / "libgreet.so.1")


def overwrite(p: Project) -> None:
    """A library written anew where it lies, as `cp` and linkers do."""
    shutil.copyfile(p.spare, p.root / "opt/greet/libgreet.so.1.0")


def run_tool(p: Project) -> None:
    """All that a make does which is killed before it writes the stamp."""
    overwrite(p)
    done(["sh", p.work / "hello.tar.stamp"], p.work)


def ldconfig(p: Project) -> None:
    need("ldconfig", root=True)
    (p.root / "etc").mkdir(exist_ok=True)
    done(["ldconfig", "-X", "-r", p.root])


Event = Callable[[Project], object]
SETTLED: list[str] = []
RUN = ["IMAGE"]
"""The tool ran and found the image good: it is untouched and nothing behind it runs."""
NEW = ["IMAGE", "DEPLOY"]


def of_an_extra_directory(directory: str, file: str, name: str) -> dict[str, tuple[Event, list[str]]]:
    events = {
        "file_added": write(f"{directory}/c"),
        "file_changed": write(f"{directory}/{file}"),
        "file_removed": remove(f"{directory}/{file}"),
        "file_replaced_by_an_old_one": upgrade(f"{directory}/{file}"),
        "directory_added": write(f"{directory}/deep/c"),
    }
    return {f"{name}_{what}": (event, NEW) for what, event in events.items()}


EVENTS: dict[str, tuple[Event, list[str]]] = {
    "nothing": (lambda _: None, SETTLED),
    "program_touched": (touch("work/hello"), RUN),
    "program_linked_again": (remove("work/hello"), ["CC", *RUN]),
    "program_changed": (edit("work/hello.c", "puts(", 'puts("x"), puts('), ["CC", *NEW]),
    "image_deleted": (remove("work/hello.tar"), NEW),
    "image_touched": (touch("work/hello.tar"), ["DEPLOY"]),
    "stamp_deleted": (remove("work/hello.tar.stamp"), RUN),
    "stamp_cut_short": (write("work/hello.tar.stamp", ""), RUN),
    "depfile_deleted": (remove("work/hello.tar.d"), RUN),
    "image_and_depfile_deleted": (remove("work/hello.tar", "work/hello.tar.d"), NEW),
    "library_touched": (touch("root/opt/greet/libgreet.so.1.0"), RUN),
    "library_overwritten": (overwrite, NEW),
    "library_replaced_by_an_old_one": (install("root/opt/greet/libgreet.so.1.0"), NEW),
    "link_turned_to_an_older_library": (turn_link, NEW),
    "link_replaced_by_a_library": (install("root/opt/greet/libgreet.so.1"), NEW),
    "library_appears_earlier_in_the_root": (install("root/opt/first/libgreet.so.1"), NEW),
    "library_appears_in_a_new_directory_of_the_root": (install("root/opt/absent/lib/libgreet.so.1"), NEW),
    "library_appears_earlier_in_the_build_tree": (install("work/lib/libgreet.so.1"), NEW),
    "library_appears_in_a_new_directory_of_the_build_tree": (install("work/absent/lib/libgreet.so.1"), NEW),
    "library_of_a_default_directory_upgraded": (upgrade("root/**/libc.so.6"), NEW),
    "loader_upgraded": (upgrade("root/**/ld*.so.*"), NEW),
    "ld_so_cache_appears": (ldconfig, RUN),
    "make_killed_before_the_stamp": (run_tool, NEW),
    "searched_directory_touched": (touch("root/opt/first"), RUN),
    "another_file_beside_the_library": (write("root/opt/greet/README"), RUN),
    "another_file_in_the_build_tree": (write("work/lib/libother.so.1"), SETTLED),
    "another_file_beside_the_image": (write("work/README"), SETTLED),
    **of_an_extra_directory("work/conf", "a", "extra"),
    **of_an_extra_directory("work/conf/sub", "b", "sub"),
    **of_an_extra_directory("elsewhere/data", "a", "outer_extra"),
    **of_an_extra_directory("elsewhere/data/sub", "b", "outer_sub"),
    "extra_file_touched": (touch("work/conf/a"), RUN),
    "extra_directory_touched": (touch("elsewhere/data/sub"), RUN),
    "extras_changed": (variable("IMAGE_EXTRAS=conf:/etc/hello"), NEW),
    "extras_emptied": (variable("IMAGE_EXTRAS="), NEW),
    "bindir_changed": (variable("IMAGE_BINDIR=/opt/bin"), NEW),
    "place_changed": (variable("IMAGE_BINARIES=hello:/hello"), NEW),
    "flags_changed": (variable("OCIDIETFLAGS=--mtime=1"), NEW),
    "flags_changed_without_effect": (variable("OCIDIETFLAGS=--mtime=0"), RUN),
    "Makefile_changed": (edit("work/Makefile", "conf:/etc/hello", "conf:/etc/other"), NEW),
    "Makefile_touched": (touch("work/Makefile", "tool/make/ocidiet.mk"), SETTLED),
    "variables_that_are_no_content": (
        variable("IMAGE_TAG=2", "IMAGE_NAME=other", "IMAGE_USER=1", "IMAGE_ENTRYPOINT=/x", "IMAGE_ENV=A=b", "V=1"),
        SETTLED,
    ),
    "tool_touched": (touch("tool/ocidiet/tar.py"), RUN),
    "tool_upgraded_to_an_old_one": (upgrade("tool/ocidiet/tar.py"), RUN),
    "tool_changed_without_effect": (edit("tool/ocidiet/tar.py", "\nclass", "\n#\nclass"), RUN),
    "tool_changed": (
        edit("tool/ocidiet/cli/options.py", '_one(options, "--mtime", "0")', '_one(options, "--mtime", "1")'),
        NEW,
    ),
    "tool_reached_by_another_name": (variable(f"OCIDIET={PYTHON} -IS ../tool/ocidiet"), RUN),
}


def check(project: Project, event: Event, expected: list[str]) -> None:
    """What runs, that the image is what a first run would make, and that the next make has nothing to do."""
    before = project.tar.stat()
    event(project)
    there = snapshot(project.work)
    due = "IMAGE" in expected
    assert project.make("-q", "image").returncode == due
    dry = project.make("-n", "image").stdout
    assert ("-t hello.tar" in dry, dry == NOTHING) == (due, not due)
    assert snapshot(project.work) == there

    ended = project.make("deployed")
    assert (ended.stderr, ended.returncode) == ("", 0)
    assert [line.split()[0] for line in ended.stdout.splitlines()] == (expected or ["make:"])
    after = project.tar.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino) or "DEPLOY" in expected
    assert project.make("image").stdout == NOTHING
    assert [project.make("-q", goal).returncode for goal in ("image", "deployed")] == [0, 0]
    assert project.make("-n", "image").stdout == NOTHING
    assert project.make("deployed").stdout == "make: 'deployed' is up to date.\n"
    assert project.tar.read_bytes() == project.from_scratch()


@pytest.mark.parametrize(("event", "expected"), EVENTS.values(), ids=EVENTS)
def test_incremental_one_event_runs_what_it_must(project: Project, event: Event, expected: list[str]) -> None:
    check(project, event, expected)


def test_incremental_below_a_directory_with_a_space(template: Path, tmp_path: Path) -> None:
    check(Project(tmp_path / "a b", template).made(), install("root/opt/greet/libgreet.so.1.0"), NEW)


def test_incremental_a_deleted_library_with_another_behind_it(template: Path, tmp_path: Path) -> None:
    """No error: the search goes on."""
    project = Project(tmp_path, template)
    install("root/opt/first/libgreet.so.1")(project)
    os.utime(project.root / "opt/first", ns=(OLD_NS, OLD_NS))
    check(project.made(), remove("root/opt/first/libgreet.so.1"), NEW)


def test_incremental_an_input_that_changes_behind_the_tools_last_look(project: Project) -> None:
    """Between the image and the stamp: what was made is good, and the next make sees the change."""
    late = f'{PYTHON} -IS ../tool/ocidiet "$@" && if [ -e late ]; then mv late conf/a; fi\n'
    write("work/tool", late)(project)
    write("work/late")(project)
    project.variables.append("OCIDIET=sh tool")
    time.sleep(0.02)  # longer than the kernel's clock of files stands
    assert project.make("image").stdout == IMAGE
    check(project, lambda _: None, NEW)


@pytest.mark.parametrize(
    "name",
    [
        "library_overwritten",
        "library_replaced_by_an_old_one",
        "link_turned_to_an_older_library",
        "link_replaced_by_a_library",
        "library_appears_earlier_in_the_root",
        "library_appears_in_a_new_directory_of_the_root",
        "library_of_a_default_directory_upgraded",
        "loader_upgraded",
        "another_file_in_the_build_tree",
        "another_file_beside_the_image",
    ],
)
def test_incremental_a_root_inside_the_build_tree(template: Path, tmp_path: Path, name: str) -> None:
    """As with a root elsewhere: it is the root's place that a package manager writes to."""
    project = Project(tmp_path, template)
    project.root = project.root.rename(project.work / "root")
    edit("work/Makefile", "../root", "root")(project)
    check(project.made(), *EVENTS[name])


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        pytest.param(lambda _: None, SETTLED, id="nothing"),
        pytest.param(lambda _: None, RUN, id="renewed"),
        pytest.param(install("root/opt/greet/libgreet.so.1.0"), NEW, id="library_replaced"),
        pytest.param(install("root/opt/first/libgreet.so.1"), NEW, id="library_appears_earlier"),
        pytest.param(write("root/etc/ld.so.conf", "/opt/spare\n/opt/greet\n"), NEW, id="configured_otherwise"),
    ],
)
def test_incremental_ld_so_cache(project: Project, event: Event, expected: list[str]) -> None:
    """What a package manager does: files of any age, then ldconfig."""
    need("ldconfig", root=True)
    edit("work/Makefile", "/opt/first:/opt/greet", "/opt/none")(project)
    write("root/etc/ld.so.conf", "/opt/first\n/opt/greet\n")(project)
    install("root/opt/spare/libgreet.so.1")(project)
    ldconfig(project)
    remove("work/hello")(project)
    for path in project.root.rglob("*"):
        os.utime(path, ns=(OLD_NS, OLD_NS), follow_symlinks=False)
    project.made()

    def after(p: Project) -> None:
        event(p)
        if expected:
            ldconfig(p)

    check(project, after, expected)


@pytest.mark.parametrize("gone", ["libgreet.so.1.0", "libgreet.so.1", ""], ids=["file", "link", "directory"])
@pytest.mark.parametrize(("back", "expected"), [(False, NEW), (True, RUN)], ids=["another", "the_same"])
def test_failure_a_deleted_library(project: Project, gone: str, back: bool, expected: list[str]) -> None:
    """The error names it, every time; nothing made changes; all goes on when a library is there again."""
    there = snapshot(project.work)
    greet = project.root / "opt/greet"
    away = (greet / gone).rename(project.home / "away")
    for _ in range(2):
        assert project.make("-q", "image").returncode == 1
        ended = project.make("deployed")
        error = ["ocidiet: error: hello: 1 library not found", "  libgreet.so.1, needed by hello"]
        assert (ended.stdout, ended.stderr.splitlines()[:2], ended.returncode) == (IMAGE, error, 2)
        assert snapshot(project.work) == there
    if back:
        check(project, lambda _: away.rename(greet / gone), expected)
    else:
        check(project, install(f"root/opt/greet/{gone or 'libgreet.so.1'}"), expected)
