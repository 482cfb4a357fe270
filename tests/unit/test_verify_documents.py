"""What an image's documents say: one seeded defect a row, found by its file, and in its good twin none."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from ocidiet import oci
from ocidiet.errors import InputError
from ocidiet.fs import Record
from ocidiet.fs.image import open_image
from ocidiet.model import HostPath, Search
from ocidiet.verify.image import judge

REF_NAME = "org.opencontainers.image.ref.name"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
HEX = "0" * 64


def layer(*names: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.mode = 0o755
            archive.addfile(member)
    return buffer.getvalue()


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Image:
    """A sound image of two layers, as an archive that is layout and docker's, to be damaged at any of its stages."""

    def __init__(self) -> None:
        self.tars = [layer("a", "d/a"), layer("b", "d/.wh.a")]
        self.packed: list[Callable[[bytes], bytes]] = [bytes, bytes]
        self.at_config: Change = nothing
        self.at_manifest: Change = nothing
        self.at_inner: Change | None = None
        """Of an index between index.json and the manifest; None is for none."""
        self.at_index: Change = nothing
        self.at_list: Callable[[list[Any]], object] = nothing
        self.at_files: Callable[[dict[str, Any]], object] = nothing

    def files(self) -> dict[str, bytes]:
        """Each stage's digests are those of what was damaged before."""
        files: dict[str, Any] = {"oci-layout": {"imageLayoutVersion": "1.0.0", "more": 1}}
        names = {}

        def blob(role: str, value: object, media_type: str, **more: object) -> dict[str, Any]:
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            names[digest(data)[7:]] = role
            files[f"blobs/sha256/{digest(data)[7:]}"] = data
            return {"mediaType": media_type, "digest": digest(data), "size": len(data), "more": {}, **more}

        config: dict[str, Any] = {
            "architecture": "amd64",
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {"Env": ["A=b"], "Cmd": ["/a"], "Labels": {"a": "b"}, "ExposedPorts": {"80/tcp": {}}, "More": 1},
            "rootfs": {"type": "layers", "diff_ids": list(map(digest, self.tars))},
            "history": [{"created_by": "x"}, {"empty_layer": True}, {"created": "1970-01-01T00:00:00.5+02:00"}],
            "more": 1,
        }
        self.at_config(config)
        manifest: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": oci.MANIFEST,
            "config": blob("config", config, oci.CONFIG),
            "layers": [
                blob(f"layer {number}", pack(tar), oci.LAYER)
                for number, (tar, pack) in enumerate(zip(self.tars, self.packed, strict=True))
            ],
        }
        placed: list[str] = [
            "blobs/" + one["digest"].replace(":", "/") for one in (manifest["config"], *manifest["layers"])
        ]
        self.at_manifest(manifest)
        named = {
            "annotations": {REF_NAME: "x:1"},
            "platform": {"os": "linux", "architecture": "amd64", "os.version": "1"},
        }
        index = {
            "schemaVersion": 2,
            "mediaType": oci.INDEX,
            "manifests": [blob("manifest", manifest, oci.MANIFEST, **named)],
        }
        if self.at_inner is not None:
            self.at_inner(index)
            inner = blob("inner", index, oci.INDEX, annotations={REF_NAME: "x:1"})
            index = {"schemaVersion": 2, "mediaType": oci.INDEX, "manifests": [inner]}
        self.at_index(index)
        listed = [{"Config": placed[0], "RepoTags": ["x:1"], "Layers": placed[1:], "More": 1}]
        self.at_list(listed)
        files |= {"index.json": index, "manifest.json": listed}
        self.at_files(files)
        self.names = names
        return {
            name: data if isinstance(data, bytes) else json.dumps(data).encode()
            for name, data in files.items()
            if data is not None
        }

    def found(self, home: Path) -> list[tuple[str, str, str]]:
        """The defects: what has them, their kind, and what they are. A blob by its role."""
        with tarfile.open(home / "image", "w") as archive:
            for name, data in self.files().items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        verdict = judge(open_image(HostPath(f"{home}/image"), Record()), Search(HostPath("/")))
        assert all(one.remedy for one in verdict.defects)
        return [(self.named(one.name), one.kind, self.named(one.reason)) for one in verdict.defects]

    def named(self, text: str) -> str:
        for hexadecimal, role in self.names.items():
            text = text.replace(f"sha256:{hexadecimal}", role)
        return text


Change = Callable[[dict[str, Any]], object]
Seed = Callable[[Image], object]


def nothing(_: object) -> None:
    """A stage without damage."""


def stage(name: str, *changes: Callable[[Any], object]) -> Seed:
    def seed(image: Image) -> None:
        setattr(image, f"at_{name}", lambda value: [change(value) for change in changes])

    return seed


def put(path: str | list[str | int], value: object) -> Change:
    """`value` at a place as `layers/0/size`; nothing there where it is `GONE`."""
    words = path if isinstance(path, list) else [int(word) if word.isdigit() else word for word in path.split("/")]

    def change(document: Any) -> None:
        *above, last = words
        for word in above:
            document = document[word]
        if value is GONE:
            del document[last]
        else:
            document[last] = value

    return change


GONE = object()


def config(path: str, value: object) -> Seed:
    return stage("config", put(path, value))


def manifest(path: str, value: object) -> Seed:
    return stage("manifest", put(path, value))


def index(path: str, value: object) -> Seed:
    return stage("index", put(path, value))


def packed(pack: Callable[[bytes], bytes], media_type: str = "", number: int = 0) -> Seed:
    def seed(image: Image) -> None:
        image.packed[number] = pack
        if media_type:
            image.at_manifest = put(f"layers/{number}/mediaType", media_type)

    return seed


def tars(*layers: bytes) -> Seed:
    return lambda image: image.tars.__setitem__(slice(None), layers)


def flipped(role: str, old: bytes, new: bytes) -> Seed:
    """Bytes changed where all digests stay."""

    def seed(image: Image) -> None:
        def change(files: dict[str, Any]) -> None:
            for name, data in files.items():
                if name.startswith("blobs/") and old in data and (role == "manifest") == (b'"layers": [' in data):
                    files[name] = data.replace(old, new)

        image.at_files = change

    return seed


def together(*seeds: Seed) -> Seed:
    return lambda image: [seed(image) for seed in seeds]


def again(**more: object) -> Change:
    """One more entry of the index: the first, changed."""
    return lambda document: document["manifests"].append({**document["manifests"][0], **more})


def longer(amount: int) -> Change:
    def change(document: dict[str, Any]) -> None:
        document["config"]["size"] += amount

    return change


def compressed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


GZIP, ZSTD = f"{oci.LAYER}+gzip", f"{oci.LAYER}+zstd"
TWO = "is not 2"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
S390X = {"os": "linux", "architecture": "s390x"}
ROWS: dict[str, tuple[Seed, tuple[str, str, str], Seed]] = {
    "blob-flipped": (
        flipped("config", b'"created_by"', b'"Created_by"'),
        ("config", "digest", "its bytes have another digest"),
        flipped("config", b'"created_by"', b'"created_by"'),
    ),
    "manifest-flipped": (
        flipped("manifest", b'"more"', b'"More"'),
        ("manifest", "digest", "its bytes have another digest"),
        flipped("manifest", b'"more"', b'"more"'),
    ),
    "diff-id": (
        config("rootfs/diff_ids/1", f"sha256:{HEX}"),
        (f"sha256:{HEX}", "digest", "rootfs.diff_ids[1] of config: the unpacked layer has another digest"),
        packed(compressed, GZIP),
    ),
    "diff-id-unknown": (
        config("rootfs/diff_ids/1", "md5:0"),
        ("config", "document", "rootfs.diff_ids[1]: md5:0 is no digest by sha256 or sha512"),
        nothing,
    ),
    "config-size": (
        stage("manifest", longer(1)),
        ("config", "size", "has 489 bytes, and config of manifest says 490"),
        stage("manifest", longer(0)),
    ),
    "layer-size": (
        manifest("layers/0/size", 7),
        ("layer 0", "size", "has 10240 bytes, and layers[0] of manifest says 7"),
        manifest("layers/0/size", 10240),
    ),
    "manifest-size": (
        index("manifests/0/size", 1),
        ("manifest", "size", "has 608 bytes, and manifests[0] of index.json says 1"),
        nothing,
    ),
    "size-absent": (
        manifest("config/size", GONE),
        ("manifest", "document", "config.size: absent"),
        manifest("config/urls", []),
    ),
    "size-text": (
        manifest("config/size", "489"),
        ("manifest", "document", "config.size: no number"),
        nothing,
    ),
    "architecture-absent": (
        stage("config", put("architecture", GONE)),
        ("config", "document", "architecture: absent"),
        stage("config", put("variant", "v1")),
    ),
    "os-empty": (
        config("os", ""),
        ("config", "document", "os: absent"),
        config("os.version", ""),
    ),
    "platform-differs": (
        index("manifests/0/platform/architecture", "arm64"),
        ("config", "document", "architecture: is amd64, and the index has arm64 for its image"),
        index("manifests/0/platform", GONE),
    ),
    "variant-differs": (
        together(config("variant", "v3"), index("manifests/0/platform/variant", "v2")),
        ("config", "document", "variant: is v3, and the index has v2 for its image"),
        together(config("variant", "v3"), index("manifests/0/platform/more", "v2")),
    ),
    "platform-without-os": (
        index("manifests/0/platform/os", GONE),
        ("index.json", "document", "manifests[0].platform.os: absent"),
        index("manifests/0/platform", {}),
    ),
    "rootfs-type": (
        config("rootfs/type", "tar"),
        ("config", "document", "rootfs.type: is not 'layers'"),
        nothing,
    ),
    "history-short": (
        config("history/2", GONE),
        ("config", "document", "history: tells of 1 layers, and rootfs.diff_ids names 2"),
        config("history", GONE),
    ),
    "history-empty-layer": (
        config("history/1/empty_layer", False),
        ("config", "document", "history: tells of 3 layers, and rootfs.diff_ids names 2"),
        config("history/0/empty_layer", False),
    ),
    "created": (
        config("created", "1970-01-01"),
        ("config", "document", "created: 1970-01-01 is no time as 2024-01-31T12:00:00Z"),
        config("created", None),
    ),
    "history-created": (
        config("history/0/created", 0),
        ("config", "document", "history[0].created: 0 is no time as 2024-01-31T12:00:00Z"),
        config("history/0/created", "2024-01-31T12:00:00.123456789Z"),
    ),
    "words": (
        config("config/Cmd", "/a"),
        ("config", "document", "config.Cmd: no array of strings"),
        config("config/Cmd", None),
    ),
    "labels": (
        config("config/Labels", {"a": 1}),
        ("config", "document", "config.Labels: no object of strings"),
        config("config/Labels", {}),
    ),
    "ports": (
        config("config/ExposedPorts", ["80/tcp"]),
        ("config", "document", "config.ExposedPorts: no object of empty objects"),
        config("config/Volumes", {"/data": {}}),
    ),
    "user": (
        config("config/User", 0),
        ("config", "document", "config.User: no string"),
        config("config/User", "0"),
    ),
    "env": (
        config("config/Env", ["A=b", "C"]),
        ("config", "document", "config.Env[1]: C is not NAME=VALUE"),
        config("config/Env", ["A=b", "C="]),
    ),
    "schema-version": (
        manifest("schemaVersion", 1),
        ("manifest", "document", f"schemaVersion: {TWO}"),
        manifest("artifactType", "x/y"),
    ),
    "schema-version-of-the-index": (
        index("schemaVersion", GONE),
        ("index.json", "document", "schemaVersion: absent"),
        index("mediaType", GONE),
    ),
    "layer-type": (
        manifest("layers/0/mediaType", "application/x-tar"),
        ("manifest", "media-type", "layers[0].mediaType: application/x-tar is none of an image's"),
        manifest("layers/0/mediaType", DOCKER_LAYER),
    ),
    "layer-type-absent": (
        manifest("layers/0/mediaType", GONE),
        ("manifest", "document", "layers[0].mediaType: absent"),
        manifest("layers/0/annotations", {"a": "b"}),
    ),
    "config-type": (
        manifest("config/mediaType", oci.MANIFEST),
        ("manifest", "media-type", f"config.mediaType: {oci.MANIFEST} is none of an image's"),
        manifest("config/mediaType", "application/vnd.docker.container.image.v1+json"),
    ),
    "manifest-type": (
        manifest("mediaType", oci.INDEX),
        ("manifest", "media-type", f"mediaType: {oci.INDEX} is none of an image's"),
        manifest("mediaType", GONE),
    ),
    "manifest-named-otherwise": (
        manifest("mediaType", DOCKER_MANIFEST),
        ("manifest", "media-type", f"mediaType: is {DOCKER_MANIFEST}, and it is named as {oci.MANIFEST}"),
        together(manifest("mediaType", DOCKER_MANIFEST), index("manifests/0/mediaType", DOCKER_MANIFEST)),
    ),
    "manifest-named-as-none": (
        index("manifests/0/mediaType", "text/plain"),
        ("manifest", "media-type", "the mediaType by which it is named: text/plain is none of an image's"),
        index("manifests/0/artifactType", oci.CONFIG),
    ),
    "plain-declared-gzip": (
        packed(bytes, GZIP),
        ("layer 0", "media-type", f"not compressed, and {GZIP} says gzip"),
        packed(compressed, GZIP),
    ),
    "gzip-declared-plain": (
        packed(compressed),
        ("layer 0", "media-type", f"gzip, and {oci.LAYER} says not compressed"),
        packed(compressed, f"{DOCKER_LAYER}.gzip"),
    ),
    "gzip-declared-zstd": (
        packed(compressed, ZSTD),
        ("layer 0", "media-type", f"gzip, and {ZSTD} says zstd"),
        packed(compressed, GZIP, 1),
    ),
    "zstd-declared-gzip": (
        packed(zstandard.compress, GZIP),
        ("layer 0", "media-type", f"zstd, and {GZIP} says gzip"),
        packed(zstandard.compress, ZSTD),
    ),
    "annotations": (
        manifest("layers/0/annotations", {"a": 1}),
        ("manifest", "document", "layers[0].annotations: no object of strings"),
        manifest("annotations", {"a": "1"}),
    ),
    "layout-absent": (
        stage("files", put("oci-layout", None)),
        ("oci-layout", "document", "absent"),
        stage("files", put("oci-layout", {"imageLayoutVersion": "1.0.0"})),
    ),
    "layout-version": (
        stage("files", put("oci-layout", {"imageLayoutVersion": "2"})),
        ("oci-layout", "document", "imageLayoutVersion: is not 1.0.0"),
        nothing,
    ),
    "name-of-two": (
        stage("index", again(platform=S390X), again(platform=S390X)),
        ("index.json", "document", "manifests[2] and manifests[1] are both called x:1"),
        stage("index", again(platform=S390X), again(platform={**S390X, "variant": "v1"})),
    ),
    "docker-names-another-configuration": (
        stage("list", put("0/Config", f"blobs/sha256/{HEX}")),
        ("manifest.json", "document", "names another image than index.json, whose configuration is config"),
        stage("list", lambda listed: listed.append({**listed[0], "Config": "more"})),
    ),
    "docker-has-other-layers": (
        stage("list", put("0/Layers/1", GONE)),
        ("manifest.json", "document", "names another image than index.json, whose configuration is config"),
        stage("files", put("manifest.json", None)),
    ),
    "docker-has-another-name": (
        stage("list", put("0/RepoTags", ["x:1", "y:1"])),
        ("manifest.json", "document", "calls the image y:1, and index.json calls it x:1"),
        together(
            stage("list", put("0/RepoTags", ["example.org/x:1"])), index("manifests/0/annotations", {REF_NAME: "1"})
        ),
    ),
    "index-in-the-index": (
        stage("inner", put("schemaVersion", 1)),
        ("inner", "document", f"schemaVersion: {TWO}"),
        stage("inner"),
    ),
    "whiteout-in-the-lowest-layer": (
        tars(layer("a", "d/.wh.b"), layer("b")),
        ("d/.wh.b", "entry", "a whiteout in the lowest layer, which has nothing to take away"),
        tars(layer("a", "d/.wh..wh..opq"), layer("d/.wh.b")),
    ),
    "twice-in-a-layer": (
        tars(layer("a", "a"), layer("b")),
        ("a", "entry", "there twice: one tool takes the first, another the last"),
        tars(layer("a"), layer("a")),
    ),
    "escapes": (
        tars(layer("a"), layer("../b")),
        ("../b", "entry", "'..' in its name"),
        tars(layer("a"), layer("..b")),
    ),
    "absolute": (
        tars(layer("a"), layer("/b")),
        ("b", "entry", "an absolute name"),
        tars(layer("a"), layer("./b")),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("seed", "defect", "twin"), ROWS.values(), ids=ROWS)
def test_seeded_defect_is_found_and_its_twin_is_sound(
    tmp_path: Path, seed: Seed, defect: tuple[str, str, str], twin: Seed
) -> None:
    good, bad = Image(), Image()
    twin(good)
    seed(bad)
    assert good.found(tmp_path) == []
    assert bad.found(tmp_path) == [defect]


def test_layout_of_a_directory_lacks_its_file(tmp_path: Path) -> None:
    """It is still told from a root: what it holds is an image."""
    for name, data in Image().files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    for expected in ([], [("oci-layout", "document", "absent")]):
        verdict = judge(open_image(HostPath(str(tmp_path)), Record()), Search(HostPath("/")))
        assert [one[:3] for one in verdict.defects] == expected
        (tmp_path / "oci-layout").unlink(missing_ok=True)


def test_name_that_is_not_there_is_told_and_no_defect(tmp_path: Path) -> None:
    image = Image()
    index("manifests/0/annotations", GONE)(image)
    assert image.found(tmp_path) == []
    verdict = judge(open_image(HostPath(f"{tmp_path}/image"), Record()), Search(HostPath("/")))
    assert [one.text for one in verdict.notices] == [f"index.json: manifests[0] has no name ({REF_NAME})"]


def places(value: object) -> list[list[str | int]]:
    """Where values are in a document."""
    found: list[list[str | int]] = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        found += [[key], *([key, *place] for place in places(inner))]
    return found


@pytest.mark.parametrize("stages", ["config", "manifest", "index", "inner", "list"])
def test_no_document_is_more_than_a_judge_can_bear(tmp_path: Path, stages: str) -> None:
    """Whatever stands in whichever place, it is a verdict or a sentence."""
    told: list[Any] = []
    image = Image()
    stage(stages, told.append)(image)
    image.files()
    for place in places(told[0]):
        for value in (None, 0, True, "", "x", [], [0], {}, {"a": 0}):
            image = Image()
            stage(stages, put(place, value))(image)
            try:
                image.found(tmp_path)
            except InputError:
                pass
