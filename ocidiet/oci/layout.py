"""An image in the directory of an OCI image layout, beside those that are there."""

from __future__ import annotations

from ocidiet.errors import OutputError, shown
from ocidiet.model import TYPE_CHECKING
from ocidiet.oci import EMPTY, REF_NAME, Image, canonical
from ocidiet.oci.archive import LAYOUT

if TYPE_CHECKING:
    from ocidiet.commit import Output
    from ocidiet.commit.blobs import Blob, Store
    from ocidiet.model.oci import Digest
    from ocidiet.oci import Json


class Layout:
    """Writes an image's blobs; nothing is published here."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.blobs: list[Output] = []
        """In the order of their publishing; what is there already may stay."""
        self.index: Output | None = None
        """What is published behind them."""
        self._layer: Blob | None = None
        store.open()

    def reserve(self, size_bytes: int) -> None:
        """A layer begins, which has that size."""
        self._layer = self._new()
        self._layer.reserve(size_bytes)

    def write(self, data: memoryview) -> None:
        """A part of a layer."""
        assert self._layer is not None
        self._layer.write(data)

    def end_layer(self, digest: Digest) -> None:
        """The layer is whole, and has that digest."""
        assert self._layer is not None
        self._layer.name(digest)

    def finish(self, image: Image) -> None:
        """The documents."""
        for blob in (image.config, image.manifest):
            new = self._new()
            new.write(blob.data)
            new.name(blob.descriptor.digest)
        if self._store.is_new:
            layout = self._store.file("oci-layout")
            self.blobs.append(layout)
            layout.write(LAYOUT)

    def enter(self, image: Image) -> None:
        """The index, with all other images that the one which stands there names. Raises `OutputError`."""
        path = f"{shown(self._store.path)}/index.json"
        text = self._store.index()
        self.index = self._store.file("index.json")
        if not text:
            self.index.write(canonical(merged(EMPTY, image)))
            return
        import json

        try:
            self.index.write(canonical(merged(json.loads(text), image)))
        except (ValueError, RecursionError) as error:
            raise OutputError(f"{path}: is no index of images", hint="remove the directory, or name another") from error

    def _new(self) -> Blob:
        blob = self._store.blob()
        self.blobs.append(blob)
        return blob


def merged(index: object, image: Image) -> Json:
    """`index` with `image` in the place of the one that has its name. Raises `ValueError` for what is no index."""
    manifests = index.get("manifests") if isinstance(index, dict) else None
    if not isinstance(index, dict) or not isinstance(manifests, list):
        raise ValueError(index)
    names = [_name(entry) for entry in manifests]
    at = names.index(image.tag) if image.tag in names else len(names)
    kept = [[entry for entry in part if _name(entry) != image.tag] for part in (manifests[:at], manifests[at:])]
    return {**index, "manifests": [*kept[0], image.entry, *kept[1]]}


def _name(entry: object) -> object:
    notes = entry.get("annotations") if isinstance(entry, dict) else None
    return notes.get(REF_NAME) if isinstance(notes, dict) else None
