"""`Trace` -> Makefile text that GNU Make and Ninja read back as the same names, or an error.

The law of a name (checked against GNU Make 4.3 and Ninja 1.11, whose reader also serves Meson): a space
is written `\\ `, `#` `\\#`, `$` `$$`, `:` `\\:`; N backslashes before a space are doubled; every other byte
that is allowed stands for itself, and an escape that is not needed breaks one of the readers. What one of
them cannot read is refused, never dropped and never guessed.

Three styles. `gcc` is as `gcc -MD -MP` writes it. `cmake` refuses more: CMake reads a depfile, writes its
own for Make or Ninja, and loses names on the way, which then never settle. `make` is for GNU Make alone:
files of the system, of a sysroot and of ocidiet get an empty recipe, which ends Make's search for an
implicit rule (most of what a prerequisite costs), and a name below the build tree that was looked for in
vain forces a run as soon as it exists.
"""

from __future__ import annotations

from ocidiet.model import TYPE_CHECKING, DepName, below
from ocidiet.system import os

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ocidiet.errors.places import UnencodableName
    from ocidiet.model import HostPath
    from ocidiet.model.image import Request, Trace

# No Makefile has rules for these; in two depfiles a recipe for one file would be one too many.
_SYSTEM = ("/usr/", "/lib", "/etc/")
_NO_IMPLICIT_RULES = """__ocidiet_new := $(filter-out $(__ocidiet_known), \\
  {})
__ocidiet_known += $(__ocidiet_new)
$(__ocidiet_new): ;"""

_REFUSED = {chr(code): "a control character" for code in (*range(1, 32), 127)}
_REFUSED.update({c: f"'{c}' has a meaning of its own to Make or Ninja" for c in ";|&*?[<>^'\"`"})
_LOST_BY_CMAKE = "#$:\\"
_ESCAPES = {" ": "\\ ", "#": "\\#", "$": "$$", ":": "\\:"}
# `=`, `+=`, `!=` behind another word would be an assignment.
_NOT_FIRST = "=+!"
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+-,@")


def encode(name: str) -> DepName:
    """`name` as a target or a prerequisite. Raises `UnencodableName`."""
    if not name:
        raise _refused(name, "it is empty")
    if name.removeprefix("./").startswith("~"):
        raise _refused(name, "to Make it starts with a home directory")
    written = "./" + name if name[0] in _NOT_FIRST else name
    if _PLAIN.issuperset(written):
        return DepName(written)
    if written[-1] in " :\\":
        raise _refused(name, "its last character is a space, ':' or '\\'")
    if written[-1] == ")":
        # Also without a `(` of its own: that of a name before it in the rule will do.
        raise _refused(name, "to Make its end is that of an archive's members")
    out = []
    backslashes = 0
    for char in written:
        if char in _REFUSED:
            raise _refused(name, _REFUSED[char])
        if backslashes and char == " ":
            out.append("\\" * backslashes)
        elif backslashes and char in "#:%=$":
            raise _refused(name, f"'\\' before '{char}'")
        out.append(_ESCAPES.get(char, char))
        backslashes = backslashes + 1 if char == "\\" else 0
    return DepName("".join(out))


def relative(path: str, cwd: str) -> str:
    """`path` as a build file would spell it: relative where it lies below `cwd`."""
    rest = path.removeprefix(cwd.rstrip("/") + "/")
    return path if not rest or rest[0] == "~" else rest  # `~`: a home directory to Make


def render(target: str, trace: Trace, own: Iterable[HostPath], request: Request, outputs: Iterable[str]) -> bytes:
    """The whole file: one rule for `target`, and an empty rule for each prerequisite.

    `own` are the tool's files; `outputs` the directories that outputs are written to, which are
    never named: their mtime changes with every run. Raises `UnencodableName`.
    """
    if "=" in target or "%" in target:
        raise _refused(target, "'=' or '%' in a rule's target")
    not_named = set(outputs)
    if request.depfile_style != "make":
        not_named.add("/")  # an empty name to Ninja's log of dependencies, however it is spelled to CMake
    own = tuple(own)
    paths = {*trace.read, *own, *(path for path in trace.listed if path not in not_named)}
    names = {path: encode(relative(path, request.search.cwd)) for path in paths}
    if request.depfile_style == "cmake":
        for name in (target, *sorted(names)):
            for char in _LOST_BY_CMAKE:
                if char in name:
                    raise _refused(name, f"CMake loses a name with '{char}' in it")
    # To Make `target: a=b` sets a variable, but only when nothing stands before it.
    order = sorted(names, key=lambda path: ("=" in names[path], os.fsencode(names[path])))
    if order and "=" in names[order[0]]:
        raise _refused(order[0], "'=' in a rule's first prerequisite")
    prerequisites: list[str] = [names[path] for path in order]
    if request.depfile_style == "make":
        prerequisites += [_if_it_appears(path, request.search.cwd) for path in trace.absent]
    rules = [" \\\n  ".join([encode(target) + ":", *prerequisites])]
    settled: list[str] = []
    if request.depfile_style == "make":
        named = {source.path for source in (*request.binaries, *request.extras)}
        tree = request.places.build_tree
        sysroot = None if below(request.root or "/", tree) else request.root or None
        others = {path for path in order if path.startswith(_SYSTEM) or below(path, sysroot)}.union(own)
        settled = [
            path
            for path in order
            if path in others and not below(path, tree) and path not in named and path == str(names[path])
        ]
        settled = [path for path in settled if _PLAIN.issuperset(path)]
    if settled:
        rules.append(_NO_IMPLICIT_RULES.format(" \\\n  ".join(settled)))
    if request.depfile_style != "cmake":  # which writes them itself, and in its first versions cannot read them
        # As targets, `=` would make a variable and `%` a pattern.
        plain = (names[path] for path in order if path not in set(settled))
        rules += [f"{name}:" for name in plain if "=" not in name and "%" not in name]
    return os.fsencode("\n\n".join(rules) + "\n")


def _if_it_appears(path: HostPath, cwd: str) -> str:
    name = encode(relative(path, cwd))
    if any(char in name for char in "()") or "\\" in path:
        raise _refused(path, "a parenthesis or '\\' inside a call of a Make function")
    return f"$(if $(wildcard {name}),FORCE)"


def _refused(name: str, why: str) -> UnencodableName:
    from ocidiet.errors.places import UnencodableName

    return UnencodableName(name, why)
