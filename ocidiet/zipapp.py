"""The whole tool as one file: `python3 -m ocidiet.zipapp -o ocidiet.pyz`.

For containers and source trees without pip: any Python from 3.10 runs it. The file holds sources, and
its bytes are the same from every Python. `--bytecode` adds what this Python compiles from them, which
saves their compilation at every start, and is of use to this version of Python alone.
"""

from __future__ import annotations

import io
import marshal
import os
import struct
import sys
import time
import zipfile
from collections.abc import Iterator
from importlib.util import MAGIC_NUMBER, source_hash

from ocidiet.commit.output import Output
from ocidiet.errors import OcidietError
from ocidiet.model import HostPath

USAGE = "usage: python3 -m ocidiet.zipapp -o FILE [--bytecode]"
_MAIN = b"from ocidiet.__main__ import run\n\nrun()\n"
_UNCHECKED_HASH = 1


def build(path: HostPath, bytecode: bool) -> None:
    """Write the one-file tool to `path`, executable. Raises `OutputError`."""
    here = os.path.dirname(os.path.abspath(__file__))
    members = [("__main__.py", _MAIN)]
    for name in sorted(_sources(here)):
        with open(os.path.join(here, name), "rb") as source:
            text = source.read()
        members.append((f"ocidiet/{name}", text))
        if bytecode:
            members.append((f"ocidiet/{name}c", _compiled(f"ocidiet/{name}", text)))
    output = Output(path)
    try:
        output.write(b"#!/usr/bin/env python3\n" + _zip(members))
        output.publish(time.time_ns())
    finally:
        output.discard()
    mode = os.stat(path).st_mode
    os.chmod(path, mode | (mode & 0o444) >> 2)


def _sources(here: str) -> Iterator[str]:
    for directory, _, names in os.walk(here):
        for name in names:
            if name.endswith(".py") and name != os.path.basename(__file__):
                yield os.path.relpath(os.path.join(directory, name), here)


def _zip(members: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name)  # of 1 January 1980
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def _compiled(name: str, text: bytes) -> bytes:
    # By the source's hash (PEP 552): zipimport would compare a time in the reader's time zone.
    code = compile(text, name, "exec", dont_inherit=True)
    return MAGIC_NUMBER + struct.pack("<I", _UNCHECKED_HASH) + source_hash(text) + marshal.dumps(code)


def main(argv: list[str]) -> int:
    """Returns the exit code, as `cli.main`."""
    bytecode = "--bytecode" in argv
    rest = [word for word in argv if word != "--bytecode"]
    if len(rest) != 2 or rest[0] != "-o" or rest[1].startswith("-"):
        print(USAGE, file=sys.stderr)
        return 2
    try:
        build(HostPath(rest[1]), bytecode)
    except OcidietError as error:
        print(f"ocidiet: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
