"""The images of a run, beside or instead of its tar: their layers written once, to all places."""

from __future__ import annotations

from ocidiet import oci, tar
from ocidiet.commit.blobs import HashingWriter, Rewritable, Store
from ocidiet.commit.state import State
from ocidiet.errors import InputError
from ocidiet.fs import OpenFile
from ocidiet.model import TYPE_CHECKING, Notice
from ocidiet.model.oci import Descriptor, Digest, Layer
from ocidiet.oci.archive import Archive
from ocidiet.oci.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ocidiet.fs import Record
    from ocidiet.fs.image import ImageRoot, Setup, Stored
    from ocidiet.model import ElfFacts, Entry, HostPath, Program, Request, Source, Tree
    from ocidiet.model.oci import Platform, Wanted

_BUFFER_BYTES = 1 << 20


def platform(programs: Iterable[tuple[str, Program]]) -> Platform | None:
    """Of the named programs; a script is for any machine, what it starts is not."""
    facts = [(name, part.main.facts) for name, program in programs for part in program.parts()]
    return oci.platform((name, told) for name, told in facts if told.machine)


def _is_library(facts: ElfFacts) -> bool:
    return bool(facts.needed) and facts.interp is None


def open_base(path: HostPath, record: Record, programs: Iterable[tuple[Source, Program]]) -> ImageRoot:
    """The image at `path` whose layers those of the `programs` will lie over. Raises `InputError`, and `OcidietError`
    if it is for another machine."""
    from ocidiet.fs.image import ImageRoot, open_image

    found = platform((source.name, program) for source, program in programs)
    # ARM's 64-bit machines have one variant, which most leave out.
    wanted = None if found is None else oci.spelled(found).removesuffix("/v8")
    root = open_image(path, record, wanted)
    if not isinstance(root, ImageRoot) or root.setup is None:
        hint = "name an OCI layout or archive, or what `docker save` writes"
        raise InputError(path, "a root file system, which has no layers for an image to lie over", hint)
    oci.joined(found, root.setup.config)
    return root


def _copied(stored: Stored, sinks: Sequence[Archive | Layout]) -> Layer:
    """A base's layer, byte for byte. Raises `InputError` where it has not the digest by which the base names it."""
    writer = HashingWriter(*sinks)
    rest = stored.file.identity.size_bytes
    buffer = memoryview(bytearray(_BUFFER_BYTES))
    writer.reserve(rest)
    with OpenFile(stored.file) as source:
        head = source.pread(4, 0)
        while rest:
            count = source.readv(buffer[:rest])
            writer.write(buffer[:count])
            rest -= count
        source.check()
    digest = writer.digest
    if stored.digest.startswith("sha256:") and stored.digest != digest:
        raise InputError(stored.file.path, f"is no layer {stored.digest}", "the base is damaged: copy it again")
    for sink in sinks:
        sink.end_layer(digest)
    media_type = oci.media_type(stored.media_type, head)
    return Layer(Descriptor(media_type, digest, writer.size_bytes), Digest(stored.diff_id), "")


class Bundle:
    """An archive and a layout of one image."""

    def __init__(self, asked: Wanted, request: Request, tree: Tree, base: Setup | None) -> None:
        """Nothing is written yet. Raises `OcidietError` for what cannot be an image."""
        self._base = base
        self._below = base.config if base is not None else None
        self._asked = asked
        self._request = request
        self._tree = tree
        named = [(placed.name, placed.program) for placed in tree.programs]
        self._platform = oci.joined(platform(named), self._below)
        started = [one.name for one in tree.programs if not _is_library(one.program.main.facts)]
        self._default = [f"/{name}" for name in started]
        self.notices: list[Notice] = []
        if len(self._default) > 1 and asked.setting.entrypoint is None:
            self._default = []
            if asked.setting.cmd is None and base is None:
                text = f"{len(started)} programs, and the image starts none: --entrypoint says which"
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
            told: tuple[object, ...] = (self._platform, self._default, *self._asked[2:])
            if self._base is not None:
                told += (oci.canonical(self._below), *((layer[1:]) for layer in self._base.layers))
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
        layers = [_copied(layer, sinks) for layer in (self._base.layers if self._base is not None else ())]
        for what, tree in self._parts():
            writer = HashingWriter(*sinks)
            tar.write(tree, mtime_s, writer)
            digest = writer.digest
            for sink in sinks:
                sink.end_layer(digest)
            layers.append(Layer(Descriptor(oci.LAYER, digest, writer.size_bytes), digest, f"ocidiet: {what}"))
        asked = self._asked
        self._image = oci.image(layers, asked.setting, self._platform, self._default, asked.tag, self._below)
        for sink in sinks:
            sink.finish(self._image)

    def _parts(self) -> list[tuple[str, Tree]]:
        """The layers to write, each with what it is."""
        if self._asked.layers == "single":
            return [("all", self._tree)]
        from ocidiet.oci.layers import split

        wanted = self._request
        return split(self._tree, wanted.destdir, wanted.places.build_tree, wanted.root)

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
