"""What `verify` says of finished images.

Not part of `ocidiet.model` itself: a run that makes an image does not import this page.
"""

from __future__ import annotations

from ocidiet.system import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ocidiet.model import ImagePath, Notice


class Defect(NamedTuple):
    """What is wrong with one file of a finished image."""

    name: ImagePath
    kind: str
    """`interpreter`, `library`, `version`, `script`, `link`, `elf`, `entry`, `command`; of a blob or a document, whose
    digest or file the name then is, `digest`, `size`, `media-type`, `document`; or `unreadable`, of the whole image,
    without a name."""
    reason: str
    remedy: str


class Verdict(NamedTuple):
    """What there is to say of a finished image."""

    defects: tuple[Defect, ...]
    notices: tuple[Notice, ...]
    programs: int
    """ELF programs, static ones included."""
    libraries: int
    platforms: tuple[str, ...]
    """Of the programs, as `linux/amd64`."""
    libcs: tuple[str, ...]
    """Of the programs, as `glibc 2.36`."""
