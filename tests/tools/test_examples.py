"""The examples and the README do what they say, in a fresh copy of the project's tracked files."""

from __future__ import annotations

import platform
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from tests.support import CHECKOUT, Engine, clean_env, done, need, run

EXAMPLES = {
    "01-hello": ("hello", [], "Hello World\n"),
    "02-libs": ("greet", ["you", "me"], "Hello you!\nHello me!\n"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone, but of the working tree."""
    need("git", "make", "cc", "c++")
    top = tmp_path_factory.mktemp("clone") / "ocidiet"
    listed = ["git", "-c", f"safe.directory={CHECKOUT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in done(listed, CHECKOUT).split("\0"):
        if name and (CHECKOUT / name).is_file():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, top / name)
    return top


def mtree(path: Path) -> str:
    """The listing of a tar in mtree(5)'s form, read by a reader that is not ours; no sizes, which
    change with every update of the machine."""
    lines = ["#mtree"]
    with tarfile.open(path) as archive:
        for member in archive:
            kind = {tarfile.REGTYPE: "file", tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "link"}[member.type]
            link = f" link={member.linkname}" if kind == "link" else ""
            ids = f"uid={member.uid} gid={member.gid} time={member.mtime}.0"
            lines.append(f"./{member.name} type={kind} mode={member.mode:04o} {ids}{link}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_makes_the_listing_that_it_shows(copy: Path, example: str) -> None:
    if platform.machine() != "x86_64" or not Path("/etc/debian_version").read_text().startswith("12"):
        pytest.skip("the listing is of Debian 12, x86-64")
    image = EXAMPLES[example][0]
    done(["make", "-C", copy / "examples" / example, "image"])
    expected = (CHECKOUT / "examples" / example / "expected.mtree").read_text()
    assert mtree(copy / "examples" / example / f"{image}.tar") == expected


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_second_make_does_nothing(copy: Path, example: str) -> None:
    where = copy / "examples" / example
    done(["make", "-C", where, "image"])
    assert done(["make", "--no-print-directory", "-C", where, "image"]) == "make: Nothing to be done for 'image'.\n"
    assert run(["make", "-q", "-C", where, "image"]).returncode == 0


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_below_a_directory_with_a_space_is_made_alike(copy: Path, example: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "a b"
    shutil.copytree(copy, elsewhere, ignore=shutil.ignore_patterns("__pycache__", "build", "*.tar*", "hello"))
    image = Path("examples", example, f"{EXAMPLES[example][0]}.tar")
    for top in (copy, elsewhere):
        done(["make", "-C", (top / image).parent, "image"])
    assert mtree(elsewhere / image) == mtree(copy / image)
    assert run(["make", "-q", "-C", (elsewhere / image).parent, "image"]).returncode == 0


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_starts_in_an_empty_root(copy: Path, example: str, tmp_path: Path) -> None:
    need("tar", "chroot", "unshare", root=True)
    image, words, printed = EXAMPLES[example]
    done(["make", "-C", copy / "examples" / example, "image"])
    done(["tar", "-C", tmp_path, "-xf", copy / "examples" / example / f"{image}.tar"])
    # $ORIGIN is /proc/self/exe's directory: every engine mounts /proc, chroot does not.
    start = 'mkdir proc && mount -t proc proc proc && exec chroot . "$@"'
    assert done(["unshare", "-m", "sh", "-c", start, "-", f"/usr/local/bin/{image}", *words], tmp_path) == printed


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("engine_name", ["docker", "podman"])
def test_an_example_runs_in_an_engine(
    copy: Path, example: str, engine_name: str, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(engine_name)
    _, words, printed = EXAMPLES[example]
    where = copy / "examples" / example
    done(["make", "-C", where, "image"])
    arguments = [f"IMAGE_ENGINE={' '.join(engine.argv)}", f"IMAGE_RUNFLAGS={' '.join(engine.run_options)}"]
    out = done(["make", "-s", "-C", where, "image-run", *arguments, f"ARGS={' '.join(words)}"], env=engine.env)
    assert out == printed


# The README --------------------------------------------------------------------------------------


def snippets(language: str) -> list[str]:
    """The README's code blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (CHECKOUT / "README.md").read_text(), re.M | re.S)


@pytest.fixture
def project(copy: Path, tmp_path: Path) -> dict[str, str]:
    """A user's project: a program, its configuration, and `ocidiet` on PATH. Returns the environment."""
    shutil.copy(copy / "examples/01-hello/hello.c", tmp_path)
    (tmp_path / "hello.conf").write_text("greeting = Hello\n")
    tool = tmp_path / "bin" / "ocidiet"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec python3 -IS "{copy}/ocidiet/__main__.py" "$@"\n')
    tool.chmod(0o755)
    env = clean_env()
    return {**env, "PATH": f"{tool.parent}:{env['PATH']}"}


HELLO_LISTING = ["usr/local/bin/hello"]


def files(path: Path) -> list[str]:
    """What stands in the tar outside the system's libraries."""
    with tarfile.open(path) as archive:
        return [m.name for m in archive if not m.isdir() and "ld-linux" not in m.name and "/libc." not in m.name]


def test_the_first_commands_of_the_readme_work(copy: Path, docker: Engine) -> None:
    image, start, tests = [line.partition("#")[0].split() for line in snippets("sh")[0].splitlines()]
    assert tests == ["tests/run"]
    done(image, copy)
    out = done([*start, "IMAGE_ENGINE=/usr/bin/docker", "IMAGE_RUNFLAGS=--network=none"], copy, docker.env)
    assert "Hello World\n" in out


def test_the_make_snippet_of_the_readme_works(project: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(snippets("make")[0])
    done(["make", "image"], tmp_path, project)
    assert files(tmp_path / "hello.tar") == ["etc/hello.conf", "usr/local/bin/hello"]
    assert done(["make", "image"], tmp_path, project) == "make: Nothing to be done for 'image'.\n"


def test_the_ninja_snippet_of_the_readme_works(project: dict[str, str], tmp_path: Path) -> None:
    need("ninja")
    done(["cc", "-o", "hello", "hello.c"], tmp_path)
    (tmp_path / "build.ninja").write_text(snippets("ninja")[0])
    done(["ninja"], tmp_path, project)
    assert files(tmp_path / "hello.tar") == ["usr/local/bin/hello"]
    assert "no work to do" in done(["ninja"], tmp_path, project)


@pytest.mark.parametrize("generator", ["Ninja", "Unix Makefiles"])
def test_the_cmake_snippet_of_the_readme_works(project: dict[str, str], tmp_path: Path, generator: str) -> None:
    need("cmake", "ninja")
    head = "cmake_minimum_required(VERSION 3.20)\nproject(hello C)\nadd_executable(hello hello.c)\n"
    (tmp_path / "CMakeLists.txt").write_text(head + snippets("cmake")[0])
    done(["cmake", "-G", generator, "-B", "build"], tmp_path, project)
    done(["cmake", "--build", "build", "--target", "image"], tmp_path, project)
    assert files(tmp_path / "build" / "hello.tar") == ["usr/local/bin/hello"]
    before = (tmp_path / "build" / "hello.tar").stat().st_mtime_ns
    done(["cmake", "--build", "build", "--target", "image"], tmp_path, project)
    assert (tmp_path / "build" / "hello.tar").stat().st_mtime_ns == before


def test_the_command_line_of_the_readme_works(project: dict[str, str], tmp_path: Path, docker: Engine) -> None:
    done(["cc", "-o", "hello", "hello.c"], tmp_path)
    done(
        ["sh", "-e", "-c", snippets("sh")[1].replace("docker", "/usr/bin/docker")], tmp_path, {**docker.env, **project}
    )
    assert docker.run("hello") == "Hello World\n"


def test_the_verbs_of_the_readme_work(project: dict[str, str], tmp_path: Path) -> None:
    if platform.machine() != "x86_64" or not Path("/etc/debian_version").read_text().startswith("12"):
        pytest.skip("the tree is of Debian 12, x86-64")
    done(["cc", "-o", "hello", "hello.c"], tmp_path)
    assert done(["sh", "-e", "-c", snippets("sh")[2]], tmp_path, project) == snippets("text")[0]
    with tarfile.open(tmp_path / "hello-tree.tar") as archive:
        assert f"{tmp_path}/hello"[1:] in archive.getnames()


def test_the_several_images_snippet_works(project: dict[str, str], tmp_path: Path) -> None:
    (text,) = re.findall(r"^  ```make\n(.*?)^  ```$", (CHECKOUT / "make" / "README.md").read_text(), re.M | re.S)
    for name in ("src/redis-server", "src/redis-sentinel", "src/redis-cli"):
        (tmp_path / "src").mkdir(exist_ok=True)
        done(["cc", "-o", name, "hello.c"], tmp_path)
    (tmp_path / "redis.conf").write_text("port 6379\n")
    (tmp_path / "Makefile").write_text(text.replace("\n  ", "\n"))
    done(["make", "image"], tmp_path, project)
    assert files(tmp_path / "redis.tar") == [
        "etc/redis/redis.conf",
        "usr/local/bin/redis-sentinel",
        "usr/local/bin/redis-server",
    ]
    assert files(tmp_path / "redis-cli.tar") == ["usr/local/bin/redis-cli"]
