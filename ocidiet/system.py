"""What the standard library has, without what its import costs: `os`, `struct`, `errno`, and records.

`os`, with all that it imports, costs a seventh of Python's start; here is what the rooms need of it. Where `os` is
imported already, as by `site`, this is `os` itself.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import errno as errno
    import os as os
    import struct as struct
    from typing import Any, TypeVar
    from typing import NamedTuple as NamedTuple

    _Record = TypeVar("_Record", bound=tuple[Any, ...])

    def make(kind: type[_Record], values: tuple[object, ...]) -> _Record:
        """A record of the `kind`, of all its values: quicker than a call of the `kind`, which is Python's own code."""
        ...
else:
    import _struct as struct  # noqa: F401  # all of it, without a file to look for

_S_IFMT, _S_IFDIR = 0o170000, 0o040000
_MAX_LINKS = 40


def light() -> "Any":
    """A module that serves as `os`."""
    import posix

    made: Any = type(posix)("os")
    made.__dict__.update(vars(posix))
    del made.environ  # which is of bytes
    encoding, errors = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
    path: Any = type(posix)("os.path")

    def fsencode(name: str) -> bytes:
        return name.encode(encoding, errors)

    def fsdecode(name: bytes) -> str:
        return name.decode(encoding, errors)

    def getenv(name: str) -> str | None:
        value = posix.environ.get(fsencode(name))
        return None if value is None else fsdecode(value)

    def dirname(name: str) -> str:
        above = name[: name.rfind("/") + 1]
        return above.rstrip("/") or above

    def isdir(name: str) -> bool:
        try:
            return posix.stat(name).st_mode & _S_IFMT == _S_IFDIR
        except (OSError, ValueError):
            return False

    def realpath(name: str) -> str:
        done, links = "", 0
        rest = (name if name.startswith("/") else f"{posix.getcwd()}/{name}").split("/")[::-1]
        while rest:
            part = rest.pop()
            if part in ("", "."):
                continue
            if part == "..":
                done = done.rpartition("/")[0]
                continue
            here = f"{done}/{part}"
            try:
                target = posix.readlink(here)
            except OSError:
                done = here
                continue
            links += 1
            if links > _MAX_LINKS:
                return str(whole("path").realpath(name))
            rest += target.split("/")[::-1]
            done = "" if target.startswith("/") else done
        return done or "/"

    def whole(name: str) -> "Any":
        import os

        return getattr(os, name)

    def fdopen(fd: int, mode: str) -> "Any":
        return whole("fdopen")(fd, mode)

    # No `__getattr__`: a module that has one is slow in all that is asked of it.
    made.fsencode, made.fsdecode, made.path, made.getenv = fsencode, fsdecode, path, getenv
    made.fdopen = fdopen
    path.dirname, path.isdir, path.realpath = dirname, isdir, realpath
    path.__getattr__ = lambda name: getattr(whole("path"), name)
    return made


if not TYPE_CHECKING:
    os = sys.modules.get("os") or light()

    # What every architecture of Linux numbers alike (asm-generic/errno-base.h); the rest is the module's.
    errno = type(sys)("errno")
    errno.EPERM, errno.ENOENT, errno.EIO, errno.ENOMEM, errno.EACCES = 1, 2, 5, 12, 13
    errno.ENOTDIR, errno.EINVAL, errno.ENFILE, errno.EMFILE = 20, 22, 23, 24

    def _errno(name):
        import errno

        return getattr(errno, name)

    errno.__getattr__ = _errno

    make = tuple.__new__

    # The same contract as typing.NamedTuple, whose import costs as much as Python's own start.
    try:
        from _collections import _tuplegetter as _getter
    except ImportError:
        from _operator import itemgetter

        def _getter(index, doc):
            return property(itemgetter(index), doc=doc)

    class _RecordType(type):
        def __new__(mcs, name, bases, namespace):
            if bases:
                fields = namespace["_fields"] = tuple(namespace.get("__annotations__", ()))
                namespace["_defaults"] = tuple([namespace[field] for field in fields if field in namespace])
                namespace["__slots__"] = ()
                for index, field in enumerate(fields):
                    namespace[field] = _getter(index, None)
            return type.__new__(mcs, name, bases or (tuple,), namespace)

    class NamedTuple(metaclass=_RecordType):
        __slots__ = ()
        _fields = ()
        _defaults = ()

        def __new__(cls, *values, **named):
            absent = len(cls._fields) - len(values)
            if named or not 0 <= absent <= len(cls._defaults):
                values = cls._filled(values, named)
            elif absent:
                values += cls._defaults[-absent:]
            return tuple.__new__(cls, values)

        @classmethod
        def _filled(cls, values, named):
            rest = cls._fields[len(values) :]
            last = cls._fields[len(cls._fields) - len(cls._defaults) :]
            given = dict(zip(last, cls._defaults, strict=True)) | named
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
