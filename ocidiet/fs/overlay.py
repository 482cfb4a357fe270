"""An installed tree (`make install DESTDIR=`) laid over a root, as it would be once it is installed."""

from __future__ import annotations

from ocidiet.fs import DiskRoot, Look, Root
from ocidiet.model import TYPE_CHECKING, below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocidiet.model import HostPath, Walk


class OverlaidRoot(Root):
    """A path is looked up in the installed tree first, then in the root. Where that has a link and the tree
    a directory, installing goes through the link."""

    def __init__(self, over: DiskRoot, under: Root) -> None:
        super().__init__()
        self.staged = over
        self.is_sysroot = under.is_sysroot
        self._over = over
        self._under = under
        # Directories of the tree for which the root has a link, and where that leads.
        self._through: list[tuple[str, str]] = []
        pending = [("", "")]
        while pending:
            above, real_above = pending.pop()
            for name in over.list(above or "/"):
                directory, real = f"{above}/{name}", f"{real_above}/{name}"
                kind = under.look(real).kind if over.look(directory).kind == "dir" else ""
                if kind == "link":
                    real = under.directory(real).real
                    self._through.append((directory, real))
                if kind in ("link", "dir"):
                    pending.append((directory, real))

    def _places(self, path: str) -> Iterator[tuple[Root, str]]:
        """Where `path`, whose directory holds no link, may be, the first first."""
        yield self._over, path
        for directory, real in self._through:
            if below(path, real):
                yield self._over, directory + path[len(real) :]
        yield self._under, path

    def _where(self, path: str) -> tuple[Root, str, Look]:
        for root, inside in self._places(path):
            look = root.look(inside)
            if look.kind == "dir" and root is self._over:
                below_it = self._under.look(path)
                if below_it.kind == "link":
                    return self._under, path, below_it
            if look.kind != "absent":
                break
        return root, inside, look

    def host_path(self, path: str) -> HostPath:
        """Where the machine has `path`, whose directory holds no link."""
        root, inside, _ = self._where(path)
        return root.host_path(inside)

    def spell(self, path: str) -> str:
        return self.host_path(path)

    def look(self, path: str) -> Look:
        return self._where(path)[2]

    def searched(self, directory: str) -> None:
        for root, inside in self._places(directory):
            if root.directory(inside).kind == "dir":
                root.searched(inside)

    def use(self, walk: Walk) -> None:
        for hop in walk.hops:
            root, inside, _ = self._where(hop.path)
            root.use_one(inside)

    def list(self, path: str) -> Iterator[str]:
        """The names in directory `path`, which holds no link, in byte order."""
        names: set[str] = set()
        for root, inside in self._places(path):
            if root.directory(inside).kind == "dir":
                names.update(root.list(inside))
        return iter(sorted(names, key=lambda name: name.encode("utf-8", "surrogateescape")))
