"""Every value that crosses a room: what the other rooms take and give.

Page one for a newcomer. Values never change once made; names are the field's own (gABI, tar, OCI,
Make); units stand in the name. Strings that came from the file system or from an ELF file are
decoded with `os.fsdecode`, so that any byte survives.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple, NewType

    HostPath = NewType("HostPath", str)
    """A path as the build machine's kernel is asked for it."""
    ImagePath = NewType("ImagePath", str)
    """A path inside the image: no leading, trailing or double `/`, no `.` or `..`."""
    DepName = NewType("DepName", str)
    """A name as a Makefile spells it, escaped."""
else:
    HostPath = ImagePath = DepName = str

    # The same contract as typing.NamedTuple, whose import costs as much as Python's own start.
    from _operator import itemgetter

    class _RecordType(type):
        def __new__(mcs, name, bases, namespace):
            if bases:
                fields = tuple(namespace.get("__annotations__", ()))
                defaults = {field: namespace.pop(field) for field in fields if field in namespace}
                namespace.update((f, property(itemgetter(i))) for i, f in enumerate(fields))
                namespace.update(_fields=fields, _defaults=defaults, __slots__=())
            return super().__new__(mcs, name, bases or (tuple,), namespace)

    class NamedTuple(metaclass=_RecordType):
        __slots__ = ()
        _fields = ()
        _defaults = {}

        def __new__(cls, *values, **named):
            if named or len(values) != len(cls._fields):
                values = cls._filled(values, named)
            return tuple.__new__(cls, values)

        @classmethod
        def _filled(cls, values, named):
            rest = cls._fields[len(values) :]
            given = {**cls._defaults, **named}
            try:
                values += tuple([given[field] for field in rest])
            except KeyError as missing:
                raise TypeError(f"{cls.__name__}() needs {missing}") from None
            if named.keys() - set(rest) or len(values) > len(cls._fields):
                raise TypeError(f"{cls.__name__}() takes {', '.join(cls._fields)}")
            return values

        def __repr__(self):
            pairs = zip(self._fields, self, strict=True)
            return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in pairs)})"


def below(path: str, directory: str | None) -> bool:
    """Whether `path` is `directory` or lies under it; both absolute, without links and `..`."""
    return directory is not None and (path == directory or path.startswith(directory.rstrip("/") + "/"))


# What was asked for ------------------------------------------------------------------------------


class Source(NamedTuple):
    """One value of `-b` or `-e`, taken apart."""

    text: str
    """As the user spelled it."""
    name: str
    """The SRC of it; for messages."""
    path: str
    """Absolute; on the build machine, or inside the root where `in_root`."""
    in_root: bool
    dest: ImagePath | None
    """The place that `:DEST` names; "" is the image's own root (for a directory's contents)."""


class Request(NamedTuple):
    """All that a run is asked for: no room reads argv, the environment or the working directory."""

    tar: HostPath
    """The output as spelled; `-` is standard output."""
    binaries: tuple[Source, ...]
    extras: tuple[Source, ...]
    root: HostPath
    """"" for the machine's own root, else a directory without a trailing slash."""
    build_tree: HostPath | None
    cwd: HostPath
    mtime_s: int
    """Of every entry; 0 to 8**11 - 1 (what a ustar header holds)."""
    depfile: HostPath | None
    depfile_target: str
    depfile_style: str
    """`gcc`, read alike by Make, Ninja, CMake and Meson; or `make`, for GNU Make alone."""
    keep_mtime: bool
    verbose: bool


# What the disk answered --------------------------------------------------------------------------


class Identity(NamedTuple):
    """What tells one state of one file from another, as far as a file system can."""

    dev: int
    ino: int
    size_bytes: int
    mtime_ns: int
    ctime_ns: int


class File(NamedTuple):
    """A regular file that was looked at."""

    path: HostPath
    identity: Identity
    executable: bool
    """Any of the three x bits."""
    root: HostPath = HostPath("")
    """The directory that no way to `path` may leave; "" for the machine's own root."""


class Hop(NamedTuple):
    """One name on the way from a path to its file: directories resolved, the last name not."""

    path: str
    target: str | None
    """A link's text; None at the end of the way."""


class Walk(NamedTuple):
    """A path followed to its end inside a root."""

    path: str
    """As asked for."""
    hops: tuple[Hop, ...]
    """One for each link that the last name leads through, then the end itself."""
    kind: str
    """`file`, `dir`, `special`; or `absent`, `loop`, `denied`, `failed`."""
    reason: str
    """Why there is no file, in words; "" for a file."""
    file: File | None
    """For the kind `file`."""

    @property
    def real(self) -> str:
        """The path with every link resolved."""
        return self.hops[-1].path

    @property
    def spelled(self) -> ImagePath:
        """The path as asked for, as a place in an image. With `..` in it only the real directory is
        sure, so then that."""
        parts = [part for part in self.path.split("/") if part not in ("", ".")]
        return ImagePath(self.hops[0].path[1:] if ".." in parts else "/".join(parts))

    def links(self, name: ImagePath) -> list[tuple[ImagePath, str]]:
        """The links on the way to the end, the first one under `name`: (place, path of its target)."""
        places = [name, *(ImagePath(hop.path[1:]) for hop in self.hops[1:])]
        return list(zip(places, [hop.path for hop in self.hops[1:]], strict=False))


class Trace(NamedTuple):
    """What a run asked of the disk: all that its result depends on."""

    read: tuple[HostPath, ...]
    """Each file that was read, and each link on the way to it."""
    listed: tuple[HostPath, ...]
    """Directories of the root that were searched, and every directory of an extra tree."""
    absent: tuple[HostPath, ...]
    """Names below the build tree that were looked for and are not there."""


# What an ELF file says, and what the loader makes of it -------------------------------------------


class ElfFacts(NamedTuple):
    """What the loader reads in an ELF file's headers; names as in the gABI."""

    bits: int
    """EI_CLASS: 32 or 64."""
    little_endian: bool
    """EI_DATA."""
    machine: int
    """e_machine."""
    dynamic: bool
    """There is a PT_DYNAMIC; without one the program is static."""
    interp: str | None
    """PT_INTERP."""
    needed: tuple[str, ...]
    soname: str | None
    rpath: str | None
    runpath: str | None
    flags_1: int
    """DT_FLAGS_1."""


class Rule:
    """Why a file is in the closure; in the loader's own order of search."""

    PROGRAM = "program"
    INTERP = "interpreter"
    ABSOLUTE = "path"
    RPATH = "RPATH"
    RUNPATH = "RUNPATH"
    LD_SO_CACHE = "cache"
    DEFAULT = "default"
    EXTRA = "extra"
    PARENT = "directory"

    OF_OBJECTS = (ABSOLUTE, RPATH, RUNPATH)
    """Those that an ELF file's own text decides."""


class Probe(NamedTuple):
    """One place where a name was looked for."""

    path: str
    rule: str
    outcome: str
    """`found`, or why not, in words."""


class Object(NamedTuple):
    """An ELF file as one program's loader sees it."""

    name: str
    """As it was asked for: a NEEDED entry, a PT_INTERP, a program as the user spelled it."""
    walk: Walk
    facts: ElfFacts
    rule: str
    needed_by: Object | None
    """The object whose request brought it in (the loader's `l_loader`); None for a program."""
    item: str = ""
    """For RPATH, RUNPATH and ABSOLUTE: the text that led here, tokens not expanded."""
    owner: Object | None = None
    """Whose text `item` is: tokens in it count from there."""
    rpath_owners: tuple[Object, ...] = ()
    """The loaders above it whose DT_RPATH counts for what it loads, nearest first."""

    @property
    def path(self) -> str:
        """As the loader opens it."""
        return self.walk.path

    @property
    def file(self) -> File:
        """The file behind the path."""
        assert self.walk.file is not None
        return self.walk.file


class Lookup(NamedTuple):
    """One name, searched for."""

    name: str
    needed_by: Object
    probes: tuple[Probe, ...]
    found: Object | None


class Edge(NamedTuple):
    """`needed_by` asked for `name` and was served with `found`."""

    needed_by: Object
    name: str
    found: Object


class Program(NamedTuple):
    """One program and all that its loader maps, in the loader's order."""

    main: Object
    interp: Object | None
    objects: tuple[Object, ...]
    """Without the program and its interpreter; a file that was opened under two names stands twice."""
    edges: tuple[Edge, ...]
    default_dirs: tuple[str, ...]
    """Where the loader looks last, without trailing slashes."""


class Closure(NamedTuple):
    """Every program that was asked for."""

    programs: tuple[Program, ...]


# What the image holds ----------------------------------------------------------------------------


class Reason(NamedTuple):
    """Why an entry is in the image."""

    rule: str
    needed_by: tuple[str, ...]


class Extra(NamedTuple):
    """One name that `-e` brings in."""

    name: ImagePath
    typeflag: str
    """As in `Entry`."""
    source: File | None
    """A file; or, for a link that was named itself, the file at its end."""
    linkname: str
    """A link's text; where `source` is set, the absolute place that it leads to."""
    reason: Reason


class Entry(NamedTuple):
    """One member of the image; fields as in tar(5)."""

    name: ImagePath
    typeflag: str
    """`0` a file, `2` a symbolic link, `5` a directory."""
    mode: int
    linkname: str
    source: File | None
    """Where a file's bytes come from."""
    reason: Reason

    @property
    def size_bytes(self) -> int:
        """Of the payload; 0 but for files."""
        return self.source.identity.size_bytes if self.source else 0


class Placed(NamedTuple):
    """Where a program went: what the proof starts from."""

    program: Program
    name: ImagePath


class Tree(NamedTuple):
    """The image's entries in the byte order of their names, parents before children."""

    entries: tuple[Entry, ...]
    programs: tuple[Placed, ...]
