"""What a build system declares: the files that a run may look at, each by its place.

Not part of `ocidiet.model` itself: a run without declared inputs does not import this page.
"""

from __future__ import annotations

from ocidiet.model import TYPE_CHECKING, HostPath, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

TREE = HostPath("/<build>")
"""Where the build's files stand in the one name space of all that is declared; no root has such a directory."""


class Declared(NamedTuple):
    """Inputs by place. A path may lead through links, which are a sandbox' and not the image's."""

    root: Mapping[str, HostPath] | None
    """Absolute place in the root -> path as opened; None where the root is a directory or an image."""
    links: HostPath | None
    """A file that tells of the root what no file can say: its links, and which files are executable."""
    tree: Mapping[str, HostPath]
    """Place below `TREE` -> path as opened."""
    labels: Mapping[str, str]
    """Of some places below `TREE`: what the build calls them."""
    unused: HostPath | None
    """The output that names what was not read."""

    @property
    def paths(self) -> tuple[HostPath, ...]:
        """Of all of them, as opened."""
        return (*(self.root or {}).values(), *self.tree.values())
