"""Layers that stand: what a run knows of them, it neither reads, writes nor hashes again."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import HELLO, MAIN, PYTHON, TRIPLET, cc, done, library, need, ocidiet

GREET = """#include <stdio.h>
int version(void); int main(void) { printf("Hello %d\\n", version()); }
"""
OUTPUTS = {"--oci": "x.oci", "--archive": "x.oci.tar"}
REQUEST = ["-b", "greet:/usr/local/bin/greet", "--layers", "auto", "--tag", "x:1"]
MOST_LAYERS = 125
LIBC = f"/usr/lib/{TRIPLET}/libc.so.6"
LIBZ = Path(f"/lib/{TRIPLET}/libz.so.1")


def build(home: Path, word: str = "Hello", *more: str | Path) -> None:
    """A program with a library of its own."""
    own = home / "lib/libown.so"
    if not own.exists():
        library(own, "int version(void) { return 7; }\n")
    cc(home / "greet", GREET.replace("Hello", word), own, "-Wl,-rpath,$ORIGIN/lib", "-Wl,--no-as-needed", *more)


def pack(home: Path, *argv: str) -> None:
    ended = ocidiet(*argv, cwd=home)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def layers(home: Path, name: str = "x.oci") -> dict[str, str]:
    """Of a layout or archive, unpacked: what each layer is -> its digest."""
    there = home / name
    if there.is_file():
        shutil.rmtree(home / "unpacked", ignore_errors=True)
        done(["tar", "-xf", there, "--one-top-level=unpacked"], home)
        there = home / "unpacked"
    (entry,) = json.loads((there / "index.json").read_bytes())["manifests"]
    manifest = json.loads((there / "blobs" / entry["digest"].replace(":", "/")).read_bytes())
    config = json.loads((there / "blobs" / manifest["config"]["digest"].replace(":", "/")).read_bytes())
    for layer in manifest["layers"]:
        data = (there / "blobs" / layer["digest"].replace(":", "/")).read_bytes()
        assert (f"sha256:{hashlib.sha256(data).hexdigest()}", len(data)) == (layer["digest"], layer["size"])
    made_by = [entry["created_by"].removeprefix("ocidiet: ") for entry in config["history"]]
    return dict(zip(made_by, [layer["digest"] for layer in manifest["layers"]], strict=True))


def traced(home: Path, *argv: str) -> dict[str, int]:
    """How many bytes a run reads of each file."""
    need("strace")
    calls = "trace=read,readv,pread64,preadv,preadv2,copy_file_range,sendfile,mmap"
    done(["strace", "-f", "-qq", "-y", "-o", home / "trace", "-e", calls, PYTHON, "-IS", MAIN, *argv], home)
    read: dict[str, int] = {}
    for line in (home / "trace").read_text().splitlines():
        if (found := re.match(r"\d+ +(?:\w+)\(\d+<([^>]*)>.* = (\d+)", line)) is not None:
            read[found[1]] = read.get(found[1], 0) + int(found[2])
    return read


def settled() -> None:
    """What was made just now could change once more without anybody's notice: wait until it could not."""
    time.sleep(0.05)


@pytest.mark.parametrize("output", OUTPUTS.items(), ids=OUTPUTS)
def test_layers_that_stand_are_not_read(tmp_path: Path, output: tuple[str, str]) -> None:
    argv = [*output, *REQUEST]
    build(tmp_path)
    settled()
    pack(tmp_path, *argv)
    before = layers(tmp_path, output[1])
    build(tmp_path, "Hullo")
    settled()
    read = traced(tmp_path, *argv)
    # Of a library that stands: what its ELF header, dynamic section and names are, and no payload.
    assert 0 < read[LIBC] < 100_000
    assert read[f"{tmp_path}/greet"] > (tmp_path / "greet").stat().st_size
    assert {path for path in read if "/blobs/" in path and ".ocidiet-tmp" not in path} == set()
    after = layers(tmp_path, output[1])
    assert list(after) == ["libc", "own", "app"]
    assert {kind for kind in after if after[kind] != before[kind]} == {"app"}
    assert ocidiet("verify", output[1], cwd=tmp_path).returncode == 0
    shutil.rmtree(tmp_path / "unpacked", ignore_errors=True)
    os.rename(tmp_path / output[1], tmp_path / "known")
    pack(tmp_path, *argv)
    assert layers(tmp_path, output[1]) == after


def test_layers_stand_in_both_places(tmp_path: Path) -> None:
    build(tmp_path)
    settled()
    argv = ["--oci", "x.oci", "--archive", "x.oci.tar", *REQUEST]
    pack(tmp_path, *argv)
    build(tmp_path, "Hullo")
    assert traced(tmp_path, *argv)[LIBC] < 100_000
    assert layers(tmp_path, "x.oci") == layers(tmp_path, "x.oci.tar")
    (tmp_path / "x.oci.tar").unlink()
    build(tmp_path, "Hallo")
    assert traced(tmp_path, *argv)[LIBC] > 1_000_000
    assert layers(tmp_path, "x.oci") == layers(tmp_path, "x.oci.tar")


def of_libc(home: Path) -> Path:
    return home / "x.oci/blobs" / layers(home)["libc"].replace(":", "/")


def delete_blob(home: Path) -> None:
    of_libc(home).unlink()


def damage_blob(home: Path) -> None:
    with open(of_libc(home), "r+b") as file:
        file.write(b"x")


def damage_blob_and_restore_its_time(home: Path) -> None:
    path = of_libc(home)
    told = path.stat()
    damage_blob(home)
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))


def replace_library(home: Path) -> None:
    (home / "lib/libown.so").unlink()
    library(home / "lib/libown.so", "int version(void) { return 8; }\n")


def touch_library(home: Path) -> None:
    os.utime(home / "lib/libown.so", (1e9, 1e9))


def know_nothing(home: Path) -> None:
    (home / "x.oci.state").unlink()


def know_garbage(home: Path) -> None:
    (home / "x.oci.state").write_bytes(b"layer x\nlayer 1 2 3 x\nlayer 1 2 3 4 5 6\n\xff")


def copy_program(home: Path) -> None:
    shutil.copy(home / "greet", home / "new")
    os.replace(home / "new", home / "greet")


CHANGES: list[tuple[Callable[[Path], None], list[str]]] = [
    (delete_blob, []),
    (damage_blob, []),
    (damage_blob_and_restore_its_time, []),
    (know_nothing, []),
    (know_garbage, []),
    (replace_library, ["own"]),
    (touch_library, []),
    (copy_program, []),
]


@pytest.mark.parametrize(("change", "changed"), CHANGES, ids=[change.__name__ for change, _ in CHANGES])
def test_layers_that_do_not_stand_are_written(
    tmp_path: Path, change: Callable[[Path], None], changed: list[str]
) -> None:
    build(tmp_path)
    settled()
    pack(tmp_path, "--oci", "x.oci", *REQUEST)
    before = layers(tmp_path)
    change(tmp_path)
    pack(tmp_path, "--oci", "x.oci", *REQUEST)
    after = layers(tmp_path)
    assert [kind for kind in after if after[kind] != before[kind]] == changed
    assert ocidiet("verify", "x.oci", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("change", [["--mtime", "1"], ["--layers", "single"]], ids=" ".join)
def test_layers_that_are_asked_for_otherwise_do_not_stand(tmp_path: Path, change: list[str]) -> None:
    build(tmp_path)
    settled()
    request = [word for word in REQUEST if word not in ("--layers", "auto")]
    pack(tmp_path, "--oci", "x.oci", *REQUEST)
    pack(tmp_path, "--oci", "x.oci", *request, *change)
    pack(tmp_path, "--oci", "fresh.oci", *request, *change)
    assert layers(tmp_path) == layers(tmp_path, "fresh.oci")


def test_what_was_just_made_is_not_known(tmp_path: Path) -> None:
    """A file that changes twice within one tick of the clock may look the same."""
    build(tmp_path)
    later = time.time() + 1000
    os.utime(tmp_path / "greet", (later, later))
    pack(tmp_path, "--oci", "x.oci", *REQUEST)
    assert len((tmp_path / "x.oci.state").read_text().splitlines()) == len(layers(tmp_path)) - 1


def test_several_images_of_a_layout_know_their_layers(tmp_path: Path) -> None:
    build(tmp_path)
    settled()
    for tag in ("x:1", "x:2"):
        pack(tmp_path, "--oci", "x.oci", *REQUEST[:-1], tag)
    known = (tmp_path / "x.oci.state").read_text()
    build(tmp_path, "Hullo")
    settled()
    for tag in ("x:1", "x:2"):
        assert traced(tmp_path, "--oci", "x.oci", *REQUEST[:-1], tag)[LIBC] < 100_000
    told = (tmp_path / "x.oci.state").read_text()
    assert (len(known.splitlines()), len(told.splitlines())) == (3, 4)


def test_a_library_more_leaves_other_layers_alone(tmp_path: Path) -> None:
    if not LIBZ.exists():
        pytest.skip(f"needs {LIBZ}")
    made = []
    more = library(tmp_path / "lib/libmore.so", "int more(void) { return 1; }\n")
    for added in ([], [more], [LIBZ], [more, LIBZ]):
        build(tmp_path, "Hello", *added)
        pack(tmp_path, "--oci", "x.oci", *REQUEST)
        made.append(layers(tmp_path))
    none, own, system, both = made
    assert {len({told["libc"] for told in made}), len({told["app"] for told in made})} == {1, 4}
    assert (system["own"], both["own"], both["system"]) == (none["own"], own["own"], system["system"])
    assert none["own"] != own["own"]


# Over a base ---------------------------------------------------------------------------------------


def base(home: Path, count: int) -> Path:
    """A layout of an image with so many layers."""
    blobs = home / "base/blobs/sha256"
    blobs.mkdir(parents=True)

    def put(data: bytes) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    stored = []
    for number in range(count):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            member = tarfile.TarInfo(f"layer{number}")
            member.size = 1 << 16
            tar.addfile(member, io.BytesIO(bytes(member.size)))
        stored.append(put(packed.getvalue()) | {"mediaType": "application/vnd.oci.image.layer.v1.tar"})
    machine = done(["dpkg", "--print-architecture"]).strip()
    rootfs = {"type": "layers", "diff_ids": [layer["digest"] for layer in stored]}
    config = put(json.dumps({"architecture": machine, "os": "linux", "rootfs": rootfs}).encode())
    config["mediaType"] = "application/vnd.oci.image.config.v1+json"
    manifest = put(json.dumps({"schemaVersion": 2, "config": config, "layers": stored}).encode())
    manifest["mediaType"] = "application/vnd.oci.image.manifest.v1+json"
    (home / "base/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    (home / "base/oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return home / "base"


def test_a_base_s_layers_that_stand_are_not_read(tmp_path: Path) -> None:
    build(tmp_path)
    stored = [path for path in (base(tmp_path, 2) / "blobs/sha256").iterdir() if path.stat().st_size > 1 << 16]
    settled()
    argv = ["--base", "base", "--oci", "x.oci", *REQUEST]
    first = traced(tmp_path, *argv)
    build(tmp_path, "Hullo")
    second = traced(tmp_path, *argv)
    assert len(stored) == 2
    for path in stored:
        assert first[str(path)] - second[str(path)] == path.stat().st_size
    assert ocidiet("verify", "x.oci", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(("below", "above"), [(121, 3), (122, 1), (124, 1)])
def test_layers_over_many_are_few(tmp_path: Path, below: int, above: int) -> None:
    build(tmp_path)
    base(tmp_path, below)
    pack(tmp_path, "--base", "base", "--oci", "x.oci", *REQUEST)
    (entry,) = json.loads((tmp_path / "x.oci/index.json").read_bytes())["manifests"]
    manifest = json.loads((tmp_path / "x.oci/blobs" / entry["digest"].replace(":", "/")).read_bytes())
    assert len(manifest["layers"]) == below + above


def test_layers_over_too_many_are_refused(tmp_path: Path) -> None:
    cc(tmp_path / "greet", HELLO)
    base(tmp_path, MOST_LAYERS)
    ended = ocidiet("--base", "base", "--oci", "x.oci", *REQUEST, cwd=tmp_path)
    text = "--base has 125 layers, and docker takes no more than 125 in all\n  hint: squash its layers"
    assert (ended.returncode, ended.stderr) == (1, f"ocidiet: error: {text}\n")
    assert not (tmp_path / "x.oci").exists()
