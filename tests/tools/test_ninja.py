"""Ninja, with a rule as its manual has it: what must and what must not happen after each event."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support import PYTHON, clean_env, done, need, run
from tests.tools import events
from tests.tools.events import NEW, RUN, SETTLED, Project, install, overwrite, remove, template_in
from tests.tools.test_make import MORE

EVENTS = {**events.EVENTS, **MORE}

NOTHING = "ninja: no work to do.\n"
TOOL = "python3 -IS ../tool/ocidiet/__main__.py -t $out --depfile $out.d"
REQUEST = "--root ../root -b hello:/usr/local/bin/hello -e conf:/etc/hello ../elsewhere/data:/srv"
KEEPING = f"""\
rule pack
  command = {TOOL} --keep-mtime {REQUEST}
  description = IMAGE
  depfile = $out.d
  deps = gcc
  restat = 1
"""
PLAIN = f"""\
rule pack
  command = {TOOL} {REQUEST}
  description = IMAGE
  depfile = $out.d
"""
BUILD = """\
rule deploy
  command = touch $out
  description = DEPLOY
build hello.tar: pack hello
build deployed: deploy hello.tar
"""
SAME_EVENTS = [
    "nothing",
    "program_touched",
    "image_deleted",
    "library_touched",
    "library_edited",
    "older_library_renamed_into_place",
    "link_turned_to_an_older_library",
    "shadowing_library_in_the_root",
    "shadowing_library_in_a_new_directory_of_the_root",
    "library_of_a_default_directory_upgraded",
    "loader_upgraded",
    "searched_directory_touched",
    "another_file_in_the_build_tree",
    "another_file_beside_the_image",
    "extra_file_added",
    "extra_file_replaced_by_an_old_one",
    "extra_directory_touched",
    "sub_file_added",
    "sub_file_changed",
    "outer_sub_file_removed",
    "tool_touched",
    "ocidiet_upgraded_with_effect",
]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return template_in(tmp_path_factory.mktemp("ninja"))


def ran(project: Project) -> list[str]:
    """What ninja runs now; it must succeed."""
    ended = run(["ninja", "deployed"], project.work)
    assert (ended.stderr, ended.returncode) == ("", 0)
    return [] if ended.stdout == NOTHING else [line.split()[-1] for line in ended.stdout.splitlines()]


def built(home: Path, template: Path, rule: str) -> Project:
    need("ninja")
    project = Project(home, template)
    (project.work / "build.ninja").write_text(rule + BUILD)
    assert (ran(project), ran(project)) == (NEW, SETTLED)
    return project


def from_scratch(project: Project) -> bytes:
    """The image as a first run would make it now."""
    scratch = project.home / "scratch.tar"
    command = f"{TOOL} {REQUEST}".replace("$out", str(scratch))
    assert run(command.split(), project.work).returncode == 0
    return scratch.read_bytes()


@pytest.mark.parametrize("rule", [KEEPING, PLAIN], ids=["deps_gcc_restat_keep_mtime", "depfile_alone"])
@pytest.mark.parametrize("name", SAME_EVENTS)
def test_incremental_one_event_runs_what_it_must(template: Path, tmp_path: Path, name: str, rule: str) -> None:
    """An image of unchanged content cuts off what comes behind it only where it keeps its time."""
    project = built(tmp_path, template, rule)
    act, expected, *_ = EVENTS[name]
    act(project)
    assert ran(project) == (NEW if expected == RUN and rule == PLAIN else expected)
    assert ran(project) == SETTLED
    assert (project.work / "hello.tar").read_bytes() == from_scratch(project)


@pytest.mark.parametrize("rule", [KEEPING, PLAIN], ids=["deps_gcc_restat_keep_mtime", "depfile_alone"])
def test_incremental_a_deleted_library(template: Path, tmp_path: Path, rule: str) -> None:
    """Not "missing and no known rule to make it": the tool says what is missing, or finds another."""
    project = built(tmp_path, template, rule)
    before = project.tar.read_bytes()
    install("root/opt/first/libgreet.so.1")(project)
    assert ran(project) == NEW
    remove("root/opt/first/libgreet.so.1")(project)
    assert (ran(project), ran(project), project.tar.read_bytes()) == (NEW, SETTLED, before)

    away = (project.root / "opt/greet").rename(project.home / "away")
    for _ in range(2):
        ended = run(["ninja", "deployed"], project.work)
        assert "ocidiet: error: hello: 1 library not found\n  libgreet.so.1, needed by hello\n" in ended.stdout
        assert (ended.returncode, project.tar.read_bytes()) == (1, before)
    away.rename(project.root / "opt/greet")
    assert ran(project) == (RUN if rule == KEEPING else NEW)
    assert (ran(project), project.tar.read_bytes()) == (SETTLED, before)


def test_deps_lists_all_that_was_read_of_the_root(template: Path, tmp_path: Path) -> None:
    project = built(tmp_path, template, KEEPING)
    head, *listed = run(["ninja", "-t", "deps", "hello.tar"], project.work).stdout.split("\n")
    assert head.endswith("(VALID)")
    paths = [Path(line.strip()) for line in listed if line]
    assert sorted(path for path in paths if path.is_relative_to(project.root) and path.is_file()) == sorted(
        path for path in project.root.rglob("*") if path.is_file()
    )
    assert {path.name for path in paths if not path.is_absolute()} == {"hello", "conf", "a", "sub", "b"}


@pytest.mark.parametrize("rule", [KEEPING, PLAIN], ids=["deps_gcc_restat_keep_mtime", "depfile_alone"])
def test_incremental_below_a_directory_with_a_space(template: Path, tmp_path: Path, rule: str) -> None:
    project = built(tmp_path / "a b", template, rule)
    install("root/opt/greet/libgreet.so.1.0")(project)
    assert (ran(project), ran(project)) == (NEW, SETTLED)


def test_explain_names_what_has_changed(template: Path, tmp_path: Path) -> None:
    project = built(tmp_path, template, KEEPING)
    overwrite(project)
    ended = run(["ninja", "-d", "explain", "-n", "deployed"], project.work)
    library = project.root / "opt/greet/libgreet.so.1"
    assert f"hello.tar older than most recent input {library}" in ended.stdout + ended.stderr


def test_cleandead_removes_the_image_that_is_no_longer_asked_for(template: Path, tmp_path: Path) -> None:
    project = built(tmp_path, template, KEEPING)
    (project.work / "build.ninja").write_text(KEEPING + BUILD.replace("hello.tar", "other.tar"))
    assert (ran(project), ran(project)) == (NEW, SETTLED)
    done(["ninja", "-t", "cleandead"], project.work)
    assert [(project.work / name).exists() for name in ("hello.tar", "other.tar", "hello", "deployed")] == [
        False,
        True,
        True,
        True,
    ]
    assert ran(project) == SETTLED


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("rule", [KEEPING, PLAIN], ids=["deps_gcc_restat_keep_mtime", "depfile_alone"])
def test_a_killed_build_is_made_good_by_the_next(
    template: Path, tmp_path: Path, rule: str, signum: signal.Signals
) -> None:
    """With SIGKILL the tool outlives the ninja that started it; else ninja takes the image away."""
    project = built(tmp_path, template, rule)
    overwrite(project)
    tool = tmp_path / "bin/python3"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\ntouch {tmp_path}/runs; sleep 0.3; {PYTHON} "$@"; touch {tmp_path}/ran\n')
    tool.chmod(0o755)
    env = clean_env(PATH=f"{tool.parent}:{clean_env()['PATH']}")
    with subprocess.Popen(["ninja", "deployed"], cwd=project.work, env=env, stdout=subprocess.DEVNULL) as ninja:
        wait_for(tmp_path / "runs")
        ninja.send_signal(signum)
    assert ninja.returncode != 0
    if signum == signal.SIGKILL:
        wait_for(tmp_path / "ran")
    assert ran(project) == NEW
    steps = ran(project)
    assert steps in (SETTLED, RUN if rule == KEEPING else SETTLED)
    assert ran(project) == SETTLED
    assert project.tar.read_bytes() == from_scratch(project)
    assert [path.name for path in project.work.iterdir() if "-tmp" in path.name] == []


def wait_for(path: Path) -> None:
    for _ in range(1000):
        if path.exists():
            return
        time.sleep(0.01)
    raise AssertionError(path)
