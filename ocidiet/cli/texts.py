"""What `ocidiet` says of itself."""

from __future__ import annotations

import os

from ocidiet import __version__
from ocidiet.errors import UsageError

USAGE = """\
usage: ocidiet -t IMAGE.tar -b PROGRAM[:DEST]... [-e FILE[:DEST]...] [option...]
writes a tar of the programs and of every file that they need to run
  ocidiet -t hello.tar -b hello:/usr/local/bin/hello
  docker import --change 'ENTRYPOINT ["/usr/local/bin/hello"]' hello.tar hello
more: ocidiet --help
"""

HELP = """\
usage: ocidiet -t IMAGE.tar -b PROGRAM[:DEST]... [-e FILE[:DEST]...] [option...]
Writes a tar of the programs and every file they need to run. Runs none of them.
  -t, --tar FILE             the output, replaced whole; - is standard output
  -b, --binary SRC[:DEST]... programs, with the libraries and loaders they need
  -e, --extra SRC[:DEST]...  more: files, directories (whole trees), links
SRC keeps its absolute path in the image, unless :DEST, absolute, says where.
=SRC is a path inside --root. A name that holds ':/' is spelled with '\\:/', one
that starts with '=' or '-' with './' before it.
      --root DIR             where libraries come from: a sysroot (default /)
      --build-tree DIR       its libraries do not carry its path into the image
                             (default: the current directory)
      --mtime N              the time of all entries, in seconds (default 0)
      --depfile FILE         also write what was read, as a Makefile rule
      --depfile-target NAME  that rule's target (default: FILE as -t spells it)
      --depfile-style STYLE  gcc (default; Make, Ninja, CMake, Meson) or make
      --keep-mtime           leave an image of unchanged content untouched
  -v, --verbose              list the entries: path, size, reason
      --makefile             print the path of ocidiet.mk, to include it in Make
      --version, --help
Exit status: 0 done, 1 an input is at fault, 2 the command line, 3 the output.
Example: ocidiet -t app.tar -b build/app:/usr/bin/app -e app.conf:/etc/app.conf
"""


def asked(options: dict[str, list[str]]) -> str:
    """What answers `--help`, `--version` or `--makefile`. Raises `UsageError`."""
    if "--help" in options:
        return HELP
    return f"ocidiet {__version__}\n" if "--version" in options else _makefile() + "\n"


def _makefile() -> str:
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    for directory in (f"{package}/make", f"{os.path.dirname(package)}/make"):
        if os.path.isfile(f"{directory}/ocidiet.mk"):
            return f"{directory}/ocidiet.mk"
    raise UsageError("--makefile: this one-file form carries no ocidiet.mk", hint="copy make/ocidiet.mk beside it")
