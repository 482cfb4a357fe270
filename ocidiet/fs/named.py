"""What a path of the command line names: a directory, as the root of an image or of a layout, or a file."""

from __future__ import annotations

from ocidiet.errors import InputError
from ocidiet.fs import DiskRoot, Look, Record, Root
from ocidiet.model import TYPE_CHECKING, HostPath
from ocidiet.system import os

if TYPE_CHECKING:
    from ocidiet.model import File


def named(path: HostPath, record: Record) -> Root | File:
    """The directory or file at `path`, which is absolute unless inputs are declared. Raises `InputError`."""
    if record.through:
        return Through(path, record) if os.path.isdir(path) else record.open(path)[0]
    disk = DiskRoot("", record)
    walk = disk.walk(path)
    if walk.kind == "dir":
        inside = DiskRoot(walk.real.rstrip("/"), record)
        return Through(path, record) if inside.look("/index.json").kind == "link" else inside
    if walk.file is None:
        raise InputError(path, walk.reason)
    disk.use(walk)
    return walk.file


class Through(Root):
    """A directory whose files are links of a sandbox: an OCI layout, which has none of its own."""

    def __init__(self, directory: HostPath, record: Record) -> None:
        super().__init__()
        self._directory = directory
        self._record = record

    def look(self, path: str) -> Look:
        here = HostPath(self._directory + path)
        if os.path.isdir(here):
            return Look("dir")
        return Look("file", file=self._record.open(here)[0]) if os.path.exists(here) else Look("absent")

    def host_path(self, path: str) -> HostPath:
        """Where the machine has `path`."""
        return HostPath(self._directory + path)
