"""The table of what a build must run after each event: Ninja, CMake with Ninja and with Make, Meson."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import CHECKOUT, PYTHON, done, need, run
from tests.tools import events
from tests.tools.events import EVENTS, LINK, NEW, REQUEST, RUNPATH, SETTLED, Event, Ran, check

TOOL = ["python3", "-IS", "../tool/ocidiet/__main__.py"]
"""Through PATH, in work/."""


class Project(events.Project):
    """All but the build tool; its words in a build file are `mtime` 0, until `change_variable`."""

    mtime = 0
    needs: tuple[str, ...] = ()
    words: dict[str, str] = {}
    """What stands in the build tool's output for each step."""

    def prepare(self) -> None:
        """The build files of `mtime`, again if need be."""
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def build(self) -> Ran:
        ended = run(self.command(), self.work, self.env)
        lines = ended.stdout.splitlines()
        steps = [step for line in lines for word, step in self.words.items() if word in line]
        return Ran(ended.returncode == 0, steps, ended.stdout + ended.stderr)

    def settled(self) -> Project:
        need(*self.needs)
        self.prepare()
        # The first run leaves Python's bytecode beside the tool, which to the second is a change.
        for _ in range(2):
            ended = self.build()
            assert ended.good, ended.output
        assert self.build().steps == []
        return self

    def more(self) -> list[str]:
        return [f"--mtime={self.mtime}"] if self.mtime else []

    def change_variable(self) -> None:
        self.mtime = 1
        self.prepare()

    def from_scratch(self) -> bytes:
        scratch = self.home / "scratch.tar"
        done([*TOOL, "-t", scratch, *REQUEST, *self.more()], self.work)
        return scratch.read_bytes()


class Ninja(Project):
    """With the rule that the README shows."""

    column = "ninja"
    needs = ("ninja",)
    words = {"] CC": "CC", "] IMAGE": "IMAGE", "] DEPLOY": "DEPLOY"}
    keep = "deps = gcc\n  restat = 1"
    flags = "--keep-mtime"

    def prepare(self) -> None:
        link = " ".join(f"'{word}'" for word in LINK).replace("$", "$$")
        (self.work / "build.ninja").write_text(f"""\
rule cc
  command = cc -o $out $in {link}
  description = CC
rule image
  command = {" ".join([*TOOL, *REQUEST, *self.more()])} -t $out --depfile $out.d {self.flags}
  description = IMAGE
  depfile = $out.d
  {self.keep}
rule deploy
  command = touch $out
  description = DEPLOY
build hello: cc hello.c
build hello.tar: image hello
build deployed: deploy hello.tar
""")

    def command(self) -> list[str]:
        return ["ninja", "deployed"]

    def made(self) -> list[str]:
        return ["hello", "hello.tar", "hello.tar.state", "deployed"]


class CMake(Project):
    words = {"Linking C executable": "CC", "Packing image": "IMAGE", "DEPLOY": "DEPLOY"}
    generator = ""

    def prepare(self) -> None:
        source = self.home / "source"
        source.mkdir(exist_ok=True)
        listfile = source / "CMakeLists.txt"
        if not listfile.exists():
            listfile.write_text(f"""\
cmake_minimum_required(VERSION 3.20)
project(hello C)
find_package(ocidiet CONFIG REQUIRED)
add_executable(hello ${{CMAKE_BINARY_DIR}}/hello.c)
target_link_libraries(hello {self.spare})
set_target_properties(hello PROPERTIES INSTALL_RPATH "{RUNPATH.replace(":", ";")}" BUILD_WITH_INSTALL_RPATH ON)
ocidiet_add_image(hello_image TARGETS hello OUTPUT_NAME hello ROOT {self.root} OPTIONS ${{MORE}}
  EXTRA ${{CMAKE_BINARY_DIR}}/conf:/etc/hello ../elsewhere/data:/srv)
set(image $<GENEX_EVAL:$<TARGET_PROPERTY:hello_image,OCIDIET_IMAGE>>)
add_custom_command(OUTPUT deployed COMMAND touch deployed DEPENDS hello_image ${{image}} COMMENT DEPLOY)
add_custom_target(deploy DEPENDS deployed)
""")
        words = ["-G", self.generator, "-S", str(source), "-B", str(self.work), f"-DOCIDIET={';'.join(TOOL)}"]
        done(["cmake", *words, f"-Docidiet_DIR={CHECKOUT}/cmake", f"-DMORE={';'.join(self.more())}"], self.work)

    def command(self) -> list[str]:
        return ["cmake", "--build", ".", "--target", "deploy"]

    def made(self) -> list[str]:
        return ["hello", "hello.tar.d", "hello.tar", "hello.tar.state", "hello.tar.stamp", "deployed"]


class CMakeNinja(CMake):
    column = "cmake_ninja"
    needs = ("cmake", "ninja")
    generator = "Ninja"


class CMakeMake(CMake):
    column = "cmake_make"
    needs = ("cmake", "make")
    generator = "Unix Makefiles"


class Meson(Project):
    column = "meson"
    needs = ("meson", "ninja")
    words = {"] Linking target": "CC", "] Generating hello.tar": "IMAGE", "] Generating deployed": "DEPLOY"}

    def prepare(self) -> None:
        source = self.home / "source"
        source.mkdir(exist_ok=True)
        link = ", ".join(f"'{word}'" for word in LINK)
        image = ", ".join(f"'{word}'" for word in [*REQUEST, *self.more()])
        (source / "meson.build").write_text(f"""\
project('hello', 'c')
hello = executable('hello', '../work/hello.c', link_args: [{link}])
image = custom_target('hello.tar', input: hello, output: 'hello.tar', depfile: 'hello.tar.d',
  command: ['env', 'python3', '-IS', '../tool/ocidiet/__main__.py', {image}, '-t', '@OUTPUT@', '--depfile', '@DEPFILE@',
    '--keep-mtime'])
custom_target('deployed', input: image, output: 'deployed', command: ['touch', '@OUTPUT@'])
""")
        if not (self.work / "build.ninja").exists():
            done(["meson", "setup", self.work, source], self.work)

    def command(self) -> list[str]:
        return ["ninja", "deployed"]

    def made(self) -> list[str]:
        return ["hello", "hello.tar", "hello.tar.state", "deployed"]


COLUMNS = [Ninja, CMakeNinja, CMakeMake, Meson]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return events.template_in(tmp_path_factory.mktemp("incremental"))


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.column)
@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_incremental_events(template: Path, tmp_path: Path, column: type[Project], event: Event) -> None:
    check(column(tmp_path, template).settled(), event)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.column)
def test_incremental_what_changes_behind_the_tool_s_last_look_is_not_lost(
    template: Path, tmp_path: Path, column: type[Project]
) -> None:
    """What it had read is in the image; the next build has the rest."""
    project = column(tmp_path, template).settled()
    events.write("work/conf/a")(project)
    edit = "cat $HOME/spare/libgreet.so.1 >$ROOT/opt/greet/libgreet.so.1.0"
    events.python_is(f'{PYTHON} "$@" && {edit}')(project)
    assert project.build().steps == NEW
    events.as_before(project)
    assert (project.build().steps, project.build().steps) == (NEW, SETTLED)
    assert project.tar.read_bytes() == project.from_scratch()
