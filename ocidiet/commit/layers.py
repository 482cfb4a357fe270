"""The layers of an image that stand in its output from runs before, each by a key of all that decides its bytes.

A line for each, in the text beside the output (page `state`): what is missing, old or foreign there merely
costs the layer's writing. A layer counts as standing while its file is in the very state in which it was left.
"""

from __future__ import annotations

from ocidiet.commit.blobs import digest_of
from ocidiet.commit.state import LAYER_WORD
from ocidiet.model import TYPE_CHECKING, HostPath, Identity, NamedTuple
from ocidiet.model.oci import Digest
from ocidiet.system import os

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 256
_MAX_BYTES = 64 << 20


class Standing(NamedTuple):
    """A layer, and the file that holds it."""

    digest: Digest
    diff_id: Digest
    size_bytes: int
    at_bytes: int
    """Where in the file it begins."""
    file: Identity


def key(lines: Iterable[str]) -> str:
    """For a layer whose bytes follow from `lines`."""
    return digest_of("\n".join(lines).encode())


class Layers:
    """What the text at `path` tells of layers, and what is added to it."""

    def __init__(self, path: HostPath | None = None) -> None:
        """Raises nothing: without an answer nothing stands."""
        self._known: dict[str, Standing] = {}
        if path is None:
            return
        try:
            with open(path, "rb", opener=_opened) as file:
                for line in file.read(_MAX_BYTES).splitlines():
                    if line.startswith(LAYER_WORD):
                        self._read(line.decode().split())
        except (OSError, ValueError, TypeError):
            pass

    def _read(self, words: list[str]) -> None:
        _, name, digest, diff_id, *numbers = words
        size_bytes, at_bytes, *state = map(int, numbers)
        self._known[name] = Standing(Digest(digest), Digest(diff_id), size_bytes, at_bytes, Identity(*state))

    def find(self, name: str) -> Standing | None:
        """The layer of that key."""
        return self._known.get(name)

    def add(self, name: str, layer: Standing) -> None:
        """It stands from now on."""
        self._known.pop(name, None)
        self._known[name] = layer

    def text(self, file: Identity | None = None) -> bytes:
        """The latest of them; all in `file`, where that is given."""
        return b"".join(
            b"%s%s %s\n" % (LAYER_WORD, name.encode(), " ".join(map(str, (*one[:4], *(file or one.file)))).encode())
            for name, one in [*self._known.items()][-_MOST:]
        )


def _opened(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
