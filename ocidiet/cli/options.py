"""argv -> options -> `Request`.

By hand: argparse's import costs as much as Python's own start, on every run of every build.
"""

from __future__ import annotations

import os

from ocidiet.errors import UsageError, shown
from ocidiet.model import TYPE_CHECKING, HostPath, ImagePath, Request, Search, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

_VALUES = {"-t": "--tar", "-b": "--binary", "-e": "--extra", "-v": "--verbose", "-h": "--help"}
_MANY = ("--binary", "--extra")
_ONE = ("--tar", "--root", "--build-tree", "--mtime", "--depfile", "--depfile-target", "--depfile-style")
_FLAGS = ("--verbose", "--keep-mtime", "--help", "--version", "--makefile")


def parse(argv: Sequence[str]) -> dict[str, list[str]]:
    """Option -> its values, in order. `-b` and `-e` take every word up to the next option.

    Raises `UsageError`.
    """
    options: dict[str, list[str]] = {}
    words = iter(argv)
    many = ""
    for word in words:
        if not word.startswith("-") or word == "-":
            if not many:
                raise UsageError(f"{shown(word)}: belongs to no option", hint="programs follow -b, other files -e")
            options[many].append(word)
            continue
        if word.startswith("--"):
            name, equals, value = word.partition("=")
        else:
            name, value = word[:2], word[2:]
            equals = value
        name, many = _VALUES.get(name, name), ""
        if name in _FLAGS:
            options.setdefault(name, [])
            if equals:
                if word.startswith("--"):
                    raise UsageError(f"{shown(word)}: {name} takes no value")
                raise UsageError(f"{shown(word)}: write short options apart: {word[:2]} -{value}")
            continue
        if name in _MANY:
            many = name
            options.setdefault(name, [])
            if equals:
                options[name].append(value)
        elif name in _ONE:
            if name in options:
                raise UsageError(f"{name} is given twice")
            if not equals:
                value = next(words, "")
            if not value:
                raise UsageError(f"{name} needs a value")
            options[name] = [value]
        else:
            raise UsageError(f"{shown(word)}: unknown option", hint="ocidiet --help lists them")
    for name in _MANY:
        if name in options and not options[name]:
            raise UsageError(f"{name} needs at least one value")
    return options


def source(text: str, cwd: str) -> Source:
    """One value of `-b` or `-e`: `[=]SRC[:DEST]`. Raises `UsageError`.

    DEST is absolute, so only `:/` divides; `\\:` is a colon of the name.
    """
    path, dest = text, None
    at = text.find(":/")
    while at > 0 and text[at - 1] == "\\":
        at = text.find(":/", at + 1)
    if at >= 0:
        path, dest = text[:at], text[at + 1 :]
    in_root = path.startswith("=")
    path = (path[1:] if in_root else path).replace("\\:", ":")
    if not path or "\0" in text:
        raise UsageError(f"{shown(text)}: names no file")
    if in_root and not path.startswith("/"):
        raise UsageError(f"{shown(text)}: a path inside the root is absolute", hint="a file of that name is './=name'")
    place = None
    if dest is not None:
        parts = [part for part in dest.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise UsageError(f"{shown(text)}: '..' in a place in the image")
        place = ImagePath("/".join(parts))
    absolute = path if path.startswith("/") else f"{cwd.rstrip('/')}/{path}"
    return Source(text, path, absolute, in_root, place)


def request(options: dict[str, list[str]], cwd: str) -> Request:
    """What `options` ask for, with every default. Raises `UsageError`."""

    def one(name: str, default: str = "") -> str:
        return options.get(name, [default])[0]

    tar = one("--tar")
    if not tar:
        raise UsageError("no output: -t FILE is missing")
    if ":" in tar and "/" not in tar and not tar.endswith(".tar"):
        hint = f"-t names a file: -t {tar.partition(':')[0]}.tar, then `docker import` gives it a name"
        raise UsageError(f"-t {shown(tar)}: looks like an image's name and tag", hint=hint)
    sources = {name: tuple([source(text, cwd) for text in options.get(name, ())]) for name in _MANY}
    if not any(sources.values()):
        raise UsageError("nothing to put into the image: neither -b nor -e")
    root = one("--root", "/")
    if not os.path.isdir(root):
        raise UsageError(f"--root {shown(root)}: no such directory")
    root = os.path.realpath(root).rstrip("/")
    build_tree = one("--build-tree", cwd)
    if "--build-tree" in options and not os.path.isdir(build_tree):
        raise UsageError(f"--build-tree {shown(build_tree)}: no such directory")
    depfile = options.get("--depfile", [None])[0]
    if depfile is None and ("--depfile-target" in options or "--depfile-style" in options):
        raise UsageError("--depfile-target and --depfile-style need --depfile")
    if tar == "-" and depfile is not None:
        raise UsageError("no --depfile with -t -: standard output is no target")
    style = one("--depfile-style", "gcc")
    if style not in ("gcc", "make"):
        raise UsageError(f"--depfile-style {shown(style)}: gcc or make")
    mtime = one("--mtime", "0")
    if not (mtime.isascii() and mtime.isdigit() and int(mtime) < 8**11):
        raise UsageError(f"--mtime {shown(mtime)}: a whole number of seconds from 0 to {8**11 - 1}")
    return Request(
        HostPath(tar),
        sources["--binary"],
        sources["--extra"],
        HostPath(root),
        HostPath(os.path.realpath(build_tree)),
        Search(HostPath(cwd)),
        int(mtime),
        None if depfile is None else HostPath(depfile),
        one("--depfile-target", tar),
        style,
        "--keep-mtime" in options,
        "--verbose" in options,
    )
