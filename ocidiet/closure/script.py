"""Scripts: what the kernel and env(1) make of a first line `#!INTERPRETER [ARGUMENT]`.

Law: execve(2), "Interpreter scripts", and Linux's fs/binfmt_script.c; env(1) of coreutils for `-S`.
"""

from __future__ import annotations

from ocidiet.errors import InputError
from ocidiet.model import NamedTuple
from ocidiet.system import os

# BINPRM_BUF_SIZE: the kernel looks no further.
MAX_BYTES = 256
MAX_DEPTH = 5

# What an engine sets where the image says nothing.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_WITH_VALUE = ("-u", "-C", "--unset", "--chdir")


class Line(NamedTuple):
    """A script's first line."""

    interp: str
    argument: str
    """One, blanks included; "" if there is none."""


class Command(NamedTuple):
    """What env(1) starts."""

    name: str
    paths: list[str]
    """Where it is looked for."""


def first_line(name: str, head: bytes) -> Line:
    """The first line of the script `name`, whose first `MAX_BYTES` bytes are `head`.

    Raises `InputError` where the kernel does not know an interpreter in it (ENOEXEC).
    """
    text, newline, _ = head[2:].partition(b"\n")
    if not newline:
        text = head[2 : MAX_BYTES - 1]
    text = text.strip(b" \t")
    ends = [at for at in map(text.find, (b" ", b"\t", b"\0")) if at >= 0]
    interp = text[: min(ends)] if ends else text
    rest = text[len(interp) :]
    argument = b"" if rest.startswith(b"\0") else rest.strip(b" \t").partition(b"\0")[0]
    if not interp:
        raise InputError(name, "a script without an interpreter in its first line")
    if not newline and not ends and len(head) >= MAX_BYTES:
        raise InputError(name, f"a script whose interpreter's name does not end within {MAX_BYTES} bytes")
    return Line(os.fsdecode(interp), os.fsdecode(argument))


def started_by_env(line: Line) -> Command | None:
    """What the line starts by env(1), if it does."""
    if line.interp.rpartition("/")[2] != "env" or not line.argument:
        return None
    words = _split(line.argument)
    path = _PATH
    while words:
        word = words.pop(0)
        if word in _WITH_VALUE:
            del words[:1]
        elif word.startswith("-") and word != "-":
            continue
        elif "=" in word:
            if word.startswith("PATH="):
                path = word[5:]
        elif word != "-":
            places = [word] if "/" in word else [f"{item or '.'}/{word}" for item in path.split(":")]
            return Command(word, places)
    return None


def _split(argument: str) -> list[str]:
    """The words that env(1) sees: the kernel gives it one argument, and `-S` divides that."""
    flags, divides, text = argument.partition("S")
    if argument.startswith("--split-string"):
        text = argument[len("--split-string") :].lstrip("=")
    elif not divides or not flags.startswith("-") or flags.strip("-iv0"):
        return [argument]
    import shlex

    try:
        return shlex.split(text)
    except ValueError:
        return []  # a quote without end: env(1) starts nothing
