"""An image as one tar: an OCI image layout, and with manifest.json what `docker load` takes.

Each layer is written once, from its sources to its place; the digest is its member's name, so the header
before it is written over when the layer ends. Which bytes a header has is the tar's matter.
"""

from __future__ import annotations

from ocidiet.model import TYPE_CHECKING, Entry, File, HostPath, Identity, ImagePath, Reason
from ocidiet.oci import EMPTY, Image, canonical

if TYPE_CHECKING:
    from collections.abc import Callable

    from ocidiet.commit.blobs import Rewritable
    from ocidiet.model.oci import Digest

BLOCK_BYTES = 512
RECORD_BYTES = 10240
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
_NO_NAME = "0" * 64
_REST_BYTES = 1 << 16
"""More than all members beside the layers take."""


class Archive:
    """Writes an image's members in their order."""

    def __init__(self, out: Rewritable, header: Callable[[Entry], bytes]) -> None:
        self._out = out
        self._header = header
        self._at = 0
        self._layer = (0, 0)
        for name in ("blobs", "blobs/sha256"):
            self._put(header(Entry(ImagePath(name), "5", 0o755, "", None, _WHY)))
        self._member("oci-layout", LAYOUT)

    def reserve(self, size_bytes: int) -> None:
        """A layer begins, which has that size."""
        self._out.reserve(self._at + size_bytes + _REST_BYTES)
        self._layer = (self._at, size_bytes)
        self._put(self._header(_file(f"blobs/sha256/{_NO_NAME}", size_bytes)))

    def write(self, data: memoryview) -> None:
        """A part of a layer."""
        self._at += len(data)
        self._out.write(data)

    def end_layer(self, digest: Digest) -> None:
        """The layer is whole, and has that digest."""
        at, size_bytes = self._layer
        self._put(bytes(-size_bytes % BLOCK_BYTES))
        self._out.rewrite(self._header(_file(_place(digest), size_bytes)), at)

    def finish(self, image: Image) -> None:
        """The documents, and the archive's end."""
        for blob in (image.config, image.manifest):
            self._member(_place(blob.descriptor.digest), blob.data)
        index = {**EMPTY, "manifests": [image.entry]}
        self._member("index.json", canonical(index))
        layers = [_place(layer.descriptor.digest) for layer in image.layers]
        config = _place(image.config.descriptor.digest)
        self._member("manifest.json", canonical([{"Config": config, "RepoTags": [image.tag], "Layers": layers}]))
        self._put(bytes(2 * BLOCK_BYTES))
        self._put(bytes(-self._at % RECORD_BYTES))

    def _member(self, name: str, data: bytes) -> None:
        self._put(self._header(_file(name, len(data))) + data + bytes(-len(data) % BLOCK_BYTES))

    def _put(self, data: bytes) -> None:
        self.write(memoryview(data))


_WHY = Reason("", ())


def _place(digest: Digest) -> str:
    return "blobs/" + digest.replace(":", "/")


def _file(name: str, size_bytes: int) -> Entry:
    source = File(HostPath(name), Identity(0, 0, size_bytes, 0, 0), False)
    return Entry(ImagePath(name), "0", 0o644, "", source, _WHY)
