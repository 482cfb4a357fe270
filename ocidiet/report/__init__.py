"""What a person reads about a `Tree`."""

from __future__ import annotations

from ocidiet.errors import shown
from ocidiet.model import TYPE_CHECKING, Rule

if TYPE_CHECKING:
    from ocidiet.model.image import Entry, Reason, Tree

_SHOWN_NEEDERS = 3


def size(size_bytes: int) -> str:
    """A size as people write it: `512`, `1.7K`, `16M`, `1.0G` (powers of 1024)."""
    if size_bytes < 1000:
        return str(size_bytes)
    value = float(size_bytes)
    for unit in "KMGT":
        value /= 1024
        if value < 1000 or unit == "T":
            break
    return f"{value:.1f}{unit}" if value < 9.95 else f"{value:.0f}{unit}"


def listing(tree: Tree, name: str) -> str:
    """The entries in the tar's order, path first, with size and reason; a total below.

    Links show their target behind ` -> `, directories end in `/`.
    """
    rows = [
        (_path(entry), size(entry.size_bytes) if entry.typeflag == "0" else "-", _why(entry.reason))
        for entry in tree.entries
    ]
    width = min(max((len(row[0]) for row in rows), default=0), 60)
    lines = [f"{path:<{width}}  {space:>5}  {why}".rstrip() for path, space, why in rows]
    total = sum(entry.size_bytes for entry in tree.entries)
    lines.append(f"{shown(name)}: {len(rows)} entries, {size(total)}")
    return "\n".join(lines) + "\n"


def _path(entry: Entry) -> str:
    path = shown(entry.name)
    if entry.typeflag == "2":
        return f"{path} -> {shown(entry.linkname)}"
    return path + "/" if entry.typeflag == "5" else path


def _why(reason: Reason) -> str:
    who = ", ".join(map(shown, reason.needed_by[:_SHOWN_NEEDERS]))
    more = len(reason.needed_by) - _SHOWN_NEEDERS
    if more > 0:
        who += f" and {more} more"
    if reason.rule in Rule.ASKED_FOR:
        return who
    if reason.rule == Rule.INTERP:
        return f"interpreter of {who}"
    return f"needed by {who} ({reason.rule})" if who else ""
