"""Compressed layers: what each engine takes of them, and that they unpack to what is promised."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import MAIN, PYTHON, Engine, cc, clean_env, done, library, need, ocidiet

COMPRESSORS = {"gzip": "gzip", "gzip1": "gzip:1", "zstd": "zstd"}
"""The name of an image, and how it is compressed."""
REQUEST = ["-b", "hello:/usr/local/bin/hello", "--layers", "auto", "--tag", "hello:1"]
HELLO = '#include <stdio.h>\nint f(void); int main(void) { puts("Hello World"); return f(); }\n'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a program, and its image by each compressor."""
    home = tmp_path_factory.mktemp("compress")
    cc(home / "hello", HELLO, library(home / "lib/libown.so"), "-Wl,-rpath,$ORIGIN/lib")
    for name, how in {"none": "none", **COMPRESSORS}.items():
        pack(home, "--oci", f"{name}.oci", "--archive", f"{name}.oci.tar", *REQUEST, "--compress", how)
    return home


def pack(home: Path, *argv: str) -> None:
    ended = ocidiet(*argv, cwd=home)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def path(layout: Path, descriptor: dict[str, Any]) -> Path:
    return layout / "blobs" / str(descriptor["digest"]).replace(":", "/")


def blob(layout: Path, descriptor: dict[str, Any]) -> bytes:
    data = path(layout, descriptor).read_bytes()
    assert (f"sha256:{hashlib.sha256(data).hexdigest()}", len(data)) == (descriptor["digest"], descriptor["size"])
    return data


def image(layout: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The layers' descriptors, and the configuration."""
    (entry,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    manifest = json.loads(blob(layout, entry))
    return manifest["layers"], json.loads(blob(layout, manifest["config"]))


@pytest.mark.parametrize("how", COMPRESSORS)
def test_compressed_layers_unpack_to_the_plain_ones(home: Path, how: str) -> None:
    plain, config = image(home / "none.oci")
    layers, same = image(home / f"{how}.oci")
    assert same == config
    assert len(layers) == 3
    name = COMPRESSORS[how].partition(":")[0]
    need(name)
    for one, other in zip(layers, plain, strict=True):
        assert one["mediaType"] == f"application/vnd.oci.image.layer.v1.tar+{name}"
        packed = path(home / f"{how}.oci", one)
        assert subprocess.check_output([name, "-dc", str(packed)]) == blob(home / "none.oci", other)
        assert one["size"] < other["size"]
    assert ocidiet("verify", f"{how}.oci", f"{how}.oci.tar", cwd=home).returncode == 0


@pytest.mark.parametrize("how", ["gzip", "gzip1"])
def test_docker_loads_gzip(home: Path, docker: Engine, how: str) -> None:
    docker("load", "--input", home / f"{how}.oci.tar")
    assert docker.run("hello:1") == "Hello World\n"
    docker("rmi", "--force", "hello:1")


@pytest.mark.parametrize("how", COMPRESSORS)
def test_podman_loads_each(home: Path, podman: Engine, how: str) -> None:
    podman("load", "--input", home / f"{how}.oci.tar")
    assert podman.run("hello:1") == "Hello World\n"
    image = podman("pull", "--quiet", f"oci:{home}/{how}.oci:hello:1").strip()
    assert podman.run(image) == "Hello World\n"
    podman("rmi", "--all", "--force")


@pytest.mark.parametrize("how", COMPRESSORS)
@pytest.mark.parametrize("form", ["oci", "oci-archive", "docker-archive"])
def test_skopeo_copies_each(home: Path, tmp_path: Path, how: str, form: str) -> None:
    need("skopeo")
    source = f"oci:{how}.oci:hello:1" if form == "oci" else f"{form}:{how}.oci.tar"
    done(["skopeo", "copy", "--quiet", "--insecure-policy", source, f"oci:{tmp_path}/out.oci:x"], home)
    assert image(tmp_path / "out.oci")[1]["rootfs"] == image(home / "none.oci")[1]["rootfs"]


def test_umoci_unpacks_gzip(home: Path, tmp_path: Path) -> None:
    need("umoci", root=True)
    for how in ("none", "gzip"):
        done(["umoci", "unpack", "--image", f"{home}/{how}.oci:hello:1", tmp_path / how])
    done(["diff", "-r", "--no-dereference", tmp_path / "none/rootfs", tmp_path / "gzip/rootfs"])


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_number_of_cpus_and_the_hash_seed_change_nothing(home: Path, tmp_path: Path, how: str) -> None:
    need("taskset")
    befores: list[list[str]] = [["taskset", "-c", "0"], []]
    for number, before in enumerate(befores):
        env = clean_env(PYTHONHASHSEED=str(number), TZ=f"UTC{number}")
        argv = [PYTHON, "-S", str(MAIN), "--oci", f"{tmp_path}/{number}.oci", *REQUEST, "--compress", how]
        done([*before, *argv], home, env)
        assert (tmp_path / f"{number}.oci/index.json").read_bytes() == (home / f"{how}.oci/index.json").read_bytes()


def test_compressed_layers_stand_until_they_are_asked_for_otherwise(home: Path, tmp_path: Path) -> None:
    time.sleep(0.05)
    made = []
    for how in ("gzip", "gzip", "gzip:9", "none"):
        pack(home, "--archive", f"{tmp_path}/x.oci.tar", "--oci", f"{tmp_path}/x.oci", *REQUEST, "--compress", how)
        made.append((tmp_path / "x.oci.tar").read_bytes())
        assert ocidiet("verify", f"{tmp_path}/x.oci", f"{tmp_path}/x.oci.tar").returncode == 0
    assert [one == made[0] for one in made] == [True, True, False, False]
    assert made[0] == (home / "gzip.oci.tar").read_bytes()
    assert made[3] == (home / "none.oci.tar").read_bytes()


def test_the_tar_beside_is_never_compressed(home: Path, tmp_path: Path) -> None:
    tars = [f"{tmp_path}/{how}.tar" for how in ("none", "gzip")]
    for tar in tars:
        how = Path(tar).stem
        pack(home, "-t", tar, "--oci", f"{tmp_path}/{how}.oci", "-b", "hello:/hello", "--compress", how)
    assert Path(tars[0]).read_bytes() == Path(tars[1]).read_bytes()


def test_compression_needs_an_image(home: Path) -> None:
    ended = ocidiet("-t", "x.tar", "-b", "hello", "--compress", "gzip", cwd=home)
    text = "--compress is an image's: it needs --archive or --oci\n  hint: a tar says nothing of the kind"
    assert (ended.returncode, ended.stderr) == (2, f"ocidiet: error: {text}\n")
