"""The OCI image specification's own JSON schemas, as Debian packages them, hold for every document that is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from tests.support import HELLO, cc
from tests.tools.test_oci_images import pack

SCHEMAS = Path("/usr/share/gocode/src/github.com/opencontainers/image-spec/schema")
NAMES = {
    "application/vnd.oci.image.index.v1+json": "image-index-schema.json",
    "application/vnd.oci.image.manifest.v1+json": "image-manifest-schema.json",
    "application/vnd.oci.image.config.v1+json": "config-schema.json",
}
EVERY_WORD = [
    "--entrypoint",
    "/x y",
    "--cmd",
    "a",
    "--env",
    "A=b",
    "--user",
    "7",
    "--workdir",
    "/srv",
    "--label",
    "a=b",
]
EVERY_WORD += ["--annotation", "c=d", "--expose", "80/udp", "--volume", "/data", "--stop-signal", "SIGINT"]
EVERY_WORD += ["--created", "2024-01-31T12:00:00Z", "--layers", "auto"]
REQUESTS = {
    "plain": [],
    "every-word": EVERY_WORD,
    "gzip": ["--compress", "gzip"],
    "zstd": ["--compress", "zstd"],
}


def fetched(uri: str) -> Resource[Any]:
    """By the file's name alone: the schemas' identifiers are no addresses."""
    return DRAFT4.create_resource(json.loads((SCHEMAS / uri.rpartition("/")[2]).read_text()))


def errors(name: str, document: object) -> list[str]:
    """What is wrong with a document, by the schema of that file name."""
    if not SCHEMAS.is_dir():
        pytest.skip(f"needs {SCHEMAS}")
    schema = json.loads((SCHEMAS / name).read_text())
    validator = Draft4Validator(schema, registry=Registry(retrieve=fetched))  # type: ignore[call-arg]
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def documents(layout: Path) -> Iterator[tuple[str, Any]]:
    """Each with the name of its schema."""
    yield "image-layout-schema.json", json.loads((layout / "oci-layout").read_bytes())
    pending = [("application/vnd.oci.image.index.v1+json", layout / "index.json")]
    for media_type, path in pending:
        if media_type in NAMES:
            document = json.loads(path.read_bytes())
            yield NAMES[media_type], document
            for one in (*document.get("manifests", ()), document.get("config", {}), *document.get("layers", ())):
                if "digest" in one:
                    pending.append((one["mediaType"], layout / "blobs" / one["digest"].replace(":", "/")))


@pytest.mark.parametrize("more", REQUESTS.values(), ids=REQUESTS)
def test_documents_are_as_the_schemas_have_them(tmp_path: Path, more: list[str]) -> None:
    cc(tmp_path / "hello")
    pack(tmp_path, "-b", "hello:/hello", "--oci", "hello.oci", *more)
    found = list(documents(tmp_path / "hello.oci"))
    assert [name for name, _ in found] == ["image-layout-schema.json", *NAMES.values()]
    assert [(name, errors(name, document)) for name, document in found] == [(name, []) for name, _ in found]


def test_documents_of_several_machines_are_as_the_schemas_have_them(tmp_path: Path) -> None:
    for number, compiler in enumerate(("cc", "arm-linux-gnueabihf-gcc")):
        cc(tmp_path / f"{number}/hello", HELLO, "-static", compiler=compiler)
        pack(tmp_path / str(number), "-b", "hello:/hello", "--oci", "hello.oci")
    pack(tmp_path, "index", "-o", "all.oci", "0/hello.oci", "1/hello.oci")
    found = list(documents(tmp_path / "all.oci"))
    assert len(found) == 7
    assert [(name, errors(name, document)) for name, document in found] == [(name, []) for name, _ in found]


@pytest.mark.parametrize(
    ("name", "document", "error"),
    [
        ("image-layout-schema.json", {}, "$: 'imageLayoutVersion' is a required property"),
        ("image-manifest-schema.json", {"schemaVersion": 2, "layers": []}, "$: 'config' is a required property"),
        (
            "image-index-schema.json",
            {"schemaVersion": 2, "manifests": [{}]},
            "$.manifests[0]: 'size' is a required pro",
        ),
        ("config-schema.json", {"os": "linux"}, "$: 'architecture' is a required property"),
        ("config-schema.json", {"config": {"Labels": {"a": 1}}}, "$.config.Labels: {'a': 1} is not valid"),
    ],
)
def test_schemas_are_looked_at(name: str, document: object, error: str) -> None:
    """Those that a schema refers to as well."""
    assert any(one.startswith(error) for one in errors(name, document))
