"""The roots of a run that does not look at the machine's own: declared files, an image read in place."""

from __future__ import annotations

from ocidiet.fs import DiskRoot, Record, Root
from ocidiet.fs.declared import BuildFiles, DeclaredRecord, DeclaredRoot, MountedRoot, told_links
from ocidiet.model import TYPE_CHECKING, Closure, HostPath, Notice
from ocidiet.model.declared import TREE
from ocidiet.system import os

if TYPE_CHECKING:
    from ocidiet.errors.lacks import UndeclaredFiles
    from ocidiet.model import Lookup
    from ocidiet.model.image import Request


def roots(wanted: Request, record: Record, image: HostPath | None) -> tuple[Root, Root]:
    """Where `-b` and `-e` are looked up, and where all else is: perhaps in an `image`. Raises `InputError`."""
    root: Root
    declared = wanted.declared
    if image is not None:
        from ocidiet.fs.image import open_image

        path = image if declared is not None else os.path.join(wanted.search.cwd, image)
        root = open_image(HostPath(path), record)
        # As a directory would be read: it is no finished image, where nothing runs any more.
        root.is_sysroot = True
    elif declared is None or declared.root is None:
        root = DiskRoot(wanted.root, record)
    else:
        links, executable = told_links(declared.links) if declared.links is not None else ({}, frozenset[str]())
        assert isinstance(record, DeclaredRecord)
        root = DeclaredRoot(declared.root, record, links, executable)
    if declared is not None:
        assert isinstance(record, DeclaredRecord)
        root = MountedRoot(root, BuildFiles(declared.tree, record, TREE), TREE)
        return root, root
    host = DiskRoot("", record)
    return host, MountedRoot(root, host, wanted.places.build_tree) if wanted.places.build_tree is not None else root


def spelled(closed: Closure) -> Closure:
    """`closed` with notices in the build's words."""
    notices = [Notice(told.text.replace(f"{TREE}/", ""), told.warning) for told in closed.notices]
    return Closure(closed.programs, tuple(notices))


def refused(missing: dict[str, list[Lookup]], root: Root, wanted: Request) -> UndeclaredFiles:
    """The error for names that nothing declared serves."""
    from ocidiet.errors.lacks import UndeclaredFiles

    declared = wanted.declared
    assert declared is not None
    labels = {root.spell(place): label for place, label in declared.labels.items()}
    lookups = [lookup for of_one in missing.values() for lookup in of_one]
    names = [labels.get(name.removeprefix("./"), name) for name, of_one in missing.items() if of_one]
    seen = wanted.root_image is None and declared.root is None
    return UndeclaredFiles(lookups, names, labels, len(set(declared.tree.values())), seen, root.spell)
