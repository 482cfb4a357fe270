"""Dynamic string tokens, and whose path lists count: ld.so(8), "Dynamic string tokens"."""

from __future__ import annotations

from ocidiet.model import TYPE_CHECKING, Rule

if TYPE_CHECKING:
    from ocidiet.model import Object

_PLATFORM = {62: "x86_64", 3: "i686", 183: "aarch64"}
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


def expand(text: str, values: dict[str, str]) -> str:
    """`text` with `$NAME` and `${NAME}` replaced from `values`; unknown ones stay as they are."""
    if "$" not in text:
        return text
    done, rest = "", text
    while True:
        before, dollar, rest = rest.partition("$")
        done += before
        if not dollar:
            return done
        for name, value in values.items():
            if rest.startswith("{" + name + "}"):
                done, rest = done + value, rest[len(name) + 2 :]
                break
            if rest.startswith(name) and rest[len(name) : len(name) + 1] not in _WORD:
                done, rest = done + value, rest[len(name) :]
                break
        else:
            done += "$"


def origin(owner: Object) -> str:
    """`$ORIGIN`: of a program the directory of the file itself, of a library that of its path as opened."""
    path = owner.walk.real if owner.rule == Rule.PROGRAM else owner.path
    return path.rpartition("/")[0] or "/"


def tokens(directory: str, lib: str, machine: int) -> dict[str, str]:
    """What each token stands for, `directory` being the origin and `lib` the loader's `$LIB`."""
    values = {"ORIGIN": directory}
    if lib:
        values["LIB"] = lib
    if machine in _PLATFORM:
        values["PLATFORM"] = _PLATFORM[machine]
    return values
