"""What ELF cannot say: the files, directories and links that `-e` names.

A directory brings its whole tree, links as they are. A link that is named brings itself and what it
leads to. Hard links are copies: which names share an inode is the build machine's accident.
"""

from __future__ import annotations

from ocidiet.errors import InputError
from ocidiet.model import TYPE_CHECKING, Hop, ImagePath, Rule, Walk
from ocidiet.model.image import Extra, Reason

# A link into these (/etc/mtab, /dev/stdin) is kept alone: its target is the running container's matter.
_RUN_TIME = ("/proc/", "/sys/", "/dev/")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocidiet.fs import Root
    from ocidiet.model import Source


def expand(source: Source, root: Root) -> Iterator[Extra]:
    """Every name that `source` brings into the image.

    Raises `InputError` for what is absent and for what no image can hold (sockets, FIFOs, devices).
    """
    reason = Reason(Rule.EXTRA, (source.text,))
    walk = root.walk(source.path)
    name = source.dest
    if name is None:
        name = walk.spelled
        if len(walk.hops) > 1 and (walk.kind in ("absent", "special") or walk.real.startswith(_RUN_TIME)):
            yield Extra(name, "2", None, walk.hops[0].target or "", reason)
            return
        for link, target in walk.links(name):
            yield Extra(link, "2", walk.file, target, reason)
            name = ImagePath(target[1:])
    yield from _named(source, walk, name, root, reason)


def installed(tree: Root, name: str) -> Iterator[Extra]:
    """Every name of an installed tree, at the place that it has there; `name` is the tree's for messages.

    Raises `InputError` as `expand`.
    """
    return _tree("/", ImagePath(""), tree, Reason(Rule.INSTALLED, (name,)))


def _named(source: Source, walk: Walk, name: ImagePath, root: Root, reason: Reason) -> Iterator[Extra]:
    if walk.kind == "file":
        if not name or source.text.endswith("/"):
            raise InputError(source.text, "a file needs a file's name for its place")
        root.use(walk)
        yield Extra(name, "0", walk.file, "", reason)
    elif walk.kind == "dir":
        yield from _tree(walk.real, name, root, reason)
    else:
        colon = walk.kind == "absent" and ":" in source.name
        raise InputError(source.name, walk.reason, "a place in the image is absolute: SRC:/DEST" if colon else "")


def _tree(top: str, name: ImagePath, root: Root, reason: Reason) -> Iterator[Extra]:
    pending: list[tuple[str, ImagePath]] = [(top, name)]
    while pending:
        directory, place = pending.pop()
        if place:
            yield Extra(place, "5", None, "", reason)
        for base in root.list(directory):
            path = f"{directory.rstrip('/')}/{base}"
            inside = ImagePath(f"{place}/{base}" if place else base)
            look = root.look(path)
            if look.kind == "dir":
                pending.append((path, inside))
            elif look.kind == "link":
                yield Extra(inside, "2", None, look.target, reason)
            elif look.kind == "file":
                root.use(Walk(path, (Hop(path, None),), "file", "", look.file))
                yield Extra(inside, "0", look.file, "", reason)
            elif look.kind == "absent":
                raise InputError(root.host_path(path), "went away while the directory was read")
            else:
                hint = "an image holds files, directories and links: name what you want of this directory"
                raise InputError(root.host_path(path), look.why, hint)
