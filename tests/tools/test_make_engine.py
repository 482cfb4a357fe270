"""GNU Make, the include and a container engine: `image-load` and `image-run`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ocidiet.oci import PATH
from tests.support import MAIN, MAKEFILE, PYTHON, Engine, cc, clean_env, done
from tests.tools.test_make import make

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
IMAGE = "    IMAGE    hello.oci.tar\n"
LOAD = "    LOAD     {}\n"
HELLO = f"IMAGE_BINARIES = hello\nIMAGE_NAME = made-hello\ninclude {MAKEFILE}\n"

TOOL: list[str | Path] = [PYTHON, "-IS", MAIN]
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
    """Of another name, the archive is another too: it holds the name."""
    load = LOAD.format("made-hello:latest")
    assert made("image-load") == IMAGE + load
    first = image_id(engine)
    assert made("image-load") == ""
    assert made("image-load") == ""
    assert image_id(engine) == first
    engine("rmi", "made-hello")
    assert made("image-load") == load
    assert made("image-load", "IMAGE_TAG=2") == IMAGE + LOAD.format("made-hello:2")
    assert made("image-load", "IMAGE_TAG=2") == ""
    assert made("image-load") == IMAGE


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
        ("IMAGE_USER=65532", "65532 [/usr/local/bin/hello] []  {PATH} "),
        ("IMAGE_USER=65532:65532", "65532:65532 [/usr/local/bin/hello] []  {PATH} "),
        ("IMAGE_ENTRYPOINT=/usr/local/bin/hello --flag x", " [/usr/local/bin/hello --flag x] []  {PATH} "),
        ('IMAGE_ENTRYPOINT=["/usr/local/bin/hello", "a b"]', " [/usr/local/bin/hello a b] []  {PATH} "),
        ("IMAGE_CMD=one it's two", " [/usr/local/bin/hello] [one it's two]  {PATH} "),
        ("IMAGE_WORKDIR=/usr", " [/usr/local/bin/hello] [] /usr {PATH} "),
        ("IMAGE_ENV=GREETING=Moin EMPTY=", " [/usr/local/bin/hello] []  {PATH} GREETING=Moin EMPTY= "),
        ("IMAGE_ENV=PATH=/opt:$$PATH", " [/usr/local/bin/hello] []  PATH=/opt:{PATH:5} "),
        ("IMAGE_LABELS=a=b c=d", " [/usr/local/bin/hello] []  {PATH} a=b c=d "),
        ("IMAGE_FLAGS=--label 'a=b c'", " [/usr/local/bin/hello] []  {PATH} a=b c "),
    ],
)
def test_load_again_for_another_configuration(made: Made, engine: Engine, work: Path, setting: str, shown: str) -> None:
    """The root file system stays as it is: it says nothing of the kind."""
    made("image", "image-load")
    before = (work / "hello.tar").read_bytes()
    assert made("image-load", setting) == IMAGE + LOAD.format("made-hello:latest")
    view = "{{.Config.User}} {{.Config.Entrypoint}} {{.Config.Cmd}} {{.Config.WorkingDir}}"
    view += " {{range .Config.Env}}{{.}} {{end}}{{range $name, $text := .Config.Labels}}{{$name}}={{$text}} {{end}}"
    expected = shown.replace("{PATH:5}", PATH).replace("{PATH}", f"PATH={PATH}")
    assert engine("image", "inspect", "-f", view, "made-hello") == f"{expected}\n"
    assert made("image-load", setting) == ""
    assert made("image-load") == IMAGE + LOAD.format("made-hello:latest")
    assert made("image", setting) == "make: Nothing to be done for 'image'.\n"
    assert (work / "hello.tar").read_bytes() == before


def test_run_prints_and_passes_words(made: Made) -> None:
    assert made("image-run") == f"{IMAGE}{LOAD.format('made-hello:latest')}Hello World\n"
    assert made("image-run") == "Hello World\n"
    assert made("image-run", "ARGS=one --two") == "Hello World\none\n--two\n"
    loaded = LOAD.format("made-hello:latest")
    assert made("image-run", "IMAGE_ENV=GREETING=Moin") == f"{IMAGE}{loaded}Hello World\nMoin\n"
    assert made("-s", "image-run", "IMAGE_CMD=by default") == "Hello World\nby\ndefault\n"


def test_run_of_several_images_and_programs(made: Made, work: Path) -> None:
    """One image has one command; which of several starts is the project's to say, or the user's."""
    shutil.copy(work / "hello", work / "other")
    text = "IMAGES = made-hello made-two\nIMAGE_BINARIES_made-hello = hello\nIMAGE_BINARIES_made-two = hello other\n"
    (work / "Makefile").write_text(f"{text}include {MAKEFILE}\n")
    start = "IMAGE_ENTRYPOINT_made-two=/usr/local/bin/other three"
    assert made("-s", "image-run-made-hello") == "Hello World\n"
    assert made("-s", "image-run-made-two", start) == "Hello World\nthree\n"
    assert made("image-load", start) == ""
    assert made("-s", "image-run-made-two", start, "ARGS=four") == "Hello World\nthree\nfour\n"


def test_run_over_a_base(made: Made, work: Path) -> None:
    """The layers of the base are the image's."""
    base = [*TOOL, "--archive", "base.oci.tar", "-e", "Makefile:/base", "-b", "hello:/bin/base"]
    done(base, work)
    (work / "Makefile").write_text(f"IMAGE_BASE = base.oci.tar\n{HELLO}")
    assert made("image-run") == f"{IMAGE}{LOAD.format('made-hello:latest')}Hello World\n"
    with tarfile.open(work / "hello.oci.tar") as archive:
        stored = archive.extractfile("manifest.json")
        assert stored is not None
        assert len(json.load(stored)[0]["Layers"]) == 2
    assert made("image-load") == ""
    assert made("image-verify").startswith("hello.oci.tar: ok, 2 programs, ")


# Without an engine -------------------------------------------------------------------------------

TWO_IMAGES = f"IMAGES = a b\nIMAGE_BINARIES = hello\ninclude {MAKEFILE}\n"


def test_errors_which_image_to_run(work: Path) -> None:
    (work / "Makefile").write_text(TWO_IMAGES)
    ended = make(work, "image-run")
    assert ended.stderr.partition(": *** ")[2] == "several images: choose one of image-run-a image-run-b.  Stop.\n"
    assert ended.returncode == 2


def test_warning_of_several_programs(work: Path) -> None:
    """Which of them a container starts, its user may still say: the image is good."""
    ended = make(work, "image-load", "IMAGE_BINARIES=hello hello:/b", "IMAGE_ENGINE=true")
    text = "ocidiet: warning: 2 programs, and the image starts none: --entrypoint says which\n"
    assert (ended.returncode, ended.stderr) == (0, text)


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
        ({"docker": True, "podman": True}, ["docker version", "docker image", "docker load"]),
        ({"docker": True}, ["docker version", "docker image", "docker load"]),
        ({"podman": True}, ["podman version", "podman image", "podman load"]),
        (
            {"docker": False, "podman": True},
            ["docker version", "podman version", "podman image", "podman load"],
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
