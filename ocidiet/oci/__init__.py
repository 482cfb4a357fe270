"""Layers and a `Setting` -> the documents of an image: configuration, manifest, index.

Law: OCI image specification 1.1 ("Image Configuration", "Image Manifest", "Image Index") and, for the
archive, the Docker image specification v1.2. Every document is written once, as canonical JSON: keys
sorted, no blanks, ASCII, no newline at its end; so equal images have equal digests. Page `archive` puts
them into one file, page `layout` into a directory.
"""

from __future__ import annotations

from ocidiet.commit.blobs import digest_of
from ocidiet.errors import OcidietError, UsageError, shown
from ocidiet.model import TYPE_CHECKING, NamedTuple
from ocidiet.model.oci import Descriptor, Layer, Platform, Setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from re import Match

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

LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
"""What stands in `oci-layout`."""
_ESCAPED = {'"', "\\"}
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


class Entered(NamedTuple):
    """A document, and its descriptor as an index has it."""

    blob: Blob
    entry: Json


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


def joined(program: Platform | None, config: Json | None) -> Platform:
    """For which machine an image is: that of its programs, and of its base's configuration. Raises `OcidietError`."""
    told = config if config is not None else {}
    base = Platform(str(told.get("architecture") or ""), str(told.get("variant") or ""))
    if program is None and not base.architecture:
        raise OcidietError("no program says for which machine the image is", hint="-t writes a tar, which is for any")
    if program is None or not base.architecture:
        return program or base
    if program.architecture != base.architecture or told.get("os", "linux") != "linux":
        what = f"{shown(str(told.get('os', 'linux')))}/{shown('/'.join(filter(None, base)))}"
        raise OcidietError(f"--base is for {what}, and the programs are for {spelled(program)}")
    return Platform(base.architecture, max(program.variant, base.variant))


def media_type(stored: str, head: bytes) -> str:
    """Of a layer that a base calls `stored` and that starts with `head`, as OCI has it."""
    if stored.startswith("application/vnd.oci.image.layer.v1."):
        return stored
    if head.startswith(b"\x1f\x8b"):
        return LAYER + "+gzip"
    return LAYER + "+zstd" if head.startswith(b"\x28\xb5\x2f\xfd") else LAYER


def spelled(of: Platform) -> str:
    """As `linux/arm/v7`."""
    return "/".join(["linux", *filter(None, of)])


def image(
    layers: Sequence[Layer], setting: Setting, of: Platform, default: Sequence[str], tag: str, base: Json | None = None
) -> Image:
    """The image of `layers`, lowest first; it starts `default` where `setting` does not say what. `base` is the
    configuration of the image whose layers the first of them are."""
    config: Json = {"architecture": of.architecture, "os": "linux", "created": setting.created}
    if of.variant:
        config["variant"] = of.variant
    config["config"] = _started(setting, default, None if base is None else _dict(base.get("config")))
    config["rootfs"] = {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}
    config["history"] = [
        *_history(base),
        *({"created": setting.created, "created_by": layer.created_by} for layer in layers if layer.created_by),
    ]
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
    entry["platform"] = _named(of)
    entry["annotations"] = _names(tag)
    return Image(tuple(layers), stored, manifest, entry, tag)


def index(images: Iterable[tuple[str, Platform, Descriptor]], tag: str) -> Entered:
    """One index of the manifests of `images`, each with what it is called in messages; by their platforms' order.
    Raises `OcidietError` for two images for one platform."""
    found: dict[Platform, tuple[str, Descriptor]] = {}
    for name, of, manifest in images:
        other, same = found.setdefault(of, (name, manifest))
        if same != manifest:
            raise OcidietError(f"{shown(name)}: for {spelled(of)}, as {shown(other)} is: an index has one for each")
    entries = [
        {**described(manifest), "platform": _named(of)}
        for of, (_, manifest) in sorted(found.items(), key=lambda item: spelled(item[0]))
    ]
    made = _blob(INDEX, {**EMPTY, "manifests": entries})
    return Entered(made, {**described(made.descriptor), "annotations": _names(tag)})


def canonical(value: object) -> bytes:
    """The one spelling of a document: as the module json has it, whose import would take as long as Python's start."""
    return _spelled(value).encode()


def _spelled(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ",".join([f"{_spelled(key)}:{_spelled(value[key])}" for key in sorted(value)]) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_spelled, value)) + "]"
    if isinstance(value, str) and value.isascii() and value.isprintable() and not _ESCAPED & {*value}:
        return f'"{value}"'
    if type(value) is int:
        return str(value)
    import json

    return json.dumps(value, allow_nan=False)


def described(of: Descriptor) -> Json:
    """A descriptor as documents have it."""
    return {"mediaType": of.media_type, "digest": of.digest, "size": of.size_bytes}


def _named(of: Platform) -> Json:
    told = {"os": "linux", "architecture": of.architecture, "variant": of.variant}
    return {key: value for key, value in told.items() if value}


def _names(tag: str) -> Json:
    return {REF_NAME: tag, _FULL_NAME: _full(tag)}


def _blob(media_type: str, document: Json) -> Blob:
    data = canonical(document)
    return Blob(Descriptor(media_type, digest_of(data), len(data)), data)


def _started(setting: Setting, default: Sequence[str], base: Json | None) -> Json:
    """As a Dockerfile would have it, behind FROM: what is not said is the base's, another entrypoint drops its Cmd."""
    told = {} if base is None else {key: value for key, value in base.items() if key != "OnBuild"}
    given = _list(told.get("Env")) if base is not None else ["PATH=" + PATH]
    known = _env(map(str, given), setting.env)
    told["Env"] = [f"{name}={value}" for name, value in known.items()]
    entrypoint = setting.entrypoint if setting.entrypoint is not None else (tuple(default) or None)
    if entrypoint is not None:
        told |= {"Entrypoint": list(entrypoint), "Cmd": []}
    if setting.cmd is not None:
        told["Cmd"] = list(setting.cmd)
    for key, value in (
        ("WorkingDir", _below(str(told.get("WorkingDir") or ""), _expanded("--workdir", setting.workdir, known))),
        ("User", _expanded("--user", setting.user, known)),
        ("StopSignal", setting.stop_signal),
    ):
        told[key] = value or told.get(key)
    volumes = [_expanded("--volume", volume, known) for volume in setting.volumes]
    for volume in volumes:
        if not volume.startswith("/"):
            raise UsageError(f"--volume {shown(volume)}: an absolute path in the image")
    for key, more in (
        ("Labels", {name: _expanded(f"--label {name}", text, known) for name, text in setting.labels}),
        ("ExposedPorts", {port: {} for port in setting.ports}),
        ("Volumes", {volume: {} for volume in volumes}),
    ):
        told[key] = {**_dict(told.get(key)), **more}
    return {key: value for key, value in told.items() if value not in (None, "", [], {})}


def _history(base: Json | None) -> list[object]:
    """The base's, with an entry for each of its layers even where it has told of none."""
    told = base if base is not None else {}
    count = len(_list(_dict(told.get("rootfs")).get("diff_ids")))
    return _list(told.get("history")) or [{"created_by": "base"}] * count


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _env(given: Iterable[str], more: Iterable[tuple[str, str]]) -> dict[str, str]:
    known = dict(item.partition("=")[::2] for item in given)
    for name, text in more:
        known[name] = _expanded(f"--env {name}", text, known)
    return known


def _below(directory: str, path: str) -> str:
    return path if not path or path.startswith("/") else f"{directory.rstrip('/')}/{path}"


def _expanded(option: str, text: str, known: dict[str, str]) -> str:
    """With the values that are `known` in the place of $NAME, ${NAME}, ${NAME:-OTHER} and ${NAME:+OTHER}."""
    if "$" not in text and "\\" not in text:
        return text
    import re

    def value(match: Match[str]) -> str:
        escaped, bare, braced, sign, other = match.groups()
        name = bare or braced
        if escaped:
            return escaped
        if sign and (sign == "+") == bool(known.get(name)):
            return _expanded(option, other, known)
        if sign == "+":
            return ""
        if name not in known:
            what = f"${shown(name)} is not set in the image" if name else f"{shown(text)}: '${{' begins no name"
            raise UsageError(f"{shown(option)}: {what}", hint="'\\$' is a '$' that stands for itself")
        return known[name]

    return re.sub(r"\\([\\$])|\$(?:(\w+)|\{(\w+)(?::([-+])([^{}]*))?\}|\{)", value, text)


def _full(tag: str) -> str:
    """A name as docker completes it."""
    first, slash, _ = tag.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        return tag
    return f"docker.io/{tag}" if slash else f"docker.io/library/{tag}"
