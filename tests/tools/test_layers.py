"""Layers, stacked as layers on bases of every kind: the programs start, and the base keeps every file and link.

As docker and podman stack them, which is not as `ADD` adds them (DESIGN.md, "Places" 6).
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import BASES, TRIPLET, Builder, Engine, Member, base_tar, cc, done, in_chroot, library, need, ocidiet
from tests.tools.test_images_matrix import DRIVER, LAYOUTS, PROGRAMS, Image

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def archive(layers: Sequence[Path], path: Path, name: str) -> Path:
    """What `docker save` would write of an image of these layers."""
    digests = [hashlib.sha256(layer.read_bytes()).hexdigest() for layer in layers]
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]}
    config = path.with_suffix(".json")
    config.write_text(json.dumps({"architecture": ARCHITECTURE, "os": "linux", "config": {}, "rootfs": rootfs}))
    manifest = path.with_suffix(".manifest")
    names = [f"{number}.tar" for number in range(len(layers))]
    manifest.write_text(json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": names}]))
    with tarfile.open(path, "w") as tar:
        for layer, inside in zip(layers, names, strict=True):
            tar.add(layer, inside)
        tar.add(config, "config.json")
        tar.add(manifest, "manifest.json")
    return path


def oci_layout(saved: Path, path: Path) -> Path:
    need("skopeo")
    done(["skopeo", "copy", "-q", "--insecure-policy", f"docker-archive:{saved}", f"oci:{path}:base"])
    return path


class Packed(NamedTuple):
    """Every program's layer for one base."""

    base: Path | None
    """Its tar."""
    images: list[Image]
    tars: list[Path]
    said: str
    """What the tool said; nothing, if all is well."""


# What is asked for: of a base that is known, in several forms, and of one that is only named.
WAYS = {
    "base-empty": ("empty", "directory"),
    "base-busybox": ("busybox", "saved"),
    "base-debian": ("debian", "oci"),
    "scratch": ("empty", ""),
    "split": ("busybox", ""),
    "merged": ("debian", ""),
}


@pytest.fixture(scope="module", params=WAYS)
def packed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Packed:
    home = tmp_path_factory.mktemp("packed")
    layout, form = WAYS[request.param]
    base = base_tar(LAYOUTS[layout], home) if LAYOUTS[layout] else None
    options: list[str | Path] = ["--layout", request.param]
    if form:
        (home / "base").mkdir(exist_ok=True)
        ref = home / "base"
        if base is not None:
            ref = archive([base], home / "saved.tar", "localhost/base:1")
        options = ["--base", oci_layout(ref, home / "oci") if form == "oci" else ref]
    images, tars, said = [], [], ""
    for name, make in PROGRAMS.items():
        (home / name).mkdir()
        images.append(make(home / name))
        tars.append(home / f"{name}.tar")
        said += ocidiet("-t", tars[-1], *images[-1].args, *options, cwd=home / name).stderr
    return Packed(base, images, tars, said)


@pytest.fixture(scope="module", params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each of the two engines."""
    engine: Engine = request.getfixturevalue(request.param)
    return engine


def loaded(engine: Engine, layers: Sequence[Path], home: Path, name: str) -> str:
    """The image of `layers`, known to the engine as `name`."""
    engine("load", "-i", archive(layers, home / f"{name}.tar", f"localhost/{name}:1"))
    return f"localhost/{name}:1"


# By its literal name, in the first line of a script; a known base keeps its own.
ASKED_FOR = {"bin/sh", "usr/bin/sh"}


def led(name: str, members: dict[str, Member]) -> Member | None:
    """A member, with where it leads in the place of a link's text: a base that is not known has it in some spelling."""
    found = members.get(name)
    if found is None or not found[2]:
        return found
    end = os.path.normpath(os.path.join("/", os.path.dirname(name), found[2]))
    return (*found[:2], end.removeprefix("/usr"), found[3])


def test_stacked_programs_start_and_the_base_is_whole(
    packed: Packed, engine: Engine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assert packed.said == ""
    cc(tmp_path / "driver", DRIVER, "-static")
    done(["tar", "-C", tmp_path, "--owner=0", "--group=0", "-cf", tmp_path / "driver.tar", "driver"])
    below = [packed.base] if packed.base else []
    builder = Builder(engine, tmp_path)
    before = builder.export(loaded(engine, below, tmp_path, "before"), "before") if below else {}
    image = loaded(engine, [*below, tmp_path / "driver.tar", *packed.tars], tmp_path, "after")
    after = builder.export(image, "after-files")
    ran = builder.run(image, "/driver", *(one.command for one in packed.images))
    assert ran == "".join(f"== {one.command}\n{one.line}\n" for one in packed.images)
    if "base-" in request.node.callspec.params["packed"]:
        assert {name: after.get(name) for name in before} == before
    else:
        kept = before.keys() - ASKED_FOR
        assert {name: led(name, after) for name in kept} == {name: led(name, before) for name in kept}


def test_a_layer_for_scratch_is_a_whole_image(tmp_path: Path, docker: Engine, podman: Engine) -> None:
    cc(tmp_path / "hello")
    assert ocidiet("-t", "i.tar", "-b", "hello:/bin/hello", "--layout", "scratch", cwd=tmp_path).stderr == ""
    for engine in (docker, podman):
        assert engine.run(loaded(engine, [tmp_path / "i.tar"], tmp_path, "whole"), "/bin/hello") == "Hello World\n"


@pytest.mark.parametrize("layout", ["busybox", "merged", "one-lib-one-bin"])
def test_stacked_are_the_files_that_ADD_brings(layout: str, docker: Engine, tmp_path: Path) -> None:
    cc(tmp_path / "hello")
    base = base_tar(BASES[layout], tmp_path)
    args = ["-b", "hello:/usr/local/bin/hello"]
    for name, options in {"layer": ["--base", "base.tar"], "portable": []}.items():
        assert ocidiet("-t", f"{name}.tar", *args, *options, cwd=tmp_path).stderr == ""
    builder = Builder(docker, tmp_path)
    stacked = builder.export(loaded(docker, [base, tmp_path / "layer.tar"], tmp_path, "stacked"), "stacked-files")
    added = builder.export(builder.add(builder.base(base), tmp_path / "portable.tar"), "added-files")

    def told(members: dict[str, Member]) -> dict[str, tuple[bytes, int, str]]:
        return {name: (kind, mode, digest) for name, (kind, mode, _, digest) in members.items()}

    assert told(stacked) == told(added)


def test_every_form_of_one_base_gives_one_layer(tmp_path: Path) -> None:
    cc(tmp_path / "hello")
    base_tar(LAYOUTS["debian"], tmp_path)
    archive([tmp_path / "base.tar"], tmp_path / "saved.tar", "localhost/base:1")
    oci_layout(tmp_path / "saved.tar", tmp_path / "oci")
    done(["tar", "-C", tmp_path / "oci", "-cf", tmp_path / "oci.tar", "."])
    layers = []
    for ref in ("base", "base.tar", "saved.tar", "oci", "oci.tar"):
        words = ["-t", f"{ref}.layer", "-b", "hello:/usr/local/bin/hello", "--base", ref]
        ended = ocidiet(*words, "--depfile", "d", cwd=tmp_path)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert f" {ref}" in (tmp_path / "d").read_text()
        layers.append((tmp_path / f"{ref}.layer").read_bytes())
    assert len(set(layers)) == 1
    with tarfile.open(tmp_path / "base.layer") as tar:
        assert tar.getnames() == ["usr/local/bin/hello"]


# What a base is refused for --------------------------------------------------------------------------

VERSIONED = "int f(void) { return 0; }\n"


def versioned(path: Path, *versions: str) -> Path:
    """A library that provides these versions of `f`, the last as the default one."""
    script = path.with_suffix(".map")
    path.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(
        "".join(f"{version} {{ {'global: f;' if version == versions[-1] else ''} }};\n" for version in versions)
    )
    return library(path, VERSIONED, f"-Wl,--version-script={script}")


@pytest.mark.parametrize("form", ["base", "base.tar"])
def test_a_base_whose_library_is_too_old_is_refused(form: str, tmp_path: Path) -> None:
    """The error names the program, the version and the file that lacks it."""
    new = versioned(tmp_path / "sysroot/usr/lib/libver.so.1", "VER_1.0", "VER_1.2")
    cc(tmp_path / "app", "int f(void); int main(void) { return f(); }\n", new)
    listed = ocidiet("list", "/bin/true").stdout
    for root in ("sysroot", "base"):
        (tmp_path / root).mkdir(exist_ok=True)
        done(["sh", "-c", f"tar -cf - -T - | tar -C {tmp_path / root} -xf -"], input=listed)
    versioned(tmp_path / "base/usr/lib/libver.so.1", "VER_1.0")
    done(["tar", "-C", tmp_path / "base", "-cf", tmp_path / "base.tar", "."])
    ended = ocidiet("-t", "i.tar", "--root", "sysroot", "-b", "app:/app", "--base", form, cwd=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr == (
        "ocidiet: error: /app: 1 symbol version not provided inside the image\n"
        "  /app needs VER_1.2, /lib/libver.so.1 provides up to VER_1.0 (symbol f)\n"
        "  hint: it was linked against a newer library than the image has: take both from one root\n"
    )
    assert not (tmp_path / "i.tar").exists()


def test_what_the_base_has_and_the_root_lacks_is_as_good(tmp_path: Path) -> None:
    """And what neither has is told as if there were no base."""
    made = library(tmp_path / "base/usr/lib/libonly.so.1", 'const char *f(void) { return "base"; }\n')
    says = "#include <stdio.h>\nconst char *f(void);\nint main(void) { return puts(f()) < 0; }\n"
    cc(tmp_path / "app", says, made)
    args = ["-t", "i.tar", "-b", "app:/app"]
    without = ocidiet(*args, cwd=tmp_path)
    assert (without.returncode, "libonly.so.1, needed by app\n" in without.stderr) == (1, True)
    ended = ocidiet(*args, "--base", "base", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    done(["tar", "-C", tmp_path / "base", "-xf", tmp_path / "i.tar"])
    assert in_chroot(tmp_path / "base", "/app") == "base\n"
    shutil.rmtree(tmp_path / "base")
    (tmp_path / "base").mkdir()
    assert ocidiet(*args, "--base", "base", cwd=tmp_path).stderr == without.stderr


@pytest.mark.parametrize(
    ("ref", "message"),
    [("absent", "no such file"), ("broken", "a tar that ends within a header"), ("base/deep", "no such directory")],
)
def test_a_base_that_is_none_is_refused(ref: str, message: str, tmp_path: Path) -> None:
    cc(tmp_path / "hello")
    (tmp_path / "broken").write_text("no tar\n")
    ended = ocidiet("-t", "i.tar", "-b", "hello:/hello", "--base", ref, cwd=tmp_path)
    assert (ended.returncode, f"/{ref}: " in ended.stderr, message in ended.stderr) == (1, True, True), ended.stderr


def test_a_changed_base_makes_a_new_layer(tmp_path: Path) -> None:
    """Though nothing else has changed."""
    cc(tmp_path / "hello")
    base = base_tar(LAYOUTS["debian"], tmp_path)
    args = ["-t", "i.tar", "-b", "hello:/hello", "--base", "base.tar", "--keep-mtime"]
    assert ocidiet(*args, cwd=tmp_path).stderr == ""
    first = (tmp_path / "i.tar").stat()
    assert ocidiet(*args, cwd=tmp_path).stderr == ""
    assert (tmp_path / "i.tar").stat() == first
    (tmp_path / f"base/usr/lib/{TRIPLET}/libc.so.6").unlink()
    done(["tar", "-C", tmp_path / "base", "-cf", base, "."])
    assert ocidiet(*args, cwd=tmp_path).stderr == ""
    with tarfile.open(tmp_path / "i.tar") as tar:
        assert f"usr/lib/{TRIPLET}/libc.so.6" in tar.getnames()
