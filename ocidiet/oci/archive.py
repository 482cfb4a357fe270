"""An image as one tar: an OCI image layout, and with manifest.json what `docker load` takes.

Each layer is written once, from its sources to its place; the digest is its member's name, so the header
before it is written over when the layer ends. One that the former archive holds is copied from there. Which
bytes a header has is the tar's matter.
"""

from __future__ import annotations

from ocidiet.commit.layers import Layers, Standing
from ocidiet.commit.state import SUFFIX
from ocidiet.errors import OutputError, shown
from ocidiet.model import TYPE_CHECKING, File, HostPath, Identity, ImagePath
from ocidiet.model.image import Entry, Reason
from ocidiet.oci import EMPTY, LAYOUT, Image, canonical

if TYPE_CHECKING:
    from collections.abc import Callable

    from ocidiet.commit.blobs import Rewritable
    from ocidiet.model.oci import Digest, Layer

BLOCK_BYTES = 512
RECORD_BYTES = 10240
_NO_NAME = "0" * 64
_NOWHERE = Identity(0, 0, 0, 0, 0)
_REST_BYTES = 1 << 16
"""More than all members beside the layers take."""


class Archive:
    """Writes an image's members in their order."""

    def __init__(self, out: Rewritable, header: Callable[[Entry], bytes]) -> None:
        self._out = out
        self._header = header
        self._at = 0
        self._begin = 0
        self._header_bytes = 0
        self._known = Layers(HostPath(out.target + SUFFIX))
        self.layers = Layers()
        """Those that it has."""
        for name in ("blobs", "blobs/sha256"):
            self._put(header(Entry(ImagePath(name), "5", 0o755, "", None, _WHY)))
        self._member("oci-layout", LAYOUT)

    def standing(self, key: str) -> Standing | None:
        """The layer of that key, if the former archive holds it."""
        found = self._known.find(key)
        return found if found is not None and found.file == self._out.former() else None

    def keep(self, key: str, layer: Standing) -> None:
        """That layer is the next."""
        self.reserve(layer.size_bytes)
        self._out.copy(layer.size_bytes, layer.at_bytes)
        self._at += layer.size_bytes
        if self._out.former() != layer.file:
            raise OutputError(f"{shown(self._out.path)}: changed while it was read")
        self._end(key, layer.digest, layer.diff_id)

    def reserve(self, size_bytes: int) -> None:
        """A layer begins, which has that size; 0 where it is not known."""
        self._out.reserve(self._at + size_bytes + _REST_BYTES if size_bytes else 0)
        before = self._at
        self._put(self._header(_file(f"blobs/sha256/{_NO_NAME}", size_bytes)))
        self._begin = self._at
        self._header_bytes = self._at - before

    def write(self, data: memoryview) -> None:
        """A part of a layer."""
        self._at += len(data)
        self._out.write(data)

    def end_layer(self, key: str, layer: Layer) -> None:
        """The layer is whole."""
        self._end(key, layer.descriptor.digest, layer.diff_id)

    def _end(self, key: str, digest: Digest, diff_id: Digest) -> None:
        size_bytes = self._at - self._begin
        self._put(bytes(-size_bytes % BLOCK_BYTES))
        header = self._header(_file(_place(digest), size_bytes))
        if len(header) != self._header_bytes:
            raise OutputError(f"{shown(self._out.path)}: a compressed layer of more than 8 GiB", hint="write --oci")
        self._out.rewrite(header, self._begin - len(header))
        if key:
            self.layers.add(key, Standing(digest, diff_id, size_bytes, self._begin, _NOWHERE))

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
