"""The options that say what an image is and how it starts, in a Dockerfile's meaning -> `Wanted`."""

from __future__ import annotations

import time

from ocidiet.cli.options import OF_IMAGE
from ocidiet.errors import UsageError, shown
from ocidiet.model import TYPE_CHECKING, HostPath
from ocidiet.model.oci import Setting, Wanted
from ocidiet.system import os

if TYPE_CHECKING:
    from ocidiet.cli.options import Options

_LAST_S = 253402300799  # of the year 9999
_TIME = r"\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\dZ"
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d+)?/)?"
_PATH = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_TAG = rf"{_HOST}{_PATH}(?:/{_PATH})*(?::\w[\w.-]{{0,127}})?"
# The default and the highest.
_LEVELS = {"gzip": (6, 9), "zstd": (3, 22)}
_DOUBTFUL = ("..", ".-", "-.", ".:", ":.", "-:", ":-")
_ENDS = (".oci.tar", ".tar", ".oci")


def wanted(options: Options) -> Wanted:
    """What `options` ask for. Raises `UsageError`."""
    for name in OF_IMAGE:
        for value in options.get(name, ()):
            if any("\ud800" <= char <= "\udfff" for char in value):
                raise UsageError(f"{name} {shown(value)}: not UTF-8, which an image's configuration is")
    archive, directory = (_one(options, name) for name in ("--archive", "--oci"))
    if archive == "-":
        raise UsageError("--archive -: names a file", hint="the names in an archive are known when all is written")
    return Wanted(
        HostPath(archive) if archive else None,
        HostPath(directory.rstrip("/") or "/") if directory else None,
        tag(options, (archive or directory).rstrip("/").rpartition("/")[2]),
        Setting(
            _created(options),
            _words(options, "--entrypoint"),
            _words(options, "--cmd"),
            _pairs(options, "--env"),
            _one(options, "--workdir"),
            _one(options, "--user"),
            _matching(options, "--stop-signal", r"SIG[A-Z0-9+-]+|\d+", "a name as SIGTERM, or a number"),
            _pairs(options, "--label"),
            _pairs(options, "--annotation"),
            tuple(_port(value) for value in options.get("--expose", ())),
            tuple(options.get("--volume", ())),
        ),
        _layers(options),
        _compressed(options),
    )


def _one(options: Options, name: str) -> str:
    return options.get(name, [""])[0]


def tag(options: Options, output: str) -> str:
    """The name given, or the output's own. Raises `UsageError`."""
    given = _one(options, "--tag")
    name = given or next((output[: -len(end)] for end in _ENDS if output.endswith(end)), output)
    if not _is_simple(name) and not _matches(_TAG, name):
        what = f"--tag {shown(given)}: no name of an image" if given else f"{shown(output)}: names no image"
        raise UsageError(
            what, hint="--tag NAME:TAG, NAME of lower-case letters, digits, and '.', '_', '-' between them"
        )
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _is_simple(name: str) -> bool:
    """Whether it is an image's name beyond doubt; where there is some, `_TAG` tells."""
    plain = name.replace("-", "x").replace(".", "x").replace(":", "x", 1)
    fits = len(name) < 128 and plain.isascii() and plain.isalnum() and plain.islower()
    return fits and name[0].isalnum() and name[-1].isalnum() and not any(pair in name for pair in _DOUBTFUL)


def _matches(pattern: str, text: str) -> bool:
    """Where a run has nothing unusual to match, it does not import `re`."""
    import re

    return re.fullmatch(pattern, text, re.ASCII) is not None


def _words(options: Options, name: str) -> tuple[str, ...] | None:
    """The exec form: JSON if it begins with `[`, else words divided by blanks."""
    if name not in options:
        return None
    text = _one(options, name)
    if not text.startswith("["):
        return tuple(text.split())
    import json

    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UsageError(f"{name} {shown(text)}: begins with '[' and is no JSON array of strings")
    return tuple(words)


def _pairs(options: Options, name: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in options.get(name, ()):
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UsageError(f"{name} {shown(text)}: is not NAME=VALUE")
        pairs.append((key, value))
    return tuple(pairs)


def _port(text: str) -> str:
    number, slash, protocol = text.partition("/")
    known = protocol in ("tcp", "udp", "sctp") or not slash
    if not (known and number.isascii() and number.isdigit() and len(number) < 6 and 0 < int(number) < 65536):
        raise UsageError(f"--expose {shown(text)}: a port from 1 to 65535, or PORT/udp")
    return f"{int(number)}/{protocol or 'tcp'}"


def _matching(options: Options, name: str, pattern: str, what: str) -> str:
    text = _one(options, name)
    if text and not _matches(pattern, text):
        raise UsageError(f"{name} {shown(text)}: {what}")
    return text


def _layers(options: Options) -> str:
    text = _one(options, "--layers") or "single"
    if text not in ("single", "auto"):
        raise UsageError(f"--layers {shown(text)}: single or auto")
    return text


def _compressed(options: Options) -> tuple[str, int] | None:
    """A compressor, and its level."""
    text = _one(options, "--compress")
    name, colon, level = text.partition(":")
    if text in ("", "none"):
        return None
    default, most = _LEVELS.get(name, (0, 0))
    if not most or (colon and not (level.isascii() and level.isdigit() and 1 <= int(level[:3]) <= most)):
        raise UsageError(f"--compress {shown(text)}: none, gzip[:LEVEL] from 1 to 9, zstd[:LEVEL] from 1 to 22")
    return name, int(level) if colon else default


def _created(options: Options) -> str:
    """A time as RFC 3339 has it: given so or in seconds, else SOURCE_DATE_EPOCH's, else the epoch."""
    name, text = "--created", _one(options, "--created")
    if not text:
        name, text = "SOURCE_DATE_EPOCH", os.getenv("SOURCE_DATE_EPOCH") or "0"
    elif not text.isdigit() and _matches(_TIME, text):
        return text
    if not (text.isascii() and text.isdigit() and int(text[:20]) <= _LAST_S):
        what = "seconds since 1970" if name != "--created" else "seconds since 1970, or as 2024-01-31T12:00:00Z"
        raise UsageError(f"{name} {shown(text)}: {what}")
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(text)))
