"""A finished image as a root: read in place, nothing is ever unpacked onto the disk under its own name.

`open_image` takes a root directory, a tar of one, and what `layout` knows: an OCI layout, in a directory
or an archive, and `docker save`'s archive. Layers lie over each other as overlayfs lays them (OCI image
specification, "Image Layer Filesystem Changeset"): whiteouts, opaque directories, and a directory in a
link's place hides it. A hard link is a second name in the index.
"""

from __future__ import annotations

from ocidiet.errors import InputError, shown
from ocidiet.fs import MAX_LINKS, Look, OpenFile, Root
from ocidiet.fs.archive import members
from ocidiet.fs.named import named
from ocidiet.model import TYPE_CHECKING, File, HostPath, Identity, NamedTuple
from ocidiet.system import make, os

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ocidiet.fs import Record
    from ocidiet.fs.archive import Member
    from ocidiet.model.image import Container

MAX_NAMES = 1 << 20
_MAX_PATH_BYTES = 4096
_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"


class Odd:
    """Kinds of flaws."""

    ESCAPES = "escapes"
    TWICE = "twice"
    DEVICE = "device"
    HIDES_LINK = "hides a link"
    """`what` is the text of the link that a directory took the place of."""
    NO_TARGET = "hard link"
    SPARSE = "sparse"
    MISPLACED = "misplaced"
    WHITEOUT = "whiteout"
    """In a tar that is no layer."""
    LOWEST = "whiteout in the lowest layer"


class Flaw(NamedTuple):
    """What is odd about one name of an image."""

    name: str
    """Inside the image, without a leading `/` unless the archive has it so."""
    kind: str
    what: str
    """In words."""


class Blob(NamedTuple):
    """Bytes of an image that it names by their digest."""

    digest: str
    file: File
    named_by: str
    """The document that names them, as `Document.name`, and where in it."""
    at: str
    told: dict[str, object]
    """Its descriptor; empty for a layer's diff_id, whose bytes are the unpacked ones."""


class Document(NamedTuple):
    """JSON that says what an image is; its role is `layout`, `index`, `manifest`, `config`, or `docker`, which is
    manifest.json. It is named by its file, or by the digest in its descriptor; its value is None where it is absent."""

    name: str
    role: str
    value: object
    told: dict[str, object]


class Stored(NamedTuple):
    """A layer as the image has it."""

    file: File
    media_type: str
    """Empty in `docker save`'s archive, as is the digest."""
    digest: str
    diff_id: str


class Setup(NamedTuple):
    """What an image's configuration says."""

    env: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    """Entrypoint and arguments."""
    workdir: str = ""
    blobs: tuple[Blob, ...] = ()
    layers: tuple[Stored, ...] = ()
    config: dict[str, object] = {}
    """The whole of it."""
    documents: tuple[Document, ...] = ()


def open_image(path: HostPath, record: Record, platform: str | None = None) -> Root:
    """The root file system of the image at `path`: for a root directory that itself, else an `ImageRoot`.

    `platform` is `OS/ARCHITECTURE[/VARIANT]`, for an image that has several; without it the only one, or the
    machine's. Raises `InputError`.
    """
    return next(_images(path, record, platform, several=False))[1]


def open_images(path: HostPath, record: Record, platform: str | None = None) -> list[tuple[str, Root]]:
    """Of an image in which others lie, all those for that platform, each with its name; else the one. Raises
    `InputError`."""
    return [*_images(path, record, platform, several=True)]


def _images(path: HostPath, record: Record, platform: str | None, several: bool) -> Iterator[tuple[str, Root]]:
    from ocidiet.fs import layout
    from ocidiet.fs.unpack import Unpacker

    there = named(path, record)
    if isinstance(there, Root):
        plain = there.walk("/index.json").file is None
        yield from (None if plain else layout.roots(there, path, platform, several, Unpacker(path))) or [("", there)]
        return
    if not there.identity.size_bytes:
        raise InputError(path, "an empty file, no image")
    unpacker = Unpacker(path)
    root = ImageRoot(path, [unpacker.plain(there)])
    yield from layout.roots(root, path, platform, several, unpacker) or [("", root)]


class _Node:
    """One name: what stands there, and for a directory what is below."""

    __slots__ = ("implied", "look", "names", "opaque")

    def __init__(self, look: Look, implied: bool = False, opaque: bool = False) -> None:
        self.look = look
        self.names: dict[str, _Node] | None = {} if look.kind == "dir" else None
        self.implied = implied  # no entry of its own
        self.opaque = opaque  # nothing of the layers below it shines through


_DIR, _GONE = Look("dir"), Look("absent")


class ImageRoot(Root):
    """Layers, each a plain tar, the lowest first; without a `Setup`, the tar of a whole root."""

    def __init__(self, path: HostPath, layers: Sequence[File], setup: Setup | None = None) -> None:
        super().__init__()
        self.setup = setup
        self.flaws: list[Flaw] = []
        self._path = path
        self._top = _Node(_DIR)
        budget = [MAX_NAMES]
        whiteout = Odd.WHITEOUT if setup is None and len(layers) == 1 else Odd.LOWEST
        for tar in layers:
            own = _Layer(path, tar, self._top, budget, self.flaws, whiteout)
            self._lay_over(own.top)
            whiteout = ""

    def look(self, path: str) -> Look:
        node = self._top
        for name in path.split("/"):
            if name:
                below = (node.names or {}).get(name)
                if below is None:
                    return _GONE
                node = below
        return node.look

    def list(self, path: str) -> Iterator[str]:
        """The names in directory `path`, which holds no link, in byte order."""
        node: _Node | None = self._top
        for name in path.split("/"):
            if name and node is not None:
                node = (node.names or {}).get(name)
        return iter(sorted(node.names or (), key=os.fsencode) if node is not None else ())

    def spell(self, path: str) -> str:
        return f"{self._path}:{path}"

    def host_path(self, path: str) -> HostPath:
        return HostPath(self.spell(path))  # nowhere: told to people alone

    def _lay_over(self, layer: _Node) -> None:
        pending = [("", self._top, layer)]
        while pending:
            path, lower, upper = pending.pop()
            assert lower.names is not None
            assert upper.names is not None
            if upper.opaque:
                lower.names.clear()
            for name, up in upper.names.items():
                low = lower.names.get(name)
                if up.look is _GONE:
                    lower.names.pop(name, None)
                elif up.names is None:
                    lower.names[name] = up
                else:
                    if low is None or low.names is None or up.opaque:
                        if low is not None and low.look.kind == "link" and not up.opaque:
                            self.flaws.append(Flaw(f"{path}/{name}"[1:], Odd.HIDES_LINK, low.look.target))
                        low = lower.names[name] = _Node(_DIR)
                    pending.append((f"{path}/{name}", low, up))


class _Layer:
    """One tar, as unpacked into an empty directory."""

    def __init__(
        self, path: HostPath, tar: File, below: _Node, budget: list[int], flaws: list[Flaw], whiteout: str
    ) -> None:
        self.top = _Node(_DIR)
        self._path = path
        self._below = below
        self._budget = budget
        self._flaws = flaws
        self._odd_whiteout = whiteout
        assert tar.container is not None
        self._container: Container = tar.container
        device, inode = tar.container.identity[:2]
        self._device = ~(device << 64 | inode)  # no file's of the machine
        with OpenFile(tar) as opened:
            for member in members(opened.pread, tar.identity.size_bytes, tar.path):
                self._add(member, tar.offset_bytes)

    def _flaw(self, member: Member, kind: str, what: str) -> None:
        self._flaws.append(Flaw(member.name.removeprefix("./"), kind, what))

    def _add(self, member: Member, base_bytes: int) -> None:
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if member.name.startswith("/"):
            self._flaw(member, Odd.ESCAPES, "an absolute name")
        if ".." in parts:
            self._flaw(member, Odd.ESCAPES, "'..' in its name")
            return
        if len(member.name) > _MAX_PATH_BYTES:
            raise InputError(self._path, f"{shown(member.name[:40])}...: a name of {len(member.name)} characters")
        if not parts:
            return
        last = parts.pop()
        above = self._directory(parts, member)
        if above is None:
            return
        assert above.names is not None
        if last.startswith(_WHITEOUT):
            self._whiteout(last, above, member)
            return
        there = above.names.get(last)
        opaque = there is not None and (there.look is _GONE or there.opaque)
        node = self._node(member, base_bytes, opaque)
        if node is None:
            return
        if there is not None and there.look is not _GONE:
            if there.names is not None and node.names is not None:
                there.implied = False
                return
            if there.look.kind == "link" and node.names is not None:
                self._flaws.append(Flaw("/".join([*parts, last]), Odd.HIDES_LINK, there.look.target))
            else:
                self._flaw(member, Odd.TWICE, "there twice")
        above.names[last] = node

    def _node(self, member: Member, base_bytes: int, opaque: bool) -> _Node | None:
        self._spend()
        kind = member.typeflag
        if kind == "0":
            if member.sparse:
                self._flaw(member, Odd.SPARSE, "packed with holes")
                return _Node(Look("failed", reason="is packed with holes"))
            container = self._container
            at = base_bytes + member.offset_bytes
            identity = make(Identity, (self._device, at, member.size_bytes, *container.identity[3:]))
            name = HostPath(f"{self._path}:/{member.name.removeprefix('./').lstrip('/')}")
            executable, sets_id = bool(member.mode & 0o111), bool(member.mode & 0o6000)
            file = make(File, (name, identity, executable, HostPath(""), container, at, sets_id, False))
            return _Node(Look("file", file=file))
        if kind == "5":
            return _Node(_DIR, opaque=opaque)
        if kind == "2":
            return _Node(Look("link", member.linkname))
        if kind == "1":
            look = self._linked(member)
            if look is None:
                self._flaw(member, Odd.NO_TARGET, f"a hard link to {member.linkname}, which is not there before it")
                return None
            return _Node(look)
        if kind in "346":
            if kind != "6":
                self._flaw(member, Odd.DEVICE, "a device")
            return _Node(Look("special"))
        self._flaw(member, Odd.MISPLACED, f"of the unknown type {kind!r}")
        return None

    def _whiteout(self, last: str, above: _Node, member: Member) -> None:
        assert above.names is not None
        # An opaque directory with nothing below it is what some engines write for a new one.
        if self._odd_whiteout and (self._odd_whiteout == Odd.WHITEOUT or last != _OPAQUE):
            self._flaw(member, self._odd_whiteout, "a whiteout")
        name = last[len(_WHITEOUT) :]
        if last == _OPAQUE:
            above.opaque = True
        elif not name.startswith(_WHITEOUT) and name not in ("", ".", ".."):
            there = above.names.get(name)
            if there is None:
                self._spend()
                above.names[name] = _Node(_GONE)
            else:
                there.opaque = True

    def _linked(self, member: Member) -> Look | None:
        parts = [part for part in member.linkname.split("/") if part not in ("", ".")]
        if not parts or ".." in parts:
            self._flaw(member, Odd.ESCAPES, f"a hard link to {member.linkname}")
            return None
        *above, last = parts
        for top in (self.top, self._below):
            node = self._found(top, above)
            found = (node.names or {}).get(last) if node is not None else None
            if found is not None and found.names is None and found.look is not _GONE:
                return found.look
        return None

    def _found(self, top: _Node, parts: list[str]) -> _Node | None:
        """The directory `parts` below `top`, links followed; nothing is made."""
        stack, pending, links = [top], parts[::-1], 0
        while pending:
            part = pending.pop()
            if part == "..":
                del stack[max(len(stack) - 1, 1) :]
                continue
            node = (stack[-1].names or {}).get(part)
            if node is None:
                return None
            if node.look.kind == "link":
                links += 1
                if links > MAX_LINKS:
                    return None
                if node.look.target.startswith("/"):
                    stack = [top]
                pending += [name for name in node.look.target.split("/")[::-1] if name not in ("", ".")]
                continue
            stack.append(node)
        return stack[-1]

    def _directory(self, parts: list[str], member: Member) -> _Node | None:
        """The directory in which `member` goes, made where there is none; None where there cannot be one."""
        stack, pending, links = [self.top], parts[::-1], 0
        while pending:
            part = pending.pop()
            if part == "..":
                if len(stack) == 1:
                    self._flaw(member, Odd.ESCAPES, "through a link that leaves the root")
                else:
                    stack.pop()
                continue
            names = stack[-1].names
            assert names is not None
            node = names.get(part)
            if node is None or node.look is _GONE:
                self._spend()
                names[part] = node = _Node(_DIR, implied=True, opaque=node is not None)
            if node.look.kind == "link":
                links += 1
                if links > MAX_LINKS:
                    self._flaw(member, Odd.MISPLACED, "below a link that leads to itself")
                    return None
                if node.look.target.startswith("/"):
                    stack = [self.top]
                pending += [name for name in node.look.target.split("/")[::-1] if name not in ("", ".")]
                continue
            if node.names is None:
                self._flaw(member, Odd.MISPLACED, "below a file")
                return None
            stack.append(node)
        return stack[-1]

    def _spend(self) -> None:
        self._budget[0] -= 1
        if self._budget[0] < 0:
            raise InputError(self._path, f"more than {MAX_NAMES} names")
