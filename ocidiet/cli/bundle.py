"""The images of a run, beside or instead of its tar: their layers written once, to all places."""

from __future__ import annotations

from ocidiet import oci, tar
from ocidiet.commit.blobs import HashingWriter, Rewritable, Store
from ocidiet.commit.layers import Layers, key
from ocidiet.commit.state import SUFFIX, Basis, State, of_entries
from ocidiet.errors import InputError, OcidietError
from ocidiet.fs import OpenFile, aligned
from ocidiet.model import TYPE_CHECKING, HostPath, ImagePath, Notice
from ocidiet.model.image import Entry, Reason
from ocidiet.model.oci import Descriptor, Digest, Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ocidiet.commit.compress import Compression
    from ocidiet.fs import Record
    from ocidiet.fs.image import Blob, ImageRoot, Setup, Stored
    from ocidiet.model import ElfFacts, Program, Source
    from ocidiet.model.image import Request, Tree
    from ocidiet.model.oci import Platform, Wanted
    from ocidiet.oci.archive import Archive
    from ocidiet.oci.layout import Layout

_BUFFER_BYTES = 1 << 20
_MOST_LAYERS = 125
"""More end in docker's `max depth exceeded`: overlay2 stacks 127, of which two are a container's own."""
_WHY = Reason("", ())


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


def copied(stored: Stored | Blob, writer: HashingWriter) -> None:
    """A blob of an image, byte for byte. Raises `InputError` where it has not the digest by which the image names
    it."""
    rest = stored.file.identity.size_bytes
    writer.reserve(rest)
    buffers = [aligned(_BUFFER_BYTES) for _ in range(1 + writer.held)]
    with OpenFile(stored.file) as source:
        while rest:
            count = source.readv(buffers[0][:rest])
            writer.write(buffers[0][:count])
            buffers.append(buffers.pop(0))
            rest -= count
        source.check()
    if stored.digest.startswith("sha256:") and stored.digest != writer.digest:
        raise InputError(stored.file.path, f"is no blob {stored.digest}", "the image is damaged: copy it again")


def _head(stored: Stored) -> bytes:
    with OpenFile(stored.file) as source:
        return source.pread(4, 0)


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
        self._out = Rewritable(asked.archive) if asked.archive is not None else None
        self._store = Store(asked.directory) if asked.directory is not None else None
        self._compression: Compression | None = None
        self._packed: tuple[object, ...] = ()
        if asked.compress is not None:
            from ocidiet.commit.compress import Compression

            self._compression = Compression(*asked.compress)
            self._packed = (*asked.compress, self._compression.library)
        self._tool = Basis([], False)
        self._started_ns = 0
        self._state: State | None = None
        self._archive: Archive | None = None
        self._layout: Layout | None = None
        self._sinks: list[Archive | Layout] = []
        self._image: oci.Image | None = None

    def stands(self, tool: Basis, started_ns: int) -> bool:
        """Whether all is there as it would be written. A layout is always looked at blob by blob."""
        self._tool, self._started_ns = tool, started_ns
        if self._out is not None and self._request.declared is None:
            told: tuple[object, ...] = (self._platform, self._default, *self._asked[2:], *self._packed)
            if self._base is not None:
                told += (oci.canonical(self._below), *((layer[1:]) for layer in self._base.layers))
            self._state = State(self._out, self._tree, self._request, tool, started_ns, told)
            return self._state.stands() and self._store is None
        return False

    def write(self) -> None:
        """Write all that is to be published. Raises `OcidietError`."""

        def header(entry: Entry) -> bytes:
            return tar.header(entry, 0)

        if self._out is not None:
            from ocidiet.oci.archive import Archive

            self._archive = Archive(self._out, header)
            self._sinks.append(self._archive)
        if self._store is not None:
            from ocidiet.oci.layout import Layout

            self._layout = Layout(self._store)
            self._sinks.append(self._layout)
        layers = [self._lower(stored) for stored in (self._base.layers if self._base is not None else ())]
        layers += [self._own(what, tree) for what, tree in self._parts(len(layers))]
        asked = self._asked
        self._image = oci.image(layers, asked.setting, self._platform, self._default, asked.tag, self._below)
        for sink in self._sinks:
            sink.finish(self._image)

    def _parts(self, lower: int) -> list[tuple[str, Tree]]:
        """The layers to write over so many, each with what it is."""
        if lower >= _MOST_LAYERS:
            what = f"--base has {lower} layers, and docker takes no more than {_MOST_LAYERS} in all"
            raise OcidietError(what, hint="squash its layers")
        if self._asked.layers == "single":
            return [("all", self._tree)]
        from ocidiet.cli.beside import is_own
        from ocidiet.tree.layers import KINDS, split

        if lower + len(KINDS) > _MOST_LAYERS:
            return [("all", self._tree)]
        return split(self._tree, is_own(self._request))

    def _lower(self, stored: Stored) -> Layer:
        """A layer of the base."""
        source = of_entries([Entry(ImagePath(""), "0", 0, "", stored.file, _WHY)], self._started_ns)
        media_type = oci.media_type(stored.media_type, _head(stored))

        def write(writer: HashingWriter) -> Digest:
            copied(stored, writer)
            return Digest(stored.diff_id)

        return self._layer(source, stored.diff_id, media_type, "", write)

    def _own(self, what: str, tree: Tree) -> Layer:
        """A layer of what was laid out."""
        mtime_s = self._request.mtime_s

        def write(writer: HashingWriter) -> Digest:
            if self._compression is None:
                tar.write(tree, mtime_s, writer)
                return writer.digest
            packer = self._compression.packer(writer)
            plain = HashingWriter(packer)
            tar.write(tree, mtime_s, plain)
            packer.end()
            return plain.digest

        basis = of_entries(tree.entries, self._started_ns)
        media_type = oci.LAYER if self._compression is None else f"{oci.LAYER}+{self._compression.name}"
        return self._layer(basis, (mtime_s, *self._packed), media_type, f"ocidiet: {what}", write)

    def _layer(
        self, basis: Basis, more: object, media_type: str, created_by: str, write: Callable[[HashingWriter], Digest]
    ) -> Layer:
        """One that stands in all places, or that `write` writes to all of them; it returns the diff_id."""
        trusted = basis.trusted and self._tool.trusted
        name = key([ascii((media_type, more)), *self._tool.lines, *basis.lines]) if trusted else ""
        found = [sink.standing(name) for sink in self._sinks]
        for sink, one in zip(self._sinks, found, strict=True):
            if one is not None and None not in found:
                sink.keep(name, one)
        if found[0] is not None and None not in found:
            return Layer(Descriptor(media_type, found[0].digest, found[0].size_bytes), found[0].diff_id, created_by)
        writer = HashingWriter(*self._sinks)
        diff_id = write(writer)
        layer = Layer(Descriptor(media_type, writer.digest, writer.size_bytes), diff_id, created_by)
        for sink in self._sinks:
            sink.end_layer(name, layer)
        return layer

    def publish(self, started_ns: int, keep_equal: bool) -> None:
        """Put all in its place, the layout's index last. Raises `OutputError`."""
        made = layers = None
        if self._archive is not None and self._out is not None:
            made, layers = self._out.publish(started_ns, keep_equal), self._archive.layers
        if self._state is not None and self._out is not None:
            self._state.settle(made, layers or Layers(HostPath(self._out.target + SUFFIX)))
        if self._layout is not None and self._image is not None:
            self._layout.publish(self._image.tag, self._image.entry, started_ns, keep_equal)

    def discard(self) -> None:
        """Take what was not published away. Raises nothing."""
        if self._layout is not None:
            self._layout.discard()
        for part in (self._out, self._state, self._store):
            if part is not None:
                part.discard()
