"""What happens to a project between two builds, and what must come of it: one table for all build tools.

The rows are `EVENTS`; a build tool is a subclass of `Project`, whose `column` is its name in a row's
exceptions; `check` is a cell. The machine is not touched: loader, libraries and links come from a root
of the test's own. All files start old, so that whatever an event writes is newer than the last build
without waiting for it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support import CHECKOUT, PYTHON, clean_env, done, library, need

LONG_AGO_NS, OLD_NS, MADE_NS = 900_000_000_000_000_000, 1_000_000_000_000_000_000, 1_100_000_000_000_000_000

SOURCE = """\
#include <stdio.h>
const char *greeting(void);
int main(void) { puts(greeting()); return 0; }
"""
RUNPATH = "$ORIGIN/lib:$ORIGIN/absent/lib:/opt/absent/lib:/opt/first:/opt/greet"
LINK = ["-L../spare", "-l:libgreet.so.1", f"-Wl,-rpath,{RUNPATH}"]
REQUEST = ["--root", "../root", "-b", "hello:/usr/local/bin/hello", "-e", "conf:/etc/hello", "../elsewhere/data:/srv"]
"""What every build tool asks for, in work/."""

# What a build runs, in order: the compiler, ocidiet, and what comes behind the image.
SETTLED: list[str] = []
RUN = ["IMAGE"]
"""The tool ran and found the image good: it is untouched and nothing behind it runs."""
NEW = ["IMAGE", "DEPLOY"]
BEHIND = ["DEPLOY"]
STALE = ["STALE"]
"""Nothing runs though something should: what the build tool cannot see, and its README says so."""


class Ran(NamedTuple):
    """One build."""

    good: bool
    steps: list[str]
    output: str
    """Of both streams."""


class Project:
    """A program in work/, its libraries in root/, other ones in spare/, more files in elsewhere/, the tool
    in tool/; and the build tool. A build makes the program, work/hello.tar with `REQUEST`, and
    work/deployed from that."""

    column = ""

    def __init__(self, home: Path, template: Path) -> None:
        shutil.copytree(template, home, symlinks=True, dirs_exist_ok=True)
        self.home = home
        self.work = home / "work"
        self.root = home / "root"
        self.spare = home / "spare/libgreet.so.1"
        self.tar = self.work / "hello.tar"
        self.env = clean_env()
        """What builds run in."""

    def at(self, name: str) -> list[Path]:
        """A file by its name below home, or all that match its `*`; the root may have moved."""
        directory, rest = (self.root, name[5:]) if name.startswith("root/") else (self.home, name)
        return list(directory.glob(rest)) if "*" in rest else [directory / rest]

    def identity(self) -> tuple[int, int] | None:
        """Of the image, if there is one: its time and its inode."""
        if not self.tar.exists():
            return None
        st = self.tar.stat()
        return st.st_mtime_ns, st.st_ino

    def build(self) -> Ran:
        """Build all, `deployed` too."""
        raise NotImplementedError

    def change_variable(self) -> None:
        """A variable of the build file that describes the image is another now: --mtime is 1."""
        raise NotImplementedError

    def from_scratch(self) -> bytes:
        """The image as a first build would make it now."""
        raise NotImplementedError

    def made(self) -> list[str]:
        """What the build tool leaves in work/ beside the sources, oldest first."""
        return ["hello", "hello.tar.d", "hello.tar", "hello.tar.state", "deployed"]

    def foretells(self, due: bool) -> None:
        """Where the build tool can tell beforehand, without doing it, whether something is due: it does."""


Act = Callable[[Project], object]


class Event(NamedTuple):
    """A row."""

    act: Act
    steps: list[str]
    """What the next build runs, and then is done."""
    but: dict[str, list[str]] = {}
    """The same for columns where it is something else."""
    then: dict[str, list[str]] = {}
    """What one more build runs in some columns, before all is done."""
    never: dict[str, list[str]] = {}
    """What every further build runs in some columns, until the clock has caught up."""
    fails: str | None = None
    """The build fails and says this; nothing changes behind the image; then `again`, and the next build."""
    again: Act = lambda _: None


def template_in(home: Path) -> Path:
    """What all projects start from; its files and directories are old."""
    need("cc", "ldd", "python3")
    for name in ("ocidiet", "make"):
        shutil.copytree(CHECKOUT / name, home / "tool" / name, ignore=shutil.ignore_patterns("__pycache__"))
    (home / "work/conf/sub").mkdir(parents=True)
    (home / "work/conf/a").write_text("a\n")
    (home / "work/conf/sub/b").write_text("b\n")
    shutil.copytree(home / "work/conf", home / "elsewhere/data")
    (home / "work/lib").mkdir()
    (home / "work/hello.c").write_text(SOURCE)
    (home / "root/opt/first").mkdir(parents=True)
    greet = home / "root/opt/greet"
    library(home / "spare/libgreet.so.1", 'const char *greeting(void) { return "Hello World"; }\n')
    greet.mkdir()
    shutil.move(home / "spare/libgreet.so.1", greet / "libgreet.so.1.0")
    (greet / "libgreet.so.1").symlink_to("libgreet.so.1.0")
    library(home / "spare/libgreet.so.1", 'const char *greeting(void) { return "Good Bye"; }\n')
    done(["cc", "-o", "hello", "hello.c", *LINK], home / "work")
    for name in done(["ldd", "hello"], home / "work").split():
        if name.startswith("/"):
            (home / "root" / name[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, home / "root" / name[1:])
    for path in [*home.rglob("*")]:
        os.utime(path, ns=(OLD_NS, OLD_NS), follow_symlinks=False)
    return home


def snapshot(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below `directory` with its time and content."""
    files = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    return {str(path.relative_to(directory)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def check(project: Project, event: Event) -> None:
    """What runs, that the image is what a first build would make, and that the next build has nothing to do."""
    steps = event.but.get(project.column, event.steps)
    stale = steps == STALE
    deployed = (project.work / "deployed").stat().st_mtime_ns
    images = [project.tar.read_bytes()]
    event.act(project)
    if event.fails is not None:
        ended = project.build()
        assert (ended.good, event.fails in ended.output) == (False, True), ended.output
        assert (project.work / "deployed").stat().st_mtime_ns == deployed
        images.insert(0, project.tar.read_bytes())
        event.again(project)

    there, before = snapshot(project.work), project.identity()
    project.foretells("IMAGE" in steps)
    assert snapshot(project.work) == there
    ended = project.build()
    assert (ended.good, ended.steps) == (True, [] if stale else steps), ended.output
    assert project.identity() == before or "DEPLOY" in steps
    if project.column in event.then:
        ended = project.build()
        assert (ended.good, ended.steps) == (True, event.then[project.column]), ended.output
    for _ in range(2 if event.never else 1):
        ended = project.build()
        assert (ended.good, ended.steps) == (True, event.never.get(project.column, SETTLED)), ended.output
    project.foretells(False)
    now = project.tar.read_bytes()
    assert (project.from_scratch() == now) is not stale
    # Whatever failed had left the image whole.
    assert images[0] in (now, images[-1])


STALE_BUT_IN_MAKE = dict.fromkeys(("ninja", "cmake_ninja", "cmake_make", "meson"), STALE)
"""No other depfile can tell of a file that is not there yet."""
BY_NINJA = ("ninja", "cmake_ninja", "meson")
"""Columns in which it is Ninja that decides, with its log of when it ran what."""


# Events ------------------------------------------------------------------------------------------


def on(names: Sequence[str], act: Callable[[Path], object]) -> Act:
    def event(p: Project) -> None:
        paths = [path for name in names for path in p.at(name)]
        assert paths
        for path in paths:
            act(path)

    return event


def both(*acts: Act) -> Act:
    return lambda p: [act(p) for act in acts]


def touch(*names: str) -> Act:
    return on(names, os.utime)


def remove(*names: str) -> Act:
    return on(names, Path.unlink)


def edit(name: str, old: str, new: str) -> Act:
    def act(path: Path) -> None:
        before, found, after = path.read_text().partition(old)
        assert found
        path.write_text(before + new + after)

    return on([name], act)


def write(name: str, text: str = "new\n") -> Act:
    def act(path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    return on([name], act)


def put(place: Path, content: bytes) -> None:
    """A file as dpkg puts it: with its archive's time, by rename."""
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_name("new.dpkg-new")
    new.write_bytes(content)
    os.utime(new, ns=(LONG_AGO_NS, LONG_AGO_NS))
    new.rename(place)


def upgrade(name: str) -> Act:
    """A file by a package: the loader reads nothing of what follows an ELF file's segments."""
    return on([name], lambda path: put(path, path.read_bytes() + b"\n"))


def install(name: str) -> Act:
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


def same_program(p: Project) -> None:
    """The source written again, as an editor or a checkout does: the compiler makes the same program of it."""
    source = p.work / "hello.c"
    source.write_text(source.read_text())


def python_is(command: str) -> Act:
    """Until `as_before`, whoever starts python3 through PATH starts `command`, a shell's, instead."""

    def act(p: Project) -> None:
        need("strace")
        script = p.home / "bin/python3"
        script.parent.mkdir()
        script.write_text(f"#!/bin/sh\nHOME={p.home} ROOT={p.root}\n{command}\n")
        script.chmod(0o755)
        p.env["PATH"] = f"{script.parent}:{p.env['PATH']}"

    return act


def same_library(p: Project) -> None:
    library = p.root / "opt/greet/libgreet.so.1.0"
    library.write_bytes(library.read_bytes())


def as_before(p: Project) -> None:
    p.env = clean_env()


def killed_at(call: str, when: int) -> Act:
    """The tool, at its Nth system call of that kind."""
    inject = f"strace -f -qq -o /dev/null -e trace={call} -e inject={call}:signal=SIGKILL:when={when}"
    return both(overwrite, python_is(f'exec {inject} {PYTHON} "$@"'))


# Once a temporary file is there, all inputs have been looked at; each write then takes its time.
EDITED_WHILE_RUNNING = f"""\
until ls -A $HOME/work | grep -q '^[.]hello[.]tar[.].*-tmp$' || [ $((n += 1)) -gt 1000 ]; do sleep 0.01; done &&
    cat $HOME/spare/libgreet.so.1 >$ROOT/opt/greet/libgreet.so.1.0 &
exec strace -f -qq -o /dev/null -e trace=write -e inject=write:delay_enter=300000:when=1+ {PYTHON} "$@\""""


def made_in_the_future(p: Project) -> None:
    """The clock has been set back since: what was made is of tomorrow."""
    tomorrow_ns = time.time_ns() + 86_400_000_000_000
    for n, name in enumerate(p.made()):
        os.utime(p.work / name, ns=(tomorrow_ns + n, tomorrow_ns + n))


CHANGED = "root/opt/greet/libgreet.so.1.0: changed while the image was made"

EVENTS: dict[str, Event] = {
    "nothing": Event(lambda _: None, SETTLED),
    "program_touched": Event(touch("work/hello"), RUN),
    "library_touched": Event(touch("root/opt/greet/libgreet.so.1.0"), RUN),
    "extra_touched": Event(touch("work/conf/a"), RUN),
    "searched_directory_touched": Event(touch("root/opt/first"), RUN),
    "program_edited": Event(edit("work/hello.c", "puts(", 'puts("x"), puts('), ["CC", *NEW]),
    "library_edited": Event(overwrite, NEW),
    "extra_edited": Event(write("work/conf/a"), NEW),
    "program_edited_to_equal_bytes": Event(same_program, ["CC", *RUN]),
    "library_edited_to_equal_bytes": Event(same_library, RUN),
    "extra_edited_to_equal_bytes": Event(write("work/conf/a", "a\n"), RUN),
    "program_deleted": Event(remove("work/hello"), ["CC", *RUN]),
    "image_deleted": Event(remove("work/hello.tar"), NEW),
    "fingerprint_deleted": Event(remove("work/hello.tar.state"), SETTLED),
    "library_deleted": Event(
        remove("root/opt/greet/libgreet.so.1"),
        NEW,
        fails="hello: 1 library not found",
        again=install("root/opt/greet/libgreet.so.1"),
    ),
    "shadowing_library_in_the_root": Event(install("root/opt/first/libgreet.so.1"), NEW),
    "shadowing_library_in_a_new_directory_of_the_root": Event(install("root/opt/absent/lib/libgreet.so.1"), NEW),
    "shadowing_library_in_the_build_tree": Event(install("work/lib/libgreet.so.1"), NEW, STALE_BUT_IN_MAKE),
    "shadowing_library_in_a_new_directory_of_the_build_tree": Event(
        install("work/absent/lib/libgreet.so.1"), NEW, STALE_BUT_IN_MAKE
    ),
    "older_library_renamed_into_place": Event(install("root/opt/greet/libgreet.so.1.0"), NEW),
    "link_turned_to_an_older_library": Event(turn_link, NEW),
    "file_added_to_an_extra_directory": Event(write("work/conf/sub/c"), NEW),
    "file_added_to_an_extra_directory_elsewhere": Event(write("elsewhere/data/sub/c"), NEW),
    "variable_changed": Event(lambda p: p.change_variable(), NEW),
    "ocidiet_upgraded": Event(upgrade("tool/ocidiet/tar.py"), RUN),
    "ocidiet_upgraded_with_effect": Event(
        edit("tool/ocidiet/cli/options.py", '_one(options, "--mtime", "0")', '_one(options, "--mtime", "1")'), NEW
    ),
    "library_edited_while_running": Event(
        both(write("work/conf/a"), python_is(EDITED_WHILE_RUNNING)), NEW, fails=CHANGED, again=as_before
    ),
    **{
        f"killed_at_{call}_{when}": Event(killed_at(call, when), NEW, fails="", again=as_before)
        for call, when in [("write", 1), ("write", 2), ("rename", 1), ("rename", 2)]
    },
    # The image is in its place already: where that is what Ninja has a rule for, it takes a run that
    # leaves it there for older than what the depfile tells.
    "killed_at_rename_3": Event(
        killed_at("rename", 3), NEW, then={"ninja": RUN, "meson": RUN}, fails="", again=as_before
    ),
    # An image that is good keeps its time though it is of tomorrow; what Ninja makes behind it is of today.
    "clock_set_back": Event(
        made_in_the_future, SETTLED, dict.fromkeys(BY_NINJA, NEW), never=dict.fromkeys(BY_NINJA, BEHIND)
    ),
    "clock_set_back_and_library_edited": Event(
        both(made_in_the_future, overwrite), STALE, dict.fromkeys(BY_NINJA, NEW), then=dict.fromkeys(BY_NINJA, RUN)
    ),
}
"""What build tools are promised; rows of one build tool alone stand in its own tests."""
