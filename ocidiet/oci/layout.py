"""An image in the directory of an OCI image layout, beside those that are there."""

from __future__ import annotations

from ocidiet.commit.layers import Layers, Standing
from ocidiet.commit.output import Output
from ocidiet.errors import OutputError, shown
from ocidiet.model import TYPE_CHECKING
from ocidiet.oci import EMPTY, LAYOUT, REF_NAME, Image, canonical

if TYPE_CHECKING:
    from ocidiet import oci
    from ocidiet.commit.blobs import Blob, Store
    from ocidiet.model import Identity
    from ocidiet.model.oci import Layer
    from ocidiet.oci import Json


class Layout:
    """Writes an image's blobs, and publishes them, the index last. A layer that stands is not even read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._blobs: list[Output] = []
        self._layer: Blob | None = None
        self._known = Layers(store.beside)
        self._kept: list[tuple[str, Standing]] = []
        self._written: list[tuple[str, Layer, Blob]] = []
        self._last: list[Output] = []
        store.open()

    def standing(self, key: str) -> Standing | None:
        """The layer of that key, if its blob is as it was left."""
        found = self._known.find(key)
        return found if found is not None and self._stands(found) else None

    def _stands(self, layer: Standing) -> bool:
        return self._store.state(layer.digest) == layer.file

    def keep(self, key: str, layer: Standing) -> None:
        """That layer is the next."""
        self._kept.append((key, layer))

    def reserve(self, size_bytes: int) -> None:
        """A layer begins, which has that size; 0 where it is not known."""
        self._layer = self._new()
        self._layer.reserve(size_bytes)

    def write(self, data: memoryview) -> None:
        """A part of a layer."""
        assert self._layer is not None
        self._layer.write(data)

    def end_layer(self, key: str, layer: Layer) -> None:
        """The layer is whole; without a key the next run will not know it."""
        assert self._layer is not None
        self._layer.name(layer.descriptor.digest)
        self._written.append((key, layer, self._layer))

    def finish(self, image: Image) -> None:
        """The documents."""
        for blob in (image.config, image.manifest):
            self.document(blob)

    def document(self, blob: oci.Blob) -> None:
        """One of them."""
        new = self._new()
        new.write(memoryview(blob.data))
        new.name(blob.descriptor.digest)

    def publish(self, tag: str, entry: Json, mtime_ns: int, keep_equal: bool) -> None:
        """All blobs, then the index, with all other images that the one which stands there names. Raises
        `OutputError`."""
        index = self._store.file("index.json")
        self._last.append(index)
        if self._store.is_new:
            layout = self._store.file("oci-layout")
            self._blobs.append(layout)
            layout.write(LAYOUT)
        states = {blob: blob.publish(mtime_ns, keep_equal=True) for blob in self._blobs}
        text = self._store.index()
        if not all(self._stands(layer) for _, layer in self._kept):
            raise OutputError(f"{shown(self._store.path)}: changed while the image was made", hint="run again")
        index.write(self._with(text, tag, entry))
        index.publish(mtime_ns, keep_equal)
        self._remember(states, mtime_ns)

    def _with(self, text: bytes, tag: str, entry: Json) -> bytes:
        alone = canonical(merged(EMPTY, tag, entry))
        if not text or _is_alone(text, alone, str(entry["digest"]).encode()):
            return alone
        import json

        try:
            return canonical(merged(json.loads(text), tag, entry))
        except (ValueError, RecursionError) as error:
            what = f"{shown(self._store.path)}/index.json: is no index of images"
            raise OutputError(what, hint="remove the directory, or name another") from error

    def _remember(self, states: dict[Output, Identity | None], mtime_ns: int) -> None:
        """Tell the next run of the layers; another run may have told of its own meanwhile."""
        known = Layers(self._store.beside)
        before = known.text()
        for key, one in self._kept:
            known.add(key, one)
        for key, layer, blob in self._written:
            if key and (state := states[blob]) is not None:
                descriptor = layer.descriptor
                known.add(key, Standing(descriptor.digest, layer.diff_id, descriptor.size_bytes, 0, state))
        if known.text() != before:
            try:
                self._last.append(Output(self._store.beside))
                self._last[-1].write(known.text())
                self._last[-1].publish(mtime_ns)
            except OutputError:
                pass  # it is good without

    def discard(self) -> None:
        """Take what was not published away. Raises nothing."""
        for output in (*self._blobs, *self._last):
            output.discard()

    def _new(self) -> Blob:
        blob = self._store.blob()
        self._blobs.append(blob)
        return blob


def _is_alone(text: bytes, alone: bytes, digest: bytes) -> bool:
    """Whether an index has nothing but the image that `alone` has, of whatever digest and size, there `digest`. To see
    this no parser is needed, whose import takes as long as Python's start."""
    head, _, rest = alone.partition(digest)
    middle, size, end = rest.partition(b'"size":')
    end = end.lstrip(b"0123456789")
    at = len(head) + len(digest)
    number = text[at + len(middle + size) : len(text) - len(end)]
    return text == head + text[len(head) : at] + middle + size + number + end and (
        b'"' not in text[len(head) : at] and number.isdigit()
    )


def merged(index: object, tag: str, entry: Json) -> Json:
    """`index` with `entry` in the place of the one named `tag`. Raises `ValueError` for what is no index."""
    manifests = index.get("manifests") if isinstance(index, dict) else None
    if not isinstance(index, dict) or not isinstance(manifests, list):
        raise ValueError(index)
    names = [_name(entry) for entry in manifests]
    at = names.index(tag) if tag in names else len(names)
    kept = [[one for one in part if _name(one) != tag] for part in (manifests[:at], manifests[at:])]
    return {**index, "manifests": [*kept[0], entry, *kept[1]]}


def _name(entry: object) -> object:
    notes = entry.get("annotations") if isinstance(entry, dict) else None
    return notes.get(REF_NAME) if isinstance(notes, dict) else None
