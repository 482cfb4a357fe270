"""What an image's documents say: each by its law, against each other, and against the blobs that they name.

Law: OCI image specification 1.1 and the Docker image specification v1.2. Stricter than any engine, each of which
takes some of what others refuse; but what the specification lets anyone add, an unknown field say, is no defect.
"""

from __future__ import annotations

import re

from ocidiet.errors import shown
from ocidiet.fs import OpenFile
from ocidiet.fs.layout import is_image
from ocidiet.model import TYPE_CHECKING, ImagePath, Notice
from ocidiet.model.verdict import Defect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ocidiet.fs.image import Blob, Document, Setup, Stored
    from ocidiet.model import File

    Json = dict[str, object]

_OCI, _DOCKER = "application/vnd.oci.image.", "application/vnd.docker."
_TYPES = {
    "index": (f"{_OCI}index.v1+json", f"{_DOCKER}distribution.manifest.list.v2+json"),
    "manifest": (f"{_OCI}manifest.v1+json", f"{_DOCKER}distribution.manifest.v2+json"),
    "config": (f"{_OCI}config.v1+json", f"{_DOCKER}container.image.v1+json"),
}
_LAYERS = {
    f"{kind}tar{end}": end[1:]
    for kinds, ends in (
        ((f"{_OCI}layer.v1.", f"{_OCI}layer.nondistributable.v1."), ("", "+gzip", "+zstd")),
        ((f"{_DOCKER}image.rootfs.diff.", f"{_DOCKER}image.rootfs.foreign.diff."), ("", ".gzip", ".zstd")),
    )
    for kind in kinds
    for end in ends
}
"""Media type -> how it is compressed."""
_MAGICS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_NAME = "org.opencontainers.image.ref.name"
_DIGEST = r"(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})"
_TIME = r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"
_AGAIN = "copy the image again"
_WRITE = "write it as the OCI image specification has it"


def _is_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_names(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _is_set(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, dict) for text in value.values())


# An engine in Go refuses a configuration whose field has another type than this; null is as good as absent.
_FIELDS: dict[str, tuple[Callable[[object], bool], str]] = {
    **dict.fromkeys(("User", "WorkingDir", "StopSignal"), (_is_text, "no string")),
    **dict.fromkeys(("Env", "Entrypoint", "Cmd"), (_is_words, "no array of strings")),
    **dict.fromkeys(("ExposedPorts", "Volumes"), (_is_set, "no object of empty objects")),
    "Labels": (_is_names, "no object of strings"),
}


def judge(setup: Setup, machines: Sequence[str]) -> tuple[list[Defect], list[Notice]]:
    """What is wrong; and what is odd. `machines` are those of the image's programs, as `linux/amd64`. Raises
    `InputError` where a blob cannot be read."""
    made = _Judged(setup, machines)
    for blob in setup.blobs:
        made.blob(blob)
    for stored in setup.layers:
        made.layer(stored)
    for document in setup.documents:
        getattr(made, document.role)(document)
    return made.defects, made.notices


class _Judged:
    def __init__(self, setup: Setup, machines: Sequence[str]) -> None:
        self._setup = setup
        self._machines = machines
        self._documents = {document.role: document for document in setup.documents}
        self._hashes: dict[tuple[object, ...], str] = {}
        self.defects: list[Defect] = []
        self.notices: list[Notice] = []

    def _add(self, name: str, kind: str, reason: str, remedy: str = _WRITE) -> None:
        self.defects.append(Defect(ImagePath(name), kind, reason, remedy))

    # Blobs --------------------------------------------------------------------------------------

    def blob(self, blob: Blob) -> None:
        """Its digest, and its size."""
        where = f"{blob.at} of {shown(blob.named_by)}"
        algorithm, _, digest = blob.digest.partition(":")
        if algorithm not in ("sha256", "sha512"):
            self._add(blob.named_by, "document", f"{blob.at}: {shown(blob.digest)} is no digest by sha256 or sha512")
        elif self._hashed(blob.file, algorithm) != digest:
            what = "its bytes have another digest" if blob.told else f"{where}: the unpacked layer has another digest"
            self._add(blob.digest, "digest", what, _AGAIN)
        if blob.told:
            size, there = blob.told.get("size"), blob.file.identity.size_bytes
            if type(size) is not int:
                self._add(blob.named_by, "document", f"{blob.at}.size: {_missing(size, 'no number')}")
            elif size != there:
                self._add(blob.digest, "size", f"has {there} bytes, and {where} says {size}", _AGAIN)

    def _hashed(self, file: File, algorithm: str) -> str:
        # A layer that is not compressed is named twice.
        key = (algorithm, file.identity, file.offset_bytes)
        known = self._hashes.get(key)
        if known is None:
            known = self._hashes[key] = _hashed(file, algorithm)
        return known

    def layer(self, stored: Stored) -> None:
        """Its media type says how it is compressed."""
        declared = _LAYERS.get(stored.media_type)
        if declared is None:
            return
        with OpenFile(stored.file) as opened:
            head = opened.pread(4, 0)
        packed = next((name for magic, name in _MAGICS.items() if head.startswith(magic)), "")
        if packed != declared:
            what = f"{packed or 'not compressed'}, and {stored.media_type} says {declared or 'not compressed'}"
            self._add(stored.digest, "media-type", what, "name its media type by how it is compressed")

    # Documents ----------------------------------------------------------------------------------

    def layout(self, document: Document) -> None:
        """The file that makes a directory a layout."""
        if document.value is None:
            self._add(document.name, "document", "absent", 'write {"imageLayoutVersion":"1.0.0"} there')
        elif _dict(document.value).get("imageLayoutVersion") != "1.0.0":
            self._add(document.name, "document", "imageLayoutVersion: is not 1.0.0")

    def index(self, document: Document) -> None:
        """Its descriptors, and that a name is one image's."""
        self._versioned(document)
        value = _dict(document.value)
        if not isinstance(value.get("manifests"), list):
            self._add(document.name, "document", f"manifests: {_missing(value.get('manifests'), 'no array')}")
        known: dict[object, str] = {}
        for number, entry in enumerate(map(_dict, _list(value.get("manifests")))):
            at = f"manifests[{number}]"
            self._descriptor(document.name, at, entry)
            platform = _dict(entry.get("platform"))
            for key in ("architecture", "os") if platform else ():
                if not _is_text(platform.get(key)) or not platform.get(key):
                    self._add(
                        document.name, "document", f"{at}.platform.{key}: {_missing(platform.get(key), 'no name')}"
                    )
            name = _dict(entry.get("annotations")).get(_NAME)
            if name is None and document.name == "index.json":
                self.notices.append(Notice(f"{document.name}: {at} has no name ({_NAME})", False))
            elif isinstance(name, str):
                first = known.setdefault((name, *map(str, map(platform.get, ("os", "architecture", "variant")))), at)
                if first != at:
                    what = f"{at} and {first} are both called {shown(name)}"
                    self._add(document.name, "document", what, "give each image a name of its own")

    def manifest(self, document: Document) -> None:
        """What it names, and that as what it is named itself."""
        self._versioned(document)
        value = _dict(document.value)
        config, layers = _dict(value.get("config")), _list(value.get("layers"))
        self._descriptor(document.name, "config", config)
        self._typed(document.name, "config.mediaType", config.get("mediaType"), _TYPES["config"])
        for number, layer in enumerate(map(_dict, layers)):
            self._descriptor(document.name, f"layers[{number}]", layer)
            self._typed(document.name, f"layers[{number}].mediaType", layer.get("mediaType"), tuple(_LAYERS))

    def config(self, document: Document) -> None:
        """For which machine it is, how it starts, and of what layers it is made."""
        value = _dict(document.value)

        def add(what: str) -> None:
            self._add(document.name, "document", what)

        for key in ("architecture", "os"):
            if not _is_text(value.get(key)) or not value.get(key):
                add(f"{key}: {_missing(value.get(key), 'no name')}")
        rootfs = _dict(value.get("rootfs"))
        if rootfs.get("type") != "layers":
            add("rootfs.type: is not 'layers'")
        ids = _list(rootfs.get("diff_ids"))
        history = [_dict(entry) for entry in _list(value.get("history"))]
        made = sum(not entry.get("empty_layer") for entry in history)
        if history and made != len(ids):
            add(f"history: tells of {made} layers, and rootfs.diff_ids names {len(ids)}")
        for at, entry in (("", value), *((f"history[{number}].", entry) for number, entry in enumerate(history))):
            created = entry.get("created")
            if created is not None and not (isinstance(created, str) and re.fullmatch(_TIME, created)):
                add(f"{at}created: {shown(str(created))} is no time as 2024-01-31T12:00:00Z")
        told = _dict(value.get("config"))
        for key, (is_good, what) in _FIELDS.items():
            if told.get(key) is not None and not is_good(told[key]):
                add(f"config.{key}: {what}")
        env = _list(told.get("Env"))
        for number, item in enumerate(env if _is_words(env) else ()):
            if not str(item).partition("=")[0] or "=" not in str(item):
                add(f"config.Env[{number}]: {shown(str(item))} is not NAME=VALUE")
        self._platform(document, value)

    def _platform(self, document: Document, config: Json) -> None:
        named = self._documents.get("manifest")
        platform = _dict(named.told.get("platform")) if named is not None else {}
        for key in ("os", "architecture", "variant"):
            one, other = platform.get(key), config.get(key)
            # Either may leave its variant out.
            if one and other and one != other:
                what = f"{key}: is {shown(str(other))}, and the index has {shown(str(one))} for its image"
                self._add(document.name, "document", what, "let both name the machine of the programs")
        mine = f"{config.get('os')}/{config.get('architecture')}"
        # mips has names for its byte orders, which programs' are not asked for; and machines may be unknown.
        sure = all(re.fullmatch(r"linux/(amd64|386|arm64|arm|riscv64|s390x|ppc64le)", one) for one in self._machines)
        if config.get("architecture") and self._machines and sure and mine not in self._machines:
            what = f"architecture: is {shown(mine)}, and its programs are for {', '.join(self._machines)}"
            self._add(document.name, "document", what, "let it name the machine of the programs")

    def docker(self, document: Document) -> None:
        """Docker's manifest.json: where there is an index too, both name the same image."""
        listed = [_dict(one) for one in _list(document.value)]
        index, manifest = self._documents.get("index"), self._documents.get("manifest")
        if index is None or manifest is None or len(_entries(self._setup.documents)) != 1:
            return
        value = _dict(manifest.value)
        meant = [str(_dict(layer).get("digest")) for layer in _list(value.get("layers"))]
        config = str(_dict(value.get("config")).get("digest"))
        same = [
            one
            for one in listed
            if _place(config) == one.get("Config") and list(map(_place, meant)) == _list(one.get("Layers"))
        ]
        if not same:
            what = f"names another image than index.json, whose configuration is {config}"
            self._add(document.name, "document", what, "write both from one image")
            return
        names = [str(_dict(one.get("annotations")).get(_NAME, "")) for one in _entries(self._setup.documents)]
        for tag in map(str, _list(same[0].get("RepoTags"))):
            # An index may have the tag alone, or the whole name.
            if names[0] and not f"/{tag}".endswith((f"/{names[0]}", f":{names[0]}")):
                what = f"calls the image {shown(tag)}, and index.json calls it {shown(names[0])}"
                self._add(document.name, "document", what, "give it one name")

    # Parts of them ------------------------------------------------------------------------------

    def _versioned(self, document: Document) -> None:
        value = _dict(document.value)
        if value.get("schemaVersion") != 2:
            what = f"schemaVersion: {_missing(value.get('schemaVersion'), 'is not 2')}"
            self._add(document.name, "document", what)
        own, told = value.get("mediaType"), document.told.get("mediaType")
        if own is not None:
            self._typed(document.name, "mediaType", own, _TYPES[document.role])
        if document.told:
            self._typed(document.name, "the mediaType by which it is named", told, _TYPES[document.role])
        if own != told and own in _TYPES[document.role] and told in _TYPES[document.role]:
            what = f"mediaType: is {shown(str(own))}, and it is named as {shown(str(told))}"
            self._add(document.name, "media-type", what, "name it by what it is")

    def _typed(self, name: str, at: str, media_type: object, known: Sequence[str]) -> None:
        if media_type is not None and media_type not in known:
            self._add(name, "media-type", f"{at}: {shown(str(media_type))} is none of an image's", _WRITE)

    def _descriptor(self, name: str, at: str, told: Json) -> None:
        if not isinstance(told.get("mediaType"), str):
            self._add(name, "document", f"{at}.mediaType: {_missing(told.get('mediaType'), 'no string')}")
        if not re.fullmatch(_DIGEST, str(told.get("digest"))):
            self._add(name, "document", f"{at}.digest: {_missing(told.get('digest'), 'no digest as sha256:...')}")
        if told.get("annotations") is not None and not _is_names(told["annotations"]):
            self._add(name, "document", f"{at}.annotations: no object of strings")


def _entries(documents: Sequence[Document]) -> list[Json]:
    """The images of all indexes."""
    found = [
        _dict(one)
        for document in documents
        if document.role == "index"
        for one in _list(_dict(document.value).get("manifests"))
    ]
    indexes = {document.name for document in documents if document.role == "index"}
    return [one for one in found if one.get("digest") not in indexes and is_image(one)]


def _place(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _missing(value: object, otherwise: str) -> str:
    return "absent" if value in (None, "") else otherwise


def _hashed(file: File, algorithm: str) -> str:
    import hashlib

    made = hashlib.new(algorithm)
    with OpenFile(file) as opened:
        at = 0
        while data := opened.pread(1 << 20, at):
            made.update(data)
            at += len(data)
    return made.hexdigest()


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
