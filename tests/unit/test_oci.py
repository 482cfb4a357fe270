"""Documents, digests and places of an image: listings and JSON first, digests last."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocidiet import oci, tar
from ocidiet.cli import options
from ocidiet.cli.image import wanted
from ocidiet.commit.blobs import HashingWriter, Rewritable, Store, digest_of
from ocidiet.commit.output import Output
from ocidiet.errors import OcidietError, OutputError, UsageError
from ocidiet.model import ElfFacts, File, HostPath, Identity, ImagePath, Rule
from ocidiet.model.image import Entry, Reason, Tree
from ocidiet.model.oci import Descriptor, Layer, Platform, Setting
from ocidiet.oci.archive import Archive
from ocidiet.oci.layout import Layout, merged
from ocidiet.tree.layers import of_project, split

EPOCH = "1970-01-01T00:00:00Z"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DATA = b"layer" * 2048  # a whole record of a tar
DIGEST = digest_of(DATA)
LAYER = Layer(Descriptor(oci.LAYER, DIGEST, len(DATA)), DIGEST, "ocidiet: all")
AMD64 = Platform("amd64")
TIME_NS = 1_700_000_000_123_456_789


def image(*argv: str, of: Platform = AMD64) -> oci.Image:
    """The image of one layer that the options `argv` ask for."""
    asked = wanted(options.parse(["--archive", "hello.oci.tar", *argv]))
    return oci.image([LAYER], asked.setting, of, ["/hello"], asked.tag)


def config(*argv: str) -> dict[str, Any]:
    """What its configuration says of how it starts."""
    told: dict[str, Any] = json.loads(image(*argv).config.data)["config"]
    return told


# Documents ---------------------------------------------------------------------------------------


def test_documents_of_the_least_image() -> None:
    made = image()
    assert json.loads(made.config.data) == {
        "architecture": "amd64",
        "os": "linux",
        "created": EPOCH,
        "config": {"Env": [PATH], "Entrypoint": ["/hello"]},
        "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
        "history": [{"created": EPOCH, "created_by": "ocidiet: all"}],
    }
    assert json.loads(made.manifest.data) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": "sha256:" + hashlib.sha256(made.config.data).hexdigest(),
            "size": len(made.config.data),
        },
        "layers": [
            {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": DIGEST, "size": 10240},
        ],
    }
    assert made.entry == {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": "sha256:" + hashlib.sha256(made.manifest.data).hexdigest(),
        "size": len(made.manifest.data),
        "platform": {"os": "linux", "architecture": "amd64"},
        "annotations": {
            "org.opencontainers.image.ref.name": "hello:latest",
            "io.containerd.image.name": "docker.io/library/hello:latest",
        },
    }
    digest = "451af1ad94ed0bc9aa093c9e6c12b5d7b0040d2324e109086c8c1fd353c7f4fd"
    assert made.manifest.descriptor.digest.endswith(digest)


def test_documents_are_canonical_json() -> None:
    assert oci.canonical({"b": [1, {}], "a": "\u00e4/<\ud83d\ude00"}) == b'{"a":"\\u00e4/<\\ud83d\\ude00","b":[1,{}]}'


@pytest.mark.parametrize(
    "value",
    [
        "",
        "plain ~",
        'a"b',
        "a\\b",
        "\u007f\x00\n",
        "\u00e4",
        0,
        -1,
        10**20,
        1.5,
        1e300,
        True,
        None,
        [],
        {},
        {"b": [{}], "a": 1},
    ],
    ids=ascii,
)
def test_documents_are_spelled_as_by_json(value: object) -> None:
    assert oci.canonical([value]).decode() == json.dumps([value], sort_keys=True, separators=(",", ":"))


def test_variant_stands_in_configuration_and_index() -> None:
    made = image(of=Platform("arm", "v7"))
    assert json.loads(made.config.data)["variant"] == "v7"
    assert made.entry["platform"] == {"os": "linux", "architecture": "arm", "variant": "v7"}


@pytest.mark.parametrize(
    ("argv", "changed"),
    [
        (["--entrypoint", "/a  b"], {"Entrypoint": ["/a", "b"]}),
        (["--entrypoint", '["/a b", ""]'], {"Entrypoint": ["/a b", ""]}),
        (["--entrypoint", "[]", "--cmd", "x y"], {"Entrypoint": None, "Cmd": ["x", "y"]}),
        (["--cmd", '["[x"]'], {"Cmd": ["[x"]}),
        (["--env", "A=1", "--env", "B=$A-${A}-\\$A", "--env", "A="], {"Env": [PATH, "A=", "B=1-1-$A"]}),
        (["--env", "A=1", "--env", "B=${A:-x}${C:-$A}${A:+y}${C:+z}${C:-}"], {"Env": [PATH, "A=1", "B=11y"]}),
        (["--env", "A=", "--env", "B=${A:-x}${A:+y}$A"], {"Env": [PATH, "A=", "B=x"]}),
        (["--env", "PATH=/opt/bin:$PATH"], {"Env": [f"PATH=/opt/bin:{PATH[5:]}"]}),
        (["--workdir", "/srv"], {"WorkingDir": "/srv"}),
        (["--workdir", "srv"], {"WorkingDir": "/srv"}),
        (
            ["--label", "a=$A", "--label", "b=\\$A", "--env", "A=1"],
            {"Env": [PATH, "A=1"], "Labels": {"a": "1", "b": "$A"}},
        ),
        (["--user", "65532:65532"], {"User": "65532:65532"}),
        (["--label", "a=b=c", "--label", "d="], {"Labels": {"a": "b=c", "d": ""}}),
        (["--expose", "80", "--expose", "053/udp"], {"ExposedPorts": {"80/tcp": {}, "53/udp": {}}}),
        (["--volume", "/data", "--volume", "/var/x"], {"Volumes": {"/data": {}, "/var/x": {}}}),
        (["--stop-signal", "SIGRTMIN+3"], {"StopSignal": "SIGRTMIN+3"}),
        (["--stop-signal", "9"], {"StopSignal": "9"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_configuration_is_a_dockerfile_s(argv: list[str], changed: dict[str, Any]) -> None:
    told = {"Env": [PATH], "Entrypoint": ["/hello"], **changed}
    assert config(*argv) == {key: value for key, value in told.items() if value is not None}


BASE = {
    "Env": ["PATH=/b", "X=1"],
    "Entrypoint": ["/b"],
    "Cmd": ["c"],
    "User": "7",
    "WorkingDir": "/w",
    "Labels": {"l": "1", "m": "2"},
    "ExposedPorts": {"1/tcp": {}},
    "Volumes": {"/v": {}},
    "StopSignal": "SIGHUP",
    "Healthcheck": {"Test": ["NONE"]},
    "OnBuild": ["RUN x"],
}
INHERITED: dict[str, Any] = {key: value for key, value in BASE.items() if key != "OnBuild"}


@pytest.mark.parametrize(
    ("default", "argv", "changed"),
    [
        ([], [], {}),
        (["/hello"], [], {"Entrypoint": ["/hello"], "Cmd": None}),
        (["/hello"], ["--cmd", "d"], {"Entrypoint": ["/hello"], "Cmd": ["d"]}),
        ([], ["--cmd", "d"], {"Cmd": ["d"]}),
        ([], ["--entrypoint", "/e"], {"Entrypoint": ["/e"], "Cmd": None}),
        (["/hello"], ["--entrypoint", "[]", "--cmd", "d"], {"Entrypoint": None, "Cmd": ["d"]}),
        ([], ["--env", "X=$X$PATH", "--env", "Y=2"], {"Env": ["PATH=/b", "X=1/b", "Y=2"]}),
        ([], ["--user", "8", "--workdir", "/x"], {"User": "8", "WorkingDir": "/x"}),
        (
            [],
            ["--user", "$X", "--workdir", "y$X", "--volume", "/$X"],
            {"User": "1", "WorkingDir": "/w/y1", "Volumes": {"/1": {}, "/v": {}}},
        ),
        ([], ["--stop-signal", "9"], {"StopSignal": "9"}),
        ([], ["--label", "m=3", "--label", "n=4"], {"Labels": {"l": "1", "m": "3", "n": "4"}}),
        ([], ["--expose", "2"], {"ExposedPorts": {"1/tcp": {}, "2/tcp": {}}}),
        ([], ["--volume", "/u"], {"Volumes": {"/u": {}, "/v": {}}}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_configuration_is_inherited_as_by_from(default: list[str], argv: list[str], changed: dict[str, Any]) -> None:
    setting = wanted(options.parse(["--oci", "x", *argv])).setting
    base: dict[str, object] = {"config": BASE, "rootfs": {"diff_ids": ["sha256:1"]}, "history": [{"comment": "b"}]}
    lower = Layer(LAYER.descriptor, DIGEST, "")
    document = json.loads(oci.image([lower, LAYER], setting, AMD64, default, "x:1", base).config.data)
    told = {**INHERITED, **changed}
    assert document["config"] == {key: value for key, value in told.items() if value is not None}
    assert document["rootfs"]["diff_ids"] == [DIGEST, DIGEST]
    assert document["history"] == [{"comment": "b"}, {"created": EPOCH, "created_by": "ocidiet: all"}]


def test_base_without_a_history_gets_one() -> None:
    base: dict[str, object] = {"rootfs": {"diff_ids": ["sha256:1", "sha256:2"]}}
    told = json.loads(oci.image([LAYER], Setting(EPOCH), AMD64, [], "x:1", base).config.data)
    assert [entry["created_by"] for entry in told["history"]] == ["base", "base", "ocidiet: all"]
    assert told["config"] == {}


@pytest.mark.parametrize(
    ("stored", "head", "media_type"),
    [
        ("application/vnd.oci.image.layer.v1.tar+zstd", b"", "tar+zstd"),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", b"\x1f\x8b", "tar+gzip"),
        ("", b"\x28\xb5\x2f\xfd", "tar+zstd"),
        ("", b"usr/", "tar"),
    ],
    ids=["oci", "docker", "zstd", "plain"],
)
def test_media_type_of_a_base_s_layer_is_oci_s(stored: str, head: bytes, media_type: str) -> None:
    assert oci.media_type(stored, head) == f"application/vnd.oci.image.layer.v1.{media_type}"


def test_annotations_are_the_manifest_s() -> None:
    made = image("--annotation", "org.opencontainers.image.source=x")
    assert json.loads(made.manifest.data)["annotations"] == {"org.opencontainers.image.source": "x"}


@pytest.mark.parametrize(
    ("given", "environment", "created"),
    [
        ([], None, EPOCH),
        ([], "", EPOCH),
        ([], "1700000000", "2023-11-14T22:13:20Z"),
        (["--created", "0"], "1700000000", EPOCH),
        (["--created", "2024-01-31T12:00:00Z"], "x", "2024-01-31T12:00:00Z"),
        (["--created", "253402300799"], None, "9999-12-31T23:59:59Z"),
    ],
)
def test_created_is_given_or_the_source_s(
    monkeypatch: pytest.MonkeyPatch, given: list[str], environment: str | None, created: str
) -> None:
    if environment is None:
        monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    else:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", environment)
    assert wanted(options.parse(["--oci", "x", *given])).setting == Setting(created)


@pytest.mark.parametrize(
    ("argv", "tag", "full"),
    [
        (["--archive", "d/hello.oci.tar"], "hello:latest", "docker.io/library/hello:latest"),
        (["--archive", "hello.tar"], "hello:latest", "docker.io/library/hello:latest"),
        (["--oci", "d/hello.oci/"], "hello:latest", "docker.io/library/hello:latest"),
        (["--oci", "x", "--tag", "a--b-2:1-2"], "a--b-2:1-2", "docker.io/library/a--b-2:1-2"),
        (["--oci", "x", "--tag", "a.b:1.2"], "a.b:1.2", "docker.io/library/a.b:1.2"),
        (["--oci", "x", "--tag", "ab:1..2"], "ab:1..2", "docker.io/library/ab:1..2"),
        (["--oci", "x", "--tag", "a_b:1.2_3-A"], "a_b:1.2_3-A", "docker.io/library/a_b:1.2_3-A"),
        (["--oci", "x", "--tag", "me/x"], "me/x:latest", "docker.io/me/x:latest"),
        (["--oci", "x", "--tag", "r.example:5000/a/b:V_1"], "r.example:5000/a/b:V_1", "r.example:5000/a/b:V_1"),
        (["--oci", "x", "--tag", "localhost/a:1"], "localhost/a:1", "localhost/a:1"),
        (["--oci", "x", "--tag", "Host/a:1"], "Host/a:1", "Host/a:1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_tag_is_given_or_the_output_s(argv: list[str], tag: str, full: str) -> None:
    asked = wanted(options.parse(argv))
    assert asked.tag == tag
    entry = oci.image([LAYER], asked.setting, Platform("amd64"), (), tag).entry
    assert entry["annotations"] == {oci.REF_NAME: tag, "io.containerd.image.name": full}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--tag", "Hello"], "--tag Hello: no name of an image"),
        (["--tag", "a:b:c"], "--tag a:b:c: no name of an image"),
        (["--tag", "a-:b"], "--tag a-:b: no name of an image"),
        (["--tag", "a..b"], "--tag a..b: no name of an image"),
        (["--tag", "a.-b:1"], "--tag a.-b:1: no name of an image"),
        (["--tag", "a.:b"], "--tag a.:b: no name of an image"),
        (["--tag", "a:-b"], "--tag a:-b: no name of an image"),
        (["--tag", ":b"], "--tag :b: no name of an image"),
        (["--tag", "a:"], "--tag a:: no name of an image"),
        (["--tag", f"a:{129 * 'b'}"], f"--tag a:{129 * 'b'}: no name of an image"),
        (["--tag", "-a"], "--tag -a: no name of an image"),
        (["--tag", "a/"], "--tag a/: no name of an image"),
        (["--archive", "-"], "--archive -: names a file"),
        (["--entrypoint", "[x"], "--entrypoint [x: begins with '[' and is no JSON array of strings"),
        (["--cmd", "[1]"], "--cmd [1]: begins with '[' and is no JSON array of strings"),
        (["--env", "A"], "--env A: is not NAME=VALUE"),
        (["--env", "=A"], "--env =A: is not NAME=VALUE"),
        (["--env", "A=$GONE"], "--env A: $GONE is not set in the image"),
        (["--env", "A=${B:?}"], "--env A: ${B:?}: '${' begins no name"),
        (["--user", "$GONE"], "--user: $GONE is not set in the image"),
        (["--label", "A"], "--label A: is not NAME=VALUE"),
        (["--label", "A=\udcff"], "--label A=\\xff: not UTF-8, which an image's configuration is"),
        (["--volume", "x"], "--volume x: an absolute path in the image"),
        (["--layers", "x"], "--layers x: single or auto"),
        (["--expose", "0"], "--expose 0: a port from 1 to 65535, or PORT/udp"),
        (["--expose", "65536"], "--expose 65536: a port from 1 to 65535, or PORT/udp"),
        (["--expose", "80/ftp"], "--expose 80/ftp: a port from 1 to 65535, or PORT/udp"),
        (["--stop-signal", "x"], "--stop-signal x: a name as SIGTERM, or a number"),
        (["--created", "now"], "--created now: seconds since 1970, or as 2024-01-31T12:00:00Z"),
        (["--created", "253402300800"], "--created 253402300800: seconds since 1970, or as 2024-01-31T12:00:00Z"),
    ],
    ids=lambda value: ascii(" ".join(value)) if isinstance(value, list) else "",
)
def test_options_are_refused(argv: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        image(*argv) if "--archive" not in argv else wanted(options.parse(argv))
    assert caught.value.message == message


def test_garbage_in_source_date_epoch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(UsageError) as caught:
        image()
    assert caught.value.message == "SOURCE_DATE_EPOCH yesterday: seconds since 1970"


# Platforms ---------------------------------------------------------------------------------------


def facts(machine: int, bits: int, little_endian: bool, e_flags: int = 0) -> ElfFacts:
    return ElfFacts(bits, little_endian, machine, False, None, (), None, None, None, 0, e_flags)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ((62, 64, True), "linux/amd64"),
        ((3, 32, True), "linux/386"),
        ((183, 64, True), "linux/arm64/v8"),
        ((40, 32, True, 0x5000400), "linux/arm/v7"),
        ((40, 32, True, 0x5000200), "linux/arm/v5"),
        ((243, 64, True), "linux/riscv64"),
        ((21, 64, True), "linux/ppc64le"),
        ((21, 64, False), "linux/ppc64"),
        ((22, 64, False), "linux/s390x"),
    ],
    ids=str,
)
def test_platform_is_the_elf_header_s(header: tuple[int, int, bool], name: str) -> None:
    found = oci.platform([("a", facts(*header)), ("b", facts(*header))])
    assert found is not None
    assert oci.spelled(found) == name


def test_platform_of_no_program_is_unknown() -> None:
    assert oci.platform([]) is None


ARM6, ARM7 = Platform("arm", "v6"), Platform("arm", "v7")


@pytest.mark.parametrize(
    ("program", "base", "joined"),
    [
        (AMD64, None, AMD64),
        (AMD64, {}, AMD64),
        (None, {"architecture": "arm", "variant": "v6"}, ARM6),
        (ARM7, {"architecture": "arm", "variant": "v6"}, ARM7),
        (ARM6, {"architecture": "arm", "variant": "v7"}, ARM7),
        (ARM7, {"architecture": "arm"}, ARM7),
        (None, None, "no program says for which machine the image is"),
        (AMD64, {"architecture": "arm"}, "--base is for linux/arm, and the programs are for linux/amd64"),
        (
            AMD64,
            {"architecture": "amd64", "os": "windows"},
            "--base is for windows/amd64, and the programs are for linux/amd64",
        ),
    ],
    ids=range(9),
)
def test_platform_is_the_base_s_too(program: Platform | None, base: Any, joined: Platform | str) -> None:
    try:
        found: Platform | str = oci.joined(program, base)
    except OcidietError as error:
        found = error.message
    assert found == joined


@pytest.mark.parametrize(
    ("programs", "message"),
    [
        (
            [("bin/a", facts(62, 64, True)), ("bin/b", facts(3, 32, True))],
            """programs for several machines: an image is for one
  bin/a  (linux/amd64)
  bin/b  (linux/386)
  hint: make one image for each""",
        ),
        ([("bin/a", facts(2, 32, False))], "bin/a: no image can be for its machine (e_machine 2)"),
    ],
    ids=["several", "unknown"],
)
def test_platform_is_refused(programs: list[tuple[str, ElfFacts]], message: str) -> None:
    with pytest.raises(OcidietError) as caught:
        oci.platform(programs)
    assert str(caught.value) == message


# Layers ------------------------------------------------------------------------------------------


def entry(name: str, rule: str, source: str = "", link: str = "") -> Entry:
    """A file with a source, a link with a text, else a directory."""
    file = File(HostPath(source), Identity(0, 0, 1, 0, 0), False) if source else None
    typeflag = "0" if source else "2" if link else "5"
    return Entry(ImagePath(name), typeflag, 0o755, link, file, Reason(rule, ()))


LIB = "usr/lib/x"
ENTRIES = [
    entry("bin", Rule.PARENT, link="usr/bin"),
    entry("etc", Rule.PARENT),
    entry("etc/ld.so.cache", Rule.CONFIG, "/etc/ld.so.cache"),
    entry("lib64", Rule.PARENT, link="usr/lib64"),
    entry("srv", Rule.PARENT),
    entry("srv/empty", Rule.EXTRA),
    entry("usr", Rule.PARENT),
    entry("usr/bin", Rule.PARENT),
    entry("usr/bin/app", Rule.PROGRAM, "/build/app"),
    entry("usr/lib", Rule.PARENT),
    entry("usr/lib/x", Rule.PARENT),
    entry(f"{LIB}/ld-linux-x86-64.so.2", Rule.LD_SO_CACHE, "/lib/x/ld-linux-x86-64.so.2"),
    entry(f"{LIB}/libc.so.6", Rule.LD_SO_CACHE, "/lib/x/libc.so.6"),
    entry(f"{LIB}/libdata.so", Rule.EXTRA, "/build/libdata.so"),
    entry(f"{LIB}/libmine.so", Rule.RUNPATH, link="libmine.so.1"),
    entry(f"{LIB}/libmine.so.1", Rule.RUNPATH, "/build/lib/libmine.so.1"),
    entry(f"{LIB}/libroot.so", Rule.DEFAULT, "/build/root/lib/libroot.so"),
    entry(f"{LIB}/libstaged.so", Rule.DEFAULT, "/stage/lib/libstaged.so"),
    entry(f"{LIB}/libz.so.1", Rule.LD_SO_CACHE, link="libz.so.1.2"),
    entry(f"{LIB}/libz.so.1.2", Rule.LD_SO_CACHE, "/lib/x/libz.so.1.2"),
    entry("usr/lib64", Rule.PARENT),
    entry("usr/lib64/ld-linux-x86-64.so.2", Rule.INTERP, link="../lib/x/ld-linux-x86-64.so.2"),
]
KINDS = {
    "libc": ["lib64", f"{LIB}/ld-linux-x86-64.so.2", f"{LIB}/libc.so.6", "usr/lib64/ld-linux-x86-64.so.2"],
    "system": [f"{LIB}/libroot.so", f"{LIB}/libz.so.1", f"{LIB}/libz.so.1.2"],
    "own": [f"{LIB}/libmine.so", f"{LIB}/libmine.so.1", f"{LIB}/libstaged.so"],
    "app": ["bin", "etc/ld.so.cache", "usr/bin/app", f"{LIB}/libdata.so"],
}
DIRECTORIES = {
    "libc": ["usr", "usr/lib", "usr/lib/x", "usr/lib64"],
    "system": ["usr", "usr/lib", "usr/lib/x"],
    "own": ["usr", "usr/lib", "usr/lib/x"],
    "app": ["etc", "srv", "srv/empty", "usr", "usr/bin", "usr/lib", "usr/lib/x"],
}


def test_layers_are_what_changes_together() -> None:
    layers = split(Tree(tuple(ENTRIES), ()), of_project("/stage", "/build", "/build/root"))
    assert [kind for kind, _ in layers] == list(KINDS)
    for kind, tree in layers:
        assert [one.name for one in tree.entries if one.typeflag != "5"] == KINDS[kind]
        assert [one.name for one in tree.entries if one.typeflag == "5"] == DIRECTORIES[kind]


def parents(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


@pytest.mark.parametrize("left_out", [one.name for one in ENTRIES if one.typeflag != "5"])
def test_layers_without_a_file_are_the_same_but_for_one(left_out: str) -> None:
    before = dict(split(Tree(tuple(ENTRIES), ()), of_project("/stage", "/build", "/build/root")))
    fewer = [one for one in ENTRIES if one.name != left_out]
    needed = {above for one in fewer if one.reason.rule != Rule.PARENT or one.linkname for above in parents(one.name)}
    fewer = [one for one in fewer if one.typeflag != "5" or one.reason.rule != Rule.PARENT or one.name in needed]
    after = dict(split(Tree(tuple(fewer), ()), of_project("/stage", "/build", "/build/root")))
    leading = [one.name for one in ENTRIES if one.linkname and left_out.endswith(f"/{one.linkname}")]
    if not leading:  # a link that leads nowhere is another link
        assert len([kind for kind in before if before[kind] != after[kind]]) == 1


def test_layers_that_are_empty_are_none() -> None:
    assert [kind for kind, _ in split(Tree(tuple(ENTRIES[6:9]), ()), of_project(None, None, ""))] == ["app"]


# Places ------------------------------------------------------------------------------------------


def written(*sinks: Archive | Layout) -> oci.Image:
    writer = HashingWriter(*sinks)
    writer.reserve(len(DATA))
    writer.write(memoryview(DATA[:999]))
    writer.write(memoryview(DATA[999:]))
    assert (writer.digest, writer.size_bytes) == (DIGEST, len(DATA))
    for sink in sinks:
        sink.end_layer("", LAYER)
    made = image()
    for sink in sinks:
        sink.finish(made)
    return made


def blob(made: oci.Blob) -> str:
    return made.descriptor.digest.replace("sha256:", "blobs/sha256/")


def test_archive_is_both_a_layout_and_docker_s(tmp_path: Path) -> None:
    path = tmp_path / "hello.oci.tar"
    out = Rewritable(HostPath(str(path)))
    made = written(Archive(out, lambda entry: tar.header(entry, 0)))
    out.publish(TIME_NS)
    layer = DIGEST.replace("sha256:", "blobs/sha256/")
    with tarfile.open(path) as archive:
        members = [(m.name, m.type, m.mode, m.size, m.mtime, m.uid, m.uname) for m in archive]
        read = {m.name: archive.extractfile(m) for m in archive if m.isreg()}
        contents = {name: file.read() for name, file in read.items() if file is not None}
    directory, regular = (tarfile.DIRTYPE, 0o755, 0), (tarfile.REGTYPE, 0o644)
    assert members == [
        ("blobs", *directory, 0, 0, ""),
        ("blobs/sha256", *directory, 0, 0, ""),
        ("oci-layout", *regular, 30, 0, 0, ""),
        (layer, *regular, len(DATA), 0, 0, ""),
        (blob(made.config), *regular, len(made.config.data), 0, 0, ""),
        (blob(made.manifest), *regular, len(made.manifest.data), 0, 0, ""),
        ("index.json", *regular, len(contents["index.json"]), 0, 0, ""),
        ("manifest.json", *regular, len(contents["manifest.json"]), 0, 0, ""),
    ]
    assert json.loads(contents["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    assert json.loads(contents["index.json"]) == merged(oci.EMPTY, made.tag, made.entry)
    assert json.loads(contents["manifest.json"]) == [
        {"Config": blob(made.config), "RepoTags": ["hello:latest"], "Layers": [layer]}
    ]
    assert (contents[layer], contents[blob(made.config)]) == (DATA, made.config.data)
    assert path.stat().st_size % 10240 == 0


def publish(path: Path) -> oci.Image:
    store = Store(HostPath(str(path)))
    layout = Layout(store)
    made = written(layout)
    layout.publish(made.tag, made.entry, TIME_NS, False)
    layout.discard()
    store.discard()
    return made


def listed(path: Path) -> list[str]:
    return sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())


def test_layout_holds_what_its_index_names(tmp_path: Path) -> None:
    made = publish(tmp_path / "x.oci")
    names = [DIGEST.replace("sha256:", "blobs/sha256/"), blob(made.config), blob(made.manifest)]
    assert listed(tmp_path / "x.oci") == [*sorted(names), "index.json", "oci-layout"]
    assert json.loads((tmp_path / "x.oci/index.json").read_bytes()) == merged(oci.EMPTY, made.tag, made.entry)
    assert [hashlib.sha256((tmp_path / "x.oci" / name).read_bytes()).hexdigest() for name in names] == [
        name.rpartition("/")[2] for name in names
    ]


def test_layout_keeps_blobs_that_are_right_and_mends_others(tmp_path: Path) -> None:
    made = publish(tmp_path / "x")
    other = '{"imageLayoutVersion": "1.0.0"}\n'
    (tmp_path / "x/oci-layout").write_text(other)
    layer, config = (tmp_path / "x" / name for name in (DIGEST.replace("sha256:", "blobs/sha256/"), blob(made.config)))
    config.write_bytes(config.read_bytes()[:-1] + b" ")
    before = layer.stat().st_ino, config.stat().st_ino
    publish(tmp_path / "x")
    assert layer.stat().st_ino == before[0]
    assert config.stat().st_ino != before[1]
    assert config.read_bytes() == made.config.data
    assert (tmp_path / "x/oci-layout").read_text() == other


OTHER = {"digest": "sha256:1", "annotations": {oci.REF_NAME: "other:1"}, "more": [None]}
MINE = {"digest": "sha256:2", "annotations": {oci.REF_NAME: "hello:latest"}}


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([], ["NEW"]),
        ([OTHER], [OTHER, "NEW"]),
        ([MINE, OTHER], ["NEW", OTHER]),
        ([OTHER, MINE, {}, MINE], [OTHER, "NEW", {}]),
        ([None, {"annotations": 3}], [None, {"annotations": 3}, "NEW"]),
    ],
    ids=["empty", "other", "first", "twice", "odd"],
)
def test_index_keeps_what_has_another_name(there: list[object], expected: list[object]) -> None:
    made = image()
    entries = [made.entry if entry == "NEW" else entry for entry in expected]
    index = {"schemaVersion": 2, "annotations": {"a": "b"}, "manifests": there}
    assert merged(index, made.tag, made.entry) == {**index, "manifests": entries}


@pytest.mark.parametrize("text", ["x", "[]", "null", '{"manifests": {}}', "[" * 100000], ids=range(5))
def test_index_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    publish(tmp_path / "x")
    (tmp_path / "x/index.json").write_text(text)
    with pytest.raises(OutputError) as caught:
        publish(tmp_path / "x")
    assert caught.value.message == f"{tmp_path}/x/index.json: is no index of images"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_text(""), "cannot be written: Not a directory"),
        (lambda path: (path / "src").mkdir(parents=True), "exists and is no OCI image layout"),
    ],
    ids=["file", "directory"],
)
def test_layout_is_refused(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    make(tmp_path / "x")
    with pytest.raises(OutputError) as caught:
        Store(HostPath(str(tmp_path / "x")))
    assert caught.value.message == f"{tmp_path}/x: {message}"


def test_index_that_would_be_waited_for_is_refused(tmp_path: Path) -> None:
    publish(tmp_path / "x")
    (tmp_path / "x/index.json").unlink()
    os.mkfifo(tmp_path / "x/index.json")
    with pytest.raises(OutputError) as caught:
        publish(tmp_path / "x")
    assert caught.value.message == f"{tmp_path}/x/index.json: exists and is not a regular file"


def test_blob_that_cannot_be_written_is_told_as_its_layout(tmp_path: Path) -> None:
    publish(tmp_path / "x")
    shutil.rmtree(tmp_path / "x/blobs")
    (tmp_path / "x/blobs").mkdir()
    (tmp_path / "x/blobs/sha256").symlink_to("/proc")
    with pytest.raises(OutputError) as caught:
        publish(tmp_path / "x")
    assert caught.value.message == f"{tmp_path}/x: cannot be written: No such file or directory"


def test_index_is_one_run_s_until_it_is_written(tmp_path: Path) -> None:
    publish(tmp_path / "x")
    first, second = (Store(HostPath(str(tmp_path / "x"))) for _ in range(2))
    read: list[bytes] = []
    text = first.index()
    other = threading.Thread(target=lambda: read.append(second.index()), daemon=True)
    other.start()
    other.join(0.2)
    assert read == []
    (tmp_path / "x/index.json").write_bytes(text + b"\n")
    first.discard()
    other.join(10)
    second.discard()
    assert read == [text + b"\n"]


def test_layout_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = Store(HostPath(str(tmp_path / "x")))
    layout = Layout(store)
    written(layout)
    layout.discard()
    store.discard()
    assert os.listdir(tmp_path) == []


def test_hashing_writer_writes_all_to_each() -> None:
    class Sink(io.BytesIO):
        def reserve(self, size_bytes: int) -> None:
            self.size_bytes = size_bytes

        def write(self, data: Any) -> Any:
            return super().write(bytes(data))

    sinks = Sink(), Sink()
    writer = HashingWriter(*sinks)
    writer.reserve(3)
    writer.write(memoryview(b"abc"))
    assert [(sink.getvalue(), sink.size_bytes) for sink in sinks] == [(b"abc", 3)] * 2
    assert writer.digest == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("parts", [[], [1], [5, 1], [1 << 20] * 9 + [3], [7, 1 << 20, 1, 1, 1 << 19]], ids=str)
def test_hashing_writer_hashes_much_beside_the_writing(parts: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    data = [os.urandom(size) for size in parts]
    writer = HashingWriter()
    writer.reserve(1 << 30)
    buffers = [bytearray(1 << 20) for _ in range(1 + writer.held)]
    for part in data:
        buffers[0][: len(part)] = part
        writer.write(memoryview(buffers[0])[: len(part)])
        buffers.append(buffers.pop(0))  # which its owner fills again at once
    assert writer.held == 2
    assert (writer.digest, writer.size_bytes) == (digest_of(b"".join(data)), sum(parts))


def test_hashing_writer_of_one_cpu_has_no_second_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    writer = HashingWriter()
    writer.reserve(1 << 30)
    writer.write(memoryview(DATA))
    assert (writer.held, writer.digest) == (0, DIGEST)


@pytest.mark.parametrize("size_bytes", [0, 1, (1 << 19) - 1, 1 << 19])
def test_digest_is_the_same_by_either_hash(size_bytes: int) -> None:
    data = os.urandom(size_bytes)
    writer = HashingWriter()
    writer.reserve(size_bytes)
    writer.write(memoryview(data))
    assert writer.digest == digest_of(data) == "sha256:" + hashlib.sha256(data).hexdigest()


def test_outputs_that_are_rewritten_are_outputs(tmp_path: Path) -> None:
    out = Rewritable(HostPath(str(tmp_path / "x")))
    assert isinstance(out, Output)
    out.write(b"0123456789")
    out.rewrite(b"ab", 3)
    out.publish(TIME_NS)
    assert (tmp_path / "x").read_bytes() == b"012ab56789"
