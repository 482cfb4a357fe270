"""An installed tree (`make install DESTDIR=`) laid over a root, as it would be once it is installed."""

from __future__ import annotations

from ocidiet.fs import DiskRoot, Look, Root
from ocidiet.model import TYPE_CHECKING, below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocidiet.model import HostPath, Walk

# Where a root may have a link and an installed tree a directory: installing goes through the link.
_MAYBE_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr/sbin", "usr/lib64", "var/run", "var/lock")


class OverlaidRoot(Root):
    """A path is looked up in the installed tree first, then in the root."""

    def __init__(self, over: DiskRoot, under: DiskRoot) -> None:
        super().__init__()
        self.staged = over
        self.is_sysroot = under.is_sysroot
        self._over = over
        self._under = under
        # Directories of the tree for which the root has a link, and where that leads.
        self._through: list[tuple[str, str]] = []
        for name in _MAYBE_LINKS:
            directory = f"/{name}"
            if over.look(directory).kind == "dir" and under.look(directory).kind == "link":
                self._through.append((directory, under.directory(directory).real))

    def _where(self, path: str) -> tuple[DiskRoot, str, Look]:
        look = self._over.look(path)
        if look.kind != "absent":
            below_it = self._under.look(path) if look.kind == "dir" else look
            return (self._under, path, below_it) if below_it.kind == "link" != look.kind else (self._over, path, look)
        for directory, real in self._through:
            if below(path, real):
                inside = directory + path[len(real) :]
                look = self._over.look(inside)
                if look.kind != "absent":
                    return self._over, inside, look
        return self._under, path, self._under.look(path)

    def host_path(self, path: str) -> HostPath:
        """Where the machine has `path`, whose directory holds no link."""
        root, inside, _ = self._where(path)
        return root.host_path(inside)

    def spell(self, path: str) -> str:
        return self.host_path(path)

    def look(self, path: str) -> Look:
        return self._where(path)[2]

    def searched(self, directory: str) -> None:
        for root in (self._over, self._under):
            if root.directory(directory).kind == "dir":
                root.searched(directory)

    def use(self, walk: Walk) -> None:
        for hop in walk.hops:
            root, inside, _ = self._where(hop.path)
            root.use_one(inside)

    def list(self, path: str) -> Iterator[str]:
        """The names in directory `path`, which holds no link, in byte order."""
        names: set[str] = set()
        for root in (self._over, self._under):
            if root.directory(path).kind == "dir":
                names.update(root.list(path))
        return iter(sorted(names, key=lambda name: name.encode("utf-8", "surrogateescape")))
