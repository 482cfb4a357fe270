"""GNU Make, the include and a container engine: `image-load` and `image-run`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import MAKEFILE, Engine, cc, clean_env
from tests.tools.test_make import IMAGE, make

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    puts("Hello World");
    for (int i = 1; i < argc; i++)
        puts(argv[i]);
    if (getenv("GREETING"))
        puts(getenv("GREETING"));
    return 0;
}
"""
LOAD = "    LOAD     {}\n"
HELLO = f"IMAGE_BINARIES = hello\nIMAGE_NAME = made-hello\ninclude {MAKEFILE}\n"

Made = Callable[..., str]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cc(tmp_path_factory.mktemp("engine") / "hello", PROGRAM)


@pytest.fixture
def work(program: Path, tmp_path: Path) -> Path:
    """A directory with a program, as if built by what the test's Makefile leaves out."""
    shutil.copy2(program, tmp_path / "hello")
    (tmp_path / "Makefile").write_text(HELLO)
    return tmp_path


@pytest.fixture(params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine: Engine = request.getfixturevalue(request.param)
    yield engine
    for image in engine("images", "-q", "made-hello").split():
        engine("rmi", "-f", image)


@pytest.fixture
def made(work: Path, engine: Engine) -> Made:
    """A make in the project with the engine; it must succeed, without complaint."""
    settings = [f"IMAGE_ENGINE={' '.join(engine.argv)}", f"IMAGE_RUNFLAGS={' '.join(engine.run_options)}"]

    def made(*words: str) -> str:
        ended = make(work, *settings, *words, env=engine.env)
        assert (ended.stderr, ended.returncode) == ("", 0)
        return ended.stdout

    return made


def image_id(engine: Engine, name: str = "made-hello") -> str:
    return engine("image", "inspect", "-f", "{{.Id}}", name).strip()


def test_load_only_what_the_engine_has_not(made: Made, engine: Engine) -> None:
    load = LOAD.format("made-hello:latest")
    assert made("image-load") == IMAGE + load
    first = image_id(engine)
    assert made("image-load") == ""
    assert made("image-load") == ""
    assert image_id(engine) == first
    engine("rmi", "made-hello")
    assert made("image-load") == load
    assert made("image-load", "IMAGE_TAG=2") == LOAD.format("made-hello:2")
    assert made("image-load", "IMAGE_TAG=2") == ""
    assert made("image-load") == ""


def test_load_an_image_of_other_content(made: Made, engine: Engine, work: Path) -> None:
    made("image-load")
    first = image_id(engine)
    with (work / "hello").open("ab") as program:
        program.write(b"\0")
    assert made("image-load") == IMAGE + LOAD.format("made-hello:latest")
    assert image_id(engine) != first
    assert made("image-load") == ""


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        ("IMAGE_USER=65532", "65532 [/usr/local/bin/hello] []  "),
        ("IMAGE_USER=65532:65532", "65532:65532 [/usr/local/bin/hello] []  "),
        ("IMAGE_ENTRYPOINT=/usr/local/bin/hello --flag x", " [/usr/local/bin/hello --flag x] []  "),
        ("IMAGE_CMD=one two", " [/usr/local/bin/hello] [one two]  "),
        ("IMAGE_WORKDIR=/usr", " [/usr/local/bin/hello] [] /usr "),
        ("IMAGE_ENV=GREETING=Moin EMPTY=", " [/usr/local/bin/hello] []  GREETING=Moin EMPTY= "),
    ],
)
def test_load_again_for_another_configuration(made: Made, engine: Engine, work: Path, setting: str, shown: str) -> None:
    """Without packing again: the image's file is the same."""
    made("image-load")
    before = (work / "hello.tar.stamp").stat().st_mtime_ns
    assert made("image-load", setting) == LOAD.format("made-hello:latest")
    view = "{{.Config.User}} {{.Config.Entrypoint}} {{.Config.Cmd}} {{.Config.WorkingDir}}"
    view += " {{range .Config.Env}}{{.}} {{end}}"
    assert engine("image", "inspect", "-f", view, "made-hello") == f"{shown}\n"
    assert made("image-load", setting) == ""
    assert made("image-load") == LOAD.format("made-hello:latest")
    assert (work / "hello.tar.stamp").stat().st_mtime_ns == before


def test_run_prints_and_passes_words(made: Made) -> None:
    assert made("image-run") == f"{IMAGE}{LOAD.format('made-hello:latest')}Hello World\n"
    assert made("image-run") == "Hello World\n"
    assert made("image-run", "ARGS=one --two") == "Hello World\none\n--two\n"
    loaded = LOAD.format("made-hello:latest")
    assert made("image-run", "IMAGE_ENV=GREETING=Moin") == f"{loaded}Hello World\nMoin\n"
    assert made("-s", "image-run", "IMAGE_CMD=by default") == "Hello World\nby\ndefault\n"


def test_run_of_several_images_and_programs(made: Made, work: Path) -> None:
    """One image has one command; which one of several starts is the project's to say."""
    shutil.copy(work / "hello", work / "other")
    text = "IMAGES = made-hello made-two\nIMAGE_BINARIES_made-hello = hello\nIMAGE_BINARIES_made-two = hello other\n"
    (work / "Makefile").write_text(f"{text}include {MAKEFILE}\n")
    start = "IMAGE_ENTRYPOINT_made-two=/usr/local/bin/other three"
    assert made("-s", "image-run-made-hello") == "Hello World\n"
    assert made("-s", "image-run-made-two", start) == "Hello World\nthree\n"
    assert made("image-load", start) == ""


# Without an engine -------------------------------------------------------------------------------

TWO_PROGRAMS = f"IMAGE_BINARIES = hello hello:/b\nIMAGE_ENGINE = true\ninclude {MAKEFILE}\n"
TWO_IMAGES = f"IMAGES = a b\nIMAGE_BINARIES = hello\ninclude {MAKEFILE}\n"


@pytest.mark.parametrize(
    ("makefile", "sentence"),
    [
        pytest.param(
            TWO_PROGRAMS, "hello holds several programs: set IMAGE_ENTRYPOINT to the one to start", id="programs"
        ),
        pytest.param(TWO_IMAGES, "several images: choose one of image-run-a image-run-b", id="images"),
    ],
)
def test_errors_which_one_to_run(work: Path, makefile: str, sentence: str) -> None:
    (work / "Makefile").write_text(makefile)
    ended = make(work, "image-run")
    assert ended.stderr.partition(": *** ")[2] == f"{sentence}.  Stop.\n"
    assert ended.returncode == 2


def fake(work: Path, answers: dict[str, bool]) -> subprocess.CompletedProcess[str]:
    """`make image-load` where these engines alone are on PATH; each answers or not, and logs what it is asked."""
    directory = work / "bin"
    directory.mkdir()
    for engine in ("docker", "podman"):
        asked = f"echo {engine} $1 >>{work}/log" if engine in answers else "exit 127"
        (directory / engine).write_text(f"#!/bin/sh\n{asked}\nexit {int(not answers.get(engine))}\n")
        (directory / engine).chmod(0o755)
    return make(work, "image-load", env=clean_env(PATH=f"{directory}{os.pathsep}{clean_env()['PATH']}"))


@pytest.mark.parametrize(
    ("answers", "log"),
    [
        ({"docker": True, "podman": True}, ["docker version", "docker image", "docker import"]),
        ({"docker": True}, ["docker version", "docker image", "docker import"]),
        ({"podman": True}, ["podman version", "podman image", "podman import"]),
        (
            {"docker": False, "podman": True},
            ["docker version", "podman version", "podman image", "podman import"],
        ),
    ],
    ids=["both", "docker_alone", "podman_alone", "docker_without_its_daemon"],
)
def test_engine_is_docker_else_podman_who_answers(work: Path, answers: dict[str, bool], log: list[str]) -> None:
    """It is asked once, and only for what needs it."""
    ended = fake(work, answers)
    assert (ended.stdout, ended.stderr, ended.returncode) == (IMAGE + LOAD.format("made-hello:latest"), "", 0)
    assert (work / "log").read_text().splitlines() == log


@pytest.mark.parametrize("answers", [{}, {"docker": False, "podman": False}], ids=["none", "none_that_answers"])
def test_errors_no_engine(work: Path, answers: dict[str, bool]) -> None:
    ended = fake(work, answers)
    sentence = "no container engine answers: install docker or podman, or set IMAGE_ENGINE.  Stop.\n"
    assert ended.stderr.partition(": *** ")[2] == sentence
    assert (ended.stdout, ended.returncode) == (IMAGE, 2)


def test_failure_of_the_engine_fails(work: Path) -> None:
    ended = make(work, "image-load", "IMAGE_ENGINE=false")
    assert (ended.stdout, ended.returncode) == (IMAGE + LOAD.format("made-hello:latest"), 2)
