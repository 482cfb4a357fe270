"""Layers and a `Setting` -> the documents of an image: configuration, manifest, index.

Law: OCI image specification 1.1 ("Image Configuration", "Image Manifest", "Image Index") and, for the
archive, the Docker image specification v1.2. Every document is written once, as canonical JSON: keys
sorted, no blanks, ASCII, no newline at its end; so equal images have equal digests. Page `archive` puts
them into one file, page `layout` into a directory.
"""

from __future__ import annotations

import json
import re

from ocidiet.commit.blobs import digest_of
from ocidiet.errors import OcidietError, UsageError, shown
from ocidiet.model import TYPE_CHECKING, NamedTuple
from ocidiet.model.oci import Descriptor, Layer, Platform, Setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ocidiet.model import ElfFacts

    Json = dict[str, object]

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
REF_NAME = "org.opencontainers.image.ref.name"
# docker's containerd store goes by this one.
_FULL_NAME = "io.containerd.image.name"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_ARM, _ARM_HARD_FLOAT = 40, 0x400
# (e_machine, bits, little-endian); the words are GOARCH's and GOARM's.
_PLATFORMS = {
    (62, 64, True): Platform("amd64"),
    (62, 32, True): Platform("amd64"),
    (3, 32, True): Platform("386"),
    (183, 64, True): Platform("arm64", "v8"),
    (_ARM, 32, True): Platform("arm", "v5"),
    (243, 64, True): Platform("riscv64"),
    (258, 64, True): Platform("loong64"),
    (21, 64, True): Platform("ppc64le"),
    (21, 64, False): Platform("ppc64"),
    (22, 64, False): Platform("s390x"),
    (8, 32, True): Platform("mipsle"),
    (8, 32, False): Platform("mips"),
    (8, 64, True): Platform("mips64le"),
    (8, 64, False): Platform("mips64"),
}

EMPTY: dict[str, object] = {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
"""An index."""


class Blob(NamedTuple):
    """A document and what names it."""

    descriptor: Descriptor
    data: bytes


class Image(NamedTuple):
    """All of an image but its layers' bytes."""

    layers: tuple[Layer, ...]
    config: Blob
    manifest: Blob
    entry: Json
    """The manifest's descriptor as an index has it."""
    tag: str


def platform(programs: Iterable[tuple[str, ElfFacts]]) -> Platform | None:
    """For which machine the named programs are; None where there is none. Raises `OcidietError` for several, or for
    one that has no name in OCI."""
    found: dict[Platform, str] = {}
    for name, facts in programs:
        known = _PLATFORMS.get((facts.machine, facts.bits, facts.little_endian))
        if known is None:
            raise OcidietError(f"{shown(name)}: no image can be for its machine (e_machine {facts.machine})")
        if facts.machine == _ARM and facts.e_flags & _ARM_HARD_FLOAT:
            known = Platform("arm", "v7")
        found.setdefault(known, name)
    if len(found) > 1:
        machines = [f"{shown(name)}  ({spelled(one)})" for one, name in found.items()]
        raise OcidietError("programs for several machines: an image is for one", machines, "make one image for each")
    return next(iter(found), None)


def no_platform() -> OcidietError:
    """The error for an image without programs."""
    return OcidietError("no program says for which machine the image is", hint="-t writes a tar, which is for any")


def spelled(of: Platform) -> str:
    """As `linux/arm/v7`."""
    return "/".join(["linux", *filter(None, of)])


def image(layers: Sequence[Layer], setting: Setting, of: Platform, default: Sequence[str], tag: str) -> Image:
    """The image of `layers`, lowest first; it starts `default` where `setting` does not say what."""
    config: Json = {"architecture": of.architecture, "os": "linux", "created": setting.created}
    if of.variant:
        config["variant"] = of.variant
    config["config"] = _started(setting, default)
    config["rootfs"] = {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}
    config["history"] = [{"created": setting.created, "created_by": layer.created_by} for layer in layers]
    stored = _blob(CONFIG, config)
    document: Json = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described(stored.descriptor),
        "layers": [described(layer.descriptor) for layer in layers],
    }
    if setting.annotations:
        document["annotations"] = dict(setting.annotations)
    manifest = _blob(MANIFEST, document)
    entry = described(manifest.descriptor)
    named = {"os": "linux", "architecture": of.architecture, "variant": of.variant}
    entry["platform"] = {key: value for key, value in named.items() if value}
    entry["annotations"] = {REF_NAME: tag, _FULL_NAME: _full(tag)}
    return Image(tuple(layers), stored, manifest, entry, tag)


def canonical(value: object) -> bytes:
    """The one spelling of a document."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def described(of: Descriptor) -> Json:
    """A descriptor as documents have it."""
    return {"mediaType": of.media_type, "digest": of.digest, "size": of.size_bytes}


def _blob(media_type: str, document: Json) -> Blob:
    data = canonical(document)
    return Blob(Descriptor(media_type, digest_of(data), len(data)), data)


def _started(setting: Setting, default: Sequence[str]) -> Json:
    """As a Dockerfile would have it, behind FROM scratch."""
    told: Json = {"Env": _env(("PATH=" + PATH,), setting.env)}
    entrypoint = default if setting.entrypoint is None else setting.entrypoint
    for key, value in (
        ("Entrypoint", list(entrypoint)),
        ("Cmd", list(setting.cmd or ())),
        ("WorkingDir", setting.workdir),
        ("User", setting.user),
        ("StopSignal", setting.stop_signal),
        ("Labels", dict(setting.labels)),
        ("ExposedPorts", {port: {} for port in setting.ports}),
        ("Volumes", {volume: {} for volume in setting.volumes}),
    ):
        if value:
            told[key] = value
    return told


def _env(given: Iterable[str], more: Iterable[tuple[str, str]]) -> list[str]:
    known = dict(item.partition("=")[::2] for item in given)
    for name, text in more:
        known[name] = _expanded(name, text, known)
    return [f"{name}={value}" for name, value in known.items()]


def _expanded(name: str, text: str, known: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1]:
            return match[1]
        other = match[2] or match[3]
        if other not in known:
            what = f"--env {shown(name)}: ${shown(other or '')} is not set in the image"
            raise UsageError(what, hint="'\\$' is a '$' that stands for itself")
        return known[other]

    return re.sub(r"\\([\\$])|\$(?:(\w+)|\{(\w+)\})", value, text)


def _full(tag: str) -> str:
    """A name as docker completes it."""
    first, slash, _ = tag.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return tag
    return f"docker.io/{tag}" if slash else f"docker.io/library/{tag}"
