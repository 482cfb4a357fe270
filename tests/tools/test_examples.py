"""The examples and the README do what they say, in a fresh copy of the project's tracked files."""

from __future__ import annotations

import json
import platform
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from tests.support import CHECKOUT, PYTHON, Engine, clean_env, copy_checkout, done, need, run

EXAMPLES = {
    "01-hello": ("hello", [], "Hello World\n"),
    "02-libs": ("greet", ["you", "me"], "Hello you!\nHello me!\n"),
    "04-four-builds": ("greet", [], "Hello World\n"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone, but of the working tree."""
    need("make", "cc", "c++")
    top = tmp_path_factory.mktemp("clone") / "ocidiet"
    copy_checkout(top)
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


def example_commands(example: str) -> list[str]:
    """The code blocks of the example's README."""
    return re.findall(r"^```sh\n(.*?)^```$", (CHECKOUT / "examples" / example / "README.md").read_text(), re.M | re.S)


def test_four_build_tools_make_equal_listings_and_of_the_same_binaries_the_same_bytes(copy: Path) -> None:
    need("cmake", "meson", "ninja")
    where = copy / "examples/04-four-builds"
    own, same = example_commands("04-four-builds")
    done(["sh", "-e", "-c", own], where)
    built = [where / "greet.tar", *(where / "build" / tool / "greet.tar" for tool in ("ninja", "cmake", "meson"))]
    assert [mtree(path) for path in built[1:]] == [mtree(built[0])] * 3
    done(["sh", "-e", "-c", same], where)
    packed = [
        (where / "prebuilt/build" / tool / "greet.tar").read_bytes() for tool in ("make", "ninja", "cmake", "meson")
    ]
    assert [data == packed[0] for data in packed] == [True] * 4
    assert packed[0] == built[0].read_bytes()


# The README --------------------------------------------------------------------------------------


PAGES = ("README.md", "docs/verbs.md", "docs/images.md", "docs/declared-inputs.md")


def snippet(language: str, words: str) -> str:
    """The one code block, in the README or a page beside it, of that language and with those words."""
    blocks = [re.findall(rf"^```{language}\n(.*?)^```$", (CHECKOUT / page).read_text(), re.M | re.S) for page in PAGES]
    (found,) = (block for page in blocks for block in page if words in block)
    assert isinstance(found, str)
    return found


def indented(language: str) -> str:
    """The code block of that build tool's own README, which stands in a list."""
    text = (CHECKOUT / language / "README.md").read_text()
    (found,) = re.findall(rf"^  ```{language}\n(.*?)^  ```$", text, re.M | re.S)
    return re.sub("^  ", "", found, flags=re.M)


@pytest.fixture
def project(copy: Path, tmp_path: Path) -> dict[str, str]:
    """A user's project: a program, its configuration, and `ocidiet` on PATH. Returns the environment."""
    shutil.copy(copy / "examples/01-hello/hello.c", tmp_path)
    (tmp_path / "hello.conf").write_text("greeting = Hello\n")
    tool = tmp_path / "bin" / "ocidiet"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec "${{OCIDIET_PYTHON:-python3}}" -IS "{copy}/ocidiet/__main__.py" "$@"\n')
    tool.chmod(0o755)
    env = clean_env()
    return {**env, "PATH": f"{tool.parent}:{env['PATH']}"}


HELLO_LISTING = ["usr/local/bin/hello"]


def files(path: Path) -> list[str]:
    """What stands in the tar outside the system's libraries."""
    with tarfile.open(path) as archive:
        return [m.name for m in archive if not m.isdir() and "ld-linux" not in m.name and "/libc." not in m.name]


def test_the_first_commands_of_the_readme_work(copy: Path, docker: Engine) -> None:
    image, start, tests = [line.partition("#")[0].split() for line in snippet("sh", "tests/run").splitlines()]
    assert tests == ["tests/run"]
    done(image, copy)
    out = done([*start, "IMAGE_ENGINE=/usr/bin/docker", "IMAGE_RUNFLAGS=--network=none"], copy, docker.env)
    assert "Hello World\n" in out


def test_the_make_snippet_of_the_readme_works(project: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(snippet("make", "IMAGE_BINARIES"))
    done(["make", "image"], tmp_path, project)
    assert files(tmp_path / "hello.tar") == ["etc/hello.conf", "usr/local/bin/hello"]
    assert done(["make", "image"], tmp_path, project) == "make: Nothing to be done for 'image'.\n"


def test_the_ninja_snippet_of_the_readme_works(project: dict[str, str], tmp_path: Path) -> None:
    need("ninja")
    done(["cc", "-o", "hello", "hello.c"], tmp_path)
    (tmp_path / "build.ninja").write_text(snippet("ninja", "restat"))
    done(["ninja"], tmp_path, project)
    assert files(tmp_path / "hello.tar") == ["usr/local/bin/hello"]
    assert "no work to do" in done(["ninja"], tmp_path, project)


@pytest.mark.parametrize("generator", ["Ninja", "Unix Makefiles"])
def test_the_cmake_snippets_of_the_readmes_work(project: dict[str, str], tmp_path: Path, generator: str) -> None:
    need("cmake", "ninja")
    head = "cmake_minimum_required(VERSION 3.20)\nproject(hello C)\nadd_executable(hello hello.c)\n"
    (tmp_path / "CMakeLists.txt").write_text(head + snippet("cmake", "find_package") + indented("cmake"))
    env = {**project, "CMAKE_GENERATOR": generator}
    done(["sh", "-e", "-c", snippet("sh", "cmake -B")], tmp_path, env)
    image = tmp_path / "build/hello.tar"
    assert files(image) == ["etc/hello.conf", "usr/local/bin/hello"]
    deploy = ["cmake", "--build", "build", "--target", "deploy"]
    done(deploy, tmp_path, env)
    deployed = tmp_path / "build/registry.tar"
    before = image.stat().st_mtime_ns, deployed.stat().st_mtime_ns
    (tmp_path / "hello.conf").write_text((tmp_path / "hello.conf").read_text())
    done(deploy, tmp_path, env)
    assert (image.stat().st_mtime_ns, deployed.stat().st_mtime_ns) == before
    (tmp_path / "hello.conf").write_text("greeting = Good Bye\n")
    done(deploy, tmp_path, env)
    assert deployed.read_bytes() == image.read_bytes()
    assert image.stat().st_mtime_ns > before[0]


MESON = "project('hello', 'c')\nhello = executable('hello', 'hello.c')\n"


def test_the_meson_snippet_of_the_readme_works(project: dict[str, str], tmp_path: Path) -> None:
    need("meson", "ninja")
    (tmp_path / "meson.build").write_text(MESON + snippet("meson", "find_program"))
    done(["meson", "setup", "build"], tmp_path, project)
    done(["ninja", "-C", "build", "image"], tmp_path, project)
    assert files(tmp_path / "build/hello.tar") == ["etc/hello.conf", "usr/local/bin/hello"]
    assert "no work to do" in done(["ninja", "-C", "build", "image"], tmp_path, project)


@pytest.mark.usefixtures("project")
def test_the_meson_files_of_the_readme_work(copy: Path, tmp_path: Path) -> None:
    """The native file has the tool, which is not on PATH; without the cross file's root there is no image."""
    need("meson", "ninja", "aarch64-linux-gnu-gcc")
    done(["python3", "-m", "ocidiet.zipapp", "-o", tmp_path / "ocidiet.pyz"], copy)
    native, cross = snippet("ini", "[binaries]"), snippet("ini", "sys_root")
    (tmp_path / "meson.build").write_text(MESON + snippet("meson", "find_program"))
    (tmp_path / "native.ini").write_text(native.replace("/opt/", f"{tmp_path}/"))
    machine = "system = 'linux'\ncpu_family = 'aarch64'\ncpu = 'aarch64'\nendian = 'little'\n"
    machine = f"[host_machine]\n{machine}[binaries]\nc = 'aarch64-linux-gnu-gcc'\n"
    (tmp_path / "rootless.ini").write_text(machine)
    (tmp_path / "cross.ini").write_text(machine + cross)
    setup = ["meson", "setup", "--native-file", "native.ini", "--cross-file"]
    assert "Unknown property for host machine: sys_root" in run([*setup, "rootless.ini", "none"], tmp_path).stdout
    done([*setup, "cross.ini", "build"], tmp_path)
    done(["ninja", "-C", "build", "image"], tmp_path)
    with tarfile.open(tmp_path / "build/hello.tar") as archive:
        libc = archive.extractfile("lib/libc.so.6")
        assert libc is not None
        assert libc.read() == Path("/usr/aarch64-linux-gnu/lib/libc.so.6").read_bytes()
    assert "no work to do" in done(["ninja", "-C", "build", "image"], tmp_path)


def test_the_command_line_of_the_readme_works(project: dict[str, str], tmp_path: Path, docker: Engine) -> None:
    done(["cc", "-o", "hello", "hello.c"], tmp_path)
    done(
        ["sh", "-e", "-c", snippet("sh", "docker import").replace("docker", "/usr/bin/docker")],
        tmp_path,
        {**docker.env, **project},
    )
    assert docker.run("hello") == "Hello World\n"


def test_the_images_of_the_readme_work(project: dict[str, str], tmp_path: Path, docker: Engine) -> None:
    need("skopeo")
    done(["cc", "-o", "hello", "hello.c"], tmp_path)
    commands = snippet("sh", "docker load -i hello.oci.tar  ").replace("docker load", "/usr/bin/docker load")
    done(["sh", "-e", "-c", commands], tmp_path, {**docker.env, **project})
    assert docker.run("hello:1.0") == "Hello World\n"
    assert done(["skopeo", "inspect", "--format", "{{.Os}}", "oci:copy:hello"], tmp_path) == "linux\n"


def test_the_compressed_images_of_the_readme_work(project: dict[str, str], tmp_path: Path, podman: Engine) -> None:
    done(["cc", "-o", "hello", "hello.c"], tmp_path)
    commands = snippet("sh", "--compress")
    tool = {**project, "OCIDIET_PYTHON": PYTHON}  # the tests' Python has zstandard
    done(["sh", "-e", "-c", commands], tmp_path, tool)
    podman("load", "--input", tmp_path / "hello-gzip.oci.tar")
    assert podman.run("hello-gzip") == "Hello World\n"
    image = podman("pull", "--quiet", f"oci:{tmp_path}/hello-zstd.oci:hello-zstd:latest").strip()
    assert podman.run(image) == "Hello World\n"


def test_the_images_for_several_machines_of_the_readme_work(project: dict[str, str], tmp_path: Path) -> None:
    need("skopeo", "aarch64-linux-gnu-gcc")
    done(["cc", "-o", "hello", "hello.c"], tmp_path)
    commands = snippet("sh", "ocidiet index")
    done(["sh", "-e", "-c", commands], tmp_path, project)
    raw = json.loads(done(["skopeo", "inspect", "--raw", "oci:copy:hello-all"], tmp_path))
    assert [one["platform"]["architecture"] for one in raw["manifests"]] == ["amd64", "arm64"]


def test_an_image_and_what_is_in_it_are_as_the_readme_says(project: dict[str, str], tmp_path: Path) -> None:
    done(["cc", "-o", "hello", "hello.c"], tmp_path)
    told = done(["sh", "-e", "-c", snippet("sh", "ocidiet verify hello.oci.tar")], tmp_path, project)
    assert told.startswith("hello  [")
    done(["ocidiet", "-t", "hello.tar", "-b", "hello"], tmp_path, project)
    told += done(["sh", "-e", "-c", snippet("sh", "ocidiet verify hello.tar")], tmp_path, project)
    found = re.findall(r"^(hello.*tar): ok, 1 program, 2 libraries, linux/\w+, glibc [\d.]+$", told, re.M)
    assert found == ["hello.oci.tar", "hello.tar"]


def test_the_declared_inputs_of_the_readme_work(project: dict[str, str], tmp_path: Path) -> None:
    done(["cc", "-o", "hello", "hello.c"], tmp_path)
    done(["ocidiet", "-t", "root.tar", "-b", "/bin/sh", "--layout", "scratch"], tmp_path, project)
    commands = snippet("sh", "@params")
    done(["sh", "-e", "-c", commands], tmp_path, project)
    assert files(tmp_path / "hello.tar") == HELLO_LISTING
    assert (tmp_path / "unused").read_text() == ""


def test_the_verbs_of_the_readme_work(project: dict[str, str], tmp_path: Path) -> None:
    if platform.machine() != "x86_64" or not Path("/etc/debian_version").read_text().startswith("12"):
        pytest.skip("the tree is of Debian 12, x86-64")
    done(["cc", "-o", "hello", "hello.c"], tmp_path)
    assert done(["sh", "-e", "-c", snippet("sh", "ocidiet list")], tmp_path, project) == snippet("text", "ld.so.cache")
    with tarfile.open(tmp_path / "hello-tree.tar") as archive:
        assert f"{tmp_path}/hello"[1:] in archive.getnames()


INSTALL = """\
hello: hello.c
install: hello
	install -D hello $(DESTDIR)/usr/local/bin/hello
"""


def test_the_installed_tree_of_the_readme_works(project: dict[str, str], tmp_path: Path, docker: Engine) -> None:
    (tmp_path / "Makefile").write_text(INSTALL)
    done(["sh", "-e", "-c", snippet("sh", "--destdir")], tmp_path, project)
    assert files(tmp_path / "app.tar") == HELLO_LISTING
    (tmp_path / "Makefile").write_text(snippet("make", "IMAGE_INSTALL") + INSTALL)
    words = ["IMAGE_ENGINE=/usr/bin/docker", "IMAGE_RUNFLAGS=--network=none", "IMAGE_NAME=installed"]
    ran = done(["make", "image", "image-run", *words], tmp_path, {**docker.env, **project})
    assert ran.endswith("Hello World\n")
    assert (tmp_path / "hello.tar").read_bytes() == (tmp_path / "app.tar").read_bytes()


def test_the_layer_of_the_readme_is_of_what_the_base_lacks(
    project: dict[str, str], tmp_path: Path, docker: Engine
) -> None:
    done(["cc", "-o", "hello", "hello.c"], tmp_path)
    done(["sh", "-c", "ocidiet -t root.tar -b /bin/sh --layout scratch"], tmp_path, project)
    docker("import", tmp_path / "root.tar", "my-base")
    commands = snippet("sh", "docker save -o").replace("docker", "/usr/bin/docker")
    done(["sh", "-e", "-c", commands], tmp_path, {**docker.env, **project})
    with tarfile.open(tmp_path / "layer.tar") as archive:
        assert [member.name for member in archive if not member.isdir()] == HELLO_LISTING
    (tmp_path / "Dockerfile").write_text("FROM my-base\nADD layer.tar /\n")
    image = docker("build", "--quiet", "--force-rm", tmp_path).strip()
    assert docker.run(image, "/usr/local/bin/hello") == "Hello World\n"


def test_the_several_images_snippet_works(project: dict[str, str], tmp_path: Path) -> None:
    text = indented("make")
    for name in ("src/redis-server", "src/redis-sentinel", "src/redis-cli"):
        (tmp_path / "src").mkdir(exist_ok=True)
        done(["cc", "-o", name, "hello.c"], tmp_path)
    (tmp_path / "redis.conf").write_text("port 6379\n")
    (tmp_path / "Makefile").write_text(text)
    done(["make", "image"], tmp_path, project)
    assert files(tmp_path / "redis.tar") == [
        "etc/redis/redis.conf",
        "usr/local/bin/redis-sentinel",
        "usr/local/bin/redis-server",
    ]
    assert files(tmp_path / "redis-cli.tar") == ["usr/local/bin/redis-cli"]
