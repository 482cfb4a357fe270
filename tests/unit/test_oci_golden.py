"""One image in full: what its layers list and its documents say is compared first, and at last the digest.

The programs are made by hand, so that the image is the same on every machine. A digest that changes while
all before it stays tells that bytes changed which nobody reads: padding, the order of keys, a header's field.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from tests.support import ocidiet
from tests.unit.elfmaker import INTERP, lay, make

TIME = "2024-01-31T12:00:00Z"
ROOT: dict[str, bytes | str | None] = {
    INTERP: make(soname="ld-linux-x86-64.so.2"),
    "/lib64/libc.so.6": make(soname="libc.so.6"),
    "/lib64/libz.so.1": "libz.so.1.3",
    "/lib64/libz.so.1.3": make(soname="libz.so.1", needed=["libc.so.6"]),
}
REQUEST = """\
--root root -b app:/usr/bin/app -e conf:/etc/conf --layers auto --tag example.org/app:1 --oci app.oci
--entrypoint /usr/bin/app --cmd --now --env A=b --user 7 --workdir /srv --label a=b --annotation c=d --expose 80
--volume /data --stop-signal SIGINT --created 2024-01-31T12:00:00Z
"""
LISTING = """\
layer 0: 755 lib64/
layer 0: 755 lib64/ld-linux-x86-64.so.2 262
layer 0: 755 lib64/libc.so.6 251
layer 1: 755 lib64/
layer 1: 777 lib64/libz.so.1 -> libz.so.1.3
layer 1: 755 lib64/libz.so.1.3 277
layer 2: 755 etc/
layer 2: 755 etc/conf/
layer 2: 644 etc/conf/a 2
layer 2: 777 etc/conf/b -> a
layer 2: 755 usr/
layer 2: 755 usr/bin/
layer 2: 755 usr/bin/app 361
"""
CONFIG = {
    "architecture": "amd64",
    "os": "linux",
    "created": TIME,
    "config": {
        "Cmd": ["--now"],
        "Entrypoint": ["/usr/bin/app"],
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=b"],
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {"a": "b"},
        "StopSignal": "SIGINT",
        "User": "7",
        "Volumes": {"/data": {}},
        "WorkingDir": "/srv",
    },
    "history": [{"created": TIME, "created_by": f"ocidiet: {kind}"} for kind in ("libc", "system", "app")],
    "rootfs": {"type": "layers", "diff_ids": ["layer 0", "layer 1", "layer 2"]},
}
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "config", "size": 800},
    "layers": [
        {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": f"layer {number}", "size": 10240}
        for number in range(3)
    ],
    "annotations": {"c": "d"},
}
INDEX = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.index.v1+json",
    "manifests": [
        {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": "manifest",
            "size": 724,
            "platform": {"architecture": "amd64", "os": "linux"},
            "annotations": {
                "io.containerd.image.name": "example.org/app:1",
                "org.opencontainers.image.ref.name": "example.org/app:1",
            },
        }
    ],
}
DIGEST = "sha256:763c83aa68949e4b5c218425c44f9d1dee3cfc488797d5503f78d5f119cb09e1"


def test_golden_image_is_made_as_ever(tmp_path: Path) -> None:
    lay(tmp_path / "root", ROOT)
    lay(tmp_path, {"app": make(interp=INTERP, needed=["libz.so.1", "libc.so.6"]), "conf/b": "a"})
    (tmp_path / "conf/a").write_text("a\n")
    ended = ocidiet(*REQUEST.split(), cwd=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")

    index = (tmp_path / "app.oci/index.json").read_bytes()
    manifest = blob(tmp_path, json.loads(index)["manifests"][0]["digest"])
    layers = [layer["digest"] for layer in json.loads(manifest)["layers"]]
    names = {digest: f"layer {number}" for number, digest in enumerate(layers)}
    names[json.loads(manifest)["config"]["digest"]] = "config"
    names[json.loads(index)["manifests"][0]["digest"]] = "manifest"
    config = blob(tmp_path, json.loads(manifest)["config"]["digest"])

    assert "".join(listing(names[digest], blob(tmp_path, digest)) for digest in layers) == LISTING
    assert named(config, names) == CONFIG
    assert named(manifest, names) == MANIFEST
    assert named(index, names) == INDEX
    assert f"sha256:{hashlib.sha256(index).hexdigest()}" == DIGEST


def blob(home: Path, digest: str) -> bytes:
    return (home / "app.oci/blobs" / digest.replace(":", "/")).read_bytes()


def listing(name: str, data: bytes) -> str:
    lines = []
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            what = "/" if member.isdir() else f" -> {member.linkname}" if member.issym() else f" {member.size}"
            lines.append(f"{name}: {member.mode:o} {member.name}{what}\n")
    return "".join(lines)


def named(document: bytes, names: dict[str, str]) -> Any:
    """The document, each digest of which is what it is of."""
    text = document.decode()
    for digest, name in names.items():
        text = text.replace(digest, name)
    return json.loads(text)
