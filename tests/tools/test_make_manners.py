"""GNU Make and the include: how it behaves in other people's Makefiles."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.support import CHECKOUT, MAIN, MAKEFILE, PYTHON, cc, clean_env, done, ocidiet
from tests.tools.events import snapshot
from tests.tools.test_make import IMAGE, NOTHING, make

pytestmark = pytest.mark.usefixtures("each_make")

INCLUDE = f"include {MAKEFILE}\n"
HELLO = "IMAGE_BINARIES = hello\n" + INCLUDE
COMPANIONS = ["hello.tar", "hello.tar.d", "hello.tar.stamp", "hello.tar.state"]
ARCHIVE = ["hello.oci.tar", "hello.oci.tar.d", "hello.oci.tar.stamp", "hello.oci.tar.state"]
REMOVED = [f"hello.{form}{end}" for form in ("tar", "oci.tar") for end in ("", ".d", ".state", ".stamp")]
CLEAN = f"rm -f {' '.join(REMOVED)}\n"


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cc(tmp_path_factory.mktemp("program") / "hello")


@pytest.fixture
def work(program: Path, tmp_path: Path) -> Path:
    """A directory with a program, as if built by what the test's Makefile leaves out."""
    work = tmp_path / "work"
    work.mkdir()
    shutil.copy2(program, work / "hello")
    return work


def written(work: Path, makefile: str) -> Path:
    (work / "Makefile").write_text(makefile)
    return work


def made(cwd: Path, *words: str, env: dict[str, str] | None = None) -> str:
    """What a make prints that must succeed and have nothing to complain about."""
    ended = make(cwd, *words, env=env)
    assert (ended.stderr, ended.returncode) == ("", 0)
    return ended.stdout


def names(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir())


def direct(work: Path, *args: str) -> bytes:
    """The image that the tool itself makes with `args`."""
    return subprocess.run([PYTHON, "-IS", MAIN, "-t", "-", *args], cwd=work, capture_output=True, check=True).stdout


# Variables ---------------------------------------------------------------------------------------

TWO = "IMAGES = a b\nIMAGE_BINARIES_a = hello\nIMAGE_BINARIES_b = hello:/b\n"
IMAGES: dict[str, tuple[str, str, dict[str, str], dict[str, list[str]]]] = {
    "default_place": ("", "", {}, {"hello": ["-b", "hello:/usr/local/bin/hello"]}),
    "bindir_of_the_include": ("IMAGE_BINDIR = /opt\n", "", {}, {"hello": ["-b", "hello:/opt/hello"]}),
    "bindir_of_the_Makefile": ("bindir = /usr/bin\n", "", {}, {"hello": ["-b", "hello:/usr/bin/hello"]}),
    "bindir_before_PREFIX": ("PREFIX = /a\nbindir = $(PREFIX)/b\n", "", {}, {"hello": ["-b", "hello:/a/b/hello"]}),
    "PREFIX_of_the_Makefile": ("PREFIX ?= /usr\n", "", {}, {"hello": ["-b", "hello:/usr/bin/hello"]}),
    "PREFIX_of_the_command_line": ("", "PREFIX=/opt", {}, {"hello": ["-b", "hello:/opt/bin/hello"]}),
    "environment_does_not_count": (
        "PREFIX ?= /usr\n",
        "",
        {"PREFIX": "/env", "bindir": "/env"},
        {"hello": ["-b", "hello:/usr/local/bin/hello"]},
    ),
    "place_given": ("IMAGE_BINARIES = hello:/x/y\n", "", {}, {"hello": ["-b", "hello:/x/y"]}),
    "program_elsewhere": (
        "IMAGE_BINARIES = ../work/hello\n",
        "",
        {},
        {"hello": ["-b", "../work/hello:/usr/local/bin/hello"]},
    ),
    "program_of_the_root": (
        "IMAGE_BINARIES = hello =/usr/bin/env\n",
        "",
        {},
        {"hello": ["-b", "hello:/usr/local/bin/hello", "=/usr/bin/env"]},
    ),
    "extras": (
        "IMAGE_EXTRAS = Makefile:/etc/m =/etc/passwd\n",
        "",
        {},
        {"hello": ["-b", "hello:/usr/local/bin/hello", "-e", "Makefile:/etc/m", "=/etc/passwd"]},
    ),
    "flags": (
        "OCIDIETFLAGS = --mtime=5\n",
        "",
        {},
        {"hello": ["--mtime=5", "-b", "hello:/usr/local/bin/hello"]},
    ),
    "directory_that_is_not_there": (
        "IMAGE_DIR = out/images\n",
        "",
        {},
        {"out/images/hello": ["-b", "hello:/usr/local/bin/hello"]},
    ),
    "name": ("IMAGES = x.y-1\n", "", {}, {"x.y-1": ["-b", "hello:/usr/local/bin/hello"]}),
    "several": (TWO, "", {}, {"a": ["-b", "hello:/usr/local/bin/hello"], "b": ["-b", "hello:/b"]}),
    "suffixes": (
        TWO + "IMAGE_BINDIR_a = /a\nIMAGE_EXTRAS = hello:/m\nIMAGE_EXTRAS_b = hello:/e\nOCIDIETFLAGS_b = --mtime=1\n",
        "",
        {},
        {"a": ["-b", "hello:/a/hello", "-e", "hello:/m"], "b": ["--mtime=1", "-b", "hello:/b", "-e", "hello:/e"]},
    ),
    "suffix_set_and_empty": (
        f"{TWO}IMAGE_EXTRAS = Makefile:/m\nIMAGE_EXTRAS_b =\nOCIDIETFLAGS = --mtime=1\nOCIDIETFLAGS_a =\n",
        "",
        {},
        {"a": ["-b", "hello:/usr/local/bin/hello", "-e", "Makefile:/m"], "b": ["--mtime=1", "-b", "hello:/b"]},
    ),
}


@pytest.mark.parametrize(("before", "words", "more", "images"), IMAGES.values(), ids=IMAGES)
def test_variables_become_the_tools_arguments(
    work: Path, before: str, words: str, more: dict[str, str], images: dict[str, list[str]]
) -> None:
    """Byte for byte the image of the command line, and beside it nothing but its companions."""
    written(work, f"IMAGE_BINARIES = hello\n{before}{INCLUDE}")
    env = clean_env(**more)
    made(work, "image", *words.split(), env=env)
    assert names(work) == sorted(
        ["Makefile", "hello", *(f"{n}.tar{end}" for n in images for end in ("", ".d", ".stamp", ".state"))]
    )
    assert {name: (work / f"{name}.tar").read_bytes() for name in images} == {
        name: direct(work, *args) for name, args in images.items()
    }
    assert made(work, "image", *words.split(), env=env) == NOTHING


@pytest.mark.parametrize("before", ["", "IMAGE_BINARIES =\n"], ids=["not_set", "empty"])
@pytest.mark.parametrize(
    "goal", ["image", "image-load", "image-run", "image-push", "image-list", "image-tree", "image-verify"]
)
def test_errors_no_binaries(work: Path, before: str, goal: str) -> None:
    written(work, f"all: ; @echo all\n{before}{INCLUDE}IMAGE_BINARIES = too late\n")
    ended = make(work, goal)
    place, _, sentence = ended.stderr.partition(": ")
    assert (place.rpartition(":")[0], sentence, ended.stdout, ended.returncode) == (
        str(MAKEFILE),
        "*** IMAGE_BINARIES is empty; set it before the include.  Stop.\n",
        "",
        2,
    )
    assert made(work) == "all\n"
    assert made(work, "image-clean") == "rm -f \n"


# What it prints ----------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["-s", "--silent", "-s -j4", "-ks", "-s V=1"])
def test_silence_with_s(work: Path, words: str) -> None:
    written(work, HELLO)
    assert made(work, *words.split(), "image") == ""
    assert names(work) == ["Makefile", "hello", *COMPANIONS]


def test_verbosity_shows_the_command_and_is_no_content(work: Path) -> None:
    written(work, HELLO)
    command = made(work, "V=1", "image")
    assert command == (work / "hello.tar.stamp").read_text()
    assert command.partition(" -t ")[2] == (
        "hello.tar --depfile hello.tar.d --depfile-target hello.tar.stamp --depfile-style make --keep-mtime"
        " -b hello:/usr/local/bin/hello\n"
    )
    assert [made(work, *v, "image") for v in ((), ("V=0",), ("V=1",))] == [NOTHING] * 3
    assert made(work, "-B", "V=0", "image") == IMAGE


def test_quiet_line_is_the_projects(work: Path) -> None:
    written(work, f"IMAGE_QUIET = echo '  [tar]'\n{HELLO}")
    assert made(work, "image") == "  [tar] IMAGE hello.tar\n"


def test_list_has_the_path_first_and_makes_no_image(work: Path) -> None:
    written(work, HELLO)
    printed = made(work, "image-list")
    assert printed == ocidiet("-v", "-t", "-", "-b", "hello:/usr/local/bin/hello", cwd=work).stderr
    assert names(work) == ["Makefile", "hello"]
    made(work, "image")
    with tarfile.open(work / "hello.tar") as tar:
        members = [member.name + "/" * member.isdir() for member in tar]
    assert [line.split()[0] for line in printed.splitlines()] == [*members, "standard"]


def test_list_of_several_images(work: Path) -> None:
    written(work, TWO + INCLUDE)
    a, b = (made(work, f"image-list-{name}") for name in "ab")
    assert (a != b, made(work, "image-list")) == (True, a + b)


# Runs with nothing to do, and dry ones -----------------------------------------------------------

FLAGS = ["-n", "--just-print", "-n -j8", "-nj8", "-kn", "-n --no-print-directory", "--no-print-directory -n", "-nI nq"]


@pytest.mark.parametrize("flags", FLAGS)
def test_dry_run_tells_the_truth(work: Path, flags: str) -> None:
    """Before: the command, and nothing is made. After: nothing to do, though the stamp is newer than the image."""
    written(work, f"{HELLO}deployed: hello.tar ; touch $@\n")
    dry = made(work, *flags.split(), "image")
    assert "-t hello.tar --depfile hello.tar.d" in dry
    assert names(work) == ["Makefile", "hello"]
    made(work, "deployed")
    there = snapshot(work)
    assert made(work, *flags.split(), "image") == NOTHING
    assert made(work, *flags.split(), "deployed") == "make: 'deployed' is up to date.\n"
    assert snapshot(work) == there


@pytest.mark.parametrize("flags", ["-q", "--question", "-q -j8", "-kq", "--no-print-directory -q"])
def test_question_tells_the_truth(work: Path, flags: str) -> None:
    written(work, f"{HELLO}deployed: hello.tar ; touch $@\n")
    assert make(work, *flags.split(), "image").returncode == 1
    assert names(work) == ["Makefile", "hello"]
    made(work, "deployed")
    assert [make(work, *flags.split(), goal).returncode for goal in ("image", "deployed")] == [0, 0]


@pytest.mark.parametrize("flags", ["", "-I nq", "NAME=nq", "-k", "-j8", "--no-print-directory", "-w", "-B"])
def test_other_flags_are_no_dry_run(work: Path, flags: str) -> None:
    """A new image is seen by what depends on it in the same make."""
    written(work, f"{HELLO}deployed: hello.tar ; @touch $@\n")
    made(work, "deployed")
    for name in ("deployed", "hello.tar"):
        os.utime(work / name, ns=(10**18, 10**18))
    with (work / "hello").open("ab") as program:
        program.write(b"\0")
    made(work, *flags.split(), "deployed")
    assert (work / "deployed").stat().st_mtime_ns > (work / "hello.tar").stat().st_mtime_ns > 10**18
    assert made(work, "deployed") == "make: 'deployed' is up to date.\n"


# Failures ----------------------------------------------------------------------------------------


def test_failure_a_program_that_nothing_makes(work: Path) -> None:
    written(work, f"IMAGE_BINARIES = absent\n{INCLUDE}")
    ended = make(work, "image")
    error = "make: *** No rule to make target 'absent', needed by 'absent.tar.stamp'.  Stop.\n"
    assert (ended.stdout, ended.stderr, ended.returncode) == ("", error, 2)
    assert names(work) == ["Makefile", "hello"]


FAILURES = {
    "program_gone": ("", [], "ocidiet: error: hello: no such file"),
    "tool_fails": ("", ["OCIDIET=false"], ""),
    "tool_fails_oneshell": (".ONESHELL:\n", ["OCIDIET=false"], ""),
    "tool_absent": ("", ["OCIDIET=no-such-tool"], "no-such-tool"),
    "wrong_flag": ("", ["OCIDIETFLAGS=--no-such-flag"], "ocidiet: error: --no-such-flag: unknown option"),
}


@pytest.mark.parametrize(("before", "words", "error"), FAILURES.values(), ids=FAILURES)
def test_failure_leaves_all_as_it_was(work: Path, before: str, words: list[str], error: str) -> None:
    """The image and the stamp stand; the next make tries again."""
    written(work, before + HELLO)
    made(work, "image")
    if not words:
        (work / "hello").unlink()
    there = snapshot(work)
    for _ in range(2):
        ended = make(work, "image", *words)
        assert (ended.stdout, ended.returncode) == (IMAGE, 2)
        first, last = ended.stderr.splitlines()[0], ended.stderr.splitlines()[-1]
        assert error in first
        assert last.startswith(f"make: *** [{MAKEFILE}:")
        assert "hello.tar.stamp] Error " in last
        assert snapshot(work) == there
    assert make(work, "-q", "image", *words).returncode == 1


def test_failure_of_the_list_fails(work: Path) -> None:
    written(work, HELLO)
    ended = make(work, "image-list", "OCIDIETFLAGS=--no-such-flag")
    assert ended.returncode == 2


# Clean -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["nothing_made", "made", "program_gone", "companions_gone"])
@pytest.mark.parametrize(
    "own",
    ["clean: image-clean ; rm -f hello\n", "clean:: image-clean\nclean:: ; rm -f hello\n"],
    ids=["single", "double_colon"],
)
def test_clean_never_makes_the_image_and_leaves_nothing(work: Path, own: str, state: str) -> None:
    written(work, f"all: hello\n{HELLO}{own}")
    if state != "nothing_made":
        made(work, "image")
    if state == "program_gone":
        (work / "hello").unlink()
    if state == "companions_gone":
        for name in COMPANIONS[1:]:
            (work / name).unlink()
    assert made(work, "clean") == f"{CLEAN}rm -f hello\n"
    assert names(work) == ["Makefile"]


def test_clean_of_the_project_is_its_own(work: Path) -> None:
    written(work, f"{HELLO}clean: ; rm -f hello\n")
    made(work, "image")
    assert made(work, "clean") == "rm -f hello\n"
    assert names(work) == ["Makefile", *COMPANIONS]
    assert made(work, "image-clean") == CLEAN
    assert names(work) == ["Makefile"]


def test_clean_and_image_in_one_make(work: Path) -> None:
    written(work, f"{HELLO}clean: image-clean\n")
    made(work, "image")
    assert made(work, "clean", "image") == f"{CLEAN}{IMAGE}"
    assert made(work, "image") == NOTHING


# Other people's Makefiles ------------------------------------------------------------------------

OWN = "all: hello\n\t@echo $@ $(SHELL)\nclean: ; @echo own clean\n"
MAKEFILES = {
    "include_at_the_first_line": HELLO + OWN,
    "include_at_the_last_line": OWN + HELLO,
    "included_twice": OWN + HELLO + INCLUDE,
    "no_suffixes": f".SUFFIXES:\n{OWN}{HELLO}",
    "no_builtin_rules": f"MAKEFLAGS += -rR\n{OWN}{HELLO}",
    "oneshell": f".ONESHELL:\n{OWN}{HELLO}",
    "posix": f".POSIX:\n{OWN}{HELLO}",
    "second_expansion": f".SECONDEXPANSION:\n{OWN}{HELLO}",
    "delete_on_error": f".DELETE_ON_ERROR:\n{OWN}{HELLO}",
    "exported_all": f"export\n{OWN}{HELLO}",
    "strict_shell": f".SHELLFLAGS = -eu -c\n{OWN}{HELLO}",
    "match_anything_rule": f"%: %.sh ; cp $< $@\n%: RCS/% ; co $<\n{OWN}{HELLO}",
    "own_FORCE": f"{OWN}FORCE:\n.PHONY: FORCE\n{HELLO}",
    "recipes_marked_otherwise": f".RECIPEPREFIX = >\n{HELLO}{OWN}".replace("\t", ">"),
}


@pytest.mark.parametrize("makefile", MAKEFILES.values(), ids=MAKEFILES)
def test_include_in_a_project_of_other_habits(work: Path, makefile: str) -> None:
    """The default goal, the shell and `clean` stay the project's; the image settles at once."""
    written(work, makefile)
    assert made(work) == "all /bin/sh\n"
    assert made(work, "clean") == "own clean\n"
    assert made(work, "image") == IMAGE
    assert made(work, "image") == NOTHING
    assert names(work) == ["Makefile", "hello", *COMPANIONS]
    assert made(work, "image-clean") == CLEAN


def test_include_takes_no_names_but_its_own(work: Path) -> None:
    """Variables and targets of the project before and behind the include."""
    show = "$(info $(sort $(.VARIABLES)))$(info $(SHELL) $(.SHELLFLAGS) $(.SUFFIXES) $(.DEFAULT_GOAL) $(MAKEFLAGS))\n"
    written(work, f"all:\nIMAGE_BINARIES = hello\n{show}include {MAKEFILE}\n{show}all: ; @:\n")
    before, settings, after, settings_after = made(work).splitlines()
    assert settings == settings_after
    new = set(after.split()) - set(before.split())
    assert [name for name in new if not name.startswith(("IMAGE_", "OCIDIET", "__ocidiet"))] == []
    database = make(work, "-pqrR", "image").stdout.partition("# Files\n")[2].splitlines()
    targets = {line.partition(":")[0] for line in database if line and line[0] not in "#\t" and ":" in line}
    own = ("image", "hello.tar", "hello.oci.tar", ".", str(MAKEFILE))
    assert {name for name in targets if not name.startswith(own)} == {"FORCE", "Makefile", "all", "hello"}


@pytest.mark.parametrize("goal", ["image", "image-list", "image-clean"])
def test_include_uses_no_undefined_variable(work: Path, goal: str) -> None:
    written(work, HELLO)
    ended = make(work, "--warn-undefined-variables", goal)
    assert (ended.stderr, ended.returncode) == ("", 0)


def test_parallel_two_images_and_two_goals(work: Path) -> None:
    text = "IMAGES = a b\nIMAGE_BINARIES_a = pa\nIMAGE_BINARIES_b = pb\npa pb: hello ; @cp hello $@\n"
    written(work, f"{text}{INCLUDE}deployed: a.tar b.tar ; @touch $@\n")
    assert sorted(made(work, "-j8", "image", "deployed").splitlines()) == ["    IMAGE    a.tar", "    IMAGE    b.tar"]
    assert made(work, "-j8", "image", "deployed") == f"{NOTHING}make: 'deployed' is up to date.\n"
    assert (work / "a.tar").read_bytes() == direct(work, "-b", "pa:/usr/local/bin/pa")


def test_parallel_two_makes_of_one_image(work: Path) -> None:
    """As from two terminals: both succeed, the image is whole, and then there is nothing to do."""
    written(work, HELLO)
    for turn in range(5):
        with (work / "hello").open("ab") as program:
            program.write(b"\0")
        makes = [
            subprocess.Popen(
                ["make", "image"], cwd=work, env=clean_env(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            for _ in range(3)
        ]
        ends = [(process.communicate()[1], process.returncode) for process in makes]
        assert ends == [(b"", 0)] * 3, turn
        assert (work / "hello.tar").read_bytes() == direct(work, "-b", "hello:/usr/local/bin/hello")
        assert names(work) == ["Makefile", "hello", *COMPANIONS]
        made(work, "image")
        assert made(work, "image") == NOTHING


def test_recursive_make(work: Path) -> None:
    """Flags come down through MAKEFLAGS, among the outer make's own."""
    written(work, "top: ; @$(MAKE) --no-print-directory -C sub image\n")
    (work / "sub").mkdir()
    written(work / "sub", HELLO.replace("= hello", "= ../hello"))
    dry = made(work, "-n")
    assert "-t hello.tar" in dry
    assert names(work / "sub") == ["Makefile"]
    assert made(work) == IMAGE
    nothing = NOTHING.replace("make:", "make[1]:")
    assert (made(work), made(work, "-j4")) == (nothing, nothing)
    assert make(work, "-q").returncode == 0


def test_build_outside_the_source_directory(work: Path) -> None:
    """With VPATH: nothing is written into the source directory, and a program left there is not taken."""
    written(work, f"VPATH = ..\nIMAGE_BINARIES = hello\nIMAGE_EXTRAS = hello.conf:/c conf:/d\n{INCLUDE}")
    with (work / "Makefile").open("a") as makefile:
        makefile.write("hello: hello.c ; @$(CC) -o $@ $<\n")
    (work / "hello.c").write_text("int main(void) { return 0; }\n")
    os.utime(work / "hello", ns=(10**18, 10**18))
    (work / "hello.conf").write_text("1\n")
    (work / "conf").mkdir()
    (work / "conf/a").write_text("a\n")
    (work / "build").mkdir()
    there = snapshot(work)
    build = ["-C", "build", "-f", "../Makefile", "--no-print-directory"]
    args = ["-b", "hello:/usr/local/bin/hello", "-e", "../hello.conf:/c", "../conf:/d"]

    assert made(work, *build, "image") == IMAGE
    assert {name: was for name, was in snapshot(work).items() if not name.startswith("build/")} == there
    assert names(work / "build") == ["hello", *COMPANIONS]
    assert (work / "build/hello.tar").read_bytes() == direct(work / "build", *args)
    assert made(work, *build, "image") == NOTHING
    for changed in ("hello.conf", "conf/a"):
        (work / changed).write_text("2\n")
        for name in COMPANIONS:
            os.utime(work / "build" / name, ns=(10**18, 10**18))
        assert made(work, *build, "image") == IMAGE
        assert (work / "build/hello.tar").read_bytes() == direct(work / "build", *args)
        assert made(work, *build, "image") == NOTHING


def test_program_made_in_a_directory_elsewhere(work: Path, tmp_path: Path) -> None:
    """By a rule for its absolute path, which the depfile names too."""
    program = tmp_path / "out/program"
    program.parent.mkdir()
    rule = f"{program}: hello ; @echo CP; cp $< $@\n"
    written(work, f"all:\n{rule}IMAGE_BINARIES = {program}\n{INCLUDE}")
    image = IMAGE.replace("hello", "program")
    for _ in range(2):
        assert made(work, "image") == f"CP\n{image}"
        assert made(work, "image") == NOTHING
        with (work / "hello").open("ab") as file:
            file.write(b"\0")
        for path in (program, work / "program.tar", work / "program.tar.stamp"):
            os.utime(path, ns=(10**18, 10**18))


def test_exported_variables_ask_no_engine(work: Path) -> None:
    """`export` evaluates every variable for every command; only image-load and image-run need an engine."""
    written(work, f"export\n{HELLO}")
    fakes = work.parent / "bin"
    fakes.mkdir()
    for engine in ("docker", "podman"):
        (fakes / engine).write_text(f"#!/bin/sh\ntouch {work}/asked\n")
        (fakes / engine).chmod(0o755)
    assert made(work, "image", env=clean_env(PATH=f"{fakes}:{clean_env()['PATH']}")) == IMAGE
    assert names(work) == ["Makefile", "hello", *COMPANIONS]


# Installed ---------------------------------------------------------------------------------------


def test_installed_tool_says_where_its_makefile_is(work: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    hidden = shutil.ignore_patterns(".*", "__pycache__", "build", "*.egg-info", "tests", "examples")
    shutil.copytree(CHECKOUT, source, ignore=hidden)
    venv = tmp_path / "venv"
    done([PYTHON, "-m", "venv", "--without-pip", venv])
    pip = [PYTHON, "-m", "pip", "-q", "--disable-pip-version-check"]
    done([*pip, "wheel", "--no-build-isolation", "--no-deps", "-w", tmp_path / "wheel", source])
    wheel = next((tmp_path / "wheel").iterdir())
    done([*pip, "--python", venv / "bin/python", "install", "--no-deps", "--no-index", wheel])

    written(work, "IMAGE_BINARIES = hello\ninclude $(shell ocidiet --makefile)\n")
    env = clean_env(PATH=f"{venv}/bin:{clean_env()['PATH']}")
    assert made(work, "image", env=env) == IMAGE
    assert (work / "hello.tar.stamp").read_text().startswith("ocidiet -t hello.tar ")
    assert made(work, "image", env=env) == NOTHING
    assert make(work, "-q", "image", env=env).returncode == 0
    assert (work / "hello.tar").read_bytes() == direct(work, "-b", "hello:/usr/local/bin/hello")
