"""Images that name their layers: an OCI layout (index.json) and `docker save`'s archive (manifest.json).

Law: OCI image specification ("Image Layout", "Image Index", "Image Manifest", "Image Configuration") and
the Docker image specification v1.2. Where an archive is both, the index counts.
"""

from __future__ import annotations

from ocidiet.errors import InputError, shown
from ocidiet.fs import OpenFile, Root
from ocidiet.fs.image import Blob, Document, ImageRoot, Setup, Stored
from ocidiet.fs.named import named
from ocidiet.fs.unpack import Unpacker
from ocidiet.model import TYPE_CHECKING, HostPath, NamedTuple
from ocidiet.system import os

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocidiet.fs import Record
    from ocidiet.model import File

    Json = dict[str, object]
    _Entry = tuple[Json, str, str]
    """A descriptor, and which document has it where."""
    _Named = tuple[str, str, _Entry]
    """Behind its platform and its name."""

_CONFIG = "application/vnd.oci.image.config.v1+json"
_MAX_JSON_BYTES = 8 << 20
_MAX_INDEXES = 64
_MACHINES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "i686": "386",
    "armv7l": "arm",
    "armv6l": "arm",
    "riscv64": "riscv64",
    "loongarch64": "loong64",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
}


def roots(
    store: Root, path: HostPath, platform: str | None, several: bool, unpacker: Unpacker
) -> Iterator[tuple[str, ImageRoot]] | None:
    """The image that `store` holds, or, where `several` may be, each for that platform, with its name; None if it is
    neither layout nor archive, but a root. Raises `InputError`."""
    if store.walk("/index.json").file is not None and (
        store.walk("/oci-layout").file is not None or store.walk("/blobs").kind == "dir"
    ):
        return Store(store, path, unpacker).oci(platform, several)
    if store.walk("/manifest.json").file is not None:
        return Store(store, path, unpacker).docker(several)
    return None


class Named(NamedTuple):
    """An image that an index names."""

    media_type: str
    os: str
    """Empty where nothing says it, as are the next two."""
    architecture: str
    variant: str
    blobs: tuple[Blob, ...]
    """Its manifest, its configuration, its layers."""


def images(path: HostPath, record: Record) -> list[Named]:
    """All images of the OCI layout or archive at absolute `path`, with the bytes as they are. Raises `InputError`."""
    there = named(path, record)
    unpacker = Unpacker(path)
    inside = there if isinstance(there, Root) else ImageRoot(path, [unpacker.plain(there)])
    if inside.walk("/oci-layout").file is None or inside.walk("/index.json").file is None:
        hint = "what else there is, `skopeo copy` turns into one"
        raise InputError(path, "neither an OCI layout nor an OCI archive", hint)
    return list(Store(inside, path, unpacker).images())


def is_image(descriptor: Json) -> bool:
    """Whether it may name one: neither what was attested of another, nor an artifact."""
    notes = _dict(descriptor.get("annotations"))
    kind = descriptor.get("artifactType") or _CONFIG  # an image's is its configuration's type
    return kind == _CONFIG and "vnd.docker.reference.type" not in notes


class Store:
    """The files of a layout, in whatever root."""

    def __init__(self, root: Root, path: HostPath, unpacker: Unpacker) -> None:
        self._root = root
        self._path = path
        self._unpacker = unpacker
        self._blobs: list[Blob] = []
        self._documents: list[Document] = []

    def _bad(self, what: str, hint: str = "") -> InputError:
        return InputError(self._path, what, hint)

    # OCI ----------------------------------------------------------------------------------------

    def oci(self, platform: str | None, several: bool) -> Iterator[tuple[str, ImageRoot]]:
        there = self._root.walk("/oci-layout").file is not None
        self._add("oci-layout", "layout", self._read("oci-layout") if there else None)
        if self._root.walk("/manifest.json").file is not None:
            self._add("manifest.json", "docker", self._read("manifest.json"))
        found: list[_Named] = []
        for name, entry in self._entries():
            given = _dict(entry[0].get("platform"))
            names = [str(given[key]) for key in ("os", "architecture", "variant") if given.get(key)]
            found.append(("/".join(names), name or str(entry[0].get("digest")), entry))
        blobs, documents = self._blobs, self._documents
        for _, name, entry in self._chosen(found, platform, several):
            self._blobs, self._documents = [*blobs], [*documents]
            yield name, self._made(*self._parts(self._blob("manifest", *entry), str(entry[0].get("digest"))))

    def _entries(self) -> Iterator[tuple[str, _Entry]]:
        """All images, those in an index within the index too; each with its name, or that of its index."""
        indexes = [("", "index.json", self._add("index.json", "index", self._read("index.json")))]
        for number, (name, above, index) in enumerate(indexes):  # which grows meanwhile
            if number == _MAX_INDEXES:
                raise self._bad(f"more than {_MAX_INDEXES} indexes")
            for place, descriptor in enumerate(map(_dict, _list(index.get("manifests")))):
                entry = (descriptor, above, f"manifests[{place}]")
                if not is_image(descriptor):
                    continue
                own = str(_dict(descriptor.get("annotations")).get("org.opencontainers.image.ref.name") or name)
                if "index" in str(descriptor.get("mediaType")) or "manifest.list" in str(descriptor.get("mediaType")):
                    indexes.append((own, str(descriptor.get("digest")), self._blob("index", *entry)))
                else:
                    yield own, entry

    def images(self) -> Iterator[Named]:
        """All images, whole."""
        for _, entry in self._entries():
            before = len(self._blobs)
            manifest = self._blob("manifest", *entry)
            config, _ = self._parts(manifest, str(entry[0].get("digest")))
            told = _dict(entry[0].get("platform"))
            platform = told if told.get("architecture") else config
            yield Named(
                str(entry[0].get("mediaType") or "application/vnd.oci.image.manifest.v1+json"),
                str(platform.get("os") or ""),
                str(platform.get("architecture") or ""),
                str(platform.get("variant") or ""),
                tuple(self._blobs[before:]),
            )

    def _chosen(self, found: list[_Named], platform: str | None, several: bool) -> list[_Named]:
        if not found:
            raise self._bad("an index without an image")
        # An image may have several names.
        found = [*{one[0] + str(one[2][0].get("digest")): one for one in reversed(found)}.values()][::-1]
        wanted = platform or f"linux/{_MACHINES.get(os.uname().machine, os.uname().machine)}"
        fit = [one for one in found if f"{one[0]}/".startswith(f"{wanted}/")]
        if several or not fit:
            fit += [one for one in found if not one[0]]
        if len(found) == 1 and platform is None:
            fit = found
        listed = ", ".join(shown(" ".join(filter(None, one[:2]))) for one in (fit or found)[:8])
        if not fit:
            raise self._bad(f"no image for {wanted}: {listed}", "" if platform else "--platform names one of them")
        if len(fit) > 1 and not several:
            raise self._bad(f"{len(fit)} images, of which none is named: {listed}", "save them one by one")
        return fit

    def _parts(self, manifest: Json, name: str) -> tuple[Json, list[Stored]]:
        config = self._blob("config", _dict(manifest.get("config")), name, "config")
        layers = []
        for number, layer in enumerate(map(_dict, _list(manifest.get("layers")))):
            file = self._file(layer, name, f"layers[{number}]")
            layers.append(Stored(file, str(layer.get("mediaType") or ""), str(layer.get("digest")), ""))
        return config, layers

    def _blob(self, role: str, descriptor: Json, named_by: str, at: str) -> Json:
        name = str(descriptor.get("digest"))
        return self._add(name, role, self._parsed(self._file(descriptor, named_by, at), name), descriptor)

    def _file(self, descriptor: Json, named_by: str, at: str) -> File:
        digest = str(descriptor.get("digest"))
        algorithm, colon, value = digest.partition(":")
        if not colon or not value.isalnum() or not algorithm.isalnum():
            raise self._bad(f"{shown(digest)}: no digest")
        file = self._found(f"blobs/{algorithm}/{value}")
        self._blobs.append(Blob(digest, file, named_by, at, descriptor))
        return file

    # docker -------------------------------------------------------------------------------------

    def docker(self, several: bool) -> Iterator[tuple[str, ImageRoot]]:
        listed = self._read("manifest.json")
        images = [(_dict(one), _list(_dict(one).get("RepoTags"))) for one in _list(listed)]
        if len(images) != 1 and not (images and several):
            listed = ", ".join(shown(str(tag)) for _, tags in images[:8] for tag in tags)
            raise self._bad(f"{len(images)} images, not one: {listed}", "save them one by one")
        for one, tags in images:
            self._documents = []
            self._add("manifest.json", "docker", listed)
            layers = [Stored(self._found(str(layer)), "", "", "") for layer in _list(one.get("Layers"))]
            name = str(one.get("Config"))
            made = self._made(self._add(name, "config", self._read(name)), layers)
            yield str(tags[0]) if tags else name, made

    # Both ---------------------------------------------------------------------------------------

    def _made(self, config: Json, layers: list[Stored]) -> ImageRoot:
        tars = [self._unpacker.plain(layer.file) for layer in layers]
        told = _dict(config.get("config"))
        env = tuple(str(one) for one in _list(told.get("Env")))
        words = [*_list(told.get("Entrypoint")), *_list(told.get("Cmd"))]
        ids = [str(one) for one in _list(_dict(config.get("rootfs")).get("diff_ids"))]
        if len(ids) != len(tars):
            raise self._bad(f"{len(tars)} layers, but its configuration names {len(ids)}")
        name = self._documents[-1].name
        named = zip(ids, tars, strict=True)
        blobs = [Blob(one, tar, name, f"rootfs.diff_ids[{at}]", {}) for at, (one, tar) in enumerate(named)]
        stored = tuple(Stored(*layer[:3], name) for layer, name in zip(layers, ids, strict=True))
        blobs = self._blobs + blobs
        start = (env, tuple(map(str, words)), str(told.get("WorkingDir") or ""))
        setup = Setup(*start, tuple(blobs), stored, config, tuple(self._documents))
        return ImageRoot(self._path, tars, setup)

    def _found(self, name: str) -> File:
        walk = self._root.walk("/" + name)
        if walk.file is None:
            raise self._bad(f"{shown(name)}: {walk.reason}", "the archive is not whole: save it again")
        self._root.use(walk)
        return walk.file

    def _add(self, name: str, role: str, value: object, told: Json | None = None) -> Json:
        self._documents.append(Document(name, role, value, told or {}))
        return _dict(value)

    def _read(self, name: str) -> object:
        return self._parsed(self._found(name), name)

    def _parsed(self, file: File, name: str) -> object:
        import json

        if file.identity.size_bytes > _MAX_JSON_BYTES:
            raise self._bad(f"{shown(name)}: JSON of {file.identity.size_bytes} bytes")
        try:
            with OpenFile(file) as opened:
                return json.loads(opened.pread(_MAX_JSON_BYTES, 0))
        except (ValueError, RecursionError) as error:
            raise self._bad(f"{shown(name)}: no JSON") from error


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
