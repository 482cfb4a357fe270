"""`Trace` -> Makefile text that GNU Make and Ninja read back as the same names, or an error.

The law of a name (checked against GNU Make 4.3 and Ninja 1.11, whose readers also serve CMake and
Meson): a space is written `\\ `, `#` `\\#`, `$` `$$`, `:` `\\:`; N backslashes before a space are doubled;
every other byte that is allowed stands for itself, and an escape that is not needed breaks one of the
readers. What one of them cannot read is refused, never dropped and never guessed.

Two styles. `gcc` is as `gcc -MD -MP` writes it, for every reader. `make` is for GNU Make alone: files
outside the build tree get an empty recipe, which ends Make's search for an implicit rule, and a name
below the build tree that was looked for in vain forces a run as soon as it exists.
"""

from __future__ import annotations

import os

from ocidiet.errors import UnencodableName
from ocidiet.model import TYPE_CHECKING, DepName, below

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ocidiet.model import HostPath, Request, Trace

STYLES = ("gcc", "make")

_REFUSED = {chr(code): "a control character" for code in (*range(1, 32), 127)}
_REFUSED.update({c: f"'{c}' has a meaning of its own to Make or Ninja" for c in ";|&*?[<>^'\"`"})
_ESCAPES = {" ": "\\ ", "#": "\\#", "$": "$$", ":": "\\:"}
# `~` would be a home directory; `=`, `+=`, `!=` behind another word an assignment.
_NOT_FIRST = "~=+!"
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+-,@")


def encode(name: str) -> DepName:
    """`name` as a target or a prerequisite. Raises `UnencodableName`."""
    if not name:
        raise UnencodableName(name, "it is empty")
    written = "./" + name if name[0] in _NOT_FIRST else name
    if _PLAIN.issuperset(written):
        return DepName(written)
    if written[-1] in " :\\":
        raise UnencodableName(name, "its last character is a space, ':' or '\\'")
    if written[-1] == ")" and "(" in written:
        raise UnencodableName(name, "to Make it is a member of an archive")
    out = []
    backslashes = 0
    for char in written:
        if char in _REFUSED:
            raise UnencodableName(name, _REFUSED[char])
        if backslashes and char == " ":
            out.append("\\" * backslashes)
        elif backslashes and char in "#:%":
            raise UnencodableName(name, f"'\\' before '{char}'")
        out.append(_ESCAPES.get(char, char))
        backslashes = backslashes + 1 if char == "\\" else 0
    return DepName("".join(out))


def relative(path: str, cwd: str) -> str:
    """`path` as a build file would spell it: relative where it lies below `cwd`."""
    if path == cwd:
        return "."
    inside = cwd.rstrip("/") + "/"
    return path[len(inside) :] if path.startswith(inside) else path


def render(target: str, trace: Trace, own: Iterable[HostPath], request: Request, outputs: Iterable[str]) -> bytes:
    """The whole file: one rule for `target`, and an empty rule for each prerequisite.

    `own` are the tool's files; `outputs` the directories that outputs are written to, which are
    never named: their mtime changes with every run. Raises `UnencodableName`.
    """
    not_named = set(outputs)
    if request.depfile_style == "gcc":
        not_named.add("/")  # Ninja's log of dependencies cannot hold it
    paths = {*trace.read, *own, *(path for path in trace.listed if path not in not_named)}
    names = {path: encode(relative(path, request.cwd)) for path in paths}
    # To Make `target: a=b` sets a variable, but only when nothing stands before it.
    order = sorted(names, key=lambda path: ("=" in names[path], os.fsencode(names[path])))
    if order and "=" in names[order[0]]:
        raise UnencodableName(order[0], "'=' in a rule's first prerequisite")
    prerequisites: list[str] = [names[path] for path in order]
    if request.depfile_style == "make":
        prerequisites += [_if_it_appears(path, request.cwd) for path in trace.absent]
    rules = [" \\\n  ".join([encode(target) + ":", *prerequisites])]
    for path in order:
        name = names[path]
        if "=" in name or "%" in name:
            continue  # as targets: a variable, a pattern
        ours = below(path, request.build_tree) or not name.startswith("/")
        rules.append(name + (":" if request.depfile_style == "gcc" or ours else ":;"))
    return os.fsencode("\n\n".join(rules) + "\n")


def _if_it_appears(path: HostPath, cwd: str) -> str:
    name = encode(relative(path, cwd))
    if "(" in name or ")" in name:
        raise UnencodableName(path, "a parenthesis inside a call of a Make function")
    return f"$(if $(wildcard {name}),FORCE)"
