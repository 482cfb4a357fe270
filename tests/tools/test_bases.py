"""`ADD image.tar /` on bases of every layout: the program runs, and the base keeps every file and link.

The portable layout's promise (DESIGN.md, "Places" 6), with docker's classic builder and buildah.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import (
    BASES,
    TRIPLET,
    Builder,
    Engine,
    Layout,
    Member,
    base_tar,
    cc,
    clean_env,
    done,
    members,
    need,
    ocidiet,
)

LIBM = f"/lib/{TRIPLET}/libm.so.6"
PLACES = ("var/run", "sbin", "lib64", "tmp", "var/tmp", "root")
REQUESTS = {
    "hello": ["-b", "hello:/usr/local/bin/hello"],
    "literal-paths": ["-b", "/bin/sha256sum", "-e", LIBM, *[f"hello:/{place}/own" for place in PLACES]],
}


class Buildah:
    """buildah's builder, as `podman build` has it too."""

    def __init__(self, engine: Engine, home: Path) -> None:
        self._engine = engine
        self._home = home

    def base(self, tar: Path) -> str:
        """An image of the file system in `tar`."""
        return self.add("scratch", tar)

    def add(self, base: str, tar: Path) -> str:
        """The image that `ADD tar /` makes of `base`."""
        container = self._engine("from", base).strip()
        self._engine("add", container, tar, "/")
        return self._engine("commit", "--quiet", "--rm", container).strip()

    def run(self, image: str, *command: str) -> str:
        """What `command` writes in the file system of `image`: `buildah run` itself (1.28, isolation
        `chroot`) loses the output once in a hundred times."""
        container = self._engine("from", image).strip()
        ran = done(["chroot", self._engine("mount", container).strip(), *command])
        self._engine("umount", container)
        self._engine("rm", container)
        return ran

    def export(self, image: str, name: str) -> dict[str, Member]:
        """The file system of `image`."""
        container = self._engine("from", image).strip()
        mounted = self._engine("mount", container).strip()
        done(["tar", "-C", mounted, "-cf", self._home / name, "."])
        self._engine("umount", container)
        self._engine("rm", container)
        return members(self._home / name)


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """buildah with a storage of these tests' own."""
    need("buildah", "chroot", root=True)
    home = tmp_path_factory.mktemp("buildah")
    storage = ["--root", str(home / "root"), "--runroot", str(home / "run"), "--storage-driver", "vfs"]
    engine = Engine(["buildah", *storage], [], clean_env())
    yield engine
    engine("rm", "--all")
    engine("rmi", "--all", "--force")
    shutil.rmtree(home)


@pytest.fixture(params=["docker", "buildah"])
def builder(request: pytest.FixtureRequest, tmp_path: Path) -> Builder | Buildah:
    """Each of the two builders."""
    engine = request.getfixturevalue(request.param)
    return Builder(engine, tmp_path) if request.param == "docker" else Buildah(engine, tmp_path)


@pytest.mark.parametrize("wanted", REQUESTS.keys())
@pytest.mark.parametrize("layout", BASES.values(), ids=BASES.keys())
def test_added_to_any_base_the_program_runs_and_the_base_is_whole(
    layout: Layout, wanted: str, builder: Builder | Buildah, tmp_path: Path
) -> None:
    cc(tmp_path / "hello")
    ended = ocidiet("-t", "image.tar", *REQUESTS[wanted], cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    base, before = "scratch", {}
    if layout:
        base = builder.base(base_tar(layout, tmp_path))
        before = builder.export(base, "before.tar")
        assert {*layout} <= {*before}
    image = builder.add(base, tmp_path / "image.tar")
    after = builder.export(image, "after.tar")
    assert {name: after.get(name) for name in before} == before
    if wanted == "hello":
        assert builder.run(image, "/usr/local/bin/hello") == "Hello World\n"
        return
    places = [LIBM, *[f"/{place}/own" for place in PLACES]]
    sources = [Path(LIBM), *[tmp_path / "hello"] * len(PLACES)]
    digests = [hashlib.sha256(source.read_bytes()).hexdigest() for source in sources]
    told = [f"{digest}  {place}\n" for digest, place in zip(digests, places, strict=True)]
    assert builder.run(image, "/bin/sha256sum", *places) == "".join(told)
