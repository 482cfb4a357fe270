"""`ADD image.tar /` on bases of every layout: the program runs, and the base keeps every file and link.

The portable layout's promise (DESIGN.md, "Places" 6), with docker's classic builder and buildah.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import Engine, cc, clean_env, done, need, ocidiet

TRIPLET = done(["cc", "-print-multiarch"]).strip() if shutil.which("cc") else ""
LIBM = f"/lib/{TRIPLET}/libm.so.6"

# Path -> a link's text, or None for a file that is a marker. busybox is its own kind of marker.
Layout = dict[str, "str | None"]
MERGED: Layout = {
    "bin": "usr/bin",
    "sbin": "usr/sbin",
    "lib": "usr/lib",
    "lib64": "usr/lib64",
    "usr/bin/busybox": None,
    "usr/bin/sh": "busybox",
    "usr/sbin/tool": "../bin/busybox",
    f"usr/lib/{TRIPLET}/libmarker.so.1.0": None,
    f"usr/lib/{TRIPLET}/libmarker.so.1": "libmarker.so.1.0",
    "usr/lib64/libmarker64.so": None,
    "var/run": "/run",
    "run/marker": None,
}
BASES: dict[str, Layout] = {
    "scratch": {},
    "busybox": {
        "bin/busybox": None,
        "bin/sh": "busybox",
        "sbin/tool": "/bin/busybox",
        "lib/libmarker.so": None,
        "lib64/libmarker64.so": None,
        "usr/lib/libmarker.so": None,
        "var/run/marker": None,
    },
    "lib64-to-lib": {
        "bin/busybox": None,
        "bin/sh": "busybox",
        "lib/libmarker.so": None,
        f"lib/{TRIPLET}/libmarker.so": None,
        "lib64": "lib",
    },
    "merged": MERGED,
    "merged-by-absolute-links": {**MERGED, **{name: f"/usr/{name}" for name in ("bin", "sbin", "lib", "lib64")}},
    "one-lib-one-bin": {
        "bin": "usr/bin",
        "sbin": "usr/bin",
        "lib": "usr/lib",
        "lib64": "usr/lib",
        "usr/bin/busybox": None,
        "usr/bin/sh": "busybox",
        "usr/lib/libmarker.so": None,
        "usr/lib64": "lib",
        "usr/sbin": "bin",
    },
}
PLACES = ("var/run", "sbin", "lib64", "tmp", "var/tmp", "root")
REQUESTS = {
    "hello": ["-b", "hello:/usr/local/bin/hello"],
    "literal-paths": ["-b", "/bin/sha256sum", "-e", LIBM, *[f"hello:/{place}/own" for place in PLACES]],
}

Member = tuple[bytes, int, str, str]
"""(type, mode, link text, digest)"""


def members(path: Path) -> dict[str, Member]:
    """What each name of an exported file system is."""
    found = {}
    with tarfile.open(path) as tar:
        for member in tar:
            payload = tar.extractfile(member) if member.isreg() else None
            digest = hashlib.sha256(payload.read()).hexdigest() if payload else ""
            found[member.name.removeprefix("./")] = (member.type, member.mode, member.linkname, digest)
    return found


def base_tar(layout: Layout, home: Path) -> Path:
    """A tar of the file system that `layout` describes."""
    need("busybox", "tar")
    for name, text in layout.items():
        path = home / "base" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is not None:
            path.symlink_to(text)
        elif path.name == "busybox":
            shutil.copy("/bin/busybox", path)
        else:
            path.write_text(f"marker at {name}\n")
    for name, mode in {"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700}.items():
        (home / "base" / name).mkdir(parents=True)
        (home / "base" / name).chmod(mode)
    done(["tar", "-C", home / "base", "--owner=0", "--group=0", "-cf", home / "base.tar", "."])
    return home / "base.tar"


class Docker:
    """docker's classic builder."""

    def __init__(self, engine: Engine, home: Path) -> None:
        self._engine = engine
        self._home = home

    def base(self, tar: Path) -> str:
        """An image of the file system in `tar`."""
        return self._engine("import", tar).strip()

    def add(self, base: str, tar: Path) -> str:
        """The image that `ADD tar /` makes of `base`."""
        context = self._home / "context"
        context.mkdir()
        shutil.copy(tar, context / "image.tar")
        (context / "Dockerfile").write_text(f'FROM {base}\nADD image.tar /\nCMD ["none"]\n')
        return self._engine("build", "--quiet", "--force-rm", context).strip()

    def run(self, image: str, *command: str) -> str:
        """What `command` writes in a container of `image`."""
        return self._engine.run(image, *command)

    def export(self, image: str, name: str) -> dict[str, Member]:
        """The file system of `image`."""
        container = self._engine("create", "--network=none", image, "none").strip()
        self._engine("export", "--output", self._home / name, container)
        self._engine("rm", container)
        return members(self._home / name)


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
def builder(request: pytest.FixtureRequest, tmp_path: Path) -> Docker | Buildah:
    """Each of the two builders."""
    engine = request.getfixturevalue(request.param)
    return Docker(engine, tmp_path) if request.param == "docker" else Buildah(engine, tmp_path)


@pytest.mark.parametrize("wanted", REQUESTS.keys())
@pytest.mark.parametrize("layout", BASES.values(), ids=BASES.keys())
def test_added_to_any_base_the_program_runs_and_the_base_is_whole(
    layout: Layout, wanted: str, builder: Docker | Buildah, tmp_path: Path
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
