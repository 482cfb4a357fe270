"""The fingerprint of a result: text beside an image, as NAME.state, that tells the next run whether it
would write the very bytes that stand there.

It holds all that decides them, and their proof: the entries, each payload's state, who is served with
which file, the tool's own files; and the state of the image that was made. A directory's is not in it:
what has appeared there, resolution tells in every run. It is compared whole and never parsed, so that
what is missing, old or foreign merely differs; and it is no proof of anything when an input changed so
shortly before it was looked at that its next change could get the same time (as in git's index, "racy").
"""

from __future__ import annotations

from ocidiet.commit.output import LONG_NS, Output, identity, unchanging
from ocidiet.errors import OutputError
from ocidiet.model import TYPE_CHECKING, HostPath, NamedTuple
from ocidiet.system import os

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ocidiet.commit.layers import Layers
    from ocidiet.model import File, Identity
    from ocidiet.model.image import Entry, Request, Tree

SUFFIX = ".state"
LAYER_WORD = b"layer "
"""With it begin lines behind the fingerprint's own (page `layers`)."""
_MAX_TOLD_BYTES = 1 << 20
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK


class Basis(NamedTuple):
    """A part of what decides an output's bytes."""

    lines: list[str]
    trusted: bool
    """All of it was as it is long enough before it was looked at."""


def of_tool(own: Iterable[HostPath], started_ns: int) -> Basis:
    """The tool's files, `own`; at `started_ns` nothing had been looked at."""
    tool = [(path, _state_of(path)) for path in sorted(own)]
    long_ago_ns = started_ns - LONG_NS
    trusted = all(known and (max(known) <= long_ago_ns or unchanging(known, started_ns)) for _, known in tool)
    return Basis([ascii([(path, *(known or ())) for path, known in tool])], trusted)


def of_entries(entries: Iterable[Entry], started_ns: int) -> Basis:
    """What a tar holds."""
    lines = []
    trusted = True
    long_ago_ns = started_ns - LONG_NS
    for entry in entries:
        line: tuple[object, ...] = entry[:4]
        if (source := entry.source) is not None and (data := _in_memory(source)) is not None:
            line += (data,)
        elif source is not None:
            # A member's own identity is of this run alone.
            holder = source.container or source
            line += (holder.path, *holder.identity, source.offset_bytes, source.identity.size_bytes)
            if max(holder.identity) > long_ago_ns:
                trusted = trusted and unchanging(holder.identity, started_ns)
        lines.append(ascii(line))
    return Basis(lines, trusted)


class State:
    """What is known of an image that stands from a run before, and what the next run is told."""

    def __init__(
        self,
        image: Output,
        tree: Tree,
        wanted: Request,
        tool: Basis,
        started_ns: int,
        more: object = None,
    ) -> None:
        """At `started_ns` nothing had been looked at; `more` is what else decides the bytes."""
        self._image = image
        self._started_ns = started_ns
        entries = of_entries(tree.entries, started_ns)
        self._trusted = tool.trusted and entries.trusted
        told = wanted.search
        lines = [
            ascii(("ocidiet state", 1, wanted.mtime_s, wanted.places.layout, told.preload, told.hwcaps, told.dlopen))
        ]
        lines += tool.lines
        if more is not None:
            lines.append(ascii(more))
        lines += entries.lines
        for placed in tree.programs:
            for part in placed.program.parts():
                served = [(by.file.path, name, found.file.path) for by, name, found in part.edges]
                lines.append(ascii((placed.name, part.level, *served)))
        self._text = "\n".join(lines)
        self._stands: Identity | None = None
        self._refreshed = not wanted.keep_mtime
        self._fd = -1
        self._out: Output | None = None

    def stands(self) -> bool:
        """Whether the image is what this run would write, and its time can be set where that is asked for."""
        if not self._trusted:
            return False
        try:
            self._fd = os.open(self._image.target, _OPEN_FLAGS)
            st = os.fstat(self._fd)
            if self._refreshed and st.st_uid != os.geteuid():
                return False
            if self._told(self._whole(identity(st))):
                self._stands = identity(st)
        except OSError:
            pass  # without an answer the image is written
        return self._stands is not None

    def _told(self, whole: bytes) -> bool:
        fd = os.open(self._image.target + SUFFIX, _OPEN_FLAGS)
        try:
            while whole and (part := os.read(fd, len(whole))):
                if not whole.startswith(part):
                    return False
                whole = whole[len(part) :]
            return not whole and os.read(fd, len(LAYER_WORD)) in (b"", LAYER_WORD)
        finally:
            os.close(fd)

    def _whole(self, image: Identity | None) -> bytes:
        return f"{self._text}\n{tuple(image or ())!a}\n".encode()

    def settle(self, made: Identity | None, layers: Layers | None = None) -> None:
        """Tell the next run: of the image that stood, which gets this run's time where that was asked
        for, or else of the one that was `made`; and of its `layers`. Raises `OutputError` for the time alone."""
        if self._stands is None:
            self._save(made, layers)
            return
        self._image.sweep()
        # What another run has meanwhile put or left there is not this one's to touch.
        if self._refreshed and identity(os.fstat(self._fd)) == self._stands:
            self._image.touch(self._fd, self._started_ns)
            self._save(identity(os.fstat(self._fd)), layers)

    def _save(self, image: Identity | None, layers: Layers | None) -> None:
        try:
            self._out = Output(HostPath(self._image.target + SUFFIX), swept_with=self._image)
            self._out.write(self._whole(image if self._trusted else None))
            if image is not None and layers is not None:
                self._out.write(layers.text(image))
            self._out.publish(self._started_ns)
        except OutputError:
            pass  # it is good without

    def discard(self) -> None:
        """As `Output.discard`."""
        if self._out is not None:
            self._out.discard()
        fd, self._fd = self._fd, -1
        try:
            os.close(fd)
        except OSError:
            pass  # there is none, or it was only looked at


def _in_memory(source: File) -> bytes | None:
    """What the tool has made itself; what it has unpacked is too much to tell the next run."""
    size_bytes = source.identity.size_bytes
    if source.container is None or size_bytes > _MAX_TOLD_BYTES or os.fstat(source.container.fd).st_nlink:
        return None
    return os.pread(source.container.fd, size_bytes, source.offset_bytes)


def _state_of(path: HostPath) -> Identity | None:
    try:
        return identity(os.stat(path))
    except OSError:
        return None  # an upgrade is under way
