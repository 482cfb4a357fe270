"""Files that a build system declares (Bazel's inputs), as a root: nothing else is ever looked at.

A place is a name in a table; a directory is there because something is below it. Where a file is opened,
links on its way are a sandbox' and are followed: they are not the root's, whose own links a listing tells of.
A sandbox and a remote executor give one file under two names now as a link and now as a copy, and call every
file executable: so programs, libraries and scripts are known by their bytes, and their modes by what they are.
"""

from __future__ import annotations

from ocidiet.errors import InputError
from ocidiet.fs import MAX_LINKS, Look, OpenFile, Record, Root
from ocidiet.fs.disk import THROUGH_FLAGS
from ocidiet.model import TYPE_CHECKING, File, HostPath, Walk, below
from ocidiet.system import make, os

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_AT_ONCE_BYTES = 1 << 20
_MAX_LISTING_BYTES = 64 << 20


def lines(path: HostPath) -> list[str]:
    """The lines of a file that names words or files, one each. Raises `InputError`."""
    try:
        fd, data = os.open(path, THROUGH_FLAGS), b""
        try:
            while len(data) <= _MAX_LISTING_BYTES and (part := os.read(fd, _AT_ONCE_BYTES)):
                data += part
        finally:
            os.close(fd)
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error
    if len(data) > _MAX_LISTING_BYTES:
        raise InputError(path, f"more than {_MAX_LISTING_BYTES} bytes")
    return os.fsdecode(data.removesuffix(b"\n")).split("\n") if data else []


class DeclaredRecord(Record):
    """Of files that are all opened through links."""

    through = True

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[HostPath, tuple[File, bool]] = {}
        self._alike: dict[tuple[int, bytes], list[File]] = {}
        """By size and first bytes: of many libraries, some are of one size."""

    def declared(self, path: HostPath) -> tuple[File, bool]:
        """The file at the end of `path`, and whether its bytes are a program's, a library's or a script's: then
        equal bytes are one file, the first that was opened. Raises `InputError`."""
        known = self._known.get(path)
        if known is None:
            file, head = self.open(path)
            starts = head.startswith((b"\x7fELF", b"#!"))
            known = self._known[path] = (self._same(file, head) if starts else file, starts)
        return known

    def _same(self, file: File, head: bytes) -> File:
        alike = self._alike.setdefault((file.identity.size_bytes, head), [])
        for other in alike:
            if equal(other, file):
                return other
        alike.append(file)
        return file


def equal(file: File, other: File) -> bool:
    """Whether two files have the same bytes."""
    if file.identity == other.identity:
        return True
    size = file.identity.size_bytes
    if size != other.identity.size_bytes:
        return False
    with OpenFile(file) as one, OpenFile(other) as two:
        spans = range(0, size, _AT_ONCE_BYTES)
        return all(one.pread(_AT_ONCE_BYTES, at) == two.pread(_AT_ONCE_BYTES, at) for at in spans)


class DeclaredRoot(Root):
    """Declared files at their places."""

    is_sysroot = True
    is_read_sparingly = True

    def __init__(
        self,
        files: Mapping[str, HostPath],
        record: DeclaredRecord,
        links: Mapping[str, str] | None = None,
        executable: frozenset[str] = frozenset(),
    ) -> None:
        """`executable` are places; if there are none, what a file is decides."""
        super().__init__()
        self._files = files
        self._links = links or {}
        self._executable = executable
        self._record = record
        self._looks: dict[str, Look] = {}
        self._below: dict[str, list[str]] | None = None
        self._directories_of: set[str] | None = None
        if self._links:
            self._files = {**self._moved(), **files}
            self._directories_of = None

    def _moved(self) -> dict[str, HostPath]:
        """Files whose place is spelled through links between directories, at the place to which these lead."""
        self._is_directory("/")
        crossed = tuple([f"{link}/" for link in self._links.keys() & (self._directories_of or ())])
        return {self._settled(place): path for place, path in self._files.items() if place.startswith(crossed)}

    def _settled(self, place: str) -> str:
        links, at = 0, place.find("/", 1)
        while at > 0 and links < MAX_LINKS:
            target = self._links.get(place[:at])
            if target is not None:
                links += 1
                place = os.path.normpath(f"{os.path.join(place[:at], '..', target)}/{place[at:]}")
                at = 0
            at = place.find("/", at + 1)
        return place

    def look(self, path: str) -> Look:
        known = self._looks.get(path)
        if known is None:
            target = self._links.get(path)
            if target is not None:
                known = self._looks[path] = Look("link", target)
                if path in self._files and not self._leads(path, target):
                    known = self._looks[path] = self._here(path)
            else:
                known = self._looks[path] = self._here(path)
        return known

    def _leads(self, link: str, target: str) -> bool:
        """Whether a declared file is the one to which the listing has it lead.

        It is not where that is not declared, or where the link was turned after the listing was made.
        """
        end = self.walk(target if target.startswith("/") else f"{link.rpartition('/')[0]}/{target}")
        file = self._here(link).file
        return end.kind == "loop" or (file is not None and end.file is not None and equal(file, end.file))

    def _here(self, path: str) -> Look:
        opened = self._files.get(path)
        if opened is None:
            return Look("dir" if self._is_directory(path) else "absent")
        file, starts = self._record.declared(opened)
        executable = path in self._executable if self._executable else starts
        return Look("file", file=make(File, (*file[:2], executable, *file[3:])))

    def _is_directory(self, path: str) -> bool:
        there = self._directories_of
        if there is None:
            there = self._directories_of = set()
            for above in {place.rpartition("/")[0] for place in (*self._files, *self._links)}:
                while above and above not in there:
                    there.add(above)
                    above = above.rpartition("/")[0]  # noqa: PLW2901
        return path in there

    def list(self, path: str) -> Iterator[str]:
        """The names in directory `path`, which holds no link, in byte order."""
        if self._below is None:
            self._is_directory(path)
            self._below = {}
            for place in {*self._files, *self._links, *(self._directories_of or ())}:
                above, _, name = place.rpartition("/")
                self._below.setdefault(above, []).append(name)
        return iter(sorted(self._below.get(path.rstrip("/"), ()), key=os.fsencode))

    def host_path(self, path: str) -> HostPath:
        """Where the machine has `path`, whose directory holds no link."""
        return self._files.get(path, HostPath(path))


def told_links(listing: HostPath) -> tuple[dict[str, str], frozenset[str]]:
    """What a file tells of a root, a line each: `PLACE<TAB>TARGET` for a link, `PLACE` for an executable file.

    Raises `InputError`.
    """
    links: dict[str, str] = {}
    executable = []
    for number, line in enumerate(lines(listing), 1):
        place, tab, target = line.partition("\t")
        if not place.startswith("/") or (tab and not target):
            raise InputError(listing, f"line {number}: neither an absolute place, a tab and a link's text, nor a place")
        if tab:
            links[place] = target
        else:
            executable.append(place)
    return links, frozenset(executable)


class MountedRoot(Root):
    """A root, with the build's own files in their place in it whatever stands there."""

    def __init__(self, under: Root, tree: Root, at: HostPath) -> None:
        super().__init__()
        self.is_sysroot = under.is_sysroot
        self.is_read_sparingly = under.is_read_sparingly
        self.staged = under.staged
        self._under = under
        self._tree = tree
        self._at = at
        self._inside = f"{at}/"
        parts = at.split("/")
        self._mount_points = {"/".join(parts[:n]) for n in range(2, len(parts) + 1)}

    def _of(self, path: str) -> Root:
        return self._tree if path.startswith(self._inside) or path == self._at else self._under

    def look(self, path: str) -> Look:
        if path.startswith(self._inside):
            return self._tree.look(path)
        if path in self._mount_points:
            there = self._under.look(path)
            return Look("dir") if there.kind == "absent" or path == self._at else there
        return self._under.look(path)

    def list(self, path: str) -> Iterator[str]:
        """The names in directory `path`, which holds no link, in byte order."""
        return self._of(path).list(path)

    def host_path(self, path: str) -> HostPath:
        """Where the machine has `path`, whose directory holds no link."""
        return self._of(path).host_path(path)

    def spell(self, path: str) -> str:
        return self._of(path).spell(path)

    def searched(self, directory: str) -> None:
        self._of(directory).searched(directory)

    def use(self, walk: Walk) -> None:
        for hop in walk.hops:
            self.use_one(hop.path)

    def use_one(self, path: str) -> None:
        self._of(path).use_one(path)


class BuildFiles(DeclaredRoot):
    """The files that a build makes, at places below `top`, which is told to nobody."""

    def __init__(self, files: Mapping[str, HostPath], record: DeclaredRecord, top: HostPath) -> None:
        super().__init__(files, record)
        self._top = top

    def spell(self, path: str) -> str:
        path = os.path.normpath(path)  # no link is there
        return path[len(self._top) :].lstrip("/") if below(path, self._top) else path
