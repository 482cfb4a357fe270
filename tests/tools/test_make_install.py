"""GNU Make and the include: what `make install` installs, layers over a base, and the targets that look at an image."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

import pytest

from tests import support
from tests.support import Engine, clean_env, ocidiet, run
from tests.tools.events import snapshot
from tests.tools.test_make import IMAGE, NOTHING, make
from tests.tools.test_make_manners import (
    ARCHIVE,
    CLEAN,
    COMPANIONS,
    HELLO,
    INCLUDE,
    direct,
    made,
    names,
    program,
    work,
    written,
)

__all__ = ["program", "work"]
pytestmark = pytest.mark.usefixtures("each_make")

INSTALL = """\
bindir = /opt/bin
install: hello
	mkdir -p $(DESTDIR)$(bindir) $(DESTDIR)/opt/share
	cp hello $(DESTDIR)$(bindir)
	echo data >$(DESTDIR)/opt/share/data
"""
WANTED = f"IMAGES = hello\nIMAGE_INSTALL = install\nIMAGE_ENTRYPOINT = /opt/bin/hello\n{INCLUDE}"
STEPS = "    INSTALL  hello.destdir\n    IMAGE    hello.tar\n"
STAGED = ["hello.destdir/opt/bin/hello", "hello.destdir/opt/share/data"]


def test_install_is_what_the_image_holds(work: Path) -> None:
    written(work, INSTALL + WANTED)
    assert made(work, "image") == STEPS
    assert names(work) == sorted(["Makefile", "hello", *COMPANIONS, *STAGED])
    assert (work / "hello.tar").read_bytes() == direct(work, "--destdir", "hello.destdir")


@pytest.mark.parametrize(
    ("before", "name"),
    [
        ("IMAGES = a\n", "a"),
        ("IMAGE_ENTRYPOINT = /opt/bin/start --now\n", "start"),
        ("IMAGE_BINARIES = =/opt/bin/hello\n", "hello"),
        ("IMAGE_BINARIES = hello:/b\nIMAGE_ENTRYPOINT = /opt/bin/start\n", "hello"),
    ],
)
def test_install_gives_an_image_of_some_name(work: Path, before: str, name: str) -> None:
    written(work, f"{INSTALL}{before}IMAGE_INSTALL = install\n{INCLUDE}")
    made(work, "image")
    assert (work / f"{name}.tar").exists()


@pytest.mark.parametrize("variable", ["IMAGE_INSTALL = install", "IMAGE_DESTDIR = d"])
def test_install_without_a_name_is_an_error(work: Path, variable: str) -> None:
    written(work, f"{INSTALL}{variable}\n{INCLUDE}")
    ended = make(work, "image")
    assert ended.stderr.endswith("*** the image has no name; set IMAGES before the include.  Stop.\n")
    assert ended.returncode == 2


def test_install_runs_every_time_and_an_image_of_the_same_content_keeps_its_time(work: Path) -> None:
    written(work, f"{INSTALL}{WANTED}deployed: hello.tar ; @touch $@; echo DEPLOY\n")
    assert made(work, "deployed") == f"{STEPS}DEPLOY\n"
    for name in ("deployed", "hello.tar"):
        os.utime(work / name, ns=(10**18, 10**18))
    assert made(work, "deployed") == STEPS
    assert (work / "hello.tar").stat().st_mtime_ns == 10**18
    (work / "hello.destdir/opt/share/stale").touch()
    assert made(work, "deployed") == STEPS
    assert [name for name in names(work) if "destdir" in name] == STAGED
    edited = (work / "Makefile").read_text().replace("echo data", "echo other")
    written(work, edited)
    assert made(work, "deployed") == f"{STEPS}DEPLOY\n"


@pytest.mark.parametrize("flags", ["-n", "-nj8", "-n V=1"])
@pytest.mark.parametrize("habit", ["", ".ONESHELL:\n"], ids=["", "oneshell"])
def test_install_dry_runs_show_it_and_touch_nothing(work: Path, flags: str, habit: str) -> None:
    """Before and after: what would be installed is not known."""
    written(work, f"{habit}{INSTALL}{WANTED}")
    for _ in range(2):
        there = snapshot(work)
        dry = made(work, *flags.split(), "image")
        assert ("cp hello " in dry, "-t hello.tar" in dry) == (True, True)
        assert snapshot(work) == there
        assert make(work, "-q", "image").returncode == 1
        assert snapshot(work) == there
        made(work, "image")


@pytest.mark.parametrize("words", ["-s", "V=1", "-j8", "-j8 -k", "-B", "--no-print-directory"])
def test_install_with_flags(work: Path, words: str) -> None:
    written(work, INSTALL + WANTED)
    printed = made(work, *words.split(), "image")
    assert ("cp hello " in printed) == (words == "V=1")
    assert (words == "-s") == (printed == "")
    assert [name for name in names(work) if "destdir" in name] == STAGED


def test_install_in_another_makefile_and_directory(work: Path) -> None:
    written(work, INSTALL + WANTED)
    (work / "Makefile").rename(work / "other.mk")
    made(work, "-f", "other.mk", "image", "IMAGE_DIR=out/deep")
    assert (work / "out/deep/hello.destdir/opt/bin/hello").exists()
    assert (work / "out/deep/hello.tar").read_bytes() == direct(work, "--destdir", "out/deep/hello.destdir")


def test_install_of_several_images_is_one_after_another(work: Path) -> None:
    """Each may build what the other builds too."""
    text = "install-%: hello ; mkdir busy; sleep 0.2; mkdir -p $(DESTDIR)/opt; cp hello $(DESTDIR)/opt/$*; rmdir busy\n"
    text += "IMAGES = a b\nIMAGE_INSTALL_a = install-a\nIMAGE_INSTALL_b = install-b\n"
    written(work, text + INCLUDE)
    steps = made(work, "-j8", "image").split()
    assert sorted(steps) == sorted(["INSTALL", "a.destdir", "INSTALL", "b.destdir", "IMAGE", "a.tar", "IMAGE", "b.tar"])
    assert (work / "b.tar").read_bytes() == direct(work, "--destdir", "b.destdir")


def test_install_that_fails_leaves_the_image(work: Path) -> None:
    written(work, INSTALL + WANTED)
    made(work, "image")
    before = (work / "hello.tar").stat()
    written(work, f"{INSTALL}\tfalse\n{WANTED}")
    ended = make(work, "image")
    assert (ended.returncode, ended.stdout) == (2, "    INSTALL  hello.destdir\n")
    assert (work / "hello.tar").stat() == before


def test_install_is_cleaned(work: Path) -> None:
    written(work, f"{INSTALL}{WANTED}clean: image-clean\n")
    made(work, "image")
    assert made(work, "clean").endswith(" && rm -rf hello.destdir\n")
    assert names(work) == ["Makefile", "hello"]
    assert made(work, "clean", "image").endswith(STEPS)


def test_install_alone(work: Path) -> None:
    written(work, INSTALL + WANTED)
    assert made(work, "image-install") == "    INSTALL  hello.destdir\n"
    assert names(work) == sorted(["Makefile", "hello", *STAGED])


# A tree that another rule makes ----------------------------------------------------------------------


def test_destdir_is_a_prerequisite_and_its_files_are_inputs(work: Path) -> None:
    rule = "stage: hello ; @echo STAGE; mkdir -p $@/opt; cp hello $@/opt\n"
    written(work, f"{rule}IMAGES = hello\nIMAGE_DESTDIR = stage\n{INCLUDE}")
    assert made(work, "image") == f"STAGE\n{IMAGE}"
    assert (work / "hello.tar").read_bytes() == direct(work, "--destdir", "stage")
    assert made(work, "image") == NOTHING
    assert made(work, "-n", "image") == NOTHING
    (work / "stage/opt/data").write_text("data\n")
    assert made(work, "image") == IMAGE
    assert (work / "hello.tar").read_bytes() == direct(work, "--destdir", "stage")
    assert made(work, "image-clean") == CLEAN
    assert (work / "stage/opt/data").exists()


# Bases and layouts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["portable", "scratch", "merged", "split"])
def test_layout_is_the_tool_s(work: Path, layout: str) -> None:
    written(work, f"IMAGE_LAYOUT = {layout}\n{HELLO}")
    assert made(work, "image") == IMAGE
    args = ["-b", "hello:/usr/local/bin/hello", "--layout", layout]
    assert (work / "hello.tar").read_bytes() == direct(work, *args)


def test_base_is_a_prerequisite_and_an_input(work: Path) -> None:
    rule = "base.tar: base.list ; @echo BASE; tar -cf $@ -T $<\n"
    (work / "base.list").write_text("")
    written(work, f"{rule}IMAGE_BASE = base.tar\n{HELLO}")
    assert made(work, "image") == f"BASE\n{IMAGE}"
    whole = (work / "hello.tar").read_bytes()
    assert made(work, "image") == NOTHING
    (work / "base.list").write_text(ocidiet("list", "/bin/true").stdout)
    os.utime(work / "base.list")
    ended = make(work, "image")
    assert (ended.returncode, ended.stdout) == (0, f"BASE\n{IMAGE}")
    with tarfile.open(work / "hello.tar") as tar:
        assert [member.name for member in tar if member.isfile()] == ["usr/local/bin/hello"]
    assert whole != (work / "hello.tar").read_bytes()


def test_layer_is_not_verified_alone(work: Path) -> None:
    """The whole image is, which the archive holds; over what is no image there is none."""
    ocidiet("-b", "hello:/b", "--archive", "base.oci.tar", cwd=work)
    written(work, f"IMAGE_BASE = base.oci.tar\n{HELLO}")
    archive = IMAGE.replace(".tar", ".oci.tar")
    assert made(work, "image-verify").startswith(f"{archive}hello.oci.tar: ok, 2 programs, ")
    (work / "base").mkdir()
    ended = make(work, "image-load", "IMAGE_BASE=base", "IMAGE_ENGINE=false")
    told = f"ocidiet: error: {work}/base: a root file system, which has no layers for an image to lie over"
    assert (ended.returncode, ended.stderr.splitlines()[0]) == (2, told)


# Formats ---------------------------------------------------------------------------------------------

BOTH = "    IMAGE    hello.tar\n    IMAGE    hello.oci.tar\n"


def test_formats_are_of_one_run(work: Path) -> None:
    written(work, f"IMAGE_FORMATS = tar oci.tar\n{HELLO}deployed: hello.oci.tar ; @echo DEPLOY; touch $@\n")
    assert made(work, "-j8", "image", "deployed") == f"{BOTH}DEPLOY\n"
    assert names(work) == sorted(["Makefile", "deployed", "hello", *COMPANIONS, "hello.oci.tar", "hello.oci.tar.state"])
    assert (work / "hello.tar").read_bytes() == direct(work, "-b", "hello:/usr/local/bin/hello")
    assert made(work, "-j8", "image", "deployed") == f"{NOTHING}make: 'deployed' is up to date.\n"
    assert (made(work, "-n", "image"), make(work, "-q", "image").returncode) == (NOTHING, 0)
    for gone in ("hello.tar", "hello.oci.tar", "hello.tar.d"):
        (work / gone).unlink()
        assert made(work, "image") == BOTH
        assert made(work, "image") == NOTHING
    assert made(work, "image-clean") == CLEAN
    assert names(work) == ["Makefile", "deployed", "hello"]


def test_formats_archive_alone(work: Path) -> None:
    written(work, f"IMAGE_FORMATS = oci.tar\n{HELLO}")
    archive = IMAGE.replace(".tar", ".oci.tar")
    assert made(work, "image") == archive
    assert names(work) == sorted(["Makefile", "hello", *ARCHIVE])
    assert made(work, "image") == NOTHING
    assert made(work, "image-verify").startswith("hello.oci.tar: ok, 1 program, ")
    assert made(work, "hello.tar") == IMAGE


def test_formats_of_other_words_are_an_error(work: Path) -> None:
    written(work, f"IMAGE_FORMATS = tar zip\n{HELLO}")
    assert make(work, "image").stderr.endswith("*** IMAGE_FORMATS: zip is neither tar nor oci.tar.  Stop.\n")


# The registry ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "hello", "vendor/hello"])
def test_push_without_a_registry_is_an_error(work: Path, name: str) -> None:
    written(work, f"IMAGE_NAME = {name}\n{HELLO}")
    ended = make(work, "image-push", "IMAGE_PUSHFLAGS=--no-such-flag")
    told = f"{name or 'hello'}:latest names no registry to push to: set IMAGE_NAME, as registry.example/hello.  Stop.\n"
    assert (ended.returncode, ended.stderr.partition(": *** ")[2]) == (2, told)


def test_push_without_skopeo_is_an_error(work: Path, tmp_path: Path) -> None:
    written(work, f"IMAGE_NAME = localhost:5/hello\n{HELLO}")
    (tmp_path / "bin").mkdir()
    for tool in ("make", "mkdir", "touch", "sh", "python3"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool, path=support.PATH) or "")
    ended = run([tmp_path / "bin/make", "image-push"], work, clean_env(PATH=f"{tmp_path}/bin"))
    told = "image-push needs skopeo: install it, or push hello.oci.tar with another tool"
    assert (ended.returncode, ended.stderr.splitlines()[0]) == (2, told)


# Looking at images -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "steps"), [(HELLO, ""), (INSTALL + WANTED, "    INSTALL  hello.destdir\n")])
def test_tree_and_list_make_no_image(work: Path, before: str, steps: str) -> None:
    written(work, before)
    listed = made(work, "image-list").removeprefix(steps)
    drawn = made(work, "image-tree").removeprefix(steps)
    assert drawn.startswith(listed)
    assert "libc.so.6" in drawn.removeprefix(listed)
    assert [name for name in names(work) if ".tar" in name] == []


def test_verify_makes_the_image_and_fails_with_it(work: Path) -> None:
    written(work, HELLO)
    printed = made(work, "image-verify")
    assert printed.startswith(f"{IMAGE}hello.tar: ok, 1 program, 2 libraries, ")
    (work / "hello.tar").write_bytes(b"damaged")
    ended = make(work, "-o", "hello.tar", "image-verify")
    assert (ended.returncode, "hello.tar: " in ended.stdout) == (2, True)


def test_installed_image_starts(work: Path, docker: Engine) -> None:
    written(work, INSTALL + WANTED)
    flags = ["IMAGE_RUNFLAGS=--network=none", "IMAGE_ENGINE=/usr/bin/docker"]
    printed = made(work, "image-run", *flags, env={**docker.env, "PATH": os.environ["PATH"]})
    # A daemon that has it already is not given it again.
    steps = STEPS.replace("hello.tar", "hello.oci.tar")
    assert printed.replace("    LOAD     hello:latest\n", "") == f"{steps}Hello World\n"
