"""Every byte that is written: to an open file here, to a file that appears whole by page `output`."""

from __future__ import annotations

from ocidiet.errors import OutputError, shown
from ocidiet.system import os

# The more a file system is given at once, the larger the pages that it takes for it; above this a guest's kernel
# takes those that its host has yet to find, and writing lasts four times as long.
_WRITE_BYTES = 1 << 18


def occupy_standard_files() -> None:
    """Open those of the file descriptors 0 to 2 that the caller closed, unwritable: else an output
    would get such a number, and what is printed would go into it."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open("/", os.O_RDONLY)


class Stream:
    """Standard output, or another open file: nothing to publish, nothing to take back."""

    held = 0

    def __init__(self, fd: int, name: str) -> None:
        self._fd = fd
        self._name = name

    def reserve(self, size_bytes: int) -> None:
        """Told how much will be written, in all."""

    def write(self, data: bytes | memoryview) -> None:
        """Write all of `data`. Raises `OutputError`; `BrokenPipeError` where nobody reads."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view[:_WRITE_BYTES]) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise failed(self._name, error) from error


def failed(path: str, error: OSError) -> OutputError:
    """The error for an output that the system refused."""
    return OutputError(f"{shown(path)}: cannot be written: {error.strerror}")
