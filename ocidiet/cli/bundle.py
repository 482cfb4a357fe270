"""The images of a run, beside or instead of its tar: their layers written once, to all places."""

from __future__ import annotations

from ocidiet import oci, tar
from ocidiet.commit.blobs import HashingWriter, Rewritable, Store
from ocidiet.commit.state import State
from ocidiet.model import TYPE_CHECKING, Notice
from ocidiet.model.oci import Descriptor, Layer
from ocidiet.oci.archive import Archive
from ocidiet.oci.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ocidiet.model import Entry, HostPath, Request, Tree
    from ocidiet.model.oci import Wanted


class Bundle:
    """An archive and a layout of one image."""

    def __init__(self, asked: Wanted, request: Request, tree: Tree) -> None:
        """Nothing is written yet. Raises `OcidietError` for what cannot be an image."""
        self._asked = asked
        self._request = request
        self._tree = tree
        programs = [(placed.name, part.main.facts) for placed in tree.programs for part in placed.program.parts()]
        found = oci.platform((name, facts) for name, facts in programs if facts.machine)
        if found is None:
            raise oci.no_platform()
        self._platform = found
        self._default = [f"/{placed.name}" for placed in tree.programs]
        self.notices: list[Notice] = []
        if len(self._default) > 1 and asked.setting.entrypoint is None:
            self._default = []
            if asked.setting.cmd is None:
                text = f"{len(tree.programs)} programs, and the image starts none: --entrypoint says which"
                self.notices.append(Notice(text, True))
        self._archive = Rewritable(asked.archive) if asked.archive is not None else None
        self._store = Store(asked.directory) if asked.directory is not None else None
        self._state: State | None = None
        self._layout: Layout | None = None
        self._image: oci.Image | None = None
        self._written = False

    def stands(self, own: Iterable[HostPath], started_ns: int) -> bool:
        """Whether all is there as it would be written. A layout is always looked at blob by blob."""
        if self._archive is not None:
            told = (self._platform, self._default, self._asked.tag, self._asked.setting, self._asked.layers)
            self._state = State(self._archive, self._tree, self._request, own, started_ns, told)
            return self._state.stands() and self._store is None
        return False

    def write(self) -> None:
        """Write all that is to be published. Raises `OcidietError`."""
        self._written = True
        sinks: list[Archive | Layout] = []
        mtime_s = self._request.mtime_s

        def header(entry: Entry) -> bytes:
            return tar.header(entry, 0)

        if self._archive is not None:
            sinks.append(Archive(self._archive, header))
        if self._store is not None:
            self._layout = Layout(self._store)
            sinks.append(self._layout)
        layers = []
        for tree, what in [(self._tree, "all")]:
            writer = HashingWriter(*sinks)
            tar.write(tree, mtime_s, writer)
            digest = writer.digest
            for sink in sinks:
                sink.end_layer(digest)
            layers.append(Layer(Descriptor(oci.LAYER, digest, writer.size_bytes), digest, f"ocidiet: {what}"))
        asked = self._asked
        self._image = oci.image(layers, asked.setting, self._platform, self._default, asked.tag)
        for sink in sinks:
            sink.finish(self._image)

    def publish(self, started_ns: int, keep_equal: bool) -> None:
        """Put all in its place, the layout's index last. Raises `OutputError`."""
        made = None
        if self._written and self._archive is not None:
            made = self._archive.publish(started_ns, keep_equal)
        if self._state is not None:
            self._state.settle(made)
        if self._layout is not None:
            assert self._image is not None
            for blob in self._layout.blobs:
                blob.publish(started_ns, keep_equal=True)
            self._layout.enter(self._image)
            assert self._layout.index is not None
            self._layout.index.publish(started_ns, keep_equal)

    def discard(self) -> None:
        """Take what was not published away. Raises nothing."""
        if self._archive is not None:
            self._archive.discard()
        if self._state is not None:
            self._state.discard()
        if self._layout is not None:
            for output in (*self._layout.blobs, self._layout.index):
                if output is not None:
                    output.discard()
        if self._store is not None:
            self._store.discard()
