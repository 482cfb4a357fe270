"""The options by which a build system declares its inputs, and those for outputs that it takes apart."""

from __future__ import annotations

from ocidiet.errors import UsageError, shown
from ocidiet.model import TYPE_CHECKING, HostPath
from ocidiet.model.declared import TREE, Declared

if TYPE_CHECKING:
    from ocidiet.cli.options import Options

# What names things that nobody declared, or is told to a build system that declares nothing.
_REFUSED = ("--destdir", "--build-tree", "--depfile")


def declared(options: Options) -> Declared:
    """What may be looked at. Raises `UsageError`."""
    for name in _REFUSED:
        if name in options:
            raise UsageError(f"{name}: not with declared inputs, which are all that there is")
    if "--root-files" in options and "--root" in options:
        raise UsageError("--root and --root-files exclude each other")
    links = options.get("--root-links", [None])[0]
    if links is not None and "--root-files" not in options:
        raise UsageError("--root-links needs --root-files")
    for text in (*options.get("--binary", ()), *options.get("--extra", ())):
        if text.startswith("/"):
            hint = "a path of the build's files is relative, one inside the root starts with '='"
            raise UsageError(f"{shown(text)}: not among declared inputs", hint=hint)
    root = _table("--root-files", options, "/") if "--root" not in options else None
    tree = _table("--tree-files", options, f"{TREE}/")
    labels = {}
    for place, path in tree.items():
        if "\t" in path:
            tree[place], _, labels[place] = path.partition("\t")  # type: ignore[assignment]
    unused = options.get("--unused-inputs", [None])[0]
    return Declared(
        root,
        None if links is None else HostPath(links),
        tree,
        labels,
        None if unused is None else HostPath(unused),
    )


def _table(option: str, options: Options, above: str) -> dict[str, HostPath]:
    """Place -> path, of values `PLACE<TAB>PATH`. There may be thousands: no object is made for each."""
    values = options.get(option, [])
    table: dict[str, HostPath] = {}
    for value in values:
        place, _, path = value.partition("\t")
        if above != "/":
            place = above + place
        if not path or place[:1] != "/" or "/." in place or "//" in place or place[-1] == "/":
            place = _plain(option, value, place, path)
        table[place] = path  # type: ignore[assignment]
    if len(table) != len(values):
        _refuse_twice(option, values)
    return table


def _plain(option: str, value: str, place: str, path: str) -> str:
    parts = [part for part in place.split("/") if part not in ("", ".")]
    if not path or not place.startswith("/") or ".." in parts or len(parts) < place.startswith(TREE) + 1:
        what = "an absolute place in the root" if option == "--root-files" else "a place in the build tree"
        raise UsageError(f"{option} {shown(value)}: {what}, a tab, and the file's path")
    return "/" + "/".join(parts)


def _refuse_twice(option: str, values: list[str]) -> None:
    table: dict[str, str] = {}
    for value in values:
        place, _, path = value.partition("\t")
        if table.setdefault(place, path) != path:
            raise UsageError(f"{option}: {shown(place)} is two files: {shown(table[place])}, {shown(path)}")


def layers(options: Options) -> tuple[tuple[str, HostPath], ...]:
    """The values of `--layer`, in the order of `KINDS`. Raises `UsageError`."""
    if "--layer" not in options:
        return ()
    from ocidiet.tree.layers import KINDS

    given: dict[str, HostPath] = {}
    for text in options.get("--layer", ()):
        kind, _, path = text.partition("=")
        if kind not in KINDS or not path or path == "-":
            raise UsageError(f"--layer {shown(text)}: KIND=FILE, of the kinds {', '.join(KINDS)}")
        if kind in given:
            raise UsageError(f"--layer {kind} is given twice")
        given[kind] = HostPath(path)
    if "--tar" in options:
        raise UsageError("-t and --layer exclude each other: one tar, or one for each kind")
    if options.get("--layout", ["portable"])[0] == "portable" and "--base" not in options:
        hint = "--layout scratch for a whole image, merged or split for what lies over a base; or --base"
        raise UsageError("--layer: layers are stacked, for which the portable layout is not made", hint=hint)
    return tuple([(kind, given[kind]) for kind in KINDS if kind in given])


def outputs_are_apart(outputs: list[HostPath], inputs: Declared) -> None:
    """Raise `UsageError` if one is another one, or an input."""
    seen: set[tuple[str, ...]] = set()
    taken = {*inputs.paths}
    for output in (*outputs, *([inputs.unused] if inputs.unused is not None else ())):
        path = tuple([part for part in output.split("/") if part not in ("", ".")])
        if path in seen:
            raise UsageError(f"{shown(output)}: is two of the outputs")
        if output in taken or "/".join(path) in taken:
            raise UsageError(f"{shown(output)}: an output among the inputs")
        seen.add(path)
