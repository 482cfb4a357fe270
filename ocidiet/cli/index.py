"""`ocidiet index`: images for several machines, joined into one layout under one name. No blob is changed."""

from __future__ import annotations

import time

from ocidiet import oci
from ocidiet.cli import Signals, options, write
from ocidiet.cli.bundle import copied
from ocidiet.cli.image import tag
from ocidiet.commit.blobs import HashingWriter, Store
from ocidiet.commit.layers import key
from ocidiet.commit.state import of_entries
from ocidiet.errors import InputError, UsageError, shown
from ocidiet.model import TYPE_CHECKING, HostPath, ImagePath
from ocidiet.model.image import Entry, Reason
from ocidiet.model.oci import Descriptor, Digest, Layer, Platform
from ocidiet.oci.layout import Layout

if TYPE_CHECKING:
    from ocidiet.fs.image import Blob
    from ocidiet.fs.layout import Named

_WHY = Reason("", ())


def index(given: options.Options, cwd: str) -> None:
    """Write what `given` asks for. Raises an `OcidietError`; then nothing has changed."""
    from ocidiet import commit
    from ocidiet.fs import Record, layout

    names = given.get(options.FILES, [])
    if not names:
        raise UsageError("index: names no image", hint="ocidiet index --help")
    if "--output" not in given:
        raise UsageError("index: no output: -o DIR is missing")
    directory = HostPath(given["--output"][0].rstrip("/") or "/")
    called = tag(given, directory.rpartition("/")[2])
    commit.occupy_standard_files()
    started_ns = time.time_ns()
    record = Record()
    found = [
        (name, one)
        for name in names
        for one in layout.images(HostPath(name if name.startswith("/") else f"{cwd.rstrip('/')}/{name}"), record)
    ]
    if not found:
        raise InputError(names[0], "holds no image")
    listed = [*dict.fromkeys((name, _platform(name, one), _manifest(one)) for name, one in found)]
    made = oci.index(listed, called)
    store = Store(directory)
    out = Layout(store)
    try:
        blobs = {blob.digest: blob for _, one in found for blob in one.blobs}
        for blob in blobs.values():
            _copy(blob, out, started_ns)
        out.document(made.blob)
        record.recheck()
        out.publish(called, made.entry, started_ns, "--keep-mtime" in given)
    finally:
        try:
            Signals.held = True
        finally:
            out.discard()
            store.discard()
    if "--verbose" in given:
        write("".join([f"{oci.spelled(of)}  {manifest.digest}  {shown(name)}\n" for name, of, manifest in listed]))


def _platform(name: str, image: Named) -> Platform:
    if image.os != "linux" or not image.architecture:
        told = "/".join(filter(None, image[1:4])) or "nothing"
        raise InputError(name, f"an image for {shown(told)}: an index tells machines of linux apart")
    return Platform(image.architecture, image.variant)


def _manifest(image: Named) -> Descriptor:
    stored = image.blobs[0]
    return Descriptor(image.media_type, Digest(stored.digest), stored.file.identity.size_bytes)


def _copy(blob: Blob, out: Layout, started_ns: int) -> None:
    """Byte for byte; one that stands is left alone."""
    if not blob.digest.startswith("sha256:"):
        raise InputError(blob.file.path, f"{shown(blob.digest)}: no sha256 digest")
    basis = of_entries([Entry(ImagePath(""), "0", 0, "", blob.file, _WHY)], started_ns)
    name = key(["blob", blob.digest, *basis.lines]) if basis.trusted else ""
    standing = out.standing(name)
    if standing is not None:
        out.keep(name, standing)
        return
    writer = HashingWriter(out)
    copied(blob, writer)
    digest = Digest(blob.digest)
    out.end_layer(name, Layer(Descriptor("", digest, writer.size_bytes), digest, ""))
