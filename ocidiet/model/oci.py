"""Images that say how they start; names as in the OCI image specification.

Not part of `ocidiet.model` itself: a run that writes a tar alone does not import this page.
"""

from __future__ import annotations

from ocidiet.model import TYPE_CHECKING, HostPath, NamedTuple

if TYPE_CHECKING:
    from typing import NewType

    Digest = NewType("Digest", str)
    """`sha256:` and 64 hexadecimal digits."""
else:
    Digest = str


class Descriptor(NamedTuple):
    """What names a blob."""

    media_type: str
    digest: Digest
    size_bytes: int


class Layer(NamedTuple):
    """A layer as it is stored, and as it is once unpacked."""

    descriptor: Descriptor
    diff_id: Digest
    created_by: str
    """For the image's history; empty for a base's layer, of which the base's history tells."""


class Platform(NamedTuple):
    """The machine that an image is for, in Go's words; the system is always linux."""

    architecture: str
    variant: str = ""


class Setting(NamedTuple):
    """What an image's configuration was asked to say; None or empty where it was not."""

    created: str
    """As RFC 3339 has it."""
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    env: tuple[tuple[str, str], ...] = ()
    workdir: str = ""
    user: str = ""
    stop_signal: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    """Of the manifest."""
    ports: tuple[str, ...] = ()
    """As `80/tcp`."""
    volumes: tuple[str, ...] = ()


class Wanted(NamedTuple):
    """The images that a run is asked for, beside or instead of a tar."""

    archive: HostPath | None
    """One file that is an OCI layout, and what `docker load` takes."""
    directory: HostPath | None
    """An OCI layout."""
    tag: str
    """`NAME:TAG`."""
    setting: Setting
    layers: str = "single"
    compress: tuple[str, int] | None = None
    """What the layers are compressed by, and how much; not a base's."""
