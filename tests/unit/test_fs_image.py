"""Images as roots: layers, whiteouts and links; every form of archive; hostile members."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import lzma
import os
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ocidiet.errors import InputChanged, InputError
from ocidiet.fs import DiskRoot, OpenFile, Record, Root, image, unpack
from ocidiet.fs.image import Flaw, ImageRoot, Odd, open_image, open_images
from ocidiet.model import File, HostPath

# A member: text is a file's, None a directory, a pair (typeflag, link's text or "").
What = str | None | tuple[bytes, str]
Row = tuple[str, What]
DIR = None


def link(text: str) -> What:
    return (tarfile.SYMTYPE, text)


def hard(text: str) -> What:
    return (tarfile.LNKTYPE, text)


def tar(rows: Sequence[Row], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of these members, in this order, as Python's tarfile writes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, what in rows:
            member = tarfile.TarInfo(name)
            member.mode = 0o755
            content = b""
            if isinstance(what, str):
                content = what.encode()
                member.size = len(content)
            elif what is None:
                member.type = tarfile.DIRTYPE
            else:
                member.type, member.linkname = what
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def oci(*images: tuple[Mapping[str, str], Sequence[bytes]], packed: Callable[[bytes], bytes] = bytes) -> dict[str, str]:
    """The files of an OCI layout of images, each a platform and its layers; as latin-1 text."""
    files: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}

    def blob(data: bytes, **more: object) -> dict[str, object]:
        files["blobs/sha256/" + digest(data)[7:]] = data
        return {"digest": digest(data), "size": len(data), **more}

    manifests = []
    for platform, layers in images:
        config = {"rootfs": {"type": "layers", "diff_ids": list(map(digest, layers))}, "config": {"Env": ["A=b"]}}
        manifest = {"config": blob(json.dumps(config).encode()), "layers": [blob(packed(layer)) for layer in layers]}
        manifests.append(blob(json.dumps(manifest).encode(), **({"platform": platform} if platform else {})))
    files["index.json"] = json.dumps({"manifests": manifests}).encode()
    return {name: data.decode("latin-1") for name, data in files.items()}


def docker_save(*layers: bytes) -> bytes:
    """As `docker save` writes it; a second layer of the same bytes is a link to the first."""
    config = json.dumps({"rootfs": {"diff_ids": list(map(digest, layers))}, "config": {"Entrypoint": ["/e"]}})
    rows: list[Row] = [("config.json", config)]
    for number, layer in enumerate(layers):
        first = layers.index(layer)
        rows.append(
            (f"{number}/layer.tar", layer.decode("latin-1") if first == number else link(f"../{first}/layer.tar"))
        )
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    rows.append(("manifest.json", json.dumps([{"Config": "config.json", "RepoTags": ["x:1"], "Layers": names}])))
    return latin(rows)


def latin(rows: Sequence[Row]) -> bytes:
    """As `tar`, with text that stands for bytes one by one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, what in rows:
            member = tarfile.TarInfo(name)
            content = what.encode("latin-1") if isinstance(what, str) else b""
            member.size = len(content)
            if isinstance(what, tuple):
                member.type, member.linkname = what
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def opened(tmp_path: Path, data: bytes, platform: str | None = None) -> ImageRoot:
    (tmp_path / "image").write_bytes(data)
    root = open_image(HostPath(f"{tmp_path}/image"), Record(), platform)
    assert isinstance(root, ImageRoot)
    return root


def layered(tmp_path: Path, *layers: Sequence[Row]) -> ImageRoot:
    return opened(tmp_path, docker_save(*map(tar, layers)))


def text(file: File | None) -> str:
    assert file is not None
    with OpenFile(file) as one:
        return one.pread(1 << 20, 0).decode()


def content(root: Root, top: str = "") -> dict[str, str | None]:
    """Everything below `top`: a file's text, ` -> ` and a link's, None for a directory without names."""
    found: dict[str, str | None] = {}
    names = list(root.list(top or "/"))
    if not names and top:
        found[top] = None
    for name in names:
        path = f"{top}/{name}"
        look = root.look(path)
        if look.kind == "dir":
            found.update(content(root, path))
        else:
            found[path] = f" -> {look.target}" if look.kind == "link" else text(look.file) if look.file else look.kind
    return found


LOWER: list[Row] = [("d", DIR), ("d/a", "a"), ("d/b", "b"), ("l", link("d")), ("f", "f"), ("e/x/y", "y")]
BELOW = {"/d/a": "a", "/d/b": "b", "/l": " -> d", "/f": "f", "/e/x/y": "y"}


@pytest.mark.parametrize(
    ("upper", "changed"),
    [
        ([("d/a", "new")], {"/d/a": "new"}),
        ([("./d/a", "new")], {"/d/a": "new"}),
        ([("d", DIR)], {}),
        ([("d/.wh.a", "")], {"/d/a": None}),
        ([(".wh.d", "")], {"/d/a": None, "/d/b": None}),
        ([("d/.wh.absent", "")], {}),
        ([("d/.wh..wh..opq", ""), ("d/c", "c")], {"/d/a": None, "/d/b": None, "/d/c": "c"}),
        ([("d/c", "c"), ("d/.wh..wh..opq", "")], {"/d/a": None, "/d/b": None, "/d/c": "c"}),
        ([(".wh..wh..opq", ""), ("g", "g")], {**dict.fromkeys(BELOW), "/g": "g"}),
        ([("d/a", "new"), ("d/.wh.a", "")], {"/d/a": "new"}),
        ([(".wh.d", ""), ("d", DIR), ("d/c", "c")], {"/d/a": None, "/d/b": None, "/d/c": "c"}),
        ([("d/c", "c"), (".wh.d", "")], {"/d/a": None, "/d/b": None, "/d/c": "c"}),
        ([(".wh.e", ""), ("e/z", "z")], {"/e/x/y": None, "/e/z": "z"}),
        ([("d/.wh..wh.plnk", "")], {}),
        ([("d", "a file")], {"/d/a": None, "/d/b": None, "/d": "a file"}),
        ([("d", link("e"))], {"/d/a": None, "/d/b": None, "/d": " -> e"}),
        ([("f", DIR), ("f/g", "g")], {"/f": None, "/f/g": "g"}),
        ([("l", DIR), ("l/c", "c")], {"/l": None, "/l/c": "c"}),
        ([("l/c", "c")], {"/l": None, "/l/c": "c"}),
        ([("h", hard("d/a"))], {"/h": "a"}),
        ([("m", link("d")), ("m/c", "c")], {"/m": " -> d", "/d/c": "c"}),
    ],
    ids=[
        "a-file", "dot-slash", "a-directory-again", "whiteout", "whiteout-of-a-tree", "whiteout-of-nothing", "opaque",
        "opaque-comes-last", "opaque-root", "whiteouts-are-for-lower-layers", "whiteout-and-new", "new-and-whiteout",
        "whiteout-and-implied", "other-metadata", "file-over-directory", "link-over-directory", "directory-over-file",
        "directory-over-link", "implied-directory-over-link", "hard-link-into-a-lower-layer", "through-its-own-link",
    ],
)  # fmt: skip
def test_layers_lie_over_each_other_as_overlayfs_lays_them(
    tmp_path: Path, upper: Sequence[Row], changed: dict[str, str | None]
) -> None:
    expected = {path: was for path, was in {**BELOW, **changed}.items() if was is not None}
    assert content(layered(tmp_path, LOWER, upper)) == expected


def test_a_whiteout_of_a_lower_layer_does_not_outlive_what_comes_above(tmp_path: Path) -> None:
    assert content(layered(tmp_path, LOWER, [(".wh.f", "")], [("f", "again")])) == {**BELOW, "/f": "again"}


def test_a_hard_link_is_the_same_file(tmp_path: Path) -> None:
    root = layered(tmp_path, [("a", "text"), ("b", hard("./a")), ("c", "text")], [("d", hard("/a"))])
    first, *others = [root.walk(path).file for path in ("/a", "/b", "/d", "/c")]
    assert first is not None
    assert [file and file.identity == first.identity for file in others] == [True, True, False]


def test_links_stay_inside(tmp_path: Path) -> None:
    root = layered(tmp_path, [("etc/passwd", "own"), ("l", link("../../../etc")), ("m", link("/l/passwd"))])
    assert [text(root.walk(path).file) for path in ("/l/passwd", "/m", "/../m")] == ["own"] * 3


def test_a_file_of_an_archive_is_read_within_its_bounds(tmp_path: Path) -> None:
    root = opened(tmp_path, tar([("a", "0123456789"), ("b", "other")]))
    file = root.walk("/a").file
    assert file is not None
    assert (file.path, file.executable, file.identity.size_bytes) == (f"{tmp_path}/image:/a", True, 10)
    buffer = memoryview(bytearray(4))
    with OpenFile(file) as one:
        assert [one.pread(4, 0), one.pread(100, 8), one.pread(4, 10), one.pread(4, 100)] == [b"0123", b"89", b"", b""]
        assert [bytes(buffer[: one.readv(buffer[:size])]) for size in (4, 4, 2)] == [b"0123", b"4567", b"89"]


def test_an_archive_that_changes_is_told(tmp_path: Path) -> None:
    root = opened(tmp_path, tar([("a", "text")]))
    os.utime(tmp_path / "image", (1, 1))
    file = root.walk("/a").file
    assert file is not None
    with pytest.raises(InputChanged):
        OpenFile(file)


def test_an_archive_is_closed_with_its_last_file(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    root = opened(tmp_path, gzip.compress(tar([("a", "text")])))
    file = root.walk("/a").file
    del root
    assert (text(file), len(os.listdir("/proc/self/fd"))) == ("text", before + 1)
    del file
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_record_names_what_was_read_of_a_layout(tmp_path: Path) -> None:
    files = oci(({}, [tar([("a", "x")])]))
    record = Record()
    for name, data in files.items():
        path = tmp_path / "layout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode("latin-1"))
    root = open_image(HostPath(f"{tmp_path}/layout"), record)
    assert content(root) == {"/a": "x"}
    assert set(record.trace().read) == {f"{tmp_path}/layout/{name}" for name in files}


# Forms -------------------------------------------------------------------------------------------

LAYERS = [tar(LOWER), tar([("d/.wh.a", "")])]
SEEN = {path: was for path, was in BELOW.items() if path != "/d/a"}
AMD64, ARM64 = {"os": "linux", "architecture": "amd64"}, {"os": "linux", "architecture": "arm64", "variant": "v8"}


@pytest.mark.parametrize(
    "data",
    [
        latin(list(oci(({}, LAYERS)).items())),
        latin(list(oci((AMD64, LAYERS)).items())),
        latin(list(oci(({}, LAYERS), packed=gzip.compress).items())),
        latin([*oci(({}, LAYERS)).items(), ("manifest.json", "[]")]),
        gzip.compress(latin(list(oci(({}, LAYERS)).items()))),
        docker_save(*LAYERS),
        docker_save(*LAYERS, LAYERS[1]),
        gzip.compress(docker_save(*LAYERS)),
        tar([("./", DIR), *(row for row in LOWER if row[0] != "d/a")]),
        gzip.compress(tar([row for row in LOWER if row[0] != "d/a"])),
    ],
    ids=[
        "oci-archive", "oci-with-a-platform", "oci-gzip", "oci-and-docker", "oci-archive-gzip", "docker-save",
        "docker-save-with-linked-layers", "docker-save-gzip", "tar", "tar-gzip",
    ],
)  # fmt: skip
def test_every_form_of_archive_is_the_same_root(tmp_path: Path, data: bytes) -> None:
    assert content(opened(tmp_path, data)) == SEEN


def together(**names: dict[str, object]) -> bytes:
    """An OCI archive of images by their names, each with what else its descriptor has; its content is its name."""
    files: dict[str, str] = {}
    manifests = []
    for name, more in names.items():
        one = oci(({}, [tar([(str(more.pop("content", name)), "")])]))
        (entry,) = json.loads(one["index.json"])["manifests"]
        manifests.append({**entry, "annotations": {"org.opencontainers.image.ref.name": name}, **more})
        files |= one
    return latin([*{**files, "index.json": json.dumps({"manifests": manifests})}.items()])


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ({"a": {}}, {"a": ["a"]}),
        ({"a": {}, "b": {}}, {"a": ["a"], "b": ["b"]}),
        ({"a": {"platform": AMD64}, "b": {"platform": ARM64}, "c": {}}, {"a": ["a"], "c": ["c"]}),
        ({"a": {}, "b": {"content": "a"}}, {"a": ["a"]}),
        ({"a": {}, "signature": {"artifactType": "application/vnd.example"}}, {"a": ["a"]}),
    ],
    ids=["one", "two", "platforms", "two-names", "artifact"],
)
def test_images_that_lie_together_are_told_apart(tmp_path: Path, names: Any, found: object) -> None:
    (tmp_path / "image").write_bytes(together(**names))
    images = open_images(HostPath(f"{tmp_path}/image"), Record(), "linux/amd64")
    assert {name: [*root.list("/")] for name, root in images} == found


def test_images_of_docker_save_are_told_apart(tmp_path: Path) -> None:
    layers = [tar([(name, "")]) for name in "ab"]
    rows: list[Row] = [(name, layer.decode("latin-1")) for name, layer in zip("ab", layers, strict=True)]
    rows += [
        (f"{name}.json", json.dumps({"rootfs": {"diff_ids": [digest(layer)]}}))
        for name, layer in zip("ab", layers, strict=True)
    ]
    listed = [{"Config": f"{name}.json", "RepoTags": [f"{name}:1"], "Layers": [name]} for name in "ab"]
    (tmp_path / "image").write_bytes(latin([*rows, ("manifest.json", json.dumps(listed))]))
    images = open_images(HostPath(f"{tmp_path}/image"), Record())
    assert {name: [*root.list("/")] for name, root in images} == {"a:1": ["a"], "b:1": ["b"]}
    with pytest.raises(InputError, match="2 images, not one: a:1, b:1"):
        open_image(HostPath(f"{tmp_path}/image"), Record())


def test_a_directory_is_a_root(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/f").write_text("f")
    root = open_image(HostPath(str(tmp_path)), Record())
    assert (isinstance(root, DiskRoot), content(root)) == (True, {"/etc/f": "f"})


def test_configuration_is_kept(tmp_path: Path) -> None:
    root = layered(tmp_path, [])
    assert root.setup is not None
    assert root.setup[:2] == ((), ("/e",))


@pytest.mark.parametrize(
    ("platform", "expected"), [("linux/arm64", "arm"), ("linux/arm64/v8", "arm"), ("linux/amd64", "amd")]
)
def test_a_platform_chooses(tmp_path: Path, platform: str, expected: str) -> None:
    files = oci((AMD64, [tar([("f", "amd")])]), (ARM64, [tar([("f", "arm")])]))
    assert content(opened(tmp_path, latin(list(files.items())), platform)) == {"/f": expected}


@pytest.mark.parametrize(
    ("images", "platform", "message"),
    [
        ([(AMD64, LAYERS), (ARM64, LAYERS[:1])], "linux/s390x", "no image for linux/s390x: linux/amd64 "),
        ([(AMD64, LAYERS)], "linux/s390x", "no image for linux/s390x: linux/amd64 "),
        ([({}, LAYERS), ({}, LAYERS[:1])], None, "2 images, of which none is named: sha256:"),
        ([(AMD64, LAYERS), (AMD64, LAYERS[:1])], "linux/amd64", "2 images, of which none is named: linux/amd64 sha"),
        ([], None, "an index without an image"),
    ],
    ids=["none-fits", "the-only-one-does-not-fit", "without-platforms", "twice-the-same", "none"],
)
def test_what_is_not_one_image_is_told(
    tmp_path: Path, images: Sequence[tuple[Mapping[str, str], Sequence[bytes]]], platform: str | None, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        opened(tmp_path, latin(list(oci(*images).items())), platform)
    assert caught.value.message.startswith(f"{tmp_path}/image: {message}")


# Damage ------------------------------------------------------------------------------------------


def without_blob(number: int) -> bytes:
    rows = list(oci(({}, LAYERS)).items())
    del rows[number]
    return latin(rows)


GOOD = tar([("a", "x" * 600), ("b", "y")], tarfile.USTAR_FORMAT)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "an empty file, no image"),
        (b"text", "a tar that ends within a header (at offset 0x0)"),
        (b"\x7fELF" + bytes(2000), "not a tar (at offset 0x0)"),
        (GOOD[:1700], "a tar that ends within a header (at offset 0x600)"),
        (GOOD[:900], "a: ends outside the archive (at offset 0x0)"),
        (GOOD[:1540] + b"!" + GOOD[1541:], "damaged tar header (at offset 0x600)"),
        (lzma.compress(GOOD), "is compressed by xz, which is not read\n  hint: decompress it first"),
        (gzip.compress(GOOD)[:-20], "cannot be decompressed: Compressed file ended before the end-of-stream marker "),
        (gzip.compress(GOOD)[:40] + b"!!!!" + gzip.compress(GOOD)[44:], "cannot be decompressed: "),
        (without_blob(-2), "blobs/sha256/"),
        (latin([("oci-layout", "{}"), ("index.json", "[")]), "index.json: no JSON"),
        (latin([("oci-layout", "{}"), ("index.json", "[" * 100000)]), "index.json: no JSON"),
        (latin([("oci-layout", "{}"), ("index.json", '{"manifests":[{"digest":"a/../b:c"}]}')]), "a/../b:c: no digest"),
        (latin([("manifest.json", "[]")]), "0 images, not one: "),
        (latin([("manifest.json", '[{"Config":"c"}]'), ("c", '{"rootfs":{"diff_ids":["x"]}}')]), "0 layers, but"),
    ],
    ids=[
        "empty", "text", "elf", "ends-in-a-header", "ends-in-a-file", "damaged-header", "xz", "short-gzip",
        "damaged-gzip", "missing-blob", "no-json", "deep-json", "no-digest", "no-image", "layers-not-counted",
    ],
)  # fmt: skip
def test_damage_is_an_error(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        opened(tmp_path, data)
    assert str(caught.value).startswith(f"{tmp_path}/image: {message}")


def pax(key: bytes, value: bytes, typeflag: bytes = b"x") -> bytes:
    """A tar with one pax header, behind it an empty file `f`."""
    made = bytearray(tar([("f", "x")], tarfile.USTAR_FORMAT))
    record = b" " + key + b"=" + value + b"\n"
    length = next(n for n in range(len(record), len(record) + 9) if len(b"%d" % n) + len(record) == n)
    data = b"%d" % length + record
    head = bytearray(made[:512])
    head[124:136] = b"%011o\0" % len(data)
    head[156:157] = typeflag
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + data + bytes(-len(data) % 512) + bytes(made)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (tar([("n" * 200 + "/f", "x")], tarfile.GNU_FORMAT), {f"/{'n' * 200}/f": "x"}),
        (tar([("n" * 90 + "/" + "m" * 90, "x")], tarfile.USTAR_FORMAT), {f"/{'n' * 90}/{'m' * 90}": "x"}),
        (tar([("l", link("t" * 300))], tarfile.GNU_FORMAT), {"/l": f" -> {'t' * 300}"}),
        (tar([("l", link("t" * 300))], tarfile.PAX_FORMAT), {"/l": f" -> {'t' * 300}"}),
        (pax(b"path", b"caf\xe9"), {"/caf\udce9": "x"}),
        (pax(b"size", b"1"), {"/f": "x"}),
        (pax(b"comment", b"x", b"g"), {"/f": "x"}),
    ],
    ids=["gnu-name", "ustar-prefix", "gnu-link", "pax-link", "latin-1", "pax-size", "global"],
)
def test_every_spelling_of_a_name_is_read(tmp_path: Path, data: bytes, expected: dict[str, str]) -> None:
    assert content(opened(tmp_path, data)) == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pax(b"size", b"9" * 19), "f: ends outside the archive"),
        (pax(b"size", b"-1"), "pax header without a proper size"),
        (pax(b"path", b"a\0b"), "a NUL byte in a name"),
        (pax(b"path", b"x" * (2 << 20)), "tar header of 2097"),
        (pax(b"path", b"x/" * 5000), "x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/...: a name of 10000 characters"),
        (pax(b"path", b"x").replace(b"9 path", b"99 path"), "damaged pax header"),
        (pax(b"path", b"x").replace(b"9 path", b"0 path"), "damaged pax header"),
    ],
    ids=["huge-size", "negative-size", "nul", "huge-header", "long-name", "record-too-long", "record-of-no-length"],
)
def test_hostile_headers_are_errors(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        opened(tmp_path, data)
    assert caught.value.message.startswith(f"{tmp_path}/image: {message}")


@pytest.mark.parametrize(
    ("rows", "flaws"),
    [
        ([("/etc/a", "x")], [Flaw("/etc/a", Odd.ESCAPES, "an absolute name")]),
        ([("../a", "x")], [Flaw("../a", Odd.ESCAPES, "'..' in its name")]),
        ([("a", "x"), ("a", "y")], [Flaw("a", Odd.TWICE, "there twice")]),
        ([("a", DIR), ("a", DIR)], []),
        ([("a/b", "x"), ("a", DIR)], []),
        ([("a", link("..")), ("a/b", "x")], [Flaw("a/b", Odd.ESCAPES, "through a link that leaves the root")]),
        ([("a", link("a")), ("a/b", "x")], [Flaw("a/b", Odd.MISPLACED, "below a link that leads to itself")]),
        ([("a", "x"), ("a/b", "x")], [Flaw("a/b", Odd.MISPLACED, "below a file")]),
        ([("a", hard("b"))], [Flaw("a", Odd.NO_TARGET, "a hard link to b, which is not there before it")]),
        ([("a", hard("a"))], [Flaw("a", Odd.NO_TARGET, "a hard link to a, which is not there before it")]),
        ([("a", (tarfile.CHRTYPE, ""))], [Flaw("a", Odd.DEVICE, "a device")]),
        ([("a", (tarfile.FIFOTYPE, ""))], []),
        ([("a/.wh.b", "")], [Flaw("a/.wh.b", Odd.WHITEOUT, "a whiteout")]),
        ([("u/x", "x"), ("l", link("u")), ("l", DIR)], [Flaw("l", Odd.HIDES_LINK, "u")]),
    ],
    ids=[
        "absolute", "dot-dot", "twice", "directory-twice", "directory-after-its-files", "link-out-of-the-root",
        "link-to-itself", "below-a-file", "hard-link-to-nowhere", "hard-link-to-itself", "device", "fifo",
        "whiteout-in-a-root", "directory-over-link",
    ],
)  # fmt: skip
def test_what_is_odd_is_kept_for_a_judge(tmp_path: Path, rows: Sequence[Row], flaws: list[Flaw]) -> None:
    assert opened(tmp_path, tar(rows)).flaws == flaws


def test_a_layer_s_directory_over_a_lower_link_is_kept_for_a_judge(tmp_path: Path) -> None:
    root = layered(tmp_path, [("usr/lib/x", "x"), ("lib", link("usr/lib"))], [("lib/y", "y")])
    assert root.flaws == [Flaw("lib", Odd.HIDES_LINK, "usr/lib")]


# Bounds ------------------------------------------------------------------------------------------


def test_names_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "MAX_NAMES", 10)
    opened(tmp_path, tar([("a/b/c/d/e", "x"), ("f", "x")]))
    with pytest.raises(InputError) as caught:
        opened(tmp_path, tar([("a/b/c/d/e", "x"), ("f/g/h/i/j/k", "x")]))
    assert caught.value.message == f"{tmp_path}/image: more than 10 names"


def test_what_a_small_file_decompresses_to_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "_HARMLESS_BYTES", 1 << 20)
    with pytest.raises(InputError) as caught:
        opened(tmp_path, gzip.compress(bytes(1 << 24)))
    assert "image: decompresses to more than " in caught.value.message


def test_what_all_layers_decompress_to_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [tar([(name, "x" * 6000)]) for name in "abc"]
    data = latin(list(oci(({}, layers), packed=gzip.compress).items()))
    opened(tmp_path, data)
    monkeypatch.setattr(unpack, "MAX_UNPACKED_BYTES", 20480)
    with pytest.raises(InputError) as caught:
        opened(tmp_path, data)
    assert caught.value.message.endswith("decompresses to more than 0 bytes")
