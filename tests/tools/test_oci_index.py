"""Images for several machines under one name: each engine takes its own, and no blob is another."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import HELLO, MAIN, PYTHON, Engine, cc, clean_env, done, need, ocidiet

COMPILERS = {"x86_64-linux-gnu-gcc": "amd64", "aarch64-linux-gnu-gcc": "arm64", "arm-linux-gnueabihf-gcc": "arm"}
PLATFORMS = [
    {"architecture": "amd64", "os": "linux"},
    {"architecture": "arm", "os": "linux", "variant": "v7"},
    {"architecture": "arm64", "os": "linux", "variant": "v8"},
]
INDEX = [PYTHON, "-IS", str(MAIN), "index", "-o"]
IMAGES = ["arm.oci", "amd64.oci", "arm64.oci.tar"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a layout or archive for each machine, and what joins them."""
    home = tmp_path_factory.mktemp("index")
    for compiler, name in COMPILERS.items():
        cc(home / name, HELLO.replace("Hello", name), "-static", compiler=compiler)
        outputs = ["--oci", f"{name}.oci", "--archive", f"{name}.oci.tar"]
        done([PYTHON, "-IS", MAIN, "-b", f"{name}:/hello", *outputs, "--tag", "one:1"], home)
    joined = ocidiet("index", "-o", "all.oci", *IMAGES, "--tag", "all:1", cwd=home)
    assert (joined.returncode, joined.stdout, joined.stderr) == (0, "", "")
    return home


def blob(layout: Path, digest: str) -> bytes:
    data = (layout / "blobs" / digest.replace(":", "/")).read_bytes()
    assert f"sha256:{hashlib.sha256(data).hexdigest()}" == digest
    return data


def parts(layout: Path) -> tuple[list[Any], dict[str, Any]]:
    """What index.json names, and the index within it."""
    entries = json.loads((layout / "index.json").read_bytes())["manifests"]
    return entries, json.loads(blob(layout, entries[-1]["digest"]))


def test_index_names_each_manifest_with_its_platform(home: Path) -> None:
    (entry,), index = parts(home / "all.oci")
    kind = "application/vnd.oci.image.index.v1+json"
    assert (entry["mediaType"], index["mediaType"], index["schemaVersion"]) == (kind, kind, 2)
    names = {"org.opencontainers.image.ref.name": "all:1", "io.containerd.image.name": "docker.io/library/all:1"}
    assert entry["annotations"] == names
    assert [one["platform"] for one in index["manifests"]] == PLATFORMS
    for one, name in zip(index["manifests"], ["amd64", "arm", "arm64"], strict=True):
        ((alone,), manifest) = parts(home / f"{name}.oci")
        assert {key: one[key] for key in ("mediaType", "digest", "size")} == {
            key: alone[key] for key in ("mediaType", "digest", "size")
        }
        for part in (alone, manifest["config"], *manifest["layers"]):
            assert blob(home / "all.oci", part["digest"]) == blob(home / f"{name}.oci", part["digest"])
    assert len(list((home / "all.oci/blobs/sha256").iterdir())) == 3 * 3 + 1
    assert (home / "all.oci/oci-layout").read_bytes() == (home / "arm.oci/oci-layout").read_bytes()


def test_index_is_the_same_in_any_order_and_form(home: Path, tmp_path: Path) -> None:
    images = ["amd64.oci.tar", "arm64.oci", "arm.oci.tar"]
    done([*INDEX, tmp_path / "x.oci", *images, "--tag", "all:1"], home)
    assert (tmp_path / "x.oci/index.json").read_bytes() == (home / "all.oci/index.json").read_bytes()


def test_layouts_whose_files_are_links_are_read_through_them(home: Path, tmp_path: Path) -> None:
    """As a sandbox has its inputs."""
    for name in ("amd64", "arm64", "arm"):
        for path in (home / f"{name}.oci").rglob("*"):
            if path.is_file():
                place = tmp_path / path.relative_to(home)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(path)
    images = ["arm.oci", "amd64.oci", "arm64.oci"]
    done([*INDEX, "all.oci", *images, "--tag", "all:1"], tmp_path)
    assert (tmp_path / "all.oci/index.json").read_bytes() == (home / "all.oci/index.json").read_bytes()
    assert ocidiet("verify", "--platform", "linux/arm64", "all.oci", cwd=tmp_path).returncode == 0


def test_index_is_verified_for_each_platform(home: Path) -> None:
    for name in ("amd64", "arm64", "arm"):
        told = ocidiet("verify", "--platform", f"linux/{name}", "all.oci", cwd=home)
        assert (told.returncode, told.stdout.split(", linux")[0]) == (0, "all.oci: ok, 1 program, 0 libraries")


def test_skopeo_shows_and_copies_each(home: Path, tmp_path: Path) -> None:
    need("skopeo")
    copy = ["copy", "--quiet", "--insecure-policy", "--dest-oci-accept-uncompressed-layers"]
    raw = json.loads(done(["skopeo", "inspect", "--raw", f"oci:{home}/all.oci:all:1"]))
    assert raw == parts(home / "all.oci")[1]
    for name in COMPILERS.values():
        done(["skopeo", f"--override-arch={name}", *copy, f"oci:{home}/all.oci:all:1", f"oci:{tmp_path}/{name}:x"])
        assert parts(tmp_path / name)[1]["layers"] == parts(home / f"{name}.oci")[1]["layers"]
    done(["skopeo", *copy, "--all", f"oci:{home}/all.oci:all:1", f"oci:{tmp_path}/all:x"])
    assert parts(tmp_path / "all")[1] == raw


def test_podman_runs_that_for_its_machine(home: Path, podman: Engine) -> None:
    machine = done(["dpkg", "--print-architecture"]).strip()
    image = podman("pull", "--quiet", f"oci:{home}/all.oci:all:1").strip()
    assert podman.run(image) == f"{machine} World\n"
    other = "arm64" if machine == "amd64" else "amd64"
    image = podman("pull", "--quiet", f"--arch={other}", f"oci:{home}/all.oci:all:1").strip()
    assert podman("inspect", "--format={{.Architecture}}", image) == f"{other}\n"


@pytest.fixture
def buildah(tmp_path: Path) -> Iterator[Engine]:
    need("buildah", root=True)
    storage = ["--root", str(tmp_path / "root"), "--runroot", str(tmp_path / "run"), "--storage-driver", "vfs"]
    engine = Engine(["buildah", *storage], [], clean_env())
    yield engine
    engine("rmi", "--all", "--force")
    shutil.rmtree(tmp_path / "root")


def test_buildah_takes_the_one_that_is_asked_for(home: Path, buildah: Engine) -> None:
    for name in ("arm64", "amd64"):
        image = buildah("pull", "--quiet", f"--arch={name}", f"oci:{home}/all.oci:all:1").strip()
        assert buildah("inspect", "--type=image", "--format={{.OCIv1.Architecture}}", image) == name


def test_an_image_lies_over_that_for_its_machine(home: Path, tmp_path: Path) -> None:
    cc(tmp_path / "hello", HELLO, "-static", compiler="aarch64-linux-gnu-gcc")
    words = ["--base", str(home / "all.oci"), "--oci", "x.oci", "-b", "hello:/over"]
    done([PYTHON, "-IS", MAIN, *words], tmp_path)
    assert parts(tmp_path / "x.oci")[1]["layers"][0] == parts(home / "arm64.oci")[1]["layers"][0]


# What stands ---------------------------------------------------------------------------------------


def test_layout_keeps_its_images_and_gets_the_index_beside(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "arm.oci", tmp_path / "x.oci")
    words = [*INDEX, str(tmp_path / "x.oci"), "--tag", "all:1", "amd64.oci", str(tmp_path / "x.oci")]
    done(words, home)
    entries, index = parts(tmp_path / "x.oci")
    assert [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in entries] == ["one:1", "all:1"]
    assert [one["platform"]["architecture"] for one in index["manifests"]] == ["amd64", "arm"]
    before = (tmp_path / "x.oci/index.json").read_bytes()
    done(words, home)  # whose image of all machines has but these
    assert (tmp_path / "x.oci/index.json").read_bytes() == before


def test_blobs_that_stand_are_not_read(home: Path, tmp_path: Path) -> None:
    need("strace")
    time.sleep(0.05)
    words = [*INDEX, str(tmp_path / "x.oci"), *IMAGES, "--keep-mtime"]
    done(words, home)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "x.oci").rglob("*")}
    done(["strace", "-f", "-qq", "-y", "-o", str(tmp_path / "trace"), "-e", "trace=read,readv,preadv", *words], home)
    large = [path.name for path in (tmp_path / "x.oci/blobs/sha256").iterdir() if path.stat().st_size > 10_000]
    text = (tmp_path / "trace").read_text()
    assert (len(large), [name for name in large if name in text]) == (3, [])
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "x.oci").rglob("*") if path.is_file()} == {
        path: time_ns for path, time_ns in before.items() if path.is_file()
    }


def test_what_is_joined_is_told(home: Path, tmp_path: Path) -> None:
    told = ocidiet("index", "-v", "-o", f"{tmp_path}/x.oci", "arm.oci", "amd64.oci", cwd=home)
    digests = [parts(home / name)[0][0]["digest"] for name in ("arm.oci", "amd64.oci")]
    assert told.stdout == f"linux/arm/v7  {digests[0]}  arm.oci\nlinux/amd64  {digests[1]}  amd64.oci\n"


# What is refused -----------------------------------------------------------------------------------


def refused(home: Path, *images: str) -> tuple[int, str]:
    ended = ocidiet("index", "-o", "new.oci", *images, cwd=home)
    assert not (home / "new.oci").exists()
    return ended.returncode, ended.stderr.removeprefix("ocidiet: error: ")


def edited(home: Path, place: Path, **platform: Any) -> Path:
    """The layout for arm, whose index says something else of the platform."""
    shutil.copytree(home / "arm.oci", place)
    index = json.loads((place / "index.json").read_bytes())
    index["manifests"][0]["platform"] = platform
    (place / "index.json").write_text(json.dumps(index))
    return place


def test_two_images_for_one_platform_are_refused(home: Path, tmp_path: Path) -> None:
    cc(tmp_path / "other", "int main(void) { return 1; }\n", "-static", compiler="aarch64-linux-gnu-gcc")
    done([PYTHON, "-IS", MAIN, "-b", "other:/hello", "--oci", "other.oci"], tmp_path)
    text = f"{tmp_path}/other.oci: for linux/arm64/v8, as arm64.oci is: an index has one for each\n"
    assert refused(home, "arm64.oci", f"{tmp_path}/other.oci") == (1, text)
    assert refused(home, "amd64.oci", "arm64.oci", f"{tmp_path}/other.oci") == (1, text)


def test_one_image_twice_is_one(home: Path, tmp_path: Path) -> None:
    done([*INDEX, tmp_path / "x.oci", "arm.oci", "arm.oci.tar"], home)
    assert len(parts(tmp_path / "x.oci")[1]["manifests"]) == 1


def test_images_of_an_index_have_its_name(home: Path, tmp_path: Path) -> None:
    """One image of two names is one, and is told once."""
    outside = HELLO.replace("Hello", "other")
    cc(tmp_path / "other", outside, "-static", compiler="x86_64-linux-gnu-gcc")
    done([PYTHON, "-IS", MAIN, "-b", "other:/other", "--oci", "other.oci"], tmp_path)
    for name, images in {"a": IMAGES, "b": ["amd64.oci"], "c": [f"{tmp_path}/other.oci"]}.items():
        done([*INDEX, tmp_path / "x.oci", "--tag", name, *images], home)
    verified = ocidiet("verify", "--platform", "linux/amd64", "x.oci", cwd=tmp_path)
    told = [line.partition(": ok")[0] for line in verified.stdout.splitlines()]
    assert (verified.returncode, told) == (0, ["x.oci:a:latest", "x.oci:c:latest"])
    again = ocidiet(
        "index", "-v", "-o", "y.oci", f"{home}/all.oci", f"{home}/amd64.oci", f"{home}/all.oci", cwd=tmp_path
    )
    assert len(again.stdout.splitlines()) == 4


def test_platform_is_the_configuration_s_where_the_index_is_silent(home: Path, tmp_path: Path) -> None:
    silent = edited(home, tmp_path / "silent.oci")
    done([*INDEX, tmp_path / "x.oci", silent], home)
    assert parts(tmp_path / "x.oci")[1]["manifests"][0]["platform"] == PLATFORMS[1]


def test_image_for_another_system_is_refused(home: Path, tmp_path: Path) -> None:
    windows = edited(home, tmp_path / "w.oci", os="windows", architecture="amd64")
    text = f"{windows}: an image for windows/amd64: an index tells machines of linux apart\n"
    assert refused(home, str(windows)) == (1, text)


def test_damaged_blob_is_refused(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "arm.oci", tmp_path / "bad.oci")
    digest = parts(tmp_path / "bad.oci")[1]["layers"][0]["digest"]
    with open(tmp_path / "bad.oci/blobs" / digest.replace(":", "/"), "r+b") as file:
        file.write(b"x")
    code, text = refused(home, "amd64.oci", f"{tmp_path}/bad.oci")
    assert (code, f"is no blob {digest}" in text) == (1, True)


def without_an_image(path: Path) -> None:
    path.mkdir()
    (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (path / "index.json").write_text('{"schemaVersion":2,"manifests":[]}')


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (None, "no such file"),
        (lambda path: path.mkdir(), "neither an OCI layout nor an OCI archive"),
        (lambda path: path.write_bytes(bytes(10240)), "neither an OCI layout nor an OCI archive"),
        (without_an_image, "holds no image"),
    ],
    ids=["absent", "directory", "tar", "empty"],
)
def test_what_is_no_image_is_refused(home: Path, tmp_path: Path, make: Any, message: str) -> None:
    if make is not None:
        make(tmp_path / "x")
    code, text = refused(home, f"{tmp_path}/x")
    assert (code, text.splitlines()[0]) == (1, f"{tmp_path}/x: {message}")


def test_failure_leaves_the_layout_as_it_was(home: Path, tmp_path: Path) -> None:
    need("strace")
    shutil.copytree(home / "arm.oci", tmp_path / "x.oci")
    before = {path.name for path in (tmp_path / "x.oci").rglob("*")}
    inject = ["-e", "trace=rename", "-e", "inject=rename:error=EROFS:when=2"]
    words = [*INDEX, str(tmp_path / "x.oci"), "amd64.oci"]
    done(
        ["sh", "-c", '"$@"; test $? = 3', "sh", "strace", "-f", "-qq", "-o", tmp_path / "trace", *inject, *words], home
    )
    assert "INJECTED" in (tmp_path / "trace").read_text()
    after = {path.name for path in (tmp_path / "x.oci").rglob("*")}
    assert before <= after
    assert (tmp_path / "x.oci/index.json").read_bytes() == (home / "arm.oci/index.json").read_bytes()
    assert [name for name in after if name.startswith(".")] == []
    assert os.listdir(tmp_path / "x.oci/blobs") == ["sha256"]
