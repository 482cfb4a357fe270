"""The system's calls, as `os` has them, and `struct`: without what their import costs.

`os`, with all that it imports, costs a seventh of Python's start; here is what most runs need of it, and the
rest comes from there when it is asked for. Where `os` is imported already, as by `site`, this is `os` itself.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os as os
    import struct as struct
    from typing import Any
else:
    import _struct as struct  # noqa: F401  # all of it, without a file to look for

_S_IFMT, _S_IFDIR = 0o170000, 0o040000
_MAX_LINKS = 40


def light() -> Any:
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

    def whole(name: str) -> Any:
        import os

        return getattr(os, name)

    made.fsencode, made.fsdecode, made.path, made.__getattr__ = fsencode, fsdecode, path, whole
    made.getenv = getenv
    path.dirname, path.isdir, path.realpath = dirname, isdir, realpath
    path.__getattr__ = lambda name: getattr(whole("path"), name)
    return made


if not TYPE_CHECKING:
    os = sys.modules.get("os") or light()
