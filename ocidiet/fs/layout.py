"""Images that name their layers: an OCI layout (index.json) and `docker save`'s archive (manifest.json).

Law: OCI image specification ("Image Layout", "Image Index", "Image Manifest", "Image Configuration") and
the Docker image specification v1.2. Where an archive is both, the index counts.
"""

from __future__ import annotations

import os

from ocidiet.errors import InputError, shown
from ocidiet.fs import DiskRoot, OpenFile
from ocidiet.fs.image import Blob, ImageRoot, Setup, Stored
from ocidiet.fs.unpack import Unpacker
from ocidiet.model import TYPE_CHECKING, HostPath, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocidiet.fs import Record, Root
    from ocidiet.model import File

    Json = dict[str, object]

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


def image(store: Root, path: HostPath, platform: str | None, unpacker: Unpacker) -> ImageRoot | None:
    """The image that `store` holds; None if it is neither layout nor archive, but a root. Raises `InputError`."""
    if store.walk("/oci-layout").file is not None and store.walk("/index.json").file is not None:
        return Store(store, path, unpacker).oci(platform)
    if store.walk("/manifest.json").file is not None:
        return Store(store, path, unpacker).docker()
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
    walk = DiskRoot("", record).walk(path)
    unpacker = Unpacker(path)
    if walk.kind != "dir" and walk.file is None:
        raise InputError(path, walk.reason)
    inside: Root
    if walk.file is None:
        inside = DiskRoot(walk.real.rstrip("/"), record)
    else:
        inside = ImageRoot(path, [unpacker.plain(walk.file)])
    if inside.walk("/oci-layout").file is None or inside.walk("/index.json").file is None:
        hint = "what else there is, `skopeo copy` turns into one"
        raise InputError(path, "neither an OCI layout nor an OCI archive", hint)
    return list(Store(inside, path, unpacker).images())


class Store:
    """The files of a layout, in whatever root."""

    def __init__(self, root: Root, path: HostPath, unpacker: Unpacker) -> None:
        self._root = root
        self._path = path
        self._unpacker = unpacker
        self._blobs: list[Blob] = []

    def _bad(self, what: str, hint: str = "") -> InputError:
        return InputError(self._path, what, hint)

    # OCI ----------------------------------------------------------------------------------------

    def oci(self, platform: str | None) -> ImageRoot:
        found: list[tuple[str, str, Json]] = []
        for descriptor in self._entries():
            given = _dict(descriptor.get("platform"))
            names = [str(given[key]) for key in ("os", "architecture", "variant") if given.get(key)]
            notes = _dict(descriptor.get("annotations"))
            name = str(notes.get("org.opencontainers.image.ref.name") or descriptor.get("digest"))
            found.append(("/".join(names), name, descriptor))
        return self._layers(self._blob(self._chosen(found, platform)))

    def _entries(self) -> Iterator[Json]:
        """The descriptors of all images, of those in an index within the index too."""
        indexes = [_list(self._json("index.json").get("manifests"))]
        for number, index in enumerate(indexes):  # which grows meanwhile
            if number == _MAX_INDEXES:
                raise self._bad(f"more than {_MAX_INDEXES} indexes")
            for descriptor in map(_dict, index):
                if "vnd.docker.reference.type" in _dict(descriptor.get("annotations")):  # an attestation, no image
                    continue
                if "index" in str(descriptor.get("mediaType")) or "manifest.list" in str(descriptor.get("mediaType")):
                    indexes.append(_list(self._blob(descriptor).get("manifests")))
                else:
                    yield descriptor

    def images(self) -> Iterator[Named]:
        """All images, whole."""
        for descriptor in self._entries():
            manifest = self._blob(descriptor)
            config = self._blob(_dict(manifest.get("config")))
            told = _dict(descriptor.get("platform"))
            platform = told if told.get("architecture") else config
            parts = [descriptor, _dict(manifest.get("config")), *map(_dict, _list(manifest.get("layers")))]
            yield Named(
                str(descriptor.get("mediaType") or "application/vnd.oci.image.manifest.v1+json"),
                str(platform.get("os") or ""),
                str(platform.get("architecture") or ""),
                str(platform.get("variant") or ""),
                tuple([Blob(str(part.get("digest")), self._file(part)) for part in parts]),
            )

    def _chosen(self, found: list[tuple[str, str, Json]], platform: str | None) -> Json:
        if not found:
            raise self._bad("an index without an image")
        wanted = platform or f"linux/{_MACHINES.get(os.uname().machine, os.uname().machine)}"
        fit = [one for one in found if f"{one[0]}/".startswith(f"{wanted}/")]
        if len(found) == 1 and (platform is None or not found[0][0]):
            fit = found
        if len(fit) == 1:
            return fit[0][2]
        listed = ", ".join(shown(" ".join(filter(None, one[:2]))) for one in (fit or found)[:8])
        if fit or not any(one[0] for one in found):
            raise self._bad(f"{len(fit or found)} images, of which none is named: {listed}", "save them one by one")
        raise self._bad(f"no image for {wanted}: {listed}", "" if platform else "--platform names one of them")

    def _layers(self, manifest: Json) -> ImageRoot:
        config = self._blob(_dict(manifest.get("config")))
        layers = [
            Stored(self._file(layer), str(layer.get("mediaType") or ""), str(layer.get("digest")), "")
            for layer in map(_dict, _list(manifest.get("layers")))
        ]
        return self._made(config, layers)

    def _blob(self, descriptor: Json) -> Json:
        return _dict(self._parsed(self._file(descriptor), str(descriptor.get("digest"))))

    def _file(self, descriptor: Json) -> File:
        digest = str(descriptor.get("digest"))
        algorithm, colon, value = digest.partition(":")
        if not colon or not value.isalnum() or not algorithm.isalnum():
            raise self._bad(f"{shown(digest)}: no digest")
        file = self._found(f"blobs/{algorithm}/{value}")
        self._blobs.append(Blob(digest, file))
        return file

    # docker -------------------------------------------------------------------------------------

    def docker(self) -> ImageRoot:
        images = _list(self._parsed(self._found("manifest.json"), "manifest.json"))
        if len(images) != 1:
            tags = ", ".join(shown(str(tag)) for one in images[:8] for tag in _list(_dict(one).get("RepoTags")))
            raise self._bad(f"{len(images)} images, not one: {tags}", "save them one by one")
        layers = [Stored(self._found(str(name)), "", "", "") for name in _list(_dict(images[0]).get("Layers"))]
        return self._made(self._json(str(_dict(images[0]).get("Config"))), layers)

    # Both ---------------------------------------------------------------------------------------

    def _made(self, config: Json, layers: list[Stored]) -> ImageRoot:
        tars = [self._unpacker.plain(layer.file) for layer in layers]
        told = _dict(config.get("config"))
        env = tuple(str(one) for one in _list(told.get("Env")))
        words = [*_list(told.get("Entrypoint")), *_list(told.get("Cmd"))]
        ids = [str(one) for one in _list(_dict(config.get("rootfs")).get("diff_ids"))]
        if len(ids) != len(tars):
            raise self._bad(f"{len(tars)} layers, but its configuration names {len(ids)}")
        blobs = (*self._blobs, *(Blob(name, tar) for name, tar in zip(ids, tars, strict=True)))
        stored = tuple(Stored(*layer[:3], name) for layer, name in zip(layers, ids, strict=True))
        return ImageRoot(self._path, tars, Setup(env, tuple(map(str, words)), blobs, stored, config))

    def _found(self, name: str) -> File:
        walk = self._root.walk("/" + name)
        if walk.file is None:
            raise self._bad(f"{shown(name)}: {walk.reason}", "the archive is not whole: save it again")
        self._root.use(walk)
        return walk.file

    def _json(self, name: str) -> Json:
        return _dict(self._parsed(self._found(name), name))

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
