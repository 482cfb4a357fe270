"""GNU Make and the include: the table of all build tools, and what else must and must not happen."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.support import PYTHON, done, need, run
from tests.tools import events
from tests.tools.events import (
    EVENTS,
    MADE_NS,
    NEW,
    OLD_NS,
    RUN,
    RUNPATH,
    SETTLED,
    Act,
    Event,
    Ran,
    check,
    edit,
    install,
    overwrite,
    remove,
    snapshot,
    touch,
    upgrade,
    write,
)

NOTHING = "make: Nothing to be done for 'image'.\n"
IMAGE = "    IMAGE    hello.tar\n"
MAKEFILE = f"""\
all: hello
RUNPATH = {RUNPATH.replace("$", "$$")}
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


class Project(events.Project):
    """With GNU Make."""

    column = "make"

    def __init__(self, home: Path, template: Path) -> None:
        super().__init__(home, template)
        self.variables: list[str] = []

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        return run(["make", *self.variables, *words], self.work, self.env)

    def settled(self) -> Project:
        """With all made, long ago but later than what it is made from."""
        assert self.make("deployed").stderr == ""
        rooms = {path.parent for path in (self.home / "tool/ocidiet").rglob("*.py")}
        for path in (self.work / "hello", *rooms):  # which got their __pycache__
            os.utime(path, ns=(OLD_NS, OLD_NS))
        for n, name in enumerate(self.made()[1:]):
            os.utime(self.work / name, ns=(MADE_NS + n, MADE_NS + n))
        return self

    def build(self) -> Ran:
        ended = self.make("deployed")
        words = [line.split()[0] for line in ended.stdout.splitlines()]
        output = ended.stdout + ended.stderr
        good = ended.returncode == 0 and (not ended.stderr or "Clock skew detected" in ended.stderr)
        return Ran(good, [word for word in words if word in ("CC", "IMAGE", "DEPLOY")], output)

    def foretells(self, due: bool) -> None:
        assert self.make("-q", "image").returncode == due
        dry = self.make("-n", "image").stdout
        assert ("-t hello.tar" in dry, dry == NOTHING) == (due, not due)

    def change_variable(self) -> None:
        self.variables.append("OCIDIETFLAGS=--mtime=1")

    def made(self) -> list[str]:
        return ["hello", "hello.tar.d", "hello.tar", "hello.tar.state", "hello.tar.stamp", "deployed"]

    def from_scratch(self) -> bytes:
        assert self.make("image", "IMAGE_DIR=../scratch").returncode == 0
        return (self.home / "scratch/hello.tar").read_bytes()


def template_in(home: Path) -> Path:
    """What all projects start from, with its Makefile."""
    need("make")
    events.template_in(home)
    (home / "work/Makefile").write_text(MAKEFILE)
    os.utime(home / "work/Makefile", ns=(OLD_NS, OLD_NS))
    return home


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return template_in(tmp_path_factory.mktemp("make"))


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Project:
    """A project of the test's own, all made."""
    return Project(tmp_path, template).settled()


@pytest.mark.usefixtures("each_make")
@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_incremental_events(project: Project, event: Event) -> None:
    check(project, event)


# What else Make must do ----------------------------------------------------------------------------


def variable(*words: str) -> Act:
    return lambda p: p.variables.extend(words) if isinstance(p, Project) else None


def run_tool(p: events.Project) -> None:
    """All that a make does which is killed before it writes the stamp."""
    overwrite(p)
    done(["sh", p.work / "hello.tar.stamp"], p.work)


def ldconfig(p: events.Project) -> None:
    need("ldconfig", root=True)
    (p.root / "etc").mkdir(exist_ok=True)
    done(["ldconfig", "-X", "-r", p.root])


def of_an_extra_directory(directory: str, file: str, name: str) -> dict[str, Event]:
    acts: dict[str, Act] = {
        "file_added": write(f"{directory}/c"),
        "file_changed": write(f"{directory}/{file}"),
        "file_removed": remove(f"{directory}/{file}"),
        "file_replaced_by_an_old_one": upgrade(f"{directory}/{file}"),
        "directory_added": write(f"{directory}/deep/c"),
    }
    return {f"{name}_{what}": Event(act, NEW) for what, act in acts.items()}


MORE: dict[str, Event] = {
    "image_touched": Event(touch("work/hello.tar"), ["DEPLOY"]),
    "stamp_deleted": Event(remove("work/hello.tar.stamp"), RUN),
    "stamp_cut_short": Event(write("work/hello.tar.stamp", ""), RUN),
    "depfile_deleted": Event(remove("work/hello.tar.d"), RUN),
    "image_and_depfile_deleted": Event(remove("work/hello.tar", "work/hello.tar.d"), NEW),
    "link_replaced_by_a_library": Event(install("root/opt/greet/libgreet.so.1"), NEW),
    "library_of_a_default_directory_upgraded": Event(upgrade("root/**/libc.so.6"), NEW),
    "loader_upgraded": Event(upgrade("root/**/ld*.so.*"), NEW),
    "ld_so_cache_appears": Event(ldconfig, RUN),
    "make_killed_before_the_stamp": Event(run_tool, NEW),
    "another_file_beside_the_library": Event(write("root/opt/greet/README"), RUN),
    "another_file_in_the_build_tree": Event(write("work/lib/libother.so.1"), SETTLED),
    "another_file_beside_the_image": Event(write("work/README"), SETTLED),
    **of_an_extra_directory("work/conf", "a", "extra"),
    **of_an_extra_directory("work/conf/sub", "b", "sub"),
    **of_an_extra_directory("elsewhere/data", "a", "outer_extra"),
    **of_an_extra_directory("elsewhere/data/sub", "b", "outer_sub"),
    "extra_directory_touched": Event(touch("elsewhere/data/sub"), RUN),
    "extras_changed": Event(variable("IMAGE_EXTRAS=conf:/etc/hello"), NEW),
    "extras_emptied": Event(variable("IMAGE_EXTRAS="), NEW),
    "bindir_changed": Event(variable("IMAGE_BINDIR=/opt/bin"), NEW),
    "place_changed": Event(variable("IMAGE_BINARIES=hello:/hello"), NEW),
    "flags_changed_without_effect": Event(variable("OCIDIETFLAGS=--mtime=0"), RUN),
    "Makefile_changed": Event(edit("work/Makefile", "conf:/etc/hello", "conf:/etc/other"), NEW),
    "Makefile_touched": Event(touch("work/Makefile", "tool/make/ocidiet.mk"), SETTLED),
    "variables_that_are_no_content": Event(
        variable("IMAGE_TAG=2", "IMAGE_NAME=other", "IMAGE_USER=1", "IMAGE_ENTRYPOINT=/x", "IMAGE_ENV=A=b", "V=1"),
        SETTLED,
    ),
    "tool_touched": Event(touch("tool/ocidiet/tar.py"), RUN),
    "tool_changed_without_effect": Event(edit("tool/ocidiet/tar.py", "\nclass", "\n#\nclass"), RUN),
    "tool_reached_by_another_name": Event(variable(f"OCIDIET={PYTHON} -IS ../tool/ocidiet"), RUN),
}


@pytest.mark.parametrize("event", MORE.values(), ids=MORE)
def test_incremental_more_events(project: Project, event: Event) -> None:
    check(project, event)


def test_incremental_below_a_directory_with_a_space(template: Path, tmp_path: Path) -> None:
    check(Project(tmp_path / "a b", template).settled(), Event(install("root/opt/greet/libgreet.so.1.0"), NEW))


def test_incremental_a_deleted_library_with_another_behind_it(template: Path, tmp_path: Path) -> None:
    """No error: the search goes on."""
    project = Project(tmp_path, template)
    install("root/opt/first/libgreet.so.1")(project)
    os.utime(project.root / "opt/first", ns=(OLD_NS, OLD_NS))
    check(project.settled(), Event(remove("root/opt/first/libgreet.so.1"), NEW))


def test_incremental_an_input_that_changes_behind_the_tools_last_look(project: Project) -> None:
    """Between the image and the stamp: what was made is good, and the next make sees the change."""
    late = f'{PYTHON} -IS ../tool/ocidiet "$@" && if [ -e late ]; then mv late conf/a; fi\n'
    write("work/tool", late)(project)
    write("work/late")(project)
    project.variables.append("OCIDIET=sh tool")
    time.sleep(0.02)  # longer than the kernel's clock of files stands
    assert project.make("image").stdout == IMAGE
    check(project, Event(lambda _: None, NEW))


@pytest.mark.parametrize(
    "name",
    [
        "library_edited",
        "older_library_renamed_into_place",
        "link_turned_to_an_older_library",
        "link_replaced_by_a_library",
        "shadowing_library_in_the_root",
        "shadowing_library_in_a_new_directory_of_the_root",
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
    check(project.settled(), {**EVENTS, **MORE}[name])


@pytest.mark.parametrize(
    ("act", "steps"),
    [
        pytest.param(lambda _: None, SETTLED, id="nothing"),
        pytest.param(lambda _: None, RUN, id="renewed"),
        pytest.param(install("root/opt/greet/libgreet.so.1.0"), NEW, id="library_replaced"),
        pytest.param(install("root/opt/first/libgreet.so.1"), NEW, id="library_appears_earlier"),
        pytest.param(write("root/etc/ld.so.conf", "/opt/spare\n/opt/greet\n"), NEW, id="configured_otherwise"),
    ],
)
def test_incremental_ld_so_cache(project: Project, act: Act, steps: list[str]) -> None:
    """What a package manager does: files of any age, then ldconfig."""
    need("ldconfig", root=True)
    edit("work/Makefile", "/opt/first:/opt/greet", "/opt/none")(project)
    write("root/etc/ld.so.conf", "/opt/first\n/opt/greet\n")(project)
    install("root/opt/spare/libgreet.so.1")(project)
    ldconfig(project)
    remove("work/hello")(project)
    for path in project.root.rglob("*"):
        os.utime(path, ns=(OLD_NS, OLD_NS), follow_symlinks=False)
    project.settled()

    def renewed(p: events.Project) -> None:
        act(p)
        if steps:
            ldconfig(p)

    check(project, Event(renewed, steps))


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
        check(project, Event(lambda _: away.rename(greet / gone), expected))
    else:
        check(project, Event(install(f"root/opt/greet/{gone or 'libgreet.so.1'}"), expected))
