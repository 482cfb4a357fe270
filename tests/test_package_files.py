"""The wheel and the sdist hold exactly what they should; what is installed works."""

from __future__ import annotations

import shutil
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support import CHECKOUT, HELLO, cc, done

SHIPPED = ["cmake/README.md", "cmake/ocidietConfig.cmake", "cmake/ocidietConfigVersion.cmake"]
SHIPPED += ["make/README.md", "make/ocidiet.mk"]
ROOMS = sorted(path.relative_to(CHECKOUT / "ocidiet").as_posix() for path in (CHECKOUT / "ocidiet").rglob("*.py"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one wheel and one sdist."""
    top = tmp_path_factory.mktemp("package")
    source, out = top / "source", top / "out"
    for name in ("ocidiet", "cmake", "make"):
        shutil.copytree(CHECKOUT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(CHECKOUT / name, source / name)
    out.mkdir()
    hook = "import sys; from setuptools import build_meta as b; b.build_{0}(sys.argv[1])"
    for kind in ("wheel", "sdist"):
        done([sys.executable, "-c", hook.format(kind), out], source)
    return out


def test_the_wheel_holds_the_rooms_and_what_build_tools_include(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = sorted(name for name in archive.namelist() if ".dist-info/" not in name)
    assert names == sorted(f"ocidiet/{name}" for name in (*ROOMS, *SHIPPED))


def test_the_sdist_holds_what_the_wheel_is_made_of(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    names = {name for name in names if "." in name and "egg-info" not in name and name not in ("PKG-INFO", "setup.cfg")}
    rooms = {f"ocidiet/{name}" for name in (*ROOMS, "README.md")}
    assert names == rooms | {*SHIPPED, "pyproject.toml", "README.md", "MANIFEST.in"}


def test_an_installed_tool_packs_and_names_what_build_tools_include(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    done([tmp_path / "venv/bin/python", "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel])
    tool = tmp_path / "venv/bin/ocidiet"
    cc(tmp_path / "hello", HELLO)
    done([tool, "-t", "hello.tar", "-b", "hello:/usr/bin/hello"], tmp_path)
    with tarfile.open(tmp_path / "hello.tar") as archive:
        assert "usr/bin/hello" in archive.getnames()
    assert Path(done([tool, "--makefile"]).strip()).read_text() == (CHECKOUT / "make/ocidiet.mk").read_text()
    there = Path(done([tool, "--cmakedir"]).strip())
    assert sorted(path.name for path in there.iterdir()) == sorted(Path(name).name for name in SHIPPED[:3])
    if shutil.which("cmake"):
        listfile = "cmake_minimum_required(VERSION 3.20)\nproject(p C)\nfind_package(ocidiet CONFIG REQUIRED)\n"
        listfile += "add_executable(p hello.c)\nocidiet_add_image(p_image TARGETS p)\n"
        (tmp_path / "CMakeLists.txt").write_text(listfile)
        (tmp_path / "hello.c").write_text(HELLO)
        done(["cmake", "-B", "build", f"-Docidiet_DIR={there}"], tmp_path)
        done(["cmake", "--build", "build", "--target", "image"], tmp_path)
        assert (tmp_path / "build/p_image.tar").exists()
        assert f"OCIDIET_PYTHON:FILEPATH={tmp_path}/venv/" in (tmp_path / "build/CMakeCache.txt").read_text()
