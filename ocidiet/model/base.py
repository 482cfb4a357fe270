"""Records, and the three kinds of path that look alike and are not."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
    from typing import NewType

    HostPath = NewType("HostPath", str)
    """A path as the build machine's kernel is asked for it."""
    ImagePath = NewType("ImagePath", str)
    """A path inside the image: no leading, trailing or double `/`, no `.` or `..`."""
    DepName = NewType("DepName", str)
    """A name as a Makefile spells it, escaped."""
else:
    HostPath = ImagePath = DepName = str

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

        _make = classmethod(tuple.__new__)

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


def below(path: str, directory: str | None) -> bool:
    """Whether `path` is `directory` or lies under it; both absolute, without links and `..`."""
    return directory is not None and (path == directory or path.startswith(directory.rstrip("/") + "/"))
